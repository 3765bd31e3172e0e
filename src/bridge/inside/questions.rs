//! What the CLI asks before it uses a tool, until ashd has answered. The question is held here, so
//! that an ashd that comes later can still answer it.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use crate::bridge::protocol::Answer;

/// Questions that may be open: the CLI asks for the few tools of one message of the model.
pub(super) const QUESTIONS_MAX: usize = 64;

/// Longest name of a question in bytes; the CLI's own are UUIDs.
const ID_BYTES_MAX: usize = 200;

/// The open questions of one CLI.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// Somebody answers them.
    answered: bool,
    open: VecDeque<Question>,
}

#[derive(Debug)]
struct Question {
    id: String,
    /// The line of the CLI.
    line: Bytes,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    request: Request<'a>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    input: Option<&'a RawValue>,
}

impl Questions {
    pub(super) fn new(answered: bool) -> Self {
        Self { answered, ..Self::default() }
    }

    /// Keeps a question; `false` if it is to be answered with no.
    pub(super) fn keep(&mut self, id: &str, line: &Bytes) -> bool {
        let fits = id.len() <= ID_BYTES_MAX && self.open.len() < QUESTIONS_MAX;
        let keeps = self.answered && fits && self.open.iter().all(|open| open.id != id);
        if keeps {
            self.open.push_back(Question { id: id.to_owned(), line: line.clone() });
        }
        keeps
    }

    /// The CLI does not want to know any more; says whether the question was open.
    pub(super) fn cancel(&mut self, id: &str) -> bool {
        self.take(id).is_some()
    }

    /// The line that answers an open question.
    pub(super) fn answer(&mut self, answer: &Answer) -> Option<Bytes> {
        let mut members: BTreeMap<Cow<'_, str>, Cow<'_, RawValue>> =
            serde_json::from_str(answer.response.get()).ok()?;
        let question = self.take(&answer.request_id)?;
        let allows = members.get("behavior").is_some_and(|word| word.get() == r#""allow""#);
        if allows && !members.contains_key("updatedInput") {
            let asked: Line<'_> = serde_json::from_slice(&question.line).ok()?;
            let input = match asked.request.input {
                Some(input) => input.to_owned(),
                None => to_raw_value(&json!({})).ok()?,
            };
            members.insert("updatedInput".into(), Cow::Owned(input));
        }
        let line = json!({ "type": "control_response", "response": {
            "subtype": "success", "request_id": question.id, "response": null,
        }});
        // A number of the input must not be written in another way than it came.
        let response = serde_json::to_string(&members).ok()?;
        let line =
            line.to_string().replacen("\"response\":null", &format!("\"response\":{response}"), 1);
        Some(format!("{line}\n").into())
    }

    fn take(&mut self, id: &str) -> Option<Question> {
        let place = self.open.iter().position(|open| open.id == id)?;
        self.open.remove(place)
    }
}

/// The answer to a question of the CLI that is not passed on.
pub(super) fn refusal(id: &str, subtype: &str) -> Value {
    let response = match subtype {
        "can_use_tool" => json!({
            "subtype": "success",
            "request_id": id,
            "response": {
                "behavior": "deny",
                "message": "No rule of this agent allows this, and nobody is there to be asked.",
            },
        }),
        _ => json!({
            "subtype": "error",
            "request_id": id,
            "error": format!("{subtype} is not supported here"),
        }),
    };
    json!({ "type": "control_response", "response": response })
}
