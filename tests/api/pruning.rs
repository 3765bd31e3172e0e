//! Pieces of old messages are removed, and who asks for them is told.

use serde_json::json;

use crate::server::{Event, Server, command};

const DAY_MILLISECONDS: i64 = 86_400_000;

/// An ashd that keeps pieces for an hour, so many days from now.
fn serve(folder: tempfile::TempDir, day: i64) -> Server {
    let (clock, config) = (folder.path().join("clock"), folder.path().join("ash.toml"));
    std::fs::write(&clock, (day * DAY_MILLISECONDS).to_string()).unwrap();
    std::fs::write(&config, "[sessions]\nkeep_pieces_hours = 1\n").unwrap();
    let mut command = command(folder.path(), &[("ASH_TEST_CLOCK", clock.to_str().unwrap())]);
    command.arg("--config").arg(config);
    Server::run(folder, command)
}

fn log(server: &Server, session: &str, query: &str, turns: usize) -> Vec<Event> {
    let (mut events, mut ends) = (Vec::new(), 0);
    let mut stream = server.watch(session, query, &[]);
    while ends < turns {
        let event = stream.next().unwrap();
        ends += usize::from(event.name == "done");
        events.push(event);
    }
    events
}

#[test]
fn old_pieces_are_gone_the_messages_are_whole_and_the_stream_says_where_it_goes_on() {
    const PIECES: &str = "?after=0&includePartialMessages=true";
    let server = serve(tempfile::tempdir().unwrap(), 0);
    let session = server.session();
    for text in ["one two three", "four five six"] {
        assert_eq!(server.say(&session, &format!("[[chunks:6]][[say:{text}]]")), text);
    }
    let before = log(&server, &session, PIECES, 2);
    let whole = log(&server, &session, "?after=0", 2);
    let path = format!("/api/sessions/{session}");
    let history = server.get(&format!("{path}/messages?limit=100")).body;
    let timeline = server.get(&format!("{path}/events?limit=100")).body;

    // Two days later; the first sweep comes with the start.
    let server = serve(server.kill(), 2);
    let pruned = || log(&server, &session, PIECES, 2);
    crate::server::eventually("the pieces are removed", || {
        pruned().iter().all(|event| event.name != "text_delta")
    });
    // Exactly what was removed is told, in its place; all else is as it was.
    let (mut at, mut told) = (before.iter().peekable(), 0);
    for event in pruned() {
        if event.name != "resync" {
            let same = at.find(|was| was.id == event.id).unwrap();
            assert_eq!(*same, event);
            continue;
        }
        told += 1;
        let (asked, from) = (event.data["asked"].as_u64(), event.data["from"].as_u64());
        assert_eq!((event.data["reason"].as_str(), event.id), (Some("pruned"), from));
        assert!(before.iter().any(|was| was.id == from && was.data["type"] == "stream_event"));
        // Who has a part of what was there, is told from where he is.
        let middle = asked.unwrap() + 1;
        let first =
            server.watch(&session, &PIECES.replace("=0", &format!("={middle}")), &[]).next();
        let data = json!({ "reason": "pruned", "asked": middle, "from": from });
        assert_eq!(first.map(|event| (event.name, event.data)), Some(("resync".to_owned(), data)));
        let behind = format!("?after={}&includePartialMessages=true", from.unwrap());
        assert_ne!(server.watch(&session, &behind, &[]).next().unwrap().name, "resync");
    }
    assert!(told >= 2, "each turn had pieces");
    assert_eq!(
        log(&server, &session, "?after=0", 2),
        whole,
        "who wants whole messages misses nothing"
    );
    assert_eq!(server.get(&format!("{path}/messages?limit=100")).body, history);
    assert_eq!(server.get(&format!("{path}/events?limit=100")).body, timeline);
    let checked = server.administer("/api/database/check");
    assert_eq!(checked["sound"], true, "{checked}");
    assert_eq!(server.say(&session, "[[say:and on]]"), "and on");
}
