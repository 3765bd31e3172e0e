//! How ashd tells egress who may pass, where that is a program of its own.
//!
//! One connection, on which ashd tells and egress answers, line by line, in the same order; and
//! between two answers egress reports what it decided, which ashd takes when it is stored. It
//! begins with a greeting and with everybody who may pass; who was not named by then may not any
//! more. Whichever side restarts, the next connection begins like that. Digests of placeholders and
//! sealed credentials cross it, and no secret.
//!
//! What a webhook is told takes its time: it has a connection of its own, beside that one.
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
use uuid::Uuid;

use super::account::{Budget, Used};
use super::admissions::Terms;
use super::ledger::Report;
use super::meter::{Denied, MeterReading};
use super::post::{Posted, Posting};
use super::sealing::Sealing;
use super::secret::PlaceholderDigest;
use crate::id::SessionId;

pub(super) use client::Client;
pub(super) use server::serve;

/// The version of everything here.
const PROTOCOL: u32 = 6;

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
    /// What the sessions of a tenant may use together, and have used at least.
    Tenant {
        tenant: String,
        budget: Budget,
        used: Used,
    },
    /// Was the session refused because of a budget or its credential since the last question?
    Refusal {
        session: SessionId,
    },
    /// The entries of this run up to the number are stored.
    Taken {
        run: Uuid,
        through: u64,
    },
    /// In the place of a greeting, on a connection of its own: a webhook is told something.
    Post {
        protocol: u32,
        posting: Posting,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum Answer {
    /// To the greeting.
    Hello(Sealing),
    Done,
    Revoked {
        used: Option<MeterReading>,
    },
    Refusal {
        denied: Option<Denied>,
    },
    /// Not an answer: it comes when something was decided. The next comes when it was taken.
    Report(Report),
    /// After which the connection ends.
    Posted(Posted),
    /// The greeting was of another version.
    Version {
        spoken: u32,
    },
}

/// Reads lines.
#[derive(Debug)]
struct Lines<R> {
    from: R,
    /// What was read of the next line.
    line: Vec<u8>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    fn new(from: R) -> Self {
        Self { from, line: Vec::new() }
    }

    /// The next line as `T`; `None` at the end of input. Cancel-safe.
    async fn next<T: for<'de> Deserialize<'de>>(&mut self) -> io::Result<Option<T>> {
        let room = LINE_BYTES_MAX.saturating_sub(self.line.len() as u64);
        (&mut self.from).take(room).read_until(b'\n', &mut self.line).await?;
        if self.line.is_empty() {
            return Ok(None);
        }
        if self.line.last() != Some(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is cut or too long"));
        }
        let read = serde_json::from_slice(&self.line);
        self.line.clear();
        Ok(Some(read?))
    }
}

async fn write_line<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), value: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(value).expect("a line has a JSON form");
    line.push(b'\n');
    to.write_all(&line).await
}
