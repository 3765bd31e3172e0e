//! The world of one test: an ashd in folders of its own, and a stand-in for the model API.

use std::io::Write as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ash::testing::{MessagesApi, MessagesApiSettings, Requests};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::processes::{self, Process};
use crate::server::{Event, Server, ashd, eventually};

/// The key that only ashd and the stand-in know. The stand-in accepts no other.
pub(crate) const MODEL_KEY: &str = "sk-ant-the-real-key-of-this-test";

/// Where the development setup puts the CLI, below the home.
const CACHED: &str = ".cache/ash/claude/node_modules/@anthropic-ai/claude-code-linux-x64/claude";

/// Where ashd looks for bubblewrap.
const BWRAP: &str = "/usr/bin/bwrap";

/// A command that does not end. The CLI refuses a mere `sleep`.
pub(crate) const FOREVER: &str = "tail -f /dev/null";

/// How the CLI appears in a sandbox.
const CLI: &str = "/opt/ash/claude";

/// The CLI of this machine, and that sandboxes can be made; else says why the test proves nothing.
pub(crate) fn claude() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
    let (named, home) = (std::env::var_os("ASH_TEST_CLAUDE"), std::env::var_os("HOME"));
    let path = named.map(PathBuf::from).or_else(|| Some(PathBuf::from(home?).join(CACHED)))?;
    if !path.is_file() {
        skip(&format!("no Claude CLI at {} (set ASH_TEST_CLAUDE)", path.display()));
    } else if !Path::new(BWRAP).exists() {
        skip(&format!("no bubblewrap at {BWRAP}"));
    } else {
        return Some(path);
    }
    None
}

pub(crate) fn root() -> bool {
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        skip("only root can do this");
    }
    is_root
}

/// Straight to stdout: the test harness swallows what passing tests print.
pub(crate) fn skip(reason: &str) {
    std::io::stdout().write_all(format!("SKIP: {reason}\n").as_bytes()).unwrap();
}

/// The stand-in for the model API, which can go away and come back.
pub(crate) struct Model {
    runtime: tokio::runtime::Runtime,
    settings: MessagesApiSettings,
    api: Option<MessagesApi>,
}

impl Model {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let settings = MessagesApiSettings {
            require_key: Some(MODEL_KEY.to_owned()),
            ..MessagesApiSettings::default()
        };
        let mut model = Self { runtime, settings, api: None };
        model.come();
        model
    }

    /// Connections end, and new ones are refused.
    pub(crate) fn go(&mut self) {
        self.api = None;
        let address = self.settings.listen;
        eventually("that nobody listens any more", || {
            std::net::TcpStream::connect(address).is_err()
        });
    }

    pub(crate) fn come(&mut self) {
        let started = self.runtime.block_on(MessagesApi::start(self.settings.clone())).unwrap();
        self.settings.listen = started.address();
        self.api = Some(started);
    }

    /// From now on it accepts this key, and no other.
    pub(crate) fn requires(&mut self, key: &str) {
        self.go();
        self.settings.require_key = Some(key.to_owned());
        self.come();
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.settings.listen
    }

    pub(crate) fn seen(&self) -> Requests {
        self.api.as_ref().unwrap().requests()
    }
}

pub(crate) struct World {
    pub(crate) model: Model,
    server: Option<Server>,
    claude: PathBuf,
    /// More of the configuration, in TOML.
    more: String,
    /// ash-egress, where it is a program of its own.
    egress: Option<Child>,
}

impl Deref for World {
    type Target = Server;

    fn deref(&self) -> &Server {
        self.server.as_ref().unwrap()
    }
}

impl World {
    /// `None` where the test cannot run.
    pub(crate) fn start() -> Option<Self> {
        let claude = claude()?;
        Some(Self::with(claude, tempfile::tempdir().unwrap(), ""))
    }

    /// With another CLI, another folder, more configuration.
    pub(crate) fn with(claude: PathBuf, folder: TempDir, more: &str) -> Self {
        let model = Model::start();
        let more = more.to_owned();
        let mut world = Self { model, server: None, claude, more, egress: None };
        world.start_ashd(folder);
        world
    }

    /// With ash-egress as a program of its own, which alone has the key of the model.
    pub(crate) fn split() -> Option<Self> {
        let claude = claude()?;
        let folder = tempfile::tempdir().unwrap();
        let control = folder.path().join("run/egress-control.sock");
        let more = format!("[egress]\nsocket = \"{}\"\n", control.display());
        let mut world = Self { model: Model::start(), server: None, claude, more, egress: None };
        let mut command = world.command(folder.path());
        #[expect(clippy::disallowed_methods, reason = "a test starts the program itself")]
        let mut egress = Command::new(env!("CARGO_BIN_EXE_ash-egress"));
        egress
            .env_clear()
            .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        egress.args(command.get_args()).env("ASH_DATA_DIR", folder.path().join("egress"));
        world.egress = Some(egress.stdin(Stdio::null()).spawn().unwrap());
        eventually("that ash-egress listens", || control.exists());
        command.env_remove("ANTHROPIC_API_KEY");
        world.server = Some(Server::run(folder, command));
        Some(world)
    }

    pub(crate) fn egress_pid(&self) -> u32 {
        self.egress.as_ref().unwrap().id()
    }

    fn start_ashd(&mut self, folder: TempDir) {
        let command = self.command(folder.path());
        self.server = Some(Server::run(folder, command));
    }

    fn command(&self, folder: &Path) -> Command {
        let file = folder.join("ash.toml");
        let more = &self.more;
        std::fs::write(&file, format!("[sandbox]\nplacement = \"plain\"\n{more}\n")).unwrap();
        let mut command = ashd(
            folder,
            &[
                ("ANTHROPIC_BASE_URL", &format!("http://{}", self.model.settings.listen)),
                ("ANTHROPIC_API_KEY", MODEL_KEY),
                ("CLAUDE_CODE_EXECUTABLE", self.claude.to_str().unwrap()),
                ("ASH_LOG", "info"),
                ("ASH_ALLOW_DEGRADED", "identity,memory,processes,cpu,disk"),
            ],
        );
        if self.egress.is_some() {
            command.env_remove("ANTHROPIC_API_KEY");
        }
        command.arg("--config").arg(file);
        command
    }

    /// `kill -9` of ashd, `meanwhile`, and a new one on the same data.
    pub(crate) fn crash(&mut self, meanwhile: impl FnOnce(&Path)) {
        let folder = self.server.take().unwrap().kill();
        meanwhile(folder.path());
        self.start_ashd(folder);
    }

    /// Ends every session, and sees that nothing of any sandbox is left.
    pub(crate) fn end(self) {
        let before = self.processes();
        let listed = self.get("/api/sessions?limit=1000");
        let mut sessions = Vec::new();
        for session in listed.body["sessions"].as_array().unwrap() {
            let id = session["id"].as_str().unwrap();
            if session["status"] != "ended" {
                let ended = self.delete(&format!("/api/sessions/{id}"));
                assert_eq!(ended.status, 200, "{ended:?}");
            }
            sessions.push(id.to_owned());
        }
        let left: Vec<_> = before.into_iter().filter(Process::lives).collect();
        assert!(left.is_empty(), "{left:#?}");
        assert_eq!(processes::inside(&sessions), []);
        let records = std::fs::read_dir(records(self.folder.path())).unwrap();
        let mut records: Vec<_> = records.map(|entry| entry.unwrap().file_name()).collect();
        records.retain(|name| name.to_string_lossy().starts_with("s-"));
        assert!(records.is_empty(), "{records:?}");
        self.no_jail_is_left();
    }

    /// Waits until nothing of any jail is there: no process, no record, no folder of its socket.
    pub(crate) fn no_jail_is_left(&self) {
        eventually("that no jail is left", || {
            let left = |folder: PathBuf, prefix: &str| {
                let entries = std::fs::read_dir(folder).unwrap();
                let mut names = entries.map(|entry| entry.unwrap().file_name());
                names.any(|name| name.to_string_lossy().starts_with(prefix))
            };
            self.jails().is_empty()
                && !left(records(self.folder.path()), "j-")
                && !left(self.folder.path().join("run/j"), "")
        });
    }

    /// Everything in and around jails.
    pub(crate) fn jails(&self) -> Vec<Process> {
        processes::of_records(&records(self.folder.path()), "j-")
    }

    /// Everything in and around the sandboxes.
    pub(crate) fn processes(&self) -> Vec<Process> {
        processes::of_records(&records(self.folder.path()), "s-")
    }

    pub(crate) fn clis(&self) -> Vec<Process> {
        let mut found = self.processes();
        // Its search tools are the same file under another name.
        found.retain(|process| process.command[0] == CLI && process.command.len() > 4);
        found
    }

    /// The one CLI there is.
    pub(crate) fn cli(&self) -> Process {
        let mut clis = self.clis();
        assert_eq!(clis.len(), 1, "{clis:#?}");
        clis.remove(0)
    }

    pub(crate) fn bridge(&self) -> Process {
        let mut found = self.processes();
        found.retain(|process| process.command[0] == "/opt/ash/bridge");
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }

    /// Runs a command in the sandbox by the Bash tool, and answers what the tool returned.
    pub(crate) fn bash(&self, session: &str, command: &str) -> String {
        let text = self.say(session, &bash(command));
        text.strip_prefix("Bash returned: ").unwrap_or(&text).to_owned()
    }

    /// What `GET` answers of a session.
    pub(crate) fn state(&self, session: &str) -> Value {
        let answer = self.get(&format!("/api/sessions/{session}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["session"].clone()
    }

    /// The timeline: the kinds of its events and their data.
    pub(crate) fn timeline(&self, session: &str) -> Vec<(String, String)> {
        let answer = self.get(&format!("/api/sessions/{session}/events?limit=1000"));
        let events = answer.body["events"].as_array().unwrap().clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        events.iter().map(|event| (text(&event["type"]), text(&event["data"]))).collect()
    }

    /// Deploys an agent of files: path, content, whether it may be executed.
    pub(crate) fn deploy_files(&self, name: &str, files: &[(&str, &str, bool)]) {
        use base64::Engine as _;
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let files: Vec<Value> = files
            .iter()
            .map(|(path, content, executable)| {
                json!({ "path": path, "content": encode(content), "executable": executable })
            })
            .collect();
        let body = json!({ "name": name, "files": files, "systemPrompt": "You are a test." });
        let deployed = self.post("/api/agents", &body);
        assert_eq!(deployed.status, 201, "{deployed:?}");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut egress) = self.egress.take() {
            egress.kill().unwrap();
            egress.wait().unwrap();
        }
        // A test that failed leaves nothing either.
        if let Some(server) = self.server.take() {
            let folder = server.kill();
            for prefix in ["s-", "j-"] {
                for process in processes::of_records(&records(folder.path()), prefix) {
                    process.kill();
                }
            }
        }
    }
}

fn records(folder: &Path) -> PathBuf {
    folder.join("run/sandboxes")
}

/// A message upon which the model runs a command.
pub(crate) fn bash(command: &str) -> String {
    format!("[[tool:Bash:{}]]", json!({ "command": command, "description": "test" }))
}

/// The events of one name.
pub(crate) fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.name == name).collect()
}
