//! `ashctl doctor`: what this host can enforce, and what it lacks.
//!
//! A daemon knows best and is asked first. When none runs here, the host itself is looked at, and one
//! sandbox is started that tries its walls.

use comfy_table::Table;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{Format, cell, columns};
use super::server::understand;
use super::status::{claude, walls};
use crate::wire::health::{Health, Level};

mod background;
mod host;

use self::host::{Check, Verdict};

pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let Context { server, output, environment, .. } = context;
    let answer = match server.health().await {
        Ok(answer) => answer,
        Err(failure) if failure.exit == Exit::NotActive && server.local => {
            let mut checks = host::check(&environment.path).await;
            match host::probe().await {
                Ok(isolation) => checks.extend(host::found(&isolation)),
                Err(found) => {
                    checks.push(Check { what: "a sandbox", verdict: Verdict::Missing, found });
                }
            }
            return without_daemon(context, &checks, failure);
        }
        Err(failure) => return Err(failure),
    };
    let health: Health = understand(&answer)?;
    match output.format {
        Format::Table => {
            // Only who may administer the host sees what belongs to everybody.
            let looked =
                if server.administers() { background::look(server).await } else { Ok(vec![]) };
            let background = looked.unwrap_or_else(|failure| {
                output.note(&format!(
                    "- webhooks and schedules could not be looked at: {}",
                    failure.text
                ));
                Vec::new()
            });
            let mut table = report(&health);
            for (what, state) in background::states(&background) {
                table.add_row([what, state]);
            }
            output.table(table)?;
            for note in
                health.isolation.notes.iter().chain(background.iter().map(|found| &found.note))
            {
                output.note(&format!("- {note}"));
            }
        }
        Format::Id => output.line(&cell(&health.coordinator_id))?,
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer))?,
    }
    if let Some(problem) = health.store_problem {
        return Err(Failure::new(Exit::Failure, problem.error).hint(problem.hint));
    }
    match health.cli.problem {
        Some(problem) => {
            Err(Failure::new(Exit::Failure, format!("no session can start: {problem}")))
        }
        None => Ok(()),
    }
}

fn report(health: &Health) -> Table {
    let mut table = columns(["WHAT", "STATE"]);
    let placement = if health.simulated { "simulated" } else { &health.isolation.placement };
    table.add_row(["placement", &cell(placement)]);
    table.add_row(["roles", &cell(&health.roles)]);
    for (wall, level) in walls(&health.isolation) {
        let state = match level {
            Level::None => "absent",
            Level::Soft => "degraded",
            Level::Hard => "enforced",
        };
        table.add_row([wall, state]);
    }
    table.add_row(["claude", &claude(&health.cli)]);
    let database = health.store_problem.as_ref().map_or("ok", |problem| &problem.code);
    table.add_row(["database", &cell(database)]);
    table
}

fn without_daemon(context: &Context, checks: &[Check], not_active: Failure) -> Result<(), Failure> {
    let output = &context.output;
    match output.format {
        Format::Table => {
            let mut table = columns(["WHAT", "STATE", "FOUND"]);
            for Check { what, verdict, found } in checks {
                table.add_row([what, verdict.as_str(), &cell(found)]);
            }
            output.table(table)?;
        }
        Format::Id => {
            checks.iter().try_for_each(|check| output.line(check.what))?;
        }
        Format::Json => {
            output.json(&serde_json::to_string(checks).expect("texts have a JSON form"))?;
        }
        Format::Jsonl => checks.iter().try_for_each(|check| {
            output.json(&serde_json::to_string(check).expect("texts have a JSON form"))
        })?,
    }
    match checks.iter().find(|check| check.verdict == Verdict::Missing) {
        Some(check) => Err(Failure::new(
            Exit::Failure,
            format!("this host lacks {}: {}", check.what, check.found),
        )),
        None => Err(not_active),
    }
}
