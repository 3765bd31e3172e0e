//! Nothing in the repository depends on the machine it was written on: no paths of its own, and
//! no package registry but the public ones.

use crate::files::{Files, assert_tidy, made_up, repository};
use crate::rust::line_of;

/// Folders that only one machine has. Written in parts, so that this file does not say them.
const FOLDERS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// What names of mirrors and private registries are made of.
const REGISTRY_WORDS: [&str; 7] =
    ["artifactory", "mirror", "nexus", "npmjs", "proxy", "pypi", "registry"];

/// Registries that everybody reaches.
const PUBLIC: [&str; 2] = ["registry.npmjs.org", "pypi.org"];

/// Files that set a registry for whoever checks the repository out.
const SETTINGS: [&str; 5] = [".cargo/config.toml", ".npmrc", ".pypirc", "pip.conf", "uv.toml"];

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn complaints(files: &Files) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in files {
        if SETTINGS.iter().any(|name| path == name || path.ends_with(&format!("/{name}"))) {
            complaints.push(format!("{path} changes the settings of whoever works here"));
        }
        for folder in FOLDERS {
            for (at, _) in text.match_indices(folder) {
                if begins_a_path(&text[..at]) && !is_of_a_throw_away_machine(path, text, at) {
                    let line = line_of(text, at);
                    complaints.push(format!("{path}:{line}: `{folder}` is on one machine only"));
                }
            }
        }
        for (at, host) in hosts(text) {
            let speaks = REGISTRY_WORDS.iter().any(|word| host.contains(word));
            if speaks && !PUBLIC.contains(&host) {
                let line = line_of(text, at);
                complaints.push(format!("{path}:{line}: `{host}` is not a public registry"));
            }
        }
    }
    complaints.extend(lock_complaints(files.get("Cargo.lock").map_or("", String::as_str)));
    complaints
}

/// Not so behind a relative folder, below `/proc/self`, and behind a variable in quotes.
fn begins_a_path(before: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() || "_-.}*".contains(c);
    let unquoted = before.trim_end_matches(['"', '\'']);
    let closes_a_quote = unquoted.len() + 1 == before.len();
    match before.chars().next_back() {
        Some('"' | '\'') => !(closes_a_quote && unquoted.ends_with(goes_on)),
        last => !last.is_some_and(goes_on),
    }
}

/// The system tests run on machines of their own, where the home of the superuser is theirs;
/// what is hidden in it would be ours again, such as a cache.
fn is_of_a_throw_away_machine(path: &str, text: &str, at: usize) -> bool {
    let after = text[at..].trim_start_matches(FOLDERS[1]);
    path.starts_with("tests/system/cases/")
        && text[at..].starts_with(FOLDERS[1])
        && !after.starts_with('.')
}

/// The host of each address. A placeholder, as in `http://{host}`, is none.
fn hosts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices("://").map(|(at, separator)| {
        let start = at + separator.len();
        let rest = &text[start..];
        let is_host = |c: char| c.is_ascii_alphanumeric() || "-._@".contains(c);
        let length = rest.find(|c| !is_host(c)).unwrap_or(rest.len());
        let host = &rest[..length];
        (at, host.rsplit_once('@').map_or(host, |(_, host)| host))
    })
}

fn lock_complaints(lock: &str) -> Vec<String> {
    lock.lines()
        .filter_map(|line| line.strip_prefix("source = "))
        .filter(|source| source.trim_matches('"') != CRATES_IO)
        .map(|source| format!("Cargo.lock takes a package from {source}"))
        .collect()
}

#[test]
fn nothing_depends_on_one_machine() {
    assert_tidy(&complaints(&repository()));
}

#[test]
fn a_path_of_one_machine_is_found() {
    let [work, root] = FOLDERS;
    let text = format!(
        "cd {work}x\n`{root}.cache`\ndocs{work}\n/proc/self{root}etc\n\"{root}\n\"$share\"{root}"
    );
    let case = format!("echo >{root}canary\nls {root}.cache");
    let files = made_up(&[("docs/a.md", &text), ("tests/system/cases/1.sh", &case)]);
    let expected = [
        format!("docs/a.md:1: `{work}` is on one machine only"),
        format!("docs/a.md:2: `{root}` is on one machine only"),
        format!("docs/a.md:5: `{root}` is on one machine only"),
        format!("tests/system/cases/1.sh:2: `{root}` is on one machine only"),
    ];
    assert_eq!(complaints(&files), expected);
}

#[test]
fn a_registry_of_ones_own_is_found() {
    let address =
        |host: &str| format!("https:{}user:x@{host}/simple", "//").replace("user:x", "user");
    let text =
        ["mirror.example.com", "pypi.org", "docs.rs", "pypi.example.com"].map(address).join("\n");
    let lock = format!("source = \"{CRATES_IO}\"\nsource = \"git+https:{}x.example\"", "//");
    let files = made_up(&[("a/.npmrc", ""), ("Cargo.lock", &lock), ("x.txt", &text)]);
    let expected = [
        "a/.npmrc changes the settings of whoever works here".to_owned(),
        "x.txt:1: `mirror.example.com` is not a public registry".to_owned(),
        "x.txt:4: `pypi.example.com` is not a public registry".to_owned(),
        format!("Cargo.lock takes a package from \"git+https:{}x.example\"", "//"),
    ];
    assert_eq!(complaints(&files), expected);
}
