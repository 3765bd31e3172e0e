//! The bridge without ashd: the program `ash-bridge`, driven over its socket as ashd does it.

use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde_json::json;

use super::bare::{is_idle, message};
use super::client::find;
use super::process::Kept;

/// Kinds of packets, as `src/bridge/protocol.rs` numbers them.
const HELLO: u8 = 1;
const ACKNOWLEDGE: u8 = 2;
const START: u8 = 3;
const INPUT: u8 = 4;
const FRAME: u8 = 66;
const NOTICE: u8 = 67;

pub(crate) struct Bridge {
    stream: UnixStream,
    buffer: Vec<u8>,
    turns: u64,
    /// The last number that it told.
    last: u64,
    kept: Kept,
}

impl Bridge {
    /// Starts a bridge in `home`, and in it `claude` as Ash started it; returns when that is
    /// ready.
    pub(crate) fn start(
        claude: &Path,
        (arguments, environment): &(Vec<String>, Vec<String>),
        home: &Path,
    ) -> Self {
        let socket = home.join("bridge.sock");
        let workspace = home.join("workspace");
        std::fs::create_dir_all(&workspace).expect("the home is writable");
        let listener = UnixListener::bind(&socket).expect("the home is writable");
        fcntl(&listener, FcntlArg::F_SETFD(FdFlag::empty())).expect("a flag of our own socket");
        let child = Command::new(env!("CARGO_BIN_EXE_ash-bridge"))
            .arg(format!("--listen-fd={}", listener.as_raw_fd()))
            .arg(format!("--cli={}", claude.display()))
            .arg(format!("--workspace={}", workspace.display()))
            .arg(format!("--home={}", home.display()))
            .arg(format!("--spill-dir={}", home.display()))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("ash-bridge was built");
        let stream = UnixStream::connect(&socket).expect("it listens");
        stream.set_read_timeout(Some(super::PATIENCE)).expect("a timeout is not zero");
        let mut bridge = Self { stream, buffer: Vec::new(), turns: 0, last: 0, kept: Kept(child) };
        bridge.send(HELLO, 0, json!({ "protocol": 1, "stored": 0 }).to_string().as_bytes());
        let arguments: Vec<&String> = arguments
            .iter()
            .skip(1)
            .filter(|argument| !argument.starts_with("--session-id="))
            .collect();
        let environment: serde_json::Map<_, _> = environment
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .filter(|(name, _)| !matches!(*name, "HOME" | "PWD"))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let conversation = uuid::Uuid::new_v4().to_string();
        let start = json!({
            "arguments": arguments, "environment": environment, "conversation": conversation,
            "files": [],
        });
        bridge.send(START, 0, start.to_string().as_bytes());
        bridge.until(|kind, payload| kind == NOTICE && find(payload, b"ready").is_some());
        bridge
    }

    pub(crate) fn pid(&self) -> u32 {
        self.kept.0.id()
    }

    /// Sends a message and returns when the CLI is idle behind its result.
    pub(crate) fn turn(&mut self, text: &str) {
        self.turns += 1;
        self.send(INPUT, self.turns, format!("{}\n", message(text)).as_bytes());
        let mut has_result = false;
        self.until(|kind, payload| {
            has_result |= find(payload, br#""type":"result""#).is_some();
            kind == FRAME && has_result && is_idle(payload)
        });
    }

    /// Lets the bridge forget what it told, as ashd does when it is stored.
    pub(crate) fn rest(&mut self) {
        self.send(ACKNOWLEDGE, self.last, b"");
    }

    fn send(&mut self, kind: u8, number: u64, payload: &[u8]) {
        let length = u32::try_from(1 + 8 + payload.len()).expect("a message is short");
        let mut packet = length.to_be_bytes().to_vec();
        packet.push(kind);
        packet.extend_from_slice(&number.to_be_bytes());
        packet.extend_from_slice(payload);
        self.stream.write_all(&packet).expect("the bridge reads");
    }

    /// Reads packets up to the one that `is_last`.
    fn until(&mut self, mut is_last: impl FnMut(u8, &[u8]) -> bool) {
        let mut at = 0;
        loop {
            while let Some(header) = self.buffer.get(at..at + 13) {
                let length = u32::from_be_bytes(header[..4].try_into().expect("four bytes"));
                let end = at + 4 + usize::try_from(length).expect("32 bits fit");
                let (kind, number) = (header[4], &header[5..13]);
                if self.buffer.len() < end {
                    break;
                }
                if matches!(kind, FRAME | NOTICE) {
                    self.last = u64::from_be_bytes(number.try_into().expect("eight bytes"));
                }
                let done = is_last(kind, &self.buffer[at + 13..end]);
                at = end;
                if done {
                    self.buffer.drain(..at);
                    return;
                }
            }
            let mut piece = [0; 16 << 10];
            let count = self.stream.read(&mut piece).expect("the bridge answers");
            assert!(count > 0, "the bridge ended");
            self.buffer.extend_from_slice(&piece[..count]);
        }
    }
}
