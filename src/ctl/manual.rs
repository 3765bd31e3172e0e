//! The pages of `ashctl` for man(1), one per command, made from the command line as it is; their
//! examples are those of `docs/ashctl.md`. Packages install what `ashctl manual FOLDER` writes.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::cli::Cli;
use super::completion;
use super::exit::Exit;
use super::failure::Failure;

/// When the text of the pages last changed in more than a word.
const DATE: &str = "2026-11-22";

const DOCUMENTED: &str = include_str!("../../docs/ashctl.md");

/// The manual's title, in the head of each page.
const MANUAL: &str = "Ash";

/// Write the manual pages and the scripts for completion into a folder
#[derive(Debug, Args)]
#[command(hide = true)]
pub(crate) struct Manual {
    /// The folder; it is made
    folder: PathBuf,
}

pub(crate) fn run(manual: &Manual) -> Result<(), Failure> {
    let scripts = completion::scripts().map_err(|error| told(&manual.folder, &error))?;
    for (below, files) in [("man1", pages()), ("completions", scripts)] {
        let folder = manual.folder.join(below);
        fs::create_dir_all(&folder).map_err(|error| told(&folder, &error))?;
        for (name, content) in files {
            let path = folder.join(name);
            fs::write(&path, content).map_err(|error| told(&path, &error))?;
        }
    }
    Ok(())
}

fn told(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failure, format!("{} cannot be written: {error}", path.display()))
}

/// Every page: name of the file and its content.
fn pages() -> Vec<(String, Vec<u8>)> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, &mut pages);
    pages
}

fn add(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) {
    let below: Vec<&Command> =
        command.get_subcommands().filter(|command| !command.is_hide_set()).collect();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    pages.push((format!("{name}.1"), page(command, name)));
    for command in below {
        add(command, pages);
    }
}

fn page(command: &Command, name: &str) -> Vec<u8> {
    // The statuses have a section of their own; the version stands in the foot of the page.
    let shown = command.clone().after_long_help(None::<&str>).version(None::<&str>);
    let man = Man::new(shown)
        .title(name.to_uppercase())
        .date(DATE)
        .source(format!("ash {}", env!("CARGO_PKG_VERSION")))
        .manual(MANUAL);
    let mut page = Vec::new();
    let mut more = Roff::new();
    let line = name.replace('-', " ");
    let examples: Vec<String> = examples(&line).collect();
    if !examples.is_empty() {
        more.control("SH", ["EXAMPLES"]);
        more.control("nf", []);
        for example in &examples {
            more.text([roman(example)]);
        }
        more.control("fi", []);
    }
    more.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        more.control("TP", []);
        more.text([bold((exit as u8).to_string())]);
        more.text([roman(exit.meaning())]);
    }
    more.control("SH", ["SEE ALSO"]);
    let see_also = see_also(command, name).into_iter().flat_map(|(comma, page, section)| {
        [roman(comma), bold(page), roman(format!("({section})"))]
    });
    more.text(see_also.collect::<Vec<_>>());
    man.render(&mut page).and_then(|()| more.to_writer(&mut page)).expect("memory takes a page");
    without_idle_breaks(&String::from_utf8_lossy(&page)).into_bytes()
}

/// Without each `.br` beside an empty line, and blanks at the end of a line: they do nothing, and every
/// checker warns of them.
fn without_idle_breaks(page: &str) -> String {
    let lines: Vec<&str> = page.lines().collect();
    let mut kept = String::with_capacity(page.len());
    for (at, line) in lines.iter().enumerate() {
        let beside = [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
        let idle = line.trim_end() == ".br"
            && beside.filter_map(|at| lines.get(at)).any(|line| line.is_empty());
        if !idle {
            kept.push_str(line.trim_end());
            kept.push('\n');
        }
    }
    kept
}

/// The lines of the documentation that begin with the words `line`.
fn examples(line: &str) -> impl Iterator<Item = String> {
    let typed = DOCUMENTED.split("```console\n").skip(1).filter_map(|rest| {
        rest.split_once("```").map(|(block, _)| block.lines().collect::<Vec<_>>())
    });
    let mut found: Vec<String> = Vec::new();
    for block in typed {
        let mut goes_on = false;
        for text in block {
            let begins = text.strip_prefix("$ ").is_some_and(|typed| {
                typed
                    .strip_prefix(line)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
            });
            if begins || goes_on {
                found.push(text.trim_start_matches("$ ").to_owned());
            }
            goes_on = (begins || goes_on) && text.ends_with('\\');
        }
    }
    found.into_iter()
}

/// What stands between, page, section.
fn see_also(command: &Command, name: &str) -> Vec<(&'static str, String, u8)> {
    let above = name.rsplit_once('-').map(|(above, _)| (above.to_owned(), 1));
    let below = command.get_subcommands().filter(|command| !command.is_hide_set());
    let below = below.filter_map(|command| Some((command.get_display_name()?.to_owned(), 1)));
    let others = [("ash-agent".to_owned(), 7), ("ashd".to_owned(), 8)];
    let pages = above.into_iter().chain(below).chain(others).enumerate();
    pages.map(|(at, (page, section))| (if at == 0 { "" } else { ", " }, page, section)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_page() {
        let pages = pages();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for expected in ["ashctl.1", "ashctl-deploy.1", "ashctl-session-create.1"] {
            assert!(names.contains(&expected), "{expected}: {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("manual") || name.contains("help")));
    }

    #[test]
    fn a_page_has_options_examples_and_statuses() {
        let (_, page) = pages().into_iter().find(|(name, _)| name == "ashctl-deploy.1").unwrap();
        let page = String::from_utf8(page).unwrap();
        for expected in
            ["ASHCTL-DEPLOY", "\\-\\-name", "EXAMPLES", "EXIT STATUS", "ashctl deploy ./qa"]
        {
            assert!(page.contains(expected), "{expected} in {page}");
        }
    }

    #[test]
    fn an_example_of_another_command_is_none_of_this() {
        assert!(
            examples("ashctl session")
                .all(|line| line.contains("ashctl session") || line.starts_with(' '))
        );
        assert_eq!(examples("ashctl sess").count(), 0);
    }
}
