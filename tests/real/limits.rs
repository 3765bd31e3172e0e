//! Limits that an agent and a session wish, as programs in the sandbox meet them.

use serde_json::json;

use crate::world::World;

#[test]
fn a_session_has_the_lower_limits_it_wishes_on_every_path() {
    let Some(world) = World::start() else { return };
    let agent = json!({
        "name": "tester", "systemPrompt": "You test.", "limits": { "openFiles": 4096, "shmMib": 2 },
    });
    let deployed = world.post("/api/agents", &agent);
    assert_eq!(deployed.status, 201, "{deployed:?}");
    assert_eq!(deployed.body["agent"]["limits"], json!({ "openFiles": 4096, "shmMib": 2 }));
    let wish = json!({ "agent": "tester", "limits": { "openFiles": 2048, "fileMib": 64 } });
    let session = world.session_of(&wish);
    let shown = world.state(&session)["limits"].clone();
    let expected = [("openFiles", 2048), ("fileMib", 64), ("shmMib", 2), ("memoryMib", 2048)];
    for (name, number) in expected {
        assert_eq!(shown[name], json!(number), "{shown}");
    }
    let look = "ulimit -Hn; ulimit -Hf; df -k --output=size /dev/shm | tail -n 1";
    // Of files in KiB or half of them, as the shell counts.
    let holds = |said: &str| {
        let words: Vec<&str> = said.split_whitespace().collect();
        assert!(matches!(words[..], ["2048", "65536" | "131072", "2048"]), "{said}");
    };
    holds(&world.bash(&session, look));
    let exec = |session: &str| {
        let path = format!("/api/sessions/{session}/exec");
        let answer = world.post(&path, &json!({ "command": look }));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["stdout"].as_str().unwrap().to_owned()
    };
    let stopped = world.send("POST", &format!("/api/sessions/{session}/stop"), &[], b"");
    assert_eq!(stopped.status, 200, "{stopped:?}");
    holds(&exec(&session));
    let forked = world.post(&format!("/api/sessions/{session}/fork"), &json!({}));
    assert_eq!(forked.status, 201, "{forked:?}");
    let fork = forked.body["session"]["id"].as_str().unwrap();
    assert_eq!(world.state(fork)["limits"], shown);
    holds(&world.bash(fork, look));
    holds(&world.bash(&session, look));

    for (limits, field) in [
        (json!({ "memoryMib": 4096 }), "limits.memoryMib"),
        (json!({ "tasks": 5 }), "limits.tasks"),
        (json!({ "disk": 5 }), "limits.disk"),
    ] {
        let asked = json!({ "agent": "tester", "limits": limits });
        let refused = world.post("/api/sessions", &asked);
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{refused:?}");
        let asked = json!({ "name": "tester", "systemPrompt": "", "limits": limits });
        let refused = world.post("/api/agents", &asked);
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!(field)), "{refused:?}");
    }
    let again = world.post("/api/agents", &json!({ "name": "tester", "systemPrompt": "Other." }));
    assert_eq!(again.body["agent"]["limits"]["shmMib"], 2, "they stay");
    world.end();
}
