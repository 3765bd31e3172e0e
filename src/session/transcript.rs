//! What the CLI tells of its transcript (`--session-mirror`): enough to write it again.

use serde::Deserialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// Entries of a transcript, one in a line, as they stand in the CLI's file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    /// The conversation that they belong to, unless it is the session's first: `/clear` begins another one, in
    /// a file of its own.
    pub(crate) conversation: Option<String>,
    pub(crate) lines: Vec<u8>,
    /// The id of the last entry that has one.
    pub(crate) last: Option<String>,
}

impl Entries {
    /// All of them as one; `None` if there are none. What is before another conversation is left out.
    ///
    /// A CLI that was started again goes on in the session's own file with the conversation of the last.
    pub(crate) fn joined(parts: Vec<Self>) -> Option<Self> {
        parts.into_iter().reduce(|mut all, part| {
            if part.conversation.is_some() && part.conversation != all.conversation {
                return part;
            }
            all.lines.extend_from_slice(&part.lines);
            all.last = part.last.or(all.last);
            all
        })
    }
}

/// Longest id of an entry: they are UUIDs.
const ID_BYTES_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mirror<'a> {
    file_path: String,
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry {
    uuid: Option<String>,
}

/// The entries of a `transcript_mirror` line of `session`; `None` if it is of another file than a
/// conversation's own, e.g. of a subagent's, which a resume does not need.
pub(crate) fn entries(line: &[u8], session: &str) -> Option<Entries> {
    let mirror: Mirror<'_> = serde_json::from_slice(line).ok()?;
    let mut path = mirror.file_path.rsplit('/');
    let name = path.next()?.strip_suffix(".jsonl")?;
    if mirror.entries.is_empty() {
        return None;
    }
    let conversation = if name == session {
        None
    } else {
        let is_conversation = Uuid::try_parse(name).is_ok() && path.nth(1) == Some("projects");
        Some(name).filter(|_| is_conversation)?.to_owned().into()
    };
    let mut lines = Vec::with_capacity(line.len());
    let mut last = None;
    for entry in mirror.entries {
        lines.extend_from_slice(entry.get().as_bytes());
        lines.push(b'\n');
        let id = serde_json::from_str::<Entry>(entry.get()).ok().and_then(|entry| entry.uuid);
        let plain =
            |id: &String| id.len() <= ID_BYTES_MAX && id.bytes().all(|b| b.is_ascii_graphic());
        last = id.filter(plain).or(last);
    }
    Some(Entries { conversation, lines, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    const OTHER: &str = "6c065815-a009-4e2d-b3aa-f0d6add0a170";

    fn line(file: &str, entries: &str) -> String {
        format!(r#"{{"entries":{entries},"filePath":"{file}","type":"transcript_mirror"}}"#)
    }

    #[test]
    fn entries_are_kept_byte_for_byte() {
        let file = format!("/home/agent/.claude/projects/-workspace/{ID}.jsonl");
        let told = line(
            &file,
            r#"[{"uuid":"a", "x":1.0},{"type":"user","uuid":"b"},{"type":"cost-state"}]"#,
        );
        let found = entries(told.as_bytes(), ID).unwrap();
        let expected = "{\"uuid\":\"a\", \"x\":1.0}\n{\"type\":\"user\",\"uuid\":\"b\"}\n{\"type\":\"cost-state\"}\n";
        assert_eq!(String::from_utf8(found.lines).unwrap(), expected);
        assert_eq!(found.last.as_deref(), Some("b"));
    }

    #[test]
    fn what_was_told_at_once_is_one() {
        let part = |lines: &str, last: Option<&str>| Entries {
            lines: lines.into(),
            last: last.map(str::to_owned),
            ..Entries::default()
        };
        let parts = vec![part("1\n", Some("a")), part("2\n", Some("b")), part("3\n", None)];
        assert_eq!(Entries::joined(parts), Some(part("1\n2\n3\n", Some("b"))));
        assert_eq!(Entries::joined(Vec::new()), None);
    }

    #[test]
    fn another_conversation_begins_with_its_own_file_and_what_was_before_is_left_out() {
        let told = |name: &str, entry: &str| {
            let file = format!("/home/agent/.claude/projects/-workspace/{name}.jsonl");
            entries(line(&file, &format!(r#"[{{"uuid":"{entry}"}}]"#)).as_bytes(), ID).unwrap()
        };
        assert_eq!(told(ID, "a").conversation, None);
        assert_eq!(told(OTHER, "b").conversation.as_deref(), Some(OTHER));
        let all =
            Entries::joined(vec![told(ID, "a"), told(OTHER, "b"), told(OTHER, "c"), told(ID, "d")]);
        let all = all.unwrap();
        assert_eq!(all.conversation.as_deref(), Some(OTHER));
        let kept = "{\"uuid\":\"b\"}\n{\"uuid\":\"c\"}\n{\"uuid\":\"d\"}\n";
        assert_eq!(String::from_utf8(all.lines).unwrap(), kept);
    }

    #[test]
    fn what_is_of_another_file_is_left_out() {
        let subagent = format!("/h/.claude/projects/-workspace/{ID}/subagents/agent-1.jsonl");
        for told in [
            line(&subagent, r#"[{"uuid":"a"}]"#),
            line(
                &format!("/h/.claude/projects/-w/{ID}/subagents/{OTHER}.jsonl"),
                r#"[{"uuid":"a"}]"#,
            ),
            line(&format!("/h/{ID}.jsonl"), "[]"),
            line(&format!("/h/{ID}.json"), r#"[{"uuid":"a"}]"#),
            r#"{"type":"transcript_mirror"}"#.to_owned(),
        ] {
            assert_eq!(entries(told.as_bytes(), ID), None, "{told}");
        }
    }
}
