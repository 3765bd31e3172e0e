//! The scripts of an agent, with the real CLI in real sandboxes.

use serde_json::{Value, json};

use crate::world::{MODEL_KEY, World, claude};

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn logs(world: &World, session: &str) -> Vec<String> {
    let answer = world.get(&format!("/api/sessions/{session}/logs"));
    let lines = answer.body["logs"].as_array().unwrap().clone();
    lines.iter().map(|line| format!("{} {}", text(&line["level"]), text(&line["text"]))).collect()
}

#[test]
fn scripts_run_inside_as_the_agent_and_without_the_key() {
    let Some(world) = World::start() else { return };
    let install = "#!/bin/bash\necho uid $(id -u) in $PWD, $WORD\nenv; cat /proc/*/environ | tr '\\0' '\\n'\n\
        ls /var/lib/ash /root 2>&1\ncurl -sS -m 5 https://example.com 2>&1\necho processes $(ls -d /proc/[0-9]* | wc -l)\n\
        echo x >> $HOME/installs\nprintf '#!/bin/sh\\necho the tool works\\n' > tool; chmod +x tool\n\
        echo careful >&2\n";
    let startup = "echo x >> $HOME/startups\n\
        (while [ ! -e /tmp/ask ]; do sleep 0.1; done; echo served; touch /tmp/served; exec tail -f /dev/null) &\n";
    world.deploy_files("tester", &[("install.sh", install, true), ("startup.sh", startup, false)]);
    let own = json!({ "agent": "tester", "extraEnv": { "WORD": "plum" } });
    let session = world.session_of(&own);
    assert_eq!(world.bash(&session, "./tool"), "the tool works");
    // What startup.sh left running serves, and is heard.
    let served = world
        .bash(&session, "touch /tmp/ask; while [ ! -e /tmp/served ]; do sleep 0.1; done; echo yes");
    assert_eq!(served, "yes");
    let stopped = world.post(&format!("/api/sessions/{session}/stop"), &json!({}));
    assert_eq!(stopped.status, 200, "{stopped:?}");
    assert_eq!(world.bash(&session, "cat $HOME/installs $HOME/startups"), "x\nx\nx");
    let lines = logs(&world, &session);
    let begins = |start: &str| lines.iter().any(|line| line.starts_with(start));
    for start in [
        "stdout uid 1000 in /workspace, plum",
        "stderr careful",
        "stdout served",
        "system install.sh begins",
        "system startup.sh ended with status 0",
        "system Claude Code 2.",
    ] {
        assert!(begins(start), "{start}: {lines:#?}");
    }
    let all = lines.join("\n");
    assert!(all.contains("ANTHROPIC_API_KEY=") && !all.contains(MODEL_KEY), "{all}");
    assert!(all.contains("ls: cannot access '/root'") || all.contains("'/root': "), "{all}");
    assert!(!all.contains("Example Domain"), "{all}");
    world.end();
}

#[test]
fn a_script_that_hangs_is_ended_and_holds_up_nobody() {
    let Some(claude) = claude() else { return };
    let more = "[sessions]\nscript_timeout_seconds = 2";
    let world = World::with(claude, tempfile::tempdir().unwrap(), more);
    let hang = "echo waiting for a server\nsetsid tail -f /dev/null &\ntail -f /dev/null\n";
    world.deploy_files("stuck", &[("install.sh", hang, true)]);
    world.deploy("fine");
    let stuck = world.session_of(&json!({ "agent": "stuck" }));
    let fine = world.session_of(&json!({ "agent": "fine" }));
    assert_eq!(world.bash(&fine, "echo works"), "works");
    let events = world.turn(&stuck, &json!({ "content": "hello" }));
    let failed = events.iter().find(|event| event.data["code"] == "script_failed").unwrap();
    let error = text(&failed.data["error"]);
    assert!(error.contains("took more than 2 s"), "{error}");
    assert!(error.contains("waiting for a server"), "{error}");
    assert_eq!(events.last().unwrap().name, "done");
    let left = world.post(
        &format!("/api/sessions/{stuck}/exec"),
        &json!({ "command": "grep -lsa '^tail' /proc/[0-9]*/cmdline | wc -l" }),
    );
    assert_eq!(left.body["stdout"], "0\n", "{left:?}");
    assert_eq!(world.state(&stuck)["status"], "error");
    world.end();
}
