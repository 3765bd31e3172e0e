//! `ashctl --host`: another machine over ssh, which here is a program of that name that runs what it
//! is told.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::program::Ashctl;
use crate::scripted::{Reply, Scripted, event, json};
use crate::sessions::ONE;

/// A folder with an `ssh` that notes its arguments, says what a login shell would, and runs the rest.
fn with_ssh(script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("ssh");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

const RUN: &str = "echo \"$@\" >>\"$NOTES\"; echo 'Welcome to build'; shift 3; exec sh -c \"$*\"";

fn over_ssh(folder: &Path, server: &Path) -> Ashctl {
    let ours = Path::new(env!("CARGO_BIN_EXE_ashctl")).parent().unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", folder.display(), ours.display());
    let notes = folder.join("notes");
    Ashctl::new()
        .env("PATH", &path)
        .env("NOTES", notes.to_str().unwrap())
        .env("ASH_SOCKET", server.to_str().unwrap())
        .args(["-H", "root@build"])
}

#[test]
fn the_daemon_of_another_machine_answers_as_if_it_were_here() {
    let folder = with_ssh(RUN);
    let server = Scripted::answering("GET /api/agents", json(r#"{"agents":[{"name":"x"}]}"#));
    over_ssh(folder.path(), &server.socket)
        .args(["agent", "list", "-o", "json"])
        .run()
        .succeeds("{\"agents\":[{\"name\":\"x\"}]}\n");
    let notes = std::fs::read_to_string(folder.path().join("notes")).unwrap();
    assert_eq!(notes, "-T -- root@build 'ashctl' 'proxy-stdio'\n");
}

#[test]
fn a_turn_streams_over_ssh_and_a_socket_is_one_of_the_other_machine() {
    let folder = with_ssh(RUN);
    let said = [event("text_delta", r#"{"delta":"hello"}"#), event("done", "{}")];
    let server = Scripted::new(move |_| Reply::Events(said.to_vec()));
    let socket = server.socket.to_str().unwrap();
    over_ssh(folder.path(), Path::new("/nowhere"))
        .args(["--socket", socket, "send", ONE, "Hi"])
        .run()
        .succeeds("hello\n");
}

#[test]
fn why_there_is_no_connection_is_told() {
    let folder = with_ssh(RUN);
    over_ssh(folder.path(), Path::new("/nowhere/admin.sock")).args(["status"]).run().ends(
        3,
        "",
        "error: nothing listens on /nowhere/admin.sock\n\
         hint: start the daemon with `systemctl start ashd`, or name its socket with `--socket`\n\
         error: nothing listens on the admin socket of root@build\n\
         hint: start the daemon there with `systemctl start ashd`\n",
    );
    let folder = with_ssh("echo 'ssh: no route' >&2; exit 255");
    over_ssh(folder.path(), Path::new("/x")).args(["status"]).run().ends(
        7,
        "",
        "ssh: no route\n\
         error: the admin socket of root@build cannot be reached: ssh could not connect\n",
    );
    let folder = with_ssh("exit 127");
    let said = over_ssh(folder.path(), Path::new("/x")).args(["status"]).run();
    assert!(said.status == 7 && said.stderr.contains("there is no `ashctl`"), "{said:?}");
}

#[test]
fn a_host_is_a_name_and_no_option() {
    for bad in ["-oProxyCommand=x", "a b", "a;b", "$(x)", ""] {
        let said = Ashctl::new().args([&format!("--host={bad}"), "status"]).run();
        assert_eq!(said.status, 2, "{bad}: {said:?}");
    }
}

#[test]
fn the_journal_of_another_machine_is_read_there() {
    let folder = with_ssh("echo \"$@\"");
    let said =
        over_ssh(folder.path(), Path::new("/x")).args(["logs", "--since", "10 min ago"]).run();
    assert!(
        said.stdout.starts_with("-- root@build 'journalctl' '--quiet' '--since=10 min ago'"),
        "{said:?}"
    );
}

#[test]
fn what_is_about_this_machine_is_refused() {
    Ashctl::new().args(["-H", "build", "config", "check"]).run().ends(
        2,
        "",
        "error: files are read on this machine only\n\
         hint: `ssh build ashctl config check` reads those of the other\n",
    );
    Ashctl::new().args(["-H", "build", "credential", "set", "anthropic-api-key"]).run().ends(
        2,
        "",
        "error: a credential is stored on this machine only\n\
         hint: `ssh -t build sudo ashctl credential set anthropic-api-key`\n",
    );
}

#[test]
fn a_credential_comes_by_the_standard_input_and_is_one_word() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let set = |text: &str| {
        let arguments = ["credential", "set", "anthropic-api-key", "--root", root];
        Ashctl::new().args(arguments).stdin(text).run()
    };
    let path = folder.path().join("etc/credstore/anthropic-api-key");
    set("sk-ant-1\n").ends(0, "", &format!("Stored {}\n", path.display()));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "sk-ant-1");
    for bad in ["", " \n", "one two", "one\ntwo"] {
        set(bad).ends(
            2,
            "",
            "error: a credential is one word of printable characters\n\
             hint: `ashctl credential set anthropic-api-key <FILE` reads it from a file\n",
        );
    }
}
