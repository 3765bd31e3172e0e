//! Whether a message costs more than it may: `make bench-check`. What is compared are counts of the
//! kernel and ratios within one run, never seconds: they are the same on a slow and on a busy machine.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark starts programs, prints, and counts far below 2^53"
)]

#[expect(dead_code, reason = "each benchmark uses its part")]
mod rig;

use std::process::{Command, ExitCode};

use rig::ashd::{Ashd, fake_claude, session};
use rig::bridge::Bridge;
use rig::process::{self, Counts};
use rig::{client::Client, figures};

/// Messages of each part of the comparison: beyond those that grow a cache for the first time.
const MESSAGES: u64 = 300;

/// Messages under valgrind, which is fifty times slower.
const MESSAGES_COUNTED: u64 = 100;

const TEXT: &str = "How much do you cost?";

/// System calls of ashd that write to a file for one message: the pages of two commits, two lines of the
/// log, and what wakes a thread.
const WRITES_MAX: f64 = 75.0;

/// Bytes of them. A turn of the fake CLI tells 7 kB.
const WRITTEN_MAX: f64 = 190_000.0;

/// Processor time of ashd in that of ash-bridge and the fake CLI for the same message.
const PROCESSOR_MAX: f64 = 2.5;

/// The same of messages behind many in that of messages behind few: what a message costs must not grow.
const GROWTH_MAX: f64 = 1.25;

/// Instructions of ashd for one message, as valgrind counts them.
const INSTRUCTIONS_MAX: f64 = 2_500_000.0;

fn main() -> ExitCode {
    figures::machine("budget");
    println!("{:<64} {:>12} {:>12}", "for one message", "measured", "at most");
    let mut kept = true;
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let claude = fake_claude();
    let ashd = Ashd::start(folder.path(), &claude, &[("ANTHROPIC_API_KEY", "sk-ant-dummy")]);
    ashd.deploy("measured");
    let mut client = ashd.client();
    let session = session(&mut client, "measured");
    ashd.until_ready(1);
    let home = tempfile::tempdir().expect("a folder for temporary files");
    let mut bridge = Bridge::start(&claude, &ashd.invocation(&session), home.path());
    talk(&mut client, &session, MESSAGES);

    let few = counted(ashd.pid(), || talk(&mut client, &session, MESSAGES));
    let inside = bridge_and_cli(&mut bridge);
    for _ in 0..8 {
        talk(&mut client, &session, MESSAGES);
    }
    let many = counted(ashd.pid(), || talk(&mut client, &session, MESSAGES));
    let each = |count: u64| count as f64 / MESSAGES as f64;
    kept &= check("writes of ashd", each(few.writes), WRITES_MAX);
    kept &= check("bytes that ashd writes", each(few.written), WRITTEN_MAX);
    let ratio = few.nanoseconds as f64 / inside as f64;
    kept &= check("processor time of ashd : that of ash-bridge and the CLI", ratio, PROCESSOR_MAX);
    let growth = |name: &str, count: fn(&Counts) -> u64| {
        let name = format!("{name}: behind {} messages : behind {MESSAGES}", 10 * MESSAGES);
        check(&name, count(&many) as f64 / count(&few) as f64, GROWTH_MAX)
    };
    kept &= growth("processor time of ashd", |counts| counts.nanoseconds);
    kept &= growth("bytes that ashd writes", |counts| counts.written);
    figures::note(&format!(
        "{:.0} us of processor time in ashd, {:.0} in ash-bridge and the CLI; {:.1} waits of ashd",
        each(few.nanoseconds) / 1e3,
        each(inside) / 1e3,
        each(few.waits)
    ));
    ashd.stop();
    match instructions() {
        Some(count) => kept &= check("instructions of ashd", count, INSTRUCTIONS_MAX),
        None => println!("SKIP: instructions are not counted: valgrind is not installed"),
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn talk(client: &mut Client, session: &str, messages: u64) {
    for _ in 0..messages {
        client.turn(session, TEXT);
        client.rest();
    }
}

fn counted(pid: u32, work: impl FnOnce()) -> Counts {
    let before = Counts::of(pid);
    work();
    Counts::of(pid).since(before)
}

/// Processor time of both for as many messages.
fn bridge_and_cli(bridge: &mut Bridge) -> u64 {
    let pids: Vec<u32> = process::below(bridge.pid()).into_iter().chain([bridge.pid()]).collect();
    let sum = || pids.iter().map(|pid| Counts::of(*pid).nanoseconds).sum::<u64>();
    let before = sum();
    for _ in 0..MESSAGES {
        bridge.turn(TEXT);
        bridge.rest();
    }
    sum() - before
}

/// Two runs that differ in their messages only, so that the start does not count.
fn instructions() -> Option<f64> {
    let installed = Command::new("valgrind").arg("--version").output();
    installed.ok().filter(|output| output.status.success())?;
    let [few, many] = [MESSAGES_COUNTED, 3 * MESSAGES_COUNTED].map(|messages| {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let told = folder.path().join("counted");
        let out = format!("--callgrind-out-file={}", told.display());
        let wrapper = ["valgrind", "-q", "--tool=callgrind", &out];
        let environment = [("ANTHROPIC_API_KEY", "sk-ant-dummy")];
        let ashd = Ashd::start_below(&wrapper, folder.path(), &environment);
        ashd.deploy("measured");
        let mut client = ashd.client();
        let session = session(&mut client, "measured");
        ashd.until_ready(1);
        talk(&mut client, &session, messages);
        ashd.stop();
        let told = std::fs::read_to_string(told).expect("valgrind tells what it counted");
        let total = told.lines().find_map(|line| line.strip_prefix("totals: "));
        total.and_then(|total| total.trim().parse::<u64>().ok()).expect("a sum is a number")
    });
    Some((many.saturating_sub(few)) as f64 / (2 * MESSAGES_COUNTED) as f64)
}

/// Whether it is within its budget.
fn check(name: &str, measured: f64, most: f64) -> bool {
    let kept = measured <= most;
    let verdict = if kept { "" } else { "   OVER" };
    println!("{name:<64} {measured:>12.2} {most:>12.2}{verdict}");
    kept
}
