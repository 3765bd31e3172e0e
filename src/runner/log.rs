//! A session's log: gives each frame its place, and commits it before anybody sees it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::feed::FeedWriter;
use crate::bridge::protocol::LOG_LINE_BYTES_MAX;
use crate::chain::chain;
use crate::clock::Timestamp;
use crate::lifecycle::{Happening, Lifecycle};
use crate::metrics::COUNTS;
use crate::session::Status;
use crate::session::frame::{Frame, FrameKind, Speaker};
use crate::session::reading::Reading;
use crate::store::{
    Append, Counters, FrameRecord, LogSource, NewFrame, NewLogLine, NewTranscript, NewTurn, Role,
    Store, StoreError, StoredTranscript, TimelineRow, TurnState, TurnUsage,
};

/// How long to wait before a commit that failed is tried again: the disk may have room again.
const RETRY: Duration = Duration::from_secs(1);

/// Lines for the logs that a bridge may tell at once: as many as fit into what ours reads at once.
const LINES_AT_ONCE_MAX: usize = 16 << 10;

/// What the timeline calls a tool that is called.
const TOOL_CALL: &str = "tool_start";

/// What is committed together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    entries: Vec<Entry>,
    pub(crate) bridge_stored: Option<u64>,
    pub(crate) transcript: Vec<NewTranscript>,
    logs: Vec<NewLogLine>,
    pub(crate) turn: Option<(u64, TurnState)>,
    pub(crate) status: Option<Status>,
    /// What the turn used that ends with it; the log adds what it has counted.
    pub(crate) usage: Option<TurnUsage>,
    /// Told once it is stored.
    happenings: Vec<Happening>,
    /// Survive a power cut, too: the end of a turn.
    pub(crate) durable: bool,
}

#[derive(Debug)]
struct Entry {
    kind: FrameKind,
    turn: Option<u64>,
    reading: Reading,
    data: Bytes,
}

impl Batch {
    pub(crate) fn push(&mut self, kind: FrameKind, turn: Option<u64>, data: impl Into<Bytes>) {
        let data = data.into();
        self.entries.push(Entry { kind, turn, reading: Reading::of(kind, &data), data });
    }

    /// A line of the CLI, and what was read of it.
    pub(crate) fn push_line(&mut self, turn: Option<u64>, reading: Reading, data: Bytes) {
        self.entries.push(Entry { kind: FrameKind::Cli, turn, reading, data });
    }

    /// Lines for the session's logs.
    pub(crate) fn log(&mut self, source: LogSource, text: &str) {
        let at = Timestamp::now();
        self.logs.extend(text.split('\n').take(LINES_AT_ONCE_MAX).map(|line| {
            let line = line.trim_end_matches('\r');
            let end = line.floor_char_boundary(LOG_LINE_BYTES_MAX);
            let text = line.get(..end).unwrap_or_default().to_owned();
            NewLogLine { at, source, text }
        }));
    }

    pub(crate) fn tell(&mut self, happening: Happening) {
        self.happenings.push(happening);
    }
}

/// What the running turn has had, for its record.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    messages: u64,
    tool_calls: u64,
}

#[derive(Debug)]
pub(crate) struct Log {
    store: Store,
    key: i64,
    counters: Counters,
    /// What is stored of the transcript, once it was asked.
    transcript: Option<StoredTranscript>,
    tally: Tally,
    feed: FeedWriter,
    lifecycle: Lifecycle,
    /// What is told when the frames are shown that are stored with it.
    untold: Vec<Happening>,
    /// Why what is to be stored waits, while it does.
    stalled: watch::Sender<Option<StoreError>>,
    /// ashd is leaving: a commit that fails is given up.
    closing: CancellationToken,
    /// Something that was to be stored was given up, and ashd is not leaving.
    gave_up: bool,
}

impl Log {
    pub(crate) fn new(
        store: Store,
        key: i64,
        counters: Counters,
        feed: FeedWriter,
        lifecycle: Lifecycle,
        closing: CancellationToken,
    ) -> Self {
        let (untold, stalled) = (Vec::new(), watch::Sender::new(None));
        let tally = Tally::default();
        Self {
            store,
            key,
            counters,
            transcript: None,
            tally,
            feed,
            lifecycle,
            untold,
            stalled,
            closing,
            gave_up: false,
        }
    }

    /// Says why the log stands still, while it does: a full disk, and the like.
    pub(crate) fn stalled(&self) -> watch::Receiver<Option<StoreError>> {
        self.stalled.subscribe()
    }

    /// The last sequence number given.
    pub(crate) fn last(&self) -> u64 {
        self.counters.frame
    }

    /// The ordinal of the next turn.
    pub(crate) fn next_turn(&self) -> u64 {
        self.counters.turn + 1
    }

    /// Stores a turn that waits, or with its first frames one that begins at once: then it costs
    /// one commit and not two. Tried once, so that its sender hears of a failure; answers the
    /// frames, which are still to be shown.
    pub(crate) async fn accept(
        &mut self,
        turn: NewTurn,
        first: Option<Batch>,
    ) -> Result<Vec<Frame>, StoreError> {
        let before = (self.counters, self.tally);
        self.counters.turn = turn.ordinal;
        let stored = match first {
            None => self.store.enqueue_turn(self.key, turn).await.map(|()| Vec::new()),
            Some(batch) => {
                let (frames, append) = self.step(batch);
                let append = Append { accepted: Some(turn), ..append };
                self.store.append(append).await.map(|()| frames)
            }
        };
        if stored.is_err() {
            // Its numbers go to the next.
            (self.counters, self.tally) = before;
            self.untold.clear();
        }
        stored
    }

    /// Shows what was stored.
    pub(crate) fn show(&mut self, frames: Vec<Frame>) {
        self.feed.publish(frames);
        for happening in self.untold.drain(..) {
            self.lifecycle.tell(happening);
        }
    }

    pub(crate) fn rest(&self) {
        self.feed.rest();
    }

    /// Stores, then shows. Tried until it succeeds, so that nothing is lost while the disk is
    /// full; `false` if ashd left before that, or if it can never succeed: then nothing of it was
    /// shown, and its numbers go to the next.
    pub(crate) async fn commit(&mut self, batch: Batch) -> bool {
        let before = (self.counters, self.tally);
        let (frames, mut append) = self.step(batch);
        let told = !append.transcript.is_empty();
        if told {
            append.transcript_before = self.transcript().await;
        }
        let mut transcript = append.transcript_before.clone();
        for part in &append.transcript {
            transcript.bytes = transcript.bytes.saturating_add(part.bytes);
            transcript.conversation = part.conversation.clone().or(transcript.conversation);
        }
        let stored = self.store_at_last(append).await;
        if self.stalled.borrow().is_some() {
            self.stalled.send_replace(None);
        }
        if stored {
            self.transcript =
                self.transcript.take().map(|before| if told { transcript } else { before });
            self.show(frames);
        } else {
            (self.counters, self.tally) = before;
            self.untold.clear();
        }
        stored
    }

    /// Read once; what cannot be read now is asked for again with the next part.
    async fn transcript(&mut self) -> StoredTranscript {
        if self.transcript.is_none() {
            self.transcript = self.store.transcript(self.key).await.ok();
        }
        self.transcript.clone().unwrap_or_default()
    }

    async fn store_at_last(&mut self, append: Append) -> bool {
        let append = Arc::new(append);
        loop {
            match self.store.append(Arc::clone(&append)).await {
                Ok(()) => return true,
                Err(error) if error.may_pass() => {
                    // The store has said it once for all.
                    tracing::debug!(
                        session_key = self.key,
                        error = chain(&error),
                        "could not store events, trying again"
                    );
                    self.stalled.send_replace(Some(error));
                }
                Err(error) => {
                    tracing::error!(
                        session_key = self.key,
                        error = chain(&error),
                        "could not store events, giving them up"
                    );
                    self.gave_up = !matches!(error, StoreError::Closed);
                    return false;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = self.closing.cancelled() => return false,
            }
        }
    }

    /// What was given up is still in the bridge: the driver must start over from what is stored.
    pub(crate) fn has_given_up(&self) -> bool {
        self.gave_up
    }

    /// Reads again where the log ends.
    pub(crate) async fn reload(&mut self) -> Result<(), StoreError> {
        self.counters = self.store.counters(self.key).await?;
        self.transcript = None;
        self.tally = Tally::default();
        self.gave_up = false;
        Ok(())
    }

    /// A frame of the running turn was stored by an earlier ashd.
    pub(crate) fn recall(&mut self, frame: &FrameRecord) {
        let Some(kind) = FrameKind::from_number(frame.kind) else { return };
        let Reading { speaker, timeline, .. } = Reading::of(kind, &frame.data);
        self.tally.messages += u64::from(speaker.is_some());
        let calls = timeline.into_iter().filter(|kind| *kind == TOOL_CALL);
        self.tally.tool_calls += calls.count() as u64;
    }

    fn step(&mut self, batch: Batch) -> (Vec<Frame>, Append) {
        let at = Timestamp::now();
        if matches!(batch.turn, Some((_, TurnState::Running))) {
            self.tally = Tally::default();
        }
        self.untold = batch.happenings;
        let (frames, rows) = self.place(batch.entries, at);
        let Tally { messages, tool_calls } = self.tally;
        if batch.usage.is_some() {
            COUNTS.tool_calls.add(tool_calls);
        }
        let append = Append {
            key: self.key,
            usage: batch.usage.map(|usage| TurnUsage { messages, tool_calls, ..usage }),
            accepted: None,
            frames: rows,
            bridge_stored: batch.bridge_stored,
            transcript: batch.transcript,
            logs: batch.logs,
            transcript_before: StoredTranscript::default(),
            turn: batch.turn.map(|(ordinal, state)| (ordinal, state, at)),
            status: batch.status.map(|status| (status, at)),
            // The row of a session is wide: it is touched where a turn begins or ends.
            last_active_at: (batch.turn.is_some() || batch.status.is_some()).then_some(at),
            durable: batch.durable,
        };
        (frames, append)
    }

    /// Gives each entry its sequence numbers, in the log, the history and the timeline.
    fn place(&mut self, entries: Vec<Entry>, at: Timestamp) -> (Vec<Frame>, Vec<NewFrame>) {
        let mut frames = Vec::with_capacity(entries.len());
        let mut rows = Vec::with_capacity(entries.len());
        for Entry { kind, turn, reading, data } in entries {
            let Reading { width, audience, speaker, timeline } = reading;
            self.counters.frame += u64::from(width);
            let sequence = self.counters.frame;
            let message = speaker.map(|speaker| {
                self.counters.message += 1;
                self.tally.messages += 1;
                let role = match speaker {
                    Speaker::User => Role::User,
                    Speaker::Assistant => Role::Assistant,
                };
                (self.counters.message, role)
            });
            let parts = (0_u16..).zip(timeline).map(|(part, kind)| {
                self.counters.timeline += 1;
                self.tally.tool_calls += u64::from(kind == TOOL_CALL);
                TimelineRow { sequence: self.counters.timeline, part, kind }
            });
            let timeline = parts.collect();
            rows.push(NewFrame {
                sequence,
                width,
                turn,
                kind: kind as u8,
                data: data.clone(),
                at,
                message,
                timeline,
            });
            frames.push(Frame { sequence, width, turn, kind, audience, data });
        }
        (frames, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{DEFAULT_TENANT, SessionId, TurnId};
    use crate::store::{Idempotency, NewSession};

    async fn log(folder: &std::path::Path) -> Log {
        let store = Store::open(&folder.join("ash.db")).unwrap();
        let new = NewSession {
            id: SessionId::new(),
            tenant: DEFAULT_TENANT.to_owned(),
            agent_name: "a".parse().unwrap(),
            agent_version: 1,
            digest: String::new(),
            status: Status::Active,
            options: "{}".to_owned(),
            environment: crate::store::Environment::new(),
            allowed_hosts: Vec::new(),
            model: None,
            uid_block: None,
            placeholder: String::new(),
            parent: None,
            job: None,
            budget: crate::store::BudgetRecord::default(),
            used: crate::store::UsedRecord::default(),
            created_at: Timestamp::now(),
        };
        let key = store.create_session(new).await.unwrap().key;
        let counters = Counters::default();
        Log::new(
            store,
            key,
            counters,
            FeedWriter::new(0),
            Lifecycle::new(Timestamp::now()),
            CancellationToken::new(),
        )
    }

    fn fact(text: &str) -> Batch {
        let mut batch = Batch::default();
        batch.push(FrameKind::Lifecycle, None, format!(r#"{{"action":"{text}"}}"#));
        batch
    }

    fn turn(ordinal: u64, key: Option<&str>) -> NewTurn {
        let idempotency = key.map(|key| Idempotency { key: key.to_owned(), digest: [0; 32] });
        let request = "{}".to_owned();
        NewTurn { id: TurnId::new(), ordinal, request, at: Timestamp::now(), idempotency }
    }

    #[tokio::test]
    async fn what_is_given_up_takes_no_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path()).await;
        assert!(log.commit(fact("one")).await);
        let never = Batch { turn: Some((7, TurnState::Completed)), ..fact("never") };
        assert!(!log.commit(never).await, "there is no turn 7");
        assert!(log.has_given_up());
        assert_eq!(log.last(), 1);
        log.reload().await.unwrap();
        assert!(!log.has_given_up());
        assert!(log.commit(fact("two")).await);
        assert_eq!(log.last(), 2);
    }

    #[tokio::test]
    async fn a_refused_turn_gives_its_numbers_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path()).await;
        log.accept(turn(1, Some("k")), None).await.unwrap();
        for first in [None, Some(fact("begun"))] {
            let next = log.next_turn();
            let refused = log.accept(turn(next, Some("k")), first).await;
            assert!(matches!(refused, Err(StoreError::Exists)), "{refused:?}");
            assert_eq!((log.next_turn(), log.last()), (2, 0));
        }
        log.accept(turn(2, None), Some(fact("begun"))).await.unwrap();
        assert_eq!((log.next_turn(), log.last()), (3, 1));
    }
}
