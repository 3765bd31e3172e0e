//! `ashctl schedule`: prompts that run at their times.

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::Table;
use http::Method;

use super::Context;
use super::failure::Failure;
use super::output::{Format, Output, Times, cell, columns, optional};
use super::prefix::resolve;
use super::server::whole;
use super::turn::options::message_text;
use crate::clock::Timestamp;
use crate::id::ScheduleId;
use crate::wire::jobs::{Job, RETRIES_DEFAULT};
use crate::wire::schedules::{
    ChangeSchedule, CreateSchedule, Missed, Overlap, RunOutcome, Schedule,
};

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleVerb {
    Add(AddVerb),
    /// List the schedules
    List,
    /// Show a schedule
    Show {
        /// Id of the schedule
        schedule: ScheduleId,
    },
    /// Have a schedule run now, beside its times, and print the id of the job
    Run {
        /// Id of the schedule
        schedule: ScheduleId,
    },
    /// Have a schedule come again, from now on
    Enable {
        /// Id of the schedule
        schedule: ScheduleId,
    },
    /// Have a schedule come no more until it is enabled
    Disable {
        /// Id of the schedule
        schedule: ScheduleId,
    },
    /// Remove a schedule; its jobs go on
    Remove {
        /// Id of the schedule
        schedule: ScheduleId,
    },
}

/// Have a prompt run at its times
///
/// Each time it becomes a job, in a session of its own or in the one that is named.
#[derive(Debug, Args)]
pub(crate) struct AddVerb {
    /// When: minute, hour, day of the month, month, day of the week, such as '0 9 * * 1-5'
    cron: String,
    /// Name of the agent
    agent: String,
    /// What to say; `-` reads it from the standard input
    prompt: String,
    /// Zone of the times, such as Europe/Vienna
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// What becomes of runs for which ashd was not there
    #[arg(long, value_enum, default_value_t = MissedRuns::Skip)]
    missed: MissedRuns,
    /// What becomes of a run while the job of the one before is not over
    #[arg(long, value_enum, default_value_t = Overlapping::Skip)]
    overlap: Overlapping,
    /// Session to run it in: its id, or its first characters
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// The higher is run first
    #[arg(long, value_name = "N", default_value_t = 0)]
    priority: u32,
    /// How often a run is tried again
    #[arg(long, value_name = "N", default_value_t = RETRIES_DEFAULT)]
    retries: u32,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MissedRuns {
    /// They are left out
    Skip,
    /// One is made up for
    RunOnce,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Overlapping {
    /// It is left out
    Skip,
    /// It waits; one at most
    Queue,
    /// It begins beside it
    Allow,
}

impl From<MissedRuns> for Missed {
    fn from(missed: MissedRuns) -> Self {
        match missed {
            MissedRuns::Skip => Self::Skip,
            MissedRuns::RunOnce => Self::RunOnce,
        }
    }
}

impl From<Overlapping> for Overlap {
    fn from(overlap: Overlapping) -> Self {
        match overlap {
            Overlapping::Skip => Self::Skip,
            Overlapping::Queue => Self::Queue,
            Overlapping::Allow => Self::Allow,
        }
    }
}

pub(crate) async fn run(context: &Context, verb: ScheduleVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    match verb {
        ScheduleVerb::Add(add) => {
            let session_id = match &add.session {
                Some(session) => Some(resolve(server, session).await?),
                None => None,
            };
            let request = CreateSchedule {
                cron: add.cron,
                timezone: Some(add.timezone),
                agent_name: add.agent,
                prompt: message_text(add.prompt)?,
                session_id,
                priority: add.priority,
                max_retries: add.retries,
                missed: add.missed.into(),
                overlap: add.overlap.into(),
                label: add.label,
            };
            let answer = whole(server.post("/api/schedules", &request).await?).await?;
            output.one(&answer, "schedule", id, |schedule: Schedule| {
                output.line(&schedule.id.to_string())?;
                output.note(&format!("it comes at {}", moment(schedule.next_run_at)));
                Ok(())
            })
        }
        ScheduleVerb::List => {
            let answer = server.get("/api/schedules").await?;
            output.list(&answer, "schedules", id, |schedules| table(schedules, output.times))
        }
        ScheduleVerb::Show { schedule } => shown(output, &server.get(&target(schedule)).await?),
        ScheduleVerb::Run { schedule } => {
            let answer = server.call(Method::POST, &format!("{}/run", target(schedule))).await?;
            let id = |job: &Job| job.id.to_string();
            output.one(&answer, "item", id, |job: Job| output.line(&job.id.to_string()))
        }
        ScheduleVerb::Enable { schedule } => enabled(context, schedule, true).await,
        ScheduleVerb::Disable { schedule } => enabled(context, schedule, false).await,
        ScheduleVerb::Remove { schedule } => {
            let answer = server.call(Method::DELETE, &target(schedule)).await?;
            match output.format {
                Format::Table => output.line(&format!("Removed schedule {schedule}")),
                Format::Id => output.line(&schedule.to_string()),
                Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
            }
        }
    }
}

async fn enabled(context: &Context, schedule: ScheduleId, enabled: bool) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let change = ChangeSchedule { enabled: Some(enabled), ..ChangeSchedule::default() };
    let answer = whole(server.patch(&target(schedule), &change).await?).await?;
    output.one(&answer, "schedule", id, |schedule: Schedule| match schedule.next_run_at {
        Some(next) => output.line(&format!("Enabled schedule {}; it comes at {next}", schedule.id)),
        None => output.line(&format!("Disabled schedule {}", schedule.id)),
    })
}

fn target(schedule: ScheduleId) -> String {
    format!("/api/schedules/{schedule}")
}

fn id(schedule: &Schedule) -> String {
    schedule.id.to_string()
}

/// In whole, since it lies ahead.
fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}

fn outcome(schedule: &Schedule) -> &'static str {
    match (schedule.held, schedule.last_outcome) {
        (true, _) => RunOutcome::Held.as_str(),
        (false, Some(outcome)) => outcome.as_str(),
        (false, None) => "-",
    }
}

fn table(schedules: Vec<Schedule>, times: Times) -> Table {
    let mut table = columns(["ID", "AGENT", "TIMES", "ZONE", "NEXT", "LAST", "OUTCOME", "LABEL"]);
    for schedule in schedules {
        let last = schedule.last_run_at.map_or_else(|| "-".to_owned(), |at| times.show(at));
        let next = if schedule.enabled { moment(schedule.next_run_at) } else { "disabled".into() };
        table.add_row([
            schedule.id.to_string(),
            cell(&schedule.agent_name),
            cell(&schedule.cron),
            cell(&schedule.timezone),
            next,
            last,
            outcome(&schedule).to_owned(),
            optional(schedule.label.as_deref()),
        ]);
    }
    table
}

fn shown(output: &Output, answer: &[u8]) -> Result<(), Failure> {
    output.one(answer, "schedule", id, |schedule: Schedule| {
        let last = schedule.last_run_at.map_or_else(|| "-".to_owned(), |at| output.times.show(at));
        let own = |id: Option<String>| id.unwrap_or_else(|| "-".to_owned());
        let next = if schedule.enabled { moment(schedule.next_run_at) } else { "disabled".into() };
        let mut table = Table::new();
        table
            .add_row(["id", &schedule.id.to_string()])
            .add_row(["label", &optional(schedule.label.as_deref())])
            .add_row(["agent", &cell(&schedule.agent_name)])
            .add_row(["session", &own(schedule.session_id.map(|id| id.to_string()))])
            .add_row(["times", &cell(&schedule.cron)])
            .add_row(["zone", &cell(&schedule.timezone)])
            .add_row(["missed", schedule.missed.as_str()])
            .add_row(["overlap", schedule.overlap.as_str()])
            .add_row(["priority", &schedule.priority.to_string()])
            .add_row(["retries", &schedule.max_retries.to_string()])
            .add_row(["next", &next])
            .add_row(["last", &last])
            .add_row(["outcome", outcome(&schedule)])
            .add_row(["job", &own(schedule.last_job_id.map(|id| id.to_string()))])
            .add_row(["created", &output.times.show(schedule.created_at)]);
        output.table(table)?;
        output.line(&format!("\n{}", super::plain::text(&schedule.prompt)))
    })
}
