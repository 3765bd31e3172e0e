//! Attachments of sessions.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::server::{Answer, KEY, Server, rest};

fn attach(server: &Server, session: &str, filename: &str, content: &[u8]) -> Answer {
    let body = json!({
        "filename": filename, "content": STANDARD.encode(content), "mimeType": "text/html",
    });
    server.post(&format!("/api/sessions/{session}/attachments"), &body)
}

fn attached(server: &Server, session: &str, filename: &str, content: &[u8]) -> Value {
    let answer = attach(server, session, filename, content);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body["attachment"].clone()
}

fn list(server: &Server, session: &str) -> Vec<Value> {
    let list = server.get(&format!("/api/sessions/{session}/attachments"));
    list.body["attachments"].as_array().unwrap().clone()
}

#[test]
fn an_attachment_is_listed_read_and_removed_with_its_file() {
    let server = Server::start();
    let session = server.session();
    assert!(list(&server, &session).is_empty());
    let one = attached(&server, &session, "a.txt", b"one");
    let two = attached(&server, &session, "a.txt", b"two!");
    assert_eq!((&one["path"], &one["size"]), (&json!("attachments/a.txt"), &json!(3)));
    assert_eq!((&two["path"], &two["filename"]), (&json!("attachments/a-2.txt"), &json!("a.txt")));
    assert_eq!(list(&server, &session), [one.clone(), two.clone()]);
    let path = |one: &Value| format!("/api/attachments/{}", one["id"].as_str().unwrap());
    let read = server.get(&path(&two));
    assert_eq!((read.status, &read.body), (200, &json!("two!")));
    assert_eq!(read.content_type, "application/octet-stream", "never a page of ours");
    let file = server.get(&format!("/api/sessions/{session}/files/attachments/a.txt?format=json"));
    assert_eq!(file.body["content"], "one");

    // What the agent puts there is not written over, and what it removes is gone.
    let own =
        server.send("PUT", &format!("/api/sessions/{session}/files/attachments/b"), &[], b"x");
    assert_eq!(own.status, 200);
    assert_eq!(attached(&server, &session, "b", b"y")["path"], "attachments/b-2");
    let gone = format!("/api/sessions/{session}/files/attachments/b-2");
    assert_eq!(server.delete(&gone).status, 200);
    let three = list(&server, &session).pop().unwrap();
    assert_eq!(server.get(&path(&three)).body["code"], "file_not_found");

    for attachment in [&one, &two, &three] {
        let removed = server.delete(&path(attachment));
        assert_eq!((removed.status, &removed.body), (200, &json!({ "deleted": true })));
        assert_eq!(server.get(&path(attachment)).body["code"], "attachment_not_found");
    }
    assert!(list(&server, &session).is_empty());
    let file = format!("/api/sessions/{session}/files/attachments/a.txt");
    assert_eq!(server.get(&file).status, 404);
}

#[test]
fn an_attachment_is_as_large_as_the_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ash.toml");
    std::fs::write(&file, "[sessions]\nattachment_mib_max = 11\n").unwrap();
    let mut command = crate::server::command(folder.path(), &[]);
    command.arg("--config").arg(file);
    let server = Server::run(folder, command);
    let session = server.session();
    let large = vec![7; 11 << 20];
    let made = attached(&server, &session, "large.bin", &large);
    let file = server.get(&format!("/api/sessions/{session}/files"));
    assert_eq!(file.body["files"][1]["size"], json!(11 << 20), "{:?}", file.body);
    assert_eq!(made["size"], json!(11 << 20));
    let more = [&large[..], b"x"].concat();
    let refused = attach(&server, &session, "larger.bin", &more);
    assert_eq!((refused.status, &refused.body["code"]), (413, &json!("file_too_large")));
    // It is refused by its length, before any of it comes.
    let mut stream = server.connect();
    let length = 40 << 20;
    write!(
        stream,
        "POST /api/sessions/{session}/attachments HTTP/1.1\r\nhost: ash\r\nconnection: close\r\n\
         authorization: Bearer {KEY}\r\ncontent-length: {length}\r\n\r\n"
    )
    .unwrap();
    let answer = rest(stream);
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("body_too_large"), "{answer}");
}

#[test]
fn what_is_no_name_or_no_content_is_refused_and_leaves_nothing() {
    let server = Server::start();
    let session = server.session();
    for name in ["", "..", "a/b", "../../x", "a\\b", "a\nb"] {
        let refused = attach(&server, &session, name, b"x");
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!("filename")), "{name}");
    }
    let path = format!("/api/sessions/{session}/attachments");
    for (body, field) in [
        (json!({ "filename": "a", "content": "" }), "content"),
        (json!({ "filename": "a", "content": "?" }), "content"),
        (json!({ "filename": "a", "content": "eA==", "mimeType": "a\r\nb" }), "mimeType"),
        (json!({ "filename": "a", "content": "eA==", "messageId": "" }), "messageId"),
        (json!({ "filename": "a", "content": "eA==", "path": "/x" }), "path"),
    ] {
        let refused = server.post(&path, &body);
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{body}");
    }
    assert!(list(&server, &session).is_empty());
    assert_eq!(server.delete(&format!("/api/sessions/{session}")).status, 200);
    let ended = attach(&server, &session, "a", b"x");
    assert_eq!((ended.status, &ended.body["code"]), (410, &json!("session_ended")));
}

#[test]
fn attachments_go_with_their_session_cold_forked_and_restarted() {
    let server = Server::start();
    let session = server.session();
    let stop = format!("/api/sessions/{session}/stop");
    assert_eq!(server.post(&stop, &json!({})).status, 200);
    let cold = attached(&server, &session, "cold.txt", b"cold");
    let forked = server.post(&format!("/api/sessions/{session}/fork"), &json!({}));
    let fork = forked.body["session"]["id"].as_str().unwrap().to_owned();
    let of_fork = list(&server, &fork).pop().unwrap();
    assert_eq!((&of_fork["path"], &of_fork["sessionId"]), (&cold["path"], &json!(fork)));
    assert_ne!(of_fork["id"], cold["id"]);
    let path = |one: &Value| format!("/api/attachments/{}", one["id"].as_str().unwrap());
    assert_eq!(server.delete(&path(&cold)).status, 200);
    assert_eq!(server.get(&path(&of_fork)).body, json!("cold"), "the fork has its own");
    let server = Server::start_in(server.kill(), &[]);
    assert_eq!(server.get(&path(&of_fork)).body, json!("cold"));

    let archive = format!("/api/sessions/{fork}/archive");
    let archived = server.post(&archive, &json!({}));
    assert_eq!(archived.status, 200, "{archived:?}");
    assert_eq!(list(&server, &fork), std::slice::from_ref(&of_fork));
    assert_eq!(server.get(&path(&of_fork)).body, json!("cold"), "it is brought back");
}
