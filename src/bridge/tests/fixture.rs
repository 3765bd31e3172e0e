//! Recorded connections. A bridge outlives several ashd, and an ashd meets bridges of its
//! predecessors: what was once said must be understood for ever. Add a recording with every
//! version of the protocol; never replace one.

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::rig::{PATIENCE, ROOMY, Rig, frame};
use crate::bridge::host::{BridgeEvent, FileError, LinkEnding, connect};
use crate::bridge::protocol::{
    BridgeHello, ControllerHello, Kind, Notice, PROTOCOL, Packet, Refusal, Reply, Request, StartCli,
};

/// What a controller of version 1 said.
const CONTROLLER_1: &[u8] = include_bytes!("../../../tests/fixtures/bridge/v1-controller.bin");

/// What a bridge of version 1 answered.
const BRIDGE_1: &[u8] = include_bytes!("../../../tests/fixtures/bridge/v1-bridge.bin");

fn packets(bytes: &[u8]) -> Vec<Packet> {
    let mut buffer = BytesMut::from(bytes);
    let mut packets = Vec::new();
    while let Some(packet) = Packet::decode(&mut buffer).unwrap() {
        packets.push(packet);
    }
    assert!(buffer.is_empty());
    packets
}

#[test]
fn a_bridge_understands_a_controller_of_version_1() {
    let packets = packets(CONTROLLER_1);
    let kinds: Vec<Kind> = packets.iter().map(|packet| packet.kind).collect();
    let expected = [
        Kind::Hello,
        Kind::Start,
        Kind::Input,
        Kind::Start,
        Kind::Input,
        Kind::Interrupt,
        Kind::Acknowledge,
        Kind::Request,
        Kind::Request,
        Kind::Credit,
        Kind::Request,
        Kind::Cancel,
        Kind::Shutdown,
    ];
    assert_eq!(kinds, expected);
    let hello: ControllerHello = packets[0].parse().unwrap();
    assert_eq!(hello, ControllerHello { protocol: 1, stored: 0 });
    let start: StartCli = packets[3].parse().unwrap();
    assert_eq!(start.arguments[1], "--verbose");
    assert_eq!(start.environment["PRELUDE"], "name=recorded");
    assert_eq!(start.conversation, "2f1c7a3e-5f0e-4d53-9a58-0f6f1f1d7c11");
    assert_eq!(start.initialize.unwrap()["hooks"], serde_json::Value::Null);
    assert_eq!((packets[4].number, packets[6].number), (2, 3));
    assert_eq!(packets[7].parse(), Ok(Request::ListFiles { hidden: true }));
    let read = Request::ReadFile { path: "hello.txt".to_owned(), bytes_max: 100 };
    assert_eq!(packets[8].parse(), Ok(read));
    assert_eq!(&packets[9].payload[..], 1_u32.to_be_bytes());
}

#[tokio::test]
async fn a_controller_understands_a_bridge_of_version_1() {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    theirs.write_all(BRIDGE_1).await.unwrap();
    let mut link = connect(ours, 0, PATIENCE).await.unwrap();
    theirs.shutdown().await.unwrap();
    let hello = BridgeHello {
        paused: false,
        cli_label: None,
        protocol: 1,
        version: "0.1.0".to_owned(),
        last: 0,
        last_input: 0,
        cli_running: false,
        forgotten: 0,
    };
    assert_eq!(link.hello, hello);
    let mut events = Vec::new();
    while let Some(event) = link.maybe_event().await {
        events.push(event);
    }
    assert!(matches!(link.events.ending(), Some(LinkEnding::Closed)));
    let notices: Vec<_> = events
        .iter()
        .map(|event| match event {
            BridgeEvent::Frame { line, .. } => Err(String::from_utf8(line.to_vec()).unwrap()),
            BridgeEvent::Notice { notice, .. } => Ok(notice.clone()),
        })
        .collect();
    let pid = match &notices[2] {
        Ok(Notice::Ready { pid, .. }) => *pid,
        other => panic!("{other:?}"),
    };
    let expected = [
        Ok(Notice::StartFailed { reason: "the conversation has no UUID".to_owned() }),
        Ok(Notice::InputRefused { number: 1, reason: "no CLI runs".to_owned() }),
        Ok(Notice::Ready { version: Some("9.9.9".to_owned()), pid }),
        Err(frame("recorded")),
        Ok(Notice::ControlRefused {
            request: "set_model".to_owned(),
            reason: "no such model".to_owned(),
        }),
        Ok(Notice::LineTooLong { bytes: 1_100_008 }),
        Err(frame("after")),
        Ok(Notice::Exited {
            code: Some(0),
            signal: None,
            requested: true,
            stderr: "a warning".to_owned(),
        }),
    ];
    assert_eq!(notices, expected);
}

#[test]
fn a_controller_understands_the_files_of_a_bridge_of_version_1() {
    let replies = packets(BRIDGE_1);
    let replies = replies.iter().filter(|packet| matches!(packet.kind, Kind::Reply | Kind::Chunk));
    let replies: Vec<_> = replies.collect();
    let Reply::Files { files, truncated: false } = replies[0].parse().unwrap() else { panic!() };
    assert_eq!((files.len(), files[0].path.as_str(), files[0].size), (1, "hello.txt", 6));
    assert!(matches!(replies[1].parse(), Ok(Reply::File { size: 6, .. })));
    assert_eq!((&replies[2].payload[..], replies[2].kind), (&b"hello\n"[..], Kind::Chunk));
    assert_eq!(replies[3].parse(), Ok(Reply::Complete));
    let reason = Refusal::OutsideWorkspace;
    assert_eq!(replies[4].parse(), Ok(Reply::Refused { reason }));
    assert!(FileError::Refused { reason }.to_string().contains("OutsideWorkspace"));
}

fn recording(side: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bridge");
    std::fs::create_dir_all(&directory).unwrap();
    directory.join(format!("v{PROTOCOL}-{side}.bin"))
}

/// A controller that remembers both sides.
struct Recorder {
    stream: tokio::net::UnixStream,
    said: BytesMut,
    heard: BytesMut,
}

impl Recorder {
    async fn say(&mut self, packet: Packet) {
        let mut bytes = BytesMut::new();
        packet.encode(&mut bytes);
        self.said.extend_from_slice(&bytes);
        self.stream.write_all(&bytes).await.unwrap();
    }

    /// Reads until `count` packets have come in all.
    async fn hear(&mut self, count: usize) {
        let whole = |mut buffer: BytesMut| {
            std::iter::from_fn(move || Packet::decode(&mut buffer).unwrap()).count()
        };
        while whole(self.heard.clone()) < count {
            assert!(self.stream.read_buf(&mut self.heard).await.unwrap() > 0);
        }
    }
}

#[tokio::test]
#[ignore = "records the connection of a new version of the protocol"]
async fn record_this_version() {
    let mut rig = Rig::new(ROOMY);
    rig.conversation = "2f1c7a3e-5f0e-4d53-9a58-0f6f1f1d7c11".parse().unwrap();
    std::fs::write(rig.workspace().join("hello.txt"), "hello\n").unwrap();
    let stream = rig.stream().await;
    let mut recorder = Recorder { stream, said: BytesMut::new(), heard: BytesMut::new() };
    let hello = ControllerHello { protocol: PROTOCOL, stored: 0 };
    recorder.say(Packet::json(Kind::Hello, 0, &hello)).await;
    let odd = StartCli { conversation: "odd".to_owned(), ..rig.start() };
    recorder.say(Packet::json(Kind::Start, 0, &odd)).await;
    recorder.hear(2).await;
    recorder.say(Packet::new(Kind::Input, 1, "frame one")).await;
    recorder.hear(3).await;
    let mut start = rig.start_with("name=recorded");
    let members = serde_json::json!({ "hooks": null });
    start.initialize = Some(Box::new(members.as_object().unwrap().clone()));
    recorder.say(Packet::json(Kind::Start, 0, &start)).await;
    recorder.hear(4).await;
    let model = r#"{"type":"control_request","request_id":"a","request":{"subtype":"set_model"}}"#;
    let long = r#"printf '{"x":"%*s"}\n' 1100000 y"#;
    let lines = format!("frame $name; echo a warning >&2\n{model}\n{long}\nframe after\n");
    recorder.say(Packet::new(Kind::Input, 2, lines)).await;
    recorder.hear(8).await;
    recorder.say(Packet::new(Kind::Interrupt, 0, "")).await;
    recorder.say(Packet::new(Kind::Acknowledge, 3, "")).await;
    recorder.say(Packet::json(Kind::Request, 1, &Request::ListFiles { hidden: true })).await;
    recorder.hear(9).await;
    let read = Request::ReadFile { path: "hello.txt".to_owned(), bytes_max: 100 };
    recorder.say(Packet::json(Kind::Request, 2, &read)).await;
    recorder.hear(12).await;
    recorder.say(Packet::new(Kind::Credit, 2, 1_u32.to_be_bytes().to_vec())).await;
    let outside = Request::ReadFile { path: "../x".to_owned(), bytes_max: 100 };
    recorder.say(Packet::json(Kind::Request, 3, &outside)).await;
    recorder.hear(13).await;
    recorder.say(Packet::new(Kind::Cancel, 3, "")).await;
    recorder.say(Packet::new(Kind::Shutdown, 0, "")).await;
    while recorder.stream.read_buf(&mut recorder.heard).await.unwrap() > 0 {}
    for (side, bytes) in [("controller", recorder.said), ("bridge", recorder.heard)] {
        let path = recording(side);
        assert!(!path.exists(), "{} is for ever", path.display());
        std::fs::write(path, bytes).unwrap();
    }
}
