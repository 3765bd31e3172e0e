//! Bridges that break the rules.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::rig::PATIENCE;
use crate::bridge::host::{
    BridgeEvent, FileError, Link, LinkEnding, LinkError, SendError, connect,
};
use crate::bridge::protocol::{
    BridgeHello, Kind, LINE_BYTES_MAX, Notice, PROTOCOL, Packet, ProtocolError, Reply,
};

/// A bridge that says whatever a test wants.
struct Liar {
    stream: DuplexStream,
    inbox: BytesMut,
}

impl Liar {
    async fn say(&mut self, packet: &Packet) {
        let mut bytes = BytesMut::new();
        packet.encode(&mut bytes);
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn frame(&mut self, number: u64, line: &'static str) {
        self.say(&Packet::new(Kind::Frame, number, line)).await;
    }

    async fn hear(&mut self) -> Packet {
        loop {
            if let Some(packet) = Packet::decode(&mut self.inbox).unwrap() {
                return packet;
            }
            assert!(self.stream.read_buf(&mut self.inbox).await.unwrap() > 0, "it hung up");
        }
    }
}

fn hello(last: u64) -> BridgeHello {
    BridgeHello {
        paused: false,
        cli_label: None,
        protocol: PROTOCOL,
        version: "1".to_owned(),
        last,
        last_input: 0,
        cli_running: false,
        forgotten: 0,
    }
}

fn pair() -> (DuplexStream, Liar) {
    let (ours, stream) = tokio::io::duplex(1 << 20);
    (ours, Liar { stream, inbox: BytesMut::new() })
}

async fn linked(stored: u64) -> (Link, Liar) {
    let (ours, mut liar) = pair();
    liar.say(&Packet::json(Kind::Welcome, 0, &hello(stored))).await;
    let link = connect(ours, stored, PATIENCE).await.unwrap();
    assert_eq!(liar.hear().await.kind, Kind::Hello);
    (link, liar)
}

async fn violation(link: &mut Link) -> ProtocolError {
    assert_eq!(link.maybe_event().await, None);
    match link.events.ending() {
        Some(LinkEnding::Protocol(error)) => *error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_gap_a_repetition_and_a_step_back_end_the_connection() {
    for found in [0, 1, 4, 5, 7, u64::MAX] {
        let (mut link, mut liar) = linked(5).await;
        liar.frame(found, "{}").await;
        assert_eq!(violation(&mut link).await, ProtocolError::Sequence { expected: 6, found });
        assert_eq!(liar.stream.read(&mut [0]).await.unwrap(), 0, "it stays connected");
        assert_eq!(link.sender.interrupt(), Err(SendError::Closed));
    }
}

#[tokio::test]
async fn a_frame_that_is_not_one_line_with_one_object_ends_the_connection() {
    let lines: [&'static [u8]; 8] =
        [b"", b"x", b"[]", b"{", b"{}{}", b"{\"a\":\n1}", b"{}\r", b"{\"a\":\"\xff\"}"];
    for line in lines {
        let (mut link, mut liar) = linked(0).await;
        liar.frame(1, "{}").await;
        liar.say(&Packet::new(Kind::Frame, 2, line)).await;
        assert_eq!(link.frame().await, "{}");
        assert_eq!(violation(&mut link).await, ProtocolError::NotAFrame, "{line:?}");
    }
}

#[tokio::test]
async fn packets_of_impossible_lengths_end_the_connection() {
    let (mut link, mut liar) = linked(0).await;
    liar.stream.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    let bytes = u32::MAX as usize;
    assert_eq!(violation(&mut link).await, ProtocolError::TooLarge { bytes });
    let (mut link, mut liar) = linked(0).await;
    liar.stream.write_all(&3_u32.to_be_bytes()).await.unwrap();
    assert_eq!(violation(&mut link).await, ProtocolError::TooShort { bytes: 3 });
    let (mut link, mut liar) = linked(0).await;
    liar.say(&Packet::new(Kind::Notice, 1, vec![b' '; 600 << 10])).await;
    assert_eq!(violation(&mut link).await, ProtocolError::TooLarge { bytes: 600 << 10 });
}

#[tokio::test]
async fn packets_of_the_other_side_end_the_connection() {
    for kind in [Kind::Hello, Kind::Welcome, Kind::Start, Kind::Shutdown] {
        let (mut link, mut liar) = linked(0).await;
        liar.say(&Packet::new(kind, 1, "{}")).await;
        assert_eq!(violation(&mut link).await, ProtocolError::OutOfPlace { kind });
    }
}

#[tokio::test]
async fn what_a_newer_bridge_says_is_skipped_or_passed_as_unknown() {
    let (ours, mut liar) = pair();
    let mut greeting = serde_json::to_value(hello(0)).unwrap();
    greeting["protocol"] = json!(7);
    greeting["mood"] = json!("good");
    liar.say(&Packet::json(Kind::Welcome, 0, &greeting)).await;
    let mut link = connect(ours, 0, PATIENCE).await.unwrap();
    assert_eq!(link.hello.protocol, 7);
    let mut bytes = BytesMut::new();
    Packet::new(Kind::Frame, 1, "of a kind to come").encode(&mut bytes);
    bytes[4] = 200;
    liar.stream.write_all(&bytes).await.unwrap();
    liar.say(&Packet::new(Kind::Notice, 1, r#"{"notice":"weather","rain":true}"#)).await;
    let expected = BridgeEvent::Notice { number: 1, notice: Notice::Unknown };
    assert_eq!(link.event().await, expected);
}

#[tokio::test]
async fn a_greeting_that_is_none_is_refused() {
    let (ours, mut liar) = pair();
    liar.frame(1, "{}").await;
    let error = connect(ours, 0, PATIENCE).await.unwrap_err();
    assert!(matches!(error, LinkError::Protocol(ProtocolError::NoGreeting)), "{error:?}");
    let (ours, mut liar) = pair();
    liar.stream.write_all(&(60_u32 << 20).to_be_bytes()).await.unwrap();
    liar.stream.write_all(&[65, 0, 0, 0, 0, 0, 0, 0, 0]).await.unwrap();
    let error = connect(ours, 0, PATIENCE).await.unwrap_err();
    assert!(matches!(error, LinkError::Protocol(ProtocolError::NoGreeting)), "{error:?}");
    for version in ["x".repeat(65), "1\u{1b}[2J".to_owned()] {
        let (ours, mut liar) = pair();
        liar.say(&Packet::json(Kind::Welcome, 0, &BridgeHello { version, ..hello(0) })).await;
        let error = connect(ours, 0, PATIENCE).await.unwrap_err();
        assert!(matches!(error, LinkError::Protocol(ProtocolError::NoGreeting)), "{error:?}");
    }
    let (ours, mut liar) = pair();
    liar.say(&Packet::new(Kind::Welcome, 0, "{}")).await;
    let error = connect(ours, 0, PATIENCE).await.unwrap_err();
    assert!(matches!(error, LinkError::Protocol(ProtocolError::Json)), "{error:?}");
}

#[tokio::test]
async fn a_silent_bridge_is_not_waited_for() {
    let (ours, _liar) = pair();
    let error = connect(ours, 0, Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, LinkError::Deadline(_)), "{error:?}");
    let (ours, liar) = pair();
    drop(liar);
    assert!(connect(ours, 0, PATIENCE).await.is_err());
}

#[tokio::test]
async fn a_bridge_that_does_not_read_fills_its_queue_and_no_more() {
    let (link, _liar) = linked(0).await;
    let message = Bytes::from(vec![b'x'; 1 << 20]);
    let result = (1..=1000).try_for_each(|number| link.sender.input(number, message.clone()));
    assert_eq!(result, Err(SendError::Full));
    let bytes = LINE_BYTES_MAX + 1;
    let error = link.sender.input(1, vec![b'x'; bytes].into()).unwrap_err();
    assert_eq!(error, SendError::TooLarge { bytes });
}

#[tokio::test]
async fn a_slow_store_makes_the_bridge_wait() {
    let (mut link, mut liar) = linked(0).await;
    let line = Bytes::from(format!(r#"{{"x":"{}"}}"#, "y".repeat(1 << 20)));
    let count = 200;
    let flood = async {
        for number in 1..=count {
            liar.say(&Packet::new(Kind::Frame, number, line.clone())).await;
        }
    };
    tokio::pin!(flood);
    // Nobody receives: the flood gets stuck. The clock is the only witness of that.
    let stuck = tokio::time::timeout(Duration::from_secs(2), &mut flood).await;
    assert!(stuck.is_err(), "200 MiB were buffered");
    let receive = async {
        for number in 1..=count {
            assert_eq!(link.event().await.number(), number);
        }
    };
    tokio::join!(flood, receive);
}

#[tokio::test]
async fn files_of_a_liar_are_not_believed() {
    let entry = |path: &str| json!({"path": path, "size": 1, "modified_ms": 0});
    for path in ["/etc/passwd", "../x", "a/../b", "", "a//b", "a\u{0}b", &"x".repeat(5000)] {
        let (link, mut liar) = linked(0).await;
        let answer = async {
            let request = liar.hear().await;
            let reply = json!({"reply": "files", "files": [entry(path)], "truncated": false});
            liar.say(&Packet::json(Kind::Reply, request.number, &reply)).await;
        };
        let (list, ()) = tokio::join!(link.sender.list_files(true), answer);
        assert_eq!(list.unwrap_err(), FileError::Nonsense, "{path:?}");
    }
}

#[tokio::test]
async fn a_file_has_exactly_the_bytes_it_was_said_to_have() {
    let file = Reply::File { size: 4, modified_ms: 0 };
    for (chunks, ending) in [
        (&["12345"][..], Reply::Complete),
        (&["12", "345"][..], Reply::Complete),
        (&["12", ""][..], Reply::Complete),
        (&["12"][..], Reply::Complete),
        (&["1234"][..], file.clone()),
    ] {
        let (link, mut liar) = linked(0).await;
        let answer = async {
            let number = liar.hear().await.number;
            liar.say(&Packet::json(Kind::Reply, number, &file)).await;
            for chunk in chunks {
                liar.say(&Packet::new(Kind::Chunk, number, *chunk)).await;
            }
            liar.say(&Packet::json(Kind::Reply, number, &ending)).await;
        };
        let (read, ()) = tokio::join!(link.sender.read_file("x", 4), answer);
        let parts: Vec<_> = read.unwrap().1.collect().await;
        assert_eq!(parts.last().unwrap(), &Err(FileError::Nonsense), "{chunks:?}");
    }
    let (link, mut liar) = linked(0).await;
    let answer = async {
        let number = liar.hear().await.number;
        liar.say(&Packet::json(Kind::Reply, number, &file)).await;
    };
    let (read, ()) = tokio::join!(link.sender.read_file("x", 3), answer);
    assert_eq!(read.unwrap_err(), FileError::Nonsense);
}

#[tokio::test]
async fn more_chunks_than_allowed_end_the_connection() {
    let (mut link, mut liar) = linked(0).await;
    let size = 1 << 30;
    let answer = async {
        let number = liar.hear().await.number;
        liar.say(&Packet::json(Kind::Reply, number, &Reply::File { size, modified_ms: 0 })).await;
        for _ in 0..100 {
            liar.say(&Packet::new(Kind::Chunk, number, "x")).await;
        }
    };
    let (read, ()) = tokio::join!(link.sender.read_file("x", size), answer);
    let unread = read.unwrap();
    assert_eq!(violation(&mut link).await, ProtocolError::OutOfPlace { kind: Kind::Chunk });
    drop(unread);
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_ignored() {
    let (mut link, mut liar) = linked(0).await;
    liar.say(&Packet::new(Kind::Chunk, 99, "x")).await;
    liar.say(&Packet::json(Kind::Reply, 99, &Reply::Complete)).await;
    liar.frame(1, "{}").await;
    assert_eq!(link.frame().await, "{}");
}
