//! A session with a credential of its tenant: the model sees that key, and nobody else does.

use std::path::Path;

use serde_json::{Value, json};

use crate::processes::memory_has;
use crate::server::eventually;
use crate::world::{MODEL_KEY, World, claude, named, root};

const TENANT_KEY: &str = "sk-ant-of-the-tenant-of-this-test";

/// Stores the tenant's key, and has the model accept no other.
fn credential(world: &mut World) -> String {
    world.model.requires(TENANT_KEY);
    let made = world.post("/api/credentials", &json!({ "type": "anthropic", "key": TENANT_KEY }));
    assert_eq!(made.status, 201, "{made:?}");
    made.body["credential"]["id"].as_str().unwrap().to_owned()
}

/// What the model was asked, all of it with the tenant's key.
fn all_with_the_tenants_key(world: &World) -> usize {
    let seen = world.model.seen().requests;
    for request in &seen {
        assert_eq!(request.x_api_key.as_deref(), Some(TENANT_KEY));
        assert_eq!(request.authorization, None);
    }
    seen.len()
}

/// Files below `folder` that have the key in them.
fn files_with_the_key(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files_with_the_key(&entry.path(), found);
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            if bytes.windows(TENANT_KEY.len()).any(|part| part == TENANT_KEY.as_bytes()) {
                found.push(entry.path().display().to_string());
            }
        }
    }
}

#[test]
fn the_key_of_a_tenant_is_with_egress_alone() {
    let Some(mut world) = World::split() else { return };
    if !root() {
        return;
    }
    world.deploy("tester");
    let credential = credential(&mut world);
    let session = world.session_of(&json!({ "agent": "tester", "credentialId": credential }));
    // From outside, the memory of each process of the sandbox, before anything inside puts it together.
    assert!(world.say(&session, "[[say:once]]").contains("once"));
    for process in world.processes() {
        let pid = u32::try_from(process.pid).unwrap();
        assert!(!memory_has(pid, TENANT_KEY), "{process:?}");
    }
    // In two pieces, as in the test of the host's key.
    let (start, end) = TENANT_KEY.split_at(9);
    let look = format!(
        "key={start}; key=$key{end}; count() {{ local n=0 line; while read -r line; do \
         [[ $line != *$key* ]] || n=$((n + 1)); done; echo $n; }}; env | count; \
         cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n' | count; \
         grep -rlFf <(echo \"$key\") /workspace /home/agent /tmp /run /etc 2>/dev/null | wc -l"
    );
    let told = world.bash(&session, &look);
    assert_eq!(told.lines().collect::<Vec<_>>(), ["0", "0", "0"], "{told}");
    assert!(all_with_the_tenants_key(&world) > 0);

    // Every file. A restarted ashd never had it.
    world.crash(|_| {});
    assert!(world.say(&session, "[[say:still]]").contains("still"));
    let mut found = Vec::new();
    files_with_the_key(world.folder.path(), &mut found);
    assert_eq!(found, [""; 0]);
    assert!(!memory_has(world.pid(), TENANT_KEY) && !memory_has(world.pid(), MODEL_KEY));
    assert!(memory_has(world.egress_pid(), TENANT_KEY), "the search finds what is there");
    world.end();
}

#[test]
fn a_session_keeps_its_credential_stopped_forked_restarted_and_counted() {
    let Some(mut world) = World::start() else { return };
    world.deploy("tester");
    let credential = credential(&mut world);
    let session = world.session_of(&json!({ "agent": "tester", "credentialId": credential }));
    let path = format!("/api/sessions/{session}");
    assert!(world.say(&session, "[[say:once]]").contains("once"));
    assert_eq!(world.post(&format!("{path}/stop"), &json!({})).status, 200);
    assert!(world.say(&session, "[[say:cold]]").contains("cold"));
    world.crash(|_| {});
    assert!(world.say(&session, "[[say:again]]").contains("again"));
    let forked = world.post(&format!("{path}/fork"), &json!({}));
    let fork = forked.body["session"]["id"].as_str().unwrap();
    assert!(world.say(fork, "[[say:forked]]").contains("forked"));
    assert!(all_with_the_tenants_key(&world) >= 4);
    eventually("that its use is noted, audited and counted", || {
        let listed = &world.get("/api/credentials").body["credentials"][0];
        let audit = world.get(&format!("{path}/audit?limit=1000")).body;
        let model = |entry: &Value| entry["credentialId"] == json!(credential);
        listed["lastUsedAt"].is_string()
            && audit["entries"].as_array().unwrap().iter().any(model)
            && world.state(&session)["usage"]["inputTokens"].as_u64() > Some(0)
    });
    world.end();
}

/// Sends a message, which ends in the one error; nothing of it reaches the model.
fn is_refused(world: &World, session: &str, word: &str) {
    let before = world.model.seen().count;
    let events = world.turn(session, &json!({ "content": "[[say:no]]" }));
    let errors: Vec<&Value> = named(&events, "error").iter().map(|event| &event.data).collect();
    let told = errors.iter().find(|error| error["code"] == "credential_unavailable");
    let told = told.unwrap_or_else(|| panic!("{events:#?}"));
    assert!(told["error"].as_str().unwrap().contains(word), "{told}");
    assert_eq!(events.last().unwrap().name, "done");
    assert_eq!(world.model.seen().count, before);
}

#[test]
fn a_session_whose_credential_was_deleted_says_so_and_goes_on_with_another() {
    let Some(mut world) = World::start() else { return };
    world.deploy("tester");
    let first = credential(&mut world);
    let session = world.session_of(&json!({ "agent": "tester", "credentialId": first }));
    assert!(world.say(&session, "[[say:once]]").contains("once"));
    assert_eq!(world.delete(&format!("/api/credentials/{first}")).status, 200);
    is_refused(&world, &session, "deleted");
    // Nor with the host's key, also in a sandbox that is new.
    world.model.requires(MODEL_KEY);
    assert_eq!(world.post(&format!("/api/sessions/{session}/stop"), &json!({})).status, 200);
    is_refused(&world, &session, "deleted");
    let second = credential(&mut world);
    let configured = world.send(
        "PATCH",
        &format!("/api/sessions/{session}/config"),
        &[("content-type", "application/json")],
        json!({ "credentialId": second }).to_string().as_bytes(),
    );
    assert_eq!(configured.status, 200, "{configured:?}");
    assert!(world.say(&session, "[[say:twice]]").contains("twice"));
    world.end();
}

#[test]
fn an_archived_session_tells_another_host_that_its_credential_is_not_there() {
    let Some(claude) = claude() else { return };
    let shared = tempfile::tempdir().unwrap();
    let more = format!(
        "[archive]\nurl = \"{0}/archive\"\nkey_file = \"{0}/key\"\n",
        shared.path().display()
    );
    std::fs::write(shared.path().join("key"), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
        .unwrap();
    let mut one = World::with(claude.clone(), tempfile::tempdir().unwrap(), &more);
    one.deploy("tester");
    let credential = credential(&mut one);
    let session = one.session_of(&json!({ "agent": "tester", "credentialId": credential }));
    assert!(one.say(&session, "[[say:here]]").contains("here"));
    let archived = one.post(&format!("/api/sessions/{session}/archive"), &json!({}));
    assert_eq!(archived.status, 200, "{archived:?}");

    let other = World::with(claude, tempfile::tempdir().unwrap(), &more);
    let restored = other.post(&format!("/api/sessions/{session}/restore"), &json!({}));
    assert_eq!(restored.status, 200, "{restored:?}");
    is_refused(&other, &session, "not on this host");
    other.end();

    let restored = one.post(&format!("/api/sessions/{session}/restore"), &json!({}));
    assert_eq!(restored.status, 200, "{restored:?}");
    assert!(one.say(&session, "[[say:back]]").contains("back"));
    all_with_the_tenants_key(&one);
    one.end();
}
