//! The bridge itself: one task that owns the journal, the CLI and the connection, waits for
//! whatever happens next, and does what follows from it.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::cli::{self, Cli, CliEvent};
use super::connection::{Connection, ConnectionEvent, Door};
use super::journal::{Cursor, Journal, Limits};
use super::launcher::Launcher;
use super::starting::{Prepared, Preparing, Unready};
use super::termination::Termination;
use super::told::{Allowance, Told};
use super::transfers::Site;
use super::waiting::Waiting;
use crate::bridge::protocol::{
    BridgeHello, ControllerHello, Kind, Notice, PROTOCOL, Packet, ProtocolError, RESTORE_BYTES_MAX,
    StartCli,
};

/// Messages that wait for a CLI that is about to start.
const WAITING_MAX: usize = 64;

/// Pieces of what scripts say that may wait: then who says more waits.
const TOLD_MAX: usize = 16;

/// Time to leave: to end the CLI in its steps, and to tell of it.
const LEAVE_MAX: Duration = Duration::from_secs(8);

/// What a bridge is told when it starts.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) workspace: Arc<Path>,
    pub(super) home: PathBuf,
    pub(super) spill: PathBuf,
    /// What every CLI gets.
    pub(super) environment: BTreeMap<OsString, OsString>,
    pub(super) journal: Limits,
    pub(super) line_bytes_max: usize,
    /// Leave when no controller was there and no turn ran for so long.
    pub(super) orphan_timeout: Option<Duration>,
}

pub(super) struct Relay {
    pub(super) settings: Settings,
    site: Site,
    door: Door,
    pub(super) launcher: Launcher,
    termination: Termination,
    pub(super) journal: Journal,
    connection: Option<Box<Connection>>,
    pub(super) cli: Option<Cli>,
    /// What ashd calls the start of `cli`.
    pub(super) cli_label: Option<String>,
    pub(super) preparing: Option<Preparing>,
    /// To be started when the present CLI is gone.
    pub(super) next: Option<StartCli>,
    /// What came behind a `Start` that is not done yet.
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) last_input: u64,
    /// The transcript that the next start writes.
    pub(super) restore: Vec<Bytes>,
    /// `startup.sh` has run, if there is one.
    pub(super) begun: bool,
    /// What scripts say.
    pub(super) teller: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
    allowance: Allowance,
    /// The CLI and what it started are stopped.
    paused: bool,
    /// Since when nobody needs this bridge.
    orphaned: Option<Instant>,
    /// When to leave at the latest, once that is decided.
    pub(super) leaving: Option<Instant>,
}

enum Event {
    Accepted(Box<Connection>),
    Connection(ConnectionEvent),
    Spilled(io::Result<()>),
    Cli(CliEvent),
    Prepared(Result<Prepared, Unready>),
    Told(Told),
    Terminate,
    Deadline,
}

impl Relay {
    pub(super) fn new(
        settings: Settings,
        door: Door,
        launcher: Launcher,
        termination: Termination,
    ) -> Self {
        let journal = Journal::new(settings.journal, &settings.spill);
        let site = Site::new(&settings, launcher.commands());
        let (teller, told) = mpsc::channel(TOLD_MAX);
        Self {
            settings,
            site,
            door,
            launcher,
            termination,
            journal,
            connection: None,
            cli: None,
            cli_label: None,
            preparing: None,
            next: None,
            waiting: VecDeque::new(),
            last_input: 0,
            restore: Vec::new(),
            begun: false,
            teller,
            told,
            allowance: Allowance::new(Instant::now()),
            paused: false,
            orphaned: None,
            leaving: None,
        }
    }

    /// Works until it is told to leave.
    pub(super) async fn run(mut self) {
        while self.settle() {
            let event = self.event().await;
            self.handle(event);
        }
        if let Some(cli) = &self.cli {
            cli.kill();
        }
    }

    /// Waits for what happens next. Cancel-safe.
    async fn event(&mut self) -> Event {
        let deadline = self.deadline();
        let may_read = self.journal.has_room();
        let site = &self.site;
        tokio::select! {
            halves = self.door.next() => {
                Event::Accepted(Box::new(Connection::new(halves, site.clone())))
            }
            event = on(self.connection.as_deref_mut(), Connection::event) => Event::Connection(event),
            result = self.journal.spilled() => Event::Spilled(result),
            event = on(self.cli.as_mut(), |cli| cli.event(may_read)) => Event::Cli(event),
            exit = self.launcher.exit() => Event::Cli(CliEvent::Exit(exit)),
            prepared = on(self.preparing.as_mut(), Preparing::prepared) => Event::Prepared(prepared),
            Some(told) = self.told.recv() => Event::Told(told),
            () = self.termination.requested() => Event::Terminate,
            () = until(deadline) => Event::Deadline,
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Accepted(connection) => self.connection = Some(connection),
            Event::Connection(ConnectionEvent::Read) => {
                if self.hear_controller().is_err() {
                    self.connection = None;
                }
            }
            Event::Connection(ConnectionEvent::Wrote) => {}
            Event::Connection(ConnectionEvent::Lost) => self.connection = None,
            // The journal keeps in memory what it could not write.
            Event::Spilled(_result) => {}
            Event::Cli(event) => self.handle_cli(event),
            Event::Prepared(prepared) => {
                self.hear_scripts();
                self.launch(prepared);
            }
            Event::Told(told) => self.allowance.tell(told, Instant::now(), &mut self.journal),
            Event::Terminate => self.leave(),
            Event::Deadline => {
                if let Some(cli) = &mut self.cli {
                    cli.tick(self.journal.has_room());
                }
            }
        }
    }

    fn handle_cli(&mut self, event: CliEvent) {
        let Some(cli) = &mut self.cli else { return };
        match event {
            CliEvent::Output => cli.hear(&mut self.journal),
            CliEvent::Exit(exit) if cli.exited(exit) => self.end_others(),
            CliEvent::Exit(_in_order) => {}
            CliEvent::Errors | CliEvent::Wrote => {}
        }
    }

    /// Draws the conclusions of what happened; `false` when it is time to leave.
    fn settle(&mut self) -> bool {
        if let Some(cli) = &mut self.cli {
            for told in cli.said_aside() {
                self.allowance.tell(told, Instant::now(), &mut self.journal);
            }
        }
        if let Some(cli) = self.cli.take_if(|cli| cli.is_gone()) {
            let untaken = cli.untaken();
            cli::note(&mut self.journal, &cli.last_words());
            if let Some(number) = untaken.filter(|number| *number == self.last_input) {
                // It may come again, for another.
                self.last_input = number - 1;
                self.refuse(number, "the CLI was gone when the message came");
            }
        }
        if self.cli.is_none() && self.preparing.is_none() {
            match self.next.take() {
                Some(start) => self.prepare(start),
                None => self.refuse_waiting(),
            }
        }
        if let Some(connection) = &mut self.connection {
            connection.pump(&self.journal);
        }
        if self.connection.is_none() && !self.door.stays_open() {
            return false;
        }
        self.watch_orphan();
        let Some(leave_by) = self.leaving else { return true };
        let connection = self.connection.as_ref();
        let told = connection.is_none_or(|connection| connection.has_sent(self.journal.last()));
        let idle = self.cli.is_none() && self.preparing.is_none();
        !(idle && told) && Instant::now() < leave_by
    }

    fn watch_orphan(&mut self) {
        let Some(timeout) = self.settings.orphan_timeout else { return };
        let needed = self.connection.is_some() || self.cli.as_ref().is_some_and(Cli::turn_runs);
        if needed {
            self.orphaned = None;
        } else if Instant::now() >= *self.orphaned.get_or_insert_with(Instant::now) + timeout {
            self.leave();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let orphan = self.settings.orphan_timeout.zip(self.orphaned);
        let orphan = orphan.filter(|_| self.leaving.is_none()).map(|(after, since)| since + after);
        let cli = self.cli.as_ref().and_then(Cli::deadline);
        [self.leaving, orphan, cli].into_iter().flatten().min()
    }

    fn keep_entries(&mut self, begins: bool, entries: Bytes) -> Result<(), ProtocolError> {
        if begins {
            self.restore.clear();
        }
        let bytes = self.restore.iter().map(Bytes::len).sum::<usize>() + entries.len();
        if bytes > RESTORE_BYTES_MAX {
            return Err(ProtocolError::TooLarge { bytes });
        }
        self.restore.push(entries);
        Ok(())
    }

    fn go_on(&mut self) {
        if std::mem::take(&mut self.paused) {
            self.launcher.pause(false);
        }
    }

    fn leave(&mut self) {
        self.go_on();
        self.leaving.get_or_insert_with(|| Instant::now() + LEAVE_MAX);
        self.next = None;
        self.waiting.clear();
        if let Some(cli) = &mut self.cli {
            cli.end(true);
        }
        if let Some(preparing) = &self.preparing {
            preparing.interrupt();
        }
    }

    /// What they have said so far comes before what follows from their end.
    fn hear_scripts(&mut self) {
        while let Ok(told) = self.told.try_recv() {
            self.allowance.tell(told, Instant::now(), &mut self.journal);
        }
    }

    /// Ends whatever else runs here; `startup.sh` begins it again.
    pub(super) fn end_others(&mut self) {
        self.launcher.end_others();
        self.begun = false;
    }

    /// Does what the controller says.
    fn hear_controller(&mut self) -> Result<(), ProtocolError> {
        while let Some(connection) = &mut self.connection {
            let Some(packet) = connection.next_packet()? else { break };
            match (packet.kind, &connection.cursor) {
                (Kind::Hello, None) => self.greet(&packet.parse()?),
                (_, None) => return Err(ProtocolError::NoGreeting),
                (Kind::Acknowledge, Some(cursor)) if packet.number <= cursor.sent() => {
                    self.journal.acknowledge(packet.number);
                }
                (Kind::Start, _) => self.start(packet.parse()?),
                (Kind::Input, _) => self.input(packet.number, packet.payload),
                (Kind::Interrupt, _) => self.interrupt(),
                (Kind::Answer, _) => {
                    let answer = packet.parse()?;
                    self.cli.iter_mut().for_each(|cli| cli.answer(&answer));
                }
                (Kind::Control, _) => {
                    self.cli.iter_mut().for_each(|cli| cli.request(&packet.payload));
                }
                (Kind::Request, _) if connection.transfers.start(&packet) => {}
                (Kind::Data, _) if connection.transfers.data(&packet) => {}
                (Kind::Credit, _) => connection.transfers.credit(&packet),
                (Kind::Cancel, _) => connection.transfers.cancel(packet.number),
                (Kind::Shutdown, _) => self.leave(),
                (Kind::Pause, _) => self.paused |= self.launcher.pause(true),
                (Kind::Continue, _) => self.go_on(),
                (Kind::Restore, _) => self.keep_entries(packet.number == 0, packet.payload)?,
                (kind, _) => return Err(ProtocolError::OutOfPlace { kind }),
            }
        }
        Ok(())
    }

    /// What ashd calls the CLI that takes the next message.
    fn label(&self) -> Option<String> {
        let coming =
            self.next.as_ref().or(self.preparing.as_ref().map(|preparing| &preparing.start));
        match coming {
            Some(start) => start.label.clone(),
            None => self.cli.as_ref().filter(|cli| cli.takes_input()).and(self.cli_label.clone()),
        }
    }

    fn greet(&mut self, hello: &ControllerHello) {
        let welcome = BridgeHello {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            last: self.journal.last(),
            last_input: self.last_input,
            cli_running: self.cli.is_some() || self.preparing.is_some() || self.next.is_some(),
            forgotten: self.journal.forgotten(),
            cli_label: self.label(),
            paused: self.paused,
        };
        if let Some(connection) = &mut self.connection {
            connection.outgoing.push_packet(&Packet::json(Kind::Welcome, 0, &welcome));
            let known = hello.stored.clamp(self.journal.forgotten(), self.journal.last());
            connection.cursor = Some(Cursor::after(known));
        }
    }

    fn start(&mut self, start: StartCli) {
        self.go_on();
        if self.leaving.is_some() {
            return self.start_failed("the sandbox is being ended".to_owned());
        }
        if let Some(cli) = &mut self.cli {
            cli.end(true);
        }
        if self.next.replace(start).is_some() {
            self.superseded();
        }
    }

    /// A later start took the place of one that had not begun: that is no failure.
    pub(super) fn superseded(&mut self) {
        let ended =
            Notice::Exited { code: None, signal: None, requested: true, stderr: String::new() };
        cli::note(&mut self.journal, &ended);
    }

    pub(super) fn start_failed(&mut self, reason: String) {
        cli::note(&mut self.journal, &Notice::StartFailed { reason, script: None });
    }

    fn input(&mut self, number: u64, payload: Bytes) {
        self.go_on();
        let waiting = self.waiting.iter().rev().find_map(|waiting| match waiting {
            Waiting::Input(number, _) => Some(*number),
            Waiting::Interrupt => None,
        });
        if number <= self.last_input.max(waiting.unwrap_or(0)) {
            return;
        }
        let waiting_bytes: usize = self.waiting.iter().map(Waiting::bytes).sum();
        let unwritten = self.cli.as_ref().map_or(0, Cli::unwritten_bytes);
        if waiting_bytes + unwritten + payload.len() > cli::INPUT_BYTES_MAX {
            return self.refuse(number, "the CLI does not read its input");
        }
        if self.next.is_some() || self.preparing.is_some() {
            if self.waiting.len() < WAITING_MAX {
                return self.waiting.push_back(Waiting::Input(number, payload));
            }
            return self.refuse(number, "too many messages wait for the CLI");
        }
        match self.cli.as_mut().filter(|cli| cli.takes_input()) {
            Some(cli) => {
                self.last_input = number;
                cli.tell_message(number, &payload);
            }
            None => self.refuse(number, "no CLI runs"),
        }
    }

    fn refuse(&mut self, number: u64, reason: &str) {
        let reason = reason.to_owned();
        cli::note(&mut self.journal, &Notice::InputRefused { number, reason });
    }

    fn refuse_waiting(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            if let Waiting::Input(number, _) = waiting {
                self.refuse(number, "no CLI runs");
            }
        }
    }

    fn interrupt(&mut self) {
        if self.next.is_some() || self.preparing.is_some() {
            if self.waiting.len() < WAITING_MAX && !self.waiting.is_empty() {
                self.waiting.push_back(Waiting::Interrupt);
                self.preparing.iter().for_each(Preparing::interrupt);
            }
        } else if let Some(cli) = self.cli.as_mut().filter(|cli| cli.takes_input()) {
            cli.interrupt();
        }
    }
}

/// The future that `make` makes of `target`, or one that never ends.
async fn on<'a, T, F: Future + 'a>(
    target: Option<&'a mut T>,
    make: impl FnOnce(&'a mut T) -> F,
) -> F::Output {
    match target {
        Some(target) => make(target).await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
