//! A session that was parked before it was asked for: its Claude Code is up already, and nothing of
//! it is another than it would have been.

use serde_json::{Value, json};

use crate::processes::Process;
use crate::server::eventually;
use crate::world::{World, claude};

/// `None` where the test cannot run.
fn pooled() -> Option<World> {
    let claude = claude()?;
    let world = World::with(claude, tempfile::tempdir().unwrap(), "[pool]\nper_agent = 1");
    world.deploy("tester");
    Some(world)
}

fn pool(world: &World) -> Value {
    world.get("/health").body["pool"].clone()
}

fn is_warm(world: &World) {
    eventually("that one is parked", || pool(world)["warm"] == 1);
}

/// The Claude Code of a session.
fn cli_of(world: &World, session: &str) -> Process {
    let mut clis = world.clis();
    clis.retain(|cli| is_of(cli, session));
    assert_eq!(clis.len(), 1, "of {session}: {clis:#?}");
    clis.remove(0)
}

/// Nothing is parked any more, and nothing will be.
fn end(world: World) {
    assert_eq!(world.delete("/api/agents/tester").status, 200);
    eventually("that nothing is parked", || {
        let pool = pool(&world);
        let sessions = world.get("/api/sessions").body["sessions"].clone();
        let live = sessions.as_array().unwrap().iter().filter(|one| one["status"] != "ended");
        (&pool["warm"], &pool["warming"]) == (&json!(0), &json!(0))
            && world.clis().len() <= live.count()
    });
    world.end();
}

fn is_of(cli: &Process, session: &str) -> bool {
    cli.command.iter().any(|word| word.contains(session))
}

/// The model and the length of the first request of a turn.
fn asks(world: &World, session: &str, word: &str) -> (Option<String>, usize) {
    let before = world.model.seen().requests.len();
    assert_eq!(world.say(session, &format!("[[say:{word}]]")), word);
    let mut seen = world.model.seen().requests.into_iter().skip(before);
    let first = seen.find(|request| request.path == "/v1/messages").unwrap();
    (first.model, first.bytes)
}

#[test]
fn the_first_message_goes_to_the_cli_that_was_parked() {
    let Some(mut world) = pooled() else { return };
    let plain = json!({ "agent": "tester" });
    let cold = world.session_of(&plain);
    let asked = asks(&world, &cold, "one");
    is_warm(&world);
    let mut parked = world.clis();
    parked.retain(|cli| !is_of(cli, &cold));
    assert_eq!(parked.len(), 1, "{parked:#?}");
    let parked = parked.remove(0);

    let claimed = world.session_of(&plain);
    assert_eq!(pool(&world)["preWarmHits"], 1);
    assert!(parked.command.contains(&format!("--session-id={claimed}")), "{parked:?}");
    assert_eq!(asks(&world, &claimed, "two"), asked, "the model is asked the same");
    assert_eq!(cli_of(&world, &claimed), parked, "no other was started");
    let inside = |session: &str, command: &str| world.bash(session, command).replace(session, "ID");
    for command in ["pwd; ls -A /workspace; id -u; cat CLAUDE.md", "ulimit -a; ls -A $HOME"] {
        assert_eq!(inside(&claimed, command), inside(&cold, command), "{command}");
    }
    let names = "env | sed 's/=.*//' | sort | tr '\\n' ' '";
    assert_eq!(inside(&claimed, names), inside(&cold, names));

    // From here on it goes every way that a session goes.
    is_warm(&world);
    let mut clis = world.clis().into_iter();
    let next = clis.find(|cli| !is_of(cli, &cold) && !is_of(cli, &claimed)).unwrap();
    world.crash(|_| {});
    assert!(!next.lives(), "what was parked does not outlive ashd");
    assert_eq!(cli_of(&world, &claimed), parked, "and what was claimed does");
    assert!(world.say(&claimed, "[[recall]]").contains("[[say:two]]"));
    let stopped = world.post(&format!("/api/sessions/{claimed}/stop"), &json!({}));
    assert_eq!(stopped.status, 200, "{stopped:?}");
    assert!(world.say(&claimed, "[[recall]]").contains("[[say:two]]"));
    end(world);
}

#[test]
fn a_model_is_told_and_options_are_those_of_the_start() {
    let Some(world) = pooled() else { return };
    world.session_of(&json!({ "agent": "tester" }));
    is_warm(&world);
    let claimed = world.session_of(&json!({ "agent": "tester", "model": "claude-haiku-4-5" }));
    assert_eq!(pool(&world)["preWarmHits"], 1);
    let cli = cli_of(&world, &claimed);
    assert_eq!(asks(&world, &claimed, "one").0.as_deref(), Some("claude-haiku-4-5"));
    assert_eq!(cli_of(&world, &claimed), cli, "without a restart");

    let careful =
        json!({ "agent": "tester", "permissionMode": "default", "disallowedTools": ["Bash"] });
    for _ in 0..2 {
        world.session_of(&careful);
    }
    let kept = |cli: &Process| cli.command.iter().any(|word| word == "--disallowedTools=Bash");
    let careful_clis = |world: &World| world.clis().iter().filter(|cli| kept(cli)).count();
    // The other was asked for before both: its room is taken.
    eventually("that this kind is parked", || {
        careful_clis(&world) == 3 && pool(&world)["warm"] == 1
    });
    let claimed = world.session_of(&careful);
    assert_eq!(pool(&world)["preWarmHits"], 2);
    let cli = cli_of(&world, &claimed);
    assert!(kept(&cli) && cli.command.iter().any(|word| word == "--permission-mode=default"));
    let denied = world.bash(&claimed, "echo out");
    assert!(!denied.lines().any(|line| line == "out"), "{denied}");
    end(world);
}
