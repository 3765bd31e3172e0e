//! A bridge with a shell script as its CLI, and a controller for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::bridge::host::{BridgeEvent, Link, LinkError, connect};
use crate::bridge::inside::testing::{self, Options};
use crate::bridge::protocol::{Notice, StartCli};
use crate::id::SessionId;

/// Far more than anything here takes, so that a hang is a failure.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Runs [`CLI`]. The script is not executed itself, because some other test's child may still
/// have it open for writing.
pub(super) const SHELL: &str = "/bin/bash";

/// Answers control requests; every other line of its input is a piece of shell that it runs.
const CLI: &str = r#"
answer() { printf '{"type":"control_response","response":{"subtype":"success","request_id":"%s","response":%s}}\n' "$1" "$2"; }
refuse() { printf '{"type":"control_response","response":{"error":"%s","request_id":"%s","subtype":"error"}}\n' "$2" "$1"; }
frame() { printf '{"text":"%s","type":"assistant"}\n' "$1"; }
finish() { printf '{"duration_ms":1,"type":"result"}\n'; }
control() {
    case $2 in
        *'"initialize"'*) answer "$1" '{"claude_code_version":"9.9.9"}' ;;
        *'"set_model"'*) refuse "$1" 'no such model' ;;
        *) answer "$1" '{}' ;;
    esac
}
eval "$PRELUDE"
while IFS= read -r line; do
    case $line in
        '{'*'"control_request"'*)
            id=${line#*'"request_id":"'}
            control "${id%%'"'*}" "$line"
            ;;
        *) eval "$line" ;;
    esac
done
"#;

pub(super) const ROOMY: Options = Options {
    memory_bytes: 8 << 20,
    spill_bytes: 256 << 20,
    line_bytes_max: 1 << 20,
    orphan_timeout: None,
};

#[derive(Debug)]
pub(super) struct Rig {
    pub(super) directory: TempDir,
    pub(super) conversation: SessionId,
    bridge: Option<JoinHandle<()>>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(bridge) = &self.bridge {
            bridge.abort();
        }
    }
}

impl Rig {
    pub(super) fn new(options: Options) -> Self {
        Self::with_cli(Path::new(SHELL), options)
    }

    pub(super) fn with_cli(cli: &Path, options: Options) -> Self {
        let mut rig = Self::without_bridge();
        rig.bridge = Some(testing::start(rig.path(), cli, options));
        rig
    }

    /// Only the directories and the script.
    pub(super) fn without_bridge() -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["workspace", "home", "spill"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        fs::write(directory.path().join("cli"), CLI).unwrap();
        Self { directory, conversation: SessionId::new(), bridge: None }
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn workspace(&self) -> PathBuf {
        self.path().join("workspace")
    }

    pub(super) async fn stream(&self) -> UnixStream {
        UnixStream::connect(self.path().join("bridge.sock")).await.unwrap()
    }

    pub(super) async fn connect(&self, stored: u64) -> Link {
        self.try_connect(stored).await.unwrap()
    }

    pub(super) async fn try_connect(&self, stored: u64) -> Result<Link, LinkError> {
        connect(self.stream().await, stored, PATIENCE).await
    }

    pub(super) fn start(&self) -> StartCli {
        self.start_with("")
    }

    /// A CLI that runs `prelude` before anything else.
    pub(super) fn start_with(&self, prelude: &str) -> StartCli {
        StartCli {
            arguments: vec![self.path().join("cli").to_str().unwrap().into(), "--verbose".into()],
            environment: [("PRELUDE".to_owned(), prelude.to_owned())].into(),
            conversation: self.conversation.to_string(),
            initialize: None,
            files: Vec::new(),
            label: None,
            asks: false,
            logs: false,
            scripts: None,
        }
    }

    /// A link with a CLI that is ready.
    pub(super) async fn ready(&self) -> Link {
        let mut link = self.connect(0).await;
        link.sender.start(&self.start()).unwrap();
        let notice = link.notice().await;
        assert!(matches!(notice, Notice::Ready { .. }), "{notice:?}");
        link
    }

    /// Waits for the bridge to leave.
    pub(super) async fn left(&mut self) {
        let bridge = self.bridge.take().expect("it is asked once");
        timeout(PATIENCE, bridge).await.expect("it leaves").unwrap();
    }
}

impl Link {
    pub(super) async fn event(&mut self) -> BridgeEvent {
        self.maybe_event().await.expect("the link holds")
    }

    pub(super) async fn maybe_event(&mut self) -> Option<BridgeEvent> {
        timeout(PATIENCE, self.events.recv()).await.expect("something happens")
    }

    pub(super) async fn notice(&mut self) -> Notice {
        match self.event().await {
            BridgeEvent::Notice { notice, .. } => notice,
            BridgeEvent::Frame { line, .. } => panic!("a frame: {line:?}"),
        }
    }

    pub(super) async fn frame(&mut self) -> String {
        match self.event().await {
            BridgeEvent::Frame { line, .. } => String::from_utf8(line.into()).unwrap(),
            BridgeEvent::Notice { notice, .. } => panic!("a notice: {notice:?}"),
        }
    }

    /// Has the CLI run a piece of shell.
    pub(super) fn run(&self, number: u64, shell: &str) {
        self.sender.input(number, Bytes::copy_from_slice(shell.as_bytes())).unwrap();
    }
}

pub(super) fn frame(text: &str) -> String {
    format!(r#"{{"text":"{text}","type":"assistant"}}"#)
}

pub(super) const RESULT: &str = r#"{"duration_ms":1,"type":"result"}"#;
