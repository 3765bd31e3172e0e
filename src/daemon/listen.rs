//! The doors of the programs: the sockets that systemd passed, else their own.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::failure::Failure;
use crate::config::Settings;
use crate::os::socket;
use crate::systemd::activation::{Passed, Wanted, passed};

/// Name of the admin socket in the runtime folder.
pub(super) const ADMIN_SOCKET: &str = "admin.sock";

/// The `FileDescriptorName=` of ashd's units.
const API: &str = "api";
const ADMIN: &str = "admin";

/// Mode of the admin socket that ashd makes itself: its owner's. `ashd-admin.socket` opens it
/// to the group `ash`.
const ADMIN_MODE: u32 = 0o600;

#[derive(Debug)]
pub(super) struct Doors {
    pub(super) api: Vec<TcpListener>,
    pub(super) admin: Vec<UnixListener>,
}

/// Opens what systemd did not pass.
pub(super) fn open(settings: &Settings) -> Result<Doors, Failure> {
    let mut doors = Doors { api: Vec::new(), admin: Vec::new() };
    let known = [(API, Wanted::Tcp), (ADMIN, Wanted::Unix)];
    for (_name, socket) in passed(settings.socket_names.as_deref(), &known)? {
        match socket {
            Passed::Tcp(listener) => doors.api.push(listener),
            Passed::Unix(listener) => doors.admin.push(listener),
        }
    }
    if doors.api.is_empty() {
        let address = settings.address;
        doors.api.push(
            TcpListener::bind(address).map_err(|source| Failure::Listen { address, source })?,
        );
    }
    if doors.admin.is_empty() {
        doors.admin.push(bind(&settings.runtime.join(ADMIN_SOCKET), ADMIN_MODE)?);
    }
    Ok(doors)
}

pub(super) fn bind(path: &Path, mode: u32) -> Result<UnixListener, Failure> {
    socket::bind(path, mode).map_err(|source| Failure::Socket { path: path.to_owned(), source })
}

/// A listener for the runtime that this is called in.
pub(super) fn serving(listener: UnixListener) -> Result<tokio::net::UnixListener, Failure> {
    let set = listener.set_nonblocking(true);
    set.and_then(|()| tokio::net::UnixListener::from_std(listener)).map_err(Failure::Runtime)
}

/// Who owns the file of a listening socket: the one user beside root that may ask there.
pub(super) fn owner(listener: &UnixListener) -> Result<u32, Failure> {
    let address = listener.local_addr().map_err(Failure::Runtime)?;
    let path = address.as_pathname().unwrap_or(Path::new("/"));
    let metadata = std::fs::symlink_metadata(path);
    let failed = |source| Failure::File { path: path.to_owned(), source };
    metadata.map(|metadata| metadata.uid()).map_err(failed)
}
