//! Links inside the repository lead to a file, and to a heading in it.

use std::collections::BTreeSet;

use crate::pages::{Page, assert_none, page, pages, prose, top};

fn complaints(
    page: &Page,
    exists: impl Fn(&str) -> bool,
    other: impl Fn(&str) -> Page,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for link in links(&prose(page)) {
        if link.contains("://") || link.starts_with("mailto:") {
            continue;
        }
        let (path, anchor) = link.split_once('#').unwrap_or((link.as_str(), ""));
        let path = if path.is_empty() { page.path.clone() } else { resolve(&page.path, path) };
        if !exists(&path) {
            complaints.push(format!("{}: `{link}` leads nowhere", page.path));
        } else if !anchor.is_empty() && !anchors(&other(&path).text).contains(anchor) {
            complaints.push(format!("{}: `{link}` names no heading of {path}", page.path));
        }
    }
    complaints
}

/// The targets of `[text](target)`.
fn links(prose: &str) -> Vec<String> {
    let targets = prose.split("](").skip(1);
    targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect()
}

/// `../SECURITY.md` seen from `docs/a.md` is `SECURITY.md`.
fn resolve(from: &str, link: &str) -> String {
    let mut names: Vec<&str> = from.split('/').collect();
    names.pop();
    for name in link.split('/') {
        match name {
            ".." => drop(names.pop()),
            "." | "" => {}
            name => names.push(name),
        }
    }
    names.join("/")
}

/// Headings as anchors: lower case, blanks become `-`, punctuation goes.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let exists = |path: &str| top().join(path).exists();
    let found: Vec<_> = pages().iter().flat_map(|one| complaints(one, exists, page)).collect();
    assert_none(&found);
}

#[test]
fn a_broken_link_is_found() {
    let made_up = |path: &str| Page { path: path.to_owned(), text: "# The end, `x`\n".to_owned() };
    let text = "# Top\n[a](b.md#the-end-x) [b](#top) [c](../R.md) [d](https://x.example/y)\n\
                [e](c.md) [f](b.md#start) `[g](h.md)`\n";
    let page = Page { path: "docs/a.md".to_owned(), text: text.to_owned() };
    let exists = |path: &str| ["docs/a.md", "docs/b.md", "R.md"].contains(&path);
    let other = |path: &str| if path == "docs/a.md" { made_up_self(text) } else { made_up(path) };
    assert_eq!(
        complaints(&page, exists, other),
        [
            "docs/a.md: `c.md` leads nowhere",
            "docs/a.md: `b.md#start` names no heading of docs/b.md"
        ]
    );
}

fn made_up_self(text: &str) -> Page {
    Page { path: "docs/a.md".to_owned(), text: text.to_owned() }
}
