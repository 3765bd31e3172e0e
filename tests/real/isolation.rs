//! What is in a sandbox, and above all what is not.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use serde_json::json;

use crate::server::KEY;
use crate::world::{MODEL_KEY, World, root};

#[test]
fn the_model_key_is_not_in_the_sandbox() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    // In two pieces, so that it does not find the words of this very message; and by the shell's
    // own means, since the arguments of a `grep` that looks for it would hold it.
    let (start, end) = MODEL_KEY.split_at(10);
    let look = format!(
        "key={start}; key=$key{end}; count() {{ local n=0 line; while read -r line; do \
         [[ $line != *$key* ]] || n=$((n + 1)); done; echo $n; }}; env | count; \
         cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n' | count; \
         grep -rlFf <(echo \"$key\") /workspace /home/agent /tmp /run /etc 2>/dev/null | wc -l; \
         env | grep ^ANTHROPIC_API_KEY= | head -c 40"
    );
    let told = world.bash(&session, &look);
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[..3], ["0", "0", "0"], "{told}");
    assert!(lines[3].starts_with("ANTHROPIC_API_KEY=") && !told.contains(MODEL_KEY), "{told}");
    let placeholder = world.bash(&session, "printenv ANTHROPIC_API_KEY");
    assert!(placeholder.len() > 20 && placeholder != MODEL_KEY, "{placeholder}");
    let seen = world.model.seen().requests;
    assert!(!seen.is_empty());
    for request in seen {
        assert_eq!(request.x_api_key.as_deref(), Some(MODEL_KEY));
        assert_eq!(request.authorization, None);
    }
    world.end();
}

#[test]
fn there_is_no_network_but_the_loopback() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let devices = world.bash(&session, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '");
    assert_eq!(devices, "lo");
    let host = world.url.trim_start_matches("http://").replace(':', "/");
    let reached = format!("(exec 3<>/dev/tcp/{host}) 2>&1 && echo reached || echo unreachable");
    assert!(world.bash(&session, &reached).ends_with("unreachable"), "ashd's own port");
    world.end();
}

#[test]
fn the_host_and_other_sessions_cannot_be_seen() {
    let Some(world) = World::start() else { return };
    let one = world.session();
    let other = world.session_of(&serde_json::json!({ "agent": "tester" }));
    world.bash(&one, "echo secret-of-one > /workspace/mine.txt; echo x > /tmp/mine.txt");
    let data = world.folder.path().display().to_string();
    let look = format!(
        "ls -d {data} {data}/data/sessions/{one} /r[!u]*/* /home/* /var/lib/* /run/* /srv/* 2>/dev/null; \
         ls /workspace /tmp; grep -rsl secret-of-one / --include=mine.txt 2>/dev/null | head; \
         tail -n +1 /etc/hostname /etc/shadow 2>/dev/null; ls /proc | grep -c '^[0-9]'"
    );
    let told = world.bash(&other, &look);
    for hidden in [&*data, "mine.txt", "secret-of-one", "shadow", "/var/lib/", "/srv/", "/ro"] {
        assert!(!told.contains(hidden), "{hidden} in {told}");
    }
    let processes: u32 = told.lines().last().unwrap().parse().unwrap();
    assert!(processes < 15, "only the processes of its own sandbox: {told}");
    world.end();
}

#[test]
fn the_agent_is_a_user_without_any_privilege() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let told = world.bash(
        &session,
        "id -u; whoami; grep -E '^(CapEff|NoNewPrivs)' /proc/self/status | tr -s '\\t' ' '; \
         touch /usr/x /etc/x /opt/ash/x /x 2>&1 | grep -vc -e 'Read-only' -e 'Permission denied'; \
         unshare -U true 2>&1 | grep -c -i -e 'no space' -e 'not permitted'",
    );
    let expected = "1000\nagent\nCapEff: 0000000000000000\nNoNewPrivs: 1\n0\n1";
    assert_eq!(told, expected);
    world.end();
}

#[test]
fn files_of_a_session_belong_to_a_user_of_its_own() {
    let Some(world) = World::start() else { return };
    if !root() {
        return world.end();
    }
    let one = world.session();
    let other = world.session_of(&serde_json::json!({ "agent": "tester" }));
    let owner = |session: &str| {
        world.bash(session, "echo x > made.txt");
        let folder = world.folder.path().join("data/sessions").join(session);
        let made = std::fs::metadata(folder.join("workspace/made.txt")).unwrap().uid();
        let agent = std::fs::metadata(folder.join("workspace/CLAUDE.md")).unwrap().uid();
        assert_eq!(made, agent, "what the agent brought is its own, too");
        let home = std::fs::metadata(folder.join("home")).unwrap();
        assert_eq!((home.uid(), home.mode() & 0o777), (made, 0o700));
        made
    };
    let (first, second) = (owner(&one), owner(&other));
    assert!(first >= 1_878_917_120 && second >= 1_878_917_120 && first != second);
    world.end();
}

/// An archive has the links of [`w14_links_of_an_agent_lead_nobody_out_of_its_workspace`] as links.
fn assert_links_stay_links(world: &World, session: &str) {
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let request = agent.get(format!("{}/api/sessions/{session}/workspace", world.url));
    let mut response = request.header("authorization", format!("Bearer {KEY}")).call().unwrap();
    let bytes = response.body_mut().read_to_vec().unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
    let mut links = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        if entry.header().entry_type().is_symlink() {
            links.push(path.trim_start_matches("./").to_owned());
            continue;
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains("of the host") && !text.starts_with("SQLite"), "{path}");
    }
    links.sort();
    assert_eq!(links, ["attachments", "database", "folder", "up"]);
}

/// The original's W14: a link of the agent's led its files API to the database, its uploads out of the
/// workspace, and what it pointed to into the archive.
#[test]
fn w14_links_of_an_agent_lead_nobody_out_of_its_workspace() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let outside = world.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret.txt"), "of the host").unwrap();
    let database = world.folder.path().join("data/ash.db");
    let (outside_text, database) = (outside.display(), database.display());
    world.bash(
        &session,
        &format!(
            "ln -s {database} database; ln -s {outside_text} folder; ln -s {outside_text} attachments; \
             ln -s ../../../../../../etc/passwd up"
        ),
    );
    let path = format!("/api/sessions/{session}");
    // While it has a sandbox, and by a jail when it has none.
    for stopped in [false, true] {
        if stopped {
            assert_eq!(world.post(&format!("{path}/stop"), &json!({})).status, 200);
        }
        for link in ["database", "folder/secret.txt", "up"] {
            let read = world.get(&format!("{path}/files/{link}"));
            assert!([400, 404].contains(&read.status), "{link}: {read:?}");
        }
        let file = json!({ "path": "folder/new.txt", "content": "eA==" });
        let written = world.post(&format!("{path}/files"), &json!({ "files": [file] }));
        assert!(written.body["files"][0]["error"].is_string(), "{written:?}");
        let put = world.send("PUT", &format!("{path}/files/folder/put.txt"), &[], b"x");
        assert!([400, 404].contains(&put.status), "{put:?}");
        let deleted = world.delete(&format!("{path}/files/folder/secret.txt"));
        assert!([400, 404].contains(&deleted.status), "{deleted:?}");
        let body = json!({ "filename": "a.txt", "content": "eA==" });
        let attached = world.post(&format!("{path}/attachments"), &body);
        assert!((400..500).contains(&attached.status), "{attached:?}");
        assert_links_stay_links(&world, &session);
    }
    let left: Vec<_> =
        std::fs::read_dir(&outside).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["secret.txt"]);
    assert_eq!(std::fs::read_to_string(outside.join("secret.txt")).unwrap(), "of the host");
    world.end();
}
