//! What `.ashignore` leaves out, in the syntax of `.gitignore`. A file rules its directory and
//! everything below; a deeper one may say otherwise. Nothing else is skipped: neither hidden
//! files nor what git ignores.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::os::fs::Root;

use super::error::AgentError;
use super::path::shown;

/// The file of rules. It is deployed like any other, so that a version can be deployed again
/// with the same result; it may name itself.
pub(super) const FILE_NAME: &str = ".ashignore";

/// Largest file of rules: a long one has a few kilobytes, and each line costs a compiled glob.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// The rules in force where the walk stands, outermost first.
#[derive(Debug, Default)]
pub(super) struct Rules {
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    directory: PathBuf,
    globs: Gitignore,
}

impl Rules {
    /// Adds the rules of `directory`, which lies at `path` in the folder.
    pub(super) fn enter(&mut self, directory: &Root, path: &Path) -> Result<(), AgentError> {
        let file_path = path.join(FILE_NAME);
        let name = || shown(file_path.as_os_str().as_encoded_bytes());
        let refuse = |reason: String| AgentError::IgnoreFile { path: name(), reason };
        let file = directory
            .open_file(Path::new(FILE_NAME))
            .map_err(|source| AgentError::io("read", &file_path, source))?;
        let mut text = String::new();
        let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
        read.map_err(|error| refuse(error.to_string()))?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(refuse(format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        // Globs are matched against paths relative to the directory, hence the empty root.
        let mut builder = GitignoreBuilder::new("");
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            builder
                .add_line(None, line)
                .map_err(|error| refuse(format!("line {}: {error}", index + 1)))?;
        }
        let globs = builder.build().map_err(|error| refuse(error.to_string()))?;
        self.levels.push(Level { directory: path.to_owned(), globs });
        Ok(())
    }

    /// Takes back the latest [`Rules::enter`].
    pub(super) fn leave(&mut self) {
        self.levels.pop();
    }

    /// The deepest file of rules with an opinion decides.
    pub(super) fn ignores(&self, path: &Path, is_directory: bool) -> bool {
        for level in self.levels.iter().rev() {
            let relative = path.strip_prefix(&level.directory).unwrap_or(path);
            match level.globs.matched(relative, is_directory) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        false
    }
}
