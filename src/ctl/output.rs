//! Where everything is printed: data to the standard output in the chosen format, messages to
//! the standard error.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{Row, Table};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::failure::Failure;
use super::plain::{self, Plain};
use super::server::understand;
use super::when;
use crate::clock::Timestamp;

const HEADER: Style = Style::new().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// Blanks between two columns of a table.
const COLUMN_GAP: u16 = 2;

/// What `-o` takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// For people, no wider than the terminal
    #[default]
    Table,
    /// For people, with more columns and nothing cut off
    Wide,
    /// The server's answer as it is
    Json,
    /// One JSON value per line
    Jsonl,
    /// Names and ids only, one per line
    Id,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Table,
    Json,
    Jsonl,
    Id,
}

/// How times are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Times {
    /// As the distance from now.
    Relative {
        now: Timestamp,
    },
    Absolute,
}

impl Times {
    pub(crate) fn show(self, time: Timestamp) -> String {
        match self {
            Self::Relative { now } => when::ago(time, now),
            Self::Absolute => time.to_string(),
        }
    }
}

/// What is told beside the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Messages {
    All,
    /// Errors and warnings only.
    Quiet,
}

/// The two outputs of the program.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) format: Format,
    choice: Choice,
    pub(crate) times: Times,
    messages: Messages,
    /// Whether the standard output is a terminal.
    pub(crate) terminal: bool,
    /// Whether the standard error is one.
    pub(crate) message_terminal: bool,
    colored: bool,
    /// Makes the text of the running answer plain, on a terminal.
    plain: Plain,
    stdout: io::Stdout,
}

impl Output {
    pub(crate) fn new(choice: Choice, times: Times, messages: Messages) -> Self {
        let format = match choice {
            Choice::Table | Choice::Wide => Format::Table,
            Choice::Json => Format::Json,
            Choice::Jsonl => Format::Jsonl,
            Choice::Id => Format::Id,
        };
        Self {
            format,
            choice,
            times,
            messages,
            terminal: io::stdout().is_terminal(),
            message_terminal: io::stderr().is_terminal(),
            colored: anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
            plain: Plain::default(),
            stdout: io::stdout(),
        }
    }

    /// Whether tables have all their columns, whole.
    pub(crate) fn is_wide(&self) -> bool {
        self.choice == Choice::Wide
    }

    /// Prints a line that this program made up itself.
    pub(crate) fn line(&self, line: &str) -> Result<(), Failure> {
        self.write(&[line.as_bytes(), b"\n"])
    }

    /// Prints what a terminal obeys.
    pub(crate) fn raw(&self, sequence: &str) -> Result<(), Failure> {
        self.write(&[sequence.as_bytes()])
    }

    /// Prints bytes of a stranger, which come in pieces: as they are into a file or a pipe,
    /// without control sequences on a terminal.
    pub(crate) fn piece(&mut self, piece: &str) -> Result<(), Failure> {
        if self.terminal {
            let plain = self.plain.push(piece);
            self.write(&[plain.as_bytes()])
        } else {
            self.write(&[piece.as_bytes()])
        }
    }

    /// The same for bytes that need not be text.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.terminal {
            self.piece(&String::from_utf8_lossy(bytes))
        } else {
            self.write(&[bytes])
        }
    }

    /// Prints one JSON value on a line of its own.
    pub(crate) fn json(&self, json: &str) -> Result<(), Failure> {
        let json = json.trim_end();
        if self.terminal { self.line(&plain::json(json)) } else { self.line(json) }
    }

    /// Prints a table. On a terminal, a line of a list is cut where the terminal ends.
    pub(crate) fn table(&self, mut table: Table) -> Result<(), Failure> {
        table.load_style(NOTHING);
        for column in table.column_iter_mut() {
            column.set_padding((0, COLUMN_GAP));
        }
        let has_header = table.header().is_some();
        let width = terminal_size::terminal_size_of(&self.stdout);
        let width = width.filter(|_| has_header && !self.is_wide()).map(|(width, _)| width.0);
        for (number, line) in table.lines().enumerate() {
            let line = &*cut(line.trim_end(), width);
            if number == 0 && has_header && self.colored {
                self.line(&format!("{HEADER}{line}{HEADER:#}"))?;
            } else {
                self.line(line)?;
            }
        }
        Ok(())
    }

    /// Prints what the server answered to a request for several things, which are `member` of
    /// its answer.
    pub(crate) fn list<T: DeserializeOwned>(
        &self,
        answer: &[u8],
        member: &str,
        id: impl Fn(&T) -> String,
        table: impl FnOnce(Vec<T>) -> Table,
    ) -> Result<(), Failure> {
        if self.format == Format::Json {
            return self.json(&String::from_utf8_lossy(answer));
        }
        let members: BTreeMap<String, &RawValue> = understand(answer)?;
        let list = members.get(member).map_or("[]", |list| list.get()).as_bytes();
        match self.format {
            Format::Table => self.table(table(understand(list)?)),
            Format::Id => {
                let items: Vec<T> = understand(list)?;
                items.iter().try_for_each(|item| self.line(&plain::line(&id(item))))
            }
            Format::Json | Format::Jsonl => {
                let items: Vec<&RawValue> = understand(list)?;
                items.iter().try_for_each(|item| self.json(&one_line(item)))
            }
        }
    }

    /// Prints what the server answered to a request for one thing, which is `member` of its
    /// answer.
    pub(crate) fn one<T: DeserializeOwned>(
        &self,
        answer: &[u8],
        member: &str,
        id: impl Fn(&T) -> String,
        people: impl FnOnce(T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if self.format == Format::Json {
            return self.json(&String::from_utf8_lossy(answer));
        }
        let members: BTreeMap<String, &RawValue> = understand(answer)?;
        let item = members.get(member).copied().unwrap_or(RawValue::NULL);
        match self.format {
            Format::Table => people(understand(item.get().as_bytes())?),
            Format::Id => self.line(&plain::line(&id(&understand(item.get().as_bytes())?))),
            Format::Json | Format::Jsonl => self.json(&one_line(item)),
        }
    }

    /// Tells something beside the data.
    pub(crate) fn note(&self, note: &str) {
        if self.messages == Messages::All {
            message(&plain::text(note));
        }
    }

    fn write(&self, parts: &[&[u8]]) -> Result<(), Failure> {
        let mut stdout = self.stdout.lock();
        parts
            .iter()
            .try_for_each(|part| stdout.write_all(part))
            .and_then(|()| stdout.flush())
            .map_err(|error| Failure::from_output(&error))
    }

    /// Whether notes are printed to somebody who watches.
    pub(crate) fn is_watched(&self) -> bool {
        self.message_terminal && self.messages == Messages::All
    }
}

/// A line that is no wider than that.
fn cut(line: &str, width: Option<u16>) -> Cow<'_, str> {
    let Some(width) = width.map(usize::from) else { return line.into() };
    let mut ends = line.char_indices().map(|(at, _)| at).skip(width.saturating_sub(1));
    match (ends.next(), ends.next()) {
        (Some(end), Some(_)) => format!("{}…", line.get(..end).unwrap_or_default()).into(),
        _ => line.into(),
    }
}

/// JSON on one line: a line break can stand between its tokens only, where a blank does as well.
fn one_line(json: &RawValue) -> String {
    json.get().replace(['\n', '\r'], " ")
}

fn message(message: &str) {
    // There is nobody to tell that the standard error is gone.
    let _told = writeln!(anstream::stderr().lock(), "{message}");
}

/// Tells something that a script's author should see, too.
pub(crate) fn warn(warning: &str) {
    message(&format!("{WARNING}warning:{WARNING:#} {}", plain::text(warning)));
}

/// A table with these column names.
pub(crate) fn columns(names: impl Into<Row>) -> Table {
    let mut table = Table::new();
    table.set_header(names);
    table
}

/// Shows what a stranger named something, in a cell.
pub(crate) fn cell(text: &str) -> String {
    plain::line(text)
}

/// Enough of a text to know it by.
pub(crate) fn first_line(text: &str) -> String {
    const CHARACTERS: usize = 60;
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", cell(line.get(..end).unwrap_or_default())),
        None => cell(line),
    }
}

/// Shows an optional text in a cell.
pub(crate) fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), cell)
}
