//! `ashctl` covers the API: whatever operation there is, a verb asks for it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::program::Ashctl;
use crate::scripted::{Reply, Scripted, Seen, event, json, problem};
use crate::sessions::{ONE, session};

/// Each a command line. `SESSION` and `ID` are ids; `FILE`, `NEW`, `FOLDER` and `CASES` are there, not
/// there, an agent, and cases.
const LINES: &[&str] = &[
    "status",
    "metrics",
    "events",
    "top --once -d 0.2",
    "config show",
    "config reload",
    "db backup NEW",
    "db check",
    "drain --no-wait",
    "drain",
    "drain --undo",
    "usage",
    "usage --by figure",
    "usage --by tenant",
    "budget",
    "budget --tokens 5",
    "key create",
    "key list",
    "key revoke ID",
    "credential create --file FILE",
    "credential list",
    "credential delete ID",
    "job create qa-bot Hi",
    "job list",
    "job stats",
    "job show ID",
    "job cancel ID",
    "schedule add daily qa-bot Hi",
    "schedule list",
    "schedule show ID",
    "schedule run ID",
    "schedule enable ID",
    "schedule disable ID",
    "schedule remove ID",
    "webhook add https://hooks.example.com/",
    "webhook list",
    "webhook show ID",
    "webhook enable ID",
    "webhook disable ID",
    "webhook deliveries ID",
    "webhook test ID",
    "webhook remove ID",
    "deploy FOLDER",
    "agent list",
    "agent show qa-bot",
    "agent config qa-bot",
    "agent config qa-bot --model opus",
    "agent env qa-bot -e A=1",
    "agent version list qa-bot",
    "agent version show qa-bot 3",
    "agent version create qa-bot",
    "agent version describe qa-bot 3 --name x",
    "agent version activate qa-bot 3",
    "agent version delete qa-bot 3",
    "agent files qa-bot",
    "agent files qa-bot CLAUDE.md",
    "agent put qa-bot FILE",
    "agent rm qa-bot notes.md",
    "agent delete qa-bot",
    "eval case add qa-bot Why?",
    "eval case list qa-bot",
    "eval case show qa-bot ID",
    "eval case change qa-bot ID --active false",
    "eval case delete qa-bot ID",
    "eval case import qa-bot CASES",
    "eval case export qa-bot",
    "eval run qa-bot",
    "eval list qa-bot",
    "eval show qa-bot ID",
    "eval results qa-bot ID",
    "eval compare qa-bot ID ID",
    "eval score qa-bot ID 4",
    "eval cancel qa-bot ID",
    "session create qa-bot",
    "session list",
    "session show SESSION",
    "session config SESSION --model opus",
    "session pause SESSION",
    "session resume SESSION",
    "session stop SESSION",
    "session fork SESSION",
    "session archive SESSION",
    "session restore SESSION",
    "session end SESSION",
    "session permissions SESSION",
    "session allow SESSION ID",
    "session deny SESSION ID",
    "session messages SESSION",
    "session timeline SESSION",
    "session audit SESSION",
    "session logs SESSION",
    "session budget SESSION --tokens 5",
    "session files SESSION",
    "session files SESSION notes.md",
    "session put SESSION FILE",
    "session rm SESSION notes.md",
    "session pull SESSION NEW",
    "session push SESSION FILE",
    "session exec SESSION -- true",
    "session attachment add SESSION FILE",
    "session attachment list SESSION",
    "session attachment get ID",
    "session attachment rm ID",
    "send SESSION Hi",
    "chat qa-bot Hi",
    "attach SESSION",
    "interrupt SESSION",
    "queue list SESSION",
    "queue remove SESSION ID",
    "queue now SESSION ID",
];

/// Operations that no verb asks for, and what is there instead.
const ELSEWHERE: &[(&str, &str)] = &[
    ("deployAgent", "`deploy` uploads a bundle, which says the same"),
    ("uploadFiles", "`session put` and `session push` write files without base64"),
    ("restoreWorkspace", "`session push` sends the archive as it is"),
    ("scoreEvalRun", "`eval score` scores one result of it"),
    ("showReference", "a page for people with a browser"),
    ("readReference", "what that page is made of"),
];

/// Enough for a verb that asks twice to ask the second time.
fn answer(seen: &Seen) -> Reply {
    match seen.line.as_str() {
        "GET /api/agents/qa-bot" => json(
            r#"{"agent":{"id":"0198c8a0-1111-4111-8111-111111111111","name":"qa-bot","version":3,"path":"/x","createdAt":"2026-11-20T08:00:00.000Z","updatedAt":"2026-11-22T10:00:00.000Z","tenantId":"default","digest":"d","files":1,"bytes":1}}"#,
        ),
        "POST /api/drain" => json(format!(
            r#"{{"since":"2026-11-20T08:00:00.000Z","busy":[{{"session":"{ONE}","agent":"qa-bot","queuedTurns":0}}]}}"#
        )),
        "GET /api/events?follow=true&last=0" => {
            let ended = r#"{"number":1,"at":"2026-11-22T10:00:00.000Z","event":"turn.ended"}"#;
            Reply::Events(vec![event("turn.ended", ended)])
        }
        "POST /api/sessions" => Reply::Whole(201, format!(r#"{{"session":{}}}"#, session(ONE))),
        _ => problem(404, "not_found", "nothing is here"),
    }
}

/// Whether a line is a request for this method and path; and how much of it the path says.
fn fits(line: &str, method: &str, path: &str) -> Option<usize> {
    let (asked, target) = line.split_once(' ')?;
    let target = target.split('?').next()?;
    let (asked_parts, parts) = (target.split('/'), path.split('/'));
    let (asked_parts, parts): (Vec<_>, Vec<_>) = (asked_parts.collect(), parts.collect());
    let same = asked == method && asked_parts.len() == parts.len();
    let mut said = 0;
    for (one, part) in asked_parts.iter().zip(&parts) {
        if one == part {
            said += 1;
        } else if !part.starts_with('{') {
            return None;
        }
    }
    same.then_some(said)
}

/// Each operation of the document: its name, method and path.
fn operations() -> Vec<(String, String, String)> {
    let document: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let mut operations = vec![];
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if let Some(name) = operation["operationId"].as_str() {
                operations.push((name.to_owned(), method.to_uppercase(), path.clone()));
            }
        }
    }
    operations
}

fn asked_for(line: &str, operations: &[(String, String, String)]) -> Option<String> {
    let fitting = operations
        .iter()
        .filter_map(|(name, method, path)| Some((fits(line, method, path)?, name)));
    fitting.max().map(|(_, name)| name.clone())
}

fn run(server: &Scripted, folder: &Path, line: &str) {
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let words = line.split(' ').map(|word| match word {
        "SESSION" => ONE.to_owned(),
        "ID" => "0198c8a0-2222-4222-8222-222222222222".to_owned(),
        "FILE" => file("notes.md"),
        "CASES" => file("cases.json"),
        "NEW" => file("new"),
        "FOLDER" => file("qa-bot"),
        other => other.to_owned(),
    });
    let more: &[&str] = if line.starts_with("send") { &["--reconnect", "0"] } else { &[] };
    // How it ends is the subject of other tests: most of it is answered with a 404.
    let said = Ashctl::new().server(server).args(words).args(more).stdin("").run();
    assert!(!said.stderr.contains("Usage:"), "`ashctl {line}`: {said:?}");
}

#[test]
fn every_operation_is_asked_for_by_a_verb() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.md"), "notes").unwrap();
    std::fs::write(folder.path().join("cases.json"), r#"{"cases":[]}"#).unwrap();
    std::fs::create_dir(folder.path().join("qa-bot")).unwrap();
    std::fs::write(folder.path().join("qa-bot/CLAUDE.md"), "You are a test.").unwrap();
    let operations = operations();
    assert!(operations.len() > 75, "{operations:?}");
    let mut covered = BTreeSet::new();
    for line in LINES {
        let server = Scripted::new(answer);
        run(&server, folder.path(), line);
        let asked = server.lines();
        assert!(!asked.is_empty(), "`ashctl {line}` asks for nothing");
        for one in &asked {
            let name = asked_for(one, &operations);
            covered.insert(name.unwrap_or_else(|| panic!("`ashctl {line}` asks for `{one}`")));
        }
    }
    for (name, method, path) in &operations {
        let elsewhere = ELSEWHERE.iter().any(|(left_out, _)| left_out == name);
        let asked = covered.contains(name);
        assert!(asked || elsewhere, "no verb asks for `{method} {path}` ({name})");
        assert!(!asked || !elsewhere, "a verb does ask for `{method} {path}` ({name})");
    }
    for (name, _) in ELSEWHERE {
        assert!(operations.iter().any(|(there, ..)| there == name), "`{name}` is no operation");
    }
}

#[test]
fn a_request_is_known_by_its_method_and_by_what_its_path_says() {
    let operations = operations();
    let named = |line: &str| asked_for(line, &operations);
    assert_eq!(named("GET /api/queue/stats").as_deref(), Some("countJobs"));
    assert_eq!(named("GET /api/queue/3?x=1").as_deref(), Some("getJob"));
    assert_eq!(named("PUT /api/queue/3"), None);
    assert_eq!(named("GET /api/nothing"), None);
}
