//! The task that owns a session: takes messages in turn, starts what is needed for them, stores
//! what the CLI says, and only then shows it and acknowledges it to the bridge.
//!
//! *Invariant:* every accepted message gets its `done`, exactly once and last, whatever dies.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::disk::DiskWatch;
use super::handle::{Command, StartError, View, next_command};
use super::host::{Host, HostPolicy};
use super::jail::{self, Jail};
use super::limit::TurnLimit;
use super::live::{Live, next_event};
use super::log::{Batch, Log};
use super::permissions::Questions;
use super::rest::{self, Rest};
use super::seats::Seat;
use super::span::{OpenTool, Traced};
use super::spent::{Spent, count};
use super::transcript::packed;
use crate::bridge::host::BridgeEvent;
use crate::chain::chain;
use crate::clock::Timestamp;
use crate::id::TurnId;
use crate::os::aside::aside;
use crate::session::Status;
use crate::session::content::Content;
use crate::session::frame::{FrameKind, Head};
use crate::session::options::{SessionOptions, SpawnOptions, TurnOptions};
use crate::session::reading::Reading;
use crate::session::tier::Tier;
use crate::session::transcript;
use crate::session::turn::{Outcome, Turns};
use crate::store::{KernelRecord, SessionRecord, TurnState, TurnUsage};
use crate::telemetry::{self, Context};

/// Packets stored in one commit: the more wait, the fewer commits.
const BATCH_PACKETS_MAX: usize = 256;
/// Bytes of them, so that one commit stays short.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// A message that waits or runs.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) ordinal: u64,
    pub(super) id: TurnId,
    pub(super) content: Content,
    pub(super) options: TurnOptions,
    pub(super) accepted_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    /// The same, if this ashd began it.
    pub(super) began: Option<Instant>,
    /// The span that it is a part of for whoever asked for it.
    pub(super) trace: Option<Context>,
    /// Its model has said something.
    pub(super) answered: bool,
    /// The number under which its message goes to the bridge, once it runs: that of its first
    /// event. Ordinals would not do, as a turn can be put before others.
    pub(super) input: u64,
    /// Whether its message may be given to another CLI, if the bridge has given it to none.
    pub(super) may_try_again: bool,
}

/// A turn's request as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct TurnRequest {
    pub(super) content: serde_json::Value,
    #[serde(default)]
    pub(super) options: TurnOptions,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trace: Option<Context>,
}

/// Its task is as large as the largest thing that it waits for, for as long as the session has a
/// driver: so what is rare is boxed where `run` calls it.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) host: Host,
    /// Tells when it changes.
    pub(super) policy: watch::Receiver<HostPolicy>,
    pub(super) record: SessionRecord,
    pub(super) options: SessionOptions,
    pub(super) log: Log,
    pub(super) live: Option<Live>,
    pub(super) turns: Turns,
    pub(super) running: Option<Turn>,
    pub(super) queue: VecDeque<Turn>,
    pub(super) commands: mpsc::Receiver<Command>,
    /// One that came while the session was kept still.
    pub(super) early: Option<Command>,
    pub(super) view: watch::Sender<View>,
    /// The last message that the living bridge gave to its CLI.
    pub(super) bridge_last_input: u64,
    pub(super) rest: Rest,
    /// Room for the sandbox that lives, or for the next.
    pub(super) seat: Option<Seat>,
    /// What becomes of the running turn if it does not end by itself.
    pub(super) limit: Option<TurnLimit>,
    /// What serves files and commands while there is no sandbox.
    pub(super) jail: Option<Jail>,
    /// When the driver of an ended session leaves.
    pub(super) leaves_at: Option<Instant>,
    pub(super) spent: Spent,
    /// What the kernel counted in the sandbox at the end of the turn that is to be recorded.
    pub(super) kernel: KernelRecord,
    /// What the CLI asks and nobody has answered.
    pub(super) questions: Questions,
    pub(super) disk: DiskWatch,
    /// Tools of the running turn that have not answered, if somebody collects spans.
    pub(super) open_tools: Vec<OpenTool>,
    /// The turn that runs, or the last one.
    pub(super) traced: Option<Traced>,
}

impl Driver {
    pub(super) async fn run(mut self) {
        Box::pin(self.recover()).await;
        let closing = self.host.closing.clone();
        loop {
            if self.log.has_given_up() && !closing.is_cancelled() {
                if !Box::pin(self.start_over()).await {
                    return self.leave();
                }
                continue;
            }
            if self.running.is_none() && self.turns.is_idle() && !self.is_held() {
                if let Some(turn) = self.queue.pop_front() {
                    self.begin(turn).await;
                    continue;
                }
                self.log.rest();
            }
            self.show();
            self.watch_the_disk();
            let (cools_at, leaves_at) = (self.cools_at(), self.leaves_at());
            let expires_at = self.questions.expires_at();
            tokio::select! {
                // Leaving keeps the sandbox: the next ashd takes it over.
                () = closing.cancelled() => return Box::pin(self.end_jail()).await,
                command = next_command(&mut self.early, &mut self.commands) => match command {
                    Some(Command::End { answer }) => return Box::pin(self.end(answer)).await,
                    // Asked before it was known that the session has ended.
                    Some(command) if self.refuses(&command) => drop(command),
                    Some(Command::Send { turn, answer }) => self.accept(*turn, answer).await,
                    Some(command) => Box::pin(self.obey(command)).await,
                    None => return,
                },
                event = next_event(&mut self.live) => match event {
                    Some(event) => {
                        self.hear(event).await;
                        self.freeze_if_due().await;
                    }
                    None => Box::pin(self.lost()).await,
                },
                _changed = self.policy.changed() => {}
                () = rest::until(cools_at) => Box::pin(self.cool()).await,
                () = jail::over(&mut self.jail) => Box::pin(self.end_jail()).await,
                () = rest::until(leaves_at) => return self.leave(),
                () = TurnLimit::reached(self.limit) => Box::pin(self.overdue()).await,
                () = rest::until(expires_at) => Box::pin(self.answer_the_overdue()).await,
                looked = self.disk.looked() => Box::pin(self.heed_the_disk(looked)).await,
            }
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Start { answer } => {
                let started = self.start().await;
                if started.is_ok() && self.record.status == Status::Starting {
                    let mut batch = Batch::default();
                    self.set_status(Status::Active, &mut batch);
                    self.log.commit(batch).await;
                }
                drop(answer.send(started));
            }
            Command::Park { seat, answer } => {
                self.seat = Some(seat);
                let parked = self.start().await;
                let _nobody_waits = answer.send(parked);
            }
            Command::Claim { new, answer } => {
                let claimed = self.claim(*new).await;
                let _nobody_waits = answer.send(claimed);
            }
            Command::Interrupt { answer } => {
                let _nobody_waits = answer.send(self.interrupt());
            }
            Command::Queue { answer } => drop(answer.send(self.waiting())),
            Command::Remove { turn, answer } => drop(answer.send(self.remove(turn).await)),
            Command::SendNow { turn, answer } => {
                let interrupted = self.send_now(turn).await;
                drop(answer.send(interrupted));
            }
            Command::Configure { patch, answer } => {
                let configured = self.configure(&patch).await;
                drop(answer.send(configured));
            }
            Command::Permissions { answer } => drop(answer.send(self.open_permissions())),
            Command::AnswerPermission { permission, verdict, remember, answer } => {
                let answered = self.answer_permission(permission, *verdict, remember).await;
                drop(answer.send(answered));
            }
            Command::Reach { place, answer } => drop(answer.send(self.reach(place).await)),
            Command::Pause { answer } => drop(answer.send(self.pause().await)),
            Command::Resume { answer } => drop(answer.send(self.resume().await)),
            Command::Stop { answer } => drop(answer.send(self.stop().await)),
            Command::Still { cold, answer } => self.be_still(cold, answer).await,
            Command::BringBack { answer } => drop(answer.send(self.have_files().await)),
            Command::Cool { tier, answer } => {
                self.cool_to(tier).await;
                let _nobody_waits = answer.send(());
            }
            Command::Budget { budget, answer } => {
                self.change_budget(budget).await;
                let _nobody_waits = answer.send(());
            }
            Command::RenewTerms { answer } => {
                self.renew_terms().await;
                let _nobody_waits = answer.send(());
            }
            Command::Send { .. } | Command::End { .. } => unreachable!("`run` takes them"),
        }
    }

    pub(super) async fn start(&mut self) -> Result<(), StartError> {
        self.wake().await?;
        let model = self.record.model.clone();
        self.restore_conversation().await;
        let lent = self.host.credential_environment(&self.record).await;
        self.ensure_cli(
            &SpawnOptions::new(&self.options, &TurnOptions::default()),
            model.as_deref(),
            lent,
        );
        Ok(())
    }

    /// Begins a turn that waited.
    async fn begin(&mut self, mut turn: Turn) {
        turn.input = self.log.last() + 1;
        let batch = self.opening(&turn);
        self.mark_running(turn);
        if self.log.commit(batch).await {
            self.run_turn().await;
        }
    }

    /// What is stored when a turn begins.
    pub(super) fn opening(&self, turn: &Turn) -> Batch {
        let mut batch = Batch::default();
        let version = env!("CARGO_PKG_VERSION");
        let started = json!({ "sessionId": self.record.id, "turnId": turn.id, "version": version });
        batch.push(FrameKind::TurnStarted, Some(turn.ordinal), started.to_string());
        batch.push(FrameKind::User, Some(turn.ordinal), turn.content.history());
        batch.tell(self.of_turn("turn.started", turn));
        batch.turn = Some((turn.ordinal, TurnState::Running));
        batch.status = (self.record.status != Status::Active).then_some(Status::Active);
        batch
    }

    /// To be called before the turn is shown: whoever sees its start sees a busy session.
    pub(super) fn mark_running(&mut self, mut turn: Turn) {
        self.record.status = Status::Active;
        self.turns.begin(turn.ordinal);
        (turn.started_at, turn.began) = (Some(Timestamp::now()), Some(Instant::now()));
        self.traced = turn.traced();
        self.running = Some(turn);
        self.watch_the_clock();
        self.show();
    }

    /// Has what the running turn needs, and gives its message to the CLI.
    pub(super) async fn run_turn(&mut self) {
        if self.refuse_over_disk().await {
            return;
        }
        let (tier, began, asked) = (self.rest.tier, Timestamp::now(), Instant::now());
        let awake = Box::pin(self.wake()).await;
        if tier != Tier::Hot || awake.is_err() {
            self.trace_wait(began, asked.elapsed(), tier, awake.is_err());
        }
        if let Err(error) = awake {
            Box::pin(self.fail(&chain(&error))).await;
            return;
        }
        let Some(turn) = &self.running else { return };
        let (input, line) = (turn.input, turn.content.line());
        let model = turn.options.model.clone().or_else(|| self.record.model.clone());
        let spawn = SpawnOptions::new(&self.options, &turn.options);
        Box::pin(self.restore_conversation()).await;
        let lent = Box::pin(self.host.credential_environment(&self.record)).await;
        self.ensure_cli(&spawn, model.as_deref(), lent);
        if let Err(error) = self.deliver(input, &line, model) {
            let reason = format!("the message did not reach the sandbox: {error}");
            Box::pin(self.fail(&reason)).await;
        }
    }

    /// Stores and shows what the bridge says, as much of it as waits.
    pub(super) async fn hear(&mut self, first: BridgeEvent) {
        let mut batch = Batch::default();
        let mut bytes = 0;
        let (mut broken, mut again) = (None, None);
        let mut next = Some(first);
        let mut ended = None;
        let mut mirrored = Vec::new();
        let mut packets = 0;
        // What was written at once shall be stored at once: lets the reader of the link go on.
        tokio::task::yield_now().await;
        while let Some(event) = next.take() {
            packets += 1;
            match event {
                BridgeEvent::Frame { number, line } => {
                    bytes += line.len();
                    batch.bridge_stored = Some(number);
                    let head = aside(line.len(), || Head::read(&line));
                    if self.hear_question(&head, &line, &mut batch) {
                        // It is stored in our own words.
                    } else if head.is_mirror() {
                        mirrored.extend(transcript::entries(&line, &self.record.id.to_string()));
                    } else {
                        if head.is_answer() {
                            self.note_answer();
                        }
                        if telemetry::is_on() && matches!(&*head.kind, "assistant" | "user") {
                            self.trace_tools(&line);
                        }
                        ended = self.turns.line(&head);
                        if head.kind == "result" {
                            self.spent.hear(&line);
                        }
                        let turn = self.running.as_mut().map(|turn| {
                            turn.may_try_again = false;
                            turn.ordinal
                        });
                        let reading = aside(line.len(), || Reading::of_line(&head));
                        batch.push_line(turn, reading, line);
                    }
                }
                BridgeEvent::Notice { number, notice } => {
                    batch.bridge_stored = Some(number);
                    broken = self.notice(number, notice, &mut batch);
                }
            }
            // What is taken off the link is stored: nothing is taken that has no room here. And
            // the next turn must not begin in the batch that ends this one.
            let is_full = packets == BATCH_PACKETS_MAX || bytes > BATCH_BYTES_MAX;
            if is_full || ended.is_some() || broken.is_some() {
                break;
            }
            next = self.live.as_mut().and_then(|live| live.events.try_recv());
        }
        if let Some(outcome) = ended.clone() {
            self.take_stock(&mut batch).await;
            self.tell_denial(&mut batch).await;
            self.finish(outcome, &mut batch);
        } else if let Some(broken) = &broken {
            self.take_stock(&mut batch).await;
            if broken.was_late && self.running.as_ref().is_some_and(|turn| turn.may_try_again) {
                again = Some(&broken.reason);
            } else {
                self.break_off(&broken.reason, &mut batch);
            }
        }
        let stored = batch.bridge_stored;
        batch.transcript.extend(packed(mirrored).await);
        let is_stored = self.log.commit(batch).await;
        if is_stored && let (Some(live), Some(stored)) = (&mut self.live, stored) {
            live.stored = stored;
            live.sender.acknowledge(stored);
        }
        if ended.is_some() {
            self.rest.touch();
        }
        if let Some(reason) = again.filter(|_| is_stored) {
            self.try_again(reason).await;
        }
    }

    /// The running turn came to its end.
    pub(super) fn finish(&mut self, outcome: Outcome, batch: &mut Batch) {
        let Some(turn) = self.running.take() else { return };
        self.limit = None;
        self.drop_questions(batch);
        let told = self.spent.take();
        count(&turn, &outcome, told);
        let model = self.spent.model.take();
        self.trace_end(&turn, &outcome, told, model.as_deref());
        batch.usage = Some(TurnUsage {
            ordinal: turn.ordinal,
            model,
            milliseconds: turn.milliseconds(),
            told,
            told_in_all: self.spent.in_all,
            sandbox: self.record.sandbox_generation,
            kernel: std::mem::take(&mut self.kernel),
            // The log counts them.
            ..TurnUsage::default()
        });
        self.conclude(&turn, outcome, batch);
    }

    /// What is stored when a turn has ended: `done`, and before it why if it failed.
    pub(super) fn conclude(&self, turn: &Turn, outcome: Outcome, batch: &mut Batch) {
        batch.tell(self.turn_ended(turn, &outcome));
        let state = match outcome {
            Outcome::Completed => TurnState::Completed,
            Outcome::Interrupted => TurnState::Interrupted,
            Outcome::Failed(text) => {
                batch.push(
                    FrameKind::Error,
                    Some(turn.ordinal),
                    json!({ "error": text }).to_string(),
                );
                TurnState::Failed
            }
        };
        let done = json!({ "sessionId": self.record.id, "turnId": turn.id });
        batch.push(FrameKind::Done, Some(turn.ordinal), done.to_string());
        batch.turn = Some((turn.ordinal, state));
        batch.durable = true;
    }

    /// The CLI is gone: ends the running turn with the reason. The next message starts a new
    /// CLI, which resumes the conversation.
    fn break_off(&mut self, reason: &str, batch: &mut Batch) {
        if self.record.is_parked() {
            // It is nobody's: nobody is told, and nobody gets it.
            tracing::warn!(session = %self.record.id, reason, "a parked sandbox failed");
            if let Some(live) = &mut self.live {
                live.spawn = None;
            }
            return;
        }
        batch.tell(self.happening("session.failed").with("reason", reason));
        self.drop_questions(batch);
        if let Some(live) = &mut self.live {
            live.spawn = None;
        }
        if self.turns.broken().is_some() {
            self.set_status(Status::Error, batch);
            self.finish(Outcome::Failed(reason.to_owned()), batch);
        } else {
            // Nobody waits for it, but the history tells it.
            batch.push(FrameKind::Error, None, json!({ "error": reason }).to_string());
        }
    }

    pub(super) fn set_status(&mut self, status: Status, batch: &mut Batch) {
        self.record.status = status;
        batch.status = Some(status);
    }

    /// The running turn cannot run.
    pub(super) async fn fail(&mut self, reason: &str) {
        let mut batch = Batch::default();
        if self.running.is_some() {
            self.take_stock(&mut batch).await;
        }
        self.break_off(reason, &mut batch);
        self.log.commit(batch).await;
    }
}
