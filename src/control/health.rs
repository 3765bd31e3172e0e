//! How the daemon is, and what this host enforces.

use super::Control;
use crate::metrics::COUNTS;
use crate::sandbox;
use crate::session::Status;
use crate::wire::health::{Cli, Health, Isolation, Level, Pool, StoreTrouble};
use crate::wire::sessions::SessionIsolation;

impl Control {
    pub(crate) async fn health(&self) -> Health {
        let counts = self.host.store.session_counts().await.unwrap_or_default();
        let of = |status: Status| counts.get(&status).copied().unwrap_or(0);
        let pool = self.pool();
        let cli = if self.host.launcher.is_simulated() {
            Cli { path: None, version: Some("simulated".to_owned()), problem: None }
        } else {
            match self.host.cli.find().await {
                Ok(cli) => Cli {
                    path: Some(cli.path.display().to_string()),
                    version: Some(cli.version),
                    problem: None,
                },
                Err(error) => Cli { path: None, version: None, problem: Some(error.to_string()) },
            }
        };
        let store_problem = self.host.store.problem().await.map(|problem| StoreTrouble {
            code: problem.kind.as_str().to_owned(),
            error: problem.text,
            hint: problem.kind.hint().to_owned(),
        });
        Health {
            status: if store_problem.is_some() { "degraded" } else { "ok" }.to_owned(),
            store_problem,
            active_sessions: of(Status::Active) + of(Status::Starting),
            active_sandboxes: pool.total,
            uptime: self.started_at.elapsed().as_secs_f64(),
            pool,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            coordinator_id: Self::coordinator(),
            remote_runners: 0,
            draining: self.is_draining(),
            simulated: self.host.launcher.is_simulated(),
            roles: self.host.roles().to_owned(),
            isolation: isolation(self.host.isolation().await),
            cli,
        }
    }
}

impl Control {
    /// The original's figures of sandboxes.
    pub(super) fn pool(&self) -> Pool {
        let sandboxes = self.host.seats.taken() as u64;
        let running = self.host.busy() as u64;
        let parked = self.pool.figures();
        Pool {
            total: sandboxes,
            running,
            warming: parked.warming,
            warm: parked.warm,
            waiting: sandboxes.saturating_sub(running + parked.warm + parked.warming),
            pre_warm_hits: parked.hits,
            pre_warm_misses: parked.misses,
            max_capacity: self.host.seats.max() as u64,
            resume_warm_hits: COUNTS.resumed_warm.count(),
            resume_cold_hits: COUNTS.resumed_cold.count(),
            ..Pool::default()
        }
    }

    /// What the original calls this process.
    pub(super) fn coordinator() -> String {
        format!("{}-{}", hostname(), std::process::id())
    }

    /// What keeps sandboxes in on this host; from here on every session shows it.
    pub(crate) async fn measure_isolation(&self) -> sandbox::Isolation {
        let found = self.host.launcher.measured_isolation().await;
        let shown = SessionIsolation {
            placement: found.placement.clone().into_owned(),
            degraded: found.degraded().into_iter().map(str::to_owned).collect(),
        };
        // A second measurement finds the same.
        let _same = self.isolation.set(shown);
        found
    }
}

fn hostname() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
}

fn isolation(found: sandbox::Isolation) -> Isolation {
    let level = |level: sandbox::Level| match level {
        sandbox::Level::None => Level::None,
        sandbox::Level::Soft => Level::Soft,
        sandbox::Level::Hard => Level::Hard,
    };
    let degraded = found.degraded().into_iter().map(str::to_owned).collect();
    Isolation {
        degraded,
        placement: found.placement.into_owned(),
        files: level(found.files),
        network: level(found.network),
        identity: level(found.identity),
        memory: level(found.memory),
        processes: level(found.processes),
        cpu: level(found.cpu),
        seccomp: level(found.seccomp),
        disk: level(found.disk),
        notes: found.notes,
    }
}
