//! What Ash adds to a message: `cargo bench --features testing --bench overhead`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::panic,
    reason = "a benchmark starts programs, prints, and gives up if one of them fails"
)]

#[expect(dead_code, reason = "each benchmark uses its part")]
mod rig;

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rig::ashd::{Ashd, fake_claude, session};
use rig::bare::Bare;
use rig::bridge::Bridge;
use rig::client::Client;
use rig::{chart, figures, process};

/// Sessions that send at the same time.
const SESSIONS: [usize; 5] = [1, 8, 32, 100, 500];

/// Most of them if nobody says otherwise (`ASH_BENCH_SESSIONS`): 500 are 2,500 processes.
const SESSIONS_DEFAULT: usize = 100;

/// Times that the ways take turns, so that a busy moment of the machine meets all of them.
const ROUNDS: usize = 12;

/// Messages of all sessions together in one round of one way.
const MESSAGES: usize = 96;

/// Messages that nobody counts: the first of a CLI is not like the others.
const WARM_UP: usize = 3;

/// Writes to measure the disk with.
const SYNCS: usize = 200;

const TEXT: &str = "How much do you cost?";

/// One conversation over one way.
trait Way: Send {
    fn turn(&mut self);
    /// What belongs to a turn, but not to its time.
    fn rest(&mut self) {}
}

struct ThroughAsh {
    client: Client,
    session: String,
}

impl Way for ThroughAsh {
    fn turn(&mut self) {
        self.client.turn(&self.session, TEXT);
    }

    fn rest(&mut self) {
        self.client.rest();
    }
}

impl Way for Bridge {
    fn turn(&mut self) {
        Self::turn(self, TEXT);
    }

    fn rest(&mut self) {
        Self::rest(self);
    }
}

impl Way for Bare {
    fn turn(&mut self) {
        Self::turn(self, TEXT);
    }
}

/// What one way needed.
#[derive(Default)]
struct Measured {
    times: Vec<Duration>,
    wall: Duration,
}

impl Measured {
    fn count(&self) -> u32 {
        u32::try_from(self.times.len()).expect("nobody waits for so many")
    }

    fn per_second(&self) -> f64 {
        f64::from(self.count()) / self.wall.as_secs_f64()
    }
}

fn main() {
    figures::machine("overhead");
    let claude = fake_claude();
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let ashd = Ashd::start(folder.path(), &claude, &[("ANTHROPIC_API_KEY", "sk-ant-dummy")]);
    ashd.deploy("measured");

    figures::table(
        "What a durable commit cannot be faster than: append 4 KiB to a file and sync its data,
         in the folder of the database.",
    );
    figures::row("write and sync", &syncs(folder.path()));

    let asked = std::env::var("ASH_BENCH_SESSIONS").ok().and_then(|most| most.parse().ok());
    let most: usize = asked.unwrap_or(SESSIONS_DEFAULT);
    let mut through_ash: Vec<Box<dyn Way>> = Vec::new();
    let mut over_bridge: Vec<Box<dyn Way>> = Vec::new();
    let mut bare: Vec<Box<dyn Way>> = Vec::new();
    let mut homes = Vec::new();
    for _ in 0..most {
        let mut client = ashd.client();
        let session = session(&mut client, "measured");
        ashd.until_ready(1);
        let invocation = ashd.invocation(&session);
        through_ash.push(Box::new(ThroughAsh { client, session }));
        for _ in 0..2 {
            homes.push(tempfile::tempdir().expect("a folder for temporary files"));
        }
        let [.., first, second] = homes.as_slice() else { panic!("two were just made") };
        over_bridge.push(Box::new(Bridge::start(&claude, &invocation, first.path())));
        let mut cli = Bare::start(&claude, &invocation, second.path(), "http://127.0.0.1:9");
        cli.until_ready();
        bare.push(Box::new(cli));
    }
    for sessions in SESSIONS.into_iter().filter(|sessions| *sessions <= most) {
        let mut ways = [&mut through_ash, &mut over_bridge, &mut bare]
            .map(|ways| &mut ways.as_mut_slice()[..sessions]);
        measure(&ashd, sessions, &mut ways);
    }
    ashd.stop();
}

fn measure(ashd: &Ashd, sessions: usize, ways: &mut [&mut [Box<dyn Way>]; 3]) {
    for way in &mut *ways {
        round(way, WARM_UP);
    }
    let each = MESSAGES.div_ceil(sessions);
    let mut measured = [(); 3].map(|()| Measured::default());
    let mut processor = Duration::ZERO;
    for turn in 0..ROUNDS {
        for step in 0..ways.len() {
            // Nobody is always the first.
            let index = (turn + step) % ways.len();
            let before = process::processor_time(ashd.pid());
            let Measured { times, wall } = round(ways[index], each);
            if index == 0 {
                processor += process::processor_time(ashd.pid()).saturating_sub(before);
            }
            measured[index].times.extend(times);
            measured[index].wall += wall;
        }
    }
    figures::table(&format!(
        "{sessions} sessions at once, the fake CLI, which answers at once.
         Ash: POST of a message -> `done` received, over TCP, real sandboxes.
         bridge: the same message to ash-bridge over its socket -> idle, without ashd and bwrap.
         bare: the same message to the CLI over its pipes -> idle."
    ));
    let [ash, bridge, bare] = &measured;
    let through_ash = figures::row("through Ash", &ash.times);
    let over_bridge = figures::row("bridge", &bridge.times);
    let alone = figures::row("bare CLI", &bare.times);
    figures::note(&format!(
        "p50 added by Ash {} = ashd {} + bridge {}",
        figures::beyond(through_ash, alone),
        figures::beyond(through_ash, over_bridge),
        figures::beyond(over_bridge, alone)
    ));
    let per_message = processor.as_secs_f64() * 1e6 / f64::from(ash.count());
    figures::note(&format!(
        "messages per second: {:.0} through Ash, {:.0} bridge, {:.0} bare; \
         processor time of ashd per message: {per_message:.0} us",
        ash.per_second(),
        bridge.per_second(),
        bare.per_second(),
    ));
    let rows = [("through Ash", &*ash.times), ("bridge", &bridge.times), ("bare CLI", &bare.times)];
    let title = format!("A message to a CLI that answers at once, {sessions} sessions");
    chart::write(&format!("message-{sessions}"), &title, &rows);
}

/// Every conversation sends its messages, one after the other, all of them at the same time.
fn round(ways: &mut [Box<dyn Way>], messages: usize) -> Measured {
    let start = Instant::now();
    let times = std::thread::scope(|scope| {
        let conversation = |way: &mut Box<dyn Way>| {
            let mut times = Vec::with_capacity(messages);
            for _ in 0..messages {
                let start = Instant::now();
                way.turn();
                times.push(start.elapsed());
                way.rest();
            }
            times
        };
        let running: Vec<_> =
            ways.iter_mut().map(|way| scope.spawn(move || conversation(way))).collect();
        let joined = running.into_iter().flat_map(|thread| thread.join().expect("none fails"));
        joined.collect()
    });
    Measured { times, wall: start.elapsed() }
}

fn syncs(folder: &Path) -> Vec<Duration> {
    let mut file = std::fs::File::create(folder.join("synced")).expect("the folder is ours");
    let times = (0..SYNCS).map(|_| {
        let start = Instant::now();
        file.write_all(&[b'x'; 4096]).expect("there is room");
        file.sync_data().expect("there is room");
        start.elapsed()
    });
    times.collect()
}
