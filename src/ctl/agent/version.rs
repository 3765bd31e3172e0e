//! `ashctl agent version`: the versions of an agent.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comfy_table::Table;
use http::Method;
use indicatif::HumanBytes;

use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, Times, cell, columns, optional};
use crate::ctl::server::{encode_path, whole};
use crate::ctl::session::create::read_text;
use crate::id::AgentName;
use crate::wire::agents::{AgentVersion, ChangeVersion, CreateVersion, NumberOrId};

#[derive(Debug, Subcommand)]
pub(crate) enum VersionVerb {
    /// List the versions of an agent, newest first
    List {
        /// Name of the agent
        agent: AgentName,
    },
    /// Show a version
    Show(Which),
    Create(Create),
    Describe(Describe),
    /// Give new sessions this version; also the way back to an older one
    Activate(Which),
    /// Delete a version that is not active; sessions of it go on
    Delete(Which),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Name of the agent
    agent: AgentName,
    /// Number or id of the version
    version: String,
}

/// Make a version from the files of another, beside the active one
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Name of the agent
    agent: AgentName,
    /// Version whose files it gets, instead of the active one
    #[arg(long, value_name = "VERSION")]
    from: Option<String>,
    /// File that becomes its CLAUDE.md
    #[arg(long, value_name = "FILE")]
    prompt_file: Option<PathBuf>,
    /// Name of the version
    #[arg(long)]
    name: Option<String>,
    /// What is new in it
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
    /// Activate it
    #[arg(long)]
    activate: bool,
}

/// Change what is told of a version
#[derive(Debug, Args)]
pub(crate) struct Describe {
    #[command(flatten)]
    which: Which,
    /// Name of the version; empty for none
    #[arg(long)]
    name: Option<String>,
    /// What is new in it; empty for nothing
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
}

/// A number, or the id that it is else.
pub(crate) fn number_or_id(text: &str) -> NumberOrId {
    text.parse().map_or_else(|_no_number| NumberOrId::Text(text.to_owned()), NumberOrId::Number)
}

pub(super) async fn run(context: &Context, verb: VersionVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    match verb {
        VersionVerb::List { agent } => {
            let answer = server.get(&format!("/api/agents/{agent}/versions")).await?;
            output.list(&answer, "versions", id, |versions| table(versions, output.times))
        }
        VersionVerb::Show(which) => {
            let answer = server.get(&target(&which)).await?;
            output.one(&answer, "version", id, |version| {
                output.table(details(&version, output.times))
            })
        }
        VersionVerb::Create(create) => make(context, create).await,
        VersionVerb::Describe(Describe { which, name, notes }) => {
            let change = ChangeVersion {
                name: name.map(|name| Some(name).filter(|name| !name.is_empty())),
                release_notes: notes.map(|notes| Some(notes).filter(|notes| !notes.is_empty())),
                ..ChangeVersion::default()
            };
            if change == ChangeVersion::default() {
                return Err(Failure::usage("nothing is to be changed: name an option"));
            }
            let answer = server.say(Method::PATCH, &target(&which), &change).await?;
            output.one(&whole(answer).await?, "version", id, |version: AgentVersion| {
                output.line(&format!("Changed version {}", version.version_number))
            })
        }
        VersionVerb::Activate(which) => activate(context, &which).await,
        VersionVerb::Delete(which) => {
            let answer = server.call(Method::DELETE, &target(&which)).await?;
            match output.format {
                Format::Table => output.line(&format!("Deleted version {}", which.version)),
                Format::Id => output.line(&cell(&which.version)),
                Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
            }
        }
    }
}

async fn make(context: &Context, create: Create) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let request = CreateVersion {
        name: create.name,
        system_prompt: create.prompt_file.as_deref().map(read_text).transpose()?,
        release_notes: create.notes,
        knowledge_files: None,
        clone_from: create.from.as_deref().map(number_or_id),
    };
    let target = format!("/api/agents/{}/versions", create.agent);
    let answer = whole(server.post(&target, &request).await?).await?;
    let mut made = None;
    output.one(&answer, "version", id, |version: AgentVersion| {
        output.line(&format!("Made version {}", version.version_number))
    })?;
    if create.activate {
        let version: crate::wire::agents::VersionEnvelope =
            crate::ctl::server::understand(&answer)?;
        made = Some(version.version.version_number.to_string());
    }
    match made {
        Some(version) => activate(context, &Which { agent: create.agent, version }).await,
        None => Ok(()),
    }
}

async fn activate(context: &Context, which: &Which) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = server.call(Method::POST, &format!("{}/activate", target(which))).await?;
    match output.format {
        Format::Table => output.line(&format!(
            "Agent \"{}\" gives new sessions version {}",
            which.agent, which.version
        )),
        Format::Id => output.line(&cell(&which.version)),
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
    }
}

fn target(which: &Which) -> String {
    format!("/api/agents/{}/versions/{}", which.agent, encode_path(&which.version))
}

fn id(version: &AgentVersion) -> String {
    version.version_number.to_string()
}

fn table(versions: Vec<AgentVersion>, times: Times) -> Table {
    let mut table = columns(["VERSION", "ACTIVE", "NAME", "FILES", "SIZE", "MADE"]);
    for version in versions {
        table.add_row([
            version.version_number.to_string(),
            if version.is_active { "yes" } else { "" }.to_owned(),
            optional(version.name.as_deref()),
            version.files.to_string(),
            HumanBytes(version.bytes).to_string(),
            times.show(version.created_at),
        ]);
    }
    table
}

fn details(version: &AgentVersion, times: Times) -> Table {
    let mut table = Table::new();
    table
        .add_row(["version", &version.version_number.to_string()])
        .add_row(["id", &version.id.to_string()])
        .add_row(["active", if version.is_active { "yes" } else { "no" }])
        .add_row(["name", &optional(version.name.as_deref())])
        .add_row(["notes", &optional(version.release_notes.as_deref())])
        .add_row(["digest", &cell(&version.digest)])
        .add_row(["files", &version.files.to_string()])
        .add_row(["size", &HumanBytes(version.bytes).to_string()])
        .add_row(["made by", &optional(version.created_by.as_deref())])
        .add_row(["made", &times.show(version.created_at)])
        .add_row(["described", &times.show(version.updated_at)]);
    table
}
