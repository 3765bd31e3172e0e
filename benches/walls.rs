//! What the walls of a sandbox cost: `cargo bench --features testing --bench walls`.
//!
//! The same Python program runs in a sandbox and outside of it, in turns: there it reaches the model through
//! ash-egress and each of its system calls passes the filter, here neither.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark starts programs and prints"
)]

#[expect(dead_code, reason = "each benchmark uses its part")]
mod rig;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ash::testing::{MessagesApi, MessagesApiSettings};
use rig::ashd::{Ashd, end, fake_claude, session};
use rig::client::Client;
use rig::figures;
use serde_json::{Value, json};

/// Times that the two places take turns.
const ROUNDS: usize = 20;

/// Of the system: a sandbox sees no other.
const PYTHON: &str = "/usr/bin/python3";

/// Prints nanoseconds, one time a line: of 20 requests to the model on one connection, from the request to the
/// first byte of the answer's body; of 20 starts of a program; 20 times of a thousand system calls.
const PROGRAM: &str = r#"
import http.client, json, os, socket, subprocess, sys, time
clock, TIMES = time.monotonic_ns, 20
def model(where):
    connection = http.client.HTTPConnection("api.ash.invalid")
    if where.startswith("/"):
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(where)
    else:
        host, port = where.split(":")
        connection = http.client.HTTPConnection(host, int(port))
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = json.dumps({"model": "claude-opus-5-5", "max_tokens": 16, "stream": True,
        "messages": [{"role": "user", "content": "[[say:a]]"}]})
    head = {"content-type": "application/json", "anthropic-version": "2023-06-01",
        "x-api-key": os.environ.get("ANTHROPIC_API_KEY", "sk-ant-dummy")}
    for turn in range(TIMES + 1):
        begin = clock()
        connection.request("POST", "/v1/messages", body, head)
        answer = connection.getresponse()
        first = answer.read(1)
        took = clock() - begin
        assert answer.status == 200 and first, (answer.status, first + answer.read())
        answer.read()
        if turn: # the first one finds no connection beyond
            print(took)
def start():
    for _ in range(TIMES):
        begin = clock()
        subprocess.run(["/bin/true"], check=True)
        print(clock() - begin)
def call():
    for _ in range(TIMES):
        begin = clock()
        for _ in range(20000):
            os.getppid()
        print((clock() - begin) // 20)
{"model": lambda: model(sys.argv[2]), "start": start, "call": call}[sys.argv[1]]()
"#;

fn main() {
    if !Path::new(PYTHON).exists() {
        println!("SKIP: there is no {PYTHON}");
        return;
    }
    figures::machine("walls");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime starts");
    let settings = MessagesApiSettings::default();
    let model = runtime.block_on(MessagesApi::start(settings)).expect("a port is free");
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let environment =
        [("ANTHROPIC_API_KEY", "sk-ant-dummy"), ("ANTHROPIC_BASE_URL", &*model.url())];
    let ashd = Ashd::start(folder.path(), &fake_claude(), &environment);
    ashd.deploy("measured");
    let mut client = ashd.client();
    let session = session(&mut client, "measured");
    ashd.until_ready(1);

    let direct = model.address().to_string();
    let rows = [
        (
            "request -> first byte of the model's answer, which comes at once, on a connection that is
             open. inside: through ash-egress, over its unix socket. outside: to the model, over TCP.",
            ["model", "/run/ash/api.sock"],
            ["model", &*direct],
        ),
        ("`/bin/true` is started and waited for, by Python.", ["start", ""], ["start", ""]),
        ("A thousand system calls, getppid(2), by Python.", ["call", ""], ["call", ""]),
    ];
    for (definition, within, without) in rows {
        let [mut inside, mut outside] = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            // Nobody is always the first.
            for place in [round % 2, 1 - round % 2] {
                if place == 0 {
                    inside.extend(in_sandbox(&mut client, &session, within));
                } else {
                    outside.extend(on_host(without));
                }
            }
        }
        figures::table(definition);
        let behind = figures::row("inside", &inside);
        let before = figures::row("outside", &outside);
        figures::note(&format!("p50 added by the walls {}", figures::beyond(behind, before)));
    }
    end(&mut client, &session);
    ashd.stop();
}

fn in_sandbox(client: &mut Client, session: &str, arguments: [&str; 2]) -> Vec<Duration> {
    let [what, whither] = arguments;
    let body = json!({ "command": [PYTHON, "-c", PROGRAM, what, whither] }).to_string();
    let path = format!("/api/sessions/{session}/exec");
    let answer = client.ask("POST", &path, &body).expect("ashd serves");
    assert!(answer.status == 200 && answer.body["exitCode"] == 0, "{}", answer.body);
    let Value::String(printed) = &answer.body["stdout"] else { unreachable!("{}", answer.body) };
    times(printed)
}

fn on_host(arguments: [&str; 2]) -> Vec<Duration> {
    let mut python = Command::new(PYTHON);
    let output = python.args(["-c", PROGRAM]).args(arguments).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    times(&String::from_utf8(output.stdout).expect("numbers are text"))
}

fn times(printed: &str) -> Vec<Duration> {
    let nanoseconds = |line: &str| line.parse().expect("a line is a number");
    printed.lines().map(nanoseconds).map(Duration::from_nanos).collect()
}
