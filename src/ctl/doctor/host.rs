//! What can be seen of a host without a daemon.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use serde::Serialize;

use super::super::status::walls;
use crate::chain::chain;
use crate::os::process::{Answer, AskError, ask, command, tool};
use crate::wire::health::{Isolation, Level};

/// Longest run of a program that is only asked for its version, in seconds. The CLI needs 0.1 s
/// from a warm disk.
const ASK_SECONDS_MAX: u64 = 10;

/// Most bytes of an answer that are looked at; a version has a dozen.
const ANSWER_BYTES_MAX: u64 = 4096;

/// Where all controllers of a host with cgroup v2 are.
const CGROUP_ROOT: &str = "/sys/fs/cgroup";

/// The controllers that hold the limits of a sandbox.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// Where Ubuntu's kernel says that only programs with a profile make namespaces, and where the profiles
/// are.
const RESTRICTS_NAMESPACES: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
const PROFILES: &str = "/sys/kernel/security/apparmor/profiles";

/// What starts a probe, how long that may take, and what it says at most.
const PROBING: &str = "ash-sandboxd";
const PROBE_SECONDS_MAX: u64 = 30;
const PROBE_BYTES_MAX: u64 = 64 << 10;

/// Folders beside `PATH` where the CLI's own installer and npm put it.
const CLAUDE_FOLDERS: [&str; 2] = ["/usr/local/bin", "/opt/claude/bin"];

/// One thing that sandboxes need.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    pub(super) what: &'static str,
    #[serde(rename = "state")]
    pub(super) verdict: Verdict,
    pub(super) found: String,
}

/// How it is with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Ok,
    /// Sessions run, less protected.
    Weak,
    /// No session can run.
    Missing,
    /// A wall, as a probe found it.
    Enforced,
    Degraded,
    Absent,
}

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Weak => "weak",
            Self::Missing => "missing",
            Self::Enforced => "enforced",
            Self::Degraded => "degraded",
            Self::Absent => "absent",
        }
    }
}

/// Looks at everything. `search` is the value of `PATH`.
pub(super) async fn check(search: &OsStr) -> Vec<Check> {
    let bwrap = find("bwrap", search);
    let claude = find("claude", search).or_else(|| {
        CLAUDE_FOLDERS
            .iter()
            .map(|folder| Path::new(folder).join("claude"))
            .find(|path| path.exists())
    });
    vec![
        program("bwrap", bwrap.as_deref(), "install the package `bubblewrap`").await,
        namespaces(bwrap.as_deref()).await,
        apparmor(Path::new(RESTRICTS_NAMESPACES), Path::new(PROFILES)),
        cgroup(Path::new(CGROUP_ROOT)),
        program("claude", claude.as_deref(), "install Claude Code, or set its path in ash.toml")
            .await,
    ]
}

/// The first `name` in the folders of `search` that can be executed.
fn find(name: &str, search: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    std::env::split_paths(search)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| {
            path.metadata()
                .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        })
}

async fn run(program: &Path, arguments: &[&OsStr]) -> Result<Answer, AskError> {
    let deadline = Duration::from_secs(ASK_SECONDS_MAX);
    ask(command(program, arguments), ANSWER_BYTES_MAX, deadline).await
}

/// Whether a program is there, and its version.
async fn program(what: &'static str, path: Option<&Path>, remedy: &str) -> Check {
    let Some(path) = path else {
        return Check { what, verdict: Verdict::Missing, found: format!("not in PATH; {remedy}") };
    };
    match run(path, &[OsStr::new("--version")]).await {
        Ok(answer) if answer.status.success() => {
            let version = first_line(&answer.stdout);
            Check { what, verdict: Verdict::Ok, found: format!("{version} ({})", path.display()) }
        }
        Ok(answer) => Check {
            what,
            verdict: Verdict::Missing,
            found: format!("{} fails: {}", path.display(), first_line(&answer.stderr)),
        },
        Err(error) => Check {
            what,
            verdict: Verdict::Missing,
            found: format!("{}: {}", path.display(), chain(&error)),
        },
    }
}

/// Whether a sandbox's namespaces can be made: the only sure way to know is to make them.
async fn namespaces(bwrap: Option<&Path>) -> Check {
    let what = "user namespaces";
    let Some(bwrap) = bwrap else {
        let found = "not tried, as that needs bwrap".to_owned();
        return Check { what, verdict: Verdict::Weak, found };
    };
    let fixed = ["--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--"];
    let mut arguments: Vec<&OsStr> = fixed.iter().map(OsStr::new).collect();
    // Any program does, and this one is there.
    arguments.extend([bwrap.as_os_str(), OsStr::new("--version")]);
    match run(bwrap, &arguments).await {
        Ok(answer) if answer.status.success() => {
            Check { what, verdict: Verdict::Ok, found: "usable".to_owned() }
        }
        Ok(answer) => Check {
            what,
            verdict: Verdict::Missing,
            found: format!("not usable by this user: {}", first_line(&answer.stderr)),
        },
        Err(error) => Check { what, verdict: Verdict::Missing, found: chain(&error) },
    }
}

/// Whether `AppArmor` lets bwrap make namespaces. `profiles` can be read by root alone.
fn apparmor(restricts: &Path, profiles: &Path) -> Check {
    let what = "apparmor";
    let check = |verdict, found: &str| Check { what, verdict, found: found.to_owned() };
    if std::fs::read_to_string(restricts).map_or(true, |text| text.trim() != "1") {
        return check(Verdict::Ok, "does not restrict namespaces");
    }
    match std::fs::read_to_string(profiles) {
        Ok(text) if text.lines().any(|line| line.starts_with("ash-sandbox ")) => {
            check(Verdict::Ok, "the profile ash-sandbox is loaded")
        }
        Ok(_others) => check(
            Verdict::Missing,
            "restricts namespaces, and the profile ash-sandbox is not loaded; copy /usr/share/ash/apparmor/ash-sandbox to /etc/apparmor.d and run `apparmor_parser -r /etc/apparmor.d/ash-sandbox`",
        ),
        Err(_not_root) => check(
            Verdict::Weak,
            "restricts namespaces; with `sudo` it is seen whether our profile is loaded",
        ),
    }
}

/// Starts one sandbox as ash-sandboxd does it, and tells what it found of its walls; else why none
/// started.
pub(super) async fn probe() -> Result<Isolation, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let beside = this.with_file_name(PROBING);
    let program = if beside.exists() {
        beside
    } else {
        let prefix = this.parent().and_then(Path::parent).unwrap_or(Path::new("/usr"));
        prefix.join("libexec/ash").join(PROBING)
    };
    let deadline = Duration::from_secs(PROBE_SECONDS_MAX);
    // In the caller's environment: what is configured there counts for a daemon that is started by hand.
    let command = tool(&program.display().to_string(), ["--probe"]);
    let answer = ask(command, PROBE_BYTES_MAX, deadline)
        .await
        .map_err(|error| format!("{}: {}", program.display(), chain(&error)))?;
    if !answer.status.success() {
        return Err(first_line(&answer.stderr));
    }
    let strange = |error: serde_json::Error| format!("{PROBING} says {error}");
    let said: serde_json::Value = serde_json::from_slice(&answer.stdout).map_err(strange)?;
    if let Some(problem) = said.get("problem").and_then(serde_json::Value::as_str) {
        return Err(problem.to_owned());
    }
    serde_json::from_value(said).map_err(strange)
}

/// Each wall, with what to do about it where it is not hard: the notes come in the order of the
/// walls.
pub(super) fn found(isolation: &Isolation) -> Vec<Check> {
    let mut notes = isolation.notes.iter();
    let checks = walls(isolation).into_iter().map(|(what, level)| {
        let (verdict, note) = match level {
            Level::Hard => (Verdict::Enforced, None),
            Level::Soft => (Verdict::Degraded, notes.next()),
            Level::None => (Verdict::Absent, notes.next()),
        };
        Check { what, verdict, found: note.cloned().unwrap_or_default() }
    });
    checks.collect()
}

/// Whether limits can be enforced.
fn cgroup(root: &Path) -> Check {
    let what = "cgroup v2";
    let weak = |found: String| Check { what, verdict: Verdict::Weak, found };
    match statfs(root) {
        Ok(file_system) if file_system.filesystem_type() == CGROUP2_SUPER_MAGIC => {}
        Ok(_other) => {
            return weak("not in use; boot with `systemd.unified_cgroup_hierarchy=1`".to_owned());
        }
        Err(error) => return weak(format!("{}: {error}", root.display())),
    }
    let available = std::fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
    let available: Vec<&str> = available.split_ascii_whitespace().collect();
    let lacking: Vec<&str> =
        CONTROLLERS.into_iter().filter(|controller| !available.contains(controller)).collect();
    if lacking.is_empty() {
        Check { what, verdict: Verdict::Ok, found: CONTROLLERS.join(", ") }
    } else {
        weak(format!("without the controllers {}", lacking.join(", ")))
    }
}

fn first_line(output: &[u8]) -> String {
    String::from_utf8_lossy(output).trim().lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_are_found() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tool");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        assert_eq!(find("tool", folder.path().as_os_str()), None);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let search = std::env::join_paths([Path::new("/nowhere"), folder.path()]).unwrap();
        assert_eq!(find("tool", &search), Some(path));
        assert_eq!(find("tool", OsStr::new("")), None);
    }

    #[tokio::test]
    async fn a_program_that_is_missing_or_broken_is_told_apart() {
        let missing = program("claude", None, "install it").await;
        assert_eq!(
            (missing.verdict, missing.found.as_str()),
            (Verdict::Missing, "not in PATH; install it")
        );
        let broken = program("claude", Some(Path::new("/bin/false")), "install it").await;
        assert_eq!(
            (broken.verdict, broken.found.as_str()),
            (Verdict::Missing, "/bin/false fails: ")
        );
    }

    #[test]
    fn apparmor_is_named_only_where_it_restricts_and_does_not_know_us() {
        let folder = tempfile::tempdir().unwrap();
        let (restricts, profiles) =
            (folder.path().join("restricts"), folder.path().join("profiles"));
        let verdict = || apparmor(&restricts, &profiles).verdict;
        assert_eq!(verdict(), Verdict::Ok);
        std::fs::write(&restricts, "1\n").unwrap();
        assert_eq!(verdict(), Verdict::Weak);
        std::fs::write(&profiles, "ash-sandbox-other (enforce)\n").unwrap();
        assert_eq!(verdict(), Verdict::Missing);
        std::fs::write(&profiles, "x (enforce)\nash-sandbox (enforce)\n").unwrap();
        assert_eq!(verdict(), Verdict::Ok);
        std::fs::write(&restricts, "0\n").unwrap();
        assert_eq!(verdict(), Verdict::Ok);
    }

    #[test]
    fn a_host_without_cgroup_v2_is_weak() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(cgroup(folder.path()).verdict, Verdict::Weak);
        assert_eq!(cgroup(Path::new("/nowhere")).verdict, Verdict::Weak);
    }
}
