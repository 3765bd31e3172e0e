//! `ashctl agent config` and `env`: what an agent presets for its sessions, and their variables.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use http::Method;
use serde_json::{Map, Value};

use crate::ctl::Context;
use crate::ctl::dotenv::Assignment;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, cell};
use crate::ctl::server::{understand, whole};
use crate::ctl::session::configure::Changes;
use crate::ctl::session::create::read_mcp_servers;
use crate::id::AgentName;
use crate::wire::agents::{Agent, AgentConfig, AgentEnvelope, ChangeAgent, ConfigEnvelope};

/// Show the options that an agent presets for its sessions, or change them
///
/// They hold for sessions that are created from now on, where their creation does not say otherwise. What
/// is not named stays. A list that is given replaces the one there was.
#[derive(Debug, Args)]
pub(crate) struct Configure {
    /// Name of the agent
    agent: AgentName,
    #[command(flatten)]
    changes: Changes,
    /// JSON file with MCP servers, shaped as `.mcp.json`
    #[arg(long, value_name = "FILE", conflicts_with = "unset_mcp_servers")]
    mcp_servers: Option<PathBuf>,
    /// No MCP servers beside those of the agent's folder
    #[arg(long)]
    unset_mcp_servers: bool,
}

/// List the variables of an agent's sessions, or change them for those to come
#[derive(Debug, Args)]
pub(crate) struct AgentEnv {
    /// Name of the agent
    agent: AgentName,
    /// Variable that is added or replaced; a name alone takes the value that ashctl has
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<Assignment>,
    /// Variable that is taken away; may be given again
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
    /// Take all away that are not named
    #[arg(long)]
    clear: bool,
}

pub(super) async fn configure(context: &Context, configure: Configure) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let target = format!("/api/agents/{}/config", configure.agent);
    let mut change = members(&configure.changes.into_request()?);
    if let Some(file) = &configure.mcp_servers {
        let servers = serde_json::to_value(read_mcp_servers(file)?);
        change.insert("mcpServers".to_owned(), servers.expect("servers have a JSON form"));
    } else if configure.unset_mcp_servers {
        change.insert("mcpServers".to_owned(), Value::Null);
    }
    let answer = if change.is_empty() {
        server.get(&target).await?
    } else {
        whole(server.say(Method::PATCH, &target, &change).await?).await?
    };
    if output.format != Format::Table {
        return output.one(&answer, "config", |_: &Value| String::new(), |_| Ok(()));
    }
    if !change.is_empty() {
        return output.line(&format!("Configured agent \"{}\"", configure.agent));
    }
    let config: ConfigEnvelope = understand(&answer)?;
    let mut table = comfy_table::Table::new();
    for (name, value) in members::<AgentConfig>(&config.config) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        table.add_row([name, cell(&text)]);
    }
    output.table(table)
}

fn members<T: serde::Serialize>(options: &T) -> Map<String, Value> {
    match serde_json::to_value(options) {
        Ok(Value::Object(members)) => members,
        Ok(_) | Err(_) => Map::new(),
    }
}

pub(super) async fn env(context: &Context, asked: AgentEnv) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let target = format!("/api/agents/{}", asked.agent);
    let mut answer = server.get(&target).await?;
    if asked.clear || !asked.env.is_empty() || !asked.unset.is_empty() {
        // Values come masked, and a mask stands for what there is.
        let agent: AgentEnvelope = understand(&answer)?;
        let mut env = if asked.clear { BTreeMap::new() } else { agent.agent.env };
        for name in &asked.unset {
            if env.remove(name).is_none() {
                return Err(Failure::usage(format!("the agent has no variable `{name}`")));
            }
        }
        for assignment in asked.env {
            let (name, value) = assignment.into_pair()?;
            env.insert(name, value);
        }
        let change = ChangeAgent { env: Some(env), ..ChangeAgent::default() };
        answer = whole(server.say(Method::PATCH, &target, &change).await?).await?;
    }
    let name = |agent: &Agent| agent.name.to_string();
    output.one(&answer, "agent", name, |agent| {
        agent.env.keys().try_for_each(|variable| output.line(&cell(variable)))
    })
}
