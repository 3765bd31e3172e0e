//! What survives when processes die at any instant. A schedule is made of a seed; the seeds and
//! the number of kills come from `ASH_FAULT_SEEDS` and `ASH_FAULT_KILLS` (`make test-faults`),
//! and are few by default.
//!
//! Clients talk to real ashd processes, with the fake CLI in real sandboxes or with simulated
//! ones. They lose their connections, come back with `Last-Event-ID`, repeat their requests under
//! their idempotency keys, and in the end what each has received is compared with the log, and the
//! log with what the CLI was told and said.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects by failing")]

mod chance;
mod client;
mod fifty;
mod pool;
#[path = "../real/processes.rs"]
#[expect(dead_code, reason = "shared, and not all of it is needed here")]
mod processes;
mod regressions;
mod roles;
mod schedule;
#[path = "../api/server.rs"]
#[expect(dead_code, reason = "shared, and not all of it is needed here")]
mod server;
mod slow;
mod verdict;
mod world;

use crate::schedule::{Faults, run};
use crate::world::Cli;

/// Fewer deaths than of the fake CLI: each start of the real one takes half a second of a core.
const REAL_IN: u64 = 2;

/// A number of the environment.
fn number(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().unwrap())
}

fn every_seed(faults: Faults, cli: Cli) {
    let (mut seeds, mut kills) = (number("ASH_FAULT_SEEDS", 1), number("ASH_FAULT_KILLS", 8));
    if cli == Cli::Real {
        (seeds, kills) = (seeds.div_ceil(REAL_IN), kills.div_ceil(REAL_IN));
    }
    for seed in 1..=seeds {
        run(seed, kills, faults, cli);
    }
}

#[test]
fn a_killed_ashd_loses_nothing_and_doubles_nothing() {
    every_seed(Faults::Ashd, Cli::Fake);
}

#[test]
fn whatever_is_killed_each_turn_ends_once_and_the_session_goes_on() {
    every_seed(Faults::Anything, Cli::Fake);
}

#[test]
fn a_turn_whose_sandbox_dies_with_ashd_is_interrupted_and_says_so() {
    every_seed(Faults::AshdAndSandboxes, Cli::Fake);
}

#[test]
fn a_killed_ashd_loses_nothing_of_the_real_cli_and_doubles_nothing() {
    every_seed(Faults::Ashd, Cli::Real);
}

#[test]
fn whatever_is_killed_around_the_real_cli_each_turn_ends_once_and_the_session_goes_on() {
    every_seed(Faults::Anything, Cli::Real);
}
