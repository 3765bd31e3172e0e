//! Schedules on the wire: prompts that become jobs when their time comes.

use serde::{Deserialize, Serialize};

use super::jobs::retries_default;
use crate::clock::Timestamp;
use crate::id::{JobId, ScheduleId, SessionId};

/// What becomes of runs for which ashd was not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Missed {
    /// They are left out.
    #[default]
    Skip,
    /// One is made up for, however many there were.
    RunOnce,
}

impl Missed {
    pub(crate) const ALL: [Self; 2] = [Self::Skip, Self::RunOnce];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::RunOnce => "run_once",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|missed| missed.as_str() == text)
    }
}

/// What becomes of a run while the job of the one before is not over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Overlap {
    /// It is left out.
    #[default]
    Skip,
    /// It waits for the end of that job; one at most.
    Queue,
    /// It begins beside it.
    Allow,
}

impl Overlap {
    pub(crate) const ALL: [Self; 3] = [Self::Skip, Self::Queue, Self::Allow];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::Allow => "allow",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|overlap| overlap.as_str() == text)
    }
}

/// What became of the latest time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunOutcome {
    /// It is a job.
    Started,
    /// It waits for the job of the run before.
    Held,
    /// The job of the run before was not over.
    SkippedOverlap,
    /// ashd was not there.
    SkippedMissed,
    /// Too many jobs of the tenant waited.
    SkippedFull,
}

impl RunOutcome {
    pub(crate) const ALL: [Self; 5] =
        [Self::Started, Self::Held, Self::SkippedOverlap, Self::SkippedMissed, Self::SkippedFull];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Held => "held",
            Self::SkippedOverlap => "skipped_overlap",
            Self::SkippedMissed => "skipped_missed",
            Self::SkippedFull => "skipped_full",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// Body of `POST /api/schedules`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateSchedule {
    /// Minute, hour, day of the month, month, day of the week.
    pub(crate) cron: String,
    /// A name such as `Europe/Vienna`; absent: `UTC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timezone: Option<String>,
    pub(crate) agent_name: String,
    pub(crate) prompt: String,
    /// A session to run it in; absent: one of its own for each run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session_id: Option<SessionId>,
    #[serde(default)]
    pub(crate) priority: u32,
    #[serde(default = "retries_default")]
    pub(crate) max_retries: u32,
    #[serde(default)]
    pub(crate) missed: Missed,
    #[serde(default)]
    pub(crate) overlap: Overlap,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

/// Body of `PATCH /api/schedules/{id}`; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangeSchedule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cron: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timezone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prompt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) missed: Option<Missed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) overlap: Option<Overlap>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) enabled: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Schedule {
    pub(crate) id: ScheduleId,
    pub(crate) tenant_id: String,
    pub(crate) label: Option<String>,
    pub(crate) cron: String,
    pub(crate) timezone: String,
    pub(crate) agent_name: String,
    pub(crate) session_id: Option<SessionId>,
    pub(crate) prompt: String,
    pub(crate) priority: u32,
    pub(crate) max_retries: u32,
    pub(crate) missed: Missed,
    pub(crate) overlap: Overlap,
    pub(crate) enabled: bool,
    /// When it comes next, while it is enabled.
    pub(crate) next_run_at: Option<Timestamp>,
    /// A run waits for the job of the one before.
    pub(crate) held: bool,
    pub(crate) last_run_at: Option<Timestamp>,
    pub(crate) last_outcome: Option<RunOutcome>,
    /// The latest job that it became.
    pub(crate) last_job_id: Option<JobId>,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ScheduleEnvelope {
    pub(crate) schedule: Schedule,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ScheduleList {
    pub(crate) schedules: Vec<Schedule>,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::jobs::JobAnswer;
    use super::openapi::{flag, operation};
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::CreateSchedule, "Has a prompt run at its times.")
            .body::<CreateSchedule>()
            .answers::<ScheduleEnvelope>(201)
            .refuses(&[
                Code::AgentNotFound,
                Code::IdempotencyMismatch,
                Code::SessionNotFound,
                Code::SessionState,
                Code::TooManySchedules,
            ]),
        operation(Operation::ListSchedules, "Lists the schedules.")
            .query("allTenants", flag(), "Of all tenants; over the admin socket only.")
            .answers::<ScheduleList>(200)
            .refuses(&[Code::Forbidden]),
        operation(Operation::GetSchedule, "Tells about a schedule.")
            .answers::<ScheduleEnvelope>(200)
            .refuses(&[Code::ScheduleNotFound]),
        operation(Operation::ChangeSchedule, "Changes a schedule, or disables it.")
            .body::<ChangeSchedule>()
            .answers::<ScheduleEnvelope>(200)
            .refuses(&[Code::ScheduleNotFound]),
        operation(Operation::DeleteSchedule, "Deletes a schedule; its jobs go on.")
            .answers::<super::Deleted>(200)
            .refuses(&[Code::ScheduleNotFound]),
        operation(Operation::RunSchedule, "Has a schedule run now.")
            .answers::<JobAnswer>(201)
            .refuses(&[
                Code::Draining,
                Code::IdempotencyMismatch,
                Code::QueueFull,
                Code::ScheduleNotFound,
            ]),
    ]
}
