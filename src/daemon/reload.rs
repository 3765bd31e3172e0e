//! The configuration read again while ashd runs: what can change then is passed on, what cannot is
//! kept and named, and a configuration that is wrong changes nothing.

use std::path::PathBuf;

use serde_json::json;

use super::credentials;
use super::failure::Failure;
use super::logging::LogFilter;
use crate::chain::chain;
use crate::config::{self, MetricsChoice, Settings};
use crate::control::{Control, ControlSettings, MetricsAccess};
use crate::egress::{HostRules, Receivers};
use crate::lifecycle::Happening;
use crate::runner::HostPolicy;
use crate::runner::permissions::PermissionPolicy;
use crate::store::BudgetRecord;
use crate::systemd::notify;
use crate::wire::config::{Change, Configuration, Reloaded};

/// What of the settings the host is told, now and at every reload.
pub(super) fn host_policy(settings: &Settings) -> HostPolicy {
    HostPolicy {
        sandboxes_max: settings.sandboxes_max,
        wait_max: settings.wait,
        pressure_percent_max: settings.pressure_percent,
        tiers: settings.tiers,
        turn_timeout: settings.turn_timeout,
        script_timeout: settings.script_timeout,
        permissions: PermissionPolicy {
            timeout: settings.permission_timeout,
            on_timeout: settings.permission_timeout_action,
        },
    }
}

/// The same for the verbs.
pub(super) fn control_settings(settings: &Settings, shown: Configuration) -> ControlSettings {
    ControlSettings {
        agent_limits: settings.agent_limits,
        agent_roots: settings.agent_roots.clone(),
        attachment_bytes_max: settings.attachment_bytes_max,
        keep_ended: settings.keep_ended,
        keep_pieces: settings.keep_pieces,
        metrics: match settings.metrics {
            MetricsChoice::Open => MetricsAccess::Open,
            MetricsChoice::Key => MetricsAccess::Key,
            MetricsChoice::Off => MetricsAccess::Nobody,
        },
        keep_usage: settings.keep_usage,
        archive_after: settings.archive_after,
        jobs_at_once: settings.jobs_at_once,
        keep_jobs: settings.keep_jobs,
        configuration: shown,
        hosts: settings.hosts.clone(),
        receivers: settings.receivers.clone(),
        upstreams: settings.model.upstreams.clone(),
        budget: BudgetRecord { tokens: settings.budget.tokens, money: settings.budget.money },
        requests_per_minute: settings.requests_per_minute,
        origins: settings.origins.clone(),
        pool: settings.pool,
    }
}

/// What a reload reaches.
#[derive(Debug)]
pub(super) struct Reload {
    /// The configuration alone, if one was named.
    pub(super) file: Option<PathBuf>,
    pub(super) simulate: bool,
    /// Those that ash-egress lets through, which does not reload.
    pub(super) hosts: HostRules,
    /// Likewise.
    pub(super) receivers: Receivers,
    /// Likewise.
    pub(super) upstreams: Vec<String>,
    pub(super) control: Control,
    pub(super) log: LogFilter,
    /// What systemd is told while all is well.
    pub(super) status: String,
}

impl Reload {
    /// Reads and takes over; tells systemd, the log, and whoever follows.
    pub(super) async fn reload(&self) -> Result<Reloaded, String> {
        notify::reloading();
        let outcome = self.take_over().await.map_err(|failure| chain(&failure));
        let lifecycle = &self.control.host.lifecycle;
        match &outcome {
            Ok(reloaded) => {
                let keys = |changes: &[Change]| -> Vec<String> {
                    changes.iter().map(|change| change.key.clone()).collect()
                };
                lifecycle.tell(
                    Happening::new("config.reloaded")
                        .with("changed", keys(&reloaded.changed))
                        .with("restart", keys(&reloaded.pending)),
                );
                notify::ready(&self.status);
            }
            Err(reason) => {
                tracing::error!(reason, "the configuration was not reloaded, the old one is kept");
                lifecycle.tell(Happening::new("config.refused").with("reason", reason.as_str()));
                notify::ready(&format!(
                    "{}; the configuration was not reloaded: {reason}",
                    self.status
                ));
            }
        }
        outcome
    }

    async fn take_over(&self) -> Result<Reloaded, Failure> {
        let (file, simulate) = (self.file.clone(), self.simulate);
        // Everything that can fail comes before anything changes.
        let read = tokio::task::spawn_blocking(move || -> Result<_, Failure> {
            let settings = config::load(file.as_deref(), simulate)?;
            let key = credentials::api_key(&settings)?;
            Ok((settings, key))
        });
        let (settings, key) = read
            .await
            .map_err(|_panicked| Failure::Runtime(std::io::Error::other("a worker died")))??;
        self.log.set(&settings.log)?;
        let running = self.control.configuration();
        let (shown, mut reloaded) = config::taken_over(&running, settings.shown.clone());
        let key_file = "api.key_file";
        if self.control.configured_key(&key)
            && !reloaded.changed.iter().any(|change| change.key == key_file)
        {
            // The same file, and another key in it.
            let path = json!(settings.api_key_file);
            let (before, now) = (path.clone(), path);
            let key = key_file.to_owned();
            reloaded.changed.push(Change { key, before, now, restart: vec![] });
        }
        self.control.host.set_policy(host_policy(&settings));
        let verbs = control_settings(&settings, shown);
        let (hosts, upstreams) = (self.hosts.clone(), self.upstreams.clone());
        let receivers = self.receivers.clone();
        self.control.set_settings(ControlSettings { hosts, receivers, upstreams, ..verbs });
        // What is parked was started as the old one said.
        self.control.empty_pool();
        Ok(reloaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::KEYS;

    /// What a reload passes on, of a file with this text.
    fn passed_on(text: &str) -> (HostPolicy, ControlSettings, String, Option<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ash.toml");
        std::fs::write(&path, text).unwrap();
        let settings = config::load(Some(&path), false).unwrap();
        let verbs = control_settings(&settings, Configuration::default());
        (host_policy(&settings), verbs, settings.log, settings.api_key_file)
    }

    #[test]
    fn what_the_list_says_of_a_reload_is_true() {
        let plain = passed_on("");
        let mut seen = 0;
        for key in KEYS.iter().filter(|key| key.restart.is_empty()) {
            let value = match (key.key, key.default.parse::<u64>()) {
                ("log", _) => "\"debug\"".to_owned(),
                ("agents.roots", _) => "[\"/srv\"]".to_owned(),
                ("sessions.permission_timeout_action", _) => "\"allow\"".to_owned(),
                ("api.metrics", _) => "\"off\"".to_owned(),
                ("api.key_file", _) => "\"/etc/ash/key\"".to_owned(),
                (_, Ok(number)) => (number + 1).to_string(),
                (other, Err(_)) => panic!("how is {other} changed?"),
            };
            let text = match key.key.split_once('.') {
                Some((section, name)) => format!("[{section}]\n{name} = {value}\n"),
                None => format!("{} = {value}\n", key.key),
            };
            assert_ne!(passed_on(&text), plain, "{} changes nothing", key.key);
            seen += 1;
        }
        assert!(seen > 10, "{seen}");
        assert_eq!(passed_on("[sandbox]\ntasks = 64\n[drain]\nseconds = 1\n"), plain);
    }
}
