//! Each defect of the original Ash, `W1` to `W25` of `docs/migrating.md`, has a regression test that
//! is named after it, and the page names it.

use crate::files::{Files, assert_tidy, file, made_up, repository};

const PAGE: &str = "docs/migrating.md";
const DEFECTS: u32 = 25;

fn complaints(page: &str, files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    for number in 1..=DEFECTS {
        let prefix = format!("fn w{number:02}_");
        let below = files.iter().filter(|(path, _)| path.starts_with("tests/"));
        let found: Vec<&String> = below
            .filter(|(_, text)| text.lines().any(|line| line.starts_with(&prefix)))
            .map(|(path, _)| path)
            .collect();
        if found.is_empty() {
            complaints.push(format!("no test is named after W{number}, as `{prefix}…`"));
        }
        let row = page.lines().find(|line| line.starts_with(&format!("| W{number} |")));
        let Some(row) = row else {
            complaints.push(format!("{PAGE} has no row for W{number}"));
            continue;
        };
        let unnamed = found.into_iter().filter(|path| !row.contains(&format!("`{path}`")));
        complaints.extend(
            unnamed.map(|path| format!("{PAGE}: the row of W{number} does not name `{path}`")),
        );
    }
    complaints
}

#[test]
fn every_defect_of_the_original_has_a_test_named_after_it() {
    assert_tidy(&complaints(&file(PAGE), &repository()));
}

#[test]
fn a_defect_without_a_test_or_a_row_is_found() {
    let there = || (1..=DEFECTS).filter(|number| *number != 7);
    let rows = there().map(|number| format!("| W{number} | x | y | `tests/api/a.rs` |\n"));
    let tests = there().map(|number| format!("fn w{number:02}_x() {{}}\n"));
    let (page, text) = (rows.collect::<String>(), tests.collect::<String>());
    let found = complaints(&page, &made_up(&[("tests/api/a.rs", &text)]));
    assert_eq!(
        found,
        [
            "no test is named after W7, as `fn w07_…`".to_owned(),
            format!("{PAGE} has no row for W7"),
        ]
    );
    let moved = complaints(&page, &made_up(&[("tests/api/b.rs", &text)]));
    assert!(moved.iter().any(|one| one.ends_with("does not name `tests/api/b.rs`")), "{moved:?}");
}
