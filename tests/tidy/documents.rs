//! `docs/api.md` documents every operation and every problem code, and none that is not there.
//!
//! An operation is documented by a heading or a row of a table with its method and path. A code
//! is documented by a row of the table below the first heading that speaks of codes: the code,
//! then its status.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::{assert_tidy, file};

const DOCUMENT: &str = "docs/api.md";
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

fn operation_complaints(source: &str, document: &str) -> Vec<String> {
    let operations = operations(source);
    let documented = documented_operations(document);
    if operations.is_empty() {
        return vec!["src/wire/operations.rs: no operations were understood".to_owned()];
    }
    let missing = operations
        .difference(&documented)
        .map(|operation| format!("{DOCUMENT} does not document `{operation}`"));
    let extra = documented
        .difference(&operations)
        .map(|operation| format!("{DOCUMENT} documents `{operation}`, which does not exist"));
    missing.chain(extra).collect()
}

/// `METHOD /path` of each entry of the table.
fn operations(source: &str) -> BTreeSet<String> {
    let named = operations_by_name(source);
    named.values().map(|(method, path)| format!("{method} {path}")).collect()
}

/// Name to method and path, of each entry of the table: the two literals behind `Operation::Name`.
pub(crate) fn operations_by_name(source: &str) -> BTreeMap<String, (String, String)> {
    let Some((_, table)) = source.split_once("const OPERATIONS") else { return BTreeMap::new() };
    let table = table.split_once("\n];").map_or(table, |(table, _)| table);
    table
        .split("Operation::")
        .skip(1)
        .filter_map(|entry| {
            let name = entry.chars().take_while(|c| c.is_alphanumeric()).collect();
            let mut literals = entry.split('"').skip(1).step_by(2);
            Some((name, (literals.next()?.to_owned(), literals.next()?.to_owned())))
        })
        .collect()
}

fn documented_operations(document: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in document.lines().filter(|line| line.starts_with('#') || line.starts_with('|')) {
        let plain = line.replace(['`', '|'], " ");
        let words: Vec<&str> = plain.split_whitespace().collect();
        for pair in words.windows(2).filter(|pair| METHODS.contains(&pair[0])) {
            if pair[1].starts_with('/') {
                let path = pair[1].split('?').next().unwrap_or_default();
                found.insert(format!("{} {path}", pair[0]));
            }
        }
    }
    found
}

fn code_complaints(source: &str, document: &str) -> Vec<String> {
    let codes = codes(source);
    let documented = documented_codes(document);
    if codes.is_empty() {
        return vec!["src/wire/problem.rs: no codes were understood".to_owned()];
    }
    let mut complaints = Vec::new();
    for (code, status) in &codes {
        match documented.get(code) {
            None => complaints.push(format!("{DOCUMENT} does not document the code `{code}`")),
            Some(said) if said != status => complaints
                .push(format!("{DOCUMENT} says {said} of `{code}`, whose status is {status}")),
            Some(_) => {}
        }
    }
    for code in documented.keys().filter(|code| !codes.contains_key(*code)) {
        complaints.push(format!("{DOCUMENT} documents the code `{code}`, which does not exist"));
    }
    complaints
}

/// Code on the wire to status, of what `ALL` lists.
fn codes(source: &str) -> BTreeMap<String, String> {
    let spelled = arms(part(source, "fn as_str"));
    let statuses = arms(part(source, "fn status"));
    variants(part(source, "const ALL").split_once('=').map_or("", |(_, list)| list))
        .into_iter()
        .map(|variant| {
            let spelled = spelled.get(&variant).map(|text| text.trim_matches('"').to_owned());
            let status = statuses.get(&variant).cloned();
            (spelled.unwrap_or_else(|| variant.clone()), status.unwrap_or_default())
        })
        .collect()
}

/// From `start` to the end of that item.
fn part<'a>(source: &'a str, start: &str) -> &'a str {
    let Some(at) = source.find(start) else { return "" };
    let rest = &source[at..];
    let end = ["\n    }\n", "];\n"].iter().filter_map(|end| rest.find(end)).min();
    &rest[..end.unwrap_or(rest.len())]
}

/// `Self::A | Self::B => value` as A and B to value, which may stand in braces.
fn arms(code: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut patterns = "";
    for piece in code.split("=>") {
        let value: String = piece
            .trim_start_matches(['{', ' ', '\n'])
            .chars()
            .take_while(|c| !",}".contains(*c) && !c.is_whitespace())
            .collect();
        found.extend(variants(patterns).into_iter().map(|variant| (variant, value.clone())));
        patterns = piece;
    }
    found
}

fn variants(code: &str) -> Vec<String> {
    let name = |piece: &str| piece.chars().take_while(|c| c.is_alphanumeric()).collect();
    code.split("Self::").skip(1).map(name).collect()
}

fn documented_codes(document: &str) -> BTreeMap<String, String> {
    let speaks = |line: &&str| line.starts_with('#') && line.to_lowercase().contains("codes");
    let table = document.lines().skip_while(|line| !speaks(line)).skip(1);
    table
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
            let code = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
            Some((code.to_owned(), cells.next()?.trim_matches('`').to_owned()))
        })
        .collect()
}

#[test]
fn every_operation_is_documented_and_no_other() {
    let source = file("src/wire/operations.rs");
    assert_tidy(&operation_complaints(&source, &file(DOCUMENT)));
}

#[test]
fn every_problem_code_is_documented_and_no_other() {
    assert_tidy(&code_complaints(&file("src/wire/problem.rs"), &file(DOCUMENT)));
}

/// What an operator must do something about, a client's mistakes apart.
#[test]
fn every_failure_of_the_server_is_in_the_troubleshooting_page() {
    let page = file("docs/troubleshooting.md");
    let codes = codes(&file("src/wire/problem.rs"));
    let failures: Vec<_> = codes.iter().filter(|(_, status)| status.starts_with('5')).collect();
    assert!(failures.len() >= 6, "{codes:?}");
    for (code, _) in failures {
        assert!(page.contains(&format!("\n### `{code}`\n")), "`{code}` has no section");
    }
}

#[test]
fn the_tables_of_the_code_are_understood() {
    let operations = operations(&file("src/wire/operations.rs"));
    assert!(operations.contains("GET /health") && operations.len() >= 16, "{operations:?}");
    assert!(operations.contains("GET /api/sessions/{id}/files/{*path}"), "{operations:?}");
    let codes = codes(&file("src/wire/problem.rs"));
    assert!(codes.len() >= 20, "{codes:?}");
    assert_eq!(codes.get("queue_full").map(String::as_str), Some("429"));
    assert_eq!(codes.get("agent_invalid").map(String::as_str), Some("400"));
    assert!(codes.values().all(|status| status.len() == 3), "{codes:?}");
}

#[test]
fn a_missing_operation_and_one_too_many_are_found() {
    let source = "enum Operation { A }\nconst OPERATIONS: [Route; 2] = [\n    Route { open: true, \
                  ..route(Operation::A, \"GET\", \"/a\", \"GET /x\") },\n    route(\n        \
                  Operation::B,\n        \"POST\",\n        \"/b/{*path}\",\n        \"B\",\n    ),\n];\n\
                  Operation::C, \"GET\", \"/c\"";
    let whole = "### `GET /a?after=`\n\n| `POST` | `/b/{*path}` | B |\ncurl GET /c\n";
    assert_eq!(operation_complaints(source, whole), [""; 0]);
    let other = "## `GET /a` and `DELETE /a`\n";
    assert_eq!(
        operation_complaints(source, other),
        [
            "docs/api.md does not document `POST /b/{*path}`",
            "docs/api.md documents `DELETE /a`, which does not exist"
        ]
    );
    let none = operation_complaints("", whole);
    assert_eq!(none, ["src/wire/operations.rs: no operations were understood"]);
}

#[test]
fn a_missing_code_and_a_wrong_status_are_found() {
    let source = "    fn status(self) -> u16 {\n        match self {\n            Self::A\n            \
                  | Self::B => 400,\n            Self::C => {\n                500\n            }\n            Self::Unknown => 500,\n        }\n    }\n    fn as_str(self) {\n        \
                  match self {\n            Self::A => \"a_a\",\n            Self::B => \"b\",\n            \
                  Self::C => \"c\",\n            Self::Unknown => \"unknown\",\n        }\n    }\n    \
                  const ALL: [Self; 3] = [Self::A, Self::B,\n        Self::C];\n";
    let whole = "## Problem codes\n| code | status |\n|---|---|\n| `a_a` | 400 | x |\n| `b` | 400 |\n\
                 | `c` | 500 |\n## Other\n| `d` | 1 |\n";
    assert_eq!(code_complaints(source, whole), [""; 0]);
    let other = "## Problem codes\n| `a_a` | 404 | x |\n| `b` | 400 |\n| `d` | 500 |\n";
    assert_eq!(
        code_complaints(source, other),
        [
            "docs/api.md says 404 of `a_a`, whose status is 400",
            "docs/api.md does not document the code `c`",
            "docs/api.md documents the code `d`, which does not exist"
        ]
    );
    assert_eq!(code_complaints("", whole), ["src/wire/problem.rs: no codes were understood"]);
}
