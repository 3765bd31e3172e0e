//! How long a message takes to reach the model, with the real CLI and a stand-in for the model:
//! `cargo bench --features testing --bench real_cli`.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark starts programs and prints"
)]

#[expect(dead_code, reason = "each benchmark uses its part")]
mod rig;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use ash::testing::{MessagesApi, MessagesApiSettings, monotonic_nanoseconds};
use rig::ashd::{Ashd, end, session};
use rig::bare::Bare;
use rig::client::Client;
use rig::figures;

/// Sessions, each with a first message.
const SESSIONS: usize = 12;

/// Messages of a session behind its first.
const FOLLOWING: usize = 5;

/// Where `packaging/claude-cli` puts the CLI, under the home.
const CACHED: &str = ".cache/ash/claude/node_modules/@anthropic-ai/claude-code-linux-x64/claude";

const TEXT: &str = "How much do you cost?";

/// Times of one kind of message, over one way.
#[derive(Default)]
struct Times {
    /// Sent -> the request reaches the model.
    request: Vec<Duration>,
    /// Sent -> the turn is over.
    turn: Vec<Duration>,
}

fn main() {
    let Some(claude) = claude() else { return };
    figures::machine("real_cli");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let settings = MessagesApiSettings::default();
    let model = runtime.block_on(MessagesApi::start(settings)).expect("a port is free");
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let environment =
        [("ANTHROPIC_API_KEY", "sk-ant-dummy"), ("ANTHROPIC_BASE_URL", &*model.url())];
    let ashd = Ashd::start(folder.path(), &claude, &environment);
    ashd.deploy("measured");
    let pooled_folder = tempfile::tempdir().expect("a folder for temporary files");
    let pooled = Ashd::start_pooled(pooled_folder.path(), &claude, &environment);
    pooled.deploy("measured");
    end(&mut pooled.client(), &session(&mut pooled.client(), "measured"));
    let mut claimed = Times::default();

    // At once, first, following; through Ash, bare.
    let mut times: [[Times; 2]; 3] = Default::default();
    for round in 0..SESSIONS {
        // Nobody is always the first.
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        let mut client = ashd.client();
        let ours = session(&mut client, "measured");
        ashd.until_ready(1);
        let invocation = ashd.invocation(&ours);
        let home = tempfile::tempdir().expect("a folder for temporary files");
        let mut bare = Bare::start(&claude, &invocation, home.path(), &model.url());
        bare.until_ready();
        for message in 0..=FOLLOWING {
            let kind = if message == 0 { 1 } else { 2 };
            for way in order {
                let times = &mut times[kind][way];
                match way {
                    0 => timed(&model, times, || through(&mut client, &ours)),
                    _ => timed(&model, times, || bare.turn(TEXT)),
                }
            }
        }
        drop(bare);
        end(&mut client, &ours);

        pooled.until_warm();
        let mut client_of_pooled = pooled.client();
        let mut parked = String::new();
        timed(&model, &mut claimed, || {
            parked = session(&mut client_of_pooled, "measured");
            through(&mut client_of_pooled, &parked);
        });
        end(&mut client_of_pooled, &parked);

        for way in order {
            let times = &mut times[0][way];
            if way == 0 {
                let mut ours = String::new();
                timed(&model, times, || {
                    ours = session(&mut client, "measured");
                    through(&mut client, &ours);
                });
                end(&mut client, &ours);
                ashd.until_ready(1);
            } else {
                let home = tempfile::tempdir().expect("a folder for temporary files");
                timed(&model, times, || {
                    Bare::start(&claude, &invocation, home.path(), &model.url()).turn(TEXT);
                });
            }
        }
    }
    ashd.stop();
    pooled.stop();
    report(&times);
    report_claimed(&claimed, &times[1][1]);
}

fn report_claimed(claimed: &Times, bare: &Times) {
    figures::table(
        "new: a session is created, finds a parked sandbox, and gets a message at once.
         bare: the first message of a CLI that has answered `initialize`, as above.",
    );
    let through_ash = figures::row("create, message -> request, pool hit", &claimed.request);
    let alone = figures::row("message -> request, bare CLI", &bare.request);
    figures::note(&format!("p50 added by Ash {}", figures::beyond(through_ash, alone)));
}

fn through(client: &mut Client, session: &str) {
    client.turn(session, TEXT);
    client.rest();
}

/// One clock for all processes: `CLOCK_MONOTONIC`.
fn timed(model: &MessagesApi, times: &mut Times, turn: impl FnOnce()) {
    model.reset();
    let (start, sent) = (monotonic_nanoseconds(), Instant::now());
    turn();
    times.turn.push(sent.elapsed());
    let seen = model.requests().requests;
    let first =
        seen.iter().find(|request| request.method == "POST" && request.path == "/v1/messages");
    let first = first.expect("the turn asked the model").monotonic_nanoseconds;
    times.request.push(Duration::from_nanos(first - start));
}

fn report(times: &[[Times; 2]; 3]) {
    let definitions = [
        "at once: a session is created (bare: the CLI is started) and gets a message at once.
         Time from there to the request at the model, and to the end of the turn.",
        "first: the first message of a CLI that has answered `initialize`.",
        "following: each message behind the first.",
    ];
    for (definition, [ash, bare]) in definitions.into_iter().zip(times) {
        figures::table(&format!(
            "{definition}
             Ash: POST over TCP, CLI in its sandbox, model through ashd's unix socket.
             bare: the same CLI, arguments and environment, over its pipes, model over TCP."
        ));
        let through_ash = figures::row("message -> request, through Ash", &ash.request);
        let alone = figures::row("message -> request, bare CLI", &bare.request);
        figures::note(&format!("p50 added by Ash {}", figures::beyond(through_ash, alone)));
        let through_ash = figures::row("message -> end of turn, through Ash", &ash.turn);
        let alone = figures::row("message -> end of turn, bare CLI", &bare.turn);
        figures::note(&format!("p50 added by Ash {}", figures::beyond(through_ash, alone)));
    }
}

fn claude() -> Option<PathBuf> {
    let path = match (std::env::var_os("ASH_TEST_CLAUDE"), std::env::var_os("HOME")) {
        (Some(path), _) => PathBuf::from(path),
        (None, Some(home)) => PathBuf::from(home).join(CACHED),
        (None, None) => PathBuf::from(CACHED),
    };
    if path.is_file() {
        return Some(path);
    }
    println!("SKIP: no Claude CLI at {} (set ASH_TEST_CLAUDE)", path.display());
    None
}
