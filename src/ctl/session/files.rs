//! `ashctl session files`: the files of a workspace, and the content of one.

use clap::Args;
use http::Method;
use indicatif::HumanBytes;

use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, cell, columns, warn};
use crate::ctl::prefix::resolve;
use crate::ctl::server::{encode_path, request, understand};
use crate::id::SessionId;
use crate::web::client::{Patience, empty};
use crate::wire::workspace::{WorkspaceFile, WorkspaceFiles};

/// List the files of a session's workspace, or print one
#[derive(Debug, Args)]
pub(crate) struct Files {
    /// Id of the session, or its first characters
    session: String,
    /// File to print, as the list names it
    path: Option<String>,
}

pub(super) async fn run(context: &mut Context, files: Files) -> Result<(), Failure> {
    let session = resolve(&context.server, &files.session).await?;
    match files.path {
        None => list(context, session).await,
        Some(path) => print(context, session, &path).await,
    }
}

async fn list(context: &Context, session: SessionId) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = server.get(&format!("/api/sessions/{session}/files")).await?;
    output.list(
        &answer,
        "files",
        |file: &WorkspaceFile| file.path.clone(),
        |files| {
            let mut table = columns(["SIZE", "MODIFIED", "PATH"]);
            for file in files {
                table.add_row([
                    HumanBytes(file.size).to_string(),
                    output.times.show(file.modified_at),
                    cell(&file.path),
                ]);
            }
            table
        },
    )?;
    if output.format != Format::Json && understand::<WorkspaceFiles>(&answer)?.truncated {
        warn("the workspace has more files than are listed");
    }
    Ok(())
}

async fn print(context: &mut Context, session: SessionId, path: &str) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let target = format!("/api/sessions/{session}/files/{}", encode_path(path));
    match output.format {
        Format::Id => output.line(&cell(path)),
        Format::Json | Format::Jsonl => {
            let answer = server.get(&format!("{target}?format=json")).await?;
            output.json(&String::from_utf8_lossy(&answer))
        }
        Format::Table => {
            let request = request(Method::GET, &format!("{target}?format=raw"), empty());
            let mut answer = server.open(request, Patience::Answer).await?;
            while let Some(chunk) = answer.chunk().await.map_err(|error| {
                let mut failure = Failure::from(error);
                failure.text.push_str("; what was printed is not the whole file");
                failure
            })? {
                output.bytes(&chunk)?;
            }
            Ok(())
        }
    }
}
