//! What a reader would type: shell that parses, options that our programs have, paths that the API has, and
//! bodies that are JSON.

use std::path::Path;
use std::process::Command;

use crate::pages::{assert_none, blocks, page};

/// The commands of the `console` blocks, each with its place; lines that end in a backslash are
/// joined, and what a command prints is left out.
fn commands() -> Vec<(String, String)> {
    let mut commands = Vec::new();
    for block in blocks("console") {
        let text = block.text.replace("\\\n", " ");
        let typed = text.lines().filter_map(|line| line.strip_prefix("$ "));
        commands.extend(typed.map(|line| (block.place.clone(), line.to_owned())));
    }
    assert!(commands.len() > 10, "{commands:?}");
    commands
}

/// What stands between quotes behind `-d`.
fn body(command: &str) -> Option<&str> {
    Some(command.split_once("-d '")?.1.split_once('\'')?.0)
}

/// Segments of the path behind the host of a URL, without its query.
fn path(command: &str) -> Option<Vec<&str>> {
    let (_, rest) = command.split_once("http://")?;
    let url = rest.split_whitespace().next()?;
    Some(url.split('?').next()?.split('/').skip(1).collect())
}

fn method(command: &str) -> &'static str {
    if command.contains(" -X PATCH ") {
        "PATCH"
    } else if command.contains(" -T ") {
        "PUT"
    } else if command.contains(" -d ") {
        "POST"
    } else {
        "GET"
    }
}

/// Whether the table of operations has the method and the path.
fn is_operation(table: &str, method: &str, path: &[&str]) -> bool {
    let literals: Vec<&str> = table.split('"').skip(1).step_by(2).collect();
    literals.windows(2).any(|pair| {
        let route: Vec<&str> = pair[1].split('/').skip(1).collect();
        let fits = |(segment, given): (&&str, &&str)| segment.starts_with('{') || segment == given;
        pair[0] == method && route.len() == path.len() && route.iter().zip(path).all(fits)
    })
}

#[test]
fn every_command_is_shell() {
    let wrong = commands().into_iter().filter_map(|(place, command)| {
        let output = run("bash", &["-n", "-c", &command]);
        (!output.0).then(|| format!("{place}: `{command}`: {}", output.1))
    });
    assert_none(&wrong.collect::<Vec<_>>());
}

/// The shell asks each program for its help behind what was typed, so that a wrong option or verb
/// is refused and nothing is done.
#[test]
fn every_option_of_our_programs_exists() {
    let programs = Path::new(env!("CARGO_BIN_EXE_ashd")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (place, command) in commands() {
        // `ashctl` checks its own page.
        let Some(ours) = ours(&command).filter(|_| !place.starts_with("docs/ashctl.md")) else {
            continue;
        };
        seen += 1;
        let (accepted, said) = run("bash", &["-c", &format!("PATH={path}; {ours} --help")]);
        if !accepted {
            wrong.push(format!("{place}: `{command}`: {said}"));
        }
    }
    assert!(seen > 5);
    assert_none(&wrong);
}

/// The part of a command that is one of our programs with its arguments, and variables before it. Of
/// whatever another program would do, or comes behind it, nothing is left: it is executed.
fn ours(command: &str) -> Option<&str> {
    let by_another = ["sudo ", "docker compose exec ash "];
    let rest = by_another.iter().fold(command, |rest, prefix| rest.trim_start_matches(prefix));
    // Without the reader's file.
    let alone = [" < ", " && ", " | ", "; "];
    let alone = alone.iter().fold(rest, |rest, end| rest.split(end).next().unwrap_or_default());
    let mut words = alone.split_inclusive(char::is_whitespace);
    let before: usize = words
        .by_ref()
        .take_while(|word| !["ashd", "ashctl"].contains(&word.trim()))
        .map(str::len)
        .sum();
    let before = alone.get(..before).unwrap_or_default();
    let name = |c: char| c.is_ascii_uppercase() || c == '_';
    let variables = before.split_once('=').is_some_and(|(first, _)| first.chars().all(name));
    (before.len() < alone.len() && (before.is_empty() || variables)).then_some(alone)
}

#[test]
fn nothing_but_our_programs_is_executed() {
    assert_eq!(ours("sudo ashctl doctor"), Some("ashctl doctor"));
    assert_eq!(ours("KEY=\"$(cat key)\" ashd"), Some("KEY=\"$(cat key)\" ashd"));
    assert_eq!(ours("ashctl status && sudo rm x"), Some("ashctl status"));
    assert_eq!(ours("ashctl deploy . < file"), Some("ashctl deploy ."));
    for other in [
        "sudo systemctl kill --signal=KILL ashd && sudo systemctl stop ashd",
        "sudo systemctl restart ashd",
        "rm -rf x; ashctl status",
        "ls",
    ] {
        assert_eq!(ours(other), None, "{other}");
    }
}

#[test]
fn every_request_goes_to_an_operation_and_its_body_is_json() {
    let source = page("src/wire/operations.rs").text;
    let table = source.split_once("const OPERATIONS").unwrap().1;
    let mut seen = 0;
    let mut wrong = Vec::new();
    for (place, command) in commands().iter().filter(|(_, command)| command.contains("curl ")) {
        seen += 1;
        let path = path(command).unwrap_or_default();
        if !is_operation(table, method(command), &path) {
            wrong.push(format!("{place}: {} /{} is no operation", method(command), path.join("/")));
        }
        if let Some(error) =
            body(command).and_then(|body| serde_json::from_str::<serde_json::Value>(body).err())
        {
            wrong.push(format!("{place}: `{command}`: {error}"));
        }
    }
    assert!(seen > 5);
    assert_none(&wrong);
}

#[test]
fn a_request_to_nowhere_is_found() {
    let table =
        "route(Operation::A, \"GET\", \"/a/{id}\", \"A\"), route(B, \"POST\", \"/a\", \"B\")";
    assert!(is_operation(table, "GET", &["a", "7"]) && is_operation(table, "POST", &["a"]));
    assert!(!is_operation(table, "GET", &["a"]) && !is_operation(table, "PUT", &["a", "7"]));
    let command = "curl -s http://h:1/a/b?c=d -d '{\"x\": 1}'";
    assert_eq!(path(command).unwrap(), ["a", "b"]);
    assert_eq!((method(command), body(command)), ("POST", Some("{\"x\": 1}")));
}

fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    // Some write a file, even when they are only asked for their help.
    let folder = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test starts the program it tests")]
    let output = Command::new(program).args(arguments).current_dir(folder.path()).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
