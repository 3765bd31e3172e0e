//! The real `ashctl` with a real `ashd` whose sandboxes are simulated: the wiring only, as every
//! answer has its cases elsewhere.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{Ashctl, Said, said};

const KEY: &str = "ash_test-key";

/// A daemon of its own. It is killed with the test.
pub(crate) struct Ashd {
    child: Child,
    url: String,
    pub(crate) folder: tempfile::TempDir,
    /// Held, so that the daemon can go on writing to it.
    _log: BufReader<ChildStderr>,
}

impl Ashd {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    /// Once more on the same data, after it was killed.
    fn start_again(&mut self) {
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        *self = Self::start_in(folder);
    }

    fn start_in(folder: tempfile::TempDir) -> Self {
        Self::start_with(folder, &[])
    }

    #[expect(clippy::disallowed_methods, reason = "the environment is emptied here")]
    fn start_with(folder: tempfile::TempDir, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ashd"))
            .arg("--simulate")
            .args(arguments)
            .env_clear()
            .env("ASH_DATA_DIR", folder.path().join("data"))
            .env("ASH_RUNTIME_DIR", folder.path().join("run"))
            .env("ASH_PORT", "0")
            .env("ASH_API_KEY", KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let url = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "ashd did not start: {said}");
            if let Some((_, addresses)) = line.split_once(" serves on ") {
                break addresses.split_whitespace().next().unwrap().to_owned();
            }
            said += &line;
        };
        Self { child, url, folder, _log: log }
    }

    pub(crate) fn ashctl(&self, arguments: &[&str]) -> Ashctl {
        let socket = self.folder.path().join("run/admin.sock");
        Ashctl::new().env("ASH_SOCKET", socket.to_str().unwrap()).args(arguments)
    }

    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.ashctl(arguments).run()
    }

    /// What a command prints that succeeds.
    #[track_caller]
    pub(crate) fn prints(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!(said.status, 0, "{arguments:?}: {said:?}");
        said.stdout
    }

    /// The folder of an agent.
    pub(crate) fn agent_folder(&self) -> PathBuf {
        let folder = self.folder.path().join("qa-bot");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("CLAUDE.md"), "You are a test.").unwrap();
        folder
    }

    /// A session of an agent that it deploys.
    pub(crate) fn session(&self) -> String {
        self.prints(&["deploy", text(&self.agent_folder()), "-q"]);
        self.prints(&["session", "create", "qa-bot", "-o", "id"]).trim_end().to_owned()
    }
}

impl Drop for Ashd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Starts to send, and waits until the first line of the answer is there.
fn send_and_see(ashd: &Ashd, session: &str, message: &str) -> Child {
    let mut child =
        ashd.ashctl(&["send", session, message, "--partial", "--reconnect", "0"]).start();
    let mut line = String::new();
    // The pipe must not be read further than the line.
    let mut stdout = BufReader::with_capacity(1, child.stdout.as_mut().unwrap());
    stdout.read_line(&mut line).unwrap();
    child
}

#[test]
fn an_agent_lives_from_its_deploy_to_its_end() {
    let ashd = Ashd::start();
    let folder = ashd.agent_folder();
    std::fs::write(folder.join(".env"), "TOKEN=hunter2\n").unwrap();
    let said = ashd.run(&["deploy", text(&folder)]);
    assert!(said.stdout.starts_with("Deployed agent \"qa-bot\" (v1)\n1 file, 15 B, "), "{said:?}");
    assert_eq!(ashd.prints(&["agent", "list", "-o", "id"]), "qa-bot\n");
    let shown = ashd.prints(&["agent", "show", "qa-bot", "-o", "json"]);
    assert!(shown.contains(r#""TOKEN":"***""#) && !shown.contains("hunter2"), "{shown}");

    let session = ashd.prints(&["session", "create", "qa-bot", "--model", "haiku", "-o", "id"]);
    let session = session.trim_end();
    let prefix = session.get(..8).unwrap();
    ashd.run(&["send", prefix, "[[say:hello there]]"]).succeeds("hello there\n");
    let answer = ashd.prints(&["send", prefix, "[[options]]", "--max-turns", "4"]);
    assert!(
        answer.contains(r#""max_turns":4"#) && answer.contains(r#""model":"haiku""#),
        "{answer}"
    );
    ashd.run(&["chat", "qa-bot", "[[say:again]]", "-q", "--session", prefix]).succeeds("again\n");

    let messages = ashd.prints(&["session", "messages", prefix]);
    assert!(
        messages.contains("[[say:hello there]]\n") && messages.contains("\nagain\n"),
        "{messages}"
    );
    assert_eq!(ashd.prints(&["session", "files", prefix, "-o", "id"]), "CLAUDE.md\n");
    assert_eq!(ashd.prints(&["session", "files", prefix, "CLAUDE.md"]), "You are a test.");
    assert_eq!(ashd.run(&["session", "files", prefix, "../x"]).status, 5);

    assert_eq!(ashd.prints(&["session", "list", "--status", "active", "-o", "id"]).trim(), session);
    assert_eq!(ashd.prints(&["interrupt", prefix]), "No turn was running\n");
    assert_eq!(ashd.prints(&["session", "end", prefix]), format!("Ended session {session}\n"));
    assert_eq!(ashd.run(&["send", prefix, "hi"]).status, 5);
    assert_eq!(ashd.prints(&["agent", "delete", "qa-bot"]), "Deleted agent \"qa-bot\"\n");
    assert_eq!(ashd.run(&["agent", "show", "qa-bot"]).status, 4);
    assert_eq!(ashd.run(&["session", "create", "qa-bot"]).status, 4);
}

#[test]
fn the_logs_of_a_session_are_printed_and_followed() {
    let ashd = Ashd::start();
    let folder = ashd.agent_folder();
    std::fs::write(folder.join("install.sh"), "echo installed\necho careful >&2\n").unwrap();
    ashd.prints(&["deploy", text(&folder), "-q"]);
    let session = ashd.prints(&["session", "create", "qa-bot", "-o", "id"]);
    let prefix = session.get(..8).unwrap();
    ashd.run(&["send", prefix, "[[say:hello]]"]).succeeds("hello\n");
    let logs = ashd.prints(&["session", "logs", prefix]);
    for line in ["  stdout  installed\n", "  stderr  careful\n", "  system  install.sh begins\n"] {
        assert!(logs.contains(line), "{line}: {logs}");
    }
    let second = ashd.prints(&["session", "logs", prefix, "--after", "0", "-o", "id"]);
    assert!(second.starts_with("1\n2\n"), "{second}");
    let whole = ashd.prints(&["session", "logs", prefix, "-o", "json"]);
    assert!(whole.starts_with("{\"logs\":["), "{whole}");

    let mut following = ashd.ashctl(&["session", "logs", prefix, "-f", "-o", "jsonl"]).start();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = |word: &str| {
        while !lines.next().unwrap().unwrap().contains(word) {}
    };
    next("is ready");
    ashd.prints(&["session", "stop", prefix]);
    ashd.run(&["send", prefix, "[[say:again]]"]).succeeds("again\n");
    next("is ready");
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn the_daemon_is_shown_as_simulated() {
    let ashd = Ashd::start();
    let status = ashd.prints(&[]);
    assert!(status.contains("isolation  none, sandboxes are simulated\n"), "{status}");
    assert!(ashd.prints(&["doctor"]).contains("placement  simulated\n"));
}

#[test]
fn what_the_daemon_runs_with_is_shown_with_its_origin() {
    let ashd = Ashd::start();
    let data = ashd.folder.path().join("data");
    let shown = ashd.prints(&["config", "show", "data_dir", "api", "--changed"]);
    let expected = format!(
        "SETTING   VALUE{gap}  FROM\n\
         data_dir  {}  ASH_DATA_DIR\n\
         api.port  0{port}  ASH_PORT\n\
         api.key   ***{key}  ASH_API_KEY\n",
        data.display(),
        gap = " ".repeat(text(&data).len() - 5),
        port = " ".repeat(text(&data).len() - 1),
        key = " ".repeat(text(&data).len() - 3),
    );
    assert_eq!(shown, expected);
}

/// What `config show` says of a setting.
fn setting(ashd: &Ashd, key: &str) -> serde_json::Value {
    let shown = ashd.prints(&["config", "show", key, "-o", "jsonl"]);
    serde_json::from_str(&shown).unwrap()
}

#[test]
fn a_configuration_is_read_again_and_a_wrong_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ash.toml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write("log = \"warn\"\n");
    let config = text(&path).to_owned();
    let ashd = Ashd::start_with(folder, &["--config", &config]);
    write("[sandbox]\nmax = 3\ntasks = 64\n");
    ashd.run(&["config", "reload"]).ends(
        0,
        "SETTING        BEFORE  NOW   IN FORCE\n\
         log            warn    info  now\n\
         sandbox.max    1000    3     now\n\
         sandbox.tasks  512     64    after `systemctl restart ashd`\n",
        "Read the configuration again\n",
    );
    let status = ashd.prints(&["status"]);
    assert!(status.contains("0 of at most 3 sandboxes"), "{status}");
    assert_eq!(setting(&ashd, "sandbox.max")["line"], 2);
    assert_eq!(setting(&ashd, "sandbox.tasks")["pending"], 64);

    write("[sandbox]\nmax = \"many\"\n");
    let refused = ashd.run(&["config", "reload"]);
    assert_eq!((refused.status, refused.stdout.as_str()), (9, ""), "{refused:?}");
    let why = format!("the configuration is not usable: {config}:2:7: ");
    assert!(refused.stderr.contains(&why), "{refused:?}");
    assert_eq!(setting(&ashd, "sandbox.max")["value"], 3);

    // A signal does it, too, and tells nobody but those who follow.
    write("[sandbox]\nmax = 5\n");
    let after = ashd.prints(&["events", "-o", "id"]).lines().last().unwrap().to_owned();
    let mut follower = ashd.ashctl(&["events", "-f", "--after", &after, "-o", "jsonl"]).start();
    kill(Pid::from_raw(ashd.child.id().try_into().unwrap()), Signal::SIGHUP).unwrap();
    let mut line = String::new();
    BufReader::new(follower.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    drop(follower.kill());
    drop(follower.wait());
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&event["event"], &event["changed"]),
        (&"config.reloaded".into(), &serde_json::json!(["sandbox.max"]))
    );
    assert_eq!(setting(&ashd, "sandbox.max")["value"], 5);
}

#[test]
fn another_key_in_its_file_opens_the_door_after_a_reload() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, "one").unwrap();
    let path = folder.path().join("ash.toml");
    std::fs::write(&path, format!("[api]\nkey_file = {key:?}\n")).unwrap();
    let config = text(&path).to_owned();
    let ashd = Ashd::start_with(folder, &["--config", &config]);
    // The environment wins over the file, and stays what it was.
    std::fs::write(&key, "two").unwrap();
    assert_eq!(ashd.prints(&["config", "reload", "-o", "id"]), "");
    let over_tcp = |key: &str| {
        let asked = Ashctl::new().env("ASH_API_KEY", key).env("ASH_SERVER_URL", &ashd.url);
        asked.args(["agent", "list"]).run().status
    };
    assert_eq!((over_tcp(KEY), over_tcp("two")), (0, 6));
}

#[test]
fn what_happens_is_told_in_its_order_and_of_one_session_alone() {
    let ashd = Ashd::start();
    let session = ashd.session();
    let other = ashd.prints(&["session", "create", "qa-bot", "-o", "id"]);
    ashd.run(&["send", &session, "[[say:one]]"]).succeeds("one\n");
    assert_eq!(ashd.run(&["send", &session, "[[crash]]"]).status, 8);
    ashd.prints(&["session", "stop", other.trim_end()]);
    ashd.prints(&["session", "end", &session]);
    let names = |arguments: &[&str]| -> Vec<String> {
        let told = ashd.prints(&[&["events", "-o", "jsonl"], arguments].concat());
        let event = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        let name = |line| event(line)["event"].as_str().unwrap().to_owned();
        told.lines().map(name).collect()
    };
    assert_eq!(
        names(&["--session", &session]),
        [
            "session.created",
            "turn.started",
            "turn.ended",
            "turn.started",
            "session.failed",
            "turn.ended",
            "session.ended"
        ]
    );
    let all = names(&[]);
    assert_eq!(all[..2], ["ashd.started", "agent.deployed"]);
    assert!(all.contains(&"session.stopped".to_owned()), "{all:?}");
    assert_eq!(names(&["-n", "1"]), ["session.ended"]);
    let events = ashd.prints(&["events", "-o", "json"]);
    let events: serde_json::Value = serde_json::from_str(&events).unwrap();
    let numbers: Vec<u64> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["number"].as_u64().unwrap())
        .collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[test]
fn a_drain_refuses_what_is_new_and_lets_run_what_runs() {
    let ashd = Ashd::start();
    let session = ashd.session();
    let child = send_and_see(&ashd, &session, "[[say:one\n]] [[delay:600000]] [[say:two]]");
    let top = ashd.prints(&["top", "-d", "0.2", "-o", "jsonl"]);
    assert!(top.contains("\"turnSince\""), "{top}");
    let timeout = ashd.run(&["drain", "--timeout", "0"]);
    assert_eq!(timeout.status, 1, "{timeout:?}");
    for refused in [
        &["session", "create", "qa-bot"][..],
        &["send", &session, "hi"],
        &["session", "fork", &session],
    ] {
        let said = ashd.run(refused);
        assert!(said.status == 1 && said.stderr.contains("this host is drained"), "{said:?}");
    }
    assert!(ashd.prints(&["status"]).contains("\ndrain "));
    let waiting = ashd.ashctl(&["drain"]).start();
    ashd.prints(&["interrupt", &session]);
    let drained = said(waiting);
    let (status, text) = (drained.status, drained.stdout.as_str());
    assert_eq!(
        (status, text),
        (0, "Drained: nothing new is taken, and no turn runs\n"),
        "{drained:?}"
    );
    assert_eq!(said(child).status, 8, "somebody else interrupted it");
    ashd.prints(&["drain", "--undo"]);
    ashd.run(&["send", &session, "[[say:again]]"]).succeeds("again\n");
    let told = ashd.prints(&["events", "-o", "jsonl"]);
    assert_eq!(told.matches("drain.started").count(), 1);
    assert_eq!(told.matches("drain.ended").count(), 1);
}

#[test]
fn who_attaches_sees_what_others_say() {
    let ashd = Ashd::start();
    let session = ashd.session();
    let mut follower = ashd.ashctl(&["attach", &session, "-o", "jsonl"]).start();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    // Whether the stream is open yet cannot be seen: messages are sent until one comes through.
    let (sender, came) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let found = lines.any(|line| line.unwrap().contains("user_message"));
        let _nobody_waits = sender.send(found);
    });
    let mut found = None;
    while found.is_none() {
        ashd.run(&["send", &session, "[[say:hi]]"]).succeeds("hi\n");
        found = came.try_recv().ok();
    }
    assert_eq!(found, Some(true));
    drop(follower.kill());
    drop(follower.wait());
}

#[test]
fn a_running_turn_is_interrupted() {
    let ashd = Ashd::start();
    let session = ashd.session();
    let child = send_and_see(&ashd, &session, "[[say:one\n]] [[delay:600000]] [[say:two]]");
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    let said = said(child);
    assert_eq!(said.status, 130, "{said:?}");
    ashd.run(&["send", &session, "[[say:still here]]"]).succeeds("still here\n");
}

#[test]
fn a_turn_that_crashes_fails() {
    let ashd = Ashd::start();
    let session = ashd.session();
    let said = ashd.run(&["send", &session, "[[crash]]"]);
    assert_eq!(said.status, 8, "{said:?}");
    assert!(said.stderr.contains("error: the turn failed: "), "{said:?}");
}

#[test]
fn a_daemon_that_dies_in_a_turn_is_a_lost_connection() {
    let mut ashd = Ashd::start();
    let session = ashd.session();
    let child = send_and_see(&ashd, &session, "[[say:one\n]] [[delay:600000]] [[say:two]]");
    ashd.child.kill().unwrap();
    let said = said(child);
    assert_eq!(said.status, 7, "{said:?}");
    assert!(said.stderr.contains("the turn goes on on the server"), "{said:?}");
    assert_eq!(ashd.run(&["status"]).status, 3);
}

#[test]
fn a_server_over_tcp_asks_for_its_key_even_in_the_middle_of_an_upload() {
    let ashd = Ashd::start();
    let folder = ashd.agent_folder();
    std::fs::write(folder.join("large.bin"), vec![7; 32 << 20]).unwrap();
    let over_tcp = |key: &str| {
        Ashctl::new().env("ASH_API_KEY", key).args([
            "deploy",
            text(&folder),
            "-q",
            "-o",
            "id",
            "--server",
            &ashd.url,
        ])
    };
    over_tcp("ash_wrong").run().ends(
        6,
        "",
        "error: Invalid API key\n\
         hint: give an API key with `--api-key-file FILE` or `ASH_API_KEY`\n",
    );
    over_tcp(KEY).run().succeeds("qa-bot\n");
}

#[test]
fn a_backup_that_is_made_during_a_turn_is_sound_and_restores() {
    let mut ashd = Ashd::start();
    let session = ashd.session();
    ashd.run(&["send", &session, "[[say:first]]"]).succeeds("first\n");
    let mut turn = send_and_see(&ashd, &session, "[[say:one\n]] [[delay:600000]] [[say:two]]");
    let copy = ashd.folder.path().join("copy.db");
    let said = ashd.prints(&["db", "backup", text(&copy)]);
    assert!(said.starts_with("Backed up the database to "), "{said}");
    assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let again = ashd.run(&["db", "backup", text(&copy)]);
    assert_eq!(again.status, 2, "{again:?}");
    let nowhere = ashd.run(&["db", "backup", text(&ashd.folder.path().join("no/where.db"))]);
    assert_eq!(nowhere.status, 1, "{nowhere:?}");
    for check in [vec!["db", "check"], vec!["db", "check", text(&copy)]] {
        let said = ashd.prints(&check);
        assert!(said.starts_with("The database is sound: schema "), "{said}");
    }
    let over_tcp = Ashctl::new().env("ASH_API_KEY", KEY);
    let stranger = over_tcp.args(["db", "backup", "x.db", "--server", &ashd.url]).run();
    assert_eq!(stranger.status, 6, "{stranger:?}");
    let left = std::fs::read_dir(ashd.folder.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_str().unwrap().contains("partial")), "{left:?}");

    ashd.child.kill().unwrap();
    ashd.child.wait().unwrap();
    turn.wait().unwrap();
    let database = ashd.folder.path().join("data/ash.db");
    for name in ["ash.db", "ash.db-wal", "ash.db-shm"] {
        drop(std::fs::remove_file(database.with_file_name(name)));
    }
    std::fs::copy(&copy, &database).unwrap();
    ashd.start_again();
    let messages = ashd.prints(&["session", "messages", &session]);
    assert!(messages.contains("\nfirst\n"), "{messages}");
    ashd.run(&["send", &session, "[[say:goes on]]"]).succeeds("goes on\n");
    assert!(ashd.prints(&["db", "check"]).starts_with("The database is sound: "));
}

#[test]
fn a_database_that_is_not_sound_is_told_with_what_to_do() {
    let ashd = Ashd::start();
    let session = ashd.session();
    ashd.run(&["send", &session, "[[say:first]]"]).succeeds("first\n");
    let copy = ashd.folder.path().join("copy.db");
    ashd.prints(&["db", "backup", text(&copy), "-q"]);
    let mut bytes = std::fs::read(&copy).unwrap();
    let half = bytes.len() / 2;
    bytes.truncate(half);
    std::fs::write(&copy, bytes).unwrap();
    let said = ashd.run(&["db", "check", text(&copy)]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.stdout.contains("put the last good backup in its place"), "{said:?}");
    let said = ashd.run(&["db", "check", text(&ashd.folder.path().join("missing.db"))]);
    assert_eq!(said.status, 1, "{said:?}");
}
