//! The folders of ashd, and the lock that keeps a second ashd out of them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

use super::failure::Failure;

/// Held while ashd runs; released with the process, however it ends.
#[derive(Debug)]
pub(super) struct DataLock {
    _held: Flock<File>,
}

/// Makes the folder, for its owner only. An existing one keeps its mode.
pub(super) fn folder(path: &Path, mode: u32) -> Result<(), Failure> {
    let failed = |source| Failure::Folder { path: path.to_owned(), source };
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)
}

pub(super) fn lock(data: &Path) -> Result<DataLock, Failure> {
    let path = data.join("lock");
    let failed = |source| Failure::File { path: path.clone(), source };
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    let mut pid = String::new();
    file.read_to_string(&mut pid).map_err(failed)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut held) => {
            let written = held
                .set_len(0)
                .and_then(|()| held.rewind())
                .and_then(|()| write!(held, "{}", std::process::id()));
            written.map_err(failed)?;
            Ok(DataLock { _held: held })
        }
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => {
            Err(Failure::Locked { path: data.to_owned(), pid: pid.trim().to_owned() })
        }
        Err((_, errno)) => Err(failed(errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_ashd_is_told_who_holds_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap();
        let Err(Failure::Locked { pid, .. }) = lock(folder.path()) else { panic!("locked twice") };
        assert_eq!(pid, std::process::id().to_string());
        drop(first);
        lock(folder.path()).unwrap();
    }
}
