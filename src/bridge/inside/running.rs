//! A command and its client: what it says goes out, what the client says goes in, and its end is told
//! last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::command::{Pipe, Place};
use super::process::Input;
use super::transfers::{Work, granted};
use crate::bridge::protocol::{CHUNK_BYTES, CommandEnd, Kind, Packet, Refusal, Reply, RunCommand};

impl Work {
    pub(super) async fn run(&mut self, order: RunCommand) -> Result<Reply, Refusal> {
        let began = Instant::now();
        let site = self.site.clone();
        let started = {
            let order = order.clone();
            self.job(move || {
                let place = Place { workspace: &site.workspace, environment: &site.environment };
                site.commands.start(&order, &place)
            })
        };
        let mut running = started.await??;
        self.send(Packet::json(Kind::Reply, self.number, &Reply::Stream)).await;
        let (input, output, errors) = running.pipes();
        let (ending, over) = watch::channel(false);
        let left = Left(AtomicU64::new(order.output_bytes_max));
        let (_nobody, nothing) = tokio::sync::mpsc::channel(1);
        let data = std::mem::replace(&mut self.data, nothing);
        let fed = feed(input, data, &self.answers, self.number);
        let life = async {
            let ended = running.ended(Duration::from_millis(order.timeout_ms)).await;
            ending.send_replace(true);
            ended
        };
        let said = async {
            let (one, other) = tokio::join!(
                self.pass_on(Pipe::new(output, over.clone()), Kind::Chunk, &left),
                self.pass_on(Pipe::new(errors, over), Kind::Errors, &left),
            );
            Ok::<_, Refusal>(one? | other?)
        };
        let whole = async { tokio::join!(life, said) };
        let (ended, truncated) = tokio::select! {
            whole = whole => whole,
            // It has all of its input, and goes on.
            () = fed => unreachable!("it waits for ever"),
        };
        Ok(Reply::Ended(CommandEnd {
            code: ended.exit.code,
            signal: ended.exit.signal,
            timed_out: ended.timed_out,
            truncated: truncated?,
            elapsed_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }))
    }

    /// Sends what comes out of a pipe, to its end; says whether some was left out.
    async fn pass_on(&self, mut pipe: Pipe, kind: Kind, left: &Left) -> Result<bool, Refusal> {
        let mut truncated = false;
        while let Some(mut buffer) = pipe.next(CHUNK_BYTES).await {
            truncated |= left.cut(&mut buffer);
            if !buffer.is_empty() {
                self.may_send().await?;
                self.send(Packet::new(kind, self.number, buffer.freeze())).await;
            }
        }
        Ok(truncated)
    }
}

/// Bytes of output that may still be passed on.
struct Left(AtomicU64);

impl Left {
    /// Cuts `buffer` to what may be passed on; says whether that was less.
    fn cut(&self, buffer: &mut BytesMut) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        let bytes = buffer.len() as u64;
        self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        if bytes > left {
            buffer.truncate(usize::try_from(left).unwrap_or(0));
        }
        bytes > left
    }
}

/// Gives the command what the client sends; waits for ever after its end.
async fn feed(
    mut input: Option<Input>,
    mut data: tokio::sync::mpsc::Receiver<bytes::Bytes>,
    answers: &tokio::sync::mpsc::Sender<Packet>,
    number: u64,
) {
    while let Some(piece) = data.recv().await.filter(|piece| !piece.is_empty()) {
        if let Some(pipe) = &mut input
            && pipe.write_all(&piece).await.is_err()
        {
            // It reads no more; the rest is taken and dropped.
            input = None;
        }
        drop(answers.send(granted(number)).await);
    }
    drop(input);
    std::future::pending::<()>().await;
}
