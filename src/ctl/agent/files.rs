//! `ashctl agent files`, `put` and `rm`: the files of an agent. What changes them makes a version.

use std::io::Read as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use http::Method;
use indicatif::HumanBytes;

use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, cell, columns};
use crate::ctl::server::{encode_path, request, understand, whole};
use crate::id::AgentName;
use crate::web::client::{Patience, empty};
use crate::wire::agents::{Agent, AgentEnvelope, AgentFile, WriteAgentFiles};
use crate::wire::workspace::WorkspaceFile;

/// List the files of an agent, or print one
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Name of the agent
    agent: AgentName,
    /// File to print, as the list names it
    path: Option<String>,
    /// Of this version, by its number or id, instead of the active one
    #[arg(long, value_name = "VERSION")]
    of: Option<String>,
}

/// Write a file of an agent, which makes its next version
#[derive(Debug, Args)]
pub(crate) struct Put {
    /// Name of the agent
    agent: AgentName,
    /// File to send; `-` for the standard input
    file: PathBuf,
    /// Its path in the agent's folder; without it the file's own name
    path: Option<String>,
    /// Make it executable
    #[arg(short = 'x', long)]
    executable: bool,
}

/// Remove a file of an agent, which makes its next version
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Name of the agent
    agent: AgentName,
    /// File to remove
    path: String,
}

pub(super) async fn run(context: &mut Context, files: Files) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let of = files.of.as_deref().map(encode_path);
    let version = of.map(|version| format!("&version={version}")).unwrap_or_default();
    let target = format!("/api/agents/{}/files", files.agent);
    let Some(path) = &files.path else {
        let query = version.strip_prefix('&').map(|query| format!("?{query}")).unwrap_or_default();
        let answer = server.get(&format!("{target}{query}")).await?;
        let times = output.times;
        let id = |file: &WorkspaceFile| file.path.clone();
        return output.list(&answer, "files", id, |files| {
            let mut table = columns(["SIZE", "MODIFIED", "PATH"]);
            for file in files {
                let size = HumanBytes(file.size).to_string();
                table.add_row([size, times.show(file.modified_at), cell(&file.path)]);
            }
            table
        });
    };
    let target = format!("{target}/{}", encode_path(path));
    match output.format {
        Format::Id => output.line(&cell(path)),
        Format::Json | Format::Jsonl => {
            let answer = server.get(&format!("{target}?format=json{version}")).await?;
            output.json(&String::from_utf8_lossy(&answer))
        }
        Format::Table => {
            let target = format!("{target}?format=raw{version}");
            let request = request(Method::GET, &target, empty());
            let mut answer = server.open(request, Patience::Answer).await?;
            while let Some(chunk) = answer.chunk().await? {
                output.bytes(&chunk)?;
            }
            Ok(())
        }
    }
}

pub(super) async fn put(context: &Context, put: Put) -> Result<(), Failure> {
    let path = match (put.path, put.file.file_name().and_then(|name| name.to_str())) {
        (Some(path), _) => path,
        (None, Some(name)) if name != "-" => name.to_owned(),
        (None, _) => return Err(Failure::usage("say which path the file is to have")),
    };
    let mut content = Vec::new();
    let read = match put.file.to_str() {
        Some("-") => std::io::stdin().lock().read_to_end(&mut content).map(drop),
        _ => std::fs::read(&put.file).map(|bytes| content = bytes),
    };
    read.map_err(|error| {
        Failure::usage(format!("`{}` cannot be read: {error}", put.file.display()))
    })?;
    let content = STANDARD.encode(content);
    let files = vec![AgentFile { path: path.clone(), content, executable: put.executable }];
    let target = format!("/api/agents/{}/files", put.agent);
    let answer = whole(context.server.post(&target, &WriteAgentFiles { files }).await?).await?;
    told(context, &answer, &format!("Wrote {path}"))
}

pub(super) async fn remove(context: &Context, remove: Remove) -> Result<(), Failure> {
    let target = format!("/api/agents/{}/files/{}", remove.agent, encode_path(&remove.path));
    let answer = context.server.call(Method::DELETE, &target).await?;
    told(context, &answer, &format!("Removed {}", remove.path))
}

/// What was done, and the version that it made.
fn told(context: &Context, answer: &[u8], done: &str) -> Result<(), Failure> {
    let output = &context.output;
    match output.format {
        Format::Table => {
            let AgentEnvelope { agent: Agent { name, version, .. } } = understand(answer)?;
            output.line(&format!("{done}: agent \"{name}\" (v{version})"))
        }
        Format::Id => output.line(&understand::<AgentEnvelope>(answer)?.agent.version.to_string()),
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(answer)),
    }
}
