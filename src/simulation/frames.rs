//! The lines a CLI writes, member by member as 2.1.330 does. The order of the members is the
//! real one where that matters: `type` is not always first, so nobody may sniff prefixes.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::messages::{Block, StreamEvent, Usage};
use crate::clock::Timestamp;

/// A `system` line with nothing but a few words.
#[derive(Serialize)]
pub(super) struct State<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) subtype: &'a str,
    pub(super) state: &'a str,
    pub(super) uuid: String,
    pub(super) session_id: &'a str,
}

/// What becomes of a message that came with a UUID.
#[derive(Serialize)]
pub(super) struct Lifecycle<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) command_uuid: &'a str,
    pub(super) state: &'a str,
    pub(super) uuid: String,
    pub(super) session_id: &'a str,
}

/// The head of a turn.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "so it stands on the wire")]
pub(super) struct Init<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) subtype: &'a str,
    pub(super) cwd: &'a Path,
    pub(super) session_id: &'a str,
    pub(super) tools: &'a [&'a str],
    pub(super) mcp_servers: Vec<McpServer<'a>>,
    pub(super) model: &'a str,
    #[serde(rename = "permissionMode")]
    pub(super) permission_mode: &'a str,
    pub(super) slash_commands: &'a [&'a str],
    pub(super) terminal_slash_commands: &'a [&'a str],
    #[serde(rename = "apiKeySource")]
    pub(super) api_key_source: &'a str,
    pub(super) claude_code_version: &'a str,
    pub(super) output_style: &'a str,
    pub(super) agents: &'a [&'a str],
    pub(super) skills: &'a [&'a str],
    pub(super) plugins: &'a [Value],
    pub(super) capabilities: &'a [&'a str],
    pub(super) analytics_disabled: bool,
    pub(super) product_feedback_disabled: bool,
    pub(super) served_by_anthropic: bool,
    pub(super) uuid: String,
    pub(super) memory_paths: MemoryPaths,
    pub(super) original_cwd: &'a Path,
    pub(super) additional_directories: &'a [&'a str],
    pub(super) messaging_socket_path: Option<&'a str>,
    pub(super) fast_mode_state: &'a str,
    pub(super) fast_mode_disabled_reason: &'a str,
    pub(super) per_turn_effort_active: bool,
    pub(super) ultrathink_available: bool,
    pub(super) ultrathink_typed_raises: bool,
    pub(super) view_mode: &'a str,
}

#[derive(Serialize)]
pub(super) struct McpServer<'a> {
    pub(super) name: &'a str,
    pub(super) status: &'a str,
}

#[derive(Serialize)]
pub(super) struct MemoryPaths {
    pub(super) auto: String,
}

/// `system/status`: a request goes out, or the permission mode changed.
#[derive(Serialize)]
pub(super) struct Status<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) subtype: &'a str,
    pub(super) status: Option<&'a str>,
    #[serde(rename = "permissionMode", skip_serializing_if = "Option::is_none")]
    pub(super) permission_mode: Option<&'a str>,
    pub(super) session_id: &'a str,
    pub(super) uuid: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) user_message_uuids: &'a [String],
}

/// How much was thought so far.
#[derive(Serialize)]
pub(super) struct ThinkingTokens<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) subtype: &'a str,
    pub(super) estimated_tokens: u64,
    pub(super) estimated_tokens_delta: u64,
    pub(super) session_id: &'a str,
    pub(super) uuid: String,
}

/// The API refused and is asked again.
#[derive(Serialize)]
pub(super) struct ApiRetry<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) subtype: &'a str,
    pub(super) attempt: u32,
    pub(super) max_retries: u32,
    pub(super) retry_delay_ms: u64,
    pub(super) error_status: Option<u16>,
    pub(super) error: &'a str,
    pub(super) session_id: &'a str,
    pub(super) uuid: String,
}

/// One event of the API's stream.
#[derive(Serialize)]
pub(super) struct Streamed<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) event: StreamEvent<'a>,
    pub(super) session_id: &'a str,
    pub(super) parent_tool_use_id: Option<&'a str>,
    pub(super) uuid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttft_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_display: Option<&'a str>,
    pub(super) api_message_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) abandoned_blocks: Option<AbandonedBlocks<'a>>,
}

#[derive(Serialize)]
pub(super) struct AbandonedBlocks<'a> {
    pub(super) api_message_id: &'a str,
    pub(super) from_block_index: usize,
}

/// One finished block of an answer.
#[derive(Serialize)]
pub(super) struct Assistant<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) message: AssistantMessage<'a>,
    pub(super) parent_tool_use_id: Option<&'a str>,
    pub(super) session_id: &'a str,
    pub(super) uuid: &'a str,
    pub(super) timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) is_api_error_message: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api_error_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api_error_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aborted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_duration_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thinking_display: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_message_uuid: Option<&'a String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) user_message_uuids: &'a [String],
}

/// The message inside [`Assistant`].
#[derive(Serialize)]
pub(super) struct AssistantMessage<'a> {
    pub(super) id: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) role: &'a str,
    pub(super) model: &'a str,
    pub(super) content: &'a [Block<'a>],
    pub(super) stop_reason: Option<&'a str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) usage: Usage,
    pub(super) context_management: Option<&'a str>,
    /// Members that only a message made up by the CLI has.
    #[serde(flatten)]
    pub(super) synthetic: Option<Synthetic>,
}

#[derive(Serialize, Clone, Copy, Default)]
pub(super) struct Synthetic {
    diagnostics: Option<bool>,
    container: Option<bool>,
    stop_details: Option<bool>,
}

/// What came back to the model: a tool result, or the mark of an interruption.
#[derive(Serialize)]
pub(super) struct User<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) message: UserMessage<'a>,
    pub(super) session_id: &'a str,
    pub(super) parent_tool_use_id: Option<&'a str>,
    pub(super) uuid: &'a str,
    pub(super) timestamp: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_use_result: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool_result_meta: Option<Value>,
    #[serde(rename = "isReplay", skip_serializing_if = "Option::is_none")]
    pub(super) is_replay: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct UserMessage<'a> {
    pub(super) role: &'a str,
    pub(super) content: &'a Value,
}

/// Tokens of a turn.
#[derive(Serialize)]
pub(super) struct TurnUsage<'a> {
    pub(super) input_tokens: u64,
    pub(super) cache_creation_input_tokens: u64,
    pub(super) cache_read_input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) output_tokens_details: &'a RawValue,
    pub(super) server_tool_use: &'a RawValue,
    pub(super) service_tier: &'a str,
    pub(super) cache_creation: &'a RawValue,
    pub(super) inference_geo: &'a str,
    pub(super) iterations: [u8; 0],
    pub(super) speed: &'a str,
    pub(super) fallback_credit: Option<u8>,
}

/// Tokens and dollars of one model.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModelUsage {
    pub(super) input_tokens: u64,
    pub(super) output_tokens: u64,
    pub(super) cache_read_input_tokens: u64,
    pub(super) cache_creation_input_tokens: u64,
    pub(super) web_search_requests: u64,
    #[serde(rename = "costUSD")]
    pub(super) cost_usd: f64,
    pub(super) context_window: u64,
    pub(super) max_output_tokens: u64,
    pub(super) thinking_tokens: u64,
    pub(super) cache_creation_ephemeral_5m_input_tokens: u64,
    pub(super) cache_creation_ephemeral_1h_input_tokens: u64,
    pub(super) canonical_model: String,
    pub(super) provider: &'static str,
    pub(super) cost_basis: &'static str,
}

/// The end of a turn.
#[derive(Serialize)]
pub(super) struct TurnResult<'a> {
    pub(super) duration_api_ms: u64,
    pub(super) stop_reason: Option<&'a str>,
    pub(super) session_id: &'a str,
    pub(super) total_cost_usd: f64,
    pub(super) usage: TurnUsage<'a>,
    #[serde(rename = "modelUsage")]
    pub(super) model_usage: &'a BTreeMap<String, ModelUsage>,
    pub(super) permission_denials: &'a [Value],
    pub(super) terminal_reason: &'a str,
    pub(super) fast_mode_state: &'a str,
    pub(super) fast_mode_disabled_reason: &'a str,
    pub(super) subagent_stats: &'a RawValue,
    pub(super) safety_stops: u64,
    pub(super) is_error: bool,
    pub(super) num_turns: usize,
    pub(super) subtype: &'a str,
    pub(super) api_error_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api_error_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) structured_output: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) errors: Option<[String; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttft_ms: Option<u64>,
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) duration_ms: u64,
    pub(super) uuid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) begun_message_ids: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ttft_stream_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time_to_request_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_content_frame_ms: Option<u64>,
    pub(super) queued_turn_count: usize,
    pub(super) result_index: u64,
    pub(super) model_usage_since_last_result: &'a BTreeMap<String, ModelUsage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_message_uuid: Option<&'a String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(super) user_message_uuids: &'a [String],
}
