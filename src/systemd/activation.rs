//! Sockets that systemd passes (`LISTEN_FDS`): taken by name, never by guess. An ashd that was
//! handed a socket it does not know fails, and does not bind one of its own beside it.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

/// The `FileDescriptorName=` of the two sockets.
pub(crate) const API: &str = "api";
pub(crate) const ADMIN: &str = "admin";

/// The sockets that were passed.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub(crate) api: Vec<TcpListener>,
    pub(crate) admin: Vec<UnixListener>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ActivationError {
    #[error(
        "{sockets} sockets were passed with {names} names; set FileDescriptorName= to `{API}` or `{ADMIN}`"
    )]
    Names { sockets: usize, names: usize },
    #[error("the socket `{name}` is neither `{API}` nor `{ADMIN}`; set FileDescriptorName=")]
    Unknown { name: String },
    #[error(
        "the socket `{name}` is of the wrong kind (`{API}` is TCP, `{ADMIN}` a unix stream socket)"
    )]
    Kind { name: String, source: std::io::Error },
}

/// Takes what systemd passed; `names` is `LISTEN_FDNAMES`.
pub(crate) fn passed(names: Option<&str>) -> Result<Passed, ActivationError> {
    let mut sockets = ListenFd::from_env();
    let names: Vec<&str> = names
        .filter(|_| sockets.len() > 0)
        .map(|names| names.split(':').collect())
        .unwrap_or_default();
    if names.len() != sockets.len() {
        return Err(ActivationError::Names { sockets: sockets.len(), names: names.len() });
    }
    let mut passed = Passed::default();
    for (index, name) in names.into_iter().enumerate() {
        let wrong = |source| ActivationError::Kind { name: name.to_owned(), source };
        match name {
            API => passed.api.extend(sockets.take_tcp_listener(index).map_err(wrong)?),
            ADMIN => passed.admin.extend(sockets.take_unix_listener(index).map_err(wrong)?),
            _ => return Err(ActivationError::Unknown { name: name.to_owned() }),
        }
    }
    Ok(passed)
}
