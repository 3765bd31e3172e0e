//! What a client notices when ashd dies or is restarted, how fast it catches up with what it missed, and
//! what a burst of new sessions does to the host: `cargo bench --features testing --bench recovery`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark starts programs and prints"
)]

#[expect(dead_code, reason = "each benchmark uses its part")]
mod rig;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rig::ashd::{Ashd, end, fake_claude, session};
use rig::figures;

/// Deaths and restarts in the middle of an answer.
const ROUNDS: usize = 25;

/// The answer meanwhile: a piece every 5 ms, for a minute.
const ANSWER: &str = "[[chunks:12000:5]]";

/// Events of the log that is read again, and how often.
const LOGGED: usize = 200_000;
const READINGS: usize = 10;

/// Sessions that are created at the same time.
const BURST: usize = 200;

fn main() {
    figures::machine("recovery");
    let claude = fake_claude();
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let start = || Ashd::start(folder.path(), &claude, &[("ANTHROPIC_API_KEY", "sk-ant-dummy")]);
    let ashd = start();
    ashd.deploy("measured");
    catch_up(&ashd);
    let ashd = gaps(ashd, &start);
    ashd.stop();
    burst(&claude);
}

/// A client that comes back every millisecond; the gap is between the last event of before and the first
/// one of after.
fn gaps(mut ashd: Ashd, start: &dyn Fn() -> Ashd) -> Ashd {
    let mut client = ashd.client();
    let id = session(&mut client, "measured");
    ashd.until_ready(1);
    let mut times: [Vec<Duration>; 2] = Default::default();
    for round in 0..2 * ROUNDS {
        let mut stream = ashd.client();
        let path = format!("/api/sessions/{id}/messages");
        let body = format!("{{\"content\":\"{ANSWER}\",\"includePartialMessages\":true}}");
        stream.open("POST", &path, &body).expect("ashd serves");
        let mut last = 0;
        for _ in 0..20 {
            last = stream.next_id().expect("the answer goes on");
        }
        let (seen, begin) = (last, Instant::now());
        ashd = if round % 2 == 0 { ashd.kill(start) } else { ashd.leave(start) };
        let path = format!("/api/sessions/{id}/stream?after={seen}&includePartialMessages=true");
        let mut again = ashd.client();
        again.open("GET", &path, "").expect("ashd serves");
        assert!(again.next_id().expect("the answer goes on") > seen);
        times[round % 2].push(begin.elapsed());
        let path = format!("/api/sessions/{id}/interrupt");
        ashd.client().ask("POST", &path, "").expect("ashd serves");
        while !again.buffered(b"event: done\n") {
            again.next_id().expect("the turn ends");
        }
    }
    figures::table(
        "One session with the fake CLI in a real sandbox, in the middle of an answer. The last event that
         the client had -> the next one, behind which it asked; with the start of the next ashd.",
    );
    figures::row("gap, ashd was killed", &times[0]);
    figures::row("gap, ashd was restarted", &times[1]);
    end(&mut ashd.client(), &id);
    ashd
}

/// The whole log of a session again.
fn catch_up(ashd: &Ashd) {
    let mut client = ashd.client();
    let id = session(&mut client, "measured");
    ashd.until_ready(1);
    client.turn(&id, &format!("[[flood:{LOGGED}]]"));
    let path = format!("/api/sessions/{id}/stream?after=0&until=done&includePartialMessages=true");
    let mut times = Vec::new();
    let (mut bytes, mut events) = (0, 0);
    for _ in 0..READINGS {
        let begin = Instant::now();
        let mut stream = ashd.client();
        (bytes, events) = stream.read_all("GET", &path).expect("ashd serves");
        times.push(begin.elapsed());
    }
    figures::table("The log of a session from its beginning, over one connection.");
    let median = figures::row("catch up", &times).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "it is printed with three digits")]
    let (megabytes, thousands) = (bytes as f64 / 1e6, events as f64 / 1e3);
    figures::note(&format!(
        "{megabytes:.0} MB, {thousands:.0} thousand events: {:.0} MB/s, {:.0} thousand events/s",
        megabytes / median,
        thousands / median
    ));
    end(&mut ashd.client(), &id);
}

/// Everybody wants a session at once, and somebody asks how the host is.
fn burst(claude: &Path) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let ashd = Ashd::start(folder.path(), claude, &[("ANTHROPIC_API_KEY", "sk-ant-dummy")]);
    ashd.deploy("measured");
    let (over, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let begin = Instant::now();
    let (created, asked) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..BURST)
            .map(|_| {
                let (mut client, refused) = (ashd.client(), &refused);
                scope.spawn(move || {
                    let begin = Instant::now();
                    let body = "{\"agent\":\"measured\"}";
                    let answer = client.ask("POST", "/api/sessions", body).expect("ashd serves");
                    refused.fetch_add(usize::from(answer.status != 201), Ordering::Relaxed);
                    begin.elapsed()
                })
            })
            .collect();
        let (mut client, over) = (ashd.client(), &over);
        let asks = scope.spawn(move || {
            let mut times = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let begin = Instant::now();
                let answer = client.ask("GET", "/health", "").expect("ashd serves");
                assert_eq!(answer.status, 200);
                times.push(begin.elapsed());
                std::thread::sleep(Duration::from_millis(5));
            }
            times
        });
        let created: Vec<_> =
            clients.into_iter().map(|client| client.join().expect("no client panics")).collect();
        over.store(true, Ordering::Relaxed);
        (created, asks.join().expect("no client panics"))
    });
    let all = begin.elapsed();
    figures::table(&format!(
        "{BURST} sessions are created at the same time, in real sandboxes, and somebody asks for GET /health
         every 5 ms meanwhile.",
    ));
    figures::row("create, of the burst", &created);
    figures::row("GET /health meanwhile", &asked);
    figures::note(&format!(
        "all after {:.1} s, {} refused",
        all.as_secs_f64(),
        refused.load(Ordering::Relaxed)
    ));
    ashd.stop();
}
