//! Why a sandbox cannot be: what happened, and what to do about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::environment;
use super::order::Refusal;
use super::report::EndReport;
use super::spec::{Limits, SandboxName};
use crate::os::socket::SocketError;
use crate::systemd::scope::ScopeError;

/// Why there is no launcher.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LauncherError {
    #[error(
        "scopes were asked for, and systemd does not run this host; set the placement to `auto` or `plain`"
    )]
    NoSystemd,
    #[error(
        "scopes were asked for, and systemd cannot be asked for them; start ashd as root, or set the placement to `plain`"
    )]
    Bus(#[source] ScopeError),
    #[error("the directory {path} for the records of sandboxes cannot be used")]
    Records { path: PathBuf, source: io::Error },
    #[error(
        "the program {program} is neither beside this one nor in the libexec of its prefix; install all programs of Ash together, or name their directory in `sandbox.libexec_dir`"
    )]
    Program { program: &'static str, source: io::Error },
}

/// Why a sandbox did not start. Nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error("the sandbox {name} exists already; end it first")]
    Exists { name: SandboxName },
    #[error(
        "the scope {unit} is taken by something that Ash did not start; see `systemctl status {unit}`"
    )]
    ScopeTaken { unit: String },
    #[error("systemd did not make the scope")]
    Scope(#[source] ScopeError),
    #[error(
        "systemd made the scope, and the process is not in it but in {found}; nothing was started outside its limits"
    )]
    OutsideScope { found: String },
    #[error("bubblewrap is not at {path}; install the package `bubblewrap`")]
    BwrapMissing { path: PathBuf, source: io::Error },
    #[error(
        "this bubblewrap does not know `{option}`; install 0.10 or newer, or the security update of Debian 12 (0.8.0-2+deb12u1) or Ubuntu 24.04 (0.9.0-1ubuntu0.1)"
    )]
    BwrapTooOld { option: String },
    #[error(
        "this host lets nobody without privilege make a user namespace ({said}); set the sysctls `user.max_user_namespaces` above 0 and, where it exists, `kernel.unprivileged_userns_clone` to 1"
    )]
    UserNamespacesOff { said: String },
    #[error(
        "AppArmor restricts user namespaces on this host ({said}); load the one that allows them to ours: copy /usr/share/ash/apparmor/ash-sandbox to /etc/apparmor.d and run `apparmor_parser -r /etc/apparmor.d/ash-sandbox`, or set the sysctl `kernel.apparmor_restrict_unprivileged_userns` to 0"
    )]
    UserNamespacesRestricted { said: String },
    #[error(
        "/proc is covered or read-only here, so that a sandbox cannot get its own ({said}); do not set ProtectKernelTunables=, ProtectKernelLogs= or ProcSubset= for ashd, and run containers with an unmasked, writable /proc"
    )]
    ProcCovered { said: String },
    #[error(
        "a filter of system calls stops bubblewrap ({said}); do not set RestrictSUIDSGID= or SystemCallFilter=@system-service for ashd"
    )]
    SystemCallFilter { said: String },
    #[error(
        "the kernel does not take the filter of system calls ({said}); run a kernel with CONFIG_SECCOMP_FILTER"
    )]
    FilterRefused { said: String },
    #[error(
        "the user of the sandbox cannot reach a path that it is given ({said}); open its parent directories to it (mode 0711), or let ashd run with CAP_SYS_ADMIN"
    )]
    Unreachable { said: String },
    #[error("the start was refused: {0}")]
    Refused(Refusal),
    #[error("ashd is not root and cannot give a sandbox the user {uid}; start ashd as root")]
    UserWithoutRoot { uid: u32 },
    #[error(
        "the Claude Code CLI is not at {path}; install it, or correct its path in the configuration"
    )]
    CliMissing { path: PathBuf, source: io::Error },
    #[error(
        "the Claude Code CLI at {path} is not executable for the user of the sandbox; `chmod a+rx` it"
    )]
    CliNotExecutable { path: PathBuf },
    #[error(
        "{path} is not a native program but a script; install the native build of the Claude Code CLI (2.1.113 or newer)"
    )]
    CliNotNative { path: PathBuf },
    #[error("the program {program} cannot be opened; install all programs of Ash together")]
    Program { program: PathBuf, source: io::Error },
    #[error("the {what} directory {path} cannot be used")]
    Directory { what: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "the {what} directory {path} belongs to the user {owner}, and the sandbox runs as {uid}; `chown` it"
    )]
    Owner { what: &'static str, path: PathBuf, owner: u32, uid: u32 },
    #[error("the variable {name} {reason}")]
    Environment { name: String, reason: environment::Refused },
    #[error("there is no room left in {path}; free some")]
    DiskFull { path: PathBuf },
    #[error("the bridge did not answer within {} s; it said: {stderr}", .after.as_secs())]
    BridgeSilent { after: Duration, stderr: String },
    #[error("the sandbox ended before its bridge answered: {stderr}")]
    EndedEarly { stderr: String },
    #[error(
        "the sandbox ran out of memory while it started; allow it more than {memory_bytes} bytes (a sandbox with the Claude Code CLI needs 512 MiB)"
    )]
    OutOfMemory { memory_bytes: u64 },
    #[error("the sandbox lives, and its bridge takes no connection; end it")]
    BridgeUnreachable { source: SocketError },
    #[error(
        "/proc hides the processes of other users from ashd; do not set ProtectProc= for it, and mount /proc without hidepid="
    )]
    ProcHidden,
    #[error("the bridge's socket cannot be used")]
    Socket(#[source] SocketError),
    #[error("{during} failed")]
    System { during: &'static str, source: io::Error },
}

impl LaunchError {
    pub(super) fn system(during: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { during, source }
    }

    /// The same, with what bwrap and the bridge said before they ended.
    pub(super) fn explained(self, report: &EndReport, limits: &Limits) -> Self {
        let said = &report.stderr;
        match self {
            Self::EndedEarly { .. } | Self::BridgeSilent { .. } if report.oom_kills > 0 => {
                Self::OutOfMemory { memory_bytes: limits.memory_bytes }
            }
            Self::EndedEarly { .. } => from_bwrap(said),
            Self::BridgeSilent { after, .. } => Self::BridgeSilent { after, stderr: said.clone() },
            other => other,
        }
    }
}

/// What an early end means, by what bwrap said. Its texts are all it offers; an unknown one is
/// passed on as it is.
fn from_bwrap(stderr: &str) -> LaunchError {
    let said = stderr.lines().find_map(|line| line.strip_prefix("bwrap: ")).unwrap_or_default();
    let owned = || said.to_owned();
    let has = |part: &str| said.contains(part);
    if let Some(option) = said.strip_prefix("Unknown option ") {
        LaunchError::BwrapTooOld { option: option.to_owned() }
    } else if has("PR_SET_SECCOMP") || has("seccomp") {
        LaunchError::FilterRefused { said: owned() }
    } else if has("setting up uid map") || has("Failed RTM_NEWADDR") {
        LaunchError::UserNamespacesRestricted { said: owned() }
    } else if has("max_user_namespaces") && !has("ENOSPC") || has("Can't mount proc") {
        LaunchError::ProcCovered { said: owned() }
    } else if has("No permissions to create") || has("Creating new namespace failed") {
        LaunchError::UserNamespacesOff { said: owned() }
    } else if has("Function not implemented") {
        LaunchError::SystemCallFilter { said: owned() }
    } else if has("Can't find source path") {
        LaunchError::Unreachable { said: owned() }
    } else {
        LaunchError::EndedEarly { stderr: stderr.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::report::EndCause;

    fn explained(error: LaunchError, said: &str, oom_kills: u64) -> LaunchError {
        let stderr = said.to_owned();
        let report = EndReport { cause: EndCause::Gone, oom_kills, stderr };
        error.explained(&report, &Limits::default())
    }

    #[test]
    fn a_start_that_ran_out_of_memory_says_so() {
        let early = || LaunchError::EndedEarly { stderr: String::new() };
        assert!(matches!(explained(early(), "", 1), LaunchError::OutOfMemory { .. }));
        assert!(matches!(explained(early(), "", 0), LaunchError::EndedEarly { .. }));
    }

    #[test]
    fn what_bwrap_says_leads_to_what_to_do() {
        type Check = fn(&LaunchError) -> bool;
        let table: [(&str, Check); 12] = [
            (
                "bwrap: Unknown option --ro-bind-fd",
                |e| matches!(e, LaunchError::BwrapTooOld { option } if option == "--ro-bind-fd"),
            ),
            ("bwrap: setting up uid map: Permission denied", |e| {
                matches!(e, LaunchError::UserNamespacesRestricted { .. })
            }),
            ("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", |e| {
                matches!(e, LaunchError::UserNamespacesRestricted { .. })
            }),
            (
                "bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces.",
                |e| matches!(e, LaunchError::UserNamespacesOff { .. }),
            ),
            (
                "bwrap: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)",
                |e| matches!(e, LaunchError::UserNamespacesOff { .. }),
            ),
            ("bwrap: cannot open /proc/sys/user/max_user_namespaces: Read-only file system", |e| {
                matches!(e, LaunchError::ProcCovered { .. })
            }),
            ("bwrap: Can't mount proc on /newroot/proc: Operation not permitted", |e| {
                matches!(e, LaunchError::ProcCovered { .. })
            }),
            ("bwrap: Can't open source /: Function not implemented", |e| {
                matches!(e, LaunchError::SystemCallFilter { .. })
            }),
            ("noise\nbwrap: Can't find source path /proc/self/fd/6: Permission denied", |e| {
                matches!(e, LaunchError::Unreachable { .. })
            }),
            (
                "bwrap: Unable to set up system call filtering as requested: prctl(PR_SET_SECCOMP) reported EINVAL.",
                |e| matches!(e, LaunchError::FilterRefused { .. }),
            ),
            ("bwrap: Can't read seccomp data", |e| matches!(e, LaunchError::FilterRefused { .. })),
            ("thread 'main' panicked", |e| matches!(e, LaunchError::EndedEarly { .. })),
        ];
        for (said, check) in table {
            let early = LaunchError::EndedEarly { stderr: String::new() };
            let error = explained(early, said, 0);
            assert!(check(&error), "{said}: {error:?}");
        }
    }
}
