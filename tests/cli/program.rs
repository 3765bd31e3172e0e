//! Runs `ashctl` and compares all that it says.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::scripted::Scripted;

/// A run of `ashctl` to be made.
#[must_use]
pub(crate) struct Ashctl {
    pub(crate) command: Command,
    stdin: Option<Vec<u8>>,
}

/// What a run said, and how it ended.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: i32,
}

/// Runs `ashctl` with these arguments against the server's socket.
#[track_caller]
pub(crate) fn ashctl(
    server: &Scripted,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Said {
    Ashctl::new().server(server).args(arguments).run()
}

impl Ashctl {
    /// Without any environment and any server.
    pub(crate) fn new() -> Self {
        Self::of(Path::new(env!("CARGO_BIN_EXE_ashctl")))
    }

    /// The same of a copy of the program.
    #[expect(clippy::disallowed_methods, reason = "the environment is emptied here")]
    pub(crate) fn of(program: &Path) -> Self {
        let mut command = Command::new(program);
        command.env_clear();
        Self { command, stdin: None }
    }

    pub(crate) fn server(self, server: &Scripted) -> Self {
        let socket = server.socket.to_str().unwrap().to_owned();
        self.env("ASH_SOCKET", &socket)
    }

    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn directory(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    pub(crate) fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Starts the program and leaves it running.
    pub(crate) fn start(mut self) -> Child {
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        self.command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        if let Some(text) = self.stdin {
            child.stdin.take().unwrap().write_all(&text).unwrap();
        }
        child
    }

    /// Runs the program to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Said {
        said(self.start())
    }
}

/// Waits for the end of a running `ashctl`.
#[track_caller]
pub(crate) fn said(child: Child) -> Said {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    Said {
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
        status: status.code().unwrap_or_else(|| panic!("{status}")),
    }
}

impl Said {
    /// It succeeded, printed this, and told nothing beside it.
    #[track_caller]
    pub(crate) fn succeeds(&self, stdout: &str) {
        self.ends(0, stdout, "");
    }

    /// It ended with this status, printed and told this.
    #[track_caller]
    pub(crate) fn ends(&self, status: i32, stdout: &str, stderr: &str) {
        let expected = Self { stdout: stdout.to_owned(), stderr: stderr.to_owned(), status };
        assert!(
            *self == expected,
            "--- expected\n{}\n--- found\n{}",
            expected.shown(),
            self.shown()
        );
    }

    fn shown(&self) -> String {
        let Self { stdout, stderr, status } = self;
        format!("status: {status}\nstdout:\n{stdout}\nstderr:\n{stderr}")
    }
}
