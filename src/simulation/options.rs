//! What the CLI was started with, and what control requests changed since.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Invocation;

/// The model without `--model`.
const DEFAULT_MODEL: &str = "claude-opus-5-5";

/// How often the API is asked again without `CLAUDE_CODE_MAX_RETRIES`.
const RETRIES: u32 = 10;

/// Flags that take no value, so that what follows them is not theirs.
const SWITCHES: [&str; 13] = [
    "--allow-dangerously-skip-permissions",
    "--bare",
    "--continue",
    "--dangerously-skip-permissions",
    "--fork-session",
    "--include-hook-events",
    "--include-partial-messages",
    "--no-session-persistence",
    "--print",
    "--replay-user-messages",
    "--session-mirror",
    "--strict-mcp-config",
    "--verbose",
];

/// How the CLI may use tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PermissionMode {
    Default,
    AcceptEdits,
    Plan,
    DontAsk,
    Auto,
    BypassPermissions,
}

impl PermissionMode {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::AcceptEdits => "acceptEdits",
            Self::Plan => "plan",
            Self::DontAsk => "dontAsk",
            Self::Auto => "auto",
            Self::BypassPermissions => "bypassPermissions",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "default" | "manual" => Self::Default,
            "acceptEdits" => Self::AcceptEdits,
            "plan" => Self::Plan,
            "dontAsk" => Self::DontAsk,
            "auto" => Self::Auto,
            "bypassPermissions" => Self::BypassPermissions,
            _ => return None,
        })
    }
}

/// Which conversation the CLI was asked to lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    New,
    /// `--session-id`: a new one under that id.
    Named(String),
    /// `--resume`: an id, or the path of a transcript; `fork` continues it under another id.
    Resumed {
        what: String,
        fork: Option<String>,
    },
}

/// The effective options.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct Options {
    pub(super) which: Which,
    pub(super) model: String,
    default_model: String,
    pub(super) permission_mode: PermissionMode,
    pub(super) may_bypass: bool,
    /// The host answers permission questions (`--permission-prompt-tool=stdio`).
    pub(super) host_answers: bool,
    pub(super) partial_messages: bool,
    pub(super) mirror: bool,
    pub(super) persist: bool,
    pub(super) state_events: bool,
    pub(super) max_turns: Option<usize>,
    pub(super) max_retries: u32,
    pub(super) mcp_servers: Vec<String>,
    pub(super) has_key: bool,
    pub(super) directory: PathBuf,
    /// Where transcripts lie; `None` without a home.
    pub(super) config_directory: Option<PathBuf>,
    pub(super) system_prompt: Option<String>,
    append_system_prompt: Option<String>,
    json_schema: Option<Value>,
    settings: Map<String, Value>,
    initialize: Option<Value>,
    flags: Map<String, Value>,
    arguments: Vec<String>,
    environment_names: Vec<String>,
}

impl Options {
    /// Reads the arguments as the CLI would; the error is what it writes to stderr.
    pub(super) fn parse(invocation: Invocation) -> Result<Self, String> {
        let Invocation { arguments, environment, directory } = invocation;
        let flags = flags(&arguments);
        let text = |name: &str| flags.get(name).and_then(Value::as_str).map(str::to_owned);
        let switch = |name: &str| flags.get(name).is_some_and(|value| *value != json!("false"));
        let named = text("--session-id");
        if named.as_deref().is_some_and(|id| Uuid::try_parse(id).is_err()) {
            return Err("Error: Invalid session ID. Must be a valid UUID.".to_owned());
        }
        let which = match (text("--resume"), named) {
            (Some(what), id) => {
                let new = || id.unwrap_or_else(|| Uuid::new_v4().to_string());
                Which::Resumed { what, fork: switch("--fork-session").then(new) }
            }
            (None, Some(id)) => Which::Named(id),
            (None, None) => Which::New,
        };
        let permission_mode = match text("--permission-mode") {
            Some(mode) => PermissionMode::parse(&mode).ok_or_else(|| {
                format!("error: option '--permission-mode <mode>' argument '{mode}' is invalid.")
            })?,
            None => PermissionMode::Default,
        };
        let skips = switch("--dangerously-skip-permissions");
        let model = text("--model").unwrap_or_else(|| DEFAULT_MODEL.to_owned());
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Ok(Self {
            which,
            default_model: model.clone(),
            model,
            may_bypass: skips
                || switch("--allow-dangerously-skip-permissions")
                || permission_mode == PermissionMode::BypassPermissions,
            permission_mode: if skips {
                PermissionMode::BypassPermissions
            } else {
                permission_mode
            },
            host_answers: text("--permission-prompt-tool").as_deref() == Some("stdio"),
            partial_messages: switch("--include-partial-messages"),
            mirror: switch("--session-mirror"),
            persist: !switch("--no-session-persistence"),
            state_events: environment
                .get("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS")
                .is_some_and(|value| value == "1"),
            max_turns: number(text("--max-turns")),
            max_retries: environment
                .get("CLAUDE_CODE_MAX_RETRIES")
                .and_then(|retries| retries.parse().ok())
                .unwrap_or(RETRIES),
            mcp_servers: mcp_servers(text("--mcp-config").as_deref()),
            has_key: environment.contains_key("ANTHROPIC_API_KEY"),
            config_directory: config_directory(&environment),
            system_prompt: text("--system-prompt"),
            append_system_prompt: text("--append-system-prompt"),
            json_schema: text("--json-schema").and_then(|json| serde_json::from_str(&json).ok()),
            settings: Map::new(),
            initialize: None,
            environment_names: environment.into_keys().collect(),
            directory,
            flags,
            arguments,
        })
    }

    /// Takes in the members of an `initialize` request.
    pub(super) fn initialize(&mut self, request: &Value) {
        let text = |name| request.get(name).and_then(Value::as_str).map(str::to_owned);
        self.system_prompt = text("systemPrompt").or(self.system_prompt.take());
        self.append_system_prompt = text("appendSystemPrompt").or(self.append_system_prompt.take());
        self.json_schema = request.get("jsonSchema").cloned().or(self.json_schema.take());
        self.initialize = Some(request.clone());
    }

    /// Takes in the settings of an `apply_flag_settings` request.
    pub(super) fn apply_settings(&mut self, settings: &Value) {
        if let Value::Object(settings) = settings {
            self.settings.extend(settings.clone());
        }
    }

    /// `set_model`: without a name, the one from the start.
    pub(super) fn set_model(&mut self, model: Option<&str>) {
        let model = model.filter(|model| *model != "default");
        self.model = model.unwrap_or(&self.default_model).to_owned();
    }

    /// Everything, as `[[options]]` tells it. Of the environment only the names: values may be
    /// secrets.
    pub(super) fn told(&self, session_id: &str) -> Value {
        json!({
            "model": self.model,
            "permission_mode": self.permission_mode.as_str(),
            "max_turns": self.max_turns,
            "system_prompt": self.system_prompt,
            "append_system_prompt": self.append_system_prompt,
            "json_schema": self.json_schema,
            "mcp_servers": self.mcp_servers,
            "settings": self.settings,
            "initialize": self.initialize,
            "flags": self.flags,
            "arguments": self.arguments,
            "environment": self.environment_names,
            "directory": self.directory,
            "session_id": session_id,
        })
    }
}

/// Every `--name=value`, `--name value` and `--name` (true).
fn flags(arguments: &[String]) -> Map<String, Value> {
    let mut flags = Map::new();
    let mut rest = arguments.iter().peekable();
    while let Some(argument) = rest.next() {
        if !argument.starts_with("--") {
            continue;
        }
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, json!(value)),
            None if SWITCHES.contains(&argument.as_str()) => (argument.as_str(), json!(true)),
            None => match rest.next_if(|next| !next.starts_with("--")) {
                Some(value) => (argument.as_str(), json!(value)),
                None => (argument.as_str(), json!(true)),
            },
        };
        flags.insert(name.to_owned(), value);
    }
    flags
}

/// The servers of `--mcp-config` if that is JSON; a file is not opened.
fn mcp_servers(config: Option<&str>) -> Vec<String> {
    let config = config.and_then(|config| serde_json::from_str::<Value>(config).ok());
    let servers = config.as_ref().and_then(|config| config.get("mcpServers")?.as_object());
    servers.map(|servers| servers.keys().cloned().collect()).unwrap_or_default()
}

fn config_directory(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    match (environment.get("CLAUDE_CONFIG_DIR"), environment.get("HOME")) {
        (Some(directory), _) => Some(PathBuf::from(directory)),
        (None, Some(home)) => Some(Path::new(home).join(".claude")),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::parse(Invocation {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: BTreeMap::from([("HOME".to_owned(), "/h".to_owned())]),
            directory: PathBuf::from("/workspace"),
        })
    }

    #[test]
    fn flags_come_with_and_without_an_equals_sign() {
        let options = parse(&[
            "--output-format",
            "stream-json",
            "--verbose",
            "--include-partial-messages",
            "--model=haiku",
            "--system-prompt=--be=kind",
            "--max-turns=3",
            "--unheard-of=1",
            r#"--mcp-config={"mcpServers":{"b":{},"a":{}}}"#,
            "--permission-mode=plan",
        ])
        .unwrap();
        assert_eq!(options.model, "haiku");
        assert_eq!(options.system_prompt.as_deref(), Some("--be=kind"));
        assert_eq!(options.max_turns, Some(3));
        assert_eq!(options.mcp_servers, ["a", "b"]);
        assert_eq!(options.permission_mode, PermissionMode::Plan);
        assert!(options.partial_messages && !options.mirror);
        assert_eq!(options.which, Which::New);
        assert_eq!(options.config_directory, Some(PathBuf::from("/h/.claude")));
        assert_eq!(options.told("id")["flags"]["--unheard-of"], "1");
    }

    #[test]
    fn a_fork_continues_under_the_given_id() {
        let id = "11111111-1111-4111-8111-111111111111";
        let named = format!("--session-id={id}");
        let resumed = Which::Resumed { what: "x".to_owned(), fork: None };
        assert_eq!(parse(&["--resume=x", &named]).unwrap().which, resumed);
        let forked = Which::Resumed { what: "x".to_owned(), fork: Some(id.to_owned()) };
        assert_eq!(parse(&["--resume=x", &named, "--fork-session"]).unwrap().which, forked);
        assert_eq!(parse(&[&named]).unwrap().which, Which::Named(id.to_owned()));
    }

    #[test]
    fn what_the_cli_refuses_is_refused() {
        assert!(parse(&["--session-id=abc"]).unwrap_err().contains("Must be a valid UUID"));
        assert!(parse(&["--permission-mode=wat"]).unwrap_err().contains("'wat' is invalid"));
    }
}
