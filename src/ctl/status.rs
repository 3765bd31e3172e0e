//! `ashctl status`, and `ashctl` alone: whether the daemon runs and what it does.

use comfy_table::Table;

use super::Context;
use super::failure::Failure;
use super::output::{Format, cell, warn};
use super::server::understand;
use super::when::largest_unit;
use crate::wire::health::{Cli, Health, Isolation, Level};

pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = server.health().await?;
    match output.format {
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
        Format::Id => output.line(&cell(&understand::<Health>(&answer)?.coordinator_id)),
        Format::Table => {
            let health: Health = understand(&answer)?;
            output.table(overview(&health, server.place()))?;
            if let Some(problem) = &health.store_problem {
                warn(&format!("{}; {}", cell(&problem.error), cell(&problem.hint)));
            }
            if let Some(problem) = &health.cli.problem {
                warn(&format!("no session can start: {problem}"));
            }
            Ok(())
        }
    }
}

fn overview(health: &Health, place: &str) -> Table {
    #[expect(clippy::cast_possible_truncation, reason = "seconds, and `as` saturates")]
    let uptime = largest_unit(health.uptime as i64);
    let mut table = Table::new();
    table
        .add_row(["ashd", &format!("{}, up {uptime}, on {}", cell(&health.version), cell(place))])
        .add_row(["sessions", &sessions(health)])
        .add_row(["isolation", &isolation(health)])
        .add_row(["claude", &claude(&health.cli)]);
    if let Some(problem) = &health.store_problem {
        table.add_row(["database", &format!("degraded ({})", cell(&problem.code))]);
    }
    if health.draining {
        let how = "no new sessions and messages are taken (`ashctl drain --undo`)";
        table.add_row(["drain", how]);
    }
    table
}

fn sessions(health: &Health) -> String {
    let Health { active_sessions, active_sandboxes, pool, .. } = health;
    format!(
        "{active_sessions} active, {active_sandboxes} of at most {} sandboxes, {} running a turn",
        pool.max_capacity, pool.running
    )
}

fn isolation(health: &Health) -> String {
    if health.simulated {
        return "none, sandboxes are simulated".to_owned();
    }
    let walls = walls(&health.isolation);
    let hard = walls.iter().filter(|(_, level)| *level == Level::Hard).count();
    let placement = cell(&health.isolation.placement);
    if hard == walls.len() {
        format!("{placement}, all walls are hard")
    } else {
        format!("{placement}, {hard} of {} walls are hard (see `ashctl doctor`)", walls.len())
    }
}

/// Each wall of a sandbox and how far it goes.
pub(crate) fn walls(isolation: &Isolation) -> [(&'static str, Level); 8] {
    [
        ("files", isolation.files),
        ("network", isolation.network),
        ("identity", isolation.identity),
        ("memory", isolation.memory),
        ("processes", isolation.processes),
        ("cpu", isolation.cpu),
        ("seccomp", isolation.seccomp),
        ("disk", isolation.disk),
    ]
}

/// The Claude Code CLI in one line.
pub(crate) fn claude(cli: &Cli) -> String {
    match (&cli.version, &cli.path) {
        (Some(version), Some(path)) => format!("{} ({})", cell(version), cell(path)),
        (None, Some(path)) => cell(path),
        (Some(version), None) => cell(version),
        (None, None) => "not found".to_owned(),
    }
}
