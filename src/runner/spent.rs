//! What a session has used, as its Claude Code tells it with each answer; and what the driver tells
//! of a session to those who follow the host.

use serde::Deserialize;

use super::driver::{Driver, Turn};
use crate::clock::Timestamp;
use crate::lifecycle::Happening;
use crate::session::turn::Outcome;

/// Since ashd drives the session: an ashd that took it over does not know what was before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Read by the model, from its cache or not.
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    /// Millionths of a dollar, as Claude Code reckons.
    pub(crate) micro_dollars: u64,
    /// What the running CLI has told: it counts for itself, from its start.
    of_this_cli: u64,
}

/// The members of a `result` line.
#[derive(Debug, Default, Deserialize)]
struct Told {
    #[serde(default)]
    total_cost_usd: f64,
    #[serde(default)]
    usage: Usage,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Usage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
}

impl Spent {
    /// Takes a line of the kind `result`; one of another shape tells nothing.
    pub(super) fn hear(&mut self, line: &[u8]) {
        let Ok(Told { total_cost_usd, usage }) = serde_json::from_slice(line) else { return };
        let read = usage.cache_creation_input_tokens.saturating_add(usage.cache_read_input_tokens);
        self.input_tokens =
            self.input_tokens.saturating_add(usage.input_tokens).saturating_add(read);
        self.output_tokens = self.output_tokens.saturating_add(usage.output_tokens);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates, and what is below a millionth is nothing"
        )]
        let told = (total_cost_usd * 1e6).round() as u64;
        self.micro_dollars =
            self.micro_dollars.saturating_add(told.saturating_sub(self.of_this_cli));
        self.of_this_cli = told.max(self.of_this_cli);
    }

    /// Another CLI runs, which counts from nothing.
    pub(super) fn begin_cli(&mut self) {
        self.of_this_cli = 0;
    }
}

impl Driver {
    /// Something that happens to this session.
    pub(super) fn happening(&self, event: &'static str) -> Happening {
        Happening::new(event).session(self.record.id).agent(&self.record.agent_name)
    }

    /// The end of a turn, which may never have run.
    pub(super) fn turn_ended(&self, turn: &Turn, outcome: &Outcome) -> Happening {
        let (name, reason) = match outcome {
            Outcome::Completed => ("completed", None),
            Outcome::Interrupted => ("interrupted", None),
            Outcome::Failed(reason) => ("failed", Some(reason.as_str())),
        };
        let ended = self.happening("turn.ended").turn(turn.id).with("outcome", name);
        let ended = match turn.started_at {
            Some(since) => {
                // An earlier ashd began it: then only the clock of the wall knows.
                let of_the_wall = Timestamp::now().as_millis().saturating_sub(since.as_millis());
                let ran = turn.began.map_or(of_the_wall.max(0), |began| {
                    i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX)
                });
                ended.with("milliseconds", ran)
            }
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

    #[test]
    fn what_each_answer_used_is_added_and_what_it_cost_is_counted_by_each_cli() {
        let mut spent = Spent::default();
        spent.hear(br#"{"type":"result","total_cost_usd":0.5,"usage":{"input_tokens":3,"cache_read_input_tokens":10,"output_tokens":2}}"#);
        spent.hear(br#"{"type":"result","total_cost_usd":0.75,"usage":{"input_tokens":1,"output_tokens":1}}"#);
        assert_eq!(
            (spent.input_tokens, spent.output_tokens, spent.micro_dollars),
            (14, 3, 750_000)
        );
        spent.begin_cli();
        spent.hear(br#"{"type":"result","total_cost_usd":0.25}"#);
        spent.hear(br#"{"type":"result","total_cost_usd":"much"}"#);
        assert_eq!((spent.output_tokens, spent.micro_dollars), (3, 1_000_000));
    }
}
