//! A change of a session's options: judged as if the session were created with what comes out.

use super::options::{OptionError, SessionOptions};
pub(crate) use crate::wire::sessions::ConfigureSession;
use crate::wire::sessions::{CreateSession, PermissionMode};

impl SessionOptions {
    /// The options and the model with the change; what it does not name stays.
    pub(crate) fn patched(
        &self,
        model: Option<&str>,
        patch: &ConfigureSession,
    ) -> Result<(Self, Option<String>), OptionError> {
        let asks = patch.ask_permissions.unwrap_or(self.ask_permissions);
        // Who is to be asked now is not asked in a mode that never asks.
        let never_asks = matches!(
            self.permission_mode,
            PermissionMode::BypassPermissions | PermissionMode::DontAsk
        );
        let mode_before = Some(self.permission_mode).filter(|_| !(asks && never_asks));
        let model = patch.model.clone().unwrap_or_else(|| model.map(str::to_owned));
        let request = CreateSession {
            agent: String::new(),
            version: None,
            budget: None,
            limits: self.limits.clone(),
            credential_id: or(
                patch.credential_id.as_ref(),
                &self.credential_id.map(|id| id.to_string()),
            ),
            extra_env: std::collections::BTreeMap::new(),
            model: model.clone(),
            mcp_servers: Some(self.mcp_servers.clone()),
            system_prompt: or(patch.system_prompt.as_ref(), &self.system_prompt),
            permission_mode: patch.permission_mode.or(mode_before),
            ask_permissions: Some(asks),
            // They go with the asking.
            permission_timeout_seconds: patch
                .permission_timeout_seconds
                .unwrap_or(self.permission_timeout_seconds.filter(|_| asks)),
            on_permission_timeout: patch
                .on_permission_timeout
                .unwrap_or(self.on_permission_timeout.filter(|_| asks)),
            allowed_tools: Some(or(patch.allowed_tools.as_ref(), &self.allowed_tools)),
            disallowed_tools: Some(or(patch.disallowed_tools.as_ref(), &self.disallowed_tools)),
            betas: Some(or(patch.betas.as_ref(), &self.betas)),
            subagents: or(patch.subagents.as_ref(), &self.subagents),
            initial_agent: or(patch.initial_agent.as_ref(), &self.initial_agent),
        };
        Ok((Self::parse(&request)?, model))
    }
}

fn or<T: Clone>(changed: Option<&T>, before: &T) -> T {
    changed.unwrap_or(before).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: &str) -> SessionOptions {
        SessionOptions::parse(&serde_json::from_str(json).unwrap()).unwrap()
    }

    #[test]
    fn what_is_not_named_stays_and_null_clears() {
        let before = options(
            r#"{"agent":"a","systemPrompt":"p","allowedTools":["Read"],"betas":["b"],"mcpServers":{"m":{"command":"x"}},"limits":{"tasks":50}}"#,
        );
        let patch = serde_json::from_str(r#"{"systemPrompt":null,"allowedTools":[]}"#).unwrap();
        let (after, model) = before.patched(Some("opus"), &patch).unwrap();
        assert_eq!(model.as_deref(), Some("opus"));
        let expected =
            SessionOptions { system_prompt: None, allowed_tools: Vec::new(), ..before.clone() };
        assert_eq!(after, expected);
        let patch = serde_json::from_str(r#"{"model":null}"#).unwrap();
        assert_eq!(before.patched(Some("opus"), &patch).unwrap(), (before, None));
    }

    #[test]
    fn who_begins_to_ask_asks_and_who_stops_has_no_timeout() {
        let patch = |json: &str| serde_json::from_str::<ConfigureSession>(json).unwrap();
        let plain = options(r#"{"agent":"a"}"#);
        let (asks, _) = plain
            .patched(None, &patch(r#"{"askPermissions":true,"permissionTimeoutSeconds":9}"#))
            .unwrap();
        assert_eq!(asks.permission_mode, PermissionMode::Default);
        let (again, _) = asks.patched(None, &patch(r#"{"askPermissions":false}"#)).unwrap();
        assert_eq!((again.ask_permissions, again.permission_timeout_seconds), (false, None));
        let contradicts = patch(r#"{"permissionMode":"bypassPermissions"}"#);
        assert_eq!(asks.patched(None, &contradicts).unwrap_err().field, "permissionMode");
    }
}
