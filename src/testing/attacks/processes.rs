//! P: processes, and what they share with each other.

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

use nix::errno::Errno;
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::sys::wait::waitpid;
use nix::unistd::{Gid, Pid, Uid, setgroups, sethostname, setresgid, setresuid};

use super::raw::{address, address_mut, call, child, child_by_clone3};
use super::{
    Attack, Context, Layer, Outcome, SYS_RESOURCE, Sibling, attack, blocked, errno, impossible,
    reached, succeeded, tried, tried_io, with_capability,
};

use Layer::{Filter, FirstProcess, Ipc, NestedNamespaces, Network, Privileges, Processes};

const NEW_USER: usize = 0x1000_0000;
const IPC_CREATE: usize = 0o1000;

pub(super) const ATTACKS: &[Attack] = &[
    attack("P01", "sees a process of the host", &[Processes], |context| {
        sees(&context.token, "of the host")
    }),
    attack("P02", "sees a process of another session", &[Processes], |context| {
        sees(&context.sibling.queue, "--offer")
    }),
    attack("P03", "signals a process of the host", &[Processes, Privileges], |context| {
        tried(kill(Pid::from_raw(context.host_process), Signal::SIGCONT))
    }),
    attack("P04", "traces the first process", &[Filter, FirstProcess], |_| {
        const SEIZE: usize = 0x4206;
        let traced = call(libc::SYS_ptrace, [SEIZE, 1, 0, 0]);
        if traced.is_ok() {
            const DETACH: usize = 17;
            let _ignored = call(libc::SYS_ptrace, [DETACH, 1, 0, 0]);
        }
        tried(traced)
    }),
    attack("P05", "opens the memory of the first process", &[FirstProcess], |_| {
        tried_io(OpenOptions::new().read(true).write(true).open("/proc/1/mem"))
    }),
    attack("P06", "reads the environment of the first process", &[FirstProcess], |_| {
        tried_io(fs::read("/proc/1/environ"))
    }),
    attack("P07", "lists the descriptors of the first process", &[FirstProcess], |_| {
        tried_io(fs::read_dir("/proc/1/fd"))
    }),
    attack("P08", "reads where the memory of the first process is", &[FirstProcess], |_| {
        tried_io(fs::read_to_string("/proc/1/maps").and_then(|maps| {
            if maps.is_empty() { Err(std::io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
        }))
    }),
    attack("P09", "makes a user namespace by unshare", &[Filter, NestedNamespaces], |_| {
        tried(unshare(CloneFlags::CLONE_NEWUSER))
    }),
    attack("P10", "makes a user namespace by clone", &[Filter, NestedNamespaces], |_| {
        tried(child(NEW_USER, false))
    }),
    attack("P11", "makes a user namespace by clone3", &[Filter, NestedNamespaces], |_| {
        tried(child_by_clone3(0x1000_0000))
    }),
    attack("P12", "makes a mount namespace", &[Filter, Privileges], |_| {
        tried(unshare(CloneFlags::CLONE_NEWNS))
    }),
    attack("P13", "makes a network namespace", &[Filter, Privileges], |_| {
        tried(unshare(CloneFlags::CLONE_NEWNET))
    }),
    attack("P14", "makes a process namespace", &[Filter, Privileges], |_| {
        tried(child(0x2000_0000, false))
    }),
    attack("P15", "makes a time namespace", &[Filter, Privileges], |_| {
        tried(call(libc::SYS_unshare, [0x80]))
    }),
    attack("P16", "enters a namespace by its handle", &[Filter, Privileges], |_| {
        let Ok(file) = fs::File::open("/proc/self/ns/uts") else {
            return Outcome::Broken("no handle".to_owned());
        };
        tried(nix::sched::setns(file, CloneFlags::CLONE_NEWUTS))
    }),
    attack("P17", "becomes root", &[Privileges], |_| {
        let root = Uid::from_raw(0);
        tried(setresuid(root, root, root))
    }),
    attack("P18", "joins the group of root", &[Privileges], |_| {
        let root = Gid::from_raw(0);
        tried(setresgid(root, root, root))
    }),
    attack("P19", "joins groups", &[Privileges], |_| tried(setgroups(&[Gid::from_raw(4)]))),
    attack("P20", "has a capability", &[Privileges], |_| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let sets = status.lines().filter(|line| line.starts_with("Cap"));
        match sets.clone().find(|line| !line.ends_with("0000000000000000")) {
            Some(line) => succeeded(line.replace('\t', " ")),
            None if sets.count() >= 5 => blocked("every set is empty"),
            None => Outcome::Broken("the kernel does not say".to_owned()),
        }
    }),
    attack("P21", "raises a hard limit", &[Privileges], |_| {
        match getrlimit(Resource::RLIMIT_NOFILE) {
            Ok((_, hard)) => with_capability(SYS_RESOURCE, || {
                setrlimit(Resource::RLIMIT_NOFILE, hard + 1, hard + 1)
            }),
            Err(error) => Outcome::Broken(error.to_string()),
        }
    }),
    attack("P22", "changes the name of the host", &[Filter, Privileges], |_| {
        tried(sethostname("attacked"))
    }),
    attack("P23", "changes the domain of the host", &[Filter, Privileges], |_| {
        tried(call(libc::SYS_setdomainname, [address(c"attacked"), 8]))
    }),
    attack("P24", "reads shared memory of another session", &[Ipc], |context| {
        let segment = call(libc::SYS_shmget, [key(context), 0, 0]);
        tried(segment)
    }),
    attack("P25", "reads messages of another session (System V)", &[Ipc], |context| {
        tried(call(libc::SYS_msgget, [key(context), 0]))
    }),
    attack("P26", "takes semaphores of another session", &[Ipc], |context| {
        tried(call(libc::SYS_semget, [key(context), 0, 0]))
    }),
    attack("P27", "reads messages of another session (POSIX)", &[Ipc], |context| {
        tried(queue(context, 0))
    }),
    attack("P28", "connects to an abstract socket of another session", &[Network], |context| {
        abstract_socket(&context.sibling.abstract_name)
    }),
    attack("P29", "connects to what another session serves", &[Network], |context| {
        tried_io(TcpStream::connect((Ipv4Addr::LOCALHOST, context.sibling.port)))
    }),
    attack(
        "P30",
        "finds files of another session in /tmp or /dev/shm",
        &[Layer::Files, Privileges],
        |context| {
            let name = format!("offered-{}", context.token);
            let beside = context.sibling.workspace.join(&name);
            let inside = ["/tmp", "/dev/shm"].map(|place| std::path::Path::new(place).join(&name));
            let host =
                std::path::Path::new("/host").join(beside.strip_prefix("/").unwrap_or(&beside));
            match inside.into_iter().chain([host]).find(|path| path.exists()) {
                Some(path) => succeeded(path.display().to_string()),
                None => blocked("not there"),
            }
        },
    ),
    attack("P31", "reads the memory of another of its processes", &[Filter], |_| {
        with_child(|pid| {
            let (mut buffer, from) = ([0_u8; 8], [1_u8; 8]);
            let local = [address_mut(&mut buffer), 8];
            let remote = [address(&from), 8];
            let words = [pid, address(&local), 1, address(&remote), 1, 0];
            tried(call(libc::SYS_process_vm_readv, words))
        })
    }),
    attack("P32", "writes the memory of another of its processes", &[Filter], |_| {
        with_child(|pid| {
            let bytes = [7_u8; 8];
            let local = [address(&bytes), 8];
            let words = [pid, address(&local), 1, address(&local), 1, 0];
            tried(call(libc::SYS_process_vm_writev, words))
        })
    }),
    attack("P33", "traces another of its processes", &[Filter], |_| {
        with_child(|pid| tried(call(libc::SYS_ptrace, [0x4206, pid, 0, 0])))
    }),
    attack("P34", "takes a descriptor out of another of its processes", &[Filter], |_| {
        with_child(|pid| match call(libc::SYS_pidfd_open, [pid, 0]) {
            Ok(handle) => tried(call(libc::SYS_pidfd_getfd, [handle, 1, 0])),
            Err(error) => Outcome::Broken(error.to_string()),
        })
    }),
    attack("P35", "compares what the kernel holds for two processes", &[Filter], |_| {
        with_child(|pid| {
            let own = std::process::id() as usize;
            tried(call(libc::SYS_kcmp, [own, pid, 1, 0, 0]))
        })
    }),
    attack("P36", "gives the kernel advice about another's memory", &[Filter], |_| {
        let nothing = [0_usize; 2];
        let words = [usize::MAX, address(&nothing), 0, 4, 0];
        reached(call(libc::SYS_process_madvise, words), &[Errno::EBADF])
    }),
    attack("P37", "joins a keyring of the kernel", &[Filter], |_| {
        tried(call(libc::SYS_keyctl, [1, 0, 0, 0, 0]))
    }),
    attack("P38", "gives the kernel a key", &[Filter], |_| {
        let words = [address(c"user"), address(c"ash-attack"), address(c"key"), 3, usize::MAX - 1];
        tried(call(libc::SYS_add_key, words))
    }),
    attack("P39", "asks the kernel for a key", &[Filter], |_| {
        let words = [address(c"user"), address(c"ash-attack-none"), 0, usize::MAX - 1];
        reached(call(libc::SYS_request_key, words), &[Errno::ENOKEY])
    }),
    attack("P40", "lowers the chance to be killed for want of memory", &[Privileges], |_| {
        with_capability(SYS_RESOURCE, || {
            fs::write("/proc/self/oom_score_adj", "-500").map_err(errno)
        })
    }),
    attack("P41", "claims to be root to whom it talks to", &[Privileges], |_| {
        use nix::sys::socket::{
            AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials,
            sendmsg, socketpair,
        };
        use std::os::fd::AsRawFd as _;
        let flags = SockFlag::empty();
        let Ok((ours, _theirs)) = socketpair(AddressFamily::Unix, SockType::Stream, None, flags)
        else {
            return Outcome::Broken("no sockets".to_owned());
        };
        let claim = UnixCredentials::from(libc::ucred { pid: 1, uid: 0, gid: 0 });
        let parts = [std::io::IoSlice::new(b"x")];
        let control = [ControlMessage::ScmCredentials(&claim)];
        let sent = sendmsg::<UnixAddr>(ours.as_raw_fd(), &parts, &control, MsgFlags::empty(), None);
        tried(sent)
    }),
];

fn key(context: &Context) -> usize {
    usize::try_from(context.sibling.key).unwrap_or_default()
}

fn queue(context: &Context, flags: usize) -> Result<usize, Errno> {
    let name = std::ffi::CString::new(context.sibling.queue.clone()).unwrap_or_default();
    call(libc::SYS_mq_open, [address(name.as_bytes_with_nul()), flags, 0o666, 0])
}

pub(super) fn abstract_socket(name: &str) -> Outcome {
    let address = SocketAddr::from_abstract_name(name.as_bytes());
    tried_io(address.and_then(|address| UnixStream::connect_addr(&address)))
}

/// Whether a process other than this one has both in its arguments.
fn sees(token: &str, mark: &str) -> Outcome {
    let Ok(processes) = fs::read_dir("/proc") else { return blocked("there is no /proc") };
    for process in processes.flatten() {
        let arguments = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        let own = arguments.contains("--one") || arguments.contains("--attacks");
        if !own && arguments.contains(token) && arguments.contains(mark) {
            return succeeded(process.path().display().to_string());
        }
    }
    blocked("it is not there")
}

/// Does something to a child that waits, and ends it.
fn with_child(work: impl FnOnce(usize) -> Outcome) -> Outcome {
    let pid = match child(0, true) {
        Ok(pid) => pid,
        Err(error) => return Outcome::Broken(error.to_string()),
    };
    let outcome = match usize::try_from(pid) {
        Ok(number) => work(number),
        Err(error) => impossible(error.to_string()),
    };
    let _ignored = kill(Pid::from_raw(pid), Signal::SIGKILL);
    let _ignored = waitpid(Pid::from_raw(pid), None);
    outcome
}

/// Makes everything that another session could find, and says where.
pub(super) fn offer(context: &Context) -> Sibling {
    // As somebody would who is careless.
    umask(Mode::empty());
    let mut offered = context.sibling.clone();
    let key = key(context);
    for (number, words) in [
        (libc::SYS_shmget, [key, 4096, IPC_CREATE | 0o666]),
        (libc::SYS_msgget, [key, IPC_CREATE | 0o666, 0]),
        (libc::SYS_semget, [key, 1, IPC_CREATE | 0o666]),
    ] {
        let _ignored = call(number, words);
    }
    const CREATE: usize = 0o100;
    let _ignored = queue(context, CREATE);
    for place in ["/tmp", "/dev/shm", "/workspace"] {
        drop(fs::write(format!("{place}/offered-{}", context.token), "x"));
    }
    drop(fs::write("/workspace/secret", &context.token));
    let address = SocketAddr::from_abstract_name(context.sibling.abstract_name.as_bytes());
    if let Ok(listener) = address.and_then(|address| UnixListener::bind_addr(&address)) {
        std::mem::forget(listener);
    }
    if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) {
        offered.port = listener.local_addr().map_or(0, |address| address.port());
        std::mem::forget(listener);
    }
    offered
}

/// Takes away what an offer left in namespaces that were not its own.
pub(super) fn withdraw(context: &Context) {
    const REMOVE: usize = 0;
    let key = key(context);
    for (get, words, control) in [
        (libc::SYS_shmget, [key, 0, 0], libc::SYS_shmctl),
        (libc::SYS_msgget, [key, 0, 0], libc::SYS_msgctl),
        (libc::SYS_semget, [key, 0, 0], libc::SYS_semctl),
    ] {
        if let Ok(id) = call(get, words) {
            let words = if control == libc::SYS_semctl { [id, 0, REMOVE] } else { [id, REMOVE, 0] };
            let _ignored = call(control, words);
        }
    }
    let name = std::ffi::CString::new(context.sibling.queue.clone()).unwrap_or_default();
    let _ignored = call(libc::SYS_mq_unlink, [address(name.as_bytes_with_nul())]);
}
