//! The spans of a turn, by the conventions of OpenTelemetry for generative AI: the turn itself, each of
//! its tools, and its wait for a sandbox. What was said is in none of them.

use std::time::Duration;

use tokio::time::Instant;

use super::driver::{Driver, Turn};
use crate::clock::Timestamp;
use crate::egress::{Decision, Verdict};
use crate::session::tier::Tier;
use crate::session::tools::{ToolStep, steps};
use crate::session::turn::Outcome;
use crate::store::UsedRecord;
use crate::telemetry::{self, Attribute, Context, Kind, Span};

/// Tools of a turn that have not answered and are remembered; a CLI runs some ten at once.
const OPEN_TOOLS_MAX: usize = 256;

/// A tool that has not answered yet.
#[derive(Debug)]
pub(super) struct OpenTool {
    id: String,
    name: String,
    parent: Context,
    began: Timestamp,
    since: Instant,
}

/// A turn for whose spans there is a place: the last one that its session began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traced {
    context: Context,
    began: Timestamp,
}

impl Turn {
    /// The turn's own span. Its name is the same for every ashd that has to do with the turn.
    pub(super) fn context(&self) -> Option<Context> {
        let name = || self.id.of_part("span");
        match self.trace {
            // Nobody collects: what was given is passed on as it is.
            Some(_) if !telemetry::is_on() => self.trace,
            Some(parent) => Some(parent.with_span(name())),
            None => telemetry::is_on().then(|| Context::root(name())),
        }
    }

    /// The same if spans of it are told.
    fn recorded(&self) -> Option<Context> {
        self.context().filter(|context| telemetry::is_on() && context.is_recorded())
    }

    pub(super) fn traced(&self) -> Option<Traced> {
        Some(Traced { context: self.recorded()?, began: self.started_at? })
    }
}

impl Driver {
    /// Notes the tools that a line of the running turn calls, and tells those that answer with it.
    pub(super) fn trace_tools(&mut self, line: &[u8]) {
        let Some(turn) = &self.running else { return };
        let Some(context) = turn.recorded() else { return };
        let span = |id: &str| context.with_span(turn.id.of_part(id));
        for step in steps(line) {
            match step {
                ToolStep::Called { id, name, within } => {
                    if self.open_tools.len() < OPEN_TOOLS_MAX {
                        let parent = within.map_or(context, |id| span(&id));
                        let (began, since) = (Timestamp::now(), Instant::now());
                        self.open_tools.push(OpenTool { id, name, parent, began, since });
                    }
                }
                ToolStep::Answered { id, failed } => {
                    let Some(place) = self.open_tools.iter().position(|tool| tool.id == id) else {
                        continue;
                    };
                    let tool = self.open_tools.swap_remove(place);
                    let own = span(&id);
                    self.tell_tool(tool, own, failed.then_some("tool_failed"));
                }
            }
        }
    }

    fn tell_tool(&self, tool: OpenTool, context: Context, error: Option<&str>) {
        telemetry::tell(Span {
            name: format!("execute_tool {}", tool.name),
            kind: Kind::Internal,
            context,
            parent: Some(tool.parent),
            began: tool.began,
            took: tool.since.elapsed(),
            error: error.map(str::to_owned),
            attributes: vec![
                ("gen_ai.operation.name", "execute_tool".into()),
                ("gen_ai.tool.name", tool.name.into()),
                ("gen_ai.tool.call.id", tool.id.into()),
                ("gen_ai.conversation.id", self.record.id.to_string().into()),
                ("gen_ai.agent.name", self.record.agent_name.as_str().into()),
            ],
        });
    }

    /// The running turn had to wait for its sandbox, which was that cold.
    pub(super) fn trace_wait(&self, began: Timestamp, took: Duration, tier: Tier, failed: bool) {
        let Some(context) = self.running.as_ref().and_then(Turn::recorded) else { return };
        telemetry::tell(Span {
            name: "wait for sandbox".to_owned(),
            kind: Kind::Internal,
            context: context.child(),
            parent: Some(context),
            began,
            took,
            error: failed.then(|| "sandbox_failed".to_owned()),
            attributes: vec![
                ("gen_ai.conversation.id", self.record.id.to_string().into()),
                ("ash.tier", tier.as_str().into()),
            ],
        });
    }

    /// Tells the turn, which is over, and those of its tools that never answered.
    pub(super) fn trace_end(
        &mut self,
        turn: &Turn,
        outcome: &Outcome,
        told: UsedRecord,
        model: Option<&str>,
    ) {
        let unanswered = std::mem::take(&mut self.open_tools);
        let Some(context) = turn.recorded() else { return };
        for tool in unanswered {
            let own = context.with_span(turn.id.of_part(&tool.id));
            self.tell_tool(tool, own, Some("unanswered"));
        }
        let (finished, error) = match outcome {
            Outcome::Completed => ("stop", None),
            Outcome::Interrupted => ("interrupted", None),
            Outcome::Failed(_) => ("error", Some("turn_failed".to_owned())),
        };
        let began = turn.started_at.unwrap_or_else(Timestamp::now);
        let waited = began.as_millis().saturating_sub(turn.accepted_at.as_millis());
        let finished = Attribute::Texts(vec![finished.to_owned()]);
        let mut attributes = vec![
            ("gen_ai.operation.name", "invoke_agent".into()),
            ("gen_ai.provider.name", "anthropic".into()),
            ("gen_ai.agent.name", self.record.agent_name.as_str().into()),
            ("gen_ai.agent.version", self.record.agent_version.to_string().into()),
            ("gen_ai.conversation.id", self.record.id.to_string().into()),
            ("gen_ai.response.finish_reasons", finished),
            ("gen_ai.usage.input_tokens", told.read().into()),
            ("gen_ai.usage.output_tokens", told.output.into()),
            ("gen_ai.usage.cache_read.input_tokens", told.cache_read.into()),
            ("gen_ai.usage.cache_creation.input_tokens", told.cache_write.into()),
            ("ash.turn", turn.id.to_string().into()),
            ("ash.tenant", self.record.tenant.as_str().into()),
            ("ash.cost_usd", Attribute::Real(dollars(told.money))),
            ("ash.queue_milliseconds", u64::try_from(waited).unwrap_or(0).into()),
        ];
        let asked = turn.options.model.as_deref().or(self.record.model.as_deref());
        attributes.extend(asked.map(|model| ("gen_ai.request.model", model.into())));
        attributes.extend(model.map(|model| ("gen_ai.response.model", model.into())));
        telemetry::tell(Span {
            name: format!("invoke_agent {}", self.record.agent_name),
            kind: Kind::Internal,
            context,
            parent: turn.trace,
            began,
            took: Duration::from_millis(turn.milliseconds()),
            error,
            attributes,
        });
    }
}

/// Tells a request to the model that egress reports, as a part of the turn that it was made in.
pub(super) fn trace_request(traced: Traced, decision: &Decision) {
    let Some(milliseconds) = decision.milliseconds else { return };
    let began = decision.at.saturating_sub_unsigned(milliseconds);
    // It was made before the turn, which the report overtook: nobody knows for which.
    if began < traced.began.as_millis() {
        return;
    }
    let request = decision.request.clone().unwrap_or_default();
    let (method, path) = request.split_once(' ').unwrap_or_default();
    let mut attributes: Vec<(&'static str, Attribute)> = vec![
        ("http.request.method", method.into()),
        ("url.path", path.into()),
        ("gen_ai.conversation.id", decision.session.to_string().into()),
        ("http.request.body.size", decision.sent.into()),
        ("http.response.body.size", decision.received.into()),
    ];
    if path.starts_with("/v1/messages") {
        attributes.push(("gen_ai.provider.name", "anthropic".into()));
    }
    let status = decision.status;
    attributes.extend(status.map(|status| ("http.response.status_code", u64::from(status).into())));
    let error = match (decision.verdict, status) {
        (Verdict::Refused, _) => Some("refused".to_owned()),
        (_, Some(status)) if status >= 400 => Some(status.to_string()),
        _ => None,
    };
    telemetry::tell(Span {
        name: request,
        kind: Kind::Client,
        context: traced.context.child(),
        parent: Some(traced.context),
        began: Timestamp::from_millis(began),
        took: Duration::from_millis(milliseconds),
        error,
        attributes,
    });
}

#[expect(clippy::cast_precision_loss, reason = "exact up to nine million dollars")]
fn dollars(money: u64) -> f64 {
    money as f64 / 1e9
}
