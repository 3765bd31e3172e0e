//! An errand of `ash-launch`: one order with the descriptors it is about, done by a process that
//! gave up every privilege, and its one answer.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd};
use std::process::Stdio;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};

use super::order::Refusal;
use super::placement::Programs;
use super::start;
use crate::os::{fd, process};

/// Largest answer: an outcome with the reason of its failure, which may hold a path.
const ANSWER_BYTES_MAX: u64 = 16 << 10;

/// Has `order` done with `descriptors`, which are closed here as soon as they are handed over. An
/// answer that is none is an error: the refusal of `ash-launch`, or how it ended.
pub(super) async fn run<Answer: DeserializeOwned, const COUNT: usize>(
    programs: &Programs,
    order: &impl Serialize,
    descriptors: [OwnedFd; COUNT],
) -> io::Result<Answer> {
    let (mut orders, theirs) = start::pair()?;
    let mut command = process::command(&programs.launch, &programs.launch_arguments);
    command.stdin(Stdio::from(theirs)).kill_on_drop(true);
    let mut child = command.spawn()?;
    drop(command);
    let order = serde_json::to_vec(order)?;
    let raw = descriptors.each_ref().map(AsRawFd::as_raw_fd);
    let sent =
        orders.async_io(Interest::WRITABLE, || fd::send_with(orders.as_fd(), &order, &raw)).await?;
    drop(descriptors);
    orders.write_all(&order[sent..]).await?;
    orders.shutdown().await?;
    let mut answer = Vec::new();
    orders.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    let status = child.wait().await?;
    serde_json::from_slice(&answer).map_err(|_other| {
        io::Error::other(match serde_json::from_slice::<Refusal>(&answer) {
            Ok(refusal) => refusal.to_string(),
            Err(_silent) => format!("ash-launch ended with {status} and said nothing"),
        })
    })
}
