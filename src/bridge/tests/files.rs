//! Files of a workspace, over the bridge.

use std::fs;
use std::os::unix::fs::symlink;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::rig::{PATIENCE, ROOMY, Rig, frame};
use crate::bridge::host::{FileChunks, FileError, Link};
use crate::bridge::protocol::Refusal;

const MANY: u64 = 1 << 30;

async fn content(chunks: FileChunks) -> Vec<u8> {
    let chunks: Vec<Bytes> = timeout(PATIENCE, chunks.map(Result::unwrap).collect()).await.unwrap();
    chunks.concat()
}

async fn refusal(link: &Link, path: &str) -> FileError {
    link.sender.read_file(path, MANY).await.map(drop).unwrap_err()
}

#[tokio::test]
async fn files_are_listed_and_read_without_a_cli() {
    let rig = Rig::new(ROOMY);
    fs::create_dir(rig.workspace().join("src")).unwrap();
    fs::write(rig.workspace().join("src/main.rs"), "fn main() {}").unwrap();
    fs::write(rig.workspace().join("empty"), "").unwrap();
    let link = rig.connect(0).await;
    let list = link.sender.list_files(true).await.unwrap();
    let paths: Vec<_> = list.files.iter().map(|file| (file.path.as_str(), file.size)).collect();
    assert_eq!(paths, [("empty", 0), ("src/main.rs", 12)]);
    assert!(!list.truncated && list.files[0].modified_ms > 1_700_000_000_000);
    let (meta, chunks) = link.sender.read_file("src/main.rs", 12).await.unwrap();
    assert_eq!((meta.size, content(chunks).await), (12, b"fn main() {}".to_vec()));
    let (meta, chunks) = link.sender.read_file("empty", 0).await.unwrap();
    assert_eq!((meta.size, content(chunks).await), (0, Vec::new()));
}

#[tokio::test]
async fn what_is_outside_or_no_file_is_refused() {
    let rig = Rig::new(ROOMY);
    fs::write(rig.path().join("secret"), "s").unwrap();
    symlink("../secret", rig.workspace().join("link")).unwrap();
    fs::write(rig.workspace().join("big"), "12345").unwrap();
    let link = rig.connect(0).await;
    for path in ["../secret", "link", "/etc/passwd"] {
        let reason = Refusal::OutsideWorkspace;
        assert_eq!(refusal(&link, path).await, FileError::Refused { reason }, "{path}");
    }
    assert_eq!(refusal(&link, "none").await, FileError::Refused { reason: Refusal::NotFound });
    assert_eq!(refusal(&link, ".").await, FileError::Refused { reason: Refusal::NotAFile });
    let large = link.sender.read_file("big", 4).await.map(drop).unwrap_err();
    assert_eq!(large, FileError::Refused { reason: Refusal::TooLarge });
}

#[tokio::test]
async fn slow_readers_hold_up_neither_frames_nor_each_other() {
    let rig = Rig::new(ROOMY);
    let large: Vec<u8> = (0..5_000_000_u32).map(|byte| byte.to_le_bytes()[1]).collect();
    fs::write(rig.workspace().join("large"), &large).unwrap();
    let mut link = rig.ready().await;
    let mut unread = Vec::new();
    for _ in 0..8 {
        unread.push(link.sender.read_file("large", MANY).await.unwrap().1);
    }
    link.run(1, "frame one");
    assert_eq!(link.frame().await, frame("one"));
    let (_meta, chunks) = link.sender.read_file("large", MANY).await.unwrap();
    assert!(content(chunks).await == large);
    for chunks in unread {
        assert!(content(chunks).await == large);
    }
}

#[tokio::test]
async fn a_dropped_reader_makes_room_for_the_next() {
    let rig = Rig::new(ROOMY);
    fs::write(rig.workspace().join("large"), vec![7; 3 << 20]).unwrap();
    let link = rig.connect(0).await;
    // Far more than may be open at once.
    for _ in 0..100 {
        let (_meta, mut chunks) = link.sender.read_file("large", MANY).await.unwrap();
        let first = timeout(PATIENCE, chunks.next()).await.unwrap().unwrap().unwrap();
        assert_eq!(first.len(), 64 << 10);
    }
    let (_meta, chunks) = link.sender.read_file("large", MANY).await.unwrap();
    assert_eq!(content(chunks).await.len(), 3 << 20);
}

#[tokio::test]
async fn a_file_that_shrinks_meanwhile_ends_with_an_error() {
    let rig = Rig::new(ROOMY);
    let path = rig.workspace().join("large");
    fs::write(&path, vec![7; 3 << 20]).unwrap();
    let link = rig.connect(0).await;
    let (_meta, chunks) = link.sender.read_file("large", MANY).await.unwrap();
    fs::write(&path, "short").unwrap();
    let last = timeout(PATIENCE, chunks.collect::<Vec<_>>()).await.unwrap().pop().unwrap();
    assert_eq!(last.unwrap_err(), FileError::Refused { reason: Refusal::Failed });
}

#[tokio::test]
async fn the_end_of_the_bridge_ends_the_reader() {
    let mut rig = Rig::new(ROOMY);
    fs::write(rig.workspace().join("large"), vec![7; 3 << 20]).unwrap();
    let link = rig.connect(0).await;
    let (_meta, chunks) = link.sender.read_file("large", MANY).await.unwrap();
    link.sender.shutdown().unwrap();
    rig.left().await;
    let last = timeout(PATIENCE, chunks.collect::<Vec<_>>()).await.unwrap().pop().unwrap();
    assert_eq!(last.unwrap_err(), FileError::Closed);
    assert_eq!(refusal(&link, "large").await, FileError::Closed);
}
