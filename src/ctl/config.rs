//! `ashctl config`: what ashd runs with and where that comes from; and whether what is written now
//! can be used.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use comfy_table::Table;
use http::Method;
use serde_json::Value;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{Format, Output, cell, columns};
use super::server::understand;
use crate::chain::chain;
use crate::config::{self, ConfigError, Settings};
use crate::wire::config::{Configuration, Origin, Reloaded, Setting};

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Show the settings that ashd runs with, and where each comes from
    Show {
        /// Only these: a key as `api.port`, or a section as `sandbox`
        #[arg(value_name = "KEY")]
        keys: Vec<String>,
        /// Only what is not the default
        #[arg(long)]
        changed: bool,
        /// Read the files and the environment of this command, and ask no daemon
        #[arg(long)]
        offline: bool,
    },
    /// Have ashd read its configuration again
    ///
    /// One that is wrong is refused, and the old one stays in force. What waits for a restart is
    /// named with the unit; that ends no session.
    Reload,
    /// Tell whether ashd could use what is written now, without asking it
    ///
    /// Reads the files of this host, or FILE alone, and the environment of this command.
    Check {
        /// Read this file alone
        file: Option<PathBuf>,
    },
}

pub(crate) async fn run(context: &Context, verb: ConfigVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    if let (Some(host), ConfigVerb::Show { offline: true, .. } | ConfigVerb::Check { .. }) =
        (&server.host, &verb)
    {
        return Err(Failure::usage("files are read on this machine only")
            .hint(format!("`ssh {host} ashctl config check` reads those of the other")));
    }
    match verb {
        ConfigVerb::Show { keys, changed, offline } => {
            let mut shown = if offline {
                read(None)?.shown
            } else {
                understand(&server.get("/api/config").await?)?
            };
            choose(&mut shown, &keys, changed)?;
            show(output, &shown)
        }
        ConfigVerb::Reload => {
            let answer = server.call(Method::POST, "/api/config/reload").await?;
            let reloaded: Reloaded = understand(&answer)?;
            let mut all = reloaded.changed.iter().chain(&reloaded.pending);
            match output.format {
                Format::Json => output.json(&String::from_utf8_lossy(&answer)),
                Format::Jsonl => all.try_for_each(|change| output.json(&json(change))),
                Format::Id => all.try_for_each(|change| output.line(&cell(&change.key))),
                Format::Table => tell(output, &reloaded),
            }
        }
        ConfigVerb::Check { file } => {
            let shown = read(file.as_deref())?.shown;
            match output.format {
                Format::Table => output.line(&shown.in_order()),
                Format::Id => shown.files.iter().try_for_each(|file| output.line(&cell(file))),
                Format::Json | Format::Jsonl => {
                    output.json(&serde_json::json!({ "files": shown.files }).to_string())
                }
            }
        }
    }
}

fn read(file: Option<&Path>) -> Result<Settings, Failure> {
    config::load(file, false).map_err(|error| {
        let failure = Failure::new(Exit::Configuration, chain(&error));
        match error {
            ConfigError::Unreadable { source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                failure.hint("use `sudo`")
            }
            _ => failure.hint("ash.toml(5) lists the settings"),
        }
    })
}

/// Keeps what was asked for. A key that does not exist is told: nothing would be shown.
fn choose(shown: &mut Configuration, keys: &[String], changed: bool) -> Result<(), Failure> {
    let means = |key: &str, setting: &Setting| {
        let rest = setting.key.strip_prefix(key);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    for key in keys {
        if !shown.settings.iter().any(|setting| means(key, setting)) {
            return Err(Failure::usage(format!("`{key}` is neither a setting nor a section"))
                .hint("`ashctl config show -o id` lists the settings"));
        }
    }
    shown.settings.retain(|setting| {
        let asked = keys.is_empty() || keys.iter().any(|key| means(key, setting));
        asked && !(changed && setting.origin == Origin::Default)
    });
    Ok(())
}

fn show(output: &Output, shown: &Configuration) -> Result<(), Failure> {
    let mut settings = shown.settings.iter();
    match output.format {
        Format::Table => output.table(table(&shown.settings)),
        Format::Json => output.json(&json(shown)),
        Format::Jsonl => settings.try_for_each(|setting| output.json(&json(setting))),
        Format::Id => settings.try_for_each(|setting| output.line(&cell(&setting.key))),
    }
}

fn tell(output: &Output, reloaded: &Reloaded) -> Result<(), Failure> {
    output.note("Read the configuration again");
    if reloaded.changed.is_empty() && reloaded.pending.is_empty() {
        output.note("nothing has changed");
        return Ok(());
    }
    let mut table = columns(["SETTING", "BEFORE", "NOW", "IN FORCE"]);
    for change in reloaded.changed.iter().chain(&reloaded.pending) {
        let when = match change.restart.as_slice() {
            [] => "now".to_owned(),
            units => cell(&format!("after `systemctl restart {}`", units.join(" "))),
        };
        table.add_row([cell(&change.key), value(&change.before), value(&change.now), when]);
    }
    output.table(table)
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("the types of the wire have a JSON form")
}

fn table(settings: &[Setting]) -> Table {
    let mut table = columns(["SETTING", "VALUE", "FROM"]);
    for setting in settings {
        let mut shown = value(&setting.value);
        if let Some(pending) = &setting.pending {
            let units = setting.restart.join(" ");
            shown = cell(&format!("{shown} ({} after a restart of {units})", value(pending)));
        }
        table.add_row([cell(&setting.key), shown, origin(&setting.origin)]);
    }
    table
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => cell(text),
        other => cell(&other.to_string()),
    }
}

fn origin(origin: &Origin) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::File { path, line } => cell(&format!("{path}:{line}")),
        Origin::Environment { variable } => cell(variable),
    }
}
