//! `ashctl agent`.

use crate::program::ashctl;
use crate::scripted::{Scripted, json, problem};

const AGENT: &str = r#"{"id":"0198c8a0-1111-4111-8111-111111111111","name":"qa-bot","version":3,"path":"/var/lib/ash/agents/qa-bot/3","createdAt":"2026-11-20T08:00:00.000Z","updatedAt":"2026-11-22T10:00:00.000Z","tenantId":"default","env":{"TOKEN":"***","LEVEL":"***"},"digest":"sha256:abc","files":12,"bytes":45678}"#;

fn list() -> Scripted {
    Scripted::answering("GET /api/agents", json(format!(r#"{{"agents":[{AGENT}]}}"#)))
}

#[test]
fn agents_are_listed_for_people() {
    ashctl(&list(), ["agent", "list", "--full"]).succeeds(
        "NAME    VERSION  FILES  SIZE       DEPLOYED\n\
         qa-bot  3        12     44.61 KiB  2026-11-22T10:00:00.000Z\n",
    );
}

#[test]
fn no_agents_are_an_empty_list() {
    let server = Scripted::answering("GET /api/agents", json(r#"{"agents":[]}"#));
    ashctl(&server, ["agent", "list"]).succeeds("NAME  VERSION  FILES  SIZE  DEPLOYED\n");
    ashctl(&server, ["agent", "list", "-o", "id"]).succeeds("");
    ashctl(&server, ["agent", "list", "-o", "jsonl"]).succeeds("");
}

#[test]
fn agents_are_listed_for_programs() {
    let server = list();
    ashctl(&server, ["agent", "list", "-o", "json"])
        .succeeds(&format!("{{\"agents\":[{AGENT}]}}\n"));
    ashctl(&server, ["agent", "list", "-o", "jsonl"]).succeeds(&format!("{AGENT}\n"));
    ashctl(&server, ["-o", "id", "agent", "list"]).succeeds("qa-bot\n");
}

#[test]
fn an_agent_is_shown() {
    let server =
        Scripted::answering("GET /api/agents/qa-bot", json(format!(r#"{{"agent":{AGENT}}}"#)));
    ashctl(&server, ["agent", "show", "qa-bot", "--full"]).succeeds(
        "name         qa-bot\n\
         id           0198c8a0-1111-4111-8111-111111111111\n\
         version      3\n\
         digest       sha256:abc\n\
         files        12\n\
         size         44.61 KiB\n\
         path         /var/lib/ash/agents/qa-bot/3\n\
         environment  LEVEL, TOKEN\n\
         hosts        -\n\
         limits       -\n\
         config       -\n\
         created      2026-11-20T08:00:00.000Z\n\
         deployed     2026-11-22T10:00:00.000Z\n",
    );
    ashctl(&server, ["agent", "show", "qa-bot", "-o", "jsonl"]).succeeds(&format!("{AGENT}\n"));
    ashctl(&server, ["agent", "show", "qa-bot", "-o", "id"]).succeeds("qa-bot\n");
}

#[test]
fn an_agent_is_deleted() {
    let server = Scripted::answering("DELETE /api/agents/qa-bot", json(r#"{"ok":true}"#));
    ashctl(&server, ["agent", "delete", "qa-bot"]).succeeds("Deleted agent \"qa-bot\"\n");
    ashctl(&server, ["agent", "delete", "qa-bot", "-o", "json"]).succeeds("{\"ok\":true}\n");
}

#[test]
fn an_agent_that_is_not_there_is_not_found() {
    let server = Scripted::new(|_| problem(404, "agent_not_found", "Agent not found"));
    ashctl(&server, ["agent", "show", "nobody"]).ends(
        4,
        "",
        "error: Agent not found\n\
         hint: `ashctl agent list` shows what is deployed, `ashctl deploy DIR` deploys more\n",
    );
}

#[test]
fn a_name_that_no_agent_can_have_is_refused_before_the_server_is_asked() {
    let server = list();
    let said = ashctl(&server, ["agent", "show", "../etc"]);
    assert_eq!((said.status, server.lines().len()), (2, 0));
    assert!(said.stderr.contains("it has '.'"), "{}", said.stderr);
}
