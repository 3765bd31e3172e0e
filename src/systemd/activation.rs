//! Sockets that systemd passes (`LISTEN_FDS`): taken by name, never by guess. A program that was
//! handed a socket it does not know fails, and does not bind one of its own beside it.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

/// What a program may be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Tcp,
    Unix,
}

/// A listening socket.
#[derive(Debug)]
pub(crate) enum Passed {
    Tcp(TcpListener),
    Unix(UnixListener),
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ActivationError {
    #[error("{sockets} sockets were passed with {names} names; set FileDescriptorName= to {known}")]
    Names { sockets: usize, names: usize, known: String },
    #[error("the socket `{name}` is not {known}; set FileDescriptorName=")]
    Unknown { name: String, known: String },
    #[error("the socket `{name}` is of the wrong kind; it should be {wanted:?}, a stream")]
    Kind { name: String, wanted: Wanted, source: std::io::Error },
}

/// Takes what systemd passed, in its order. `names` is `LISTEN_FDNAMES`; `known` are the
/// `FileDescriptorName=` of the program's units.
pub(crate) fn passed(
    names: Option<&str>,
    known: &[(&'static str, Wanted)],
) -> Result<Vec<(&'static str, Passed)>, ActivationError> {
    let list =
        || known.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
    let mut sockets = ListenFd::from_env();
    let names: Vec<&str> = names
        .filter(|_| sockets.len() > 0)
        .map(|names| names.split(':').collect())
        .unwrap_or_default();
    if names.len() != sockets.len() {
        let (sockets, names) = (sockets.len(), names.len());
        return Err(ActivationError::Names { sockets, names, known: list() });
    }
    let mut passed = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        let Some((known, wanted)) = known.iter().find(|(known, _)| *known == name) else {
            return Err(ActivationError::Unknown { name: name.to_owned(), known: list() });
        };
        let wrong =
            |source| ActivationError::Kind { name: name.to_owned(), wanted: *wanted, source };
        let socket = match wanted {
            Wanted::Tcp => sockets.take_tcp_listener(index).map_err(wrong)?.map(Passed::Tcp),
            Wanted::Unix => sockets.take_unix_listener(index).map_err(wrong)?.map(Passed::Unix),
        };
        passed.extend(socket.map(|socket| (*known, socket)));
    }
    Ok(passed)
}
