//! The daemon itself: doors, keys, health, and why it does not start.

use std::io::Read as _;
use std::net::TcpListener;

use serde_json::json;

use crate::server::{KEY, Server, command, eventually};

/// What a daemon that cannot start says, and its exit status.
fn refused(
    folder: &std::path::Path,
    environment: &[(&str, &str)],
    arguments: &[&str],
) -> (String, i32) {
    let mut child = command(folder, environment).args(arguments).spawn().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    (said, child.wait().unwrap().code().unwrap())
}

#[test]
fn health_is_open_and_says_that_it_is_simulated() {
    let server = Server::start();
    let health = server.send("GET", "/health", &[("authorization", "")], b"");
    assert_eq!((health.status, &health.body["status"]), (200, &json!("ok")));
    assert_eq!(health.body["simulated"], true);
    for member in [
        "total",
        "cold",
        "warming",
        "warm",
        "waiting",
        "running",
        "maxCapacity",
        "resumeWarmHits",
        "resumeColdHits",
        "preWarmHits",
    ] {
        assert!(health.body["pool"][member].is_u64(), "{member}");
    }
    assert!(health.body["uptime"].is_number() && health.body["version"].is_string());
}

#[test]
fn without_a_key_nothing_else_is_open() {
    let server = Server::start();
    for (header, text) in [
        ("", "Missing Authorization header"),
        ("Basic abc", "Invalid Authorization header format"),
        ("nonsense", "Invalid Authorization header format"),
        ("Bearer wrong", "Invalid API key"),
    ] {
        for path in ["/api/agents", "/api/sessions", "/nowhere"] {
            let answer = server.send("GET", path, &[("authorization", header)], b"");
            assert_eq!(
                (answer.status, &answer.body["error"]),
                (401, &json!(text)),
                "{path} with {header:?}"
            );
        }
    }
}

#[test]
fn an_unknown_route_says_so() {
    let server = Server::start();
    let answer = server.get("/nope");
    assert_eq!(answer.status, 404);
    assert_eq!(
        (&answer.body["message"], &answer.body["error"]),
        (&json!("Route GET:/nope not found"), &json!("Not Found"))
    );
    assert_eq!(server.delete("/api/sessions").status, 405);
}

#[test]
fn a_key_is_made_at_the_first_start_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder, &[("ASH_API_KEY", "")]);
    let path = server.folder.path().join("data/initial-api-key");
    let key = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        server
            .send("GET", "/api/agents", &[("authorization", &format!("Bearer {key}"))], b"")
            .status,
        200
    );
    assert_eq!(server.get("/api/agents").status, 401, "the test's key is not one of this server");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_second_daemon_in_the_same_folder_is_refused() {
    let server = Server::start();
    let (said, status) = refused(server.folder.path(), &[], &[]);
    assert!(said.contains(&format!("another ashd (process {})", server.pid())), "{said}");
    assert!(said.contains("hint: "), "{said}");
    assert_eq!(status, 69);
    assert_eq!(server.get("/api/agents").status, 200);
}

#[test]
fn a_taken_port_is_told_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let (said, status) = refused(folder.path(), &[("ASH_PORT", &port)], &[]);
    assert!(
        said.contains(&format!("could not listen on 127.0.0.1:{port}"))
            && said.contains("ASH_PORT"),
        "{said}"
    );
    assert_eq!(status, 69);
}

#[test]
fn a_taken_admin_socket_is_told_with_what_to_do() {
    let server = Server::start();
    let other = tempfile::tempdir().unwrap();
    let runtime = server.folder.path().join("run");
    let (said, status) =
        refused(other.path(), &[("ASH_RUNTIME_DIR", runtime.to_str().unwrap())], &[]);
    assert!(said.contains("sock") && said.contains("hint: "), "{said}");
    assert_eq!(status, 69);
}

#[test]
fn a_wrong_configuration_is_told_with_file_line_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ash.toml");
    let file = path.to_str().unwrap();
    std::fs::write(&path, "[api]\nprot = 1\n").unwrap();
    let (said, status) = refused(folder.path(), &[], &["--config", file]);
    assert!(said.contains("ash.toml:2:1: unknown field `prot`"), "{said}");
    assert_eq!(status, 78);
    let (said, _) = refused(folder.path(), &[], &["--config", "/nonexistent/ash.toml"]);
    assert!(said.contains("`/nonexistent/ash.toml` cannot be read"), "{said}");
    let (said, status) = refused(folder.path(), &[("ASH_PORT", "http")], &[]);
    assert!(said.contains("ASH_PORT is `http`"), "{said}");
    assert_eq!(status, 78);
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (said, status) = refused(folder.path(), &[("ASH_DATA_DIR", "/proc/nowhere")], &[]);
    assert!(said.contains("could not make the folder `/proc/nowhere`"), "{said}");
    assert_eq!(status, 73);
}

#[test]
fn a_stop_ends_streams_and_leaves_with_success() {
    let server = Server::start();
    let session = server.session();
    let mut stream = server.stream(&session, &json!({ "content": "[[hang]]" }));
    assert_eq!(stream.next().unwrap().name, "session_start");
    let (left, folder) = server.stop();
    assert!(left);
    assert!(stream.all(|event| event.name != "done"), "the turn is not done");
    let server = Server::start_in(folder, &[]);
    let path = format!("/api/sessions/{session}");
    eventually("the end of the turn", || server.get(&path).body["session"]["busy"] == false);
    assert_eq!(server.say(&session, "[[say:again]]"), "again");
}

#[test]
fn the_admin_socket_asks_for_no_key() {
    use std::io::Write as _;
    let server = Server::start();
    let socket = server.folder.path().join("run/admin.sock");
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream
        .write_all(b"GET /api/agents HTTP/1.1\r\nhost: ash\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with(r#"{"agents":[]}"#), "{said}");
    assert!(!KEY.is_empty());
}

#[test]
fn the_configuration_is_for_the_admin_socket() {
    let server = Server::start();
    let refused = server.get("/api/config");
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("forbidden")));
    assert!(refused.body["hint"].as_str().unwrap().contains("admin socket"));
    let nobody = server.send("GET", "/api/config", &[("authorization", "")], b"");
    assert_eq!(nobody.status, 401);
}
