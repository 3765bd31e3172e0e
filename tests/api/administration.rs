//! What concerns the host, over the admin socket. `tests/cli` has the same through `ashctl`.

use serde_json::{Value, json};

use crate::keys::administer;
use crate::server::Server;

fn ask(server: &Server, method: &str, path: &str) -> (u16, Value) {
    administer(server, method, path, &[], "")
}

#[test]
fn a_drained_host_takes_nothing_new_until_that_is_undone() {
    let server = Server::start();
    let session = server.session();
    assert_eq!(ask(&server, "GET", "/api/drain").1["since"], Value::Null);
    let (status, drained) = ask(&server, "POST", "/api/drain");
    assert!(status == 200 && drained["since"].is_string(), "{drained}");
    let refused = server.post("/api/sessions", &json!({ "agent": "tester" }));
    assert_eq!((refused.status, &refused.body["code"]), (503, &json!("draining")));
    assert_eq!(ask(&server, "DELETE", "/api/drain").1["since"], Value::Null);
    assert_eq!(server.say(&session, "[[say:back]]"), "back");
}

#[test]
fn the_configuration_is_read_again() {
    let server = Server::start();
    let (status, reloaded) = ask(&server, "POST", "/api/config/reload");
    assert_eq!((status, reloaded), (200, json!({ "changed": [], "pending": [] })));
}

#[test]
fn a_simulated_session_has_an_empty_audit() {
    let server = Server::start();
    let session = server.session();
    let audit = server.get(&format!("/api/sessions/{session}/audit"));
    assert_eq!((audit.status, audit.body), (200, json!({ "entries": [] })));
}

#[test]
fn what_concerns_the_host_is_refused_to_every_key() {
    let server = Server::start();
    for (method, path) in [
        ("GET", "/api/database/backup"),
        ("GET", "/api/database/check"),
        ("GET", "/api/events"),
        ("GET", "/api/load"),
        ("POST", "/api/config/reload"),
        ("POST", "/api/drain"),
        ("DELETE", "/api/drain"),
    ] {
        let refused = server.send(method, path, &[], b"");
        assert_eq!((refused.status, &refused.body["code"]), (403, &json!("forbidden")), "{path}");
    }
}
