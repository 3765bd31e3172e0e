//! Names that say nothing about what is inside, so that anything ends up there.

use crate::files::{Files, assert_tidy, made_up, repository};
use crate::rust::{code_only, is_word, words};

const EMPTY_NAMES: [&str; 9] =
    ["common", "helper", "helpers", "manager", "managers", "misc", "util", "utils", "utilities"];

fn complaints(files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.ends_with(".rs")) {
        if path.trim_end_matches(".rs").split('/').any(is_empty_name) {
            complaints.push(format!("{path} has a name that says nothing"));
        }
        let code = code_only(text);
        for (at, word) in words(&code).filter(|(_, word)| *word == "mod") {
            let after = code[at + word.len()..].trim_start();
            let name: String = after.chars().take_while(|c| is_word(*c)).collect();
            if is_empty_name(&name) {
                complaints.push(format!("{path} has `mod {name}`, a name that says nothing"));
            }
        }
    }
    complaints
}

fn is_empty_name(name: &str) -> bool {
    name.split(['_', '-']).any(|word| EMPTY_NAMES.contains(&word))
}

#[test]
fn names_say_what_is_inside() {
    assert_tidy(&complaints(&repository()));
}

#[test]
fn a_name_that_says_nothing_is_found() {
    let files = made_up(&[
        ("src/agent/utils.rs", ""),
        ("src/common/mod.rs", ""),
        ("src/session_manager.rs", "mod commonplace {}"),
        ("tests/api/main.rs", "mod helper;\n// mod misc;"),
    ]);
    let expected = [
        "src/agent/utils.rs has a name that says nothing",
        "src/common/mod.rs has a name that says nothing",
        "src/session_manager.rs has a name that says nothing",
        "tests/api/main.rs has `mod helper`, a name that says nothing",
    ];
    assert_eq!(complaints(&files), expected);
}
