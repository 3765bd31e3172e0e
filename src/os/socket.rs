//! Unix stream sockets at paths of any length.
//!
//! An address holds 108 bytes, and a path below a state directory is soon longer. So a long path
//! is reached through its open directory: `/proc/self/fd/<directory>/<name>`.
//!
//! *Invariant:* [`bind`] removes a socket nobody listens on, and nothing else, ever. Two
//! programs that bind the same path at the same moment are kept apart by whoever owns the
//! directory, not here.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::socket::{self, AddressFamily, Backlog, SockFlag, SockType, UnixAddr};
use nix::sys::stat::{self, FchmodatFlags, Mode, SFlag};
use nix::unistd::{self, UnlinkatFlags};
use tokio::net::UnixStream;

/// Bytes of a path that fit an address, its ending NUL apart (`sun_path` has 108).
const ADDRESS_BYTES_MAX: usize = 107;

/// Connections the kernel keeps while they wait to be accepted: enough for every session of a
/// host to call at once after a restart.
const BACKLOG: i32 = 1024;

/// Why a socket could not be bound or connected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error("`{}` is taken: a running program listens on it", path.display())]
    Taken { path: PathBuf },
    #[error("`{}` exists and is not a socket", path.display())]
    NotASocket { path: PathBuf },
    #[error("`{}` does not name a socket in a directory", path.display())]
    NoName { path: PathBuf },
    #[error("the file name of `{}` is too long for a socket", path.display())]
    NameTooLong { path: PathBuf },
    #[error("the directory of `{}` cannot be opened", path.display())]
    Directory { path: PathBuf, source: io::Error },
    #[error("cannot tell whether a program listens on `{}`", path.display())]
    Probe { path: PathBuf, source: io::Error },
    #[error("cannot listen on `{}`", path.display())]
    Bind { path: PathBuf, source: io::Error },
    #[error("cannot connect to `{}`", path.display())]
    Connect { path: PathBuf, source: io::Error },
}

/// A path as the kernel takes it: as it is, or through its open directory, which has to live
/// until the call is done.
struct Place<'a> {
    path: &'a Path,
    name: &'a Path,
    directory: File,
    reachable: PathBuf,
}

impl<'a> Place<'a> {
    fn open(path: &'a Path) -> Result<Self, SocketError> {
        let owned = || path.to_owned();
        let name = path.file_name().ok_or_else(|| SocketError::NoName { path: owned() })?;
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let directory = File::options()
            .read(true)
            .custom_flags(nix::libc::O_PATH | nix::libc::O_DIRECTORY)
            .open(parent)
            .map_err(|source| SocketError::Directory { path: owned(), source })?;
        let reachable = if path.as_os_str().as_bytes().len() <= ADDRESS_BYTES_MAX {
            owned()
        } else {
            Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name)
        };
        if reachable.as_os_str().as_bytes().len() > ADDRESS_BYTES_MAX {
            return Err(SocketError::NameTooLong { path: owned() });
        }
        Ok(Self { path, name: Path::new(name), directory, reachable })
    }

    fn address(&self) -> Result<UnixAddr, SocketError> {
        UnixAddr::new(&self.reachable).map_err(|errno| self.bind_failed(errno))
    }

    fn bind_failed(&self, errno: Errno) -> SocketError {
        SocketError::Bind { path: self.path.to_owned(), source: errno.into() }
    }

    fn probe_failed(&self, errno: Errno) -> SocketError {
        SocketError::Probe { path: self.path.to_owned(), source: errno.into() }
    }

    /// Makes room: removes a socket that is left over, refuses everything else.
    fn clear(&self) -> Result<(), SocketError> {
        let found = match stat::fstatat(&self.directory, self.name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) => SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT,
            Err(Errno::ENOENT) => return Ok(()),
            Err(errno) => return Err(self.probe_failed(errno)),
        };
        if found != SFlag::S_IFSOCK {
            return Err(SocketError::NotASocket { path: self.path.to_owned() });
        }
        let probe = stream_socket().map_err(|errno| self.probe_failed(errno))?;
        match socket::connect(probe.as_raw_fd(), &self.address()?) {
            // EAGAIN: the listener is alive and its queue is full. EPROTOTYPE: alive, but a
            // socket of another kind.
            Ok(()) | Err(Errno::EAGAIN | Errno::EPROTOTYPE) => {
                Err(SocketError::Taken { path: self.path.to_owned() })
            }
            Err(Errno::ECONNREFUSED) => {
                match unistd::unlinkat(&self.directory, self.name, UnlinkatFlags::NoRemoveDir) {
                    Ok(()) | Err(Errno::ENOENT) => Ok(()),
                    Err(errno) => Err(self.bind_failed(errno)),
                }
            }
            Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(self.probe_failed(errno)),
        }
    }
}

/// Listens at `path` with the permission bits `mode`. A socket that nobody listens on any more is
/// replaced; a live one, and anything that is not a socket, is refused. The listener does not
/// block, as tokio wants it.
pub(crate) fn bind(path: &Path, mode: u32) -> Result<UnixListener, SocketError> {
    let place = Place::open(path)?;
    let failed = |errno| place.bind_failed(errno);
    let mode = Mode::from_bits_truncate(mode);
    place.clear()?;
    let listener = stream_socket().map_err(failed)?;
    // Before it has a name, so that there is no moment with wider permissions (the umask can
    // only narrow them); after it has one, because the umask did.
    stat::fchmod(&listener, mode).map_err(failed)?;
    match socket::bind(listener.as_raw_fd(), &place.address()?) {
        Ok(()) => {}
        // Somebody was faster between the look and the bind.
        Err(Errno::EADDRINUSE) => return Err(SocketError::Taken { path: path.to_owned() }),
        Err(errno) => return Err(failed(errno)),
    }
    let backlog = Backlog::new(BACKLOG).map_err(failed)?;
    let ready = stat::fchmodat(&place.directory, place.name, mode, FchmodatFlags::FollowSymlink)
        .and_then(|()| socket::listen(&listener, backlog));
    if let Err(errno) = ready {
        drop(listener);
        // Now a leftover of ours; the first failure is the one to report.
        let _leftover = place.clear();
        return Err(failed(errno));
    }
    Ok(UnixListener::from(listener))
}

/// Connects to the socket at `path`.
pub(crate) async fn connect(path: &Path) -> Result<UnixStream, SocketError> {
    let place = Place::open(path)?;
    UnixStream::connect(&place.reachable)
        .await
        .map_err(|source| SocketError::Connect { path: path.to_owned(), source })
}

fn stream_socket() -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket::socket(AddressFamily::Unix, SockType::Stream, flags, None)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
    use std::os::unix::net::UnixDatagram;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A directory whose path alone is longer than an address.
    fn long_directory() -> (tempfile::TempDir, PathBuf) {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path().join("d".repeat(100)).join("e".repeat(80));
        fs::create_dir_all(&directory).unwrap();
        (scratch, directory)
    }

    async fn answers(path: &Path, listener: UnixListener) {
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        let mut client = connect(path).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.write_all(b"x").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn a_path_of_200_characters_works_like_a_short_one() {
        let (_scratch, directory) = long_directory();
        let path = directory.join("api.sock");
        assert!(path.as_os_str().len() > 190);
        answers(&path, bind(&path, 0o660).unwrap()).await;
        // Stale now: replaced, and the new one answers.
        answers(&path, bind(&path, 0o660).unwrap()).await;
    }

    #[tokio::test]
    async fn the_mode_is_exact_whatever_the_umask() {
        let scratch = tempfile::tempdir().unwrap();
        for mode in [0o600, 0o660, 0o666] {
            let path = scratch.path().join(format!("{mode:o}.sock"));
            let _listener = bind(&path, mode).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
        }
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("api.sock");
        drop(bind(&path, 0o600).unwrap());
        assert!(fs::metadata(&path).unwrap().file_type().is_socket());
        answers(&path, bind(&path, 0o600).unwrap()).await;
    }

    #[tokio::test]
    async fn a_live_socket_is_refused_and_goes_on_living() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("api.sock");
        let listener = bind(&path, 0o600).unwrap();
        assert!(matches!(bind(&path, 0o600), Err(SocketError::Taken { .. })));
        // The probe of the second bind waits in the queue in front of the client.
        drop(listener.accept().unwrap());
        answers(&path, listener).await;
    }

    #[test]
    fn a_socket_of_another_kind_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("log.sock");
        let _datagram = UnixDatagram::bind(&path).unwrap();
        assert!(matches!(bind(&path, 0o600), Err(SocketError::Taken { .. })));
        assert!(path.exists());
    }

    #[test]
    fn what_is_not_a_socket_is_neither_removed_nor_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        fs::write(&file, "precious").unwrap();
        let directory = scratch.path().join("directory");
        fs::create_dir(&directory).unwrap();
        let stale = scratch.path().join("stale.sock");
        drop(bind(&stale, 0o600).unwrap());
        let (link, dangling) = (scratch.path().join("link"), scratch.path().join("dangling"));
        symlink(&stale, &link).unwrap();
        symlink(scratch.path().join("nowhere"), &dangling).unwrap();
        for path in [&file, &directory, &link, &dangling] {
            let refused = bind(path, 0o600);
            assert!(matches!(refused, Err(SocketError::NotASocket { .. })), "{path:?} {refused:?}");
            assert!(fs::symlink_metadata(path).is_ok(), "{path:?} is still there");
        }
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
        assert!(stale.exists());
    }

    #[test]
    fn a_path_that_cannot_be_a_socket_is_refused_with_its_reason() {
        let (_scratch, directory) = long_directory();
        let name = directory.join("n".repeat(120));
        assert!(matches!(bind(&name, 0o600), Err(SocketError::NameTooLong { .. })));
        assert!(matches!(bind(Path::new("/"), 0o600), Err(SocketError::NoName { .. })));
        let missing = directory.join("missing").join("api.sock");
        assert!(matches!(bind(&missing, 0o600), Err(SocketError::Directory { .. })));
    }

    #[tokio::test]
    async fn connecting_to_nobody_is_an_error_with_its_cause() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("api.sock");
        drop(bind(&path, 0o600).unwrap());
        let Err(SocketError::Connect { source, .. }) = connect(&path).await else {
            panic!("nobody listens")
        };
        assert_eq!(source.kind(), io::ErrorKind::ConnectionRefused);
    }
}
