//! What ashd counts of itself, and the names of requests.

use std::collections::BTreeSet;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::keys::administer;
use crate::server::{KEY, Server, command};

const ASKED: &str = "x-request-id";

/// Asks over a connection of its own: status, headers in lower case, and text.
fn ask(
    mut stream: impl std::io::Read + std::io::Write,
    path: &str,
    headers: &str,
) -> (u16, String, String) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: ash\r\nconnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_lowercase(), body.to_owned())
}

fn over_tcp(server: &Server, path: &str, headers: &str) -> (u16, String, String) {
    ask(TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap(), path, headers)
}

fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

pub(crate) fn page(server: &Server) -> String {
    let socket = server.folder.path().join("run/admin.sock");
    let (status, head, page) = ask(UnixStream::connect(socket).unwrap(), "/metrics", "");
    assert_eq!(status, 200, "{page}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    page
}

/// The value of a sample.
pub(crate) fn value(page: &str, sample: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in {page}")).parse().unwrap()
}

#[test]
fn what_happens_is_counted() {
    let server = Server::start();
    let session = server.session();
    server.turn(&session, &json!({ "content": r#"[[tool:Write:{"file_path":"/workspace/a","content":"a"}]][[say:Hi]]"# }));
    assert_eq!(server.get("/api/agents/nobody").status, 404);
    server.post(&format!("/api/sessions/{session}/stop"), &json!({}));
    server.say(&session, "[[say:again]]");
    let page = page(&server);
    for (sample, expected) in [
        ("ash_active_sessions", 1.0),
        ("ash_active_sandboxes", 1.0),
        ("ash_pool_sandboxes{state=\"waiting\"}", 1.0),
        ("ash_resume_total{path=\"cold\"}", 1.0),
        ("ash_resume_cold_total{source=\"local\"}", 1.0),
        ("ash_resume_duration_seconds_count{path=\"cold\"}", 1.0),
        ("ash_session_create_duration_seconds_count", 1.0),
        ("ash_turn_duration_seconds_count{outcome=\"completed\"}", 2.0),
        ("ash_turn_first_event_seconds_bucket{le=\"+Inf\"}", 2.0),
        ("ash_tool_calls_total", 1.0),
        ("ash_http_requests_total{operation=\"SendMessage\",status=\"2xx\"}", 2.0),
        ("ash_http_requests_total{operation=\"GetAgent\",status=\"4xx\"}", 1.0),
        ("ash_http_request_duration_seconds_count{operation=\"CreateSession\"}", 1.0),
    ] {
        assert!((value(&page, sample) - expected).abs() < f64::EPSILON, "{sample} in {page}");
    }
    for positive in [
        "ash_tokens_total{type=\"output\"}",
        "ash_cost_dollars_total",
        "ash_store_commit_duration_seconds_count{durable=\"true\"}",
        "process_resident_memory_bytes",
        "ash_pool_max_capacity",
    ] {
        assert!(value(&page, positive) > 0.0, "{positive}");
    }
    assert!(!page.contains(&session) && !page.contains("tester"), "no label of a client's");
    let health = server.get("/health").body;
    assert_eq!(health["pool"]["resumeColdHits"], 1, "{health}");
}

/// Each line is a comment or a sample, each metric is announced once, and all that are documented
/// are there.
#[test]
fn the_page_is_what_is_documented() {
    let server = Server::start();
    server.get("/api/agents");
    let page = page(&server);
    let mut names = Vec::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            names.push(rest.split(' ').next().unwrap().to_owned());
        } else if !line.starts_with("# HELP ") {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = names.last().unwrap();
            assert!(name.starts_with(family.as_str()), "{line} below {family}");
            line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        }
    }
    let documented: BTreeSet<String> = include_str!("../../docs/observability.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|name| name.starts_with("ash_") || name.starts_with("process_"))
        .map(str::to_owned)
        .collect();
    assert_eq!(names.iter().cloned().collect::<BTreeSet<_>>(), documented);
    assert_eq!(names.len(), documented.len(), "each is announced once");
}

#[test]
fn who_may_read_them_over_tcp_is_a_setting() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ash.toml");
    std::fs::write(&file, "").unwrap();
    let mut command = command(folder.path(), &[]);
    command.arg("--config").arg(&file);
    let server = Server::run(folder, command);
    let status = |headers: &str| over_tcp(&server, "/metrics", headers).0;
    assert_eq!((status(""), status(&bearer(KEY))), (401, 200));
    let made = |request: Value| {
        let (_, body) = administer(&server, "POST", "/api/api-keys", &[], &request.to_string());
        bearer(body["key"].as_str().unwrap())
    };
    let (ours, theirs) =
        (made(json!({ "scope": "read" })), made(json!({ "scope": "admin", "tenantId": "acme" })));
    assert_eq!((status(&ours), status(&theirs)), (200, 403), "they are those of all tenants");
    let choose = |choice: &str| {
        std::fs::write(&file, format!("[api]\nmetrics = \"{choice}\"\n")).unwrap();
        let (reloaded, body) = administer(&server, "POST", "/api/config/reload", &[], "");
        assert_eq!(reloaded, 200, "{body}");
    };
    choose("open");
    assert_eq!((status(""), status(&theirs)), (200, 200));
    choose("off");
    assert_eq!((status(""), status(&bearer(KEY))), (404, 404));
    page(&server);
}

#[test]
fn every_answer_has_the_name_of_its_request() {
    let server = Server::start();
    let named = |path: &str, headers: &str| {
        let (_, head, body) = over_tcp(&server, path, headers);
        let line = head.lines().find_map(|line| line.strip_prefix("x-request-id: "));
        (line.unwrap().to_owned(), body)
    };
    let (made, _) = named("/health", "");
    let (other, _) = named("/health", "");
    assert_eq!((made.len(), made == other), (36, false));
    for path in ["/health", "/api/agents", "/nowhere"] {
        let (kept, body) = named(path, &format!("{ASKED}: my-request.7\r\n"));
        assert_eq!(kept, "my-request.7", "{path}");
        if path != "/health" {
            let problem: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(problem["requestId"], "my-request.7", "{problem}");
        }
    }
    let long = "x".repeat(129);
    for odd in ["", "two words", "a\"b", &long] {
        let (made, _) = named("/health", &format!("{ASKED}: {odd}\r\n"));
        assert_eq!(made.len(), 36, "{odd}");
    }
    // It is in the problem document as well.
    let refused = server.get("/api/agents/nobody");
    assert_eq!(refused.body["requestId"].as_str().unwrap().len(), 36, "{refused:?}");
}
