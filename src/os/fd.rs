//! Descriptors: handles on files without reading them, files in memory, and passing descriptors
//! to another process.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Seek as _, Write as _};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, UnixAddr, recvmsg, sendmsg};
use nix::sys::stat::Mode;

use super::sys;

/// Most descriptors that one message may carry: more than any of our messages needs, fewer than
/// the kernel's 253.
pub(crate) const DESCRIPTORS_MAX: usize = 16;

/// A handle on a directory, which is not followed if it is a link.
pub(crate) fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(open(path, flags, Mode::empty())?)
}

/// A handle on a file, for naming it to the kernel later.
pub(crate) fn open_handle(path: &Path) -> io::Result<OwnedFd> {
    Ok(open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?)
}

/// A file in memory that holds `content`, positioned at its start.
pub(crate) fn in_memory(name: &str, content: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file.into())
}

/// The same file under the lowest free number that is at least `lowest`.
pub(crate) fn moved_up(fd: impl AsFd, lowest: RawFd) -> io::Result<OwnedFd> {
    let raw = fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(lowest))?;
    let mut owned = sys::adopt_received(vec![raw]);
    owned.pop().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
}

/// Lets the next program inherit the descriptor.
pub(crate) fn inherit(fd: &OwnedFd) -> io::Result<()> {
    fcntl(fd, FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty()))?;
    Ok(())
}

/// Sends a part of `bytes`, and all of `descriptors` with it; answers how many bytes went.
pub(crate) fn send_with(
    socket: BorrowedFd<'_>,
    bytes: &[u8],
    descriptors: &[RawFd],
) -> io::Result<usize> {
    let rights = [ControlMessage::ScmRights(descriptors)];
    let sent = sendmsg::<UnixAddr>(
        socket.as_raw_fd(),
        &[IoSlice::new(bytes)],
        &rights,
        MsgFlags::MSG_NOSIGNAL,
        None,
    )?;
    Ok(sent)
}

/// Receives everything up to the end of input, and the descriptors that came with its first
/// bytes. More than `bytes_max` is an error.
pub(crate) fn receive_all(
    socket: &UnixStream,
    bytes_max: usize,
) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; bytes_max + 1];
    let (received, descriptors) = receive_with(socket.as_fd(), &mut bytes)?;
    bytes.truncate(received);
    let rest = u64::try_from(bytes_max + 1 - received).unwrap_or(u64::MAX);
    if received > 0 {
        socket.take(rest).read_to_end(&mut bytes)?;
    }
    if bytes.len() > bytes_max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the message is too long"));
    }
    Ok((bytes, descriptors))
}

/// Receives what is there, and the descriptors that came with it.
pub(crate) fn receive_with(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = cmsg_space!([RawFd; DESCRIPTORS_MAX]);
    loop {
        let mut parts = [IoSliceMut::new(bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let answer = recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags);
        let message = match answer {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        let mut descriptors = Vec::new();
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(received) = control {
                descriptors.extend(sys::adopt_received(received));
            }
        }
        if message.flags.contains(MsgFlags::MSG_CTRUNC) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too many descriptors"));
        }
        return Ok((message.bytes, descriptors));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_with_its_descriptors_and_its_end() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let file = in_memory("test", b"hello").unwrap();
        let sent = send_with(ours.as_fd(), b"orders", &[file.as_raw_fd()]).unwrap();
        assert_eq!(sent, 6);
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        let (bytes, mut descriptors) = receive_all(&theirs, 100).unwrap();
        assert_eq!(bytes, b"orders");
        let mut content = String::new();
        File::from(descriptors.remove(0)).read_to_string(&mut content).unwrap();
        assert_eq!((content.as_str(), descriptors.len()), ("hello", 0));
    }

    #[test]
    fn a_message_over_the_limit_is_refused() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        send_with(ours.as_fd(), &[b'x'; 101], &[]).unwrap();
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        let error = receive_all(&theirs, 100).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_closed_socket_is_an_empty_message() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(ours);
        let (bytes, descriptors) = receive_all(&theirs, 100).unwrap();
        assert!(bytes.is_empty() && descriptors.is_empty());
    }

    #[test]
    fn a_link_is_not_opened_as_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink("/etc", &link).unwrap();
        assert!(open_directory(&link).is_err());
        assert!(open_directory(directory.path()).is_ok());
    }
}
