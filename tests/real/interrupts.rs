//! Stopping a turn, and leaving one.

use std::time::Instant;

use serde_json::json;

use crate::server::{Event, eventually};
use crate::world::{FOREVER, World, bash, named};

/// Reads until `reached`; answers what was read.
fn until(stream: &mut impl Iterator<Item = Event>, reached: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut read = Vec::new();
    for event in stream {
        let is_reached = reached(&event);
        read.push(event);
        if is_reached {
            return read;
        }
    }
    panic!("the turn ended before: {read:#?}");
}

/// Interrupts the turn behind `stream`, and reads its end.
fn interrupt(world: &World, session: &str, stream: impl Iterator<Item = Event>) -> Vec<Event> {
    let asked = Instant::now();
    let answer = world.post(&format!("/api/sessions/{session}/interrupt"), &json!({}));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.body["turnId"].is_string(), "{answer:?}");
    let rest: Vec<Event> = stream.collect();
    assert!(asked.elapsed().as_secs() < 20, "{:?}", asked.elapsed());
    assert_eq!(rest.last().unwrap().name, "done");
    rest
}

#[test]
fn a_running_command_is_interrupted_and_the_session_goes_on() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let content = format!("My name is Ada. {}[[say:late]]", bash(FOREVER));
    let mut stream = world.stream(&session, &json!({ "content": content }));
    until(&mut stream, |event| event.name == "tool_use");
    let waits = || world.processes().iter().any(|process| process.command[0] == "tail");
    eventually("the command", waits);
    let rest = interrupt(&world, &session, stream);
    assert!(!format!("{rest:?}").contains("late"), "{rest:#?}");
    eventually("the end of the command", || !waits());
    let answer = world.say(&session, "[[recall]]");
    assert!(answer.contains("My name is Ada."), "{answer}");
    assert_eq!(world.state(&session)["status"], "active");
    world.end();
}

#[test]
fn an_answer_is_interrupted_while_it_streams_and_the_session_goes_on() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let content = "My name is Ada. [[chunks:600:100]]";
    let body = json!({ "content": content, "includePartialMessages": true });
    let mut stream = world.stream(&session, &body);
    until(&mut stream, |event| event.name == "text_delta");
    let cli = world.cli();
    let rest = interrupt(&world, &session, stream);
    assert_eq!(named(&rest, "error"), Vec::<&Event>::new(), "an interrupt is no error");
    assert!(world.say(&session, "[[recall]]").contains("My name is Ada."));
    assert_eq!(world.cli(), cli);
    world.end();
}

#[test]
fn a_turn_goes_on_without_its_client() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let content = "[[delay:500]][[say:nobody heard this]]";
    let mut stream = world.stream(&session, &json!({ "content": content }));
    assert_eq!(stream.next().unwrap().name, "session_start");
    drop(stream);
    let path = format!("/api/sessions/{session}/messages");
    let history = || world.get(&path).body["messages"].as_array().unwrap().clone();
    eventually("the end of the turn", || world.state(&session)["busy"] == false);
    let texts: Vec<String> = history().iter().map(ToString::to_string).collect();
    let answers = texts.iter().filter(|text| text.contains(r#"\"text\":\"nobody heard this\""#));
    assert_eq!(answers.count(), 1, "{texts:#?}");
    assert!(world.say(&session, "[[recall]]").contains("nobody heard this"), "its own message");
    world.end();
}
