//! What stays behind messages, and how fast a client catches up: `cargo bench --features testing --bench
//! endurance`. `ASH_BENCH_MESSAGES` says how many messages; a million takes some ten minutes.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark starts programs, prints, and counts far below 2^53"
)]

#[expect(dead_code, reason = "each benchmark uses its part")]
mod rig;

use std::time::{Duration, Instant};

use rig::ashd::{Ashd, session};
use rig::{figures, process};

/// Messages in all if nobody says how many.
const MESSAGES: usize = 40_000;

/// Sessions that send them, at the same time, each a hundred and then another takes its place.
const SESSIONS: usize = 16;
const EACH: usize = 100;

/// Looks at the memory meanwhile.
const LOOKS: usize = 10;

/// Times that a client reads all of a session.
const READS: usize = 20;

const TEXT: &str = "How much do you cost?";

fn main() {
    figures::machine("endurance");
    let asked = std::env::var("ASH_BENCH_MESSAGES").ok().and_then(|count| count.parse().ok());
    let messages: usize = asked.unwrap_or(MESSAGES);
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    // Simulated: what a sandbox keeps is not ashd's. Bridge and CLI are tasks of ashd here.
    let ashd = Ashd::simulated(folder.path(), &[("ASH_LOG", "warn")]);
    ashd.deploy("measured");
    let mut looks = Vec::new();
    let mut times = Vec::new();
    let start = Instant::now();
    for look in 0..LOOKS {
        let rounds = messages / LOOKS / (SESSIONS * EACH);
        for _ in 0..rounds.max(1) {
            times.extend(round(&ashd));
        }
        let memory = process::anonymous(ashd.pid());
        println!("# {:>9} messages: {memory:>7} KiB of anonymous memory", times.len());
        if look > 0 {
            looks.push((times.len() as f64, memory as f64));
        }
    }
    figures::table("Simulated sandboxes; sessions that come, say a hundred things each, and end.");
    figures::row("message", &times);
    figures::note(&format!(
        "{:.0} messages per second; memory grows by {:.2} KiB for 1,000 messages",
        times.len() as f64 / start.elapsed().as_secs_f64(),
        1_000.0 * slope(&looks)
    ));
    catch_up(&ashd);
    ashd.stop();
}

/// `SESSIONS` at once.
fn round(ashd: &Ashd) -> Vec<Duration> {
    std::thread::scope(|scope| {
        let conversation = || {
            let mut client = ashd.client();
            let session = session(&mut client, "measured");
            let turn = |_| {
                let start = Instant::now();
                client.turn(&session, TEXT);
                let time = start.elapsed();
                client.rest();
                time
            };
            let times: Vec<Duration> = (0..EACH).map(turn).collect();
            rig::ashd::end(&mut client, &session);
            times
        };
        let running: Vec<_> = (0..SESSIONS).map(|_| scope.spawn(conversation)).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("none fails")).collect()
    })
}

/// Of the line through the points that is nearest to them.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let [x, y] = [|point: &(f64, f64)| point.0, |point: &(f64, f64)| point.1]
        .map(|of| points.iter().map(of).sum::<f64>() / count);
    let above: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let below: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    above / below
}

fn catch_up(ashd: &Ashd) {
    let mut client = ashd.client();
    let session = session(&mut client, "measured");
    for _ in 0..EACH {
        client.turn(&session, TEXT);
        client.rest();
    }
    let (mut times, mut bytes) = (Vec::new(), 0);
    for _ in 0..READS {
        let start = Instant::now();
        bytes = client.stream_until_done(&session, EACH);
        times.push(start.elapsed());
        client = ashd.client();
    }
    figures::table(&format!(
        "GET …/stream?after=0&includePartialMessages=true of a session with {EACH} turns -> its last `done`."
    ));
    let median = figures::row("stream, from its first event", &times);
    let megabytes = bytes as f64 / 1e6;
    figures::note(&format!("{megabytes:.1} MB, {:.0} MB/s", megabytes / median.as_secs_f64()));
}
