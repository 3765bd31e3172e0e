//! Sessions that leave the host and come back, here and elsewhere.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::server::{Answer, Server, command, eventually};

/// What no object may show.
const SECRET: &str = "hunter2-and-nobody-else";

fn verb(server: &Server, session: &str, verb: &str) -> Answer {
    server.send("POST", &format!("/api/sessions/{session}/{verb}"), &[], b"")
}

fn done(server: &Server, session: &str, what: &str) -> Value {
    let answer = verb(server, session, what);
    assert_eq!(answer.status, 200, "{what}: {answer:?}");
    answer.body["session"].clone()
}

fn shown(server: &Server, session: &str) -> Value {
    server.get(&format!("/api/sessions/{session}")).body["session"].clone()
}

fn history(server: &Server, session: &str) -> Value {
    let mut events = server.get(&format!("/api/sessions/{session}/messages?limit=1000")).body;
    events["messages"].take()
}

/// A daemon whose configuration has `more` in it, with the data in `folder`.
fn configured(folder: tempfile::TempDir, more: &str) -> Server {
    let file = folder.path().join("ash.toml");
    std::fs::write(&file, more).unwrap();
    let mut command = command(folder.path(), &[]);
    command.arg("--config").arg(&file);
    Server::run(folder, command)
}

fn workspace(data: &Path, session: &str) -> PathBuf {
    data.join("sessions").join(session).join("workspace")
}

/// Where the daemon keeps its data.
fn data(server: &Server) -> PathBuf {
    server.folder.path().join("data")
}

fn objects(archive: &Path, session: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = archive.join("default").join(session);
    let Ok(entries) = std::fs::read_dir(folder) else { return BTreeMap::new() };
    let read = |path: PathBuf| {
        (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap())
    };
    entries.map(|entry| read(entry.unwrap().path())).collect()
}

/// A session with a secret in its options, some talk and a file.
fn session(server: &Server) -> String {
    server.deploy("qa-bot");
    let session = server.session_of(&json!({
        "agent": "qa-bot",
        "model": "opus",
        "systemPrompt": "Be brief.",
        "extraEnv": { "TOKEN": SECRET },
        "mcpServers": { "files": { "command": "server", "env": { "KEY": SECRET } } },
    }));
    server.say(&session, "My name is Ada.");
    std::fs::write(workspace(&data(server), &session).join("note.txt"), "by hand").unwrap();
    session
}

#[test]
fn an_archived_session_has_no_files_here_and_comes_back_with_its_next_message() {
    let server = Server::start();
    let session = session(&server);
    let archived = done(&server, &session, "archive");
    assert_eq!(archived["tier"], "archived");
    assert_eq!(archived["archive"]["away"], true);
    assert!(archived["archive"]["bytes"].as_u64().unwrap() > 100, "{archived}");
    assert!(!workspace(&data(&server), &session).exists());
    let listed = server.get("/api/sessions").body;
    assert_eq!(listed["sessions"][0]["tier"], "archived");
    assert_eq!(history(&server, &session).as_array().unwrap()[0]["role"], "user");
    for (name, bytes) in objects(&data(&server).join("archive"), &session) {
        let shows = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(!shows(SECRET) && !shows("Ada") && !shows("by hand"), "{name}");
    }
    // Twice is once.
    assert_eq!(done(&server, &session, "archive")["tier"], "archived");

    let answer = server.say(&session, "[[recall]]");
    assert!(answer.contains("My name is Ada."), "{answer}");
    let note = workspace(&data(&server), &session).join("note.txt");
    assert_eq!(std::fs::read_to_string(note).unwrap(), "by hand");
    assert_eq!(shown(&server, &session)["archive"]["away"], false);
    let events = server.get(&format!("/api/sessions/{session}/events?type=lifecycle")).body;
    let events = events.to_string();
    assert!(events.contains("archived") && events.contains("restored"), "{events}");
}

#[test]
fn what_did_not_change_is_not_moved_again() {
    let server = Server::start();
    let session = session(&server);
    let archive = data(&server).join("archive");
    assert_eq!(done(&server, &session, "archive?keep=true")["archive"]["away"], false);
    assert!(workspace(&data(&server), &session).join("note.txt").exists());
    let first = objects(&archive, &session);
    assert_eq!(first.len(), 3);
    done(&server, &session, "archive?keep=true");
    assert!(objects(&archive, &session) == first, "nothing was written");
    let name = |objects: &BTreeMap<String, Vec<u8>>, kind: &str| {
        objects.keys().find(|name| name.starts_with(kind)).unwrap().clone()
    };
    server.say(&session, "Something else.");
    done(&server, &session, "archive?keep=true");
    let second = objects(&archive, &session);
    assert_ne!(name(&second, "log-"), name(&first, "log-"));
    std::fs::write(workspace(&data(&server), &session).join("note.txt"), "by foot").unwrap();
    done(&server, &session, "archive?keep=true");
    let third = objects(&archive, &session);
    assert_ne!(name(&third, "files-"), name(&second, "files-"));
    assert_eq!(name(&third, "log-"), name(&second, "log-"), "nothing was said");
    assert_eq!(third.len(), 3, "the older ones are gone");
}

#[test]
fn a_session_goes_on_on_another_host() {
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("archive");
    let key = place.path().join("key");
    std::fs::write(&key, "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n").unwrap();
    let both = format!("[archive]\nurl = {archive:?}\nkey_file = {key:?}\n");
    let one = configured(tempfile::tempdir().unwrap(), &both);
    let session = session(&one);
    let before = shown(&one, &session);
    done(&one, &session, "archive");
    let said = history(&one, &session);
    drop(one);

    let stranger =
        configured(tempfile::tempdir().unwrap(), &format!("[archive]\nurl = {archive:?}\n"));
    let refused = verb(&stranger, &session, "restore");
    assert_eq!((refused.status, &refused.body["code"]), (503, &json!("archive_failed")));
    assert!(refused.body["hint"].as_str().unwrap().contains("archive.key_file"), "{refused:?}");
    assert_eq!(stranger.get(&format!("/api/sessions/{session}")).status, 404);
    drop(stranger);

    let other = configured(tempfile::tempdir().unwrap(), &both);
    let restored = done(&other, &session, "restore");
    assert_eq!(restored["status"], "stopped");
    assert_eq!(history(&other, &session), said);
    for member in ["config", "model", "agentName", "agentVersion", "createdAt"] {
        assert_eq!(restored[member], before[member], "{member}");
    }
    let note = workspace(&data(&other), &session).join("note.txt");
    assert_eq!(std::fs::read_to_string(note).unwrap(), "by hand");
    let answer = other.say(&session, "[[recall]]");
    assert!(answer.contains("My name is Ada."), "{answer}");
    let options = other.say(&session, "[[options]]");
    assert!(options.contains("opus") && options.contains("Be brief."), "{options}");
    // What is here is not written over.
    let again = verb(&other, &session, "restore");
    assert_eq!((again.status, &again.body["code"]), (400, &json!("session_state")));
    let nobody = verb(&other, "0198c8a0-1111-4111-8111-111111111111", "restore");
    assert_eq!((nobody.status, &nobody.body["code"]), (404, &json!("session_not_found")));
}

#[test]
fn a_damaged_snapshot_is_refused_and_nothing_is_changed() {
    let server = Server::start();
    let session = session(&server);
    done(&server, &session, "archive");
    let folder = data(&server).join("archive/default").join(&session);
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.into_iter().find(|path| path.to_str().unwrap().contains("files-")).unwrap();
    let whole = std::fs::read(&files).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&files, damaged).unwrap();
    let refused = verb(&server, &session, "restore");
    assert_eq!((refused.status, &refused.body["code"]), (503, &json!("archive_failed")));
    assert!(refused.body["error"].as_str().unwrap().contains("damaged"), "{refused:?}");
    assert!(!data(&server).join("sessions").join(&session).exists());
    assert_eq!(shown(&server, &session)["tier"], "archived");
    // A message says it, too, and is not lost: its turn ends.
    let events = server.turn(&session, &json!({ "content": "hello" }));
    assert_eq!(events.last().unwrap().name, "done");
    assert!(events.iter().any(|event| event.name == "error"), "{events:?}");
    std::fs::write(&files, whole).unwrap();
    let answer = server.say(&session, "[[recall]]");
    assert!(answer.contains("My name is Ada."), "{answer}");
}

#[test]
fn a_message_does_not_wait_for_an_archive() {
    let server = Server::start();
    let session = session(&server);
    // Enough to be busy for a while.
    let mut bytes = vec![0_u8; 64 << 20];
    let mut state = 88_172_645_463_325_252_u64;
    for chunk in bytes.chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        chunk.copy_from_slice(&state.to_le_bytes());
    }
    for name in ["one", "two", "three"] {
        std::fs::write(workspace(&data(&server), &session).join(name), &bytes).unwrap();
    }
    let archive = data(&server).join("archive");
    std::thread::scope(|scope| {
        let archiving = scope.spawn(|| verb(&server, &session, "archive?keep=true"));
        let folder = archive.join("default").join(&session);
        eventually("the archive is being written", || folder.exists());
        let answer = server.say(&session, "[[recall]]");
        assert!(answer.contains("My name is Ada."), "{answer}");
        let refused = archiving.join().unwrap();
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!("session_busy")));
    });
    assert!(shown(&server, &session).get("archive").is_none());
    done(&server, &session, "archive?keep=true");
    assert_eq!(objects(&archive, &session).len(), 3);
}

#[test]
fn whenever_ashd_is_killed_the_old_or_the_new_is_there() {
    let mut server = Server::start();
    let session = session(&server);
    let bytes = vec![7_u8; 8 << 20];
    std::fs::write(workspace(&data(&server), &session).join("large"), &bytes).unwrap();
    for round in 0..14_u64 {
        let request = format!("/api/sessions/{session}/archive");
        let mut connection = server.connect();
        let head = format!(
            "POST {request} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 0\r\n\r\n",
            crate::server::KEY
        );
        std::io::Write::write_all(&mut connection, head.as_bytes()).unwrap();
        // At another point each time; which, is the machine's to say.
        std::thread::park_timeout(std::time::Duration::from_millis(round * 9));
        let folder = server.kill();
        drop(connection);
        server = Server::start_in(folder, &[]);
        let answer = server.say(&session, "[[recall]]");
        assert!(answer.contains("My name is Ada."), "{round}: {answer}");
        let folder = workspace(&data(&server), &session);
        assert_eq!(std::fs::read_to_string(folder.join("note.txt")).unwrap(), "by hand");
        assert!(std::fs::read(folder.join("large")).unwrap() == bytes, "{round}");
        // And while it comes back.
        done(&server, &session, "archive");
        let mut connection = server.connect();
        let head = head.replace("/archive ", "/restore ");
        std::io::Write::write_all(&mut connection, head.as_bytes()).unwrap();
        std::thread::park_timeout(std::time::Duration::from_millis(round * 5));
        let folder = server.kill();
        server = Server::start_in(folder, &[]);
        let shown = shown(&server, &session);
        assert_ne!(shown["tier"], "hot", "{shown}");
        let answer = server.say(&session, "[[recall]]");
        assert!(answer.contains("My name is Ada."), "{round}: {answer}");
        assert!(std::fs::read(workspace(&data(&server), &session).join("large")).unwrap() == bytes);
    }
    done(&server, &session, "archive");
    assert_eq!(objects(&data(&server).join("archive"), &session).len(), 3, "nothing else is left");
}

/// A snapshot of the first format, with the key that it is sealed with.
const VERSION_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/archive/v1");

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy_folder(&path, &target) } else { drop(std::fs::copy(path, target)) }
    }
}

#[test]
fn a_snapshot_of_format_1_loads_for_ever() {
    let place = tempfile::tempdir().unwrap();
    copy_folder(Path::new(VERSION_1), place.path());
    let folder = place.path().join("archive");
    let key = place.path().join("key");
    let server = configured(
        tempfile::tempdir().unwrap(),
        &format!("[archive]\nurl = {folder:?}\nkey_file = {key:?}\n"),
    );
    let sessions = std::fs::read_dir(folder.join("default")).unwrap();
    let session = sessions.into_iter().next().unwrap().unwrap().file_name();
    let session = session.to_str().unwrap();
    let restored = done(&server, session, "restore");
    assert_eq!((&restored["status"], &restored["model"]), (&json!("stopped"), &json!("opus")));
    assert_eq!(restored["config"]["extraEnv"], json!(["TOKEN"]));
    let note = workspace(&data(&server), session).join("note.txt");
    assert_eq!(std::fs::read_to_string(note).unwrap(), "by hand");
    let answer = server.say(session, "[[recall]]");
    assert!(answer.contains("My name is Ada."), "{answer}");
}

#[test]
#[ignore = "writes the fixture of a new format of snapshots"]
fn record_this_format() {
    let to = Path::new(VERSION_1);
    assert!(!to.exists(), "a fixture is never made anew");
    std::fs::create_dir_all(to).unwrap();
    let key = to.join("key");
    std::fs::write(&key, "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=\n").unwrap();
    let folder = to.join("archive");
    let server = configured(
        tempfile::tempdir().unwrap(),
        &format!("[archive]\nurl = {folder:?}\nkey_file = {key:?}\n"),
    );
    let session = session(&server);
    done(&server, &session, "archive");
}
