//! The options of one message.

use std::io::Read as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::render::Wants;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, Output};
use crate::ctl::session::create::{on_the_wire, read_json};
use crate::wire::turns::{
    Effort, OutputFormat, OutputKind, SendMessage, TEXT_CHARACTERS_MAX, Thinking, ThinkingKind,
};

/// Most bytes that are read of a message: the most characters, each at its longest.
const MESSAGE_BYTES_MAX: u64 = 4 * TEXT_CHARACTERS_MAX as u64;

/// How long a server may be away: a restart takes a second, an upgrade of a machine's packages
/// some more. Who waits longer than that wants to know.
const RECONNECT_SECONDS: u16 = 60;

/// What may be said beside a message.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of the message")]
pub(crate) struct TurnOptions {
    /// Model for this message
    #[arg(long)]
    model: Option<String>,

    /// Most steps of the agent
    #[arg(long, value_name = "COUNT")]
    max_turns: Option<u32>,

    /// Most dollars to spend
    #[arg(long, value_name = "DOLLARS")]
    max_budget_usd: Option<f64>,

    /// How hard the model tries
    #[arg(
        long,
        value_parser = PossibleValuesParser::new(["low", "medium", "high", "max"]).map(on_the_wire::<Effort>),
    )]
    effort: Option<Effort>,

    /// How the model thinks: adaptive, enabled, disabled, or with so many tokens
    #[arg(long, value_name = "HOW")]
    thinking: Option<ThinkingOption>,

    /// JSON schema that the answer must fit; only the value is printed
    #[arg(long, value_name = "FILE")]
    output_schema: Option<PathBuf>,

    /// Interrupt the turn when it has run for so many seconds
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u32>,

    /// How long to try to come back after a lost connection
    #[arg(long, value_name = "SECONDS", default_value_t = RECONNECT_SECONDS)]
    reconnect: u16,

    /// Print the answer while it is written; the default on a terminal
    #[arg(long, overrides_with = "no_partial")]
    partial: bool,

    /// Print each part of the answer when it is complete
    #[arg(long, overrides_with = "partial")]
    no_partial: bool,
}

/// What stands behind `--thinking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ThinkingOption {
    kind: ThinkingKind,
    budget_tokens: Option<u32>,
}

impl FromStr for ThinkingOption {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kind = match text {
            "adaptive" => ThinkingKind::Adaptive,
            "enabled" => ThinkingKind::Enabled,
            "disabled" => ThinkingKind::Disabled,
            tokens => {
                let budget_tokens = tokens.parse().map_err(
                    |_number| "give `adaptive`, `enabled`, `disabled`, or a number of tokens",
                )?;
                return Ok(Self {
                    kind: ThinkingKind::Enabled,
                    budget_tokens: Some(budget_tokens),
                });
            }
        };
        Ok(Self { kind, budget_tokens: None })
    }
}

impl TurnOptions {
    /// The request to send `text`.
    pub(crate) fn request(&self, text: String, output: &Output) -> Result<SendMessage, Failure> {
        let output_format = match &self.output_schema {
            Some(path) => {
                Some(OutputFormat { kind: OutputKind::JsonSchema, schema: read_json(path)? })
            }
            None => None,
        };
        let partial = match (self.partial, self.no_partial) {
            (false, false) => {
                output.terminal && output.format == Format::Table && output_format.is_none()
            }
            (partial, _) => partial,
        };
        Ok(SendMessage {
            include_partial_messages: partial,
            model: self.model.clone(),
            max_turns: self.max_turns,
            max_budget_usd: self.max_budget_usd,
            effort: self.effort,
            thinking: self
                .thinking
                .map(|ThinkingOption { kind, budget_tokens }| Thinking { kind, budget_tokens }),
            output_format,
            timeout_seconds: self.timeout,
            ..SendMessage::text(text)
        })
    }

    /// How long the server may be away.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.reconnect.into())
    }

    /// What the answer will be.
    pub(crate) fn wants(&self) -> Wants {
        if self.output_schema.is_some() { Wants::Value } else { Wants::Text }
    }
}

/// The text of a message; `-` stands for the standard input.
pub(crate) fn message_text(argument: String) -> Result<String, Failure> {
    let text = if argument == "-" { read_stdin()? } else { argument };
    if text.trim().is_empty() {
        return Err(Failure::usage("the message is empty"));
    }
    if text.chars().count() > TEXT_CHARACTERS_MAX {
        return Err(Failure::usage(format!(
            "the message has more than {TEXT_CHARACTERS_MAX} characters"
        )));
    }
    Ok(text)
}

fn read_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(MESSAGE_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("the standard input cannot be read: {error}")))?;
    // The line break that `echo` adds is not part of what was said.
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::ctl::output::{Choice, Messages, Times};

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: TurnOptions,
    }

    fn request(arguments: &[&str]) -> serde_json::Value {
        let line = Line::try_parse_from([&["send"], arguments].concat()).unwrap();
        let output = Output::new(Choice::Jsonl, Times::Absolute, Messages::All);
        serde_json::to_value(line.options.request("hi".to_owned(), &output).unwrap()).unwrap()
    }

    #[test]
    fn every_option_reaches_the_request() {
        let folder = tempfile::tempdir().unwrap();
        let schema = folder.path().join("schema.json");
        std::fs::write(&schema, r#"{"type":"object"}"#).unwrap();
        let request = request(&[
            "--model",
            "opus",
            "--max-turns",
            "3",
            "--max-budget-usd",
            "0.5",
            "--effort",
            "max",
            "--thinking",
            "8000",
            "--output-schema",
            schema.to_str().unwrap(),
            "--timeout",
            "90",
            "--partial",
        ]);
        let expected = serde_json::json!({
            "content": "hi", "includePartialMessages": true, "model": "opus", "maxTurns": 3,
            "maxBudgetUsd": 0.5, "timeoutSeconds": 90, "effort": "max",
            "thinking": {"type": "enabled", "budgetTokens": 8000},
            "outputFormat": {"type": "json_schema", "schema": {"type": "object"}},
        });
        assert_eq!(request, expected);
    }

    #[test]
    fn the_last_word_on_partial_counts() {
        for (arguments, expected) in [
            (&["--partial"][..], true),
            (&["--no-partial"], false),
            (&["--no-partial", "--partial"], true),
            (&["--partial", "--no-partial"], false),
            (&[], false),
        ] {
            assert_eq!(request(arguments)["includePartialMessages"], expected, "{arguments:?}");
        }
    }

    #[test]
    fn thinking_has_a_few_spellings() {
        assert_eq!(
            request(&["--thinking", "adaptive"])["thinking"],
            serde_json::json!({"type": "adaptive"})
        );
        assert_eq!(
            request(&["--thinking", "disabled"])["thinking"],
            serde_json::json!({"type": "disabled"})
        );
        assert!(Line::try_parse_from(["send", "--thinking", "hard"]).is_err());
    }

    #[test]
    fn a_message_says_something() {
        assert_eq!(message_text("hi".to_owned()), Ok("hi".to_owned()));
        assert!(message_text(" \n".to_owned()).is_err());
        assert!(message_text("x".repeat(TEXT_CHARACTERS_MAX + 1)).is_err());
        assert!(message_text("ä".repeat(TEXT_CHARACTERS_MAX)).is_ok());
    }
}
