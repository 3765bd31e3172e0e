//! The program `ash-launch`: waits for its orders, drops its privileges, becomes bwrap (or copies
//! an agent: [`copy`]).
//!
//! ashd starts it, puts it into its control group, and only then sends the order; so nothing of a
//! sandbox ever runs outside its limits. It reads one message and nothing that a user wrote.

use std::convert::Infallible;
use std::ffi::{CString, OsString};
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use nix::sys::prctl::set_no_new_privs;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{
    Gid, Uid, execve, geteuid, getresgid, getresuid, setgroups, setresgid, setresuid, setsid,
};

#[cfg(feature = "testing")]
use super::layers::Layer;
use super::mounts::{self, Numbers, SYNTHETIC_FILES, SystemDirectory};
use super::order::{Entry, Handle, LaunchOrder, ORDER_BYTES_MAX, Refusal};
use super::{copy, moving};
use super::{seccomp, stage};
use crate::os::{fd, sys};

/// Open files that a process inside gets; it may raise itself to its limit. Programs that use
/// `select` break beyond 1024, and few need more than this.
const OPEN_FILES: u64 = 4096;

/// Memory that a process inside may lock, in bytes: the kernel's default before 5.16.
const LOCKED_BYTES: u64 = 64 << 10;

/// How much sooner than other processes the kernel picks a sandbox's when the whole host is out
/// of memory, of 1000: a sandbox must go before ashd does.
const OOM_SCORE_ADJUST: &str = "300";

/// Where `AppArmor` is told under which profile the next program starts, and ours: what restricts the namespaces
/// of unprivileged users allows them to it (`packaging/apparmor/ash-sandbox`).
const PROFILE_OF_NEXT: &str = "/proc/self/attr/apparmor/exec";
const PROFILE: &str = "exec ash-sandbox";

/// The lowest number for a descriptor that is not one of the standard three or the listener.
const NUMBER_MIN: RawFd = 10;

/// What the filter of system calls is called where it fails.
const FILTER: &str = "filter of system calls";

/// The program.
pub fn main() -> ExitCode {
    let orders = fd::moved_up(io::stdin(), NUMBER_MIN).map(UnixStream::from);
    let received = orders.and_then(|socket| {
        let (bytes, handles) = fd::receive_all(&socket, ORDER_BYTES_MAX)?;
        Ok((socket, bytes, handles))
    });
    let (mut socket, bytes, mut handles) = match received {
        Ok(received) => received,
        Err(error) => {
            // Nobody is there to be told anything else.
            drop(writeln!(io::stderr(), "ash-launch is started by ashd: {error}"));
            return ExitCode::from(2);
        }
    };
    if bytes.is_empty() {
        // ashd went away before it had decided.
        return ExitCode::FAILURE;
    }
    let copied = copy::obeyed(&bytes, &mut handles);
    if let Some(answer) = copied.or_else(|| moving::obeyed(&bytes, &mut handles)) {
        drop(socket.write_all(&answer));
        return ExitCode::SUCCESS;
    }
    let Err(refusal) = obey(&bytes, handles);
    let answer = serde_json::to_vec(&refusal).expect("a refusal has a JSON form");
    // An ashd that has gone does not wait for the answer.
    drop(socket.write_all(&answer));
    ExitCode::FAILURE
}

/// Becomes bwrap, or says why not.
fn obey(bytes: &[u8], received: Vec<OwnedFd>) -> Result<Infallible, Refusal> {
    let order: LaunchOrder = serde_json::from_slice(bytes)
        .map_err(|error| Refusal::Order { reason: error.to_string() })?;
    let expected = Handle::of(order.entry).len();
    if received.len() != expected {
        let reason = format!("{} descriptors instead of {expected}", received.len());
        return Err(Refusal::Order { reason });
    }
    let user = user(&order)?;
    settle(&order, user.is_some())?;
    let mut handles = reachable(order.entry, &received, user.is_some())?;
    drop(received);
    // The last one, where there is one.
    let listens = Handle::of(order.entry).last() == Some(&Handle::Listener);
    let listener = if listens { handles.pop() } else { None };
    let (list, mut inherited) = arguments(&order, handles)?;
    let list = step("argument list", fd::in_memory("arguments", &list))?;
    let list = step("argument list", fd::moved_up(list, NUMBER_MIN))?;
    let words = words(&order, &list)?;
    inherited.push(list);
    // Where AppArmor is not there, or not told of the profile, bwrap starts as it would without.
    if is_whole(&order) {
        drop(fs::write(PROFILE_OF_NEXT, PROFILE));
    }
    if let Some(uid) = user.filter(|_| !keeps_privileges(&order)) {
        drop_privileges(uid)?;
    }
    step("no new privileges", set_no_new_privs())?;
    step("close on exec", sys::close_on_exec_from(3))?;
    for descriptor in &inherited {
        step("inherit", fd::inherit(descriptor))?;
    }
    if let Some(listener) = listener {
        step("listener", sys::place_at(listener, mounts::LISTENER_NUMBER))?;
    }
    let bwrap = order.bwrap.display().to_string();
    let path = CString::new(bwrap.clone())
        .map_err(|error| Refusal::Bwrap { path: bwrap.clone(), reason: error.to_string() })?;
    let Err(error) = execve(&path, &words, &[] as &[CString]);
    Err(Refusal::Bwrap { path: bwrap, reason: error.desc().to_owned() })
}

/// The user to become; `None` to stay who we are, which must not be root.
fn user(order: &LaunchOrder) -> Result<Option<u32>, Refusal> {
    match (order.uid, geteuid().is_root()) {
        (None, false) => Ok(None),
        (None | Some(0), _) => Err(Refusal::Root),
        (Some(uid), true) => Ok(Some(uid)),
        (Some(uid), false) => {
            Err(Refusal::User { uid, reason: "ash-launch does not run as root".to_owned() })
        }
    }
}

/// A session, signals, limits and modes of its own.
fn settle(order: &LaunchOrder, own_user: bool) -> Result<(), Refusal> {
    step("new session", setsid())?;
    step("signal mask", SigSet::empty().thread_set_mask())?;
    step("signals", sys::default_signals())?;
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let null = step("standard input", File::open("/dev/null"))?;
    step("standard input", sys::place_at(&null, 0))?;
    // A wish, not a wall: a host without it only chooses less well.
    drop(fs::write("/proc/self/oom_score_adj", OOM_SCORE_ADJUST));
    #[cfg(feature = "testing")]
    if order.without.contains(&Layer::Limits) {
        return Ok(());
    }
    let limits = &order.limits;
    limit("core", Resource::RLIMIT_CORE, (0, 0))?;
    let open_files = (OPEN_FILES.min(limits.open_files), limits.open_files);
    limit("open files", Resource::RLIMIT_NOFILE, open_files)?;
    limit("size of files", Resource::RLIMIT_FSIZE, (limits.file_bytes, limits.file_bytes))?;
    limit("locked memory", Resource::RLIMIT_MEMLOCK, (LOCKED_BYTES, LOCKED_BYTES))?;
    if own_user {
        // Counted per user: only a user of its own makes it a limit of this sandbox.
        limit("processes", Resource::RLIMIT_NPROC, (limits.tasks, limits.tasks))?;
    }
    Ok(())
}

/// Lowers a limit, and raises it no further than this process may.
fn limit(what: &str, resource: Resource, (soft, hard): (u64, u64)) -> Result<(), Refusal> {
    let (_, allowed) = step(what, getrlimit(resource))?;
    let hard = hard.min(allowed);
    step(what, setrlimit(resource, soft.min(hard), hard))
}

/// The descriptors, above the reserved numbers and where the sandbox's user can reach them.
fn reachable(entry: Entry, received: &[OwnedFd], may_mount: bool) -> Result<Vec<OwnedFd>, Refusal> {
    let mut handles = received
        .iter()
        .map(|handle| step("descriptors", fd::moved_up(handle, NUMBER_MIN)))
        .collect::<Result<Vec<_>, _>>()?;
    if may_mount {
        let kinds = Handle::of(entry).iter().zip(&handles);
        let named: Vec<_> =
            kinds.filter_map(|(kind, handle)| Some((kind.staged()?, handle))).collect();
        if let Some(staged) = step("stage", stage::set(&named))? {
            let kinds = Handle::of(entry).iter().zip(&mut handles);
            let slots = kinds.filter(|(kind, _)| kind.staged().is_some());
            for ((_kind, slot), handle) in slots.zip(staged) {
                *slot = step("descriptors", fd::moved_up(handle, NUMBER_MIN))?;
            }
        }
    }
    Ok(handles)
}

/// The content for `--args`, and the descriptors that it speaks of.
fn arguments(
    order: &LaunchOrder,
    mut handles: Vec<OwnedFd>,
) -> Result<(Vec<u8>, Vec<OwnedFd>), Refusal> {
    let found = |wanted: Handle| {
        let kinds = Handle::of(order.entry).iter().zip(&handles);
        kinds.into_iter().find(|(kind, _)| **kind == wanted).map(|(_, handle)| handle.as_raw_fd())
    };
    let needed = |wanted: Handle| {
        let reason = || format!("it brings no {wanted:?}");
        found(wanted).ok_or_else(|| Refusal::Order { reason: reason() })
    };
    let mut numbers = Numbers {
        workspace: needed(Handle::Workspace)?,
        home: needed(Handle::Home)?,
        egress: found(Handle::Egress),
        bridge: needed(Handle::Bridge)?,
        cli: found(Handle::Cli),
        status: needed(Handle::Status)?,
        synthetic: [0; SYNTHETIC_FILES.len()],
        filter: [0; seccomp::PROGRAMS],
    };
    for (number, (path, content)) in numbers.synthetic.iter_mut().zip(SYNTHETIC_FILES) {
        let file = step(path, fd::in_memory(path, content.as_bytes()))?;
        let file = step(path, fd::moved_up(file, NUMBER_MIN))?;
        *number = file.as_raw_fd();
        handles.push(file);
    }
    let programs = step(FILTER, seccomp::programs())?;
    #[cfg(feature = "testing")]
    let programs = programs.map(|program| {
        if order.without.contains(&Layer::FilterBytes) { vec![0xff; 16] } else { program }
    });
    for (number, program) in numbers.filter.iter_mut().zip(programs) {
        let file = step(FILTER, fd::in_memory(FILTER, &program))?;
        let file = step(FILTER, fd::moved_up(file, NUMBER_MIN))?;
        *number = file.as_raw_fd();
        handles.push(file);
    }
    let mut list = Vec::new();
    let words = mounts::arguments(order, &system_directories(), &numbers);
    #[cfg(feature = "testing")]
    let words = super::layers::removed(&order.without, words);
    for word in words {
        list.extend(OsString::into_vec(word));
        list.push(0);
    }
    Ok((list, handles))
}

/// The argument list of the process itself: what everybody may see.
fn words(order: &LaunchOrder, list: &OwnedFd) -> Result<Vec<CString>, Refusal> {
    let head = ["bwrap", "--args", &list.as_raw_fd().to_string(), "--"].map(str::to_owned);
    let all = head.into_iter().chain(mounts::program(order.entry));
    all.map(|word| step("argument list", CString::new(word))).collect()
}

/// What this host has beside `/usr`. A link that does not lead into `/usr` is left out.
fn system_directories() -> Vec<SystemDirectory> {
    let mut found = Vec::new();
    for name in mounts::SYSTEM_DIRECTORIES {
        let path = Path::new("/").join(name);
        if let Ok(target) = fs::read_link(&path) {
            let target = target.to_string_lossy().into_owned();
            if target.trim_start_matches('/').starts_with("usr/") && !target.contains("..") {
                found.push(SystemDirectory::Link { name, target });
            }
        } else if path.is_dir() {
            found.push(SystemDirectory::Directory { name });
        }
    }
    found
}

/// Becomes the user of a sandbox, for good, without becoming anything else.
pub(super) fn become_user(uid: u32) -> Result<(), Refusal> {
    if uid == 0 {
        return Err(Refusal::Root);
    }
    drop_privileges(uid)?;
    step("no new privileges", set_no_new_privs())
}

/// Whether no wall is left out. The profile would hold some of what one held that is.
#[cfg(feature = "testing")]
fn is_whole(order: &LaunchOrder) -> bool {
    order.without.is_empty()
}

#[cfg(not(feature = "testing"))]
fn is_whole(_order: &LaunchOrder) -> bool {
    true
}

#[cfg(feature = "testing")]
fn keeps_privileges(order: &LaunchOrder) -> bool {
    order.without.contains(&Layer::Privileges)
}

#[cfg(not(feature = "testing"))]
fn keeps_privileges(_order: &LaunchOrder) -> bool {
    false
}

/// From here on this process is the sandbox's user, and cannot be anybody else.
fn drop_privileges(uid: u32) -> Result<(), Refusal> {
    let refused = |error: nix::Error| Refusal::User { uid, reason: error.desc().to_owned() };
    let (user, group) = (Uid::from_raw(uid), Gid::from_raw(uid));
    setgroups(&[]).map_err(refused)?;
    setresgid(group, group, group).map_err(refused)?;
    setresuid(user, user, user).map_err(refused)?;
    let users = getresuid().map_err(refused)?;
    let groups = getresgid().map_err(refused)?;
    let is_user = users.real == user && users.effective == user && users.saved == user;
    let is_group = groups.real == group && groups.effective == group && groups.saved == group;
    if !is_user || !is_group || setresuid(Uid::from_raw(0), user, user).is_ok() {
        return Err(Refusal::User { uid, reason: "root could be taken back".to_owned() });
    }
    Ok(())
}

fn step<T>(step: &str, outcome: Result<T, impl Display>) -> Result<T, Refusal> {
    outcome.map_err(|error| Refusal::Step { step: step.to_owned(), reason: error.to_string() })
}
