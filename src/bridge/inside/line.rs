//! What one line of the CLI says, read as far as the bridge must know it.
//!
//! The order of a line's members differs between versions of the CLI, so each is parsed; what
//! does not have the expected shape is a frame like any other.

use std::borrow::Cow;
use std::str;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::bridge::protocol;

/// A line, as the bridge sees it.
#[derive(Debug, PartialEq)]
pub(super) enum Said<'a> {
    /// For ashd, with what it tells of the turn.
    Frame(Option<TurnSign>),
    /// The CLI answers a control request.
    Answer { id: Cow<'a, str>, answer: Result<Option<&'a str>, Cow<'a, str>> },
    /// The CLI asks.
    Ask { id: Cow<'a, str>, subtype: Cow<'a, str> },
    /// The CLI takes a question back.
    Cancel { id: Cow<'a, str> },
    /// For nobody.
    Nothing,
    /// Not a line of the protocol.
    Noise,
}

/// What a frame tells of the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TurnSign {
    /// The CLI says that it works.
    Running,
    /// The CLI says that it waits for input.
    Idle,
    /// A result came; more may follow unless the CLI says that it is idle.
    Result,
}

#[derive(Deserialize)]
struct Word<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Word<'a>>,
    #[serde(borrow)]
    subtype: Option<Word<'a>>,
    #[serde(borrow)]
    state: Option<Word<'a>>,
    #[serde(borrow)]
    request_id: Option<Word<'a>>,
    #[serde(borrow)]
    request: Option<&'a RawValue>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RequestBody<'a> {
    #[serde(borrow)]
    subtype: Word<'a>,
}

#[derive(Deserialize)]
struct ResponseBody<'a> {
    #[serde(borrow)]
    subtype: Word<'a>,
    #[serde(borrow)]
    request_id: Word<'a>,
    #[serde(borrow)]
    response: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<Word<'a>>,
}

pub(super) fn read(line: &[u8]) -> Said<'_> {
    if !protocol::is_frame(line) {
        return Said::Noise;
    }
    known(line).unwrap_or(Said::Frame(None))
}

/// The id and subtype of a control request, if `line` is one.
pub(super) fn control_request(line: &[u8]) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    match known(line)? {
        Said::Ask { id, subtype } => Some((id, subtype)),
        _ => None,
    }
}

fn known(line: &[u8]) -> Option<Said<'_>> {
    let text = str::from_utf8(line).ok()?;
    let envelope: Envelope<'_> = serde_json::from_str(text).ok()?;
    let kind = envelope.kind?.0;
    let subtype = envelope.subtype.map(|subtype| subtype.0);
    Some(match &*kind {
        "control_response" => {
            let body: ResponseBody<'_> = serde_json::from_str(envelope.response?.get()).ok()?;
            let answer = match &*body.subtype.0 {
                "success" => Ok(body.response.map(RawValue::get)),
                _ => Err(body.error.map_or(Cow::Borrowed("no reason given"), |error| error.0)),
            };
            Said::Answer { id: body.request_id.0, answer }
        }
        "control_request" => {
            let body: RequestBody<'_> = serde_json::from_str(envelope.request?.get()).ok()?;
            Said::Ask { id: envelope.request_id?.0, subtype: body.subtype.0 }
        }
        "control_cancel_request" => Said::Cancel { id: envelope.request_id?.0 },
        "keep_alive" => Said::Nothing,
        "result" => Said::Frame(Some(TurnSign::Result)),
        "system" if subtype.as_deref() == Some("session_state_changed") => {
            let idle = envelope.state.is_some_and(|state| state.0 == "idle");
            Said::Frame(Some(if idle { TurnSign::Idle } else { TurnSign::Running }))
        }
        _ => Said::Frame(None),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_members_does_not_matter() {
        let frame = Said::Frame(Some(TurnSign::Result));
        assert_eq!(read(br#"{"duration_api_ms":3,"x":{"type":"user"},"type":"result"}"#), frame);
        let answer = Said::Answer { id: "7".into(), answer: Ok(Some(r#"{"a":1}"#)) };
        let line = br#"{"response":{"response":{"a":1},"request_id":"7","subtype":"success"},"type":"control_response"}"#;
        assert_eq!(read(line), answer);
    }

    #[test]
    fn a_refusal_carries_its_reason() {
        let line = br#"{"type":"control_response","response":{"subtype":"error","request_id":"7","error":"no \"such\" model"}}"#;
        let Said::Answer { answer, .. } = read(line) else { panic!("not an answer") };
        assert_eq!(answer.unwrap_err(), "no \"such\" model");
    }

    #[test]
    fn questions_of_the_cli_are_seen() {
        let line = br#"{"type":"control_request","request_id":"q","request":{"subtype":"can_use_tool","input":{}}}"#;
        assert_eq!(read(line), Said::Ask { id: "q".into(), subtype: "can_use_tool".into() });
    }

    #[test]
    fn what_has_another_shape_is_a_frame() {
        for line in [
            r#"{"type":"from_the_future","request":"text","response":[1]}"#,
            r#"{"type":7}"#,
            r#"{"type":"a","type":"b"}"#,
            r#"{"type":"control_response","response":"odd"}"#,
            r#"{"type":"control_request"}"#,
            "{}",
        ] {
            assert_eq!(read(line.as_bytes()), Said::Frame(None), "{line}");
        }
    }

    #[test]
    fn what_is_no_json_object_is_noise() {
        for line in
            ["", "warning: x", "[1]", r#"{"a":1"#, r#"{"a":1}{"b":2}"#, "{\"a\":\r1}", "null"]
        {
            assert_eq!(read(line.as_bytes()), Said::Noise, "{line}");
        }
        assert_eq!(read(b"{\"a\":\"\xff\"}"), Said::Noise);
    }

    #[test]
    fn state_changes_tell_of_the_turn() {
        let line = br#"{"type":"system","subtype":"session_state_changed","state":"idle"}"#;
        assert_eq!(read(line), Said::Frame(Some(TurnSign::Idle)));
        let line = br#"{"type":"system","subtype":"session_state_changed","state":"running"}"#;
        assert_eq!(read(line), Said::Frame(Some(TurnSign::Running)));
        assert_eq!(read(br#"{"type":"keep_alive"}"#), Said::Nothing);
    }
}
