//! Recorded connections. A bridge outlives several ashd, and an ashd meets bridges of its
//! predecessors: what was once said must be understood for ever. Add a recording with every
//! version of the protocol; never replace one.

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::rig::{PATIENCE, ROOMY, Rig, frame};
use crate::bridge::host::{BridgeEvent, FileError, LinkEnding, LinkError, connect};
use crate::bridge::protocol::{
    Answer, BridgeHello, ControllerHello, Kind, LogLevel, Notice, PROTOCOL, PROTOCOL_OLDEST,
    Packet, Refusal, Reply, Request, RunCommand, Scripts, StartCli,
};

/// The versions that were recorded; of those that are served no more only what they said is looked at.
const RECORDED: [u32; 6] = [1, 2, 3, 4, 5, 6];

/// A version without a recording would be served on trust.
#[test]
fn every_version_was_recorded() {
    assert_eq!(RECORDED.to_vec(), (1..=PROTOCOL).collect::<Vec<_>>());
}

/// What the CLI of the recording of version 5 asks.
const QUESTION: &str = r#"{"request":{"subtype":"can_use_tool","input":{"n":1.50},"tool_name":"Write"},"request_id":"q1","type":"control_request"}"#;

/// What one side of a connection of a version said.
fn recorded(version: u32, side: &str) -> Vec<u8> {
    std::fs::read(recording(version, side)).unwrap()
}

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
fn a_bridge_understands_a_controller_of_every_version() {
    for version in RECORDED {
        understands_controller(version, &packets(&recorded(version, "controller")));
    }
}

fn understands_controller(version: u32, packets: &[Packet]) {
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
    ];
    assert_eq!(kinds[..expected.len()], expected);
    assert_eq!(kinds.last(), Some(&Kind::Shutdown));
    let hello: ControllerHello = packets[0].parse().unwrap();
    assert_eq!(hello, ControllerHello { protocol: version, stored: 0 });
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
    let added = &packets[expected.len()..packets.len() - 1];
    if version < 4 {
        return assert_eq!(added.len(), 0);
    }
    let write =
        Request::WriteFile { path: "new.txt".to_owned(), executable: Some(true), bytes_max: 100 };
    assert_eq!(added[0].parse(), Ok(write));
    assert_eq!((added[1].kind, &added[1].payload[..]), (Kind::Data, &b"new"[..]));
    assert_eq!((added[2].kind, added[2].payload.len()), (Kind::Data, 0));
    assert_eq!(added[3].parse(), Ok(Request::DeleteFile { path: "new.txt".to_owned() }));
    let Ok(Request::Run(command)) = added[4].parse() else { panic!("{:?}", added[4]) };
    assert_eq!((command.arguments[2].as_str(), command.timeout_ms), ("cat; echo e >&2", 60_000));
    if version < 5 {
        return assert!(!start.asks && added.len() == 7);
    }
    assert!(start.asks);
    let scripts = (version >= 6).then_some(Scripts { timeout_ms: 60_000 });
    assert_eq!((start.scripts, start.logs), (scripts, version >= 6));
    assert_eq!((added[7].kind, added[7].payload[0]), (Kind::Control, b'{'));
    let answer: Answer = added[9].parse().unwrap();
    assert_eq!((added[9].kind, answer.request_id.as_str()), (Kind::Answer, "q1"));
    assert_eq!(answer.response.get(), r#"{"behavior":"allow"}"#);
}

#[tokio::test]
async fn a_bridge_that_is_too_old_is_refused_by_its_version() {
    for version in RECORDED.into_iter().filter(|version| *version < PROTOCOL_OLDEST) {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(&recorded(version, "bridge")).await.unwrap();
        match connect(ours, 0, PATIENCE).await.unwrap_err() {
            LinkError::TooOld { found, oldest } => {
                assert_eq!((found, oldest), (version, PROTOCOL_OLDEST));
            }
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_controller_understands_a_bridge_of_every_version_that_is_served() {
    for version in RECORDED.into_iter().filter(|version| *version >= PROTOCOL_OLDEST) {
        understands_bridge(version).await;
    }
}

async fn understands_bridge(version: u32) {
    let (ours, mut theirs) = tokio::io::duplex(1 << 20);
    theirs.write_all(&recorded(version, "bridge")).await.unwrap();
    let mut link = connect(ours, 0, PATIENCE).await.unwrap();
    theirs.shutdown().await.unwrap();
    let hello = BridgeHello {
        paused: false,
        cli_label: None,
        protocol: version,
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
    let is_log = |notice: &Result<_, _>| matches!(notice, Ok(Notice::Log { .. }));
    let (logs, notices): (Vec<_>, Vec<_>) = notices.into_iter().partition(is_log);
    let log = |level, text: &str| Ok(Notice::Log { level, text: text.to_owned() });
    let told = [
        log(LogLevel::System, "install.sh begins"),
        log(LogLevel::Stdout, "installed"),
        log(LogLevel::System, "install.sh ended with status 0"),
        log(LogLevel::Stderr, "a warning"),
    ];
    assert_eq!(logs, if version < 6 { &[][..] } else { &told[..] });
    let pid = match &notices[2] {
        Ok(Notice::Ready { pid, .. }) => *pid,
        other => panic!("{other:?}"),
    };
    let mut expected = vec![
        Ok(Notice::StartFailed { reason: "the conversation has no UUID".to_owned(), script: None }),
        Ok(Notice::InputRefused { number: 1, reason: "no CLI runs".to_owned() }),
        Ok(Notice::Ready { version: Some("9.9.9".to_owned()), pid }),
        Err(frame("recorded")),
        Ok(Notice::ControlRefused {
            request: "set_model".to_owned(),
            reason: "no such model".to_owned(),
        }),
        Ok(Notice::LineTooLong { bytes: 1_100_008 }),
        Err(frame("after")),
    ];
    if version >= 5 {
        expected.extend([
            Ok(Notice::ControlRefused {
                request: "set_model".to_owned(),
                reason: "no such model".to_owned(),
            }),
            Err(QUESTION.to_owned()),
            Err(r#"{"heard":{"response":{"request_id":"q1","response":{"behavior":"allow","updatedInput":{"n":1.50}},"subtype":"success"},"type":"control_response"}}"#.to_owned()),
        ]);
    }
    expected.push(Ok(Notice::Exited {
        code: Some(0),
        signal: None,
        requested: true,
        stderr: "a warning".to_owned(),
    }));
    assert_eq!(notices, expected);
}

/// After a downgrade an older ashd meets the bridge of today, which answers as that version's own did.
#[tokio::test]
async fn a_bridge_serves_a_controller_of_every_version() {
    for version in RECORDED {
        let rig = Rig::new(ROOMY);
        let stream = rig.stream().await;
        let mut recorder = Recorder { stream, said: BytesMut::new(), heard: BytesMut::new() };
        for packet in packets(&recorded(version, "controller")).into_iter().take(3) {
            recorder.say(packet).await;
        }
        recorder.hear(3).await;
        let theirs = packets(&recorded(version, "bridge"));
        assert_eq!(packets(&recorder.heard)[1..], theirs[1..3], "{version}");
    }
}

#[test]
fn a_controller_understands_the_files_of_a_bridge_of_every_version() {
    for version in RECORDED {
        understands_files(version);
    }
}

fn understands_files(version: u32) {
    let replies = packets(&recorded(version, "bridge"));
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
    let added = &replies[5..];
    if version < 4 {
        return assert_eq!(added.len(), 0);
    }
    assert_eq!(added[0].parse(), Ok(Reply::Done { files: 1, bytes: 3 }));
    assert_eq!(added[1].parse(), Ok(Reply::Done { files: 1, bytes: 0 }));
    assert_eq!(added[2].parse(), Ok(Reply::Stream));
    assert_eq!((added[3].kind, &added[3].payload[..]), (Kind::Chunk, &b"in"[..]));
    let Ok(Reply::Ended(end)) = added[4].parse() else { panic!("{:?}", added[4]) };
    assert_eq!((end.code, end.timed_out, end.truncated), (Some(0), false, false));
}

fn recording(version: u32, side: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bridge");
    directory.join(format!("v{version}-{side}.bin"))
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
    start.asks = true;
    (start.logs, start.scripts) = (true, Some(Scripts { timeout_ms: 60_000 }));
    // Gone before the files are listed.
    let install = rig.workspace().join("install.sh");
    std::fs::write(&install, format!("echo installed; rm {}", install.display())).unwrap();
    recorder.say(Packet::json(Kind::Start, 0, &start)).await;
    recorder.hear(7).await;
    let model = r#"{"type":"control_request","request_id":"a","request":{"subtype":"set_model"}}"#;
    let long = r#"printf '{"x":"%*s"}\n' 1100000 y"#;
    let lines = format!("frame $name; echo a warning >&2\n{model}\n{long}\nframe after\n");
    recorder.say(Packet::new(Kind::Input, 2, lines)).await;
    recorder.hear(12).await;
    recorder.say(Packet::new(Kind::Interrupt, 0, "")).await;
    recorder.say(Packet::new(Kind::Acknowledge, 3, "")).await;
    recorder.say(Packet::json(Kind::Request, 1, &Request::ListFiles { hidden: true })).await;
    recorder.hear(13).await;
    let read = Request::ReadFile { path: "hello.txt".to_owned(), bytes_max: 100 };
    recorder.say(Packet::json(Kind::Request, 2, &read)).await;
    recorder.hear(16).await;
    recorder.say(Packet::new(Kind::Credit, 2, 1_u32.to_be_bytes().to_vec())).await;
    let outside = Request::ReadFile { path: "../x".to_owned(), bytes_max: 100 };
    recorder.say(Packet::json(Kind::Request, 3, &outside)).await;
    recorder.hear(17).await;
    recorder.say(Packet::new(Kind::Cancel, 3, "")).await;
    let write =
        Request::WriteFile { path: "new.txt".to_owned(), executable: Some(true), bytes_max: 100 };
    recorder.say(Packet::json(Kind::Request, 4, &write)).await;
    recorder.say(Packet::new(Kind::Data, 4, "new")).await;
    recorder.say(Packet::new(Kind::Data, 4, "")).await;
    recorder.hear(19).await;
    let delete = Request::DeleteFile { path: "new.txt".to_owned() };
    recorder.say(Packet::json(Kind::Request, 5, &delete)).await;
    recorder.hear(20).await;
    let command = RunCommand {
        arguments: ["/bin/sh", "-c", "cat; echo e >&2"].map(str::to_owned).to_vec(),
        directory: None,
        environment: [("A".to_owned(), "b".to_owned())].into(),
        timeout_ms: 60_000,
        output_bytes_max: 100,
    };
    recorder.say(Packet::json(Kind::Request, 6, &Request::Run(command))).await;
    recorder.hear(21).await;
    recorder.say(Packet::new(Kind::Data, 6, "in")).await;
    recorder.say(Packet::new(Kind::Data, 6, "")).await;
    // What was granted, both outputs, and the end.
    recorder.hear(25).await;
    recorder.say(Packet::new(Kind::Control, 0, model.replace("\"a\"", "\"b\""))).await;
    recorder.hear(26).await;
    let ask = format!("echo '{QUESTION}'; IFS= read -r reply; echo \"{{\\\"heard\\\":$reply}}\"");
    recorder.say(Packet::new(Kind::Input, 4, ask)).await;
    recorder.hear(27).await;
    let response = serde_json::value::to_raw_value(&serde_json::json!({ "behavior": "allow" }));
    let answer = Answer { request_id: "q1".to_owned(), response: response.unwrap() };
    recorder.say(Packet::json(Kind::Answer, 0, &answer)).await;
    recorder.hear(28).await;
    recorder.say(Packet::new(Kind::Shutdown, 0, "")).await;
    while recorder.stream.read_buf(&mut recorder.heard).await.unwrap() > 0 {}
    for (side, bytes) in [("controller", recorder.said), ("bridge", recorder.heard)] {
        let path = recording(PROTOCOL, side);
        assert!(!path.exists(), "{} is for ever", path.display());
        std::fs::write(path, bytes).unwrap();
    }
}
