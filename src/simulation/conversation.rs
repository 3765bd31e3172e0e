//! What was said: kept as the CLI keeps it, one JSON line per entry under
//! `<config>/projects/<slug of the directory>/<session-id>.jsonl`, so that `--resume` works.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::fs::{DirBuilder, File, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use uuid::Uuid;

use super::VERSION;
use super::options::{Options, Which};
use crate::clock::Timestamp;

/// Only the owner reads what was said.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// Starts the text with which the CLI marks an interrupted turn.
const INTERRUPTED: &str = "[Request interrupted by user";

/// Why a conversation cannot be led; the text is what the CLI says.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error("Error: Session ID {id} is already in use.")]
    InUse { id: String },
    #[error("No conversation found with session ID: {id}")]
    NotFound { id: String },
    #[error("cannot read the conversation {id}")]
    Unreadable { id: String, source: io::Error },
}

/// A conversation and its transcript.
#[derive(Debug)]
pub(super) struct Conversation {
    pub(super) session_id: String,
    directory: PathBuf,
    path: Option<PathBuf>,
    file: Option<File>,
    /// Entries that are not written yet, each with its newline.
    unwritten: Vec<u8>,
    /// Entries that are not mirrored yet; empty unless `mirror`.
    unmirrored: Vec<Box<RawValue>>,
    mirror: bool,
    last: Option<Uuid>,
    user_texts: Vec<String>,
    /// UUIDs of the user's messages that were taken.
    taken: HashSet<String>,
    pub(super) cost_usd: f64,
}

/// One entry as it is written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a, M> {
    parent_uuid: Option<Uuid>,
    is_sidechain: bool,
    #[serde(rename = "type")]
    kind: &'a str,
    message: &'a M,
    uuid: &'a str,
    timestamp: Timestamp,
    user_type: &'a str,
    entrypoint: &'a str,
    cwd: &'a Path,
    session_id: &'a str,
    version: &'a str,
    git_branch: &'a str,
}

/// What is read back of an entry.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Remembered {
    #[serde(rename = "type")]
    kind: String,
    uuid: Option<String>,
    message: Option<Value>,
    #[serde(default)]
    is_meta: bool,
    #[serde(rename = "totalCostUSD")]
    total_cost_usd: Option<f64>,
}

impl Conversation {
    /// Opens the conversation that the options name.
    pub(super) async fn open(options: &Options) -> Result<Self, OpenError> {
        let projects = options.config_directory.as_ref().map(|config| config.join("projects"));
        let folder = projects.as_ref().map(|all| all.join(slug(&options.directory)));
        let path = |id: &str| folder.as_ref().map(|folder| folder.join(format!("{id}.jsonl")));
        match &options.which {
            Which::New => {
                let id = Uuid::new_v4().to_string();
                let path = path(&id);
                Ok(Self::empty(id, path, options))
            }
            Which::Named(id) => {
                let path = path(id);
                if let Some(path) = &path
                    && tokio::fs::try_exists(path).await.unwrap_or(false)
                {
                    return Err(OpenError::InUse { id: id.clone() });
                }
                Ok(Self::empty(id.clone(), path, options))
            }
            Which::Resumed { what, fork } => {
                let found = find(what, projects.as_deref(), path(what)).await;
                let Some(found) = found else {
                    return Err(OpenError::NotFound { id: what.clone() });
                };
                let entries = tokio::fs::read(&found)
                    .await
                    .map_err(|source| OpenError::Unreadable { id: what.clone(), source })?;
                let own_id = found.file_stem().map(|stem| stem.to_string_lossy().into_owned());
                let mut conversation = match fork {
                    Some(id) => {
                        let mut fork = Self::empty(id.clone(), path(id), options);
                        fork.unwritten.clone_from(&entries);
                        fork
                    }
                    None => Self::empty(own_id.unwrap_or_default(), Some(found), options),
                };
                conversation.remember(&entries);
                Ok(conversation)
            }
        }
    }

    fn empty(session_id: String, path: Option<PathBuf>, options: &Options) -> Self {
        Self {
            session_id,
            directory: options.directory.clone(),
            path: path.filter(|_| options.persist),
            file: None,
            unwritten: Vec::new(),
            unmirrored: Vec::new(),
            mirror: options.mirror,
            last: None,
            user_texts: Vec::new(),
            taken: HashSet::new(),
            cost_usd: 0.0,
        }
    }

    /// Reads back what was written. A torn or foreign line is skipped.
    fn remember(&mut self, entries: &[u8]) {
        for line in entries.split(|&byte| byte == b'\n') {
            let Ok(entry) = serde_json::from_slice::<Remembered>(line) else { continue };
            if let Some(uuid) = entry.uuid.as_deref().and_then(|uuid| Uuid::try_parse(uuid).ok()) {
                self.last = Some(uuid);
            }
            self.cost_usd = entry.total_cost_usd.unwrap_or(self.cost_usd);
            if entry.kind != "user" || entry.is_meta {
                continue;
            }
            if let Some(text) = entry.message.as_ref().and_then(user_text) {
                self.user_texts.push(text);
                self.taken.extend(entry.uuid);
            }
        }
    }

    /// What the user said so far, oldest first.
    pub(super) fn user_texts(&self) -> &[String] {
        &self.user_texts
    }

    /// Whether a message with that UUID was taken before.
    pub(super) fn has_taken(&self, uuid: &str) -> bool {
        self.taken.contains(uuid)
    }

    /// A message of the user is taken, though not yet said.
    pub(super) fn take(&mut self, uuid: &str) {
        self.taken.insert(uuid.to_owned());
    }

    /// The user says something.
    pub(super) fn say(&mut self, text: String) {
        self.user_texts.push(text);
    }

    /// Adds an entry; it lasts from the next [`Self::write`].
    pub(super) fn add(&mut self, kind: &str, uuid: &str, message: &impl Serialize) {
        if self.path.is_none() && !self.mirror {
            return;
        }
        let entry = Entry {
            parent_uuid: self.last,
            is_sidechain: false,
            kind,
            message,
            uuid,
            timestamp: Timestamp::now(),
            user_type: "external",
            entrypoint: "sdk-cli",
            cwd: &self.directory,
            session_id: &self.session_id,
            version: VERSION,
            git_branch: "",
        };
        self.last = Uuid::try_parse(uuid).ok();
        let start = self.unwritten.len();
        serde_json::to_writer(&mut self.unwritten, &entry).expect("entries have a JSON form");
        if self.mirror {
            let line = self.unwritten.get(start..).unwrap_or_default();
            self.unmirrored.extend(serde_json::from_slice(line));
        }
        self.unwritten.push(b'\n');
    }

    /// Notes what everything cost so far.
    pub(super) fn add_cost(&mut self, cost_usd: f64) {
        self.cost_usd += cost_usd;
        if self.path.is_some() {
            let entry = serde_json::json!({
                "type": "cost-state", "sessionId": self.session_id, "totalCostUSD": self.cost_usd,
            });
            serde_json::to_writer(&mut self.unwritten, &entry).expect("entries have a JSON form");
            self.unwritten.push(b'\n');
        }
    }

    /// The entries since the last call, and the transcript they belong to.
    pub(super) fn mirrored(&mut self) -> Option<(PathBuf, Vec<Box<RawValue>>)> {
        if self.unmirrored.is_empty() {
            return None;
        }
        Some((self.path.clone().unwrap_or_default(), std::mem::take(&mut self.unmirrored)))
    }

    /// Makes the entries last. Like the CLI, a conversation that cannot be written goes on.
    pub(super) async fn write(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        let Some(path) = &self.path else {
            self.unwritten.clear();
            return;
        };
        let written = async {
            let file = match &mut self.file {
                Some(file) => file,
                None => self.file.insert(open_file(path).await?),
            };
            file.write_all(&self.unwritten).await?;
            file.flush().await
        };
        if let Err(error) = written.await {
            tracing::debug!(%error, path = %path.display(), "cannot write the transcript");
            self.path = None;
        }
        self.unwritten.clear();
    }
}

/// The folder name of a directory: every byte that is no letter or digit becomes `-`.
pub(super) fn slug(directory: &Path) -> String {
    let text = directory.to_string_lossy();
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}

/// The transcript to resume: a path, an id of this directory, or an id of another one.
async fn find(what: &str, projects: Option<&Path>, here: Option<PathBuf>) -> Option<PathBuf> {
    let exists = async |path: &Path| tokio::fs::try_exists(path).await.unwrap_or(false);
    let path = Path::new(what);
    if path.is_absolute() && path.extension().is_some_and(|extension| extension == "jsonl") {
        return exists(path).await.then(|| path.to_owned());
    }
    Uuid::try_parse(what).ok()?;
    if let Some(here) = here
        && exists(&here).await
    {
        return Some(here);
    }
    let mut folders = tokio::fs::read_dir(projects?).await.ok()?;
    while let Ok(Some(folder)) = folders.next_entry().await {
        let path = folder.path().join(format!("{what}.jsonl"));
        if exists(&path).await {
            return Some(path);
        }
    }
    None
}

async fn open_file(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(folder).await?;
    }
    OpenOptions::new().create(true).append(true).mode(FILE_MODE).open(path).await
}

/// The user's own words in a message; `None` for tool results and interruptions.
pub(super) fn user_text(message: &Value) -> Option<String> {
    let text = match message.get("content")? {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts = blocks.iter().filter_map(|block| block.get("text")?.as_str());
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => return None,
    };
    (!text.is_empty() && !text.starts_with(INTERRUPTED)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Invocation;
    use serde_json::json;
    use std::collections::BTreeMap;

    const ID: &str = "11111111-1111-4111-8111-111111111111";
    const OTHER: &str = "22222222-2222-4222-8222-222222222222";

    fn options(home: &Path, directory: &str, arguments: &[&str]) -> Options {
        Options::parse(Invocation {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: BTreeMap::from([("HOME".to_owned(), home.display().to_string())]),
            directory: PathBuf::from(directory),
        })
        .unwrap()
    }

    async fn say(conversation: &mut Conversation, text: &str) {
        let uuid = Uuid::new_v4().to_string();
        conversation.say(text.to_owned());
        conversation.add("user", &uuid, &json!({"role": "user", "content": text}));
        conversation.write().await;
    }

    #[tokio::test]
    async fn what_was_said_is_remembered_across_a_torn_line() {
        let home = tempfile::tempdir().unwrap();
        let new = options(home.path(), "/workspace", &[&format!("--session-id={ID}")]);
        let mut conversation = Conversation::open(&new).await.unwrap();
        say(&mut conversation, "one").await;
        say(&mut conversation, "two").await;
        let path = home.path().join(format!(".claude/projects/-workspace/{ID}.jsonl"));
        let mut torn = std::fs::read_to_string(&path).unwrap();
        torn.push_str("{\"type\":\"user\",\"mess");
        std::fs::write(&path, torn).unwrap();

        let elsewhere = options(home.path(), "/other", &[&format!("--resume={ID}")]);
        let resumed = Conversation::open(&elsewhere).await.unwrap();
        assert_eq!(resumed.user_texts(), ["one", "two"]);
        assert_eq!(resumed.session_id, ID);
        let by_path = options(home.path(), "/x", &[&format!("--resume={}", path.display())]);
        assert_eq!(Conversation::open(&by_path).await.unwrap().user_texts(), ["one", "two"]);
        let again = Conversation::open(&new).await.unwrap_err();
        assert_eq!(again.to_string(), format!("Error: Session ID {ID} is already in use."));
    }

    #[tokio::test]
    async fn a_fork_leaves_the_original_alone() {
        let home = tempfile::tempdir().unwrap();
        let new = options(home.path(), "/w", &[&format!("--session-id={ID}")]);
        say(&mut Conversation::open(&new).await.unwrap(), "one").await;
        let resume = format!("--resume={ID}");
        let named = format!("--session-id={OTHER}");
        let fork = options(home.path(), "/w", &[&resume, "--fork-session", &named]);
        say(&mut Conversation::open(&fork).await.unwrap(), "two").await;
        let texts = async |id: &str| {
            let options = options(home.path(), "/w", &[&format!("--resume={id}")]);
            Conversation::open(&options).await.unwrap().user_texts().to_vec()
        };
        assert_eq!(texts(ID).await, ["one"]);
        assert_eq!(texts(OTHER).await, ["one", "two"]);
    }

    #[tokio::test]
    async fn a_conversation_that_cannot_be_written_goes_on() {
        let home = tempfile::NamedTempFile::new().unwrap();
        let mut conversation = Conversation::open(&options(home.path(), "/w", &[])).await.unwrap();
        say(&mut conversation, "one").await;
        assert_eq!(conversation.user_texts(), ["one"]);
        let unknown = options(home.path(), "/w", &[&format!("--resume={ID}")]);
        let error = Conversation::open(&unknown).await.unwrap_err().to_string();
        assert_eq!(error, format!("No conversation found with session ID: {ID}"));
    }
}
