//! `CHANGELOG.md` has a place for what is not released yet, and its newest version is the one
//! that `Cargo.toml` names.

use crate::files::{assert_tidy, file};

fn complaints(changelog: &str, manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml is TOML");
    let version = manifest["package"]["version"].as_str().expect("the version is a string");
    let mut headings = changelog.lines().filter_map(heading);
    let mut complaints = Vec::new();
    let mut next = headings.next();
    if next == Some("Unreleased") {
        next = headings.next();
    } else {
        complaints.push("CHANGELOG.md does not begin with an Unreleased section".to_owned());
    }
    let complaint = match next {
        Some(newest) if newest == version => None,
        Some(newest) => Some(format!("CHANGELOG.md ends at {newest}, Cargo.toml says {version}")),
        None => Some(format!("CHANGELOG.md has no section for {version}")),
    };
    complaints.extend(complaint);
    complaints
}

/// `## [0.1.0] - 2026-11-22` is `0.1.0`.
fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("## ")?.split_whitespace().next().map(|word| word.trim_matches(['[', ']']))
}

#[test]
fn the_changelog_keeps_up() {
    assert_tidy(&complaints(&file("CHANGELOG.md"), &file("Cargo.toml")));
}

#[test]
fn a_changelog_that_does_not_keep_up_is_found() {
    let manifest = "[package]\nversion = \"0.2.0\"";
    let good =
        "# Changelog\n\n## [Unreleased]\n\n### Added\n\n## [0.2.0] - 2026-11-22\n\n## 0.1.0\n";
    assert_eq!(complaints(good, manifest), [""; 0]);
    for (bad, complaint) in [
        ("## 0.2.0", "CHANGELOG.md does not begin with an Unreleased section"),
        ("## Unreleased\n## 0.1.0", "CHANGELOG.md ends at 0.1.0, Cargo.toml says 0.2.0"),
        ("## Unreleased\n### 0.2.0", "CHANGELOG.md has no section for 0.2.0"),
    ] {
        assert_eq!(complaints(bad, manifest), [complaint]);
    }
}
