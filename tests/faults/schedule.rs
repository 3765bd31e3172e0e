//! One run: sessions with turns that wait and turns that run, and a killer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::chance::Chance;
use crate::client::{Message, Seen, follow, lead};
use crate::roles::Role;
use crate::server::eventually;
use crate::verdict::{self, Ran};
use crate::world::{Build, Cli, World};

/// Sessions of a run, and clients that talk to each at the same time: one of them waits.
const SESSIONS: usize = 2;
const CLIENTS: usize = 2;

/// Longest time that ashd lives between two kills, in milliseconds: from the middle of its
/// recovery to some turns.
const LIFE_MILLISECONDS_MAX: u64 = 400;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faults {
    Ashd,
    /// Bridges, CLIs, ash-sandboxd and ash-egress as well; and turns are interrupted, and sessions
    /// paused, stopped, forked and archived.
    Anything,
    /// With it the sandboxes, which are simulated.
    AshdAndSandboxes,
}

pub(crate) fn run(seed: u64, kills: u64, faults: Faults, cli: Cli) {
    let started = match faults {
        Faults::Anything => World::start(Build { split: true, cli, ..Build::default() }),
        Faults::Ashd => World::start(Build { cli, ..Build::default() }),
        Faults::AshdAndSandboxes => World::start(Build { simulated: true, ..Build::default() }),
    };
    let Some(world) = started else { return };
    world.with(|server| server.deploy("tester"));
    let sessions: Vec<String> = (0..SESSIONS)
        .map(|_| world.with(|server| server.session_of(&json!({ "agent": "tester" }))))
        .collect();
    let over = AtomicBool::new(false);
    let (world, over) = (&world, &over);
    let ran: Vec<Ran> = std::thread::scope(|scope| {
        let talks: Vec<_> = sessions
            .iter()
            .enumerate()
            .map(|(index, session)| {
                let watcher = scope.spawn(move || follow(world, session));
                let clients: Vec<_> = (0..CLIENTS)
                    .map(|client| {
                        let chance = Chance::new(seed * 1000 + (index * CLIENTS + client) as u64);
                        scope.spawn(move || talk(world, session, client, chance, over))
                    })
                    .collect();
                (session, watcher, clients)
            })
            .collect();
        disturb(world, &sessions, seed, kills, faults);
        over.store(true, Ordering::Relaxed);
        talks
            .into_iter()
            .map(|(session, watcher, clients)| {
                let turns = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
                let transcript = settle(world, session);
                Ran {
                    session: session.clone(),
                    turns,
                    watched: watcher.join().unwrap(),
                    transcript,
                }
            })
            .collect()
    });
    for ran in &ran {
        verdict::judge(world, ran, faults);
    }
    eventually("that no process is left", || world.processes().is_empty());
    eventually("that no file of them is left", || world.files().is_empty());
}

/// Turn after turn, until the killer is done and this client has seen some.
fn talk(
    world: &World,
    session: &str,
    client: usize,
    mut chance: Chance,
    over: &AtomicBool,
) -> Vec<Seen> {
    let mut turns = Vec::new();
    while !over.load(Ordering::Relaxed) || turns.len() < 2 {
        let message = Message::by_chance(format!("{client}.{}", turns.len()), &mut chance);
        turns.push(lead(world, session, &message, &mut chance));
    }
    turns
}

fn disturb(world: &World, sessions: &[String], seed: u64, kills: u64, faults: Faults) {
    let mut chance = Chance::new(seed);
    for _ in 0..kills {
        std::thread::park_timeout(Duration::from_millis(chance.below(LIFE_MILLISECONDS_MAX)));
        if faults != Faults::Anything {
            world.crash();
            continue;
        }
        match chance.below(6) {
            0 | 1 => world.crash(),
            2 => world.crash_role(*chance.one_of(&[Role::Sandboxd, Role::Egress])),
            3 => {
                let session = chance.one_of(sessions);
                ask(world, session, &mut chance);
            }
            _ => {
                let victims = world.victims();
                if !victims.is_empty() {
                    chance.one_of(&victims).kill();
                }
            }
        }
    }
}

/// Somebody else wants something of the session; what does not fit its state is refused.
fn ask(world: &World, session: &str, chance: &mut Chance) {
    let verb = *chance.one_of(&["interrupt", "pause", "stop", "resume", "fork", "archive"]);
    let path = format!("/api/sessions/{session}/{verb}");
    let answer = world.with(|server| server.post(&path, &json!({})));
    assert!([200, 201, 409].contains(&answer.status), "{verb}: {answer:?}");
    if answer.status == 201 {
        let child = answer.body["session"]["id"].as_str().unwrap();
        let path = format!("/api/sessions/{child}");
        assert_eq!(world.with(|server| server.delete(&path)).status, 200);
    }
}

/// The session is usable after all; then it is ended. Answers what its CLI has written down.
pub(crate) fn settle(world: &World, session: &str) -> Vec<serde_json::Value> {
    let path = format!("/api/sessions/{session}");
    eventually("that nothing runs or waits", || {
        let state = world.with(|server| server.get(&path)).body["session"].clone();
        state["busy"] == false && state["queuedTurns"] == 0
    });
    let said = world.with(|server| server.say(session, "[[say:after all]]"));
    assert_eq!(said, "after all");
    let state = world.with(|server| server.get(&path)).body["session"].clone();
    assert_eq!(state["status"], "active", "{state}");
    let transcript = world.transcript(session);
    assert_eq!(world.with(|server| server.delete(&path)).status, 200);
    transcript
}
