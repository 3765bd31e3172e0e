//! `ashctl session exec`: a command in a session's sandbox, as if it ran here.

use std::io::{IsTerminal as _, Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;

use crate::ctl::Context;
use crate::ctl::dotenv::Assignment;
use crate::ctl::exit::Exit;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, warn};
use crate::ctl::prefix::resolve;
use crate::ctl::server::understand;
use crate::wire::exec::{Command, ExecCommand, ExecEnd, ExecOutput, event};
use crate::wire::problem::Problem;

/// Most that a command is given as its standard input: it goes in one request.
const INPUT_BYTES_MAX: u64 = 16 << 20;

/// Run a command in the sandbox of a session, beside its turns
///
/// The exit status is the command's own. It is 124 if it took too long, 126 or 127 if it could not
/// be executed, 128 and the number of the signal that killed it, and 125 if ashctl or the server
/// failed.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Id of the session, or its first characters
    session: String,
    /// Kill it after so many seconds, 300 at most
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
        value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout: u64,
    /// Give it a variable; without a value that of this environment
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<Assignment>,
    /// Run it in this folder of the workspace
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,
    /// Give it no standard input, also if it is no terminal
    #[arg(short, long)]
    no_stdin: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Answers the exit status of the command.
pub(super) async fn run(context: &mut Context, exec: Exec) -> Result<u8, Failure> {
    // None of the others can be told from a status of the command.
    execute(context, exec).await.map_err(|failure| Failure { exit: Exit::NotRun, ..failure })
}

async fn execute(context: &mut Context, exec: Exec) -> Result<u8, Failure> {
    let session = resolve(&context.server, &exec.session).await?;
    let input = if exec.no_stdin { Vec::new() } else { input()? };
    let env = exec.env.into_iter().map(Assignment::into_pair).collect::<Result<_, _>>()?;
    let streams = context.output.format == Format::Table;
    let request = ExecCommand {
        command: Command::Words(exec.command),
        timeout: Some(exec.timeout * 1000),
        cwd: exec.cwd,
        env,
        stdin: None,
        stdin_base64: (!input.is_empty()).then(|| STANDARD.encode(&input)),
        stream: streams,
    };
    let answer = context.server.post(&format!("/api/sessions/{session}/exec"), &request).await?;
    if !streams {
        let answer = answer.bytes(ANSWER_BYTES_MAX).await?;
        context.output.json(&String::from_utf8_lossy(&answer))?;
        return Ok(status(&understand::<ExecEnd>(&answer)?));
    }
    let mut events = answer.events();
    while let Some(said) = events.next().await? {
        let data = said.data.unwrap_or_default();
        match said.event.as_deref().unwrap_or_default() {
            event::STDOUT => context.output.bytes(&bytes(&data)?)?,
            event::STDERR => {
                // There is nobody to tell that the standard error is gone.
                let _told = std::io::stderr().write_all(&bytes(&data)?);
            }
            event::EXIT => {
                let end: ExecEnd = understand(data.as_bytes())?;
                if end.truncated {
                    warn("the command wrote more than is passed on");
                }
                if end.timed_out {
                    warn("the command took too long and was killed; see `--timeout`");
                }
                return Ok(status(&end));
            }
            event::ERROR => {
                return Err(Failure::from_problem(understand::<Problem>(data.as_bytes())?));
            }
            _ => {}
        }
    }
    Err(Failure::new(Exit::NotRun, "the connection was lost before the command ended"))
}

/// Largest answer, in bytes: both outputs, escaped.
const ANSWER_BYTES_MAX: usize = 128 << 20;

fn status(end: &ExecEnd) -> u8 {
    u8::try_from(end.exit_code & 0xff).unwrap_or(u8::MAX)
}

fn bytes(data: &str) -> Result<Vec<u8>, Failure> {
    match understand(data.as_bytes())? {
        ExecOutput::Text(text) => Ok(text.into_bytes()),
        ExecOutput::Base64(text) => STANDARD.decode(text).map_err(|error| {
            Failure::new(Exit::NotRun, format!("the server's answer is not understood: {error}"))
        }),
    }
}

/// What is on the standard input, if that is no terminal.
fn input() -> Result<Vec<u8>, Failure> {
    let stdin = std::io::stdin();
    let mut bytes = Vec::new();
    if stdin.is_terminal() {
        return Ok(bytes);
    }
    stdin.lock().take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| {
        Failure::new(Exit::NotRun, format!("the standard input cannot be read: {error}"))
    })?;
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        let most = INPUT_BYTES_MAX >> 20;
        return Err(Failure::new(Exit::NotRun, format!("the standard input is over {most} MiB"))
            .hint("put it into a file with `ashctl session put`"));
    }
    Ok(bytes)
}
