//! The limit of disk space: the folders of a session are a project on their file system, with a quota
//! that the kernel holds.
//!
//! Numbering a folder wants its owner, and setting a quota the capability of `mount(8)`, which no long-lived
//! part of Ash has: under systemd a unit of its own does it, whose name is the whole request
//! (`ash-quota@<project>-<bytes>-<files>.service`).

use std::io;
use std::str::FromStr;

use super::blocking;
use super::placement::Placement;
use crate::os::fs::Root;
use crate::os::quota::{self, Room};
use crate::systemd::scope::ScopeError;

/// What the probe may take: less than it writes.
pub(super) const PROBE_ROOM: Room = Room { bytes: 1 << 20, files: 32 };

/// Why there is no such limit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiskError {
    #[error("the file system has no project quotas")]
    Unsupported { source: io::Error },
    #[error("project quotas are not in force on the file system")]
    Off { source: io::Error },
    #[error("the kernel does not limit it")]
    Refused { source: io::Error },
    #[error("systemd does not set it")]
    Unit { source: ScopeError },
    #[error("the kernel shows another limit than was set: {shown:?} instead of {wanted:?}")]
    NotInForce { shown: Room, wanted: Room },
}

/// Everything in `folder` is of the project from now on, and may take so much.
pub(super) async fn limit(
    placement: &Placement,
    folder: Root,
    project: u32,
    room: Room,
) -> Result<(), DiskError> {
    let (folder, limited) = blocking(move || {
        let limited = here(&folder, project, room);
        (folder, limited)
    })
    .await;
    match (limited, placement) {
        (Err(DiskError::Refused { source }), Placement::Scope(manager))
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            let unit = format!("ash-quota@{}.service", Wanted { project, room });
            manager.start_unit(&unit).await.map_err(|source| DiskError::Unit { source })?;
        }
        (limited, _) => limited?,
    }
    let shown = blocking(move || quota::seen(&folder)).await;
    let shown = shown.map_err(|source| DiskError::Refused { source })?;
    // Of a file system that is smaller than the limit its own size is shown, and holds.
    if shown.is_over(room) { Err(DiskError::NotInForce { shown, wanted: room }) } else { Ok(()) }
}

fn here(folder: &Root, project: u32, room: Room) -> Result<(), DiskError> {
    let unsupported = |source: io::Error| {
        if quota::is_unsupported(&source) {
            DiskError::Unsupported { source }
        } else {
            DiskError::Refused { source }
        }
    };
    if quota::project(folder).map_err(unsupported)? != project {
        quota::assign_all(folder, project).map_err(unsupported)?;
    }
    if quota::seen(folder).is_ok_and(|shown| is_as_wanted(shown, room)) {
        return Ok(());
    }
    quota::limit(folder, project, room).map_err(|source| {
        if quota::is_unsupported(&source) {
            DiskError::Off { source }
        } else {
            DiskError::Refused { source }
        }
    })
}

/// The kernel shows whole blocks.
fn is_as_wanted(shown: Room, wanted: Room) -> bool {
    /// Largest block of a file system.
    const BLOCK_BYTES: u64 = 64 << 10;
    shown.files == wanted.files
        && shown.bytes <= wanted.bytes
        && wanted.bytes - shown.bytes < BLOCK_BYTES
}

/// What the unit is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) project: u32,
    pub(crate) room: Room,
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Room { bytes, files } = self.room;
        write!(f, "{}-{bytes}-{files}", self.project)
    }
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u64>> = text
            .split('-')
            .map(|number| {
                let plain = number.bytes().all(|byte| byte.is_ascii_digit());
                number.parse().ok().filter(|_| plain)
            })
            .collect();
        let expected = || format!("`{text}` is not `<project>-<bytes>-<files>`");
        match numbers.as_deref() {
            Some([project, bytes, files]) => {
                let project = u32::try_from(*project).map_err(|_large| expected())?;
                Ok(Self { project, room: Room { bytes: *bytes, files: *files } })
            }
            _ => Err(expected()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_three_numbers_and_nothing_else() {
        let wanted = Wanted { project: 70_000, room: Room { bytes: 1 << 30, files: 5 } };
        assert_eq!(wanted.to_string(), "70000-1073741824-5");
        assert_eq!(wanted.to_string().parse(), Ok(wanted));
        for wrong in
            ["", "1", "1-2", "1-2-3-4", "1--2", "+1-2-3", "1-2-x", "4294967296-1-1", "1 -2-3"]
        {
            assert!(wrong.parse::<Wanted>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_limit_is_shown_in_whole_blocks() {
        let wanted = Room { bytes: (10 << 20) + 1000, files: 100 };
        assert!(is_as_wanted(Room { bytes: 10 << 20, files: 100 }, wanted));
        assert!(!is_as_wanted(Room { bytes: 10 << 20, files: 101 }, wanted));
        assert!(!is_as_wanted(Room { bytes: 11 << 20, files: 100 }, wanted));
        assert!(!is_as_wanted(Room { bytes: 9 << 20, files: 100 }, wanted));
    }

    #[tokio::test]
    async fn a_file_system_without_projects_is_told_as_such() {
        let Ok(folder) = tempfile::tempdir_in("/dev/shm") else {
            println!("SKIP: there is no /dev/shm");
            return;
        };
        let root = Root::open(folder.path()).unwrap();
        let refused = limit(&Placement::Plain, root, 70_000, PROBE_ROOM).await.unwrap_err();
        assert!(matches!(refused, DiskError::Unsupported { .. }), "{refused}");
    }
}
