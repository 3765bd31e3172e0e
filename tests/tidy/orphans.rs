//! A Rust file that nobody declares is not compiled, and a test in it never runs.

use std::collections::BTreeSet;

use crate::files::{Files, assert_tidy, file, made_up, repository, rust_below};
use crate::rust::{code_only, declared_modules};

/// `manifest` names the roots: libraries, programs, tests and benchmarks.
fn complaints(files: &Files, manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml is TOML");
    let roots = roots(&manifest);
    let mut reached = roots.clone();
    let mut waiting: Vec<String> = roots.iter().cloned().collect();
    while let Some(path) = waiting.pop() {
        let Some(text) = files.get(&path) else { continue };
        let folder = if roots.contains(&path) || path.ends_with("/mod.rs") {
            path.rsplit_once('/').map_or("", |(folder, _)| folder)
        } else {
            path.trim_end_matches(".rs")
        };
        for module in declared_modules(&code_only(text)) {
            for child in [format!("{folder}/{module}.rs"), format!("{folder}/{module}/mod.rs")] {
                if reached.insert(child.clone()) {
                    waiting.push(child);
                }
            }
        }
    }
    ["src/", "tests/", "benches/"]
        .iter()
        .flat_map(|folder| rust_below(files, folder))
        .filter(|(path, _)| !reached.contains(*path))
        .map(|(path, _)| format!("{path} belongs to no target of Cargo.toml"))
        .collect()
}

fn roots(manifest: &toml::Table) -> BTreeSet<String> {
    let path = |target: &toml::Value| target.get("path")?.as_str().map(ToOwned::to_owned);
    let mut roots: BTreeSet<String> = manifest.get("lib").and_then(path).into_iter().collect();
    for kind in ["bin", "test", "bench", "example"] {
        let targets = manifest.get(kind).and_then(toml::Value::as_array);
        roots.extend(targets.into_iter().flatten().filter_map(path));
    }
    roots
}

#[test]
fn every_file_is_compiled() {
    assert_tidy(&complaints(&repository(), &file("Cargo.toml")));
}

#[test]
fn a_forgotten_file_is_found() {
    let manifest = "[lib]\npath = \"src/lib.rs\"\n[[test]]\npath = \"tests/api/main.rs\"";
    let files = made_up(&[
        ("src/lib.rs", "mod a;\n// mod b;\nmod c { }"),
        ("src/a.rs", "mod x;\n#[cfg(test)] mod y;"),
        ("src/a/x.rs", ""),
        ("src/a/y/mod.rs", "mod z;"),
        ("src/a/y/z.rs", ""),
        ("src/b.rs", ""),
        ("src/c.rs", ""),
        ("tests/api/main.rs", "mod agents;"),
        ("tests/api/agents.rs", ""),
        ("tests/api/sessions.rs", ""),
        ("tests/cli/main.rs", ""),
    ]);
    let forgotten = ["src/b.rs", "src/c.rs", "tests/api/sessions.rs", "tests/cli/main.rs"];
    let expected = forgotten.map(|path| format!("{path} belongs to no target of Cargo.toml"));
    assert_eq!(complaints(&files, manifest), expected);
}
