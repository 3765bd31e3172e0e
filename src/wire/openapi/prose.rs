//! What `docs/api.md` says of operations, events and problem codes.

use std::collections::BTreeMap;

const DOCUMENT: &str = include_str!("../../../docs/api.md");

/// The lines between a heading and the next one of any depth.
fn section(heading: &str) -> Option<Vec<&'static str>> {
    let is_heading = |line: &str| line.trim_start_matches('#').trim() == heading;
    let mut lines =
        DOCUMENT.lines().skip_while(|line| !(line.starts_with('#') && is_heading(line)));
    lines.next()?;
    Some(lines.take_while(|line| !line.starts_with('#')).collect())
}

/// The paragraphs of the section of an operation, as Markdown without links; no tables and no
/// examples.
pub(super) fn of_operation(method: &str, path: &str) -> Option<String> {
    let mut fenced = false;
    let mut text = String::new();
    for line in section(&format!("`{method} {path}`"))? {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced && !line.starts_with('|') {
            text.push_str(line);
            text.push('\n');
        }
    }
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    Some(without_links(&paragraphs.collect::<Vec<_>>().join("\n\n")))
}

/// The first table of a section: its first cell without the backquotes, and its last.
pub(super) fn table(heading: &str) -> BTreeMap<String, String> {
    let lines = section(heading).unwrap_or_default().into_iter();
    let rows =
        lines.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let mut found = BTreeMap::new();
    for cells in cells {
        let (Some(first), Some(last)) = (cells.first(), cells.last()) else { continue };
        for name in first.split(", ") {
            if let Some(name) = name.strip_prefix('`').and_then(|name| name.strip_suffix('`')) {
                found.insert(name.to_owned(), without_links(last));
            }
        }
    }
    found
}

/// `[text](target)` as its text: targets lead from the page, not from the document.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("](") {
        let (Some((lead, label)), Some((_target, after))) =
            (before.rsplit_once('['), link.split_once(')'))
        else {
            break;
        };
        plain.push_str(lead);
        plain.push_str(label);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[test]
fn prose_is_found_without_links_tables_and_examples() {
    assert_eq!(without_links("a [b c](d#e) f [g](h)."), "a b c f g.");
    let text = of_operation("PUT", "/api/agents/{name}/bundle").unwrap();
    assert!(text.starts_with("The same from a tar archive") && !text.contains("curl"), "{text}");
    assert_eq!(of_operation("GET", "/nothing"), None);
    let codes = table("Problem codes");
    assert_eq!(codes["session_not_found"], "no session has that id");
}
