//! `ashctl events` and `ashctl logs`.

use serde_json::json;

use crate::program::{Ashctl, ashctl, said};
use crate::scripted::{Reply, Scripted, Step, event};
use crate::sessions::ONE;

fn created(number: u64) -> Step {
    let data = json!({
        "number": number, "at": "2026-11-22T10:00:00.000Z", "event": "session.created",
        "session": ONE, "agent": "qa-bot", "version": 3,
    });
    event("session.created", data.to_string())
}

fn ended() -> Step {
    let data = json!({
        "number": 2, "at": "2026-11-22T10:00:01.500Z", "event": "turn.ended", "session": ONE,
        "agent": "qa-bot", "turn": "0198c8a0-1111-4111-8111-111111111111",
        "outcome": "failed", "milliseconds": 1200, "reason": "a\u{1b}[31mb",
    });
    event("turn.ended", data.to_string())
}

fn started() -> Step {
    let data = json!({
        "number": 1, "at": "2026-11-22T09:59:59.000Z", "event": "ashd.started", "version": "0.1.0",
    });
    event("ashd.started", data.to_string())
}

fn host(line: &'static str) -> Scripted {
    Scripted::answering(line, Reply::Events(vec![started(), created(2), ended()]))
}

#[test]
fn what_happened_is_a_line_each() {
    let host = host("GET /api/events?follow=false");
    ashctl(&host, ["events"]).succeeds(
        "2026-11-22T09:59:59.000Z  ashd.started      -         -  version=0.1.0\n\
         2026-11-22T10:00:00.000Z  session.created   67e55044  qa-bot  version=3\n\
         2026-11-22T10:00:01.500Z  turn.ended        67e55044  qa-bot  milliseconds=1200  outcome=failed  reason=a\u{fffd}[31mb\n",
    );
    ashctl(&host, ["events", "-o", "id"]).succeeds("1\n2\n2\n");
    let json = ashctl(&host, ["events", "-o", "json"]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json.stdout).unwrap()["events"][2]["outcome"],
        "failed"
    );
    let lines = ashctl(&host, ["events", "-o", "jsonl"]).stdout;
    assert_eq!(lines.lines().count(), 3);
}

#[test]
fn a_session_a_place_and_a_count_are_asked_for() {
    let asked = |line: &'static str, more: &[&str]| {
        let arguments = ["events", "-o", "id"].iter().chain(more);
        ashctl(&host(line), arguments).succeeds("1\n2\n2\n");
    };
    let of_one =
        "GET /api/events?follow=false&session=67e55044-10b1-426f-9247-bb680e5fe0c8&after=7";
    asked(of_one, &["--session", ONE, "--after", "7"]);
    asked("GET /api/events?follow=false&last=3", &["-n", "3"]);
}

#[test]
fn who_follows_comes_back_to_where_he_was() {
    let first = std::sync::atomic::AtomicBool::new(true);
    let server = Scripted::new(move |_| {
        if first.swap(false, std::sync::atomic::Ordering::Relaxed) {
            Reply::Events(vec![started(), Step::Cut])
        } else {
            Reply::Events(vec![created(2), Step::Until("GET /never")])
        }
    });
    let mut child = Ashctl::new().server(&server).args(["events", "-f", "-o", "id"]).start();
    let mut seen = String::new();
    {
        use std::io::BufRead as _;
        let mut lines = std::io::BufReader::new(child.stdout.as_mut().unwrap());
        lines.read_line(&mut seen).unwrap();
        lines.read_line(&mut seen).unwrap();
    }
    child.kill().unwrap();
    drop(child.wait());
    assert_eq!(seen, "1\n2\n");
    let requests = server.seen();
    assert_eq!(requests[0].line, "GET /api/events?follow=true&last=10");
    assert_eq!(
        (requests[0].header("last-event-id"), requests[1].header("last-event-id")),
        (None, Some("1"))
    );
}

#[test]
fn what_is_not_kept_is_told() {
    let resync = event("resync", r#"{"reason":"pruned","asked":1,"from":9}"#);
    let host = Scripted::answering("GET /api/events?follow=false", Reply::Events(vec![resync]));
    let told = "warning: some events are not kept any more; `ashctl logs` has them\n";
    ashctl(&host, ["events"]).ends(0, "", told);
}

#[test]
fn the_journal_is_read_by_its_own_program() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("journalctl");
    std::fs::write(&program, "#!/bin/sh\necho \"$@\"\n").unwrap();
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let path = folder.path().to_str().unwrap();
    let logs = Ashctl::new().env("PATH", path).args(["logs", ONE, "-n", "5"]).start();
    said(logs).succeeds(&format!(
        "--quiet --lines=5 _SYSTEMD_UNIT=ashd.service _SYSTEMD_UNIT=ash-sandboxd.service \
         _SYSTEMD_UNIT=ash-egress.service ASH_SESSION={ONE} + _SYSTEMD_UNIT=ash-s-{ONE}.scope \
         + UNIT=ash-s-{ONE}.scope\n"
    ));
}
