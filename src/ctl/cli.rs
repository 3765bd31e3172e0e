//! The command line, as it is typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::agent::AgentVerb;
use super::attach::Attach;
use super::bench::BenchVerb;
use super::budget::BudgetVerb;
use super::chat::Chat;
use super::config::ConfigVerb;
use super::credential::CredentialVerb;
use super::database::DatabaseVerb;
use super::deploy::Deploy;
use super::drain::DrainVerb;
use super::eval::EvalVerb;
use super::events::EventsVerb;
use super::exit;
use super::interrupt::Interrupt;
use super::job::JobVerb;
use super::key::KeyVerb;
use super::logs::Logs;
use super::manual::Manual;
use super::mcp::Mcp;
use super::output::Choice;
use super::queue::QueueVerb;
use super::quota::QuotaVerb;
use super::schedule::ScheduleVerb;
use super::send::Send;
use super::session::SessionVerb;
use super::top::Top;
use super::usage::UsageVerb;
use super::webhook::WebhookVerb;

/// Run Claude-powered agents on this machine or on a server
///
/// Without a command it shows the state of the daemon. Every ID of a session may be cut short
/// as long as it stays unambiguous.
#[derive(Debug, Parser)]
#[command(name = "ashctl", version, max_term_width = 100, after_long_help = exit::help())]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// How data is printed
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Choice,

    /// Print errors and warnings only, beside the data
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Print times as they are, not relative to now
    #[arg(long, global = true)]
    pub(crate) full: bool,

    #[arg(help = "Admin socket of the daemon [env: ASH_SOCKET] [default: /run/ash/admin.sock]", long, global = true, value_name = "PATH", conflicts_with_all = ["server", "api_key_file"])]
    pub(crate) socket: Option<PathBuf>,

    /// Use the daemon of another machine, over ssh(1), which needs `ashctl` there
    #[arg(short = 'H', long, global = true, value_name = "[USER@]HOST", value_parser = host, conflicts_with_all = ["server", "api_key_file"])]
    pub(crate) host: Option<String>,

    #[arg(
        help = "Address of a server to use instead, http or https [env: ASH_SERVER_URL]",
        long,
        global = true,
        value_name = "URL"
    )]
    pub(crate) server: Option<String>,

    #[arg(
        help = "File with the API key for the server [env, the key itself: ASH_API_KEY]",
        long,
        global = true,
        value_name = "FILE"
    )]
    pub(crate) api_key_file: Option<PathBuf>,

    #[arg(
        help = "Act for this tenant, over the admin socket [env: ASH_TENANT] [default: default]",
        long,
        global = true,
        value_name = "NAME",
        conflicts_with_all = ["server", "api_key_file"]
    )]
    pub(crate) tenant: Option<String>,
}

/// Nothing that ssh(1) could take for an option or a shell for more than a name.
fn host(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._-:[]%".contains(c);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(plain) {
        return Err("a host looks like `root@build.example.com`".to_owned());
    }
    Ok(text.to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Deploy(Deploy),
    /// List, show, and delete agents
    #[command(subcommand)]
    Agent(AgentVerb),
    /// Create, list, show, and end sessions, and read their files
    #[command(subcommand)]
    Session(SessionVerb),
    Send(Send),
    Chat(Chat),
    Attach(Attach),
    Interrupt(Interrupt),
    /// List, remove, and hurry the messages that wait for their turn
    #[command(subcommand)]
    Queue(QueueVerb),
    /// Have prompts run in the background, and read their answers
    #[command(subcommand)]
    Job(JobVerb),
    /// Ask an agent what it is to answer, and see how well it does
    #[command(subcommand)]
    Eval(EvalVerb),
    /// Have prompts run at their times: add, list, show, run, and remove them
    #[command(subcommand)]
    Schedule(ScheduleVerb),
    /// Have addresses told what happens: add, list, test, and remove them
    #[command(subcommand)]
    Webhook(WebhookVerb),
    /// Back up the database, and check it
    #[command(subcommand)]
    Db(DatabaseVerb),
    Usage(UsageVerb),
    Budget(BudgetVerb),
    /// Create, list, and revoke the API keys that clients show
    #[command(subcommand)]
    Key(KeyVerb),
    /// Show whether the daemon runs and what it does
    Status,
    /// Print what the daemon counts of itself, in the text format of Prometheus
    Metrics,
    Top(Top),
    Bench(BenchVerb),
    Drain(DrainVerb),
    Events(EventsVerb),
    Logs(Logs),
    /// Show the configuration and where it comes from, check it, and have it read again
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Store the key of the model API
    #[command(subcommand)]
    Credential(CredentialVerb),
    /// Make a volume on which what sessions take of the disk is limited
    #[command(subcommand)]
    Quota(QuotaVerb),
    /// Show what this host can enforce, and what it lacks
    Doctor,
    Mcp(Mcp),
    Manual(Manual),
    /// Connect the standard input and output with the admin socket, for `--host`
    #[command(hide = true)]
    ProxyStdio,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every `ashctl …` line of the page, with its lines joined that end in a backslash.
    fn documented() -> Vec<String> {
        let page = include_str!("../../docs/ashctl.md");
        let blocks = page.split("```console\n").skip(1);
        let blocks = blocks.map(|rest| rest.split_once("```").unwrap().0.replace("\\\n", " "));
        let lines: Vec<String> = blocks
            .flat_map(|block| {
                let lines = block.lines().filter_map(|line| line.strip_prefix("$ "));
                lines.map(str::to_owned).collect::<Vec<_>>()
            })
            .collect();
        lines
            .into_iter()
            .filter_map(|line| Some(line.split_at(line.find("ashctl")?).1.to_owned()))
            .collect()
    }

    /// Splits a line as a shell does: blanks, quotes, a pipe or a redirection as its end.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec![];
        let mut word: Option<String> = None;
        let mut quote = None;
        for character in line.chars() {
            match (quote, character) {
                (Some(open), close) if open == close => quote = None,
                (Some(_), inside) => word.get_or_insert_default().push(inside),
                (None, '"' | '\'') => {
                    quote = Some(character);
                    word.get_or_insert_default();
                }
                (None, '|' | '>' | '<' | '#') if word.is_none() => break,
                (None, ' ') => words.extend(word.take()),
                (None, other) => word.get_or_insert_default().push(other),
            }
        }
        words.extend(word);
        words
    }

    #[test]
    fn every_documented_command_line_is_understood() {
        let documented = documented();
        assert!(documented.len() > 15, "{documented:?}");
        for line in documented {
            if let Err(error) = Cli::try_parse_from(words(&line)) {
                panic!("{line}\n{error}");
            }
        }
    }

    /// The words of each verb that has none below it.
    fn verbs(command: &clap::Command, before: &[String], found: &mut Vec<Vec<String>>) {
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let words = [before, &[verb.get_name().to_owned()]].concat();
            if verb.has_subcommands() {
                verbs(verb, &words, found);
            } else {
                found.push(words);
            }
        }
    }

    #[test]
    fn every_verb_has_a_test_that_runs_the_program() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli");
        let files = std::fs::read_dir(folder).unwrap();
        let tests: String =
            files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        let mut found = vec![];
        verbs(&Cli::command(), &[], &mut found);
        assert!(found.len() > 60, "{found:?}");
        for words in found {
            // As words of an array, or as a row of tests/cli/operations.rs.
            let array = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>();
            let row = format!("\"{}", words.join(" "));
            let mut rows = tests.split(&row).skip(1);
            let tested =
                tests.contains(&array.join(", ")) || rows.any(|rest| rest.starts_with(['"', ' ']));
            assert!(tested, "no test in tests/cli runs `ashctl {}`", words.join(" "));
        }
    }

    #[test]
    fn every_verb_is_documented() {
        let documented = documented();
        let mut found = vec![];
        verbs(&Cli::command(), &[], &mut found);
        assert!(found.len() > 60, "{found:?}");
        for words in found {
            let example = format!("ashctl {}", words.join(" "));
            assert!(documented.iter().any(|line| line.starts_with(&example)), "no `{example}`");
        }
    }
}
