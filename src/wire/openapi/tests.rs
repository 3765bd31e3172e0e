//! Nothing of the API is left out of the document, and `docs/openapi.json` is the document.

use std::path::Path;

use super::described::Described;
use super::document::document;
use super::{all, prose};
use crate::wire::operations::OPERATIONS;
use crate::wire::problem::Code;

/// Set, the document is written and not compared: `make openapi`.
const WRITE: &str = "ASH_WRITE_OPENAPI";

fn complaints(described: &[Described]) -> Vec<String> {
    let mut complaints = Vec::new();
    for route in OPERATIONS {
        let (name, at) = (
            format!("Operation::{:?}", route.operation),
            format!("{} {}", route.method, route.path),
        );
        let mut found = described.iter().filter(|one| one.operation == route.operation);
        let Some(one) = found.next() else {
            complaints.push(format!(
                "`{name}` ({at}) is not described: add `operation({name}, \"What it does.\")` with its body, answers and problems to `described()` beside its types in src/wire, as src/wire/openapi/mod.rs tells"
            ));
            continue;
        };
        if found.next().is_some() {
            complaints.push(format!("`{name}` is described twice"));
        }
        if !one.answers.iter().any(|answer| (200..300).contains(&answer.status)) {
            complaints.push(format!("`{name}` has no answer: add `.answers::<Type>(200)`"));
        }
        let creates = one.answers.iter().any(|answer| answer.status == 201);
        if creates && !one.codes.contains(&Code::IdempotencyMismatch) {
            complaints.push(format!(
                "`{name}` creates: do it by `Once` of src/api/once.rs, and refuse `Code::IdempotencyMismatch`"
            ));
        }
        if !one.summary.ends_with('.') || one.summary.len() > 120 {
            complaints
                .push(format!("`{name}`: its summary is one short sentence with a full stop"));
        }
        if prose::of_operation(route.method, route.path).is_none_or(|text| text.is_empty()) {
            complaints.push(format!("`{name}`: docs/api.md has no text below a heading `{at}`"));
        }
    }
    complaints
}

#[test]
fn every_operation_is_described_with_its_answer_and_in_prose() {
    let complaints = complaints(&all());
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn an_operation_that_is_forgotten_is_found() {
    let mut described = all();
    let forgotten = described.pop().unwrap();
    let found = complaints(&described);
    assert!(
        found.len() == 1 && found[0].contains(&format!("{:?}", forgotten.operation)),
        "{found:?}"
    );
}

#[test]
fn the_committed_document_is_the_one_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    let mut made = serde_json::to_string_pretty(&document(&all())).unwrap();
    made.push('\n');
    #[expect(clippy::disallowed_methods, reason = "never in the product")]
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let line = made.lines().zip(committed.lines()).position(|(now, then)| now != then);
    assert!(
        made == committed,
        "docs/openapi.json is stale (line {line:?}): `make openapi`, and commit it"
    );
}
