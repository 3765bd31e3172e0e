//! The start of a CLI: what its home must have, the scripts of the agent, then the process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::{self, JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::cli::{self, Cli};
use super::home;
use super::process::Invocation;
use super::relay::Relay;
use super::scripts::{Failed, Scripting};
use super::waiting::Waiting;
use crate::bridge::protocol::{Notice, StartCli, StartFile};
use crate::id::SessionId;

/// A start that has begun.
pub(super) struct Preparing {
    pub(super) start: StartCli,
    conversation: SessionId,
    job: JoinHandle<Result<Prepared, Unready>>,
    interrupt: CancellationToken,
    /// A script does not outlive whoever waits for it.
    _guard: DropGuard,
}

/// What the CLI is started with.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The arguments that name the files of this start.
    files: Vec<String>,
    exists: bool,
    trust: io::Result<()>,
}

/// Why it is not.
#[derive(Debug)]
pub(super) enum Unready {
    Conversation(io::Error),
    Script(Failed),
    Files(io::Error),
    Aborted,
}

impl Preparing {
    /// Cancel-safe.
    pub(super) async fn prepared(&mut self) -> Result<Prepared, Unready> {
        (&mut self.job).await.unwrap_or(Err(Unready::Aborted))
    }

    /// Does not wait for scripts.
    pub(super) fn interrupt(&self) {
        self.interrupt.cancel();
    }
}

/// Where the CLI finds what is its own.
struct Furniture {
    home: PathBuf,
    workspace: Arc<Path>,
    conversation: SessionId,
    restore: Vec<Bytes>,
    folder: PathBuf,
    files: Vec<StartFile>,
}

impl Furniture {
    /// Says whether there is a conversation from before.
    fn restore(&mut self) -> Result<bool, Unready> {
        let Self { home, workspace, conversation, .. } = self;
        let older = home::has_conversation(home, workspace, *conversation);
        let restore = std::mem::take(&mut self.restore);
        if !restore.is_empty() {
            home::restore_transcript(home, workspace, *conversation, &restore)
                .map_err(Unready::Conversation)?;
        }
        Ok(older)
    }

    fn finish(&self) -> Result<Prepared, Unready> {
        let Self { home, workspace, conversation, .. } = self;
        Ok(Prepared {
            exists: home::has_conversation(home, workspace, *conversation),
            trust: home::trust_workspace(home, workspace),
            files: home::write_start_files(&self.folder, &self.files).map_err(Unready::Files)?,
        })
    }
}

async fn prepare(
    mut furniture: Furniture,
    scripting: Option<Scripting>,
) -> Result<Prepared, Unready> {
    let restored =
        task::spawn_blocking(move || furniture.restore().map(|older| (furniture, older)));
    let (furniture, older) = restored.await.map_err(|_panic| Unready::Aborted)??;
    if let Some(scripting) = scripting {
        scripting.run(older).await.map_err(Unready::Script)?;
    }
    // What scripts made of the home is the agent's; what the CLI needs comes last.
    let finished = task::spawn_blocking(move || furniture.finish());
    finished.await.map_err(|_panic| Unready::Aborted)?
}

impl Relay {
    pub(super) fn prepare(&mut self, start: StartCli) {
        let Ok(conversation) = start.conversation.parse::<SessionId>() else {
            return self.start_failed("the conversation has no UUID".to_owned());
        };
        let furniture = Furniture {
            home: self.settings.home.clone(),
            workspace: Arc::clone(&self.settings.workspace),
            conversation,
            restore: std::mem::take(&mut self.restore),
            folder: self.settings.spill.join("start"),
            files: start.files.clone(),
        };
        let interrupt = CancellationToken::new();
        let scripting = start.scripts.map(|scripts| Scripting {
            commands: self.launcher.commands(),
            workspace: Arc::clone(&furniture.workspace),
            home: furniture.home.clone(),
            environment: self.environment(&start),
            scripts,
            begun: self.begun,
            told: self.teller.clone(),
            interrupt: interrupt.clone(),
        });
        let job = tokio::spawn(prepare(furniture, scripting));
        let guard = interrupt.clone().drop_guard();
        self.preparing = Some(Preparing { start, conversation, job, interrupt, _guard: guard });
    }

    pub(super) fn launch(&mut self, prepared: Result<Prepared, Unready>) {
        let Some(Preparing { start, conversation, .. }) = self.preparing.take() else { return };
        self.begun |= start.scripts.is_some() && !matches!(prepared, Err(Unready::Script(_)));
        if let Err(Unready::Script(_)) = prepared {
            // The next try finds nothing of this one in its way.
            self.end_others();
        }
        if self.leaving.is_some() || self.next.is_some() {
            return self.superseded();
        }
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(unready) => return self.unready(unready),
        };
        let environment = self.environment(&start);
        let mut arguments = start.arguments;
        let option = if prepared.exists { "resume" } else { "session-id" };
        arguments.push(format!("--{option}={conversation}"));
        arguments.extend(prepared.files);
        let directory = self.settings.workspace.to_path_buf();
        let process = match self.launcher.start(Invocation { arguments, environment, directory }) {
            Ok(process) => process,
            Err(error) => {
                return self.start_failed(format!("the CLI could not be started: {error}"));
            }
        };
        self.cli_label = start.label;
        let initialize = start.initialize.map(|members| *members).unwrap_or_default();
        let line_max = self.settings.line_bytes_max;
        let mut cli = Cli::new(process, initialize, line_max, start.asks, start.logs);
        if let Err(error) = prepared.trust {
            cli.remark(&format!(
                "ash-bridge: the workspace could not be marked as trusted: {error}"
            ));
        }
        for waiting in self.waiting.drain(..) {
            match waiting {
                Waiting::Input(number, payload) => {
                    self.last_input = number;
                    cli.tell_message(number, &payload);
                }
                Waiting::Interrupt => cli.interrupt(),
            }
        }
        self.cli = Some(cli);
    }

    fn unready(&mut self, unready: Unready) {
        let reason = match unready {
            Unready::Script(Failed { script, reason }) => {
                let reason = format!("`{script}` of the agent {reason}");
                let script = Some(script.to_owned());
                return cli::note(&mut self.journal, &Notice::StartFailed { reason, script });
            }
            Unready::Conversation(error) => {
                format!("its conversation could not be written: {error}")
            }
            Unready::Files(error) => format!("its files could not be written: {error}"),
            Unready::Aborted => "the home could not be prepared".to_owned(),
        };
        self.start_failed(reason);
    }

    /// The sandbox's own, and what ashd adds.
    fn environment(&self, start: &StartCli) -> BTreeMap<OsString, OsString> {
        let mut environment = self.settings.environment.clone();
        let added = start.environment.iter();
        environment.extend(added.map(|(name, value)| (name.into(), value.into())));
        environment
    }
}
