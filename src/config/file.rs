//! The configuration as it is written: TOML, every member optional, unknown ones refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ConfigError;
use crate::wire::permissions::PermissionBehavior;

/// Largest configuration file: nobody writes more by hand.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How like a known name a mistyped one is, from 0 to 1: below it a guess would mislead.
const LIKENESS_MIN: f64 = 0.75;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fragment {
    pub(super) data_dir: Option<PathBuf>,
    pub(super) runtime_dir: Option<PathBuf>,
    pub(super) log: Option<String>,
    pub(super) api: Api,
    pub(super) database: Database,
    pub(super) claude: Claude,
    pub(super) model: Model,
    pub(super) egress: Egress,
    pub(super) sandbox: Sandbox,
    pub(super) agents: Agents,
    pub(super) sessions: Sessions,
    pub(super) tiers: Tiers,
    pub(super) archive: Archive,
    pub(super) jobs: Jobs,
    pub(super) webhooks: Webhooks,
    pub(super) budget: Budget,
    pub(super) traces: Traces,
    pub(super) usage: Usage,
    pub(super) pool: Pool,
    pub(super) drain: Drain,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Api {
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) requests_per_minute: Option<u32>,
    pub(super) origins: Vec<String>,
    pub(super) metrics: Option<Metrics>,
}

/// Who may read the metrics over TCP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Metrics {
    Open,
    #[default]
    Key,
    Off,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Database {
    pub(super) url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Claude {
    pub(super) path: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Model {
    pub(super) base_url: Option<String>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) prices: BTreeMap<String, [f64; 2]>,
    pub(super) upstreams: Vec<String>,
    pub(super) credential_key_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Egress {
    pub(super) socket: Option<PathBuf>,
    pub(super) allow: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sandbox {
    pub(super) placement: Option<Placement>,
    pub(super) allow_degraded: Option<Vec<String>>,
    pub(super) max: Option<u32>,
    pub(super) wait_seconds: Option<u32>,
    pub(super) memory_mib: Option<u64>,
    pub(super) swap_mib: Option<u64>,
    pub(super) tasks: Option<u64>,
    pub(super) cpu_percent: Option<u32>,
    pub(super) cpu_weight: Option<u64>,
    pub(super) io_weight: Option<u64>,
    pub(super) tmp_mib: Option<u64>,
    pub(super) shm_mib: Option<u64>,
    pub(super) file_mib: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) disk_mib: Option<u64>,
    pub(super) disk_files: Option<u64>,
    pub(super) uid_first: Option<u32>,
    pub(super) uid_count: Option<u32>,
    pub(super) libexec_dir: Option<PathBuf>,
    pub(super) socket: Option<PathBuf>,
    pub(super) bwrap: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Placement {
    Auto,
    Scope,
    Plain,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Agents {
    pub(super) roots: Vec<PathBuf>,
    pub(super) bytes_mib_max: Option<u64>,
    pub(super) files_max: Option<usize>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pool {
    pub(super) per_agent: Option<usize>,
    pub(super) max: Option<usize>,
    pub(super) keep_seconds: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Sessions {
    pub(super) keep_ended_hours: Option<u32>,
    pub(super) keep_pieces_hours: Option<u32>,
    pub(super) attachment_mib_max: Option<u64>,
    pub(super) turn_timeout_seconds: Option<u32>,
    pub(super) script_timeout_seconds: Option<u32>,
    pub(super) permission_timeout_seconds: Option<u32>,
    pub(super) permission_timeout_action: Option<PermissionBehavior>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Jobs {
    pub(super) at_once: Option<u16>,
    pub(super) keep_hours: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Webhooks {
    pub(super) allow: Vec<String>,
    pub(super) internal: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Archive {
    pub(super) url: Option<String>,
    pub(super) key_file: Option<PathBuf>,
    pub(super) after_hours: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Tiers {
    pub(super) freeze_after_seconds: Option<u32>,
    pub(super) reclaim_after_seconds: Option<u32>,
    pub(super) hibernate_after_seconds: Option<u32>,
    pub(super) pressure_percent: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Budget {
    pub(super) session_tokens: Option<u64>,
    pub(super) session_dollars: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Traces {
    pub(super) endpoint: Option<String>,
    pub(super) exporter: Option<String>,
    pub(super) headers_file: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Usage {
    pub(super) keep_days: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Drain {
    pub(super) seconds: Option<u32>,
}

/// The content of a file.
pub(super) fn text(path: &Path) -> Result<String, ConfigError> {
    use std::io::Read as _;
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(std::io::ErrorKind::FileTooLarge.into()));
    }
    Ok(text)
}

/// The error names the file, the line, and the key.
pub(super) fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start).min(text.len());
        let before = String::from_utf8_lossy(text.as_bytes().split_at(start).0);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
        let shown = text.lines().nth(line - 1).unwrap_or_default().trim();
        let message = error.message().replace('\n', "; ");
        let nearest = nearest(&message).map(|name| format!("; did you mean `{name}`?"));
        let text = format!("{message}{} (in `{shown}`)", nearest.unwrap_or_default());
        ConfigError::File { path: path.to_owned(), line, column, text }
    })
}

/// Of ``unknown field `x`, expected one of `a`, `b` `` the name that is most like `x`.
fn nearest(message: &str) -> Option<&str> {
    let mut names = message.strip_prefix("unknown ")?.split('`').skip(1).step_by(2);
    let unknown = names.next()?;
    names
        .map(|name| (strsim::jaro_winkler(unknown, name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse::<Fragment>(Path::new("/etc/ash/ash.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_is_told_with_file_line_and_key() {
        assert_eq!(
            error("[api]\nhost = \"::1\"\nprot = 4100\n"),
            "/etc/ash/ash.toml:3:1: unknown field `prot`, expected one of `host`, `port`, `key_file`, `requests_per_minute`, `origins`, `metrics`; did you mean `port`? (in `prot = 4100`)"
        );
        assert!(error("[api]\nport = 70000\n").starts_with("/etc/ash/ash.toml:2:8: "));
        assert!(error("[sandbox]\nplacement = \"jail\"\n").contains("unknown variant `jail`"));
        assert!(error("[sandbox]\nmemory = 1\n").contains("did you mean `memory_mib`?"));
        assert!(!error("[qqq]\n").contains("did you mean"));
        assert!(error("data_dir = \n").starts_with("/etc/ash/ash.toml:1:"));
    }
}
