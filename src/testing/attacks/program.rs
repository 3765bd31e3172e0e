//! The program `ash-attack`: each attack in a process of its own, one line of JSON about each.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd as _;

use super::{Context, Outcome, attacks, processes};

/// Longest run of one attack. Each takes milliseconds; a wall may hold one for ever.
const ATTACK_DEADLINE: Duration = Duration::from_secs(20);

/// The program. Arguments that the bridge adds for a CLI are none of ours.
pub fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).map(String::as_str)
    };
    let context = value("--context").and_then(|text| serde_json::from_str::<Context>(text).ok());
    let Some(context) = context else { return ExitCode::from(2) };
    if let Some(number) = value("--one") {
        say(&one(number, &context));
    } else if let Some(numbers) = value("--attacks") {
        for number in numbers.split(',') {
            let outcome = alone(number, &arguments[0], &context);
            say(&BTreeMap::from([(number, outcome)]));
        }
        say(&BTreeMap::from([("end", true)]));
        wait_for_end();
    } else if let Some(script) = value("--run") {
        say(&BTreeMap::from([("ran", run(script))]));
        wait_for_end();
    } else if arguments.iter().any(|argument| argument == "--offer") {
        say(&processes::offer(&context));
        wait_for_end();
    }
    ExitCode::SUCCESS
}

/// What a shell says, and its status: not an attack, but what an agent does all day.
fn run(script: &str) -> (Option<i32>, String) {
    #[expect(clippy::disallowed_methods, reason = "an agent starts what it likes")]
    let ran = Command::new("/bin/bash").args(["-c", script]).stdin(Stdio::null()).output();
    match ran {
        Ok(ran) => {
            let said = [ran.stdout, ran.stderr].concat();
            (ran.status.code(), String::from_utf8_lossy(&said).into_owned())
        }
        Err(error) => (None, error.to_string()),
    }
}

/// The bridge ends it: one that left by itself would be told as an error.
fn wait_for_end() {
    let mut ended = std::io::stdin().lines();
    while ended.next().is_some_and(|line| line.is_ok()) {}
}

fn say(what: &impl serde::Serialize) {
    let line = serde_json::to_string(what).expect("these have a JSON form");
    let mut out = std::io::stdout();
    // Nobody is there to be told otherwise.
    drop(writeln!(out, "{line}").and_then(|()| out.flush()));
}

fn one(number: &str, context: &Context) -> Outcome {
    match attacks().iter().find(|attack| attack.number == number) {
        Some(attack) => (attack.run)(context),
        None => Outcome::Broken("there is no such attack".to_owned()),
    }
}

/// In a process of its own: some end theirs.
fn alone(number: &str, program: &str, context: &Context) -> Outcome {
    let context = serde_json::to_string(context).expect("a context has a JSON form");
    #[expect(clippy::disallowed_methods, reason = "an attacker starts what it likes")]
    let mut command = Command::new(program);
    command.args(["--one", number, "--context", &context]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Outcome::Broken(format!("not started: {error}")),
    };
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        let milliseconds = PollTimeout::try_from(ATTACK_DEADLINE).unwrap_or(PollTimeout::MAX);
        let mut wanted = [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
        if poll(&mut wanted, milliseconds) == Ok(0) {
            drop(child.kill());
            drop(child.wait());
            return Outcome::Broken("no end".to_owned());
        }
        drop(BufReader::new(stdout).read_line(&mut line));
    }
    let said = serde_json::from_str(&line);
    match (said, child.wait_with_output()) {
        (Ok(outcome), _) => outcome,
        (Err(_), Ok(output)) if output.status.signal() == Some(libc::SIGSYS) => {
            Outcome::Blocked { how: "killed by the filter".to_owned(), absent: false }
        }
        (Err(_), Ok(output)) => Outcome::Broken(format!(
            "{}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        (Err(_), Err(error)) => Outcome::Broken(error.to_string()),
    }
}
