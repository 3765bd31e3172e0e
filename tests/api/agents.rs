//! Agents: deploy, list, show, delete.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::server::{KEY, Server, command, rest};

fn file(path: &str, content: &[u8]) -> Value {
    json!({ "path": path, "content": STANDARD.encode(content) })
}

fn archive(entries: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content, mode) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        let name = &mut header.as_old_mut().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

const TAR: (&str, &str) = ("content-type", "application/x-tar");

#[test]
fn each_deploy_is_a_new_version_with_a_digest() {
    let server = Server::start();
    let deploy = |content: &[u8]| {
        let deployed = server
            .post("/api/agents", &json!({ "name": "qa", "files": [file("CLAUDE.md", content)] }));
        assert_eq!(deployed.status, 201, "{deployed:?}");
        deployed.body["agent"].clone()
    };
    let (first, second, same) = (deploy(b"one"), deploy(b"two"), deploy(b"two"));
    assert_eq!(
        [&first["version"], &second["version"], &same["version"]],
        [&json!(1), &json!(2), &json!(3)]
    );
    assert_eq!(first["id"], second["id"]);
    assert_ne!(first["digest"], second["digest"]);
    assert_eq!(second["digest"], same["digest"]);
    for member in ["id", "name", "path", "createdAt", "updatedAt", "tenantId"] {
        assert!(first[member].is_string(), "{member} in {first}");
    }
}

#[test]
fn a_redeploy_forgets_deleted_files_and_leaves_running_sessions_alone() {
    let server = Server::start();
    let deploy = |files: Value| {
        assert_eq!(
            server.post("/api/agents", &json!({ "name": "qa", "files": files })).status,
            201
        );
    };
    deploy(json!([file("CLAUDE.md", b"x"), file("old.txt", b"old")]));
    let before = server.session_of(&json!({ "agent": "qa" }));
    deploy(json!([file("CLAUDE.md", b"x"), file("new.txt", b"new")]));
    let after = server.session_of(&json!({ "agent": "qa" }));
    let files = |session: &str| {
        let body = server.get(&format!("/api/sessions/{session}/files")).body;
        body["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|file| file["path"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(files(&before), ["CLAUDE.md", "old.txt"]);
    assert_eq!(files(&after), ["CLAUDE.md", "new.txt"]);
}

#[test]
fn an_archive_is_streamed_plain_or_compressed() {
    let server = Server::start();
    let plain = archive(&[("CLAUDE.md", b"hi", 0o644), ("bin/run.sh", b"#!/bin/sh\n", 0o755)]);
    let compressed = zstd::encode_all(plain.as_slice(), 3).unwrap();
    let mut digests = Vec::new();
    for body in [&plain, &compressed] {
        let deployed = server.send("PUT", "/api/agents/packed/bundle", &[TAR], body);
        assert_eq!(deployed.status, 201, "{deployed:?}");
        digests.push(deployed.body["agent"]["digest"].clone());
    }
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn what_is_no_agent_is_refused_and_the_old_version_stays() {
    let server = Server::start();
    server.deploy("qa");
    let digest = server.get("/api/agents/qa").body["agent"]["digest"].clone();
    let claude: (&str, &[u8], u32) = ("CLAUDE.md", b"x", 0o644);
    for (what, body) in [
        ("no CLAUDE.md", archive(&[("README.md", b"x", 0o644)])),
        ("a way out", archive(&[claude, ("../evil", b"x", 0o644)])),
        ("an absolute name", archive(&[claude, ("/etc/evil", b"x", 0o644)])),
        ("no archive", b"not a tar archive at all, but long enough to be looked at".repeat(20)),
        ("a cut archive", archive(&[claude, ("big", &[7; 4096], 0o644)])[..2048].to_vec()),
    ] {
        let refused = server.send("PUT", "/api/agents/qa/bundle", &[TAR], &body);
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (400, &json!("agent_invalid")),
            "{what}: {refused:?}"
        );
    }
    for files in [
        json!([]),
        json!([file("README.md", b"x")]),
        json!([file("CLAUDE.md", b"x"), file("../x", b"x")]),
    ] {
        assert_eq!(
            server.post("/api/agents", &json!({ "name": "qa", "files": files })).status,
            400,
            "{files}"
        );
    }
    let missing =
        server.post("/api/agents", &json!({ "name": "qa", "files": [file("README.md", b"x")] }));
    assert_eq!(missing.body["error"], "Agent directory must contain CLAUDE.md");
    let broken = json!({ "name": "qa", "files": [{ "path": "CLAUDE.md", "content": "!" }] });
    assert_eq!(server.post("/api/agents", &broken).body["field"], "files.0.content");
    assert!(!server.folder.path().join("data/evil").exists());
    assert_eq!(server.get("/api/agents/qa").body["agent"]["digest"], digest);
}

#[test]
fn a_bad_name_is_refused() {
    let server = Server::start();
    for name in ["", "a/b", "..", "a b", "a\u{7}b", &"x".repeat(300)] {
        let refused = server.post("/api/agents", &json!({ "name": name, "systemPrompt": "x" }));
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!("name")), "{name:?}");
    }
}

#[test]
fn an_archive_over_the_limit_is_refused_before_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder, &[]);
    let mut stream = server.connect();
    let head = format!(
        "PUT /api/agents/big/bundle HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\ncontent-length: 999999999999\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert!(rest(stream).starts_with("HTTP/1.1 413 "));
    assert_eq!(server.get("/api/agents/big").status, 404);
}

#[test]
fn a_folder_of_the_server_is_not_everybodys_to_name() {
    let server = Server::start();
    for path in ["/etc", "relative", "/nonexistent"] {
        let refused = server.post("/api/agents", &json!({ "name": "x", "path": path }));
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (403, &json!("forbidden")),
            "{path}: {refused:?}"
        );
    }
}

#[test]
fn the_environment_is_masked_kept_and_passed_on() {
    let server = Server::start();
    let body = json!({ "name": "qa", "systemPrompt": "x", "env": { "TOKEN": "s3cret" } });
    assert_eq!(server.post("/api/agents", &body).body["agent"]["env"], json!({ "TOKEN": "***" }));
    let archive = archive(&[("CLAUDE.md", b"x", 0o644)]);
    let kept = server.send("PUT", "/api/agents/qa/bundle", &[TAR], &archive);
    assert_eq!(kept.body["agent"]["env"], json!({ "TOKEN": "***" }));
    let session = server.session_of(&json!({ "agent": "qa" }));
    assert!(server.say(&session, "[[options]]").contains("TOKEN"));
    let none = URL_SAFE_NO_PAD.encode("{}");
    let cleared = server.send(
        "PUT",
        "/api/agents/qa/bundle",
        &[TAR, ("ash-agent-env", none.as_str())],
        &archive,
    );
    assert_eq!(cleared.body["agent"].get("env"), None);
    let wrong =
        server.send("PUT", "/api/agents/qa/bundle", &[TAR, ("ash-agent-env", "{}")], &archive);
    assert_eq!((wrong.status, &wrong.body["field"]), (400, &json!("ash-agent-env")));
}

#[test]
fn agents_are_listed_by_name_and_deleted() {
    let server = Server::start();
    for name in ["zeta", "alpha"] {
        server.deploy(name);
    }
    let names: Vec<Value> = server.get("/api/agents").body["agents"]
        .as_array()
        .unwrap()
        .iter()
        .map(|agent| agent["name"].clone())
        .collect();
    assert_eq!(names, ["alpha", "zeta"]);
    let session = server.session_of(&json!({ "agent": "zeta" }));
    let deleted = server.delete("/api/agents/zeta");
    assert_eq!((deleted.status, &deleted.body), (200, &json!({ "ok": true })));
    for answer in [server.get("/api/agents/zeta"), server.delete("/api/agents/zeta")] {
        assert_eq!((answer.status, &answer.body["error"]), (404, &json!("Agent not found")));
    }
    assert_eq!(server.say(&session, "[[say:alive]]"), "alive", "a session has its own copy");
}

#[test]
fn an_agent_reaches_only_hosts_that_the_configuration_allows() {
    let server = Server::start();
    let agent = |hosts: Value| json!({ "name": "qa", "files": [file("CLAUDE.md", b"x")], "allowedHosts": hosts });
    let refused = server.post("/api/agents", &agent(json!(["github.com"])));
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("forbidden")), "{refused:?}");
    assert_eq!(refused.body["field"], "allowedHosts");
    assert!(refused.body["hint"].as_str().unwrap().contains("[egress] allow"), "{refused:?}");
    for wrong in ["10.0.0.1", "user@github.com", "localhost", "github.com:0", "gıthub.com"] {
        let refused = server.post("/api/agents", &agent(json!([wrong])));
        assert_eq!(
            (refused.status, &refused.body["code"]),
            (400, &json!("bad_request")),
            "{wrong}"
        );
    }
    let many: Vec<String> = (0..65).map(|number| format!("h{number}.example")).collect();
    assert_eq!(server.post("/api/agents", &agent(json!(many))).status, 400);
}

#[test]
fn the_hosts_of_an_agent_stay_until_they_are_replaced_and_a_session_keeps_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("ash.toml");
    std::fs::write(&configuration, "[egress]\nallow = [\"github.com\", \"*.npmjs.org\"]\n")
        .unwrap();
    let mut command = command(folder.path(), &[]);
    command.args(["--config", configuration.to_str().unwrap()]);
    let server = Server::run(folder, command);
    let deploy = |hosts: Option<Value>| {
        let mut agent = json!({ "name": "qa", "files": [file("CLAUDE.md", b"x")] });
        if let Some(hosts) = hosts {
            agent["allowedHosts"] = hosts;
        }
        let deployed = server.post("/api/agents", &agent);
        assert_eq!(deployed.status, 201, "{deployed:?}");
        deployed.body["agent"]["allowedHosts"].clone()
    };
    assert_eq!(deploy(None), json!([]));
    let two = json!(["github.com", "registry.npmjs.org"]);
    assert_eq!(deploy(Some(json!(["GitHub.com.", "registry.npmjs.org"]))), two);
    assert_eq!(deploy(None), two);
    let session = server.post("/api/sessions", &json!({ "agent": "qa" }));
    assert_eq!(session.body["session"]["allowedHosts"], two);
    let archive = archive(&[("CLAUDE.md", b"x", 0o644)]);
    let uploaded = server.send(
        "PUT",
        "/api/agents/qa/bundle",
        &[TAR, ("ash-agent-hosts", "*.npmjs.org")],
        &archive,
    );
    assert_eq!(uploaded.body["agent"]["allowedHosts"], json!(["*.npmjs.org"]), "{uploaded:?}");
    assert_eq!(deploy(Some(json!([]))), json!([]));
    let id = session.body["session"]["id"].as_str().unwrap();
    let shown = server.get(&format!("/api/sessions/{id}"));
    assert_eq!(shown.body["session"]["allowedHosts"], two);
    let forked = server.post(&format!("/api/sessions/{id}/fork"), &json!({}));
    assert_eq!(forked.body["session"]["allowedHosts"], two, "{forked:?}");
    assert_eq!(server.get("/api/agents/qa").body["agent"]["allowedHosts"], json!([]));
}
