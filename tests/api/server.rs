//! An `ashd` of a test's own, and a client of it; `tests/real` uses it as well.

use std::io::{BufRead, BufReader, Read as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take before a test gives up: generous, for busy machines.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const KEY: &str = "ash_test-key";

/// A running daemon. It is killed with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    pub(crate) folder: tempfile::TempDir,
    agent: ureq::Agent,
}

/// An answer: its status and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: Option<u64>,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), &[])
    }

    /// In a folder that may hold the data of an earlier one.
    pub(crate) fn start_in(folder: tempfile::TempDir, environment: &[(&str, &str)]) -> Self {
        let command = command(folder.path(), environment);
        Self::run(folder, command)
    }

    /// Runs `command`, which keeps its files in `folder`.
    pub(crate) fn run(folder: tempfile::TempDir, mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let url = match serving_at(&mut child) {
            Ok(url) => url,
            Err(said) => panic!("ashd did not start: {said}"),
        };
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        Self { child, url, folder, agent }
    }

    /// `kill -9`; the folder stays.
    pub(crate) fn kill(mut self) -> tempfile::TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }

    /// SIGTERM; answers whether it left with success.
    pub(crate) fn stop(mut self) -> (bool, tempfile::TempDir) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        let left = self.child.wait().unwrap().success();
        (left, std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap()))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let request = self.agent.get(format!("{}{path}", self.url));
        answer(request.header("authorization", format!("Bearer {KEY}")).call().unwrap())
    }

    /// Over the admin socket: the body of what is answered.
    pub(crate) fn administer(&self, path: &str) -> Value {
        let socket = self.folder.path().join("run/admin.sock");
        let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: ash\r\nconnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        let (_head, body) = said.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|_| panic!("{said}"))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        let request = self.agent.delete(format!("{}{path}", self.url));
        answer(request.header("authorization", format!("Bearer {KEY}")).call().unwrap())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(
            "POST",
            path,
            &[("content-type", "application/json")],
            body.to_string().as_bytes(),
        )
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request =
            http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !headers.iter().any(|(name, _)| *name == "authorization") {
            request = request.header("authorization", format!("Bearer {KEY}"));
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        answer(self.agent.run(request.body(body.to_vec()).unwrap()).unwrap())
    }

    /// Deploys a small agent.
    pub(crate) fn deploy(&self, name: &str) {
        let body = serde_json::json!({ "name": name, "systemPrompt": "You are a test." });
        let deployed = self.post("/api/agents", &body);
        assert_eq!(deployed.status, 201, "{deployed:?}");
    }

    /// A session of an agent that it deploys.
    pub(crate) fn session(&self) -> String {
        self.deploy("tester");
        self.session_of(&serde_json::json!({ "agent": "tester" }))
    }

    pub(crate) fn session_of(&self, request: &Value) -> String {
        let created = self.post("/api/sessions", request);
        assert_eq!(created.status, 201, "{created:?}");
        created.body["session"]["id"].as_str().unwrap().to_owned()
    }

    /// Sends a message and reads its turn to the end.
    pub(crate) fn turn(&self, session: &str, body: &Value) -> Vec<Event> {
        self.stream(session, body).collect()
    }

    /// Sends a text and answers the text of the result.
    pub(crate) fn say(&self, session: &str, text: &str) -> String {
        let events = self.turn(session, &serde_json::json!({ "content": text }));
        let complete = events.iter().find(|event| event.name == "turn_complete");
        let Some(complete) = complete else { panic!("no result in {events:?}") };
        complete.data["result"].as_str().unwrap_or_default().to_owned()
    }

    /// Sends a message; its events come as they are read.
    pub(crate) fn stream(&self, session: &str, body: &Value) -> Events<impl BufRead + use<>> {
        self.stream_of(session, body, &[]).1
    }

    /// The same with more headers; answers also the turn's id.
    pub(crate) fn stream_of(
        &self,
        session: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> (String, Events<impl BufRead + use<>>) {
        let mut request = self.agent.post(format!("{}/api/sessions/{session}/messages", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("authorization", format!("Bearer {KEY}"));
        let response = request.send_json(body).unwrap();
        assert_eq!(response.status(), 200, "{:?}", response.into_body().read_to_string());
        let turn = response.headers()["ash-turn-id"].to_str().unwrap().to_owned();
        (turn, events_of(response))
    }

    /// Watches a session; `query` with its `?`.
    pub(crate) fn watch(
        &self,
        session: &str,
        query: &str,
        headers: &[(&str, &str)],
    ) -> Events<impl BufRead + use<>> {
        let url = format!("{}/api/sessions/{session}/stream{query}", self.url);
        let mut request = self.agent.get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.header("authorization", format!("Bearer {KEY}")).call().unwrap();
        assert_eq!(response.status(), 200, "{:?}", response.into_body().read_to_string());
        events_of(response)
    }

    /// A raw connection.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.url.trim_start_matches("http://")).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `ashd --simulate` with nothing of the test's own environment.
pub(crate) fn command(folder: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = ashd(folder, environment);
    command.arg("--simulate");
    command
}

/// `ashd` with nothing of the test's own environment.
pub(crate) fn ashd(folder: &Path, environment: &[(&str, &str)]) -> Command {
    ashd_at(Path::new(env!("CARGO_BIN_EXE_ashd")), folder, environment)
}

/// The same of a program of its own.
pub(crate) fn ashd_at(program: &Path, folder: &Path, environment: &[(&str, &str)]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a test starts the program itself")]
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("ASH_DATA_DIR", folder.join("data"))
        .env("ASH_RUNTIME_DIR", folder.join("run"))
        .env("ASH_PORT", "0")
        .env("ASH_API_KEY", KEY)
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Reads what ashd says until it serves; what it said if it does not.
pub(crate) fn serving_at(child: &mut Child) -> Result<String, String> {
    let stderr = child.stderr.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            #[expect(clippy::print_stderr, reason = "the log of ashd explains a test that fails")]
            {
                eprintln!("{line}");
            }
            // Nobody may listen any more; the pipe is read to its end all the same.
            drop(sender.send(line));
        }
    });
    let (end, mut said) = (Instant::now() + PATIENCE, String::new());
    while let Ok(line) = receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
        if let Some((_, addresses)) = line.split_once(" serves on ") {
            return Ok(addresses.split_whitespace().next().unwrap().to_owned());
        }
        said.push_str(&line);
        said.push('\n');
    }
    Err(said)
}

fn answer(mut response: http::Response<ureq::Body>) -> Answer {
    let header = response.headers().get("content-type");
    let content_type = header.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
    let headers = response.headers().clone();
    // The output of a command has up to 10 MiB, and more in JSON.
    let text = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status: response.status().as_u16(), content_type, retry_after, headers, body }
}

pub(crate) fn events_of(response: http::Response<ureq::Body>) -> Events<Box<dyn BufRead>> {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Events { lines: Box::new(BufReader::new(response.into_body().into_reader())) }
}

/// Reads events from a stream.
pub(crate) struct Events<R> {
    lines: R,
}

impl<R: BufRead> Iterator for Events<R> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let mut event = Event { id: None, name: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            // A connection that is cut ends the stream as well.
            if self.lines.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            match line.trim_end_matches('\n').split_once(": ") {
                Some(("id", id)) => event.id = Some(id.parse().unwrap()),
                Some(("event", name)) => name.clone_into(&mut event.name),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                // The end of an event, or a comment.
                _ if event.name.is_empty() => {}
                _ => return Some(event),
            }
        }
    }
}

/// The whole of what a raw connection still says.
pub(crate) fn rest(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{what} did not come about");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
