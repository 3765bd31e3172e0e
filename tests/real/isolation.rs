//! What is in a sandbox, and above all what is not.

use std::os::unix::fs::MetadataExt as _;

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
