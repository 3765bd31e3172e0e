//! The manual: what is made from the code, and what is written by hand beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pages::{assert_none, page};

/// Everything that packages install, in a folder.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let folder_text = folder.to_str().unwrap();
    let (made, said) = run(env!("CARGO_BIN_EXE_ashctl"), &["manual", folder_text]);
    assert!(made, "{said}");
    let (made, settings) = run(env!("CARGO_BIN_EXE_ashd"), &["--manual"]);
    assert!(made, "{settings}");
    let settings_page = folder.join("ash.toml.5");
    std::fs::write(&settings_page, settings).unwrap();
    let mut found = vec![settings_page];
    for place in [folder.join("man1"), Path::new(env!("CARGO_MANIFEST_DIR")).join("man")] {
        let entries = std::fs::read_dir(place).unwrap();
        found.extend(entries.map(|entry| entry.unwrap().path()));
    }
    assert!(found.len() > 15, "{found:?}");
    found
}

fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    #[expect(clippy::disallowed_methods, reason = "a test starts the programs it tests")]
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn every_page_is_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let pages = pages(folder.path());
    if !Path::new("/usr/bin/mandoc").exists() {
        println!("SKIP: mandoc is not installed");
        return;
    }
    let wrong = pages.iter().filter_map(|page| {
        let (_, said) = run("mandoc", &["-T", "lint", "-W", "warning", page.to_str().unwrap()]);
        (!said.is_empty()).then_some(said)
    });
    assert_none(&wrong.collect::<Vec<_>>());
}

#[test]
fn every_page_that_one_names_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let pages = pages(folder.path());
    let names: Vec<String> =
        pages.iter().map(|page| page.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    let mut seen = 0;
    let mut wrong = Vec::new();
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap();
        let named = text.lines().filter_map(|line| {
            let mut words = line.strip_prefix(".Xr ")?.split_whitespace();
            Some(format!("{}.{}", words.next()?, words.next()?))
        });
        for name in named.filter(|name| name.starts_with("ash")) {
            seen += 1;
            if !names.contains(&name) {
                wrong.push(format!("{} names {name}", page.display()));
            }
        }
    }
    assert!(seen > 5);
    assert_none(&wrong);
}

/// The words behind `.It Fl Fl` of ashd(8), and the options that `ashd --help` tells.
#[test]
fn the_page_of_ashd_has_its_options() {
    let manual = page("man/ashd.8").text;
    let (_, help) = run(env!("CARGO_BIN_EXE_ashd"), &["-h"]);
    let options: Vec<&str> = help
        .lines()
        .filter_map(|line| line.split_once("--"))
        .map(|(_, rest)| rest.split([' ', '\n']).next().unwrap())
        .collect();
    assert!(options.len() > 3, "{help}");
    for option in &options {
        assert!(manual.contains(&format!("Fl Fl {option}")), "--{option} is not in ashd(8)");
    }
    let documented = manual.lines().filter(|line| line.starts_with(".It Fl")).count();
    assert_eq!(documented, options.len());
}

/// Both tell the same statuses in the same words.
#[test]
fn the_page_of_ashd_has_its_statuses() {
    let configuration = page("docs/configuration.md").text;
    let (_, table) = configuration.split_once("| status | meaning |\n| ---: | --- |\n").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let manual = page("man/ashd.8").text;
    let (_, section) = manual.split_once(".Sh EXIT STATUS\n").unwrap();
    let (section, _) = section.split_once(".Sh ").unwrap();
    let told: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix(".It ")).collect();
    let known: Vec<&str> = table.lines().map(|row| row.split('|').nth(1).unwrap().trim()).collect();
    assert_eq!(told, known);
}
