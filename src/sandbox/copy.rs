//! Copying a version of an agent into a workspace, as the user whose workspace it is to be.
//!
//! With users of their own, sandboxes have files that the privileged side must not touch, and an
//! agent's files are a client's. So it only opens the two folders; `ash-launch`, ordered to, gives
//! up every privilege and copies from the one into the other. Without, there is nothing to give
//! up, and this process copies.

use std::os::fd::OwnedFd;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::placement::Programs;
use super::{blocking, entry, errand};
use crate::agent::{Fault, copy_workspace};
use crate::chain::chain;
use crate::os::fs::Root;

/// Longest copy: the largest agent that the configuration allows, to a slow disk.
const COPY_DEADLINE: Duration = Duration::from_mins(5);

/// Who is to copy. `ash-launch` gets the version and the workspace with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CopyOrder {
    pub(super) copy_as: u32,
}

/// How a copy ended, as the one who made it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "copy", rename_all = "snake_case")]
enum Outcome {
    Complete,
    DiskFull { reason: String },
    Failed { reason: String },
}

/// Why a workspace is not complete.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CopyError {
    #[error("there is no room left: {reason}")]
    DiskFull { reason: String },
    #[error("the agent could not be copied: {reason}")]
    Failed { reason: String },
}

impl CopyError {
    fn failed(reason: impl std::fmt::Display) -> Self {
        Self::Failed { reason: reason.to_string() }
    }
}

/// Copies `version` into the empty `workspace`, as `uid` if there is one.
pub(super) async fn copy(
    programs: &Programs,
    uid: Option<u32>,
    version: Root,
    workspace: Root,
) -> Result<(), CopyError> {
    let outcome = match uid {
        None => blocking(move || here(&version, &workspace)).await,
        Some(uid) => {
            let order = CopyOrder { copy_as: uid };
            let errand = errand::run(programs, &order, [version.into(), workspace.into()]);
            match timeout(COPY_DEADLINE, errand).await {
                Ok(outcome) => outcome.map_err(CopyError::failed)?,
                Err(_elapsed) => {
                    let seconds = COPY_DEADLINE.as_secs();
                    return Err(CopyError::failed(format!("it took longer than {seconds} s")));
                }
            }
        }
    };
    match outcome {
        Outcome::Complete => Ok(()),
        Outcome::DiskFull { reason } => Err(CopyError::DiskFull { reason }),
        Outcome::Failed { reason } => Err(CopyError::Failed { reason }),
    }
}

fn here(version: &Root, workspace: &Root) -> Outcome {
    match copy_workspace(version, workspace) {
        Ok(()) => Outcome::Complete,
        Err(error) => {
            let full = error.fault() == Fault::DiskFull;
            let reason = chain(&error);
            if full { Outcome::DiskFull { reason } } else { Outcome::Failed { reason } }
        }
    }
}

/// In `ash-launch`: obeys an order to copy, and answers what to say. `None` if `bytes` are not
/// such an order.
pub(super) fn obeyed(bytes: &[u8], received: &mut Vec<OwnedFd>) -> Option<Vec<u8>> {
    let order: CopyOrder = serde_json::from_slice(bytes).ok()?;
    let outcome = match <[OwnedFd; 2]>::try_from(std::mem::take(received)) {
        Err(other) => {
            Outcome::Failed { reason: format!("{} descriptors instead of 2", other.len()) }
        }
        Ok([version, workspace]) => match entry::become_user(order.copy_as) {
            Err(refusal) => Outcome::Failed { reason: refusal.to_string() },
            Ok(()) => here(&Root::of(version), &Root::of(workspace)),
        },
    };
    Some(serde_json::to_vec(&outcome).expect("an outcome has a JSON form"))
}
