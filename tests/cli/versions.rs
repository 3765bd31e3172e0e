//! `ashctl agent version`, `files`, `put`, `rm`, `config` and `env`.

use serde_json::{Value, json};

use crate::program::{Ashctl, ashctl};
use crate::scripted::{Reply, Scripted, json as reply, problem};

const VERSIONS: &str = "/api/agents/qa-bot/versions";

fn version(number: u32, is_active: bool, name: Option<&str>) -> Value {
    json!({
        "id": "0198c8a0-1111-4111-8111-111111111111", "tenantId": "default", "agentName": "qa-bot",
        "versionNumber": number, "name": name, "systemPrompt": null,
        "releaseNotes": name.map(|_| "Kinder."), "isActive": is_active,
        "knowledgeFiles": [], "createdBy": "deploy", "createdAt": "2026-11-20T08:00:00.000Z",
        "updatedAt": "2026-11-22T10:00:00.000Z", "digest": "sha256:abc", "files": 12, "bytes": 45678,
    })
}

/// As it is answered: by itself, and flat beside it.
fn enveloped(version: &Value) -> String {
    let mut answer = version.clone();
    answer["version"] = version.clone();
    answer.to_string()
}

fn agent(version: u32, env: &Value) -> Value {
    json!({
        "id": "0198c8a0-1111-4111-8111-111111111111", "name": "qa-bot", "version": version,
        "path": "/var/lib/ash/agents/abc", "createdAt": "2026-11-20T08:00:00.000Z",
        "updatedAt": "2026-11-22T10:00:00.000Z", "tenantId": "default", "env": env,
        "digest": "sha256:abc", "files": 12, "bytes": 45678,
    })
}

#[test]
fn versions_are_listed_for_people_and_for_programs() {
    let list = json!({ "versions": [version(4, false, Some("kind")), version(3, true, None)] });
    let server = Scripted::answering("GET /api/agents/qa-bot/versions", reply(list.to_string()));
    let words = ["agent", "version", "list", "qa-bot"];
    ashctl(&server, [&words[..], &["--full"]].concat()).succeeds(
        "VERSION  ACTIVE  NAME  FILES  SIZE       MADE\n\
         4                kind  12     44.61 KiB  2026-11-20T08:00:00.000Z\n\
         3        yes     -     12     44.61 KiB  2026-11-20T08:00:00.000Z\n",
    );
    ashctl(&server, [&words[..], &["-o", "id"]].concat()).succeeds("4\n3\n");
}

#[test]
fn a_version_is_shown_by_its_number_or_its_id() {
    let answer = reply(enveloped(&version(4, false, Some("kind"))));
    let server = Scripted::answering("GET /api/agents/qa-bot/versions/4", answer);
    let words = ["agent", "version", "show", "qa-bot", "4"];
    ashctl(&server, [&words[..], &["--full"]].concat()).succeeds(
        "version    4\n\
         id         0198c8a0-1111-4111-8111-111111111111\n\
         active     no\n\
         name       kind\n\
         notes      Kinder.\n\
         digest     sha256:abc\n\
         files      12\n\
         size       44.61 KiB\n\
         made by    deploy\n\
         made       2026-11-20T08:00:00.000Z\n\
         described  2026-11-22T10:00:00.000Z\n",
    );
    let server = Scripted::new(|_| problem(404, "version_not_found", "Version not found"));
    let said = ashctl(&server, ["agent", "version", "show", "qa-bot", "4?x"]);
    assert_eq!(said.status, 4, "{said:?}");
    assert_eq!(server.lines(), ["GET /api/agents/qa-bot/versions/4%3Fx"]);
}

#[test]
fn a_version_is_made_and_activated_in_one_go() {
    let folder = tempfile::tempdir().unwrap();
    let prompt = folder.path().join("CLAUDE.md");
    std::fs::write(&prompt, "Be kind.\n").unwrap();
    let server = Scripted::new(|seen| match seen.line.as_str() {
        "POST /api/agents/qa-bot/versions" => {
            Reply::Whole(201, enveloped(&version(5, false, None)))
        }
        "POST /api/agents/qa-bot/versions/5/activate" => {
            let agent = agent(5, &json!({}));
            reply(json!({ "activated": true, "versionNumber": 5, "agent": agent }).to_string())
        }
        line => problem(500, "internal", line),
    });
    let words = ["agent", "version", "create", "qa-bot", "--from", "2", "--name", "kind"];
    let more = ["--notes", "Kinder.", "--activate", "--prompt-file", prompt.to_str().unwrap()];
    ashctl(&server, [&words[..], &more].concat())
        .succeeds("Made version 5\nAgent \"qa-bot\" gives new sessions version 5\n");
    assert_eq!(
        server.seen()[0].json(),
        json!({ "name": "kind", "systemPrompt": "Be kind.\n", "releaseNotes": "Kinder.", "cloneFrom": 2 })
    );
}

#[test]
fn a_version_is_described_and_a_description_taken_away() {
    let server = Scripted::answering(
        "PATCH /api/agents/qa-bot/versions/4",
        reply(enveloped(&version(4, false, None))),
    );
    let words = ["agent", "version", "describe", "qa-bot", "4"];
    ashctl(&server, [&words[..], &["--name", "", "--notes", "New."]].concat())
        .succeeds("Changed version 4\n");
    assert_eq!(server.seen()[0].json(), json!({ "name": null, "releaseNotes": "New." }));
    let said = ashctl(&server, words);
    assert_eq!((said.status, server.lines().len()), (2, 1), "{said:?}");
}

#[test]
fn a_version_is_activated_and_one_deleted() {
    let server = Scripted::new(|seen| {
        if seen.line == format!("DELETE {VERSIONS}/2") {
            reply(r#"{"deleted":true}"#)
        } else {
            problem(409, "version_active", "This version is active")
        }
    });
    ashctl(&server, ["agent", "version", "delete", "qa-bot", "2"]).succeeds("Deleted version 2\n");
    let said = ashctl(&server, ["agent", "version", "delete", "qa-bot", "3"]);
    assert_eq!(said.status, 5, "{said:?}");
    assert!(said.stderr.starts_with("error: This version is active\n"), "{said:?}");
    let answer = json!({ "activated": true, "versionNumber": 2, "agent": agent(2, &json!({})) });
    let server = Scripted::answering(
        "POST /api/agents/qa-bot/versions/2/activate",
        reply(answer.to_string()),
    );
    ashctl(&server, ["agent", "version", "activate", "qa-bot", "2"])
        .succeeds("Agent \"qa-bot\" gives new sessions version 2\n");
}

#[test]
fn files_of_a_version_are_listed_and_printed_as_they_are() {
    let files = json!({ "files": [
        { "path": "CLAUDE.md", "size": 16, "modifiedAt": "2026-11-20T08:00:00.000Z" },
        { "path": "run me.sh", "size": 2048, "modifiedAt": "2026-11-20T08:00:00.000Z" },
    ] });
    let server = Scripted::new(move |seen| match seen.line.as_str() {
        "GET /api/agents/qa-bot/files?version=3" | "GET /api/agents/qa-bot/files" => {
            reply(files.to_string())
        }
        "GET /api/agents/qa-bot/files/run%20me.sh?format=raw&version=3" => reply("#!/bin/sh\n"),
        line => problem(500, "internal", line),
    });
    let words = ["agent", "files", "qa-bot", "--of", "3"];
    // Without a version there is no query, not even an empty one.
    ashctl(&server, ["agent", "files", "qa-bot", "-o", "id"]).succeeds("CLAUDE.md\nrun me.sh\n");
    ashctl(&server, [&words[..], &["--full"]].concat()).succeeds(
        "SIZE      MODIFIED                  PATH\n\
         16 B      2026-11-20T08:00:00.000Z  CLAUDE.md\n\
         2.00 KiB  2026-11-20T08:00:00.000Z  run me.sh\n",
    );
    ashctl(&server, [&words[..], &["run me.sh"]].concat()).succeeds("#!/bin/sh\n");
}

#[test]
fn a_file_is_written_and_removed_and_the_new_version_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.sh");
    std::fs::write(&file, "#!/bin/sh\n").unwrap();
    let server = Scripted::new(|seen| {
        let agent = agent(if seen.line.starts_with("POST") { 4 } else { 5 }, &json!({}));
        reply(json!({ "written": 1, "deleted": true, "path": "x", "agent": agent }).to_string())
    });
    let file = file.to_str().unwrap();
    ashctl(&server, ["agent", "put", "qa-bot", file, "bin/run.sh", "-x"])
        .succeeds("Wrote bin/run.sh: agent \"qa-bot\" (v4)\n");
    ashctl(&server, ["agent", "rm", "qa-bot", "bin/run.sh"])
        .succeeds("Removed bin/run.sh: agent \"qa-bot\" (v5)\n");
    let nameless = Ashctl::new().server(&server).args(["agent", "put", "qa-bot", "-"]).stdin("x");
    assert_eq!(nameless.run().status, 2);
    let lines = ["POST /api/agents/qa-bot/files", "DELETE /api/agents/qa-bot/files/bin/run.sh"];
    assert_eq!(server.lines(), lines);
    let sent = json!({ "path": "bin/run.sh", "content": "IyEvYmluL3NoCg==", "executable": true });
    assert_eq!(server.seen()[0].json(), json!({ "files": [sent] }));
}

#[test]
fn presets_are_shown_and_changed() {
    let config = json!({ "config": { "model": "opus", "allowedTools": ["Read"] } }).to_string();
    let server = Scripted::new(move |_| reply(config.clone()));
    ashctl(&server, ["agent", "config", "qa-bot"])
        .succeeds("allowedTools  [\"Read\"]\nmodel         opus\n");
    let change = ["--model", "haiku", "--unset", "system-prompt", "--unset-mcp-servers"];
    ashctl(&server, [&["agent", "config", "qa-bot"], &change[..]].concat())
        .succeeds("Configured agent \"qa-bot\"\n");
    let lines = ["GET /api/agents/qa-bot/config", "PATCH /api/agents/qa-bot/config"];
    assert_eq!(server.lines(), lines);
    let sent = json!({ "model": "haiku", "systemPrompt": null, "mcpServers": null });
    assert_eq!(server.seen()[1].json(), sent);
}

/// Values come masked; a mask that goes back stands for what there is.
#[test]
fn variables_change_one_by_one_without_being_seen() {
    let server = Scripted::new(|_| {
        let agent = agent(3, &json!({ "TOKEN": "***", "OLD": "***" }));
        reply(json!({ "agent": agent }).to_string())
    });
    ashctl(&server, ["agent", "env", "qa-bot"]).succeeds("OLD\nTOKEN\n");
    let words = ["agent", "env", "qa-bot", "-e", "NEW=1", "--unset", "OLD"];
    ashctl(&server, words).succeeds("OLD\nTOKEN\n");
    assert_eq!(server.seen()[2].json(), json!({ "env": { "NEW": "1", "TOKEN": "***" } }));
    let said = ashctl(&server, ["agent", "env", "qa-bot", "--unset", "NEVER"]);
    assert_eq!((said.status, server.lines().len()), (2, 4), "{said:?}");
    ashctl(&server, ["agent", "env", "qa-bot", "--clear"]).succeeds("OLD\nTOKEN\n");
    assert_eq!(server.seen()[5].json(), json!({ "env": {} }));
}
