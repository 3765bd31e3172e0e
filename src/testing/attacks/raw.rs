//! System calls as an enemy makes them: any number, any words. The only `unsafe` of the tests.
#![expect(unsafe_code, reason = "an attack asks the kernel for what no library offers")]

use nix::errno::Errno;
use nix::libc;

/// Makes a system call. Whoever calls it gives the kernel addresses of its own living buffers
/// only, as large as the call expects, or none.
pub(super) fn call<const COUNT: usize>(number: i64, words: [usize; COUNT]) -> Result<usize, Errno> {
    const { assert!(COUNT <= 6) };
    let mut all = [0; 6];
    all[..COUNT].copy_from_slice(&words);
    // SAFETY: the kernel checks every word, and the addresses are the caller's own living buffers.
    let answer = unsafe { libc::syscall(number, all[0], all[1], all[2], all[3], all[4], all[5]) };
    usize::try_from(answer).map_err(|_negative| Errno::last())
}

/// The address of a buffer that the kernel reads.
pub(super) fn address<T: ?Sized>(of: &T) -> usize {
    std::ptr::from_ref(of).cast::<u8>().expose_provenance()
}

/// The address of a buffer that the kernel writes.
pub(super) fn address_mut<T: ?Sized>(of: &mut T) -> usize {
    std::ptr::from_mut(of).cast::<u8>().expose_provenance()
}

/// A child by `clone` with these flags, which ends at once, or waits to be killed.
pub(super) fn child(flags: usize, waits: bool) -> Result<i32, Errno> {
    let flags = flags | usize::try_from(libc::SIGCHLD).unwrap_or_default();
    // SAFETY: without a stack and without CLONE_VM this is `fork`; the child makes system calls
    // only and never returns.
    let answer = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    ended_if_child(answer, waits)
}

/// The same by `clone3`, whose arguments no filter can see.
pub(super) fn child_by_clone3(flags: u64) -> Result<i32, Errno> {
    let mut arguments = [0_u64; 11];
    arguments[0] = flags;
    arguments[4] = u64::try_from(libc::SIGCHLD).unwrap_or_default();
    let size = size_of_val(&arguments);
    // SAFETY: the arguments live until the call returns; without a stack and without CLONE_VM this
    // is `fork`; the child makes system calls only and never returns.
    let answer = unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size) };
    ended_if_child(answer, false)
}

fn ended_if_child(answer: libc::c_long, waits: bool) -> Result<i32, Errno> {
    if answer == 0 {
        if waits {
            // SAFETY: takes nothing and touches no memory.
            let _interrupted = unsafe { libc::pause() };
        }
        // SAFETY: ends the child without running anything of its parent's.
        unsafe { libc::_exit(0) }
    }
    i32::try_from(answer).ok().filter(|pid| *pid > 0).ok_or_else(Errno::last)
}

/// The kernel's 32-bit door of x86: `getpid` by `int 0x80`.
#[cfg(target_arch = "x86_64")]
pub(super) fn getpid_by_interrupt() -> Result<i64, Errno> {
    let mut answer: i64 = 20;
    // SAFETY: `getpid` takes nothing and touches no memory; the kernel keeps all other registers
    // but r8 to r11.
    unsafe {
        std::arch::asm!("int 0x80", inlateout("rax") answer, out("r8") _, out("r9") _,
            out("r10") _, out("r11") _);
    }
    if answer > 0 { Ok(answer) } else { Err(Errno::ENOSYS) }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn getpid_by_interrupt() -> Result<i64, Errno> {
    Err(Errno::ENOSYS)
}
