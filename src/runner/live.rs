//! A session's living sandbox, as its driver holds it: started when needed, its CLI restarted
//! (with the conversation) when a message needs other options than it runs with.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::json;

use super::driver::Driver;
use super::handle::StartError;
use crate::bridge::host::{self, BridgeEvent, BridgeEvents, BridgeSender, Link, SendError};
use crate::bridge::protocol::{Scripts, StartCli, StartFile};
use crate::metrics::COUNTS;
use crate::sandbox::{BridgeStream, EndCause, EndReport};
use crate::session::Status;
use crate::session::options::{PrivateFile, SpawnOptions};
use crate::session::tier::Tier;
use crate::store::{SessionChange, SessionRecord};

/// How long a bridge may take to greet: it is one round trip on a local socket.
pub(super) const GREETING_DEADLINE: Duration = Duration::from_secs(10);

/// Times that the CLI itself retries a failed request to the model API. Its default of 10 makes
/// a wrong key look like a hang of minutes.
const CLI_RETRIES: u32 = 4;

/// Where the egress socket is inside of every sandbox.
const EGRESS_SOCKET: &str = "/run/ash/api.sock";

/// A sandbox with a bridge that answers.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) sender: BridgeSender,
    pub(super) events: BridgeEvents,
    /// The label of what the CLI runs with; `None` if none runs, or if its bridge does not say.
    pub(super) spawn: Option<String>,
    /// The model the CLI was told last.
    pub(super) model: Told,
    pub(super) starts: Starts,
    /// The last packet number that was acknowledged.
    pub(super) stored: u64,
    /// No CLI was started in it yet.
    pub(super) fresh: bool,
    /// The bridge's version of the protocol.
    pub(super) protocol: u32,
    /// The CLI starts, and has neither come up nor failed.
    pub(super) starting: bool,
    /// Processes that the sandbox lost to its memory limit, as far as told.
    pub(super) oom_kills: u64,
}

/// What a CLI was told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// An earlier ashd knew.
    Unknown,
    Model(Option<String>),
}

/// The starts of a CLI, each of which ends in a notice: so that the end of an earlier one is not
/// taken for that of the one which has the turn.
#[derive(Debug)]
pub(super) struct Starts {
    /// Without an end so far.
    open: u32,
    /// Notices up to here are of the time before this connection.
    replayed: u64,
}

impl Starts {
    pub(super) fn greeted(cli_running: bool, last: u64) -> Self {
        Self { open: u32::from(cli_running), replayed: last }
    }

    pub(super) fn begin(&mut self) {
        self.open += 1;
    }

    /// The notice is of the time before this connection.
    pub(super) fn is_replayed(&self, number: u64) -> bool {
        number <= self.replayed
    }

    /// The notice `number` tells an end; says whether another was started behind that one.
    pub(super) fn is_of_an_earlier(&mut self, number: u64) -> bool {
        if number > self.replayed {
            self.open = self.open.saturating_sub(1);
        }
        self.open > 0
    }
}

impl Live {
    /// No CLI is on its way up: stopped there, it would be taken for one that hangs.
    pub(super) fn cli_is_settled(&self) -> bool {
        !self.starting
    }
}

impl Driver {
    /// Has a sandbox whose bridge answers.
    pub(super) async fn ensure_sandbox(&mut self) -> Result<(), StartError> {
        if self.live.is_some() {
            return Ok(());
        }
        self.jail_gives_way().await;
        let launched = self.launch_when_there_is_room().await;
        if launched.is_err() {
            self.seat = None;
        }
        launched
    }

    async fn launch_when_there_is_room(&mut self) -> Result<(), StartError> {
        if !self.host.launcher.is_simulated() {
            self.host.cli.find().await.map_err(StartError::Cli)?;
        }
        if self.seat.is_none() {
            self.seat = Some(self.host.seat().await?);
        }
        // A burst must leave processors for the sessions that are there.
        let host = self.host.clone();
        let _one_of_few = host.launches.acquire().await.map_err(|_closed| StartError::Ending)?;
        self.launch().await
    }

    async fn launch(&mut self) -> Result<(), StartError> {
        let (asked, was_away) = (Instant::now(), self.record.is_away());
        self.have_files().await?;
        // Nobody's sandbox reaches nothing.
        if !self.record.is_parked() {
            self.host.admit(&self.record).await;
        }
        let environment = model_environment(&self.record);
        let (session, uid, limits) = (self.record.id, self.record.uid, self.limits());
        let launched = self.host.launcher.launch(session, uid, environment, limits);
        let stream = launched.await.map_err(StartError::Launch)?;
        self.record.sandbox_generation += 1;
        let change = SessionChange {
            sandbox_generation: Some(self.record.sandbox_generation),
            bridge_stored: Some(0),
            ..SessionChange::default()
        };
        let linked = match self.host.store.update_session(self.record.id, change).await {
            Ok(()) => self.link(stream, 0).await,
            Err(error) => Err(StartError::Store(error)),
        };
        match &linked {
            // The first of a session comes with its creation.
            Ok(()) if self.record.status == Status::Starting => {}
            Ok(()) => {
                COUNTS.resumed_cold.observe(asked.elapsed());
                COUNTS.resumed_from_archive.add(u64::from(was_away));
                self.woken(Tier::Hibernated);
            }
            Err(_error) => drop(self.host.launcher.end(self.record.id).await),
        }
        linked
    }

    /// Greets the bridge behind `stream`, which sends what comes after `stored`.
    pub(super) async fn link(
        &mut self,
        stream: BridgeStream,
        stored: u64,
    ) -> Result<(), StartError> {
        let Link { hello, sender, events } =
            host::connect(stream, stored, GREETING_DEADLINE).await.map_err(StartError::Link)?;
        self.bridge_last_input = hello.last_input;
        let usage = self.host.launcher.usage_of(self.record.id).await;
        let oom_kills = usage.and_then(|usage| usage.oom_kills).unwrap_or(0);
        self.rest.warm(hello.paused);
        self.live = Some(Live {
            sender,
            events,
            spawn: hello.cli_label,
            model: Told::Unknown,
            starts: Starts::greeted(hello.cli_running, hello.last),
            stored,
            fresh: !hello.cli_running && hello.last_input == 0,
            protocol: hello.protocol,
            starting: false,
            oom_kills,
        });
        self.show();
        Ok(())
    }

    /// Has a CLI that runs with `spawn`. Does not wait for it: what it is sent next waits in the
    /// bridge, and a CLI that does not come up says so in a notice.
    /// `lent` are the variables of its credential; the session's own win over them.
    pub(super) fn ensure_cli(
        &mut self,
        spawn: &SpawnOptions,
        model: Option<&str>,
        lent: BTreeMap<String, String>,
    ) {
        let mut label = spawn.label();
        if !lent.is_empty()
            && let Some(credential) = self.options.credential_id
        {
            label.push('+');
            label.push_str(&credential.to_string());
        }
        let mut environment = lent;
        environment.extend(self.record.environment.clone());
        let script_timeout = self.host.policy().script_timeout;
        let timeout_ms = u64::try_from(script_timeout.as_millis()).unwrap_or(u64::MAX);
        let Some(live) = &mut self.live else { return };
        if live.spawn.as_ref() == Some(&label) && !spawn.one_message {
            return;
        }
        let mut arguments = spawn.arguments.clone();
        if let Some(model) = model {
            arguments.push(format!("--model={model}"));
        }
        let start = StartCli {
            arguments,
            environment,
            conversation: self.record.id.to_string(),
            initialize: (!spawn.initialize.is_empty()).then(|| Box::new(spawn.initialize.clone())),
            files: spawn.files.iter().map(start_file).collect(),
            label: Some(label.clone()),
            asks: self.options.ask_permissions,
            logs: true,
            scripts: Some(Scripts { timeout_ms }),
        };
        live.spawn = Some(label);
        live.starting = true;
        live.starts.begin();
        live.model = Told::Model(model.map(str::to_owned));
        // A connection that has ended says so by its events.
        if let Err(error) = live.sender.start(&start) {
            tracing::warn!(session = %self.record.id, %error, "could not start the CLI");
        }
    }

    /// Sends a message to the CLI, with the model it is for.
    pub(super) fn deliver(
        &mut self,
        number: u64,
        line: &str,
        model: Option<String>,
    ) -> Result<(), SendError> {
        let live = self.live.as_mut().ok_or(SendError::Closed)?;
        let mut lines = String::with_capacity(line.len() + 256);
        let told = Told::Model(model);
        if let Told::Model(model) = &told
            && live.model != told
        {
            let request = match model {
                Some(model) => json!({ "subtype": "set_model", "model": model }),
                // Without a model it is the agent's and the CLI's default again.
                None => json!({ "subtype": "set_model" }),
            };
            let id = format!("ash-set-model-{number}");
            lines.push_str(
                &json!({ "type": "control_request", "request_id": id, "request": request })
                    .to_string(),
            );
            lines.push('\n');
            live.model = told;
        }
        lines.push_str(line);
        lines.push('\n');
        live.sender.input(number, Bytes::from(lines))
    }
}

fn start_file(file: &PrivateFile) -> StartFile {
    StartFile {
        argument: file.argument.to_owned(),
        name: file.name.to_owned(),
        content: file.content.clone(),
    }
}

/// Where the bridge takes what is for egress, for programs that know proxies and no unix sockets.
const PROXY_ADDRESS: &str = "127.0.0.1:3128";

/// What is never asked of it. The CLI reaches the model through the socket itself.
const NO_PROXY: &str = "localhost,127.0.0.1,::1,api.ash.invalid";

/// How programs inside find other hosts, if there are any for them.
fn proxy_environment(record: &SessionRecord) -> Vec<(&'static str, String)> {
    if record.allowed_hosts.is_empty() {
        return Vec::new();
    }
    let proxy = format!("http://ash:{}@{PROXY_ADDRESS}", record.placeholder);
    // Programs disagree about the case.
    [
        ("HTTPS_PROXY", &proxy),
        ("https_proxy", &proxy),
        ("HTTP_PROXY", &proxy),
        ("http_proxy", &proxy),
        ("NO_PROXY", &NO_PROXY.to_owned()),
        ("no_proxy", &NO_PROXY.to_owned()),
    ]
    .map(|(name, value)| (name, value.clone()))
    .into()
}

/// How the CLI finds the model: through ashd, with a placeholder for the key.
fn model_environment(record: &SessionRecord) -> BTreeMap<String, String> {
    [
        ("ANTHROPIC_API_KEY", record.placeholder.as_str()),
        // Plain HTTP into the unix socket; the name is never resolved.
        ("ANTHROPIC_BASE_URL", "http://api.ash.invalid"),
        ("ANTHROPIC_UNIX_SOCKET", EGRESS_SOCKET),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
        ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1"),
        ("CLAUDE_CODE_ENTRYPOINT", "ash"),
        ("CLAUDE_CODE_MAX_RETRIES", &CLI_RETRIES.to_string()),
        ("DISABLE_AUTOUPDATER", "1"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into_iter()
    .chain(proxy_environment(record))
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// What a turn is told whose sandbox is gone.
pub(super) fn lost_reason(why: &str, report: &EndReport) -> String {
    let stderr = report.stderr.trim();
    let said = if stderr.is_empty() { String::new() } else { format!(": {stderr}") };
    match report.cause {
        EndCause::OutOfMemory => "the sandbox ran out of memory and the kernel ended it".to_owned(),
        EndCause::Killed { signal } => format!("the sandbox was killed by signal {signal}{said}"),
        EndCause::Exited { code } => format!("the sandbox ended with status {code}{said}"),
        EndCause::Ended | EndCause::Gone => format!("the sandbox is gone ({why}){said}"),
    }
}

/// What its bridge says next; never, if there is none.
pub(super) async fn next_event(live: &mut Option<Live>) -> Option<BridgeEvent> {
    match live {
        Some(live) => live.events.recv().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_earlier_cli_is_told_from_that_of_the_last() {
        let mut starts = Starts::greeted(false, 0);
        starts.begin();
        assert!(!starts.is_of_an_earlier(1), "the only one");
        starts.begin();
        starts.begin();
        assert!(starts.is_of_an_earlier(2) && !starts.is_of_an_earlier(3));
        // After a restart of ashd: what is replayed is of CLIs before the one that runs.
        let mut starts = Starts::greeted(true, 9);
        assert!(starts.is_of_an_earlier(8) && !starts.is_of_an_earlier(10));
        let mut starts = Starts::greeted(false, 9);
        assert!(!starts.is_of_an_earlier(8));
        starts.begin();
        assert!(starts.is_of_an_earlier(9) && !starts.is_of_an_earlier(10));
    }
}
