//! What a session has used, as its Claude Code tells it with each answer; and what the driver tells
//! of a session to those who follow the host.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::driver::{Driver, Turn};
use crate::clock::Timestamp;
use crate::lifecycle::Happening;
use crate::metrics::COUNTS;
use crate::session::turn::Outcome;
use crate::store::UsedRecord;

/// As the CLI tells it. What costs is in thousand-millionths of a dollar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Spent {
    /// Since ashd drives the session, as far as it is recorded.
    recorded: UsedRecord,
    /// Since the last record.
    pub(super) since: UsedRecord,
    /// The model that most of it was paid for.
    pub(super) model: Option<String>,
    /// What the CLI told last that everything cost: it goes on with it when it is resumed.
    pub(super) in_all: u64,
}

/// The members of a `result` line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    total_cost_usd: f64,
    usage: Usage,
    /// Absent before 2.1.3xx. Everything that the CLI asked of models since its last such line, those
    /// of subagents and its own small ones included.
    model_usage_since_last_result: Option<BTreeMap<String, OfModel>>,
}

/// Of the turn, without its subagents.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OfModel {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: u64,
    cache_creation_input_tokens: u64,
    #[serde(rename = "costUSD")]
    cost_usd: f64,
}

impl Spent {
    /// An earlier ashd recorded so much, or nothing is recorded.
    pub(super) fn recover(&mut self, in_all: u64) {
        *self = Self { recorded: self.recorded, in_all, ..Self::default() };
    }

    /// Takes a line of the kind `result`; one of another shape tells nothing.
    pub(super) fn hear(&mut self, line: &[u8]) {
        let Ok(told) = serde_json::from_slice::<Told>(line) else { return };
        let in_all = money(told.total_cost_usd);
        if let Some(models) = told.model_usage_since_last_result {
            let dearest =
                models.iter().max_by(|one, other| one.1.cost_usd.total_cmp(&other.1.cost_usd));
            self.model = dearest.map(|(name, _)| name.clone()).or(self.model.take());
            for of in models.values() {
                self.add(UsedRecord {
                    input: of.input_tokens,
                    output: of.output_tokens,
                    cache_read: of.cache_read_input_tokens,
                    cache_write: of.cache_creation_input_tokens,
                    money: money(of.cost_usd),
                });
            }
        } else {
            // A CLI that lost its transcript begins at nothing.
            let before = if in_all < self.in_all { 0 } else { self.in_all };
            let Usage { input_tokens, output_tokens, .. } = told.usage;
            self.add(UsedRecord {
                input: input_tokens,
                output: output_tokens,
                cache_read: told.usage.cache_read_input_tokens,
                cache_write: told.usage.cache_creation_input_tokens,
                money: in_all - before,
            });
        }
        self.in_all = in_all;
    }

    fn add(&mut self, more: UsedRecord) {
        self.since = self.since.plus(more);
    }

    /// What is to be recorded.
    pub(super) fn take(&mut self) -> UsedRecord {
        let since = std::mem::take(&mut self.since);
        self.recorded = self.recorded.plus(since);
        since
    }

    /// Since ashd drives the session: an ashd that took it over does not know what was before.
    pub(super) fn all(&self) -> UsedRecord {
        self.recorded.plus(self.since)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and what is below a thousand-millionth is nothing"
)]
fn money(dollars: f64) -> u64 {
    (dollars * 1e9).round() as u64
}

impl Turn {
    /// How long it has run; 0 if it never did.
    pub(super) fn milliseconds(&self) -> u64 {
        // An earlier ashd began it: then only the clock of the wall knows.
        let of_the_wall = || {
            let since = self.started_at.unwrap_or_else(Timestamp::now).as_millis();
            u64::try_from(Timestamp::now().as_millis().saturating_sub(since)).unwrap_or(0)
        };
        self.began.map_or_else(of_the_wall, |began| {
            u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
        })
    }
}

/// For the metrics.
pub(super) fn count(turn: &Turn, outcome: &Outcome, told: UsedRecord) {
    let histogram = match outcome {
        Outcome::Completed => &COUNTS.completed,
        Outcome::Interrupted => &COUNTS.interrupted,
        Outcome::Failed(_) => &COUNTS.failed,
    };
    histogram.observe(Duration::from_millis(turn.milliseconds()));
    COUNTS.input_tokens.add(told.input);
    COUNTS.output_tokens.add(told.output);
    COUNTS.cache_read_tokens.add(told.cache_read);
    COUNTS.cache_write_tokens.add(told.cache_write);
    COUNTS.money.add(told.money);
}

impl Driver {
    /// The running turn hears from its model.
    pub(super) fn note_answer(&mut self) {
        let Some(turn) = self.running.as_mut().filter(|turn| !turn.answered) else { return };
        turn.answered = true;
        // Of one that an earlier ashd began it is not known to the millisecond.
        if let Some(began) = turn.began {
            COUNTS.first_event.observe(began.elapsed());
        }
    }

    /// Something that happens to this session.
    pub(super) fn happening(&self, event: &'static str) -> Happening {
        Happening::new(event).session(self.record.id).agent(&self.record.agent_name)
    }

    /// Something that happens to a turn.
    pub(super) fn of_turn(&self, event: &'static str, turn: &Turn) -> Happening {
        let told = self.happening(event).turn(turn.id);
        match turn.context() {
            Some(context) => told.with("trace", context.trace()),
            None => told,
        }
    }

    /// The end of a turn, which may never have run.
    pub(super) fn turn_ended(&self, turn: &Turn, outcome: &Outcome) -> Happening {
        let (name, reason) = match outcome {
            Outcome::Completed => ("completed", None),
            Outcome::Interrupted => ("interrupted", None),
            Outcome::Failed(reason) => ("failed", Some(reason.as_str())),
        };
        let ended = self.of_turn("turn.ended", turn).with("outcome", name);
        let ended = match turn.started_at {
            Some(_) => ended.with("milliseconds", turn.milliseconds()),
            None => ended,
        };
        match reason {
            Some(reason) => ended.with("reason", reason),
            None => ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(cost: f64, since: &str) -> Vec<u8> {
        format!(
            r#"{{"type":"result","total_cost_usd":{cost},"usage":{{"input_tokens":3,"cache_read_input_tokens":10,"cache_creation_input_tokens":4,"output_tokens":2}}{since}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn an_older_cli_tells_what_each_answer_used_and_what_all_of_them_cost() {
        let mut spent = Spent::default();
        spent.hear(&told(0.5, ""));
        spent.hear(&told(0.75, ""));
        let used = spent.take();
        assert_eq!((used.input, used.cache_read, used.cache_write, used.output), (6, 20, 8, 4));
        assert_eq!(used.money, 750_000_000);
        // It was started anew without its transcript.
        spent.hear(&told(0.25, ""));
        spent.hear(br#"{"type":"result","total_cost_usd":"much"}"#);
        assert_eq!((spent.since.money, spent.all().money), (250_000_000, 1_000_000_000));
    }

    /// It goes on from what it cost before: counted anew with each CLI, a session that was
    /// resumed ten times paid its first turn eleven times.
    #[test]
    fn a_resumed_cli_goes_on_from_what_everything_cost() {
        let mut spent = Spent::default();
        spent.hear(&told(0.5, ""));
        spent.take();
        let mut resumed = Spent::default();
        resumed.recover(spent.in_all);
        resumed.hear(&told(0.75, ""));
        assert_eq!(resumed.since.money, 250_000_000);
    }

    #[test]
    fn what_models_used_since_the_last_answer_is_believed_first() {
        let mut spent = Spent::default();
        let since = r#","model_usage_since_last_result":{
            "small":{"inputTokens":1,"outputTokens":2,"costUSD":0.125},
            "large":{"inputTokens":100,"cacheReadInputTokens":7,"cacheCreationInputTokens":9,"costUSD":0.25}}"#;
        spent.hear(&told(99.0, since));
        let expected =
            UsedRecord { input: 101, output: 2, cache_read: 7, cache_write: 9, money: 375_000_000 };
        assert_eq!((spent.since, spent.model.as_deref()), (expected, Some("large")));
        spent.hear(&told(99.0, r#","model_usage_since_last_result":{}"#));
        assert_eq!((spent.since, spent.model.as_deref()), (expected, Some("large")));
    }
}
