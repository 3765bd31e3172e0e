//! The words in a user's message that steer a scripted answer: `[[say:hello]]`, `[[delay:200]]`.
//!
//! The scripted CLI and the stand-in Messages API read the same words, so that one test runs
//! against either. What is not a directive is ordinary text and is left alone.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

/// Longest text of `[[bytes:N]]`, in bytes: what the longest line of the CLI may hold.
pub(crate) const TEXT_BYTES_MAX: usize = 64 << 20;

/// Most pieces of `[[chunks:N:MS]]` and most events of `[[flood:N]]`: a typing error must not
/// occupy the machine for hours.
pub(crate) const PIECES_MAX: usize = 1_000_000;

/// Longest pause in milliseconds: an hour, beyond any test.
const PAUSE_MILLISECONDS_MAX: u64 = 3_600_000;

/// What `[[bytes:N]]` is made of.
const FILLER: &str = "x";

/// One directive. The order in the text is the order of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Directive {
    /// `[[say:text]]`: a text block.
    Say(String),
    /// `[[chunks:N:MS]]`: every text comes in `count` deltas, `pause` apart.
    Chunks { count: usize, pause: Duration },
    /// `[[delay:MS]]`: silence, at this place of the answer.
    Delay(Duration),
    /// `[[tool:NAME:JSON]]`: use a tool, then go on with what stands behind it.
    Tool { name: String, input: Value },
    /// `[[think:text]]`: a thinking block.
    Think(String),
    /// `[[bytes:N]]`: one text block of that many bytes.
    Bytes(usize),
    /// `[[unknown]]`: a frame of a type nobody knows.
    Unknown,
    /// `[[recall]]`: quote every earlier message of the user.
    Recall,
    /// `[[options]]`: tell the effective options as JSON.
    Options,
    /// `[[echo-system]]`: quote the system prompt.
    EchoSystem,
    /// `[[error:STATUS]]`: the API refuses with that HTTP status.
    Error { status: u16 },
    /// `[[errorN:STATUS:TIMES]]`: the API refuses that often, then answers.
    ErrorTimes { status: u16, times: usize },
    /// `[[midstream-error]]`: the API fails after the first bytes of an answer.
    MidstreamError,
    /// `[[drop]]`: the API closes the connection without an answer.
    Drop,
    /// `[[drop-midstream]]`: the API closes the connection in the middle of an answer.
    DropMidstream,
    /// `[[exit:N]]`: the CLI leaves with that code in the middle of the turn.
    Exit(i32),
    /// `[[crash]]`: the CLI is killed in the middle of the turn.
    Crash,
    /// `[[hang]]`: silence until interrupted.
    Hang,
    /// `[[flood:N]]`: that many stream events as fast as they are taken.
    Flood(usize),
    /// `[[background]]`: after the end of the turn, one more that nobody asked for. With
    /// `[[background:busy]]` the CLI is not idle in between, as when a subagent still works.
    Background { busy: bool },
}

impl Directive {
    /// The text block this directive stands for, if that needs no knowledge of the conversation.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Say(text) => Some(text.clone()),
            Self::Bytes(bytes) => Some(FILLER.repeat(*bytes)),
            _ => None,
        }
    }
}

/// Every directive of `text`, in order.
pub(crate) fn parse(text: &str) -> Vec<Directive> {
    let mut directives = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("[[") {
        match parse_one(behind) {
            Some((directive, behind)) => {
                directives.push(directive);
                rest = behind;
            }
            None => rest = behind,
        }
    }
    directives
}

/// How the texts of an answer are cut: the last `[[chunks:N:MS]]`, else one piece.
pub(crate) fn chunks(directives: &[Directive]) -> Option<(usize, Duration)> {
    directives.iter().rev().find_map(|directive| match directive {
        Directive::Chunks { count, pause } => Some((*count, *pause)),
        _ => None,
    })
}

/// What `[[chunks:N:MS]]` says when nothing else gives it a text.
pub(crate) fn counted_text(count: usize) -> String {
    (1..=count).fold(String::new(), |mut text, number| {
        writeln!(text, "piece {number} of {count}").expect("a String takes everything");
        text
    })
}

/// `text` in at most `count` pieces of nearly one length, cut between characters.
pub(crate) fn pieces(text: &str, count: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut left = count.max(1);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut cut = rest.ceil_char_boundary(rest.len().div_ceil(left.max(1)));
        if left <= 1 {
            cut = rest.len();
        }
        left = left.saturating_sub(1);
        let (piece, behind) = rest.split_at(cut);
        rest = behind;
        Some(piece)
    })
}

/// The directive at the start of `text` (behind its `[[`), and what follows its `]]`.
fn parse_one(text: &str) -> Option<(Directive, &str)> {
    if let Some(tool) = text.strip_prefix("tool:") {
        return parse_tool(tool);
    }
    let (inside, rest) = text.split_once("]]")?;
    let (name, argument) = match inside.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (inside, None),
    };
    let directive = match (name, argument) {
        ("say", Some(text)) => Directive::Say(text.to_owned()),
        ("think", Some(text)) => Directive::Think(text.to_owned()),
        ("chunks", Some(argument)) => {
            let (count, pause) = argument.split_once(':')?;
            Directive::Chunks { count: number(count, PIECES_MAX)?.max(1), pause: pause_of(pause)? }
        }
        ("delay", Some(argument)) => Directive::Delay(pause_of(argument)?),
        ("bytes", Some(argument)) => Directive::Bytes(number(argument, TEXT_BYTES_MAX)?),
        ("flood", Some(argument)) => Directive::Flood(number(argument, PIECES_MAX)?),
        ("error", Some(status)) => Directive::Error { status: status_of(status)? },
        ("errorN", Some(argument)) => {
            let (status, times) = argument.split_once(':')?;
            Directive::ErrorTimes { status: status_of(status)?, times: times.parse().ok()? }
        }
        ("exit", Some(code)) => Directive::Exit(code.parse().ok()?),
        ("unknown", None) => Directive::Unknown,
        ("recall", None) => Directive::Recall,
        ("options", None) => Directive::Options,
        ("echo-system", None) => Directive::EchoSystem,
        ("midstream-error", None) => Directive::MidstreamError,
        ("drop", None) => Directive::Drop,
        ("drop-midstream", None) => Directive::DropMidstream,
        ("crash", None) => Directive::Crash,
        ("hang", None) => Directive::Hang,
        ("background", None) => Directive::Background { busy: false },
        ("background", Some("busy")) => Directive::Background { busy: true },
        _ => return None,
    };
    Some((directive, rest))
}

/// `NAME:JSON]]`. The JSON may itself contain `]]`, so it is read as JSON.
fn parse_tool(text: &str) -> Option<(Directive, &str)> {
    let (name, json) = text.split_once(':')?;
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
    let input = values.next()?.ok().filter(Value::is_object)?;
    let rest = json.get(values.byte_offset()..)?.trim_start().strip_prefix("]]")?;
    Some((Directive::Tool { name: name.to_owned(), input }, rest))
}

fn number(text: &str, most: usize) -> Option<usize> {
    text.parse().ok().filter(|number| *number <= most)
}

fn status_of(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (400..600).contains(status))
}

fn pause_of(text: &str) -> Option<Duration> {
    let milliseconds = text.parse().ok().filter(|pause| *pause <= PAUSE_MILLISECONDS_MAX)?;
    Some(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn directives_are_found_in_order_among_ordinary_text() {
        let text =
            "hi [[say:a]b]] and [[delay:20]]\n[[think:hm]][[chunks:3:5]] [[errorN:529:2]] bye";
        assert_eq!(
            parse(text),
            [
                Directive::Say("a]b".to_owned()),
                Directive::Delay(Duration::from_millis(20)),
                Directive::Think("hm".to_owned()),
                Directive::Chunks { count: 3, pause: Duration::from_millis(5) },
                Directive::ErrorTimes { status: 529, times: 2 },
            ]
        );
    }

    #[test]
    fn the_input_of_a_tool_may_contain_closing_brackets() {
        let text = r#"[[tool:Write:{"file_path":"a","content":"[[1]] }"} ]][[say:done]]"#;
        assert_eq!(
            parse(text),
            [
                Directive::Tool {
                    name: "Write".to_owned(),
                    input: json!({"file_path": "a", "content": "[[1]] }"}),
                },
                Directive::Say("done".to_owned()),
            ]
        );
    }

    #[test]
    fn what_is_not_a_directive_is_ordinary_text() {
        for text in [
            "",
            "[[",
            "[[]]",
            "[[say]]",
            "[[wat:1]]",
            "[[delay:-1]]",
            "[[delay:99999999999]]",
            "[[bytes:1e3]]",
            "[[chunks:3]]",
            "[[flood:1000001]]",
            "[[error:200]]",
            "[[tool:Bash:{]]",
            "[[tool:Bash:7]]",
            "[[tool:Bash:{}",
            "[[exit:x]]",
            "[[crash:1]]",
        ] {
            assert_eq!(parse(text), [], "{text:?}");
        }
        assert_eq!(parse("[[wat:[[hang]]"), [Directive::Hang]);
    }

    #[test]
    fn pieces_are_the_whole_text_cut_between_characters() {
        let text = "zwölf Boxkämpfer jagen ⛵";
        for count in 1..40 {
            let pieces: Vec<&str> = pieces(text, count).collect();
            assert!(pieces.len() <= count, "{count}");
            assert!(pieces.iter().all(|piece| !piece.is_empty()), "{count}");
            assert_eq!(pieces.concat(), text, "{count}");
        }
        assert_eq!(pieces("abcdef", 3).collect::<Vec<_>>(), ["ab", "cd", "ef"]);
        assert_eq!(pieces("", 3).count(), 0);
    }
}
