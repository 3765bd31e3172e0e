//! What a shell offers behind TAB: commands, options, and what the daemon has right now, the names
//! of agents and the ids of sessions. The shells ask this program itself; what they are told to do
//! so is a script per shell ([`scripts`]), which packages install.

use std::ffi::OsStr;
use std::time::Duration;

use clap::{Command, CommandFactory as _};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::Shells;

use super::cli::Cli;
use super::environment::Environment;
use super::server::{Server, Wanted, understand};
use crate::wire::agents::AgentList;
use crate::wire::sessions::SessionList;

/// The variable by which a shell asks.
const VARIABLE: &str = "COMPLETE";

/// How long a person waits behind TAB; without an answer nothing is offered.
const PATIENCE: Duration = Duration::from_secs(1);

/// Most sessions that are offered, the newest.
const SESSIONS_MAX: usize = 100;

/// The shells, and the name that each gives to the script for `ashctl`.
const SHELLS: [(&str, &str); 3] =
    [("bash", "ashctl.bash"), ("zsh", "_ashctl"), ("fish", "ashctl.fish")];

/// Answers a shell that asks, and leaves; else does nothing.
pub(crate) fn answer() {
    CompleteEnv::with_factory(command).var(VARIABLE).complete();
}

/// The scripts: name of the file and its content.
pub(crate) fn scripts() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let shells = Shells::builtins();
    let scripts = SHELLS.iter().map(|(shell, file)| {
        let mut script = Vec::new();
        if let Some(completer) = shells.completer(shell) {
            completer.write_registration(VARIABLE, "ashctl", "ashctl", "ashctl", &mut script)?;
        }
        Ok(((*file).to_owned(), script))
    });
    scripts.collect()
}

fn command() -> Command {
    with_live_values(Cli::command())
}

/// Every argument named `agent` or `session`, in every command.
fn with_live_values(command: Command) -> Command {
    // `mut_arg` would move an argument behind the others, and so change the order of positions.
    let command = command.mut_args(|argument| match argument.get_id().as_str() {
        "agent" => argument.add(ArgValueCompleter::new(agents)),
        "session" => argument.add(ArgValueCompleter::new(sessions)),
        _ => argument,
    });
    let below: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    below.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_live_values))
}

fn agents(typed: &OsStr) -> Vec<CompletionCandidate> {
    let answer = ask::<AgentList>("/api/agents");
    let agents = answer.map(|list| list.agents).unwrap_or_default();
    let offered = agents.into_iter().map(|agent| {
        let what = format!("version {}", agent.version);
        (agent.name.to_string(), what)
    });
    fitting(typed, offered)
}

fn sessions(typed: &OsStr) -> Vec<CompletionCandidate> {
    let answer = ask::<SessionList>(&format!("/api/sessions?limit={SESSIONS_MAX}"));
    let sessions = answer.map(|list| list.sessions).unwrap_or_default();
    let offered = sessions.into_iter().map(|session| {
        (session.id.to_string(), format!("{}, {}", session.agent_name, session.status.as_str()))
    });
    fitting(typed, offered)
}

fn fitting(
    typed: &OsStr,
    offered: impl Iterator<Item = (String, String)>,
) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    offered
        .filter(|(value, _)| value.starts_with(&*typed))
        .map(|(value, what)| CompletionCandidate::new(value).help(Some(what.into())))
        .collect()
}

/// The daemon's answer, if it gives one in time. Nobody reads errors behind TAB.
fn ask<T: serde::de::DeserializeOwned>(target: &str) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let server = Server::find(&Wanted::default(), &Environment::read()).ok()?;
        let answer = tokio::time::timeout(PATIENCE, server.get(target)).await.ok()?.ok()?;
        understand(&answer).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_has_its_script() {
        for (file, script) in scripts().unwrap() {
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("COMPLETE") && script.contains("ashctl"), "{file}: {script}");
        }
    }

    #[test]
    fn agents_and_sessions_are_offered_where_they_are_asked_for() {
        command().debug_assert();
        fn live(command: &Command, path: &str, found: &mut Vec<String>) {
            for argument in command.get_arguments() {
                if argument.get::<ArgValueCompleter>().is_some() {
                    found.push(format!("{path} {}", argument.get_id()));
                }
            }
            for below in command.get_subcommands() {
                live(below, &format!("{path} {}", below.get_name()), found);
            }
        }
        let mut found = Vec::new();
        live(&command(), "ashctl", &mut found);
        for expected in
            ["ashctl agent show agent", "ashctl session end session", "ashctl send session"]
        {
            assert!(found.iter().any(|path| path == expected), "{expected}: {found:?}");
        }
    }

    #[test]
    fn only_what_fits_is_offered() {
        let offered = [("one".to_owned(), String::new()), ("two".to_owned(), String::new())];
        let values = fitting(OsStr::new("t"), offered.into_iter());
        assert_eq!(values.iter().map(CompletionCandidate::get_value).collect::<Vec<_>>(), ["two"]);
    }
}
