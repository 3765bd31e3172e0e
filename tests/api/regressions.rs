//! The original Ash was tried out, and these of its defects were seen on the paths of sessions, turns
//! and files. Each has a test under its number, also in `doors`, `pool` and `jobs`; those that need real
//! sandboxes are in `tests/faults` (8, 17 and 22) and `tests/real` (14). What each is about is tested further
//! in the files of its subject.

use std::io::{Read as _, Write as _};

use serde_json::{Value, json};

use crate::server::{Event, KEY, Server, command, eventually};

fn verb(server: &Server, session: &str, verb: &str) -> Value {
    let answer = server.send("POST", &format!("/api/sessions/{session}/{verb}"), &[], b"");
    assert!([200, 201].contains(&answer.status), "{verb}: {answer:?}");
    answer.body["session"].clone()
}

fn write(server: &Server, session: &str, path: &str, content: &str) {
    let input = json!({ "file_path": path, "content": content });
    server.say(session, &format!("[[tool:Write:{input}]]"));
}

fn read(server: &Server, session: &str, path: &str) -> Value {
    let answer = server.get(&format!("/api/sessions/{session}/files/{path}?format=json"));
    answer.body["content"].clone()
}

fn results(events: &[Event]) -> Vec<&str> {
    let complete = events.iter().filter(|event| event.name == "turn_complete");
    complete.map(|event| event.data["result"].as_str().unwrap()).collect()
}

fn ends(events: &[Event]) -> usize {
    events.iter().filter(|event| event.name == "done").count()
}

/// They were gone, and the good copy was overwritten with the empty one.
#[test]
fn w03_a_cold_resume_has_the_files_and_so_has_the_one_after_it() {
    let server = Server::start();
    let session = server.session();
    write(&server, &session, "kept.txt", "plum");
    for _ in 0..2 {
        verb(&server, &session, "stop");
        verb(&server, &session, "resume");
        assert_eq!(read(&server, &session, "kept.txt"), "plum");
        server.say(&session, "[[say:one more turn]]");
    }
}

/// The flag to resume was in the memory of the bridge that was ended.
#[test]
fn w04_a_cold_resume_knows_the_conversation() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "Remember the word plum.");
    verb(&server, &session, "stop");
    let server = Server::start_in(server.kill(), &[]);
    verb(&server, &session, "resume");
    assert!(server.say(&session, "[[recall]]").contains("plum"));
}

/// They were those of a new session.
#[test]
fn w05_a_cold_resume_has_variables_mode_model_and_prompt() {
    let server = Server::start();
    server.deploy("tester");
    let session = server.session_of(&json!({
        "agent": "tester", "model": "haiku", "systemPrompt": "Speak like a pirate.",
        "permissionMode": "default", "extraEnv": { "USER_TOKEN": "t0ken" },
    }));
    let has_all = |server: &Server| {
        let options = server.say(&session, "[[options]]");
        for word in ["haiku", "pirate", "--permission-mode=default", "USER_TOKEN"] {
            assert!(options.contains(word), "{word} in {options}");
        }
    };
    has_all(&server);
    verb(&server, &session, "stop");
    has_all(&Server::start_in(server.kill(), &[]));
}

/// Neither came along, only the rows of messages.
#[test]
fn w06_a_fork_has_the_files_and_the_conversation() {
    let server = Server::start();
    let parent = server.session();
    server.say(&parent, "Remember the word plum.");
    write(&server, &parent, "kept.txt", "plum");
    let child = verb(&server, &parent, "fork")["id"].as_str().unwrap().to_owned();
    assert_eq!(read(&server, &child, "kept.txt"), "plum");
    assert!(server.say(&child, "[[recall]]").contains("plum"));
}

/// Both streams had both answers, and ended at the first `done`.
#[test]
fn w07_two_messages_at_once_have_each_their_own_answer() {
    let server = Server::start();
    let session = server.session();
    std::thread::scope(|scope| {
        let talks = ["one", "two", "three"].map(|text| {
            let body = json!({ "content": format!("[[chunks:5:20]][[say:{text}]]") });
            let (server, session) = (&server, &session);
            (text, scope.spawn(move || server.turn(session, &body)))
        });
        for (text, talk) in talks {
            let events = talk.join().unwrap();
            assert_eq!((results(&events), ends(&events)), (vec![text], 1), "{events:?}");
            assert_eq!(events.last().unwrap().name, "done");
        }
    });
}

/// The end of one command was taken for that of another, or of the turn.
#[test]
fn w09_commands_beside_each_other_and_beside_a_turn_end_each_for_itself() {
    let server = Server::start();
    let session = server.session();
    let mut turn = server.stream(&session, &json!({ "content": "[[hang]]" }));
    assert_eq!(turn.next().unwrap().name, "session_start");
    std::thread::scope(|scope| {
        let commands: Vec<_> = (0..4)
            .map(|number| {
                let body = json!({ "command": format!("echo {number}; exit {number}") });
                let (server, path) = (&server, format!("/api/sessions/{session}/exec"));
                (number, scope.spawn(move || server.post(&path, &body)))
            })
            .collect();
        for (number, command) in commands {
            let said = command.join().unwrap();
            let body = &said.body;
            assert_eq!(body["stdout"], format!("{number}\n"), "{said:?}");
            assert_eq!(body["exitCode"], number, "{said:?}");
        }
    });
    let shown = server.get(&format!("/api/sessions/{session}")).body;
    assert_eq!(shown["session"]["busy"], true, "the turn goes on");
    verb(&server, &session, "interrupt");
    assert_eq!(ends(&turn.collect::<Vec<_>>()), 1);
}

/// A text became a list of one text, and one block was refused.
#[test]
fn w15_a_text_stays_a_text_and_one_block_is_taken() {
    let server = Server::start();
    let session = server.session();
    let block = json!({ "type": "text", "text": "hello" });
    for content in [json!("hello"), block.clone(), json!([block]), json!([block, block])] {
        let sent = server
            .post(&format!("/api/sessions/{session}/messages"), &json!({ "content": content }));
        assert_eq!(sent.status, 200, "{content}: {sent:?}");
    }
    let listed = server.get(&format!("/api/sessions/{session}/messages?limit=100")).body;
    let users = listed["messages"].as_array().unwrap().iter();
    let said: Vec<Value> = users
        .filter(|message| message["role"] == "user")
        .map(|message| {
            let stored: Value = serde_json::from_str(message["content"].as_str().unwrap()).unwrap();
            stored["content"].clone()
        })
        .collect();
    assert_eq!(said[0], "hello");
    assert!(said.iter().skip(1).all(|content| *content != "hello"), "{said:?}");
}

/// A character whose bytes came in two pieces became two others.
#[test]
fn w16_a_character_that_a_socket_cuts_arrives_whole() {
    let server = Server::start();
    let session = server.session();
    // Odd lengths: wherever a buffer ends, it ends within a character sooner or later.
    let text = format!("x{}", "🦀ä€".repeat(30_000));
    let body = json!({ "content": format!("[[say:{text}]]") }).to_string();
    let mut raw = server.connect();
    let head = format!(
        "POST /api/sessions/{session}/messages HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    raw.write_all(head.as_bytes()).unwrap();
    raw.set_nodelay(true).unwrap();
    for piece in body.as_bytes().chunks(4_093) {
        raw.write_all(piece).unwrap();
    }
    let mut said = Vec::new();
    raw.read_to_end(&mut said).unwrap();
    assert!(said.starts_with(b"HTTP/1.1 200"));
    let mut events = server.watch(&session, "?after=0&until=done", &[]);
    let complete = events.find(|event| event.name == "turn_complete").unwrap();
    assert!(complete.data["result"] == text.as_str(), "the answer is another text");
    let stored = server.get(&format!("/api/sessions/{session}/messages?limit=10")).body;
    assert!(!stored.to_string().contains('\u{fffd}'), "a character was replaced");
}

/// The turn went on and nobody could have it; a new message ran beside it.
#[test]
fn w18_a_turn_goes_on_without_its_client_and_the_next_message_waits() {
    let server = Server::start();
    let session = server.session();
    let body = json!({ "content": "[[chunks:10:60]][[say:the whole answer]]" });
    let (turn, mut stream) = server.stream_of(&session, &body, &[]);
    stream.next();
    drop(stream);
    let next = server.turn(&session, &json!({ "content": "[[say:next]]" }));
    assert_eq!((results(&next), ends(&next)), (vec!["next"], 1));
    let before: Vec<Event> = server.watch(&session, &format!("?turn={turn}"), &[]).collect();
    assert_eq!(results(&before), ["the whole answer"]);
    assert!(before.last().unwrap().id < next[0].id, "they ran beside each other");
}

/// A second server on the same data broke the sessions of the first.
#[test]
fn w23_a_second_ashd_on_the_same_data_is_refused_and_the_first_goes_on() {
    let server = Server::start();
    let session = server.session();
    let second = command(server.folder.path(), &[]).output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("already") || said.contains("another"), "{said}");
    assert_eq!(server.say(&session, "[[say:undisturbed]]"), "undisturbed");
}

/// They stayed for ever.
#[test]
fn w24_the_files_of_an_ended_session_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("ash.toml");
    std::fs::write(&config, "[sessions]\nkeep_ended_hours = 0\n").unwrap();
    let mut command = command(folder.path(), &[]);
    command.arg("--config").arg(config);
    let server = Server::run(folder, command);
    let session = server.session();
    let sessions = server.folder.path().join("data/sessions");
    assert!(sessions.join(&session).exists());
    assert_eq!(server.delete(&format!("/api/sessions/{session}")).status, 200);
    eventually("that nothing is left", || std::fs::read_dir(&sessions).unwrap().next().is_none());
}

/// It was still there, and sandboxes that were ready served the old version.
#[test]
fn w25_what_a_redeploy_leaves_out_is_in_no_new_session() {
    use base64::Engine as _;
    let server = Server::start();
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let deploy = |files: &[(&str, &str)]| {
        let files: Vec<Value> = files
            .iter()
            .map(|(path, text)| json!({ "path": path, "content": encoded(text) }))
            .collect();
        let body = json!({ "name": "qa", "files": files });
        assert_eq!(server.post("/api/agents", &body).status, 201);
    };
    deploy(&[("CLAUDE.md", "one"), ("secretA.txt", "a")]);
    let before = server.session_of(&json!({ "agent": "qa" }));
    deploy(&[("CLAUDE.md", "two")]);
    let after = server.session_of(&json!({ "agent": "qa" }));
    assert_eq!(read(&server, &after, "CLAUDE.md"), "two");
    assert_eq!(server.get(&format!("/api/sessions/{after}/files/secretA.txt")).status, 404);
    assert_eq!(read(&server, &before, "secretA.txt"), "a", "a session keeps its version");
}
