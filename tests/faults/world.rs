//! An ashd that dies and comes back on the same data, and what lives in its sandboxes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ash::testing::{MessagesApi, MessagesApiSettings};
use tempfile::TempDir;

use crate::processes::{self, Process};
use crate::roles::{self, Role, Roles};
use crate::server::{Server, ashd_at};

/// Where ashd looks for bubblewrap.
const BWRAP: &str = "/usr/bin/bwrap";

/// How the bridge and the CLI appear in a sandbox.
const BRIDGE: &str = "/opt/ash/bridge";
const CLI: &str = "/opt/ash/claude";

/// The one key that the stand-in for the model API takes.
const MODEL_KEY: &str = "sk-ant-only-the-stand-in-asks";

/// What answers the messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Cli {
    #[default]
    Fake,
    /// Claude Code, and a stand-in for the model API.
    Real,
}

/// What a world is made of.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Build {
    pub(crate) simulated: bool,
    /// Programs of their own for each role.
    pub(crate) split: bool,
    pub(crate) cli: Cli,
    /// With a sandbox that is parked for the next session.
    pub(crate) pooled: bool,
}

/// How an ashd leaves, and another one comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// `kill -9`.
    Killed,
    /// SIGTERM, as at a restart.
    Restarted,
    /// The same, and the next is another file.
    Replaced,
}

pub(crate) struct World {
    server: Mutex<Option<Server>>,
    url: Mutex<String>,
    folder: PathBuf,
    roles: Mutex<Option<Roles>>,
    simulated: bool,
    /// Of all programs.
    environment: Vec<(String, String)>,
    /// The file that is ashd.
    program: Mutex<PathBuf>,
    _model: Option<(tokio::runtime::Runtime, MessagesApi)>,
}

/// Straight to stdout: the test harness swallows what passing tests print.
fn skip(reason: &str) {
    use std::io::Write as _;
    std::io::stdout().write_all(format!("SKIP: {reason}\n").as_bytes()).unwrap();
}

/// The CLI that `make test` found.
fn real_cli() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
    let named = std::env::var_os("ASH_TEST_CLAUDE").map(PathBuf::from);
    if named.is_none() {
        skip("no Claude CLI (set ASH_TEST_CLAUDE)");
    }
    named
}

fn model() -> (tokio::runtime::Runtime, MessagesApi) {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build().unwrap();
    let require_key = Some(MODEL_KEY.to_owned());
    let settings = MessagesApiSettings { require_key, ..MessagesApiSettings::default() };
    let api = runtime.block_on(MessagesApi::start(settings)).unwrap();
    (runtime, api)
}

impl World {
    /// `None` where there are no sandboxes, or no such CLI; it says so.
    pub(crate) fn start(build: Build) -> Option<Self> {
        if !build.simulated && !Path::new(BWRAP).exists() {
            skip(&format!("no bubblewrap at {BWRAP}"));
            return None;
        }
        let (cli, model) = match build.cli {
            Cli::Fake => (PathBuf::from(env!("CARGO_BIN_EXE_ash-fake-claude")), None),
            Cli::Real => (real_cli()?, Some(model())),
        };
        let mut environment = vec![
            ("CLAUDE_CODE_EXECUTABLE", cli.display().to_string()),
            ("ANTHROPIC_API_KEY", MODEL_KEY.to_owned()),
            ("ASH_ALLOW_DEGRADED", "identity,memory,processes,cpu,disk".to_owned()),
            ("ASH_LOG", "warn".to_owned()),
        ];
        if let Some((_, api)) = &model {
            environment.push(("ANTHROPIC_BASE_URL", format!("http://{}", api.address())));
        }
        let folder = tempfile::tempdir().unwrap();
        let world = Self {
            server: Mutex::new(None),
            url: Mutex::new(String::new()),
            folder: folder.path().to_owned(),
            roles: Mutex::new(None),
            simulated: build.simulated,
            environment: environment
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            program: Mutex::new(env!("CARGO_BIN_EXE_ashd").into()),
            _model: model,
        };
        // Another file of ashd has no bridge beside it.
        let libexec = Path::new(env!("CARGO_BIN_EXE_ash-bridge")).parent().unwrap().display();
        let more = if build.split { roles::sockets(folder.path()) } else { String::new() };
        let pool = if build.pooled { "[pool]\nper_agent = 1\n" } else { "" };
        let text =
            format!("[sandbox]\nplacement = \"plain\"\nlibexec_dir = \"{libexec}\"\n{more}{pool}");
        std::fs::write(folder.path().join("ash.toml"), text).unwrap();
        if build.split {
            *world.roles.lock().unwrap() = Some(Roles::start(folder.path(), &world.environment()));
        }
        world.start_in(folder);
        Some(world)
    }

    fn environment(&self) -> Vec<(&str, &str)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn start_in(&self, folder: TempDir) {
        let program = self.program.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut command = ashd_at(&program, folder.path(), &self.environment());
        command.arg("--config").arg(folder.path().join("ash.toml"));
        if self.simulated {
            command.arg("--simulate");
        }
        let server = Server::run(folder, command);
        server.url.clone_into(&mut self.url.lock().unwrap_or_else(PoisonError::into_inner));
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
    }

    /// `kill -9`, and a new one on the same data.
    pub(crate) fn crash(&self) {
        self.change(Change::Killed);
    }

    /// Another ashd on the same data.
    pub(crate) fn change(&self, change: Change) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap();
        let folder = if change == Change::Killed {
            server.kill()
        } else {
            let (in_order, folder) = server.stop();
            assert!(in_order, "ashd did not leave in order");
            folder
        };
        if change == Change::Replaced {
            let newer = folder.path().join("ashd");
            let mut program = std::fs::read(env!("CARGO_BIN_EXE_ashd")).unwrap();
            program.extend(b"a newer build");
            std::fs::write(&newer, program).unwrap();
            std::fs::set_permissions(&newer, std::fs::Permissions::from_mode(0o755)).unwrap();
            *self.program.lock().unwrap_or_else(PoisonError::into_inner) = newer;
        }
        self.start_in(folder);
    }

    /// The same with another role's program.
    pub(crate) fn crash_role(&self, role: Role) {
        let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        roles.as_mut().unwrap().crash(role);
    }

    pub(crate) fn url(&self) -> String {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn with<T>(&self, ask: impl FnOnce(&Server) -> T) -> T {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        ask(server.as_ref().unwrap())
    }

    /// Everything in and around the sandboxes.
    pub(crate) fn processes(&self) -> Vec<Process> {
        processes::of_records(&self.folder.join("run/sandboxes"), "s-")
    }

    /// Notes and sockets of sandboxes and jails.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let folders = ["sandboxes", "s", "j"].map(|name| self.folder.join("run").join(name));
        let entries = folders.into_iter().filter_map(|folder| std::fs::read_dir(folder).ok());
        entries.flatten().map(|entry| entry.unwrap().path()).collect()
    }

    /// Sessions that have files, and what is parked.
    pub(crate) fn folders(&self) -> usize {
        std::fs::read_dir(self.folder.join("data/sessions")).unwrap().count()
    }

    /// What may be killed in the sandboxes.
    pub(crate) fn victims(&self) -> Vec<Process> {
        let mut found = self.processes();
        found.retain(|process| [BRIDGE, CLI].contains(&process.command[0].as_str()));
        found
    }

    /// The lines of the CLI's own record of a conversation.
    pub(crate) fn transcript(&self, session: &str) -> Vec<serde_json::Value> {
        let projects = self.folder.join(format!("data/sessions/{session}/home/.claude/projects"));
        let mut lines = Vec::new();
        for project in std::fs::read_dir(projects).unwrap() {
            let file = project.unwrap().path().join(format!("{session}.jsonl"));
            let Ok(text) = std::fs::read_to_string(file) else { continue };
            lines.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()));
        }
        lines
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A test that failed leaves nothing either.
        let living = self.processes();
        drop(self.server.lock().unwrap_or_else(PoisonError::into_inner).take());
        for process in living {
            process.kill();
        }
    }
}
