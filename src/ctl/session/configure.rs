//! `ashctl session config`: the options of a session, changed.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, ValueEnum};
use http::Method;

use super::create::{PERMISSION_MODES, on_the_wire, read_json, read_text};
use super::id;
use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::prefix::resolve;
use crate::ctl::server::whole;
use crate::wire::permissions::PermissionBehavior;
use crate::wire::sessions::{ConfigureSession, PermissionMode, Session};

/// Change options of a session; they hold from its next message on
///
/// What is not named stays. A list that is given replaces the one there was.
#[derive(Debug, Args)]
pub(crate) struct Configure {
    /// Id of the session, or its first characters
    session: String,
    #[command(flatten)]
    changes: Changes,
}

/// Options of a session, or of those of an agent, that are to be others.
#[derive(Debug, Args)]
pub(crate) struct Changes {
    /// Model
    #[arg(long)]
    model: Option<String>,
    /// File with what the agent is told instead of its CLAUDE.md
    #[arg(long, value_name = "FILE")]
    system_prompt_file: Option<PathBuf>,
    /// Who decides what a tool may do
    #[arg(
        long,
        value_name = "MODE",
        value_parser = PossibleValuesParser::new(PERMISSION_MODES).map(on_the_wire::<PermissionMode>),
    )]
    permission_mode: Option<PermissionMode>,
    /// Whether clients are asked what no rule decides
    #[arg(long, value_name = "BOOLEAN")]
    ask_permissions: Option<bool>,
    /// Answer a question without a client after so many seconds, 0 for never
    #[arg(long, value_name = "SECONDS")]
    permission_timeout: Option<u32>,
    /// What is answered then
    #[arg(long, value_name = "ANSWER")]
    on_permission_timeout: Option<PermissionBehavior>,
    /// Tool that may be used, as `Read` or `Bash(git *)`; may be given again
    #[arg(long = "allowed-tool", value_name = "TOOL")]
    allowed_tools: Vec<String>,
    /// Tool that may not be used; may be given again
    #[arg(long = "disallowed-tool", value_name = "TOOL")]
    disallowed_tools: Vec<String>,
    /// Beta of the model API; may be given again
    #[arg(long = "beta", value_name = "NAME")]
    betas: Vec<String>,
    /// JSON file with subagents, an object by their names
    #[arg(long, value_name = "FILE")]
    subagents: Option<PathBuf>,
    /// Subagent that leads the conversation
    #[arg(long, value_name = "NAME")]
    initial_agent: Option<String>,
    /// Id of the stored credential that its requests to the model are signed with
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
    /// Option that is to be as if it had never been given; may be given again
    #[arg(long, value_name = "OPTION")]
    unset: Vec<Unset>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unset {
    Model,
    SystemPrompt,
    PermissionTimeout,
    OnPermissionTimeout,
    AllowedTools,
    DisallowedTools,
    Betas,
    Subagents,
    InitialAgent,
    Credential,
}

impl Changes {
    pub(crate) fn into_request(self) -> Result<ConfigureSession, Failure> {
        let unset = |what| self.unset.contains(&what);
        let list =
            |given: &Vec<String>, what| (unset(what) || !given.is_empty()).then(|| given.clone());
        let system_prompt = self.system_prompt_file.as_deref().map(read_text).transpose()?;
        let subagents = self.subagents.as_deref().map(read_json).transpose()?;
        Ok(ConfigureSession {
            model: maybe(self.model.clone(), unset(Unset::Model)),
            system_prompt: maybe(system_prompt, unset(Unset::SystemPrompt)),
            permission_mode: self.permission_mode,
            ask_permissions: self.ask_permissions,
            permission_timeout_seconds: maybe(
                self.permission_timeout,
                unset(Unset::PermissionTimeout),
            ),
            on_permission_timeout: maybe(
                self.on_permission_timeout,
                unset(Unset::OnPermissionTimeout),
            ),
            allowed_tools: list(&self.allowed_tools, Unset::AllowedTools),
            disallowed_tools: list(&self.disallowed_tools, Unset::DisallowedTools),
            betas: list(&self.betas, Unset::Betas),
            subagents: maybe(subagents, unset(Unset::Subagents)),
            initial_agent: maybe(self.initial_agent.clone(), unset(Unset::InitialAgent)),
            credential_id: maybe(self.credential.clone(), unset(Unset::Credential)),
        })
    }
}

/// A value, an explicit nothing, or no change.
#[expect(clippy::option_option, reason = "the wire tells them apart")]
fn maybe<T>(given: Option<T>, unset: bool) -> Option<Option<T>> {
    match given {
        Some(value) => Some(Some(value)),
        None if unset => Some(None),
        None => None,
    }
}

pub(super) async fn run(context: &Context, configure: Configure) -> Result<(), Failure> {
    let session = resolve(&context.server, &configure.session).await?;
    let request = configure.changes.into_request()?;
    if request == ConfigureSession::default() {
        return Err(Failure::usage("nothing is to be changed: name an option"));
    }
    let target = format!("/api/sessions/{session}/config");
    let answer = whole(context.server.say(Method::PATCH, &target, &request).await?).await?;
    let output = &context.output;
    output.one(&answer, "session", id, |session: Session| {
        output.line(&format!("Configured session {}", session.id))
    })
}
