//! The warm pool: a session that was parked before it was asked for is like any other, and nobody
//! gets anything of anybody else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::keys::administer;
use crate::server::{Server, command, eventually};

/// A daemon that parks one sandbox for each agent, with more of the configuration.
fn pooled_with(more: &str) -> Server {
    pooled_in(tempfile::tempdir().unwrap(), more)
}

fn pooled_in(folder: tempfile::TempDir, more: &str) -> Server {
    let file = folder.path().join("ash.toml");
    std::fs::write(&file, format!("[pool]\nper_agent = 1\n{more}\n")).unwrap();
    let mut command = command(folder.path(), &[]);
    command.arg("--config").arg(file);
    Server::run(folder, command)
}

fn pooled() -> Server {
    pooled_with("")
}

fn pool(server: &Server) -> Value {
    server.get("/health").body["pool"].clone()
}

fn hits(server: &Server) -> u64 {
    pool(server)["preWarmHits"].as_u64().unwrap()
}

fn misses(server: &Server, reason: &str) -> u64 {
    pool(server)["preWarmMisses"][reason].as_u64().unwrap_or(0)
}

fn is_warm(server: &Server) {
    eventually("that one is parked", || pool(server)["warm"] == 1);
}

fn is_empty(server: &Server) {
    eventually("that nothing is parked", || {
        let pool = pool(server);
        (&pool["warm"], &pool["warming"]) == (&json!(0), &json!(0))
    });
}

fn plain() -> Value {
    json!({ "agent": "tester" })
}

/// A daemon, an agent that was used, and one that is parked for it.
fn parked() -> Server {
    let server = pooled();
    server.session();
    is_warm(&server);
    server
}

fn options(server: &Server, session: &str) -> Value {
    serde_json::from_str(&server.say(session, "[[options]]")).unwrap()
}

fn shown(server: &Server, session: &str) -> Value {
    server.get(&format!("/api/sessions/{session}")).body["session"].clone()
}

/// Folders of sessions on the disk.
fn folders(server: &Server) -> usize {
    std::fs::read_dir(server.folder.path().join("data/sessions")).unwrap().count()
}

/// With what differs between any two sessions taken out.
fn but_for_its_own(mut value: Value, session: &str) -> Value {
    if let Some(members) = value.as_object_mut() {
        for name in ["createdAt", "lastActiveAt"] {
            members.remove(name);
        }
    }
    serde_json::from_str(&value.to_string().replace(session, "ID")).unwrap()
}

#[test]
fn the_next_session_is_given_what_was_parked_and_is_like_the_one_before() {
    let server = pooled();
    let cold = server.session();
    assert_eq!((hits(&server), misses(&server, "empty")), (0, 1));
    is_warm(&server);
    let claimed = server.session_of(&plain());
    assert_eq!(hits(&server), 1);
    let seen = |session: &str| but_for_its_own(shown(&server, session), session);
    assert_eq!(seen(&claimed), seen(&cold));
    let (ours, theirs) = (options(&server, &claimed), options(&server, &cold));
    assert_eq!(ours["session_id"], json!(claimed));
    let folder = |options: &Value| options["directory"].as_str().unwrap().to_owned();
    assert!(folder(&ours).contains(&claimed), "{ours}");
    assert_eq!(but_for_its_own(ours, &claimed), but_for_its_own(theirs, &cold));
    let files = |session: &str| {
        let listed = server.get(&format!("/api/sessions/{session}/files")).body;
        let files = listed["files"].as_array().unwrap().iter();
        files.map(|file| (file["path"].clone(), file["size"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(files(&claimed), files(&cold));
    is_warm(&server);
}

#[test]
fn what_is_parked_is_no_session() {
    let server = parked();
    let listed = server.get("/api/sessions").body;
    assert_eq!((listed["sessions"].as_array().unwrap().len(), &listed["total"]), (1, &json!(1)));
    let health = server.get("/health").body;
    assert_eq!(
        (&health["activeSessions"], &health["activeSandboxes"], &health["pool"]["waiting"]),
        (&json!(1), &json!(2), &json!(1)),
        "{health}"
    );
    let used = server.administer("/api/load");
    assert_eq!(used["sessions"].as_array().unwrap().len(), 1, "{used}");
    // Nobody has the name of its tenant.
    let (status, _) = administer(&server, "GET", "/api/sessions", &[("ash-tenant", "")], "");
    assert_eq!(status, 400);
}

#[test]
fn a_session_with_other_options_is_started_with_them() {
    let server = parked();
    for (name, request, word) in [
        ("systemPrompt", json!({ "systemPrompt": "Speak like a pirate." }), "Speak like a pirate."),
        ("permissionMode", json!({ "permissionMode": "plan" }), "--permission-mode=plan"),
        (
            "askPermissions",
            json!({ "permissionMode": "default", "askPermissions": true }),
            "--permission-prompt-tool=stdio",
        ),
        ("allowedTools", json!({ "allowedTools": ["Read"] }), "--allowedTools=Read"),
        ("disallowedTools", json!({ "disallowedTools": ["Write"] }), "--disallowedTools=Write"),
        ("betas", json!({ "betas": ["some-beta"] }), "--betas=some-beta"),
        (
            "initialAgent",
            json!({ "initialAgent": "r", "subagents": { "r": { "description": "d", "prompt": "p" } } }),
            "--agent=r",
        ),
        ("mcpServers", json!({ "mcpServers": { "f": { "command": "x" } } }), "--mcp-config="),
        ("extraEnv", json!({ "extraEnv": { "USER_TOKEN": "t0ken" } }), "USER_TOKEN"),
        ("limits", json!({ "limits": { "tasks": 64 } }), ""),
    ] {
        let mut request = request;
        request["agent"] = json!("tester");
        let session = server.session_of(&request);
        let seen = options(&server, &session).to_string();
        assert!(seen.contains(word), "{name}: {seen}");
        assert_eq!(hits(&server), 0, "{name}");
        assert_eq!(pool(&server)["warm"], 1, "{name}: the plain one is for a plain session");
    }
    assert_eq!((misses(&server, "variables"), misses(&server, "servers")), (1, 1));
    let claimed = server.session_of(&plain());
    assert_eq!(hits(&server), 1);
    let seen = options(&server, &claimed).to_string();
    for word in ["pirate", "--allowedTools", "USER_TOKEN", "--mcp-config", "--agent"] {
        assert!(!seen.contains(word), "{word} in {seen}");
    }
}

#[test]
fn options_that_come_again_are_parked_and_in_force() {
    let server = pooled();
    server.deploy("tester");
    let request = json!({
        "agent": "tester", "systemPrompt": "Speak like a pirate.", "allowedTools": ["Read"],
        "permissionMode": "default",
    });
    server.session_of(&request);
    server.session_of(&request);
    is_warm(&server);
    assert_eq!(hits(&server), 0);
    let claimed = server.session_of(&request);
    assert_eq!(hits(&server), 1);
    let seen = options(&server, &claimed).to_string();
    for word in ["pirate", "--allowedTools=Read", "--permission-mode=default"] {
        assert!(seen.contains(word), "{word} in {seen}");
    }
    assert_eq!(shown(&server, &claimed)["config"]["systemPrompt"], "Speak like a pirate.");
}

#[test]
fn what_the_cli_can_be_told_later_is_told_before_the_first_message() {
    let server = parked();
    let claimed = server.session_of(&json!({
        "agent": "tester", "model": "haiku", "budget": { "tokens": 1000 },
    }));
    assert_eq!(hits(&server), 1);
    let session = shown(&server, &claimed);
    assert_eq!(session["model"], "haiku");
    assert_eq!(session["budget"]["tokens"], 1000, "{session}");
    assert_eq!(options(&server, &claimed)["model"], "haiku");
    // The next has none of it: without a model it is the agent's, which cannot be told.
    is_warm(&server);
    let without = server.session_of(&plain());
    assert_eq!(hits(&server), 2);
    assert_ne!(options(&server, &without)["model"], "haiku");
}

/// The original's W1: session 2 got the variables, the servers and the mode of session 1.
#[test]
fn w01_what_one_session_brought_is_not_in_the_next() {
    let server = pooled();
    server.deploy("tester");
    let secret = "sk-USER-SECRET";
    let first = server.session_of(&json!({
        "agent": "tester", "extraEnv": { "USER_TOKEN": secret }, "systemPrompt": "S", "permissionMode": "plan",
        "mcpServers": { "m": { "command": "x", "env": { "K": secret } } },
    }));
    assert!(options(&server, &first).to_string().contains("USER_TOKEN"));
    server.session_of(&plain());
    is_warm(&server);
    let second = server.session_of(&plain());
    assert_eq!(hits(&server), 1);
    let seen = options(&server, &second).to_string();
    for word in ["USER_TOKEN", "--mcp-config", "=plan", secret, "\"S\""] {
        assert!(!seen.contains(word), "{word} in {seen}");
    }
    assert!(!shown(&server, &second).to_string().contains("USER_TOKEN"));
}

/// The original's W2: tenant B's session ran in a sandbox of tenant A.
#[test]
fn w02_a_tenant_gets_nothing_that_was_parked_for_another() {
    let server = pooled();
    let ask = |tenant: &str, path: &str, body: &str| {
        let headers = [("ash-tenant", tenant), ("content-type", "application/json")];
        let (status, answer) = administer(&server, "POST", path, &headers, body);
        assert_eq!(status, 201, "{answer}");
        answer
    };
    for tenant in ["ours", "theirs"] {
        let agent = json!({ "name": "a", "systemPrompt": tenant, "env": { "WHOSE": tenant } });
        ask(tenant, "/api/agents", &agent.to_string());
    }
    ask("ours", "/api/sessions", r#"{"agent":"a"}"#);
    is_warm(&server);
    let foreign = ask("theirs", "/api/sessions", r#"{"agent":"a"}"#);
    assert_eq!((hits(&server), &foreign["session"]["tenantId"]), (0, &json!("theirs")));
    let file = |session: &Value| {
        let id = session["session"]["id"].as_str().unwrap();
        std::fs::read_to_string(
            server.folder.path().join(format!("data/sessions/{id}/workspace/CLAUDE.md")),
        )
        .unwrap()
    };
    assert_eq!(file(&foreign), "theirs");
    let own = ask("ours", "/api/sessions", r#"{"agent":"a"}"#);
    assert_eq!((hits(&server), file(&own).as_str()), (1, "ours"));
    assert_eq!(own["session"]["tenantId"], "ours");
}

#[test]
fn a_new_version_is_what_the_next_session_has() {
    let server = parked();
    let new = json!({ "name": "tester", "systemPrompt": "You are new." });
    assert_eq!(server.post("/api/agents", &new).status, 201);
    is_empty(&server);
    let session = server.session_of(&plain());
    assert_eq!(hits(&server), 0);
    let file = server.folder.path().join(format!("data/sessions/{session}/workspace/CLAUDE.md"));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "You are new.");
    eventually("that nothing of the parked one is left", || folders(&server) <= 3);
    is_warm(&server);
    server.session_of(&plain());
    assert_eq!(hits(&server), 1);
}

#[test]
fn nothing_is_parked_for_an_agent_that_is_deleted_or_a_host_that_drains() {
    let server = parked();
    assert_eq!(server.delete("/api/agents/tester").status, 200);
    is_empty(&server);
    eventually("that its folder is gone", || folders(&server) == 1);
    let server = parked();
    let (status, _) = administer(&server, "POST", "/api/drain", &[], "");
    assert_eq!(status, 200);
    is_empty(&server);
    eventually("that its folder is gone", || folders(&server) == 1);
}

#[test]
fn a_reload_ends_what_is_parked_and_0_parks_nothing() {
    let server = parked();
    std::fs::write(server.folder.path().join("ash.toml"), "[pool]\nper_agent = 0\n").unwrap();
    let (status, _) = administer(&server, "POST", "/api/config/reload", &[], "");
    assert_eq!(status, 200);
    is_empty(&server);
    eventually("that its folder is gone", || folders(&server) == 1);
    server.session_of(&plain());
    assert_eq!((hits(&server), misses(&server, "off")), (0, 1));
}

#[test]
fn whoever_wants_room_gets_that_of_what_is_parked() {
    let server = pooled_with("[sandbox]\nmax = 2\nwait_seconds = 30");
    server.session();
    is_warm(&server);
    server.deploy("other");
    let other = server.session_of(&json!({ "agent": "other" }));
    let health = server.get("/health").body;
    assert_eq!(health["activeSandboxes"], 2, "{health}");
    assert_eq!(server.say(&other, "[[say:here]]"), "here");
    let first = &server.get("/api/sessions").body["sessions"][1];
    assert_eq!(first["tier"], "hot", "no session became colder for it");
}

#[test]
fn a_session_that_was_parked_outlives_ashd_and_what_is_parked_does_not() {
    for stops in [false, true] {
        let server = parked();
        let claimed = server.session_of(&plain());
        server.say(&claimed, "Remember the word plum.");
        is_warm(&server);
        assert_eq!((hits(&server), folders(&server)), (1, 3));
        let folder = if stops { server.stop().1 } else { server.kill() };
        let server = pooled_in(folder, "");
        assert_eq!(folders(&server), 2, "what was parked left nothing");
        assert_eq!(server.get("/api/sessions").body["total"], 2);
        is_empty(&server);
        assert!(server.say(&claimed, "[[recall]]").contains("plum"));
        let forked = server.post(&format!("/api/sessions/{claimed}/fork"), &json!({}));
        assert_eq!(forked.status, 201, "{forked:?}");
        let fork = forked.body["session"]["id"].as_str().unwrap();
        assert!(server.say(fork, "[[recall]]").contains("plum"));
        assert_eq!(server.delete(&format!("/api/sessions/{claimed}")).status, 200);
    }
}

#[test]
fn of_a_burst_each_gets_a_session_of_its_own() {
    let server = parked();
    let ids: Vec<String> = std::thread::scope(|scope| {
        let created: Vec<_> = (0..8).map(|_| scope.spawn(|| server.session_of(&plain()))).collect();
        created.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!((unique.len(), hits(&server)), (8, 1));
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(server.say(id, &format!("[[say:number {number}]]")), format!("number {number}"));
    }
    is_warm(&server);
}

/// What they say belongs to whoever gets the session.
#[test]
fn scripts_have_run_in_what_is_parked_and_what_failed_is_given_to_nobody() {
    let server = pooled();
    let deploy = |name: &str, install: &str| {
        let install = json!({ "path": "install.sh", "content": STANDARD.encode(install) });
        let agent = json!({ "name": name, "systemPrompt": "x", "files": [install] });
        assert_eq!(server.post("/api/agents", &agent).status, 201);
    };
    deploy("tester", "echo installed");
    server.session_of(&plain());
    is_warm(&server);
    let claimed = server.session_of(&plain());
    assert_eq!(hits(&server), 1);
    assert_eq!(server.say(&claimed, "[[say:hello]]"), "hello");
    let logs = server.get(&format!("/api/sessions/{claimed}/logs")).body["logs"].clone();
    let said =
        |text: &str| logs.as_array().unwrap().iter().filter(|line| line["text"] == text).count();
    assert_eq!((said("installed"), said("install.sh begins")), (1, 1), "{logs}");

    // What it began with lets it fail, so nobody is given it.
    deploy("broken", "exit 3");
    let broken = json!({ "agent": "broken" });
    for _session in 0..2 {
        let session = server.session_of(&broken);
        let events = server.turn(&session, &json!({ "content": "hello" }));
        assert!(events.iter().any(|event| event.data["code"] == "script_failed"), "{events:#?}");
    }
    assert_eq!(hits(&server), 1);
}
