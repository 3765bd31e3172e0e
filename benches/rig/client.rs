//! A client that costs little beside what it measures: one blocking connection that stays open.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

pub(crate) const KEY: &str = "ash_benchmark-key";

/// What ends a turn, at the start of a line.
const DONE: &[u8] = b"event: done\n";

/// Ends a chunked body.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer that is not a stream.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(super::PATIENCE))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
        self.send(method, path, body)?;
        loop {
            if let Some((head, content)) = split(&self.buffer) {
                let length = header(head, "content-length").expect("only streams have none");
                if content.len() >= length.parse().expect("a length is a number") {
                    let body = serde_json::from_slice(content).unwrap_or(Value::Null);
                    return Ok(Answer { status: status(head), body });
                }
            }
            self.more()?;
        }
    }

    /// Sends a message and returns when `done` was received.
    pub(crate) fn turn(&mut self, session: &str, text: &str) {
        let path = format!("/api/sessions/{session}/messages");
        let body = serde_json::json!({ "content": text }).to_string();
        self.send("POST", &path, &body).expect("ashd serves");
        let mut seen = 0;
        loop {
            let from = seen;
            seen = self.buffer.len().saturating_sub(DONE.len());
            if find(&self.buffer[from..], DONE).is_some() {
                return;
            }
            self.more().expect("the turn goes on");
            let status = split(&self.buffer).map(|(head, _)| status(head));
            assert!(matches!(status, None | Some(200)), "the message was refused with {status:?}");
        }
    }

    /// Asks for a stream; its events come by [`Self::next_id`].
    pub(crate) fn open(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<()> {
        self.send(method, path, body)
    }

    /// The number of the next event of a stream.
    pub(crate) fn next_id(&mut self) -> std::io::Result<u64> {
        loop {
            if let Some(start) = find(&self.buffer, b"\nid: ") {
                let number = &self.buffer[start + 5..];
                if let Some(end) = find(number, b"\n") {
                    let text = std::str::from_utf8(&number[..end]).expect("an id is a number");
                    let id = text.parse().expect("an id is a number");
                    self.buffer.drain(..start + 5 + end);
                    return Ok(id);
                }
            }
            self.more()?;
        }
    }

    /// Whether what was received and not taken has these bytes.
    pub(crate) fn buffered(&self, bytes: &[u8]) -> bool {
        find(&self.buffer, bytes).is_some()
    }

    /// Reads a stream to its end, and keeps nothing; answers its bytes and its events.
    pub(crate) fn read_all(&mut self, method: &str, path: &str) -> std::io::Result<(usize, usize)> {
        self.send(method, path, "")?;
        let (mut bytes, mut events, mut tail) = (0, 0, Vec::new());
        let mut piece = vec![0; 256 << 10];
        loop {
            let count = self.stream.read(&mut piece)?;
            if count == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            bytes += count;
            events += piece[..count].windows(4).filter(|bytes| *bytes == b"id: ").count();
            tail.extend_from_slice(&piece[..count]);
            tail.drain(..tail.len().saturating_sub(LAST_CHUNK.len()));
            if tail == LAST_CHUNK {
                return Ok((bytes, events));
            }
        }
    }

    /// Reads a session from its first event to the `done` of its turn number `turns`; answers how many
    /// bytes that were. The stream goes on behind it: take another client then.
    pub(crate) fn stream_until_done(&mut self, session: &str, turns: usize) -> usize {
        let path = format!("/api/sessions/{session}/stream?after=0&includePartialMessages=true");
        self.send("GET", &path, "").expect("ashd serves");
        let (mut done, mut bytes) = (0, 0);
        while done < turns {
            self.more().expect("the stream goes on");
            let mut at = 0;
            while let Some(found) = find(&self.buffer[at..], DONE) {
                done += 1;
                at += found + DONE.len();
            }
            // What may be the start of one is kept.
            let seen = at.max(self.buffer.len().saturating_sub(DONE.len() - 1));
            bytes += seen;
            self.buffer.drain(..seen);
        }
        bytes
    }

    /// Reads what comes behind `done`, so that the connection can be used again.
    pub(crate) fn rest(&mut self) {
        while !self.buffer.ends_with(LAST_CHUNK) {
            self.more().expect("the stream ends");
        }
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> std::io::Result<()> {
        self.buffer.clear();
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(request.as_bytes())
    }

    fn more(&mut self) -> std::io::Result<()> {
        let mut piece = [0; 16 << 10];
        let count = self.stream.read(&mut piece)?;
        if count == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(())
    }
}

fn split(buffer: &[u8]) -> Option<(&str, &[u8])> {
    let end = find(buffer, b"\r\n\r\n")?;
    let head = std::str::from_utf8(&buffer[..end]).expect("a head is text");
    Some((head, &buffer[end + 4..]))
}

fn status(head: &str) -> u16 {
    let word = head.split(' ').nth(1).expect("a status line has a status");
    word.parse().expect("a status is a number")
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
}

pub(crate) fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}
