//! One list of attacks: the table that is fought is the list that `docs/threat-model.md` shows.

use std::collections::BTreeSet;

use ash::testing::attacks::attacks;

const DOCUMENT: &str = include_str!("../../docs/threat-model.md");

#[test]
fn every_attack_has_one_number_and_a_layer_that_holds_it() {
    let attacks = attacks();
    assert!(attacks.len() >= 150, "{}", attacks.len());
    let numbers: BTreeSet<&str> = attacks.iter().map(|attack| attack.number).collect();
    assert_eq!(numbers.len(), attacks.len());
    let titles: BTreeSet<&str> = attacks.iter().map(|attack| attack.title).collect();
    assert_eq!(titles.len(), attacks.len());
    for attack in &attacks {
        assert!(!attack.without.is_empty(), "{}", attack.number);
    }
}

#[test]
fn the_threat_model_lists_what_is_attacked() {
    let rows: Vec<String> = attacks()
        .iter()
        .map(|attack| format!("| {} | {} | {} |", attack.number, attack.title, attack.held_by()))
        .collect();
    let shown: Vec<&str> = DOCUMENT.lines().filter(|line| is_row(line)).collect();
    assert!(shown == rows, "the list should be:\n{}", rows.join("\n"));
}

/// Every test that the table of promises names is there.
#[test]
fn a_promise_is_held_by_tests_that_exist() {
    let (_, after) = DOCUMENT.split_once("\n| promise |").expect("there is a table of promises");
    let promises = after.split("\n\n").next().expect("a table ends");
    let (_, outside) = DOCUMENT.split_once("\n### From outside").expect("there is a second list");
    let table = format!("{promises}{outside}");
    let mut named = 0;
    let sources = sources();
    for name in table.split('`').skip(1).step_by(2).filter(|name| name.contains('_')) {
        let is_there = [format!("fn {name}("), format!("\n{name}() {{")]
            .iter()
            .any(|definition| sources.iter().any(|source| source.contains(definition)));
        assert!(is_there, "there is no test `{name}`");
        named += 1;
    }
    assert!(named >= 60, "{named}");
}

/// The texts of all that holds tests.
fn sources() -> Vec<String> {
    let mut texts = Vec::new();
    let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![top.join("src"), top.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the sources can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(path) {
                texts.push(text);
            }
        }
    }
    texts
}

/// `| F01 | … |`
fn is_row(line: &str) -> bool {
    let cell = line.strip_prefix("| ").and_then(|rest| rest.split(' ').next());
    cell.is_some_and(|number| {
        number.len() == 3
            && number.starts_with(['F', 'K', 'N', 'P', 'R'])
            && number.ends_with(|c: char| c.is_ascii_digit())
    })
}
