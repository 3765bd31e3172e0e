//! Compares what clients saw with the log, and the log with what the CLI was told.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client::{Opened, Seen, watch};
use crate::schedule::Faults;
use crate::server::Event;
use crate::world::World;

/// A session, when all is over.
pub(crate) struct Ran {
    pub(crate) session: String,
    pub(crate) turns: Vec<Seen>,
    /// By somebody who watched it from the beginning.
    pub(crate) watched: Vec<Event>,
    pub(crate) transcript: Vec<Value>,
}

pub(crate) fn judge(world: &World, ran: &Ran, faults: Faults) {
    let query = "?after=0&includePartialMessages=true";
    let Opened::Stream(_, log) = watch(world, &ran.session, query, None) else {
        panic!("the log of an ended session can be read")
    };
    let log: Vec<Event> = log.collect();
    assert_eq!(ran.watched, log, "what was watched is the log");
    let parts = parts(&log);
    // One more than the clients sent: the last words.
    assert_eq!(parts.len(), ran.turns.len() + 1);
    for seen in &ran.turns {
        let part = &parts[&seen.turn];
        assert_eq!(&seen.events, part, "turn {} of {}", seen.turn, ran.session);
        turn(seen, faults);
        let asked = told(&ran.transcript, seen);
        match faults {
            Faults::Ashd => assert_eq!(asked, 1, "{} was said once", seen.text),
            Faults::Anything | Faults::AshdAndSandboxes => {
                assert!(asked <= 1, "{} was said {asked} times", seen.text);
            }
        }
    }
}

/// The events of each turn as its own clients see them. Turns do not overlap.
fn parts(log: &[Event]) -> BTreeMap<String, Vec<Event>> {
    let mut parts = BTreeMap::new();
    let mut open: Option<(String, Vec<Event>)> = None;
    for event in log {
        let id = event.data["turnId"].as_str().map(str::to_owned);
        match event.name.as_str() {
            "session_start" => {
                assert!(open.is_none(), "a turn begins within another: {event:?}");
                open = Some((id.unwrap(), vec![event.clone()]));
            }
            "user_message" | "lifecycle" => {}
            _ => {
                // Between turns the CLI may say something, and its end is told.
                let Some((turn, events)) = &mut open else { continue };
                events.push(event.clone());
                if event.name == "done" {
                    assert_eq!(id.as_ref(), Some(&*turn));
                    let (turn, events) = open.take().unwrap();
                    assert!(parts.insert(turn, events).is_none());
                }
            }
        }
    }
    assert!(open.is_none(), "a turn has no end: {open:?}");
    parts
}

/// A turn of its own: complete, or it says why not.
fn turn(seen: &Seen, faults: Faults) {
    let named = |name: &str| -> Vec<&Event> {
        seen.events.iter().filter(|event| event.name == name).collect()
    };
    assert_eq!((named("session_start").len(), named("done").len()), (1, 1));
    let errors = named("error");
    let text = text(seen);
    let complete = named("turn_complete");
    let whole = complete.iter().any(|event| event.data["result"] == seen.text.as_str());
    if whole {
        assert_eq!(text, seen.text, "every piece once and in order");
        assert_eq!(complete.len(), 1, "{complete:?}");
    } else {
        assert!(seen.text.starts_with(&text), "{text:?} of {:?}", seen.text);
    }
    match faults {
        Faults::Ashd => assert!(whole && errors.is_empty(), "{:#?}", seen.events),
        // An interrupt ends a turn without an error.
        Faults::Anything => {}
        Faults::AshdAndSandboxes => {
            assert!(whole || errors.len() == 1 && errors[0].data["code"] == "interrupted");
        }
    }
}

/// The pieces of the answer. Where ashd is also what the CLI reaches its model through, its death cuts an answer off:
/// the CLI says that it asks again, and begins anew. What it had said until then has to be the same.
fn text(seen: &Seen) -> String {
    let mut text = String::new();
    for event in &seen.events {
        if event.name == "text_delta" {
            text.push_str(event.data["delta"].as_str().unwrap());
        } else if event.data["subtype"] == "api_retry" {
            assert!(seen.text.starts_with(&text), "{text:?} of {:?}", seen.text);
            text.clear();
        }
    }
    text
}

/// How often the CLI was told the message.
fn told(transcript: &[Value], seen: &Seen) -> usize {
    let users = transcript.iter().filter(|line| line["type"] == "user");
    users.filter(|line| line["message"]["content"].to_string().contains(&seen.text)).count()
}
