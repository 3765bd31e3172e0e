//! `ashctl session put`, `rm`, `pull` and `push`: files into a workspace and out of it.

use std::path::{Path, PathBuf};

use clap::Args;
use http::Method;
use indicatif::HumanBytes;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

use super::with_query;
use crate::ctl::Context;
use crate::ctl::exit::Exit;
use crate::ctl::failure::Failure;
use crate::ctl::prefix::resolve;
use crate::ctl::server::{encode_path, request, understand};
use crate::web::client::{Patience, empty, streamed};

/// Largest answer, in bytes: a few members.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Write a file into the workspace of a session
#[derive(Debug, Args)]
pub(crate) struct Put {
    /// Id of the session, or its first characters
    session: String,
    /// File to send; `-` for the standard input
    file: PathBuf,
    /// Its path in the workspace; without it the file's own name
    path: Option<String>,
    /// Make it executable
    #[arg(short = 'x', long)]
    executable: bool,
}

/// Remove files from the workspace of a session
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Id of the session, or its first characters
    session: String,
    /// Files to remove
    #[arg(required = true)]
    paths: Vec<String>,
}

/// Save the workspace of a session as a tar archive in gzip
#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Id of the session, or its first characters
    session: String,
    /// File to write; `-` for the standard output
    file: PathBuf,
}

/// Replace the workspace of a session by a tar archive
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// Id of the session, or its first characters
    session: String,
    /// Archive to send, plain, in gzip or in zstd; `-` for the standard input
    file: PathBuf,
    /// Keep what the archive does not have
    #[arg(long)]
    keep: bool,
}

#[derive(Deserialize)]
struct Unpacked {
    files: u64,
    bytes: u64,
}

pub(super) async fn put(context: &Context, put: Put) -> Result<(), Failure> {
    let session = resolve(&context.server, &put.session).await?;
    let path = match (put.path, put.file.file_name().and_then(|name| name.to_str())) {
        (Some(path), _) => path,
        (None, Some(name)) if name != "-" => name.to_owned(),
        (None, _) => return Err(Failure::usage("say which path the file is to have")),
    };
    let query = if put.executable { vec!["executable=true".to_owned()] } else { vec![] };
    let target = format!("/api/sessions/{session}/files/{}", encode_path(&path));
    let answer = send(context, &with_query(&target, &query), &put.file).await?;
    drop(answer);
    context.output.line(&format!("Wrote {path}"))
}

pub(super) async fn remove(context: &Context, remove: Remove) -> Result<(), Failure> {
    let session = resolve(&context.server, &remove.session).await?;
    for path in remove.paths {
        let target = format!("/api/sessions/{session}/files/{}", encode_path(&path));
        context.server.call(Method::DELETE, &target).await?;
        context.output.line(&format!("Removed {path}"))?;
    }
    Ok(())
}

pub(super) async fn pull(context: &mut Context, pull: Pull) -> Result<(), Failure> {
    let session = resolve(&context.server, &pull.session).await?;
    let request = request(Method::GET, &format!("/api/sessions/{session}/workspace"), empty());
    let mut answer = context.server.open(request, Patience::Answer).await?;
    let failed = |error: std::io::Error| {
        let file = pull.file.display();
        Failure::new(Exit::Failure, format!("`{file}` cannot be written: {error}"))
    };
    let mut file = match pull.file.to_str() {
        Some("-") => None,
        _ => Some(tokio::fs::File::create(&pull.file).await.map_err(failed)?),
    };
    while let Some(chunk) = answer.chunk().await? {
        match &mut file {
            Some(file) => file.write_all(&chunk).await.map_err(failed)?,
            None => context.output.bytes(&chunk)?,
        }
    }
    if let Some(mut file) = file {
        file.flush().await.map_err(failed)?;
    }
    Ok(())
}

pub(super) async fn push(context: &Context, push: Push) -> Result<(), Failure> {
    let session = resolve(&context.server, &push.session).await?;
    let query = if push.keep { vec!["keep=true".to_owned()] } else { vec![] };
    let target = with_query(&format!("/api/sessions/{session}/workspace"), &query);
    let answer = send(context, &target, &push.file).await?;
    let Unpacked { files, bytes } = understand(&answer)?;
    context.output.line(&format!("Unpacked {files} files, {}", HumanBytes(bytes)))
}

async fn send(context: &Context, target: &str, file: &Path) -> Result<bytes::Bytes, Failure> {
    let path = if file.to_str() == Some("-") { Path::new("/dev/stdin") } else { file };
    let opened = tokio::fs::File::open(path)
        .await
        .map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", file.display())))?;
    let body = streamed(ReaderStream::new(opened));
    let answer = context.server.open(request(Method::PUT, target, body), Patience::Answer).await?;
    Ok(answer.bytes(ANSWER_BYTES_MAX).await?)
}
