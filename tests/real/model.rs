//! The model API refuses, breaks off, is away.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::server::Event;
use crate::world::{World, named};

/// Longest time until a model that does not answer is told as an error: four retries of the CLI,
/// and time to spare on a busy machine.
const TOLD_MAX: Duration = Duration::from_secs(45);

/// Sends `text`, and checks that the turn ends in an error and `done` within [`TOLD_MAX`].
fn fails(world: &World, session: &str, text: &str) -> String {
    let asked = Instant::now();
    let events = world.turn(session, &json!({ "content": text }));
    assert!(asked.elapsed() < TOLD_MAX, "{text}: {:?}", asked.elapsed());
    assert_eq!(events.last().unwrap().name, "done", "{text}");
    let errors: Vec<&Event> = named(&events, "error");
    assert_eq!(errors.len(), 1, "{text}: {events:#?}");
    errors[0].data["error"].as_str().unwrap().to_owned()
}

/// The session lives and remembers.
fn goes_on(world: &World, session: &str) {
    assert!(world.say(session, "[[recall]]").contains("My name is Ada."));
    assert_eq!(world.state(session)["status"], "active");
}

#[test]
fn a_refusal_of_the_model_is_an_error_of_the_turn_only() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    world.say(&session, "My name is Ada.");
    let cli = world.cli();
    let before = world.model.seen().count;
    for (text, told) in [("[[error:401]]", "API key"), ("[[error:403]]", "403")] {
        let error = fails(&world, &session, text);
        assert!(error.contains(told), "{text}: {error}");
    }
    assert_eq!(world.model.seen().count, before + 2, "nothing is tried again");
    goes_on(&world, &session);
    assert_eq!(world.cli(), cli);
    world.end();
}

#[test]
fn an_overloaded_model_is_retried_and_then_told() {
    let Some(world) = World::start() else { return };
    world.deploy("tester");
    // Retries take their time: all at once.
    std::thread::scope(|scope| {
        for text in ["[[error:500]]", "[[error:529]]", "[[drop]]"] {
            let world = &world;
            scope.spawn(move || {
                let session = world.session_of(&json!({ "agent": "tester" }));
                world.say(&session, "My name is Ada.");
                fails(world, &session, text);
                goes_on(world, &session);
            });
        }
    });
    world.end();
}

#[test]
fn a_model_that_recovers_answers_as_if_nothing_had_been() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    for text in [
        "[[errorN:429:1]][[say:fine]]",
        "[[errorN:529:2]][[say:fine]]",
        "[[say:fine]][[midstream-error]]",
        "[[say:fine]][[drop-midstream]]",
    ] {
        let events = world.turn(&session, &json!({ "content": text }));
        assert_eq!(named(&events, "error"), Vec::<&Event>::new(), "{text}");
        let complete = named(&events, "turn_complete");
        assert_eq!(complete.len(), 1, "{text}");
        assert!(complete[0].data["result"].as_str().unwrap().contains("fine"), "{text}");
    }
    world.end();
}

#[test]
fn an_unreachable_model_is_told_and_its_return_is_enough() {
    let Some(mut world) = World::start() else { return };
    let session = world.session();
    world.say(&session, "My name is Ada.");
    world.model.go();
    fails(&world, &session, "Are you there?");
    world.model.come();
    goes_on(&world, &session);
    world.end();
}
