//! `ashctl job`: prompts that run in the background.

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::Table;
use http::Method;

use super::Context;
use super::failure::Failure;
use super::output::{Output, Times, cell, columns, first_line, optional};
use super::prefix::resolve;
use super::server::whole;
use super::turn::options::message_text;
use crate::id::JobId;
use crate::wire::jobs::{CreateJob, Job, JobCounts, JobStatus, RETRIES_DEFAULT};

/// Most jobs in a list: the server's own limit.
const LIMIT_MAX: u32 = 500;

#[derive(Debug, Subcommand)]
pub(crate) enum JobVerb {
    Create(CreateJobVerb),
    /// List the jobs, the newest first
    List {
        /// Only those
        #[arg(long, value_enum)]
        status: Option<Wanted>,
        /// Most jobs that are listed
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIMIT_MAX)))]
        limit: u32,
    },
    /// Show a job and its answer
    Show {
        /// Id of the job
        job: JobId,
    },
    /// Cancel a job; one that runs is interrupted
    Cancel {
        /// Id of the job
        job: JobId,
    },
    /// Count the jobs of each status
    Stats,
}

/// Have a prompt run in the background
///
/// It runs in a session of its own, which ends with it, or in the one that is named. A job that fails
/// is tried again after a pause.
#[derive(Debug, Args)]
pub(crate) struct CreateJobVerb {
    /// Name of the agent
    agent: String,
    /// What to say; `-` reads it from the standard input
    prompt: String,
    /// Session to run it in: its id, or its first characters
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// The higher is run first
    #[arg(long, value_name = "N", default_value_t = 0)]
    priority: u32,
    /// How often it is tried again
    #[arg(long, value_name = "N", default_value_t = RETRIES_DEFAULT)]
    retries: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Wanted {
    Pending,
    Processing,
    Completed,
    Failed,
    Cancelled,
}

impl From<Wanted> for JobStatus {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Pending => Self::Pending,
            Wanted::Processing => Self::Processing,
            Wanted::Completed => Self::Completed,
            Wanted::Failed => Self::Failed,
            Wanted::Cancelled => Self::Cancelled,
        }
    }
}

pub(crate) async fn run(context: &Context, verb: JobVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    match verb {
        JobVerb::Create(create) => {
            let session_id = match &create.session {
                Some(session) => Some(resolve(server, session).await?),
                None => None,
            };
            let request = CreateJob {
                agent_name: create.agent,
                prompt: message_text(create.prompt)?,
                session_id,
                priority: create.priority,
                max_retries: create.retries,
            };
            let answer = whole(server.post("/api/queue", &request).await?).await?;
            output.one(&answer, "item", id, |job: Job| output.line(&job.id.to_string()))
        }
        JobVerb::List { status, limit } => {
            let status = status.map_or_else(String::new, |status| {
                format!("&status={}", JobStatus::from(status).as_str())
            });
            let answer = server.get(&format!("/api/queue?limit={limit}{status}")).await?;
            output.list(&answer, "items", id, |jobs| table(jobs, output.times))
        }
        JobVerb::Show { job } => shown(output, &server.get(&format!("/api/queue/{job}")).await?),
        JobVerb::Cancel { job } => {
            let answer = server.call(Method::DELETE, &format!("/api/queue/{job}")).await?;
            output.one(&answer, "item", id, |job: Job| {
                output.line(&format!("Cancelled job {}", job.id))
            })
        }
        JobVerb::Stats => {
            let answer = server.get("/api/queue/stats").await?;
            output.one(
                &answer,
                "stats",
                |_: &JobCounts| String::new(),
                |counts| output.table(statistics(counts)),
            )
        }
    }
}

fn id(job: &Job) -> String {
    job.id.to_string()
}

fn table(jobs: Vec<Job>, times: Times) -> Table {
    let mut table = columns(["ID", "AGENT", "STATUS", "TRIED", "CREATED", "PROMPT"]);
    for job in jobs {
        table.add_row([
            job.id.to_string(),
            cell(&job.agent_name),
            job.status.as_str().to_owned(),
            tried(&job),
            times.show(job.created_at),
            first_line(&job.prompt),
        ]);
    }
    table
}

fn shown(output: &Output, answer: &[u8]) -> Result<(), Failure> {
    output.one(answer, "item", id, |job: Job| {
        let when = |at| Option::map_or(at, "-".to_owned(), |at| output.times.show(at));
        let mut table = Table::new();
        table
            .add_row(["id", &job.id.to_string()])
            .add_row(["agent", &cell(&job.agent_name)])
            .add_row(["session", &job.session_id.map_or("-".to_owned(), |id| id.to_string())])
            .add_row(["status", job.status.as_str()])
            .add_row(["tried", &tried(&job)])
            .add_row(["priority", &job.priority.to_string()])
            .add_row(["created", &output.times.show(job.created_at)])
            .add_row(["started", &when(job.started_at)])
            .add_row(["completed", &when(job.completed_at)])
            .add_row(["due", &when(job.due_at)])
            .add_row(["prompt", &first_line(&job.prompt)])
            .add_row(["error", &optional(job.error.as_deref())]);
        output.table(table)?;
        match &job.result {
            Some(result) => output.line(&format!("\n{}", super::plain::text(result))),
            None => Ok(()),
        }
    })
}

/// How often a job was tried again, of how often it may be.
fn tried(job: &Job) -> String {
    format!("{}/{}", job.retry_count, job.max_retries)
}

fn statistics(counts: JobCounts) -> Table {
    let JobCounts { pending, processing, completed, failed, cancelled } = counts;
    let mut table = columns(["STATUS", "JOBS"]);
    let rows = [pending, processing, completed, failed, cancelled];
    for (status, count) in JobStatus::ALL.into_iter().zip(rows) {
        table.add_row([status.as_str().to_owned(), count.to_string()]);
    }
    table
}
