//! The doors of ashd: the sockets that systemd passed, else its own.

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use super::config::Settings;
use super::failure::Failure;
use crate::os::socket;
use crate::systemd::activation;

/// Name of the admin socket in the runtime folder.
pub(super) const ADMIN_SOCKET: &str = "admin.sock";

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
    let mut passed = activation::passed(settings.socket_names.as_deref())?;
    if passed.api.is_empty() {
        let address = settings.address;
        passed.api.push(
            TcpListener::bind(address).map_err(|source| Failure::Listen { address, source })?,
        );
    }
    if passed.admin.is_empty() {
        let path = settings.runtime.join(ADMIN_SOCKET);
        let bound = socket::bind(&path, ADMIN_MODE);
        passed.admin.push(bound.map_err(|source| Failure::Socket { path, source })?);
    }
    Ok(Doors { api: passed.api, admin: passed.admin })
}
