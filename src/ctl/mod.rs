//! `ashctl`, the operator's tool: one file per command, and what they share.
//!
//! [`cli`] is the command line as typed, [`server`] the way to the daemon, [`output`] where
//! everything is printed, [`failure`] what is told when something goes wrong, and [`exit`] the
//! table of exit statuses. It knows the API and the reading of an agent's folder, nothing else.

use std::process::ExitCode;

use clap::Parser as _;

mod agent;
mod attach;
mod bench;
mod budget;
mod chat;
mod cli;
mod completion;
mod config;
mod credential;
mod database;
mod deploy;
mod doctor;
mod dotenv;
mod drain;
mod environment;
mod eval;
mod events;
mod exit;
mod failure;
mod interrupt;
mod job;
mod key;
mod limits;
mod logs;
mod manual;
mod mcp;
mod metrics;
mod output;
mod plain;
mod prefix;
mod proxy;
mod queue;
mod quota;
mod resume;
mod schedule;
mod send;
mod server;
mod session;
mod status;
mod top;
mod turn;
mod usage;
mod webhook;
mod when;

use self::cli::{Cli, Global, Verb};
use self::environment::Environment;
use self::exit::Exit;
use self::failure::Failure;
use self::output::{Messages, Output, Times};
use self::server::{Server, Wanted};
use crate::clock::Timestamp;

/// What every command has at hand.
#[derive(Debug)]
struct Context {
    server: Server,
    output: Output,
    environment: Environment,
    /// The exit status, if it is not ours to say.
    status: Option<u8>,
}

impl Context {
    fn new(global: Global) -> Result<Self, Failure> {
        let environment = Environment::read();
        let times =
            if global.full { Times::Absolute } else { Times::Relative { now: Timestamp::now() } };
        let messages = if global.quiet { Messages::Quiet } else { Messages::All };
        let output = Output::new(global.output, times, messages);
        let Global { socket, host, server: url, api_key_file, tenant, .. } = global;
        let wanted = Wanted { socket, host, url, api_key_file, tenant };
        let server = Server::find(&wanted, &environment)?;
        if let Some(warning) = server.warning {
            output::warn(warning);
        }
        Ok(Self { server, output, environment, status: None })
    }
}

/// The program.
pub fn main() -> ExitCode {
    completion::answer();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // There is nobody to tell that the output is gone.
            let _told = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() };
        }
    };
    // One connection at a time: a thread more would only cost time at the start.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Failure::new(Exit::Failure, format!("the runtime does not start: {error}")).print();
            return Exit::Failure.into();
        }
    };
    let result = runtime.block_on(run(cli));
    // A thread that still waits for a line of the terminal must not keep the program.
    runtime.shutdown_background();
    match result {
        Ok(status) => status,
        Err(failure) => {
            failure.print();
            failure.exit.into()
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let mut context = Context::new(cli.global)?;
    perform(&mut context, cli.verb).await?;
    Ok(context.status.map_or(Exit::Ok.into(), ExitCode::from))
}

async fn perform(context: &mut Context, verb: Option<Verb>) -> Result<(), Failure> {
    match verb {
        None | Some(Verb::Status) => status::run(context).await,
        Some(Verb::Deploy(deploy)) => deploy::run(context, deploy).await,
        Some(Verb::Agent(verb)) => agent::run(context, verb).await,
        Some(Verb::Session(verb)) => session::run(context, verb).await,
        Some(Verb::Send(send)) => send::run(context, send).await,
        Some(Verb::Chat(chat)) => chat::run(context, chat).await,
        Some(Verb::Interrupt(interrupt)) => interrupt::run(context, interrupt).await,
        Some(Verb::Queue(verb)) => queue::run(context, verb).await,
        Some(Verb::Config(verb)) => config::run(context, verb).await,
        Some(Verb::Db(verb)) => database::run(context, verb).await,
        Some(Verb::Events(events)) => events::run(context, events).await,
        Some(Verb::Logs(logs)) => logs::run(context, logs).await,
        Some(Verb::Budget(verb)) => budget::run(context, verb).await,
        Some(Verb::Usage(verb)) => usage::run(context, verb).await,
        Some(Verb::Job(verb)) => job::run(context, verb).await,
        Some(Verb::Eval(verb)) => eval::run(context, verb).await,
        Some(Verb::Schedule(verb)) => schedule::run(context, verb).await,
        Some(Verb::Webhook(verb)) => webhook::run(context, verb).await,
        Some(Verb::Key(verb)) => key::run(context, verb).await,
        Some(Verb::Doctor) => doctor::run(context).await,
        Some(Verb::Attach(attach)) => attach::run(context, attach).await,
        Some(Verb::Metrics) => metrics::run(context).await,
        Some(Verb::Top(top)) => top::run(context, top).await,
        Some(Verb::Bench(bench)) => bench::run(context, bench).await,
        Some(Verb::Drain(drain)) => drain::run(context, drain).await,
        Some(Verb::Credential(verb)) => credential::run(context, verb).await,
        Some(Verb::Quota(verb)) => quota::run(context, verb).await,
        Some(Verb::Mcp(_)) => mcp::run(&context.server).await,
        Some(Verb::ProxyStdio) => proxy::run(&context.server),
        Some(Verb::Manual(manual)) => manual::run(&manual),
    }
}
