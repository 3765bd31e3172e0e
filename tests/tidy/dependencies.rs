//! Each dependency has a reason: a line in the decision record with why it is here and what was
//! rejected. A crate that is gone has none.

use std::collections::BTreeSet;

use crate::files::{assert_tidy, file};

const DOCUMENT: &str = "docs/decisions/0002-dependencies.md";

fn complaints(manifest: &str, document: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml is TOML");
    let used = dependencies(&manifest);
    let mut reasoned = BTreeSet::new();
    let mut complaints = Vec::new();
    for line in document.lines().filter(|line| line.starts_with("- `")) {
        let mut parts = line.trim_start_matches("- ").split(" — ").map(str::trim);
        let name = parts.next().unwrap_or_default().trim_matches('`');
        if !used.contains(name) {
            complaints.push(format!("{DOCUMENT}: `{name}` is not in Cargo.toml"));
        }
        if parts.filter(|part| !part.is_empty()).count() != 2 {
            complaints.push(format!("{DOCUMENT}: `{name}` needs why, and what was rejected"));
        }
        if !reasoned.insert(name.to_owned()) {
            complaints.push(format!("{DOCUMENT}: `{name}` is there twice"));
        }
    }
    complaints.extend(
        used.difference(&reasoned).map(|name| format!("{DOCUMENT} gives no reason for `{name}`")),
    );
    complaints
}

/// Of every kind, also for single targets.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut tables = vec![manifest];
    if let Some(toml::Value::Table(targets)) = manifest.get("target") {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    tables
        .iter()
        .flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()))
        .flat_map(|table| table.keys().cloned())
        .collect()
}

#[test]
fn each_dependency_has_a_reason() {
    assert_tidy(&complaints(&file("Cargo.toml"), &file(DOCUMENT)));
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let manifest = "[dependencies]\na = \"1\"\nb = { version = \"1\" }\n[dev-dependencies]\nc = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\nd = \"1\"\n";
    let good =
        "# Title\n- `a` — why — what\n- `b` — why — what\n- `c` — why — what\n- `d` — why — what\n";
    assert_eq!(complaints(manifest, good), [""; 0]);
    let bad = "- `a` — why\n- `b` — why — what\n- `b` — why — what\n- `x` — why — what\n";
    let expected =
        ["`a` needs why, and what was rejected", "`b` is there twice", "`x` is not in Cargo.toml"];
    let mut expected = expected.map(|text| format!("{DOCUMENT}: {text}")).to_vec();
    expected.extend(["c", "d"].map(|name| format!("{DOCUMENT} gives no reason for `{name}`")));
    assert_eq!(complaints(manifest, bad), expected);
}
