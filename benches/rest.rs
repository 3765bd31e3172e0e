//! What it costs to put a session to rest and to wake it:
//! `cargo bench --features testing --bench rest`. With a path in `ASH_TEST_CLAUDE` and a model API
//! in `ANTHROPIC_BASE_URL` also with the real CLI.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark starts programs and prints"
)]

#[expect(dead_code, reason = "each benchmark uses its part")]
mod rig;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rig::ashd::{Ashd, end, fake_claude, session};
use rig::client::Client;
use rig::figures;

/// Rounds with the fake CLI.
const ROUNDS: usize = 100;

/// Rounds with the real one, of which each cold start keeps a core busy for 0.4 s.
const ROUNDS_REAL: usize = 20;

fn main() {
    figures::machine("rest");
    let dummy = [("ANTHROPIC_API_KEY", "sk-ant-dummy")];
    measure("the fake CLI", &fake_claude(), &dummy, ROUNDS);
    let named = std::env::var_os("ASH_TEST_CLAUDE").map(PathBuf::from);
    if let (Some(claude), Ok(url)) = (named, std::env::var("ANTHROPIC_BASE_URL")) {
        let environment = [dummy[0], ("ANTHROPIC_BASE_URL", url.as_str())];
        measure("the real CLI", &claude, &environment, ROUNDS_REAL);
    } else {
        println!("\nwithout the real CLI: ASH_TEST_CLAUDE and ANTHROPIC_BASE_URL are not both set");
    }
}

fn measure(which: &str, claude: &std::path::Path, environment: &[(&str, &str)], rounds: usize) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let ashd = Ashd::start(folder.path(), claude, environment);
    ashd.deploy("measured");
    let mut client = ashd.client();
    let id = session(&mut client, "measured");
    ashd.until_ready(1);
    client.turn(&id, "hello");
    client.rest();
    let mut times: [Vec<Duration>; 7] = Default::default();
    for _ in 0..rounds {
        times[0].push(verb(&mut client, &id, "pause", 200));
        times[1].push(verb(&mut client, &id, "resume", 200));
        times[2].push(verb(&mut client, &id, "stop", 200));
        let begin = Instant::now();
        times[3].push(verb(&mut client, &id, "resume", 200));
        ashd.until_ready(1);
        times[4].push(begin.elapsed());
        verb(&mut client, &id, "stop", 200);
        let begin = Instant::now();
        client.turn(&id, "hello");
        times[5].push(begin.elapsed());
        ashd.until_ready(1);
        client.rest();
        times[6].push(verb(&mut client, &id, "fork", 201));
    }
    figures::table(&format!(
        "One session with {which}, plain sandboxes. pause: SIGSTOP by the bridge. resume, cold: the
         bridge in a new sandbox answers, the CLI starts; ready: it has answered `initialize`.
         message, cold: the message of a stopped session -> the end of its turn. fork: of a session
         with a sandbox and one file.",
    ));
    let names = [
        "pause",
        "resume, frozen",
        "stop",
        "resume, cold",
        "resume, cold -> ready",
        "message, cold",
        "fork",
    ];
    for (name, times) in names.iter().zip(&times) {
        figures::row(name, times);
    }
    end(&mut client, &id);
    ashd.stop();
}

fn verb(client: &mut Client, session: &str, verb: &str, status: u16) -> Duration {
    let path = format!("/api/sessions/{session}/{verb}");
    let begin = Instant::now();
    let answer = client.ask("POST", &path, "").expect("ashd serves");
    let time = begin.elapsed();
    assert_eq!(answer.status, status, "{}", answer.body);
    time
}
