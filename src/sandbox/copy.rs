//! Copying a version of an agent into a workspace, as the user whose workspace it is to be.
//!
//! With users of their own, sandboxes have files that the privileged side must not touch, and an
//! agent's files are a client's. So it only opens the two folders; `ash-launch`, ordered to, gives
//! up every privilege and copies from the one into the other. Without, there is nothing to give
//! up, and this process copies.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::time::timeout;

use super::entry;
use super::order::{REFUSAL_BYTES_MAX, Refusal};
use super::placement::Programs;
use super::{blocking, start};
use crate::agent::{Fault, copy_workspace};
use crate::chain::chain;
use crate::os::fs::Root;
use crate::os::{fd, process};

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
            let descriptors = [version.into(), workspace.into()];
            match timeout(COPY_DEADLINE, by_another(programs, uid, descriptors)).await {
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

async fn by_another(
    programs: &Programs,
    uid: u32,
    descriptors: [OwnedFd; 2],
) -> io::Result<Outcome> {
    let (mut orders, theirs) = start::pair()?;
    let mut command = process::command(&programs.launch, &programs.launch_arguments);
    command.stdin(Stdio::from(theirs)).kill_on_drop(true);
    let mut child = command.spawn()?;
    drop(command);
    let order = serde_json::to_vec(&CopyOrder { copy_as: uid }).expect("it has a JSON form");
    let raw = [descriptors[0].as_raw_fd(), descriptors[1].as_raw_fd()];
    let sent =
        orders.async_io(Interest::WRITABLE, || fd::send_with(orders.as_fd(), &order, &raw)).await?;
    drop(descriptors);
    orders.write_all(&order[sent..]).await?;
    orders.shutdown().await?;
    let mut answer = Vec::new();
    orders.take(REFUSAL_BYTES_MAX).read_to_end(&mut answer).await?;
    let status = child.wait().await?;
    if let Ok(outcome) = serde_json::from_slice(&answer) {
        return Ok(outcome);
    }
    let reason = match serde_json::from_slice::<Refusal>(&answer) {
        Ok(refusal) => refusal.to_string(),
        Err(_silent) => format!("ash-launch ended with {status} and said nothing"),
    };
    Ok(Outcome::Failed { reason })
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
