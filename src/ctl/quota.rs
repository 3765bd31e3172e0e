//! `ashctl quota`: a volume for the files of sessions on which the kernel limits what each of them takes.

use std::fmt;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use nix::sys::statvfs::statvfs;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::chain::chain;
use crate::config;
use crate::os::process::{self, ask};

/// Smallest volume in MiB: XFS makes none below 300, and two sessions want to fit.
const SIZE_MIB_MIN: u64 = 512;

/// Longest step: to reserve a large file on a slow disk.
const STEP_DEADLINE: Duration = Duration::from_mins(30);
const SAID_BYTES_MAX: u64 = 16 << 10;

const UNITS: &str = "/etc/systemd/system";
const DROP_IN: &str = "/etc/systemd/system/ash-sandboxd.service.d/50-ash-quota.conf";
const FIRST_LINE: &str = "# Written by `ashctl quota set-up`.\n";

#[derive(Debug, Subcommand)]
pub(crate) enum QuotaVerb {
    SetUp(SetUp),
}

/// Make a volume for the files of sessions, whose quotas are a hard limit
///
/// Wants root, and a host without sessions. The volume is a file, or a device that has nothing on it. It
/// is mounted by a unit of systemd at the folder `sessions` of the data folder, and ash-sandboxd and
/// ashd are restarted. Says what it does before it does it; nothing is left when a step fails.
#[derive(Debug, Args)]
pub(crate) struct SetUp {
    /// Size of the file, in GiB or with `M` behind it in MiB; all of it is reserved
    #[arg(long, value_name = "SIZE", value_parser = mebibytes, required_unless_present = "device")]
    size: Option<u64>,
    /// Where the file is made; `sessions.img` in the data folder if not said
    #[arg(long, value_name = "FILE", conflicts_with = "device")]
    file: Option<PathBuf>,
    /// A disk or partition to take instead of a file
    #[arg(long, value_name = "DEVICE", conflicts_with = "size")]
    device: Option<PathBuf>,
    /// What is made on it
    #[arg(long, value_enum, default_value_t = FileSystem::Ext4)]
    file_system: FileSystem,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FileSystem {
    Ext4,
    Xfs,
}

fn mebibytes(text: &str) -> Result<u64, String> {
    let (number, factor) = match text.strip_suffix(['M', 'm']) {
        Some(number) => (number, 1),
        None => (text.strip_suffix(['G', 'g']).unwrap_or(text), 1024),
    };
    let mib = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match mib {
        Some(mib) if mib >= SIZE_MIB_MIN => Ok(mib),
        Some(_) => Err(format!("it should be {SIZE_MIB_MIN}M or more")),
        None => Err("a size is a number of GiB, or of MiB with `M` behind it".to_owned()),
    }
}

/// What is done, one after the other.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Run(Vec<String>),
    Write { path: PathBuf, text: String },
}

impl Step {
    fn run<const COUNT: usize>(words: [&str; COUNT]) -> Self {
        Self::Run(words.map(str::to_owned).into())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(words) => f.write_str(&words.join(" ")),
            Self::Write { path, .. } => write!(f, "write {}", path.display()),
        }
    }
}

/// Where it goes.
#[derive(Debug)]
struct Plan {
    /// The file or device.
    volume: PathBuf,
    /// MiB of the file that is made.
    file_mib: Option<u64>,
    file_system: FileSystem,
    /// Where it is mounted.
    sessions: PathBuf,
    /// The name of the unit that mounts it.
    unit: String,
}

impl Plan {
    fn steps(&self) -> Vec<Step> {
        let volume = self.volume.display().to_string();
        let sessions = self.sessions.display();
        let mut steps = Vec::new();
        if let Some(mib) = self.file_mib {
            steps.push(Step::run(["fallocate", "--length", &format!("{mib}MiB"), &volume]));
            steps.push(Step::run(["chmod", "0600", &volume]));
        }
        let (name, make) = match self.file_system {
            FileSystem::Ext4 => (
                "ext4",
                Step::run([
                    "mkfs.ext4",
                    "-q",
                    "-m",
                    "0",
                    "-O",
                    "quota,project",
                    "-E",
                    "quotatype=prjquota",
                    "-L",
                    "ash-sessions",
                    &volume,
                ]),
            ),
            FileSystem::Xfs => {
                ("xfs", Step::run(["mkfs.xfs", "-q", "-L", "ash-sessions", &volume]))
            }
        };
        steps.push(make);
        let r#loop = if self.file_mib.is_some() { ",loop" } else { "" };
        steps.push(Step::Write {
            path: Path::new(UNITS).join(&self.unit),
            text: format!(
                "{FIRST_LINE}[Unit]\nDescription=Files of Ash's sessions, with quotas\n\
                 Documentation=man:ashctl-quota-set-up(1)\n\n\
                 [Mount]\nWhat={volume}\nWhere={sessions}\nType={name}\n\
                 Options=prjquota,nodev,nosuid,noatime{loop}\n\n[Install]\nWantedBy=local-fs.target\n"
            ),
        });
        // Without the volume sessions would come to lie beside it, without a limit.
        steps.push(Step::Write {
            path: DROP_IN.into(),
            text: format!("{FIRST_LINE}[Unit]\nRequiresMountsFor={sessions}\n"),
        });
        steps.push(Step::run(["systemctl", "daemon-reload"]));
        steps.push(Step::run(["systemctl", "enable", "--now", &self.unit]));
        steps.push(Step::run(["systemctl", "try-restart", "ash-sandboxd.service", "ashd.service"]));
        steps
    }
}

pub(crate) async fn run(context: &Context, verb: QuotaVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let QuotaVerb::SetUp(wanted) = verb;
    if let Some(host) = &server.host {
        return Err(Failure::usage("a volume is made on this machine only")
            .hint(format!("`ssh -t {host} sudo ashctl quota set-up`")));
    }
    let plan = plan(&wanted).await?;
    let steps = plan.steps();
    for step in &steps {
        output.line(&step.to_string())?;
    }
    if wanted.dry_run {
        output.note("Nothing was done");
        return Ok(());
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(Failure::new(Exit::Denied, "volumes belong to root").hint("use `sudo`"));
    }
    let mut made = Vec::new();
    for step in &steps {
        if let Err(why) = perform(step, &plan, &mut made).await {
            take_back(&plan, &made).await;
            return Err(Failure::new(Exit::Failure, format!("`{step}` failed: {why}"))
                .hint("nothing of it is left; repair that, and run it again"));
        }
    }
    output.note(&format!("The files of sessions are on {} now", plan.volume.display()));
    output.note("`ashctl doctor` shows whether the disk is a hard wall");
    Ok(())
}

/// Refuses whatever would lose something.
async fn plan(wanted: &SetUp) -> Result<Plan, Failure> {
    let settings = config::load(None, false).map_err(|error| {
        Failure::new(Exit::Configuration, chain(&error)).hint("ash.toml(5) lists the settings")
    })?;
    let sessions = settings.data.join("sessions");
    let refused = |text: String| Failure::new(Exit::Refused, text);
    if let Ok(entries) = fs::read_dir(&sessions)
        && entries.flatten().next().is_some()
    {
        return Err(refused(format!("there are sessions in {}", sessions.display()))
            .hint("end and delete them, or archive them: they are restored onto the volume"));
    }
    let device_of = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
    if device_of(&sessions).is_some_and(|device| Some(device) != device_of(&settings.data)) {
        return Err(refused(format!("something is mounted at {}", sessions.display()))
            .hint("`findmnt` shows what; `ashctl doctor` whether it has quotas"));
    }
    let (volume, file_mib) = match (&wanted.device, wanted.size) {
        (Some(device), _) => (free_device(device).await?, None),
        (None, size) => {
            let file = wanted.file.clone().unwrap_or_else(|| settings.data.join("sessions.img"));
            let size = size.unwrap_or(SIZE_MIB_MIN);
            (free_place(&file, size)?, Some(size))
        }
    };
    let shown = sessions.display().to_string();
    let named = said(&["systemd-escape", "--path", "--suffix=mount", &shown]).await;
    let unit = named.map_err(|why| {
        Failure::new(Exit::Failure, format!("systemd-escape does not name the unit: {why}"))
            .hint("a volume is mounted by systemd")
    })?;
    let unit = unit.trim().to_owned();
    for path in [Path::new(UNITS).join(&unit), DROP_IN.into()] {
        if path.exists() {
            return Err(refused(format!("{} is there already", path.display()))
                .hint("remove it if nothing needs it, and run `systemctl daemon-reload`"));
        }
    }
    Ok(Plan { volume, file_mib, file_system: wanted.file_system, sessions, unit })
}

/// A device with nothing on it that anybody knows.
async fn free_device(device: &Path) -> Result<PathBuf, Failure> {
    let shown = device.display();
    let refused = |text: String| Failure::new(Exit::Refused, text);
    let metadata = fs::metadata(device).map_err(|error| refused(format!("{shown}: {error}")))?;
    if !metadata.file_type().is_block_device() {
        return Err(refused(format!("{shown} is not a block device"))
            .hint("`--file` makes a volume in a file"));
    }
    let path = shown.to_string();
    let found = said(&["wipefs", "--no-act", "--parsable", "--noheadings", &path]).await;
    let found = found.map_err(|why| refused(format!("{shown} cannot be read: {why}")))?;
    if found.trim().is_empty() {
        return Ok(device.to_owned());
    }
    Err(refused(format!("{shown} has something on it: {}", found.trim().replace('\n', "; ")))
        .hint("if nobody needs it, `wipefs --all` makes it empty"))
}

/// A file that is not there yet, and room for it.
fn free_place(file: &Path, mib: u64) -> Result<PathBuf, Failure> {
    let shown = file.display();
    let refused = |text: String| Failure::new(Exit::Refused, text);
    if !file.is_absolute() {
        return Err(Failure::usage(format!("`{shown}` is not an absolute path")));
    }
    if file.symlink_metadata().is_ok() {
        return Err(refused(format!("{shown} is there already")).hint("name another with `--file`"));
    }
    let folder = file.parent().unwrap_or(Path::new("/"));
    let size = statvfs(folder)
        .map_err(|error| refused(format!("{}: {}", folder.display(), error.desc())))?;
    let free_mib = size.blocks_available().saturating_mul(size.fragment_size()) >> 20;
    if free_mib < mib {
        return Err(refused(format!("{} has room for {free_mib} MiB only", folder.display()))
            .hint("take a smaller `--size`, or another `--file`"));
    }
    Ok(file.to_owned())
}

async fn perform(step: &Step, plan: &Plan, made: &mut Vec<PathBuf>) -> Result<(), String> {
    match step {
        Step::Run(words) => {
            if words.first().is_some_and(|word| word == "fallocate") {
                made.push(plan.volume.clone());
            }
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            said(&words).await.map(drop)
        }
        Step::Write { path, text } => {
            made.push(path.clone());
            let folder = path.parent().unwrap_or(Path::new("/"));
            fs::create_dir_all(folder)
                .and_then(|()| fs::write(path, text))
                .map_err(|error| error.to_string())
        }
    }
}

/// As it was before.
async fn take_back(plan: &Plan, made: &[PathBuf]) {
    // Whether there was anything to disable or not.
    drop(said(&["systemctl", "disable", "--now", &plan.unit]).await);
    for path in made {
        drop(fs::remove_file(path));
    }
    drop(said(&["systemctl", "daemon-reload"]).await);
}

/// What a program says; else why not.
async fn said(words: &[&str]) -> Result<String, String> {
    let (program, arguments) = words.split_first().expect("every step names a program");
    match ask(process::tool(program, arguments), SAID_BYTES_MAX, STEP_DEADLINE).await {
        Ok(answer) if answer.status.success() => {
            Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
        }
        Ok(answer) => {
            let text = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
            Err(if text.is_empty() { answer.status.to_string() } else { text })
        }
        Err(error) => Err(chain(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_in_gib_or_in_mib() {
        assert_eq!(mebibytes("50"), Ok(50 << 10));
        assert_eq!(mebibytes("50G"), Ok(50 << 10));
        assert_eq!(mebibytes("600M"), Ok(600));
        for wrong in ["", "0", "1M", "-5", "x", "5T", "18446744073709551615"] {
            assert!(mebibytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_there_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("taken");
        fs::write(&taken, "").unwrap();
        assert!(free_place(&taken, 1).is_err());
        assert!(free_place(&folder.path().join("new"), 1).is_ok());
        assert!(free_place(&folder.path().join("new"), u64::MAX >> 20).is_err());
        assert!(free_place(Path::new("relative"), 1).is_err());
    }

    #[test]
    fn a_file_is_reserved_made_mounted_and_waited_for() {
        let plan = Plan {
            volume: "/var/lib/ash/sessions.img".into(),
            file_mib: Some(600),
            file_system: FileSystem::Ext4,
            sessions: "/var/lib/ash/sessions".into(),
            unit: "var-lib-ash-sessions.mount".to_owned(),
        };
        let shown: Vec<String> = plan.steps().iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "fallocate --length 600MiB /var/lib/ash/sessions.img",
                "chmod 0600 /var/lib/ash/sessions.img",
                "mkfs.ext4 -q -m 0 -O quota,project -E quotatype=prjquota -L ash-sessions /var/lib/ash/sessions.img",
                "write /etc/systemd/system/var-lib-ash-sessions.mount",
                "write /etc/systemd/system/ash-sandboxd.service.d/50-ash-quota.conf",
                "systemctl daemon-reload",
                "systemctl enable --now var-lib-ash-sessions.mount",
                "systemctl try-restart ash-sandboxd.service ashd.service",
            ]
        );
        let device = Plan { file_mib: None, file_system: FileSystem::Xfs, ..plan };
        let steps = device.steps();
        assert_eq!(steps[0].to_string(), "mkfs.xfs -q -L ash-sessions /var/lib/ash/sessions.img");
        let Step::Write { text, .. } = &steps[1] else { panic!("{steps:?}") };
        assert!(text.contains("Options=prjquota,nodev,nosuid,noatime\n"), "{text}");
    }
}
