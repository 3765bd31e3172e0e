//! F: the files of the host.

use std::fs::{self, File, OpenOptions};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::{chroot, unlink};

use super::raw::{address, address_mut, call};
use super::{
    Attack, Context, Layer, Outcome, attack, blocked, impossible, reached, succeeded, tried,
    tried_io,
};

use Layer::{Devices, Files, Filter, FirstProcess, Privileges, Processes, ReadOnly};

/// Devices that lead to the host's memory, disks, networks or machines.
const DEVICES: [&str; 12] = [
    "mem",
    "kmem",
    "port",
    "kvm",
    "fuse",
    "net/tun",
    "loop-control",
    "vhost-net",
    "vhost-vsock",
    "sda",
    "vda",
    "nvme0n1",
];

pub(super) const ATTACKS: &[Attack] = &[
    attack("F01", "reads the password hashes of the host", &[Files, Privileges], |_| {
        read_of_host(Path::new("/etc/shadow"), ":")
    }),
    attack("F02", "reads a file of the host that everybody may read", &[Files], |context| {
        read_of_host(&context.canary, &context.token)
    }),
    attack("F03", "reads a file of root", &[Files, Privileges], |context| {
        read_of_host(&context.secret, &context.token)
    }),
    attack(
        "F04",
        "reads the host's files through the root of another process",
        &[Processes, Privileges],
        |context| through_processes(context, "root"),
    ),
    attack(
        "F05",
        "writes a file of the host that everybody may write",
        &[Files, ReadOnly],
        |context| {
            let opened = OpenOptions::new().append(true).open(of_host(&context.open_file));
            tried_io(opened)
        },
    ),
    attack("F06", "installs a program in /usr", &[ReadOnly, Privileges], |context| {
        new_file(&Path::new("/usr/bin").join(format!("ash-attack-{}", context.token)))
    }),
    attack("F07", "writes into the root directory", &[ReadOnly], |_| new_file("/attack".as_ref())),
    attack("F08", "makes itself another user in /etc/passwd", &[ReadOnly], |_| {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::Permissions::from_mode(0o644);
        match fs::set_permissions("/etc/passwd", mode) {
            Ok(()) => tried_io(OpenOptions::new().append(true).open("/etc/passwd")),
            refused => tried_io(refused),
        }
    }),
    attack("F09", "puts a library into the loader's way in /etc", &[ReadOnly], |_| {
        new_file("/etc/ld.so.preload".as_ref())
    }),
    attack("F10", "puts a program beside the bridge", &[ReadOnly], |_| {
        new_file("/opt/ash/attack".as_ref())
    }),
    attack("F11", "replaces the socket to the model", &[ReadOnly, Privileges], |_| {
        new_file("/run/ash/attack".as_ref())
    }),
    attack("F12", "writes into /dev", &[Devices, Privileges], |context| {
        new_file(&Path::new("/dev").join(format!("ash-attack-{}", context.token)))
    }),
    attack("F13", "opens a device of the host", &[Devices, Privileges], |_| {
        for name in DEVICES {
            let path = Path::new("/dev").join(name);
            if OpenOptions::new().read(true).write(true).open(&path).is_ok() {
                return succeeded(path.display().to_string());
            }
        }
        blocked("none of them opens")
    }),
    attack("F14", "makes a device of its own", &[Privileges], |_| {
        let path = "/workspace/device";
        let made = mknod(path, SFlag::S_IFBLK, Mode::S_IRUSR | Mode::S_IWUSR, makedev(7, 0));
        let _ignored = unlink(path);
        tried(made)
    }),
    attack("F15", "looks into /sys", &[Files], |_| list_of_host("/sys/devices")),
    attack("F16", "looks at the host's control groups", &[Files], |_| {
        list_of_host("/sys/fs/cgroup")
    }),
    attack("F17", "reads what is installed on the host", &[Files], |_| {
        read_of_host(Path::new("/var/lib/dpkg/status"), "Package:")
    }),
    attack("F18", "lists the home of root", &[Files, Privileges], |_| list_of_host("/root")),
    attack("F19", "sets what the kernel runs for a core dump", &[Processes, Privileges], |_| {
        writable("/proc/sys/kernel/core_pattern")
    }),
    attack("F20", "sets what the kernel runs for a module", &[Processes, Privileges], |_| {
        writable("/proc/sys/kernel/modprobe")
    }),
    attack("F21", "asks the kernel for a crash by sysrq", &[Processes, Privileges], |_| {
        writable("/proc/sysrq-trigger")
    }),
    attack(
        "F22",
        "reads the memory of the kernel",
        &[Processes, Privileges],
        |_| match File::open("/proc/kcore") {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                impossible("this kernel has no such file")
            }
            opened => tried_io(opened),
        },
    ),
    attack("F23", "mounts a file system", &[Filter, Privileges], |_| {
        fs::create_dir_all("/tmp/mounted").unwrap_or_default();
        let target = "/tmp/mounted";
        let none: Option<&str> = None;
        tried(mount(Some("tmpfs"), target, Some("tmpfs"), MsFlags::empty(), none))
    }),
    attack("F24", "mounts one directory over another", &[Filter, Privileges], |_| {
        fs::create_dir_all("/tmp/bound").unwrap_or_default();
        let none: Option<&str> = None;
        tried(mount(Some("/workspace"), "/tmp/bound", none, MsFlags::MS_BIND, none))
    }),
    attack("F25", "makes the root directory writable", &[Filter, Privileges], |_| {
        let none: Option<&str> = None;
        tried(mount(none, "/", none, MsFlags::MS_REMOUNT | MsFlags::MS_BIND, none))
    }),
    attack("F26", "takes a mount away to see what is below", &[Filter, Privileges], |_| {
        tried(umount2("/dev/shm", MntFlags::MNT_DETACH))
    }),
    attack("F27", "opens a file system without mounting it", &[Filter, Privileges], |_| {
        tried(call(libc::SYS_fsopen, [address(c"tmpfs"), 0]))
    }),
    attack("F28", "copies a tree of mounts", &[Filter, Privileges], |_| {
        let here = usize::MAX - 99; // AT_FDCWD
        tried(call(libc::SYS_open_tree, [here, address(c"/workspace"), 1]))
    }),
    attack("F29", "changes the attributes of a mount", &[Filter, Privileges], |_| {
        let here = usize::MAX - 99; // AT_FDCWD
        let attributes = [0_u64; 4];
        let words = [here, address(c"/"), 0, address(&attributes), size_of_val(&attributes)];
        tried(call(libc::SYS_mount_setattr, words))
    }),
    attack("F30", "changes its root directory", &[Filter, Privileges], |_| tried(chroot("/tmp"))),
    attack(
        "F31",
        "opens a file by its handle, past every directory",
        &[Filter, Privileges],
        |_| {
            let mut handle = [0_u32; 34];
            handle[0] = 128;
            let mut mount_id = 0_i32;
            let here = usize::MAX - 99; // AT_FDCWD
            let words = [
                here,
                address(c"/workspace"),
                address_mut(&mut handle),
                address_mut(&mut mount_id),
                0,
            ];
            if let Err(error) = call(libc::SYS_name_to_handle_at, words)
                && error != Errno::EOPNOTSUPP
            {
                return tried::<()>(Err(error));
            }
            let directory = match File::open("/workspace") {
                Ok(directory) => directory,
                Err(error) => return Outcome::Broken(error.to_string()),
            };
            use std::os::fd::AsRawFd as _;
            let at = usize::try_from(directory.as_raw_fd()).unwrap_or_default();
            let opened = call(libc::SYS_open_by_handle_at, [at, address(&handle), 0]);
            reached(opened, &[Errno::ESTALE])
        },
    ),
    attack("F32", "talks to a service of the host through its socket", &[Files], |context| {
        tried_io(UnixStream::connect(of_host(&context.socket)))
    }),
    attack("F33", "reads the workspace of another session", &[Files, Privileges], |context| {
        read_of_host(&context.sibling.workspace.join("secret"), &context.token)
    }),
    attack(
        "F34",
        "writes into the workspace of another session",
        &[Files, ReadOnly, Privileges],
        |context| new_file(&of_host(&context.sibling.workspace.join("planted"))),
    ),
    attack(
        "F35",
        "reads through the working directory of another process",
        &[Processes, Privileges],
        |context| through_processes(context, "cwd"),
    ),
    attack("F36", "reads the root directory of the first process", &[FirstProcess], |_| {
        tried_io(fs::read_dir("/proc/1/root/"))
    }),
    attack(
        "F37",
        "makes a file of the host its own by a hard link",
        &[Files, ReadOnly],
        |context| {
            let from = of_host(&context.open_file);
            let to = from.with_extension("link");
            let linked = fs::hard_link(&from, &to);
            drop(fs::remove_file(to));
            tried_io(linked)
        },
    ),
    attack("F38", "opens a directory of the host by climbing out", &[Files], |context| {
        let up = "../".repeat(40);
        let path = PathBuf::from(up)
            .join(of_host(&context.canary).strip_prefix("/").unwrap_or("x".as_ref()));
        match open(&path, OFlag::O_RDONLY, Mode::empty()) {
            Ok(_) => succeeded(path.display().to_string()),
            Err(error) => tried::<()>(Err(error)),
        }
    }),
    attack("F39", "gives a program the rights of its file's owner", &[Privileges], |_| {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
        // Whose it is inside counts: a user namespace has no root to give it to.
        let path = Path::new("/workspace/setuid");
        drop(fs::write(path, "x"));
        let given = chown(path, Some(0), None)
            .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o4755)))
            .and_then(|()| fs::metadata(path));
        drop(fs::remove_file(path));
        match given {
            Ok(now) if now.uid() == 0 && now.mode() & 0o4000 != 0 => succeeded("owned by root"),
            Ok(_) => blocked("it lost its bit"),
            Err(error) => tried_io::<()>(Err(error)),
        }
    }),
    attack(
        "F40",
        "finds the descriptor of a file above the workspace",
        &[Files, Privileges],
        |context| {
            let place = context.sibling.workspace.parent().and_then(Path::parent);
            let Some(place) = place else { return impossible("it has no parent") };
            tried_io(fs::read_dir(of_host(place)).map(|mut names| names.next()))
        },
    ),
    attack("F41", "changes the attributes of a file for ever", &[Privileges], |_| {
        use std::os::fd::AsRawFd as _;
        let Ok(file) = File::create("/workspace/immutable") else {
            return Outcome::Broken("no file".to_owned());
        };
        let at = usize::try_from(file.as_raw_fd()).unwrap_or_default();
        let (append, none) = (0x20_u32, 0_u32); // FS_APPEND_FL
        let set = call(libc::SYS_ioctl, [at, 0x4008_6602, address(&append)]);
        let _ignored = call(libc::SYS_ioctl, [at, 0x4008_6602, address(&none)]);
        tried(set)
    }),
];

/// Where a path of the host is, if its files are not hidden.
fn of_host(path: &Path) -> PathBuf {
    Path::new("/host").join(path.strip_prefix("/").unwrap_or(path))
}

fn read_of_host(path: &Path, holds: &str) -> Outcome {
    let mut last = blocked("not there");
    for path in [path.to_owned(), of_host(path)] {
        match fs::read_to_string(&path) {
            Ok(text) if text.contains(holds) => return succeeded(path.display().to_string()),
            Ok(_) => last = blocked("something else is there"),
            Err(error) if lacks(&path, &error) => last = impossible("the host has no such file"),
            Err(error) => last = tried_io::<()>(Err(error)),
        }
    }
    last
}

fn list_of_host(path: &str) -> Outcome {
    let found = |path: &Path| fs::read_dir(path).is_ok_and(|mut names| names.next().is_some());
    let there = [PathBuf::from(path), of_host(path.as_ref())].into_iter().find(|path| found(path));
    match there {
        Some(path) => succeeded(path.display().to_string()),
        None if Path::new("/host").exists() => impossible("the host has nothing there"),
        None => blocked("nothing is there"),
    }
}

/// The host itself has no such file.
fn lacks(path: &Path, error: &std::io::Error) -> bool {
    let of_host = path.starts_with("/host") && Path::new("/host").exists();
    of_host && error.kind() == std::io::ErrorKind::NotFound
}

/// Makes a file that was not there, and removes it.
fn new_file(path: &Path) -> Outcome {
    let made = File::create_new(path);
    if made.is_ok() {
        drop(fs::remove_file(path));
    }
    tried_io(made)
}

/// Opens for writing, and writes nothing.
fn writable(path: &str) -> Outcome {
    if !Path::new(path).exists() {
        return impossible("this kernel has no such file");
    }
    tried_io(OpenOptions::new().write(true).open(path))
}

/// The token in the canary, as any process sees it.
fn through_processes(context: &Context, link: &str) -> Outcome {
    let Ok(processes) = fs::read_dir("/proc") else { return blocked("there is no /proc") };
    for process in processes.flatten() {
        let canary = context.canary.strip_prefix("/").unwrap_or(&context.canary);
        let up = if link == "cwd" { "../".repeat(40) } else { String::new() };
        let path = process.path().join(link).join(up).join(canary);
        if fs::read_to_string(&path).is_ok_and(|text| text.contains(&context.token)) {
            return succeeded(path.display().to_string());
        }
    }
    blocked("no process sees it")
}
