//! What many sessions cost: `cargo bench --features testing --bench density`. Known ones that have no
//! process, and frozen ones with a sandbox and the fake CLI.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark starts programs and prints"
)]

#[expect(dead_code, reason = "each benchmark uses its part")]
mod rig;

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use rig::ashd::{Ashd, fake_claude, session};
use rig::process::eventually;
use rig::{figures, process};

/// Sessions that ashd knows, and that have no process.
const KNOWN: usize = 10_000;

/// Starts with them, and lists of them.
const TIMES: usize = 20;

/// Sessions with a sandbox.
const FROZEN: usize = 200;

/// Time after which what has nothing to do has settled.
const SETTLED: Duration = Duration::from_secs(3);

fn main() {
    figures::machine("density");
    known();
    frozen();
}

fn known() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let ashd = Ashd::simulated(folder.path(), &[]);
    ashd.deploy("measured");
    std::thread::sleep(SETTLED);
    let empty = process::anonymous(ashd.pid());
    let mut client = ashd.client();
    for _ in 0..KNOWN {
        let session = session(&mut client, "measured");
        let stopped = client.ask("POST", &format!("/api/sessions/{session}/stop"), "");
        assert_eq!(stopped.expect("ashd serves").status, 200);
    }
    std::thread::sleep(SETTLED);
    let (served, proportional) = (process::anonymous(ashd.pid()), process::memory(ashd.pid()).1);
    let [mut lists, mut last] = [Vec::new(), Vec::new()];
    for _ in 0..TIMES {
        for (query, times) in [("", &mut lists), ("?status=stopped&limit=100", &mut last)] {
            let start = Instant::now();
            let answer = client.ask("GET", &format!("/api/sessions{query}"), "");
            times.push(start.elapsed());
            assert_eq!(answer.expect("ashd serves").status, 200);
        }
    }
    ashd.stop();
    let mut starts = Vec::new();
    let mut after = 0;
    for _ in 0..TIMES {
        let start = Instant::now();
        let ashd = Ashd::simulated(folder.path(), &[]);
        starts.push(start.elapsed());
        std::thread::sleep(SETTLED / 3);
        after = process::anonymous(ashd.pid());
        ashd.stop();
    }
    figures::table(&format!("{KNOWN} sessions that were stopped; none has a process."));
    figures::row("list, without a limit", &lists);
    figures::row("list of 100 that are stopped", &last);
    figures::row("start to healthy", &starts);
    figures::note(&format!(
        "anonymous memory of ashd, KiB: {empty} without sessions, {served} after all were served \
         (PSS {proportional}), {after} after a restart"
    ));
}

fn frozen() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let claude = fake_claude();
    let environment = [("ANTHROPIC_API_KEY", "sk-ant-dummy"), ("ASH_MAX_SANDBOXES", "400")];
    let ashd = Ashd::start(folder.path(), &claude, &environment);
    ashd.deploy("measured");
    std::thread::sleep(SETTLED);
    let before = process::anonymous(ashd.pid());
    let mut client = ashd.client();
    let start = Instant::now();
    let sessions: Vec<String> = (0..FROZEN).map(|_| session(&mut client, "measured")).collect();
    ashd.until_ready(FROZEN);
    let took = start.elapsed();
    for session in &sessions {
        client.turn(session, "hello");
        client.rest();
    }
    let hot = memory_of(&ashd);
    for session in &sessions {
        eventually("a pause", || {
            let path = format!("/api/sessions/{session}/pause");
            let answer = client.ask("POST", &path, "").expect("ashd serves");
            (answer.status == 200).then_some(())
        });
    }
    std::thread::sleep(SETTLED);
    let cold = memory_of(&ashd);
    let own = process::anonymous(ashd.pid()).saturating_sub(before);
    let mut thaws = Vec::new();
    for session in &sessions {
        let start = Instant::now();
        let path = format!("/api/sessions/{session}/resume");
        assert_eq!(client.ask("POST", &path, "").expect("ashd serves").status, 200);
        thaws.push(start.elapsed());
    }
    figures::table(&format!(
        "{FROZEN} sessions with a sandbox and the fake CLI, created in {:.1} s, each with one turn.",
        took.as_secs_f64()
    ));
    figures::row("resume of a frozen one", &thaws);
    println!(
        "# KiB for each session: proportional memory of its processes, and what ashd holds for it."
    );
    for (tier, [wrapper, bridge, cli]) in [("hot", hot), ("frozen", cold)] {
        println!("{tier:<8} bwrap {wrapper:>6}   ash-bridge {bridge:>6}   CLI {cli:>6}");
    }
    println!("ashd     {:>6} of anonymous memory", own / FROZEN as u64);
    println!("files that the CLIs are executed from: {}", cold_files(&ashd));
    ashd.stop();
}

/// Proportional memory of bwrap, ash-bridge and the CLI of a session, in KiB.
fn memory_of(ashd: &Ashd) -> [u64; 3] {
    let mut sums = [0; 3];
    for pid in process::below(ashd.pid()) {
        let place = match process::program(pid).as_str() {
            "bwrap" => 0,
            "bridge" => 1,
            "claude" => 2,
            _ => continue,
        };
        sums[place] += process::memory(pid).1;
    }
    sums.map(|sum| sum / FROZEN as u64)
}

/// One file: then the kernel holds its text once for all of them.
fn cold_files(ashd: &Ashd) -> usize {
    let below = process::below(ashd.pid()).into_iter();
    let inodes = below.filter(|pid| process::program(*pid) == "claude").filter_map(|pid| {
        let metadata = std::fs::metadata(format!("/proc/{pid}/exe")).ok()?;
        Some((metadata.dev(), metadata.ino()))
    });
    inodes.collect::<HashSet<_>>().len()
}
