//! The measuring itself: sessions of one agent, created, talked to, and ended.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::figures::Row;
use crate::ctl::failure::Failure;
use crate::ctl::server::{Server, encode_path, understand, whole};
use crate::wire::turns::{SendMessage, event};

/// One measured server.
pub(super) struct Bench<'a> {
    server: &'a Server,
    agent: &'a str,
    message: SendMessage,
    /// Sessions that are not ended yet, by the ids that the server gave them.
    open: RefCell<Vec<String>>,
    failed_turns: Cell<u64>,
}

/// When the events of a turn came, from the moment at which its message was sent.
struct Turn {
    first_event: Duration,
    done: Duration,
}

#[derive(Deserialize)]
struct Created {
    session: CreatedSession,
}

#[derive(Deserialize)]
struct CreatedSession {
    id: String,
}

impl<'a> Bench<'a> {
    pub(super) fn new(server: &'a Server, agent: &'a str, text: &str) -> Self {
        let (open, failed_turns) = (RefCell::default(), Cell::new(0));
        Self { server, agent, message: SendMessage::text(text), open, failed_turns }
    }

    /// Turns that ended with an error.
    pub(super) fn failed_turns(&self) -> u64 {
        self.failed_turns.get()
    }

    /// Sessions one after the other, each with one message.
    pub(super) async fn come_and_go(&self, count: u32) -> Result<Vec<Row>, Failure> {
        let [mut created, mut first_event, mut done, mut ended] = [const { Vec::new() }; 4];
        for _ in 0..count {
            let start = Instant::now();
            let session = self.create().await?;
            created.push(start.elapsed());
            if let Some(turn) = self.turn(&session).await? {
                first_event.push(turn.first_event);
                done.push(turn.done);
            }
            let start = Instant::now();
            self.end(&session).await?;
            ended.push(start.elapsed());
        }
        Ok(vec![
            Row::new("create", 1, created),
            Row::new("first message to first event", 1, first_event),
            Row::new("first message to done", 1, done),
            Row::new("end", 1, ended),
        ])
    }

    /// So many sessions at once, each with one message after the other. The first of each is not
    /// counted: what it starts, the row `first message` tells.
    pub(super) async fn talk(&self, sessions: u16, messages: u32) -> Result<Vec<Row>, Failure> {
        let created = try_join_all((0..sessions).map(|_| self.create())).await?;
        try_join_all(created.iter().map(|session| self.turn(session))).await?;
        let start = Instant::now();
        let conversations = created.iter().map(|session| async move {
            let mut turns = Vec::new();
            for _ in 0..messages {
                turns.extend(self.turn(session).await?);
            }
            Ok::<_, Failure>(turns)
        });
        let turns: Vec<Turn> = try_join_all(conversations).await?.into_iter().flatten().collect();
        let wall = start.elapsed();
        try_join_all(created.iter().map(|session| self.end(session))).await?;
        let times = |time: fn(&Turn) -> Duration| turns.iter().map(time).collect();
        Ok(vec![
            Row::new("message to first event", sessions, times(|turn| turn.first_event)),
            Row::new("message to done", sessions, times(|turn| turn.done)).within(wall),
        ])
    }

    /// Ends what is still there.
    pub(super) async fn end_all(&self) -> Result<(), Failure> {
        let open = self.open.borrow().clone();
        try_join_all(open.iter().map(|session| self.end(session))).await.map(|_ended| ())
    }

    async fn create(&self) -> Result<String, Failure> {
        let answer = self.server.post("/api/sessions", &json!({ "agent": self.agent })).await?;
        let Created { session } = understand(&whole(answer).await?)?;
        self.open.borrow_mut().push(session.id.clone());
        Ok(session.id)
    }

    async fn end(&self, session: &str) -> Result<(), Failure> {
        let target = format!("/api/sessions/{}", encode_path(session));
        self.server.call(Method::DELETE, &target).await?;
        self.open.borrow_mut().retain(|open| open != session);
        Ok(())
    }

    /// One turn to its end; `None` if it failed.
    async fn turn(&self, session: &str) -> Result<Option<Turn>, Failure> {
        let target = format!("/api/sessions/{}/messages", encode_path(session));
        let start = Instant::now();
        let mut events = self.server.post(&target, &self.message).await?.events();
        let (mut first_event, mut done, mut failed) = (None, None, false);
        // To the end of the stream, so that the connection can be used again; what comes behind `done`
        // does not count.
        while let Some(event) = events.next().await? {
            let now = start.elapsed();
            first_event.get_or_insert(now);
            match event.event.as_deref() {
                Some(event::DONE) => done = done.or(Some(now)),
                Some(event::ERROR) => failed = true,
                _ => {}
            }
        }
        match (first_event, done) {
            (Some(first_event), Some(done)) if !failed => Ok(Some(Turn { first_event, done })),
            _ => {
                self.failed_turns.set(self.failed_turns.get() + 1);
                Ok(None)
            }
        }
    }
}
