//! One running CLI: what it is told, what it says, and how it is ended.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;

use super::journal::Journal;
use super::line::{self, Said};
use super::lines::{Line, Lines};
use super::process::{CliProcess, Exit, Input, Life, Output};
use super::questions::{Questions, refusal};
use super::tail::{TAIL_BYTES, Tail};
use super::told::{Aside, Told};
use super::turn::Turn;
use crate::bridge::outgoing::Outgoing;
use crate::bridge::protocol::{Answer, Kind, Notice, Packet};

/// Time for the answer to `initialize`. The SDKs wait 60 s, because MCP servers are started
/// meanwhile; a host that starts many sandboxes at once is slower than one desktop.
const INITIALIZE_MAX: Duration = Duration::from_mins(2);

/// Time to end after the end of input: the SDK's.
const END_OF_INPUT_MAX: Duration = Duration::from_secs(2);

/// Time to end after SIGTERM, which takes the CLI 25 ms.
const TERMINATE_MAX: Duration = Duration::from_secs(2);

/// Time for what is left in the pipes of a CLI that ended; another process may hold them open.
const DRAIN_MAX: Duration = Duration::from_millis(500);

/// Read at once of what the CLI says beside the protocol.
const NOISE_BYTES: usize = 4096;

/// Bytes that wait for the CLI's stdin: the largest message, twice.
pub(super) const INPUT_BYTES_MAX: usize = 128 << 20;

/// Unanswered control requests that are remembered.
const ASKED_MAX: usize = 256;

/// Longest version that is passed on.
const VERSION_CHARACTERS_MAX: usize = 64;

/// Starts the ids of the bridge's own control requests.
const ID_PREFIX: &str = "ash-bridge-";

pub(super) struct Cli {
    pub(super) pid: u32,
    life: Life,
    input: Option<Input>,
    unwritten: Outgoing,
    lines: Lines<Output>,
    errors: Option<Output>,
    /// Where the next piece of `errors` is read to.
    noise: Vec<u8>,
    tail: Tail,
    aside: Aside,
    asked: VecDeque<(String, Asked)>,
    questions: Questions,
    next_id: u64,
    ready: Readiness,
    turn: Turn,
    ending: Option<Ending>,
    exit: Option<Exit>,
    /// When to give up on the pipes.
    drained_by: Option<Instant>,
}

enum Readiness {
    /// `initialize` is to be answered by then.
    Awaited(Instant),
    Ready,
    Refused(String),
}

/// What a control request was about.
#[derive(Debug)]
enum Asked {
    Initialize,
    Other(String),
}

#[derive(Debug)]
struct Ending {
    requested: bool,
    step: Step,
    /// When the step is over.
    over: Instant,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    EndOfInput,
    Terminate,
    Kill,
}

/// What happened at the CLI's pipes.
#[derive(Debug, Clone, Copy)]
pub(super) enum CliEvent {
    Output,
    Errors,
    Wrote,
    Exit(Exit),
}

impl Cli {
    pub(super) fn new(
        process: CliProcess,
        initialize: Map<String, Value>,
        line_max: usize,
        asks: bool,
        logs: bool,
    ) -> Self {
        let mut cli = Self {
            pid: process.pid,
            life: process.life,
            input: Some(process.input),
            unwritten: Outgoing::default(),
            lines: Lines::new(process.output, line_max),
            errors: process.errors,
            noise: Vec::with_capacity(NOISE_BYTES),
            tail: Tail::default(),
            aside: Aside::new(logs),
            asked: VecDeque::new(),
            questions: Questions::new(asks),
            next_id: 1,
            ready: Readiness::Awaited(Instant::now() + INITIALIZE_MAX),
            turn: Turn::default(),
            ending: None,
            exit: None,
            drained_by: None,
        };
        let mut request = initialize;
        request.insert("subtype".to_owned(), "initialize".into());
        cli.ask(Asked::Initialize, &Value::Object(request));
        cli
    }

    /// Whether messages may be sent to it.
    pub(super) fn takes_input(&self) -> bool {
        self.ending.is_none() && self.exit.is_none() && self.input.is_some()
    }

    pub(super) fn unwritten_bytes(&self) -> usize {
        self.unwritten.len()
    }

    pub(super) fn turn_runs(&self) -> bool {
        self.turn.running
    }

    /// Adds to what is told about its end.
    pub(super) fn remark(&mut self, text: &str) {
        self.tail.push_line(text.as_bytes());
    }

    /// Writes lines as they came from ashd.
    pub(super) fn tell(&mut self, lines: &Bytes) {
        for text in lines.split(|byte| *byte == b'\n') {
            match line::control_request(text) {
                Some((id, subtype)) => {
                    self.remember(id.into_owned(), Asked::Other(subtype.into_owned()));
                }
                None if !text.is_empty() => self.turn.running = true,
                None => {}
            }
        }
        self.unwritten.push_bytes(lines);
        if !lines.ends_with(b"\n") {
            self.unwritten.push_bytes(&Bytes::from_static(b"\n"));
        }
    }

    /// Writes a message.
    pub(super) fn tell_message(&mut self, number: u64, lines: &Bytes) {
        self.turn.message(number, self.unwritten.passed() + self.unwritten.len() as u64);
        self.tell(lines);
    }

    /// The last message, if it took nothing of it.
    pub(super) fn untaken(&self) -> Option<u64> {
        // Its output ends a moment before it is known to be dead.
        let by_us = self
            .ending
            .as_ref()
            .is_some_and(|ending| ending.requested || !matches!(ending.step, Step::EndOfInput));
        let is_killed = !by_us && matches!(self.exit, Some(Exit { signal: Some(_), .. }));
        self.turn.untaken(self.unwritten.passed(), is_killed)
    }

    pub(super) fn interrupt(&mut self) {
        self.ask(Asked::Other("interrupt".to_owned()), &json!({ "subtype": "interrupt" }));
    }

    /// Passes on what ashd answers to a question; one that is not open is not there any more.
    pub(super) fn answer(&mut self, answer: &Answer) {
        if let Some(line) = self.questions.answer(answer) {
            self.unwritten.push_bytes(&line);
        }
    }

    /// Passes on a control request of ashd, if it is one.
    pub(super) fn request(&mut self, line: &Bytes) {
        if self.takes_input() && line::control_request(line).is_some() {
            self.tell(line);
        }
    }

    fn ask(&mut self, asked: Asked, request: &Value) {
        let id = format!("{ID_PREFIX}{}", self.next_id);
        self.next_id += 1;
        self.write(&json!({ "type": "control_request", "request_id": id, "request": request }));
        self.remember(id, asked);
    }

    fn remember(&mut self, id: String, asked: Asked) {
        if self.asked.len() == ASKED_MAX {
            self.asked.pop_front();
        }
        self.asked.push_back((id, asked));
    }

    fn write(&mut self, line: &Value) {
        self.unwritten.push_bytes(&format!("{line}\n").into());
    }

    /// Ends it in steps; [`Cli::is_gone`] tells when that is done.
    pub(super) fn end(&mut self, requested: bool) {
        if let Some(ending) = &mut self.ending {
            ending.requested |= requested;
            return;
        }
        let over = Instant::now() + END_OF_INPUT_MAX;
        self.ending = Some(Ending { requested, step: Step::EndOfInput, over });
        self.close_input();
    }

    /// The end of input comes behind what was said before.
    fn close_input(&mut self) {
        if self.ending.is_some() && self.unwritten.is_empty() {
            self.input = None;
        }
    }

    pub(super) fn kill(&self) {
        if self.exit.is_none() {
            self.life.signal(Signal::SIGKILL);
        }
    }

    /// Waits for its pipes; `may_read` if its output has a place to go. Cancel-safe.
    pub(super) async fn event(&mut self, may_read: bool) -> CliEvent {
        let Self { life, input, unwritten, lines, errors, noise, exit, .. } = self;
        let read_lines = may_read && !lines.has_ended();
        tokio::select! {
            () = lines.fill(), if read_lines => CliEvent::Output,
            result = read_some(errors, noise), if errors.is_some() => {
                match result {
                    Ok(bytes) if bytes > 0 => {
                        self.tail.push(&self.noise);
                        self.aside.errors(&self.noise);
                    }
                    _ended => self.errors = None,
                }
                self.noise.clear();
                CliEvent::Errors
            }
            result = write_some(input, unwritten), if input.is_some() && !unwritten.is_empty() => {
                if result.is_err() {
                    // It closed its input; its end says more.
                    self.input = None;
                    self.unwritten.clear();
                }
                self.close_input();
                CliEvent::Wrote
            }
            result = life.ended(), if exit.is_none() => CliEvent::Exit(result),
            // It ended, and what is left in its output has no place to go yet.
            else => std::future::pending().await,
        }
    }

    /// Takes what was read into the journal.
    pub(super) fn hear(&mut self, journal: &mut Journal) {
        while let Some(line) = self.lines.next() {
            match line {
                Line::Whole(line) => self.hear_line(line, journal),
                Line::TooLong { bytes } => note(journal, &Notice::LineTooLong { bytes }),
            }
        }
        if self.lines.has_ended() && self.exit.is_none() {
            // Without an output it is of no use.
            self.end(false);
        }
    }

    fn hear_line(&mut self, line: Bytes, journal: &mut Journal) {
        self.turn.is_silent = false;
        match line::read(&line) {
            Said::Frame(sign) => {
                if let Some(sign) = sign {
                    self.turn.hear(sign);
                }
                journal.append(Kind::Frame, line);
            }
            Said::Answer { id, answer } => self.hear_answer(&line, &id, answer, journal),
            Said::Ask { id, subtype }
                if subtype == "can_use_tool" && self.questions.keep(&id, &line) =>
            {
                journal.append(Kind::Frame, line);
            }
            Said::Cancel { id } => {
                if self.questions.cancel(&id) {
                    journal.append(Kind::Frame, line);
                }
            }
            Said::Ask { id, subtype } => {
                let answer = refusal(&id, &subtype);
                self.write(&answer);
            }
            Said::Nothing => {}
            Said::Noise => {
                self.tail.push_line(&line);
                self.aside.noise(&line);
            }
        }
    }

    fn hear_answer(
        &mut self,
        line: &Bytes,
        id: &str,
        answer: Result<Option<&str>, std::borrow::Cow<'_, str>>,
        journal: &mut Journal,
    ) {
        let Some(index) = self.asked.iter().position(|(asked, _)| asked == id) else {
            // Asked by a newer ashd in a way that this version does not see.
            journal.append(Kind::Frame, line.clone());
            return;
        };
        let Some((_, asked)) = self.asked.remove(index) else { return };
        match (asked, answer) {
            (Asked::Initialize, Ok(answer)) => {
                self.ready = Readiness::Ready;
                let version = answer.and_then(version);
                note(journal, &Notice::Ready { version, pid: self.pid });
            }
            (Asked::Initialize, Err(reason)) => self.refuse(bounded(&reason)),
            (Asked::Other(_), Ok(_)) => {}
            (Asked::Other(request), Err(reason)) => {
                let request = bounded(&request);
                note(journal, &Notice::ControlRefused { request, reason: bounded(&reason) });
            }
        }
    }

    fn refuse(&mut self, reason: String) {
        self.ready = Readiness::Refused(reason);
        self.end(false);
    }

    /// Says whether it may have left commands behind: it was killed, or nobody asked it to end.
    pub(super) fn exited(&mut self, exit: Exit) -> bool {
        self.exit = Some(exit);
        self.input = None;
        self.drained_by = Some(Instant::now() + DRAIN_MAX);
        exit.signal.is_some() || !self.ending.as_ref().is_some_and(|ending| ending.requested)
    }

    /// When [`Cli::tick`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.exit.is_some() {
            return self.drained_by;
        }
        match (&self.ending, &self.ready) {
            (Some(Ending { step: Step::Kill, .. }), _) => None,
            (Some(ending), _) => Some(ending.over),
            (None, Readiness::Awaited(until)) => Some(*until),
            (None, _) => None,
        }
    }

    /// Does what is due. `may_read`: as for [`Cli::event`].
    pub(super) fn tick(&mut self, may_read: bool) {
        let now = Instant::now();
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.exit.is_some() {
            // Nobody could read, so the pipes may still hold something.
            self.drained_by = if may_read { None } else { Some(now + DRAIN_MAX) };
            return;
        }
        let Some(ending) = &mut self.ending else {
            return self
                .refuse(format!("no answer to initialize in {} s", INITIALIZE_MAX.as_secs()));
        };
        match ending.step {
            Step::EndOfInput => {
                self.life.signal(Signal::SIGTERM);
                (ending.step, ending.over) = (Step::Terminate, now + TERMINATE_MAX);
            }
            Step::Terminate => {
                self.life.signal(Signal::SIGKILL);
                ending.step = Step::Kill;
            }
            Step::Kill => {}
        }
    }

    /// Whether it ended and said everything.
    pub(super) fn is_gone(&self) -> bool {
        let drained = self.lines.has_ended() && self.errors.is_none();
        self.exit.is_some() && (drained || self.drained_by.is_none())
    }

    /// What it said beside the protocol since the last time.
    pub(super) fn said_aside(&mut self) -> Vec<Told> {
        if self.is_gone() {
            self.aside.end();
        }
        self.aside.take()
    }

    /// What is told about its end.
    pub(super) fn last_words(self) -> Notice {
        let stderr = self.tail.text();
        let Exit { code, signal } = self.exit.unwrap_or(Exit { code: None, signal: None });
        match self.ready {
            Readiness::Refused(reason) if stderr.is_empty() => {
                Notice::StartFailed { reason, script: None }
            }
            Readiness::Refused(reason) => {
                Notice::StartFailed { reason: format!("{reason}\n{stderr}"), script: None }
            }
            _ => {
                let requested = self.ending.is_some_and(|ending| ending.requested);
                Notice::Exited { code, signal, requested, stderr }
            }
        }
    }
}

/// Puts a notice into the journal.
pub(super) fn note(journal: &mut Journal, notice: &Notice) {
    journal.append(Kind::Notice, Packet::json(Kind::Notice, 0, notice).payload);
}

fn version(answer: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        claude_code_version: Option<String>,
    }
    let answer: Answer = serde_json::from_str(answer).ok()?;
    Some(answer.claude_code_version?.chars().take(VERSION_CHARACTERS_MAX).collect())
}

/// A reason of the CLI, cut to what a notice may hold.
fn bounded(text: &str) -> String {
    let end = text.floor_char_boundary(TAIL_BYTES / 2);
    text.get(..end).unwrap_or_default().to_owned()
}

async fn read_some(errors: &mut Option<Output>, buffer: &mut Vec<u8>) -> io::Result<usize> {
    match errors {
        Some(errors) => errors.read_buf(buffer).await,
        None => std::future::pending().await,
    }
}

async fn write_some(input: &mut Option<Input>, unwritten: &mut Outgoing) -> io::Result<usize> {
    match input {
        Some(input) => input.write_buf(unwritten).await,
        None => std::future::pending().await,
    }
}
