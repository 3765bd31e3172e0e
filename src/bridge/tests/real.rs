//! The real CLI, with a Messages API that always says the same. Set `ASH_TEST_CLAUDE` to its
//! path if it is not where `ashctl doctor` says how to put it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::rig::{ROOMY, Rig};
use crate::bridge::host::{BridgeEvent, Link};
use crate::bridge::protocol::{Notice, StartCli};

/// Below the home of whoever runs the tests.
const USUAL_PLACE: &str =
    ".cache/ash/claude/node_modules/@anthropic-ai/claude-code-linux-x64/claude";

fn real_cli() -> Option<PathBuf> {
    let variable = |wanted: &str| {
        std::env::vars_os().find(|(name, _)| name == wanted).map(|(_, value)| PathBuf::from(value))
    };
    let path = variable("ASH_TEST_CLAUDE").or_else(|| Some(variable("HOME")?.join(USUAL_PLACE)))?;
    path.exists().then_some(path)
}

/// Answers each message with one word; answers its address.
async fn messages_api() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    format!("http://{address}")
}

async fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    stream.read_line(&mut first).await?;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let (kind, text) = if first.starts_with("POST /v1/messages?") {
        ("text/event-stream", events())
    } else {
        ("application/json", r#"{"input_tokens":1}"#.to_owned())
    };
    let length = text.len();
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
    let head = format!("{head}content-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{text}").as_bytes()).await?;
    stream.shutdown().await
}

fn events() -> String {
    let usage = json!({"input_tokens": 1, "output_tokens": 1});
    let events = [
        json!({"type": "message_start", "message": {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": usage,
        }}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "pong"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": usage}),
        json!({"type": "message_stop"}),
    ];
    let lines = events
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()));
    lines.concat()
}

fn start(rig: &Rig, api: &str) -> StartCli {
    let arguments = [
        "--output-format=stream-json",
        "--input-format=stream-json",
        "--verbose",
        "--include-partial-messages",
        "--permission-mode=default",
    ];
    let home = rig.path().join("home");
    let environment = [
        ("HOME", home.to_str().unwrap()),
        ("ANTHROPIC_BASE_URL", api),
        ("ANTHROPIC_API_KEY", "sk-ant-dummy"),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("DISABLE_AUTOUPDATER", "1"),
        ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1"),
    ];
    StartCli {
        arguments: arguments.map(str::to_owned).to_vec(),
        environment: environment.map(|(name, value)| (name.into(), value.into())).into(),
        ..rig.start()
    }
}

/// Sends a message and collects the frames of its turn.
async fn turn(link: &mut Link, number: u64, text: &str) -> Vec<Value> {
    let message = json!({"role": "user", "content": text});
    let line = json!({"type": "user", "message": message, "parent_tool_use_id": null});
    link.sender.input(number, Bytes::from(line.to_string())).unwrap();
    let mut frames: Vec<Value> = Vec::new();
    loop {
        match link.event().await {
            BridgeEvent::Frame { line, .. } => frames.push(serde_json::from_slice(&line).unwrap()),
            BridgeEvent::Notice { notice, .. } => panic!("{notice:?} after {frames:?}"),
        }
        if frames.last().unwrap()["state"] == "idle" {
            return frames;
        }
    }
}

#[tokio::test]
async fn the_real_cli_answers_is_resumed_and_leaves() {
    let Some(path) = real_cli() else {
        println!("SKIP: no Claude CLI at ASH_TEST_CLAUDE or ~/{USUAL_PLACE}");
        return;
    };
    let rig = Rig::with_cli(Path::new(&path), ROOMY);
    let api = messages_api().await;
    let mut link = rig.connect(0).await;
    link.sender.start(&start(&rig, &api)).unwrap();
    let ready = link.notice().await;
    assert!(matches!(ready, Notice::Ready { .. }), "{ready:?}");
    let frames = turn(&mut link, 1, "ping").await;
    let kinds: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    for kind in ["system", "stream_event", "assistant", "result"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
    assert!(!kinds.iter().any(|kind| kind.starts_with("control_")), "{kinds:?}");
    let result = frames.iter().find(|frame| frame["type"] == "result").unwrap();
    assert_eq!((&result["result"], &result["is_error"]), (&json!("pong"), &json!(false)));
    assert_eq!(result["session_id"], json!(rig.conversation.to_string()));

    // Started again, it is told to go on with the same conversation.
    link.sender.start(&start(&rig, &api)).unwrap();
    let exited = link.notice().await;
    assert!(matches!(exited, Notice::Exited { code: Some(0), requested: true, .. }), "{exited:?}");
    let ready = link.notice().await;
    assert!(matches!(ready, Notice::Ready { .. }), "{ready:?}");
    let frames = turn(&mut link, 2, "and again").await;
    let result = frames.iter().find(|frame| frame["type"] == "result").unwrap();
    assert_eq!(result["session_id"], json!(rig.conversation.to_string()));
    link.sender.shutdown().unwrap();
    let exited = link.notice().await;
    assert!(matches!(exited, Notice::Exited { code: Some(0), requested: true, .. }), "{exited:?}");
}
