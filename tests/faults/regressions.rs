//! Defects of the original Ash that only real processes can show; the others are in `tests/api`.

use serde_json::json;

use crate::server::eventually;
use crate::world::{Build, World};

/// The request hung for ever, and the session answered `Not connected` to all that came later.
#[test]
fn w08_the_death_of_a_bridge_ends_its_turn_and_the_session_goes_on() {
    let Some(world) = World::start(Build::default()) else { return };
    let session = world.with(crate::server::Server::session);
    world.with(|server| server.say(&session, "Remember the word plum."));
    for _ in 0..2 {
        let mut turn =
            world.with(|server| server.stream(&session, &json!({ "content": "[[hang]]" })));
        assert_eq!(turn.next().unwrap().name, "session_start");
        eventually("that all is up", || world.victims().len() == 2);
        let bridge =
            world.victims().into_iter().find(|process| process.command[0].contains("bridge"));
        bridge.unwrap().kill();
        let rest: Vec<_> = turn.map(|event| event.name).collect();
        assert_eq!(rest.iter().filter(|name| *name == "error").count(), 1, "{rest:?}");
        assert_eq!(rest.last().map(String::as_str), Some("done"));
        let said = world.with(|server| server.say(&session, "[[recall]]"));
        assert!(said.contains("plum"), "{said}");
        let shown = world.with(|server| server.get(&format!("/api/sessions/{session}"))).body;
        assert_eq!(shown["session"]["status"], "active");
    }
    let ended = world.with(|server| server.delete(&format!("/api/sessions/{session}")));
    assert_eq!(ended.status, 200);
    eventually("that no process is left", || world.processes().is_empty());
}

/// An empty command and much output were errors of the server, and a timeout could not be told.
#[test]
fn w22_an_empty_command_much_output_and_a_timeout_are_told_as_what_they_are() {
    let Some(world) = World::start(Build::default()) else { return };
    let session = world.with(crate::server::Server::session);
    let exec = |command: &str, timeout: u32| {
        let body = json!({ "command": command, "timeout": timeout });
        world.with(|server| server.post(&format!("/api/sessions/{session}/exec"), &body))
    };
    let empty = exec("", 1_000);
    assert_eq!((empty.status, &empty.body["field"]), (400, &json!("command")), "{empty:?}");
    let much = exec("yes | head -c 12000000; exit 3", 60_000);
    assert_eq!((much.status, &much.body["truncated"]), (200, &json!(true)));
    assert_eq!(much.body["exitCode"], 3, "it went on to its end");
    assert!(much.body["stdout"].as_str().unwrap().len() >= 10_000_000);
    let late = exec("echo before; sleep 60", 300);
    assert_eq!((late.status, &late.body["timedOut"]), (200, &json!(true)), "{late:?}");
    assert_eq!(late.body["stdout"], "before\n");
    let ended = world.with(|server| server.delete(&format!("/api/sessions/{session}")));
    assert_eq!(ended.status, 200);
}

/// Not of the original: our own message once failed the turn when it met a CLI that had just died.
#[test]
fn a_message_that_meets_a_dying_cli_is_given_to_the_next() {
    let Some(world) = World::start(Build::default()) else { return };
    let session = world.with(crate::server::Server::session);
    world.with(|server| server.say(&session, "Remember the word plum."));
    let named = |name: &str| {
        world.victims().into_iter().find(|process| process.command[0].ends_with(name)).unwrap()
    };
    let (bridge, cli) = (named("bridge"), named("claude"));
    // The bridge finds the death and the message when it goes on.
    let signal = |signal| {
        let pid = nix::unistd::Pid::from_raw(bridge.pid);
        nix::sys::signal::kill(pid, signal).unwrap();
    };
    signal(nix::sys::signal::Signal::SIGSTOP);
    cli.kill();
    let mut turn =
        world.with(|server| server.stream(&session, &json!({ "content": "[[recall]]" })));
    assert_eq!(turn.next().unwrap().name, "session_start");
    signal(nix::sys::signal::Signal::SIGCONT);
    let rest: Vec<_> = turn.collect();
    assert!(rest.iter().all(|event| event.name != "error"), "{rest:?}");
    let complete = rest.iter().find(|event| event.name == "turn_complete").unwrap();
    assert!(complete.data["result"].as_str().unwrap().contains("plum"), "{complete:?}");
    let ended = world.with(|server| server.delete(&format!("/api/sessions/{session}")));
    assert_eq!(ended.status, 200);
}
