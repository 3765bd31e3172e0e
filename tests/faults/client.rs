//! A client that loses its connections and comes back, as often as it takes.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::chance::Chance;
use crate::server::{Event, Events, KEY, PATIENCE, events_of};
use crate::world::World;

/// Pause before another try while ashd is away.
const PAUSE: Duration = Duration::from_millis(10);

/// A turn as its client saw it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) turn: String,
    /// What was to be answered.
    pub(crate) text: String,
    pub(crate) events: Vec<Event>,
}

/// What answered.
pub(crate) enum Opened {
    Stream(Option<String>, Events<Box<dyn std::io::BufRead>>),
    /// There is nothing more, and never will be.
    Over,
    /// ashd is away, or about to leave.
    Away,
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(2 * PATIENCE))
        .build()
        .into()
}

fn opened(answer: Result<http::Response<ureq::Body>, ureq::Error>) -> Opened {
    let Ok(response) = answer else { return Opened::Away };
    match response.status().as_u16() {
        200 => {}
        204 => return Opened::Over,
        503 => return Opened::Away,
        status => panic!("{status}: {:?}", response.into_body().read_to_string()),
    }
    let turn = response.headers().get("ash-turn-id");
    let turn = turn.map(|turn| turn.to_str().unwrap().to_owned());
    Opened::Stream(turn, events_of(response))
}

/// Watches a session, or a turn of it.
pub(crate) fn watch(world: &World, session: &str, query: &str, last: Option<u64>) -> Opened {
    let url = format!("{}/api/sessions/{session}/stream{query}", world.url());
    let mut request = agent().get(url).header("authorization", format!("Bearer {KEY}"));
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    opened(request.call())
}

fn send(world: &World, session: &str, key: &str, text: &str, last: Option<u64>) -> Opened {
    let url = format!("{}/api/sessions/{session}/messages", world.url());
    let mut request = agent().post(url).header("authorization", format!("Bearer {KEY}"));
    request = request.header("idempotency-key", key);
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    opened(request.send_json(json!({ "content": text, "includePartialMessages": true })))
}

/// Creates a session; `None` if ashd was away before it had answered.
pub(crate) fn create(world: &World, request: &serde_json::Value) -> Option<String> {
    let url = format!("{}/api/sessions", world.url());
    let asked = agent().post(url).header("authorization", format!("Bearer {KEY}"));
    let response = asked.send_json(request).ok().filter(|answer| answer.status() == 201)?;
    let answer: serde_json::Value = response.into_body().read_json().ok()?;
    Some(answer["session"]["id"].as_str().unwrap().to_owned())
}

/// A message, and how it is to be answered.
#[derive(Debug)]
pub(crate) struct Message {
    /// Its idempotency key.
    pub(crate) number: String,
    pub(crate) words: u64,
    pub(crate) pieces: u64,
    pub(crate) pause_milliseconds: u64,
}

impl Message {
    pub(crate) fn by_chance(number: String, chance: &mut Chance) -> Self {
        let (words, pieces) = (1 + chance.below(30), 1 + chance.below(12));
        Self { number, words, pieces, pause_milliseconds: chance.below(15) }
    }
}

/// Sends a message and follows its turn to the end.
pub(crate) fn lead(world: &World, session: &str, message: &Message, chance: &mut Chance) -> Seen {
    let Message { number, words, pieces, pause_milliseconds } = message;
    let text = (0..*words).map(|word| format!("{number}-{word}")).collect::<Vec<_>>().join(" ");
    let content =
        format!("Message {number}. [[chunks:{pieces}:{pause_milliseconds}]][[say:{text}]]");
    let until = Instant::now() + 2 * PATIENCE;
    let (mut turn, mut events): (Option<String>, Vec<Event>) = (None, Vec::new());
    loop {
        assert!(Instant::now() < until, "turn {number} of {session} is stuck: {events:#?}");
        let last = events.last().and_then(|event| event.id);
        let opened = match &turn {
            Some(turn) if chance.one_in(2) => {
                let query = format!("?turn={turn}&includePartialMessages=true");
                watch(world, session, &query, last)
            }
            _ => send(world, session, number, &content, last),
        };
        let Opened::Stream(told, stream) = opened else {
            std::thread::park_timeout(PAUSE);
            continue;
        };
        if let Some(told) = told {
            assert_eq!(turn.get_or_insert_with(|| told.clone()), &told, "one key, one turn");
        }
        // Now and then the client hangs up by itself.
        let patience = if chance.one_in(3) { chance.below(8) } else { u64::MAX };
        for (index, event) in (0..).zip(stream) {
            let last = events.last().and_then(|event| event.id);
            assert!(event.id > last, "{event:?} behind {last:?}");
            let done = event.name == "done";
            events.push(event);
            if done {
                return Seen { turn: turn.unwrap(), text, events };
            }
            if index == patience {
                break;
            }
        }
    }
}

/// Watches a session from its beginning to its end, across everything.
pub(crate) fn follow(world: &World, session: &str) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    loop {
        let last = events.last().and_then(|event| event.id).unwrap_or(0);
        match watch(world, session, "?includePartialMessages=true", Some(last)) {
            Opened::Over => return events,
            Opened::Away => std::thread::park_timeout(PAUSE),
            Opened::Stream(_, stream) => {
                for event in stream {
                    assert!(event.id > Some(last), "{event:?} behind {last}");
                    events.push(event);
                }
            }
        }
    }
}
