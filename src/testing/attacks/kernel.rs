//! K: parts of the kernel that nothing in a sandbox needs, and that were ways into it before.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::libc;
use nix::pty::openpty;

use super::raw::{address, address_mut, call, getpid_by_interrupt};
use super::{Attack, Layer, Outcome, attack, blocked, reached, succeeded, tried};

use Layer::{Filter, Privileges};

const STREAM: usize = 1;
const DATAGRAM: usize = 2;
const RAW: usize = 3;
const SEQUENCED: usize = 5;
const INET: usize = 2;
const INET6: usize = 10;
const NETLINK: usize = 16;

const NONE: usize = usize::MAX;

pub(super) const ATTACKS: &[Attack] = &[
    attack("K01", "makes an `io_uring`", &[Filter], |_| {
        let mut parameters = [0_u8; 120];
        tried(call(libc::SYS_io_uring_setup, [1, address_mut(&mut parameters)]))
    }),
    attack("K02", "makes a queue of asynchronous input and output", &[Filter], |_| {
        let mut queue = 0_usize;
        tried(call(libc::SYS_io_setup, [1, address_mut(&mut queue)]))
    }),
    attack("K03", "loads a program of BPF", &[Filter, Privileges], |_| {
        let mut map = [0_u32; 32];
        (map[0], map[1], map[2], map[3]) = (2, 4, 4, 1); // an array of one
        tried(call(libc::SYS_bpf, [0, address(&map), size_of_val(&map)]))
    }),
    attack("K04", "watches events of the processor", &[Filter, Privileges], |_| {
        let mut event = [0_u32; 32];
        (event[0], event[1]) = (1, 128); // a software event: the clock
        tried(call(libc::SYS_perf_event_open, [address(&event), 0, NONE, NONE, 0]))
    }),
    attack("K05", "handles its own page faults", &[Filter], |_| {
        tried(call(libc::SYS_userfaultfd, [1]))
    }),
    attack("K06", "watches whole file systems", &[Filter, Privileges], |_| {
        tried(call(libc::SYS_fanotify_init, [0, 0]))
    }),
    attack("K07", "turns the randomness of its addresses off", &[Filter], |_| {
        tried(call(libc::SYS_personality, [0x004_0000]))
    }),
    attack("K08", "makes what it reads executable", &[Filter], |_| {
        tried(call(libc::SYS_personality, [0x040_0000]))
    }),
    attack("K09", "joins pipes without copying (splice)", &[Filter], |_| {
        with_pipes(|from, to| {
            reached(call(libc::SYS_splice, [from, 0, to, 0, 1, 2]), &[Errno::EAGAIN])
        })
    }),
    attack("K10", "joins pipes without copying (tee)", &[Filter], |_| {
        with_pipes(|from, to| reached(call(libc::SYS_tee, [from, to, 1, 2]), &[Errno::EAGAIN]))
    }),
    attack("K11", "gives its memory to a pipe (vmsplice)", &[Filter], |_| {
        with_pipes(|_, to| {
            let bytes = [0_u8; 8];
            let part = [address(&bytes), 8];
            tried(call(libc::SYS_vmsplice, [to, address(&part), 1, 0]))
        })
    }),
    attack("K12", "locks with inheritance of priority", &[Filter], |_| {
        let mut lock = 0_u32;
        tried(call(libc::SYS_futex, [address_mut(&mut lock), 6, 0, 0, 0, 0]))
    }),
    attack("K13", "tries such a lock", &[Filter], |_| {
        let mut lock = 0_u32;
        tried(call(libc::SYS_futex, [address_mut(&mut lock), 8, 0, 0, 0, 0]))
    }),
    attack("K14", "waits to be moved to such a lock", &[Filter], |_| {
        let (mut one, mut two) = (1_u32, 0_u32);
        let words = [address_mut(&mut one), 11, 0, 0, address_mut(&mut two), 0];
        reached(call(libc::SYS_futex, words), &[Errno::EAGAIN, Errno::EWOULDBLOCK])
    }),
    attack("K15", "changes the table of its segments", &[Filter], |_| {
        #[cfg(target_arch = "x86_64")]
        {
            let mut table = [0_u8; 16];
            tried(call(libc::SYS_modify_ldt, [0, address_mut(&mut table), 16]))
        }
        #[cfg(not(target_arch = "x86_64"))]
        super::impossible("this processor has no segments")
    }),
    attack("K16", "opens the processor's ports", &[Filter, Privileges], |_| {
        #[cfg(target_arch = "x86_64")]
        {
            tried(call(libc::SYS_iopl, [3]))
        }
        #[cfg(not(target_arch = "x86_64"))]
        super::impossible("this processor has no ports")
    }),
    attack("K17", "opens one port of the processor", &[Filter, Privileges], |_| {
        #[cfg(target_arch = "x86_64")]
        {
            tried(call(libc::SYS_ioperm, [0x80, 1, 1]))
        }
        #[cfg(not(target_arch = "x86_64"))]
        super::impossible("this processor has no ports")
    }),
    attack("K18", "moves pages of memory", &[Filter], |_| {
        tried(call(libc::SYS_move_pages, [0, 0, 0, 0, 0, 0]))
    }),
    attack("K19", "keeps memory secret from the kernel", &[Filter], |_| {
        tried(call(libc::SYS_memfd_secret, [0]))
    }),
    attack("K20", "asks for the handle of a file", &[Filter], |_| {
        let mut handle = [0_u32; 34];
        handle[0] = 128;
        let mut mount_id = 0_i32;
        let words =
            [NONE - 99, address(c"/usr"), address_mut(&mut handle), address_mut(&mut mount_id), 0];
        tried(call(libc::SYS_name_to_handle_at, words))
    }),
    attack("K21", "maps a file in pieces", &[Filter], |_| {
        reached(call(libc::SYS_remap_file_pages, [0, 0, 0, 0, 0]), &[Errno::EINVAL])
    }),
    attack("K22", "reads the log of the kernel", &[Filter, Privileges], |_| {
        tried(call(libc::SYS_syslog, [10, 0, 0]))
    }),
    attack("K23", "looks at the host's clock discipline", &[Filter], |_| {
        let mut state = [0_u64; 26];
        tried(call(libc::SYS_clock_adjtime, [0, address_mut(&mut state)]))
    }),
    attack("K24", "sets the clock of the host", &[Filter, Privileges], |_| {
        // Back before the boot, which nobody may: only who may set it gets that far.
        let moment = [i64::MIN, 0];
        reached(call(libc::SYS_clock_settime, [0, address(&moment)]), &[Errno::EINVAL])
    }),
    attack("K25", "loads a module from memory", &[Filter, Privileges], |_| {
        let words = [address(c""), 1, address(c"")];
        reached(call(libc::SYS_init_module, words), &[Errno::ENOEXEC])
    }),
    attack("K26", "loads a module from a file", &[Filter, Privileges], |_| {
        reached(call(libc::SYS_finit_module, [NONE, address(c""), 0]), &[Errno::EBADF])
    }),
    attack("K27", "removes a module", &[Filter, Privileges], |_| {
        let words = [address(c"ash_attack_none"), 0];
        reached(call(libc::SYS_delete_module, words), &[Errno::ENOENT])
    }),
    attack("K28", "loads another kernel", &[Filter, Privileges], |_| {
        reached(call(libc::SYS_kexec_load, [0, 0, 0, 0xffff]), &[Errno::EINVAL])
    }),
    attack("K29", "restarts the host", &[Filter, Privileges], |_| {
        // Without the numbers that would really do it.
        reached(call(libc::SYS_reboot, [0, 0, 0, 0]), &[Errno::EINVAL])
    }),
    attack("K30", "takes swap away", &[Filter, Privileges], |_| {
        let words = [address(c"/workspace/ash-attack-none")];
        reached(call(libc::SYS_swapoff, words), &[Errno::ENOENT])
    }),
    attack("K31", "adds swap", &[Filter, Privileges], |_| {
        let words = [address(c"/workspace/ash-attack-none"), 0];
        reached(call(libc::SYS_swapon, words), &[Errno::ENOENT])
    }),
    attack("K32", "turns process accounting on", &[Filter, Privileges], |_| {
        let words = [address(c"/workspace/ash-attack-none")];
        reached(call(libc::SYS_acct, words), &[Errno::ENOENT])
    }),
    attack("K33", "asks for quotas of disks", &[Filter], |_| {
        tried(call(libc::SYS_quotactl, [0x0080_0001 << 8, 0, 0, 0]))
    }),
    attack("K34", "hangs up a terminal", &[Filter, Privileges], |_| {
        tried(call(libc::SYS_vhangup, []))
    }),
    attack("K35", "types into a terminal (TIOCSTI)", &[Filter, Privileges], |_| {
        on_terminal(|at| tried(call(libc::SYS_ioctl, [at, 0x5412, address(b"x")])))
    }),
    attack(
        "K36",
        "types into a terminal with bits that nobody looks at",
        &[Filter, Privileges],
        |_| on_terminal(|at| tried(call(libc::SYS_ioctl, [at, (1 << 32) | 0x5412, address(b"x")]))),
    ),
    attack("K37", "pastes into a console (TIOCLINUX)", &[Filter], |_| {
        let behind = [Errno::ENOTTY, Errno::EINVAL];
        on_terminal(|at| reached(call(libc::SYS_ioctl, [at, 0x541C, address(b"\x03")]), &behind))
    }),
    attack("K38", "loads a line discipline (TIOCSETD)", &[Filter], |_| {
        on_terminal(|at| tried(call(libc::SYS_ioctl, [at, 0x5423, address(&0_i32)])))
    }),
    attack("K39", "makes 32-bit system calls", &[Filter], |_| match getpid_by_interrupt() {
        Ok(pid) => succeeded(format!("it is process {pid}")),
        Err(error) => reached::<()>(Err(error), &[]),
    }),
    attack("K40", "makes system calls of x32", &[Filter], |_| {
        tried(call(0x4000_0000 | libc::SYS_getpid, []))
    }),
    attack("K41", "opens a socket to the hypervisor (AF_VSOCK)", &[Filter], |_| {
        socket(40, STREAM, 0)
    }),
    attack("K42", "uses the kernel's ciphers (AF_ALG)", &[Filter], |_| socket(38, SEQUENCED, 0)),
    attack("K43", "reads packets of the network (AF_PACKET)", &[Filter, Privileges], |_| {
        socket(17, RAW, 0)
    }),
    attack("K44", "opens a socket of RxRPC", &[Filter], |_| socket(33, DATAGRAM, 0)),
    attack("K45", "opens a socket of TIPC", &[Filter], |_| socket(30, DATAGRAM, 0)),
    attack("K46", "opens a socket of SMC", &[Filter], |_| socket(43, STREAM, 0)),
    attack("K47", "opens a socket for keys of IPsec", &[Filter, Privileges], |_| {
        socket(15, RAW, 2)
    }),
    attack("K48", "opens a socket of XDP", &[Filter, Privileges], |_| socket(44, RAW, 0)),
    attack("K49", "opens a socket of CAN", &[Filter, Privileges], |_| socket(29, RAW, 1)),
    attack("K50", "opens a socket of Bluetooth", &[Filter], |_| socket(31, STREAM, 3)),
    attack("K51", "opens a socket of KCM", &[Filter], |_| socket(41, DATAGRAM, 0)),
    attack("K52", "opens a socket of Qualcomm's IPC router", &[Filter], |_| {
        socket(42, DATAGRAM, 0)
    }),
    attack("K53", "opens a socket of LLC", &[Filter, Privileges], |_| socket(26, DATAGRAM, 0)),
    attack("K54", "configures IPsec (netlink XFRM)", &[Filter], |_| socket(NETLINK, RAW, 6)),
    attack("K55", "configures the packet filter (netlink netfilter)", &[Filter], |_| {
        socket(NETLINK, RAW, 12)
    }),
    attack("K56", "asks for every socket (netlink diagnosis)", &[Filter], |_| {
        socket(NETLINK, RAW, 4)
    }),
    attack("K57", "talks to generic netlink", &[Filter], |_| socket(NETLINK, RAW, 16)),
    attack("K58", "listens to events of devices (netlink)", &[Filter], |_| {
        socket(NETLINK, RAW, 15)
    }),
    attack("K59", "talks to auditing (netlink)", &[Filter], |_| socket(NETLINK, RAW, 9)),
    attack("K60", "configures ciphers (netlink)", &[Filter], |_| socket(NETLINK, RAW, 21)),
    attack("K61", "opens a socket of SCTP", &[Filter], |_| socket(INET, STREAM, 132)),
    attack("K62", "opens a socket of SCTP by its kind alone", &[Filter], |_| {
        socket(INET, SEQUENCED, 0)
    }),
    attack("K63", "opens a socket of MPTCP", &[Filter], |_| socket(INET6, STREAM, 262)),
    attack("K64", "opens a socket of SMC under another name", &[Filter], |_| {
        socket(INET, STREAM, 256)
    }),
    attack("K65", "opens a socket of L2TP", &[Filter], |_| socket(INET, DATAGRAM, 115)),
    attack("K66", "opens a socket of UDP-Lite", &[Filter], |_| socket(INET, DATAGRAM, 136)),
    attack("K67", "opens a socket of ICMP", &[Privileges], |_| socket(INET, RAW, 1)),
    attack("K68", "makes a pair of sockets of TIPC", &[Filter], |_| {
        let mut pair = [0_i32; 2];
        tried(call(libc::SYS_socketpair, [30, STREAM, 0, address_mut(&mut pair)]))
    }),
    attack("K69", "lets the kernel encrypt a connection (kTLS)", &[Filter], |_| {
        // Only an established connection could; a kernel that has it says so.
        match option(INET, STREAM, 6, 31, c"tls".to_bytes_with_nul(), &[Errno::ENOTCONN]) {
            Outcome::Blocked { how, .. } if how.starts_with("ENOENT") => {
                super::impossible("this kernel has no kTLS")
            }
            outcome => outcome,
        }
    }),
    attack("K70", "puts IPsec into UDP", &[Filter], |_| {
        option(INET, DATAGRAM, 17, 100, &2_i32.to_ne_bytes(), &[])
    }),
    attack("K71", "attaches a program to a socket", &[Filter], |_| {
        let instruction: [u64; 1] = [0xffff_0000_0000_0006_u64.to_le()];
        let mut program = [0_u8; 16];
        program[0] = 1;
        program[8..].copy_from_slice(&address(&instruction).to_ne_bytes());
        option(INET, DATAGRAM, 1, 26, &program, &[])
    }),
    attack("K72", "sends data out of band between its processes", &[Filter], |_| {
        let Ok((one, _two)) = UnixStream::pair() else {
            return Outcome::Broken("no sockets".to_owned());
        };
        tried(call(libc::SYS_sendto, [number(&one), address(b"x"), 1, 1, 0, 0]))
    }),
    attack("K73", "receives data out of band", &[Filter], |_| {
        let Ok((one, _two)) = UnixStream::pair() else {
            return Outcome::Broken("no sockets".to_owned());
        };
        let mut byte = 0_u8;
        let words = [number(&one), address_mut(&mut byte), 1, 1 | 0x40, 0, 0];
        reached(call(libc::SYS_recvfrom, words), &[Errno::EINVAL, Errno::EAGAIN])
    }),
];

fn number(of: &impl std::os::fd::AsRawFd) -> usize {
    usize::try_from(of.as_raw_fd()).unwrap_or_default()
}

fn socket(family: usize, kind: usize, protocol: usize) -> Outcome {
    tried(call(libc::SYS_socket, [family, kind, protocol]))
}

fn option(
    family: usize,
    kind: usize,
    level: usize,
    name: usize,
    value: &[u8],
    behind: &[Errno],
) -> Outcome {
    let opened = match call(libc::SYS_socket, [family, kind, 0]) {
        Ok(opened) => opened,
        Err(error) => return Outcome::Broken(error.to_string()),
    };
    let words = [opened, level, name, address(value), value.len()];
    reached(call(libc::SYS_setsockopt, words), behind)
}

fn with_pipes(work: impl FnOnce(usize, usize) -> Outcome) -> Outcome {
    let pipes = nix::unistd::pipe().and_then(|first| Ok((first, nix::unistd::pipe()?)));
    match pipes {
        Ok(((from, _in), (_out, to))) => work(number(&from), number(&to)),
        Err(error) => Outcome::Broken(error.to_string()),
    }
}

/// A terminal of its own, from the sandbox's own `/dev/pts`.
fn on_terminal(work: impl FnOnce(usize) -> Outcome) -> Outcome {
    match openpty(None, None) {
        Ok(pair) => {
            let inside: OwnedFd = pair.slave;
            work(number(&inside))
        }
        Err(error) => blocked(format!("no terminal: {error}")),
    }
}
