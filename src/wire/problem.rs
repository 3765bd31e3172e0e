//! A refused request, as a problem document (RFC 9457) that also carries what the original's
//! clients read: `error`, `message` and `statusCode`.

use serde::{Deserialize, Serialize};

/// Why a request was refused: stable, part of the contract. Each has one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    AgentChanged,
    AgentInvalid,
    AgentNotFound,
    ArchiveFailed,
    ArchiveInvalid,
    AttachmentNotFound,
    BadRequest,
    BodyTooLarge,
    ChangedMeanwhile,
    CliMissing,
    CliTooOld,
    ConfigInvalid,
    CredentialNotFound,
    CredentialsUnavailable,
    CutOff,
    DiskFull,
    DiskQuotaReached,
    Draining,
    EvalNotFound,
    EvalState,
    FileNotFound,
    FileTooLarge,
    Forbidden,
    IdempotencyMismatch,
    Internal,
    JobNotFound,
    JobState,
    KeyNotFound,
    MethodNotAllowed,
    NotFound,
    NotSupported,
    PathOutside,
    PermissionNotFound,
    PermissionResolved,
    QueueFull,
    RateLimited,
    SandboxFailed,
    ScheduleNotFound,
    SessionBusy,
    SessionEnded,
    SessionNotFound,
    SessionState,
    ShuttingDown,
    StoreUnavailable,
    TooManyAttachments,
    TooManyCommands,
    TooManyEvals,
    TooManyKeys,
    TooManySchedules,
    TooManySessions,
    TooManyWebhooks,
    TurnNotFound,
    TurnRunning,
    Unauthorized,
    VersionActive,
    VersionNotFound,
    WebhookDisabled,
    WebhookNotFound,
    #[serde(other)]
    #[cfg_attr(test, schemars(skip))]
    Unknown,
}

impl Code {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::AgentInvalid
            | Self::ArchiveInvalid
            | Self::BadRequest
            | Self::EvalState
            | Self::JobState
            | Self::PathOutside
            | Self::SessionState => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::AgentNotFound
            | Self::AttachmentNotFound
            | Self::CredentialNotFound
            | Self::EvalNotFound
            | Self::FileNotFound
            | Self::JobNotFound
            | Self::KeyNotFound
            | Self::NotFound
            | Self::PermissionNotFound
            | Self::ScheduleNotFound
            | Self::SessionNotFound
            | Self::TurnNotFound
            | Self::VersionNotFound
            | Self::WebhookNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::AgentChanged
            | Self::PermissionResolved
            | Self::SessionBusy
            | Self::TooManyAttachments
            | Self::TooManyEvals
            | Self::TooManyKeys
            | Self::TooManySchedules
            | Self::TooManyWebhooks
            | Self::TurnRunning
            | Self::VersionActive
            | Self::WebhookDisabled => 409,
            Self::SessionEnded => 410,
            Self::ChangedMeanwhile => 412,
            Self::BodyTooLarge | Self::FileTooLarge => 413,
            Self::ConfigInvalid | Self::IdempotencyMismatch => 422,
            Self::QueueFull | Self::RateLimited | Self::TooManyCommands => 429,
            Self::Internal | Self::Unknown => 500,
            Self::NotSupported => 501,
            Self::ArchiveFailed
            | Self::CliMissing
            | Self::CliTooOld
            | Self::CredentialsUnavailable
            | Self::CutOff
            | Self::Draining
            | Self::SandboxFailed
            | Self::ShuttingDown
            | Self::StoreUnavailable
            | Self::TooManySessions => 503,
            Self::DiskFull | Self::DiskQuotaReached => 507,
        }
    }

    /// The code as it stands on the wire.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AgentChanged => "agent_changed",
            Self::AgentInvalid => "agent_invalid",
            Self::AgentNotFound => "agent_not_found",
            Self::ArchiveFailed => "archive_failed",
            Self::ArchiveInvalid => "archive_invalid",
            Self::AttachmentNotFound => "attachment_not_found",
            Self::BadRequest => "bad_request",
            Self::BodyTooLarge => "body_too_large",
            Self::ChangedMeanwhile => "changed_meanwhile",
            Self::CliMissing => "cli_missing",
            Self::CliTooOld => "cli_too_old",
            Self::ConfigInvalid => "config_invalid",
            Self::CredentialNotFound => "credential_not_found",
            Self::CredentialsUnavailable => "credentials_unavailable",
            Self::CutOff => "cut_off",
            Self::DiskFull => "disk_full",
            Self::DiskQuotaReached => "disk_quota_reached",
            Self::Draining => "draining",
            Self::EvalNotFound => "eval_not_found",
            Self::EvalState => "eval_state",
            Self::FileNotFound => "file_not_found",
            Self::FileTooLarge => "file_too_large",
            Self::Forbidden => "forbidden",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::Internal => "internal",
            Self::JobNotFound => "job_not_found",
            Self::JobState => "job_state",
            Self::KeyNotFound => "key_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotFound => "not_found",
            Self::NotSupported => "not_supported",
            Self::PathOutside => "path_outside",
            Self::PermissionNotFound => "permission_not_found",
            Self::PermissionResolved => "permission_resolved",
            Self::QueueFull => "queue_full",
            Self::RateLimited => "rate_limited",
            Self::SandboxFailed => "sandbox_failed",
            Self::ScheduleNotFound => "schedule_not_found",
            Self::SessionBusy => "session_busy",
            Self::SessionEnded => "session_ended",
            Self::SessionNotFound => "session_not_found",
            Self::SessionState => "session_state",
            Self::ShuttingDown => "shutting_down",
            Self::StoreUnavailable => "store_unavailable",
            Self::TooManyAttachments => "too_many_attachments",
            Self::TooManyCommands => "too_many_commands",
            Self::TooManyEvals => "too_many_evals",
            Self::TooManyKeys => "too_many_keys",
            Self::TooManySchedules => "too_many_schedules",
            Self::TooManySessions => "too_many_sessions",
            Self::TooManyWebhooks => "too_many_webhooks",
            Self::TurnNotFound => "turn_not_found",
            Self::TurnRunning => "turn_running",
            Self::Unauthorized => "unauthorized",
            Self::Unknown => "unknown",
            Self::VersionActive => "version_active",
            Self::VersionNotFound => "version_not_found",
            Self::WebhookDisabled => "webhook_disabled",
            Self::WebhookNotFound => "webhook_not_found",
        }
    }

    /// Every code but the unknown one.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 58] = [
        Self::AgentChanged,
        Self::AgentInvalid,
        Self::AgentNotFound,
        Self::ArchiveFailed,
        Self::ArchiveInvalid,
        Self::AttachmentNotFound,
        Self::BadRequest,
        Self::BodyTooLarge,
        Self::ChangedMeanwhile,
        Self::CliMissing,
        Self::CliTooOld,
        Self::ConfigInvalid,
        Self::CredentialNotFound,
        Self::CredentialsUnavailable,
        Self::CutOff,
        Self::DiskFull,
        Self::DiskQuotaReached,
        Self::Draining,
        Self::EvalNotFound,
        Self::EvalState,
        Self::FileNotFound,
        Self::FileTooLarge,
        Self::Forbidden,
        Self::IdempotencyMismatch,
        Self::Internal,
        Self::JobNotFound,
        Self::JobState,
        Self::KeyNotFound,
        Self::MethodNotAllowed,
        Self::NotFound,
        Self::NotSupported,
        Self::PathOutside,
        Self::PermissionNotFound,
        Self::PermissionResolved,
        Self::QueueFull,
        Self::RateLimited,
        Self::SandboxFailed,
        Self::ScheduleNotFound,
        Self::SessionBusy,
        Self::SessionEnded,
        Self::SessionNotFound,
        Self::SessionState,
        Self::ShuttingDown,
        Self::StoreUnavailable,
        Self::TooManyAttachments,
        Self::TooManyCommands,
        Self::TooManyEvals,
        Self::TooManyKeys,
        Self::TooManySchedules,
        Self::TooManySessions,
        Self::TooManyWebhooks,
        Self::TurnNotFound,
        Self::TurnRunning,
        Self::Unauthorized,
        Self::VersionActive,
        Self::VersionNotFound,
        Self::WebhookDisabled,
        Self::WebhookNotFound,
    ];
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Problem {
    #[serde(default = "unknown")]
    pub(crate) code: Code,
    /// What went wrong and why, for a person. The same text as `message` and `detail`.
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(rename = "statusCode", default)]
    pub(crate) status_code: u16,
    #[serde(default)]
    pub(crate) status: u16,
    /// The member of the request that is wrong, e.g. `mcpServers.files.command`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// Where the request stood among those that wait for room, from 1.
    #[serde(rename = "queuePosition", default, skip_serializing_if = "Option::is_none")]
    pub(crate) queue_position: Option<usize>,
    /// The name of the request, which the log has, too.
    #[serde(rename = "requestId", default, skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
}

fn unknown() -> Code {
    Code::Unknown
}

impl Problem {
    pub(crate) fn new(code: Code, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            code,
            message: text.clone(),
            detail: text.clone(),
            error: text,
            status_code: code.status(),
            status: code.status(),
            field: None,
            hint: None,
            queue_position: None,
            request_id: None,
        }
    }

    #[must_use]
    pub(crate) fn queue_position(mut self, position: usize) -> Self {
        self.queue_position = Some(position);
        self
    }

    #[must_use]
    pub(crate) fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_spelt_the_same_everywhere() {
        for code in Code::ALL {
            let json = serde_json::to_string(&code).unwrap();
            assert_eq!(json, format!("\"{}\"", code.as_str()));
            assert_eq!(serde_json::from_str::<Code>(&json).unwrap(), code);
        }
    }

    #[test]
    fn an_error_of_the_original_is_understood() {
        let problem: Problem =
            serde_json::from_str(r#"{"error":"Agent not found","statusCode":404}"#).unwrap();
        assert_eq!((problem.code, problem.status_code), (Code::Unknown, 404));
    }
}
