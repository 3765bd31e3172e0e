//! The one table of operations: the router is built from it, the documentation and the tests
//! are checked against it.

use crate::scope::Scope;

/// An operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Health,
    ShowReference,
    ReadReference,
    DeployAgent,
    UploadAgent,
    ListAgents,
    GetAgent,
    ChangeAgent,
    DeleteAgent,
    GetAgentConfig,
    ChangeAgentConfig,
    ListVersions,
    CreateVersion,
    GetVersion,
    ChangeVersion,
    DeleteVersion,
    ActivateVersion,
    ListAgentFiles,
    ReadAgentFile,
    WriteAgentFiles,
    DeleteAgentFile,
    ListEvalCases,
    CreateEvalCase,
    ImportEvalCases,
    ExportEvalCases,
    GetEvalCase,
    ChangeEvalCase,
    DeleteEvalCase,
    StartEvalRun,
    ListEvalRuns,
    CompareEvalRuns,
    GetEvalRun,
    ListEvalResults,
    ScoreEvalRun,
    CancelEvalRun,
    ScoreEvalResult,
    CreateSession,
    ListSessions,
    GetSession,
    EndSession,
    ConfigureSession,
    PauseSession,
    ResumeSession,
    StopSession,
    ForkSession,
    ArchiveSession,
    RestoreSession,
    ChangeBudget,
    SendMessage,
    StreamSession,
    InterruptSession,
    ListQueue,
    RemoveTurn,
    SendNow,
    ListPermissions,
    AnswerPermission,
    ListMessages,
    ListEvents,
    ListAudit,
    ListLogs,
    ListFiles,
    ReadFile,
    WriteFile,
    DeleteFile,
    UploadFiles,
    DownloadWorkspace,
    ReplaceWorkspace,
    RestoreWorkspace,
    ExecCommand,
    CreateAttachment,
    ListAttachments,
    ReadAttachment,
    DeleteAttachment,
    ShowConfiguration,
    BackUpDatabase,
    CheckDatabase,
    ReloadConfiguration,
    FollowHost,
    CreateJob,
    ListJobs,
    CountJobs,
    GetJob,
    CancelJob,
    CreateSchedule,
    ListSchedules,
    GetSchedule,
    ChangeSchedule,
    DeleteSchedule,
    RunSchedule,
    CreateWebhook,
    ListWebhooks,
    GetWebhook,
    ChangeWebhook,
    DeleteWebhook,
    ListDeliveries,
    TestWebhook,
    CreateApiKey,
    ListApiKeys,
    RevokeApiKey,
    ShowLoad,
    ListUsage,
    ShowUsageStats,
    ShowAnalytics,
    ShowMetrics,
    CreateCredential,
    ListCredentials,
    DeleteCredential,
    ShowBudget,
    ChangeTenantBudget,
    Drain,
    UndoDrain,
    ShowDrain,
}

/// Where and how an operation is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    pub(crate) operation: Operation,
    pub(crate) method: &'static str,
    /// As axum and `OpenAPI` spell it.
    pub(crate) path: &'static str,
    /// Without a key.
    pub(crate) open: bool,
    /// Over the admin socket only.
    pub(crate) administrators: bool,
    /// What a key must be good for.
    pub(crate) scope: Scope,
}

/// What reads is for every key; what changes agents is a deployment; the rest is use.
const fn route(operation: Operation, method: &'static str, path: &'static str) -> Route {
    let scope = if matches!(method.as_bytes(), b"GET") {
        Scope::Read
    } else if matches!(path.as_bytes(), [b'/', b'a', b'p', b'i', b'/', b'a', b'g', b'e', ..]) {
        Scope::Deploy
    } else {
        Scope::Use
    };
    Route { operation, method, path, open: false, administrators: false, scope }
}

/// An operation that concerns the host and not what is a client's.
const fn for_administrators(
    operation: Operation,
    method: &'static str,
    path: &'static str,
) -> Route {
    Route { administrators: true, ..route(operation, method, path) }
}

/// For those who give keys to others, and to sessions, and say who is told what happens.
const fn about_keys(operation: Operation, method: &'static str, path: &'static str) -> Route {
    Route { scope: Scope::Admin, ..route(operation, method, path) }
}

/// What goes on by itself, also when the key that asked for it is gone.
const fn deploys(operation: Operation, method: &'static str, path: &'static str) -> Route {
    Route { scope: Scope::Deploy, ..route(operation, method, path) }
}

pub(crate) const OPERATIONS: &[Route] = &[
    Route { open: true, ..route(Operation::Health, "GET", "/health") },
    Route { open: true, ..route(Operation::ShowReference, "GET", "/docs") },
    Route { open: true, ..route(Operation::ReadReference, "GET", "/docs/{file}") },
    route(Operation::DeployAgent, "POST", "/api/agents"),
    route(Operation::UploadAgent, "PUT", "/api/agents/{name}/bundle"),
    route(Operation::ListAgents, "GET", "/api/agents"),
    route(Operation::GetAgent, "GET", "/api/agents/{name}"),
    route(Operation::ChangeAgent, "PATCH", "/api/agents/{name}"),
    route(Operation::DeleteAgent, "DELETE", "/api/agents/{name}"),
    route(Operation::GetAgentConfig, "GET", "/api/agents/{name}/config"),
    route(Operation::ChangeAgentConfig, "PATCH", "/api/agents/{name}/config"),
    route(Operation::ListVersions, "GET", "/api/agents/{name}/versions"),
    route(Operation::CreateVersion, "POST", "/api/agents/{name}/versions"),
    route(Operation::GetVersion, "GET", "/api/agents/{name}/versions/{version}"),
    route(Operation::ChangeVersion, "PATCH", "/api/agents/{name}/versions/{version}"),
    route(Operation::DeleteVersion, "DELETE", "/api/agents/{name}/versions/{version}"),
    route(Operation::ActivateVersion, "POST", "/api/agents/{name}/versions/{version}/activate"),
    route(Operation::ListAgentFiles, "GET", "/api/agents/{name}/files"),
    route(Operation::ReadAgentFile, "GET", "/api/agents/{name}/files/{*path}"),
    route(Operation::WriteAgentFiles, "POST", "/api/agents/{name}/files"),
    route(Operation::DeleteAgentFile, "DELETE", "/api/agents/{name}/files/{*path}"),
    route(Operation::ListEvalCases, "GET", "/api/agents/{name}/eval-cases"),
    route(Operation::CreateEvalCase, "POST", "/api/agents/{name}/eval-cases"),
    route(Operation::ImportEvalCases, "POST", "/api/agents/{name}/eval-cases/import"),
    route(Operation::ExportEvalCases, "GET", "/api/agents/{name}/eval-cases/export"),
    route(Operation::GetEvalCase, "GET", "/api/agents/{name}/eval-cases/{id}"),
    route(Operation::ChangeEvalCase, "PATCH", "/api/agents/{name}/eval-cases/{id}"),
    route(Operation::DeleteEvalCase, "DELETE", "/api/agents/{name}/eval-cases/{id}"),
    route(Operation::StartEvalRun, "POST", "/api/agents/{name}/eval-runs"),
    route(Operation::ListEvalRuns, "GET", "/api/agents/{name}/eval-runs"),
    route(Operation::CompareEvalRuns, "GET", "/api/agents/{name}/eval-runs/compare"),
    route(Operation::GetEvalRun, "GET", "/api/agents/{name}/eval-runs/{id}"),
    route(Operation::ListEvalResults, "GET", "/api/agents/{name}/eval-runs/{id}/results"),
    route(Operation::ScoreEvalRun, "POST", "/api/agents/{name}/eval-runs/{id}/score"),
    route(Operation::CancelEvalRun, "POST", "/api/agents/{name}/eval-runs/{id}/cancel"),
    route(Operation::ScoreEvalResult, "PATCH", "/api/agents/{name}/eval-results/{id}"),
    route(Operation::CreateSession, "POST", "/api/sessions"),
    route(Operation::ListSessions, "GET", "/api/sessions"),
    route(Operation::GetSession, "GET", "/api/sessions/{id}"),
    route(Operation::EndSession, "DELETE", "/api/sessions/{id}"),
    route(Operation::ConfigureSession, "PATCH", "/api/sessions/{id}/config"),
    route(Operation::PauseSession, "POST", "/api/sessions/{id}/pause"),
    route(Operation::ResumeSession, "POST", "/api/sessions/{id}/resume"),
    route(Operation::StopSession, "POST", "/api/sessions/{id}/stop"),
    route(Operation::ForkSession, "POST", "/api/sessions/{id}/fork"),
    route(Operation::ArchiveSession, "POST", "/api/sessions/{id}/archive"),
    route(Operation::RestoreSession, "POST", "/api/sessions/{id}/restore"),
    route(Operation::ChangeBudget, "PATCH", "/api/sessions/{id}/budget"),
    route(Operation::SendMessage, "POST", "/api/sessions/{id}/messages"),
    route(Operation::StreamSession, "GET", "/api/sessions/{id}/stream"),
    route(Operation::InterruptSession, "POST", "/api/sessions/{id}/interrupt"),
    route(Operation::ListQueue, "GET", "/api/sessions/{id}/queue"),
    route(Operation::RemoveTurn, "DELETE", "/api/sessions/{id}/queue/{turn}"),
    route(Operation::SendNow, "POST", "/api/sessions/{id}/queue/{turn}/now"),
    route(Operation::ListPermissions, "GET", "/api/sessions/{id}/permissions"),
    route(Operation::AnswerPermission, "POST", "/api/sessions/{id}/permissions/{permission}"),
    route(Operation::ListMessages, "GET", "/api/sessions/{id}/messages"),
    route(Operation::ListEvents, "GET", "/api/sessions/{id}/events"),
    route(Operation::ListAudit, "GET", "/api/sessions/{id}/audit"),
    route(Operation::ListLogs, "GET", "/api/sessions/{id}/logs"),
    route(Operation::ListFiles, "GET", "/api/sessions/{id}/files"),
    route(Operation::ReadFile, "GET", "/api/sessions/{id}/files/{*path}"),
    route(Operation::WriteFile, "PUT", "/api/sessions/{id}/files/{*path}"),
    route(Operation::DeleteFile, "DELETE", "/api/sessions/{id}/files/{*path}"),
    route(Operation::UploadFiles, "POST", "/api/sessions/{id}/files"),
    route(Operation::DownloadWorkspace, "GET", "/api/sessions/{id}/workspace"),
    route(Operation::ReplaceWorkspace, "PUT", "/api/sessions/{id}/workspace"),
    route(Operation::RestoreWorkspace, "POST", "/api/sessions/{id}/workspace"),
    route(Operation::ExecCommand, "POST", "/api/sessions/{id}/exec"),
    route(Operation::CreateAttachment, "POST", "/api/sessions/{id}/attachments"),
    route(Operation::ListAttachments, "GET", "/api/sessions/{id}/attachments"),
    route(Operation::ReadAttachment, "GET", "/api/attachments/{id}"),
    route(Operation::DeleteAttachment, "DELETE", "/api/attachments/{id}"),
    for_administrators(Operation::ShowConfiguration, "GET", "/api/config"),
    for_administrators(Operation::BackUpDatabase, "GET", "/api/database/backup"),
    for_administrators(Operation::CheckDatabase, "GET", "/api/database/check"),
    for_administrators(Operation::ReloadConfiguration, "POST", "/api/config/reload"),
    for_administrators(Operation::FollowHost, "GET", "/api/events"),
    route(Operation::CreateJob, "POST", "/api/queue"),
    route(Operation::ListJobs, "GET", "/api/queue"),
    route(Operation::CountJobs, "GET", "/api/queue/stats"),
    route(Operation::GetJob, "GET", "/api/queue/{id}"),
    route(Operation::CancelJob, "DELETE", "/api/queue/{id}"),
    deploys(Operation::CreateSchedule, "POST", "/api/schedules"),
    route(Operation::ListSchedules, "GET", "/api/schedules"),
    route(Operation::GetSchedule, "GET", "/api/schedules/{id}"),
    deploys(Operation::ChangeSchedule, "PATCH", "/api/schedules/{id}"),
    deploys(Operation::DeleteSchedule, "DELETE", "/api/schedules/{id}"),
    route(Operation::RunSchedule, "POST", "/api/schedules/{id}/run"),
    about_keys(Operation::CreateWebhook, "POST", "/api/webhooks"),
    about_keys(Operation::ListWebhooks, "GET", "/api/webhooks"),
    about_keys(Operation::GetWebhook, "GET", "/api/webhooks/{id}"),
    about_keys(Operation::ChangeWebhook, "PATCH", "/api/webhooks/{id}"),
    about_keys(Operation::DeleteWebhook, "DELETE", "/api/webhooks/{id}"),
    about_keys(Operation::ListDeliveries, "GET", "/api/webhooks/{id}/deliveries"),
    about_keys(Operation::TestWebhook, "POST", "/api/webhooks/{id}/test"),
    about_keys(Operation::CreateApiKey, "POST", "/api/api-keys"),
    about_keys(Operation::ListApiKeys, "GET", "/api/api-keys"),
    about_keys(Operation::RevokeApiKey, "DELETE", "/api/api-keys/{id}"),
    for_administrators(Operation::ShowLoad, "GET", "/api/load"),
    route(Operation::ListUsage, "GET", "/api/usage"),
    route(Operation::ShowUsageStats, "GET", "/api/usage/stats"),
    route(Operation::ShowAnalytics, "GET", "/api/analytics"),
    route(Operation::ShowMetrics, "GET", "/metrics"),
    about_keys(Operation::CreateCredential, "POST", "/api/credentials"),
    route(Operation::ListCredentials, "GET", "/api/credentials"),
    about_keys(Operation::DeleteCredential, "DELETE", "/api/credentials/{id}"),
    route(Operation::ShowBudget, "GET", "/api/budget"),
    for_administrators(Operation::ChangeTenantBudget, "PATCH", "/api/budget"),
    for_administrators(Operation::Drain, "POST", "/api/drain"),
    for_administrators(Operation::UndoDrain, "DELETE", "/api/drain"),
    for_administrators(Operation::ShowDrain, "GET", "/api/drain"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The scope of an operation is part of the contract: a key that could must go on to.
    #[test]
    fn every_operation_wants_the_scope_that_its_effect_deserves() {
        for route in OPERATIONS {
            let wanted = match (route.method, route.path) {
                (_, path) if path.starts_with("/api/api-keys") => Scope::Admin,
                // An address may itself be a secret.
                (_, path) if path.starts_with("/api/webhooks") => Scope::Admin,
                ("GET", _) => Scope::Read,
                (_, path) if path.starts_with("/api/credentials") => Scope::Admin,
                (_, path) if path.starts_with("/api/agents") => Scope::Deploy,
                (_, "/api/schedules" | "/api/schedules/{id}") => Scope::Deploy,
                _ => Scope::Use,
            };
            assert_eq!(route.scope, wanted, "{route:?}");
        }
    }
}
