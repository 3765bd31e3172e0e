//! The settings as they are meant: validated values, defaults filled in.

use std::net::{IpAddr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::environment::Environment;
use super::file::{Fragment, Metrics, Placement};
use super::values::{attachment_bytes_max, budget, origins, pool, prices, receivers, upstreams};
use super::{ConfigError, KEYS};
use crate::agent::AgentLimits;
use crate::egress::{Budget, HostRules, Prices, Receivers};
use crate::sandbox::{Limits, PlacementChoice, WALLS};
use crate::session::pool::PoolSettings;
use crate::session::tier::TierPolicy;
use crate::wire::config::Configuration;
use crate::wire::permissions::PermissionBehavior;

/// Smallest memory of a sandbox: the CLI alone needs about 220 MB.
const MEMORY_MIB_MIN: u64 = 256;
/// Fewest tasks of a sandbox: the CLI and a shell have about 20 threads.
const TASKS_MIN: u64 = 32;

/// Fewest open files of a process in a sandbox: what every program may expect.
const OPEN_FILES_MIN: u64 = 1024;
/// Smallest file that a sandbox may at least write: the CLI itself writes its transcript.
const FILE_MIB_MIN: u64 = 64;
/// An agent, and the first words of a conversation.
const DISK_MIB_MIN: u64 = 16;
/// What the CLI itself keeps in a home, and an agent of some size.
const DISK_FILES_MIN: u64 = 1000;

/// What the kernel takes as a weight.
const WEIGHTS: RangeInclusive<u64> = 1..=10_000;

/// How the model is reached.
#[derive(Debug, Clone)]
pub(crate) struct ModelSettings {
    pub(crate) base_url: String,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) key: Option<Zeroizing<String>>,
    pub(crate) auth_token: Option<Zeroizing<String>>,
    /// Other model APIs that credentials of tenants may be for.
    pub(crate) upstreams: Vec<String>,
    /// The key that opens them.
    pub(crate) credential_key_file: Option<PathBuf>,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Each with where it comes from, as administrators see them.
    pub(crate) shown: Configuration,
    pub(crate) data: PathBuf,
    /// Where this program keeps what it makes itself: the data folder, or systemd's for its unit.
    pub(crate) state: PathBuf,
    pub(crate) runtime: PathBuf,
    pub(crate) database: PathBuf,
    pub(crate) log: String,
    pub(crate) address: SocketAddr,
    pub(crate) api_key: Option<Zeroizing<String>>,
    pub(crate) api_key_file: Option<PathBuf>,
    pub(crate) claude: Option<PathBuf>,
    pub(crate) model: ModelSettings,
    pub(crate) placement: PlacementChoice,
    /// Requests that an API key may make in a minute; 0 for any number.
    pub(crate) requests_per_minute: u32,
    /// Origins of web pages that may use the API.
    pub(crate) origins: Vec<String>,
    /// Walls that may be less than hard, by name.
    pub(crate) allow_degraded: Vec<String>,
    pub(crate) sandboxes_max: usize,
    pub(crate) limits: Limits,
    pub(crate) uids: Range<u32>,
    pub(crate) libexec: Option<PathBuf>,
    /// Hosts that agents may name.
    pub(crate) hosts: HostRules,
    /// Whom webhooks may tell something.
    pub(crate) receivers: Receivers,
    /// What tokens cost.
    pub(crate) prices: Prices,
    /// What a session may use of the model if nobody says otherwise.
    pub(crate) budget: Budget,
    /// What is kept ready for new sessions.
    pub(crate) pool: PoolSettings,
    /// Where ash-egress listens to ashd, if it is a program of its own.
    pub(crate) egress: Option<PathBuf>,
    /// Where ash-sandboxd listens, if it is a program of its own.
    pub(crate) sandboxd: Option<PathBuf>,
    pub(crate) bwrap: PathBuf,
    pub(crate) agent_roots: Vec<PathBuf>,
    pub(crate) agent_limits: AgentLimits,
    pub(crate) attachment_bytes_max: u64,
    pub(crate) keep_ended: Duration,
    /// None if the pieces of messages are kept for ever.
    pub(crate) keep_pieces: Option<Duration>,
    /// Who may read the metrics over TCP.
    pub(crate) metrics: Metrics,
    /// How long it is kept what turns used; `None` for ever.
    pub(crate) keep_usage: Option<Duration>,
    /// The collector of spans, and the file with the headers for it.
    pub(crate) traces_endpoint: Option<String>,
    pub(crate) traces_headers_file: Option<PathBuf>,
    /// Jobs that run at the same time.
    pub(crate) jobs_at_once: usize,
    /// How long a job that is over can be looked at.
    pub(crate) keep_jobs: Duration,
    /// None if turns may take as long as they want.
    pub(crate) turn_timeout: Option<Duration>,
    pub(crate) script_timeout: Duration,
    pub(crate) permission_timeout: Option<Duration>,
    pub(crate) permission_timeout_action: PermissionBehavior,
    /// When sessions that rest become colder.
    pub(crate) tiers: TierPolicy,
    /// Percent of time lost to a want of memory from which it is short.
    pub(crate) pressure_percent: Option<u32>,
    /// How long a request may wait for room.
    pub(crate) wait: Duration,
    /// Where sessions are archived; `None` for the data folder.
    pub(crate) archive_url: Option<String>,
    pub(crate) archive_key_file: Option<PathBuf>,
    /// After how long without activity.
    pub(crate) archive_after: Option<Duration>,
    pub(crate) drain: Duration,
    /// systemd's folder of credentials.
    pub(crate) credentials: Option<PathBuf>,
    /// Names of the sockets that systemd passed.
    pub(crate) socket_names: Option<String>,
}

pub(super) fn wrong(key: &str, text: impl Into<String>) -> ConfigError {
    ConfigError::Value { key: key.to_owned(), text: text.into() }
}

/// The built-in default of `key`, from the one list.
fn default_of(key: &str) -> &'static str {
    KEYS.iter().find(|known| known.key == key).map_or("", |known| known.default)
}

pub(super) fn number_of<N: std::str::FromStr + Default>(key: &str) -> N {
    default_of(key).parse().unwrap_or_default()
}

impl Settings {
    pub(super) fn new(
        file: Fragment,
        environment: &Environment,
        simulate: bool,
    ) -> Result<Self, ConfigError> {
        let path = |name| environment.text(name).map(PathBuf::from);
        let secret = |name| environment.text(name).map(|text| Zeroizing::new(text.to_owned()));
        let data = path("ASH_DATA_DIR")
            .or(file.data_dir)
            .or_else(|| path("STATE_DIRECTORY"))
            .unwrap_or_else(|| default_of("data_dir").into());
        let data = std::path::absolute(&data).unwrap_or(data);
        let state = path("STATE_DIRECTORY").unwrap_or_else(|| data.clone());
        let runtime = path("ASH_RUNTIME_DIR").or(file.runtime_dir).unwrap_or_else(|| {
            if nix::unistd::geteuid().is_root() {
                default_of("runtime_dir").into()
            } else {
                path("XDG_RUNTIME_DIR")
                    .map_or_else(|| data.join("run"), |folder| folder.join("ash"))
            }
        });
        let runtime = std::path::absolute(&runtime).unwrap_or(runtime);
        let database =
            database(&data, environment.text("ASH_DATABASE_URL"), file.database.url.as_deref())?;
        let log = environment
            .text("ASH_LOG")
            .map(str::to_owned)
            .or(file.log)
            .unwrap_or_else(|| default_of("log").to_owned());
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&log) {
            let text = format!("is `{log}`, which is neither a level nor a filter: {error}");
            return Err(wrong("log", text));
        }
        let address = address(environment, file.api.host, file.api.port)?;
        let sandboxes_max = environment.number("ASH_MAX_SANDBOXES", "a number of sandboxes")?;
        let sandboxes_max: u32 =
            sandboxes_max.or(file.sandbox.max).unwrap_or_else(|| number_of("sandbox.max"));
        let memory_mib = environment
            .number("ASH_SANDBOX_MEMORY_MB", "a number of MiB")?
            .or(file.sandbox.memory_mib);
        let limits = limits(memory_mib, &file.sandbox)?;
        let uid_first = file.sandbox.uid_first.unwrap_or_else(|| number_of("sandbox.uid_first"));
        let uid_count = file.sandbox.uid_count.unwrap_or_else(|| number_of("sandbox.uid_count"));
        let uid_end = uid_first.checked_add(uid_count).filter(|_| uid_first > 0 && uid_count > 0);
        let uids = uid_first
            ..uid_end.ok_or_else(|| {
                wrong("sandbox.uid_count", "does not name a block of uids above 0")
            })?;
        let base_url =
            environment.text("ANTHROPIC_BASE_URL").map(str::to_owned).or(file.model.base_url);
        let placement = match file.sandbox.placement.unwrap_or(Placement::Auto) {
            _ if simulate => PlacementChoice::Simulated,
            Placement::Auto => PlacementChoice::Auto,
            Placement::Scope => PlacementChoice::Scope,
            Placement::Plain => PlacementChoice::Plain,
        };
        let mib = file.agents.bytes_mib_max.unwrap_or_else(|| number_of("agents.bytes_mib_max"));
        let agent_limits = AgentLimits {
            bytes_max: mib
                .checked_mul(1 << 20)
                .ok_or_else(|| wrong("agents.bytes_mib_max", "is too large"))?,
            files_max: file.agents.files_max.unwrap_or_else(|| number_of("agents.files_max")),
            ..AgentLimits::default()
        };
        let keep_hours = file
            .sessions
            .keep_ended_hours
            .unwrap_or_else(|| number_of("sessions.keep_ended_hours"));
        let pieces_hours: u32 = file
            .sessions
            .keep_pieces_hours
            .unwrap_or_else(|| number_of("sessions.keep_pieces_hours"));
        let at_once: u16 = file.jobs.at_once.unwrap_or_else(|| number_of("jobs.at_once"));
        let keep_jobs_hours: u32 =
            file.jobs.keep_hours.unwrap_or_else(|| number_of("jobs.keep_hours"));
        let turn_seconds = file
            .sessions
            .turn_timeout_seconds
            .unwrap_or_else(|| number_of("sessions.turn_timeout_seconds"));
        let script_seconds: u32 = file
            .sessions
            .script_timeout_seconds
            .unwrap_or_else(|| number_of("sessions.script_timeout_seconds"));
        if script_seconds == 0 {
            return Err(wrong("sessions.script_timeout_seconds", "is 0"));
        }
        let permission_seconds: u32 = file
            .sessions
            .permission_timeout_seconds
            .unwrap_or_else(|| number_of("sessions.permission_timeout_seconds"));
        let idle: Option<u64> =
            environment.number("ASH_IDLE_TIMEOUT_MS", "a number of milliseconds")?;
        let tiers = tiers(&file.tiers, idle);
        let pressure: u32 =
            file.tiers.pressure_percent.unwrap_or_else(|| number_of("tiers.pressure_percent"));
        if pressure > 100 {
            return Err(wrong("tiers.pressure_percent", "is more than 100"));
        }
        let wait: u32 =
            file.sandbox.wait_seconds.unwrap_or_else(|| number_of("sandbox.wait_seconds"));
        let archive_hours: u32 =
            file.archive.after_hours.unwrap_or_else(|| number_of("archive.after_hours"));
        let usage_days: u32 = file.usage.keep_days.unwrap_or_else(|| number_of("usage.keep_days"));
        let drain = file.drain.seconds.unwrap_or_else(|| number_of("drain.seconds"));
        Ok(Self {
            shown: Configuration::default(),
            database,
            log,
            address,
            api_key: secret("ASH_API_KEY"),
            api_key_file: file.api.key_file,
            requests_per_minute: file
                .api
                .requests_per_minute
                .unwrap_or_else(|| number_of("api.requests_per_minute")),
            origins: origins(file.api.origins)?,
            claude: path("CLAUDE_CODE_EXECUTABLE").or(file.claude.path),
            model: ModelSettings {
                base_url: base_url.unwrap_or_else(|| default_of("model.base_url").to_owned()),
                key_file: file.model.key_file,
                key: secret("ANTHROPIC_API_KEY"),
                auth_token: secret("ANTHROPIC_AUTH_TOKEN"),
                upstreams: upstreams(&file.model.upstreams)?,
                credential_key_file: file
                    .model
                    .credential_key_file
                    .filter(|path| !path.as_os_str().is_empty()),
            },
            placement,
            allow_degraded: allow_degraded(
                environment.text("ASH_ALLOW_DEGRADED"),
                file.sandbox.allow_degraded,
            )?,
            sandboxes_max: sandboxes_max as usize,
            limits,
            uids,
            libexec: file.sandbox.libexec_dir,
            prices: prices(file.model.prices)?,
            budget: budget(&file.budget)?,
            pool: pool(&file.pool),
            hosts: HostRules::parse(&file.egress.allow)
                .map_err(|error| wrong("egress.allow", format!("is wrong: {error}")))?,
            receivers: receivers(&file.webhooks)?,
            egress: path("ASH_EGRESS_SOCKET")
                .or(file.egress.socket)
                .filter(|path| !simulate && !path.as_os_str().is_empty()),
            sandboxd: path("ASH_SANDBOXD_SOCKET")
                .or(file.sandbox.socket)
                .filter(|path| !simulate && !path.as_os_str().is_empty()),
            bwrap: file.sandbox.bwrap.unwrap_or_else(|| default_of("sandbox.bwrap").into()),
            agent_roots: file.agents.roots,
            agent_limits,
            attachment_bytes_max: attachment_bytes_max(file.sessions.attachment_mib_max)?,
            keep_ended: Duration::from_secs(u64::from(keep_hours) * 60 * 60),
            keep_pieces: (pieces_hours > 0)
                .then(|| Duration::from_secs(u64::from(pieces_hours) * 60 * 60)),
            metrics: file.api.metrics.unwrap_or_default(),
            traces_endpoint: collector(environment, &file.traces)?,
            traces_headers_file: file
                .traces
                .headers_file
                .filter(|path| !path.as_os_str().is_empty()),
            keep_usage: (usage_days > 0)
                .then(|| Duration::from_secs(u64::from(usage_days) * 24 * 60 * 60)),
            jobs_at_once: at_once.into(),
            keep_jobs: Duration::from_secs(u64::from(keep_jobs_hours) * 60 * 60),
            script_timeout: Duration::from_secs(script_seconds.into()),
            turn_timeout: (turn_seconds > 0).then(|| Duration::from_secs(turn_seconds.into())),
            permission_timeout: (permission_seconds > 0)
                .then(|| Duration::from_secs(permission_seconds.into())),
            permission_timeout_action: file
                .sessions
                .permission_timeout_action
                .unwrap_or(PermissionBehavior::Deny),
            tiers,
            pressure_percent: (pressure > 0).then_some(pressure),
            wait: Duration::from_secs(u64::from(wait)),
            archive_url: file.archive.url.filter(|url| !url.is_empty()),
            archive_key_file: file.archive.key_file.filter(|path| !path.as_os_str().is_empty()),
            archive_after: (archive_hours > 0)
                .then(|| Duration::from_secs(u64::from(archive_hours) * 60 * 60)),
            drain: Duration::from_secs(u64::from(drain)),
            credentials: path("CREDENTIALS_DIRECTORY"),
            socket_names: environment.text("LISTEN_FDNAMES").map(str::to_owned),
            data,
            state,
            runtime,
        })
    }
}

/// Where spans are told, if they are.
fn collector(
    environment: &Environment,
    file: &super::file::Traces,
) -> Result<Option<String>, ConfigError> {
    let chosen = |name, file: &Option<String>| {
        environment.text(name).map(str::to_owned).or_else(|| file.clone())
    };
    let endpoint = chosen("OTEL_EXPORTER_OTLP_ENDPOINT", &file.endpoint);
    match chosen("OTEL_TRACES_EXPORTER", &file.exporter).as_deref() {
        Some("otlp" | "") | None => Ok(endpoint.filter(|endpoint| !endpoint.is_empty())),
        Some("none") => Ok(None),
        Some(other) => {
            let text = format!("is `{other}`, and should be `otlp` or `none`");
            Err(wrong("traces.exporter (OTEL_TRACES_EXPORTER)", text))
        }
    }
}

/// Each name must be a wall: a slip must not open another one.
fn allow_degraded(
    environment: Option<&str>,
    file: Option<Vec<String>>,
) -> Result<Vec<String>, ConfigError> {
    const KEY: &str = "sandbox.allow_degraded";
    let listed = |text: &str| -> Vec<String> {
        let names = text.split(',').map(|name| name.trim_matches(['[', ']', '"', ' ']));
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let names = environment.map(listed).or(file).unwrap_or_else(|| listed(default_of(KEY)));
    match names.iter().find(|name| !WALLS.contains(&name.as_str())) {
        None => Ok(names),
        Some(name) => {
            let text = format!("names `{name}`, and the walls are {}", WALLS.join(", "));
            Err(wrong(KEY, text))
        }
    }
}

fn database(
    data: &Path,
    environment: Option<&str>,
    file: Option<&str>,
) -> Result<PathBuf, ConfigError> {
    let Some(url) = environment.or(file).filter(|url| !url.is_empty()) else {
        return Ok(data.join("ash.db"));
    };
    let path = match url.split_once(':') {
        Some(("sqlite" | "file", path)) => path.trim_start_matches("//"),
        Some(("postgres" | "postgresql", _)) => {
            return Err(wrong(
                "database.url",
                "names PostgreSQL, which this version cannot use yet; leave it out for SQLite",
            ));
        }
        Some(_) => {
            return Err(wrong("database.url", format!("`{url}` does not start with `sqlite:`")));
        }
        None => url,
    };
    let path = Path::new(path);
    if path.as_os_str().is_empty() {
        return Err(wrong("database.url", "names no file"));
    }
    Ok(data.join(path))
}

fn address(
    environment: &Environment,
    host: Option<String>,
    port: Option<u16>,
) -> Result<SocketAddr, ConfigError> {
    let host = environment.text("ASH_HOST").map(str::to_owned).or(host);
    let host = host.unwrap_or_else(|| default_of("api.host").to_owned());
    let ip: IpAddr = match host.as_str() {
        "localhost" => IpAddr::from([127, 0, 0, 1]),
        text => text.trim_start_matches('[').trim_end_matches(']').parse().map_err(|_invalid| {
            wrong(
                "api.host (ASH_HOST)",
                format!("is `{text}`, and should be an IP address, e.g. 127.0.0.1 or ::"),
            )
        })?,
    };
    let port = environment.number("ASH_PORT", "a port from 0 to 65535")?.or(port);
    Ok(SocketAddr::new(ip, port.unwrap_or_else(|| number_of("api.port"))))
}

/// 0 is never.
fn tiers(file: &super::file::Tiers, idle_milliseconds: Option<u64>) -> TierPolicy {
    let after = |seconds: Option<u32>, key| {
        let seconds = seconds.unwrap_or_else(|| number_of(key));
        (seconds > 0).then(|| Duration::from_secs(seconds.into()))
    };
    let hibernate_after = match idle_milliseconds {
        Some(milliseconds) => (milliseconds > 0).then(|| Duration::from_millis(milliseconds)),
        None => after(file.hibernate_after_seconds, "tiers.hibernate_after_seconds"),
    };
    TierPolicy {
        freeze_after: after(file.freeze_after_seconds, "tiers.freeze_after_seconds"),
        reclaim_after: after(file.reclaim_after_seconds, "tiers.reclaim_after_seconds"),
        hibernate_after,
    }
}

fn limits(memory_mib: Option<u64>, file: &super::file::Sandbox) -> Result<Limits, ConfigError> {
    let mib = |key: &str, mib: u64, min: u64| {
        let bytes = mib.checked_mul(1 << 20).filter(|_| mib >= min);
        bytes.ok_or_else(|| wrong(key, format!("is {mib}, and should be {min} MiB or more")))
    };
    let memory = memory_mib.unwrap_or_else(|| number_of("sandbox.memory_mib"));
    let swap = file.swap_mib.unwrap_or_else(|| number_of("sandbox.swap_mib"));
    let tmp = file.tmp_mib.unwrap_or_else(|| number_of("sandbox.tmp_mib"));
    let tasks = file.tasks.unwrap_or_else(|| number_of("sandbox.tasks"));
    if tasks < TASKS_MIN {
        return Err(wrong(
            "sandbox.tasks",
            format!("is {tasks}, and should be {TASKS_MIN} or more"),
        ));
    }
    let cpu_percent = file.cpu_percent.unwrap_or_else(|| number_of("sandbox.cpu_percent"));
    if cpu_percent == 0 {
        return Err(wrong("sandbox.cpu_percent", "is 0, and should be 1 or more"));
    }
    let weight = |key: &str, given: Option<u64>| {
        let weight = given.unwrap_or_else(|| number_of(key));
        let known = WEIGHTS.contains(&weight).then_some(weight);
        known.ok_or_else(|| wrong(key, format!("is {weight}, and should be from 1 to 10000")))
    };
    let open_files = file.open_files.unwrap_or_else(|| number_of("sandbox.open_files"));
    if open_files < OPEN_FILES_MIN {
        let text = format!("is {open_files}, and should be {OPEN_FILES_MIN} or more");
        return Err(wrong("sandbox.open_files", text));
    }
    let shm = file.shm_mib.unwrap_or_else(|| number_of("sandbox.shm_mib"));
    let file_mib = file.file_mib.unwrap_or_else(|| number_of("sandbox.file_mib"));
    let disk = file.disk_mib.unwrap_or_else(|| number_of("sandbox.disk_mib"));
    let disk_files = file.disk_files.unwrap_or_else(|| number_of("sandbox.disk_files"));
    if disk_files < DISK_FILES_MIN {
        let text = format!("is {disk_files}, and should be {DISK_FILES_MIN} or more");
        return Err(wrong("sandbox.disk_files", text));
    }
    Ok(Limits {
        disk_bytes: mib("sandbox.disk_mib", disk, DISK_MIB_MIN)?,
        disk_files,
        memory_bytes: mib("sandbox.memory_mib", memory, MEMORY_MIB_MIN)?,
        swap_bytes: mib("sandbox.swap_mib", swap, 0)?,
        tmp_bytes: mib("sandbox.tmp_mib", tmp, 1)?,
        shm_bytes: mib("sandbox.shm_mib", shm, 1)?,
        file_bytes: mib("sandbox.file_mib", file_mib, FILE_MIB_MIN)?,
        open_files,
        cpu_weight: weight("sandbox.cpu_weight", file.cpu_weight)?,
        io_weight: weight("sandbox.io_weight", file.io_weight)?,
        tasks,
        cpu_percent,
        ..Limits::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(file: &str, environment: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let fragment = super::super::file::parse(Path::new("ash.toml"), file)?;
        Settings::new(fragment, &Environment::of(environment), false)
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_the_default() {
        assert_eq!(settings("", &[]).unwrap().address.to_string(), "127.0.0.1:4100");
        assert_eq!(settings("[api]\nport = 5000", &[]).unwrap().address.port(), 5000);
        let both =
            settings("[api]\nport = 5000", &[("ASH_PORT", "6000"), ("ASH_HOST", "::1")]).unwrap();
        assert_eq!(both.address.to_string(), "[::1]:6000");
    }

    #[test]
    fn what_may_be_degraded_is_named() {
        let allowed = |file: &str, environment: &[(&str, &str)]| {
            settings(file, environment).map(|settings| settings.allow_degraded)
        };
        assert_eq!(allowed("", &[]).unwrap(), ["disk"]);
        assert_eq!(allowed("[sandbox]\nallow_degraded = []", &[]).unwrap(), [""; 0]);
        let both = [("ASH_ALLOW_DEGRADED", "memory, cpu")];
        let file = "[sandbox]\nallow_degraded = [\"disk\"]";
        assert_eq!(allowed(file, &both).unwrap(), ["memory", "cpu"]);
        let slip = allowed("[sandbox]\nallow_degraded = [\"all\"]", &[]).unwrap_err();
        assert!(slip.to_string().contains("names `all`"), "{slip}");
    }

    #[test]
    fn a_wrong_value_is_told_with_its_name() {
        let error = |file: &str, environment: &[(&str, &str)]| {
            settings(file, environment).unwrap_err().to_string()
        };
        assert_eq!(
            error("", &[("ASH_PORT", "http")]),
            "the environment variable ASH_PORT is `http`, and should be a port from 0 to 65535"
        );
        assert!(error("", &[("ASH_HOST", "nowhere")]).contains("api.host (ASH_HOST)"));
        for mistake in ["memory_mib = 10", "cpu_weight = 0", "io_weight = 10001", "file_mib = 1"] {
            let said = error(&format!("[sandbox]\n{mistake}"), &[]);
            assert!(
                said.contains(&format!("sandbox.{}", mistake.split(' ').next().unwrap())),
                "{said}"
            );
        }
        assert!(
            error("log = \"info,ash=loud\"", &[]).starts_with("`log` is `info,ash=loud`, which")
        );
        assert!(error("", &[("ASH_DATABASE_URL", "postgres://db/ash")]).contains("PostgreSQL"));
    }

    #[test]
    fn a_budget_and_prices_are_numbers_that_make_sense() {
        let budget = |file: &str| settings(file, &[]).map(|settings| settings.budget);
        assert_eq!(budget("").unwrap(), Budget::default());
        let both = budget("[budget]\nsession_tokens = 5\nsession_dollars = 0.5").unwrap();
        assert_eq!(both, Budget { tokens: Some(5), money: Some(500_000_000) });
        for (file, said) in [
            ("[budget]\nsession_dollars = -1.0", "budget.session_dollars"),
            ("[budget]\nsession_dollars = inf", "budget.session_dollars"),
            ("[budget]\nsession_tokens = 2000000000000", "budget.session_tokens"),
            ("[model.prices]\nx = [1.0, 20000.0]", "model.prices"),
            ("[model.prices]\nx = [nan, 1.0]", "model.prices"),
        ] {
            let error = settings(file, &[]).unwrap_err().to_string();
            assert!(error.contains(said), "{file}: {error}");
        }
        assert!(settings("[model.prices]\n\"claude-opus-5\" = [1.5, 7]", &[]).is_ok());
    }

    #[test]
    fn hosts_are_names_and_none_by_default() {
        assert!(settings("", &[]).unwrap().hosts.is_empty());
        let listed = settings("[egress]\nallow = [\"GitHub.com\", \"*.npmjs.org\"]", &[]);
        assert_eq!(listed.unwrap().hosts.texts(), ["github.com", "*.npmjs.org"]);
        let wrong = settings("[egress]\nallow = [\"10.0.0.1\"]", &[]).unwrap_err().to_string();
        assert!(wrong.contains("`egress.allow` is wrong: `10.0.0.1` is not the name"), "{wrong}");
    }

    #[test]
    fn every_default_of_the_list_is_the_real_one() {
        let settings = settings("", &[]).unwrap();
        assert_eq!(settings.limits.memory_bytes >> 20, number_of::<u64>("sandbox.memory_mib"));
        assert_eq!(settings.limits, Limits::default());
        assert_eq!(settings.agent_limits.files_max, 50_000);
        assert_eq!(settings.uids, 0x6FFE_0000..0x6FFF_0000);
        assert_eq!(settings.model.base_url, "https://api.anthropic.com");
    }
}
