//! Words that say that something is not finished.

use crate::files::{Files, assert_tidy, made_up, repository};
use crate::rust::{line_of, words};

/// Written in two parts, so that this file does not say them.
const UNFINISHED: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("db", "g")];

/// Where people write code. Prose may speak of such words.
const FOLDERS: [&str; 4] = ["src/", "tests/", "benches/", "scripts/"];

fn complaints(files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    let code = files.iter().filter(|(path, _)| {
        *path == "Makefile" || FOLDERS.iter().any(|folder| path.starts_with(folder))
    });
    for (path, text) in code {
        for (at, word) in words(text).filter(|(_, word)| UNFINISHED.contains(word)) {
            let is_macro = text[at + word.len()..].starts_with('!');
            if word != UNFINISHED[3] || is_macro {
                complaints.push(format!("{path}:{}: `{word}` is left over", line_of(text, at)));
            }
        }
    }
    complaints
}

#[test]
fn nothing_is_left_over() {
    assert_tidy(&complaints(&repository()));
}

#[test]
fn a_leftover_is_found() {
    let [to_do, fix_me, three, debug] = UNFINISHED;
    let source = format!("// {to_do}: later\nfn f() {{ {debug}!(1); }}\nlet {debug} = 1;");
    let script = format!("# {fix_me}\nmktemp /tmp/x.{three}{three}\n# {three}");
    let files = made_up(&[
        ("src/a.rs", &source),
        ("scripts/x.sh", &script),
        ("docs/style.md", &script),
        ("Makefile", &source),
    ]);
    let expected = [
        format!("Makefile:1: `{to_do}` is left over"),
        format!("Makefile:2: `{debug}` is left over"),
        format!("scripts/x.sh:1: `{fix_me}` is left over"),
        format!("scripts/x.sh:3: `{three}` is left over"),
        format!("src/a.rs:1: `{to_do}` is left over"),
        format!("src/a.rs:2: `{debug}` is left over"),
    ];
    assert_eq!(complaints(&files), expected);
}
