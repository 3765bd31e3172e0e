//! The last line of a turn: `result`.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tokio::io::{AsyncBufRead, AsyncWrite};

use super::cli::Cli;
use super::frames::{ModelUsage, TurnResult, TurnUsage};
use super::messages::Usage;
use super::refusal::Refusal;
use super::tell::fresh;
use super::turn::{Finish, Turn};

/// Dollars per token, as of the model that is imitated.
const INPUT_TOKEN_USD: f64 = 4e-6;
const OUTPUT_TOKEN_USD: f64 = 20e-6;

/// What 2.1.330 reports of that model.
const CONTEXT_WINDOW_TOKENS: u64 = 1_000_000;
const OUTPUT_TOKENS_MAX: u64 = 128_000;

const SUBAGENT_STATS: &str = r#"{"spawned":0,"requested":{"background":0,"foreground":0,"unset":0},"started_in_background":0,"max_depth":0,"spawned_by_subagents":0,"completed":0,"failed":0,"killed":{"parent":0,"user":0,"system":0},"refused":{"depth_limit":0,"concurrency_limit":0,"budget":0},"by_type":{}}"#;
const OUTPUT_TOKENS_DETAILS: &str = r#"{"thinking_tokens":0}"#;
const SERVER_TOOL_USE: &str = r#"{"web_search_requests":0,"web_fetch_requests":0}"#;
const CACHE_CREATION: &str = r#"{"ephemeral_1h_input_tokens":0,"ephemeral_5m_input_tokens":0}"#;

impl<R, W> Cli<R, W>
where
    R: AsyncBufRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    /// Tells how a turn went, once its transcript lasts.
    pub(super) async fn tell_result(&mut self, turn: &Turn, finish: &Finish) {
        // An interrupted turn is paid for, but reports no tokens of its own.
        let (paid, usage) = match finish {
            Finish::Refused(_) => (Usage::default(), Usage::default()),
            Finish::Interrupted { .. } => (turn.usage_begun(), Usage::default()),
            Finish::Completed | Finish::Structured(_) | Finish::MaxTurns { .. } => {
                (turn.usage, turn.usage)
            }
        };
        let since = self.count(paid);
        self.conversation.write().await;
        self.tell_mirror();

        let structured = match finish {
            Finish::Structured(value) => Some(value),
            _ => None,
        };
        let structured_text = structured.map(ToString::to_string);
        let answered = match finish {
            Finish::Completed => Some(turn.said.as_str()),
            Finish::Structured(_) => structured_text.as_deref(),
            Finish::Refused(refusal) => Some(refusal.text.as_str()),
            Finish::MaxTurns { .. } | Finish::Interrupted { .. } => None,
        };
        let (subtype, terminal_reason, stop_reason) = match finish {
            Finish::Completed => ("success", "completed", Some("end_turn")),
            Finish::Structured(_) => ("success", "completed", Some("tool_use")),
            Finish::MaxTurns { .. } => ("error_max_turns", "max_turns", Some("tool_use")),
            Finish::Refused(_) => ("success", "api_error", Some("stop_sequence")),
            Finish::Interrupted { in_tool: true } => {
                ("error_during_execution", "aborted_tools", None)
            }
            Finish::Interrupted { in_tool: false } => {
                ("error_during_execution", "aborted_streaming", None)
            }
        };
        let errors = match finish {
            Finish::MaxTurns { most } => {
                Some([format!("Reached maximum number of turns ({most})")])
            }
            Finish::Interrupted { .. } => {
                Some(["[ede_diagnostic] result_type=user last_content_type=n/a stop_reason=null"
                    .to_owned()])
            }
            _ => None,
        };
        let refusal = match finish {
            Finish::Refused(refusal) => Some(refusal),
            _ => None,
        };
        let one_more = matches!(
            finish,
            Finish::MaxTurns { .. } | Finish::Interrupted { .. } | Finish::Structured(_)
        );
        let is_error = !matches!(finish, Finish::Completed | Finish::Structured(_));
        let has_begun = !turn.begun.is_empty();
        let milliseconds = u64::try_from(turn.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let answered_in = (!is_error).then_some(milliseconds);
        self.output.line(&TurnResult {
            duration_api_ms: milliseconds,
            stop_reason,
            session_id: &self.conversation.session_id,
            total_cost_usd: self.conversation.cost_usd,
            usage: turn_usage(usage),
            model_usage: &self.model_usage,
            permission_denials: &turn.denials,
            terminal_reason,
            fast_mode_state: "off",
            fast_mode_disabled_reason: "sdk_opt_in_required",
            subagent_stats: constant(SUBAGENT_STATS),
            safety_stops: 0,
            is_error,
            num_turns: turn.begun.len().max(usize::from(!has_begun)) + usize::from(one_more),
            subtype,
            api_error_status: refusal.and_then(|refusal| refusal.status),
            api_error_type: refusal.and_then(|refusal| refusal.api_type),
            api_error: refusal.and_then(Refusal::connection_error),
            result: answered,
            structured_output: structured,
            errors,
            ttft_ms: answered_in,
            kind: "result",
            duration_ms: milliseconds,
            uuid: fresh(),
            begun_message_ids: self.options.partial_messages.then_some(&turn.begun),
            ttft_stream_ms: answered_in,
            time_to_request_ms: answered_in,
            first_content_frame_ms: answered_in,
            queued_turn_count: self.queue.len(),
            result_index: self.results,
            model_usage_since_last_result: &since,
            user_message_uuid: turn.asked.last(),
            user_message_uuids: &turn.asked,
        });
        self.results += 1;
        self.has_failed = is_error;
    }

    /// Adds a turn's tokens to the totals; the turn's own share comes back.
    fn count(&mut self, usage: Usage) -> BTreeMap<String, ModelUsage> {
        if usage.output_tokens == 0 {
            return BTreeMap::new();
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer tokens than 2^52")]
        let cost_usd = usage.input_tokens as f64 * INPUT_TOKEN_USD
            + usage.output_tokens as f64 * OUTPUT_TOKEN_USD;
        self.conversation.add_cost(cost_usd);
        let share = ModelUsage {
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            cost_usd,
            context_window: CONTEXT_WINDOW_TOKENS,
            max_output_tokens: OUTPUT_TOKENS_MAX,
            canonical_model: self.options.model.clone(),
            provider: "firstParty",
            cost_basis: "list",
            ..ModelUsage::default()
        };
        match self.model_usage.get_mut(&self.options.model) {
            Some(total) => {
                total.input_tokens += share.input_tokens;
                total.output_tokens += share.output_tokens;
                total.cost_usd += share.cost_usd;
            }
            None => {
                self.model_usage.insert(self.options.model.clone(), share.clone());
            }
        }
        BTreeMap::from([(self.options.model.clone(), share)])
    }
}

fn turn_usage(usage: Usage) -> TurnUsage<'static> {
    TurnUsage {
        input_tokens: usage.input_tokens,
        cache_creation_input_tokens: usage.cache_creation_input_tokens,
        cache_read_input_tokens: usage.cache_read_input_tokens,
        output_tokens: usage.output_tokens,
        output_tokens_details: constant(OUTPUT_TOKENS_DETAILS),
        server_tool_use: constant(SERVER_TOOL_USE),
        service_tier: "standard",
        cache_creation: constant(CACHE_CREATION),
        inference_geo: "",
        iterations: [],
        speed: "standard",
        fallback_credit: None,
    }
}

fn constant(json: &'static str) -> &'static RawValue {
    serde_json::from_str(json).expect("the constants of this file are JSON")
}
