//! How ashd tells egress who may pass, where that is a program of its own.
//!
//! One connection, on which ashd tells and egress answers, line by line, in the same order. It
//! begins with a greeting and with everybody who may pass; who was not named by then may not any
//! more. Whichever side restarts, the next connection begins like that. Digests of placeholders
//! cross it, and no secret.
//!
//! *Compatibility:* the greeting has the number of the protocol; another number is refused by
//! name, and what was admitted before stays.

mod client;
mod server;

#[cfg(test)]
mod tests;

use std::io;

use serde::{Deserialize, Serialize};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
};

use super::admissions::Terms;
use super::meter::MeterReading;
use super::secret::PlaceholderDigest;
use crate::id::SessionId;

pub(super) use client::Client;
pub(super) use server::serve;

/// The version of everything here.
const PROTOCOL: u32 = 2;

/// Longest line in bytes; a session with the longest list of the longest names has 70,000.
const LINE_BYTES_MAX: u64 = 256 << 10;

/// What ashd tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case", deny_unknown_fields)]
enum Tell {
    Hello {
        protocol: u32,
    },
    Admit {
        session: SessionId,
        placeholder: PlaceholderDigest,
        terms: Terms,
    },
    /// Everybody has been named who may pass.
    Complete,
    Revoke {
        session: SessionId,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum Answer {
    Done,
    Revoked {
        used: Option<MeterReading>,
    },
    /// The greeting was of another version.
    Version {
        spoken: u32,
    },
}

/// The next line as `T`; `None` at the end of input.
async fn next_line<T: for<'de> Deserialize<'de>>(
    from: &mut (impl AsyncBufRead + Unpin),
) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    if from.take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is cut or too long"));
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

async fn write_line<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value).expect("a line has a JSON form");
    line.push(b'\n');
    to.write_all(&line).await
}
