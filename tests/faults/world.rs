//! An ashd that dies and comes back on the same data, and what lives in its sandboxes.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::TempDir;

use crate::processes::{self, Process};
use crate::roles::{self, Role, Roles};
use crate::server::{Server, ashd};

/// Where ashd looks for bubblewrap.
const BWRAP: &str = "/usr/bin/bwrap";

/// How the bridge and the CLI appear in a sandbox.
const BRIDGE: &str = "/opt/ash/bridge";
const CLI: &str = "/opt/ash/claude";

/// Of all programs.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("CLAUDE_CODE_EXECUTABLE", env!("CARGO_BIN_EXE_ash-fake-claude")),
    ("ANTHROPIC_API_KEY", "sk-ant-nobody-asks"),
    ("ASH_ALLOW_DEGRADED", "identity,memory,processes,cpu,disk"),
    ("ASH_LOG", "warn"),
];

pub(crate) struct World {
    server: Mutex<Option<Server>>,
    url: Mutex<String>,
    folder: PathBuf,
    roles: Mutex<Option<Roles>>,
    simulated: bool,
}

impl World {
    /// Programs of their own for each role.
    pub(crate) fn start_split() -> Option<Self> {
        Self::start_with(false, true)
    }

    /// `None` where there are no sandboxes; it says so.
    pub(crate) fn start(simulated: bool) -> Option<Self> {
        Self::start_with(simulated, false)
    }

    fn start_with(simulated: bool, split: bool) -> Option<Self> {
        if !simulated && !Path::new(BWRAP).exists() {
            use std::io::Write as _;
            // Straight to stdout: the test harness swallows what passing tests print.
            let text = format!("SKIP: no bubblewrap at {BWRAP}\n");
            std::io::stdout().write_all(text.as_bytes()).unwrap();
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let world = Self {
            server: Mutex::new(None),
            url: Mutex::new(String::new()),
            folder: folder.path().to_owned(),
            roles: Mutex::new(None),
            simulated,
        };
        let more = if split { roles::sockets(folder.path()) } else { String::new() };
        let text = format!("[sandbox]\nplacement = \"plain\"\n{more}");
        std::fs::write(folder.path().join("ash.toml"), text).unwrap();
        if split {
            *world.roles.lock().unwrap() = Some(Roles::start(folder.path(), &ENVIRONMENT));
        }
        world.start_in(folder);
        Some(world)
    }

    fn start_in(&self, folder: TempDir) {
        let mut command = ashd(folder.path(), &ENVIRONMENT);
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
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap();
        let folder = server.kill();
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
