//! Connections that break, and journals that grow.

use bytes::BytesMut;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Duration, sleep, timeout};

use super::rig::{PATIENCE, RESULT, ROOMY, Rig, frame};
use crate::bridge::host::{BridgeEvent, Link, LinkEnding, LinkError};
use crate::bridge::inside::testing::Options;
use crate::bridge::protocol::{ControllerHello, Kind, Notice, Packet};

/// Holds a few dozen frames, and little beside.
const TIGHT: Options = Options { memory_bytes: 16 << 10, spill_bytes: 512 << 10, ..ROOMY };

/// Shell for frames of 1000 bytes with the numbers up to `count`, and a result.
fn flood(count: usize) -> String {
    let format = format!(r#"{{"n":%g,"x":"{}"}}"#, "x".repeat(980));
    format!("seq -f '{format}' {count}; finish")
}

async fn expect_flood(link: &mut Link, from: usize, count: usize) {
    for number in from..=count {
        let line = link.frame().await;
        assert!(line.starts_with(&format!(r#"{{"n":{number},"#)), "{number}: {line}");
    }
    assert_eq!(link.frame().await, RESULT);
}

#[tokio::test]
async fn a_turn_survives_its_connection() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.run(1, "frame 1; frame 2; frame 3; until [ -e go ]; do sleep 0.01; done; frame 4; finish");
    assert_eq!(link.frame().await, frame("1"));
    drop(link);
    std::fs::write(rig.workspace().join("go"), "").unwrap();
    // The notice that it is ready was the first.
    let mut link = rig.connect(2).await;
    for number in ["2", "3", "4"] {
        assert_eq!(link.frame().await, frame(number));
    }
    assert_eq!(link.frame().await, RESULT);
}

#[tokio::test]
async fn a_new_controller_replaces_the_old_one() {
    let rig = Rig::new(ROOMY);
    let mut old = rig.ready().await;
    let mut new = rig.connect(1).await;
    assert!(new.hello.cli_running);
    assert_eq!(old.maybe_event().await, None);
    assert!(matches!(old.events.ending(), Some(LinkEnding::Closed)));
    new.run(1, "finish");
    assert_eq!(new.frame().await, RESULT);
}

#[tokio::test]
async fn what_is_acknowledged_is_forgotten() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.run(1, "frame 1; frame 2");
    assert_eq!(link.frame().await, frame("1"));
    assert_eq!(link.frame().await, frame("2"));
    link.sender.acknowledge(2);
    // Taken in order: when this is answered, so is that.
    link.run(2, "finish");
    assert_eq!(link.frame().await, RESULT);
    let error = rig.try_connect(1).await.unwrap_err();
    assert!(matches!(error, LinkError::Forgotten { forgotten: 2, stored: 1 }), "{error}");
    let error = rig.try_connect(9).await.unwrap_err();
    assert!(matches!(error, LinkError::Behind { last: 4, stored: 9 }), "{error}");
    let mut link = rig.connect(3).await;
    assert_eq!(link.frame().await, RESULT);
}

#[tokio::test]
async fn an_acknowledgement_of_what_was_never_sent_ends_the_connection() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.sender.acknowledge(7);
    assert_eq!(link.maybe_event().await, None);
}

#[tokio::test]
async fn what_memory_does_not_hold_comes_back_from_the_file() {
    let rig = Rig::new(TIGHT);
    let mut link = rig.ready().await;
    link.run(1, &flood(400));
    assert!(link.frame().await.starts_with(r#"{"n":1,"#));
    drop(link);
    // Everything is in the journal when the CLI got rid of it.
    let mut link = rig.connect(1).await;
    expect_flood(&mut link, 1, 400).await;
    link.sender.acknowledge(402);
    link.run(2, &flood(400));
    expect_flood(&mut link, 1, 400).await;
}

#[tokio::test]
async fn a_full_journal_makes_the_cli_wait_and_loses_nothing() {
    let rig = Rig::new(TIGHT);
    let mut link = rig.ready().await;
    // Ten times what the journal holds, to a controller that is there but does not read.
    link.run(1, &flood(5000));
    assert!(link.frame().await.starts_with(r#"{"n":1,"#));
    drop(link);
    let mut deaf = rig.stream().await;
    greet(&mut deaf, 1).await;
    let mut link = rig.connect(1).await;
    for number in 1..=5000_u64 {
        let BridgeEvent::Frame { number: found, line } = link.event().await else {
            panic!("not a frame")
        };
        assert_eq!(found, number + 1);
        assert!(line.starts_with(format!(r#"{{"n":{number},"#).as_bytes()), "{number}");
        if number % 5 == 0 {
            link.sender.acknowledge(found);
        }
    }
    assert_eq!(link.frame().await, RESULT);
}

#[tokio::test]
async fn a_cli_that_dies_before_a_full_journal_is_heard_to_its_end() {
    let rig = Rig::new(TIGHT);
    let mut link = rig.connect(0).await;
    link.sender.start(&rig.start()).unwrap();
    let Notice::Ready { pid, .. } = link.notice().await else { panic!("it is not ready") };
    link.run(1, &flood(5000));
    assert!(link.frame().await.starts_with(r#"{"n":1,"#));
    drop(link);
    let mut deaf = rig.stream().await;
    greet(&mut deaf, 2).await;
    timeout(PATIENCE, full_pipe(pid)).await.expect("it fills");
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    let mut link = rig.connect(2).await;
    let mut number = 2;
    loop {
        match link.event().await {
            BridgeEvent::Frame { line, .. } => {
                assert!(line.starts_with(format!(r#"{{"n":{number},"#).as_bytes()), "{number}");
                link.sender.acknowledge(number + 1);
                number += 1;
            }
            BridgeEvent::Notice { notice, .. } => {
                assert!(matches!(notice, Notice::Exited { signal: Some(9), .. }), "{notice:?}");
                break;
            }
        }
    }
    assert!(number > 500, "{number}");
}

/// Waits until a child of the CLI does nothing but wait for room in its pipe.
async fn full_pipe(cli: u32) {
    let waits = || {
        let children = std::fs::read_to_string(format!("/proc/{cli}/task/{cli}/children")).ok()?;
        let child: u32 = children.split_whitespace().next()?.parse().ok()?;
        let place = std::fs::read_to_string(format!("/proc/{child}/wchan")).ok()?;
        place.contains("pipe_write").then_some(child)
    };
    let mut seen = 0;
    while seen < 10 {
        seen = if waits().is_some() { seen + 1 } else { 0 };
        sleep(Duration::from_millis(10)).await;
    }
}

async fn greet(stream: &mut UnixStream, stored: u64) {
    let mut hello = BytesMut::new();
    let greeting = ControllerHello { protocol: 1, stored };
    Packet::json(Kind::Hello, 0, &greeting).encode(&mut hello);
    stream.write_all(&hello).await.unwrap();
}

/// Connects, reads `bytes` bytes, and goes away. Answers the whole packets among them.
async fn read_and_cut(rig: &Rig, stored: u64, bytes: usize) -> Vec<Packet> {
    let mut stream = rig.stream().await;
    greet(&mut stream, stored).await;
    let mut buffer = BytesMut::zeroed(bytes);
    stream.read_exact(&mut buffer).await.unwrap();
    let mut packets = Vec::new();
    while let Some(packet) = Packet::decode(&mut buffer).unwrap() {
        packets.push(packet);
    }
    packets
}

#[test]
fn wherever_a_connection_is_cut_nothing_is_lost_or_doubled() {
    const FRAMES: usize = 200;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for options in [ROOMY, TIGHT] {
        let (rig, lines) = runtime.block_on(async {
            let rig = Rig::new(options);
            let mut link = rig.ready().await;
            link.run(1, &flood(FRAMES));
            let mut lines = Vec::new();
            while lines.last().is_none_or(|line| line != RESULT) {
                lines.push(link.frame().await);
            }
            (rig, lines)
        });
        let all = (FRAMES * 1000) / 3;
        let config = ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() };
        proptest!(config, |(cuts in prop::collection::vec(100..all, 0..3), small in 0..200_usize)| {
            runtime.block_on(async {
                let mut seen = Vec::new();
                for cut in cuts.into_iter().chain([small]) {
                    // The greeting and the notice that it is ready come first.
                    let stored = seen.len() as u64 + 1;
                    for packet in read_and_cut(&rig, stored, cut).await {
                        if packet.kind == Kind::Frame {
                            assert_eq!(packet.number, seen.len() as u64 + 2);
                            seen.push(String::from_utf8(packet.payload.into()).unwrap());
                        }
                    }
                }
                let mut link = rig.connect(1 + seen.len() as u64).await;
                while seen.len() < lines.len() {
                    seen.push(link.frame().await);
                }
                assert!(seen == lines);
            });
        });
    }
}
