//! For tests: the host's side of a CLI, be it this one or the real one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, Lines,
};
use tokio::task::JoinHandle;

use super::{Ending, Invocation, run};

/// Beyond this a test hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a pipe holds, in bytes, as on Linux.
const PIPE_BYTES: usize = 64 << 10;

/// The conversation every test leads.
pub(crate) const SESSION: &str = "11111111-1111-4111-8111-111111111111";

/// How the tests call a CLI, beside the conversation.
pub(crate) const ARGUMENTS: [&str; 6] = [
    "--output-format",
    "stream-json",
    "--verbose",
    "--input-format",
    "stream-json",
    "--setting-sources=project",
];

/// A CLI with its streams.
pub(crate) struct Host {
    stdin: Option<Box<dyn AsyncWrite + Unpin + Send>>,
    lines: Lines<Box<dyn AsyncBufRead + Unpin + Send>>,
    fake: Option<JoinHandle<Ending>>,
}

impl Host {
    pub(crate) fn over(
        stdin: impl AsyncWrite + Unpin + Send + 'static,
        stdout: impl AsyncBufRead + Unpin + Send + 'static,
    ) -> Self {
        let stdout: Box<dyn AsyncBufRead + Unpin + Send> = Box::new(stdout);
        Self { stdin: Some(Box::new(stdin)), lines: stdout.lines(), fake: None }
    }

    /// This CLI, at home in `home`, with state events.
    pub(crate) fn fake(home: &Path, arguments: &[&str]) -> Self {
        let environment = BTreeMap::from([
            ("HOME".to_owned(), home.display().to_string()),
            ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS".to_owned(), "1".to_owned()),
            ("CLAUDE_CODE_MAX_RETRIES".to_owned(), "1".to_owned()),
            ("ANTHROPIC_API_KEY".to_owned(), "sk-ant-dummy".to_owned()),
        ]);
        Self::fake_in(home, arguments, environment)
    }

    pub(crate) fn fake_in(
        directory: &Path,
        arguments: &[&str],
        environment: BTreeMap<String, String>,
    ) -> Self {
        let all = ARGUMENTS.iter().chain(arguments);
        let invocation = Invocation {
            arguments: all.map(|&argument| argument.to_owned()).collect(),
            environment,
            directory: PathBuf::from(directory),
        };
        let (stdin, theirs_in) = tokio::io::duplex(PIPE_BYTES);
        let (theirs_out, stdout) = tokio::io::duplex(PIPE_BYTES);
        let mut host = Self::over(stdin, BufReader::new(stdout));
        host.fake = Some(tokio::spawn(run(invocation, BufReader::new(theirs_in), theirs_out)));
        host
    }

    pub(crate) async fn send(&mut self, line: &Value) {
        self.send_bytes(format!("{line}\n").as_bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        stdin.write_all(bytes).await.unwrap();
        stdin.flush().await.unwrap();
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.send(&json!({"type": "user", "message": {"role": "user", "content": text},
                          "parent_tool_use_id": null, "session_id": ""}))
            .await;
    }

    pub(crate) async fn say_as(&mut self, uuid: &str, text: &str) {
        self.send(&json!({"type": "user", "message": {"role": "user", "content": text},
                          "uuid": uuid}))
            .await;
    }

    pub(crate) async fn request(&mut self, id: &str, request: Value) {
        self.send(&json!({"type": "control_request", "request_id": id, "request": request})).await;
    }

    /// Asks and waits for the answer.
    pub(crate) async fn ask(&mut self, request: Value) -> Value {
        self.request("asked", request).await;
        let mut lines = self.until(|line| line["type"] == "control_response").await;
        lines.pop().expect("it was waited for")["response"].take()
    }

    /// The next line; `None` at the end.
    pub(crate) async fn line(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.expect("the CLI says something").unwrap()?;
        Some(serde_json::from_str(&line).unwrap())
    }

    /// Every line up to the one that `is_last`.
    pub(crate) async fn until(&mut self, is_last: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            let line = line.unwrap_or_else(|| panic!("the CLI ended after {lines:#?}"));
            let last = is_last(&line);
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    pub(crate) async fn until_idle(&mut self) -> Vec<Value> {
        self.until(is_idle).await
    }

    /// Says something and takes everything up to the end of the turn.
    pub(crate) async fn turn(&mut self, text: &str) -> Vec<Value> {
        self.say(text).await;
        self.until_idle().await
    }

    /// Says something and takes the result.
    pub(crate) async fn result(&mut self, text: &str) -> Value {
        result_of(self.turn(text).await)
    }

    /// Ends stdin and takes what is still said.
    pub(crate) async fn rest(&mut self) -> Vec<Value> {
        self.stdin = None;
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        lines
    }

    /// How this CLI ended, or ends after stdin did.
    pub(crate) async fn ending(mut self) -> Ending {
        self.rest().await;
        self.fake.take().expect("it is the fake one").await.unwrap()
    }
}

pub(crate) fn is_idle(line: &Value) -> bool {
    line["subtype"] == "session_state_changed" && line["state"] == "idle"
}

/// The one result among the lines.
pub(crate) fn result_of(lines: Vec<Value>) -> Value {
    let mut results: Vec<Value> =
        lines.into_iter().filter(|line| line["type"] == "result").collect();
    assert_eq!(results.len(), 1, "{results:#?}");
    results.remove(0)
}

/// Type, subtype and event of each line.
pub(crate) fn kinds(lines: &[Value]) -> Vec<String> {
    lines
        .iter()
        .map(|line| {
            let parts = [&line["type"], &line["subtype"], &line["event"]["type"], &line["state"]];
            parts.iter().filter_map(|part| part.as_str()).collect::<Vec<_>>().join(" ")
        })
        .collect()
}
