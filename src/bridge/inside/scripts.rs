//! The scripts of an agent's folder, which run before its CLI: `install.sh` once in the life of a
//! workspace, `startup.sh` whenever the processes of a sandbox begin. They are commands like any
//! other of the sandbox, and what they say is told for the session's logs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::libc;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::command::{Commands, Ended, Place, Running};
use super::process::Output;
use super::tail::Tail;
use super::told::{LineCutter, Told};
use crate::bridge::protocol::{LogLevel, RunCommand, Scripts};

const INSTALL: &str = "install.sh";
const STARTUP: &str = "startup.sh";

/// Beside the conversation, so that whatever takes the one takes the other: a fork, an archive.
const NOTE: &str = ".ash-scripts.json";

/// Largest note; ours has some dozen bytes.
const NOTE_BYTES_MAX: u64 = 4096;

/// Of the line that names a script's interpreter: the kernel's own.
const INTERPRETER_BYTES_MAX: u64 = 256;

/// Of a failed script's output, in what is told about it.
const TAIL_CHARACTERS_MAX: usize = 2_000;

/// Read at once of what a script says.
const READ_BYTES: usize = 8 << 10;

/// Time for the last words of a script that ended. What it left running may go on talking.
const LAST_WORDS_MAX: Duration = Duration::from_millis(300);

/// What is remembered in the home.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default)]
struct Note {
    /// `startup.sh` is of the agent's folder: what comes into the workspace later is not run.
    startup: bool,
}

/// Why a script let the CLI not start.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) script: &'static str,
    pub(super) reason: String,
}

/// What the scripts of one start need.
#[derive(Debug, Clone)]
pub(super) struct Scripting {
    pub(super) commands: Commands,
    pub(super) workspace: Arc<Path>,
    pub(super) home: PathBuf,
    pub(super) environment: BTreeMap<OsString, OsString>,
    pub(super) scripts: Scripts,
    /// `startup.sh` ran already, if there is one.
    pub(super) begun: bool,
    pub(super) told: mpsc::Sender<Told>,
    /// Somebody does not want to wait for them.
    pub(super) interrupt: CancellationToken,
}

/// What was found in workspace and home.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    note: Option<Note>,
    install: bool,
    startup: bool,
}

impl Scripting {
    /// Runs what is due. `older`: the conversation is of an Ash that ran no scripts.
    pub(super) async fn run(&self, older: bool) -> Result<(), Failed> {
        let found = self.blocking(Self::look).await.unwrap_or_default();
        let note = match found.note {
            Some(note) => note,
            None if older => Note::default(),
            None => {
                if found.install {
                    self.script(INSTALL).await?;
                }
                let note = Note { startup: found.startup };
                let written = self.blocking(move |this| this.write_note(note)).await;
                // Without scripts there is nothing to remember.
                if let Some(Err(error)) = written.filter(|_| found.install || found.startup) {
                    let reason = format!("cannot be noted as done: {error}");
                    return Err(Failed { script: INSTALL, reason });
                }
                note
            }
        };
        if note.startup && found.startup && !self.begun {
            self.script(STARTUP).await?;
        }
        Ok(())
    }

    /// Does what touches the disk.
    async fn blocking<T, F>(&self, work: F) -> Option<T>
    where
        T: Send + 'static,
        F: FnOnce(&Self) -> T + Send + 'static,
    {
        let this = self.clone();
        task::spawn_blocking(move || work(&this)).await.ok()
    }

    fn look(&self) -> Found {
        let has = |script: &str| {
            let found = fs::symlink_metadata(self.workspace.join(script));
            found.is_ok_and(|found| found.is_file())
        };
        Found { note: self.read_note(), install: has(INSTALL), startup: has(STARTUP) }
    }

    fn read_note(&self) -> Option<Note> {
        let mut text = String::new();
        open(&self.home.join(NOTE))?.take(NOTE_BYTES_MAX).read_to_string(&mut text).ok()?;
        // What the agent made of it is its own affair: nothing runs.
        Some(serde_json::from_str(&text).unwrap_or_default())
    }

    fn write_note(&self, note: Note) -> io::Result<()> {
        let path = self.home.join(NOTE);
        let temporary = path.with_extension("new");
        if let Err(error) = fs::remove_file(&temporary)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let file = File::options().write(true).create_new(true).mode(0o600).open(&temporary)?;
        serde_json::to_writer(file, &note)?;
        fs::rename(temporary, path)
    }

    async fn script(&self, script: &'static str) -> Result<(), Failed> {
        self.tell(format!("{script} begins")).await;
        let ended = self.run_to_its_end(script).await;
        let how = match &ended {
            Ok(()) => "ended with status 0",
            // The first line; what follows is what it said itself.
            Err(reason) => reason.split_once(": ").map_or(reason.as_str(), |(how, _said)| how),
        };
        self.tell(format!("{script} {how}")).await;
        ended.map_err(|reason| Failed { script, reason })
    }

    async fn run_to_its_end(&self, script: &'static str) -> Result<(), String> {
        let timeout_ms = self.scripts.timeout_ms;
        let started = self.blocking(move |this| this.start(script)).await;
        let Some(Some(mut running)) = started else { return Err("cannot be run".to_owned()) };
        let (input, output, errors) = running.pipes();
        drop(input);
        let said = [
            Listener::start(self, output, LogLevel::Stdout),
            Listener::start(self, errors, LogLevel::Stderr),
        ];
        let ended = tokio::select! {
            ended = running.ended(Duration::from_millis(timeout_ms)) => ended,
            () = self.interrupt.cancelled() => return Err("was interrupted".to_owned()),
        };
        let mut words = Vec::new();
        for listener in said {
            words.push(listener.last_words().await);
        }
        if ended.exit.code == Some(0) && !ended.timed_out {
            return Ok(());
        }
        // What went wrong stands on the standard error of most, and last.
        let said = words.join("\n");
        let said = said.trim();
        let skipped = said.chars().count().saturating_sub(TAIL_CHARACTERS_MAX);
        let said: String = said.chars().skip(skipped).collect();
        let colon = if said.is_empty() { "" } else { ": " };
        Err(format!("{}{colon}{said}", end(ended, timeout_ms)))
    }

    fn start(&self, script: &str) -> Option<Running> {
        let path = self.workspace.join(script);
        let mut arguments = interpreter(&path);
        arguments.push(path.to_string_lossy().into_owned());
        let order = RunCommand {
            arguments,
            directory: None,
            environment: BTreeMap::new(),
            timeout_ms: self.scripts.timeout_ms,
            output_bytes_max: 0,
        };
        let place = Place { workspace: &self.workspace, environment: &self.environment };
        self.commands.start(&order, &place).ok()
    }

    async fn tell(&self, text: String) {
        // Without a relay nobody waits for it.
        drop(self.told.send(Told { level: LogLevel::System, text }).await);
    }
}

/// Hears what comes out of a pipe as long as anybody holds it: the script, and what it left running.
struct Listener {
    tail: Arc<Mutex<Tail>>,
    ended: watch::Receiver<()>,
}

impl Listener {
    fn start(scripting: &Scripting, mut pipe: Output, level: LogLevel) -> Self {
        use tokio::io::AsyncReadExt as _;

        let tail = Arc::new(Mutex::new(Tail::default()));
        let (ending, ended) = watch::channel(());
        let (heard, told) = (Arc::clone(&tail), scripting.told.clone());
        tokio::spawn(async move {
            let _ending = ending;
            let mut lines = LineCutter::default();
            let mut buffer = Vec::with_capacity(READ_BYTES);
            loop {
                buffer.clear();
                let read = pipe.read_buf(&mut buffer).await.unwrap_or(0);
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(&buffer);
                let text = if read > 0 { lines.cut(&buffer) } else { lines.rest() };
                if let Some(text) = text
                    && told.send(Told { level, text }).await.is_err()
                {
                    return;
                }
                if read == 0 {
                    return;
                }
            }
        });
        Self { tail, ended }
    }

    /// The end of what was said.
    async fn last_words(mut self) -> String {
        drop(timeout(LAST_WORDS_MAX, self.ended.changed()).await);
        std::mem::take(&mut *self.tail.lock().unwrap_or_else(PoisonError::into_inner)).text()
    }
}

/// What reads a script, as the kernel finds it: an upload may have lost that it is executable.
fn interpreter(path: &Path) -> Vec<String> {
    let mut begin = String::new();
    if let Some(file) = open(path) {
        // What is no text is for the shell to refuse.
        let _no_text = file.take(INTERPRETER_BYTES_MAX).read_to_string(&mut begin);
    }
    let named = begin.lines().next().and_then(|line| line.strip_prefix("#!"));
    match named.map(str::trim).filter(|named| !named.is_empty()) {
        Some(named) => {
            named.splitn(2, char::is_whitespace).map(|word| word.trim().to_owned()).collect()
        }
        None => vec!["/bin/sh".to_owned()],
    }
}

/// Whatever the agent put there, nothing blocks.
fn open(path: &Path) -> Option<File> {
    File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path).ok()
}

fn end(ended: Ended, timeout_ms: u64) -> String {
    match (ended.exit.code, ended.exit.signal) {
        _ if ended.timed_out => format!("took more than {} s and was ended", timeout_ms / 1000),
        (_, Some(signal)) => format!("was killed by signal {signal}"),
        (Some(code), None) => format!("ended with status {code}"),
        (None, None) => "ended".to_owned(),
    }
}
