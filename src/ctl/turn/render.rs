//! What a person sees of a turn, event by event. Pure: it prints nothing itself.

use serde_json::Value;
use serde_json::value::RawValue;

use super::asking::Asked;
use super::frame::{Ending, Frame, TurnError, tool_line};
use crate::id::PermissionId;
use crate::wire::turns::event;

/// Something to print.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Part of the answer: data.
    Answer(String),
    /// What happens meanwhile: a message.
    Note(String),
    /// A tool waits for a permission.
    Asks(Asked),
    /// None waits for this one any more.
    Settled(PermissionId),
}

/// What the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    /// The words of the agent.
    Text,
    /// The value that fits a given schema.
    Value,
}

/// What was said so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    None,
    /// Deltas of words that are still to come as a whole.
    Deltas,
    /// All that was said as a whole was shown.
    Whole,
}

/// Turns the events of a turn into what is printed.
#[derive(Debug)]
pub(crate) struct Renderer {
    wants: Wants,
    /// Whether the last line of the answer waits for its end.
    open: bool,
    words: Words,
    error: Option<TurnError>,
    summary: String,
    /// The last `result` line as it came.
    result: Option<String>,
    done: bool,
}

impl Renderer {
    pub(crate) fn new(wants: Wants) -> Self {
        Self {
            wants,
            open: false,
            words: Words::None,
            error: None,
            summary: String::new(),
            result: None,
            done: false,
        }
    }

    /// Takes the next event and says what to print for it.
    pub(crate) fn event(&mut self, name: &str, data: &str) -> Vec<Piece> {
        let mut pieces = vec![];
        match name {
            event::TEXT_DELTA => {
                let delta = member(data, "delta");
                self.say(&delta, &mut pieces);
                self.words = Words::Deltas;
            }
            event::TOOL_USE => {
                self.close_line(&mut pieces);
                let tool = serde_json::from_str(data).unwrap_or_default();
                pieces.push(Piece::Note(format!("tool: {}", tool_line(&tool))));
            }
            event::TOOL_RESULT => {
                let result: Value = serde_json::from_str(data).unwrap_or_default();
                if result["is_error"] == true {
                    self.close_line(&mut pieces);
                    pieces.push(Piece::Note("tool: it failed, the agent goes on".to_owned()));
                }
            }
            event::PERMISSION_REQUEST => {
                self.close_line(&mut pieces);
                pieces.extend(Asked::read(data).map(Piece::Asks));
            }
            event::PERMISSION_RESOLVED => {
                self.close_line(&mut pieces);
                let settled = member(data, "permissionId").parse().ok();
                pieces.extend(settled.map(Piece::Settled));
                if member(data, "by") == "timeout" {
                    let behavior = member(data, "behavior");
                    pieces.push(Piece::Note(format!(
                        "permission: nobody answered in time, so it is `{behavior}`"
                    )));
                }
            }
            event::MESSAGE => self.frame(data, &mut pieces),
            event::ERROR => {
                self.close_line(&mut pieces);
                self.error = Some(TurnError::Failed(member(data, "error")));
            }
            event::DONE => {
                self.close_line(&mut pieces);
                self.done = true;
            }
            // The set of events is open.
            _ => {}
        }
        pieces
    }

    fn frame(&mut self, line: &str, pieces: &mut Vec<Piece>) {
        match Frame::read(line) {
            Frame::Said(text) => {
                if self.words != Words::Deltas {
                    self.say(&text, pieces);
                }
                self.words = Words::Whole;
                self.close_line(pieces);
            }
            Frame::Retry(note) => {
                self.close_line(pieces);
                pieces.push(Piece::Note(note));
            }
            Frame::Result(Ending { text, error, summary }) => {
                // A command such as `/cost` answers with a result alone.
                if self.words == Words::None && error.is_none() {
                    self.say(&text, pieces);
                }
                self.close_line(pieces);
                if error.is_none() && self.wants == Wants::Value {
                    pieces.extend(structured_output(line).map(|json| Piece::Answer(json + "\n")));
                }
                self.error = error;
                self.summary = summary;
                self.result = Some(line.to_owned());
            }
            Frame::Other => {}
        }
    }

    fn say(&mut self, text: &str, pieces: &mut Vec<Piece>) {
        if text.is_empty() || self.wants == Wants::Value {
            return;
        }
        self.open = !text.ends_with('\n');
        pieces.push(Piece::Answer(text.to_owned()));
    }

    fn close_line(&mut self, pieces: &mut Vec<Piece>) {
        if std::mem::take(&mut self.open) {
            pieces.push(Piece::Answer("\n".to_owned()));
        }
    }

    /// Whether the server has said that the turn is over.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// What is printed when the stream ends before the turn does.
    pub(crate) fn cut(&mut self) -> Vec<Piece> {
        let mut pieces = vec![];
        self.close_line(&mut pieces);
        pieces
    }

    /// Why the turn is not a success, if it is not.
    pub(crate) fn error(&self) -> Option<&TurnError> {
        self.error.as_ref()
    }

    /// Whether a value was asked for and none came.
    pub(crate) fn lacks_value(&self) -> bool {
        self.wants == Wants::Value && self.result().and_then(structured_output).is_none()
    }

    /// The turn in figures; empty if there are none.
    pub(crate) fn summary(&self) -> &str {
        &self.summary
    }

    /// The last `result` line of the CLI.
    pub(crate) fn result(&self) -> Option<&str> {
        self.result.as_deref()
    }
}

/// The text `name` of an event's data.
fn member(data: &str, name: &str) -> String {
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    data[name].as_str().unwrap_or_default().to_owned()
}

/// The value that fits the schema, as the CLI wrote it.
fn structured_output(result: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        structured_output: Option<&'a RawValue>,
    }
    let line: Line<'_> = serde_json::from_str(result).ok()?;
    line.structured_output.map(|json| json.get().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str =
        r#"{"type":"assistant","message":{"content":[{"type":"text","text":"Hello"}]}}"#;
    const RESULT: &str = r#"{"type":"result","subtype":"success","is_error":false,"result":"Hello","num_turns":1,"duration_ms":1200,"total_cost_usd":0.0123}"#;

    /// What goes to the standard output and to the standard error.
    fn render(wants: Wants, events: &[(&str, &str)]) -> (String, Vec<String>, Renderer) {
        let mut renderer = Renderer::new(wants);
        let (mut answer, mut notes) = (String::new(), vec![]);
        for (name, data) in events {
            for piece in renderer.event(name, data) {
                match piece {
                    Piece::Answer(text) => answer.push_str(&text),
                    Piece::Note(note) => notes.push(note),
                    Piece::Asks(asked) => notes.push(asked.note()),
                    Piece::Settled(_) => {}
                }
            }
        }
        (answer, notes, renderer)
    }

    #[test]
    fn words_are_shown_once_whether_streamed_or_whole() {
        let whole = [("message", SAID), ("message", RESULT), ("done", "{}")];
        assert_eq!(render(Wants::Text, &whole).0, "Hello\n");
        let streamed = [
            ("text_delta", r#"{"delta":"Hel"}"#),
            ("text_delta", r#"{"delta":"lo"}"#),
            ("message", SAID),
            ("message", RESULT),
            ("done", "{}"),
        ];
        let (answer, notes, renderer) = render(Wants::Text, &streamed);
        assert_eq!((answer.as_str(), notes.len()), ("Hello\n", 0));
        assert!(renderer.is_done() && renderer.error().is_none());
        assert_eq!(renderer.summary(), "1 step, 1.2 s, $0.0123 in this session");
        assert_eq!(renderer.result(), Some(RESULT));
    }

    #[test]
    fn a_tool_is_told_between_the_lines_of_the_answer() {
        let (answer, notes, _) = render(
            Wants::Text,
            &[
                ("text_delta", r#"{"delta":"I look"}"#),
                ("tool_use", r#"{"id":"t","name":"Bash","input":{"command":"ls"}}"#),
                ("message", SAID),
                ("tool_result", r#"{"tool_use_id":"t","content":"x","is_error":true}"#),
                ("message", SAID),
                ("done", "{}"),
            ],
        );
        assert_eq!(answer, "I look\nHello\n");
        assert_eq!(notes, [r#"tool: Bash {"command":"ls"}"#, "tool: it failed, the agent goes on"]);
    }

    #[test]
    fn a_command_that_says_nothing_answers_with_its_result() {
        assert_eq!(render(Wants::Text, &[("message", RESULT), ("done", "{}")]).0, "Hello\n");
    }

    #[test]
    fn a_value_is_shown_as_it_came_and_no_words_with_it() {
        let result =
            r#"{"type":"result","subtype":"success","structured_output":{"z":1.50,"a":[]}}"#;
        let events =
            [("text_delta", r#"{"delta":"Well"}"#), ("message", SAID), ("message", result)];
        assert_eq!(render(Wants::Value, &events).0, "{\"z\":1.50,\"a\":[]}\n");
    }

    #[test]
    fn an_error_of_the_server_is_kept() {
        let (_, _, renderer) =
            render(Wants::Text, &[("error", r#"{"error":"the sandbox is gone"}"#), ("done", "{}")]);
        assert_eq!(renderer.error(), Some(&TurnError::Failed("the sandbox is gone".to_owned())));
    }

    #[test]
    fn events_of_tomorrow_are_skipped() {
        let (answer, notes, renderer) = render(
            Wants::Text,
            &[("citation", "{}"), ("text_delta", "broken"), ("tool_result", "1")],
        );
        assert_eq!((answer.as_str(), notes.len(), renderer.is_done()), ("", 0, false));
    }
}
