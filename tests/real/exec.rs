//! Commands in real sandboxes: beside a turn, in a jail, and ended with whoever asked for them.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::server::{Answer, KEY, eventually};
use crate::world::{FOREVER, World, bash};

fn exec(world: &World, session: &str, body: &Value) -> Answer {
    world.post(&format!("/api/sessions/{session}/exec"), body)
}

fn stop(world: &World, session: &str) {
    let stopped = world.send("POST", &format!("/api/sessions/{session}/stop"), &[], b"");
    assert_eq!(stopped.status, 200, "{stopped:?}");
}

#[test]
fn a_command_runs_beside_a_turn_behind_the_same_walls() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let mut turn = world.stream(&session, &json!({ "content": bash(FOREVER) }));
    assert!(turn.any(|event| event.name == "tool_use"));
    let body =
        json!({ "command": "id -u; pwd; cat; ls /run /opt/ash; cat /etc/shadow", "stdin": "in\n" });
    let said = exec(&world, &session, &body).body;
    assert_eq!(
        said["stdout"],
        "1000\n/workspace\nin\n/opt/ash:\nbridge\nclaude\n\n/run:\nash\nbridge\n"
    );
    assert!(said["stderr"].as_str().unwrap().contains("/etc/shadow"), "{said}");
    assert_eq!(world.state(&session)["busy"], true);
    let slow = json!({ "command": "sleep 1000 & echo on; wait", "timeout": 300 });
    let said = exec(&world, &session, &slow).body;
    assert_eq!((&said["stdout"], &said["timedOut"]), (&json!("on\n"), &json!(true)));
    assert_eq!(said["exitCode"], 124);
    let left = exec(&world, &session, &json!({ "command": "pgrep -c sleep" })).body;
    assert_eq!(left["stdout"], "0\n");
    world.end();
}

#[test]
fn a_command_of_a_session_without_a_sandbox_runs_in_a_jail_and_leaves_nothing() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    world.bash(&session, "echo kept > kept.txt");
    stop(&world, &session);
    let line = "cat kept.txt; echo more > more.txt; ls /run /opt/ash; env | grep -c ANTHROPIC; setsid sleep 1000 >/dev/null 2>&1 &";
    let said = exec(&world, &session, &json!({ "command": line })).body;
    assert_eq!(said["stdout"], "kept\n/opt/ash:\nbridge\n\n/run:\nbridge\n0\n", "{said}");
    world.no_jail_is_left();
    assert_eq!(world.state(&session)["tier"], "hibernated");
    assert!(world.bash(&session, "cat more.txt").contains("more"));
    world.end();
}

#[test]
fn a_command_ends_with_the_client_that_asked_for_it() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    world.bash(&session, "true");
    for state in ["hot", "cold"] {
        let mut client = world.connect();
        let body =
            json!({ "command": "touch begun; sleep 1000", "timeout": 300_000, "stream": true });
        let body = body.to_string();
        let head = format!(
            "POST /api/sessions/{session}/exec HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        client.write_all(head.as_bytes()).unwrap();
        let begun = || world.get(&format!("/api/sessions/{session}/files/begun")).status == 200;
        eventually("that it has begun", begun);
        drop(client);
        eventually(&format!("that it is killed when {state}"), || {
            exec(&world, &session, &json!({ "command": "pgrep -c sleep" })).body["stdout"] == "0\n"
        });
        exec(&world, &session, &json!({ "command": "rm begun" }));
        if state == "hot" {
            stop(&world, &session);
        }
    }
    world.no_jail_is_left();
    world.end();
}

#[test]
fn ashctl_runs_a_command_as_if_it_ran_here() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let run = |arguments: &[&str], input: &[u8]| {
        #[expect(clippy::disallowed_methods, reason = "a test starts the program itself")]
        let mut command = Command::new(env!("CARGO_BIN_EXE_ashctl"));
        command.env_clear().env("ASH_SOCKET", world.folder.path().join("run/admin.sock"));
        command.args(["session", "exec"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let said = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (said.status.code(), text(&said.stdout), text(&said.stderr))
    };
    let said = run(&[&session, "-e", "A=b", "--", "sh", "-c", "cat; echo $A >&2; exit 7"], b"in");
    assert_eq!(said, (Some(7), "in".to_owned(), "b\n".to_owned()));
    assert_eq!(run(&[&session, "--", "no-such-program"], b"").0, Some(127));
    assert_eq!(run(&[&session, "--", "/etc/passwd"], b"").0, Some(126));
    assert_eq!(run(&[&session, "--timeout", "1", "--", "sleep", "60"], b"").0, Some(124));
    assert_eq!(run(&[&session, "--", "sh", "-c", "kill -9 $$"], b"").0, Some(137));
    assert_eq!(run(&["00000000", "--", "true"], b"").0, Some(125));
    world.end();
}

/// The archive of a workspace, out of its gzip.
fn workspace(world: &World, session: &str) -> Vec<u8> {
    let agent: ureq::Agent = ureq::Agent::config_builder().build().into();
    let request = agent.get(format!("{}/api/sessions/{session}/workspace", world.url));
    let mut response = request.header("authorization", format!("Bearer {KEY}")).call().unwrap();
    let mut archive = Vec::new();
    let packed = response.body_mut().as_reader();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut archive).unwrap();
    archive
}

/// While the agent changes what is a file and what is a link, as fast as it can, nothing outside of
/// the workspace is read, written, removed or packed.
#[test]
fn no_race_of_the_agent_leads_out_of_the_workspace() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    let swap = "mkdir -p real; echo inside > real/f; echo canary > /tmp/f; (while :; do ln -sfn /tmp d; rm d; cp -r real d; rm -r d; ln -s /etc/passwd s; rm s; echo inside > s; rm s; done) >/dev/null 2>&1 & disown";
    world.bash(&session, swap);
    let mut seen = [0; 2];
    let file = |name: &str| format!("/api/sessions/{session}/files/{name}");
    for round in 0..150 {
        for path in [file("d/f"), file("s")] {
            let read = world.get(&path);
            if read.status == 200 {
                // Empty between its making and its writing.
                assert!(read.body == "inside\n" || read.body == "", "{path}: {}", read.body);
                seen[0] += 1;
            } else {
                seen[1] += 1;
            }
        }
        drop(world.send("PUT", &file("d/w"), &[], b"written"));
        drop(world.delete(&file("d/f")));
        if round % 50 == 0 {
            let names = String::from_utf8_lossy(&workspace(&world, &session)).into_owned();
            assert!(names.contains("real/f") && !names.contains("root:x:0:0"));
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "the race was none: {seen:?}");
    let outside = exec(&world, &session, &json!({ "command": "cat /tmp/f; ls /tmp/w" })).body;
    assert_eq!(outside["stdout"], "canary\n", "{outside}");
    world.end();
}
