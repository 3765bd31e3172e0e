//! Transient scopes: control groups that systemd makes around processes it did not start.
//!
//! Plain method calls instead of generated proxies: nine methods are all there is.

use std::io;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::Mutex;
use zbus::message::Type;
use zbus::names::ErrorName;
use zbus::wire::{DynamicType, OwnedObjectPath, OwnedVariant, Variant};
use zbus::{Connection, MatchRule, Message, MessageStream};

/// Longest wait for an answer of the bus or of systemd. They answer in milliseconds; a host that
/// takes longer than this cannot start anything.
const CALL_DEADLINE: Duration = Duration::from_secs(10);

/// Longest wait for systemd to forget a scope whose processes are gone.
const FORGET_DEADLINE: Duration = Duration::from_secs(5);

const DESTINATION: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SCOPE: &str = "org.freedesktop.systemd1.Scope";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Oldest systemd that honors `OOMPolicy=` on a scope; an older one refuses the property and
/// always stops the scope.
pub(crate) const VERSION_WITH_OOM_POLICY: u32 = 253;

/// Why systemd did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScopeError {
    #[error("the system bus cannot be reached")]
    Connect(#[source] zbus::Error),
    #[error("systemd did not answer within {} s", CALL_DEADLINE.as_secs())]
    NoAnswer,
    #[error("systemd refused {method}")]
    Refused { method: &'static str, source: zbus::Error },
    #[error("systemd's answer to {method} has another shape than expected")]
    Shape { method: &'static str, source: zbus::Error },
    #[error("a unit named {unit} exists already")]
    Exists { unit: String },
    #[error("systemd could not start {unit}: {result}")]
    Failed { unit: String, result: String },
}

/// A property of a unit, as `StartTransientUnit` takes it.
pub(crate) type Property = (&'static str, Variant<'static>);

/// What systemd says of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    /// `active`, `deactivating`, `failed`, `inactive`.
    pub(crate) active: String,
    /// `success`, `oom-kill`, `timeout`, `signal`.
    pub(crate) result: String,
    /// `running`, or anything else for a unit that is (being) frozen.
    pub(crate) freezer: String,
}

/// systemd's manager, over the system bus. A lost connection is made anew by the next call.
#[derive(Debug)]
pub(crate) struct Manager {
    connection: Mutex<Option<Connection>>,
    version: u32,
}

impl Manager {
    /// Connects, and asks systemd for its version.
    pub(crate) async fn connect() -> Result<Self, ScopeError> {
        let mut manager = Self { connection: Mutex::new(None), version: 0 };
        let version: String = manager.property(PATH, MANAGER, "Version").await?;
        manager.version = leading_number(&version);
        // Without it systemd sends no signals to anybody.
        manager.call(PATH, MANAGER, "Subscribe", &()).await?;
        Ok(manager)
    }

    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// Starts a scope around a process and returns when the process is in it.
    pub(crate) async fn start_scope(
        &self,
        unit: &str,
        mut properties: Vec<Property>,
        pid: u32,
    ) -> Result<(), ScopeError> {
        properties.push(("PIDs", Variant::from(vec![pid])));
        let auxiliary: Vec<(&str, Vec<Property>)> = Vec::new();
        self.job(unit, "StartTransientUnit", &(unit, "fail", properties, auxiliary)).await
    }

    /// Starts a unit that is installed, and returns when it has started; one that does its work and
    /// ends (`Type=oneshot`) has done it.
    pub(crate) async fn start_unit(&self, unit: &str) -> Result<(), ScopeError> {
        self.job(unit, "StartUnit", &(unit, "replace")).await
    }

    /// Asks for a job about `unit`, and waits for its end.
    async fn job(
        &self,
        unit: &str,
        method: &'static str,
        body: &(impl serde::Serialize + DynamicType + Sync),
    ) -> Result<(), ScopeError> {
        // Listening before asking: the job may be done before its number has arrived.
        let mut removed = self.signals("JobRemoved", 2, unit).await?;
        let job: OwnedObjectPath = match self.ask(PATH, MANAGER, method, body).await {
            Err(ScopeError::Refused { source, .. })
                if is_named(&source, "org.freedesktop.systemd1.UnitExists") =>
            {
                return Err(ScopeError::Exists { unit: unit.to_owned() });
            }
            other => other?,
        };
        let done = async {
            while let Some(Ok(message)) = removed.next().await {
                let body = message.body();
                let Ok((_id, path, _unit, result)) =
                    body.deserialize::<(u32, OwnedObjectPath, String, String)>()
                else {
                    continue;
                };
                if path == job {
                    return Some(result);
                }
            }
            None
        };
        match tokio::time::timeout(CALL_DEADLINE, done).await {
            Ok(Some(result)) if result == "done" => Ok(()),
            Ok(Some(result)) => Err(ScopeError::Failed { unit: unit.to_owned(), result }),
            Ok(None) | Err(_) => Err(ScopeError::NoAnswer),
        }
    }

    /// The scope's path in the control group hierarchy; `None` if there is no such scope.
    pub(crate) async fn control_group(&self, unit: &str) -> Result<Option<String>, ScopeError> {
        let Some(path) = self.unit_path(unit).await? else { return Ok(None) };
        let group: String = self.property(path.as_str(), SCOPE, "ControlGroup").await?;
        Ok(Some(group).filter(|group| !group.is_empty()))
    }

    /// What systemd says of the unit; `None` if it does not know it.
    pub(crate) async fn state(&self, unit: &str) -> Result<Option<State>, ScopeError> {
        let Some(path) = self.unit_path(unit).await? else { return Ok(None) };
        let active: String = match self.property(path.as_str(), UNIT, "ActiveState").await {
            Err(error) if error.is_no_such_unit() => return Ok(None),
            other => other?,
        };
        let result = self.property(path.as_str(), SCOPE, "Result").await.unwrap_or_default();
        // Systems before 246 have no freezer, and nothing frozen.
        let freezer = self
            .property(path.as_str(), UNIT, "FreezerState")
            .await
            .unwrap_or_else(|_older| "running".to_owned());
        Ok(Some(State { active, result, freezer }))
    }

    /// The names of the scopes that match `pattern` and have not ended.
    pub(crate) async fn list(&self, pattern: &str) -> Result<Vec<String>, ScopeError> {
        type Row = (
            String,
            String,
            String,
            String,
            String,
            String,
            OwnedObjectPath,
            u32,
            String,
            OwnedObjectPath,
        );
        let states = ["activating", "active", "deactivating"];
        let body = (&states[..], &[pattern][..]);
        let rows: Vec<Row> = self.ask(PATH, MANAGER, "ListUnitsByPatterns", &body).await?;
        Ok(rows.into_iter().map(|row| row.0).collect())
    }

    /// Sends SIGKILL to every process of the scope.
    pub(crate) async fn kill(&self, unit: &str) -> Result<(), ScopeError> {
        self.call_on_unit("KillUnit", &(unit, "all", nix::libc::SIGKILL)).await
    }

    /// Freezes every process of the scope; answered when they are.
    pub(crate) async fn freeze(&self, unit: &str) -> Result<(), ScopeError> {
        self.call(PATH, MANAGER, "FreezeUnit", &(unit,)).await.map(drop)
    }

    /// Thaws a frozen scope: systemd stops no unit that it believes frozen.
    pub(crate) async fn thaw(&self, unit: &str) -> Result<(), ScopeError> {
        self.call_on_unit("ThawUnit", &(unit,)).await
    }

    /// Returns when systemd has forgotten the unit, whose processes are gone; a failed one is
    /// told to be forgotten. Answers how the scope ended, if systemd still knew.
    pub(crate) async fn forget(&self, unit: &str) -> Result<Option<String>, ScopeError> {
        let Some(path) = self.unit_path(unit).await? else { return Ok(None) };
        let mut removed = self.signals("UnitRemoved", 0, unit).await?;
        // A unit that fails announces itself as changed, not as removed.
        let rule = MatchRule::builder().sender(DESTINATION).path(path.as_str());
        let mut changed = Self::listen(&self.connection().await?, rule).await?;
        let mut result = None;
        let work = async {
            loop {
                let Some(state) = self.state(unit).await? else { return Ok(()) };
                if !state.result.is_empty() {
                    result = Some(state.result);
                }
                if state.active == "failed" {
                    self.call_on_unit("ResetFailedUnit", &(unit,)).await?;
                }
                let more = tokio::select! {
                    signal = removed.next() => signal,
                    signal = changed.next() => signal,
                };
                if more.is_none() {
                    return Err(ScopeError::NoAnswer);
                }
            }
        };
        match tokio::time::timeout(FORGET_DEADLINE, work).await {
            Ok(answer) => answer.map(|()| result),
            Err(_elapsed) => Err(ScopeError::NoAnswer),
        }
    }

    async fn unit_path(&self, unit: &str) -> Result<Option<OwnedObjectPath>, ScopeError> {
        match self.ask(PATH, MANAGER, "GetUnit", &(unit,)).await {
            Err(error) if error.is_no_such_unit() => Ok(None),
            other => other.map(Some),
        }
    }

    /// A call about a unit that may be gone by now, which is as good as done.
    async fn call_on_unit(
        &self,
        method: &'static str,
        body: &(impl serde::Serialize + DynamicType + Sync),
    ) -> Result<(), ScopeError> {
        match self.call(PATH, MANAGER, method, body).await {
            Err(error) if error.is_no_such_unit() => Ok(()),
            other => other.map(drop),
        }
    }

    async fn property<T>(
        &self,
        path: &str,
        interface: &'static str,
        name: &'static str,
    ) -> Result<T, ScopeError>
    where
        T: TryFrom<OwnedVariant>,
        T::Error: Into<zbus::Error>,
    {
        let value: OwnedVariant = self.ask(path, PROPERTIES, "Get", &(interface, name)).await?;
        T::try_from(value).map_err(|error| ScopeError::Shape { method: name, source: error.into() })
    }

    async fn ask<T>(
        &self,
        path: &str,
        interface: &'static str,
        method: &'static str,
        body: &(impl serde::Serialize + DynamicType + Sync),
    ) -> Result<T, ScopeError>
    where
        T: for<'de> serde::Deserialize<'de> + zbus::wire::Type,
    {
        let answer = self.call(path, interface, method, body).await?;
        answer.body().deserialize().map_err(|source| ScopeError::Shape { method, source })
    }

    async fn call(
        &self,
        path: &str,
        interface: &'static str,
        method: &'static str,
        body: &(impl serde::Serialize + DynamicType + Sync),
    ) -> Result<Message, ScopeError> {
        let connection = self.connection().await?;
        let call = connection.call_method(Some(DESTINATION), path, Some(interface), method, body);
        match tokio::time::timeout(CALL_DEADLINE, call).await {
            Ok(Ok(message)) => Ok(message),
            Ok(Err(source)) => {
                if matches!(source, zbus::Error::InputOutput(_)) {
                    self.connection.lock().await.take();
                }
                Err(ScopeError::Refused { method, source })
            }
            Err(_elapsed) => Err(ScopeError::NoAnswer),
        }
    }

    /// The signals of the manager whose argument `index` is `unit`.
    async fn signals(
        &self,
        member: &'static str,
        index: u8,
        unit: &str,
    ) -> Result<MessageStream, ScopeError> {
        let connection = self.connection().await?;
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(DESTINATION)
            .path(PATH)
            .interface(MANAGER)
            .member(member)
            .arg(index, unit.to_owned());
        Self::listen(&connection, rule).await
    }

    async fn listen(
        connection: &Connection,
        rule: zbus::match_rule::Builder<'_>,
    ) -> Result<MessageStream, ScopeError> {
        let refused = |source| ScopeError::Refused { method: "AddMatch", source };
        let rule = rule.build().map_err(refused)?;
        let stream = MessageStream::for_match_rule(rule, connection, None);
        match tokio::time::timeout(CALL_DEADLINE, stream).await {
            Ok(stream) => stream.map_err(refused),
            Err(_elapsed) => Err(ScopeError::NoAnswer),
        }
    }

    async fn connection(&self) -> Result<Connection, ScopeError> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let connection = match tokio::time::timeout(CALL_DEADLINE, Connection::system()).await {
            Ok(connection) => connection.map_err(ScopeError::Connect)?,
            Err(_elapsed) => return Err(ScopeError::NoAnswer),
        };
        *slot = Some(connection.clone());
        Ok(connection)
    }
}

impl ScopeError {
    fn is_no_such_unit(&self) -> bool {
        match self {
            Self::Refused { source, .. } => {
                is_named(source, "org.freedesktop.systemd1.NoSuchUnit")
                    || is_named(source, "org.freedesktop.DBus.Error.UnknownObject")
            }
            _ => false,
        }
    }
}

fn is_named(error: &zbus::Error, name: &str) -> bool {
    matches!(error, zbus::Error::MethodError(found, _, _) if ErrorName::as_str(found) == name)
}

/// `252` of `252.39-1~deb12u1`; 0 for what has no number.
fn leading_number(version: &str) -> u32 {
    let digits = version.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or(0)
}

/// Whether systemd runs this host, as `sd_booted(3)` asks.
pub(crate) fn is_booted() -> io::Result<bool> {
    std::fs::exists("/run/systemd/system")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distribution_version_has_a_leading_number() {
        assert_eq!(leading_number("252.39-1~deb12u1"), 252);
        assert_eq!(leading_number("257"), 257);
        assert_eq!(leading_number("v1"), 0);
    }
}
