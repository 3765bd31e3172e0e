"""Made from docs/openapi.json by `python generate.py`. Do not change it here."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class ActivatedVersion(TypedDict):
    activated: bool
    agent: Agent
    versionNumber: int


class Agent(TypedDict):
    allowedHosts: list[str]
    bytes: int
    config: AgentConfig
    createdAt: Timestamp
    digest: str
    env: NotRequired[dict[str, str]]
    files: int
    id: AgentId
    limits: dict[str, int]
    name: AgentName
    path: str
    tenantId: str
    updatedAt: Timestamp
    version: int


class AgentConfig(TypedDict):
    allowedTools: NotRequired[list[str] | None]
    askPermissions: NotRequired[bool | None]
    betas: NotRequired[list[str] | None]
    disallowedTools: NotRequired[list[str] | None]
    initialAgent: NotRequired[str | None]
    mcpServers: NotRequired[dict[str, McpServer] | None]
    model: NotRequired[str | None]
    onPermissionTimeout: NotRequired[PermissionBehavior | None]
    permissionMode: NotRequired[PermissionMode | None]
    permissionTimeoutSeconds: NotRequired[int | None]
    subagents: NotRequired[dict[str, Any] | None]
    systemPrompt: NotRequired[str | None]


class AgentEnvelope(TypedDict):
    agent: Agent


class AgentFile(TypedDict):
    content: str
    executable: NotRequired[bool]
    path: str


class AgentFileText(TypedDict):
    content: str
    path: str
    size: int


class AgentFiles(TypedDict):
    files: list[WorkspaceFile]


AgentId: TypeAlias = "str"


class AgentList(TypedDict):
    agents: list[Agent]


AgentName: TypeAlias = "str"


class AgentVersion(TypedDict):
    agentName: AgentName
    bytes: int
    createdAt: Timestamp
    createdBy: str | None
    digest: str
    files: int
    id: VersionId
    isActive: bool
    knowledgeFiles: list[str]
    name: str | None
    releaseNotes: str | None
    systemPrompt: str | None
    tenantId: str
    updatedAt: Timestamp
    versionNumber: int


class Analytics(TypedDict):
    agents: Total
    evals: Evals
    sessions: TotalByStatus
    usage: UsageStats


class AnswerPermission(TypedDict):
    behavior: PermissionBehavior
    interrupt: NotRequired[bool]
    message: NotRequired[str | None]
    remember: NotRequired[bool]
    updatedInput: NotRequired[dict[str, Any] | None]


class ApiKey(TypedDict):
    createdAt: Timestamp
    expiresAt: Timestamp | None
    id: KeyId
    keyPrefix: str
    label: str | None
    lastUsedAt: Timestamp | None
    scope: Scope
    tenantId: str


class ApiKeyList(TypedDict):
    keys: list[ApiKey]


class Attachment(TypedDict):
    createdAt: Timestamp
    filename: str
    id: AttachmentId
    messageId: NotRequired[str | None]
    mimeType: str
    path: str
    sessionId: SessionId
    size: int
    tenantId: str


class AttachmentEnvelope(TypedDict):
    attachment: Attachment


AttachmentId: TypeAlias = "str"


class AttachmentList(TypedDict):
    attachments: list[Attachment]


class AuditEntry(TypedDict):
    bytesReceived: int
    bytesSent: int
    count: NotRequired[int]
    createdAt: Timestamp
    credentialId: NotRequired[CredentialId | None]
    decision: str
    host: NotRequired[str | None]
    port: NotRequired[int | None]
    reason: str
    request: NotRequired[str | None]
    sequence: int
    status: NotRequired[int | None]
    subject: str


class AuditList(TypedDict):
    entries: list[AuditEntry]


class Budget(TypedDict):
    dollars: float | None
    reached: bool
    tokens: int | None


class BudgetChange(TypedDict):
    dollars: NotRequired[float | None]
    tokens: NotRequired[int | None]


class BusySession(TypedDict):
    agent: AgentName
    queuedTurns: int
    session: SessionId
    turn: NotRequired[TurnId | None]
    turnSince: NotRequired[Timestamp | None]


class CaseContent(TypedDict):
    category: NotRequired[str | None]
    chatHistory: NotRequired[list[ChatMessage] | None]
    checks: NotRequired[list[Check] | None]
    expectedNotTopics: NotRequired[list[str] | None]
    expectedTopics: NotRequired[list[str] | None]
    isActive: NotRequired[bool]
    question: str
    referenceAnswer: NotRequired[str | None]
    tags: NotRequired[list[str] | None]


class CaseFilters(TypedDict):
    categories: NotRequired[list[str] | None]
    tags: NotRequired[list[str] | None]


class ChangeAgent(TypedDict):
    allowedHosts: NotRequired[list[str] | None]
    config: NotRequired[AgentConfig | None]
    env: NotRequired[dict[str, str] | None]
    limits: NotRequired[dict[str, int] | None]


class ChangeCase(TypedDict):
    category: NotRequired[str | None]
    chatHistory: NotRequired[list[ChatMessage] | None]
    checks: NotRequired[list[Check] | None]
    expectedNotTopics: NotRequired[list[str] | None]
    expectedTopics: NotRequired[list[str] | None]
    isActive: NotRequired[bool | None]
    question: NotRequired[str | None]
    referenceAnswer: NotRequired[str | None]
    tags: NotRequired[list[str] | None]


class ChangeSchedule(TypedDict):
    cron: NotRequired[str | None]
    enabled: NotRequired[bool | None]
    missed: NotRequired[Missed | None]
    overlap: NotRequired[Overlap | None]
    prompt: NotRequired[str | None]
    timezone: NotRequired[str | None]


class ChangeVersion(TypedDict):
    knowledgeFiles: NotRequired[list[str] | None]
    name: NotRequired[str | None]
    releaseNotes: NotRequired[str | None]
    systemPrompt: NotRequired[str | None]


class ChangeWebhook(TypedDict):
    enabled: NotRequired[bool | None]
    events: NotRequired[list[WebhookEvent] | None]


class ChatMessage(TypedDict):
    content: str
    role: ChatRole


ChatRole: TypeAlias = "Literal['user', 'assistant']"


class Check(TypedDict):
    type: CheckKind
    value: str


CheckKind: TypeAlias = "Literal['contains', 'notContains'] | Literal['equals'] | Literal['regex']"


class Cli(TypedDict):
    path: str | None
    problem: str | None
    version: str | None


Code: TypeAlias = "Literal['agent_changed', 'agent_invalid', 'agent_not_found', 'archive_failed', 'archive_invalid', 'attachment_not_found', 'bad_request', 'body_too_large', 'changed_meanwhile', 'cli_missing', 'cli_too_old', 'config_invalid', 'credential_not_found', 'credentials_unavailable', 'cut_off', 'disk_full', 'disk_quota_reached', 'draining', 'eval_not_found', 'eval_state', 'file_not_found', 'file_too_large', 'forbidden', 'idempotency_mismatch', 'internal', 'job_not_found', 'job_state', 'key_not_found', 'method_not_allowed', 'not_found', 'not_supported', 'path_outside', 'permission_not_found', 'permission_resolved', 'queue_full', 'rate_limited', 'sandbox_failed', 'schedule_not_found', 'session_busy', 'session_ended', 'session_not_found', 'session_state', 'shutting_down', 'store_unavailable', 'too_many_attachments', 'too_many_commands', 'too_many_evals', 'too_many_keys', 'too_many_schedules', 'too_many_sessions', 'too_many_webhooks', 'turn_not_found', 'turn_running', 'unauthorized', 'version_active', 'version_not_found', 'webhook_disabled', 'webhook_not_found']"


Command: TypeAlias = "str | list[str]"


class ComparedResult(TypedDict):
    caseId: EvalCaseId
    question: str
    resultA: EvalResult | None
    resultB: EvalResult | None


class Comparison(TypedDict):
    results: list[ComparedResult]
    runA: EvalRun
    runB: EvalRun


class ComparisonAnswer(TypedDict):
    comparison: Comparison


class ConfigEnvelope(TypedDict):
    config: AgentConfig


class Configuration(TypedDict):
    files: list[str]
    settings: list[Setting]


class ConfigureSession(TypedDict):
    allowedTools: NotRequired[list[str] | None]
    askPermissions: NotRequired[bool | None]
    betas: NotRequired[list[str] | None]
    credentialId: NotRequired[str | None]
    disallowedTools: NotRequired[list[str] | None]
    initialAgent: NotRequired[str | None]
    model: NotRequired[str | None]
    onPermissionTimeout: NotRequired[PermissionBehavior | None]
    permissionMode: NotRequired[PermissionMode | None]
    permissionTimeoutSeconds: NotRequired[int | None]
    subagents: NotRequired[dict[str, Any] | None]
    systemPrompt: NotRequired[str | None]


class CreateApiKey(TypedDict):
    expiresInSeconds: NotRequired[int | None]
    label: NotRequired[str | None]
    scope: NotRequired[Scope | None]
    tenantId: NotRequired[str | None]


class CreateAttachment(TypedDict):
    content: str
    filename: str
    messageId: NotRequired[str | None]
    mimeType: NotRequired[str | None]


class CreateCredential(TypedDict):
    baseUrl: NotRequired[str | None]
    bearer: NotRequired[bool]
    header: NotRequired[str | None]
    key: Secret
    label: NotRequired[str | None]
    region: NotRequired[str | None]
    tools: NotRequired[bool]
    type: CredentialKind


class CreateJob(TypedDict):
    agentName: str
    maxRetries: NotRequired[int]
    priority: NotRequired[int]
    prompt: str
    sessionId: NotRequired[SessionId | None]


class CreateSchedule(TypedDict):
    agentName: str
    cron: str
    label: NotRequired[str | None]
    maxRetries: NotRequired[int]
    missed: NotRequired[Missed]
    overlap: NotRequired[Overlap]
    priority: NotRequired[int]
    prompt: str
    sessionId: NotRequired[SessionId | None]
    timezone: NotRequired[str | None]


class CreateSession(TypedDict):
    agent: str
    allowedTools: NotRequired[list[str] | None]
    askPermissions: NotRequired[bool | None]
    betas: NotRequired[list[str] | None]
    budget: NotRequired[BudgetChange | None]
    credentialId: NotRequired[str | None]
    disallowedTools: NotRequired[list[str] | None]
    extraEnv: NotRequired[dict[str, str]]
    initialAgent: NotRequired[str | None]
    limits: NotRequired[dict[str, int]]
    mcpServers: NotRequired[dict[str, McpServer] | None]
    model: NotRequired[str | None]
    onPermissionTimeout: NotRequired[PermissionBehavior | None]
    permissionMode: NotRequired[PermissionMode | None]
    permissionTimeoutSeconds: NotRequired[int | None]
    subagents: NotRequired[dict[str, Any] | None]
    systemPrompt: NotRequired[str | None]
    version: NotRequired[NumberOrId | None]


class CreateVersion(TypedDict):
    cloneFrom: NotRequired[NumberOrId | None]
    knowledgeFiles: NotRequired[list[str] | None]
    name: NotRequired[str | None]
    releaseNotes: NotRequired[str | None]
    systemPrompt: NotRequired[str | None]


class CreateWebhook(TypedDict):
    events: NotRequired[list[WebhookEvent] | None]
    label: NotRequired[str | None]
    url: str


class CreatedApiKey(TypedDict):
    createdAt: Timestamp
    expiresAt: Timestamp | None
    id: KeyId
    key: str
    keyPrefix: str
    label: str | None
    lastUsedAt: Timestamp | None
    scope: Scope
    tenantId: str


class CreatedWebhook(TypedDict):
    secret: str
    webhook: Webhook


class Credential(TypedDict):
    active: bool
    createdAt: Timestamp
    id: CredentialId
    label: str | None
    lastUsedAt: Timestamp | None
    region: str | None
    tenantId: str
    tools: bool
    type: str


class CredentialEnvelope(TypedDict):
    credential: Credential


CredentialId: TypeAlias = "str"


CredentialKind: TypeAlias = "Literal['anthropic'] | Literal['custom'] | Literal['openai'] | Literal['bedrock']"


class CredentialList(TypedDict):
    credentials: list[Credential]


class DatabaseCheck(TypedDict):
    bytes: int
    findings: list[DatabaseFinding]
    frames: int
    schema: int
    sessions: int
    sound: bool
    turns: int


class DatabaseFinding(TypedDict):
    hint: str
    kind: str
    sessionId: NotRequired[str | None]
    text: str


class Deleted(TypedDict):
    deleted: bool


class DeletedAgentFile(TypedDict):
    agent: Agent
    deleted: bool
    path: str


class DeletedFile(TypedDict):
    deleted: bool
    path: str


class DeletedVersion(TypedDict):
    deleted: bool


class Delivery(TypedDict):
    attemptedAt: Timestamp | None
    attempts: int
    completedAt: Timestamp | None
    createdAt: Timestamp
    dueAt: Timestamp | None
    error: str | None
    event: WebhookEvent
    id: DeliveryId
    payload: Any
    responseStatus: int | None
    status: DeliveryStatus
    webhookId: WebhookId


class DeliveryEnvelope(TypedDict):
    delivery: Delivery


DeliveryId: TypeAlias = "str"


class DeliveryList(TypedDict):
    deliveries: list[Delivery]


DeliveryStatus: TypeAlias = "Literal['pending', 'delivered', 'failed']"


class DeployAgent(TypedDict):
    allowedHosts: NotRequired[list[str] | None]
    config: NotRequired[AgentConfig | None]
    env: NotRequired[dict[str, str] | None]
    files: NotRequired[list[AgentFile] | None]
    limits: NotRequired[dict[str, int] | None]
    name: str
    path: NotRequired[str | None]
    systemPrompt: NotRequired[str | None]


class Done(TypedDict):
    ok: bool


class Drain(TypedDict):
    busy: list[BusySession]
    since: Timestamp | None


Effort: TypeAlias = "Literal['low', 'medium', 'high', 'max']"


class EvalCase(TypedDict):
    agentName: AgentName
    category: str | None
    chatHistory: list[ChatMessage] | None
    checks: list[Check] | None
    createdAt: Timestamp
    expectedNotTopics: list[str] | None
    expectedTopics: list[str] | None
    id: EvalCaseId
    isActive: bool
    question: str
    referenceAnswer: str | None
    tags: list[str] | None
    tenantId: str
    updatedAt: Timestamp


class EvalCaseAnswer(TypedDict):
    agentName: AgentName
    case: EvalCase
    category: str | None
    chatHistory: list[ChatMessage] | None
    checks: list[Check] | None
    createdAt: Timestamp
    expectedNotTopics: list[str] | None
    expectedTopics: list[str] | None
    id: EvalCaseId
    isActive: bool
    question: str
    referenceAnswer: str | None
    tags: list[str] | None
    tenantId: str
    updatedAt: Timestamp


EvalCaseId: TypeAlias = "str"


class EvalCaseList(TypedDict):
    cases: list[EvalCase]


class EvalResult(TypedDict):
    agentResponse: str | None
    completedAt: Timestamp | None
    costUsd: float | None
    createdAt: Timestamp
    error: str | None
    evalCaseId: EvalCaseId
    evalRunId: EvalRunId
    failures: list[str]
    humanNotes: str | None
    humanScore: float | None
    id: EvalResultId
    inputTokens: int | None
    latencyMs: int | None
    llmJudgeScore: float | None
    outputTokens: int | None
    passed: bool | None
    question: str
    referenceAnswer: str | None
    safetyScore: float | None
    sessionId: SessionId | None
    status: ResultStatus
    tenantId: str
    topicScore: float | None
    turnId: TurnId | None


class EvalResultAnswer(TypedDict):
    agentResponse: str | None
    completedAt: Timestamp | None
    costUsd: float | None
    createdAt: Timestamp
    error: str | None
    evalCaseId: EvalCaseId
    evalRunId: EvalRunId
    failures: list[str]
    humanNotes: str | None
    humanScore: float | None
    id: EvalResultId
    inputTokens: int | None
    latencyMs: int | None
    llmJudgeScore: float | None
    outputTokens: int | None
    passed: bool | None
    question: str
    referenceAnswer: str | None
    result: EvalResult
    safetyScore: float | None
    sessionId: SessionId | None
    status: ResultStatus
    tenantId: str
    topicScore: float | None
    turnId: TurnId | None


EvalResultId: TypeAlias = "str"


class EvalResultList(TypedDict):
    results: list[EvalResult]


class EvalRun(TypedDict):
    agentName: AgentName
    completedAt: Timestamp | None
    completedCases: int
    createdAt: Timestamp
    filters: CaseFilters | None
    id: EvalRunId
    startedAt: Timestamp | None
    status: RunStatus
    summary: EvalSummary | None
    tenantId: str
    totalCases: int
    versionNumber: int


class EvalRunAnswer(TypedDict):
    agentName: AgentName
    completedAt: Timestamp | None
    completedCases: int
    createdAt: Timestamp
    filters: CaseFilters | None
    id: EvalRunId
    run: EvalRun
    startedAt: Timestamp | None
    status: RunStatus
    summary: EvalSummary | None
    tenantId: str
    totalCases: int
    versionNumber: int


EvalRunId: TypeAlias = "str"


class EvalRunList(TypedDict):
    runs: list[EvalRun]


class EvalSummary(TypedDict):
    avgHumanScore: float | None
    avgLatencyMs: float
    avgLlmJudgeScore: float | None
    avgSafetyScore: float
    avgTopicScore: float
    costUsd: float
    errors: int
    inputTokens: int
    outputTokens: int
    passRate: float
    passed: int


class Evals(TypedDict):
    byStatus: dict[str, int]
    totalRuns: int


class ExecCommand(TypedDict):
    command: Command
    cwd: NotRequired[str | None]
    env: NotRequired[dict[str, str]]
    stdin: NotRequired[str | None]
    stdinBase64: NotRequired[str | None]
    stream: NotRequired[bool]
    timeout: NotRequired[int | None]


class ExecResult(TypedDict):
    durationMs: int
    execId: str
    exitCode: int
    signal: int | None
    stderr: str
    stdout: str
    timedOut: bool
    truncated: bool


class Fork(TypedDict):
    files: str
    turn: NotRequired[int | None]


class ForkEnvelope(TypedDict):
    fork: Fork
    session: Session


class Health(TypedDict):
    activeSandboxes: int
    activeSessions: int
    cli: Cli
    coordinatorId: str
    draining: bool
    isolation: Isolation
    pool: Pool
    remoteRunners: int
    roles: str
    simulated: bool
    status: str
    storeProblem: NotRequired[StoreTrouble | None]
    uptime: float
    version: str


class HumanScore(TypedDict):
    humanNotes: NotRequired[str | None]
    humanScore: NotRequired[float | None]


class ImportCases(TypedDict):
    cases: list[CaseContent]


class ImportedCases(TypedDict):
    imported: int


class Interrupted(TypedDict):
    turnId: TurnId | None


class Isolation(TypedDict):
    cpu: Level
    degraded: list[str]
    disk: Level
    files: Level
    identity: Level
    memory: Level
    network: Level
    notes: list[str]
    placement: str
    processes: Level
    seccomp: Level


class Job(TypedDict):
    agentName: str
    completedAt: Timestamp | None
    createdAt: Timestamp
    dueAt: Timestamp | None
    error: str | None
    id: JobId
    maxRetries: int
    priority: int
    prompt: str
    result: str | None
    retryCount: int
    sessionId: SessionId | None
    startedAt: Timestamp | None
    status: JobStatus
    tenantId: str
    turnId: TurnId | None


class JobAnswer(TypedDict):
    item: Job


class JobCounts(TypedDict):
    cancelled: int
    completed: int
    failed: int
    pending: int
    processing: int


JobId: TypeAlias = "str"


class JobList(TypedDict):
    items: list[Job]


class JobStats(TypedDict):
    stats: JobCounts


JobStatus: TypeAlias = "Literal['pending', 'processing', 'completed', 'failed', 'cancelled']"


KeyId: TypeAlias = "str"


Level: TypeAlias = "Literal['none'] | Literal['soft'] | Literal['hard']"


class Load(TypedDict):
    at: Timestamp
    sessions: list[SessionLoad]


class LogLine(TypedDict):
    index: int
    level: str
    text: str
    ts: Timestamp


class LogLines(TypedDict):
    logs: list[LogLine]
    source: str


class McpServer(TypedDict):
    args: NotRequired[list[str]]
    command: NotRequired[str | None]
    env: NotRequired[dict[str, str]]
    headers: NotRequired[dict[str, str]]
    type: NotRequired[str | None]
    url: NotRequired[str | None]


class MessageList(TypedDict):
    messages: list[StoredMessage]
    nextCursor: NotRequired[str | None]


Missed: TypeAlias = "Literal['skip'] | Literal['run_once']"


NumberOrId: TypeAlias = "int | str"


class OutputFormat(TypedDict):
    schema: dict[str, Any]
    type: OutputKind


OutputKind: TypeAlias = "Literal['json_schema']"


Overlap: TypeAlias = "Literal['skip'] | Literal['queue'] | Literal['allow']"


class PermissionAnswered(TypedDict):
    behavior: PermissionBehavior
    permissionId: PermissionId
    remembered: NotRequired[list[str]]


PermissionBehavior: TypeAlias = "Literal['allow', 'deny']"


PermissionId: TypeAlias = "str"


class PermissionList(TypedDict):
    permissions: list[PermissionRequest]


PermissionMode: TypeAlias = "Literal['bypassPermissions'] | Literal['permissionsByAgent'] | Literal['default'] | Literal['acceptEdits'] | Literal['plan'] | Literal['dontAsk']"


class PermissionRequest(TypedDict):
    createdAt: Timestamp
    description: NotRequired[str | None]
    expiresAt: Timestamp | None
    input: Any
    onTimeout: PermissionBehavior | None
    permissionId: PermissionId
    requestId: str
    sessionId: SessionId
    suggestions: NotRequired[Any]
    toolName: str
    toolUseId: NotRequired[str | None]
    turnId: TurnId | None


class Pool(TypedDict):
    cold: int
    maxCapacity: int
    preWarmHits: int
    preWarmMisses: NotRequired[dict[str, int]]
    resumeColdHits: int
    resumeWarmHits: int
    running: int
    total: int
    waiting: int
    warm: int
    warming: int


class Problem(TypedDict):
    code: Code
    detail: str
    error: str
    field: NotRequired[str | None]
    hint: NotRequired[str | None]
    message: str
    queuePosition: NotRequired[int | None]
    requestId: NotRequired[str | None]
    status: int
    statusCode: int


class Queue(TypedDict):
    turns: list[QueuedTurn]


class QueuedTurn(TypedDict):
    createdAt: Timestamp
    startedAt: Timestamp | None
    state: str
    text: str
    turnId: TurnId


class Reloaded(TypedDict):
    changed: list[SettingChange]
    pending: list[SettingChange]


class Removed(TypedDict):
    turnId: TurnId


ResultStatus: TypeAlias = "Literal['pending', 'running', 'completed', 'error', 'cancelled']"


RunOutcome: TypeAlias = "Literal['started'] | Literal['held'] | Literal['skipped_overlap'] | Literal['skipped_missed'] | Literal['skipped_full']"


RunStatus: TypeAlias = "Literal['pending', 'running', 'completed', 'cancelled'] | Literal['failed']"


class Schedule(TypedDict):
    agentName: str
    createdAt: Timestamp
    cron: str
    enabled: bool
    held: bool
    id: ScheduleId
    label: str | None
    lastJobId: JobId | None
    lastOutcome: RunOutcome | None
    lastRunAt: Timestamp | None
    maxRetries: int
    missed: Missed
    nextRunAt: Timestamp | None
    overlap: Overlap
    priority: int
    prompt: str
    sessionId: SessionId | None
    tenantId: str
    timezone: str


class ScheduleEnvelope(TypedDict):
    schedule: Schedule


ScheduleId: TypeAlias = "str"


class ScheduleList(TypedDict):
    schedules: list[Schedule]


Scope: TypeAlias = "Literal['read'] | Literal['use'] | Literal['deploy'] | Literal['admin']"


class ScoreRun(TypedDict):
    humanNotes: NotRequired[str | None]
    humanScore: NotRequired[float | None]
    resultId: NotRequired[EvalResultId | None]


class ScoredResults(TypedDict):
    results: list[EvalResult]
    scored: int


Secret: TypeAlias = "str"


class SendMessage(TypedDict):
    content: Any
    effort: NotRequired[Effort | None]
    includePartialMessages: NotRequired[bool]
    maxBudgetUsd: NotRequired[float | None]
    maxTurns: NotRequired[int | None]
    model: NotRequired[str | None]
    outputFormat: NotRequired[OutputFormat | None]
    thinking: NotRequired[Thinking | None]
    timeoutSeconds: NotRequired[int | None]


class SentNow(TypedDict):
    interruptedTurnId: TurnId | None
    turnId: TurnId


class Session(TypedDict):
    agentName: AgentName
    agentVersion: int
    allowedHosts: list[str]
    archive: NotRequired[SessionArchive | None]
    budget: Budget | None
    busy: bool
    config: SessionConfig
    createdAt: Timestamp
    id: SessionId
    isolation: SessionIsolation | None
    lastActiveAt: Timestamp
    limits: dict[str, int]
    model: str | None
    openPermissions: int
    parentSessionId: SessionId | None
    queuedTurns: int
    runnerId: str | None
    sandboxId: str
    status: SessionStatus
    tenantId: str
    tier: Tier | None
    usage: Used


class SessionArchive(TypedDict):
    away: bool
    bytes: int
    madeAt: Timestamp


class SessionConfig(TypedDict):
    allowedTools: NotRequired[list[str]]
    askPermissions: NotRequired[bool]
    betas: NotRequired[list[str]]
    credentialId: NotRequired[CredentialId | None]
    disallowedTools: NotRequired[list[str]]
    extraEnv: NotRequired[list[str]]
    initialAgent: NotRequired[str | None]
    mcpServers: NotRequired[list[str]]
    onPermissionTimeout: NotRequired[PermissionBehavior | None]
    permissionMode: PermissionMode
    permissionTimeoutSeconds: NotRequired[int | None]
    subagents: NotRequired[dict[str, Any] | None]
    systemPrompt: NotRequired[str | None]


class SessionEnvelope(TypedDict):
    session: Session


SessionId: TypeAlias = "str"


class SessionIsolation(TypedDict):
    degraded: list[str]
    placement: str


class SessionList(TypedDict):
    nextCursor: NotRequired[str | None]
    sessions: list[Session]
    total: int


class SessionLoad(TypedDict):
    agent: AgentName
    costUsd: float
    cpuMicroseconds: NotRequired[int | None]
    inputTokens: int
    memoryBytes: NotRequired[int | None]
    outputTokens: int
    queuedTurns: int
    session: SessionId
    status: SessionStatus
    tasks: NotRequired[int | None]
    tier: Tier
    turn: NotRequired[TurnId | None]
    turnSince: NotRequired[Timestamp | None]


SessionStatus: TypeAlias = "Literal['starting', 'active', 'paused', 'stopped', 'ended', 'error']"


class Setting(TypedDict):
    key: str
    pending: NotRequired[Any]
    restart: NotRequired[list[str]]
    value: Any


class SettingChange(TypedDict):
    before: Any
    key: str
    now: Any
    restart: NotRequired[list[str]]


class StartRun(TypedDict):
    categories: NotRequired[list[str] | None]
    tags: NotRequired[list[str] | None]
    versionNumber: NotRequired[int | None]


class StoreTrouble(TypedDict):
    code: str
    error: str
    hint: str


class StoredMessage(TypedDict):
    content: str
    createdAt: Timestamp
    id: str
    role: str
    sequence: int
    sessionId: SessionId
    tenantId: str


class TenantBudget(TypedDict):
    budget: Budget | None
    tenantId: str
    usage: Used


class Thinking(TypedDict):
    budgetTokens: NotRequired[int | None]
    type: ThinkingKind


ThinkingKind: TypeAlias = "Literal['adaptive', 'enabled', 'disabled']"


Tier: TypeAlias = "Literal['hot'] | Literal['frozen'] | Literal['reclaimed'] | Literal['hibernated'] | Literal['archived']"


class TimelineEvent(TypedDict):
    createdAt: Timestamp
    data: str | None
    id: str
    sequence: int
    sessionId: SessionId
    tenantId: str
    type: str


class TimelineList(TypedDict):
    events: list[TimelineEvent]
    nextCursor: NotRequired[str | None]


Timestamp: TypeAlias = "str"


class Total(TypedDict):
    total: int


class TotalByStatus(TypedDict):
    byStatus: dict[str, int]
    total: int


TurnId: TypeAlias = "str"


class UnpackedWorkspace(TypedDict):
    bytes: int
    files: int
    message: NotRequired[str | None]


class UploadFile(TypedDict):
    content: str
    mimeType: NotRequired[str | None]
    path: str


class UploadFiles(TypedDict):
    files: list[UploadFile]
    targetPath: NotRequired[str | None]


class UploadedFile(TypedDict):
    error: NotRequired[str | None]
    path: str
    size: NotRequired[int | None]
    written: bool


class UploadedFiles(TypedDict):
    files: list[UploadedFile]


class UsageAnswer(TypedDict):
    groups: NotRequired[list[UsageOfGroup] | None]
    keptSince: Timestamp | None
    stats: UsageStats


class UsageEvent(TypedDict):
    agentName: AgentName
    createdAt: Timestamp
    eventType: str
    id: str
    sessionId: SessionId
    tenantId: str
    turnId: TurnId
    value: float


class UsageList(TypedDict):
    events: list[UsageEvent]


class UsageOfGroup(TypedDict):
    lastAt: Timestamp
    name: str | None
    stats: UsageStats


class UsageStats(TypedDict):
    meteredCostUsd: float
    meteredTokens: int
    peakMemoryBytes: int | None
    totalCacheCreationTokens: int
    totalCacheReadTokens: int
    totalComputeSeconds: float
    totalCostUsd: float
    totalCpuSeconds: float | None
    totalInputTokens: int
    totalMessages: int
    totalOutputTokens: int
    totalReadBytes: int | None
    totalToolCalls: int
    totalTurns: int
    totalWrittenBytes: int | None


class Used(TypedDict):
    cacheReadTokens: int
    cacheWriteTokens: int
    dollars: float
    inputTokens: int
    outputTokens: int
    tokens: int


class VersionEnvelope(TypedDict):
    agentName: AgentName
    bytes: int
    createdAt: Timestamp
    createdBy: str | None
    digest: str
    files: int
    id: VersionId
    isActive: bool
    knowledgeFiles: list[str]
    name: str | None
    releaseNotes: str | None
    systemPrompt: str | None
    tenantId: str
    updatedAt: Timestamp
    version: AgentVersion
    versionNumber: int


VersionId: TypeAlias = "str"


class VersionList(TypedDict):
    versions: list[AgentVersion]


class Webhook(TypedDict):
    createdAt: Timestamp
    disabledAt: Timestamp | None
    disabledReason: str | None
    enabled: bool
    events: list[WebhookEvent]
    failures: int
    id: WebhookId
    label: str | None
    oldestWaitingAt: Timestamp | None
    tenantId: str
    url: str
    waiting: int


class WebhookEnvelope(TypedDict):
    webhook: Webhook


WebhookEvent: TypeAlias = "Literal['turn.ended', 'job.ended'] | Literal['session.changed'] | Literal['permission.requested'] | Literal['budget.reached'] | Literal['webhook.test']"


WebhookId: TypeAlias = "str"


class WebhookList(TypedDict):
    webhooks: list[Webhook]


class WorkspaceBundle(TypedDict):
    bundle: str


class WorkspaceFile(TypedDict):
    modifiedAt: Timestamp
    path: str
    size: int


class WorkspaceFileContent(TypedDict):
    content: str
    path: str
    size: int
    source: str


class WorkspaceFiles(TypedDict):
    files: list[WorkspaceFile]
    source: str
    truncated: bool


class WriteAgentFiles(TypedDict):
    files: list[AgentFile]


class WrittenAgentFiles(TypedDict):
    agent: Agent
    written: int


class WrittenFile(TypedDict):
    path: str
    size: int
    written: bool
