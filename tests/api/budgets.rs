//! What sessions and tenants may use of the model, as clients set it.

use serde_json::{Value, json};

use crate::keys::administer;
use crate::server::{Answer, Server};

fn patch(server: &Server, path: &str, body: &Value) -> Answer {
    let json = [("content-type", "application/json")];
    server.send("PATCH", path, &json, body.to_string().as_bytes())
}

#[test]
fn a_session_has_the_budget_it_was_given_and_its_fork_has_it_too() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder, &[]);
    server.deploy("tester");
    let plain = server.post("/api/sessions", &json!({ "agent": "tester" }));
    assert_eq!(plain.body["session"]["budget"], Value::Null);
    assert_eq!(plain.body["session"]["usage"]["tokens"], json!(0));
    for (budget, field) in [
        (json!({ "tokens": 0 }), "budget.tokens"),
        (json!({ "dollars": -1 }), "budget.dollars"),
        (json!({ "tokens": 2_000_000_000_000_u64 }), "budget.tokens"),
    ] {
        let refused = server.post("/api/sessions", &json!({ "agent": "tester", "budget": budget }));
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{budget}");
    }
    let wish = json!({ "agent": "tester", "budget": { "tokens": 1000, "dollars": 2.5 } });
    let session = server.session_of(&wish);
    let path = format!("/api/sessions/{session}");
    let budget = |tokens: Option<u64>, dollars: Option<f64>| json!({ "tokens": tokens, "dollars": dollars, "reached": false });
    assert_eq!(server.get(&path).body["session"]["budget"], budget(Some(1000), Some(2.5)));
    let changed = patch(&server, &format!("{path}/budget"), &json!({ "dollars": null }));
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(changed.body["session"]["budget"], budget(Some(1000), None));
    let refused = patch(&server, &format!("{path}/budget"), &json!({ "cents": 5 }));
    assert_eq!(refused.status, 400, "{refused:?}");

    let forked = server.post(&format!("{path}/fork"), &json!({}));
    assert_eq!(forked.body["session"]["budget"], budget(Some(1000), None), "{forked:?}");
    assert_eq!(server.delete(&path).status, 200);
    assert_eq!(patch(&server, &format!("{path}/budget"), &json!({ "tokens": 5 })).status, 410);
    let folder = server.kill();
    let again = Server::start_in(folder, &[]);
    assert_eq!(again.get(&path).body["session"]["budget"], budget(Some(1000), None));
}

#[test]
fn a_tenant_is_limited_over_the_admin_socket_only() {
    let server = Server::start();
    let all = server.get("/api/budget");
    assert_eq!((&all.body["tenantId"], &all.body["budget"]), (&json!("default"), &Value::Null));
    let refused = patch(&server, "/api/budget", &json!({ "tokens": 1 }));
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("forbidden")));
    let change = r#"{"tokens": 7}"#;
    let other = [("ash-tenant", "acme"), ("content-type", "application/json")];
    let (status, set) = administer(&server, "PATCH", "/api/budget", &other, change);
    assert_eq!(
        (status, &set["tenantId"], &set["budget"]["tokens"]),
        (200, &json!("acme"), &json!(7))
    );
    assert_eq!(server.get("/api/budget").body["budget"], Value::Null, "another tenant's");
    let (_, shown) = administer(&server, "GET", "/api/budget", &other, "");
    assert_eq!(shown, set);
}
