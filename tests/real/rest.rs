//! A session that rests costs no processor time, and comes back exactly as it was.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::options::MCP_SERVER;
use crate::processes;
use crate::server::eventually;
use crate::world::{FOREVER, World, bash, named};

fn verb(world: &World, session: &str, verb: &str) -> Value {
    let answer = world.send("POST", &format!("/api/sessions/{session}/{verb}"), &[], b"");
    assert_eq!(answer.status, 200, "{verb}: {answer:?}");
    answer.body["session"].clone()
}

fn becomes(world: &World, session: &str, tier: &str) {
    eventually(tier, || world.state(session)["tier"] == tier);
}

#[test]
fn a_paused_session_keeps_its_processes_and_none_of_them_runs() {
    let Some(mut world) = World::start() else { return };
    let session = world.session();
    world.say(&session, "My name is Ada.");
    // Something of the agent's own that would run for ever.
    world.bash(&session, "(while :; do :; done) >/dev/null 2>&1 & disown");
    let cli = world.cli();
    let bridge = world.bridge();
    assert_eq!(verb(&world, &session, "pause")["status"], "paused");
    becomes(&world, &session, "frozen");
    let frozen: Vec<_> = {
        let mut inside = world.processes();
        // bwrap outside and the bridge inside only wait.
        inside.retain(|process| process.is_below(&bridge));
        inside
    };
    assert!(frozen.len() >= 2, "{frozen:#?}");
    eventually("that all are stopped", || frozen.iter().all(processes::Process::is_stopped));
    let used: Vec<u64> = frozen.iter().map(processes::Process::ticks).collect();
    // Also in the eyes of the next ashd.
    world.crash(|_| {});
    assert_eq!(world.state(&session)["status"], "paused");
    becomes(&world, &session, "frozen");
    let later: Vec<u64> = frozen.iter().map(processes::Process::ticks).collect();
    assert_eq!(later, used, "processor time of frozen processes");
    assert_eq!(verb(&world, &session, "resume")["tier"], "hot");
    let answer = world.say(&session, "[[recall]]");
    assert!(answer.contains("My name is Ada."), "{answer}");
    assert_eq!(world.state(&session)["status"], "active");
    assert_eq!(world.bridge(), bridge, "the same sandbox");
    drop(cli);
    world.end();
}

#[test]
fn a_paused_session_can_be_ended_and_stopped_processes_with_it() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    world.say(&session, "one");
    verb(&world, &session, "pause");
    becomes(&world, &session, "frozen");
    world.end();
}

#[test]
fn a_resume_starts_the_cli_before_a_message_comes() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    world.say(&session, "My name is Ada.");
    assert_eq!(verb(&world, &session, "stop")["tier"], "hibernated");
    assert!(world.processes().is_empty(), "{:#?}", world.processes());
    assert_eq!(verb(&world, &session, "resume")["tier"], "hot");
    eventually("the CLI", || world.clis().len() == 1);
    let cli = world.cli();
    assert!(cli.command.contains(&format!("--resume={session}")), "{cli:?}");
    let answer = world.say(&session, "[[recall]]");
    assert!(answer.contains("My name is Ada."), "{answer}");
    assert_eq!(world.cli(), cli, "the message uses the CLI of the resume");
    world.end();
}

#[test]
fn a_conversation_that_was_cleared_stays_so_whatever_is_started_again() {
    let Some(mut world) = World::start() else { return };
    let session = world.session();
    world.say(&session, "My name is Ada.");
    world.say(&session, "/clear");
    world.say(&session, "My name is Grace.");
    let recalls = |world: &World, session: &str| {
        let answer = world.say(session, "[[recall]]");
        assert!(answer.contains("My name is Grace."), "{answer}");
        assert!(!answer.contains("Ada"), "{answer}");
    };
    // The CLI alone: another is started in the same sandbox, also by an ashd that did not see what was before.
    let restart = |world: &World| {
        let cli = world.cli();
        cli.kill();
        eventually("the end of the CLI", || !cli.lives());
    };
    restart(&world);
    recalls(&world, &session);
    restart(&world);
    world.crash(|_| {});
    recalls(&world, &session);
    verb(&world, &session, "stop");
    recalls(&world, &session);
    // What was before is there for a fork of then.
    let fork = world.send("POST", &format!("/api/sessions/{session}/fork?turn=1"), &[], b"");
    assert_eq!(fork.status, 201, "{fork:?}");
    let fork = fork.body["session"]["id"].as_str().unwrap().to_owned();
    assert!(world.say(&fork, "[[recall]]").contains("My name is Ada."));
    // Nothing was said since.
    world.say(&session, "/clear");
    verb(&world, &session, "stop");
    let answer = world.say(&session, "[[recall]]");
    assert!(!answer.contains("Ada") && !answer.contains("Grace"), "{answer}");
    world.end();
}

#[test]
fn a_stop_in_the_middle_of_a_turn_leaves_nothing_running_and_the_conversation_whole() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    world.say(&session, "My name is Ada.");
    let mut stream = world.stream(&session, &json!({ "content": bash(FOREVER) }));
    assert!(stream.any(|event| event.name == "tool_use"));
    verb(&world, &session, "stop");
    assert_eq!(stream.last().unwrap().name, "done");
    assert!(world.processes().is_empty(), "{:#?}", world.processes());
    let answer = world.say(&session, "[[recall]]");
    assert!(answer.contains("My name is Ada."), "{answer}");
    world.end();
}

/// What of a file must come back: type and mode, size, time of change, content or target.
type Exact = (u32, u64, i64, i64, Vec<u8>);

fn tree(folder: &Path) -> BTreeMap<String, Exact> {
    fn walk(folder: &Path, below: &str, found: &mut BTreeMap<String, Exact>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            let metadata = entry.path().symlink_metadata().unwrap();
            let content = if metadata.is_symlink() {
                let target = std::fs::read_link(entry.path()).unwrap();
                target.into_os_string().into_encoded_bytes()
            } else if metadata.is_file() {
                std::fs::read(entry.path()).unwrap()
            } else {
                walk(&entry.path(), &format!("{name}/"), found);
                Vec::new()
            };
            let exact = (
                metadata.mode(),
                if metadata.is_dir() { 0 } else { metadata.size() },
                metadata.mtime(),
                metadata.mtime_nsec(),
                content,
            );
            found.insert(name, exact);
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, "", &mut found);
    found
}

/// What a session was made of, as its agent sees it.
fn seen(world: &World, session: &str) -> Vec<String> {
    let mut seen =
        vec![world.bash(session, "echo \"$FRUIT, $TREE\"; ls -l link; stat -c %a,%Y run")];
    seen.push(world.say(session, "[[tool:mcp__tiny__whisper:{}]]"));
    let system = world.say(session, "[[echo-system]]");
    seen.push(system.contains("Speak like a pirate.").to_string());
    // Neither a tool that is taken away nor one that nobody allowed.
    seen.push(world.say(session, "[[tool:WebSearch:{\"query\":\"x\"}]]").replace(session, "ID"));
    let denied = r#"[[tool:Write:{"file_path":"/workspace/new.txt","content":"x"}]]"#;
    world.say(session, denied);
    let file = world.get(&format!("/api/sessions/{session}/files/new.txt"));
    seen.push(file.status.to_string());
    let asked = world.model.seen().requests;
    let models = asked.into_iter().filter(|request| request.path == "/v1/messages");
    seen.push(models.filter_map(|request| request.model).next_back().unwrap());
    let shown = world.state(session);
    seen.extend([&shown["config"], &shown["model"]].map(Value::to_string));
    seen
}

#[test]
fn everything_of_a_session_is_the_same_after_a_stop_a_crash_another_day_and_another_host() {
    let Some(mut world) = World::start() else { return };
    world.deploy_files("tester", &[("mcp.sh", MCP_SERVER, true)]);
    let session = world.session_of(&json!({
        "agent": "tester", "model": "claude-haiku-4-5", "systemPrompt": "Speak like a pirate.",
        "permissionMode": "default", "allowedTools": ["Bash", "mcp__tiny__whisper"],
        "disallowedTools": ["WebSearch"],
        "extraEnv": { "FRUIT": "plum", "TREE": "two words" },
        "mcpServers": { "tiny": { "command": "/workspace/mcp.sh", "env": { "WORD": "heliotrope" } } },
    }));
    world.say(&session, "My name is Ada.");
    let script = "mkdir -p deep/er; printf 'a\\0b' > deep/er/bytes; ln -s nowhere/at/all link; \
                  : > run; chmod 0751 run; touch -d 2001-02-03T04:05:06.789 run; mkdir -m 700 own";
    world.bash(&session, script);
    let before = seen(&world, &session);
    assert!(before[1].contains("heliotrope"), "{before:#?}");
    assert_eq!((&*before[2], &*before[4]), ("true", "404"), "{before:#?}");
    let workspace = world.folder.path().join(format!("data/sessions/{session}/workspace"));
    let files = tree(&workspace);
    assert!(files.len() > 6, "{files:#?}");
    type Ending = fn(&mut World, &str);
    let endings: [(&str, Ending); 5] = [
        ("a stop", |world, session| drop(verb(world, session, "stop"))),
        ("a crash of the sandbox", |world, _| {
            world.bridge().kill();
            eventually("the end of the sandbox", || world.processes().is_empty());
        }),
        ("another day", |world, _| {
            world.crash(|folder| {
                for process in processes::of_records(&folder.join("run/sandboxes"), "s-") {
                    process.kill();
                }
                // What a reboot leaves.
                std::fs::remove_dir_all(folder.join("run")).unwrap();
            });
        }),
        ("an archive", |world, session| {
            let archived = verb(world, session, "archive");
            assert_eq!(archived["tier"], "archived");
            let files = world.folder.path().join(format!("data/sessions/{session}"));
            assert!(!files.exists(), "its files are outside only");
            verb(world, session, "restore");
        }),
        ("another host", |world, session| {
            verb(world, session, "archive");
            // All that comes along is the archive and its key.
            world.crash(|folder| {
                std::fs::remove_dir_all(folder.join("run")).unwrap();
                for entry in std::fs::read_dir(folder.join("data")).unwrap() {
                    let path = entry.unwrap().path();
                    match path.file_name().unwrap().to_str().unwrap() {
                        "archive" | "archive-key" => {}
                        _ if path.is_dir() => std::fs::remove_dir_all(path).unwrap(),
                        _ => std::fs::remove_file(path).unwrap(),
                    }
                }
            });
            let unknown = world.get(&format!("/api/sessions/{session}"));
            assert_eq!(unknown.status, 404);
            verb(world, session, "restore");
        }),
    ];
    for (ending, end) in endings {
        end(&mut world, &session);
        assert_eq!(tree(&workspace), files, "files after {ending}");
        let after = seen(&world, &session);
        assert_eq!(after, before, "after {ending}");
        let answer = world.say(&session, "[[recall]]");
        assert!(answer.contains("My name is Ada."), "after {ending}: {answer}");
        assert_eq!(tree(&workspace), files, "files after a turn behind {ending}");
    }
    let events = world.turn(&session, &json!({ "content": bash("echo 1"), "maxTurns": 1 }));
    assert_eq!(named(&events, "error").len(), 1, "limits of a message hold: {events:#?}");
    world.end();
}

/// The one transcript of a session.
fn transcript(world: &World, session: &str) -> std::path::PathBuf {
    let home = world.folder.path().join(format!("data/sessions/{session}/home"));
    home.join(format!(".claude/projects/-workspace/{session}.jsonl"))
}

#[test]
fn a_transcript_that_is_missing_or_shorter_is_written_again_from_what_is_stored() {
    let Some(world) = World::start() else { return };
    let session = world.session();
    world.say(&session, "My name is Ada.");
    world.say(&session, "My dog is Rex.");
    let path = transcript(&world, &session);
    for damage in ["missing", "shorter", "torn"] {
        verb(&world, &session, "stop");
        let text = std::fs::read(&path).unwrap();
        match damage {
            "missing" => std::fs::remove_file(&path).unwrap(),
            "shorter" => {
                let first = text.split_inclusive(|byte| *byte == b'\n').next().unwrap();
                std::fs::write(&path, first).unwrap();
            }
            _ => std::fs::write(&path, &text[..text.len() / 2]).unwrap(),
        }
        let answer = world.say(&session, "[[recall]]");
        assert!(answer.contains("Ada") && answer.contains("Rex"), "{damage}: {answer}");
    }
    let events = world.get(&format!("/api/sessions/{session}/messages")).body.to_string();
    assert!(!events.contains("transcript_mirror"), "it is nobody's message");
    world.end();
}

#[test]
fn a_fork_of_a_running_session_remembers_and_goes_its_own_way() {
    let Some(world) = World::start() else { return };
    let parent = world.session();
    world.say(&parent, "My name is Ada.");
    world.bash(
        &parent,
        "mkdir -m 750 deep; echo plum > deep/file; ln -s deep/file link; touch ~/mine",
    );
    let cli = world.cli();
    let folder = |id: &str| world.folder.path().join(format!("data/sessions/{id}"));
    let before = tree(&folder(&parent).join("workspace"));
    let child = verb_created(&world, &parent, "fork");
    assert_eq!(tree(&folder(&child).join("workspace")), before);
    assert!(folder(&child).join("home/mine").exists());
    assert_eq!(world.cli(), cli, "the parent's CLI lives on, the child has none yet");
    let first = verb_created(&world, &parent, "fork?turn=1");
    let answer = world.say(&child, "My cat is Tom. [[recall]]");
    assert!(answer.contains("Ada"), "{answer}");
    assert_eq!(world.bash(&child, "cat link; echo pear > deep/file"), "plum");
    let answer = world.say(&parent, "[[recall]]");
    assert!(answer.contains("Ada") && !answer.contains("Tom"), "{answer}");
    assert_eq!(world.bash(&parent, "cat link"), "plum");
    let answer = world.say(&first, "[[recall]]");
    assert!(answer.contains("Ada") && !answer.contains("mkdir"), "{answer}");
    world.end();
}

fn verb_created(world: &World, session: &str, verb: &str) -> String {
    let answer = world.send("POST", &format!("/api/sessions/{session}/{verb}"), &[], b"");
    assert_eq!(answer.status, 201, "{verb}: {answer:?}");
    answer.body["session"]["id"].as_str().unwrap().to_owned()
}
