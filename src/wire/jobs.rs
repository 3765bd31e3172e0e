//! Jobs on the wire: prompts that run in the background. The original calls them items of a queue.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{JobId, SessionId, TurnId};

/// Attempts behind the first if a job does not say it: the original's number.
pub(crate) const RETRIES_DEFAULT: u32 = 3;

/// Body of `POST /api/queue`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateJob {
    pub(crate) agent_name: String,
    pub(crate) prompt: String,
    /// A session to run it in; absent: one of its own, which ends with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<SessionId>,
    /// The higher is run first.
    #[serde(default)]
    pub(crate) priority: u32,
    #[serde(default = "retries_default")]
    pub(crate) max_retries: u32,
}

pub(super) fn retries_default() -> u32 {
    RETRIES_DEFAULT
}

/// What has become of a job, in the original's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum JobStatus {
    Pending,
    Processing,
    Completed,
    Failed,
    Cancelled,
}

impl JobStatus {
    pub(crate) const ALL: [Self; 5] =
        [Self::Pending, Self::Processing, Self::Completed, Self::Failed, Self::Cancelled];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) tenant_id: String,
    pub(crate) agent_name: String,
    /// Where it runs or ran.
    pub(crate) session_id: Option<SessionId>,
    pub(crate) turn_id: Option<TurnId>,
    pub(crate) prompt: String,
    pub(crate) status: JobStatus,
    pub(crate) priority: u32,
    pub(crate) retry_count: u32,
    pub(crate) max_retries: u32,
    /// The answer, once it is completed.
    pub(crate) result: Option<String>,
    /// Why its latest attempt failed.
    pub(crate) error: Option<String>,
    pub(crate) created_at: Timestamp,
    /// When it is tried next, while it waits.
    pub(crate) due_at: Option<Timestamp>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) completed_at: Option<Timestamp>,
}

/// Answer that has one job.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct JobAnswer {
    pub(crate) item: Job,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct JobList {
    pub(crate) items: Vec<Job>,
}

/// How many jobs there are of each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct JobCounts {
    pub(crate) pending: u64,
    pub(crate) processing: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
}

/// Answer to `GET /api/queue/stats`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct JobStats {
    pub(crate) stats: JobCounts,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::{one_of, operation, whole};
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::CreateJob, "Has a prompt run in the background.")
            .body::<CreateJob>()
            .answers::<JobAnswer>(201)
            .refuses(&[
                Code::AgentNotFound,
                Code::Draining,
                Code::IdempotencyMismatch,
                Code::QueueFull,
                Code::SessionNotFound,
                Code::SessionState,
            ]),
        operation(Operation::ListJobs, "Lists the jobs, the newest first.")
            .query("status", one_of(&JobStatus::ALL.map(JobStatus::as_str)), "Only those.")
            .query("limit", whole(1, 500), "Most that are listed; default 50.")
            .answers::<JobList>(200),
        operation(Operation::CountJobs, "Counts the jobs of each status.").answers::<JobStats>(200),
        operation(Operation::GetJob, "Tells about a job and its answer.")
            .answers::<JobAnswer>(200)
            .refuses(&[Code::JobNotFound]),
        operation(Operation::CancelJob, "Cancels a job; one that runs is interrupted.")
            .answers::<JobAnswer>(200)
            .refuses(&[Code::JobNotFound, Code::JobState]),
    ]
}
