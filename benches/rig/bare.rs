//! The CLI without Ash: the same program, arguments and environment, over its pipes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use super::process::Kept;

const INITIALIZE: &str =
    r#"{"type":"control_request","request_id":"initialize","request":{"subtype":"initialize"}}"#;

pub(crate) struct Bare {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    line: String,
    _kept: Kept,
}

impl Bare {
    /// Starts `claude` as Ash started it (`invocation`), but in `home`, with a conversation of its
    /// own, and with the model at `model` over TCP.
    pub(crate) fn start(
        claude: &Path,
        (arguments, environment): &(Vec<String>, Vec<String>),
        home: &Path,
        model: &str,
    ) -> Self {
        let workspace = home.join("workspace");
        std::fs::create_dir_all(&workspace).expect("the home is writable");
        // What Ash tells the CLI of the workspace.
        std::fs::write(workspace.join("CLAUDE.md"), "You are measured.").expect("writable");
        let conversation = uuid::Uuid::new_v4();
        let arguments = arguments.iter().skip(1).map(|argument| match argument.split_once('=') {
            Some(("--session-id", _)) => format!("--session-id={conversation}"),
            _ => argument.clone(),
        });
        let environment = environment.iter().filter_map(|pair| pair.split_once('='));
        let mut child = Command::new(claude)
            .args(arguments)
            .env_clear()
            .envs(environment)
            .env_remove("ANTHROPIC_UNIX_SOCKET")
            .env("ANTHROPIC_BASE_URL", model)
            .env("HOME", home)
            .env("PWD", &workspace)
            // Outside of a sandbox the superuser is refused without it.
            .env("IS_SANDBOX", "1")
            .current_dir(&workspace)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the CLI can be started");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut bare = Self { input, output, line: String::new(), _kept: Kept(child) };
        bare.say(INITIALIZE);
        bare
    }

    /// Waits for the answer to `initialize`.
    pub(crate) fn until_ready(&mut self) {
        while !self.next().contains(r#""control_response""#) {}
    }

    /// Sends a message and returns when the CLI is idle behind its result: what ends a turn in
    /// Ash, too.
    pub(crate) fn turn(&mut self, text: &str) {
        self.say(&message(text));
        let mut has_result = false;
        loop {
            let line = self.next();
            has_result |= line.contains(r#""type":"result""#);
            if has_result && is_idle(line.as_bytes()) {
                return;
            }
        }
    }

    fn say(&mut self, line: &str) {
        // One write, as the bridge does it.
        self.input.write_all(format!("{line}\n").as_bytes()).expect("the CLI reads");
    }

    fn next(&mut self) -> &str {
        self.line.clear();
        let count = self.output.read_line(&mut self.line).expect("the CLI writes text");
        assert!(count > 0, "the CLI ended");
        &self.line
    }
}

/// A message as Ash words it for the CLI.
pub(crate) fn message(text: &str) -> String {
    serde_json::json!({
        "type": "user",
        "message": { "role": "user", "content": text },
        "parent_tool_use_id": null,
        "session_id": "",
    })
    .to_string()
}

pub(crate) fn is_idle(line: &[u8]) -> bool {
    use super::client::find;
    find(line, br#""session_state_changed""#).is_some() && find(line, br#""idle""#).is_some()
}
