//! What the compiler cannot check stands in one file of the product, and in one of the attacks.

use crate::files::{Files, assert_tidy, made_up, repository};
use crate::rust::{code_only, line_of, words};

const ALLOWED: &str = "src/os/sys.rs";

/// Never part of a package: what an enemy of a sandbox asks of the kernel.
const ALLOWED_TO_ATTACKS: &str = "src/testing/attacks/raw.rs";

fn complaints(files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    let allowed = [ALLOWED, ALLOWED_TO_ATTACKS];
    let rust =
        files.iter().filter(|(path, _)| path.ends_with(".rs") && !allowed.contains(&path.as_str()));
    for (path, text) in rust {
        let code = code_only(text);
        for (at, _) in words(&code).filter(|(_, word)| *word == "unsafe") {
            let line = line_of(&code, at);
            complaints.push(format!("{path}:{line}: `unsafe` belongs in {ALLOWED}"));
        }
    }
    complaints
}

#[test]
fn unsafe_code_stands_in_one_file() {
    assert_tidy(&complaints(&repository()));
}

#[test]
fn unsafe_code_elsewhere_is_found() {
    let files = made_up(&[
        ("src/os/sys.rs", "unsafe { f() }"),
        ("src/testing/attacks/raw.rs", "unsafe { f() }"),
        ("src/a.rs", "// unsafe\n#![expect(unsafe_code)]\nlet x = \"unsafe\";\nunsafe { f() }"),
        ("tests/x.rs", "unsafe extern {}"),
    ]);
    let expected =
        ["src/a.rs:4", "tests/x.rs:1"].map(|at| format!("{at}: `unsafe` belongs in {ALLOWED}"));
    assert_eq!(complaints(&files), expected);
}
