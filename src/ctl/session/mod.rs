//! `ashctl session`: create, list, show, pause, resume, stop, end, messages, timeline, files, commands.

use clap::Subcommand;
use http::Method;

use super::Context;
use super::failure::Failure;
use super::output::Format;
use super::prefix::resolve;
use super::server::{request, whole};
use crate::id::{AgentName, SessionId};
use crate::web::client::{Patience, empty};
use crate::wire::sessions::{Session, SessionStatus};

mod attachment;
mod audit;
mod budget;
pub(crate) mod configure;
pub(crate) mod create;
mod exec;
mod files;
mod logs;
mod messages;
pub(crate) mod permissions;
mod show;
mod timeline;
mod transfer;

use self::attachment::AttachmentVerb;
use self::audit::Audit;
use self::budget::SessionBudget;
use self::configure::Configure;
use self::create::Create;
use self::exec::Exec;
use self::files::Files;
use self::logs::SessionLogs;
use self::messages::Messages;
use self::permissions::{Allow, Deny};
use self::timeline::Timeline;
use self::transfer::{Pull, Push, Put, Remove};

#[derive(Debug, Subcommand)]
pub(crate) enum SessionVerb {
    Create(Box<Create>),
    /// List sessions, newest first
    List {
        /// Only sessions of this agent
        #[arg(long, value_name = "NAME")]
        agent: Option<AgentName>,
        /// Only sessions in this state
        #[arg(long)]
        status: Option<SessionStatus>,
        /// At most so many
        #[arg(long, value_name = "COUNT")]
        limit: Option<u32>,
        /// Without the first so many
        #[arg(long, value_name = "COUNT")]
        offset: Option<u32>,
    },
    /// Show a session
    Show {
        /// Id of the session, or its first characters
        session: String,
    },
    #[command(name = "config")]
    Configure(Box<Configure>),
    /// Freeze a session between its turns; a message or a resume wakes it
    Pause {
        /// Id of the session, or its first characters
        session: String,
    },
    /// Have a session ready for a message, however cold it is
    Resume {
        /// Id of the session, or its first characters
        session: String,
    },
    /// End the processes of a session; files and conversation stay, a message wakes it
    Stop {
        /// Id of the session, or its first characters
        session: String,
    },
    /// Make a new session with the files and the conversation of another
    Fork {
        /// Id of the session, or its first characters
        session: String,
        /// End history and conversation with this turn; files are those of now
        #[arg(long, value_name = "NUMBER")]
        turn: Option<u32>,
    },
    /// Move the files of a session out of this host; a message or `restore` brings them back
    Archive {
        /// Id of the session, or its first characters
        session: String,
        /// Make a snapshot only, and leave the files where they are
        #[arg(long)]
        keep: bool,
    },
    /// Bring an archived session back, also one that another host archived
    Restore {
        /// Id of the session, or its first characters if this host knows it
        session: String,
    },
    /// End a session for good; its messages and files stay readable
    End {
        /// Id of the session, or its first characters
        session: String,
    },
    /// List the permissions that a session asks for
    Permissions {
        /// Id of the session, or its first characters
        session: String,
    },
    Allow(Allow),
    Deny(Deny),
    Messages(Messages),
    Timeline(Timeline),
    Audit(Audit),
    Logs(SessionLogs),
    Budget(SessionBudget),
    Files(Files),
    /// Files that clients give to a session
    #[command(subcommand)]
    Attachment(AttachmentVerb),
    Put(Put),
    #[command(name = "rm")]
    Remove(Remove),
    Pull(Pull),
    Push(Push),
    Exec(Exec),
}

pub(crate) async fn run(context: &mut Context, verb: SessionVerb) -> Result<(), Failure> {
    match verb {
        SessionVerb::Attachment(verb) => attachment::run(context, verb).await,
        SessionVerb::Put(put) => transfer::put(context, put).await,
        SessionVerb::Remove(remove) => transfer::remove(context, remove).await,
        SessionVerb::Pull(pull) => transfer::pull(context, pull).await,
        SessionVerb::Push(push) => transfer::push(context, push).await,
        SessionVerb::Exec(exec) => {
            context.status = Some(exec::run(context, exec).await?);
            Ok(())
        }
        SessionVerb::Create(create) => create::run(context, *create).await,
        SessionVerb::List { agent, status, limit, offset } => {
            let mut query: Vec<String> = vec![];
            query.extend(agent.map(|agent| format!("agent={agent}")));
            query.extend(status.map(|status| format!("status={}", status.as_str())));
            query.extend(limit.map(|limit| format!("limit={limit}")));
            query.extend(offset.map(|offset| format!("offset={offset}")));
            let answer = context.server.get(&with_query("/api/sessions", &query)).await?;
            show::list(&context.output, &answer, offset.unwrap_or(0))
        }
        SessionVerb::Show { session } => {
            let session = resolve(&context.server, &session).await?;
            let answer = context.server.get(&format!("/api/sessions/{session}")).await?;
            show::one(&context.output, &answer)
        }
        SessionVerb::Configure(change) => configure::run(context, *change).await,
        SessionVerb::Pause { session } => rest(context, &session, "pause", "Paused").await,
        SessionVerb::Resume { session } => rest(context, &session, "resume", "Resumed").await,
        SessionVerb::Stop { session } => rest(context, &session, "stop", "Stopped").await,
        SessionVerb::Fork { session, turn } => fork(context, &session, turn).await,
        SessionVerb::Archive { session, keep } => {
            let verb = if keep { "archive?keep=true" } else { "archive" };
            move_files(context, &session, verb, "Archived").await
        }
        SessionVerb::Restore { session } => {
            move_files(context, &session, "restore", "Restored").await
        }
        SessionVerb::End { session } => {
            let session = resolve(&context.server, &session).await?;
            let answer =
                context.server.call(Method::DELETE, &format!("/api/sessions/{session}")).await?;
            let output = &context.output;
            match output.format {
                Format::Table => output.line(&format!("Ended session {session}")),
                Format::Id => output.line(&session.to_string()),
                Format::Json | Format::Jsonl => output.one(&answer, "session", id, |_| Ok(())),
            }
        }
        SessionVerb::Permissions { session } => permissions::list(context, &session).await,
        SessionVerb::Allow(allow) => permissions::allow(context, allow).await,
        SessionVerb::Deny(deny) => permissions::deny(context, deny).await,
        SessionVerb::Messages(messages) => messages::run(context, messages).await,
        SessionVerb::Timeline(timeline) => timeline::run(context, timeline).await,
        SessionVerb::Budget(budget) => budget::run(context, budget).await,
        SessionVerb::Audit(audit) => audit::run(context, audit).await,
        SessionVerb::Logs(asked) => logs::run(context, asked).await,
        SessionVerb::Files(files) => files::run(context, files).await,
    }
}

async fn rest(context: &Context, session: &str, verb: &str, done: &str) -> Result<(), Failure> {
    let session = resolve(&context.server, session).await?;
    let target = format!("/api/sessions/{session}/{verb}");
    let answer = context.server.call(Method::POST, &target).await?;
    let output = &context.output;
    match output.format {
        Format::Table => output.line(&format!("{done} session {session}")),
        Format::Id => output.line(&session.to_string()),
        Format::Json | Format::Jsonl => output.one(&answer, "session", id, |_| Ok(())),
    }
}

/// As [`rest`], with more patience, and a whole id may be one that the server does not know yet.
async fn move_files(
    context: &Context,
    session: &str,
    verb: &str,
    done: &str,
) -> Result<(), Failure> {
    let session = match session.parse() {
        Ok::<SessionId, _>(id) => id,
        Err(_prefix) => resolve(&context.server, session).await?,
    };
    let target = format!("/api/sessions/{session}/{verb}");
    let request = request(Method::POST, &target, empty());
    let answer = whole(context.server.open(request, Patience::Work).await?).await?;
    let output = &context.output;
    match output.format {
        Format::Table => output.line(&format!("{done} session {session}")),
        Format::Id => output.line(&session.to_string()),
        Format::Json | Format::Jsonl => output.one(&answer, "session", id, |_| Ok(())),
    }
}

async fn fork(context: &Context, session: &str, turn: Option<u32>) -> Result<(), Failure> {
    let session = resolve(&context.server, session).await?;
    let query: Vec<String> = turn.map(|turn| format!("turn={turn}")).into_iter().collect();
    let target = with_query(&format!("/api/sessions/{session}/fork"), &query);
    let answer = context.server.call(Method::POST, &target).await?;
    context.output.one(&answer, "session", id, |forked: Session| {
        context.output.line(&format!("Forked session {session} as {}", forked.id))?;
        if let Some(turn) = turn {
            let what = "the conversation ends with turn";
            context.output.note(&format!("{what} {turn}; the files are those of now"));
        }
        Ok(())
    })
}

fn id(session: &Session) -> String {
    session.id.to_string()
}

/// `path` with its query, if it has one.
pub(super) fn with_query(path: &str, query: &[String]) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}
