//! `ashctl db`: a copy of the database, and whether it is sound.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use http::Method;
use indicatif::HumanBytes;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{Format, Output, cell};
use super::server::{request, understand, whole};
use crate::chain::chain;
use crate::store::{Finding, check_file};
use crate::web::client::{Patience, empty};
use crate::wire::database::{DatabaseCheck, DatabaseFinding};

/// What every SQLite database begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";

#[derive(Debug, Subcommand)]
pub(crate) enum DatabaseVerb {
    Backup(BackUp),
    Check(Check),
}

/// Copy the database as it is now, while ashd runs, into a new file
///
/// The copy has everything that sessions said and their variables, in clear text; only its owner
/// may read it.
#[derive(Debug, Args)]
pub(crate) struct BackUp {
    /// File to make; one that exists is not written over
    file: PathBuf,
}

/// Check whether the database is sound, that of ashd or that in a file
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Database to read itself, e.g. a backup, instead of asking ashd
    file: Option<PathBuf>,
}

pub(crate) async fn run(context: &Context, verb: DatabaseVerb) -> Result<(), Failure> {
    match verb {
        DatabaseVerb::Backup(backup) => back_up(context, &backup.file).await,
        DatabaseVerb::Check(check) => self::check(context, check.file).await,
    }
}

/// A half of a copy never has the name of the whole.
struct Draft {
    path: PathBuf,
    file: File,
}

impl Draft {
    fn new(target: &Path) -> io::Result<Self> {
        let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let mut draft = name.to_owned();
        draft.push(format!(".{}.partial", std::process::id()));
        let path = target.with_file_name(draft);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }

    /// Gives it its name if nothing has that by now.
    fn finish(&self, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::hard_link(&self.path, target)?;
        let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.path);
    }
}

async fn back_up(context: &Context, target: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let text = format!("`{}` cannot be written: {error}", target.display());
        Failure::new(Exit::Failure, text)
    };
    if fs::symlink_metadata(target).is_ok() {
        return Err(Failure::usage(format!("`{}` exists already", target.display()))
            .hint("a backup is never written over another file: choose a new name"));
    }
    let mut draft = Draft::new(target).map_err(failed)?;
    let request = request(Method::GET, "/api/database/backup", empty());
    let mut answer = context.server.open(request, Patience::Work).await?;
    let (mut bytes, mut start) = (0_u64, Vec::new());
    while let Some(chunk) = answer.chunk().await? {
        let missing = MAGIC.len().saturating_sub(start.len()).min(chunk.len());
        start.extend_from_slice(&chunk[..missing]);
        draft.file.write_all(&chunk).map_err(failed)?;
        bytes += chunk.len() as u64;
    }
    if start != MAGIC {
        return Err(Failure::new(Exit::Failure, "the server sent something else than a database"));
    }
    draft.finish(target).map_err(failed)?;
    let output = &context.output;
    let path = cell(&target.display().to_string());
    match output.format {
        Format::Table => {
            output.line(&format!("Backed up the database to {path}, {}", HumanBytes(bytes)))
        }
        Format::Id => output.line(&path),
        Format::Json | Format::Jsonl => {
            let told = serde_json::json!({ "path": target, "bytes": bytes });
            output.json(&told.to_string())
        }
    }
}

async fn check(context: &Context, file: Option<PathBuf>) -> Result<(), Failure> {
    let answer = match file {
        None => {
            let request = request(Method::GET, "/api/database/check", empty());
            whole(context.server.open(request, Patience::Work).await?).await?
        }
        Some(file) => serde_json::to_vec(&read(&file)?).expect("it has a JSON form").into(),
    };
    let checked: DatabaseCheck = understand(&answer)?;
    tell(&context.output, &answer, &checked)?;
    if checked.sound {
        return Ok(());
    }
    let count = checked.findings.len();
    let findings = if count == 1 { "finding" } else { "findings" };
    Err(Failure::new(Exit::Failure, format!("the database is not sound: {count} {findings}")))
}

fn read(file: &Path) -> Result<DatabaseCheck, Failure> {
    let checked = check_file(file).map_err(|error| {
        Failure::new(Exit::Failure, format!("`{}`: {}", file.display(), chain(&error)))
    })?;
    let finding = |found: Finding| DatabaseFinding {
        kind: found.kind.as_str().to_owned(),
        session_id: found.session,
        text: found.text,
        hint: found.kind.hint().to_owned(),
    };
    Ok(DatabaseCheck {
        sound: checked.findings.is_empty(),
        schema: checked.schema,
        sessions: checked.sessions,
        turns: checked.turns,
        frames: checked.frames,
        bytes: checked.bytes,
        findings: checked.findings.into_iter().map(finding).collect(),
    })
}

fn tell(output: &Output, answer: &[u8], checked: &DatabaseCheck) -> Result<(), Failure> {
    match output.format {
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(answer)),
        Format::Id => {
            checked.findings.iter().try_for_each(|finding| output.line(&cell(&finding.kind)))
        }
        Format::Table => {
            for finding in &checked.findings {
                let place = finding.session_id.as_ref();
                let place = place.map_or_else(String::new, |id| format!("session {}: ", cell(id)));
                output.line(&format!("{}: {place}{}", cell(&finding.kind), cell(&finding.text)))?;
                output.line(&format!("    {}", cell(&finding.hint)))?;
            }
            let DatabaseCheck { schema, sessions, turns, frames, bytes, .. } = checked;
            if !checked.sound {
                return Ok(());
            }
            output.line(&format!(
                "The database is sound: schema {schema}, {sessions} sessions, {turns} turns, {frames} frames, {}",
                HumanBytes(*bytes)
            ))
        }
    }
}
