//! Who may import whom: the `layers` block of `docs/architecture.md` against the paths in
//! `src/`. Tests may import what they like.
//!
//! Seen are `crate::module` and as many `super` as lead to the top, each also before a
//! `{group}`. The programs in `bin/` only call what `lib.rs` makes public.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::{Files, assert_tidy, files_of_tests, made_up, repository, rust_below};
use crate::rust::{code_only, is_word, line_of, without_tests, words};

const DOCUMENT: &str = "docs/architecture.md";

/// A module and what stands behind its colon.
type Layers = BTreeMap<String, BTreeSet<String>>;

fn complaints(files: &Files) -> Vec<String> {
    let document = files.get(DOCUMENT).map_or("", String::as_str);
    let (layers, mut complaints) = parse(document);
    complaints.extend(cycle(&layers));
    let found: BTreeSet<&str> =
        rust_below(files, "src/").filter_map(|(path, _)| module_of(path)).collect();
    for module in &found {
        if !layers.contains_key(*module) {
            complaints.push(format!("src/{module} is not listed in {DOCUMENT}"));
        }
    }
    for module in layers.keys().filter(|module| !found.contains(module.as_str())) {
        complaints.push(format!("{DOCUMENT} lists `{module}`, which is not in src/"));
    }
    complaints.extend(forbidden(files, &layers));
    complaints
}

fn parse(document: &str) -> (Layers, Vec<String>) {
    let mut complaints = Vec::new();
    let mut layers = Layers::new();
    let block = document
        .split_once("```layers\n")
        .and_then(|(_, rest)| rest.split_once("\n```"))
        .map(|(block, _)| block);
    let Some(block) = block else {
        return (layers, vec![format!("{DOCUMENT} has no `layers` block")]);
    };
    for line in block.lines().filter(|line| !line.trim().is_empty()) {
        let Some((module, allowed)) = line.split_once(':') else {
            complaints.push(format!("{DOCUMENT}: `{line}` has no colon"));
            continue;
        };
        let allowed = allowed.split_whitespace().map(ToOwned::to_owned).collect();
        if layers.insert(module.trim().to_owned(), allowed).is_some() {
            complaints.push(format!("{DOCUMENT} lists `{}` twice", module.trim()));
        }
    }
    for (module, allowed) in &layers {
        for other in allowed.iter().filter(|other| !layers.contains_key(*other)) {
            complaints
                .push(format!("{DOCUMENT}: `{module}` may import `{other}`, which is not listed"));
        }
    }
    (layers, complaints)
}

/// Takes away modules that import nothing that is left; what cannot be taken away is a cycle.
fn cycle(layers: &Layers) -> Option<String> {
    let mut left = layers.clone();
    loop {
        let before = left.len();
        let names: BTreeSet<String> = left.keys().cloned().collect();
        left.retain(|_, allowed| !allowed.is_disjoint(&names));
        if left.is_empty() {
            return None;
        }
        if left.len() == before {
            let names: Vec<_> = left.into_keys().collect();
            return Some(format!("{DOCUMENT} has a cycle in or below: {}", names.join(" ")));
        }
    }
}

fn forbidden(files: &Files, layers: &Layers) -> Vec<String> {
    let mut complaints = Vec::new();
    let only_tests = files_of_tests(files);
    for (path, text) in rust_below(files, "src/") {
        let Some(module) = module_of(path) else { continue };
        if only_tests.contains(path) {
            continue;
        }
        let (code, _) = without_tests(&code_only(text));
        for (at, name) in references(&code, depth_of(path)) {
            let allowed =
                name == module || layers.get(module).is_some_and(|allowed| allowed.contains(&name));
            if !allowed {
                let line = line_of(&code, at);
                complaints.push(format!("{path}:{line}: `{module}` must not import `{name}`"));
            }
        }
    }
    complaints
}

/// The first name of each path that starts at the top of the crate, seen from a file that
/// `depth` times `super` lead out of.
fn references(code: &str, depth: usize) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, word) in words(code).filter(|(_, word)| ["crate", "super"].contains(word)) {
        let mut after = &code[at..];
        let mut steps = 0;
        while let Some(rest) = after.strip_prefix(word).and_then(|rest| rest.strip_prefix("::")) {
            after = rest;
            steps += 1;
        }
        // The rest of a chain of `super` was seen with its first.
        let is_whole = steps > 0 && !code[..at].ends_with("::");
        if is_whole && (word == "crate" || steps == depth + inline_modules_around(code, at)) {
            found.extend(first_names(after).into_iter().map(|name| (at, name)));
        }
    }
    found
}

/// How many `mod name { … }` of the file stand around byte `at`.
fn inline_modules_around(code: &str, at: usize) -> usize {
    let mut open = Vec::new();
    let mut start = 0;
    for (end, bracket) in code[..at].match_indices(['{', '}', ';']) {
        let mut before = code[start..end].split_whitespace().rev();
        match bracket {
            "{" => open.push(before.nth(1) == Some("mod")),
            "}" => drop(open.pop()),
            _ => {}
        }
        start = end + 1;
    }
    open.into_iter().filter(|is_module| *is_module).count()
}

/// `a::b` gives `a`; `{a::{b, c}, d}` gives `a` and `d`; `*` gives itself.
fn first_names(after: &str) -> Vec<String> {
    let after = after.trim_start();
    if after.starts_with('*') {
        return vec!["*".to_owned()];
    }
    let Some(group) = after.strip_prefix('{') else {
        return vec![after.chars().take_while(|c| is_word(*c)).collect()];
    };
    let mut names = vec![String::new()];
    let mut depth = 0;
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => {
                names.last_mut().expect("there is always one").push(character);
            }
            _ => {}
        }
    }
    let first =
        |name: String| name.trim().chars().take_while(|c| is_word(*c) || *c == '*').collect();
    names.into_iter().map(first).filter(|name: &String| !name.is_empty()).collect()
}

/// `src/agent/path.rs` belongs to `agent`, `src/id.rs` to `id`, programs to nobody.
fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let is_program = inside.starts_with("bin/") || inside.contains("/bin/");
    let module = inside.split('/').next()?.trim_end_matches(".rs");
    (!is_program && inside != "lib.rs").then_some(module)
}

/// How many `super` lead from a file to the top.
fn depth_of(path: &str) -> usize {
    let names = path.matches('/').count();
    if path.ends_with("/mod.rs") { names - 1 } else { names }
}

#[test]
fn the_walls_between_modules_hold() {
    assert_tidy(&complaints(&repository()));
}

/// What is said about a repository in which `a` may import `b`.
fn example(files: &[(&str, &str)]) -> Vec<String> {
    let document = "text\n```layers\na : b\nb :\n```\n";
    let mut all = made_up(&[
        (DOCUMENT, document),
        ("src/lib.rs", "mod a; mod b;"),
        ("src/a/mod.rs", "use crate::b::B;"),
        ("src/b.rs", "//! Not like crate::a.\nconst A: &str = \"crate::a\";"),
    ]);
    all.extend(made_up(files));
    complaints(&all)
}

#[test]
fn what_is_allowed_is_not_complained_about() {
    assert_eq!(example(&[]), [""; 0]);
    let tests =
        "fn x() {}\n#[cfg(test)]\nmod fixture;\n#[cfg(test)]\nmod tests { use crate::a::A; }";
    assert_eq!(example(&[("src/b.rs", tests), ("src/b/fixture.rs", "use crate::a::A;")]), [""; 0]);
    let near = "use super::x; mod y { use super::super::y; }";
    assert_eq!(example(&[("src/a/x/mod.rs", near), ("src/bin/a.rs", "use crate::z;")]), [""; 0]);
}

#[test]
fn a_forbidden_arrow_is_found_however_it_is_written() {
    for arrow in [
        "use crate::a::A;",
        "use crate::a;",
        "use crate::{b, a::{A, C}};",
        "use crate::{\n    a::A,\n};",
        "fn f(x: crate::a::A) {}",
        "pub(crate) use super::a::A;",
        "use super::{a};",
        "macro_rules! m { () => { $crate::a::A } }",
    ] {
        let said = example(&[("src/b.rs", arrow)]);
        assert_eq!(said, ["src/b.rs:1: `b` must not import `a`"], "{arrow}");
    }
    let inline = example(&[("src/b.rs", "mod x {\nuse super::super::a::A; }")]);
    assert_eq!(inline, ["src/b.rs:2: `b` must not import `a`"]);
    let deep = example(&[("src/b/x/y.rs", "\nuse super::super::super::a::A;")]);
    assert_eq!(deep, ["src/b/x/y.rs:2: `b` must not import `a`"]);
    let all = example(&[("src/a/x.rs", "use crate::*;")]);
    assert_eq!(all, ["src/a/x.rs:1: `a` must not import `*`"]);
}

#[test]
fn the_block_and_the_tree_agree() {
    assert_eq!(example(&[("src/c/mod.rs", "")]), ["src/c is not listed in docs/architecture.md"]);
    for (block, complaint) in [
        ("a : b\nb :\nc :", "docs/architecture.md lists `c`, which is not in src/"),
        ("a : b c\nb :", "docs/architecture.md: `a` may import `c`, which is not listed"),
        ("a : b\nb : a", "docs/architecture.md has a cycle in or below: a b"),
        ("a : b\nb :\nb :", "docs/architecture.md lists `b` twice"),
        ("a : b\nb :\nc", "docs/architecture.md: `c` has no colon"),
    ] {
        let document = format!("```layers\n{block}\n```\n");
        assert_eq!(example(&[(DOCUMENT, &document)]), [complaint], "{block}");
    }
    let none = example(&[(DOCUMENT, "")]);
    assert!(none.contains(&"docs/architecture.md has no `layers` block".to_owned()));
}
