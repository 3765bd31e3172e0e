//! An operation that somebody adds is described for the reference, and has a test of the API.

use crate::documents::operations_by_name;
use crate::files::{Files, assert_tidy, file, made_up, repository, rust_below};

const TABLE: &str = "src/wire/operations.rs";

fn description_complaints(table: &str, files: &Files) -> Vec<String> {
    let wire: String = rust_below(files, "src/wire/").map(|(_, text)| text).collect();
    let plain: String = wire.split_whitespace().collect();
    let missing = |name: &&String| !plain.contains(&format!("operation(Operation::{name},"));
    let operations = operations_by_name(table);
    operations.keys().filter(missing).map(|name| {
        format!("`Operation::{name}` is not described: add it to `described()` beside its types, as src/wire/openapi/mod.rs tells, and `make openapi`")
    }).collect()
}

/// A file of `tests/api` asks for it: it has the last word of the path, and the method.
fn test_complaints(table: &str, files: &Files) -> Vec<String> {
    let tested = |method: &str, path: &str| {
        let word = path.split('/').rfind(|part| !part.is_empty() && !part.starts_with('{'));
        let word = word.unwrap_or_default();
        rust_below(files, "tests/api/").any(|(_, text)| {
            let named = text.match_indices(word).any(|(at, _)| {
                let before = text[..at].chars().next_back();
                let after = text[at + word.len()..].chars().next();
                matches!(before, Some('/' | '"')) && matches!(after, Some('/' | '"' | '?'))
            });
            let call = format!(".{}(", method.to_lowercase());
            named && (text.contains(&call) || text.contains(&format!("\"{method}\"")))
        })
    };
    let operations = operations_by_name(table);
    let missing = operations.values().filter(|(method, path)| !tested(method, path));
    missing
        .map(|(method, path)| format!("no test in tests/api asks for `{method} {path}`"))
        .collect()
}

#[test]
fn every_operation_is_described_beside_its_types() {
    assert_tidy(&description_complaints(&file(TABLE), &repository()));
}

#[test]
fn every_operation_has_a_test_of_the_api() {
    assert_tidy(&test_complaints(&file(TABLE), &repository()));
}

#[test]
fn an_operation_without_description_or_test_is_found() {
    let table = "const OPERATIONS: &[Route] = &[\n route(Operation::GetThing, \"GET\", \"/api/things/{id}\"),\n \
                 route(Operation::EndThing, \"DELETE\", \"/api/ends/{id}\"),\n];\n";
    let files = made_up(&[
        ("src/wire/things.rs", "operation(\n    Operation::GetThing, \"Tells.\")"),
        ("tests/api/things.rs", "server.get(\"/api/things/1\"); server.get(\"/api/ends/1\")"),
    ]);
    let found = description_complaints(table, &files);
    assert!(found.len() == 1 && found[0].contains("EndThing"), "{found:?}");
    assert_eq!(
        test_complaints(table, &files),
        ["no test in tests/api asks for `DELETE /api/ends/{id}`"]
    );
}
