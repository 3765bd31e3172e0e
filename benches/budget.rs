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

/// Messages under valgrind, which is fifty times slower: behind few, and behind many.
const FEW: u64 = 100;
const MANY: u64 = 900;
const MESSAGES_APART: u64 = 100;

const TEXT: &str = "How much do you cost?";

/// System calls of ashd that write to a file for one message: the pages of two commits, two lines of the
/// log, and what wakes a thread.
const WRITES_MAX: f64 = 75.0;

/// Bytes of them: pages of 4 KiB, so far more than the 7 kB that a turn of the fake CLI tells.
const WRITTEN_MAX: f64 = 150_000.0;

/// What a message costs behind many others in what it costs behind few: it must not grow.
const GROWTH_MAX: f64 = 1.15;

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
    let growth = each(many.written) / each(few.written);
    let name = format!("bytes: behind {} messages : behind {MESSAGES}", 10 * MESSAGES);
    kept &= check(&name, growth, GROWTH_MAX);
    figures::note(&format!(
        "processor time of ashd in that of ash-bridge and the CLI: {:.2} ({:.0} and {:.0} us); \
         {:.1} waits of ashd",
        few.nanoseconds as f64 / inside as f64,
        each(few.nanoseconds) / 1e3,
        each(inside) / 1e3,
        each(few.waits)
    ));
    ashd.stop();
    if let Some([few, many]) = instructions() {
        let name = format!("instructions: behind {MANY} messages : behind {FEW}");
        kept &= check(&name, many / few, GROWTH_MAX);
        figures::note(&format!(
            "{few:.0} instructions, bridge and CLI simulated in the same process"
        ));
    } else {
        println!("SKIP: instructions are not counted: valgrind is not installed");
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

/// Of one message behind few and behind many, each the difference of two runs that differ in their
/// messages only. Sandboxes are simulated: valgrind does not know the call that starts one.
fn instructions() -> Option<[f64; 2]> {
    let installed = Command::new("valgrind").arg("--version").output();
    installed.ok().filter(|output| output.status.success())?;
    let each = [FEW, MANY].map(|before| {
        let [less, more] = [before, before + MESSAGES_APART].map(instructions_of);
        more.saturating_sub(less) as f64 / MESSAGES_APART as f64
    });
    Some(each)
}

/// Of a whole run.
fn instructions_of(messages: u64) -> u64 {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let told = folder.path().join("counted");
    let out = format!("--callgrind-out-file={}", told.display());
    let wrapper = ["valgrind", "-q", "--tool=callgrind", &out];
    let ashd = Ashd::simulated_below(&wrapper, folder.path());
    ashd.deploy("measured");
    let mut client = ashd.client();
    let session = session(&mut client, "measured");
    ashd.until_ready(1);
    talk(&mut client, &session, messages);
    ashd.stop();
    let told = std::fs::read_to_string(told).expect("valgrind tells what it counted");
    let total = told.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).expect("a sum is a number")
}

/// Whether it is within its budget.
fn check(name: &str, measured: f64, most: f64) -> bool {
    let kept = measured <= most;
    let verdict = if kept { "" } else { "   OVER" };
    println!("{name:<64} {measured:>12.2} {most:>12.2}{verdict}");
    kept
}
