//! No file of `src/` is so long that nobody reads it.

use crate::files::{Files, assert_tidy, files_of_tests, made_up, repository, rust_below};

/// Most lines before the tests. The aim is 150.
const LINES_MAX: usize = 500;

fn complaints(files: &Files) -> Vec<String> {
    let only_tests = files_of_tests(files);
    rust_below(files, "src/")
        .filter(|(path, _)| !only_tests.contains(path))
        .map(|(path, text)| (path, lines_before_tests(text)))
        .filter(|(_, lines)| *lines > LINES_MAX)
        .map(|(path, lines)| {
            format!("{path} has {lines} lines before its tests; {LINES_MAX} is the most")
        })
        .collect()
}

/// Tests stand at the end of a file, in a module of their own.
fn lines_before_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let starts_tests = |pair: &[&str]| {
        pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
    };
    lines.windows(2).position(starts_tests).unwrap_or(lines.len())
}

#[test]
fn no_file_is_too_long() {
    assert_tidy(&complaints(&repository()));
}

#[test]
fn a_long_file_is_found_and_tests_do_not_count() {
    let (most, more) = ("x\n".repeat(LINES_MAX), "x\n".repeat(LINES_MAX + 1));
    let tested = format!("{most}#[cfg(test)]\nmod tests {{\n{most}");
    let declared = format!("#[cfg(test)]\nmod fixture;\n{most}");
    let files = made_up(&[
        ("src/a.rs", &most),
        ("src/b.rs", &more),
        ("src/c.rs", &tested),
        ("src/d/fixture.rs", &more),
        ("src/d/mod.rs", &declared),
    ]);
    assert_eq!(
        complaints(&files),
        [
            "src/b.rs has 501 lines before its tests; 500 is the most",
            "src/d/mod.rs has 502 lines before its tests; 500 is the most"
        ]
    );
}
