//! What the CLI asks before it uses a tool: stored and shown like any frame, answered by a client
//! or by the clock, and once more after a restart of ashd.
//!
//! *Invariant:* a question that was stored is stored as resolved before its turn is done.
//! *Invariant:* an answer is stored before the CLI hears it, and said again to a sandbox that is
//! taken over: its bridge skips what it has heard.

use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::Instant;

use super::driver::Driver;
use super::handle::PermissionError;
use super::log::Batch;
use crate::bridge::protocol::Answer;
use crate::chain::chain;
use crate::clock::Timestamp;
use crate::id::{PermissionId, SessionId, TurnId};
use crate::session::frame::{FrameKind, Head};
use crate::session::options::SpawnOptions;
use crate::session::permission::{
    self, Asked, Memory, PermissionBehavior, PermissionRequest, PermissionResolution,
    ResolvedBehavior, ResolvedBy, Said, Verdict,
};
use crate::store::{FrameRecord, SessionChange, StoreError};

/// Questions that may be open: as many as a bridge passes on.
const QUESTIONS_MAX: usize = 64;

/// Bytes of questions and answers that are read from the store at once.
const READ_BYTES_MAX: usize = 64 << 20;

/// What becomes of a question that nobody answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PermissionPolicy {
    /// `None`: it waits.
    pub(crate) timeout: Option<Duration>,
    pub(crate) on_timeout: PermissionBehavior,
}

/// The open questions of a session, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Questions(Vec<Question>);

#[derive(Debug)]
struct Question {
    id: PermissionId,
    /// The CLI's name for it.
    request_id: String,
    /// The turn that asks.
    turn: Option<(u64, TurnId)>,
    suggestions: Option<Box<RawValue>>,
    expires: Option<Expiry>,
}

/// When it is answered without a client, and how.
#[derive(Debug, Clone, Copy)]
struct Expiry {
    at: Instant,
    behavior: PermissionBehavior,
    /// How long it was waited for.
    seconds: u64,
}

impl Questions {
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    /// When the next one is to be answered without a client.
    pub(super) fn expires_at(&self) -> Option<Instant> {
        self.0.iter().filter_map(|question| Some(question.expires?.at)).min()
    }
}

impl Question {
    fn resolution(
        &self,
        session_id: SessionId,
        verdict: Option<&Verdict>,
        by: ResolvedBy,
    ) -> PermissionResolution {
        let behavior = match verdict.map(|verdict| verdict.behavior) {
            None => ResolvedBehavior::Cancelled,
            Some(PermissionBehavior::Allow) => ResolvedBehavior::Allow,
            Some(PermissionBehavior::Deny) => ResolvedBehavior::Deny,
        };
        PermissionResolution {
            permission_id: self.id,
            session_id,
            turn_id: self.turn.map(|(_, id)| id),
            behavior,
            by,
            updated_input: verdict.and_then(|verdict| verdict.updated_input.clone()),
            updated_permissions: verdict.and_then(|verdict| verdict.updated_permissions.clone()),
            message: verdict.and_then(|verdict| verdict.message.clone()),
            interrupt: verdict.is_some_and(|verdict| verdict.interrupt),
            request_id: self.request_id.clone(),
        }
    }
}

impl Driver {
    /// Takes a line that is about a question; `false` if it is about something else.
    pub(super) fn hear_question(
        &mut self,
        head: &Head<'_>,
        line: &[u8],
        batch: &mut Batch,
    ) -> bool {
        if !matches!(&*head.kind, "control_request" | "control_cancel_request") {
            let idle = head.state.as_deref() == Some("idle");
            if idle && self.running.is_none() {
                // A turn that nobody asked for is over.
                self.drop_questions(batch);
            }
            return false;
        }
        match permission::read(line) {
            Some(Said::Asks(asked)) => self.keep_question(&asked, batch),
            Some(Said::TakesBack { request_id }) => {
                let place = self.questions.0.iter().position(|open| open.request_id == request_id);
                if let Some(question) = place.map(|place| self.questions.0.remove(place)) {
                    self.settle(&question, None, ResolvedBy::Session, batch);
                }
            }
            None => return false,
        }
        true
    }

    fn keep_question(&mut self, asked: &Asked<'_>, batch: &mut Batch) {
        if self.questions.0.len() >= QUESTIONS_MAX {
            let text = format!("{QUESTIONS_MAX} questions are open already.");
            let verdict =
                Verdict { message: Some(text), ..Verdict::of_timeout(PermissionBehavior::Deny, 0) };
            return self.say(&asked.request_id, &verdict);
        }
        let created_at = Timestamp::now();
        let policy = self.permission_policy();
        let expires_at = policy.timeout.map(|timeout| {
            let millis = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(created_at.as_millis().saturating_add(millis))
        });
        let request = PermissionRequest {
            permission_id: PermissionId::new(),
            session_id: self.record.id,
            turn_id: self.running.as_ref().map(|turn| turn.id),
            tool_name: asked.tool_name.clone().into_owned(),
            tool_use_id: asked.tool_use_id.clone().map(Into::into),
            input: asked.input.to_owned(),
            description: asked.description.clone().map(Into::into),
            suggestions: asked.suggestions.map(ToOwned::to_owned),
            created_at,
            expires_at,
            on_timeout: expires_at.map(|_| policy.on_timeout),
            request_id: asked.request_id.clone().into_owned(),
        };
        let data = serde_json::to_string(&request).expect("a request has a JSON form");
        let turn = self.running.as_ref().map(|turn| turn.ordinal);
        batch.push(FrameKind::PermissionAsked, turn, data);
        let asks = self.happening("permission.requested");
        let asks = asks.with("permission", request.permission_id.to_string());
        batch.tell(asks.with("tool", request.tool_name.clone()));
        self.questions.0.push(question(&request, turn));
    }

    /// The session's own words, or else the host's.
    fn permission_policy(&self) -> PermissionPolicy {
        let host = self.host.policy().permissions;
        let timeout = match self.options.permission_timeout_seconds {
            None => host.timeout,
            Some(0) => None,
            Some(seconds) => Some(Duration::from_secs(seconds.into())),
        };
        let on_timeout = self.options.on_permission_timeout.unwrap_or(host.on_timeout);
        PermissionPolicy { timeout, on_timeout }
    }

    pub(super) fn open_permissions(&self) -> Vec<PermissionId> {
        self.questions.0.iter().map(|question| question.id).collect()
    }

    /// Stores what becomes of a question.
    fn settle(
        &self,
        question: &Question,
        verdict: Option<&Verdict>,
        by: ResolvedBy,
        batch: &mut Batch,
    ) {
        let resolution = question.resolution(self.record.id, verdict, by);
        let data = serde_json::to_string(&resolution).expect("a resolution has a JSON form");
        batch.push(FrameKind::PermissionResolved, question.turn.map(|(ordinal, _)| ordinal), data);
        let resolved = self.happening("permission.resolved");
        let resolved = resolved.with("permission", question.id.to_string());
        let resolved = resolved.with("behavior", resolution.behavior.as_str());
        batch.tell(resolved.with("by", by.as_str()));
    }

    /// Nobody can answer any more: to be called before a turn is over, whatever ended it.
    pub(super) fn drop_questions(&mut self, batch: &mut Batch) {
        for question in std::mem::take(&mut self.questions.0) {
            self.settle(&question, None, ResolvedBy::Session, batch);
        }
    }

    /// Answers the rules that are remembered.
    pub(super) async fn answer_permission(
        &mut self,
        id: PermissionId,
        mut verdict: Verdict,
        remember: bool,
    ) -> Result<Vec<String>, PermissionError> {
        let Some(place) = self.questions.0.iter().position(|question| question.id == id) else {
            return Err(self.no_such_question(id).await);
        };
        let mut rules = Vec::new();
        if remember {
            let suggestions = self.questions.0.get(place).and_then(|open| open.suggestions.clone());
            let memory = suggestions.map(|list| Memory::of(&list)).unwrap_or_default();
            if memory.is_empty() {
                return Err(PermissionError::NothingToRemember);
            }
            self.remember(&memory).await.map_err(PermissionError::Store)?;
            (verdict.updated_permissions, rules) = (Some(memory.updates), memory.rules);
        }
        if self.resolve(place, &verdict, ResolvedBy::Client).await {
            Ok(rules)
        } else {
            Err(PermissionError::Ending)
        }
    }

    async fn no_such_question(&self, id: PermissionId) -> PermissionError {
        match self.stored_questions().await {
            Ok(rows) => {
                let asked = rows.iter().filter_map(request).any(|one| one.permission_id == id);
                if asked { PermissionError::Resolved } else { PermissionError::NotFound }
            }
            Err(error) => PermissionError::Store(error),
        }
    }

    /// For the CLIs that come after this one, which is told itself.
    async fn remember(&mut self, memory: &Memory) -> Result<(), StoreError> {
        let options = memory.added_to(&self.options);
        let text = serde_json::to_string(&options).expect("options have a JSON form");
        let change = SessionChange { options: Some(text.clone()), ..SessionChange::default() };
        self.host.store.update_session(self.record.id, change).await?;
        self.record.options = text;
        let before = std::mem::replace(&mut self.options, options);
        // It is as if this CLI had been started with it.
        let turn = self.running.as_ref().map(|turn| turn.options.clone()).unwrap_or_default();
        let label = |options| Some(SpawnOptions::new(options, &turn).label());
        if let Some(live) = self.live.as_mut().filter(|live| live.spawn == label(&before)) {
            live.spawn = label(&self.options);
        }
        Ok(())
    }

    /// Stores the answer, then says it; `false` if ashd left before.
    async fn resolve(&mut self, place: usize, verdict: &Verdict, by: ResolvedBy) -> bool {
        let question = self.questions.0.remove(place);
        let mut batch = Batch::default();
        self.settle(&question, Some(verdict), by, &mut batch);
        let stored = self.log.commit(batch).await;
        if stored {
            self.say(&question.request_id, verdict);
        } else {
            self.questions.0.insert(place, question);
        }
        stored
    }

    fn say(&self, request_id: &str, verdict: &Verdict) {
        let Some(live) = &self.live else { return };
        let answer = Answer { request_id: request_id.to_owned(), response: verdict.response() };
        // A connection that has ended says so by its events, and the next one is told again.
        if let Err(error) = live.sender.answer(&answer) {
            tracing::warn!(session = %self.record.id, %error, "an answer did not reach the sandbox");
        }
    }

    /// Answers what nobody has answered in time.
    pub(super) async fn answer_the_overdue(&mut self) {
        let now = Instant::now();
        let overdue = |question: &Question| question.expires.filter(|expiry| expiry.at <= now);
        while let Some((place, expiry)) =
            (0..).zip(&self.questions.0).find_map(|(place, open)| Some((place, overdue(open)?)))
        {
            let verdict = Verdict::of_timeout(expiry.behavior, expiry.seconds);
            if !self.resolve(place, &verdict, ResolvedBy::Timeout).await {
                return;
            }
        }
    }

    /// After a restart: what is stored as open is open; what is stored as answered is said again.
    pub(super) async fn recover_questions(&mut self) {
        // Also of a CLI that asks though its session shall not any more: it was started before.
        if self.live.is_none() && self.running.is_none() && !self.options.ask_permissions {
            return;
        }
        let rows = match self.stored_questions().await {
            Ok(rows) => rows,
            Err(error) => {
                let error = chain(&error);
                return tracing::error!(session = %self.record.id, error, "could not read the open questions");
            }
        };
        for row in &rows {
            if let Some(request) = request(row) {
                self.questions.0.push(question(&request, row.turn));
            } else if let Some(resolution) = resolution(row) {
                self.questions.0.retain(|open| open.id != resolution.permission_id);
                if let Some(verdict) = Verdict::stored(&resolution) {
                    self.say(&resolution.request_id, &verdict);
                }
            }
        }
        // What runs is judged next, and its end takes its questions with it.
        if self.live.is_none() && self.running.is_none() && !self.questions.0.is_empty() {
            let mut batch = Batch::default();
            self.drop_questions(&mut batch);
            self.log.commit(batch).await;
        }
    }

    async fn stored_questions(&self) -> Result<Vec<FrameRecord>, StoreError> {
        self.host.questions(self.record.key).await
    }
}

impl super::Host {
    /// The questions and answers since the last turn began, in their order.
    async fn questions(&self, key: i64) -> Result<Vec<FrameRecord>, StoreError> {
        let kinds = [FrameKind::PermissionAsked as u8, FrameKind::PermissionResolved as u8];
        self.store.recent_frames_of(key, kinds, READ_BYTES_MAX).await
    }

    /// The requests with these ids, in their order.
    pub(crate) async fn permission_requests(
        &self,
        key: i64,
        open: &[PermissionId],
    ) -> Result<Vec<PermissionRequest>, StoreError> {
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let requests = self.questions(key).await?;
        let requests = requests.iter().filter_map(request);
        Ok(requests.filter(|request| open.contains(&request.permission_id)).collect())
    }
}

/// The question of a request; a time that is over is now.
fn question(request: &PermissionRequest, turn: Option<u64>) -> Question {
    let expires = request.expires_at.map(|at| {
        let left = at.as_millis().saturating_sub(Timestamp::now().as_millis());
        let waits = at.as_millis().saturating_sub(request.created_at.as_millis());
        Expiry {
            at: Instant::now() + Duration::from_millis(u64::try_from(left).unwrap_or(0)),
            behavior: request.on_timeout.unwrap_or(PermissionBehavior::Deny),
            seconds: u64::try_from(waits / 1000).unwrap_or(0),
        }
    });
    Question {
        id: request.permission_id,
        request_id: request.request_id.clone(),
        turn: turn.zip(request.turn_id),
        suggestions: request.suggestions.clone(),
        expires,
    }
}

fn request(row: &FrameRecord) -> Option<PermissionRequest> {
    let asked = row.kind == FrameKind::PermissionAsked as u8;
    asked.then(|| serde_json::from_slice(&row.data).ok()).flatten()
}

fn resolution(row: &FrameRecord) -> Option<PermissionResolution> {
    let resolved = row.kind == FrameKind::PermissionResolved as u8;
    resolved.then(|| serde_json::from_slice(&row.data).ok()).flatten()
}
