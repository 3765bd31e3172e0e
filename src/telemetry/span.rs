//! A span, as it is told and as the protocol has it.

use std::time::Duration;

use serde_json::{Value, json};

use super::Context;
use crate::clock::Timestamp;

/// Whom a span concerns; the numbers are the protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nobody else is called by it.
    Internal = 1,
    /// A request that was answered.
    Server = 2,
    /// A request that was made.
    Client = 3,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Attribute {
    Text(String),
    Number(u64),
    Real(f64),
    Texts(Vec<String>),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Attribute {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// Something that took time, and is over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) context: Context,
    pub(crate) parent: Option<Context>,
    pub(crate) began: Timestamp,
    pub(crate) took: Duration,
    /// A word that stays for why it failed; never what somebody said.
    pub(crate) error: Option<String>,
    pub(crate) attributes: Vec<(&'static str, Attribute)>,
}

impl Span {
    /// As the protocol has it: ids in hexadecimal, times in nanoseconds, numbers as texts.
    pub(super) fn json(&self) -> Value {
        let began = i128::from(self.began.as_millis()) * 1_000_000;
        let ended = began + i128::try_from(self.took.as_nanos()).unwrap_or(0);
        let mut attributes: Vec<_> = self.attributes.iter().map(attribute).collect();
        let status = match &self.error {
            None => json!({}),
            Some(error) => {
                attributes.push(attribute(&("error.type", error.as_str().into())));
                json!({ "code": 2 })
            }
        };
        let mut span = json!({
            "traceId": self.context.trace(),
            "spanId": self.context.span(),
            "name": self.name,
            "kind": self.kind as u8,
            "startTimeUnixNano": began.to_string(),
            "endTimeUnixNano": ended.to_string(),
            "attributes": attributes,
            "status": status,
        });
        if let (Some(parent), Some(members)) = (self.parent, span.as_object_mut()) {
            members.insert("parentSpanId".to_owned(), Value::String(parent.span()));
        }
        span
    }
}

fn attribute((key, value): &(&'static str, Attribute)) -> Value {
    let value = match value {
        Attribute::Text(text) => json!({ "stringValue": text }),
        Attribute::Number(number) => json!({ "intValue": number.to_string() }),
        Attribute::Real(number) => json!({ "doubleValue": number }),
        Attribute::Texts(texts) => {
            let values: Vec<_> = texts.iter().map(|text| json!({ "stringValue": text })).collect();
            json!({ "arrayValue": { "values": values } })
        }
    };
    json!({ "key": key, "value": value })
}
