//! `ashctl session create`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde::de::DeserializeOwned;

use super::id;
use crate::ctl::Context;
use crate::ctl::agent::version::number_or_id;
use crate::ctl::budget::{change, limit};
use crate::ctl::dotenv::Assignment;
use crate::ctl::failure::Failure;
use crate::ctl::limits::{self, Limit};
use crate::ctl::server::{understand, whole};
use crate::id::AgentName;
use crate::wire::budgets::Change;
use crate::wire::permissions::PermissionBehavior;
use crate::wire::sessions::{CreateSession, McpServer, PermissionMode, Session, SessionEnvelope};

/// As the API spells them.
pub(crate) const PERMISSION_MODES: [&str; 6] =
    ["bypassPermissions", "permissionsByAgent", "default", "acceptEdits", "plan", "dontAsk"];

/// Create a session, which starts its sandbox
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name of the agent
    agent: AgentName,

    /// Version of the agent by its number or id, instead of the active one
    #[arg(long, value_name = "VERSION")]
    agent_version: Option<String>,

    /// Model of the session
    #[arg(long)]
    model: Option<String>,

    /// Variable for the sandbox; a name alone takes the value that ashctl has
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<Assignment>,

    /// What the agent is told instead of its CLAUDE.md
    #[arg(long, value_name = "TEXT", conflicts_with = "system_prompt_file")]
    system_prompt: Option<String>,

    /// The same from a file
    #[arg(long, value_name = "FILE")]
    system_prompt_file: Option<PathBuf>,

    /// Who decides what a tool may do: the sandbox alone if absent, or `default` with
    /// `--ask-permissions`
    #[arg(
        long,
        value_name = "MODE",
        value_parser = PossibleValuesParser::new(PERMISSION_MODES).map(on_the_wire::<PermissionMode>),
    )]
    permission_mode: Option<PermissionMode>,

    /// Ask the clients of the session what no rule decides, instead of denying it
    #[arg(long)]
    ask_permissions: bool,

    /// Answer a question without a client after so many seconds, 0 for never
    #[arg(long, value_name = "SECONDS", requires = "ask_permissions")]
    permission_timeout: Option<u32>,

    /// What is answered then
    #[arg(long, value_name = "ANSWER", requires = "ask_permissions")]
    on_permission_timeout: Option<PermissionBehavior>,

    /// Tool that may be used, as `Read` or `Bash(git *)`; may be given again
    #[arg(long = "allowed-tool", value_name = "TOOL")]
    allowed_tools: Vec<String>,

    /// Tool that may not be used; may be given again
    #[arg(long = "disallowed-tool", value_name = "TOOL")]
    disallowed_tools: Vec<String>,

    /// JSON file with MCP servers, shaped as `.mcp.json`
    #[arg(long, value_name = "FILE")]
    mcp_servers: Option<PathBuf>,

    /// JSON file with subagents, an object by their names
    #[arg(long, value_name = "FILE")]
    subagents: Option<PathBuf>,

    /// Subagent that leads the conversation
    #[arg(long, value_name = "NAME")]
    initial_agent: Option<String>,

    /// Beta of the model API; may be given again
    #[arg(long = "beta", value_name = "NAME")]
    betas: Vec<String>,

    /// Limit of its sandbox below the host's, such as `memoryMib=512`; repeat it for more
    #[arg(long = "limit", value_name = "NAME=NUMBER", value_parser = limits::limit)]
    limits: Vec<Limit>,

    /// Tokens of the model that the session may use in all; `none` for no limit
    #[arg(long, value_name = "COUNT|none", value_parser = limit::<u64>)]
    budget_tokens: Option<Change<u64>>,

    /// US dollars that it may use, by the prices that the host knows; `none` for no limit
    #[arg(long, value_name = "DOLLARS|none", value_parser = limit::<f64>)]
    budget_dollars: Option<Change<f64>>,

    /// Id of a stored credential
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
}

/// The value that is spelt `text` on the wire.
pub(crate) fn on_the_wire<T: DeserializeOwned>(text: String) -> T {
    serde_json::from_value(serde_json::Value::String(text))
        .expect("only spellings of the wire are possible values")
}

impl Create {
    /// The request that the command line describes.
    fn into_request(self) -> Result<CreateSession, Failure> {
        let system_prompt = match &self.system_prompt_file {
            Some(path) => Some(read_text(path)?),
            None => self.system_prompt,
        };
        let extra_env = self
            .env
            .into_iter()
            .map(Assignment::into_pair)
            .collect::<Result<BTreeMap<_, _>, Failure>>()?;
        Ok(CreateSession {
            agent: self.agent.into(),
            version: self.agent_version.as_deref().map(number_or_id),
            credential_id: self.credential,
            extra_env,
            model: self.model,
            mcp_servers: self.mcp_servers.as_deref().map(read_mcp_servers).transpose()?,
            system_prompt,
            permission_mode: self.permission_mode,
            ask_permissions: self.ask_permissions.then_some(true),
            permission_timeout_seconds: self.permission_timeout,
            on_permission_timeout: self.on_permission_timeout,
            allowed_tools: named(self.allowed_tools),
            disallowed_tools: named(self.disallowed_tools),
            betas: named(self.betas),
            subagents: self.subagents.as_deref().map(read_json).transpose()?,
            initial_agent: self.initial_agent,
            limits: self.limits.into_iter().map(Limit::into_pair).collect(),
            budget: change(self.budget_tokens, self.budget_dollars),
        })
    }
}

pub(super) async fn run(context: &Context, create: Create) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = whole(server.post("/api/sessions", &create.into_request()?).await?).await?;
    output.one(&answer, "session", id, |session: Session| {
        let Session { id, agent_name, agent_version, .. } = session;
        output.line(&format!("Created session {id} of agent \"{agent_name}\" (v{agent_version})"))
    })
}

/// Creates a session of `agent` without other options.
pub(crate) async fn plainly(
    context: &Context,
    agent: &AgentName,
    ask_permissions: bool,
) -> Result<Session, Failure> {
    let agent = agent.to_string();
    let ask_permissions = ask_permissions.then_some(true);
    let request = CreateSession { agent, ask_permissions, ..CreateSession::default() };
    let answer = whole(context.server.post("/api/sessions", &request).await?).await?;
    Ok(understand::<SessionEnvelope>(&answer)?.session)
}

/// A list that was given.
fn named(list: Vec<String>) -> Option<Vec<String>> {
    Some(list).filter(|list| !list.is_empty())
}

/// Reads a text file that the command line names.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", path.display())))
}

/// Reads a JSON file that the command line names.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    serde_json::from_str(&read_text(path)?).map_err(|error| {
        Failure::usage(format!("`{}` is not what is needed: {error}", path.display()))
    })
}

/// Reads MCP servers: an object by their names, or one below `mcpServers`.
pub(crate) fn read_mcp_servers(path: &Path) -> Result<BTreeMap<String, McpServer>, Failure> {
    let mut servers: serde_json::Map<String, serde_json::Value> = read_json(path)?;
    if let Some(serde_json::Value::Object(inner)) = servers.remove("mcpServers") {
        servers = inner;
    }
    serde_json::from_value(servers.into()).map_err(|error| {
        Failure::usage(format!("`{}` does not describe MCP servers: {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    fn request(arguments: &[&str]) -> Result<CreateSession, Failure> {
        let line = Line::try_parse_from([&["create"], arguments].concat()).unwrap();
        line.create.into_request()
    }

    #[test]
    fn every_option_reaches_the_request() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        let mcp =
            file("mcp.json", r#"{"mcpServers":{"files":{"command":"mcp-files","args":["-v"]}}}"#);
        let subagents = file("subagents.json", r#"{"critic":{"prompt":"Be strict"}}"#);
        let prompt = file("prompt.md", "Be brief.\n");
        let request = request(&[
            "qa-bot",
            "--model",
            "opus",
            "-e",
            "A=1",
            "--env",
            "B=x=y",
            "--system-prompt-file",
            &prompt,
            "--permission-mode",
            "default",
            "--ask-permissions",
            "--permission-timeout",
            "60",
            "--on-permission-timeout",
            "allow",
            "--allowed-tool",
            "Read",
            "--allowed-tool",
            "Bash(a, b)",
            "--disallowed-tool",
            "Write",
            "--mcp-servers",
            &mcp,
            "--subagents",
            &subagents,
            "--initial-agent",
            "critic",
            "--beta",
            "b1",
            "--credential",
            "c1",
        ]);
        let expected = serde_json::json!({
            "agent": "qa-bot", "credentialId": "c1", "extraEnv": {"A": "1", "B": "x=y"},
            "model": "opus", "mcpServers": {"files": {"command": "mcp-files", "args": ["-v"]}},
            "systemPrompt": "Be brief.\n", "permissionMode": "default",
            "askPermissions": true, "permissionTimeoutSeconds": 60, "onPermissionTimeout": "allow",
            "allowedTools": ["Read", "Bash(a, b)"], "disallowedTools": ["Write"], "betas": ["b1"],
            "subagents": {"critic": {"prompt": "Be strict"}}, "initialAgent": "critic",
        });
        assert_eq!(serde_json::to_value(request.unwrap()).unwrap(), expected);
    }

    #[test]
    fn mcp_servers_need_no_wrapper_but_the_right_members() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        std::fs::write(&path, r#"{"web":{"type":"http","url":"https://mcp.example"}}"#).unwrap();
        assert_eq!(read_mcp_servers(&path).unwrap().keys().collect::<Vec<_>>(), ["web"]);
        std::fs::write(&path, r#"{"web":{"cmd":"x"}}"#).unwrap();
        assert!(read_mcp_servers(&path).unwrap_err().text.contains("cmd"));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let failure = request(&["qa-bot", "--subagents", "/nowhere/x.json"]).unwrap_err();
        assert!(failure.text.contains("/nowhere/x.json"), "{failure:?}");
    }
}
