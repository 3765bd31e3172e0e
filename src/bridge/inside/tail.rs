//! The end of what a CLI says beside the protocol.

use std::collections::VecDeque;

/// Kept of what the CLI says beside the protocol, for whoever asks why it ended.
pub(super) const TAIL_BYTES: usize = 64 << 10;

/// The last bytes of what was said.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
}

impl Tail {
    pub(super) fn push_line(&mut self, line: &[u8]) {
        self.push(line);
        self.push(b"\n");
    }

    pub(super) fn push(&mut self, text: &[u8]) {
        let kept = text.len().min(TAIL_BYTES);
        let over = (self.bytes.len() + kept).saturating_sub(TAIL_BYTES);
        self.bytes.drain(..over);
        self.bytes.extend(text.iter().skip(text.len() - kept));
    }

    pub(super) fn text(self) -> String {
        let bytes = Vec::from(self.bytes);
        // A character cut at the front takes three bytes more as a replacement.
        String::from_utf8_lossy(&bytes).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_however_it_comes() {
        let mut tail = Tail::default();
        tail.push_line(b"first");
        tail.push(&vec![b'x'; TAIL_BYTES - 4]);
        tail.push_line(b"end");
        let text = tail.text();
        assert!(text.starts_with('x') && text.ends_with("xend"));
        assert_eq!(text.len(), TAIL_BYTES - 1);
        let mut tail = Tail::default();
        tail.push(&[b"x".repeat(TAIL_BYTES), b"end".to_vec()].concat());
        assert!(tail.text().ends_with("xend"));
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let mut tail = Tail::default();
        tail.push_line(b"a\xffb");
        assert_eq!(tail.text(), "a\u{fffd}b");
    }
}
