//! `ashctl agent`: list, show, change, delete; versions and files.

use clap::Subcommand;
use comfy_table::Table;
use http::Method;
use indicatif::HumanBytes;

mod config;
mod files;
pub(crate) mod version;

use self::config::{AgentEnv, Configure};
use self::files::{Files, Put, Remove};
use self::version::VersionVerb;
use super::Context;
use super::failure::Failure;
use super::limits::listed;
use super::output::{Format, Output, Times, cell, columns};
use crate::id::AgentName;
use crate::wire::agents::{Agent, AgentConfig};

#[derive(Debug, Subcommand)]
pub(crate) enum AgentVerb {
    /// List the deployed agents
    List,
    /// Show an agent
    Show {
        /// Name of the agent
        agent: AgentName,
    },
    Config(Box<Configure>),
    Env(AgentEnv),
    /// List the versions of an agent, make, show, describe, activate, and delete one
    #[command(subcommand)]
    Version(VersionVerb),
    Files(Files),
    Put(Put),
    #[command(name = "rm")]
    Remove(Remove),
    /// Delete an agent
    Delete {
        /// Name of the agent
        agent: AgentName,
    },
}

pub(crate) async fn run(context: &mut Context, verb: AgentVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = &*context;
    match verb {
        AgentVerb::Config(configure) => config::configure(context, *configure).await,
        AgentVerb::Env(env) => config::env(context, env).await,
        AgentVerb::Version(verb) => version::run(context, verb).await,
        AgentVerb::Files(asked) => files::run(context, asked).await,
        AgentVerb::Put(put) => files::put(context, put).await,
        AgentVerb::Remove(remove) => files::remove(context, remove).await,
        AgentVerb::List => {
            let answer = server.get("/api/agents").await?;
            output.list(&answer, "agents", id, |agents| table(agents, output))
        }
        AgentVerb::Show { agent } => {
            let answer = server.get(&format!("/api/agents/{agent}")).await?;
            output.one(&answer, "agent", id, |agent| output.table(details(&agent, output.times)))
        }
        AgentVerb::Delete { agent } => {
            let answer = server.call(Method::DELETE, &format!("/api/agents/{agent}")).await?;
            match output.format {
                Format::Table => output.line(&format!("Deleted agent \"{agent}\"")),
                Format::Id => output.line(agent.as_str()),
                Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
            }
        }
    }
}

/// Columns of the list that are shown unless all are asked for.
const NARROW_COLUMNS: usize = 5;

fn id(agent: &Agent) -> String {
    agent.name.to_string()
}

fn table(agents: Vec<Agent>, output: &Output) -> Table {
    let names = ["NAME", "VERSION", "FILES", "SIZE", "DEPLOYED", "CREATED", "ID", "DIGEST"];
    let shown = if output.is_wide() { names.len() } else { NARROW_COLUMNS };
    let mut table = columns(names.into_iter().take(shown));
    for agent in agents {
        let cells = [
            agent.name.to_string(),
            agent.version.to_string(),
            agent.files.to_string(),
            HumanBytes(agent.bytes).to_string(),
            output.times.show(agent.updated_at),
            output.times.show(agent.created_at),
            agent.id.to_string(),
            cell(&agent.digest),
        ];
        table.add_row(cells.into_iter().take(shown));
    }
    table
}

fn details(agent: &Agent, times: Times) -> Table {
    let environment: Vec<&str> = agent.env.keys().map(String::as_str).collect();
    let hosts: Vec<&str> = agent.allowed_hosts.iter().map(String::as_str).collect();
    let presets = presets(&agent.config);
    let mut table = Table::new();
    table
        .add_row(["name", agent.name.as_str()])
        .add_row(["id", &agent.id.to_string()])
        .add_row(["version", &agent.version.to_string()])
        .add_row(["digest", &cell(&agent.digest)])
        .add_row(["files", &agent.files.to_string()])
        .add_row(["size", &HumanBytes(agent.bytes).to_string()])
        .add_row(["path", &cell(&agent.path)])
        .add_row(["environment", &list_or_dash(&environment)])
        .add_row(["hosts", &list_or_dash(&hosts)])
        .add_row(["limits", &listed(&agent.limits)])
        .add_row(["config", &list_or_dash(&presets.iter().map(String::as_str).collect::<Vec<_>>())])
        .add_row(["created", &times.show(agent.created_at)])
        .add_row(["deployed", &times.show(agent.updated_at)]);
    table
}

/// The names of what an agent presets.
fn presets(config: &AgentConfig) -> Vec<String> {
    match serde_json::to_value(config) {
        Ok(serde_json::Value::Object(members)) => {
            members.into_iter().map(|(name, _)| name).collect()
        }
        Ok(_) | Err(_) => Vec::new(),
    }
}

/// Several names in a cell.
pub(crate) fn list_or_dash(names: &[&str]) -> String {
    if names.is_empty() { "-".to_owned() } else { cell(&names.join(", ")) }
}
