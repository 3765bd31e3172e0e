//! The options of a session and of a message, and how they reach the CLI.
//!
//! *Invariant:* an option is stored and reaches the CLI on every path, or the request is
//! refused. What can only be given at the CLI's start is part of [`SpawnOptions`]; the driver
//! restarts the CLI (with its conversation) when a message needs others than it runs with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::id::CredentialId;
use crate::wire::permissions::PermissionBehavior;
use crate::wire::sessions::{CreateSession, McpServer, PermissionMode, SessionConfig};
use crate::wire::turns::{Effort, OutputFormat, SendMessage, Thinking, ThinkingKind};

/// The private file that holds a session's MCP servers, and the argument that names it.
const MCP_FILE: &str = "mcp.json";
const MCP_ARGUMENT: &str = "--mcp-config=";

/// Longest system prompt, in bytes: the original's limit.
pub(crate) const SYSTEM_PROMPT_BYTES_MAX: usize = 1_000_000;
/// Longest model name, in bytes: the original's limit.
pub(crate) const MODEL_BYTES_MAX: usize = 100;
/// Longest tool rule, beta or subagent name, in bytes. One goes into one argument.
const WORD_BYTES_MAX: usize = 1_000;
/// Most tool rules, betas, servers or variables in one request: more is a mistake.
const ENTRIES_MAX: usize = 1_000;
/// Largest environment of a session in bytes, names and values: half of what Linux leaves a
/// process for its arguments and environment by default (2 MiB).
pub(crate) const ENVIRONMENT_BYTES_MAX: usize = 1 << 20;
/// Longest single variable: Linux refuses 128 KiB (`MAX_ARG_STRLEN`).
const VARIABLE_BYTES_MAX: usize = 128 * 1024 - 1;

/// Variables that Ash sets itself: the model is reached through it, and the key stays outside.
const RESERVED: [(&str, &str); 9] = [
    ("ANTHROPIC_API_KEY", "the model key never enters a sandbox; give it to ashd"),
    ("ANTHROPIC_AUTH_TOKEN", "the model key never enters a sandbox; give it to ashd"),
    ("ANTHROPIC_BASE_URL", "sandboxes reach the model through ashd; set it for ashd"),
    ("ANTHROPIC_UNIX_SOCKET", "sandboxes reach the model through ashd"),
    ("CLAUDE_CODE_OAUTH_TOKEN", "the model key never enters a sandbox; give it to ashd"),
    ("CLAUDE_CONFIG_DIR", "the conversation lives below HOME"),
    ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "ashd needs it to see a turn's end"),
    ("HOME", "it is the same in every sandbox, so that a session can resume"),
    ("PWD", "it is the same in every sandbox, so that a session can resume"),
];

/// What is wrong with an option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct OptionError {
    /// The member of the request, e.g. `mcpServers.files`.
    pub(crate) field: String,
    pub(crate) what: String,
}

pub(super) fn wrong(field: impl Into<String>, what: impl Into<String>) -> OptionError {
    OptionError { field: field.into(), what: what.into() }
}

/// What a session keeps of its creation, as JSON in the store. The environment is apart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SessionOptions {
    pub(crate) permission_mode: PermissionMode,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ask_permissions: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) permission_timeout_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_permission_timeout: Option<PermissionBehavior>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) system_prompt: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_tools: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) disallowed_tools: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) betas: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subagents: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) initial_agent: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) mcp_servers: BTreeMap<String, McpServer>,
    /// What its requests to the model are signed with, in the place of the host's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential_id: Option<CredentialId>,
    /// Wished limits of its sandbox, with those of its agent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) limits: BTreeMap<String, u64>,
}

impl SessionOptions {
    /// Judges the options of a request; the agent and the environment are judged elsewhere.
    pub(crate) fn parse(request: &CreateSession) -> Result<Self, OptionError> {
        let credential_id = request.credential_id.as_ref().map(|id| id.parse()).transpose();
        let credential_id = credential_id
            .map_err(|_invalid| wrong("credentialId", "Invalid or inaccessible credential"))?;
        model(request.model.as_deref())?;
        let prompt_bytes = request.system_prompt.as_ref().map_or(0, String::len);
        if prompt_bytes > SYSTEM_PROMPT_BYTES_MAX {
            let what =
                format!("it has {prompt_bytes} bytes, and {SYSTEM_PROMPT_BYTES_MAX} is the most");
            return Err(wrong("systemPrompt", what));
        }
        words("allowedTools", request.allowed_tools.as_deref().unwrap_or_default())?;
        words("disallowedTools", request.disallowed_tools.as_deref().unwrap_or_default())?;
        words("betas", request.betas.as_deref().unwrap_or_default())?;
        if let Some(agent) = &request.initial_agent {
            words("initialAgent", std::slice::from_ref(agent))?;
        }
        let mcp_servers = request.mcp_servers.clone().unwrap_or_default();
        servers(&mcp_servers)?;
        Ok(Self {
            permission_mode: permission_mode(request)?,
            ask_permissions: request.ask_permissions.unwrap_or(false),
            permission_timeout_seconds: request.permission_timeout_seconds,
            on_permission_timeout: request.on_permission_timeout,
            system_prompt: request.system_prompt.clone(),
            allowed_tools: request.allowed_tools.clone().unwrap_or_default(),
            disallowed_tools: request.disallowed_tools.clone().unwrap_or_default(),
            betas: request.betas.clone().unwrap_or_default(),
            subagents: request.subagents.clone(),
            initial_agent: request.initial_agent.clone(),
            mcp_servers,
            credential_id,
            limits: request.limits.clone(),
        })
    }

    /// What clients see of them.
    pub(crate) fn config(&self, environment: &BTreeMap<String, String>) -> SessionConfig {
        SessionConfig {
            permission_mode: self.permission_mode,
            ask_permissions: self.ask_permissions,
            permission_timeout_seconds: self.permission_timeout_seconds,
            on_permission_timeout: self.on_permission_timeout,
            system_prompt: self.system_prompt.clone(),
            allowed_tools: self.allowed_tools.clone(),
            disallowed_tools: self.disallowed_tools.clone(),
            betas: self.betas.clone(),
            subagents: self.subagents.clone(),
            initial_agent: self.initial_agent.clone(),
            credential_id: self.credential_id,
            mcp_servers: self.mcp_servers.keys().cloned().collect(),
            extra_env: environment.keys().cloned().collect(),
        }
    }
}

/// Who decides, and that somebody is asked at all.
fn permission_mode(request: &CreateSession) -> Result<PermissionMode, OptionError> {
    let asks = request.ask_permissions.unwrap_or(false);
    for (field, given) in [
        ("permissionTimeoutSeconds", request.permission_timeout_seconds.is_some()),
        ("onPermissionTimeout", request.on_permission_timeout.is_some()),
    ] {
        if given && !asks {
            return Err(wrong(field, "it goes with `askPermissions`, and only with it"));
        }
    }
    match request.permission_mode {
        None if asks => Ok(PermissionMode::Default),
        None => Ok(PermissionMode::BypassPermissions),
        Some(PermissionMode::BypassPermissions | PermissionMode::DontAsk) if asks => {
            Err(wrong("permissionMode", "nothing is ever asked in this mode, see `askPermissions`"))
        }
        Some(mode) => Ok(mode),
    }
}

/// A mode that a running CLI can be told, in its words.
pub(crate) fn mode_told(mode: PermissionMode) -> Option<&'static str> {
    match mode {
        PermissionMode::Default => Some("default"),
        PermissionMode::AcceptEdits => Some("acceptEdits"),
        PermissionMode::Plan => Some("plan"),
        PermissionMode::DontAsk => Some("dontAsk"),
        // It must have been started for it; and what an agent's settings say only its start reads.
        PermissionMode::BypassPermissions | PermissionMode::PermissionsByAgent => None,
    }
}

/// Judges an environment of an agent or a session.
pub(crate) fn check_environment(
    field: &str,
    environment: &BTreeMap<String, String>,
) -> Result<(), OptionError> {
    let mut bytes = 0;
    for (name, value) in environment {
        let at = || format!("{field}.{}", name.chars().take(64).collect::<String>());
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty()
            || !name.chars().all(plain)
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            let what =
                "a variable's name is letters, digits and `_`, and does not start with a digit";
            return Err(wrong(at(), what));
        }
        if value.contains('\0') {
            return Err(wrong(at(), "a variable cannot hold a NUL character"));
        }
        if let Some((_, why)) = RESERVED.iter().find(|(reserved, _)| reserved == name) {
            return Err(wrong(at(), format!("`{name}` cannot be set here: {why}")));
        }
        let size = name.len() + value.len() + 2;
        if size > VARIABLE_BYTES_MAX {
            return Err(wrong(
                at(),
                format!("it has {size} bytes, and {VARIABLE_BYTES_MAX} is the most"),
            ));
        }
        bytes += size;
    }
    if bytes > ENVIRONMENT_BYTES_MAX || environment.len() > ENTRIES_MAX {
        let what = format!(
            "{} variables of {bytes} bytes; {ENTRIES_MAX} of {ENVIRONMENT_BYTES_MAX} are the most",
            environment.len()
        );
        return Err(wrong(field, what));
    }
    Ok(())
}

/// Judges a model's name, of a session or a message.
pub(crate) fn model(name: Option<&str>) -> Result<(), OptionError> {
    match name {
        Some(name) if name.is_empty() || name.len() > MODEL_BYTES_MAX => Err(wrong(
            "model",
            format!("it has {} bytes; 1 to {MODEL_BYTES_MAX} are allowed", name.len()),
        )),
        Some(name) if name.chars().any(char::is_control) => {
            Err(wrong("model", "it has a control character"))
        }
        Some(_) | None => Ok(()),
    }
}

fn words(field: &str, list: &[String]) -> Result<(), OptionError> {
    if list.len() > ENTRIES_MAX {
        return Err(wrong(
            field,
            format!("it has {} entries, and {ENTRIES_MAX} is the most", list.len()),
        ));
    }
    for (index, word) in list.iter().enumerate() {
        if !is_rule(word) {
            let what =
                format!("an entry has 1 to {WORD_BYTES_MAX} bytes and no control characters");
            return Err(wrong(format!("{field}.{index}"), what));
        }
    }
    Ok(())
}

/// Whether it can be a tool rule, a beta or the name of a subagent.
pub(super) fn is_rule(word: &str) -> bool {
    !word.is_empty() && word.len() <= WORD_BYTES_MAX && !word.chars().any(char::is_control)
}

fn servers(servers: &BTreeMap<String, McpServer>) -> Result<(), OptionError> {
    if servers.len() > ENTRIES_MAX {
        return Err(wrong(
            "mcpServers",
            format!("{} servers, and {ENTRIES_MAX} is the most", servers.len()),
        ));
    }
    for (name, server) in servers {
        let at = format!("mcpServers.{}", name.chars().take(64).collect::<String>());
        match (&server.command, &server.url) {
            (Some(_), Some(_)) => return Err(wrong(at, "`command` and `url` exclude each other")),
            (None, None) => return Err(wrong(at, "it needs a `command` or a `url`")),
            (Some(command), None) if command.is_empty() => {
                return Err(wrong(format!("{at}.command"), "it is empty"));
            }
            (Some(_), None) | (None, Some(_)) => {}
        }
    }
    Ok(())
}

/// The options of one message that the CLI must know.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TurnOptions {
    pub(crate) partial: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_turns: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_budget_usd: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) effort: Option<Effort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) thinking: Option<Thinking>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) output_format: Option<OutputFormat>,
    /// ashd's own: the CLI does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_seconds: Option<u32>,
}

impl TurnOptions {
    pub(crate) fn parse(request: &SendMessage) -> Result<Self, OptionError> {
        model(request.model.as_deref())?;
        if request.max_turns == Some(0) {
            return Err(wrong("maxTurns", "it is at least 1"));
        }
        if request.timeout_seconds == Some(0) {
            return Err(wrong("timeoutSeconds", "it is at least 1"));
        }
        if request.max_budget_usd.is_some_and(|usd| !usd.is_finite() || usd <= 0.0) {
            return Err(wrong("maxBudgetUsd", "it is a number of dollars, more than 0"));
        }
        if let Some(thinking) = &request.thinking
            && thinking.budget_tokens.is_some() != (thinking.kind == ThinkingKind::Enabled)
        {
            let what = "`budgetTokens` goes with the type `enabled`, and only with it";
            return Err(wrong("thinking.budgetTokens", what));
        }
        Ok(Self {
            partial: request.include_partial_messages,
            model: request.model.clone(),
            max_turns: request.max_turns,
            max_budget_usd: request.max_budget_usd,
            effort: request.effort,
            thinking: request.thinking.clone(),
            output_format: request.output_format.clone(),
            timeout_seconds: request.timeout_seconds,
        })
    }
}

/// What the CLI is started with; two that are equal can share a process.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SpawnOptions {
    pub(crate) arguments: Vec<String>,
    /// Members of `initialize`.
    pub(crate) initialize: Map<String, Value>,
    /// Files that only the CLI may read: what is secret or too long for an argument.
    pub(crate) files: Vec<PrivateFile>,
    /// The CLI counts the budget from its start: such a process serves one message.
    pub(crate) one_message: bool,
}

/// A file that is named by an argument of the CLI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrivateFile {
    pub(crate) argument: &'static str,
    pub(crate) name: &'static str,
    pub(crate) content: String,
}

impl SpawnOptions {
    /// Two that are equal have the same; the bridge keeps it for the ashd that comes next.
    pub(crate) fn label(&self) -> String {
        let Self { arguments, initialize, files, one_message } = self;
        let files: Vec<_> =
            files.iter().map(|file| (file.argument, file.name, &file.content)).collect();
        let text = json!([arguments, initialize, files, one_message]).to_string();
        let digest = Sha256::digest(text.as_bytes());
        digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _never_fails = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// `model` is the one the process starts with: it can be changed without a restart, so it
    /// does not count when options are compared.
    pub(crate) fn new(session: &SessionOptions, turn: &TurnOptions) -> Self {
        let mut arguments: Vec<String> = [
            "--output-format=stream-json",
            "--input-format=stream-json",
            "--verbose",
            "--include-partial-messages",
            "--session-mirror",
            "--setting-sources=project",
        ]
        .map(str::to_owned)
        .to_vec();
        let mut initialize = Map::new();
        let mut files = Vec::new();
        match session.permission_mode {
            PermissionMode::BypassPermissions => {
                arguments.push("--permission-mode=bypassPermissions".to_owned());
                arguments.push("--allow-dangerously-skip-permissions".to_owned());
            }
            mode => {
                arguments.extend(mode_told(mode).map(|word| format!("--permission-mode={word}")));
            }
        }
        if session.ask_permissions {
            arguments.push("--permission-prompt-tool=stdio".to_owned());
        }
        // `--flag=value` throughout: a value that starts with `-` stays a value.
        if !session.allowed_tools.is_empty() {
            arguments.push(format!("--allowedTools={}", session.allowed_tools.join(",")));
        }
        if !session.disallowed_tools.is_empty() {
            arguments.push(format!("--disallowedTools={}", session.disallowed_tools.join(",")));
        }
        if !session.betas.is_empty() {
            arguments.push(format!("--betas={}", session.betas.join(",")));
        }
        if let Some(agent) = &session.initial_agent {
            arguments.push(format!("--agent={agent}"));
        }
        if let Some(prompt) = &session.system_prompt {
            initialize.insert("systemPrompt".to_owned(), json!(prompt));
        }
        if let Some(subagents) = &session.subagents {
            initialize.insert("agents".to_owned(), Value::Object(subagents.clone()));
        }
        if !session.mcp_servers.is_empty() {
            let document = json!({ "mcpServers": session.mcp_servers });
            files.push(PrivateFile {
                argument: MCP_ARGUMENT,
                name: MCP_FILE,
                content: document.to_string(),
            });
        }
        if let Some(turns) = turn.max_turns {
            arguments.push(format!("--max-turns={turns}"));
        }
        if let Some(usd) = turn.max_budget_usd {
            arguments.push(format!("--max-budget-usd={usd}"));
        }
        if let Some(effort) = turn.effort {
            let word = match effort {
                Effort::Low => "low",
                Effort::Medium => "medium",
                Effort::High => "high",
                Effort::Max => "max",
            };
            arguments.push(format!("--effort={word}"));
        }
        match &turn.thinking {
            Some(Thinking { kind: ThinkingKind::Adaptive, .. }) => {
                arguments.push("--thinking=adaptive".to_owned());
            }
            Some(Thinking { kind: ThinkingKind::Disabled, .. }) => {
                arguments.push("--thinking=disabled".to_owned());
            }
            Some(Thinking { kind: ThinkingKind::Enabled, budget_tokens }) => {
                arguments
                    .push(format!("--max-thinking-tokens={}", budget_tokens.unwrap_or_default()));
            }
            None => {}
        }
        if let Some(format) = &turn.output_format {
            initialize.insert("jsonSchema".to_owned(), Value::Object(format.schema.clone()));
        }
        let one_message = turn.max_budget_usd.is_some();
        Self { arguments, initialize, files, one_message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_more_than_nothing_and_wants_a_process_of_its_own() {
        for (usd, fine) in [(0.01, true), (0.0, false), (-1.0, false), (f64::INFINITY, false)] {
            let request = SendMessage { max_budget_usd: Some(usd), ..SendMessage::text("x") };
            let parsed = TurnOptions::parse(&request);
            assert_eq!(parsed.is_ok(), fine, "{usd}");
            if let Ok(turn) = parsed {
                assert!(SpawnOptions::new(&SessionOptions::default(), &turn).one_message);
            }
        }
        let plain = SpawnOptions::new(&SessionOptions::default(), &TurnOptions::default());
        assert!(!plain.one_message);
    }

    fn create(json: &str) -> CreateSession {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_option_of_a_session_reaches_the_cli() {
        let request = create(
            r#"{"agent":"a","model":"haiku","mcpServers":{"m":{"command":"x","args":["1"]}},"systemPrompt":"Be brief.",
                "permissionMode":"default","allowedTools":["Read","Bash(git *)"],"disallowedTools":["Write"],"betas":["b"],
                "subagents":{"r":{"description":"d","prompt":"p"}},"initialAgent":"r"}"#,
        );
        let spawn =
            SpawnOptions::new(&SessionOptions::parse(&request).unwrap(), &TurnOptions::default());
        for argument in [
            "--permission-mode=default",
            "--allowedTools=Read,Bash(git *)",
            "--disallowedTools=Write",
            "--betas=b",
            "--agent=r",
        ] {
            assert!(
                spawn.arguments.iter().any(|given| given == argument),
                "{argument}: {:?}",
                spawn.arguments
            );
        }
        assert_eq!(spawn.initialize["systemPrompt"], "Be brief.");
        assert_eq!(spawn.initialize["agents"]["r"]["prompt"], "p");
        let servers: Value = serde_json::from_str(&spawn.files[0].content).unwrap();
        assert_eq!(servers["mcpServers"]["m"], json!({"command": "x", "args": ["1"]}));
    }

    #[test]
    fn every_option_of_a_message_reaches_the_cli() {
        let request: SendMessage = serde_json::from_str(
            r#"{"content":"x","maxTurns":3,"maxBudgetUsd":0.5,"effort":"low","thinking":{"type":"enabled","budgetTokens":2000},
                "outputFormat":{"type":"json_schema","schema":{"type":"object"}}}"#,
        )
        .unwrap();
        let spawn =
            SpawnOptions::new(&SessionOptions::default(), &TurnOptions::parse(&request).unwrap());
        for argument in
            ["--max-turns=3", "--max-budget-usd=0.5", "--effort=low", "--max-thinking-tokens=2000"]
        {
            assert!(spawn.arguments.iter().any(|given| given == argument), "{argument}");
        }
        assert_eq!(spawn.initialize["jsonSchema"]["type"], "object");
        assert_ne!(spawn, SpawnOptions::new(&SessionOptions::default(), &TurnOptions::default()));
    }

    #[test]
    fn a_refused_option_is_named() {
        let field = |json: &str| SessionOptions::parse(&create(json)).unwrap_err().field;
        assert_eq!(field(r#"{"agent":"a","credentialId":"c"}"#), "credentialId");
        assert_eq!(field(r#"{"agent":"a","model":""}"#), "model");
        assert_eq!(field(r#"{"agent":"a","mcpServers":{"m":{}}}"#), "mcpServers.m");
        assert_eq!(field(r#"{"agent":"a","allowedTools":["x",""]}"#), "allowedTools.1");
    }

    #[test]
    fn the_key_cannot_be_smuggled_in() {
        for name in [
            "ANTHROPIC_API_KEY",
            "ANTHROPIC_AUTH_TOKEN",
            "CLAUDE_CODE_OAUTH_TOKEN",
            "A=B",
            "",
            "1A",
            "ä",
        ] {
            let environment = BTreeMap::from([(name.to_owned(), "x".to_owned())]);
            assert!(check_environment("extraEnv", &environment).is_err(), "{name}");
        }
        let environment = BTreeMap::from([("USER_TOKEN".to_owned(), "x".to_owned())]);
        assert_eq!(check_environment("extraEnv", &environment), Ok(()));
    }
}
