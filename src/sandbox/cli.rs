//! The Claude Code CLI of this host: found, judged, its version read. It is not Ash's to ship.

use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::os::process;

/// The oldest version that this Ash was tested with.
pub(crate) const VERSION_MIN: [u32; 3] = [2, 1, 197];

/// How long `claude --version` may take: 0.4 s on a quiet machine, and seconds on a busy one.
const VERSION_DEADLINE: Duration = Duration::from_secs(30);

/// Most bytes read of what `claude --version` prints.
const VERSION_BYTES_MAX: u64 = 4096;

/// Where a CLI is looked for when none is configured, in this order.
const PLACES: [&str; 8] = [
    "/usr/local/bin/claude",
    "/usr/bin/claude",
    "/opt/ash/claude/claude",
    "/usr/local/lib/node_modules/@anthropic-ai/claude-code-linux-x64/claude",
    "/usr/local/lib/node_modules/@anthropic-ai/claude-code/node_modules/@anthropic-ai/claude-code-linux-x64/claude",
    "/usr/lib/node_modules/@anthropic-ai/claude-code-linux-x64/claude",
    "/usr/lib/node_modules/@anthropic-ai/claude-code/node_modules/@anthropic-ai/claude-code-linux-x64/claude",
    "/var/lib/ash/.local/bin/claude",
];

/// How to get one; ends the messages below.
const INSTALL: &str = "install it with `npm install -g @anthropic-ai/claude-code`, or set CLAUDE_CODE_EXECUTABLE or `[claude] path`";

/// Why no session can start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CliError {
    #[error("Claude Code was not found in {}; {INSTALL}", PLACES.join(", "))]
    NotFound,
    #[error("there is no Claude Code at `{path}`; {INSTALL}")]
    Missing { path: PathBuf },
    #[error("`{path}` may not be executed; run `chmod +x` on it, or name another one")]
    NotExecutable { path: PathBuf },
    #[error(
        "`{path}` is not the native program but a script; name the `claude` of the package @anthropic-ai/claude-code-linux-x64"
    )]
    NotNative { path: PathBuf },
    #[error("`{path}` cannot be read: {reason}")]
    Unreadable { path: PathBuf, reason: String },
    #[error("`{path} --version` did not answer: {reason}")]
    Silent { path: PathBuf, reason: String },
    #[error(
        "Claude Code {found} at `{path}` is too old, {} is the oldest supported; update it",
        dotted(VERSION_MIN)
    )]
    TooOld { path: PathBuf, found: String },
}

/// A CLI that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cli {
    pub(crate) path: PathBuf,
    pub(crate) version: String,
}

/// Identity of a file: an upgrade changes it, and then the version is read anew.
type Identity = (u64, u64, i64);

/// What was found at a file.
type Known = (Identity, Result<Cli, CliError>);

/// Finds the CLI when asked, and remembers what it found for as long as the file is the same.
#[derive(Debug, Clone)]
pub(crate) struct CliFinder {
    configured: Option<PathBuf>,
    known: Arc<Mutex<Option<Known>>>,
    /// One reader of the version at a time.
    reading: Arc<tokio::sync::Mutex<()>>,
}

impl CliFinder {
    pub(crate) fn new(configured: Option<PathBuf>) -> Self {
        Self { configured, known: Arc::default(), reading: Arc::default() }
    }

    pub(crate) async fn find(&self) -> Result<Cli, CliError> {
        let (path, identity) = self.locate()?;
        if let Some(known) = self.known(identity) {
            return known;
        }
        let _one = self.reading.lock().await;
        if let Some(known) = self.known(identity) {
            return known;
        }
        let found = read_version(&path).await;
        // A CLI that did not answer may do so next time.
        if !matches!(found, Err(CliError::Silent { .. })) {
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((identity, found.clone()));
        }
        found
    }

    fn known(&self, identity: Identity) -> Option<Result<Cli, CliError>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(of, _)| *of == identity).map(|(_, found)| found.clone())
    }

    /// Where it is, without starting it.
    pub(crate) fn path(&self) -> Result<PathBuf, CliError> {
        self.locate().map(|(path, _identity)| path)
    }

    fn locate(&self) -> Result<(PathBuf, Identity), CliError> {
        let path = match &self.configured {
            Some(path) => path.clone(),
            None => PLACES
                .iter()
                .map(PathBuf::from)
                .find(|path| path.exists())
                .ok_or(CliError::NotFound)?,
        };
        judge(&path)
    }
}

/// Follows links to the file itself: that is what is bound into a sandbox.
fn judge(path: &Path) -> Result<(PathBuf, Identity), CliError> {
    let unreadable = |path: &Path, error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => CliError::Missing { path: path.to_owned() },
        _ => CliError::Unreadable { path: path.to_owned(), reason: error.to_string() },
    };
    let path = path.canonicalize().map_err(|error| unreadable(path, &error))?;
    let mut file = std::fs::File::open(&path).map_err(|error| unreadable(&path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(&path, &error))?;
    if !metadata.is_file() {
        return Err(CliError::Missing { path });
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(CliError::NotExecutable { path });
    }
    let mut magic = [0; 4];
    match file.read_exact(&mut magic) {
        Ok(()) if magic == *b"\x7fELF" => {}
        Ok(()) | Err(_) => return Err(CliError::NotNative { path }),
    }
    Ok((path, (metadata.dev(), metadata.ino(), metadata.mtime())))
}

async fn read_version(path: &Path) -> Result<Cli, CliError> {
    let silent = |reason: String| CliError::Silent { path: path.to_owned(), reason };
    let command = process::command(path, ["--version"]);
    let answer = process::ask(command, VERSION_BYTES_MAX, VERSION_DEADLINE)
        .await
        .map_err(|error| silent(crate::chain::chain(&error)))?;
    if !answer.status.success() {
        let said = String::from_utf8_lossy(&answer.stderr);
        return Err(silent(format!("it ended with {}: {}", answer.status, said.trim())));
    }
    let text = String::from_utf8_lossy(&answer.stdout);
    let version = text.split_whitespace().next().unwrap_or_default();
    match parse(version) {
        None => {
            let errors = String::from_utf8_lossy(&answer.stderr);
            let said = if text.trim().is_empty() { errors } else { text };
            let said: String = said.chars().take(80).collect();
            Err(silent(format!("it ended with {} and printed {said:?}", answer.status)))
        }
        Some(found) if found < VERSION_MIN => {
            Err(CliError::TooOld { path: path.to_owned(), found: version.to_owned() })
        }
        Some(_) => Ok(Cli { path: path.to_owned(), version: version.to_owned() }),
    }
}

fn parse(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.split(['.', '-', '+']);
    let mut next = || parts.next()?.parse().ok();
    Some([next()?, next()?, next()?])
}

fn dotted(version: [u32; 3]) -> String {
    version.map(|part| part.to_string()).join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claude");
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn what_cannot_be_the_cli_is_told_apart() {
        let (_kept, script) = written(b"#!/usr/bin/env node\n", 0o755);
        assert!(matches!(judge(&script), Err(CliError::NotNative { .. })));
        let (_kept, empty) = written(b"", 0o755);
        assert!(matches!(judge(&empty), Err(CliError::NotNative { .. })));
        let (folder, plain) = written(b"\x7fELF....", 0o644);
        assert!(matches!(judge(&plain), Err(CliError::NotExecutable { .. })));
        assert!(matches!(judge(&folder.path().join("none")), Err(CliError::Missing { .. })));
        assert!(matches!(judge(folder.path()), Err(CliError::Missing { .. })));
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parse("2.1.330"), Some([2, 1, 330]));
        assert!(parse("2.1.99") < Some(VERSION_MIN));
        assert!(parse("2.10.0-beta.1") > Some(VERSION_MIN));
        assert_eq!(parse("v2"), None);
    }

    #[tokio::test]
    async fn a_program_that_is_no_cli_is_silent() {
        let error = CliFinder::new(Some("/bin/true".into())).find().await.unwrap_err();
        assert!(matches!(error, CliError::Silent { .. }), "{error:?}");
    }
}
