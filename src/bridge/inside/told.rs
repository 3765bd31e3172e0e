//! What programs of the sandbox say for people: cut into lines, and told as far as a session's logs
//! have room for it. Nothing waits for that.

use std::mem;

use tokio::time::Instant;

use super::cli::note;
use super::journal::Journal;
use crate::bridge::protocol::{LOG_LINE_BYTES_MAX, LogLevel, Notice};

/// Bytes that may be told at once: what an installation says that says much.
const AT_ONCE_BYTES: u64 = 1 << 20;

/// And in each second on average: of a program that talks all the time a day is 700 MB, of which
/// ashd keeps the end.
const EACH_SECOND_BYTES: u64 = 8 << 10;

/// What a line costs beside its bytes.
const LINE_BYTES: u64 = 64;

/// Something for the logs: whole lines without the last line feed.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) level: LogLevel,
    pub(super) text: String,
}

/// How much may be told.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u64,
    counted: Instant,
    /// Something was left out, and that was told.
    is_over: bool,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: AT_ONCE_BYTES, counted: now, is_over: false }
    }

    /// Tells it, or that something was left out.
    pub(super) fn tell(&mut self, told: Told, now: Instant, journal: &mut Journal) {
        let Told { level, text } = told;
        let seconds = now.duration_since(self.counted).as_secs();
        if seconds > 0 {
            self.counted = now;
            self.left = seconds.saturating_mul(EACH_SECOND_BYTES).saturating_add(self.left);
            self.left = self.left.min(AT_ONCE_BYTES);
        }
        let cost = text.len() as u64 + LINE_BYTES * text.lines().count() as u64;
        // What is said of a program is short, and rare.
        let fits = level == LogLevel::System || (cost <= self.left && journal.has_room());
        if fits {
            self.left = self.left.saturating_sub(cost);
            note(journal, &Notice::Log { level, text });
        } else if !self.is_over {
            let text = "more was said than the logs have room for, and is left out".to_owned();
            note(journal, &Notice::Log { level: LogLevel::System, text });
        }
        self.is_over = !fits;
    }
}

/// What a CLI says beside the protocol.
#[derive(Debug)]
pub(super) struct Aside {
    /// Nobody wants it otherwise.
    wanted: bool,
    errors: LineCutter,
    told: Vec<Told>,
}

impl Aside {
    pub(super) fn new(wanted: bool) -> Self {
        Self { wanted, errors: LineCutter::default(), told: Vec::new() }
    }

    /// A piece of its standard error.
    pub(super) fn errors(&mut self, piece: &[u8]) {
        let text = self.errors.cut(piece);
        self.push(LogLevel::Stderr, text);
    }

    /// The standard error is at its end.
    pub(super) fn end(&mut self) {
        let text = self.errors.rest();
        self.push(LogLevel::Stderr, text);
    }

    /// A line of its standard output that is no frame; of a very long one the beginning.
    pub(super) fn noise(&mut self, line: &[u8]) {
        let line = line.get(..LOG_LINE_BYTES_MAX).unwrap_or(line);
        self.push(LogLevel::Stdout, Some(String::from_utf8_lossy(line).into_owned()));
    }

    fn push(&mut self, level: LogLevel, text: Option<String>) {
        if self.wanted {
            self.told.extend(text.map(|text| Told { level, text }));
        }
    }

    pub(super) fn take(&mut self) -> Vec<Told> {
        mem::take(&mut self.told)
    }
}

/// Cuts a stream into lines; one that is too long is cut, too.
#[derive(Debug, Default)]
pub(super) struct LineCutter {
    begun: Vec<u8>,
}

impl LineCutter {
    /// The lines that are whole with this piece, if any are.
    pub(super) fn cut(&mut self, piece: &[u8]) -> Option<String> {
        self.begun.extend_from_slice(piece);
        let end = match self.begun.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None if self.begun.len() >= LOG_LINE_BYTES_MAX => self.begun.len(),
            None => return None,
        };
        let rest = self.begun.split_off(end);
        Some(lines(&mem::replace(&mut self.begun, rest)))
    }

    /// What is left at the end.
    pub(super) fn rest(&mut self) -> Option<String> {
        let rest = mem::take(&mut self.begun);
        (!rest.is_empty()).then(|| lines(&rest))
    }
}

/// Whole lines as text.
fn lines(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let lines = bytes.split(|byte| *byte == b'\n');
    let cut = lines.flat_map(|line| {
        let parts = line.chunks(LOG_LINE_BYTES_MAX);
        // An empty line is one, too.
        parts.chain(line.is_empty().then_some(line))
    });
    let cut: Vec<_> = cut.collect();
    String::from_utf8_lossy(&cut.join(&b'\n')).into_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::bridge::inside::journal::Limits;

    #[test]
    fn lines_are_told_when_they_are_whole() {
        let mut cutter = LineCutter::default();
        assert_eq!(cutter.cut(b"one\n\ntw").as_deref(), Some("one\n"));
        assert_eq!(cutter.cut(b"o"), None);
        assert_eq!(cutter.cut(b"\nthree\nfo\xffur").as_deref(), Some("two\nthree"));
        assert_eq!(cutter.rest().as_deref(), Some("fo\u{fffd}ur"));
        assert_eq!(cutter.rest(), None);
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let mut cutter = LineCutter::default();
        let told = cutter.cut(&vec![b'x'; LOG_LINE_BYTES_MAX + 5]).unwrap();
        assert_eq!(told.lines().map(str::len).collect::<Vec<_>>(), [LOG_LINE_BYTES_MAX, 5]);
    }

    #[test]
    fn who_says_too_much_is_cut_and_may_go_on_later() {
        let mut journal = Journal::new(Limits::STANDARD, Path::new("/proc/nowhere"));
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        let say = |allowance: &mut Allowance, now: Instant, journal: &mut Journal| {
            let before = journal.last();
            for _ in 0..1_000 {
                let text = "x".repeat(8_000);
                allowance.tell(Told { level: LogLevel::Stdout, text }, now, journal);
            }
            journal.last() - before
        };
        let most = AT_ONCE_BYTES / (8_000 + LINE_BYTES);
        assert_eq!(say(&mut allowance, now, &mut journal), most + 1, "and that it was cut");
        let system = Told { level: LogLevel::System, text: "it ended".to_owned() };
        allowance.tell(system, now, &mut journal);
        assert_eq!(journal.last(), most + 2);
        let later = now + Duration::from_secs(10);
        assert_eq!(say(&mut allowance, later, &mut journal), 10 + 1);
    }
}
