//! API keys: what they are good for, how long, and whose.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::server::{Answer, Server};

/// Asks over the admin socket.
pub(crate) fn administer(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Value) {
    let mut stream = UnixStream::connect(server.folder.path().join("run/admin.sock")).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: ash\r\nconnection: close\r\n").unwrap();
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n").unwrap();
    }
    write!(stream, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

/// Every operation that is documented, which `tests/tidy` holds to be every one.
fn operations() -> Vec<(String, String)> {
    let page = include_str!("../../docs/api.md");
    let headings = page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    let operation = |text: &str| {
        let (method, path) = text.split_once(' ')?;
        Some((method.to_owned(), path.to_owned()))
    };
    headings.filter_map(operation).collect()
}

/// Makes a key over the admin socket.
pub(crate) fn key(server: &Server, request: &Value) -> (String, String) {
    let (status, body) = administer(server, "POST", "/api/api-keys", &[], &request.to_string());
    assert_eq!(status, 201, "{body}");
    let text = |member: &str| body[member].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

pub(crate) fn with(server: &Server, key: &str, method: &str, path: &str, body: &[u8]) -> Answer {
    // A refusal does not wait for the body; its connection is not for the next request.
    let bearer = format!("Bearer {key}");
    server.send(method, path, &[("authorization", &bearer), ("connection", "close")], body)
}

#[test]
fn a_key_is_shown_once_and_good_until_it_is_revoked() {
    let server = Server::start();
    let (id, key) = key(&server, &json!({ "label": "ci" }));
    assert!(key.starts_with("ash_"), "{key}");
    assert_eq!(with(&server, &key, "GET", "/api/agents", b"").status, 200);

    let list = server.get("/api/api-keys");
    assert!(!list.body.to_string().contains(&key), "{}", list.body);
    let listed = &list.body["keys"][0];
    assert_eq!(
        (&listed["id"], &listed["label"], &listed["scope"], &listed["tenantId"]),
        (&json!(id), &json!("ci"), &json!("use"), &json!("default"))
    );
    assert!(key.starts_with(listed["keyPrefix"].as_str().unwrap()));
    assert!(listed["lastUsedAt"].is_string() && listed["expiresAt"].is_null(), "{listed}");

    let path = format!("/api/api-keys/{id}");
    assert_eq!(server.delete(&path).body, json!({ "ok": true }));
    let refused = with(&server, &key, "GET", "/api/agents", b"");
    assert_eq!((refused.status, &refused.body["error"]), (401, &json!("Invalid API key")));
    let again = server.delete(&path);
    assert_eq!((again.status, &again.body["code"]), (404, &json!("key_not_found")));
}

/// A stream of the session that the key has opened, and whether it has ended by itself.
fn ends_with(server: &Server, session: &str, key: &str, end: impl FnOnce()) {
    let bearer = format!("Bearer {key}");
    let mut stream = server.connect();
    write!(
        stream,
        "GET /api/sessions/{session}/stream HTTP/1.1\r\nhost: ash\r\nauthorization: {bearer}\r\n\r\n"
    )
    .unwrap();
    let mut said = Vec::new();
    while !String::from_utf8_lossy(&said).contains("retry: ") {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&piece[..read]);
    }
    end();
    // The last chunk is the empty one.
    while !said.ends_with(b"\r\n0\r\n\r\n") {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "it ends in order: {}", String::from_utf8_lossy(&said));
        said.extend_from_slice(&piece[..read]);
    }
    assert_eq!(with(server, key, "GET", "/api/agents", b"").status, 401);
}

#[test]
fn a_stream_ends_with_the_key_that_opened_it_and_its_session_goes_on() {
    let server = Server::start();
    let session = server.session();
    let (id, revoked) = key(&server, &json!({ "scope": "read" }));
    ends_with(&server, &session, &revoked, || {
        assert_eq!(server.delete(&format!("/api/api-keys/{id}")).status, 200);
    });
    let (_, expired) = key(&server, &json!({ "scope": "read", "expiresInSeconds": 2 }));
    ends_with(&server, &session, &expired, || {});
    assert_eq!(server.say(&session, "[[say:alive]]"), "alive");
}

#[test]
fn a_key_survives_the_daemon_and_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder, &[]);
    let (_, key) = key(&server, &json!({ "scope": "read" }));
    let (_, folder) = server.stop();
    let database = std::fs::read(folder.path().join("data/ash.db")).unwrap();
    assert!(!database.windows(key.len()).any(|bytes| bytes == key.as_bytes()));
    let server = Server::start_in(folder, &[]);
    assert_eq!(with(&server, &key, "GET", "/api/sessions", b"").status, 200);
}

#[test]
fn a_key_opens_what_its_scope_says_and_nothing_more() {
    let server = Server::start();
    server.deploy("a");
    let session = json!({ "agent": "a" }).to_string();
    let agent = json!({ "name": "b" }).to_string();
    let attempts = [
        ("GET", "/api/agents", "", "read"),
        ("POST", "/api/sessions", &*session, "use"),
        ("POST", "/api/agents", &*agent, "deploy"),
        ("GET", "/api/api-keys", "", "admin"),
        ("POST", "/api/api-keys", "", "admin"),
    ];
    let scopes = ["read", "use", "deploy", "admin"];
    for (rank, scope) in scopes.into_iter().enumerate() {
        let (_, key) = key(&server, &json!({ "scope": scope }));
        for (method, path, body, wanted) in attempts {
            let may = scopes.iter().position(|one| *one == wanted).unwrap() <= rank;
            let answer = with(&server, &key, method, path, body.as_bytes());
            let expected = if may { answer.status < 300 } else { answer.status == 403 };
            assert!(expected, "{scope}: {method} {path}: {} {}", answer.status, answer.body);
            if !may {
                let text = answer.body["error"].as_str().unwrap();
                assert!(text.contains(scope) && text.contains(wanted), "{text}");
            }
        }
    }
}

#[test]
fn what_a_key_is_made_of_is_judged() {
    let server = Server::start();
    for (request, field) in [
        (json!({ "scope": "root" }), "scope"),
        (json!({ "label": "x".repeat(201) }), "label"),
        (json!({ "expiresInSeconds": 0 }), "expiresInSeconds"),
        (json!({ "expiresInSeconds": 10_000_000_000_u64 }), "expiresInSeconds"),
        (json!({ "tenantId": "../b" }), "tenantId"),
        (json!({ "colour": "red" }), "colour"),
    ] {
        let (status, body) =
            administer(&server, "POST", "/api/api-keys", &[], &request.to_string());
        assert_eq!((status, &body["field"]), (400, &json!(field)), "{request}");
    }
    let foreign = server.post("/api/api-keys", &json!({ "tenantId": "other" }));
    assert_eq!((foreign.status, &foreign.body["field"]), (403, &json!("tenantId")));
    assert_eq!(server.get("/api/api-keys").body, json!({ "keys": [] }));
}

/// Every operation on something that has an owner, asked for as another tenant.
#[test]
fn a_tenant_sees_runs_and_deletes_nothing_of_another() {
    let server = Server::start();
    let tenant = |name: &str| key(&server, &json!({ "tenantId": name, "scope": "admin" }));
    let ((_, ours), (our_key, theirs)) = (tenant("ours"), tenant("theirs"));
    let ask = |key: &str, method: &str, path: &str, body: &str| {
        with(&server, key, method, path, body.as_bytes())
    };
    let deployed = ask(&ours, "POST", "/api/agents", r#"{"name":"a","systemPrompt":"ours"}"#);
    assert_eq!(deployed.status, 201);
    let created = ask(&ours, "POST", "/api/sessions", r#"{"agent":"a"}"#);
    assert_eq!(created.status, 201, "{}", created.body);
    let session = created.body["session"]["id"].as_str().unwrap();
    assert_eq!(created.body["session"]["tenantId"], "ours");

    // Of the same name, and none of ours.
    assert_eq!(ask(&theirs, "GET", "/api/agents/a", "").status, 404);
    assert_eq!(ask(&theirs, "POST", "/api/sessions", r#"{"agent":"a"}"#).status, 404);
    assert_eq!(ask(&theirs, "DELETE", "/api/agents/a", "").status, 404);
    assert_eq!(ask(&theirs, "GET", "/api/agents", "").body["agents"], json!([]));
    assert_eq!(ask(&theirs, "GET", "/api/sessions", "").body["sessions"], json!([]));

    let secret = r#"{"type":"anthropic","key":"sk-ant-ours"}"#;
    let credential = ask(&ours, "POST", "/api/credentials", secret).body["credential"].clone();
    let credential = format!("/api/credentials/{}", credential["id"].as_str().unwrap());
    assert_eq!(ask(&theirs, "GET", "/api/credentials", "").body["credentials"], json!([]));
    assert_eq!(ask(&theirs, "DELETE", &credential, "").status, 404);
    assert_eq!(ask(&ours, "DELETE", &credential, "").status, 200);

    let mut asked = 0;
    for (method, path) in operations() {
        if !path.contains("/sessions/{id}") {
            continue;
        }
        let path = path
            .replace("{id}", session)
            .replace("{turn}", "67e55044-10b1-426f-9247-bb680e5fe0c8")
            .replace("{permission}", "67e55044-10b1-426f-9247-bb680e5fe0c8")
            .replace("{*path}", "CLAUDE.md");
        let body = match path.rsplit('/').next() {
            Some("messages") => r#"{"content":"x"}"#,
            Some("attachments") => r#"{"filename":"x","content":"eA=="}"#,
            Some("files") => r#"{"files":[{"path":"x","content":""}]}"#,
            Some("exec") => r#"{"command":"true"}"#,
            Some("workspace") => r#"{"bundle":"eA=="}"#,
            _ if path.contains("/permissions/") => r#"{"behavior":"allow"}"#,
            _ => "{}",
        };
        let answer = ask(&theirs, &method, &path, body);
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (404, &json!("session_not_found")),
            "{method} {path}: {}",
            answer.body
        );
        asked += 1;
    }
    assert!(asked > 15, "{asked}");

    let mut of_agents = 0;
    for (method, path) in operations() {
        if !path.contains("/agents/{name}/") || path.ends_with("/bundle") {
            continue;
        }
        let path = path
            .replace("{name}", "a")
            .replace("{version}", "1")
            .replace("{*path}", "CLAUDE.md")
            .replace("{id}", session)
            .replace("/compare", &format!("/compare?runA={session}&runB={session}"));
        let body = match path.rsplit('/').next() {
            Some("files") => r#"{"files":[{"path":"x","content":""}]}"#,
            Some("eval-cases") => r#"{"question":"x"}"#,
            Some("import") => r#"{"cases":[]}"#,
            _ => "{}",
        };
        let answer = ask(&theirs, &method, &path, body);
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (404, &json!("agent_not_found")),
            "{method} {path}: {}",
            answer.body
        );
        of_agents += 1;
    }
    assert!(of_agents > 25, "{of_agents}");
    assert_eq!(ask(&theirs, "PATCH", "/api/agents/a", "{}").status, 404);

    let attached = ask(
        &ours,
        "POST",
        &format!("/api/sessions/{session}/attachments"),
        r#"{"filename":"x","content":"eA=="}"#,
    );
    assert_eq!(attached.status, 201, "{}", attached.body);
    let attachment = attached.body["attachment"]["id"].as_str().unwrap();
    for method in ["GET", "DELETE"] {
        let answer = ask(&theirs, method, &format!("/api/attachments/{attachment}"), "");
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("attachment_not_found")));
    }

    // Nor their keys.
    let keys = ask(&ours, "GET", "/api/api-keys", "").body["keys"].clone();
    assert_eq!(keys.as_array().unwrap().len(), 1, "{keys}");
    assert_eq!(ask(&ours, "DELETE", &format!("/api/api-keys/{our_key}"), "").status, 404);

    // Ours is as it was, and whoever administers the host sees it by name.
    assert_eq!(ask(&ours, "GET", &format!("/api/sessions/{session}"), "").status, 200);
    let seen = |headers: &[(&str, &str)]| {
        let (_, list) = administer(&server, "GET", "/api/sessions", headers, "");
        list["sessions"].as_array().map(Vec::len)
    };
    assert_eq!(seen(&[("ash-tenant", "ours")]), Some(1));
    assert_eq!(seen(&[]), Some(0));
    let keys = |headers: &[(&str, &str)]| {
        let (_, list) = administer(&server, "GET", "/api/api-keys", headers, "");
        let keys = list["keys"].as_array().unwrap().iter();
        keys.map(|key| key["tenantId"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!(keys(&[("ash-tenant", "ours")]), BTreeSet::from(["ours".to_owned()]));
    assert!(keys(&[]).len() > 1, "without a name they are those of all");
    let (status, odd) = administer(&server, "GET", "/api/sessions", &[("ash-tenant", "a b")], "");
    assert_eq!((status, &odd["field"]), (400, &json!("ash-tenant")));
}
