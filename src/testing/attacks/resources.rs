//! R: more of the host than a sandbox is given. What its control group limits is attacked where
//! one is enforced, in the virtual machine of `tests/system`.

use std::fs::File;
use std::io::Write as _;

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::raw::{address, call, child};
use super::{
    Attack, Context, Layer, Outcome, SYS_RESOURCE, attack, blocked, impossible, reached, succeeded,
    tried, tried_io, with_capability,
};

use Layer::{Limits, Privileges, Sizes};

pub(super) const ATTACKS: &[Attack] = &[
    attack("R01", "starts more processes than it may", &[Limits], |context| {
        let mut children = Vec::new();
        let mut refused = None;
        while children.len() <= context.tasks && refused.is_none() {
            match child(0, true) {
                Ok(pid) => children.push(Pid::from_raw(pid)),
                Err(error) => refused = Some(error),
            }
        }
        for pid in &children {
            let _ignored = kill(*pid, Signal::SIGKILL);
            let _ignored = waitpid(*pid, None);
        }
        match refused {
            Some(error) => tried::<()>(Err(error)),
            None => succeeded(format!("{} of them", children.len())),
        }
    }),
    attack("R02", "opens more files than it may", &[Limits], |context| {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or_default();
        let _same = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
        let mut files = Vec::new();
        while files.len() <= context.open_files {
            match File::open("/dev/null") {
                Ok(file) => files.push(file),
                Err(error) => return tried_io::<()>(Err(error)),
            }
        }
        succeeded(format!("{} of them", files.len()))
    }),
    attack("R03", "makes a file of a terabyte", &[Limits], |_| {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGXFSZ);
        let _blocked = signals.thread_block();
        let made = File::create("/workspace/huge").and_then(|file| file.set_len(1 << 40));
        drop(std::fs::remove_file("/workspace/huge"));
        tried_io(made)
    }),
    attack("R04", "leaves its memory on the disk when it crashes", &[Limits], |_| match getrlimit(
        Resource::RLIMIT_CORE,
    ) {
        Ok((_, 0)) => tried(setrlimit(Resource::RLIMIT_CORE, 1 << 20, 1 << 20)),
        Ok((_, hard)) => tried(setrlimit(Resource::RLIMIT_CORE, hard, hard)),
        Err(error) => Outcome::Broken(error.to_string()),
    }),
    attack("R05", "locks memory that nobody can swap out", &[Limits], |_| {
        let memory = vec![1_u8; 1 << 20];
        let (_, hard) = getrlimit(Resource::RLIMIT_MEMLOCK).unwrap_or_default();
        let _same = setrlimit(Resource::RLIMIT_MEMLOCK, hard, hard);
        tried(call(libc::SYS_mlock, [address(memory.as_slice()), memory.len()]))
    }),
    attack("R06", "fills memory through /tmp", &[Sizes], |context| filled(context, "/tmp")),
    attack("R07", "fills memory through /dev/shm", &[Sizes], |context| filled(context, "/dev/shm")),
    attack("R08", "fills memory through the bridge's place", &[Sizes], |context| {
        filled(context, "/run/bridge")
    }),
    attack("R09", "runs ahead of everything else (real time)", &[Privileges], |_| {
        const FIFO: usize = 1;
        tried(call(libc::SYS_sched_setscheduler, [0, FIFO, address(&1_i32)]))
    }),
    attack("R10", "runs ahead of everything else (deadline)", &[Privileges], |_| {
        let mut wish = [0_u64; 6];
        wish[0] = 0x30 | (6 << 32);
        (wish[3], wish[4], wish[5]) = (1_000_000, 10_000_000, 10_000_000);
        tried(call(libc::SYS_sched_setattr, [0, address(&wish), 0]))
    }),
    attack("R11", "runs before others (nice)", &[Privileges], |_| {
        tried(call(libc::SYS_setpriority, [0, 0, usize::MAX - 9]))
    }),
    attack("R12", "reads and writes before others", &[Privileges], |_| {
        const REAL_TIME: usize = 1 << 13;
        tried(call(libc::SYS_ioprio_set, [1, 0, REAL_TIME]))
    }),
    attack("R13", "raises its limit of processes", &[Privileges], |_| {
        match getrlimit(Resource::RLIMIT_NPROC) {
            Ok((_, RLIM_INFINITY)) => impossible("there is no limit to raise"),
            Ok((_, hard)) => with_capability(SYS_RESOURCE, || {
                setrlimit(Resource::RLIMIT_NPROC, hard + 1, hard + 1)
            }),
            Err(error) => Outcome::Broken(error.to_string()),
        }
    }),
    attack("R14", "asks for more than its share of message queues", &[Privileges], |_| {
        with_capability(SYS_RESOURCE, || setrlimit(Resource::RLIMIT_MSGQUEUE, 1 << 30, 1 << 30))
    }),
];

/// Writes twice of what there may be.
fn filled(context: &Context, place: &str) -> Outcome {
    let path = format!("{place}/fill-{}", context.token);
    let piece = vec![0_u8; 1 << 16];
    let mut written = 0;
    let outcome = match File::create(&path) {
        Err(error) => Outcome::Broken(error.to_string()),
        Ok(mut file) => loop {
            if written > 2 * context.memory_bytes {
                break succeeded(format!("{written} bytes"));
            }
            match file.write_all(&piece) {
                Ok(()) => written += piece.len() as u64,
                Err(error) if error.raw_os_error() == Some(Errno::ENOSPC as i32) => {
                    break blocked(format!("{error} after {written} bytes"));
                }
                Err(error) => {
                    break reached::<()>(
                        Err(Errno::from_raw(error.raw_os_error().unwrap_or_default())),
                        &[],
                    );
                }
            }
        },
    };
    drop(std::fs::remove_file(path));
    outcome
}
