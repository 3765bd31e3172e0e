//! The repository as texts by path, as git would see it: without what `.gitignore` names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ignore::WalkBuilder;

use crate::rust::{code_only, without_tests};

/// Path from the top, with `/` between names, to content.
pub(crate) type Files = BTreeMap<String, String>;

/// Every text of the repository; what is not UTF-8 is no text.
pub(crate) fn repository() -> Files {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let walk = WalkBuilder::new(top)
        .hidden(false)
        .ignore(false)
        .git_global(false)
        .parents(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    let mut files = Files::new();
    for entry in walk {
        let entry = entry.expect("the repository can be read");
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let content = std::fs::read(entry.path()).expect("a file of the repository can be read");
        if let Ok(text) = String::from_utf8(content) {
            let path = entry.path().strip_prefix(top).expect("the walk stays below the top");
            files.insert(path.to_str().expect("paths are UTF-8").to_owned(), text);
        }
    }
    assert!(files.contains_key("src/lib.rs"), "the repository was not found");
    files
}

/// One file of the repository, which must be there.
#[track_caller]
pub(crate) fn file(path: &str) -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(top.join(path))
        .unwrap_or_else(|error| panic!("`{path}` is missing from the repository: {error}"))
}

/// A repository made up for a bad example.
pub(crate) fn made_up(files: &[(&str, &str)]) -> Files {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// The Rust files below a folder.
pub(crate) fn rust_below<'a>(
    files: &'a Files,
    folder: &'a str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .filter(move |(path, _)| path.starts_with(folder) && path.ends_with(".rs"))
}

/// The files of `src/` that only tests use: declared as `#[cfg(test)] mod name;`, and below.
pub(crate) fn files_of_tests(files: &Files) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    for (path, text) in rust_below(files, "src/") {
        let folder = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        let (_, modules) = without_tests(&code_only(text));
        for module in modules {
            let module = format!("{folder}/{module}");
            let is_of_module = |path: &&str| {
                path.strip_prefix(&module)
                    .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
            };
            found.extend(files.keys().map(String::as_str).filter(is_of_module));
        }
    }
    found
}

/// Fails with every complaint on a line of its own.
#[track_caller]
pub(crate) fn assert_tidy(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
