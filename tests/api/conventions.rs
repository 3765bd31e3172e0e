//! What holds for many operations: idempotency keys, entity tags, cursors, rates, other origins.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::server::{Answer, Server, command};

/// A daemon with this configuration.
fn configured(text: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ash.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = command(folder.path(), &[]);
    command.arg("--config").arg(&file);
    Server::run(folder, command)
}

fn create(server: &Server, path: &str, key: &str, body: &Value) -> Answer {
    server.send("POST", path, &[("idempotency-key", key)], body.to_string().as_bytes())
}

#[test]
fn a_creation_with_an_idempotency_key_is_done_once_also_across_a_kill() {
    let server = Server::start();
    server.deploy("a");
    let session = json!({ "agent": "a", "extraEnv": { "A": "1" } });
    let first = create(&server, "/api/sessions", "one", &session);
    assert_eq!((first.status, first.headers.get("idempotency-replayed")), (201, None));
    let key = create(&server, "/api/api-keys", "one", &json!({ "label": "ci" }));
    assert_eq!(key.status, 201);
    let agent = create(&server, "/api/agents", "one", &json!({ "name": "b" }));
    let fork = format!("/api/sessions/{}/fork", first.body["session"]["id"].as_str().unwrap());
    let forked = server.send("POST", &fork, &[("idempotency-key", "one")], b"");
    assert_eq!(forked.status, 201, "{}", forked.body);
    // What is kept is no secret to who reads the disk.
    let data = server.folder.path().join("data");
    let secret = key.body["key"].as_str().unwrap().as_bytes();
    for file in std::fs::read_dir(data.join("answers")).unwrap() {
        let file = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!file.windows(secret.len()).any(|bytes| bytes == secret));
    }

    let server = Server::start_in(server.kill(), &[]);
    let again = create(&server, "/api/sessions", "one", &session);
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(create(&server, "/api/api-keys", "one", &json!({ "label": "ci" })).body, key.body);
    assert_eq!(create(&server, "/api/agents", "one", &json!({ "name": "b" })).body, agent.body);
    let refork = server.send("POST", &fork, &[("idempotency-key", "one")], b"");
    assert_eq!(refork.body, forked.body);
    assert_eq!(server.get("/api/sessions").body["total"], 2);
    assert_eq!(server.get("/api/agents/b").body["agent"]["version"], 1);
    assert_eq!(server.get("/api/api-keys").body["keys"].as_array().unwrap().len(), 1);

    let other = create(&server, "/api/sessions", "one", &json!({ "agent": "a" }));
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_mismatch")));
    let long = create(&server, "/api/sessions", &"x".repeat(256), &session);
    assert_eq!((long.status, &long.body["field"]), (400, &json!("idempotency-key")));
}

#[test]
fn whatever_is_created_is_created_once() {
    let server = Server::start();
    let session = server.session();
    let creations = [
        (
            format!("/api/sessions/{session}/attachments"),
            json!({ "filename": "a", "content": "eA==" }),
            json!({ "filename": "a", "content": "eQ==" }),
        ),
        (
            "/api/agents/tester/versions".to_owned(),
            json!({ "systemPrompt": "x" }),
            json!({ "systemPrompt": "y" }),
        ),
        (
            "/api/credentials".to_owned(),
            json!({ "type": "anthropic", "key": "sk-ant-x" }),
            json!({ "type": "anthropic", "key": "sk-ant-y" }),
        ),
        (
            "/api/queue".to_owned(),
            json!({ "agentName": "tester", "prompt": "[[say:x]]" }),
            json!({ "agentName": "tester", "prompt": "[[say:y]]" }),
        ),
    ];
    let first = creations.clone().map(|(path, body, _)| {
        let made = create(&server, &path, "one", &body);
        assert_eq!(made.status, 201, "{path}: {made:?}");
        made.body
    });
    let server = Server::start_in(server.kill(), &[]);
    for ((path, body, other), first) in creations.iter().zip(&first) {
        let again = create(&server, path, "one", body);
        assert_eq!((again.status, &again.body), (201, first), "{path}");
        assert_eq!(again.headers["idempotency-replayed"], "true", "{path}");
        let refused = create(&server, path, "one", other);
        assert_eq!(refused.body["code"], "idempotency_mismatch", "{path}: {refused:?}");
    }
    let count = |path: &str, member: &str| server.get(path).body[member].as_array().unwrap().len();
    assert_eq!(count(&creations[0].0, "attachments"), 1);
    assert_eq!(count("/api/agents/tester/versions", "versions"), 2);
    assert_eq!(count("/api/credentials", "credentials"), 1);
    assert_eq!(count("/api/queue", "items"), 1);
}

/// An upload is a stream, of which nothing is kept but its digest.
#[test]
fn an_upload_with_an_idempotency_key_is_one_version_also_across_a_kill() {
    let server = Server::start();
    let archive = |text: &str| {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, "CLAUDE.md", text.as_bytes()).unwrap();
        archive.into_inner().unwrap()
    };
    let upload = |server: &Server, body: &[u8], more: &[(&str, &str)]| {
        let headers = [&[("idempotency-key", "one")], more].concat();
        server.send("PUT", "/api/agents/qa/bundle", &headers, body)
    };
    let one = archive("one");
    let first = upload(&server, &one, &[]);
    assert_eq!((first.status, &first.body["agent"]["version"]), (201, &json!(1)), "{first:?}");
    let server = Server::start_in(server.kill(), &[]);
    let again = upload(&server, &one, &[]);
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let limits = [("ash-agent-limits", "tasks=64")];
    for (body, more) in [(archive("two"), &[][..]), (one, &limits)] {
        let other = upload(&server, &body, more);
        assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_mismatch")));
    }
    assert_eq!(server.get("/api/agents/qa").body["agent"]["version"], 1);
    let another = server.send("PUT", "/api/agents/qa/bundle", &[], &archive("two"));
    assert_eq!(another.body["agent"]["version"], 2);
}

#[test]
fn a_refused_creation_is_not_remembered_and_many_at_once_are_one() {
    let server = Server::start();
    let session = json!({ "agent": "late" });
    assert_eq!(create(&server, "/api/sessions", "k", &session).status, 404);
    server.deploy("late");
    let ids: HashSet<String> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| create(&server, "/api/sessions", "k", &session)))
            .collect();
        let id = |answer: Answer| answer.body["session"]["id"].as_str().unwrap().to_owned();
        asked.into_iter().map(|thread| id(thread.join().unwrap())).collect()
    });
    assert_eq!((ids.len(), &server.get("/api/sessions").body["total"]), (1, &json!(1)));
}

#[test]
fn what_has_not_changed_is_not_sent_again_and_what_has_is_not_overwritten() {
    let server = Server::start();
    let session = format!("/api/sessions/{}", server.session());
    for path in ["/api/agents/tester", &session] {
        let seen = server.get(path);
        let tag = seen.headers["etag"].to_str().unwrap();
        let same = server.send("GET", path, &[("if-none-match", tag)], b"");
        assert_eq!(
            (same.status, &same.body, &same.headers["etag"]),
            (304, &json!(""), &seen.headers["etag"])
        );
        assert_eq!(server.send("GET", path, &[("if-none-match", "\"x\"")], b"").body, seen.body);
    }
    let tag = server.get(&session).headers["etag"].clone();
    let config = format!("{session}/config");
    let change = |tag: &str, model: &str| {
        let body = json!({ "model": model }).to_string();
        server.send("PATCH", &config, &[("if-match", tag)], body.as_bytes())
    };
    assert_eq!(change(tag.to_str().unwrap(), "one").status, 200);
    let late = change(tag.to_str().unwrap(), "two");
    assert_eq!((late.status, &late.body["code"]), (412, &json!("changed_meanwhile")));
    assert_eq!(server.get(&session).body["session"]["model"], "one");
    assert_eq!(change("*", "three").status, 200);
}

#[test]
fn a_list_is_read_page_by_page_while_it_grows() {
    let server = Server::start();
    server.deploy("a");
    let create = || server.session_of(&json!({ "agent": "a" }));
    let mut ids: Vec<String> = (0..5).map(|_| create()).collect();
    ids.reverse();
    let (mut seen, mut path) = (Vec::new(), "/api/sessions?limit=2".to_owned());
    loop {
        let page = server.get(&path).body;
        let sessions = page["sessions"].as_array().unwrap();
        seen.extend(sessions.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/api/sessions?limit=2&cursor={cursor}");
        // It comes before what was seen, and moves nothing.
        create();
    }
    assert_eq!(seen, ids);

    let session = &ids[0];
    for text in ["a", "b", "c"] {
        server.say(session, &format!("[[say:{text}]]"));
    }
    for list in ["messages", "events"] {
        let whole = server.get(&format!("/api/sessions/{session}/{list}")).body[list].clone();
        let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
        loop {
            let page = server.get(&format!("/api/sessions/{session}/{list}?{query}")).body;
            seen.extend(page[list].as_array().unwrap().clone());
            let Some(cursor) = page["nextCursor"].as_str() else { break };
            query = format!("limit=2&cursor={cursor}");
        }
        assert!(seen.len() > 3);
        assert_eq!(json!(seen), whole);
        let odd = server.get(&format!("/api/sessions/{session}/{list}?cursor=AAAA"));
        assert_eq!((odd.status, &odd.body["field"]), (400, &json!("cursor")));
    }
}

#[test]
fn a_key_that_asks_too_much_is_told_when_to_come_back() {
    let server = configured("[api]\nrequests_per_minute = 3\n");
    let remaining = |answer: &Answer| answer.headers["x-ratelimit-remaining"].clone();
    let first = server.get("/api/agents");
    assert_eq!((first.status, &first.headers["x-ratelimit-limit"]), (200, &"3".parse().unwrap()));
    assert_eq!(
        (remaining(&first), remaining(&server.get("/api/agents"))),
        ("2".parse().unwrap(), "1".parse().unwrap())
    );
    assert_eq!(server.get("/api/nothing").status, 404);
    let refused = server.get("/api/agents");
    assert_eq!((refused.status, &refused.body["code"]), (429, &json!("rate_limited")));
    let wait: u64 = refused.retry_after.unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(refused.headers["ratelimit-policy"], "\"key\";q=3;w=60");
    // Who has no key is not counted, and who administers the host is not either.
    assert_eq!(server.get("/health").status, 200);
    assert_eq!(server.administer("/api/agents"), json!({ "agents": [] }));
    assert!(Server::start().get("/api/agents").headers.get("ratelimit").is_none(), "no limit");
}

#[test]
fn a_page_of_another_origin_may_ask_only_if_it_is_listed() {
    let origin = ("origin", "https://app.example.com");
    let closed = Server::start();
    let answer = closed.send("GET", "/api/agents", &[origin], b"");
    assert!(answer.status == 200 && answer.headers.get("access-control-allow-origin").is_none());
    let asks = |server: &Server, origin| {
        let method = ("access-control-request-method", "POST");
        let headers = ("access-control-request-headers", "authorization,idempotency-key");
        let none = ("authorization", "");
        server.send("OPTIONS", "/api/sessions", &[origin, method, headers, none], b"")
    };
    assert_eq!(asks(&closed, origin).status, 401);

    let server = configured("[api]\norigins = [\"https://app.example.com\"]\n");
    let allowed = asks(&server, origin);
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.headers["access-control-allow-origin"], "https://app.example.com");
    assert_eq!(allowed.headers["access-control-allow-headers"], "authorization,idempotency-key");
    let session = server.session();
    let path = format!("/api/sessions/{session}/messages");
    let streamed = server.send("POST", &path, &[origin], br#"{"content":"[[say:x]]"}"#);
    assert_eq!(streamed.content_type, "text/event-stream");
    assert_eq!(streamed.headers["access-control-allow-origin"], "https://app.example.com");
    let shown = streamed.headers["access-control-expose-headers"].to_str().unwrap();
    assert!(shown.contains("ash-turn-id") && shown.contains("etag"), "{shown}");
    let other = asks(&server, ("origin", "https://evil.example.com"));
    assert!(other.headers.get("access-control-allow-origin").is_none());
}
