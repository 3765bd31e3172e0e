//! `ashctl logs`: the journal of Ash, of one session if it is named. journalctl(1) reads it.

use std::path::Path;

use clap::Args;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::Format;
use super::prefix::resolve;
use super::server::{SSH, shell_line};
use crate::id::SessionId;
use crate::os::process::become_program;

/// The units whose lines are believed: what another program says of a session is not Ash's.
const UNITS: [&str; 3] = ["ashd.service", "ash-sandboxd.service", "ash-egress.service"];

const JOURNALCTL: &str = "journalctl";

/// Lines that are shown first by who follows, unless he says otherwise.
const LINES_DEFAULT: u32 = 10;

/// Show the journal of ashd, ash-sandboxd and ash-egress
///
/// With a SESSION: what they and systemd say of it. Reads the journal of this machine, or that of
/// `--host`, whatever server is named, and wants its permission: root, or the group `adm` or `systemd-journal`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Id of the session, or its first characters
    session: Option<String>,
    /// Go on with what is written from now on
    #[arg(short, long)]
    follow: bool,
    /// Only the last so many lines
    #[arg(short = 'n', long, value_name = "COUNT")]
    lines: Option<u32>,
    /// Only from this time on, as journalctl(1) takes it: `10 min ago`, `today`, `2026-11-22 10:00`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

pub(crate) async fn run(context: &Context, logs: Logs) -> Result<(), Failure> {
    let session = match &logs.session {
        // A whole id needs no daemon: its story is in the journal, whatever became of it.
        Some(text) => Some(resolve(&context.server, text).await?),
        None => None,
    };
    let arguments = arguments(&logs, session, context.output.format);
    if let Some(host) = &context.server.host {
        let words: Vec<String> = [JOURNALCTL.to_owned()].into_iter().chain(arguments).collect();
        let error = become_program(SSH, ["--", host, &shell_line(&words)]);
        return Err(Failure::new(Exit::Failure, format!("{SSH} does not start: {error}")));
    }
    let error = become_program(JOURNALCTL, arguments);
    if Path::new("/run/systemd/system").exists() {
        return Err(Failure::new(Exit::Failure, format!("{JOURNALCTL} does not start: {error}")));
    }
    Err(Failure::new(Exit::Failure, "there is no journal: systemd does not run here")
        .hint("without systemd ashd writes its log to its standard error"))
}

fn arguments(logs: &Logs, session: Option<SessionId>, format: Format) -> Vec<String> {
    let mut arguments = vec!["--quiet".to_owned()];
    match format {
        Format::Table => {}
        Format::Json | Format::Jsonl => arguments.push("--output=json".to_owned()),
        Format::Id => arguments.push("--output=cat".to_owned()),
    }
    if logs.follow {
        arguments.push("--follow".to_owned());
    }
    let lines = logs.lines.or(logs.follow.then_some(LINES_DEFAULT));
    arguments.extend(lines.map(|lines| format!("--lines={lines}")));
    arguments.extend(logs.since.as_ref().map(|since| format!("--since={since}")));
    let units = UNITS.map(|unit| format!("_SYSTEMD_UNIT={unit}"));
    match session {
        None => {
            arguments.extend(units);
            // systemd on them: started, stopped, failed.
            for unit in UNITS {
                arguments.extend(["+".to_owned(), format!("UNIT={unit}")]);
            }
        }
        Some(session) => {
            arguments.extend(units);
            arguments.push(format!("ASH_SESSION={session}"));
            for field in ["_SYSTEMD_UNIT", "UNIT"] {
                arguments.extend(["+".to_owned(), format!("{field}=ash-s-{session}.scope")]);
            }
        }
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(follow: bool, lines: Option<u32>) -> Logs {
        Logs { session: None, follow, lines, since: Some("today".to_owned()) }
    }

    #[test]
    fn a_session_is_told_by_the_units_of_ash_and_by_its_scope() {
        let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        let asked = arguments(&logs(true, None), id.parse().ok(), Format::Jsonl).join(" ");
        assert_eq!(
            asked,
            format!(
                "--quiet --output=json --follow --lines=10 --since=today \
                 _SYSTEMD_UNIT=ashd.service _SYSTEMD_UNIT=ash-sandboxd.service \
                 _SYSTEMD_UNIT=ash-egress.service ASH_SESSION={id} \
                 + _SYSTEMD_UNIT=ash-s-{id}.scope + UNIT=ash-s-{id}.scope"
            )
        );
    }

    #[test]
    fn without_a_session_everything_of_ash_is_asked_for() {
        let asked = arguments(&logs(false, Some(3)), None, Format::Table).join(" ");
        assert!(asked.starts_with("--quiet --lines=3 --since=today _SYSTEMD_UNIT=ashd.service "));
        assert!(asked.ends_with(" + UNIT=ash-sandboxd.service + UNIT=ash-egress.service"));
    }
}
