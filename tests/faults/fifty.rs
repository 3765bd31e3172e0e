//! Fifty sessions that stream while ashd is killed, restarted and replaced by another file: each
//! client comes back behind its last event.

use serde_json::json;

use crate::chance::Chance;
use crate::client::{Message, follow, lead};
use crate::number;
use crate::schedule::{Faults, settle};
use crate::server::eventually;
use crate::verdict::{self, Ran};
use crate::world::{Build, Change, World};

/// Sessions that stream at the same time, unless `ASH_FAULT_STREAMS` says another number.
const STREAMS: u64 = 50;

/// An answer comes in so many pieces: it takes longer than three ashds need to come.
const PIECES: u64 = 120;
const PAUSE_MILLISECONDS: u64 = 150;

/// Whether all of them are in the middle of an answer.
fn all_stream(world: &World, sessions: &[String]) -> bool {
    sessions.iter().all(|session| {
        let path = format!("/api/sessions/{session}");
        world.with(|server| server.get(&path)).body["session"]["busy"] == true
    })
}

#[test]
fn fifty_streams_outlive_a_kill_a_restart_and_another_file_of_ashd() {
    let Some(world) = World::start(Build::default()) else { return };
    world.with(|server| server.deploy("tester"));
    let sessions: Vec<String> = (0..number("ASH_FAULT_STREAMS", STREAMS))
        .map(|_| world.with(|server| server.session_of(&json!({ "agent": "tester" }))))
        .collect();
    let world = &world;
    // Their parents change.
    let living = || world.processes().into_iter().map(|process| process.pid).collect::<Vec<_>>();
    let before = living();
    let ran: Vec<Ran> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..)
            .zip(&sessions)
            .map(|(index, session)| {
                let message = Message {
                    number: format!("{index}"),
                    words: PIECES,
                    pieces: PIECES,
                    pause_milliseconds: PAUSE_MILLISECONDS,
                };
                let talks = move || lead(world, session, &message, &mut Chance::new(index));
                (session, scope.spawn(talks), scope.spawn(move || follow(world, session)))
            })
            .collect();
        eventually("that all stream", || all_stream(world, &sessions));
        for change in [Change::Killed, Change::Restarted, Change::Replaced] {
            world.change(change);
            assert!(all_stream(world, &sessions), "a turn was over before all was done");
        }
        assert_eq!(living(), before, "the sandboxes are those of the beginning");
        clients
            .into_iter()
            .map(|(session, client, watcher)| {
                let turns = vec![client.join().unwrap()];
                let transcript = settle(world, session);
                let watched = watcher.join().unwrap();
                Ran { session: session.clone(), turns, watched, transcript }
            })
            .collect()
    });
    for ran in &ran {
        verdict::judge(world, ran, Faults::Ashd);
    }
    eventually("that no process is left", || world.processes().is_empty());
    eventually("that no file of them is left", || world.files().is_empty());
}
