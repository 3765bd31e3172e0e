//! `ashctl chat`: a conversation, with one message or many.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use http::Method;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor};

use super::Context;
use super::environment::Environment;
use super::exit::Exit;
use super::failure::Failure;
use super::output::Format;
use super::prefix::resolve;
use super::server::understand;
use super::session::create::plainly;
use super::turn::options::{TurnOptions, message_text};
use super::turn::{self, Interrupts};
use crate::id::{AgentName, SessionId};
use crate::wire::sessions::SessionEnvelope;

/// Lines that the history keeps.
const HISTORY_LINES_MAX: usize = 1000;

/// Talk to an agent
///
/// With a MESSAGE: send it, print the answer, done. Without one: a conversation in the terminal,
/// where ^C interrupts a turn and ^D ends. The session stays, unless `--end` is given.
#[derive(Debug, Args)]
pub(crate) struct Chat {
    /// Name of the agent
    agent: AgentName,
    /// What to say; `-` reads it from the standard input
    message: Option<String>,
    /// Go on in this session instead of a new one
    #[arg(short, long, value_name = "ID")]
    session: Option<String>,
    /// Ask here, before a tool is used that no rule of the agent allows
    #[arg(long, conflicts_with = "session")]
    ask_permissions: bool,
    /// End the session afterwards
    #[arg(long)]
    end: bool,
    #[command(flatten)]
    options: TurnOptions,
}

pub(crate) async fn run(context: &mut Context, chat: Chat) -> Result<(), Failure> {
    let message = match chat.message {
        Some(message) => Some(chat.options.request(message_text(message)?, &context.output)?),
        None if !io::stdin().is_terminal() => {
            return Err(Failure::usage("without a terminal, a message is needed")
                .hint(format!("`ashctl chat {} -` reads it from the standard input", chat.agent)));
        }
        None if context.output.format != Format::Table => {
            return Err(Failure::usage("a conversation in the terminal is printed as text only"));
        }
        None => None,
    };
    let session = match &chat.session {
        Some(text) => of_agent(context, text, &chat.agent).await?,
        None => plainly(context, &chat.agent, chat.ask_permissions).await?.id,
    };
    context.output.note(&format!("Session: {session}"));
    let result = match message {
        Some(request) => {
            let interrupts = Interrupts::new()?;
            let (wants, patience) = (chat.options.wants(), chat.options.patience());
            turn::run(context, session, &request, wants, patience, interrupts).await
        }
        None => converse(context, &chat.agent, session, &chat.options).await,
    };
    if !chat.end {
        return result;
    }
    let target = format!("/api/sessions/{session}");
    let ended = Interrupts::new()?.unless(context.server.call(Method::DELETE, &target)).await;
    if ended.is_ok() {
        context.output.note("Ended the session");
    }
    // The first thing that went wrong is what the person should know.
    result.and(ended.map(|_session| ()))
}

/// The session that `text` means, if it is one of `agent`.
async fn of_agent(context: &Context, text: &str, agent: &AgentName) -> Result<SessionId, Failure> {
    let session = resolve(&context.server, text).await?;
    let answer = context.server.get(&format!("/api/sessions/{session}")).await?;
    let SessionEnvelope { session: found } = understand(&answer)?;
    if found.agent_name == *agent {
        Ok(session)
    } else {
        Err(Failure::usage(format!(
            "session {session} is one of agent \"{}\", not \"{agent}\"",
            found.agent_name
        )))
    }
}

/// Reads and sends lines until the end.
async fn converse(
    context: &mut Context,
    agent: &AgentName,
    session: SessionId,
    options: &TurnOptions,
) -> Result<(), Failure> {
    let mut lines = Lines::open(agent, history_file(&context.environment))?;
    loop {
        let line;
        (lines, line) = lines.next().await?;
        let text = match line {
            Line::Text(text) => text,
            Line::Interrupt => {
                context.output.note("^D ends the conversation");
                continue;
            }
            Line::End => return Ok(()),
        };
        if text.trim().is_empty() {
            continue;
        }
        let request = options.request(text, &context.output)?;
        // A new listener for each turn: a ^C of before is not meant for it.
        let interrupts = Interrupts::new()?;
        let (wants, patience) = (options.wants(), options.patience());
        let turn = turn::run(context, session, &request, wants, patience, interrupts).await;
        if let Err(failure) = turn {
            if ends_the_conversation(failure.exit) {
                return Err(failure);
            }
            failure.print();
        }
    }
}

/// Whether no later message can do better.
fn ends_the_conversation(exit: Exit) -> bool {
    match exit {
        Exit::Ok
        | Exit::Usage
        | Exit::NotActive
        | Exit::NotFound
        | Exit::Denied
        | Exit::Configuration
        | Exit::NotRun
        | Exit::Unreachable => true,
        Exit::Failure | Exit::Refused | Exit::TurnFailed | Exit::Interrupted => false,
    }
}

/// What came from the keyboard.
#[derive(Debug)]
enum Line {
    Text(String),
    /// ^C.
    Interrupt,
    /// ^D.
    End,
}

/// The lines that are typed, and the history of all that were.
struct Lines {
    editor: DefaultEditor,
    prompt: String,
    history: Option<PathBuf>,
}

impl Lines {
    fn open(agent: &AgentName, history: Option<PathBuf>) -> Result<Self, Failure> {
        let config = Config::builder()
            .max_history_size(HISTORY_LINES_MAX)
            .map(|config| config.history_ignore_space(true).build())
            .map_err(|error| no_terminal(&error))?;
        let mut editor = DefaultEditor::with_config(config).map_err(|error| no_terminal(&error))?;
        if let Some(path) = &history {
            // The first time there is none, and a broken one is no reason not to talk.
            let _loaded = editor.load_history(path);
        }
        Ok(Self { editor, prompt: format!("{agent}> "), history })
    }

    /// Waits for the next line on a thread of its own, as the terminal blocks.
    async fn next(mut self) -> Result<(Self, Line), Failure> {
        let read = tokio::task::spawn_blocking(move || {
            let line = self.read();
            (self, line)
        });
        let (lines, line) = read.await.expect("the reading of a line does not panic");
        Ok((lines, line?))
    }

    fn read(&mut self) -> Result<Line, Failure> {
        match self.editor.readline(&self.prompt) {
            Ok(text) => {
                self.remember(&text);
                Ok(Line::Text(text))
            }
            Err(ReadlineError::Interrupted) => Ok(Line::Interrupt),
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(error) => Err(no_terminal(&error)),
        }
    }

    /// Keeps the line, at once: a conversation may end with a closed window.
    fn remember(&mut self, text: &str) {
        if !matches!(self.editor.add_history_entry(text), Ok(true)) {
            return;
        }
        if let Some(path) = &self.history {
            // A history that cannot be kept is no reason not to talk.
            let _kept = self.editor.append_history(path);
        }
    }
}

fn no_terminal(error: &ReadlineError) -> Failure {
    Failure::new(Exit::Failure, format!("the terminal cannot be read: {error}"))
}

/// The file of the history, in a folder that only its owner can read; none without a home.
fn history_file(environment: &Environment) -> Option<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = environment.state_dir.as_ref()?.join("ash");
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
    Some(folder.join("chat-history"))
}
