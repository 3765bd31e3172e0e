//! `ashctl config`.

use serde_json::json;

use crate::program::{Ashctl, ashctl};
use crate::scripted::{Scripted, json, problem};

fn daemon() -> Scripted {
    let configuration = json!({
        "files": ["/usr/lib/ash/ash.toml", "/etc/ash/ash.toml.d/10-small.toml"],
        "settings": [
            {"key": "log", "value": "info", "from": "default"},
            {"key": "api.port", "value": 4200, "from": "environment", "variable": "ASH_PORT"},
            {"key": "api.key", "value": "***", "from": "environment", "variable": "ASH_API_KEY"},
            {"key": "sandbox.max", "value": 40, "from": "file",
             "path": "/etc/ash/ash.toml.d/10-small.toml", "line": 3},
            {"key": "sandbox.allow_degraded", "value": ["disk"], "from": "default"},
            {"key": "claude.path", "value": null, "from": "default"},
        ],
    });
    Scripted::answering("GET /api/config", json(configuration.to_string()))
}

#[test]
fn the_settings_are_shown_with_where_they_come_from() {
    ashctl(&daemon(), ["config", "show"]).succeeds(
        "SETTING                 VALUE     FROM\n\
         log                     info      default\n\
         api.port                4200      ASH_PORT\n\
         api.key                 ***       ASH_API_KEY\n\
         sandbox.max             40        /etc/ash/ash.toml.d/10-small.toml:3\n\
         sandbox.allow_degraded  [\"disk\"]  default\n\
         claude.path             -         default\n",
    );
}

#[test]
fn a_key_a_section_or_what_was_changed_is_chosen() {
    let daemon = daemon();
    ashctl(&daemon, ["config", "show", "api", "log", "-o", "id"])
        .succeeds("log\napi.port\napi.key\n");
    ashctl(&daemon, ["config", "show", "--changed", "sandbox", "-o", "jsonl"]).succeeds(
        "{\"key\":\"sandbox.max\",\"value\":40,\"from\":\"file\",\
         \"path\":\"/etc/ash/ash.toml.d/10-small.toml\",\"line\":3}\n",
    );
    ashctl(&daemon, ["config", "show", "api.port", "-o", "json"]).succeeds(
        "{\"files\":[\"/usr/lib/ash/ash.toml\",\"/etc/ash/ash.toml.d/10-small.toml\"],\"settings\":\
         [{\"key\":\"api.port\",\"value\":4200,\"from\":\"environment\",\"variable\":\"ASH_PORT\"}]}\n",
    );
    ashctl(&daemon, ["config", "show", "ap"]).ends(
        2,
        "",
        "error: `ap` is neither a setting nor a section\n\
         hint: `ashctl config show -o id` lists the settings\n",
    );
}

#[test]
fn an_api_key_does_not_show_the_settings() {
    let text = "an API key does not open what concerns the host";
    let server = Scripted::new(move |_| problem(403, "forbidden", text));
    ashctl(&server, ["config", "show"]).ends(6, "", &format!("error: {text}\n"));
}

#[test]
fn a_file_is_checked_without_a_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ash.toml");
    let shown = path.display();
    let check = |text: &str, more: &[&str]| {
        std::fs::write(&path, text).unwrap();
        let arguments = ["config", "check", path.to_str().unwrap()].into_iter();
        Ashctl::new().args(arguments.chain(more.iter().copied())).run()
    };
    check("[sandbox]\nmax = 3\n", &[])
        .succeeds(&format!("the configuration is in order: {shown}\n"));
    check("", &["-o", "json"]).succeeds(&format!("{{\"files\":[\"{shown}\"]}}\n"));
    check("[sandbox]\nmaks = 3\n", &[]).ends(
        9,
        "",
        &format!(
            "error: {shown}:2:1: unknown field `maks`, expected one of `placement`, `allow_degraded`, \
             `max`, `wait_seconds`, `memory_mib`, `swap_mib`, `tasks`, `cpu_percent`, `cpu_weight`, \
             `io_weight`, `tmp_mib`, `shm_mib`, `file_mib`, `open_files`, `disk_mib`, \
             `disk_files`, `uid_first`, `uid_count`, `libexec_dir`, `socket`, `bwrap`; did you mean `max`? (in `maks = 3`)\n\
             hint: ash.toml(5) lists the settings\n"
        ),
    );
    check("\n[sandbox]\ntasks = 3\n", &["-o", "json"]).ends(
        9,
        "",
        &format!(
            "error: {shown}:3:1: `sandbox.tasks` is 3, and should be 32 or more\n\
             hint: ash.toml(5) lists the settings\n"
        ),
    );
    std::fs::remove_file(&path).unwrap();
    let gone = ["config", "check", path.to_str().unwrap()];
    Ashctl::new().args(gone).run().ends(
        9,
        "",
        &format!(
            "error: `{shown}` cannot be read: No such file or directory (os error 2)\n\
             hint: ash.toml(5) lists the settings\n"
        ),
    );
}

#[test]
fn a_wrong_variable_is_told_by_its_name() {
    Ashctl::new().env("ASH_PORT", "http").args(["config", "check", "/dev/null"]).run().ends(
        9,
        "",
        "error: the environment variable ASH_PORT is `http`, and should be a port from 0 to 65535\n\
         hint: ash.toml(5) lists the settings\n",
    );
}

#[test]
fn without_a_daemon_the_settings_of_the_files_are_shown() {
    let offline = Ashctl::new().env("ASH_SOCKET", "/nowhere/admin.sock").env("ASH_PORT", "7");
    let said = offline.args(["config", "show", "--offline", "api.port"]).run();
    said.succeeds("SETTING   VALUE  FROM\napi.port  7      ASH_PORT\n");
}

#[test]
fn a_reload_tells_what_is_in_force_and_what_waits() {
    let reloaded = json!({
        "changed": [{"key": "sandbox.max", "before": 1000, "now": 40}],
        "pending": [{"key": "sandbox.tasks", "before": 512, "now": 64, "restart": ["ash-sandboxd"]}],
    });
    let server = Scripted::answering("POST /api/config/reload", json(reloaded.to_string()));
    ashctl(&server, ["config", "reload"]).ends(
        0,
        "SETTING        BEFORE  NOW  IN FORCE\n\
         sandbox.max    1000    40   now\n\
         sandbox.tasks  512     64   after `systemctl restart ash-sandboxd`\n",
        "Read the configuration again\n",
    );
    ashctl(&server, ["config", "reload", "-o", "id"]).succeeds("sandbox.max\nsandbox.tasks\n");
    let nothing = r#"{"changed":[],"pending":[]}"#;
    let server = Scripted::answering("POST /api/config/reload", json(nothing));
    let told = "Read the configuration again\nnothing has changed\n";
    ashctl(&server, ["config", "reload"]).ends(0, "", told);
    ashctl(&server, ["config", "reload", "-q"]).succeeds("");
}

#[test]
fn a_reload_that_is_refused_fails_and_says_why() {
    let why = "/etc/ash/ash.toml:2:1: unknown field `maks`";
    let server = Scripted::new(move |_| problem(422, "config_invalid", why));
    ashctl(&server, ["config", "reload"]).ends(9, "", &format!("error: {why}\n"));
}

#[test]
fn what_waits_for_a_restart_is_shown() {
    let configuration = json!({"files": [], "settings": [
        {"key": "sandbox.tasks", "value": 512, "from": "default",
         "restart": ["ash-sandboxd"], "pending": 64},
    ]});
    let server = Scripted::answering("GET /api/config", json(configuration.to_string()));
    ashctl(&server, ["config", "show"]).succeeds(
        "SETTING        VALUE                                     FROM\n\
         sandbox.tasks  512 (64 after a restart of ash-sandboxd)  default\n",
    );
}
