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
use super::events::EventsVerb;
use super::exit;
use super::interrupt::Interrupt;
use super::job::JobVerb;
use super::key::KeyVerb;
use super::logs::Logs;
use super::manual::Manual;
use super::mcp::Mcp;
use super::output::Format;
use super::queue::QueueVerb;
use super::quota::QuotaVerb;
use super::send::Send;
use super::session::SessionVerb;
use super::top::Top;
use super::usage::UsageVerb;

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
    pub(crate) output: Format,

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

    #[test]
    fn every_verb_is_documented() {
        let documented = documented();
        let mut verbs = vec![];
        for verb in Cli::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let nested: Vec<_> = verb.get_subcommands().collect();
            if nested.is_empty() {
                verbs.push(verb.get_name().to_owned());
            }
            verbs.extend(
                nested.iter().map(|below| format!("{} {}", verb.get_name(), below.get_name())),
            );
        }
        assert!(verbs.len() > 10, "{verbs:?}");
        for verb in verbs {
            let example = format!("ashctl {verb}");
            assert!(documented.iter().any(|line| line.starts_with(&example)), "no `{example}`");
        }
    }
}
