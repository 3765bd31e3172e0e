//! `ashctl chat`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};

use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::{Ashctl, ashctl};
use crate::scripted::{Reply, Scripted, Step, event, json};
use crate::sessions::{ONE, session};

const SAID: &str =
    r#"{"type":"assistant","message":{"content":[{"type":"text","text":"Hello there"}]}}"#;
const ABORTED: &str = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_streaming"}"#;

/// A server with one agent and one session. A message with `wait` in it is answered when it is
/// interrupted.
fn server() -> Scripted {
    Scripted::new(|seen| {
        if seen.line.ends_with("/interrupt") {
            return json(r#"{"turnId":"0198c8a0-1111-4111-8111-111111111111"}"#);
        }
        if !seen.line.ends_with("/messages") {
            return json(format!(r#"{{"session":{}}}"#, session(ONE)));
        }
        if seen.json()["content"].as_str().unwrap().contains("wait") {
            return Reply::Events(vec![
                event("text_delta", r#"{"delta":"Working"}"#),
                Step::Until("POST /api/sessions/67e55044-10b1-426f-9247-bb680e5fe0c8/interrupt"),
                event("message", ABORTED),
                event("done", "{}"),
            ]);
        }
        Reply::Events(vec![event("message", SAID), event("done", "{}")])
    })
}

#[test]
fn one_message_makes_a_session_and_prints_the_answer() {
    let server = server();
    ashctl(&server, ["chat", "qa-bot", "Hi"]).ends(
        0,
        "Hello there\n",
        &format!("Session: {ONE}\n"),
    );
    assert_eq!(
        server.lines(),
        ["POST /api/sessions".to_owned(), format!("POST /api/sessions/{ONE}/messages")]
    );
    assert_eq!(server.seen()[0].json()["agent"], "qa-bot");
}

#[test]
fn a_session_can_be_ended_afterwards() {
    let server = server();
    ashctl(&server, ["chat", "qa-bot", "Hi", "--end"]).ends(
        0,
        "Hello there\n",
        &format!("Session: {ONE}\nEnded the session\n"),
    );
    assert_eq!(server.lines().last().unwrap(), &format!("DELETE /api/sessions/{ONE}"));
}

#[test]
fn a_conversation_can_go_on_in_its_session() {
    let server = server();
    ashctl(&server, ["chat", "qa-bot", "--session", ONE, "Hi", "-q"]).succeeds("Hello there\n");
    assert!(!server.lines().contains(&"POST /api/sessions".to_owned()));
    ashctl(&server, ["chat", "other", "--session", ONE, "Hi"]).ends(
        2,
        "",
        &format!("error: session {ONE} is one of agent \"qa-bot\", not \"other\"\n"),
    );
}

#[test]
fn without_a_terminal_a_message_is_needed() {
    let server = server();
    ashctl(&server, ["chat", "qa-bot"]).ends(
        2,
        "",
        "error: without a terminal, a message is needed\n\
         hint: `ashctl chat qa-bot -` reads it from the standard input\n",
    );
    assert_eq!(server.lines().len(), 0);
}

/// A person at a terminal.
struct Person {
    child: Child,
    terminal: File,
    /// What the terminal showed and nobody looked at yet.
    shown: String,
}

impl Person {
    fn chats(mut ashctl: Ashctl) -> Self {
        let terminal = openpty(None, None).unwrap();
        let slave = || Stdio::from(terminal.slave.try_clone().unwrap());
        ashctl.command.env("TERM", "xterm").stdin(slave()).stdout(slave()).stderr(slave());
        let child = ashctl.command.spawn().unwrap();
        Self { child, terminal: File::from(terminal.master), shown: String::new() }
    }

    /// Looks until `text` is shown, and tells what was shown before it.
    fn sees(&mut self, text: &str) -> String {
        let mut chunk = [0; 4096];
        loop {
            if let Some((before, behind)) = self.shown.split_once(text) {
                let before = before.to_owned();
                self.shown = behind.to_owned();
                return before;
            }
            match self.terminal.read(&mut chunk) {
                Ok(bytes @ 1..) => self.shown += &String::from_utf8_lossy(&chunk[..bytes]),
                end => panic!("no `{text}` in {:?}: {end:?}", self.shown),
            }
        }
    }

    fn types(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }
}

#[test]
fn a_conversation_is_held_in_a_terminal() {
    let server = server();
    let home = tempfile::tempdir().unwrap();
    let ashctl = Ashctl::new()
        .server(&server)
        .env("HOME", home.path().to_str().unwrap())
        .args(["chat", "qa-bot", "--end"]);
    let mut person = Person::chats(ashctl);
    person.sees(&format!("Session: {ONE}"));
    person.sees("qa-bot> ");
    person.types("Hi\r");
    person.sees("Hello there");

    // ^C at the prompt ends nothing.
    person.sees("qa-bot> ");
    person.types("half a li\x03");
    person.sees("^D ends the conversation");

    // ^C in a turn interrupts it, and the conversation goes on.
    person.sees("qa-bot> ");
    person.types("wait\r");
    person.sees("Working");
    kill(Pid::from_raw(person.child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    person.sees("interrupting the turn");
    person.sees("the turn was interrupted");
    person.sees("qa-bot> ");
    person.types(" secret\r");
    person.sees("Hello there");

    person.sees("qa-bot> ");
    person.types("\x04");
    person.sees("Ended the session");
    assert!(person.child.wait().unwrap().success());

    let said: Vec<String> = server
        .seen()
        .iter()
        .filter(|seen| seen.line.ends_with("/messages"))
        .map(|seen| seen.json()["content"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(said, ["Hi", "wait", " secret"]);
    let history = home.path().join(".local/state/ash/chat-history");
    let lines = std::fs::read_to_string(&history).unwrap();
    assert!(lines.contains("Hi\nwait\n") && !lines.contains("secret"), "{lines}");
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&history), mode(history.parent().unwrap())), (0o600, 0o700));
}

const ASKS: &str = r#"{"permissionId":"0198c8a0-2222-4222-8222-222222222222","sessionId":"67e55044-10b1-426f-9247-bb680e5fe0c8","turnId":null,"toolName":"Write","input":{"file_path":"x"},"suggestions":[{"type":"setMode"}],"createdAt":"2026-11-22T10:00:00.000Z","expiresAt":null,"onTimeout":null,"requestId":"q"}"#;

/// A turn that asks for a permission, and goes on when it is answered.
fn asking() -> Scripted {
    Scripted::new(|seen| {
        if seen.line.contains("/permissions/") {
            return json(
                r#"{"permissionId":"0198c8a0-2222-4222-8222-222222222222","behavior":"allow"}"#,
            );
        }
        if !seen.line.ends_with("/messages") {
            return json(format!(r#"{{"session":{}}}"#, session(ONE)));
        }
        Reply::Events(vec![
            event("permission_request", ASKS),
            Step::Until(
                "POST /api/sessions/67e55044-10b1-426f-9247-bb680e5fe0c8/permissions/0198c8a0-2222-4222-8222-222222222222",
            ),
            event(
                "permission_resolved",
                r#"{"permissionId":"0198c8a0-2222-4222-8222-222222222222","behavior":"allow","by":"client"}"#,
            ),
            event("message", SAID),
            event("done", "{}"),
        ])
    })
}

#[test]
fn a_permission_is_asked_for_in_the_terminal() {
    for (keys, expected) in [
        ("y\r", r#"{"behavior":"allow","interrupt":false,"remember":false}"#),
        ("what?\ra\r", r#"{"behavior":"allow","interrupt":false,"remember":true}"#),
        ("s\r", r#"{"behavior":"deny","interrupt":true,"remember":false}"#),
    ] {
        let server = asking();
        let ashctl = Ashctl::new().server(&server).args(["chat", "qa-bot", "--ask-permissions"]);
        let mut person = Person::chats(ashctl);
        person.sees("qa-bot> ");
        person.types("Hi\r");
        person.sees(r#"permission: Write {"file_path":"x"}"#);
        person.sees("[a]lways in this session");
        person.types(keys);
        person.sees("Hello there");
        person.sees("qa-bot> ");
        person.types("\x04");
        assert!(person.child.wait().unwrap().success());
        let seen = server.seen();
        let said = seen.iter().find(|seen| seen.line.contains("/permissions/")).unwrap();
        assert_eq!(said.json().to_string(), expected);
        assert_eq!(seen[0].json()["askPermissions"], true);
    }
}

#[test]
fn without_a_terminal_it_is_said_how_to_answer_a_permission() {
    let server = asking();
    let waiting = std::thread::scope(|scope| {
        let chat = scope.spawn(|| ashctl(&server, ["chat", "qa-bot", "Hi"]));
        while !server.lines().iter().any(|line| line.ends_with("/messages")) {
            std::thread::yield_now();
        }
        let answered =
            ashctl(&server, ["session", "allow", ONE, "0198c8a0-2222-4222-8222-222222222222"]);
        answered.ends(0, "Allowed\n", "");
        chat.join().unwrap()
    });
    waiting.ends(
        0,
        "Hello there\n",
        &format!(
            "Session: {ONE}\npermission: Write {{\"file_path\":\"x\"}}\nit waits: `ashctl session allow {ONE} 0198c8a0-2222-4222-8222-222222222222`, or `deny`\n"
        ),
    );
}

#[test]
fn a_conversation_ends_when_the_server_is_gone() {
    let server = Scripted::new(|seen| {
        if seen.line.ends_with("/messages") {
            Reply::Events(vec![event("text_delta", r#"{"delta":"Hel"}"#), Step::Cut])
        } else {
            json(format!(r#"{{"session":{}}}"#, session(ONE)))
        }
    });
    let mut person = Person::chats(Ashctl::new().server(&server).args(["chat", "qa-bot"]));
    person.sees("qa-bot> ");
    person.types("Hi\r");
    person.sees("was lost");
    person.sees("the turn goes on on the server");
    assert_eq!(person.child.wait().unwrap().code(), Some(7));
}
