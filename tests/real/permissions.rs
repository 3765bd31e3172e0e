//! What the real CLI asks before it uses a tool, and what becomes of the answers.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::server::{Event, eventually};
use crate::world::{World, bash, named};

/// A file written by the Write tool, which nothing but a permission can allow.
const WRITE: &str = r#"[[tool:Write:{"file_path":"/workspace/new.txt","content":"as asked"}]]"#;

fn session(world: &World) -> String {
    world.deploy("tester");
    world.session_of(&json!({ "agent": "tester", "askPermissions": true }))
}

/// Reads to the question, and answers its data.
fn asked(events: &mut impl Iterator<Item = Event>) -> Value {
    let found = events.find(|event| event.name == "permission_request" || event.name == "done");
    let event = found.expect("the stream holds");
    assert_eq!(event.name, "permission_request", "{event:?}");
    event.data
}

fn settle(world: &World, session: &str, request: &Value, answer: &Value) {
    let id = request["permissionId"].as_str().unwrap();
    let path = format!("/api/sessions/{session}/permissions/{id}");
    let answered = world.post(&path, answer);
    assert_eq!(answered.status, 200, "{answered:?}");
}

fn file(world: &World, session: &str) -> Option<String> {
    let read = world.get(&format!("/api/sessions/{session}/files/new.txt"));
    (read.status == 200).then(|| read.body.as_str().unwrap().to_owned())
}

fn open(world: &World, session: &str) -> Vec<Value> {
    let list = world.get(&format!("/api/sessions/{session}/permissions"));
    list.body["permissions"].as_array().unwrap().clone()
}

#[test]
fn the_real_cli_waits_and_does_as_it_is_told() {
    let Some(world) = World::start() else { return };
    let session = session(&world);
    let say = json!({ "content": WRITE });

    let mut events = world.stream(&session, &say);
    let request = asked(&mut events);
    assert_eq!(request["toolName"], "Write", "{request}");
    assert_eq!(request["input"]["content"], "as asked");
    assert_eq!(open(&world, &session).len(), 1);
    settle(&world, &session, &request, &json!({ "behavior": "deny", "message": "Not today." }));
    let rest: Vec<Event> = events.collect();
    let results = named(&rest, "tool_result");
    assert!(results[0].data.to_string().contains("Not today."), "{results:?}");
    assert_eq!(file(&world, &session), None);

    let mut events = world.stream(&session, &say);
    let request = asked(&mut events);
    let changed = json!({ "file_path": "/workspace/new.txt", "content": "as changed" });
    settle(&world, &session, &request, &json!({ "behavior": "allow", "updatedInput": changed }));
    drop(events.collect::<Vec<_>>());
    assert_eq!(file(&world, &session).as_deref(), Some("as changed"));

    // A command that only reads is not asked for; one that writes is, and a denial can end the turn.
    let cli = world.cli();
    let mut events = world.stream(&session, &json!({ "content": bash("touch other.txt") }));
    let request = asked(&mut events);
    settle(&world, &session, &request, &json!({ "behavior": "deny", "interrupt": true }));
    let rest: Vec<Event> = events.collect();
    assert_eq!(named(&rest, "error"), Vec::<&Event>::new());
    assert_eq!(rest.last().unwrap().name, "done");
    assert_eq!(world.cli(), cli, "it is the same process all along");
    world.end();
}

#[test]
fn what_is_remembered_holds_for_the_real_cli_and_the_one_after_it() {
    let Some(world) = World::start() else { return };
    let session = session(&world);
    let say = json!({ "content": WRITE });
    let mut events = world.stream(&session, &say);
    let request = asked(&mut events);
    settle(&world, &session, &request, &json!({ "behavior": "allow", "remember": true }));
    drop(events.collect::<Vec<_>>());
    let cli = world.cli();
    let unasked = |world: &World| {
        let events = world.turn(&session, &say);
        assert_eq!(named(&events, "permission_request"), Vec::<&Event>::new(), "{events:#?}");
        assert_eq!(named(&events, "error"), Vec::<&Event>::new());
    };
    unasked(&world);
    assert_eq!(world.cli(), cli, "what it was told needs no restart");
    assert_eq!(world.post(&format!("/api/sessions/{session}/stop"), &json!({})).status, 200);
    unasked(&world);
    world.end();
}

#[test]
fn a_question_outlives_ashd_and_is_shown_and_answered_by_the_next() {
    let Some(mut world) = World::start() else { return };
    let session = session(&world);
    let mut events = world.stream(&session, &json!({ "content": WRITE }));
    let request = asked(&mut events);
    drop(events);
    // What is asked is to be answered, whatever becomes of the option.
    let change = json!({ "askPermissions": false }).to_string();
    let path = format!("/api/sessions/{session}/config");
    assert_eq!(world.send("PATCH", &path, &[], change.as_bytes()).status, 200);
    world.crash(|_| {});
    let mut watched = world.watch(&session, "?after=0", &[]);
    assert_eq!(asked(&mut watched), request);
    assert_eq!(open(&world, &session), std::slice::from_ref(&request));
    assert_eq!(world.state(&session)["openPermissions"], 1);
    settle(&world, &session, &request, &json!({ "behavior": "allow" }));
    let rest: Vec<Event> = watched.take_while(|event| event.name != "done").collect();
    assert_eq!(named(&rest, "permission_resolved").len(), 1, "{rest:#?}");
    assert_eq!(file(&world, &session).as_deref(), Some("as asked"));
    world.end();
}

/// Asked while no ashd is there, and answered by one that dies before the CLI has heard it: its
/// bridge is told by both, and gives it once.
#[test]
fn an_answer_is_not_lost_and_not_said_twice_when_ashd_dies_with_it() {
    let Some(mut world) = World::start() else { return };
    let session = session(&world);
    let content = format!("[[delay:700]]{WRITE}");
    let mut events = world.stream(&session, &json!({ "content": content }));
    assert_eq!(events.next().unwrap().name, "session_start");
    drop(events);
    world.crash(|_| {});
    eventually("the question", || open(&world, &session).len() == 1);
    let request = open(&world, &session).remove(0);
    let bridge = world.bridge();
    bridge.signal(Signal::SIGSTOP);
    settle(&world, &session, &request, &json!({ "behavior": "allow" }));
    world.crash(|_| bridge.signal(Signal::SIGCONT));
    eventually("the end of the turn", || world.state(&session)["busy"] == false);
    assert_eq!(file(&world, &session).as_deref(), Some("as asked"));
    let events: Vec<Event> =
        world.watch(&session, "?after=0", &[]).take_while(|event| event.name != "done").collect();
    assert_eq!(named(&events, "permission_resolved").len(), 1, "{events:#?}");
    assert_eq!(named(&events, "tool_result").len(), 1, "{events:#?}");
    assert_eq!(named(&events, "error"), Vec::<&Event>::new());
    world.end();
}

#[test]
fn a_mode_is_changed_in_the_middle_of_a_turn() {
    let Some(world) = World::start() else { return };
    let session = session(&world);
    let other = WRITE.replace("new.txt", "other.txt");
    let mut events = world.stream(&session, &json!({ "content": format!("{WRITE}{other}") }));
    let request = asked(&mut events);
    let cli = world.cli();
    let change = json!({ "permissionMode": "acceptEdits" }).to_string();
    let path = format!("/api/sessions/{session}/config");
    let changed = world.send("PATCH", &path, &[], change.as_bytes());
    assert_eq!(changed.status, 200, "{changed:?}");
    settle(&world, &session, &request, &json!({ "behavior": "allow" }));
    let rest: Vec<Event> = events.collect();
    assert_eq!(named(&rest, "permission_request"), Vec::<&Event>::new(), "{rest:#?}");
    assert_eq!(named(&rest, "error"), Vec::<&Event>::new());
    world.say(&session, "[[say:next]]");
    assert_eq!(world.cli(), cli, "it is the same process all along");
    world.end();
}

/// The sandbox dies with the question in it: nobody can answer any more, and the session goes on.
#[test]
fn a_question_dies_with_its_sandbox() {
    let Some(mut world) = World::start() else { return };
    let session = session(&world);
    let mut events = world.stream(&session, &json!({ "content": WRITE }));
    let request = asked(&mut events);
    drop(events);
    let bridge = world.bridge();
    world.crash(|_| bridge.kill());
    eventually("the end of the turn", || world.state(&session)["busy"] == false);
    assert_eq!(open(&world, &session), Vec::<Value>::new());
    let id = request["permissionId"].as_str().unwrap();
    let path = format!("/api/sessions/{session}/permissions/{id}");
    let late = world.post(&path, &json!({ "behavior": "allow" }));
    assert_eq!((late.status, &late.body["code"]), (409, &json!("permission_resolved")));
    assert_eq!(world.say(&session, "[[say:still here]]"), "still here");
    world.end();
}
