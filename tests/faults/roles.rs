//! ash-sandboxd and ash-egress as programs of their own, which die and come back.

use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::server::eventually;

/// What may be killed of the host's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Sandboxd,
    Egress,
}

/// The two, on the folders of one ashd.
pub(crate) struct Roles {
    folder: PathBuf,
    environment: Vec<(String, String)>,
    sandboxd: Child,
    egress: Child,
}

/// Lines of the configuration that ashd and they share.
pub(crate) fn sockets(folder: &Path) -> String {
    let [sandboxd, egress] =
        [Role::Sandboxd, Role::Egress].map(|role| socket(folder, role).display().to_string());
    format!("socket = \"{sandboxd}\"\n[egress]\nsocket = \"{egress}\"\n")
}

fn socket(folder: &Path, role: Role) -> PathBuf {
    folder.join("run").join(match role {
        Role::Sandboxd => "sandboxd.sock",
        Role::Egress => "egress-control.sock",
    })
}

impl Roles {
    /// Both serve when it returns.
    pub(crate) fn start(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Vec<_> = environment.iter().map(owned).collect();
        for name in ["data", "run"] {
            std::fs::DirBuilder::new().mode(0o755).create(folder.join(name)).unwrap();
        }
        let start = |role| start(folder, &environment, role);
        let (sandboxd, egress) = (start(Role::Sandboxd), start(Role::Egress));
        Self { folder: folder.to_owned(), environment, sandboxd, egress }
    }

    /// `kill -9`, and a new one on the same folders.
    pub(crate) fn crash(&mut self, role: Role) {
        let child = match role {
            Role::Sandboxd => &mut self.sandboxd,
            Role::Egress => &mut self.egress,
        };
        child.kill().unwrap();
        child.wait().unwrap();
        *child = start(&self.folder, &self.environment, role);
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        for child in [&mut self.sandboxd, &mut self.egress] {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn start(folder: &Path, environment: &[(String, String)], role: Role) -> Child {
    let program = match role {
        Role::Sandboxd => env!("CARGO_BIN_EXE_ash-sandboxd"),
        Role::Egress => env!("CARGO_BIN_EXE_ash-egress"),
    };
    #[expect(clippy::disallowed_methods, reason = "a test starts the program itself")]
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("ASH_DATA_DIR", folder.join("data"))
        .env("ASH_RUNTIME_DIR", folder.join("run"))
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .arg("--config")
        .arg(folder.join("ash.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    let socket = socket(folder, role);
    eventually("that the program serves", || {
        assert!(child.try_wait().unwrap().is_none(), "{program} ended");
        UnixStream::connect(&socket).is_ok()
    });
    child
}
