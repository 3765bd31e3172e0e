//! Control requests: what the host asks beside the conversation.

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncWrite};

use super::VERSION;
use super::cli::{Cli, Heard};
use super::options::PermissionMode;
use super::tell::CAPABILITIES;

impl<R, W> Cli<R, W>
where
    R: AsyncBufRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    /// Answers one control request.
    pub(super) fn control(&mut self, id: &str, request: &Value) -> Heard {
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        match text("subtype").unwrap_or_default() {
            "initialize" => {
                self.options.initialize(request);
                self.output.line(&json!({"type": "control_response", "response": {
                    "subtype": "success", "request_id": id, "response": self.initialized(),
                    "pending_permission_requests": [], "pending_user_dialog_requests": [],
                }}));
            }
            "interrupt" => {
                let cancel = request.get("cancel_queued").and_then(Value::as_bool);
                let response = self.interrupted(cancel.unwrap_or_default());
                self.succeed(id, Some(&response));
                return Heard::Interrupt;
            }
            "set_model" => {
                self.options.set_model(text("model"));
                let model = self.options.model.clone();
                self.replay_command(&format!("Set model to `{model}`"));
                self.succeed(id, Some(&json!({"model": model})));
            }
            "set_permission_mode" => {
                let mode = text("mode").and_then(PermissionMode::parse);
                self.set_permission_mode(id, mode);
            }
            "apply_flag_settings" => {
                self.options.apply_settings(request.get("settings").unwrap_or(&Value::Null));
                self.succeed(id, None);
            }
            "set_max_thinking_tokens" => self.succeed(id, None),
            other => self.refuse(
                id,
                &format!("Unsupported control request subtype: {other}"),
                "unsupported_request",
            ),
        }
        Heard::Nothing
    }

    fn set_permission_mode(&mut self, id: &str, mode: Option<PermissionMode>) {
        match mode {
            None => self.refuse(
                id,
                "Cannot set permission mode: must be one of acceptEdits, auto, \
                 bypassPermissions, default, dontAsk, plan",
                "invalid_mode",
            ),
            Some(PermissionMode::BypassPermissions) if !self.options.may_bypass => self.refuse(
                id,
                "Cannot set permission mode to bypassPermissions because the session was not \
                 launched with --dangerously-skip-permissions",
                "bypass_not_launched",
            ),
            Some(mode) => {
                self.options.permission_mode = mode;
                self.succeed(id, Some(&json!({"mode": mode.as_str()})));
                self.tell_permission_mode();
            }
        }
    }

    /// What an interrupt tells of the messages that wait.
    fn interrupted(&mut self, cancel_queued: bool) -> Value {
        let waiting = self.queue.iter().filter_map(|message| message.uuid.clone());
        let uuids: Vec<String> = waiting.collect();
        if cancel_queued {
            self.queue.clear();
            json!({"still_queued": [], "cancelled": uuids})
        } else {
            json!({"still_queued": uuids})
        }
    }

    /// The answer to `initialize`: what the CLI can do.
    fn initialized(&self) -> Value {
        let key = if self.options.has_key { "ANTHROPIC_API_KEY" } else { "none" };
        let command = |name: &str, description: &str, hint: &str| {
            json!({"name": name, "description": description, "argumentHint": hint,
                   "builtin": true})
        };
        let model = |value: &str, resolved: &str, name: &str| {
            json!({"value": value, "resolvedModel": resolved, "displayName": name,
                   "description": name, "supportsEffort": true,
                   "supportedEffortLevels": ["low", "medium", "high", "xhigh", "max"],
                   "supportsAdaptiveThinking": true, "supportsFastMode": false,
                   "supportsAutoMode": true, "supportsThinkingOff": false})
        };
        let styles = self.options.config_directory.as_ref();
        json!({
            "commands": [
                command("clear", "Start a new session with empty context", "[name]"),
                command("compact", "Free up context by summarizing the conversation so far",
                        "<optional custom summarization instructions>"),
                command("model", "Set the AI model", "[model]"),
            ],
            "agents": [
                {"name": "general-purpose", "description": "Agent for multi-step tasks"},
            ],
            "output_style": "default",
            "available_output_styles": ["default"],
            "user_output_styles_dir": styles.map(|config| config.join("output-styles")),
            "models": [
                model("default", "claude-opus-5-5", "Default (recommended)"),
                model("sonnet", "claude-sonnet-5-5", "Sonnet"),
                model("haiku", "claude-haiku-4-5", "Haiku"),
            ],
            "account": {"tokenSource": "none", "apiKeySource": key, "apiProvider": "firstParty"},
            "pid": std::process::id(),
            "claude_code_version": VERSION,
            "current_permission_mode": self.options.permission_mode.as_str(),
            "hook_on_failure_supported": true,
            "hooks_when_unanswered_kept": 0,
            "other_hook_ask_outranks_host": true,
            "feedback_mode": {"kind": "disabled"},
            "analytics_disabled": true,
            "remote_control_auto_enable": false,
            "remote_control_auto_connect_default": false,
            "remote_control_available": false,
            "remote_control_auto_on_by_default": false,
            "ide_rc_auto_enable_gate": false,
            "fast_mode_state": "off",
            "fast_mode_disabled_reason": "sdk_opt_in_required",
            "session_state": if self.is_busy { "running" } else { "idle" },
            "capabilities": CAPABILITIES,
        })
    }
}
