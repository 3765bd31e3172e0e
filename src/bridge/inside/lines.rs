//! The CLI's output, cut into lines.

use std::io::BufRead as _;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes asked for in one read: what a pipe holds.
const READ_BYTES: usize = 64 << 10;

/// Lines up to this many bytes are copied out of the read buffer: a few that wait long would
/// otherwise keep many buffers alive.
const COPY_BYTES_MAX: usize = 64 << 10;

/// One line, without its newline.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Whole(Bytes),
    /// It was longer than the limit and is gone.
    TooLong {
        bytes: u64,
    },
}

/// Reads lines. After each [`Lines::fill`], [`Lines::next`] is to be called until `None`.
pub(super) struct Lines<R> {
    reader: R,
    buffer: BytesMut,
    /// Bytes of `buffer` that are known to hold no newline.
    scanned: usize,
    /// Bytes of the line that is being skipped.
    skipped: Option<u64>,
    ended: bool,
    line_bytes_max: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, line_bytes_max: usize) -> Self {
        let buffer = BytesMut::new();
        Self { reader, buffer, scanned: 0, skipped: None, ended: false, line_bytes_max }
    }

    /// Waits for more bytes, or the end. Cancel-safe.
    pub(super) async fn fill(&mut self) {
        self.buffer.reserve(READ_BYTES);
        // What cannot be read has ended.
        if !self.reader.read_buf(&mut self.buffer).await.is_ok_and(|bytes| bytes > 0) {
            self.ended = true;
        }
    }

    /// Whether the output ended. A last line without a newline still comes from `next`.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn next(&mut self) -> Option<Line> {
        let mut unseen = self.buffer.get(self.scanned..).unwrap_or_default();
        let searched = unseen.skip_until(b'\n').expect("a slice is always readable");
        let end = self.scanned + searched;
        let found = searched > 0 && self.buffer.get(end - 1) == Some(&b'\n');
        if found {
            let line = self.take(end - 1);
            self.buffer.advance(1);
            return Some(line);
        }
        if self.ended && (end > 0 || self.skipped.is_some()) {
            return Some(self.take(end));
        }
        self.scanned = end;
        if self.skipped.is_some() || end > self.line_bytes_max {
            *self.skipped.get_or_insert(0) += end as u64;
            // A fresh buffer gives the memory of the long line back.
            self.buffer = BytesMut::new();
            self.scanned = 0;
        }
        None
    }

    fn take(&mut self, length: usize) -> Line {
        self.scanned = 0;
        let skipped = self.skipped.take();
        if skipped.is_some() || length > self.line_bytes_max {
            self.buffer.advance(length);
            return Line::TooLong { bytes: skipped.unwrap_or(0) + length as u64 };
        }
        if length > COPY_BYTES_MAX {
            return Line::Whole(self.buffer.split_to(length).freeze());
        }
        let line = Bytes::copy_from_slice(self.buffer.get(..length).unwrap_or_default());
        self.buffer.advance(length);
        Line::Whole(line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: usize = 10;

    async fn all_lines(input: &[u8], capacity: usize) -> Vec<Line> {
        let (mut writer, reader) = tokio::io::duplex(capacity);
        let input = input.to_vec();
        let write = async move {
            tokio::io::AsyncWriteExt::write_all(&mut writer, &input).await.unwrap();
            drop(writer);
        };
        let read = async {
            let mut lines = Lines::new(reader, MAX);
            let mut seen = Vec::new();
            while !lines.has_ended() {
                lines.fill().await;
                while let Some(line) = lines.next() {
                    seen.push(line);
                }
            }
            seen
        };
        tokio::join!(write, read).1
    }

    fn whole(text: &'static str) -> Line {
        Line::Whole(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn the_last_line_needs_no_newline() {
        assert_eq!(all_lines(b"one\n\ntwo", 4).await, [whole("one"), whole(""), whole("two")]);
        assert_eq!(all_lines(b"", 4).await, []);
    }

    #[tokio::test]
    async fn a_long_line_is_skipped_and_the_next_one_is_whole() {
        let expected = [Line::TooLong { bytes: 25 }, whole("{}")];
        for capacity in [1, 3, 64] {
            let lines = all_lines(b"aaaaaaaaaaaaaaaaaaaaaaaaa\n{}\n", capacity).await;
            assert_eq!(lines, expected, "{capacity}");
        }
        assert_eq!(all_lines(b"aaaaaaaaaaaaaaaaaaaaaaaaa", 3).await, [Line::TooLong { bytes: 25 }]);
    }

    #[tokio::test]
    async fn a_line_of_exactly_the_limit_passes() {
        assert_eq!(all_lines(b"0123456789\n", 3).await, [whole("0123456789")]);
        assert_eq!(all_lines(b"0123456789a\n", 3).await, [Line::TooLong { bytes: 11 }]);
    }

    proptest! {
        #[test]
        fn cuts_of_the_stream_do_not_matter(
            lines in prop::collection::vec("[a-z]{0,14}", 0..12),
            capacity in 1..40_usize,
        ) {
            let input = lines.iter().flat_map(|line| [line, "\n"]).collect::<String>();
            let expected: Vec<Line> = lines
                .into_iter()
                .map(|line| match line.len() {
                    bytes if bytes > MAX => Line::TooLong { bytes: bytes as u64 },
                    _ => Line::Whole(line.into()),
                })
                .collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            prop_assert_eq!(runtime.block_on(all_lines(input.as_bytes(), capacity)), expected);
        }
    }
}
