//! The defects of the original Ash at its doors: keys, limits, and the shape of answers. Each has a
//! test under its number; those of sessions are in `regressions`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::keys::{administer, key, with};
use crate::server::{KEY, Server};

/// Asks without any key.
fn nobody(server: &Server, method: &str, path: &str, body: &str) -> (u16, String) {
    let answer = server.send(method, path, &[("authorization", "")], body.as_bytes());
    let headers = format!("{:?}", answer.headers);
    (answer.status, format!("{headers} {}", answer.body))
}

/// A script of its dashboard had the API key in it, for everybody.
#[test]
fn w10_nothing_that_is_open_has_a_key_in_it() {
    let server = Server::start();
    let (status, told) = nobody(&server, "GET", "/dashboard/config.js", "");
    assert!(status == 401 && !told.contains(KEY), "{told}");
    let page = nobody(&server, "GET", "/docs", "").1;
    let files = page.split("=\\\"docs/").skip(1).filter_map(|rest| rest.split('\\').next());
    let mut open: Vec<String> = files.map(|file| format!("/docs/{file}")).collect();
    assert!(!open.is_empty(), "{page}");
    open.extend(["/health", "/health?x=1", "/docs", "/docs/json"].map(str::to_owned));
    for path in open {
        let (status, told) = nobody(&server, "GET", &path, "");
        assert_eq!(status, 200, "{path}");
        assert!(!told.contains(KEY), "{path}");
    }
}

/// A request without a key made one, for any tenant.
#[test]
fn w11_without_a_key_nobody_makes_one_and_with_one_only_for_its_own_tenant() {
    let server = Server::start();
    let wish = r#"{"tenantId":"default"}"#;
    for path in ["/api/internal/api-keys", "/api/api-keys"] {
        for tenant in [wish, r#"{"tenantId":"other"}"#, ""] {
            assert_eq!(nobody(&server, "POST", path, tenant).0, 401, "{path} {tenant}");
        }
    }
    // Who has a key finds no such path either; what makes keys wants the scope, and its own tenant.
    let (_, use_key) = key(&server, &json!({ "scope": "use" }));
    let (_, admin) = key(&server, &json!({ "scope": "admin", "tenantId": "other" }));
    let asked = |key: &str, path: &str| with(&server, key, "POST", path, wish.as_bytes()).status;
    assert_eq!(asked(&admin, "/api/internal/api-keys"), 404);
    assert_eq!((asked(&use_key, "/api/api-keys"), asked(&admin, "/api/api-keys")), (403, 403));
    let (_, listed) = administer(&server, "GET", "/api/api-keys", &[], "");
    assert_eq!(listed["keys"].as_array().unwrap().len(), 2, "those of this test: {listed}");
}

/// Whoever registered as a runner got the next session, with its credentials.
#[test]
fn w12_nobody_registers_a_runner_and_sessions_stay_on_their_host() {
    let server = Server::start();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let runner =
        json!({ "runnerId": "rogue", "host": "127.0.0.1", "port": port, "maxSandboxes": 9 });
    for verb in ["register", "heartbeat", "deregister"] {
        let path = format!("/api/internal/runners/{verb}");
        assert_eq!(nobody(&server, "POST", &path, &runner.to_string()).0, 401);
        assert_eq!(server.post(&path, &runner).status, 404);
    }
    assert_eq!(nobody(&server, "GET", "/api/internal/runners", "").0, 401);
    let session = server.session();
    assert_eq!(server.say(&session, "[[say:here]]"), "here");
    let came = listener.accept();
    assert_eq!(came.unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody asked it");
}

/// `pause`, `resume`, `stop` and `fork` of the Python client, which have a JSON body of no bytes, were
/// refused; answers to deletions were no JSON; lists were not filtered, and had no total.
#[test]
fn w19_an_empty_body_is_taken_deletions_answer_in_json_and_lists_are_filtered() {
    let server = Server::start();
    let session = server.session();
    let empty = [("content-type", "application/json")];
    for (verb, status) in [("pause", 200), ("resume", 200), ("stop", 200), ("fork", 201)] {
        let path = format!("/api/sessions/{session}/{verb}");
        let answer = server.send("POST", &path, &empty, b"");
        assert_eq!(answer.status, status, "{verb}: {answer:?}");
        assert!(answer.body["session"]["id"].is_string(), "{verb}: {answer:?}");
    }

    let list = |query: &str| {
        let listed = server.get(&format!("/api/sessions?includeTotal=true&{query}")).body;
        (listed["sessions"].as_array().unwrap().len(), listed["total"].clone())
    };
    assert_eq!(list(""), (2, json!(2)));
    assert_eq!((list("limit=1"), list("status=ended")), ((1, json!(2)), (0, json!(0))));

    let make = |path: &str, body: Value, member: &str| {
        let made = server.post(path, &body);
        assert_eq!(made.status, 201, "{made:?}");
        made.body[member].clone()
    };
    let attachments = format!("/api/sessions/{session}/attachments");
    let attachment =
        make(&attachments, json!({ "filename": "x", "content": "eA==" }), "attachment");
    let secret = json!({ "type": "anthropic", "key": "sk-ant-x" });
    let credential = make("/api/credentials", secret, "credential");
    let version = make("/api/agents/tester/versions", json!({ "systemPrompt": "x" }), "version");
    let id = |thing: &Value| thing["id"].as_str().unwrap().to_owned();
    for path in [
        format!("/api/attachments/{}", id(&attachment)),
        format!("/api/credentials/{}", id(&credential)),
        format!("/api/agents/tester/versions/{}", version["versionNumber"]),
        format!("/api/sessions/{session}"),
        "/api/agents/tester".to_owned(),
    ] {
        let deleted = server.delete(&path);
        assert!(deleted.status == 200 && deleted.body.is_object(), "{path}: {deleted:?}");
    }
}

/// More than 1 MiB was too much, whatever was documented, and 20 sessions in a quarter of an hour.
#[test]
fn w20_uploads_of_megabytes_and_many_sessions_are_taken() {
    let server = Server::start();
    let large = STANDARD.encode(vec![b'x'; 3 << 20]);
    let files =
        json!([{ "path": "CLAUDE.md", "content": "eA==" }, { "path": "l", "content": large }]);
    let deployed = server.post("/api/agents", &json!({ "name": "tester", "files": files }));
    assert_eq!(deployed.status, 201, "{deployed:?}");
    let mut sessions = Vec::new();
    for _ in 0..21 {
        let session = server.session_of(&json!({ "agent": "tester" }));
        // Together they would be more than this needs.
        assert_eq!(server.post(&format!("/api/sessions/{session}/stop"), &json!({})).status, 200);
        sessions.push(session);
    }
    let path = format!("/api/sessions/{}/attachments", sessions[0]);
    let attached = server.post(&path, &json!({ "filename": "l", "content": large }));
    assert_eq!(attached.status, 201, "{:?}", attached.body["error"]);
    assert_eq!(attached.body["attachment"]["size"], 3 << 20);
}

/// What is wrong was not told, options were not shown, a failed turn had no end, and a tool's result
/// did not say of which use it was. Metrics wanted a key, which is a setting here.
#[test]
fn w21_errors_name_the_field_options_are_shown_and_a_failed_turn_has_its_end() {
    let server = Server::start();
    server.deploy("tester");
    let wrong = server.post("/api/sessions", &json!({ "agent": "tester", "model": 5 }));
    assert_eq!((wrong.status, &wrong.body["field"]), (400, &json!("model")), "{wrong:?}");
    for member in ["error", "message"] {
        assert!(wrong.body[member].as_str().unwrap().contains("model"), "{wrong:?}");
    }
    let asked = json!({ "agent": "tester", "model": "haiku", "allowedTools": ["Read"] });
    let session = server.session_of(&asked);
    let shown = server.get(&format!("/api/sessions/{session}")).body["session"].clone();
    assert_eq!(shown["model"], "haiku", "{shown}");
    assert_eq!(shown["config"]["allowedTools"], json!(["Read"]), "{shown}");

    let say = json!({ "content": r#"[[tool:Bash:{"command":"true"}]][[say:done]]"# });
    let events = server.turn(&session, &say);
    let of = |name: &str| events.iter().find(|event| event.name == name).unwrap().data.clone();
    assert_eq!(of("tool_result")["tool_use_id"], of("tool_use")["id"]);
    assert!(of("tool_use")["id"].is_string());

    let events = server.turn(&session, &json!({ "content": "[[crash]]" }));
    let names: Vec<&str> = events.iter().map(|event| &*event.name).collect();
    assert!(names.contains(&"error") && names.last() == Some(&"done"), "{names:?}");
    assert_eq!(server.say(&session, "[[say:goes on]]"), "goes on");
    assert_eq!(server.get("/metrics").status, 200);
}
