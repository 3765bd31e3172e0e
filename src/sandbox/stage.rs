//! A place for what a sandbox is given, which its user can reach: bwrap runs as that user and
//! names every mount by path, and the paths of ashd are closed to it.
//!
//! With the right to mount, `ash-launch` makes itself a mount namespace and attaches there copies
//! of exactly the mounts behind the descriptors, so that no path is walked twice and nothing on
//! the host need be open to the sandbox's user. Without it bwrap gets the descriptors as they
//! are, and refuses paths that its user cannot walk.

use std::ffi::CString;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{SFlag, fstat};

use crate::os::{fd, sys};

/// Where bwrap will find them: a directory that every system has. Only this process and what it
/// becomes sees it covered; the sandbox gets its own.
const STAGE: &str = "/tmp";

/// Room on the stage: a handful of empty mount points.
const STAGE_OPTIONS: &str = "mode=0755,size=64k,nr_inodes=32";

/// The same files, reachable; `None` if this process may not mount.
pub(super) fn set(handles: &[(&'static str, &OwnedFd)]) -> io::Result<Option<Vec<OwnedFd>>> {
    let mut copies = Vec::new();
    for (name, handle) in handles {
        match sys::clone_mount(handle) {
            Ok(copy) => copies.push((*name, is_directory(handle)?, copy)),
            Err(error) if may_not(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    unshare(CloneFlags::CLONE_NEWNS)?;
    // What the host unmounts must go away here too, or a disk stays busy as long as a sandbox
    // lives; nothing of ours must go the other way.
    mount_over(None, "/", None, MsFlags::MS_REC | MsFlags::MS_SLAVE, None)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount_over(Some("tmpfs"), STAGE, Some("tmpfs"), flags, Some(STAGE_OPTIONS))?;
    let mut staged = Vec::new();
    for (name, is_directory, copy) in copies {
        let path = Path::new(STAGE).join(name);
        if is_directory {
            fs::DirBuilder::new().mode(0o755).create(&path)?;
        } else {
            File::create_new(&path)?;
        }
        sys::attach_mount(&copy, &CString::new(path.as_os_str().as_encoded_bytes())?)?;
        staged.push(fd::open_handle(&path)?);
    }
    // A host, a container or a hardened unit may have covered parts of /proc, and the kernel then
    // lets nobody without privilege mount another: a whole one beside it settles that. Where it
    // is refused the covered one may still do, and bwrap says so if not.
    let _refused = mount_over(Some("proc"), "/proc", Some("proc"), flags, None);
    Ok(Some(staged))
}

fn mount_over(
    source: Option<&str>,
    target: &str,
    kind: Option<&str>,
    flags: MsFlags,
    options: Option<&str>,
) -> Result<(), Errno> {
    mount(source, target, kind, flags, options)
}

fn is_directory(handle: &OwnedFd) -> io::Result<bool> {
    let kind = SFlag::from_bits_truncate(fstat(handle)?.st_mode) & SFlag::S_IFMT;
    Ok(kind == SFlag::S_IFDIR)
}

fn may_not(error: &io::Error) -> bool {
    matches!(error.raw_os_error().map(Errno::from_raw), Some(Errno::EPERM | Errno::ENOSYS))
}
