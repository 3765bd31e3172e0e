//! `ashctl credential` of tenants, and `ashctl key`.

use serde_json::json;

use crate::program::{Ashctl, ashctl};
use crate::scripted::{Reply, Scripted, json as reply, problem};

const ID: &str = "3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";

/// What no output may have.
const SECRET: &str = "sk-ant-a-secret";

fn credential(active: bool) -> String {
    json!({
        "id": ID, "tenantId": "default", "type": "custom", "label": "staging", "active": active,
        "createdAt": "2026-11-20T08:00:00.000Z",
        "lastUsedAt": null,
    })
    .to_string()
}

fn create(server: &Scripted) -> Ashctl {
    Ashctl::new().server(server).args(["credential", "create", "--label", "staging"])
}

#[test]
fn a_credential_comes_by_the_standard_input_or_a_file_and_its_id_is_the_data() {
    let answer = format!(r#"{{"credential":{}}}"#, credential(true));
    let server = Scripted::answering("POST /api/credentials", Reply::Whole(201, answer));
    let said = create(&server).stdin(format!("{SECRET}\n")).run();
    assert_eq!((said.status, said.stdout), (0, format!("{ID}\n")));
    assert_eq!(said.stderr, "`ashctl session create --credential ID` has a session use it\n");
    let seen = server.seen();
    assert_eq!(seen[0].json()["key"], SECRET);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, format!("{SECRET}\n")).unwrap();
    let words = ["--type", "custom", "--base-url", "https://models.example.com", "--bearer"];
    let from_file = ["--file", file.to_str().unwrap(), "-q"];
    create(&server).args(words).args(from_file).run().succeeds(&format!("{ID}\n"));
    let sent = json!({
        "type": "custom", "key": SECRET, "label": "staging",
        "baseUrl": "https://models.example.com", "bearer": true,
    });
    assert_eq!(server.seen()[1].json(), sent);
}

#[test]
fn a_key_that_is_empty_or_not_there_is_not_sent() {
    let server = Scripted::new(|_| problem(500, "internal", "never asked"));
    let nothing = create(&server).stdin("\n").run();
    let nowhere = create(&server).args(["--file", "/nowhere/at/all"]).run();
    // The command line is seen by other users.
    let typed = create(&server).args([SECRET]).run();
    assert_eq!((nothing.status, nowhere.status, typed.status), (2, 2, 2), "{nothing:?}");
    assert_eq!(server.lines(), [""; 0]);
}

#[test]
fn credentials_are_listed_and_deleted() {
    let list = format!(r#"{{"credentials":[{}]}}"#, credential(false));
    let server = Scripted::answering("GET /api/credentials", reply(list));
    ashctl(&server, ["credential", "list", "--full"]).succeeds(&format!(
        "ID                                    TYPE    LABEL    STATE             USED   CREATED\n\
         {ID}  custom  staging  cannot be opened  never  2026-11-20T08:00:00.000Z\n"
    ));
    ashctl(&server, ["credential", "list", "-o", "id"]).succeeds(&format!("{ID}\n"));
    let target = "DELETE /api/credentials/3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";
    let server = Scripted::answering(target, reply(r#"{"deleted":true}"#));
    ashctl(&server, ["credential", "delete", ID]).succeeds("Deleted the credential\n");
    assert_eq!(ashctl(&server, ["credential", "delete", "x"]).status, 2);
}

#[test]
fn a_credential_that_is_refused_tells_why() {
    let text = "`baseUrl`: it is not one of `model.upstreams`";
    let server = Scripted::new(move |_| problem(400, "invalid_request", text));
    let said = create(&server).stdin(SECRET).run();
    assert_eq!((said.status, said.stdout.as_str()), (5, ""));
    assert!(said.stderr.starts_with(&format!("error: {text}\n")), "{said:?}");
    assert!(!said.stderr.contains(SECRET));
}

#[test]
fn a_key_is_the_data_of_its_creation_and_never_seen_again() {
    let key = json!({
        "id": ID, "tenantId": "default", "label": "ci", "keyPrefix": "ash_abcd", "scope": "deploy",
        "createdAt": "2026-11-20T08:00:00.000Z", "expiresAt": "2026-12-20T08:00:00.000Z",
        "lastUsedAt": null,
    });
    let listed = json!({ "keys": [key] }).to_string();
    let mut made = key;
    made["key"] = json!("ash_abcdefgh");
    let server = Scripted::new(move |seen| match seen.line.as_str() {
        "POST /api/api-keys" => Reply::Whole(201, made.to_string()),
        "GET /api/api-keys" => reply(listed.clone()),
        _ => reply(r#"{"deleted":true}"#),
    });
    let words = ["key", "create", "--label", "ci", "--scope", "deploy", "--expires", "30d"];
    let said = ashctl(&server, words);
    assert_eq!((said.status, said.stdout.as_str()), (0, "ash_abcdefgh\n"), "{said:?}");
    let sent = server.seen()[0].json();
    assert_eq!((&sent["label"], &sent["scope"]), (&json!("ci"), &json!("deploy")), "{sent}");
    assert_eq!(sent["expiresInSeconds"], 30 * 24 * 3600, "{sent}");
    ashctl(&server, ["key", "list", "--full"]).succeeds(&format!(
        "ID                                    KEY        LABEL  SCOPE   TENANT   USED   EXPIRES\n\
         {ID}  ash_abcd…  ci     deploy  default  never  2026-12-20T08:00:00.000Z\n"
    ));
    ashctl(&server, ["key", "revoke", ID]).succeeds("Revoked the key\n");
    assert_eq!(server.lines()[2], format!("DELETE /api/api-keys/{ID}"));
}
