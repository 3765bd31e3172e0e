//! ashd dies while a session takes a parked sandbox.

use std::time::Duration;

use serde_json::{Value, json};

use crate::chance::Chance;
use crate::client::create;
use crate::number;
use crate::server::eventually;
use crate::world::{Build, World};

/// Longest time from the request to the kill, in microseconds: from before the claim to long after
/// its answer.
const KILLED_WITHIN_MICROSECONDS: u64 = 12_000;

fn warm(world: &World) -> Value {
    world.with(|server| server.get("/health").body["pool"]["warm"].clone())
}

/// Sessions that are listed.
fn listed(world: &World) -> Vec<(String, Value)> {
    let listed = world.with(|server| server.get("/api/sessions?limit=1000").body);
    let sessions = listed["sessions"].as_array().unwrap().iter();
    sessions.map(|one| (one["id"].as_str().unwrap().to_owned(), one["status"].clone())).collect()
}

#[test]
fn a_claim_that_is_answered_is_a_session_and_one_that_is_not_leaves_nothing() {
    let build = Build { split: true, pooled: true, ..Build::default() };
    let Some(world) = World::start(build) else { return };
    let plain = json!({ "agent": "tester" });
    world.with(|server| server.deploy("tester"));
    let mut answered = Vec::new();
    for round in 0..number("ASH_FAULT_KILLS", 8) {
        let mut chance = Chance::new(round);
        // An ashd that has just started has parked nothing yet: it learns what is asked for.
        answered.push(world.with(|server| server.session_of(&plain)));
        eventually("that one is parked", || warm(&world) == 1);
        let created = std::thread::scope(|scope| {
            let asked = scope.spawn(|| create(&world, &plain));
            std::thread::park_timeout(Duration::from_micros(
                chance.below(KILLED_WITHIN_MICROSECONDS),
            ));
            world.crash();
            asked.join().unwrap()
        });
        answered.extend(created);
        let listed = listed(&world);
        for session in &answered {
            assert!(listed.contains(&(session.clone(), json!("active"))), "{session}: {listed:?}");
            let said = world.with(|server| server.say(session, "[[say:here]]"));
            assert_eq!(said, "here");
        }
        // One that was claimed, and whose answer was lost, is a session like the others.
        for (session, status) in &listed {
            assert_eq!(status, &json!("active"));
            world.with(|server| server.say(session, "[[say:here]]"));
            if !answered.contains(session) {
                answered.push(session.clone());
            }
        }
        eventually("that only sessions have files", || world.folders() == listed.len());
    }
    for session in &answered {
        world.with(|server| server.delete(&format!("/api/sessions/{session}")));
    }
    eventually("that no process is left", || world.processes().is_empty());
}
