//! `ashctl status` and `ashctl doctor`.

use serde_json::{Value, json};

use crate::program::{Ashctl, ashctl};
use crate::scripted::{Scripted, json, problem};

fn health(change: impl FnOnce(&mut Value)) -> Scripted {
    let mut health = json!({
        "status": "ok", "activeSessions": 4, "activeSandboxes": 2, "uptime": 7300.5,
        "pool": {"total": 2, "cold": 0, "warming": 0, "warm": 0, "waiting": 1, "running": 1,
                 "maxCapacity": 100, "resumeWarmHits": 0, "resumeColdHits": 0, "preWarmHits": 0},
        "version": "0.1.0", "coordinatorId": "host-1", "remoteRunners": 0, "simulated": false,
        "isolation": {"placement": "scope", "files": "hard", "network": "hard", "identity": "hard",
                      "memory": "hard", "processes": "hard", "cpu": "hard", "seccomp": "hard",
                      "disk": "hard", "notes": []},
        "cli": {"path": "/usr/bin/claude", "version": "2.1.330", "problem": null},
    });
    change(&mut health);
    with_background(health.to_string(), r#"{"webhooks":[]}"#, r#"{"schedules":[]}"#)
}

/// The same with what is done without a client.
fn with_background(health: String, webhooks: &str, schedules: &str) -> Scripted {
    let (webhooks, schedules) = (webhooks.to_owned(), schedules.to_owned());
    Scripted::new(move |seen| match seen.line.as_str() {
        "GET /health" => json(health.clone()),
        "GET /api/webhooks?allTenants=true" => json(webhooks.clone()),
        "GET /api/schedules?allTenants=true" => json(schedules.clone()),
        line => problem(500, "internal", line),
    })
}

fn nothing() -> Ashctl {
    Ashctl::new().env("ASH_SOCKET", "/nowhere/admin.sock")
}

#[test]
fn the_state_of_the_daemon_is_shown() {
    let server = health(|_| ());
    let expected = format!(
        "ashd       0.1.0, up 2 h, on {}\n\
         sessions   4 active, 2 of at most 100 sandboxes, 1 running a turn\n\
         isolation  scope, all walls are hard\n\
         claude     2.1.330 (/usr/bin/claude)\n",
        server.socket.display()
    );
    ashctl(&server, ["status"]).succeeds(&expected);
    ashctl(&server, [""; 0]).succeeds(&expected);
    ashctl(&server, ["status", "-o", "id"]).succeeds("host-1\n");
}

#[test]
fn a_daemon_that_cannot_start_sessions_is_active_and_says_so() {
    let server = health(|health| {
        health["isolation"]["disk"] = json!("none");
        health["cli"] = json!({"path": null, "version": null, "problem": "there is no `claude`"});
    });
    let said = ashctl(&server, ["status"]);
    assert!(said.stdout.contains("7 of 8 walls are hard (see `ashctl doctor`)"), "{}", said.stdout);
    assert_eq!(
        (said.status, said.stderr.as_str()),
        (0, "warning: no session can start: there is no `claude`\n")
    );
}

#[test]
fn without_a_daemon_the_status_is_not_active() {
    nothing().args(["status"]).run().ends(
        3,
        "",
        "error: nothing listens on /nowhere/admin.sock\n\
         hint: start the daemon with `systemctl start ashd`, or name its socket with `--socket`\n",
    );
}

#[test]
fn a_daemon_that_refuses_is_not_an_absent_one() {
    let server = Scripted::new(|_| problem(401, "unauthorized", "Invalid API key"));
    ashctl(&server, ["status"]).ends(
        6,
        "",
        "error: Invalid API key\n\
         hint: give an API key with `--api-key-file FILE` or `ASH_API_KEY`\n",
    );
}

#[test]
fn the_doctor_tells_every_wall() {
    let server = health(|health| {
        health["isolation"]["disk"] = json!("soft");
        health["isolation"]["notes"] = json!(["the disk is watched, not limited"]);
    });
    ashctl(&server, ["doctor"]).ends(
        0,
        "WHAT       STATE\n\
         placement  scope\n\
         roles      one\n\
         files      enforced\n\
         network    enforced\n\
         identity   enforced\n\
         memory     enforced\n\
         processes  enforced\n\
         cpu        enforced\n\
         seccomp    enforced\n\
         disk       degraded\n\
         claude     2.1.330 (/usr/bin/claude)\n\
         database   ok\n",
        "- the disk is watched, not limited\n",
    );
}

#[test]
fn the_doctor_names_what_fails_without_a_client() {
    let text = std::cell::RefCell::new(String::new());
    drop(health(|health| *text.borrow_mut() = health.to_string()));
    let webhooks = r#"{"webhooks":[{"id":"5b0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11","tenantId":"acme","url":"https://hooks.example.com/ash","events":["turn.ended"],"label":null,"enabled":true,"disabledReason":null,"disabledAt":null,"failures":3,"waiting":2,"oldestWaitingAt":"2026-11-22T18:19:06.641Z","createdAt":"2026-11-22T18:19:06.641Z"}]}"#;
    let server = with_background(text.take(), webhooks, r#"{"schedules":[]}"#);
    let said = ashctl(&server, ["doctor"]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert!(said.stdout.ends_with("database   ok\nwebhooks   failing\n"), "{}", said.stdout);
    for part in ["failed 3 times in a row", "2 deliveries wait", "webhook enable 5b0f1a52"] {
        assert!(said.stderr.contains(part), "{}", said.stderr);
    }
}

#[test]
fn a_database_that_cannot_be_used_is_told_by_status_and_doctor() {
    let server = health(|health| {
        health["status"] = json!("degraded");
        health["storeProblem"] =
            json!({ "code": "disk_full", "error": "the disk is full", "hint": "free space" });
    });
    let status = ashctl(&server, ["status"]);
    assert!(status.stdout.contains("database   degraded (disk_full)\n"), "{}", status.stdout);
    assert!(status.stderr.contains("the disk is full; free space"), "{}", status.stderr);
    let doctor = ashctl(&server, ["doctor"]);
    assert!(doctor.stdout.contains("database   disk_full\n"), "{}", doctor.stdout);
    assert_eq!(doctor.status, 1);
    assert!(doctor.stderr.contains("the disk is full"), "{}", doctor.stderr);
}

#[test]
fn the_doctor_fails_if_no_session_can_start() {
    let server = health(|health| {
        health["cli"] = json!({"path": null, "version": null, "problem": "there is no `claude`"});
    });
    let said = ashctl(&server, ["doctor", "-o", "json"]);
    assert_eq!(
        (said.status, said.stderr.as_str()),
        (1, "error: no session can start: there is no `claude`\n")
    );
}

#[test]
fn without_a_daemon_the_doctor_looks_at_the_host() {
    let said = nothing().args(["doctor", "-o", "id"]).run();
    let rest = said.stdout.strip_prefix("bwrap\nuser namespaces\napparmor\ncgroup v2\nclaude\n");
    // A probe needs no `PATH`, but the real bwrap.
    let walls = "files\nnetwork\nidentity\nmemory\nprocesses\ncpu\nseccomp\ndisk\n";
    assert!([Some(walls), Some("a sandbox\n")].contains(&rest), "{}", said.stdout);
    // There is no `PATH`, hence no bwrap.
    assert_eq!(
        (said.status, said.stderr.as_str()),
        (1, "error: this host lacks bwrap: not in PATH; install the package `bubblewrap`\n")
    );
}

#[test]
fn the_doctor_finds_what_is_there() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    for name in ["bwrap", "claude"] {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\necho {name} 1.2.3\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = folder.path().display().to_string();
    let said = nothing().env("PATH", &path).args(["doctor"]).run();
    if said.stdout.contains("a sandbox") {
        println!("SKIP: no sandbox can be started here: {}", said.stdout);
        return;
    }
    // Everything is there but the daemon.
    assert_eq!(said.status, 3, "{said:?}");
    let row = said.stdout.lines().find(|line| line.starts_with("seccomp ")).unwrap_or_default();
    assert!(row.contains("enforced"), "{}", said.stdout);
    let row = said.stdout.lines().find(|line| line.starts_with("disk ")).unwrap_or_default();
    assert!(row.contains("enforced") || row.contains("ashctl quota set-up"), "{}", said.stdout);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows: Vec<String> = said.stdout.lines().map(words).collect();
    assert!(rows.contains(&format!("bwrap ok bwrap 1.2.3 ({path}/bwrap)")), "{}", said.stdout);
    assert!(rows.contains(&"user namespaces ok usable".to_owned()), "{}", said.stdout);
}

#[test]
fn a_far_server_that_is_away_says_nothing_about_this_host() {
    let said = Ashctl::new().args(["doctor", "--server", "http://127.0.0.1:1"]).run();
    said.ends(
        3,
        "",
        "error: nothing listens on http://127.0.0.1:1\n\
         hint: is ashd started there, and does it listen on this address?\n",
    );
}
