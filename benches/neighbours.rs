//! What a neighbour costs: `cargo bench --features testing --bench neighbours`. One session talks, and
//! beside it others are huge or many; rounds with and without them take turns.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark starts programs and prints"
)]

#[expect(dead_code, reason = "each benchmark uses its part")]
mod rig;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rig::ashd::{Ashd, end, fake_claude, session};
use rig::client::Client;
use rig::figures;

/// Rounds with the neighbour, and as many without.
const ROUNDS: usize = 6;

/// Messages of the measured session in a round.
const MESSAGES: usize = 150;

/// Files of the neighbour's workspace.
const FILES: usize = 2_000;

/// Bytes that the neighbour's CLI says in one message, in one line.
const OUTPUT_BYTES: usize = 10 << 20;

/// Messages of that kind in a round: 300 MB in all rounds.
const OUTPUTS: usize = 5;

/// Sessions that the neighbour creates and ends in a round.
const CREATES: usize = 34;

const TEXT: &str = "How much do you cost?";

fn main() {
    figures::machine("neighbours");
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let claude = fake_claude();
    let ashd = Ashd::start(folder.path(), &claude, &[("ANTHROPIC_API_KEY", "sk-ant-dummy")]);
    ashd.deploy("measured");
    let mut client = ashd.client();
    let ours = session(&mut client, "measured");
    let theirs = session(&mut ashd.client(), "measured");
    ashd.until_ready(2);
    let mut neighbour = ashd.client();
    for number in 0..FILES {
        let path = format!("/api/sessions/{theirs}/files/made/{number}.txt");
        let answer = neighbour.ask("PUT", &path, "a file of the neighbour").expect("ashd serves");
        assert!(answer.status < 300, "{} {}", answer.status, answer.body);
    }
    rounds(&mut client, &ours);
    for (name, work) in [
        ("a neighbour that does nothing", &(|_: &Ashd, _: &str| {}) as &Neighbour),
        ("a neighbour that lists its 2,000 files", &list),
        ("a neighbour that says 300 MB", &flood),
        ("a neighbour that creates 200 sessions", &create),
    ] {
        measure(&ashd, &mut client, &ours, &theirs, name, work);
    }
    ashd.stop();
}

type Neighbour = dyn Fn(&Ashd, &str) + Sync;

fn list(ashd: &Ashd, session: &str) {
    let path = format!("/api/sessions/{session}/files");
    let answer = ashd.client().ask("GET", &path, "").expect("ashd serves");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

fn flood(ashd: &Ashd, session: &str) {
    for _ in 0..OUTPUTS {
        let mut client = ashd.client();
        client.turn(session, &format!("[[bytes:{OUTPUT_BYTES}]]"));
    }
}

fn create(ashd: &Ashd, _session: &str) {
    let mut client = ashd.client();
    for _ in 0..CREATES {
        let created = session(&mut client, "measured");
        end(&mut client, &created);
    }
}

fn measure(
    ashd: &Ashd,
    client: &mut Client,
    ours: &str,
    theirs: &str,
    name: &str,
    work: &Neighbour,
) {
    let [mut alone, mut beside] = [Vec::new(), Vec::new()];
    let mut done = 0;
    for _ in 0..ROUNDS {
        alone.extend(rounds(client, ours));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let neighbour = scope.spawn(|| {
                let mut times = 0;
                while !over.load(Ordering::Relaxed) {
                    work(ashd, theirs);
                    times += 1;
                    if name.ends_with("nothing") {
                        break;
                    }
                }
                times
            });
            beside.extend(rounds(client, ours));
            over.store(true, Ordering::Relaxed);
            done += neighbour.join().expect("a neighbour does not fail");
        });
    }
    figures::table(&format!(
        "{name} ({done} times), and one session that has one turn after another."
    ));
    figures::row("turn, alone", &alone);
    figures::row("turn, beside the neighbour", &beside);
    let [alone, beside] = [alone, beside].map(|times| figures::percentile(times, 95));
    figures::note(&format!(
        "p95 beside : alone = {:.2}",
        beside.as_secs_f64() / alone.as_secs_f64()
    ));
}

fn rounds(client: &mut Client, session: &str) -> Vec<Duration> {
    let turn = |_| {
        let start = Instant::now();
        client.turn(session, TEXT);
        let time = start.elapsed();
        client.rest();
        time
    };
    (0..MESSAGES).map(turn).collect()
}
