//! Credentials of tenants: taken once, sealed, lent to sessions, gone when they are deleted.

use serde_json::{Value, json};

use crate::keys::{administer, key, with};
use crate::server::Server;

const SECRET: &str = "sk-ant-api03-0123456789abcdef";

fn create(server: &Server, request: &Value) -> Value {
    let created = server.post("/api/credentials", request);
    assert_eq!(created.status, 201, "{created:?}");
    created.body["credential"].clone()
}

fn anthropic(server: &Server) -> String {
    let credential = create(server, &json!({ "type": "anthropic", "key": SECRET }));
    credential["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_credential_is_listed_without_its_secret_until_it_is_deleted() {
    let server = Server::start();
    assert_eq!(server.get("/api/credentials").body, json!({ "credentials": [] }));
    let request = json!({ "type": "anthropic", "key": SECRET, "label": "team" });
    let made = create(&server, &request);
    assert_eq!(
        (&made["type"], &made["label"], &made["active"], &made["lastUsedAt"]),
        (&json!("anthropic"), &json!("team"), &json!(true), &Value::Null)
    );
    assert!(made["createdAt"].is_string());
    let list = server.get("/api/credentials").body;
    assert_eq!(list["credentials"], json!([made]));
    assert!(!list.to_string().contains("0123456789"), "{list}");
    let path = format!("/api/credentials/{}", made["id"].as_str().unwrap());
    let deleted = server.delete(&path);
    assert_eq!((deleted.status, deleted.body), (200, json!({ "deleted": true })));
    let again = server.delete(&path);
    assert_eq!((again.status, &again.body["code"]), (404, &json!("credential_not_found")));
    assert_eq!(server.delete("/api/credentials/x").status, 400);
}

#[test]
fn what_cannot_be_kept_out_of_the_sandbox_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ash.toml");
    let listed = r#"["https://gateway.example/api/", "https://api.openai.com/v1",
        "https://bedrock-runtime.eu-west-1.amazonaws.com"]"#;
    std::fs::write(&file, format!("[model]\nupstreams = {listed}\n")).unwrap();
    let mut command = crate::server::command(folder.path(), &[]);
    command.arg("--config").arg(file);
    let server = Server::run(folder, command);
    for (request, field) in [
        (json!({ "type": "openai", "key": SECRET, "baseUrl": "https://evil.example" }), "baseUrl"),
        (json!({ "type": "openai", "key": SECRET, "header": "x-key" }), "header"),
        (json!({ "type": "bedrock", "key": SECRET }), "region"),
        (json!({ "type": "bedrock", "key": SECRET, "region": "../x" }), "region"),
        (json!({ "type": "bedrock", "key": SECRET, "region": "eu-west-2" }), "baseUrl"),
        (json!({ "type": "bedrock", "key": "AKIAXXXXXXXXXXXXXXXX", "region": "eu-west-1" }), "key"),
        (json!({ "type": "anthropic", "key": SECRET, "region": "eu-west-1" }), "region"),
        (json!({ "type": "anthropic", "key": SECRET, "tools": true }), "tools"),
        (json!({ "type": "vertex", "key": SECRET }), "type"),
        (json!({ "type": "anthropic", "key": " " }), "key"),
        (json!({ "type": "anthropic", "key": "two words" }), "key"),
        (json!({ "type": "anthropic", "key": "x".repeat(8193) }), "key"),
        (json!({ "type": "anthropic", "key": SECRET, "label": "x".repeat(201) }), "label"),
        (json!({ "type": "anthropic", "key": SECRET, "bearer": true }), "bearer"),
        (json!({ "type": "anthropic", "key": SECRET, "baseUrl": "https://x" }), "baseUrl"),
        (json!({ "type": "custom", "key": SECRET }), "baseUrl"),
        (json!({ "type": "custom", "key": SECRET, "baseUrl": "https://evil.example" }), "baseUrl"),
    ] {
        let refused = server.post("/api/credentials", &request);
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{request}");
        assert!(!refused.body.to_string().contains("0123456789"), "{refused:?}");
    }
    let custom = json!({
        "type": "custom", "key": SECRET, "baseUrl": "https://gateway.example/api", "bearer": true,
    });
    assert_eq!(create(&server, &custom)["type"], "custom");
    let tools = json!({
        "type": "custom", "key": SECRET, "baseUrl": "https://gateway.example/api", "tools": true,
    });
    for header in ["Host", "proxy-authorization", "a b", ""] {
        let mut odd = tools.clone();
        odd["header"] = json!(header);
        let refused = server.post("/api/credentials", &odd);
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!("header")), "{header}");
    }
    for (request, tools, region) in [
        (tools, true, Value::Null),
        (json!({ "type": "openai", "key": SECRET }), true, Value::Null),
        (
            json!({ "type": "bedrock", "key": SECRET, "region": "eu-west-1" }),
            false,
            json!("eu-west-1"),
        ),
    ] {
        let made = create(&server, &request);
        assert_eq!((&made["type"], &made["tools"]), (&request["type"], &json!(tools)));
        assert_eq!(made["region"], region);
    }
}

#[test]
fn a_session_has_a_credential_of_its_tenant_on_every_path() {
    let server = Server::start();
    server.deploy("a");
    let (one, two) = (anthropic(&server), anthropic(&server));
    let of = |session: &str| {
        let path = format!("/api/sessions/{session}");
        server.get(&path).body["session"]["config"]["credentialId"].clone()
    };
    let session = server.session_of(&json!({ "agent": "a", "credentialId": one }));
    assert_eq!(of(&session), json!(one));
    let forked = server.post(&format!("/api/sessions/{session}/fork"), &json!({}));
    assert_eq!(of(forked.body["session"]["id"].as_str().unwrap()), json!(one));

    let configure = |credential: Value| {
        let body = json!({ "credentialId": credential }).to_string();
        let path = format!("/api/sessions/{session}/config");
        server.send("PATCH", &path, &[("content-type", "application/json")], body.as_bytes())
    };
    assert_eq!(configure(json!(two)).status, 200);
    assert_eq!(of(&session), json!(two));
    assert_eq!(configure(Value::Null).status, 200);
    assert_eq!(of(&session), Value::Null);

    // Neither one that is none, nor one of somebody else, nor one that was deleted.
    let (_, theirs) = key(&server, &json!({ "tenantId": "theirs", "scope": "admin" }));
    let body = json!({ "type": "anthropic", "key": SECRET }).to_string();
    let foreign = with(&server, &theirs, "POST", "/api/credentials", body.as_bytes());
    assert_eq!(foreign.status, 201, "{foreign:?}");
    let foreign = foreign.body["credential"]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.delete(&format!("/api/credentials/{foreign}")).status, 404);
    assert_eq!(server.delete(&format!("/api/credentials/{two}")).status, 200);
    for wrong in ["c1", "67e55044-10b1-426f-9247-bb680e5fe0c8", &foreign, &two] {
        let refusals = [
            server.post("/api/sessions", &json!({ "agent": "a", "credentialId": wrong })),
            configure(json!(wrong)),
        ];
        for refused in refusals {
            assert_eq!(
                (refused.status, &refused.body["field"], &refused.body["error"]),
                (400, &json!("credentialId"), &json!("Invalid or inaccessible credential")),
                "{wrong}"
            );
        }
    }
    let seen = with(&server, &theirs, "GET", "/api/credentials", b"").body;
    assert_eq!(seen["credentials"].as_array().unwrap().len(), 1);
}

#[test]
fn a_secret_is_in_no_file_and_cannot_be_opened_without_the_key_it_was_sealed_to() {
    let server = Server::start();
    server.deploy("a");
    let credential = anthropic(&server);
    let (_, folder) = server.stop();
    let data = folder.path().join("data");
    for entry in std::fs::read_dir(&data).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            let found = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
            assert!(!found, "{}", entry.path().display());
        }
    }
    let file = data.join("credential-key");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let old = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();

    let server = Server::start_in(folder, &[]);
    let listed = |server: &Server| server.get("/api/credentials").body["credentials"][0].clone();
    assert_eq!(listed(&server)["active"], false);
    let refused =
        server.post("/api/sessions", &json!({ "agent": "a", "credentialId": credential }));
    assert_eq!((refused.status, &refused.body["field"]), (400, &json!("credentialId")));

    // The old key behind the new one: both open, and to the new one is sealed.
    let (_, folder) = server.stop();
    let new = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{new}\n{old}\n")).unwrap();
    let server = Server::start_in(folder, &[]);
    assert_eq!(listed(&server)["active"], true);
    server.session_of(&json!({ "agent": "a", "credentialId": credential }));
}

#[test]
fn credentials_are_made_by_administrators_of_the_tenant() {
    let server = Server::start();
    let (_, user) = key(&server, &json!({ "scope": "deploy" }));
    let body = json!({ "type": "anthropic", "key": SECRET }).to_string();
    let refused = with(&server, &user, "POST", "/api/credentials", body.as_bytes());
    assert_eq!(refused.status, 403);
    assert_eq!(with(&server, &user, "GET", "/api/credentials", b"").status, 200);
    let for_ours = [("ash-tenant", "ours")];
    let (status, _) = administer(&server, "POST", "/api/credentials", &for_ours, &body);
    assert_eq!(status, 201);
    assert_eq!(server.get("/api/credentials").body["credentials"], json!([]));
}
