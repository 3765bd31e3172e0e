//! The way of a sandbox into its life: everything is opened first, ash-launch is started and put
//! into its control group, and only then it gets its order. What fails on the way leaves nothing.

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net as unix;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;
use tokio::process::ChildStdout;
use tokio::time::timeout;

use super::error::LaunchError;
use super::live::{Live, remove_socket};
use super::order::{Entry, Handle, LaunchOrder, REFUSAL_BYTES_MAX, Refusal};
use super::placement::{Placement, Programs};
use super::record::{Record, Records};
use super::scope;
use super::spec::SandboxSpec;
use super::tail::Tail;
use super::{BRIDGE_SOCKET, blocking, environment};
use crate::bridge::protocol::{ControllerHello, Kind, PROTOCOL, Packet};
use crate::os::cgroup::{self, Cgroup};
use crate::os::fd;
use crate::os::process::{self, Process, ProcessId};
use crate::os::socket::{self, SocketError};
use crate::systemd::scope::ScopeError;

/// Longest wait for ash-launch to become bwrap, and for the bridge to greet. Both take
/// milliseconds; a host under heavy load takes seconds.
pub(super) const START_DEADLINE: Duration = Duration::from_secs(15);

/// What a sandbox needs of this process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) placement: &'a Placement,
    pub(super) records: &'a Records,
    pub(super) programs: &'a Programs,
    pub(super) bwrap: &'a Path,
    /// How long each step may take: [`START_DEADLINE`], but for tests of its end.
    pub(super) deadline: Duration,
    /// What a test takes away.
    #[cfg(feature = "testing")]
    pub(super) without: &'a [super::layers::Layer],
}

/// A sandbox in which something runs.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) live: Arc<Live>,
    /// What a probe prints.
    pub(super) stdout: Option<ChildStdout>,
}

/// Starts a sandbox with its bridge, and answers when the bridge has greeted.
pub(super) async fn bridge(
    site: Site<'_>,
    spec: &SandboxSpec,
) -> Result<(Arc<Live>, UnixStream), LaunchError> {
    let is_jail = spec.name.jailed().is_some();
    let entry = if is_jail { Entry::Jail } else { Entry::Bridge };
    let handles = prepare(site, spec, entry).await?;
    let live = enter(site, spec, entry, handles).await?.live;
    let greeted = async {
        greeted(&live, &spec.state, site.deadline).await?;
        live.find_first_process(site.records).await.map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied => LaunchError::ProcHidden,
            _ => disk(source, site.records.directory(), "writing the record"),
        })?;
        if !is_jail {
            // A jail is to be gone whoever looks.
            live.hold().map_err(LaunchError::system("holding bwrap"))?;
        }
        // The greeting had a connection of its own: what it read cannot be given back.
        connect(&spec.state).await.map_err(LaunchError::Socket)
    };
    match greeted.await {
        Ok(stream) => Ok((live, stream)),
        Err(error) => Err(abandon(site, spec, &live, error).await),
    }
}

/// Ends what was started in vain.
async fn abandon(
    site: Site<'_>,
    spec: &SandboxSpec,
    live: &Live,
    error: LaunchError,
) -> LaunchError {
    let report = live.clear(site.placement, site.records).await;
    error.explained(&report, &spec.limits)
}

/// Connects to the bridge whose socket is in `state`.
pub(super) async fn connect(state: &Path) -> Result<UnixStream, SocketError> {
    socket::connect(&state.join(BRIDGE_SOCKET)).await
}

async fn greeted(live: &Live, state: &Path, deadline: Duration) -> Result<(), LaunchError> {
    let greeting = async {
        let mut stream = connect(state).await.map_err(io::Error::other)?;
        // Nothing is stored of a bridge that has just begun; so nothing is acknowledged either.
        let hello = ControllerHello { protocol: PROTOCOL, stored: 0 };
        let mut buffer = BytesMut::new();
        Packet::json(Kind::Hello, 0, &hello).encode(&mut buffer);
        stream.write_all(&buffer).await?;
        buffer.clear();
        loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            match Packet::decode(&mut buffer) {
                Ok(None) => {}
                Ok(Some(packet)) if packet.kind == Kind::Welcome => return Ok(()),
                Ok(Some(_)) => return Err(io::Error::from(io::ErrorKind::InvalidData)),
                Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
            }
        }
    };
    let answer = async {
        match greeting.await {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(LaunchError::System { during: "greeting the bridge", source: error })
            }
            // It closed the connection, or never took it: whoever does that is about to end.
            Err(_closed) => {
                live.outer_gone().await;
                Err(LaunchError::EndedEarly { stderr: String::new() })
            }
        }
    };
    let ended = async {
        live.outer_gone().await;
        Err(LaunchError::EndedEarly { stderr: String::new() })
    };
    let first = async {
        tokio::select! {
            biased;
            outcome = answer => outcome,
            outcome = ended => outcome,
        }
    };
    timeout(deadline, first).await.unwrap_or_else(|_elapsed| {
        Err(LaunchError::BridgeSilent { after: deadline, stderr: String::new() })
    })
}

/// Starts ash-launch, gives it its place and its order, and answers when it has become bwrap.
pub(super) async fn enter(
    site: Site<'_>,
    spec: &SandboxSpec,
    entry: Entry,
    handles: Vec<OwnedFd>,
) -> Result<Started, LaunchError> {
    let (mut orders, started) = match spawn(site, spec, entry).await {
        Ok(spawned) => spawned,
        Err(error) => {
            let (name, state, records) =
                (spec.name.clone(), spec.state.clone(), site.records.clone());
            let removed = blocking(move || remove_socket(&state).and(records.remove(&name)));
            // They hold nothing, and the next start of this name replaces them.
            drop(removed.await);
            return Err(error);
        }
    };
    let live = &started.live;
    let entered = async {
        if let Placement::Scope(_) = site.placement {
            place(site, spec, live).await?;
        }
        give_order(&mut orders, site, spec, entry, handles).await
    };
    match timeout(site.deadline, entered).await {
        Ok(Ok(())) => Ok(started),
        Ok(Err(error)) => Err(abandon(site, spec, live, error).await),
        Err(_elapsed) => {
            let silent = LaunchError::BridgeSilent { after: site.deadline, stderr: String::new() };
            Err(abandon(site, spec, live, silent).await)
        }
    }
}

async fn spawn(
    site: Site<'_>,
    spec: &SandboxSpec,
    entry: Entry,
) -> Result<(UnixStream, Started), LaunchError> {
    let during = "starting ash-launch";
    let (ours, theirs) = pair().map_err(LaunchError::system(during))?;
    let mut command = process::command(&site.programs.launch, &site.programs.launch_arguments);
    command.stdin(Stdio::from(theirs)).stderr(Stdio::piped());
    if entry == Entry::Probe {
        command.stdout(Stdio::piped());
    }
    let mut child = command
        .spawn()
        .map_err(|source| LaunchError::Program { program: site.programs.launch.clone(), source })?;
    // Our copy of the child's end of the pair goes with it.
    drop(command);
    let stderr = child.stderr.take().map_or_else(Tail::empty, Tail::of);
    let stdout = child.stdout.take();
    let found = child.id().map_or(Err(io::ErrorKind::NotFound.into()), ProcessId::of);
    let outer = found.and_then(|id| Ok((id, Process::find(id)?)));
    let (id, outer) = match outer {
        Ok(found) => found,
        Err(source) => {
            drop(child.kill().await);
            return Err(LaunchError::System { during, source });
        }
    };
    let record = Record {
        name: spec.name.clone(),
        boot: site.records.boot().to_owned(),
        state: spec.state.clone(),
        outer: id,
        init: None,
    };
    let live = Arc::new(Live::new(record.clone(), outer, stderr));
    // Only so that the kernel can forget it; its end is watched by its handle.
    tokio::spawn(async move { drop(child.wait().await) });
    let started = Started { live, stdout };
    // Before anything of the sandbox runs, a successor must be able to find it.
    let records = site.records.clone();
    match blocking(move || records.write(&record)).await {
        Ok(()) => Ok((ours, started)),
        Err(source) => {
            let error = disk(source, site.records.directory(), "writing the record");
            Err(abandon(site, spec, &started.live, error).await)
        }
    }
}

pub(super) fn pair() -> io::Result<(UnixStream, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)?;
    let ours = unix::UnixStream::from(ours);
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs))
}

/// Makes the scope around ash-launch, and makes sure.
async fn place(site: Site<'_>, spec: &SandboxSpec, live: &Live) -> Result<(), LaunchError> {
    let Placement::Scope(manager) = site.placement else { return Ok(()) };
    let unit = spec.name.unit();
    let pid = live.record().outer.pid;
    let properties = scope::properties(&spec.name, &spec.limits, manager.version());
    match manager.start_scope(&unit, properties, pid).await {
        Err(ScopeError::Exists { unit }) => return Err(LaunchError::ScopeTaken { unit }),
        Err(error) => {
            // Perhaps it came into being all the same.
            live.own_scope();
            return Err(LaunchError::Scope(error));
        }
        Ok(()) => live.own_scope(),
    }
    let expected = manager.control_group(&unit).await.map_err(LaunchError::Scope)?;
    let found = cgroup::path_of(pid).map_err(LaunchError::system("reading the control group"))?;
    // Without a version 2 hierarchy there is nothing to compare, and nothing claimed.
    if let (Some(expected), Some(found)) = (expected, found)
        && let Some(cgroup) = Cgroup::at(&expected)
    {
        if found != expected {
            return Err(LaunchError::OutsideScope { found });
        }
        let in_force = scope::in_force(&cgroup, &spec.limits);
        live.set_cgroup(cgroup, in_force);
    }
    Ok(())
}

async fn give_order(
    orders: &mut UnixStream,
    site: Site<'_>,
    spec: &SandboxSpec,
    entry: Entry,
    handles: Vec<OwnedFd>,
) -> Result<(), LaunchError> {
    let order = LaunchOrder {
        uid: spec.uid,
        bwrap: site.bwrap.to_owned(),
        entry,
        limits: spec.limits.clone(),
        environment: spec.environment.clone(),
        #[cfg(feature = "testing")]
        without: site.without.to_vec(),
    };
    let during = "ordering ash-launch";
    let bytes = serde_json::to_vec(&order).expect("an order has a JSON form");
    let answer = async {
        let raw: Vec<RawFd> = handles.iter().map(AsRawFd::as_raw_fd).collect();
        let sent = orders
            .async_io(Interest::WRITABLE, || fd::send_with(orders.as_fd(), &bytes, &raw))
            .await?;
        // Its copies are its own: the listening socket must close with the bridge.
        drop(handles);
        orders.write_all(&bytes[sent..]).await?;
        orders.shutdown().await?;
        let mut answer = Vec::new();
        orders.take(REFUSAL_BYTES_MAX).read_to_end(&mut answer).await?;
        Ok(answer)
    };
    let answer = answer.await.map_err(LaunchError::system(during))?;
    if answer.is_empty() {
        return Ok(());
    }
    let refusal = serde_json::from_slice(&answer);
    Err(LaunchError::Refused(
        refusal.unwrap_or_else(|error: serde_json::Error| Refusal::Order {
            reason: error.to_string(),
        }),
    ))
}

/// Opens everything that an order speaks of, and refuses what cannot work.
pub(super) async fn prepare(
    site: Site<'_>,
    spec: &SandboxSpec,
    entry: Entry,
) -> Result<Vec<OwnedFd>, LaunchError> {
    let (spec, records) = (spec.clone(), site.records.clone());
    let (bridge, bwrap) = (site.programs.bridge.clone(), site.bwrap.to_owned());
    blocking(move || open_all(&spec, entry, &records, &bridge, bwrap)).await
}

fn open_all(
    spec: &SandboxSpec,
    entry: Entry,
    records: &Records,
    bridge: &Path,
    bwrap: PathBuf,
) -> Result<Vec<OwnedFd>, LaunchError> {
    environment::check(&spec.environment)
        .map_err(|(name, reason)| LaunchError::Environment { name, reason })?;
    let myself = nix::unistd::geteuid();
    if let Some(uid) = spec.uid
        && !myself.is_root()
    {
        return Err(LaunchError::UserWithoutRoot { uid });
    }
    if let Err(source) = fs::metadata(&bwrap) {
        return Err(LaunchError::BwrapMissing { path: bwrap, source });
    }
    let uid = spec.uid.unwrap_or(myself.as_raw());
    let opened = |kind: &Handle| match kind {
        Handle::Workspace => owned_directory("workspace", &spec.workspace, uid),
        Handle::Home => owned_directory("home", &spec.home, uid),
        Handle::Egress => directory("egress", &spec.egress),
        Handle::Bridge => program(bridge),
        Handle::Cli if entry == Entry::Probe => program(&spec.cli),
        Handle::Cli => cli(&spec.cli, uid),
        Handle::Status => records
            .remove(&spec.name)
            .and_then(|()| records.new_status(&spec.name))
            .map(OwnedFd::from)
            .map_err(|source| disk(source, records.directory(), "writing the status file")),
        // It is ashd's to connect to and nobody else's, and its directory is not visible inside.
        Handle::Listener => match socket::bind(&spec.state.join(BRIDGE_SOCKET), 0o600) {
            Ok(listener) => Ok(listener.into()),
            Err(error) => {
                drop(records.remove(&spec.name));
                Err(match error {
                    SocketError::Bind { source, path } if is_full(&source) => {
                        LaunchError::DiskFull { path }
                    }
                    other => LaunchError::Socket(other),
                })
            }
        },
    };
    Handle::of(entry).iter().map(opened).collect()
}

fn program(path: &Path) -> Result<OwnedFd, LaunchError> {
    let missing = |source| LaunchError::Program { program: path.to_owned(), source };
    fd::open_handle(path).map_err(missing)
}

fn directory(what: &'static str, path: &Path) -> Result<OwnedFd, LaunchError> {
    fd::open_directory(path).map_err(|source| LaunchError::Directory {
        what,
        path: path.to_owned(),
        source,
    })
}

/// A directory in which the sandbox is to write, which must be its own.
fn owned_directory(what: &'static str, path: &Path, uid: u32) -> Result<OwnedFd, LaunchError> {
    let handle = directory(what, path)?;
    let owner = nix::sys::stat::fstat(&handle)
        .map_err(|error| LaunchError::Directory {
            what,
            path: path.to_owned(),
            source: error.into(),
        })?
        .st_uid;
    if owner == uid {
        Ok(handle)
    } else {
        Err(LaunchError::Owner { what, path: path.to_owned(), owner, uid })
    }
}

/// The CLI must be a native program: a script would need its interpreter inside.
fn cli(path: &Path, uid: u32) -> Result<OwnedFd, LaunchError> {
    let missing = |source| LaunchError::CliMissing { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(missing)?;
    // The last three bits count unless it is the user's own: the group is nobody's.
    let mode = metadata.permissions().mode();
    let bits = if metadata.uid() == uid { mode >> 6 } else { mode };
    if !metadata.is_file() || bits & 0o5 != 0o5 {
        return Err(LaunchError::CliNotExecutable { path: path.to_owned() });
    }
    let mut magic = [0; 4];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    match read {
        Ok(()) if magic == *b"\x7fELF" => {}
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(missing(error)),
        _ => return Err(LaunchError::CliNotNative { path: path.to_owned() }),
    }
    fd::open_handle(path).map_err(missing)
}

fn disk(source: io::Error, path: &Path, during: &'static str) -> LaunchError {
    if is_full(&source) {
        LaunchError::DiskFull { path: path.to_owned() }
    } else {
        LaunchError::System { during, source }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
