//! A client that does not read: it costs ashd no memory, slows nobody, and misses nothing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::number;
use crate::server::{Event, KEY, eventually};
use crate::world::{Build, World};

/// What the CLI says to the client that does not read: `ASH_SLOW_MEGABYTES`, far more than sockets hold.
const MEGABYTES: u64 = 30;

/// Of an event on the wire, roughly.
const EVENT_BYTES: u64 = 360;

/// How much more ashd may grow than with a client that reads.
const GROWTH_KIB_MAX: u64 = 1 << 10;

/// Events of one text: at its end it is said once more as a whole, in one line.
const TEXT_EVENTS: u64 = 20_000;

/// A message that is answered with so many texts, each in small pieces.
fn flood(texts: u64) -> Value {
    let content = format!("[[flood:{TEXT_EVENTS}]]").repeat(usize::try_from(texts).unwrap());
    json!({ "content": content, "includePartialMessages": true })
}

/// Private memory of ashd, in bytes: shared pages are its program, and files that the kernel caches.
fn memory(world: &World) -> u64 {
    let pid = world.with(crate::server::Server::pid);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// Sends a message and leaves the answer unread.
fn send_and_stall(world: &World, session: &str, body: &Value) -> TcpStream {
    let mut stream = world.with(crate::server::Server::connect);
    let body = body.to_string();
    let head = format!(
        "POST /api/sessions/{session}/messages HTTP/1.1\r\nhost: ash\r\nauthorization: Bearer {KEY}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    stream
}

/// The ids and names of what the stalled connection has, and its bytes.
fn read_late(stream: TcpStream) -> (Vec<(u64, String)>, usize) {
    let (mut events, mut id, mut bytes) = (Vec::new(), None, 0);
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        bytes += line.len() + 1;
        if let Some(number) = line.strip_prefix("id: ") {
            id = Some(number.parse().unwrap());
        } else if let Some(name) = line.strip_prefix("event: ")
            && let Some(id) = id.take()
        {
            events.push((id, name.to_owned()));
        }
    }
    (events, bytes)
}

/// Waits until what was sent to `slow` has ended, while others talk; the most memory of that time, and
/// how many turns they had.
fn meanwhile(world: &World, slow: &str, quick: &str) -> (u64, u64) {
    let path = format!("/api/sessions/{slow}");
    let is_busy =
        || world.with(|server| server.get(&path)).body["session"]["busy"] == Value::Bool(true);
    eventually("the turn runs", is_busy);
    let (mut most, mut turns) = (0, 0);
    while is_busy() {
        let said = world.with(|server| server.say(quick, &format!("[[say:answer {turns}]]")));
        assert_eq!(said, format!("answer {turns}"));
        turns += 1;
        most = most.max(memory(world));
    }
    (most, turns)
}

#[test]
fn w17_a_client_that_does_not_read_costs_no_memory_slows_nobody_and_misses_nothing() {
    let Some(world) = World::start(Build::default()) else { return };
    world.with(|server| server.deploy("tester"));
    let open = || world.with(|server| server.session_of(&json!({ "agent": "tester" })));
    let (slow, quick) = (open(), open());
    let megabytes = number("ASH_SLOW_MEGABYTES", MEGABYTES);
    let texts = megabytes * 1_000_000 / EVENT_BYTES / TEXT_EVENTS;

    // The same with a client that reads, twice: first the database's caches become as large as they
    // are, then it is seen how much they still grow by so much work.
    let [_, read] = [texts.div_ceil(2), texts].map(|texts| {
        let (before, content) = (memory(&world), &flood(texts));
        let (most, _) = std::thread::scope(|scope| {
            let reads = scope.spawn(|| read_late(send_and_stall(&world, &slow, content)).0.len());
            let seen = meanwhile(&world, &slow, &quick);
            assert!(reads.join().unwrap() as u64 > TEXT_EVENTS);
            seen
        });
        most.saturating_sub(before) >> 10
    });

    let before = memory(&world);
    let stalled = send_and_stall(&world, &slow, &flood(texts));
    let (most, turns) = meanwhile(&world, &slow, &quick);
    let unread = most.saturating_sub(before) >> 10;
    assert!(unread < read + GROWTH_KIB_MAX, "{unread} KiB unread, {read} KiB read");
    assert!(turns > 2, "the turn was over before others could talk");

    let (got, bytes) = read_late(stalled);
    let log = log(&world, &slow, 3);
    let begin = log.iter().rposition(|event| event.name == "session_start").unwrap();
    // Whoever sends a message is not told it.
    let shown = log[begin..].iter().filter(|event| event.name != "user_message");
    let wanted: Vec<_> = shown.map(|event| (event.id.unwrap(), event.name.clone())).collect();
    assert!(bytes as u64 > megabytes * 900_000, "{bytes} bytes");
    assert!(got == wanted, "{} events of {}", got.len(), wanted.len());
    let megabytes = bytes / 1_000_000;
    let told = format!(
        "{megabytes} MB: ashd grew by {unread} KiB, and by {read} KiB with a client that reads; {turns} turns beside\n"
    );
    // Straight to stdout: the test harness swallows what passing tests print.
    std::io::stdout().write_all(told.as_bytes()).unwrap();
    for session in [slow, quick] {
        let path = format!("/api/sessions/{session}");
        assert_eq!(world.with(|server| server.delete(&path)).status, 200);
    }
}

/// The events of a session's log up to the end of turn `turns`.
fn log(world: &World, session: &str, turns: usize) -> Vec<Event> {
    let (mut events, mut ends) = (Vec::new(), 0);
    let mut stream =
        world.with(|server| server.watch(session, "?after=0&includePartialMessages=true", &[]));
    while ends < turns {
        let event = stream.next().unwrap();
        ends += usize::from(event.name == "done");
        events.push(event);
    }
    events
}
