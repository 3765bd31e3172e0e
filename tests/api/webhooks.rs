//! Webhooks: what a receiver hears, when it hears it again, and what is seen of it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::keys::{key, with};
use crate::metrics::{page, value};
use crate::server::{Answer, Server, command, eventually};

/// A request as a receiver got it.
#[derive(Debug, Clone)]
struct Heard {
    head: String,
    body: String,
}

impl Heard {
    fn header(&self, name: &str) -> String {
        let line = self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        line.unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A receiver that answers with the statuses it is given, and then always with the last.
struct Receiver {
    base: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut answers = answers.to_vec();
        answers.reverse();
        let answers = Arc::new(Mutex::new(answers));
        std::thread::spawn({
            let (heard, answers) = (Arc::clone(&heard), Arc::clone(&answers));
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let Some(one) = read(stream.try_clone().unwrap()) else { continue };
                    heard.lock().unwrap().push(one);
                    let mut answers = answers.lock().unwrap();
                    let status =
                        if answers.len() > 1 { answers.pop() } else { answers.last().copied() };
                    // 0: nothing at all.
                    if let Some(status) = status.filter(|status| *status > 0) {
                        let mut stream = stream;
                        let _gone = write!(
                            stream,
                            "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                        );
                    }
                }
            }
        });
        Self { base, heard, answers }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    fn answer_from_now_on(&self, status: u16) {
        *self.answers.lock().unwrap() = vec![status];
    }
}

fn read(mut stream: TcpStream) -> Option<Heard> {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let whole = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let heard = Heard { head: head.to_owned(), body: body.to_owned() };
            if heard.header("content-length").parse() == Ok(body.len()) {
                return Some(heard);
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => text.extend_from_slice(&buffer[..count]),
        }
    }
}

/// An ashd whose webhooks may be for these.
fn server_in(folder: tempfile::TempDir, receivers: &[&Receiver]) -> Server {
    let bases: Vec<&str> = receivers.iter().map(|receiver| &*receiver.base).collect();
    let file = folder.path().join("ash.toml");
    std::fs::write(&file, format!("[webhooks]\ninternal = {}\n", json!(bases))).unwrap();
    let mut command = command(folder.path(), &[]);
    command.arg("--config").arg(&file);
    Server::run(folder, command)
}

fn server(receivers: &[&Receiver]) -> Server {
    server_in(tempfile::tempdir().unwrap(), receivers)
}

/// Its id and secret.
fn add(server: &Server, receiver: &Receiver, events: &[&str]) -> (String, String) {
    let url = format!("{}/in", receiver.base);
    let added = server.post("/api/webhooks", &json!({ "url": url, "events": events }));
    assert_eq!(added.status, 201, "{added:?}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&added.body["webhook"]["id"]), text(&added.body["secret"]))
}

fn webhook(server: &Server, id: &str) -> Value {
    server.get(&format!("/api/webhooks/{id}")).body["webhook"].clone()
}

fn deliveries(server: &Server, id: &str) -> Vec<Value> {
    let listed = server.get(&format!("/api/webhooks/{id}/deliveries"));
    assert_eq!(listed.status, 200, "{listed:?}");
    listed.body["deliveries"].as_array().unwrap().clone()
}

#[test]
fn a_receiver_hears_what_happens_to_a_session_and_a_job() {
    let receiver = Receiver::start(&[204]);
    let server = server(&[&receiver]);
    let all =
        ["session.changed", "turn.ended", "job.ended", "permission.requested", "budget.reached"];
    let (id, secret) = add(&server, &receiver, &all);
    assert!(secret.starts_with("whsec_"), "{secret}");
    let session = server.session();
    server.say(&session, "[[say:hello]]");
    server.delete(&format!("/api/sessions/{session}"));
    eventually("its end", || {
        receiver.heard().iter().any(|heard| heard.json()["data"]["status"] == "ended")
    });
    let heard = receiver.heard();
    let of = |kind: &str, member: &str, value: &str| {
        let mut found = heard.iter().filter(|heard| {
            let body = heard.json();
            body["type"] == kind && body["data"][member] == value
        });
        let one = found.next().unwrap_or_else(|| panic!("{kind} {value}: {heard:?}")).clone();
        assert!(found.next().is_none(), "{kind} {value} came twice");
        one
    };
    for one in [
        of("session.changed", "status", "active"),
        of("turn.ended", "outcome", "completed"),
        of("session.changed", "status", "ended"),
    ] {
        assert_eq!(one.json()["data"]["sessionId"], session);
        assert_eq!(one.json()["data"]["agentName"], "tester");
        assert!(one.header("webhook-signature").starts_with("v1,"), "{one:?}");
        assert!(one.header("webhook-timestamp").parse::<u64>().is_ok(), "{one:?}");
        assert!(!one.body.contains("hello"), "what is said is not told");
    }
    let job = server.post("/api/queue", &json!({ "agentName": "tester", "prompt": "[[say:x]]" }));
    let job = job.body["item"]["id"].as_str().unwrap().to_owned();
    eventually("the job", || {
        receiver.heard().iter().any(|heard| heard.json()["data"]["jobId"] == job)
    });

    eventually("all of it", || webhook(&server, &id)["waiting"] == 0);
    let listed = deliveries(&server, &id);
    for one in &listed {
        assert_eq!((&one["status"], &one["attempts"]), (&json!("delivered"), &json!(1)), "{one}");
        assert_eq!((&one["responseStatus"], &one["error"]), (&json!(204), &Value::Null));
    }
    let ids: Vec<String> = receiver.heard().iter().map(|one| one.header("webhook-id")).collect();
    assert!(listed.iter().all(|one| ids.iter().any(|id| one["id"] == **id)));
    // The secret is in no answer but the first, and nowhere on the disk.
    let shown = server.get("/api/webhooks").body.to_string();
    assert!(!shown.contains(&secret) && !shown.contains("sealed"), "{shown}");
    let (_, folder) = server.stop();
    let key = secret.trim_start_matches("whsec_").as_bytes();
    for file in ["ash.db", "ash.db-wal"] {
        let bytes = std::fs::read(folder.path().join("data").join(file)).unwrap_or_default();
        assert!(!bytes.windows(key.len()).any(|part| part == key), "{file}");
    }
}

#[test]
fn what_is_not_taken_is_told_again_under_the_same_id() {
    let receiver = Receiver::start(&[503, 200]);
    let server = server(&[&receiver]);
    let (id, _) = add(&server, &receiver, &["turn.ended"]);
    let asked = server.send("POST", &format!("/api/webhooks/{id}/test"), &[], b"");
    assert_eq!(asked.status, 201, "{asked:?}");
    let delivery = asked.body["delivery"]["id"].as_str().unwrap().to_owned();
    eventually("its first attempt", || deliveries(&server, &id)[0]["attempts"] == 1);
    let waiting = deliveries(&server, &id)[0].clone();
    assert_eq!((&waiting["status"], &waiting["responseStatus"]), (&json!("pending"), &json!(503)));
    assert!(waiting["dueAt"].is_string() && waiting["error"].is_string(), "{waiting}");
    assert_eq!(webhook(&server, &id)["failures"], 1);
    eventually("its second attempt", || deliveries(&server, &id)[0]["status"] == "delivered");
    let heard = receiver.heard();
    assert_eq!(heard.len(), 2);
    for one in &heard {
        assert_eq!(one.header("webhook-id"), delivery);
        assert_eq!(one.json()["type"], "webhook.test");
    }
    assert_eq!(heard[0].body, heard[1].body);
    let after = webhook(&server, &id);
    assert_eq!((&after["failures"], &after["waiting"]), (&json!(0), &json!(0)));
}

/// `kill -9` between the event and the end of its delivery: the receiver heard it, or did not, and
/// nobody knows.
#[test]
fn what_was_told_when_ashd_was_killed_is_told_by_the_next_under_the_same_id() {
    let receiver = Receiver::start(&[0]);
    let server = server(&[&receiver]);
    let (id, _) = add(&server, &receiver, &["turn.ended"]);
    let session = server.session();
    // It is answered nothing at first: the delivery is under way when ashd is killed, or waits.
    server.say(&session, "[[say:x]]");
    eventually("the first attempt", || !receiver.heard().is_empty());
    let first = receiver.heard()[0].clone();
    let folder = server.kill();
    receiver.answer_from_now_on(200);
    let server = server_in(folder, &[&receiver]);
    eventually("its delivery", || {
        deliveries(&server, &id).iter().all(|one| one["status"] == "delivered")
    });
    let listed = deliveries(&server, &id);
    assert_eq!((listed.len(), &listed[0]["id"]), (1, &json!(first.header("webhook-id"))));
    let heard = receiver.heard();
    assert!(heard.len() >= 2, "{heard:?}");
    for one in &heard {
        assert_eq!(
            (&one.body, one.header("webhook-id")),
            (&first.body, first.header("webhook-id"))
        );
    }
}

#[test]
fn a_receiver_that_wants_nothing_more_is_disabled_and_can_be_enabled_again() {
    let receiver = Receiver::start(&[410]);
    let server = server(&[&receiver]);
    let (id, _) = add(&server, &receiver, &["turn.ended"]);
    server.send("POST", &format!("/api/webhooks/{id}/test"), &[], b"");
    eventually("its end", || webhook(&server, &id)["enabled"] == false);
    let disabled = webhook(&server, &id);
    assert!(disabled["disabledReason"].as_str().unwrap().contains("410"), "{disabled}");
    assert!(disabled["disabledAt"].is_string(), "{disabled}");
    let refused = server.send("POST", &format!("/api/webhooks/{id}/test"), &[], b"");
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("webhook_disabled")));
    // Nothing that happens meanwhile is kept for it.
    let session = server.session();
    server.say(&session, "[[say:x]]");
    assert_eq!(deliveries(&server, &id).len(), 1);

    receiver.answer_from_now_on(200);
    let change = |body: Value| {
        let path = format!("/api/webhooks/{id}");
        let json = [("content-type", "application/json")];
        server.send("PATCH", &path, &json, body.to_string().as_bytes())
    };
    let enabled = change(json!({ "enabled": true, "events": ["job.ended"] })).body;
    assert_eq!(enabled["webhook"]["enabled"], true);
    assert_eq!(enabled["webhook"]["events"], json!(["job.ended"]));
    eventually("what waited", || webhook(&server, &id)["waiting"] == 0);
    assert_eq!(deliveries(&server, &id)[0]["status"], "delivered");
    let off = change(json!({ "enabled": false })).body;
    assert_eq!(off["webhook"]["enabled"], false);
    assert_eq!(server.delete(&format!("/api/webhooks/{id}")).status, 200);
    let gone = server.get(&format!("/api/webhooks/{id}"));
    assert_eq!((gone.status, &gone.body["code"]), (404, &json!("webhook_not_found")));
}

#[test]
fn what_a_webhook_is_made_of_is_judged() {
    let receiver = Receiver::start(&[200]);
    let server = server(&[&receiver]);
    let ask = |body: &Value| -> Answer { server.post("/api/webhooks", body) };
    for (url, status) in [
        ("https://hooks.example.com/", 403),
        ("http://127.0.0.1:1/", 403),
        ("https://169.254.169.254/", 403),
        ("http://localhost/", 403),
        ("ftp://hooks.example.com/", 400),
        ("https://a:b@hooks.example.com/", 400),
        ("hooks", 400),
    ] {
        let answer = ask(&json!({ "url": url }));
        assert_eq!((answer.status, &answer.body["field"]), (status, &json!("url")), "{url}");
    }
    let url = receiver.base.as_str();
    for (body, field) in [
        (json!({ "url": url, "events": [] }), "events"),
        (json!({ "url": url, "events": ["webhook.test"] }), "events"),
        (json!({ "url": url, "events": ["everything"] }), "events[0]"),
        (json!({ "url": url, "label": "x".repeat(201) }), "label"),
        (json!({ "url": url, "secret": "mine" }), "secret"),
    ] {
        let answer = ask(&body);
        assert_eq!((answer.status, &answer.body["field"]), (400, &json!(field)), "{body}");
    }
    let one = json!({ "url": url });
    let created = |key: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        server.send("POST", "/api/webhooks", &headers, one.to_string().as_bytes())
    };
    assert_eq!(created("one").body, created("one").body);
    for _ in 0..19 {
        assert_eq!(ask(&one).status, 201);
    }
    let more = ask(&one);
    assert_eq!((more.status, &more.body["code"]), (409, &json!("too_many_webhooks")));
    let listed = server.get("/api/webhooks").body["webhooks"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 20);
    assert_eq!(listed[0]["events"].as_array().unwrap().len(), 5);
}

#[test]
fn no_address_is_told_anything_unless_it_is_listed() {
    let server = Server::start();
    let answer = server.post("/api/webhooks", &json!({ "url": "https://hooks.example.com/" }));
    assert_eq!((answer.status, &answer.body["code"]), (403, &json!("forbidden")));
    let hint = answer.body["hint"].as_str().unwrap();
    assert!(hint.contains("[webhooks] allow"), "{hint}");
}

/// Every operation on a webhook, asked for as another tenant.
#[test]
fn a_tenant_sees_and_changes_no_webhook_of_another() {
    let receiver = Receiver::start(&[200]);
    let server = server(&[&receiver]);
    let (id, _) = add(&server, &receiver, &["session.changed"]);
    let (_, theirs) = key(&server, &json!({ "tenantId": "theirs", "scope": "admin" }));
    let page = include_str!("../../docs/api.md");
    let mut asked = 0;
    for line in page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')) {
        let (method, path) = line.split_once(' ').unwrap();
        if !path.starts_with("/api/webhooks/{id}") {
            continue;
        }
        let answer = with(&server, &theirs, method, &path.replace("{id}", &id), b"{}");
        assert_eq!(
            (answer.status, &answer.body["code"]),
            (404, &json!("webhook_not_found")),
            "{line}"
        );
        asked += 1;
    }
    assert_eq!(asked, 5);
    assert_eq!(with(&server, &theirs, "GET", "/api/webhooks", b"").body["webhooks"], json!([]));
    let (_, reader) = key(&server, &json!({ "scope": "deploy" }));
    assert_eq!(with(&server, &reader, "GET", "/api/webhooks", b"").status, 403);
    let refused = with(&server, &reader, "POST", &format!("/api/webhooks/{id}/test"), b"");
    assert_eq!(refused.status, 403);
    // What happens to them is told to nobody here.
    let agent = br#"{"name":"a","systemPrompt":"theirs"}"#;
    assert_eq!(with(&server, &theirs, "POST", "/api/agents", agent).status, 201);
    let session = with(&server, &theirs, "POST", "/api/sessions", br#"{"agent":"a"}"#);
    assert_eq!(session.status, 201);
    let ours = server.session();
    eventually("ours", || !receiver.heard().is_empty());
    eventually("all of it", || webhook(&server, &id)["waiting"] == 0);
    for heard in receiver.heard() {
        assert_eq!(heard.json()["data"]["sessionId"], ours);
    }
}

/// Nobody waits for what a webhook is told, so that who looks after the host has to see it.
#[test]
fn a_receiver_that_fails_is_counted_and_seen_of_all_tenants() {
    let receiver = Receiver::start(&[500]);
    let server = server(&[&receiver]);
    let (_, theirs) = key(&server, &json!({ "tenantId": "theirs", "scope": "admin" }));
    let request = json!({ "url": format!("{}/in", receiver.base) }).to_string();
    let added = with(&server, &theirs, "POST", "/api/webhooks", request.as_bytes());
    let id = added.body["webhook"]["id"].as_str().unwrap().to_owned();
    assert!(value(&page(&server), "ash_webhooks{state=\"enabled\"}") > 0.0);
    let trial = with(&server, &theirs, "POST", &format!("/api/webhooks/{id}/test"), b"");
    assert_eq!(trial.status, 201, "{trial:?}");
    eventually("an attempt that failed", || {
        value(&page(&server), "ash_webhook_deliveries_total{outcome=\"retried\"}") > 0.0
    });
    let seen = page(&server);
    for (sample, expected) in [
        ("ash_webhooks{state=\"failing\"}", 1.0),
        ("ash_webhook_deliveries_waiting", 1.0),
        ("ash_webhook_deliveries_total{outcome=\"delivered\"}", 0.0),
    ] {
        assert!((value(&seen, sample) - expected).abs() < f64::EPSILON, "{sample} in {seen}");
    }
    let all = server.administer("/api/webhooks?allTenants=true");
    let one = &all["webhooks"][0];
    assert_eq!((&one["id"], &one["tenantId"]), (&json!(id), &json!("theirs")), "{all}");
    assert!(one["oldestWaitingAt"].is_string(), "{one}");
    assert_eq!(server.administer("/api/webhooks")["webhooks"], json!([]));
    for list in ["/api/webhooks?allTenants=true", "/api/schedules?allTenants=true"] {
        assert_eq!(server.get(list).status, 403, "{list}");
    }
    assert_eq!(server.administer("/api/schedules?allTenants=true")["schedules"], json!([]));
}
