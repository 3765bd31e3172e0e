//! An ashd of a benchmark's own: the real one, with real sandboxes, in a folder that goes away.

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};
use std::time::Instant;

use serde_json::json;

use super::client::{Client, KEY};
use super::process::{self, Kept, eventually};

/// Says in ashd's log that a CLI answered `initialize`.
const READY: &str = "Claude Code is ready";

/// The file name of every CLI inside of a sandbox.
const CLI_INSIDE: &str = "claude";

pub(crate) struct Ashd {
    kept: Kept,
    address: SocketAddr,
    log: Mutex<mpsc::Receiver<String>>,
}

/// Nothing of this machine's own.
const NO_CONFIGURATION: [&str; 2] = ["--config", "/dev/null"];

impl Ashd {
    /// Starts one and waits until it is healthy. `folder` may hold the data of an earlier one.
    pub(crate) fn start(folder: &Path, claude: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ashd"));
        Self::start_as(command.args(NO_CONFIGURATION), folder, claude, environment)
    }

    /// The same, with a sandbox that is parked for the next session.
    pub(crate) fn start_pooled(folder: &Path, claude: &Path, environment: &[(&str, &str)]) -> Self {
        let file = folder.join("ash.toml");
        std::fs::write(&file, "[pool]\nper_agent = 1\n").expect("a file is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ashd"));
        Self::start_as(command.arg("--config").arg(file), folder, claude, environment)
    }

    /// The same of one whose sandboxes are simulated: thousands of sessions fit on any machine.
    pub(crate) fn simulated(folder: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ashd"));
        Self::start_as(
            command.arg("--simulate").args(NO_CONFIGURATION),
            folder,
            &fake_claude(),
            environment,
        )
    }

    /// The same below `wrapper`, which runs it.
    pub(crate) fn simulated_below(wrapper: &[&str], folder: &Path) -> Self {
        let mut command = Command::new(wrapper[0]);
        command
            .args(&wrapper[1..])
            .arg(env!("CARGO_BIN_EXE_ashd"))
            .arg("--simulate")
            .args(NO_CONFIGURATION);
        Self::start_as(&mut command, folder, &fake_claude(), &[])
    }

    fn start_as(
        command: &mut Command,
        folder: &Path,
        claude: &Path,
        environment: &[(&str, &str)],
    ) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = free.local_addr().expect("it is bound");
        drop(free);
        let mut child = command
            .env_clear()
            .env("ASH_DATA_DIR", folder.join("data"))
            .env("ASH_RUNTIME_DIR", folder.join("run"))
            .env("ASH_PORT", address.port().to_string())
            .env("ASH_API_KEY", KEY)
            .env("ASH_ALLOW_DEGRADED", "identity,memory,processes,cpu,disk")
            .env("ASH_LOG", "info,ash::runner=debug")
            .env("CLAUDE_CODE_EXECUTABLE", claude)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ashd was built");
        let stderr = child.stderr.take().expect("it is piped");
        let (tell, log) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // Nobody may listen; the pipe is read to its end all the same.
                drop(tell.send(line));
            }
        });
        let mut ashd = Self { kept: Kept(child), address, log: Mutex::new(log) };
        eventually("a healthy ashd", || {
            let ended = ashd.kept.0.try_wait().expect("it is our child");
            let log = ashd.log.get_mut().expect("nobody else reads it");
            assert!(ended.is_none(), "ashd ended: {:?}", log.iter().collect::<Vec<_>>());
            let answer =
                Client::connect(address).and_then(|mut client| client.ask("GET", "/health", ""));
            answer.ok().filter(|answer| answer.status == 200)
        });
        ashd
    }

    pub(crate) fn pid(&self) -> u32 {
        self.kept.0.id()
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address).expect("ashd serves")
    }

    /// Deploys a small agent.
    pub(crate) fn deploy(&self, name: &str) {
        let body = json!({ "name": name, "systemPrompt": "You are measured." }).to_string();
        let answer = self.client().ask("POST", "/api/agents", &body).expect("ashd serves");
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    /// Waits until so many more CLIs are ready.
    pub(crate) fn until_ready(&self, count: usize) {
        let end = Instant::now() + super::PATIENCE;
        let mut ready = 0;
        let log = self.log.lock().expect("no reader of it fails");
        while ready < count {
            let left = end.saturating_duration_since(Instant::now());
            let line = log.recv_timeout(left).expect("the CLI gets ready");
            ready += usize::from(line.contains(READY));
        }
    }

    /// Waits until a sandbox is parked, with its CLI up.
    pub(crate) fn until_warm(&self) {
        let mut client = self.client();
        eventually("a parked sandbox", || {
            let answer = client.ask("GET", "/health", "").expect("ashd serves");
            (answer.body["pool"]["warm"] == 1).then_some(())
        });
    }

    /// How Ash started the CLI of a session: its arguments and its environment.
    pub(crate) fn invocation(&self, session: &str) -> (Vec<String>, Vec<String>) {
        eventually("the session's CLI", || {
            process::below(self.pid()).into_iter().find_map(|pid| {
                let arguments = process::texts(pid, "cmdline");
                let named = arguments.iter().any(|argument| argument.ends_with(session));
                let is_cli = process::program(pid) == CLI_INSIDE;
                (is_cli && named).then(|| (arguments, process::texts(pid, "environ")))
            })
        })
    }

    /// `kill -9`, and the next one on the same data; its sandboxes live on.
    pub(crate) fn kill(self, next: &dyn Fn() -> Self) -> Self {
        // Its end kills it.
        drop(self);
        next()
    }

    /// The same by SIGTERM.
    pub(crate) fn leave(mut self, next: &dyn Fn() -> Self) -> Self {
        process::terminate(&mut self.kept.0);
        next()
    }

    /// SIGTERM; its sandboxes are gone with it, for nobody else wants them.
    pub(crate) fn stop(mut self) {
        let sandboxes = process::below(self.pid());
        process::terminate(&mut self.kept.0);
        for pid in sandboxes {
            let pid = nix::unistd::Pid::from_raw(pid.try_into().expect("a small number"));
            // The rest of a sandbox goes with its first process.
            let _gone = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// Creates a session of the agent that was deployed.
pub(crate) fn session(client: &mut Client, agent: &str) -> String {
    let body = json!({ "agent": agent }).to_string();
    let answer = client.ask("POST", "/api/sessions", &body).expect("ashd serves");
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["session"]["id"].as_str().expect("a session has an id").to_owned()
}

pub(crate) fn end(client: &mut Client, session: &str) {
    let path = format!("/api/sessions/{session}");
    let answer = client.ask("DELETE", &path, "").expect("ashd serves");
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// The fake CLI without delays.
pub(crate) fn fake_claude() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_ash-fake-claude"))
}
