//! Who is at the other end of a unix socket, as the kernel says it (`SO_PEERCRED`).

use std::io;
use std::os::fd::AsFd;

use nix::sys::socket::{getsockopt, sockopt};

/// The process that connected, taken when it connected. Ids are those of *this* namespace: a
/// sandbox that calls itself uid 1000 shows the uid it has on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerCredentials {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// 0 if the process is invisible from this pid namespace.
    pub(crate) pid: i32,
}

impl PeerCredentials {
    pub(crate) fn of(stream: &impl AsFd) -> io::Result<Self> {
        let credentials = getsockopt(stream, sockopt::PeerCredentials)?;
        Ok(Self { uid: credentials.uid(), gid: credentials.gid(), pid: credentials.pid() })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_peer_of_our_own_socket_pair_is_this_process() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let peer = PeerCredentials::of(&ours).unwrap();
        assert_eq!(peer.uid, nix::unistd::geteuid().as_raw());
        assert_eq!(peer.gid, nix::unistd::getegid().as_raw());
        assert_eq!(peer.pid.cast_unsigned(), std::process::id());
    }

    #[test]
    fn what_is_not_a_socket_has_no_peer() {
        let file = tempfile::tempfile().unwrap();
        assert_eq!(PeerCredentials::of(&file).unwrap_err().raw_os_error(), Some(libc_enotsock()));
    }

    fn libc_enotsock() -> i32 {
        nix::errno::Errno::ENOTSOCK as i32
    }
}
