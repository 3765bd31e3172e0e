//! What an answer of the model API says that it cost, read as it passes by: not a byte is held
//! back or changed.

use serde::Deserialize;

use super::account::Used;
use super::frames::Frames;
use super::price::{Extras, Prices, Tokens};

/// Longest line of a stream that is read: those that tell usage have some 500 bytes.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Longest answer that is not streamed and still read.
const DOCUMENT_BYTES_MAX: usize = 16 << 20;

/// What an event of text has beside its text, and how many bytes of text are one token, at least:
/// for an answer that is cut off before it says what it cost.
const EVENT_BYTES: usize = 96;
const TOKEN_BYTES: usize = 3;

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    usage: Option<Usage>,
}

/// As the Messages API tells it; members that a later event leaves out stay.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
    server_tool_use: Option<ServerToolUse>,
    speed: Option<Speed>,
    inference_geo: Option<Region>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct ServerToolUse {
    web_search_requests: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Speed {
    Fast,
    #[serde(other)]
    Ordinary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Region {
    Us,
    #[serde(other)]
    Ordinary,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_1h_input_tokens: u64,
}

impl Usage {
    fn add_to(self, tokens: &mut Tokens, extras: &mut Extras) {
        let set = |to: &mut u64, value: Option<u64>| {
            if let Some(value) = value {
                // What was counted once is not taken back.
                *to = (*to).max(value);
            }
        };
        set(&mut tokens.input, self.input_tokens);
        set(&mut tokens.output, self.output_tokens);
        set(&mut tokens.cache_read, self.cache_read_input_tokens);
        set(&mut tokens.cache_write, self.cache_creation_input_tokens);
        let hour = self.cache_creation.map(|creation| creation.ephemeral_1h_input_tokens);
        set(&mut tokens.cache_write_hour, hour);
        tokens.cache_write_hour = tokens.cache_write_hour.min(tokens.cache_write);
        set(&mut extras.searches, self.server_tool_use.map(|tools| tools.web_search_requests));
        extras.fast |= self.speed == Some(Speed::Fast);
        extras.region |= self.inference_geo == Some(Region::Us);
    }
}

/// Reads an answer to a message.
#[derive(Debug)]
pub(super) struct UsageReader {
    streamed: bool,
    /// Its events come in frames.
    frames: Option<Frames>,
    /// The line, or the document, as far as it came.
    kept: Vec<u8>,
    /// The rest of it is not read.
    skips: bool,
    model: Option<String>,
    tokens: Tokens,
    extras: Extras,
    /// It has said its last.
    complete: bool,
    estimate: usize,
}

impl UsageReader {
    pub(super) fn new(streamed: bool) -> Self {
        Self {
            streamed,
            frames: None,
            kept: Vec::new(),
            skips: false,
            model: None,
            tokens: Tokens::default(),
            extras: Extras::default(),
            complete: false,
            estimate: 0,
        }
    }

    /// Of an answer whose events come in the frames of Bedrock.
    pub(super) fn of_frames() -> Self {
        Self { frames: Some(Frames::default()), ..Self::new(true) }
    }

    /// The next bytes.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        if let Some(frames) = &mut self.frames {
            for event in frames.read(bytes) {
                self.event(event.trim_ascii());
            }
        } else if self.streamed {
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                self.keep(piece, LINE_BYTES_MAX);
                if piece.ends_with(b"\n") {
                    self.line();
                    self.kept.clear();
                    self.skips = false;
                }
            }
        } else {
            self.keep(bytes, DOCUMENT_BYTES_MAX);
        }
    }

    fn keep(&mut self, piece: &[u8], bytes_max: usize) {
        self.skips |= self.kept.len() + piece.len() > bytes_max;
        if !self.skips {
            self.kept.extend_from_slice(piece);
        }
    }

    fn line(&mut self) {
        let line = std::mem::take(&mut self.kept);
        if let Some(data) = line.strip_prefix(b"data:") {
            self.event(data.trim_ascii());
        }
        // Its room is used again.
        self.kept = line;
    }

    fn event(&mut self, data: &[u8]) {
        let starts = |kind: &[u8]| data.get(..kind.len()).is_some_and(|start| start == kind);
        if starts(br#"{"type":"content_block_delta"#) {
            self.estimate += (data.len().saturating_sub(EVENT_BYTES) / TOKEN_BYTES).max(1);
            return;
        }
        // Text that speaks of usage is read for nothing; nothing that tells it is missed.
        if !data.windows(7).any(|part| part == b"\"usage\"") {
            return;
        }
        let Ok(event) = serde_json::from_slice::<Event>(data) else { return };
        match event.kind.as_str() {
            "message_start" => {
                if let Some(message) = event.message {
                    self.model = message.model.or(self.model.take());
                    message.usage.unwrap_or_default().add_to(&mut self.tokens, &mut self.extras);
                }
            }
            "message_delta" => {
                event.usage.unwrap_or_default().add_to(&mut self.tokens, &mut self.extras);
                self.complete = true;
            }
            _ => {}
        }
    }

    /// What the whole answer costs, as far as it is known. To be asked again at the end of an
    /// answer that is not streamed.
    pub(super) fn cost(&mut self, prices: &Prices, at_end: bool) -> Used {
        if !self.streamed
            && at_end
            && !self.complete
            && let Ok(message) = serde_json::from_slice::<Message>(&self.kept)
        {
            self.model = message.model;
            message.usage.unwrap_or_default().add_to(&mut self.tokens, &mut self.extras);
            self.complete = true;
        }
        let mut tokens = self.tokens;
        if at_end && self.streamed && !self.complete {
            // It was cut off: what came is estimated, so that leaving early is not free.
            tokens.output = tokens.output.max(self.estimate as u64);
        }
        Used { tokens, money: prices.money(self.model.as_deref(), tokens, self.extras) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = r#"data: {"type":"message_start","message":{"id":"m","model":"claude-sonnet-4-5-20250929","usage":{"input_tokens":1000,"cache_creation_input_tokens":200,"cache_read_input_tokens":5000,"output_tokens":1}}}"#;
    const DELTA: &str = r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":300}}"#;
    const TEXT: &str = r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"some \"usage\" of words"}}"#;

    fn stream() -> String {
        format!(
            "event: message_start\n{START}\n\nevent: ping\ndata: {{\"type\":\"ping\"}}\n\n{TEXT}\n\n{DELTA}\n\n"
        )
    }

    fn prices() -> Prices {
        Prices::default()
    }

    #[test]
    fn a_stream_is_read_wherever_it_is_cut() {
        let stream = stream();
        // 1000 * 3 + 300 * 15 + 200 * 3.75 + 5000 * 0.3 dollars per million.
        let money = 3_000_000 + 4_500_000 + 750_000 + 1_500_000;
        for length in [1, 2, 7, 64, stream.len()] {
            let mut reader = UsageReader::new(true);
            for piece in stream.as_bytes().chunks(length) {
                reader.read(piece);
            }
            let cost = reader.cost(&prices(), true);
            assert_eq!(cost.tokens.total(), 6500, "{length}");
            assert_eq!((cost.tokens.output, cost.money), (300, money), "{length}");
        }
    }

    #[test]
    fn an_answer_that_is_cut_off_is_not_free() {
        let mut reader = UsageReader::new(true);
        reader.read(format!("{START}\n\n").as_bytes());
        assert_eq!(reader.cost(&prices(), false).tokens.input, 1000, "known at once");
        for _ in 0..50 {
            reader.read(format!("{TEXT}\n\n").as_bytes());
        }
        assert_eq!(reader.cost(&prices(), false).tokens.output, 1);
        assert!(reader.cost(&prices(), true).tokens.output >= 50);
    }

    #[test]
    fn a_document_is_read_at_its_end() {
        let document = r#"{"id":"m","type":"message","model":"claude-haiku-4-5","content":[{"type":"text","text":"\"usage\""}],"usage":{"input_tokens":10,"output_tokens":20}}"#;
        let mut reader = UsageReader::new(false);
        for piece in document.as_bytes().chunks(9) {
            reader.read(piece);
        }
        let cost = reader.cost(&prices(), true);
        assert_eq!((cost.tokens.total(), cost.money), (30, 10_000 + 100_000));
        let mut error = UsageReader::new(false);
        error.read(br#"{"type":"error","error":{"type":"overloaded_error"}}"#);
        assert_eq!(error.cost(&prices(), true), Used::default());
    }

    #[test]
    fn a_line_or_a_document_that_is_too_long_is_passed_over() {
        let mut reader = UsageReader::new(true);
        let long =
            format!("data: {{\"type\":\"x\",\"usage\":\"{}\"}}\n", "y".repeat(LINE_BYTES_MAX));
        reader.read(long.as_bytes());
        reader.read(stream().as_bytes());
        assert_eq!(reader.cost(&prices(), true).tokens.total(), 6500);
    }

    #[test]
    fn the_frames_of_bedrock_are_read_as_the_stream_that_they_carry() {
        let event =
            |line: &str| super::super::frames::tests::frame(line.trim_start_matches("data: "));
        let stream = [event(START), event(TEXT), event(DELTA)].concat();
        let mut reader = UsageReader::of_frames();
        for piece in stream.chunks(100) {
            reader.read(piece);
        }
        let cost = reader.cost(&prices(), true);
        assert_eq!((cost.tokens.total(), cost.tokens.output), (6500, 300));
    }
}
