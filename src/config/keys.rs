//! The one list of settings.

/// A setting: its key in the file, its name in the environment, and what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) key: &'static str,
    pub(crate) environment: Option<&'static str>,
    pub(crate) default: &'static str,
    pub(crate) text: &'static str,
    /// The units that a change waits for; none if a reload of ashd is enough.
    pub(crate) restart: &'static [&'static str],
}

const fn key(
    key: &'static str,
    environment: Option<&'static str>,
    default: &'static str,
    text: &'static str,
) -> Key {
    Key { key, environment, default, text, restart: &[] }
}

impl Key {
    const fn restart(self, units: &'static [&'static str]) -> Self {
        Self { restart: units, ..self }
    }

    /// When a change takes effect, for people.
    pub(crate) fn takes_effect(&self) -> String {
        match self.restart {
            [] => "reload".to_owned(),
            units => format!("restart of {}", units.join(", ")),
        }
    }
}

const ASHD: &[&str] = &["ashd"];
const SANDBOXD: &[&str] = &["ash-sandboxd"];
const EGRESS: &[&str] = &["ash-egress"];
const ASHD_AND_SANDBOXD: &[&str] = &["ashd", "ash-sandboxd"];
const ASHD_AND_EGRESS: &[&str] = &["ashd", "ash-egress"];
const ALL: &[&str] = &["ashd", "ash-sandboxd", "ash-egress"];

pub(crate) const KEYS: [Key; 73] = [
    key(
        "data_dir",
        Some("ASH_DATA_DIR"),
        "/var/lib/ash",
        "Folder of the database, the agents and the sessions.",
    )
    .restart(ASHD_AND_SANDBOXD),
    key(
        "runtime_dir",
        Some("ASH_RUNTIME_DIR"),
        "/run/ash",
        "Folder of the sockets. As an ordinary user: `$XDG_RUNTIME_DIR/ash`, else `run` below the data folder.",
    )
    .restart(ALL),
    key("log", Some("ASH_LOG"), "info", "Level or filter of the log."),
    key("api.host", Some("ASH_HOST"), "127.0.0.1", "Address that REST listens on.")
    .restart(ASHD),
    key("api.port", Some("ASH_PORT"), "4100", "Port of REST; 0 takes a free one.")
    .restart(ASHD),
    key(
        "api.key_file",
        None,
        "",
        "File with the API key. Without any key one is made in `initial-api-key` below the data folder.",
    ),
    key(
        "api.requests_per_minute",
        None,
        "0",
        "Requests that an API key may make in a minute; 0 for any number.",
    ),
    key(
        "api.origins",
        None,
        "[]",
        "Origins of web pages that may use the API, e.g. `https://app.example.com`; `*` for every one.",
    )
    .restart(ASHD),
    key("api.key", Some("ASH_API_KEY"), "", "The API key itself; only in the environment.")
    .restart(ASHD),
    key(
        "api.metrics",
        None,
        "key",
        "Who may read `/metrics` over TCP: `key` (who shows a key of the tenant `default`), `open` or `off`.",
    ),
    key(
        "database.url",
        Some("ASH_DATABASE_URL"),
        "",
        "`sqlite:` and the path of the database; `ash.db` below the data folder if empty.",
    )
    .restart(ASHD),
    key(
        "claude.path",
        Some("CLAUDE_CODE_EXECUTABLE"),
        "",
        "The native Claude Code CLI; looked for in the usual places if empty.",
    )
    .restart(ASHD_AND_SANDBOXD),
    key(
        "model.base_url",
        Some("ANTHROPIC_BASE_URL"),
        "https://api.anthropic.com",
        "The model API, as ashd reaches it for the sandboxes.",
    )
    .restart(EGRESS),
    key(
        "model.key_file",
        None,
        "",
        "File with the model key. systemd passes it as the credential `anthropic-api-key`.",
    )
    .restart(EGRESS),
    key(
        "model.key",
        Some("ANTHROPIC_API_KEY"),
        "",
        "The model key itself; only in the environment.",
    )
    .restart(EGRESS),
    key(
        "model.auth_token",
        Some("ANTHROPIC_AUTH_TOKEN"),
        "",
        "A bearer token instead of a key; only in the environment.",
    )
    .restart(EGRESS),
    key(
        "model.prices",
        None,
        "{}",
        "Dollars for a million tokens, `[read, written]`, by the beginning of a model's name; before the built-in ones.",
    )
    .restart(EGRESS),
    key(
        "model.upstreams",
        None,
        "[]",
        "Addresses that credentials of tenants may be for: other model APIs, Bedrock, OpenAI, and APIs of tools.",
    )
    .restart(ASHD_AND_EGRESS),
    key(
        "model.credential_key_file",
        None,
        "",
        "File with the keys that open credentials of tenants: 32 bytes in base64, the newest in the first line. Without: `credential-key` in the folder of ash-egress, made at the first start.",
    )
    .restart(EGRESS),
    key(
        "egress.socket",
        Some("ASH_EGRESS_SOCKET"),
        "",
        "Control socket of ash-egress, which then holds the model key; ashd does it itself if empty.",
    )
    .restart(ASHD_AND_EGRESS),
    key(
        "egress.allow",
        None,
        "[]",
        "Hosts that agents may name: `name`, `*.name` for all below it, `*` for every public one; `:port` behind it for another than 443.",
    )
    .restart(ASHD_AND_EGRESS),
    key(
        "sandbox.placement",
        None,
        "auto",
        "`auto`, `scope` (systemd) or `plain` (one process tree).",
    )
    .restart(SANDBOXD),
    key(
        "sandbox.allow_degraded",
        Some("ASH_ALLOW_DEGRADED"),
        "[disk]",
        "Walls that may be less than hard, by name; in the variable with commas between.",
    )
    .restart(ASHD),
    key(
        "sandbox.max",
        Some("ASH_MAX_SANDBOXES"),
        "1000",
        "Most sandboxes that live at the same time.",
    ),
    key(
        "sandbox.wait_seconds",
        None,
        "30",
        "Seconds that a request waits for room for its sandbox before it is refused.",
    ),
    key(
        "sandbox.memory_mib",
        Some("ASH_SANDBOX_MEMORY_MB"),
        "2048",
        "Memory of a sandbox, in MiB.",
    )
    .restart(SANDBOXD),
    key("sandbox.swap_mib", None, "2048", "Swap of a sandbox, in MiB.")
    .restart(SANDBOXD),
    key("sandbox.tasks", None, "512", "Processes and threads of a sandbox.")
    .restart(SANDBOXD),
    key("sandbox.cpu_percent", None, "200", "Processor time of a sandbox, in percent of one core.")
    .restart(SANDBOXD),
    key("sandbox.cpu_weight", None, "100", "Its share of busy processors, from 1 to 10000.")
    .restart(SANDBOXD),
    key("sandbox.io_weight", None, "100", "Its share of busy disks, from 1 to 10000.")
    .restart(SANDBOXD),
    key(
        "sandbox.tmp_mib",
        None,
        "256",
        "Size of `/tmp` in a sandbox, in MiB; counts as its memory.",
    )
    .restart(SANDBOXD),
    key("sandbox.shm_mib", None, "64", "Size of `/dev/shm` in a sandbox, in MiB, likewise.")
    .restart(SANDBOXD),
    key("sandbox.file_mib", None, "10240", "Largest file that a sandbox may write, in MiB.")
    .restart(SANDBOXD),
    key("sandbox.open_files", None, "65536", "Open files of one process in a sandbox.")
    .restart(SANDBOXD),
    key(
        "sandbox.disk_mib",
        None,
        "10240",
        "What the files of a session may take on the disk, in MiB; hard where `ashctl quota` has set it up.",
    )
    .restart(SANDBOXD),
    key("sandbox.disk_files", None, "1000000", "Files and folders of a session, likewise.")
    .restart(SANDBOXD),
    key(
        "sandbox.uid_first",
        None,
        "1878917120",
        "First host uid of sandboxes, when ashd runs as root.",
    )
    .restart(ASHD_AND_SANDBOXD),
    key("sandbox.uid_count", None, "65536", "Number of such uids.")
    .restart(ASHD_AND_SANDBOXD),
    key(
        "sandbox.libexec_dir",
        None,
        "",
        "Folder of ash-bridge and ash-launch; beside ashd, else `/usr/libexec/ash`, if empty.",
    )
    .restart(SANDBOXD),
    key(
        "sandbox.socket",
        Some("ASH_SANDBOXD_SOCKET"),
        "",
        "Socket of ash-sandboxd, which then does what wants privilege; ashd does it itself if empty.",
    )
    .restart(ASHD_AND_SANDBOXD),
    key("sandbox.bwrap", None, "/usr/bin/bwrap", "bubblewrap.")
    .restart(SANDBOXD),
    key("agents.roots", None, "[]", "Folders below which `POST /api/agents` may name a `path`."),
    key("agents.bytes_mib_max", None, "256", "Largest agent, in MiB."),
    key("agents.files_max", None, "50000", "Most files of an agent."),
    key(
        "sessions.keep_ended_hours",
        None,
        "24",
        "Hours after which the files of an ended session are removed.",
    ),
    key(
        "sessions.keep_pieces_hours",
        None,
        "0",
        "Hours after the end of a turn for which its messages can be had piece by piece (`text_delta` and the like); the whole messages stay. 0: for ever.",
    ),
    key(
        "sessions.attachment_mib_max",
        None,
        "32",
        "Largest file that a client attaches to a session, in MiB; at most 100.",
    ),
    key(
        "sessions.turn_timeout_seconds",
        None,
        "0",
        "Seconds after which a turn is interrupted; 0: never. A message may say its own.",
    ),
    key(
        "sessions.script_timeout_seconds",
        None,
        "300",
        "Seconds after which `install.sh` or `startup.sh` of an agent is ended, and has failed.",
    ),
    key(
        "sessions.permission_timeout_seconds",
        None,
        "0",
        "Seconds after which a permission that a session asks for is answered without a client; 0: never. A session may say its own.",
    ),
    key(
        "sessions.permission_timeout_action",
        None,
        "deny",
        "What is answered then: `deny` or `allow`.",
    ),
    key(
        "jobs.at_once",
        None,
        "2",
        "Jobs, prompts that run in the background, that run at the same time; 0: they wait.",
    ),
    key(
        "jobs.keep_hours",
        None,
        "168",
        "Hours after which a job that is over is forgotten.",
    ),
    key(
        "webhooks.allow",
        None,
        "[]",
        "Public hosts that webhooks may be for, by https: `name`, `*.name` for all below it, `*` for every one; `:port` behind it for another than 443.",
    )
    .restart(ASHD_AND_EGRESS),
    key(
        "webhooks.internal",
        None,
        "[]",
        "Other receivers of webhooks, wherever they are: `https://host[:port]` or `http://host[:port]`.",
    )
    .restart(ASHD_AND_EGRESS),
    key(
        "archive.url",
        None,
        "",
        "Where sessions are archived: a folder, `s3://`, `gs://` or `az://`; empty for `archive` below the data folder.",
    )
    .restart(ASHD),
    key(
        "archive.key_file",
        None,
        "",
        "File with the key that seals archives: 32 bytes in base64. Without: `archive-key` in the data folder, made at the first start.",
    )
    .restart(ASHD),
    key(
        "archive.after_hours",
        None,
        "0",
        "Hours without activity after which a hibernated session is archived; 0: never.",
    ),
    key(
        "tiers.freeze_after_seconds",
        None,
        "60",
        "Seconds of rest after which a session is frozen; 0 for never.",
    ),
    key(
        "tiers.reclaim_after_seconds",
        None,
        "600",
        "Seconds of rest after which its memory is given back, where the kernel can; 0 for never.",
    ),
    key(
        "tiers.hibernate_after_seconds",
        Some("ASH_IDLE_TIMEOUT_MS"),
        "1800",
        "Seconds of rest after which its processes are ended; 0 for never. The variable is in milliseconds.",
    ),
    key(
        "tiers.pressure_percent",
        None,
        "10",
        "Percent of time lost to a want of memory from which sessions that rest give theirs back and new sandboxes wait; 0 for never.",
    ),
    key(
        "pool.per_agent",
        None,
        "0",
        "Sandboxes with a running Claude Code that are kept ready for the next sessions of an agent that was used; 0 for none.",
    ),
    key("pool.max", None, "4", "Most of them on this host."),
    key(
        "pool.keep_seconds",
        None,
        "900",
        "Seconds after the last such session until they are ended.",
    ),
    key(
        "budget.session_tokens",
        None,
        "0",
        "Tokens that a session may use in all if its creation does not say it; 0 for no limit.",
    ),
    key(
        "budget.session_dollars",
        None,
        "0",
        "US dollars that a session may use in all if its creation does not say it; 0 for no limit.",
    ),
    key(
        "traces.endpoint",
        Some("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "",
        "Collector that is told spans, by OTLP over HTTP: such as `http://127.0.0.1:4318`, or `unix:` and the path of a socket; none if empty.",
    )
    .restart(ASHD),
    key(
        "traces.exporter",
        Some("OTEL_TRACES_EXPORTER"),
        "otlp",
        "`otlp`, or `none` for no spans whatever the endpoint is.",
    )
    .restart(ASHD),
    key(
        "traces.headers_file",
        None,
        "",
        "File with headers for the collector, `name: value` in each line. systemd passes it as the credential `ash-otlp-headers`.",
    )
    .restart(ASHD),
    key(
        "usage.keep_days",
        None,
        "400",
        "Days after which the record of what a turn used is removed; 0: never.",
    ),
    key("drain.seconds", None, "10", "Seconds that open requests get when ashd stops.")
    .restart(ASHD),
];

/// Secrets, which no file may hold.
pub(crate) const ENVIRONMENT_ONLY: [&str; 3] = ["api.key", "model.key", "model.auth_token"];

/// The settings for `ashd --help`.
pub(crate) fn reference() -> String {
    let line = |key: &Key| {
        let default = if key.default.is_empty() { "unset" } else { key.default };
        let environment = key.environment.unwrap_or("-");
        let change = key.takes_effect();
        format!("  {} ({environment}, {default}, {change})\n      {}", key.key, key.text)
    };
    let lines: Vec<String> = KEYS.iter().map(line).collect();
    format!(
        "Settings (key in the file, variable in the environment, default, when a change takes effect):\n{}",
        lines.join("\n")
    )
}
