//! Pause, resume, stop, and how sessions that rest become colder.

use serde_json::{Value, json};

use crate::server::{Answer, Server, command, eventually};

/// As the published clients send it: a JSON type and no body.
fn verb(server: &Server, session: &str, verb: &str) -> Answer {
    let path = format!("/api/sessions/{session}/{verb}");
    server.send("POST", &path, &[("content-type", "application/json")], b"")
}

/// The state and the tier.
fn state(server: &Server, session: &str) -> (Value, Value) {
    let shown = server.get(&format!("/api/sessions/{session}")).body;
    (shown["session"]["status"].clone(), shown["session"]["tier"].clone())
}

fn is(server: &Server, session: &str, status: &str, tier: &str) {
    eventually(&format!("{status} and {tier}"), || {
        state(server, session) == (json!(status), json!(tier))
    });
}

fn facts(server: &Server, session: &str) -> Vec<String> {
    let path = format!("/api/sessions/{session}/events?type=lifecycle");
    let events = server.get(&path).body["events"].as_array().unwrap().clone();
    events
        .iter()
        .map(|event| {
            let data: Value = serde_json::from_str(event["data"].as_str().unwrap()).unwrap();
            data["action"].as_str().unwrap().to_owned()
        })
        .collect()
}

/// A daemon whose configuration has `more` in it.
fn configured(more: &str) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ash.toml");
    std::fs::write(&file, more).unwrap();
    let mut command = command(folder.path(), &[]);
    command.arg("--config").arg(&file);
    Server::run(folder, command)
}

#[test]
fn a_paused_session_is_frozen_and_a_resume_warms_it() {
    let server = Server::start();
    let session = server.session();
    assert_eq!(state(&server, &session), (json!("active"), json!("hot")));
    let paused = verb(&server, &session, "pause");
    assert_eq!((paused.status, &paused.body["session"]["status"]), (200, &json!("paused")));
    is(&server, &session, "paused", "frozen");
    let resumed = verb(&server, &session, "resume");
    assert_eq!((resumed.status, &resumed.body["session"]["status"]), (200, &json!("active")));
    assert_eq!(resumed.body["session"]["tier"], "hot");
    assert_eq!(verb(&server, &session, "resume").status, 200, "an active session stays active");
    assert_eq!(facts(&server, &session), ["paused", "resumed"]);
}

#[test]
fn a_stopped_session_has_no_sandbox_and_remembers() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "Remember the word plum.");
    let stopped = verb(&server, &session, "stop");
    assert_eq!((stopped.status, &stopped.body["session"]["status"]), (200, &json!("stopped")));
    assert_eq!(state(&server, &session), (json!("stopped"), json!("hibernated")));
    let health = server.get("/health").body;
    assert_eq!(health["activeSandboxes"], 0, "{health}");
    let resumed = verb(&server, &session, "resume");
    assert_eq!((resumed.status, &resumed.body["session"]["status"]), (200, &json!("active")));
    assert_eq!(state(&server, &session).1, "hot");
    let answer = server.say(&session, "[[recall]]");
    assert!(answer.contains("plum"), "{answer}");
}

#[test]
fn a_message_wakes_a_session_however_cold_it_is() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "Remember the word plum.");
    for cold in ["pause", "stop"] {
        assert_eq!(verb(&server, &session, cold).status, 200);
        let answer = server.say(&session, "[[recall]]");
        assert!(answer.contains("plum"), "after {cold}: {answer}");
        assert_eq!(state(&server, &session), (json!("active"), json!("hot")), "after {cold}");
    }
}

#[test]
fn a_wrong_state_is_told_in_the_words_of_the_original() {
    let server = Server::start();
    let session = server.session();
    let refused = |state: &str, verb_: &str, status: u16, text: &str| {
        let answer = verb(&server, &session, verb_);
        assert_eq!(
            (answer.status, &answer.body["error"]),
            (status, &json!(text)),
            "{verb_} when {state}"
        );
    };
    verb(&server, &session, "pause");
    refused("paused", "pause", 400, "Cannot pause session with status \"paused\"");
    refused("paused", "stop", 400, "Cannot stop session with status \"paused\"");
    verb(&server, &session, "resume");
    verb(&server, &session, "stop");
    refused("stopped", "stop", 400, "Cannot stop session with status \"stopped\"");
    server.delete(&format!("/api/sessions/{session}"));
    refused("ended", "pause", 400, "Cannot pause session with status \"ended\"");
    refused("ended", "stop", 400, "Cannot stop session with status \"ended\"");
    refused("ended", "resume", 410, "Session has ended \u{2014} create a new session");
    assert_eq!(state(&server, &session), (json!("ended"), Value::Null));
    let unknown = "00000000-0000-4000-8000-000000000000";
    for name in ["pause", "resume", "stop"] {
        let answer = verb(&server, unknown, name);
        assert_eq!((answer.status, &answer.body["error"]), (404, &json!("Session not found")));
    }
}

#[test]
fn a_session_with_a_turn_is_not_paused() {
    let server = Server::start();
    let session = server.session();
    let mut stream = server.stream(&session, &json!({ "content": "[[hang]]" }));
    assert_eq!(stream.next().unwrap().name, "session_start");
    let refused = verb(&server, &session, "pause");
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("session_busy")));
    assert_eq!(state(&server, &session), (json!("active"), json!("hot")));
    server.send("POST", &format!("/api/sessions/{session}/interrupt"), &[], b"");
    assert_eq!(stream.last().unwrap().name, "done");
    assert_eq!(verb(&server, &session, "pause").status, 200);
}

#[test]
fn a_stop_interrupts_the_turn_and_what_waits_runs_after_the_next_resume() {
    let server = Server::start();
    let session = server.session();
    let mut running = server.stream(&session, &json!({ "content": "[[hang]]" }));
    assert_eq!(running.next().unwrap().name, "session_start");
    let mut waiting = server.stream(&session, &json!({ "content": "[[say:at last]]" }));
    assert_eq!(verb(&server, &session, "stop").status, 200);
    let rest: Vec<_> = running.collect();
    let error = rest.iter().find(|event| event.name == "error").unwrap();
    assert_eq!(error.data["code"], "interrupted");
    assert_eq!(rest.last().unwrap().name, "done");
    assert_eq!(state(&server, &session), (json!("stopped"), json!("hibernated")));
    let shown = server.get(&format!("/api/sessions/{session}")).body;
    assert_eq!(shown["session"]["queuedTurns"], 1);
    // It waits on, also in the next ashd.
    verb(&server, &session, "resume");
    let complete = waiting.find(|event| event.name == "turn_complete").unwrap();
    assert_eq!(complete.data["result"], "at last");
    assert_eq!(waiting.last().unwrap().name, "done");
}

#[test]
fn the_state_outlives_ashd() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "Remember the word plum.");
    verb(&server, &session, "stop");
    let server = Server::start_in(server.kill(), &[]);
    assert_eq!(state(&server, &session), (json!("stopped"), json!("hibernated")));
    assert!(server.say(&session, "[[recall]]").contains("plum"));
}

#[test]
fn rest_makes_a_session_colder_and_work_makes_it_hot() {
    let server = configured("[tiers]\nfreeze_after_seconds = 1\n");
    let session = server.session();
    is(&server, &session, "active", "frozen");
    assert_eq!(server.say(&session, "[[say:awake]]"), "awake");
    is(&server, &session, "active", "frozen");
    let files = server.get(&format!("/api/sessions/{session}/files"));
    assert_eq!(files.status, 200, "files are read from a frozen session: {files:?}");
    is(&server, &session, "active", "frozen");
    let mut stream = server.stream(&session, &json!({ "content": "[[delay:3000]][[say:late]]" }));
    assert_eq!(stream.next().unwrap().name, "session_start");
    for event in stream {
        if event.name != "done" {
            assert_eq!(state(&server, &session).1, "hot", "frozen in its turn at {event:?}");
        }
    }
}

#[test]
fn a_long_rest_ends_the_sandbox_and_not_the_session() {
    let server = configured("[tiers]\nfreeze_after_seconds = 0\nhibernate_after_seconds = 1\n");
    let session = server.session();
    server.say(&session, "Remember the word plum.");
    is(&server, &session, "active", "hibernated");
    assert!(server.say(&session, "[[recall]]").contains("plum"));
}

#[test]
fn a_full_host_makes_room_by_hibernating_who_rested_longest() {
    let server = Server::start_in(tempfile::tempdir().unwrap(), &[("ASH_MAX_SANDBOXES", "2")]);
    let first = server.session();
    let second = server.session_of(&json!({ "agent": "tester" }));
    server.say(&first, "I am younger now.");
    let third = server.session_of(&json!({ "agent": "tester" }));
    let tiers: Vec<Value> =
        [&first, &second, &third].map(|session| state(&server, session).1).into();
    assert_eq!(tiers, ["hot", "hibernated", "hot"]);
    assert_eq!(server.say(&second, "[[say:back]]"), "back");
    assert_eq!(server.get("/health").body["activeSandboxes"], 2);
}

#[test]
fn where_all_are_busy_a_request_waits_and_is_then_refused_with_the_time_to_come_back() {
    let server = configured("[sandbox]\nmax = 1\nwait_seconds = 1\n");
    let busy = server.session();
    let mut stream = server.stream(&busy, &json!({ "content": "[[hang]]" }));
    assert_eq!(stream.next().unwrap().name, "session_start");
    let refused = server.post("/api/sessions", &json!({ "agent": "tester" }));
    assert_eq!((refused.status, &refused.body["code"]), (503, &json!("too_many_sessions")));
    assert_eq!(refused.retry_after.as_deref(), Some("5"));
    assert_eq!(refused.body["queuePosition"], 1, "{refused:?}");
    let listed = server.get("/api/sessions").body;
    assert_eq!(listed["total"], 1, "nothing is left of what was refused: {listed}");
}

#[test]
fn who_waits_for_room_gets_it_when_a_turn_ends() {
    let server = configured("[sandbox]\nmax = 1\nwait_seconds = 60\n");
    let busy = server.session();
    let mut stream = server.stream(&busy, &json!({ "content": "[[hang]]" }));
    assert_eq!(stream.next().unwrap().name, "session_start");
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| server.post("/api/sessions", &json!({ "agent": "tester" })));
        eventually("that somebody waits", || {
            server.get("/api/sessions?status=starting").body["total"] == 1
        });
        server.send("POST", &format!("/api/sessions/{busy}/interrupt"), &[], b"");
        assert_eq!(waits.join().unwrap().status, 201);
    });
    assert_eq!(state(&server, &busy).1, "hibernated");
}

#[test]
fn a_burst_of_creations_is_served_to_the_end_and_leaves_the_host_responsive() {
    const BURST: usize = 200;
    let server = Server::start();
    server.deploy("tester");
    let body = json!({ "agent": "tester" });
    let answered_meanwhile = std::thread::scope(|scope| {
        let creations: Vec<_> = (0..BURST)
            .map(|_| scope.spawn(|| server.post("/api/sessions", &body).status))
            .collect();
        let mut answered = 0;
        while !creations.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            assert_eq!(server.get("/health").status, 200);
            answered += 1;
        }
        assert!(creations.into_iter().all(|creation| creation.join().unwrap() == 201));
        answered
    });
    assert!(answered_meanwhile > 0, "the burst was over before anybody could ask");
    assert_eq!(server.get("/health").body["activeSandboxes"], BURST);
}

fn forked(server: &Server, session: &str, query: &str) -> String {
    let answer = verb(server, session, &format!("fork{query}"));
    assert_eq!(answer.status, 201, "{answer:?}");
    let turn = query.strip_prefix("?turn=").map(|turn| json!(turn.parse::<u64>().unwrap()));
    assert_eq!(answer.body["fork"]["turn"], turn.unwrap_or_default());
    assert_eq!(answer.body["fork"]["files"], "now");
    let child = &answer.body["session"];
    assert_eq!((&child["status"], &child["tier"]), (&json!("paused"), &json!("hibernated")));
    assert_eq!(child["parentSessionId"], session);
    child["id"].as_str().unwrap().to_owned()
}

fn history(server: &Server, session: &str) -> Vec<(Value, Value)> {
    let messages = server.get(&format!("/api/sessions/{session}/messages")).body;
    let messages = messages["messages"].as_array().unwrap().clone();
    messages
        .iter()
        .map(|message| (message["sequence"].clone(), message["content"].clone()))
        .collect()
}

#[test]
fn a_fork_has_history_conversation_and_files_and_its_parent_does_not_notice() {
    let server = Server::start();
    let parent = server.session_of(&{
        server.deploy("tester");
        json!({ "agent": "tester", "model": "haiku", "extraEnv": { "A": "b" } })
    });
    server.say(&parent, "Remember the word plum.");
    let workspace = |id: &str| server.folder.path().join(format!("data/sessions/{id}/workspace"));
    std::fs::write(workspace(&parent).join("mine"), "plum").unwrap();
    let before = server.get(&format!("/api/sessions/{parent}")).body;
    let child = forked(&server, &parent, "");
    assert_eq!(history(&server, &child), history(&server, &parent));
    assert_eq!(std::fs::read_to_string(workspace(&child).join("mine")).unwrap(), "plum");
    let shown = server.get(&format!("/api/sessions/{child}")).body;
    for same in ["agentName", "agentVersion", "model", "config"] {
        assert_eq!(shown["session"][same], before["session"][same], "{same}");
    }
    // Each goes its own way.
    assert!(server.say(&child, "And the word pear. [[recall]]").contains("plum"));
    assert!(!server.say(&parent, "[[recall]]").contains("pear"));
    std::fs::write(workspace(&child).join("mine"), "pear").unwrap();
    assert_eq!(std::fs::read_to_string(workspace(&parent).join("mine")).unwrap(), "plum");
    server.delete(&format!("/api/sessions/{parent}"));
    assert!(server.say(&child, "[[recall]]").contains("pear"));
    let gone = verb(&server, &parent, "fork");
    assert_eq!((gone.status, &gone.body["code"]), (410, &json!("session_ended")));
}

#[test]
fn a_cold_session_is_forked_and_stays_cold() {
    let server = Server::start();
    let parent = server.session();
    server.say(&parent, "Remember the word plum.");
    verb(&server, &parent, "stop");
    let child = forked(&server, &parent, "");
    assert_eq!(state(&server, &parent), (json!("stopped"), json!("hibernated")));
    assert!(server.say(&child, "[[recall]]").contains("plum"));
}

#[test]
fn an_earlier_turn_can_be_the_fork_point() {
    let server = Server::start();
    let parent = server.session();
    server.say(&parent, "Remember the word plum.");
    server.say(&parent, "Remember the word pear.");
    let child = forked(&server, &parent, "?turn=1");
    let (all, some) = (history(&server, &parent), history(&server, &child));
    assert!(!some.is_empty() && some.len() < all.len());
    assert_eq!(some, all[..some.len()]);
    let answer = server.say(&child, "[[recall]]");
    assert!(answer.contains("plum") && !answer.contains("pear"), "{answer}");
    assert!(server.say(&parent, "[[recall]]").contains("pear"));
    for turn in ["9", "0", "x"] {
        let refused = verb(&server, &parent, &format!("fork?turn={turn}"));
        assert_eq!((refused.status, &refused.body["field"]), (400, &json!("turn")), "{turn}");
    }
}

#[test]
fn a_session_with_a_turn_is_not_forked_and_nothing_is_left_of_the_attempt() {
    let server = Server::start();
    let parent = server.session();
    let mut stream = server.stream(&parent, &json!({ "content": "[[hang]]" }));
    assert_eq!(stream.next().unwrap().name, "session_start");
    let refused = verb(&server, &parent, "fork");
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("session_busy")));
    assert_eq!(server.get("/api/sessions").body["total"], 1);
    let kept = std::fs::read_dir(server.folder.path().join("data/sessions")).unwrap().count();
    assert_eq!(kept, 1);
}

#[test]
fn a_conversation_that_was_lost_with_its_home_is_written_again() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "Remember the word plum.");
    verb(&server, &session, "stop");
    let home = server.folder.path().join(format!("data/sessions/{session}/home"));
    std::fs::remove_dir_all(home.join(".claude/projects")).unwrap();
    assert!(server.say(&session, "[[recall]]").contains("plum"));
}

#[test]
fn files_of_a_session_without_a_sandbox_are_served_and_it_stays_cold() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "[[tool:Write:{\"file_path\":\"a.txt\",\"content\":\"kept\"}]]");
    verb(&server, &session, "stop");
    let path = format!("/api/sessions/{session}/files");
    for _ in 0..2 {
        let files = server.get(&path);
        assert_eq!((files.status, &files.body["source"]), (200, &json!("snapshot")), "{files:?}");
        let read = server.get(&format!("{path}/a.txt?format=json"));
        assert_eq!(
            (&read.body["content"], &read.body["source"]),
            (&json!("kept"), &json!("snapshot"))
        );
        assert_eq!(state(&server, &session), (json!("stopped"), json!("hibernated")));
        assert_eq!(server.get("/health").body["activeSandboxes"], 0);
    }
    server.say(&session, "again");
    assert_eq!(server.get(&path).body["source"], "sandbox");
}

#[test]
fn files_of_an_ended_session_are_served_while_they_are_kept() {
    let server = Server::start();
    let session = server.session();
    assert_eq!(server.delete(&format!("/api/sessions/{session}")).status, 200);
    let path = format!("/api/sessions/{session}/files");
    let files = server.get(&path);
    assert_eq!((files.status, &files.body["source"]), (200, &json!("snapshot")), "{files:?}");
    let message = json!({ "content": "hello" });
    let refused = server.post(&format!("/api/sessions/{session}/messages"), &message);
    assert_eq!((refused.status, &refused.body["code"]), (400, &json!("session_state")));
    assert_eq!(state(&server, &session), (json!("ended"), Value::Null));

    let server = configured("[sessions]\nkeep_ended_hours = 0\n");
    let session = server.session();
    assert_eq!(server.delete(&format!("/api/sessions/{session}")).status, 200);
    let gone = server.get(&format!("/api/sessions/{session}/files"));
    assert_eq!((gone.status, &gone.body["code"]), (404, &json!("file_not_found")));
    assert_eq!(gone.body["error"], "No workspace available for this session");
}
