//! What the CLI tells of its transcript (`--session-mirror`): enough to write it again.

use serde::Deserialize;
use serde_json::value::RawValue;

/// Entries of a transcript, one in a line, as they stand in the CLI's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entries {
    pub(crate) lines: Vec<u8>,
    /// The id of the last entry that has one.
    pub(crate) last: Option<String>,
}

impl Entries {
    /// All of them as one; `None` if there are none.
    pub(crate) fn joined(parts: Vec<Self>) -> Option<Self> {
        parts.into_iter().reduce(|mut all, part| {
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

/// The entries of a `transcript_mirror` line; `None` if it is of another file than the
/// conversation's own, e.g. of a subagent's, which a resume does not need.
pub(crate) fn entries(line: &[u8], conversation: &str) -> Option<Entries> {
    let mirror: Mirror<'_> = serde_json::from_slice(line).ok()?;
    let file = mirror.file_path.rsplit('/').next()?;
    if file.strip_suffix(".jsonl")? != conversation || mirror.entries.is_empty() {
        return None;
    }
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
    Some(Entries { lines, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

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
        };
        let parts = vec![part("1\n", Some("a")), part("2\n", Some("b")), part("3\n", None)];
        assert_eq!(Entries::joined(parts), Some(part("1\n2\n3\n", Some("b"))));
        assert_eq!(Entries::joined(Vec::new()), None);
    }

    #[test]
    fn what_is_of_another_file_is_left_out() {
        let subagent = format!("/h/.claude/projects/-workspace/{ID}/subagents/agent-1.jsonl");
        for told in [
            line(&subagent, r#"[{"uuid":"a"}]"#),
            line(&format!("/h/{ID}.jsonl"), "[]"),
            line(&format!("/h/{ID}.json"), r#"[{"uuid":"a"}]"#),
            r#"{"type":"transcript_mirror"}"#.to_owned(),
        ] {
            assert_eq!(entries(told.as_bytes(), ID), None, "{told}");
        }
    }
}
