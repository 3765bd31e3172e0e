//! `ash-sandboxd`: does what wants privilege, and nothing else. It parses no user's data, has no
//! network, and keeps nothing in memory that its successor would miss.

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser as _;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::wire_up::{self, EGRESS_FOLDER};
use super::{data, listen, program, runtime};
use crate::config::Settings;
use crate::id::SessionId;
use crate::os::fs::Root;
use crate::os::quota;
use crate::sandbox::{Isolation, WantedRoom};
use crate::sandboxd;
use crate::systemd::activation::{Passed, Wanted, passed};
use crate::systemd::notify;

const PROGRAM: &str = "ash-sandboxd";

/// The `FileDescriptorName=` of its unit.
const SOCKET: &str = "sandboxd";

/// Mode of the socket that it makes itself: its owner's.
const SOCKET_MODE: u32 = 0o600;

/// Threads: it mostly waits for the kernel and for systemd.
const WORKERS_MAX: usize = 2;

/// Where a probe has its files. Not below /tmp, which the stage of ash-launch covers.
const PROBE_PLACE: &str = "/var/tmp";

const ABOUT: &str = "Does for ashd what wants privilege: makes, starts and ends sandboxes";

/// The command line.
#[derive(Debug, clap::Parser)]
#[command(name = PROGRAM, about = ABOUT, version)]
struct Arguments {
    /// Read the configuration from FILE alone, instead of /etc/ash/ash.toml and its drop-ins.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set what the files of one sandbox's user may take, and end. Started by systemd, which gives
    /// this one run the capability for it (ash-quota@.service).
    #[arg(long, value_name = "UID-BYTES-FILES")]
    set_quota: Option<WantedRoom>,
    /// Start one sandbox that tries its walls, print what it found as JSON, and end (for `ashctl doctor`)
    #[arg(long, conflicts_with = "set_quota")]
    probe: bool,
}

/// The program.
pub fn main() -> ExitCode {
    let Arguments { config, set_quota, probe } = Arguments::parse();
    program::with_settings(PROGRAM, config.as_deref(), |settings| match set_quota {
        Some(wanted) => self::set_quota(settings, wanted),
        None if probe => runtime(WORKERS_MAX)?.block_on(self::probe(settings)),
        None => runtime(WORKERS_MAX)?.block_on(serve(settings)),
    })
}

/// Starts a sandbox as a session's is started, apart from all that is there. Nothing of it stays.
async fn probe(settings: &Settings) -> Result<(), Failure> {
    let place = Path::new(PROBE_PLACE).join(format!("ash-probe-{}", SessionId::new()));
    data::folder(&place, 0o711)?;
    // The disk is tried where sessions will be, if that is there.
    let sessions = Some(settings.data.join("sessions")).filter(|sessions| sessions.is_dir());
    let sessions = sessions.unwrap_or_else(|| place.join("sessions"));
    let probed = async {
        data::folder(&sessions, 0o711)?;
        let launcher = wire_up::launcher(settings, place.join("sandboxes"), sessions).await?;
        Ok(launcher.measured_isolation().await)
    };
    let probed: Result<Isolation, Failure> = probed.await;
    let removed = std::fs::remove_dir_all(&place);
    let json = serde_json::to_string(&probed?).expect("a verdict has a JSON form");
    writeln!(std::io::stdout(), "{json}").map_err(Failure::Runtime)?;
    removed.map_err(|source| Failure::File { path: place, source })
}

/// Of a user in the block, on the file system of the sessions, and of nothing else.
fn set_quota(settings: &Settings, wanted: WantedRoom) -> Result<(), Failure> {
    let WantedRoom { project, room } = wanted;
    if !settings.uids.contains(&project) {
        let (first, end) = (settings.uids.start, settings.uids.end);
        return Err(Failure::Quota { project, reason: format!("it is not in {first}..{end}") });
    }
    let sessions = settings.data.join("sessions");
    let limited = Root::open(&sessions).and_then(|sessions| quota::limit(&sessions, project, room));
    limited.map_err(|error| Failure::Quota { project, reason: error.to_string() })
}

async fn serve(settings: &Settings) -> Result<(), Failure> {
    let known = [(SOCKET, Wanted::Unix)];
    let passed = passed(settings.socket_names.as_deref(), &known)?;
    data::folder(&settings.runtime, 0o755)?;
    let listener = if let Some((_name, Passed::Unix(listener))) = passed.into_iter().next() {
        listener
    } else {
        let path = settings.sandboxd.clone();
        listen::bind(&path.unwrap_or_else(|| settings.runtime.join("sandboxd.sock")), SOCKET_MODE)?
    };
    let peer = listen::owner(&listener)?;
    if nix::unistd::geteuid().is_root() {
        only_roots(&settings.data)?;
        only_roots(&settings.data.join("sessions"))?;
        only_roots(&settings.runtime)?;
    }
    data::folder(&settings.runtime.join(EGRESS_FOLDER), 0o755)?;
    let keeper = wire_up::keeper(settings).await?;
    let stop = CancellationToken::new();
    let serving = tokio::spawn({
        let (listener, stop) = (listen::serving(listener)?, stop.clone());
        async move { sandboxd::serve(keeper, listener, peer, stop).await }
    });
    notify::ready("serving ashd");
    tracing::info!(version = env!("CARGO_PKG_VERSION"), peer, "ash-sandboxd serves");
    program::stopped(&stop).await.map_err(Failure::Runtime)?;
    notify::stopping("sandboxes live on");
    stop.cancel();
    serving.await.map_err(|error| Failure::Runtime(error.into()))
}

/// What stands in the folder can be moved away by nobody but root and who made it, so that a path
/// that leads through it leads where it led before. A folder that is not there yet is root's.
fn only_roots(path: &Path) -> Result<(), Failure> {
    /// Others may write, and the bit that keeps them from what is not theirs.
    const OTHERS_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    let metadata = match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|source| Failure::File { path: path.to_owned(), source })?,
    };
    let mode = metadata.mode();
    let reason = if !metadata.is_dir() {
        "it is not a folder".to_owned()
    } else if metadata.uid() != 0 {
        format!("it belongs to the user {}", metadata.uid())
    } else if mode & OTHERS_WRITE != 0 && mode & STICKY == 0 {
        format!("its mode is {:o}", mode & 0o7777)
    } else {
        return Ok(());
    };
    Err(Failure::Untrusted { path: path.to_owned(), reason })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    #[test]
    fn a_folder_that_another_user_could_replace_is_refused() {
        if !nix::unistd::geteuid().is_root() {
            println!("SKIP: root's folders need root");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        assert!(only_roots(&path).is_ok(), "made later, by root");
        std::fs::create_dir(&path).unwrap();
        let verdict = |mode: u32, owner: u32| {
            chown(&path, Some(owner), None).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            only_roots(&path).is_ok()
        };
        assert!(verdict(0o711, 0) && verdict(0o1777, 0));
        assert!(!verdict(0o777, 0) && !verdict(0o770, 0) && !verdict(0o711, 70_000));
        let link = folder.path().join("link");
        symlink("/var", &link).unwrap();
        assert!(only_roots(&link).is_err());
    }
}
