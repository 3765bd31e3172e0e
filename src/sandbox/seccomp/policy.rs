//! Which system calls a sandbox may make. Data only; what it means is in the module above.
//!
//! Everything is named, so that one list serves every processor: a call that one of them does not
//! have is left out there. Where a list speaks of a number, it is of the kernel's headers.

/// What programs need, whatever the arguments. It began as systemd's `@system-service`, without
/// what opens much of the kernel for little: `io_uring` and the older asynchronous input and output,
/// keys, other processes' memory, memory policies of other nodes, pipes made of pages (`splice`,
/// `vmsplice`, `tee`), and `clone3`, whose arguments a filter cannot see.
#[rustfmt::skip] // A word per line would be 280 of them.
pub(super) const ALLOWED: &[&str] = &[
    // Processes, and what they know of themselves.
    "arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork",
    "get_robust_list", "getcpu", "getegid", "geteuid", "getgid", "getgroups", "getpgid", "getpgrp",
    "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresuid", "getrlimit",
    "getrusage", "getsid", "gettid", "getuid", "ioprio_get", "ioprio_set", "kill", "membarrier",
    "pause", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64", "restart_syscall", "rseq",
    "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo", "rt_sigreturn",
    "rt_sigsuspend", "rt_sigtimedwait", "rt_tgsigqueueinfo", "sched_get_priority_max",
    "sched_get_priority_min", "sched_getaffinity", "sched_getattr", "sched_getparam",
    "sched_getscheduler", "sched_rr_get_interval", "sched_setaffinity", "sched_setattr",
    "sched_setparam", "sched_setscheduler", "sched_yield", "set_robust_list", "set_tid_address",
    "setfsgid", "setfsuid", "setgid", "setgroups", "setpgid", "setpriority", "setregid",
    "setresgid", "setresuid", "setreuid", "setrlimit", "setsid", "setuid", "sigaltstack",
    "sysinfo", "tgkill", "times", "tkill", "umask", "uname", "vfork", "wait4", "waitid",
    // Rules that a program puts on itself.
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "seccomp",
    // Memory.
    "brk", "get_mempolicy", "madvise", "map_shadow_stack", "mbind", "memfd_create", "mincore",
    "mlock", "mlock2", "mlockall", "mmap", "mprotect", "mremap", "mseal", "msync", "munlock",
    "munlockall", "munmap", "pkey_alloc", "pkey_free", "pkey_mprotect", "set_mempolicy",
    // Files.
    "access", "cachestat", "chdir", "chmod", "chown", "close", "close_range", "copy_file_range",
    "creat", "dup", "dup2", "dup3", "faccessat", "faccessat2", "fadvise64", "fallocate", "fchdir",
    "fchmod", "fchmodat", "fchmodat2", "fchown", "fchownat", "fcntl", "fdatasync", "fgetxattr",
    "flistxattr", "flock", "fremovexattr", "fsetxattr", "fstat", "fstatat", "fstatfs", "fsync", "ftruncate",
    "futimesat", "getcwd", "getdents", "getdents64", "getxattr", "inotify_add_watch",
    "inotify_init", "inotify_init1", "inotify_rm_watch", "lchown", "lgetxattr", "link", "linkat",
    "listxattr", "llistxattr", "lremovexattr", "lseek", "lsetxattr", "lstat", "mkdir", "mkdirat",
    "mknod", "mknodat", "newfstatat", "open", "openat", "openat2", "pipe", "pipe2", "pread64",
    "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead", "readlink",
    "readlinkat", "readv", "removexattr", "rename", "renameat", "renameat2", "rmdir", "sendfile",
    "setxattr", "stat", "statfs", "statx", "symlink", "symlinkat", "sync", "sync_file_range",
    "syncfs", "truncate", "unlink", "unlinkat", "utime", "utimensat", "utimes", "write", "writev",
    // Waiting.
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait",
    "eventfd", "eventfd2", "futex_wait", "futex_waitv", "futex_wake", "poll", "ppoll", "pselect6",
    "select", "signalfd", "signalfd4",
    // Time.
    "alarm", "clock_getres", "clock_gettime", "clock_nanosleep", "getitimer", "gettimeofday",
    "nanosleep", "setitimer", "time", "timer_create", "timer_delete", "timer_getoverrun",
    "timer_gettime", "timer_settime", "timerfd_create", "timerfd_gettime", "timerfd_settime",
    // Between processes.
    "accept", "accept4", "bind", "connect", "getpeername", "getsockname", "getsockopt", "ioctl",
    "listen", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend",
    "mq_unlink", "msgctl", "msgget", "msgrcv", "msgsnd", "recvfrom", "recvmmsg", "recvmsg",
    "semctl", "semget", "semop", "semtimedop", "sendmmsg", "sendmsg", "sendto", "setsockopt",
    "shmat", "shmctl", "shmdt", "shmget", "shutdown", "socket", "socketpair",
];

/// What programs may try and have to be told that they may not: everything else is told that the
/// kernel does not know it, so that a program falls back to what an older kernel had.
#[rustfmt::skip]
pub(super) const REFUSED: &[&str] = &[
    // Other processes.
    "kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace",
    // Keys of the kernel.
    "add_key", "keyctl", "request_key",
    // Programs and watches in the kernel.
    "bpf", "fanotify_init", "fanotify_mark", "perf_event_open", "userfaultfd",
    // Namespaces and mounts.
    "chroot", "mount", "mount_setattr", "move_mount", "open_by_handle_at", "open_tree",
    "pivot_root", "setns", "umount2", "unshare", "fsconfig", "fsmount", "fsopen", "fspick",
    // The host.
    "acct", "adjtimex", "clock_adjtime", "clock_settime", "delete_module", "finit_module",
    "init_module", "ioperm", "iopl", "kexec_file_load", "kexec_load", "quotactl", "quotactl_fd",
    "reboot", "setdomainname", "sethostname", "settimeofday", "swapoff", "swapon", "syslog",
    "vhangup",
];

/// The new namespaces that `clone` can be asked for, `CLONE_NEW*`; each of them alone is refused.
pub(super) const NAMESPACE_FLAGS: [u64; 7] = [
    0x0002_0000, // mount
    0x0200_0000, // cgroup
    0x0400_0000, // uts
    0x0800_0000, // ipc
    0x1000_0000, // user
    0x2000_0000, // pid
    0x4000_0000, // net
];

/// Requests of `ioctl` that put words into a terminal's input (`TIOCSTI`, `TIOCLINUX`), take the
/// console (`TIOCCONS`), or load a line discipline into the kernel (`TIOCSETD`).
pub(super) const TERMINAL_REQUESTS: [u64; 4] = [0x5412, 0x541C, 0x541D, 0x5423];

/// Execution domains that `personality` may take: Linux, Linux with 32-bit names, and the
/// question. None of them turns address randomization off.
pub(super) const PERSONALITIES: [u64; 3] = [0, 8, 0xffff_ffff];

/// What `futex` may do, without its flags for private and real-time: wait, wake, requeue, and
/// their bitset forms. Not the inheriting of priorities (6, 7, 8, 11, 12, 13), which few programs
/// use and which has been a way into the kernel more than once.
pub(super) const FUTEX_OPERATIONS: [u64; 7] = [0, 1, 3, 4, 5, 9, 10];

/// `futex` has its operation in these bits.
pub(super) const FUTEX_OPERATION_BITS: u64 = 0x7f;

pub(super) const AF_UNIX: u64 = 1;
pub(super) const AF_INET: u64 = 2;
pub(super) const AF_INET6: u64 = 10;
pub(super) const AF_NETLINK: u64 = 16;

/// The families of sockets there are. Not `AF_VSOCK` (it leads to the hypervisor past every
/// network namespace), `AF_ALG`, `AF_PACKET`, `AF_RXRPC`, `AF_SMC`, `AF_TIPC` and thirty more.
pub(super) const FAMILIES: [u64; 4] = [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK];

/// The protocols of internet sockets: the usual one, ICMP, TCP, UDP, and that of IPv6. Others would be
/// loaded into the kernel on demand: SCTP, DCCP, L2TP, SMC, MPTCP.
pub(super) const INTERNET_PROTOCOLS: [u64; 5] = [0, 1, 6, 17, 58];

/// Kinds of internet sockets, in the low bits of the type, that load such protocols by
/// themselves: reliably delivered messages, sequenced packets, DCCP, packets.
pub(super) const INTERNET_KINDS_REFUSED: [u64; 4] = [4, 5, 6, 10];

/// `socket` has its kind in these bits of the type.
pub(super) const KIND_BITS: u64 = 0xf;

/// Netlink towards the tables of addresses and routes, which programs list; not XFRM, netfilter
/// and twenty more.
pub(super) const NETLINK_ROUTE: u64 = 0;

/// Options that may not be set on a socket, level and name: `TCP_ULP` (kTLS, ESP in TCP),
/// everything of `SOL_TLS`, `UDP_ENCAP` (ESP, L2TP, GTP in UDP), and programs of BPF
/// (`SO_ATTACH_FILTER`, `SO_ATTACH_BPF`, `SO_ATTACH_REUSEPORT_CBPF`, `…_EBPF`).
pub(super) const OPTIONS_REFUSED: [(u64, Option<u64>); 8] = [
    (6, Some(31)),
    (282, None),
    (17, Some(100)),
    (136, Some(100)),
    (1, Some(26)),
    (1, Some(50)),
    (1, Some(51)),
    (1, Some(52)),
];

/// `MSG_OOB`: data out of band, of no use but to attackers of the kernel.
pub(super) const OUT_OF_BAND: u64 = 1;

/// The calls that take flags of a message, and which argument these are.
pub(super) const WITH_MESSAGE_FLAGS: [(&str, u8); 6] = [
    ("recvfrom", 3),
    ("recvmmsg", 3),
    ("recvmsg", 2),
    ("sendmmsg", 3),
    ("sendmsg", 2),
    ("sendto", 3),
];
