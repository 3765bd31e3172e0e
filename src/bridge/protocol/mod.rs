//! What ashd and a bridge say to each other, on one unix stream socket per sandbox.
//!
//! A packet is `length: u32 BE` (of everything behind it), `kind: u8`, `number: u64 BE`, payload.
//! Binary around the CLI's lines, so that a frame is never parsed or escaped on its way.
//!
//! The bridge numbers what the conversation produces ([`Kind::Frame`] and [`Kind::Notice`] share
//! one sequence, from 1, without gaps) and keeps each until ashd acknowledges it. Whoever
//! connects says in its [`ControllerHello`] which number it stored last; the bridge answers with
//! a [`BridgeHello`] and everything after that number. So a dead ashd loses nothing.
//!
//! *Invariant:* a bridge outlives several ashd versions. [`PROTOCOL`] grows with every change;
//! unknown kinds and unknown JSON members are skipped by both sides.

use std::collections::BTreeMap;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

mod cli;

pub(crate) use cli::*;

/// The version of this protocol. 2: [`Kind::Pause`], [`Kind::Continue`]. 3: [`Kind::Restore`],
/// [`Request::FindEntry`], and lines of the transcript's mirror are passed on. 4: [`Kind::Data`],
/// [`Request::WriteFile`], [`Request::DeleteFile`], [`Request::Run`], [`Request::Pack`],
/// [`Request::Unpack`]. 5: [`StartCli::asks`], [`Kind::Answer`], [`Kind::Control`]. 6:
/// [`StartCli::scripts`], [`StartCli::logs`], [`Notice::Log`].
pub(crate) const PROTOCOL: u32 = 6;

/// The first version with [`Kind::Control`]: an older one would not tell that it skips it.
pub(crate) const PROTOCOL_WITH_CONTROL: u32 = 5;

/// The oldest version that is still served: a bridge outlives two versions of ashd.
pub(crate) const PROTOCOL_OLDEST: u32 = if PROTOCOL > 2 { PROTOCOL - 2 } else { 1 };

/// Longest line the CLI may write. A 3 MB answer arrives as one line, and so does a tool result
/// with an image in it; 64 MiB is beyond what the Messages API accepts.
pub(crate) const LINE_BYTES_MAX: usize = 64 << 20;

/// Largest [`Notice`]: a stderr tail of 64 KiB, each byte of it escaped as `\u001b`.
pub(crate) const NOTICE_BYTES_MAX: usize = 512 << 10;

/// Longest line in the logs of a session; what is longer is cut into several.
pub(crate) const LOG_LINE_BYTES_MAX: usize = 8 << 10;

/// Largest [`Reply`]: a list of files.
pub(crate) const REPLY_BYTES_MAX: usize = 4 << 20;

/// Bytes in one [`Kind::Chunk`], [`Kind::Errors`] or [`Kind::Data`].
pub(crate) const CHUNK_BYTES: usize = 64 << 10;

/// Chunks of one file that may be on their way: the reader grants more by [`Kind::Credit`]. So
/// a client that reads slowly holds up neither the frames nor the other files, and 1 MiB is
/// enough to keep a local socket busy.
pub(crate) const CREDIT_CHUNKS: u32 = 16;

/// Bytes of a transcript in one [`Kind::Restore`].
pub(crate) const RESTORE_CHUNK_BYTES: usize = 4 << 20;

/// Most bytes of a transcript that is restored: what ashd stores of one, and some.
pub(crate) const RESTORE_BYTES_MAX: usize = 160 << 20;

/// Requests of one connection that may be unanswered.
pub(crate) const REQUESTS_MAX: usize = 16;

/// Commands of one connection that may run at the same time.
pub(crate) const COMMANDS_MAX: usize = 8;

/// Most files in a list.
pub(crate) const FILES_MAX: usize = 10_000;

/// Longest path of a file, in bytes: the kernel's own limit.
pub(crate) const PATH_BYTES_MAX: usize = 4096;

/// Largest packet: the longest line and its header.
pub(crate) const PACKET_BYTES_MAX: usize = LINE_BYTES_MAX + 1024;

/// Bytes before the payload: length, kind, number.
pub(crate) const HEADER_BYTES: usize = 4 + 1 + 8;

/// What a packet is. The numbers are the wire: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    // From ashd.
    /// First packet of a connection: [`ControllerHello`].
    Hello = 1,
    /// Everything up to `number` is stored; forget it.
    Acknowledge = 2,
    /// Start the CLI ([`StartCli`]); a running one is ended first.
    Start = 3,
    /// Lines for the CLI's stdin. `number` grows with every message: one that is not above all
    /// before is dropped, so that sending it again after a reconnect is safe.
    Input = 4,
    /// Interrupt the running turn.
    Interrupt = 5,
    /// A [`Request`]; answered by [`Kind::Reply`] with the same `number`, which is never used
    /// twice on a connection.
    Request = 6,
    /// End the CLI (end of input, then SIGTERM, then SIGKILL) and leave.
    Shutdown = 7,
    /// So many chunks (u32 BE) of the reply `number` were consumed: as many more may come.
    Credit = 8,
    /// Nobody waits for the reply `number` any more.
    Cancel = 9,
    /// Stop every other process of the sandbox where it stands (SIGSTOP): where no control group
    /// can be frozen. [`Kind::Start`], [`Kind::Input`] and [`Kind::Shutdown`] continue them.
    Pause = 10,
    /// Let them go on.
    Continue = 11,
    /// Entries of the conversation's transcript; `number` is 0 for the first, 1 for more. The next
    /// [`Kind::Start`] writes all of them in the place of what is there.
    Restore = 12,

    /// The next bytes of what the request `number` sends; without any: that was all. So many may
    /// come as chunks may come the other way, and then as many as were granted.
    Data = 13,
    /// An [`Answer`] to a question of the CLI. One that is not open, or not any more, is skipped: so
    /// that saying it again after a reconnect is safe.
    Answer = 14,
    /// A control request for the CLI, one line. Without a CLI it is dropped.
    Control = 15,

    // From the bridge.
    /// Answer to `Hello`: [`BridgeHello`].
    Welcome = 65,
    /// One line of the CLI, byte for byte, without its newline.
    Frame = 66,
    /// A [`Notice`], numbered among the frames.
    Notice = 67,
    /// The next bytes of the file that request `number` asked for.
    Chunk = 68,
    /// A [`Reply`] to request `number`.
    Reply = 69,
    /// So many packets of data (u32 BE) of the request `number` were taken: as many more may come.
    Granted = 70,
    /// The next bytes of the standard error of the command that request `number` runs.
    Errors = 71,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            1 => Self::Hello,
            2 => Self::Acknowledge,
            3 => Self::Start,
            4 => Self::Input,
            5 => Self::Interrupt,
            6 => Self::Request,
            7 => Self::Shutdown,
            8 => Self::Credit,
            9 => Self::Cancel,
            10 => Self::Pause,
            11 => Self::Continue,
            12 => Self::Restore,
            13 => Self::Data,
            14 => Self::Answer,
            15 => Self::Control,
            65 => Self::Welcome,
            66 => Self::Frame,
            67 => Self::Notice,
            68 => Self::Chunk,
            69 => Self::Reply,
            70 => Self::Granted,
            71 => Self::Errors,
            _ => return None,
        })
    }
}

/// One packet of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) kind: Kind,
    pub(crate) number: u64,
    pub(crate) payload: Bytes,
}

/// What ashd says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ControllerHello {
    pub(crate) protocol: u32,
    /// The highest number it has stored; 0 for none.
    pub(crate) stored: u64,
}

/// What a bridge answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BridgeHello {
    pub(crate) protocol: u32,
    /// The version of the program.
    pub(crate) version: String,
    /// The highest number given so far.
    pub(crate) last: u64,
    /// The number of the last `Input` that reached the CLI; 0 for none.
    pub(crate) last_input: u64,
    /// Whether a CLI runs, or is about to.
    pub(crate) cli_running: bool,
    /// The highest number that was acknowledged once and is no longer here.
    #[serde(default)]
    pub(crate) forgotten: u64,
    /// The other processes of the sandbox are stopped.
    #[serde(default)]
    pub(crate) paused: bool,
    /// [`StartCli::label`] of the CLI that runs, or is about to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cli_label: Option<String>,
}

/// What ashd asks the bridge to do inside the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub(crate) enum Request {
    /// Every regular file of the workspace.
    ListFiles { hidden: bool },
    /// The content of one file, in chunks; `path` is relative to the workspace.
    ReadFile { path: String, bytes_max: u64 },
    /// Whether the conversation's transcript has a whole line with this id in it.
    FindEntry { conversation: String, entry: String },
    /// Make the file `path`, or replace it in one step; its content follows as data.
    WriteFile { path: String, executable: Option<bool>, bytes_max: u64 },
    /// Remove what is called `path`, if it is no directory.
    DeleteFile { path: String },
    /// Run a command; its standard input follows as data.
    Run(RunCommand),
    /// A folder as a tar archive, in chunks.
    Pack { tree: Tree, gzip: bool, bytes_max: u64 },
    /// Fill a folder from a tar archive, which follows as data: plain, in gzip or in zstd. Without
    /// `keep` nothing else is in it then.
    Unpack { tree: Tree, keep: bool, bytes_max: u64 },
}

/// A folder that a session keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tree {
    Workspace,
    Home,
}

/// A command to run in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunCommand {
    /// The program, looked for in `PATH`, and its arguments.
    pub(crate) arguments: Vec<String>,
    /// Beneath the workspace; absent: the workspace.
    pub(crate) directory: Option<String>,
    /// Added to the sandbox's own environment, and stronger.
    pub(crate) environment: BTreeMap<String, String>,
    /// When its process group is ended.
    pub(crate) timeout_ms: u64,
    /// Of both outputs together; what is more is dropped.
    pub(crate) output_bytes_max: u64,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommandEnd {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    /// It took too long and was killed.
    pub(crate) timed_out: bool,
    /// It wrote more than was passed on.
    pub(crate) truncated: bool,
    pub(crate) elapsed_ms: u64,
}

/// An answer to a request. A list is [`Reply::Files`] alone; a file is [`Reply::File`], its
/// chunks, [`Reply::Complete`]; an archive the same with [`Reply::Stream`]; a command is
/// [`Reply::Stream`], its outputs, [`Reply::Ended`]. [`Reply::Refused`] ends each at any point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub(crate) enum Reply {
    Files {
        files: Vec<FileEntry>,
        truncated: bool,
    },
    /// The chunks behind it are `size` bytes.
    File {
        size: u64,
        modified_ms: i64,
    },
    /// To [`Request::FindEntry`].
    Entry {
        found: bool,
    },
    /// The chunks before it were the whole file, or archive.
    Complete,
    /// To [`Request::Pack`] and [`Request::Run`]: it has begun.
    Stream,
    /// To [`Request::Run`].
    Ended(CommandEnd),
    /// To the requests that change files: so many are there, of so many bytes.
    Done {
        files: u64,
        bytes: u64,
    },
    Refused {
        reason: Refusal,
    },
    /// What has no place in this version.
    #[serde(other)]
    Unknown,
}

/// Why a file request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Refusal {
    NotFound,
    /// The path leaves the workspace, or goes through a link.
    OutsideWorkspace,
    NotAFile,
    TooLarge,
    /// The bridge is older than the request.
    Unsupported,
    /// The file could not be read or written, or became shorter meanwhile.
    Failed,
    /// No room is left for it.
    DiskFull,
    /// The archive is damaged, or has something in it that is not unpacked.
    Archive,
    /// What has no place in this version.
    #[serde(other)]
    Unknown,
}

/// One file of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) modified_ms: i64,
}

/// The other side does not speak this protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error("a packet of {bytes} bytes is over the limit of {PACKET_BYTES_MAX}")]
    TooLarge { bytes: usize },
    #[error("a packet of {bytes} bytes is shorter than its header")]
    TooShort { bytes: usize },
    #[error("the first packet is not the expected greeting")]
    NoGreeting,
    #[error("a packet's JSON does not have the expected shape")]
    Json,
    #[error("number {found} came where {expected} was due")]
    Sequence { expected: u64, found: u64 },
    #[error("a frame is not one line with one JSON object")]
    NotAFrame,
    #[error("a packet of kind {kind:?} has no place here")]
    OutOfPlace { kind: Kind },
}

impl Packet {
    pub(crate) fn new(kind: Kind, number: u64, payload: impl Into<Bytes>) -> Self {
        Self { kind, number, payload: payload.into() }
    }

    /// A packet whose payload is `value` as JSON.
    pub(crate) fn json(kind: Kind, number: u64, value: &impl Serialize) -> Self {
        let payload = serde_json::to_vec(value).expect("these types always have a JSON form");
        Self::new(kind, number, payload)
    }

    pub(crate) fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ProtocolError> {
        serde_json::from_slice(&self.payload).map_err(|_json| ProtocolError::Json)
    }

    /// Appends the packet to `buffer`.
    pub(crate) fn encode(&self, buffer: &mut BytesMut) {
        encode_header(buffer, self.kind, self.number, self.payload.len());
        buffer.extend_from_slice(&self.payload);
    }

    /// Takes the next whole packet off `buffer`; `None` until one is there. Packets of a kind
    /// this version does not know are skipped.
    pub(crate) fn decode(buffer: &mut BytesMut) -> Result<Option<Self>, ProtocolError> {
        loop {
            let Some(length) = buffer.first_chunk::<4>() else { return Ok(None) };
            let bytes = u32::from_be_bytes(*length) as usize;
            if bytes > PACKET_BYTES_MAX {
                return Err(ProtocolError::TooLarge { bytes });
            }
            if bytes < HEADER_BYTES - 4 {
                return Err(ProtocolError::TooShort { bytes });
            }
            if buffer.len() < 4 + bytes {
                buffer.reserve(4 + bytes - buffer.len());
                return Ok(None);
            }
            buffer.advance(4);
            let mut body = buffer.split_to(bytes);
            let kind = body.get_u8();
            let number = body.get_u64();
            if let Some(kind) = Kind::from_byte(kind) {
                return Ok(Some(Self { kind, number, payload: body.freeze() }));
            }
        }
    }
}

/// Appends a header for a payload of `payload_bytes`, which the caller writes behind it.
pub(crate) fn encode_header(buffer: &mut BytesMut, kind: Kind, number: u64, payload_bytes: usize) {
    let length =
        u32::try_from(HEADER_BYTES - 4 + payload_bytes).expect("bounded by LINE_BYTES_MAX");
    buffer.put_u32(length);
    buffer.put_u8(kind as u8);
    buffer.put_u64(number);
}

/// Length of the whole packet and its number, if `buffer` starts with a whole header.
pub(crate) fn peek_header(buffer: &[u8]) -> Option<(usize, u64)> {
    let header = buffer.first_chunk::<HEADER_BYTES>()?;
    let (mut length, mut number) = (&header[..4], &header[5..]);
    Some((length.get_u32() as usize + 4, number.get_u64()))
}

/// Whether `line` is one line of UTF-8 with one JSON object, as the CLI writes them. Neither a
/// line feed nor a carriage return is in it: both would end a line of an event stream.
pub(crate) fn is_frame(line: &[u8]) -> bool {
    line.first() == Some(&b'{')
        && !line.iter().any(|byte| matches!(byte, b'\n' | b'\r'))
        && serde_json::from_slice::<&RawValue>(line).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_survive_any_cut_of_the_stream() {
        let packets = [
            Packet::new(Kind::Frame, 7, &b"{\"type\":\"x\"}"[..]),
            Packet::new(Kind::Acknowledge, u64::MAX, Bytes::new()),
            Packet::json(Kind::Notice, 8, &Notice::LineTooLong { bytes: 9 }),
        ];
        let mut whole = BytesMut::new();
        for packet in &packets {
            packet.encode(&mut whole);
        }
        let mut buffer = BytesMut::new();
        let mut seen = Vec::new();
        for byte in whole {
            buffer.put_u8(byte);
            while let Some(packet) = Packet::decode(&mut buffer).unwrap() {
                seen.push(packet);
            }
        }
        assert_eq!(seen, packets);
    }

    #[test]
    fn an_unknown_kind_is_skipped() {
        let mut buffer = BytesMut::new();
        Packet::new(Kind::Frame, 1, &b"{}"[..]).encode(&mut buffer);
        buffer[4] = 200;
        Packet::new(Kind::Frame, 2, &b"{}"[..]).encode(&mut buffer);
        assert_eq!(Packet::decode(&mut buffer).unwrap().map(|packet| packet.number), Some(2));
    }

    #[test]
    fn a_length_beyond_the_limit_ends_the_connection() {
        let mut buffer = BytesMut::from(&u32::MAX.to_be_bytes()[..]);
        assert_eq!(
            Packet::decode(&mut buffer),
            Err(ProtocolError::TooLarge { bytes: u32::MAX as usize })
        );
    }

    #[test]
    fn an_unknown_notice_does_not_hurt() {
        let packet = Packet::new(Kind::Notice, 1, &br#"{"notice":"from_the_future","x":1}"#[..]);
        assert_eq!(packet.parse::<Notice>(), Ok(Notice::Unknown));
    }
}
