//! `docs/configuration.md` lists the settings that the code has, and its examples are accepted by
//! the real ashd.

use std::process::Command;

use crate::pages::{assert_none, blocks, page};

/// Key, variable, default, what a change waits for, meaning.
type Row = [String; 5];

/// The rows of `KEYS`: the literals of each `key(…)`.
fn keys(source: &str) -> Vec<Row> {
    let table = source.split_once("const KEYS").and_then(|(_, rest)| rest.split_once("\n];"));
    let entries = table.map_or("", |(table, _)| table).split("key(").skip(1);
    entries
        .map(|entry| {
            let mut literals = entry.split('"').skip(1).step_by(2).map(str::to_owned);
            let mut next = || literals.next().unwrap_or_default();
            let key = next();
            let variable = if entry.contains("Some(") { next() } else { String::new() };
            let (default, meaning) = (next(), next());
            [key, variable, default, change(source, entry), meaning]
        })
        .collect()
}

/// The units of the constant that `.restart(…)` names.
fn change(source: &str, entry: &str) -> String {
    let Some((_, rest)) = entry.split_once(".restart(") else { return "reload".to_owned() };
    let name = rest.split(')').next().unwrap();
    let (_, units) = source.split_once(&format!("const {name}: &[&str] = &[")).unwrap();
    let units = units.split(']').next().unwrap().replace('"', "");
    format!("restart of {units}")
}

/// The rows of the table below the heading `Settings`.
fn documented(text: &str) -> Vec<Row> {
    let (_, section) = text.split_once("\n## Settings\n").unwrap_or_default();
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")).map(|rest| {
        let mut cells = rest.split('|').map(str::trim);
        let mut plain = || cells.next().unwrap_or_default().trim_matches('`').to_owned();
        let (key, variable, default, change) = (plain(), plain(), plain(), plain());
        [key, variable, default, change, cells.next().unwrap_or_default().to_owned()]
    });
    rows.collect()
}

#[test]
fn the_settings_are_those_of_the_code() {
    let keys = keys(&page("src/config/keys.rs").text);
    assert!(keys.len() >= 30, "{keys:?}");
    assert_eq!(documented(&page("docs/configuration.md").text), keys);
}

#[test]
fn a_table_and_a_list_are_read() {
    let source = "const ALL: &[&str] = &[\"one\", \"two\"];\npub(crate) const KEYS: [Key; 2] = [\n    key(\"a.b\", Some(\"A_B\"), \"1\", \"It is `b`.\").restart(ALL),\n\
                  key(\n        \"c\",\n        None,\n        \"\",\n        \"C.\",\n    ),\n];\nkey(\"d\")";
    let text = "\n## Settings\n\n| key | x |\n| --- | --- |\n| `a.b` | `A_B` | `1` | restart of one, two | It is `b`. |\n\
                | `c` |  |  | reload | C. |\n\n## Other\n| `d` | `D` | | |\n";
    assert_eq!(documented(text), keys(source));
    assert_eq!(keys(source)[0], ["a.b", "A_B", "1", "restart of one, two", "It is `b`."]);
    assert_eq!(keys(source)[1], ["c", "", "", "reload", "C."]);
}

#[test]
fn every_example_of_a_configuration_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let examples = blocks("toml");
    assert!(!examples.is_empty());
    let refused = examples.iter().filter_map(|example| {
        let path = folder.path().join("ash.toml");
        std::fs::write(&path, &example.text).unwrap();
        let (accepted, said) = check(&path);
        (!accepted).then(|| format!("{}: {said}", example.place))
    });
    assert_none(&refused.collect::<Vec<_>>());
}

#[test]
fn a_wrong_configuration_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ash.toml");
    std::fs::write(&path, "[sandbox]\nmemory_gib = 2\n").unwrap();
    let (accepted, said) = check(&path);
    assert!(!accepted && said.contains("memory_gib"), "{said}");
}

/// Whether ashd accepts the file, and what it says.
fn check(path: &std::path::Path) -> (bool, String) {
    #[expect(clippy::disallowed_methods, reason = "a test starts the program it tests")]
    let output = Command::new(env!("CARGO_BIN_EXE_ashd"))
        .env_clear()
        .arg("--check")
        .arg("--config")
        .arg(path)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}
