//! What a session and ashd itself cost: `cargo bench --features testing --bench create`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark starts programs and prints"
)]

#[expect(dead_code, reason = "each benchmark uses its part")]
mod rig;

use std::time::{Duration, Instant};

use rig::ashd::{Ashd, end, fake_claude, session};
use rig::{chart, figures, process};

/// Sessions that are created and ended one after the other.
const CREATED: usize = 60;

/// Sessions that live while memory is looked at.
const IDLE: usize = 40;

/// Sessions that are created at the same time.
const BURST: usize = 100;

/// Starts of ashd.
const STARTS: usize = 20;

/// Time after which an ashd that has nothing to do has settled.
const SETTLED: Duration = Duration::from_secs(3);

fn main() {
    figures::machine("create");
    let claude = fake_claude();
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let start = || Ashd::start(folder.path(), &claude, &[("ANTHROPIC_API_KEY", "sk-ant-dummy")]);
    let ashd = start();
    ashd.deploy("measured");
    create(&ashd);
    burst(&ashd);
    memory(&ashd);
    ashd.stop();
    let pooled = tempfile::tempdir().expect("a folder for temporary files");
    let environment = [("ANTHROPIC_API_KEY", "sk-ant-dummy")];
    claim(&Ashd::start_pooled(pooled.path(), &claude, &environment));

    figures::table(
        "Start: ashd is executed -> the first 200 of GET /health, asked anew until it answers;
         its folder holds the data of the sessions above.",
    );
    let times: Vec<Duration> = (0..STARTS)
        .map(|_| {
            let begin = Instant::now();
            let ashd = start();
            let time = begin.elapsed();
            ashd.stop();
            time
        })
        .collect();
    figures::row("start to healthy", &times);
}

fn create(ashd: &Ashd) {
    let mut client = ashd.client();
    let mut created = Vec::new();
    let mut ready = Vec::new();
    let mut ended = Vec::new();
    for _ in 0..CREATED {
        let start = Instant::now();
        let session = session(&mut client, "measured");
        created.push(start.elapsed());
        ashd.until_ready(1);
        ready.push(start.elapsed());
        let start = Instant::now();
        end(&mut client, &session);
        ended.push(start.elapsed());
    }
    figures::table(
        "One session at a time, an agent of one file, real sandboxes, the fake CLI.
         create: POST /api/sessions -> 201, when the bridge in its sandbox answers.
         ready: the same POST -> the CLI has answered `initialize` (of the fake one).
         end: DELETE -> 200, when nothing of it runs any more.",
    );
    figures::row("create", &created);
    figures::row("create to ready", &ready);
    figures::row("end", &ended);
    let rows = [("create", &*created), ("create to ready", &ready), ("end", &ended)];
    chart::write("create", "A session, real sandboxes, fake CLI", &rows);
}

fn burst(ashd: &Ashd) {
    let mut clients: Vec<_> = (0..BURST).map(|_| ashd.client()).collect();
    let start = Instant::now();
    let created: Vec<(Duration, String)> = std::thread::scope(|scope| {
        let create = |client| {
            let start = Instant::now();
            let session = session(client, "measured");
            (start.elapsed(), session)
        };
        let running: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(move || create(client))).collect();
        running.into_iter().map(|thread| thread.join().expect("none fails")).collect()
    });
    let took = start.elapsed();
    ashd.until_ready(BURST);
    let ready = start.elapsed();
    let (times, sessions): (Vec<_>, Vec<_>) = created.into_iter().unzip();
    for session in &sessions {
        end(&mut clients[0], session);
    }
    figures::table(&format!("{BURST} creates at the same moment."));
    figures::row("create, in a burst", &times);
    figures::note(&format!(
        "the last was created after {:.0} ms, and the last CLI ready after {:.0} ms",
        took.as_secs_f64() * 1e3,
        ready.as_secs_f64() * 1e3
    ));
}

fn claim(ashd: &Ashd) {
    ashd.deploy("measured");
    let mut client = ashd.client();
    let mut claimed = Vec::new();
    // The first one is not there yet when it is asked for.
    let first = session(&mut client, "measured");
    for _ in 0..CREATED {
        ashd.until_warm();
        let start = Instant::now();
        let session = session(&mut client, "measured");
        claimed.push(start.elapsed());
        end(&mut client, &session);
    }
    end(&mut client, &first);
    figures::table("The same with a warm pool: one sandbox is parked when a session is created.");
    figures::row("create, pool hit", &claimed);
}

fn memory(ashd: &Ashd) {
    std::thread::sleep(SETTLED);
    let (resident, before) = process::memory(ashd.pid());
    let mut client = ashd.client();
    for _ in 0..IDLE {
        let session = session(&mut client, "measured");
        ashd.until_ready(1);
        client.turn(&session, "hello");
        client.rest();
    }
    std::thread::sleep(SETTLED);
    let (resident_after, after) = process::memory(ashd.pid());
    let idle = u64::try_from(IDLE).expect("a small number");
    let [mut wrappers, mut bridges] = [0, 0];
    for pid in process::below(ashd.pid()) {
        let proportional = process::memory(pid).1;
        match process::program(pid).as_str() {
            "bridge" => bridges += proportional,
            "bwrap" => wrappers += proportional,
            _ => {}
        }
    }
    println!();
    println!("# KiB, from /proc/<pid>/smaps_rollup. idle: no session lives. {IDLE} sessions: each");
    println!(
        "# has answered one message and waits. sandbox: its bwrap and ash-bridge, without a CLI."
    );
    println!("ashd, idle                  RSS {resident:>7}   PSS {before:>7}");
    println!("ashd, {IDLE} sessions           RSS {resident_after:>7}   PSS {after:>7}");
    println!("ashd, per idle session      PSS {:>7}", after.saturating_sub(before) / idle);
    println!(
        "sandbox without its CLI     PSS {:>7}   (bwrap {}, ash-bridge {})",
        (wrappers + bridges) / idle,
        wrappers / idle,
        bridges / idle
    );
}
