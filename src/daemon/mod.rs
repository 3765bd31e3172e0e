//! `ashd`: reads its settings, wires the parts together, serves, and leaves in order. And the
//! parts of it that are programs of their own under systemd: [`sandboxd`], [`egress`].

mod arguments;

mod credentials;
mod data;
mod egress;
mod failure;
mod listen;
mod logging;
mod manual;
mod program;
mod reload;
mod sandboxd;
mod serve;
mod wire_up;

use std::process::ExitCode;

use clap::Parser as _;

use self::arguments::Arguments;
use self::failure::Failure;
use crate::config;

/// Threads that serve connections and drive sessions: more than the cores of a small host gain
/// nothing, and each costs memory.
const WORKERS_MAX: usize = 4;

pub use egress::main as egress_main;
pub use sandboxd::main as sandboxd_main;

/// The program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report("ashd"),
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.manual {
        logging::print(&manual::settings());
        return Ok(());
    }
    let settings = config::load(arguments.config.as_deref(), arguments.simulate)?;
    if arguments.check {
        logging::say(&settings.shown.in_order());
        return Ok(());
    }
    let log = logging::start("ashd", &settings.log)?;
    runtime(WORKERS_MAX)?.block_on(serve::serve(settings, arguments, log))
}

fn runtime(workers_max: usize) -> Result<tokio::runtime::Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores.min(workers_max))
        .enable_all()
        .build()
        .map_err(Failure::Runtime)
}
