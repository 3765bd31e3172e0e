//! What is to be known of a frame when it is stored, read in one pass over its line: as how many events
//! it is shown, who speaks in it, and its parts of the timeline. What those say is made of the frame when
//! somebody asks ([`shown`](super::shown), [`timeline`](super::timeline)); a test holds that this counts
//! as they do.

use super::frame::{FrameKind, Head, Speaker};
use super::shown::{Audience, blocks, is_delta, is_shown, is_spoken};
use super::timeline::said_kind;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Events that the frame is shown as.
    pub(crate) width: u32,
    /// Who sees them, if it is the same for all of them.
    pub(crate) audience: Option<Audience>,
    /// Whose message of the history it is, if it is one.
    pub(crate) speaker: Option<Speaker>,
    /// The types of its parts of the timeline.
    pub(crate) timeline: Vec<&'static str>,
}

impl Reading {
    /// Of a frame that ashd makes itself, or of a line that nobody has read before.
    pub(crate) fn of(kind: FrameKind, data: &[u8]) -> Self {
        let (speaker, timeline) = match kind {
            FrameKind::Cli => return Self::of_line(&Head::read(data)),
            FrameKind::User => (Some(Speaker::User), Vec::new()),
            FrameKind::Error => (None, vec!["error"]),
            FrameKind::Lifecycle => (None, vec!["lifecycle"]),
            FrameKind::TurnStarted
            | FrameKind::Done
            | FrameKind::PermissionAsked
            | FrameKind::PermissionResolved
            | FrameKind::Pruned => (None, Vec::new()),
        };
        Self { width: 1, audience: None, speaker, timeline }
    }

    /// Of a line of the CLI.
    pub(crate) fn of_line(head: &Head<'_>) -> Self {
        let (granular, audience, timeline) = match (&*head.kind, head.message) {
            _ if head.is_odd => (0, Some(Audience::Everyone), Vec::new()),
            ("stream_event", _) if head.event.is_some() => {
                let granular = usize::from(head.event.is_some_and(is_delta));
                (granular, Some(Audience::Partial), Vec::new())
            }
            ("assistant", Some(message)) => {
                let blocks = blocks(message);
                let granular = blocks.iter().filter(|(_, block)| is_spoken(&block.kind)).count();
                let said = blocks.iter().filter_map(|(_, block)| said_kind(&block.kind));
                // A thought is not for those who have its deltas.
                let thinks = blocks.iter().any(|(_, block)| block.kind == "thinking");
                (granular, (!thinks).then_some(Audience::Everyone), said.collect())
            }
            ("user", Some(message)) => {
                let blocks = blocks(message);
                let results = blocks.iter().filter(|(_, block)| is_shown(&block.kind)).count();
                (results, Some(Audience::Everyone), vec!["tool_result"; results])
            }
            ("result", None) => (1, Some(Audience::Everyone), vec!["turn_complete"]),
            ("result", Some(_)) => (1, Some(Audience::Everyone), Vec::new()),
            _ => (0, Some(Audience::Everyone), Vec::new()),
        };
        let width = u32::try_from(granular + 1).unwrap_or(u32::MAX);
        Self { width, audience, speaker: head.speaker(), timeline }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shown::shown;
    use super::super::timeline::timeline;
    use super::*;

    /// What the whole of the frame says.
    fn made(kind: FrameKind, data: &[u8]) -> Reading {
        let speaker = match kind {
            FrameKind::User => Some(Speaker::User),
            FrameKind::Cli => Head::read(data).speaker(),
            _ => None,
        };
        let shown = shown(kind, data);
        let audience = shown[0].audience;
        let same = kind == FrameKind::Cli && shown.iter().all(|event| event.audience == audience);
        Reading {
            width: u32::try_from(shown.len()).unwrap(),
            audience: same.then_some(audience),
            speaker,
            timeline: timeline(kind, data).into_iter().map(|part| part.kind).collect(),
        }
    }

    /// Pieces of which lines are made that a CLI may say, and some that none should.
    fn any_line() -> impl Strategy<Value = String> {
        let words = [
            "assistant",
            "user",
            "result",
            "stream_event",
            "system",
            "text",
            "thinking",
            "tool_use",
            "tool_result",
            "text_delta",
            "thinking_delta",
            "input_json_delta",
            "content_block_delta",
            "message_start",
            "redacted_thinking",
            "a b",
            "",
        ];
        let word = || proptest::sample::select(words.to_vec());
        let block = || {
            prop_oneof![
                6 => word().prop_map(|kind| format!(r#"{{"type":"{kind}","text":"x","input":{{}}}}"#)),
                1 => Just("7".to_owned()),
                1 => Just("{}".to_owned()),
            ]
        };
        let message = prop_oneof![
            4 => prop::collection::vec(block(), 0..4)
                .prop_map(|blocks| format!(r#"{{"content":[{}]}}"#, blocks.join(","))),
            1 => Just(r#"{"content":"plain"}"#.to_owned()),
            1 => Just("null".to_owned()),
        ];
        let event = (word(), block())
            .prop_map(|(kind, delta)| format!(r#"{{"type":"{kind}","delta":{delta}}}"#));
        let member = prop_oneof![
            message.prop_map(|message| format!(r#""message":{message}"#)),
            event.prop_map(|event| format!(r#""event":{event}"#)),
            Just(r#""num_turns":1"#.to_owned()),
            Just(r#""result":"x""#.to_owned()),
            Just(r#""errors":7"#.to_owned()),
        ];
        (word(), prop::collection::vec(member, 0..4)).prop_map(|(kind, members)| {
            let own = format!(r#""type":"{kind}""#);
            let members: Vec<String> = [own].into_iter().chain(members).collect();
            format!("{{{}}}", members.join(","))
        })
    }

    proptest! {
        #[test]
        fn one_pass_counts_what_the_whole_says(line in any_line()) {
            let line = line.as_bytes();
            prop_assert_eq!(Reading::of(FrameKind::Cli, line), made(FrameKind::Cli, line));
        }
    }

    #[test]
    fn our_own_frames_are_read_the_same() {
        for number in 0..=8 {
            let kind = FrameKind::from_number(number).unwrap();
            for line in ["{}", r#"{"type":"result","num_turns":1}"#, "[]", r#"{"type":7}"#] {
                let line = line.as_bytes();
                assert_eq!(Reading::of(kind, line), made(kind, line), "{kind:?} {line:?}");
            }
        }
    }
}
