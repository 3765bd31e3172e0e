//! What an agent presets for its sessions: options of a session, judged by the same rules, that hold
//! for every session whose creation does not say otherwise.

use std::collections::BTreeMap;

use serde_json::Value;

use super::options::{OptionError, SessionOptions, wrong};
pub(crate) use crate::wire::agents::AgentConfig;
use crate::wire::sessions::{CreateSession, McpServer, PermissionMode};

/// What is shown in place of a value that may be secret.
pub(crate) const MASK: &str = "***";

/// Reads what is stored of an agent.
pub(crate) fn stored(text: &str) -> Result<AgentConfig, serde_json::Error> {
    serde_json::from_str(text)
}

/// The text that is stored.
pub(crate) fn text(config: &AgentConfig) -> String {
    serde_json::to_string(config).expect("a preset has a JSON form")
}

/// Shallow: a member of the change replaces the one there was, `null` takes it away. What comes out is
/// judged as if a session were created with it. A masked value stands for what there was.
pub(crate) fn changed(
    before: &AgentConfig,
    change: &AgentConfig,
) -> Result<AgentConfig, OptionError> {
    let mut change = change.clone();
    if let Some(Some(servers)) = &mut change.mcp_servers {
        let known = before.mcp_servers.clone().flatten().unwrap_or_default();
        for (name, server) in servers {
            unmask(name, server, known.get(name))?;
        }
    }
    let after = merged(before, &change);
    SessionOptions::parse(&asked(&after))?;
    Ok(after)
}

/// As it is shown: variables and headers of servers may be secret.
pub(crate) fn masked(mut config: AgentConfig) -> AgentConfig {
    if let Some(Some(servers)) = &mut config.mcp_servers {
        for value in servers.values_mut().flat_map(values) {
            MASK.clone_into(value);
        }
    }
    config
}

/// The request with what the agent presets and the request does not say.
pub(crate) fn over(request: CreateSession, preset: &AgentConfig) -> CreateSession {
    let preset = asked(preset);
    // Who is not to ask at all, or in a mode that never asks, has nothing of the agent's asking.
    let never_asks = matches!(
        request.permission_mode,
        Some(PermissionMode::BypassPermissions | PermissionMode::DontAsk)
    );
    let asks = match request.ask_permissions {
        None if never_asks => None,
        said => said.or(preset.ask_permissions),
    };
    let asking = asks == Some(true);
    // Nor is a mode of the agent's kept that never asks by who asks.
    let mode = preset.permission_mode.filter(|mode| {
        !asking || !matches!(mode, PermissionMode::BypassPermissions | PermissionMode::DontAsk)
    });
    CreateSession {
        model: request.model.or(preset.model),
        system_prompt: request.system_prompt.or(preset.system_prompt),
        permission_mode: request.permission_mode.or(mode),
        ask_permissions: asks,
        permission_timeout_seconds: request
            .permission_timeout_seconds
            .or(preset.permission_timeout_seconds.filter(|_| asking)),
        on_permission_timeout: request
            .on_permission_timeout
            .or(preset.on_permission_timeout.filter(|_| asking)),
        allowed_tools: request.allowed_tools.or(preset.allowed_tools),
        disallowed_tools: request.disallowed_tools.or(preset.disallowed_tools),
        mcp_servers: request.mcp_servers.or(preset.mcp_servers),
        subagents: request.subagents.or(preset.subagents),
        initial_agent: request.initial_agent.or(preset.initial_agent),
        betas: request.betas.or(preset.betas),
        ..request
    }
}

/// A session that is created with nothing but the preset.
fn asked(config: &AgentConfig) -> CreateSession {
    let config = config.clone();
    CreateSession {
        model: config.model.flatten(),
        system_prompt: config.system_prompt.flatten(),
        permission_mode: config.permission_mode.flatten(),
        ask_permissions: config.ask_permissions.flatten(),
        permission_timeout_seconds: config.permission_timeout_seconds.flatten(),
        on_permission_timeout: config.on_permission_timeout.flatten(),
        allowed_tools: config.allowed_tools.flatten(),
        disallowed_tools: config.disallowed_tools.flatten(),
        mcp_servers: config.mcp_servers.flatten(),
        subagents: config.subagents.flatten(),
        initial_agent: config.initial_agent.flatten(),
        betas: config.betas.flatten(),
        ..CreateSession::default()
    }
}

fn merged(before: &AgentConfig, change: &AgentConfig) -> AgentConfig {
    let members = |config: &AgentConfig| match serde_json::to_value(config) {
        Ok(Value::Object(members)) => members,
        Ok(_) | Err(_) => serde_json::Map::new(),
    };
    let mut all = members(before);
    for (name, value) in members(change) {
        match value {
            Value::Null => all.remove(&name),
            value => all.insert(name, value),
        };
    }
    serde_json::from_value(Value::Object(all)).expect("members of two presets are one's")
}

fn values(server: &mut McpServer) -> impl Iterator<Item = &mut String> {
    server.env.values_mut().chain(server.headers.values_mut())
}

fn unmask(
    name: &str,
    server: &mut McpServer,
    known: Option<&McpServer>,
) -> Result<(), OptionError> {
    let parts: [(&str, &mut BTreeMap<_, _>, _); 2] = [
        ("env", &mut server.env, known.map(|server| &server.env)),
        ("headers", &mut server.headers, known.map(|server| &server.headers)),
    ];
    for (part, given, known) in parts {
        for (key, value) in given.iter_mut().filter(|(_, value)| *value == MASK) {
            let before = known.and_then(|known| known.get(key)).ok_or_else(|| {
                let short = |text: &str| text.chars().take(64).collect::<String>();
                let at = format!("mcpServers.{}.{part}.{}", short(name), short(key));
                wrong(at, "`***` stands for a value that is kept, and there is none")
            })?;
            before.clone_into(value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(json: Value) -> AgentConfig {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_change_is_shallow_and_null_takes_away() {
        let before = config(json!({
            "model": "opus", "betas": ["b"],
            "mcpServers": { "a": { "command": "x" }, "b": { "command": "y" } },
        }));
        let change =
            config(json!({ "model": null, "mcpServers": { "c": { "url": "https://c" } } }));
        let expected =
            config(json!({ "betas": ["b"], "mcpServers": { "c": { "url": "https://c" } } }));
        assert_eq!(changed(&before, &change).unwrap(), expected);
        assert_eq!(stored(&text(&expected)).unwrap(), expected);
    }

    #[test]
    fn a_preset_is_judged_as_the_session_it_makes() {
        let none = AgentConfig::default();
        let field = |change| changed(&none, &config(change)).unwrap_err().field;
        assert_eq!(field(json!({ "mcpServers": { "m": {} } })), "mcpServers.m");
        assert_eq!(field(json!({ "permissionTimeoutSeconds": 5 })), "permissionTimeoutSeconds");
        assert_eq!(field(json!({ "allowedTools": [""] })), "allowedTools.0");
        assert!(serde_json::from_value::<AgentConfig>(json!({ "preWarmCount": 1 })).is_err());
    }

    #[test]
    fn secrets_of_servers_are_masked_and_a_mask_keeps_them() {
        let server = |token: &str| json!({ "mcpServers": { "m": { "url": "https://m", "headers": { "a": token } } } });
        let before = config(server("s3cret"));
        let shown = masked(before.clone());
        assert_eq!(shown, config(server(MASK)));
        assert_eq!(changed(&before, &shown).unwrap(), before);
        let error = changed(&AgentConfig::default(), &shown).unwrap_err();
        assert_eq!(error.field, "mcpServers.m.headers.a");
    }

    #[test]
    fn a_session_wins_member_by_member() {
        let preset = config(json!({
            "model": "opus", "allowedTools": ["Read"], "systemPrompt": "p", "askPermissions": true,
            "permissionTimeoutSeconds": 9, "permissionMode": "plan",
        }));
        let request = |json: Value| {
            let request = serde_json::from_value(json).unwrap();
            over(request, &preset)
        };
        let plain = request(json!({ "agent": "a" }));
        assert_eq!((plain.model.as_deref(), plain.ask_permissions), (Some("opus"), Some(true)));
        let own = request(json!({ "agent": "a", "model": "haiku", "allowedTools": [] }));
        assert_eq!((own.model.as_deref(), own.allowed_tools), (Some("haiku"), Some(Vec::new())));
        for quiet in [
            json!({ "agent": "a", "askPermissions": false }),
            json!({ "agent": "a", "permissionMode": "bypassPermissions" }),
        ] {
            let quiet = request(quiet);
            assert_eq!(quiet.permission_timeout_seconds, None);
            SessionOptions::parse(&quiet).unwrap();
        }
    }

    #[test]
    fn who_asks_does_not_get_a_mode_that_never_does() {
        let preset = config(json!({ "permissionMode": "bypassPermissions" }));
        let request = serde_json::from_value(json!({ "agent": "a", "askPermissions": true }));
        let options = SessionOptions::parse(&over(request.unwrap(), &preset)).unwrap();
        assert_eq!(options.permission_mode, PermissionMode::Default);
    }
}
