//! Saying things: every kind of line but the results, with the members the real CLI gives it.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncWrite};
use uuid::Uuid;

use super::VERSION;
use super::cli::Cli;
use super::conversation::slug;
use super::frames::{
    AbandonedBlocks, ApiRetry, Assistant, AssistantMessage, Init, Lifecycle, McpServer,
    MemoryPaths, State, Status, Streamed, Synthetic, ThinkingTokens, User, UserMessage,
};
use super::messages::{Block, StreamEvent, Usage};
use super::refusal::Refusal;
use super::turn::Turn;
use crate::clock::Timestamp;

/// What 2.1.330 says it can do, as far as it is imitated.
pub(super) const CAPABILITIES: &[&str] =
    &["interrupt_receipt_v1", "interrupt_cancel_queued_v1", "msg_lifecycle_v1"];

/// Of `MessageStart`: how long the first byte took. It took no time.
const FIRST_BYTE_MILLISECONDS: u64 = 0;

/// The wait told with a retry; nobody really waits.
const RETRY_DELAY_MILLISECONDS: u64 = 500;

/// How thinking is shown.
const THINKING_DISPLAY: &str = "updates";

const TOOLS: &[&str] = &[
    "Task",
    "Bash",
    "Edit",
    "NotebookEdit",
    "Read",
    "Skill",
    "TaskStop",
    "ToolSearch",
    "WebFetch",
    "WebSearch",
    "Write",
];
const SLASH_COMMANDS: &[&str] = &["clear", "compact", "context", "cost", "init", "model"];
const AGENTS: &[&str] = &["general-purpose"];

/// A new UUID as the lines carry it.
pub(super) fn fresh() -> String {
    Uuid::new_v4().to_string()
}

/// The result that ends a `--resume` of an unknown conversation.
pub(super) fn not_found(id: &str, told: &str) -> Value {
    json!({
        "type": "result", "subtype": "error_during_execution", "duration_ms": 0,
        "duration_api_ms": 0, "is_error": true, "num_turns": 0, "stop_reason": null,
        "session_id": id, "total_cost_usd": 0, "permission_denials": [], "uuid": fresh(),
        "errors": [told], "result_index": 0,
    })
}

/// What makes an [`Assistant`] line special.
#[derive(Debug, Default)]
pub(super) struct Special<'a> {
    pub(super) aborted: bool,
    pub(super) refusal: Option<&'a Refusal>,
}

impl<R, W> Cli<R, W>
where
    R: AsyncBufRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    /// `session_state_changed`, for hosts that asked for it.
    pub(super) fn tell_state(&mut self, state: &str) {
        if self.options.state_events {
            self.output.line(&State {
                kind: "system",
                subtype: "session_state_changed",
                state,
                uuid: fresh(),
                session_id: &self.conversation.session_id,
            });
        }
    }

    pub(super) fn tell_lifecycle(&mut self, command_uuid: &str, state: &str) {
        self.output.line(&Lifecycle {
            kind: "command_lifecycle",
            command_uuid,
            state,
            uuid: fresh(),
            session_id: &self.conversation.session_id,
        });
    }

    /// `system/init`, at the start of every turn.
    pub(super) fn tell_init(&mut self) {
        let options = &self.options;
        let memory = options.config_directory.as_ref().map(|config| {
            let folder = config.join("projects").join(slug(&options.directory));
            format!("{}/memory/", folder.display())
        });
        let servers = options.mcp_servers.iter();
        self.output.line(&Init {
            kind: "system",
            subtype: "init",
            cwd: &options.directory,
            session_id: &self.conversation.session_id,
            tools: TOOLS,
            mcp_servers: servers.map(|name| McpServer { name, status: "connected" }).collect(),
            model: &options.model,
            permission_mode: options.permission_mode.as_str(),
            slash_commands: SLASH_COMMANDS,
            terminal_slash_commands: &[],
            api_key_source: if options.has_key { "ANTHROPIC_API_KEY" } else { "none" },
            claude_code_version: VERSION,
            output_style: "default",
            agents: AGENTS,
            skills: &[],
            plugins: &[],
            capabilities: CAPABILITIES,
            analytics_disabled: true,
            product_feedback_disabled: true,
            served_by_anthropic: false,
            uuid: fresh(),
            memory_paths: MemoryPaths { auto: memory.unwrap_or_default() },
            original_cwd: &options.directory,
            additional_directories: &[],
            messaging_socket_path: None,
            fast_mode_state: "off",
            fast_mode_disabled_reason: "sdk_opt_in_required",
            per_turn_effort_active: true,
            ultrathink_available: false,
            ultrathink_typed_raises: false,
            view_mode: "default",
        });
    }

    /// `system/status`: a request goes to the API.
    pub(super) fn tell_requesting(&mut self, turn: &Turn) {
        if self.options.partial_messages {
            self.tell_status(Some("requesting"), None, &turn.asked);
        }
    }

    pub(super) fn tell_permission_mode(&mut self) {
        self.tell_status(None, Some(self.options.permission_mode.as_str()), &[]);
    }

    fn tell_status(&mut self, status: Option<&str>, mode: Option<&str>, asked: &[String]) {
        self.output.line(&Status {
            kind: "system",
            subtype: "status",
            status,
            permission_mode: mode,
            session_id: &self.conversation.session_id,
            uuid: fresh(),
            user_message_uuids: asked,
        });
    }

    pub(super) fn tell_thinking(&mut self, total: u64, delta: u64) {
        if self.options.partial_messages {
            self.output.line(&ThinkingTokens {
                kind: "system",
                subtype: "thinking_tokens",
                estimated_tokens: total,
                estimated_tokens_delta: delta,
                session_id: &self.conversation.session_id,
                uuid: fresh(),
            });
        }
    }

    /// `system/api_retry`, `count` times.
    pub(super) fn tell_retries(&mut self, refusal: &Refusal, count: u32) {
        for attempt in 1..=count {
            self.output.line(&ApiRetry {
                kind: "system",
                subtype: "api_retry",
                attempt,
                max_retries: self.options.max_retries,
                retry_delay_ms: RETRY_DELAY_MILLISECONDS,
                error_status: refusal.status,
                error: refusal.retry_error,
                session_id: &self.conversation.session_id,
                uuid: fresh(),
            });
        }
    }

    /// `stream_event`, for hosts that asked for it.
    pub(super) fn tell_event(&mut self, message_id: &str, event: StreamEvent<'_>) {
        self.tell_stream(message_id, event, None);
    }

    /// The events that end a message which is not finished.
    pub(super) fn tell_abandoned(&mut self, message_id: &str, stop: StreamEvent<'_>, from: usize) {
        self.tell_stream(message_id, stop, None);
        let blocks = AbandonedBlocks { api_message_id: message_id, from_block_index: from };
        self.tell_stream(message_id, StreamEvent::MessageStop, Some(blocks));
    }

    fn tell_stream(
        &mut self,
        message_id: &str,
        event: StreamEvent<'_>,
        abandoned_blocks: Option<AbandonedBlocks<'_>>,
    ) {
        if !self.options.partial_messages {
            return;
        }
        let begins = matches!(event, StreamEvent::MessageStart { .. });
        let shows_thinking = begins || event.is_thinking();
        self.output.line(&Streamed {
            kind: "stream_event",
            event,
            session_id: &self.conversation.session_id,
            parent_tool_use_id: None,
            uuid: fresh(),
            ttft_ms: begins.then_some(FIRST_BYTE_MILLISECONDS),
            thinking_display: shows_thinking.then_some(THINKING_DISPLAY),
            api_message_id: message_id,
            abandoned_blocks,
        });
    }

    /// One block of the model's answer; also goes into the transcript.
    pub(super) fn tell_block(
        &mut self,
        turn: &Turn,
        message_id: &str,
        block: Block<'_>,
        special: &Special<'_>,
    ) {
        let thinks = matches!(block, Block::Thinking { .. });
        let refusal = special.refusal;
        let uuid = fresh();
        let content = [block];
        let mut message = AssistantMessage {
            id: message_id,
            kind: "message",
            role: "assistant",
            model: &self.options.model,
            content: &content,
            stop_reason: None,
            stop_sequence: None,
            usage: turn.usage_begun(),
            context_management: None,
            synthetic: None,
        };
        if refusal.is_some() {
            message.model = "<synthetic>";
            message.stop_reason = Some("stop_sequence");
            message.stop_sequence = Some("");
            message.usage = Usage::default();
            message.synthetic = Some(Synthetic::default());
        }
        self.conversation.add("assistant", &uuid, &message);
        self.output.line(&Assistant {
            kind: "assistant",
            message,
            parent_tool_use_id: None,
            session_id: &self.conversation.session_id,
            uuid: &uuid,
            timestamp: Timestamp::now(),
            error: refusal.map(|refusal| refusal.error),
            request_id: refusal.is_none_or(|r| r.status.is_some()).then_some("req_simulated"),
            is_api_error_message: refusal.map(|_| true),
            api_error_status: refusal.and_then(|refusal| refusal.status),
            api_error_type: refusal.and_then(|refusal| refusal.api_type),
            api_error: refusal.and_then(Refusal::connection_error),
            aborted: special.aborted.then_some(true),
            thinking_duration_ms: thinks.then_some(0),
            thinking_display: thinks.then_some(THINKING_DISPLAY),
            user_message_uuid: turn.asked.last(),
            user_message_uuids: &turn.asked,
        });
    }

    /// What came back to the model; also goes into the transcript.
    pub(super) fn tell_user(
        &mut self,
        content: &Value,
        detail: Option<&Value>,
        meta: Option<Value>,
    ) {
        let uuid = fresh();
        let message = UserMessage { role: "user", content };
        self.conversation.add("user", &uuid, &message);
        self.output.line(&User {
            kind: "user",
            message,
            session_id: &self.conversation.session_id,
            parent_tool_use_id: None,
            uuid: &uuid,
            timestamp: Timestamp::now(),
            tool_use_result: detail,
            tool_result_meta: meta,
            is_replay: None,
        });
    }

    /// What a command on the side printed.
    pub(super) fn replay_command(&mut self, text: &str) {
        let content = json!(format!("<local-command-stdout>{text}</local-command-stdout>"));
        self.output.line(&User {
            kind: "user",
            message: UserMessage { role: "user", content: &content },
            session_id: &self.conversation.session_id,
            parent_tool_use_id: None,
            uuid: &fresh(),
            timestamp: Timestamp::now(),
            tool_use_result: None,
            tool_result_meta: None,
            is_replay: Some(true),
        });
    }

    /// The transcript's new entries, for hosts that mirror it.
    pub(super) fn tell_mirror(&mut self) {
        #[derive(serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Mirror {
            #[serde(rename = "type")]
            kind: &'static str,
            file_path: std::path::PathBuf,
            entries: Vec<Box<RawValue>>,
        }
        if let Some((file_path, entries)) = self.conversation.mirrored() {
            self.output.line(&Mirror { kind: "transcript_mirror", file_path, entries });
        }
    }

    /// Answers a control request.
    pub(super) fn succeed(&mut self, id: &str, response: Option<&Value>) {
        let mut answer = json!({"subtype": "success", "request_id": id});
        if let (Some(response), Value::Object(answer)) = (response, &mut answer) {
            answer.insert("response".to_owned(), response.clone());
        }
        self.output.line(&json!({"type": "control_response", "response": answer}));
    }

    /// Refuses a control request.
    pub(super) fn refuse(&mut self, id: &str, error: &str, code: &str) {
        self.output.line(&json!({"type": "control_response", "response": {
            "subtype": "error", "request_id": id, "error": error, "error_code": code,
        }}));
    }
}
