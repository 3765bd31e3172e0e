//! Sessions without a sandbox are served by a jail, which leaves nothing behind, whoever dies.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::server::{KEY, eventually};
use crate::world::World;

/// More than sockets on the way hold, so that whoever does not read holds up the jail.
const LARGE_BYTES: usize = 64 << 20;

/// A session that has a file, and no sandbox.
fn stopped(world: &World) -> String {
    let session = world.session();
    world.bash(&session, "echo kept > kept.txt; ln -s /etc/passwd link");
    world.bash(&session, &format!("head -c {LARGE_BYTES} /dev/zero > large"));
    let stopped = world.send("POST", &format!("/api/sessions/{session}/stop"), &[], b"");
    assert_eq!(stopped.status, 200, "{stopped:?}");
    assert!(world.processes().is_empty(), "{:#?}", world.processes());
    session
}

/// Begins to read a large file and does not go on.
fn slow_reader(world: &World, session: &str) -> TcpStream {
    let mut stream = world.connect();
    let path = format!("/api/sessions/{session}/files/large");
    let head = format!("GET {path} HTTP/1.1\r\nhost: ash\r\nauthorization: Bearer {KEY}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[test]
fn the_files_of_a_stopped_session_are_served_by_a_bridge_alone() {
    let Some(world) = World::start() else { return };
    let session = stopped(&world);
    let reader = slow_reader(&world, &session);
    let jail = world.jails();
    let programs: BTreeSet<_> = jail.iter().map(|process| process.command[0].as_str()).collect();
    assert_eq!(programs, ["/opt/ash/bridge", "bwrap"].into(), "{jail:#?}");
    let files = world.get(&format!("/api/sessions/{session}/files"));
    assert_eq!((files.status, &files.body["source"]), (200, &json!("snapshot")));
    let names: Vec<_> =
        files.body["files"].as_array().unwrap().iter().map(|f| &f["path"]).collect();
    assert!(names.contains(&&json!("kept.txt")) && !names.contains(&&json!("link")), "{names:?}");
    let kept = world.get(&format!("/api/sessions/{session}/files/kept.txt?format=json"));
    assert_eq!(
        (&kept.body["content"], &kept.body["source"]),
        (&json!("kept\n"), &json!("snapshot"))
    );
    let link = world.get(&format!("/api/sessions/{session}/files/link"));
    assert_eq!((link.status, &link.body["code"]), (400, &json!("path_outside")));
    assert_eq!(world.jails(), jail, "one jail for all that is asked at the same time");
    assert_eq!(world.state(&session)["tier"], "hibernated");
    drop(reader);
    world.no_jail_is_left();
    world.end();
}

#[test]
fn many_who_ask_at_once_share_one_jail() {
    let Some(world) = World::start() else { return };
    let session = stopped(&world);
    let path = format!("/api/sessions/{session}/files/kept.txt?format=json");
    for _ in 0..3 {
        std::thread::scope(|scope| {
            let asked: Vec<_> = (0..12).map(|_| scope.spawn(|| world.get(&path))).collect();
            for answer in asked {
                let answer = answer.join().unwrap();
                assert_eq!((answer.status, &answer.body["content"]), (200, &json!("kept\n")));
            }
        });
        let jails: BTreeSet<_> = world.jails().iter().map(|process| process.pid).collect();
        assert!(
            jails.len() <= 3,
            "ash-launch has become bwrap, which has two processes: {jails:?}"
        );
    }
    world.no_jail_is_left();
    world.end();
}

#[test]
fn the_files_of_an_ended_session_can_be_read_while_they_are_kept() {
    let Some(world) = World::start() else { return };
    let session = stopped(&world);
    assert_eq!(world.delete(&format!("/api/sessions/{session}")).status, 200);
    for _ in 0..2 {
        let kept = world.get(&format!("/api/sessions/{session}/files/kept.txt?format=json"));
        assert_eq!((kept.status, &kept.body["content"]), (200, &json!("kept\n")));
        assert_eq!(world.state(&session)["status"], "ended");
        world.no_jail_is_left();
    }
    world.end();
}

#[test]
fn a_jail_does_not_outlive_the_ashd_that_is_killed() {
    let Some(mut world) = World::start() else { return };
    let session = stopped(&world);
    let reader = slow_reader(&world, &session);
    let jail = world.jails();
    assert!(!jail.is_empty());
    world.crash(|_folder| {
        // Nobody is there to end it.
        eventually("that the jail has left", || jail.iter().all(|process| !process.lives()));
    });
    drop(reader);
    world.no_jail_is_left();
    let kept = world.get(&format!("/api/sessions/{session}/files/kept.txt?format=json"));
    assert_eq!(kept.body["content"], "kept\n");
    world.end();
}

#[test]
fn a_message_waits_for_a_jail_and_not_for_ever() {
    let Some(world) = World::start() else { return };
    let session = stopped(&world);
    let mut reader = slow_reader(&world, &session);
    let jail = world.jails();
    let said = world.bash(&session, "cat kept.txt");
    assert!(said.contains("kept"), "{said}");
    assert!(jail.iter().all(|process| !process.lives()), "the jail made way");
    let mut rest = Vec::new();
    // Short, so that no client takes it for the whole file.
    drop(reader.read_to_end(&mut rest));
    assert!(rest.len() < LARGE_BYTES, "{}", rest.len());
    world.end();
}
