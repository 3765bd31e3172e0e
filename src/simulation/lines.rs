//! Lines in and lines out.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, Split};

use super::Ending;

/// What is collected before it is written, in bytes: a turn without pauses is one write.
pub(super) const OUTPUT_BYTES_BUFFERED: usize = 64 << 10;

/// A line for the CLI.
#[derive(Debug, Deserialize)]
pub(super) struct Incoming {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) message: Option<Value>,
    pub(super) uuid: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) request: Option<Value>,
    pub(super) response: Option<Value>,
}

/// Stdin, line by line. Waiting for a line may be given up at any time.
#[derive(Debug)]
pub(super) struct Input<R> {
    lines: Split<R>,
    pub(super) ended: bool,
}

impl<R: AsyncBufRead + Unpin> Input<R> {
    pub(super) fn new(stdin: R) -> Self {
        Self { lines: stdin.split(b'\n'), ended: false }
    }

    /// The next line that is not empty; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Incoming>, Ending> {
        loop {
            let line = match self.lines.next_segment().await {
                Ok(Some(line)) => line,
                Ok(None) => {
                    self.ended = true;
                    return Ok(None);
                }
                Err(error) => return Err(Ending::failed(format!("cannot read stdin: {error}"))),
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            return serde_json::from_slice(&line).map(Some).map_err(|_json| {
                let length = line.len();
                Ending::failed(format!(
                    "Error parsing streaming input line (type=unknown, {length} chars): SyntaxError"
                ))
            });
        }
    }
}

/// Stdout, written when there is a pause.
#[derive(Debug)]
pub(super) struct Output<W> {
    writer: W,
    buffer: Vec<u8>,
}

impl<W: AsyncWrite + Unpin> Output<W> {
    pub(super) fn new(writer: W) -> Self {
        Self { writer, buffer: Vec::with_capacity(OUTPUT_BYTES_BUFFERED) }
    }

    pub(super) fn line(&mut self, frame: &impl Serialize) {
        serde_json::to_writer(&mut self.buffer, frame).expect("frames have a JSON form");
        self.buffer.push(b'\n');
    }

    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= OUTPUT_BYTES_BUFFERED
    }

    /// Writes what was collected.
    pub(super) async fn flush(&mut self) -> Result<(), Ending> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = async {
            self.writer.write_all(&self.buffer).await?;
            self.writer.flush().await
        };
        let written: io::Result<()> = written.await;
        self.buffer.clear();
        self.buffer.shrink_to(OUTPUT_BYTES_BUFFERED);
        written.map_err(|error| Ending::failed(format!("cannot write stdout: {error}")))
    }
}
