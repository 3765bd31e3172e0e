//! Spans, as a collector gets them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};

use crate::server::{PATIENCE, Server, command, eventually};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A report, with its path and its head in lower case.
type Report = (String, String, Value);

/// Serves one connection of a collector that answers `statuses` one after the other, then 200.
fn serve(
    stream: impl std::io::Read + std::io::Write,
    statuses: &mut Vec<u16>,
    to: &Sender<Report>,
) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        let status = if statuses.is_empty() { 200 } else { statuses.remove(0) };
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\n{{}}");
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if to.send((path, head, serde_json::from_slice(&body).unwrap())).is_err() {
            return;
        }
    }
}

fn collector(mut statuses: Vec<u16>) -> (String, Receiver<Report>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (reports, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap(), &mut statuses, &reports);
        }
    });
    (address, received)
}

/// Every span that comes, until one of this name has come.
fn until(name: &str, reports: &Receiver<Report>, spans: &mut Vec<Value>) -> Value {
    loop {
        if let Some(found) = spans.iter().find(|span| span["name"] == name) {
            return found.clone();
        }
        let report = reports.recv_timeout(PATIENCE);
        let (_, _, report) = report.unwrap_or_else(|_| panic!("no {name} in {spans:?}"));
        spans.extend(
            report["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone(),
        );
    }
}

/// The value of an attribute of a span.
fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let mut all = span["attributes"].as_array().unwrap().iter();
    let found = all.find(|attribute| attribute["key"] == key);
    &found.unwrap_or_else(|| panic!("no {key} in {span}"))["value"]
}

fn traced(endpoint: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    Server::start_in(folder, &[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)])
}

/// What an administrator is answered, as it comes.
fn over_socket(server: &Server, path: &str) -> String {
    let socket = server.folder.path().join("run/admin.sock");
    let mut stream = UnixStream::connect(socket).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: ash\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

const SEND: &str = "POST /api/sessions/{id}/messages";

#[test]
fn a_turn_and_all_in_it_are_spans_below_the_one_of_its_client() {
    let (address, reports) = collector(Vec::new());
    let server = traced(&address);
    let session = server.session();
    // So that its turn has to wait for a sandbox.
    assert_eq!(server.post(&format!("/api/sessions/{session}/stop"), &json!({})).status, 200);
    let said = r#"[[tool:Write:{"file_path":"/workspace/a","content":"secret content"}]][[say:secret words]]"#;
    let events =
        server.stream_of(&session, &json!({ "content": said }), &[("traceparent", PARENT)]);
    assert_eq!(events.1.last().unwrap().name, "done");

    let mut spans = Vec::new();
    let turn = until("invoke_agent tester", &reports, &mut spans);
    let request = until(SEND, &reports, &mut spans);
    let tool = until("execute_tool Write", &reports, &mut spans);
    let all = spans.clone();
    let wait = all
        .iter()
        .find(|span| span["name"] == "wait for sandbox" && span["parentSpanId"] == turn["spanId"]);
    let wait = wait.unwrap_or_else(|| panic!("the turn waited for no sandbox: {all:?}"));
    assert_eq!(
        (&request["traceId"], &request["parentSpanId"]),
        (&json!(TRACE), &json!("00f067aa0ba902b7"))
    );
    assert_eq!((&turn["traceId"], &turn["parentSpanId"]), (&json!(TRACE), &request["spanId"]));
    for part in [&tool, wait] {
        assert_eq!(
            (&part["traceId"], &part["parentSpanId"]),
            (&json!(TRACE), &turn["spanId"]),
            "{part}"
        );
        let time = |span: &Value, name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
        let (began, ended) = (time(part, "startTimeUnixNano"), time(part, "endTimeUnixNano"));
        // Their starts are told to the millisecond.
        assert!(began <= ended && began >= time(&turn, "startTimeUnixNano"), "{part} in {turn}");
        assert!(ended <= time(&turn, "endTimeUnixNano") + 2_000_000, "{part} in {turn}");
    }
    assert_eq!(request["kind"], 2);
    assert_eq!(attribute(&request, "http.response.status_code")["intValue"], "200");
    for (key, value) in [
        ("gen_ai.operation.name", "invoke_agent"),
        ("gen_ai.provider.name", "anthropic"),
        ("gen_ai.agent.name", "tester"),
        ("gen_ai.conversation.id", session.as_str()),
        ("ash.tenant", "default"),
    ] {
        assert_eq!(attribute(&turn, key)["stringValue"], value, "{turn}");
    }
    for key in ["gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"] {
        let tokens = attribute(&turn, key)["intValue"].as_str().unwrap();
        assert!(tokens.parse::<u64>().unwrap() > 0, "{turn}");
    }
    assert!(!attribute(&turn, "gen_ai.response.model")["stringValue"].as_str().unwrap().is_empty());
    assert!(attribute(&turn, "ash.cost_usd")["doubleValue"].as_f64().unwrap() > 0.0);
    assert_eq!(attribute(&tool, "gen_ai.tool.name")["stringValue"], "Write");
    assert_eq!(attribute(wait, "ash.tier")["stringValue"], "hibernated");
    assert!(!json!(all).to_string().contains("secret"), "what is said is in no span");
}

#[test]
fn creations_and_commands_are_spans_and_looking_is_none() {
    let (address, reports) = collector(Vec::new());
    let server = traced(&address);
    let session = server.session();
    assert_eq!(server.get(&format!("/api/sessions/{session}")).status, 200);
    let exec = format!("/api/sessions/{session}/exec");
    let headers = [("traceparent", PARENT), ("content-type", "application/json")];
    let answer = server.send("POST", &exec, &headers, br#"{"command":"exit 3"}"#);
    let shown = answer.headers["traceparent"].to_str().unwrap().to_owned();
    assert!(shown.contains(TRACE) && shown != PARENT, "{shown}");

    let mut spans = Vec::new();
    let command = until("exec", &reports, &mut spans);
    let request = until("POST /api/sessions/{id}/exec", &reports, &mut spans);
    assert_eq!(
        (&command["traceId"], &command["parentSpanId"]),
        (&json!(TRACE), &request["spanId"])
    );
    assert!(shown.contains(request["spanId"].as_str().unwrap()), "the answer names its span");
    assert_eq!(command["status"]["code"], 2);
    assert_eq!(attribute(&command, "error.type")["stringValue"], "command_failed");
    let created = until("POST /api/sessions", &reports, &mut spans);
    assert_eq!(created["parentSpanId"], Value::Null, "nobody asked for it");
    let wait = until("wait for sandbox", &reports, &mut spans);
    assert_eq!(
        (&wait["traceId"], &wait["parentSpanId"]),
        (&created["traceId"], &created["spanId"])
    );
    assert!(!spans.iter().any(|span| span["name"].as_str().unwrap().starts_with("GET ")));
}

#[test]
fn a_turn_that_fails_says_so_and_one_that_nobody_records_is_not_told() {
    let (address, reports) = collector(Vec::new());
    let server = traced(&address);
    let session = server.session();
    let say = |content: &str, parent: &str| {
        let content = json!({ "content": content });
        server.stream_of(&session, &content, &[("traceparent", parent)]).1.count()
    };
    say("[[say:x]]", &PARENT.replace("-01", "-00"));
    say("[[error:400]]", "nonsense");
    let mut spans = Vec::new();
    let turn = until("invoke_agent tester", &reports, &mut spans);
    assert_eq!(turn["status"]["code"], 2, "{turn}");
    assert_eq!(attribute(&turn, "error.type")["stringValue"], "turn_failed");
    let request = until(SEND, &reports, &mut spans);
    assert_eq!(
        (&turn["parentSpanId"], &request["parentSpanId"]),
        (&request["spanId"], &Value::Null)
    );
    assert!(!json!(spans).to_string().contains(TRACE));
}

#[test]
fn a_turn_that_outlives_its_ashd_keeps_its_place() {
    let (address, reports) = collector(Vec::new());
    let server = traced(&address);
    let session = server.session();
    let hang = json!({ "content": "[[hang]]" });
    let mut events = server.stream_of(&session, &hang, &[("traceparent", PARENT)]).1;
    assert_eq!(events.next().unwrap().name, "session_start");
    let mut spans = Vec::new();
    let request = until(SEND, &reports, &mut spans);
    let folder = server.kill();
    let server = Server::start_in(folder, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &address)]);
    let turn = until("invoke_agent tester", &reports, &mut spans);
    assert_eq!((&turn["traceId"], &turn["parentSpanId"]), (&json!(TRACE), &request["spanId"]));
    drop(server);
}

#[test]
fn a_report_that_was_refused_is_sent_again_with_its_headers() {
    let folder = tempfile::tempdir().unwrap();
    let headers = folder.path().join("headers");
    std::fs::write(&headers, "x-team: blue\n").unwrap();
    let file = folder.path().join("ash.toml");
    let (address, reports) = collector(vec![503]);
    let headers = headers.display();
    let settings = format!("[traces]\nendpoint = \"{address}\"\nheaders_file = \"{headers}\"\n");
    std::fs::write(&file, settings).unwrap();
    let mut command = command(folder.path(), &[]);
    command.arg("--config").arg(&file);
    let server = Server::run(folder, command);
    server.deploy("tester");
    let (path, head, first) = reports.recv_timeout(PATIENCE).unwrap();
    assert_eq!(path, "/v1/traces");
    assert!(
        head.contains("x-team: blue") && head.contains("content-type: application/json"),
        "{head}"
    );
    let (_, _, again) = reports.recv_timeout(PATIENCE).unwrap();
    assert_eq!(first, again);
    let name = &first["resourceSpans"][0]["resource"]["attributes"][0]["value"]["stringValue"];
    assert_eq!(name, "ashd");
}

#[test]
fn a_collector_may_be_a_socket_of_the_host_and_gets_the_last_spans() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("collector.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let (sender, reports) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap(), &mut Vec::new(), &sender);
        }
    });
    let server = traced(&format!("unix:{}", socket.display()));
    server.deploy("tester");
    assert!(server.stop().0);
    until("POST /api/agents", &reports, &mut Vec::new());
}

#[test]
fn a_collector_that_is_away_costs_no_turn() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = traced(&format!("http://{nobody}"));
    let session = server.session();
    assert_eq!(server.say(&session, "[[say:one]]"), "one");
    eventually("spans are counted as dropped", || {
        let page = over_socket(&server, "/metrics");
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix("ash_spans_total{outcome=\"dropped\"} "));
        line.unwrap().parse::<u64>().unwrap() > 0
    });
    assert_eq!(server.say(&session, "[[say:two]]"), "two");
    assert!(server.stop().0, "it leaves in order");
}

#[test]
fn without_a_collector_what_a_client_says_is_given_back_and_logged() {
    let server = Server::start();
    let session = server.session();
    let messages = format!("/api/sessions/{session}/messages");
    let headers = [("traceparent", PARENT), ("content-type", "application/json")];
    let answer = server.send("POST", &messages, &headers, br#"{"content":"[[say:x]]"}"#);
    assert_eq!((answer.status, &answer.headers["traceparent"]), (200, &PARENT.parse().unwrap()));
    let events = over_socket(&server, "/api/events?follow=false");
    let traces = events.matches(TRACE).count();
    assert!(traces >= 2, "the start and the end of the turn name it: {events}");
    assert!(server.get("/api/agents").headers.get("traceparent").is_none());
    let odd = server.send("GET", "/api/agents", &[("traceparent", "00-1-2-3")], b"");
    assert!(odd.status == 200 && odd.headers.get("traceparent").is_none());
}

#[test]
fn what_is_no_header_or_no_address_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let headers = folder.path().join("headers");
    std::fs::write(&headers, "no header\n").unwrap();
    let file = folder.path().join("ash.toml");
    for (settings, told) in [
        ("endpoint = \"ftp://a\"", "the collector of spans cannot be used"),
        ("endpoint = \"http://127.0.0.1:1\"\nheaders_file = \"HEADERS\"", "no header"),
        ("exporter = \"jaeger\"", "should be `otlp` or `none`"),
    ] {
        let settings = settings.replace("HEADERS", headers.to_str().unwrap());
        std::fs::write(&file, format!("[traces]\n{settings}\n")).unwrap();
        let mut command = command(folder.path(), &[]);
        let output = command.arg("--config").arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{said}");
        assert!(said.contains(told), "{said}");
    }
}
