//! `ashctl session` and `ashctl interrupt`.

use serde_json::json;

use crate::program::{Ashctl, ashctl};
use crate::scripted::{Reply, Scripted, Step, json, problem};

pub(crate) const ONE: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
const TWO: &str = "67e5aaaa-10b1-426f-9247-bb680e5fe0c8";

pub(crate) fn session(id: &str) -> String {
    let session = json!({
        "id": id, "agentName": "qa-bot", "agentVersion": 3, "sandboxId": id, "status": "active",
        "createdAt": "2026-11-22T10:00:00.000Z", "lastActiveAt": "2026-11-22T11:30:00.000Z",
        "tenantId": "default", "runnerId": null, "parentSessionId": null, "model": "opus",
        "config": {"permissionMode": "bypassPermissions", "allowedTools": ["Read", "Bash(git *)"]},
        "queuedTurns": 1, "busy": true,
    });
    session.to_string()
}

fn list(ids: &[&str]) -> Reply {
    let sessions: Vec<String> = ids.iter().map(|id| session(id)).collect();
    json(format!(r#"{{"sessions":[{}],"total":{}}}"#, sessions.join(","), ids.len()))
}

fn one(id: &str) -> Reply {
    json(format!(r#"{{"session":{}}}"#, session(id)))
}

#[test]
fn sessions_are_listed_for_people() {
    let server = Scripted::answering("GET /api/sessions", list(&[ONE]));
    ashctl(&server, ["session", "list", "--full"]).succeeds(&format!(
        "ID                                    AGENT   STATUS                  LAST ACTIVE               CREATED\n\
         {ONE}  qa-bot  active, busy, 1 queued  2026-11-22T11:30:00.000Z  2026-11-22T10:00:00.000Z\n",
    ));
}

#[test]
fn sessions_are_listed_for_programs() {
    let server = Scripted::answering("GET /api/sessions", list(&[ONE, TWO]));
    ashctl(&server, ["session", "list", "-o", "id"]).succeeds(&format!("{ONE}\n{TWO}\n"));
    let lines = format!("{}\n{}\n", session(ONE), session(TWO));
    ashctl(&server, ["session", "list", "-o", "jsonl"]).succeeds(&lines);
}

#[test]
fn times_are_relative_unless_they_are_asked_for_in_full() {
    let recent = "2020-01-02T03:04:05.000Z";
    let server = Scripted::answering(
        "GET /api/sessions",
        json(format!(
            r#"{{"sessions":[{}],"total":1}}"#,
            session(ONE).replace("2026-11-22T10:00:00.000Z", recent)
        )),
    );
    let said = ashctl(&server, ["session", "list"]);
    assert!(said.stdout.lines().nth(1).unwrap().ends_with("  2020-01-02"), "{}", said.stdout);
}

#[test]
fn filters_reach_the_server() {
    let target = "GET /api/sessions?agent=qa-bot&status=active&limit=5&offset=10";
    let server = Scripted::answering(target, list(&[]));
    let arguments = ["--agent", "qa-bot", "--status", "active", "--limit", "5", "--offset", "10"];
    ashctl(&server, [&["session", "list", "-o", "id"], &arguments[..]].concat()).succeeds("");
    assert_eq!(server.lines(), [target]);
}

#[test]
fn a_session_is_shown() {
    let server =
        Scripted::answering("GET /api/sessions/67e55044-10b1-426f-9247-bb680e5fe0c8", one(ONE));
    ashctl(&server, ["session", "show", ONE, "--full"]).succeeds(&format!(
        "id                {ONE}\n\
         agent             qa-bot v3\n\
         status            active, busy, 1 queued\n\
         created           2026-11-22T10:00:00.000Z\n\
         last active       2026-11-22T11:30:00.000Z\n\
         model             opus\n\
         permissions       bypassPermissions\n\
         system prompt     -\n\
         allowed tools     Read, Bash(git *)\n\
         disallowed tools  -\n\
         MCP servers       -\n\
         environment       -\n\
         hosts             -\n\
         limits            -\n\
         used              0 tokens, 0.0000 dollars\n\
         betas             -\n\
         subagents         -\n\
         initial agent     -\n\
         archived          -\n\
         sandbox           {ONE}\n",
    ));
    let whole = format!("{{\"session\":{}}}\n", session(ONE));
    ashctl(&server, ["session", "show", ONE, "-o", "json"]).succeeds(&whole);
}

#[test]
fn a_session_may_be_named_by_its_first_characters() {
    let server = Scripted::new(|seen| match seen.line.as_str() {
        "GET /api/sessions?limit=500&offset=0" => list(&[ONE, TWO]),
        _ => one(ONE),
    });
    ashctl(&server, ["session", "show", "67E55", "-o", "id"]).succeeds(&format!("{ONE}\n"));
    ashctl(&server, ["session", "show", "67e5", "-o", "id"]).ends(
        2,
        "",
        &format!(
            "error: 2 sessions start with `67e5`:\n  {ONE}  qa-bot  active\n  {TWO}  qa-bot  active\n\
             hint: give more characters of the id\n"
        ),
    );
    ashctl(&server, ["session", "show", "ff"]).ends(
        4,
        "",
        "error: no session starts with `ff`\nhint: `ashctl session list` shows all sessions\n",
    );
    let said = ashctl(&server, ["session", "show", "latest"]);
    assert_eq!((said.status, said.stdout.as_str()), (2, ""));
}

#[test]
fn a_prefix_is_looked_for_on_every_page() {
    let server = Scripted::new(|seen| match seen.line.as_str() {
        "GET /api/sessions?limit=500&offset=0" => {
            json(format!(r#"{{"sessions":[{}],"total":2}}"#, session(TWO)))
        }
        "GET /api/sessions?limit=500&offset=1" => {
            json(format!(r#"{{"sessions":[{}],"total":2}}"#, session(ONE)))
        }
        _ => one(ONE),
    });
    ashctl(&server, ["session", "show", "67e55", "-o", "id"]).succeeds(&format!("{ONE}\n"));
}

#[test]
fn a_session_is_created() {
    let server = Scripted::new(|_| Reply::Whole(201, format!(r#"{{"session":{}}}"#, session(ONE))));
    ashctl(&server, ["session", "create", "qa-bot", "--model", "opus", "-e", "A=1"])
        .succeeds(&format!("Created session {ONE} of agent \"qa-bot\" (v3)\n"));
    ashctl(&server, ["session", "create", "qa-bot", "-o", "id"]).succeeds(&format!("{ONE}\n"));
    let seen = server.seen();
    assert_eq!(seen[0].line, "POST /api/sessions");
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    let expected = json!({ "agent": "qa-bot", "model": "opus", "extraEnv": {"A": "1"} });
    assert_eq!(seen[0].json(), expected);
}

#[test]
fn a_variable_can_be_taken_from_the_shell() {
    let server = Scripted::new(|_| one(ONE));
    let said = Ashctl::new()
        .server(&server)
        .env("SECRET", "hunter2")
        .args(["session", "create", "qa-bot", "-e", "SECRET", "-o", "id"])
        .run();
    said.succeeds(&format!("{ONE}\n"));
    assert_eq!(server.seen()[0].json()["extraEnv"], json!({"SECRET": "hunter2"}));
    ashctl(&server, ["session", "create", "qa-bot", "-e", "SECRET"]).ends(
        2,
        "",
        "error: `SECRET` is not set in this shell\n\
         hint: give it a value with `-e SECRET=VALUE`, or export it\n",
    );
}

#[test]
fn a_session_is_ended() {
    let server = Scripted::new(|_| one(ONE));
    ashctl(&server, ["session", "end", ONE]).succeeds(&format!("Ended session {ONE}\n"));
    assert_eq!(server.lines(), [format!("DELETE /api/sessions/{ONE}")]);
}

#[test]
fn messages_are_shown_without_what_is_for_machines() {
    let message = |sequence: u32, role: &str, content: serde_json::Value| {
        json!({
            "id": "0198c8a0-1111-4111-8111-111111111111", "sessionId": ONE, "tenantId": "default",
            "role": role, "content": content.to_string(), "sequence": sequence,
            "createdAt": "2026-11-22T10:00:00.000Z",
        })
    };
    let messages = json!({"messages": [
        message(1, "user", json!({"type": "user", "content": "Hello"})),
        message(2, "assistant", json!({"type": "assistant", "message": {"content": [
            {"type": "text", "text": "Let me look."},
            {"type": "tool_use", "name": "Bash", "input": {"command": "ls"}}]}})),
        message(3, "assistant", json!({"type": "result", "result": "Let me look."})),
    ]});
    let server = Scripted::new(move |_| json(messages.to_string()));
    ashctl(&server, ["session", "messages", ONE, "--after", "0", "--limit", "9", "--full"])
        .succeeds(
            "[1] user, 2026-11-22T10:00:00.000Z\n\
         Hello\n\n\
         [2] assistant, 2026-11-22T10:00:00.000Z\n\
         Let me look.\n\
         [tool: Bash {\"command\":\"ls\"}]\n\n",
        );
    assert_eq!(server.lines(), [format!("GET /api/sessions/{ONE}/messages?after=0&limit=9")]);
    ashctl(&server, ["session", "messages", ONE, "-o", "id"]).succeeds("1\n2\n3\n");
}

#[test]
fn files_are_listed_and_a_hostile_name_is_seen_as_such() {
    let files = json!({"files": [
        {"path": "out/report.md", "size": 2048, "modifiedAt": "2026-11-22T10:00:00.000Z"},
        {"path": "a\u{1b}[2Jb\nc", "size": 0, "modifiedAt": "2026-11-22T10:00:00.000Z"},
    ], "source": "sandbox", "truncated": true});
    let server = Scripted::new(move |_| json(files.to_string()));
    ashctl(&server, ["session", "files", ONE, "--full"]).ends(
        0,
        "SIZE      MODIFIED                  PATH\n\
         2.00 KiB  2026-11-22T10:00:00.000Z  out/report.md\n\
         0 B       2026-11-22T10:00:00.000Z  a�[2Jb�c\n",
        "warning: the workspace has more files than are listed\n",
    );
}

#[test]
fn a_file_is_printed_byte_for_byte() {
    let server = Scripted::new(|_| {
        Reply::Events(vec![Step::Bytes("\u{1b}[1mone\r\n"), Step::Bytes("two without an end")])
    });
    ashctl(&server, ["session", "files", ONE, "out/my file#1.txt"])
        .succeeds("\u{1b}[1mone\r\ntwo without an end");
    assert_eq!(
        server.lines(),
        [format!("GET /api/sessions/{ONE}/files/out/my%20file%231.txt?format=raw")]
    );
}

#[test]
fn half_a_file_is_no_success() {
    let server = Scripted::new(|_| Reply::Events(vec![Step::Bytes("half"), Step::Cut]));
    let said = ashctl(&server, ["session", "files", ONE, "x"]);
    assert_eq!((said.status, said.stdout.as_str()), (7, "half"));
    assert!(said.stderr.contains("what was printed is not the whole file"), "{}", said.stderr);
}

#[test]
fn a_file_that_is_not_there_is_not_found() {
    let server = Scripted::new(|_| problem(404, "file_not_found", "no such file"));
    ashctl(&server, ["session", "files", ONE, "x"]).ends(
        4,
        "",
        "error: no such file\nhint: `ashctl session files ID` lists the files\n",
    );
}

#[test]
fn a_turn_is_interrupted() {
    let server = Scripted::new(|_| json(r#"{"turnId":"0198c8a0-1111-4111-8111-111111111111"}"#));
    ashctl(&server, ["interrupt", ONE]).succeeds("Interrupted the running turn\n");
    assert_eq!(server.lines(), [format!("POST /api/sessions/{ONE}/interrupt")]);
    let server = Scripted::new(|_| json(r#"{"turnId":null}"#));
    ashctl(&server, ["interrupt", ONE]).succeeds("No turn was running\n");
    ashctl(&server, ["interrupt", ONE, "-o", "json"]).succeeds("{\"turnId\":null}\n");
}
