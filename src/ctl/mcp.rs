//! `ashctl mcp`: agents and sessions as tools of another agent, over the Model Context Protocol on the
//! standard input and output: a line of JSON for each message.

use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::exit::Exit;
use super::failure::Failure;
use super::prefix::resolve;
use super::server::{Server, encode_path, whole};
use super::{deploy, turn};
use crate::id::AgentName;
use crate::wire::turns::SendMessage;

/// Serve agents and sessions as tools over the Model Context Protocol
///
/// For Claude Code: `claude mcp add ash -- ashctl mcp`. It reads requests from the standard input until
/// that ends. A tool can do what the admin socket or the API key can.
#[derive(Debug, Args)]
pub(crate) struct Mcp {}

/// What is spoken, if the client does not ask for an earlier one.
const VERSIONS: [&str; 3] = ["2025-06-18", "2025-03-26", "2024-11-05"];

/// Lines that wait to be read: what is behind them waits in the pipe.
const LINES_WAITING_MAX: usize = 16;

/// Longest line, in bytes: a message of the API with its escapes.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// Characters of a file that a tool answers: more would fill the other agent's memory.
const FILE_CHARACTERS_MAX: usize = 100_000;

// The codes of JSON-RPC.
const NOT_JSON: i64 = -32700;
const NO_METHOD: i64 = -32601;
const WRONG_PARAMETERS: i64 = -32602;

/// A tool: its name, what it is for, and its members with what they are; a `?` says that one may be
/// left out.
type Tool = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const TOOLS: [Tool; 10] = [
    ("list_agents", "List the agents that sessions can be made of.", &[]),
    (
        "deploy",
        "Deploy a folder with a CLAUDE.md as the next version of an agent.",
        &[
            ("folder", "Path of the folder"),
            ("name?", "Name of the agent; by default the folder's"),
        ],
    ),
    (
        "create_session",
        "Create a session of an agent. It keeps its files and its conversation until it is ended.",
        &[
            ("agent", "Name of the agent"),
            ("model?", "Model to use"),
            ("systemPrompt?", "Replaces Claude Code's own"),
        ],
    ),
    (
        "send_message",
        "Say something to a session and wait for its answer, which may take minutes.",
        &[("session", "Id of the session"), ("message", "What to say")],
    ),
    (
        "list_sessions",
        "List sessions, the newest first.",
        &[("agent?", "Only of this agent"), ("status?", "Only with this status, e.g. active")],
    ),
    ("get_session", "Show how a session is.", &[("session", "Id of the session")]),
    (
        "interrupt_session",
        "Stop the running turn of a session.",
        &[("session", "Id of the session")],
    ),
    ("end_session", "End a session; its history stays.", &[("session", "Id of the session")]),
    ("list_files", "List the files of a session's workspace.", &[("session", "Id of the session")]),
    (
        "read_file",
        "Read a text file of a session's workspace.",
        &[("session", "Id of the session"), ("path", "Path of the file")],
    ),
];

#[derive(Debug, Deserialize)]
struct Request {
    /// None: nobody waits for an answer.
    id: Option<Value>,
    method: String,
    #[serde(default)]
    params: Value,
}

pub(crate) async fn run(server: &Server) -> Result<(), Failure> {
    let mut lines = lines();
    let mut running = FuturesUnordered::new();
    let mut reads = true;
    // What was asked for is answered before this leaves.
    while reads || !running.is_empty() {
        tokio::select! {
            line = lines.recv(), if reads => match line {
                Some(line) => running.push(answer(server, line)),
                None => reads = false,
            },
            Some(answer) = running.next() => if let Some(answer) = answer {
                say(&answer)?;
            },
        }
    }
    Ok(())
}

/// The lines of the standard input, read by a thread of their own.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(LINES_WAITING_MAX);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = String::new();
            let read = io::Read::take(&mut input, LINE_BYTES_MAX).read_line(&mut line);
            if !read.is_ok_and(|bytes| bytes > 0) || sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn say(message: &Value) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    let said = writeln!(output, "{message}").and_then(|()| output.flush());
    said.map_err(|error| Failure::new(Exit::Failure, format!("nobody reads: {error}")))
}

async fn answer(server: &Server, line: String) -> Option<Value> {
    if line.trim().is_empty() {
        return None;
    }
    let Ok(request) = serde_json::from_str::<Request>(&line) else {
        return Some(failed(&Value::Null, NOT_JSON, "this is no request"));
    };
    let id = request.id?;
    let result = match request.method.as_str() {
        "initialize" => initialize(&request.params),
        "ping" => json!({}),
        "tools/list" => json!({ "tools": TOOLS.map(listed) }),
        "tools/call" => {
            let name = request.params["name"].as_str().unwrap_or_default();
            if !TOOLS.iter().any(|(known, ..)| *known == name) {
                return Some(failed(&id, WRONG_PARAMETERS, &format!("there is no tool `{name}`")));
            }
            let arguments = request.params["arguments"].clone();
            // What fails is told to the model, which may do better.
            let (text, fails) = match Box::pin(call(server, name, arguments)).await {
                Ok(text) => (text, false),
                Err(failure) => (told(&failure), true),
            };
            json!({ "content": [{ "type": "text", "text": text }], "isError": fails })
        }
        method => return Some(failed(&id, NO_METHOD, &format!("there is no method `{method}`"))),
    };
    Some(json!({ "jsonrpc": "2.0", "id": id, "result": result }))
}

fn failed(id: &Value, code: i64, text: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": text } })
}

fn told(failure: &Failure) -> String {
    match &failure.hint {
        Some(hint) => format!("{}; {hint}", failure.text),
        None => failure.text.clone(),
    }
}

fn initialize(parameters: &Value) -> Value {
    let asked = parameters["protocolVersion"].as_str().unwrap_or_default();
    let version = VERSIONS.iter().find(|known| **known == asked).unwrap_or(&VERSIONS[0]);
    json!({
        "protocolVersion": version,
        "capabilities": { "tools": {} },
        "serverInfo": { "name": "ash", "version": env!("CARGO_PKG_VERSION") },
        "instructions": "Each session is an agent of its own in a sandbox, with files and a conversation that last. Create one, send it messages, and end it when it is no longer needed.",
    })
}

fn listed((name, about, members): Tool) -> Value {
    let plain = |member: &str| member.trim_end_matches('?').to_owned();
    let properties: serde_json::Map<String, Value> = members
        .iter()
        .map(|(member, about)| (plain(member), json!({ "type": "string", "description": about })))
        .collect();
    let required: Vec<&str> =
        members.iter().map(|(member, _)| *member).filter(|member| !member.ends_with('?')).collect();
    json!({
        "name": name,
        "description": about,
        "inputSchema": { "type": "object", "properties": properties, "required": required },
    })
}

#[derive(Debug, Deserialize)]
struct DeployFolder {
    folder: PathBuf,
    name: Option<AgentName>,
}

#[derive(Debug, Deserialize)]
struct OfSession {
    session: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    path: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Listing {
    agent: Option<String>,
    status: Option<String>,
}

fn parse<T: DeserializeOwned>(arguments: Value) -> Result<T, Failure> {
    let arguments = if arguments.is_null() { json!({}) } else { arguments };
    serde_json::from_value(arguments)
        .map_err(|error| Failure::usage(format!("the arguments are wrong: {error}")))
}

async fn call(server: &Server, tool: &str, arguments: Value) -> Result<String, Failure> {
    let answer = match tool {
        "list_agents" => server.get("/api/agents").await?,
        "deploy" => {
            let DeployFolder { folder, name } = parse(arguments)?;
            deploy::folder(server, folder, name).await?
        }
        "create_session" => whole(server.post("/api/sessions", &arguments).await?).await?,
        "list_sessions" => {
            let Listing { agent, status } = parse(arguments)?;
            let mut target = "/api/sessions?limit=100".to_owned();
            for (name, value) in [("agent", agent), ("status", status)] {
                let Some(value) = value else { continue };
                let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
                target = format!("{target}&{name}={value}");
            }
            server.get(&target).await?
        }
        _ => {
            let OfSession { session, message, path } = parse(arguments)?;
            let session = resolve(server, &session).await?;
            let place = format!("/api/sessions/{session}");
            match tool {
                "send_message" => {
                    return turn::answer(server, session, &SendMessage::text(message)).await;
                }
                "get_session" => server.get(&place).await?,
                "interrupt_session" => {
                    server.call(Method::POST, &format!("{place}/interrupt")).await?
                }
                "end_session" => server.call(Method::DELETE, &place).await?,
                "list_files" => server.get(&format!("{place}/files?includeHidden=false")).await?,
                _ => server.get(&format!("{place}/files/{}", encode_path(&path))).await?,
            }
        }
    };
    let text = String::from_utf8_lossy(&answer);
    let mut characters = text.chars();
    let mut shown: String = characters.by_ref().take(FILE_CHARACTERS_MAX).collect();
    let left = characters.count();
    if left > 0 {
        shown = format!("{shown}\n[{left} more characters are left out]");
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_may_be_left_out_is_not_required() {
        let create = listed(TOOLS[2]);
        assert_eq!(create["inputSchema"]["required"], json!(["agent"]));
        assert_eq!(create["inputSchema"]["properties"]["model"]["type"], "string");
    }

    #[test]
    fn the_version_is_the_clients_if_it_is_known() {
        let answered = |asked: &str| {
            initialize(&json!({ "protocolVersion": asked }))["protocolVersion"].clone()
        };
        assert_eq!(answered("2024-11-05"), "2024-11-05");
        assert_eq!(answered("2042-01-01"), VERSIONS[0]);
    }
}
