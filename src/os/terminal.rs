//! What is typed on the terminal of this process.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;

use tokio::io::Interest;

use super::sys;

/// Waits for a line on the standard input, a terminal; `None` at its end. Cancel-safe: nothing is
/// taken before a whole line is there.
pub(crate) async fn line() -> io::Result<Option<String>> {
    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let watched = sys::watch(input, Interest::READABLE)?;
    let _there = watched.readable().await?;
    let mut line = String::new();
    let bytes = io::stdin().read_line(&mut line)?;
    Ok((bytes > 0).then_some(line))
}
