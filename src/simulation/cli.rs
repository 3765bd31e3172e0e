//! The CLI as a process: it hears lines, answers requests, and takes one message after another.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncWrite};

use super::Ending;
use super::conversation::{Conversation, user_text};
use super::frames::ModelUsage;
use super::lines::{Incoming, Input, Output};
use super::options::Options;

/// A message of the user that waits for its turn.
#[derive(Debug)]
pub(super) struct UserMessage {
    pub(super) text: String,
    /// As it came, for the transcript.
    pub(super) message: Value,
    pub(super) uuid: Option<String>,
}

/// What a line brought, beyond what was answered at once.
#[derive(Debug)]
pub(super) enum Heard {
    Nothing,
    /// The running turn shall end.
    Interrupt,
    /// The host answered one of our requests.
    Answer(Value),
}

/// Why a turn does not go on.
#[derive(Debug)]
pub(super) enum Halt {
    Interrupted,
    Ended(Ending),
}

impl From<Ending> for Halt {
    fn from(ending: Ending) -> Self {
        Self::Ended(ending)
    }
}

/// A running CLI.
#[derive(Debug)]
pub(super) struct Cli<R, W> {
    pub(super) options: Options,
    pub(super) conversation: Conversation,
    pub(super) input: Input<R>,
    pub(super) output: Output<W>,
    pub(super) queue: VecDeque<UserMessage>,
    pub(super) is_busy: bool,
    /// Results told so far.
    pub(super) results: u64,
    /// Whether the last result was an error; decides the exit code.
    pub(super) has_failed: bool,
    /// Messages of the model begun so far; makes their ids.
    pub(super) messages: u64,
    pub(super) model_usage: BTreeMap<String, ModelUsage>,
}

impl<R, W> Cli<R, W>
where
    R: AsyncBufRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    pub(super) fn new(
        options: Options,
        conversation: Conversation,
        stdin: R,
        output: Output<W>,
    ) -> Self {
        Self {
            options,
            conversation,
            input: Input::new(stdin),
            output,
            queue: VecDeque::new(),
            is_busy: false,
            results: 0,
            has_failed: false,
            messages: 0,
            model_usage: BTreeMap::new(),
        }
    }

    /// Until stdin ends.
    pub(super) async fn live(mut self) -> Ending {
        match self.take_lines().await {
            Ok(()) => Ending::exited(i32::from(self.has_failed)),
            Err(ending) => ending,
        }
    }

    async fn take_lines(&mut self) -> Result<(), Ending> {
        loop {
            if !self.queue.is_empty() {
                // What came while another turn ran becomes one turn, as in 2.1.330.
                let messages = self.queue.drain(..).collect();
                self.turn(messages).await?;
                continue;
            }
            self.output.flush().await?;
            if self.input.ended {
                return Ok(());
            }
            if let Some(line) = self.input.next().await? {
                self.hear(line);
            }
        }
    }

    /// Takes in one line.
    pub(super) fn hear(&mut self, line: Incoming) -> Heard {
        match (line.kind.as_str(), line.request, line.message, line.response) {
            ("control_request", Some(request), _, _) => {
                self.control(&line.request_id.unwrap_or_default(), &request)
            }
            ("control_response", _, _, Some(response)) => Heard::Answer(response),
            ("user", _, Some(message), _) => {
                self.hear_user(message, line.uuid);
                Heard::Nothing
            }
            // `keep_alive`, and what nobody knows.
            _ => Heard::Nothing,
        }
    }

    fn hear_user(&mut self, message: Value, uuid: Option<String>) {
        if let Some(uuid) = &uuid {
            if self.conversation.has_taken(uuid) {
                // Sent twice: there is no result for the second.
                self.tell_lifecycle(uuid, "completed");
                if !self.is_busy {
                    self.tell_state("idle");
                }
                return;
            }
            self.conversation.take(uuid);
        }
        if !self.is_busy {
            self.is_busy = true;
            self.tell_state("running");
        }
        if let Some(uuid) = &uuid {
            self.tell_lifecycle(uuid, "queued");
        }
        let text = user_text(&message).unwrap_or_default();
        self.queue.push_back(UserMessage { text, message, uuid });
    }

    /// Shows what was said so far, then waits; `None` waits until interrupted.
    pub(super) async fn pause(&mut self, duration: Option<Duration>) -> Result<(), Halt> {
        if duration.is_some_and(|duration| duration.is_zero()) {
            return Ok(());
        }
        self.settle().await?;
        let over = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        loop {
            tokio::select! {
                biased;
                line = self.input.next(), if !self.input.ended => {
                    if let Some(line) = line?
                        && matches!(self.hear(line), Heard::Interrupt)
                    {
                        return Err(Halt::Interrupted);
                    }
                    self.output.flush().await?;
                }
                () = &mut over => return Ok(()),
            }
        }
    }

    /// Lets an interrupt in without waiting for one.
    pub(super) async fn glance(&mut self) -> Result<(), Halt> {
        self.output.flush().await?;
        tokio::select! {
            biased;
            line = self.input.next(), if !self.input.ended => match line? {
                Some(line) => match self.hear(line) {
                    Heard::Interrupt => Err(Halt::Interrupted),
                    Heard::Nothing | Heard::Answer(_) => Ok(()),
                },
                None => Ok(()),
            },
            () = tokio::task::yield_now() => Ok(()),
        }
    }

    /// Waits for the host's answer to our request `id`.
    pub(super) async fn await_answer(&mut self, id: &str) -> Result<Value, Halt> {
        self.settle().await?;
        loop {
            if self.input.ended {
                // Nobody is left to answer.
                std::future::pending::<()>().await;
            }
            let Some(line) = self.input.next().await? else { continue };
            match self.hear(line) {
                Heard::Interrupt => return Err(Halt::Interrupted),
                Heard::Answer(answer)
                    if answer.get("request_id").and_then(Value::as_str) == Some(id) =>
                {
                    return Ok(answer);
                }
                Heard::Answer(_) | Heard::Nothing => self.output.flush().await?,
            }
        }
    }

    /// Makes everything said so far visible and lasting.
    pub(super) async fn settle(&mut self) -> Result<(), Ending> {
        self.conversation.write().await;
        self.output.flush().await
    }
}
