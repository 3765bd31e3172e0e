//! Whatever dies, and whenever: each message gets its end, and the conversation goes on.

use serde_json::json;

use crate::processes;
use crate::server::{Event, eventually};
use crate::world::{FOREVER, World, bash, named};

const MESSAGE: &str = "My name is Ada. [[say:piece by piece]][[chunks:14:200]]";

/// A session whose turn is in the middle of an answer, and the stream of it.
fn in_the_middle(world: &World) -> (String, impl Iterator<Item = Event> + use<>) {
    let session = world.session();
    let body = json!({ "content": MESSAGE, "includePartialMessages": true });
    let mut stream = world.stream(&session, &body);
    assert!(stream.by_ref().any(|event| event.name == "text_delta"), "the answer began");
    // The CLI writes its transcript beside the answer; what it has not written dies with it.
    let home = world.folder.path().join(format!("data/sessions/{session}/home"));
    let transcript = home.join(format!(".claude/projects/-workspace/{session}.jsonl"));
    eventually("the message in the transcript", || {
        std::fs::read_to_string(&transcript).is_ok_and(|text| text.contains("My name is Ada."))
    });
    (session, stream)
}

/// The session is idle again, and remembers.
fn resumes(world: &World, session: &str) {
    let answer = world.say(session, "[[recall]]");
    assert!(answer.contains("My name is Ada."), "{answer}");
    assert_eq!(world.state(session)["status"], "active");
}

/// Waits until no turn runs.
fn rests(world: &World, session: &str) {
    eventually("the end of the turn", || world.state(session)["busy"] == false);
}

fn count(timeline: &[(String, String)], kind: &str) -> usize {
    timeline.iter().filter(|(found, _)| found == kind).count()
}

#[test]
fn a_killed_cli_ends_its_turn_with_an_error_and_the_next_message_resumes() {
    let Some(world) = World::start() else { return };
    let (session, stream) = in_the_middle(&world);
    world.cli().kill();
    let rest: Vec<Event> = stream.collect();
    let errors = named(&rest, "error");
    assert_eq!(errors.len(), 1, "{rest:#?}");
    assert!(errors[0].data["error"].as_str().unwrap().contains("killed by signal 9"));
    assert_eq!(rest.last().unwrap().name, "done");
    assert_eq!(world.state(&session)["status"], "error");
    resumes(&world, &session);
    world.end();
}

#[test]
fn a_killed_cli_takes_its_commands_with_it() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let body = json!({ "content": bash(FOREVER) });
    let stream = world.stream(&session, &body);
    let waits = || world.processes().into_iter().find(|process| process.command[0] == "tail");
    eventually("the command", || waits().is_some());
    world.cli().kill();
    assert_eq!(stream.last().unwrap().name, "done");
    eventually("the end of the command", || waits().is_none());
    assert_eq!(world.say(&session, "[[say:on]]"), "on");
    world.end();
}

#[test]
fn a_killed_sandbox_ends_its_turn_with_an_error_and_the_next_message_resumes() {
    let Some(world) = World::start() else { return };
    let (session, stream) = in_the_middle(&world);
    let before = world.processes();
    world.bridge().kill();
    let rest: Vec<Event> = stream.collect();
    assert_eq!(named(&rest, "error").len(), 1, "{rest:#?}");
    assert_eq!(rest.last().unwrap().name, "done");
    assert_eq!(world.state(&session)["status"], "error");
    assert!(before.iter().all(|process| !process.lives()), "{before:#?}");
    resumes(&world, &session);
    world.end();
}

#[test]
fn a_turn_survives_the_death_of_ashd() {
    let Some(mut world) = World::start() else { return };
    let (session, stream) = in_the_middle(&world);
    drop(stream);
    let cli = world.cli();
    world.crash(|_| {});
    assert_eq!(world.cli(), cli, "the same sandbox, the same CLI");
    rests(&world, &session);
    let timeline = world.timeline(&session);
    assert_eq!(count(&timeline, "turn_complete"), 1, "{timeline:#?}");
    assert_eq!(count(&timeline, "error"), 0, "{timeline:#?}");
    let texts: Vec<&String> =
        timeline.iter().filter(|(kind, _)| kind == "text").map(|(_, data)| data).collect();
    assert_eq!(
        texts.iter().filter(|text| text.contains("piece by piece")).count(),
        1,
        "{texts:#?}"
    );
    assert_eq!(timeline.last().unwrap().0, "turn_complete", "{timeline:#?}");
    resumes(&world, &session);
    world.end();
}

#[test]
fn a_turn_that_asks_the_model_while_ashd_is_dead_goes_on_as_well() {
    let Some(mut world) = World::start() else { return };
    let session = world.session();
    // The second request of the turn is due while nobody answers.
    let content = format!(
        "My name is Ada. {}[[say:after all]]",
        bash("read -t 2 < <(tail -f /dev/null); touch woke")
    );
    let mut stream = world.stream(&session, &json!({ "content": content }));
    assert!(stream.any(|event| event.name == "tool_use"));
    drop(stream);
    let workspace = format!("data/sessions/{session}/workspace/woke");
    world.crash(|folder| {
        eventually("the end of the command", || folder.join(&workspace).exists());
        // Some of the CLI's retries; then ashd is back.
        std::thread::park_timeout(std::time::Duration::from_millis(1500));
    });
    rests(&world, &session);
    let timeline = world.timeline(&session);
    assert_eq!(count(&timeline, "error"), 0, "{timeline:#?}");
    assert!(timeline.iter().any(|(_, data)| data.contains("after all")), "{timeline:#?}");
    resumes(&world, &session);
    world.end();
}

#[test]
fn after_a_restart_of_the_machine_the_turn_is_interrupted_and_the_next_message_resumes() {
    let Some(mut world) = World::start() else { return };
    let (session, stream) = in_the_middle(&world);
    drop(stream);
    world.crash(|folder| {
        let living = processes::of_records(&folder.join("run/sandboxes"), "s-");
        assert!(living.len() > 2, "{living:#?}");
        for process in &living {
            process.kill();
        }
        eventually("the end of all", || living.iter().all(|process| !process.lives()));
    });
    rests(&world, &session);
    let timeline = world.timeline(&session);
    let errors: Vec<_> = timeline.iter().filter(|(kind, _)| kind == "error").collect();
    assert_eq!(errors.len(), 1, "{timeline:#?}");
    assert!(errors[0].1.contains("interrupted"), "{errors:?}");
    resumes(&world, &session);
    world.end();
}

#[test]
fn a_session_without_a_turn_survives_the_death_of_ashd() {
    let Some(mut world) = World::start() else { return };
    let session = world.session();
    world.say(&session, "My name is Ada.");
    let (bridge, cli) = (world.bridge(), world.cli());
    world.crash(|_| {});
    resumes(&world, &session);
    assert_eq!(world.bridge(), bridge, "the same sandbox");
    assert_eq!(world.cli(), cli, "its CLI was not started anew");
    world.end();
}
