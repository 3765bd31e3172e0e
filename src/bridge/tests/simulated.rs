//! The bridge as a task, with the scripted Claude.

use bytes::Bytes;
use serde_json::{Value, json};

use super::rig::{PATIENCE, Rig};
use crate::bridge::host::{BridgeEvent, Link, connect};
use crate::bridge::protocol::{Notice, StartCli};
use crate::bridge::{SimulatedBridge, simulated};
use crate::id::SessionId;

async fn link(rig: &Rig) -> Link {
    let stream = simulated(SimulatedBridge {
        workspace: rig.workspace(),
        home: rig.path().join("home"),
        spill: rig.path().join("spill"),
    });
    connect(stream, 0, PATIENCE).await.unwrap()
}

fn start(rig: &Rig) -> StartCli {
    let arguments = ["--output-format=stream-json", "--input-format=stream-json", "--verbose"];
    StartCli { arguments: arguments.map(str::to_owned).to_vec(), ..rig.start() }
}

async fn turn(link: &mut Link, number: u64, text: &str) -> Value {
    let message = json!({"role": "user", "content": text});
    let line = json!({"type": "user", "message": message, "parent_tool_use_id": null});
    link.sender.input(number, Bytes::from(line.to_string())).unwrap();
    loop {
        let BridgeEvent::Frame { line, .. } = link.event().await else { panic!("a notice") };
        let frame: Value = serde_json::from_slice(&line).unwrap();
        if frame["type"] == "result" {
            return frame;
        }
    }
}

#[tokio::test]
async fn a_scripted_claude_is_driven_by_the_same_bridge_and_resumed_by_the_next() {
    let rig = Rig::without_bridge();
    for number in 1..=2 {
        let mut link = link(&rig).await;
        link.sender.start(&start(&rig)).unwrap();
        let notice = link.notice().await;
        assert!(matches!(notice, Notice::Ready { version: Some(_), pid: 0 }), "{notice:?}");
        let result = turn(&mut link, number, "ping").await;
        assert_eq!(result["session_id"], json!(rig.conversation.to_string()));
        assert_eq!(result["is_error"], json!(false), "{result}");
    }
}

#[tokio::test]
async fn what_a_scripted_claude_complains_of_is_told() {
    let rig = Rig::without_bridge();
    let mut link = link(&rig).await;
    let mut start = start(&rig);
    let unknown = SessionId::new().to_string();
    start.arguments.push(format!("--resume={unknown}"));
    link.sender.start(&start).unwrap();
    assert!(link.frame().await.contains(&unknown));
    let notice = link.notice().await;
    let Notice::Exited { code: Some(1), stderr, .. } = notice else { panic!("{notice:?}") };
    assert!(stderr.contains(&unknown), "{stderr}");
}

#[tokio::test]
async fn a_simulated_bridge_ends_with_its_connection_or_when_it_is_told() {
    let rig = Rig::without_bridge();
    let mut link = link(&rig).await;
    link.sender.start(&start(&rig)).unwrap();
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    link.sender.shutdown().unwrap();
    let notice = link.notice().await;
    assert!(matches!(notice, Notice::Exited { requested: true, .. }), "{notice:?}");
    assert_eq!(link.maybe_event().await, None);
}
