//! From what the user said to what the model answers.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::request::{Conversation, MessagesRequest};
use crate::simulation::{Directive, chunks, counted_text, parse};

/// One part of an answer, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// A text in pieces of nearly one length.
    Text {
        text: String,
        pieces: usize,
        pause: Duration,
    },
    Thinking {
        text: String,
    },
    Tool {
        name: String,
        input: Value,
    },
    Pause(Duration),
    /// Nothing more, and the connection stays open.
    Silence,
    /// An `error` event.
    Failure,
    /// The connection is closed.
    Cut,
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Message(Vec<Part>),
    Refusal {
        status: u16,
    },
    /// Refused `times` times, then answered.
    RefusalAtFirst {
        status: u16,
        times: usize,
        then: Vec<Part>,
    },
    /// The connection is closed before a status line.
    Drop,
}

/// What the model answers to `request`.
pub(super) fn answer(request: &MessagesRequest) -> Answer {
    let conversation = request.conversation();
    let directives = parse(&conversation.said);
    let cut = chunks(&directives);
    let round = round(&directives, conversation.rounds);
    let mut parts = Vec::new();
    let mut refused_at_first = None;
    for directive in round {
        match directive {
            Directive::Error { status } => return Answer::Refusal { status: *status },
            Directive::ErrorTimes { status, times } => refused_at_first = Some((*status, *times)),
            Directive::Drop => return Answer::Drop,
            // Broken once is enough: this request asks for the rest.
            Directive::DropMidstream | Directive::MidstreamError if conversation.cut_off => {}
            Directive::DropMidstream => parts.push(Part::Cut),
            Directive::MidstreamError => parts.push(Part::Failure),
            Directive::Hang => parts.push(Part::Silence),
            Directive::Delay(pause) => parts.push(Part::Pause(*pause)),
            Directive::Think(text) => parts.push(Part::Thinking { text: text.clone() }),
            Directive::Say(_) | Directive::Bytes(_) => {
                parts.extend(directive.text().map(|text| whole(text, cut)));
            }
            Directive::Recall => parts.push(whole(recall(&conversation), cut)),
            Directive::EchoSystem => parts.push(whole(request.system_text(), cut)),
            Directive::Flood(count) => parts.push(Part::Text {
                text: "x".repeat(*count),
                pieces: *count,
                pause: Duration::ZERO,
            }),
            Directive::Tool { name, input } => {
                parts.push(Part::Tool { name: name.clone(), input: input.clone() });
            }
            // For the CLI, not for the API.
            Directive::Chunks { .. }
            | Directive::Unknown
            | Directive::Options
            | Directive::Exit(_)
            | Directive::Crash
            | Directive::Background { .. } => {}
        }
    }
    if !parts.iter().any(|part| matches!(part, Part::Text { .. } | Part::Tool { .. })) {
        let text = match cut {
            Some((count, _)) if conversation.returned.is_empty() => counted_text(count),
            _ => friendly(&conversation),
        };
        // Behind a pause, but ahead of what cuts the answer short.
        let end = parts.iter().position(|part| matches!(part, Part::Failure | Part::Cut));
        parts.insert(end.unwrap_or(parts.len()), whole(text, cut));
    }
    match refused_at_first {
        Some((status, times)) => Answer::RefusalAtFirst { status, times, then: parts },
        None => Answer::Message(parts),
    }
}

/// The directives of one request: each tool ends a request, its result opens the next.
fn round(directives: &[Directive], number: usize) -> &[Directive] {
    let mut rounds = directives.split_inclusive(|d| matches!(d, Directive::Tool { .. }));
    rounds.nth(number).unwrap_or_default()
}

fn whole(text: String, chunks: Option<(usize, Duration)>) -> Part {
    let (pieces, pause) = chunks.unwrap_or((1, Duration::ZERO));
    Part::Text { text, pieces, pause }
}

/// An answer that shows what the model was told.
fn friendly(conversation: &Conversation) -> String {
    let mut text = String::new();
    for returned in &conversation.returned {
        write!(text, "{} returned: {}\n\n", returned.tool, returned.text)
            .expect("a String takes everything");
    }
    if text.is_empty() {
        let said = &conversation.said;
        write!(text, "Hello from the stand-in model. You said: \"{said}\".")
            .expect("a String takes everything");
        if let Some(first) = conversation.earlier.first() {
            write!(text, " Earlier you said: \"{first}\".").expect("a String takes everything");
        }
    }
    text.trim_end().to_owned()
}

fn recall(conversation: &Conversation) -> String {
    if conversation.earlier.is_empty() {
        return "You said nothing earlier.".to_owned();
    }
    let quotes: Vec<String> =
        conversation.earlier.iter().map(|text| format!("\"{text}\"")).collect();
    format!("Earlier you said: {}.", quotes.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer_to(messages: &Value) -> Answer {
        let body = json!({"model": "m", "system": "be kind", "messages": messages});
        answer(&serde_json::from_value(body).unwrap())
    }

    fn said(text: &str) -> Value {
        json!([{"role": "user", "content": text}])
    }

    fn text(text: &str) -> Part {
        whole(text.to_owned(), None)
    }

    #[test]
    fn without_a_directive_the_answer_quotes_the_last_and_the_first_words() {
        assert_eq!(
            answer_to(&said("hi")),
            Answer::Message(vec![text("Hello from the stand-in model. You said: \"hi\".")])
        );
        let later = json!([
            {"role": "user", "content": "my name is Ada"},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": "and yours?"},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": "bye"}]);
        let expected = "Hello from the stand-in model. You said: \"bye\". \
                        Earlier you said: \"my name is Ada\".";
        assert_eq!(answer_to(&later), Answer::Message(vec![text(expected)]));
    }

    #[test]
    fn each_tool_ends_a_request_and_the_last_answer_tells_what_it_returned() {
        let ask = r#"[[say:a]][[tool:Read:{"file_path":"x"}]][[delay:5]]"#;
        let tool = Part::Tool { name: "Read".to_owned(), input: json!({"file_path": "x"}) };
        assert_eq!(answer_to(&said(ask)), Answer::Message(vec![text("a"), tool]));
        let done = json!([
            {"role": "user", "content": ask},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "Read"}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "1", "content": "42"}]}]);
        assert_eq!(
            answer_to(&done),
            Answer::Message(vec![Part::Pause(Duration::from_millis(5)), text("Read returned: 42")])
        );
    }

    #[test]
    fn recall_and_the_system_prompt_are_quoted() {
        let later = json!([
            {"role": "user", "content": "one"}, {"role": "user", "content": "two"},
            {"role": "user", "content": "[[recall]][[echo-system]]"}]);
        assert_eq!(
            answer_to(&later),
            Answer::Message(vec![text("Earlier you said: \"one\", \"two\"."), text("be kind")])
        );
        assert_eq!(
            answer_to(&said("[[recall]]")),
            Answer::Message(vec![text("You said nothing earlier.")])
        );
    }

    #[test]
    fn failures_come_where_they_stand() {
        assert_eq!(answer_to(&said("[[error:429]]")), Answer::Refusal { status: 429 });
        assert_eq!(answer_to(&said("[[say:x]][[drop]]")), Answer::Drop);
        let parts = vec![text("x")];
        assert_eq!(
            answer_to(&said("[[errorN:529:2]][[say:x]]")),
            Answer::RefusalAtFirst { status: 529, times: 2, then: parts }
        );
        let Answer::Message(parts) = answer_to(&said("[[drop-midstream]]")) else { panic!() };
        assert!(matches!(&*parts, [Part::Text { .. }, Part::Cut]), "{parts:?}");
    }
}
