//! The system calls that no library wraps safely: the only `unsafe` of the product.
#![expect(unsafe_code, reason = "the one place for it; every block says why it is sound")]

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::libc;
use nix::sys::signal::{SigHandler, Signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Turns the answer of a system call into a result.
fn checked(answer: libc::c_long) -> io::Result<libc::c_long> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// Takes over a descriptor that a system call has just made for this process.
fn adopt(answer: libc::c_long) -> io::Result<OwnedFd> {
    let raw = RawFd::try_from(checked(answer)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Takes over a descriptor that this program was started with, and marks it close-on-exec. To be
/// called once for each, before anything else is opened.
pub(crate) fn adopt_inherited(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: not -1, and used for one call only, which fails if the number is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: it is open, and whoever started this program meant it for this very use.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Takes over descriptors that arrived with a message (`SCM_RIGHTS`).
pub(super) fn adopt_received(received: Vec<RawFd>) -> Vec<OwnedFd> {
    received
        .into_iter()
        // SAFETY: recvmsg made each of them for this process, and each is listed once.
        .map(|raw| unsafe { OwnedFd::from_raw_fd(raw) })
        .collect()
}

/// Marks every open descriptor from `first` on close-on-exec.
pub(crate) fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: takes numbers only and touches no memory.
    let answer =
        unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    checked(answer).map(drop)
}

/// Makes `fd` also known under `number`, inherited by the next program. Whatever had that number
/// is closed, so only a program that owns its whole table may do this: `ash-launch`.
pub(crate) fn place_at(fd: impl AsFd, number: RawFd) -> io::Result<()> {
    // SAFETY: takes numbers only and touches no memory; the caller owns the whole table.
    let answer = unsafe { libc::dup2(fd.as_fd().as_raw_fd(), number) };
    checked(libc::c_long::from(answer)).map(drop)
}

/// A handle on the process that has this number now.
pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only and touches no memory.
    adopt(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })
}

/// Sends a signal to the very process the handle stands for.
pub(crate) fn pidfd_send_signal(pidfd: impl AsFd, signal: Signal) -> io::Result<()> {
    let raw = pidfd.as_fd().as_raw_fd();
    // SAFETY: the null pointer is the documented way to send without extra information.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            raw,
            signal as libc::c_int,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    checked(answer).map(drop)
}

/// Lets the runtime wait for what happens to a file that can be polled.
pub(super) fn watch(file: File, interest: Interest) -> io::Result<AsyncFd<File>> {
    // SAFETY: a File owns one descriptor and keeps it, the same, until it is dropped.
    let watched = unsafe { AsyncFd::register_with_interest(file, interest) };
    Ok(watched?)
}

/// A detached copy of the mount at `fd`, which outlives a change of the mount namespace.
pub(crate) fn clone_mount(fd: impl AsFd) -> io::Result<OwnedFd> {
    let flags =
        libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | libc::AT_EMPTY_PATH.cast_unsigned();
    let raw = fd.as_fd().as_raw_fd();
    // SAFETY: the path is a constant C string, the rest are numbers.
    adopt(unsafe { libc::syscall(libc::SYS_open_tree, raw, c"".as_ptr(), flags) })
}

/// Attaches a detached mount at `target`.
pub(crate) fn attach_mount(mount: impl AsFd, target: &CStr) -> io::Result<()> {
    /// `MOVE_MOUNT_F_EMPTY_PATH` of linux/mount.h.
    const FROM_EMPTY_PATH: u32 = 4;
    let raw = mount.as_fd().as_raw_fd();
    // SAFETY: both paths are C strings that live until the call returns, the rest are numbers.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            raw,
            c"".as_ptr(),
            libc::AT_FDCWD,
            target.as_ptr(),
            FROM_EMPTY_PATH,
        )
    };
    checked(answer).map(drop)
}

/// Gives every signal its default effect again, also for the programs that follow in this
/// process: what a parent or a runtime ignores, its children ignore too.
pub(crate) fn default_signals() -> io::Result<()> {
    for signal in Signal::iterator().filter(|s| !matches!(s, Signal::SIGKILL | Signal::SIGSTOP)) {
        // SAFETY: the default effect runs no code of ours.
        unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) }?;
    }
    Ok(())
}

/// Gives the kernel back what the allocator keeps of memory that was freed. Takes milliseconds.
#[cfg(target_env = "gnu")]
pub(crate) fn give_free_memory_back() {
    // SAFETY: takes a number only; the allocator locks what it looks at.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators do that by themselves, or not at all.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_free_memory_back() {}

/// What the kernel keeps of a file beside its mode: `struct fsxattr` of linux/fs.h.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct ExtendedAttributes {
    flags: u32,
    extent_bytes: u32,
    extents: u32,
    pub(super) project: u32,
    copied_extent_bytes: u32,
    _pad: [u8; 8],
}

impl ExtendedAttributes {
    /// What is made below gets the same project.
    pub(super) fn inherit(&mut self) {
        /// `FS_XFLAG_PROJINHERIT`.
        const INHERIT: u32 = 0x200;
        self.flags |= INHERIT;
    }
}

/// `FS_IOC_FSGETXATTR` and `FS_IOC_FSSETXATTR` of linux/fs.h, which are the same on every machine
/// that Ash is built for.
const GET_EXTENDED: libc::Ioctl = 0x801c_581f;
const SET_EXTENDED: libc::Ioctl = 0x401c_5820;

pub(super) fn extended_attributes(of: impl AsFd) -> io::Result<ExtendedAttributes> {
    let mut attributes = ExtendedAttributes::default();
    let raw = of.as_fd().as_raw_fd();
    // SAFETY: the kernel writes a structure of exactly this size and layout.
    let answer = unsafe { libc::ioctl(raw, GET_EXTENDED, &raw mut attributes) };
    checked(answer.into()).map(|_zero| attributes)
}

pub(super) fn set_extended_attributes(
    of: impl AsFd,
    attributes: &ExtendedAttributes,
) -> io::Result<()> {
    let raw = of.as_fd().as_raw_fd();
    // SAFETY: the kernel reads a structure of exactly this size and layout.
    let answer = unsafe { libc::ioctl(raw, SET_EXTENDED, std::ptr::from_ref(attributes)) };
    checked(answer.into()).map(drop)
}

/// Sets the hard limits of a project on the file system of `on`.
pub(super) fn set_project_quota(
    on: impl AsFd,
    project: u32,
    bytes: u64,
    files: u64,
) -> io::Result<()> {
    /// `PRJQUOTA` of linux/quota.h.
    const PROJECTS: libc::c_int = 2;
    /// What one block is in these numbers, whatever the file system has.
    const BLOCK_BYTES: u64 = 1024;
    // SAFETY: all of it is numbers, for which zero is a value.
    let mut limits: libc::dqblk = unsafe { std::mem::zeroed() };
    limits.dqb_bhardlimit = bytes / BLOCK_BYTES;
    limits.dqb_bsoftlimit = limits.dqb_bhardlimit;
    limits.dqb_ihardlimit = files;
    limits.dqb_isoftlimit = files;
    limits.dqb_valid = libc::QIF_LIMITS;
    let raw = on.as_fd().as_raw_fd();
    let command = libc::QCMD(libc::Q_SETQUOTA, PROJECTS);
    // SAFETY: the kernel reads a structure of this type, which lives until the call returns.
    let answer =
        unsafe { libc::syscall(libc::SYS_quotactl_fd, raw, command, project, &raw const limits) };
    checked(answer).map(drop)
}
