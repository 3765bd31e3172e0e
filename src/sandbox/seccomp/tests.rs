//! What the programs say to calls, by running them: a machine for their few instructions.

use super::*;

const KILL: u32 = 0x8000_0000;
const ALLOW: u32 = 0x7fff_0000;
const ERROR: u32 = 0x0005_0000;

const X86_64: u32 = 0xc000_003e;
const AARCH64: u32 = 0xc000_00b7;
const I386: u32 = 0x4000_0003;

const BOTH: [(TargetArch, u32); 2] = [(TargetArch::x86_64, X86_64), (TargetArch::aarch64, AARCH64)];

/// What the kernel's filter machine answers; every instruction that the programs have.
fn run(program: &[sock_filter], number: u32, processor: u32, arguments: [u64; 6]) -> u32 {
    let mut data = vec![number, processor, 0, 0];
    for argument in arguments {
        let [low, high] = [argument & 0xffff_ffff, argument >> 32];
        data.extend([low, high].map(|half| u32::try_from(half).unwrap()));
    }
    let (mut at, mut value) = (0, 0);
    loop {
        let instruction = &program[at];
        let (jump, k) =
            (|yes: bool| if yes { instruction.jt } else { instruction.jf }, instruction.k);
        at += 1;
        at += usize::from(match instruction.code {
            // BPF_LD | BPF_W | BPF_ABS
            0x20 => {
                value = data[k as usize / 4];
                0
            }
            // BPF_ALU | BPF_AND | BPF_K
            0x54 => {
                value &= k;
                0
            }
            // BPF_JMP | BPF_JA
            0x05 => {
                at += k as usize;
                0
            }
            // BPF_JMP | BPF_JEQ, BPF_JGT, BPF_JGE, each with BPF_K
            0x15 => jump(value == k),
            0x25 => jump(value > k),
            0x35 => jump(value >= k),
            // BPF_RET | BPF_K
            0x06 => return k,
            other => panic!("an unknown instruction: {other:#x}"),
        });
    }
}

/// What all programs together answer: the strictest, which is the smallest; of several errors
/// that of the last program.
fn verdict(arch: (TargetArch, u32), name: &str, arguments: [u64; 6]) -> u32 {
    let number = u32::try_from(number(arch.0, name).unwrap()).unwrap();
    strictest(arch, number, arguments)
}

fn strictest(arch: (TargetArch, u32), number: u32, arguments: [u64; 6]) -> u32 {
    let answers = compiled(arch.0).unwrap().map(|program| run(&program, number, arch.1, arguments));
    let kind = |answer: &u32| answer & 0xffff_0000;
    let worst = answers.iter().map(kind).min().unwrap();
    *answers.iter().rev().find(|answer| kind(answer) == worst).unwrap()
}

fn error(code: i32) -> u32 {
    ERROR | code.unsigned_abs()
}

#[test]
fn every_name_is_known_and_stands_once() {
    let extra = ["clone", "futex", "personality", "socket", "setsockopt"];
    for name in ALLOWED.iter().chain(REFUSED).chain(&extra) {
        assert!(BOTH.iter().any(|arch| number(arch.0, name).is_some()), "{name}");
    }
    let mut all: Vec<_> = ALLOWED.iter().chain(REFUSED).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn what_the_second_processor_lacks_is_old() {
    let lacking: Vec<&str> = ALLOWED
        .iter()
        .filter(|name| number(TargetArch::aarch64, name).is_none())
        .copied()
        .collect();
    // Each of them has a younger form on the list, or is of x86 alone.
    let old = "access alarm arch_prctl chmod chown creat dup2 epoll_create epoll_wait eventfd fork \
               futimesat getdents getpgrp getrlimit inotify_init lchown link lstat mkdir mknod \
               newfstatat open pause pipe poll readlink rename rmdir select setrlimit signalfd \
               stat symlink time unlink utime utimes vfork";
    let surprising: Vec<_> = lacking
        .iter()
        .filter(|name| !old.split_ascii_whitespace().any(|known| known == **name))
        .collect();
    assert!(surprising.is_empty(), "{surprising:?}");
}

#[test]
fn what_programs_need_is_allowed() {
    for arch in BOTH {
        for name in ["read", "execve", "mmap", "openat2", "clone", "prctl", "ioctl", "sendmsg"] {
            assert_eq!(verdict(arch, name, [0; 6]), ALLOW, "{name}");
        }
        // A thread of glibc, and a child.
        assert_eq!(verdict(arch, "clone", [0x3d_0f00, 0, 0, 0, 0, 0]), ALLOW);
        assert_eq!(verdict(arch, "clone", [0x0120_0011, 0, 0, 0, 0, 0]), ALLOW);
        for family in FAMILIES {
            assert_eq!(verdict(arch, "socket", [family, 0x8_0002, 0, 0, 0, 0]), ALLOW);
        }
        assert_eq!(verdict(arch, "socket", [2, 1, 6, 0, 0, 0]), ALLOW);
        for futex in [0x80, 0x81, 0x189, 4] {
            assert_eq!(verdict(arch, "futex", [0, futex, 0, 0, 0, 0]), ALLOW, "{futex}");
        }
        assert_eq!(verdict(arch, "setsockopt", [3, 6, 1, 0, 0, 0]), ALLOW);
        assert_eq!(verdict(arch, "ioctl", [0, 0x5401, 0, 0, 0, 0]), ALLOW);
        assert_eq!(verdict(arch, "personality", [0xffff_ffff, 0, 0, 0, 0, 0]), ALLOW);
    }
}

#[test]
fn what_is_refused_is_told_the_right_error() {
    let unknown = error(libc::ENOSYS);
    for arch in BOTH {
        for name in [
            "io_uring_setup",
            "clone3",
            "splice",
            "vmsplice",
            "tee",
            "io_setup",
            "memfd_secret",
            "move_pages",
            "name_to_handle_at",
        ] {
            assert_eq!(verdict(arch, name, [0; 6]), unknown, "{name}");
        }
        for name in REFUSED {
            if number(arch.0, name).is_some() {
                assert_eq!(verdict(arch, name, [0; 6]), error(libc::EPERM), "{name}");
            }
        }
        for flag in NAMESPACE_FLAGS {
            assert_eq!(verdict(arch, "clone", [flag | 0x11, 0, 0, 0, 0, 0]), error(libc::EPERM));
        }
        // AF_UNSPEC, AF_ALG, AF_VSOCK, AF_PACKET, AF_RXRPC, AF_TIPC, AF_SMC, AF_XDP
        for family in [0, 38, 40, 17, 33, 30, 43, 44] {
            let said = verdict(arch, "socket", [family, 1, 0, 0, 0, 0]);
            assert_eq!(said, error(libc::EAFNOSUPPORT), "{family}");
            let pair = verdict(arch, "socketpair", [family, 1, 0, 0, 0, 0]);
            assert_eq!(pair, error(libc::EAFNOSUPPORT), "{family}");
        }
        for (family, kind, protocol) in
            [(16, 3, 6), (16, 3, 12), (2, 1, 132), (10, 1, 262), (2, 1, 256), (2, 5, 0), (10, 6, 0)]
        {
            let said = verdict(arch, "socket", [family, kind | 0x8_0000, protocol, 0, 0, 0]);
            assert_eq!(said, error(libc::EPROTONOSUPPORT), "{family} {kind} {protocol}");
        }
        for (level, name) in [(6, 31), (282, 1), (282, 2), (17, 100), (1, 26)] {
            let said = verdict(arch, "setsockopt", [3, level, name, 0, 0, 0]);
            assert_eq!(said, error(libc::ENOPROTOOPT), "{level} {name}");
        }
        for (name, argument) in WITH_MESSAGE_FLAGS {
            let mut arguments = [0; 6];
            arguments[usize::from(argument)] = 0x4001;
            assert_eq!(verdict(arch, name, arguments), error(libc::EOPNOTSUPP), "{name}");
        }
        for operation in [6, 7, 8, 11, 12, 13, 0x86] {
            assert_eq!(verdict(arch, "futex", [0, operation, 0, 0, 0, 0]), unknown);
        }
        // ADDR_NO_RANDOMIZE, READ_IMPLIES_EXEC
        for personality in [0x004_0000, 0x040_0000] {
            assert_eq!(verdict(arch, "personality", [personality, 0, 0, 0, 0, 0]), unknown);
        }
    }
}

/// The kernel takes an `int` from the low half of a register.
#[test]
fn bits_above_an_int_lead_past_no_rule() {
    const HIGH: u64 = 0xdead_beef_0000_0000;
    for arch in BOTH {
        for request in TERMINAL_REQUESTS {
            let said = verdict(arch, "ioctl", [0, HIGH | request, 0, 0, 0, 0]);
            assert_eq!(said, error(libc::EPERM), "{request:#x}");
        }
        let said = verdict(arch, "socket", [HIGH | 0x26, 5, 0, 0, 0, 0]);
        assert_eq!(said, error(libc::EAFNOSUPPORT));
        let said = verdict(arch, "socket", [2, 1, HIGH | 0x84, 0, 0, 0]);
        assert_eq!(said, error(libc::EPROTONOSUPPORT));
        let said = verdict(arch, "setsockopt", [3, HIGH | 6, HIGH | 31, 0, 0, 0]);
        assert_eq!(said, error(libc::ENOPROTOOPT));
        let said = verdict(arch, "clone", [HIGH | 0x1000_0000, 0, 0, 0, 0, 0]);
        assert_eq!(said, error(libc::EPERM));
        assert_eq!(verdict(arch, "futex", [0, HIGH | 6, 0, 0, 0, 0]), error(libc::ENOSYS));
    }
}

#[test]
fn calls_of_another_kind_of_process_kill_it_or_are_unknown() {
    for (arch, other) in [(TargetArch::x86_64, I386), (TargetArch::aarch64, X86_64)] {
        for program in compiled(arch).unwrap() {
            assert_eq!(run(&program, 4, other, [0; 6]), KILL);
        }
    }
    // The numbers of x32 are those of x86-64 with a bit set.
    for number in 0..512 {
        let said = strictest(BOTH[0], 0x4000_0000 | number, [0; 6]);
        assert_eq!(said, error(libc::ENOSYS), "{number}");
    }
}

/// What nobody has heard of yet is unknown, too: the list is of what is allowed.
#[test]
fn a_call_of_the_future_is_unknown() {
    for arch in BOTH {
        for number in 470..1000 {
            assert_eq!(strictest(arch, number, [0; 6]), error(libc::ENOSYS), "{number}");
        }
    }
}

#[test]
fn the_programs_fit_into_the_kernel() {
    for arch in BOTH {
        for program in compiled(arch.0).unwrap() {
            assert!((1..=4096).contains(&program.len()), "{}", program.len());
        }
    }
    for program in programs().unwrap() {
        assert_eq!(program.len() % 8, 0);
    }
}
