//! The one table of operations: the router is built from it, the documentation and the tests
//! are checked against it.

/// An operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Health,
    DeployAgent,
    UploadAgent,
    ListAgents,
    GetAgent,
    DeleteAgent,
    CreateSession,
    ListSessions,
    GetSession,
    EndSession,
    PauseSession,
    ResumeSession,
    StopSession,
    ForkSession,
    SendMessage,
    StreamSession,
    InterruptSession,
    ListQueue,
    RemoveTurn,
    SendNow,
    ListMessages,
    ListEvents,
    ListFiles,
    ReadFile,
    ShowConfiguration,
    BackUpDatabase,
    CheckDatabase,
    ReloadConfiguration,
    FollowHost,
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
}

const fn route(operation: Operation, method: &'static str, path: &'static str) -> Route {
    Route { operation, method, path, open: false, administrators: false }
}

/// An operation that concerns the host and not what is a client's.
const fn for_administrators(
    operation: Operation,
    method: &'static str,
    path: &'static str,
) -> Route {
    Route { administrators: true, ..route(operation, method, path) }
}

pub(crate) const OPERATIONS: [Route; 29] = [
    Route { open: true, ..route(Operation::Health, "GET", "/health") },
    route(Operation::DeployAgent, "POST", "/api/agents"),
    route(Operation::UploadAgent, "PUT", "/api/agents/{name}/bundle"),
    route(Operation::ListAgents, "GET", "/api/agents"),
    route(Operation::GetAgent, "GET", "/api/agents/{name}"),
    route(Operation::DeleteAgent, "DELETE", "/api/agents/{name}"),
    route(Operation::CreateSession, "POST", "/api/sessions"),
    route(Operation::ListSessions, "GET", "/api/sessions"),
    route(Operation::GetSession, "GET", "/api/sessions/{id}"),
    route(Operation::EndSession, "DELETE", "/api/sessions/{id}"),
    route(Operation::PauseSession, "POST", "/api/sessions/{id}/pause"),
    route(Operation::ResumeSession, "POST", "/api/sessions/{id}/resume"),
    route(Operation::StopSession, "POST", "/api/sessions/{id}/stop"),
    route(Operation::ForkSession, "POST", "/api/sessions/{id}/fork"),
    route(Operation::SendMessage, "POST", "/api/sessions/{id}/messages"),
    route(Operation::StreamSession, "GET", "/api/sessions/{id}/stream"),
    route(Operation::InterruptSession, "POST", "/api/sessions/{id}/interrupt"),
    route(Operation::ListQueue, "GET", "/api/sessions/{id}/queue"),
    route(Operation::RemoveTurn, "DELETE", "/api/sessions/{id}/queue/{turn}"),
    route(Operation::SendNow, "POST", "/api/sessions/{id}/queue/{turn}/now"),
    route(Operation::ListMessages, "GET", "/api/sessions/{id}/messages"),
    route(Operation::ListEvents, "GET", "/api/sessions/{id}/events"),
    route(Operation::ListFiles, "GET", "/api/sessions/{id}/files"),
    route(Operation::ReadFile, "GET", "/api/sessions/{id}/files/{*path}"),
    for_administrators(Operation::ShowConfiguration, "GET", "/api/config"),
    for_administrators(Operation::BackUpDatabase, "GET", "/api/database/backup"),
    for_administrators(Operation::CheckDatabase, "GET", "/api/database/check"),
    for_administrators(Operation::ReloadConfiguration, "POST", "/api/config/reload"),
    for_administrators(Operation::FollowHost, "GET", "/api/events"),
];
