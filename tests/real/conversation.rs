//! Talking to an agent.

use serde_json::json;

use crate::world::{MODEL_KEY, World, named};

#[test]
fn a_second_message_knows_the_first_and_uses_the_same_cli() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    assert_eq!(world.say(&session, "My name is Ada. [[say:Hello Ada.]]"), "Hello Ada.");
    let first = world.cli();
    let answer = world.say(&session, "[[recall]]");
    assert!(answer.contains("My name is Ada."), "{answer}");
    assert_eq!(world.cli(), first, "one CLI per session, not per message");
    for request in world.model.seen().requests {
        assert_eq!(request.x_api_key.as_deref(), Some(MODEL_KEY), "{request:?}");
        assert_eq!(request.authorization, None, "{request:?}");
    }
    world.end();
}

#[test]
fn a_turn_starts_once_ends_once_and_says_nothing_behind_its_end() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let body = json!({
        "content": "[[say:piece by piece]][[chunks:5:10]]", "includePartialMessages": true,
    });
    let events = world.turn(&session, &body);
    assert_eq!(events.first().unwrap().name, "session_start");
    assert_eq!(events.last().unwrap().name, "done");
    for once in ["session_start", "turn_complete", "done"] {
        assert_eq!(named(&events, once).len(), 1, "{once} in {events:#?}");
    }
    let deltas = named(&events, "text_delta");
    let text: String = deltas.iter().map(|event| event.data["delta"].as_str().unwrap()).collect();
    assert_eq!(text, "piece by piece");
    assert_eq!(deltas.len(), 5);
    let ids: Vec<u64> = events.iter().map(|event| event.id.unwrap()).collect();
    assert!(ids.is_sorted_by(|before, after| before < after), "{ids:?}");
    world.end();
}
