//! The two programs, `ash-fake-claude` and `ash-messages-api`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use nix::sys::signal::{Signal, raise};
use tokio::io::{AsyncBufRead, AsyncWrite, BufReader};
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};

use super::messages_api::{MessagesApi, MessagesApiSettings};
use crate::simulation::{self, Ending, Invocation};

/// What the real CLI exits with after a SIGTERM.
const TERMINATED: i32 = 143;

/// A stand-in for the Messages API, steered by directives in the user's text.
#[derive(Debug, Parser)]
#[command(name = "ash-messages-api", version)]
struct MessagesApiArguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Refuse every other key with 401
    #[arg(long, value_name = "KEY")]
    require_key: Option<String>,
}

/// The zero-delay fake CLI: [`simulation::run`] on this process's arguments and streams.
pub fn fake_claude_main() -> ExitCode {
    let invocation = match invocation() {
        Ok(invocation) => invocation,
        Err(error) => return ended(Err(error)),
    };
    if invocation.arguments.iter().any(|argument| argument == "--version") {
        return ended(say(&format!("{} (Claude Code)", simulation::VERSION)));
    }
    match lead_conversation(invocation) {
        Ok(Ending::Exited { code, stderr }) => {
            if !stderr.is_empty() {
                // Nobody is left to tell if stderr is gone as well.
                let _gone = writeln!(std::io::stderr(), "{stderr}");
            }
            ExitCode::from(u8::try_from(code & 0xff).expect("masked to a byte"))
        }
        Ok(Ending::Killed) => match raise(Signal::SIGKILL) {
            Ok(()) => ExitCode::FAILURE,
            Err(error) => ended(Err(error.into())),
        },
        Err(error) => ended(Err(error)),
    }
}

fn invocation() -> anyhow::Result<Invocation> {
    let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    Ok(Invocation {
        arguments: std::env::args_os().skip(1).map(lossy).collect(),
        environment: std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value))).collect(),
        directory: std::env::current_dir().context("the working directory is gone")?,
    })
}

#[tokio::main(flavor = "current_thread")]
async fn lead_conversation(invocation: Invocation) -> anyhow::Result<Ending> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let conversation = simulation::run(invocation, stdin()?, stdout()?);
    tokio::select! {
        ending = conversation => Ok(ending),
        _ = terminate.recv() => Ok(Ending::Exited { code: TERMINATED, stderr: String::new() }),
        _ = interrupt.recv() => Ok(Ending::Exited { code: 0, stderr: String::new() }),
    }
}

/// Stdin. A pipe is read without a thread of its own, which would cost more than a turn.
fn stdin() -> std::io::Result<Box<dyn AsyncBufRead + Unpin + Send>> {
    let stdin = std::io::stdin();
    Ok(match pipe::Receiver::from_owned_fd(stdin.as_fd().try_clone_to_owned()?) {
        Ok(pipe) => Box::new(BufReader::new(pipe)),
        Err(_) => Box::new(BufReader::new(file(stdin.as_fd())?)),
    })
}

/// Stdout, likewise.
fn stdout() -> std::io::Result<Box<dyn AsyncWrite + Unpin + Send>> {
    let stdout = std::io::stdout();
    Ok(match pipe::Sender::from_owned_fd(stdout.as_fd().try_clone_to_owned()?) {
        Ok(pipe) => Box::new(pipe),
        Err(_) => Box::new(file(stdout.as_fd())?),
    })
}

fn file(descriptor: BorrowedFd<'_>) -> std::io::Result<tokio::fs::File> {
    Ok(std::fs::File::from(descriptor.try_clone_to_owned()?).into())
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}

/// The stand-in Messages API.
pub fn messages_api_main() -> ExitCode {
    let arguments = MessagesApiArguments::parse();
    let settings =
        MessagesApiSettings { listen: arguments.listen, require_key: arguments.require_key };
    ended(serve_messages_api(settings))
}

#[tokio::main]
async fn serve_messages_api(settings: MessagesApiSettings) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listen = settings.listen;
    let api =
        MessagesApi::start(settings).await.with_context(|| format!("cannot listen on {listen}"))?;
    say(&format!("listening on {}", api.url()))?;
    tokio::select! {
        () = api.serve() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn ended(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if stderr is gone as well.
            let _gone = writeln!(std::io::stderr(), "Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
