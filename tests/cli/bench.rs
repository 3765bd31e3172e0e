//! `ashctl bench`: what it asks of a server, what it prints, and that nothing of it stays.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::program::{Said, ashctl};
use crate::scripted::{Reply, Scripted, Step, event, json, problem};

/// A server with the operations that every server of this API has. Its sessions have ids that are no
/// UUIDs: what is inside of one is not `ashctl`'s to know.
fn server(turn: impl Fn() -> Reply + Send + Sync + 'static) -> Scripted {
    let created = AtomicUsize::new(0);
    Scripted::new(move |seen| match seen.line.split_once(' ').unwrap() {
        ("POST", "/api/sessions") if seen.json() == json!({ "agent": "qa-bot" }) => {
            let id = format!("s {}", created.fetch_add(1, Ordering::Relaxed));
            json(json!({ "session": { "id": id, "status": "active" } }).to_string())
        }
        ("POST", path) if path.ends_with("/messages") => turn(),
        ("DELETE", _) => json(r#"{"session":{}}"#),
        _ => problem(404, "session_not_found", "nothing is there"),
    })
}

fn said() -> Reply {
    let steps = [("session_start", "{}"), ("message", r#"{"type":"result"}"#), ("done", "{}")];
    Reply::Events(steps.map(|(name, data)| event(name, data)).to_vec())
}

fn failed() -> Reply {
    Reply::Events(vec![event("error", r#"{"error":"no key"}"#), event("done", "{}")])
}

const SHORT: [&str; 8] =
    ["bench", "qa-bot", "--creates", "2", "--messages", "3", "--sessions", "1,2"];

fn with(more: &[&str], server: &Scripted) -> Said {
    ashctl(server, SHORT.iter().chain(more))
}

/// Sessions that were created, and those that were ended.
fn sessions(server: &Scripted) -> [usize; 2] {
    let lines = server.lines();
    ["POST /api/sessions", "DELETE /api/sessions/"].map(|wanted| {
        let found = lines.iter().filter(|line| match wanted.strip_suffix('/') {
            None => *line == wanted,
            Some(_) => line.starts_with(wanted),
        });
        found.count()
    })
}

#[test]
fn every_figure_says_how_often_it_was_measured() {
    let server = server(said);
    let report = with(&["-q", "-o", "json"], &server);
    assert_eq!((report.status, report.stderr.as_str()), (0, ""), "{report:?}");
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    let rows = report["rows"].as_array().unwrap();
    let counted: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["measure"].as_str().unwrap(),
                row["sessions"].as_u64().unwrap(),
                row["n"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("create", 1, 2),
        ("first message to first event", 1, 2),
        ("first message to done", 1, 2),
        ("end", 1, 2),
        ("message to first event", 1, 3),
        ("message to done", 1, 3),
        ("message to first event", 2, 6),
        ("message to done", 2, 6),
    ];
    assert_eq!(counted, expected);
    for row in rows {
        let time = |name: &str| row[name].as_f64().unwrap();
        assert!(
            time("p50") <= time("p95") && time("p95") <= time("p99") && time("p99") <= time("max")
        );
        assert_eq!(row["perSecond"].is_number(), row["measure"] == "message to done");
    }
    assert_eq!((&report["definition"], &report["failedTurns"]), (&json!(1), &json!(0)));
    assert_eq!(sessions(&server), [5, 5]);
    assert!(server.lines().contains(&"DELETE /api/sessions/s%200".to_owned()));
}

#[test]
fn people_get_a_table_and_scripts_a_line_for_each_figure() {
    let table = with(&["-q"], &server(said));
    let mut lines = table.stdout.lines();
    let head = lines.next().unwrap();
    assert!(head.starts_with("MILLISECONDS") && head.ends_with("PER SECOND"), "{table:?}");
    assert!(lines.next_back().unwrap().starts_with("message to done, 2 at once "), "{table:?}");
    let lines = with(&["-q", "-o", "jsonl"], &server(said)).stdout;
    assert_eq!(lines.lines().count(), 8);
    assert!(lines.starts_with(r#"{"measure":"create","sessions":1,"n":2,"#), "{lines}");
}

#[test]
fn a_turn_that_fails_is_told_and_not_counted() {
    let server = server(failed);
    let report = with(&["-q", "-o", "json"], &server);
    assert_eq!(report.status, 8, "{report:?}");
    assert!(report.stderr.starts_with("error: 14 turns ended with an error"), "{report:?}");
    let told: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!((&told["failedTurns"], &told["rows"][2]["n"]), (&json!(14), &json!(0)));
    assert_eq!(sessions(&server), [5, 5]);
}

#[test]
fn what_was_created_is_ended_when_the_server_refuses_more() {
    let asked = AtomicUsize::new(0);
    let server = server(move || match asked.fetch_add(1, Ordering::Relaxed) {
        0 => said(),
        _ => problem(429, "queue_full", "not so fast"),
    });
    let report = with(&["-q"], &server);
    assert_eq!((report.status, report.stdout.as_str()), (1, ""), "{report:?}");
    assert!(report.stderr.contains("not so fast"), "{report:?}");
    assert_eq!(sessions(&server), [2, 2]);
}

#[test]
fn what_was_created_is_ended_when_it_is_interrupted() {
    let server = server(|| {
        Reply::Events(vec![event("session_start", "{}"), Step::Until("DELETE /api/sessions/s%200")])
    });
    let child = crate::program::Ashctl::new().server(&server).args(SHORT).start();
    server.wait_for("POST /api/sessions/s%200/messages");
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
    assert_eq!(sessions(&server), [1, 1]);
}

#[test]
fn there_is_a_limit_on_everything() {
    let server = server(said);
    for wrong in [["--creates", "0"], ["--messages", "10001"], ["--sessions", "1001"]] {
        assert_eq!(
            ashctl(&server, ["bench", "qa-bot"].iter().chain(&wrong)).status,
            2,
            "{wrong:?}"
        );
    }
    let ladder = ["bench", "qa-bot", "--sessions", "1,2,3,4,5,6,7,8,9"];
    assert_eq!(ashctl(&server, ladder).status, 2);
    assert_eq!(server.lines(), [""; 0]);
}
