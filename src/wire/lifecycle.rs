//! What happens on a host, as `GET /api/events` tells it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::id::{AgentName, SessionId, TurnId};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct HostEvent {
    /// One more than that of the event before; those of a later ashd are greater.
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    /// What: one of [`NAMES`].
    pub(crate) event: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<AgentName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) turn: Option<TurnId>,
    /// The rest, by the kind of event.
    #[serde(flatten)]
    pub(crate) more: Map<String, Value>,
}

/// Every kind of event, with what it tells beside session, agent and turn.
pub(crate) const NAMES: [(&str, &str); 28] = [
    ("ashd.started", "ashd serves; `version`"),
    ("ashd.stopping", "ashd was told to stop; sandboxes live on"),
    ("config.reloaded", "another configuration is in force; `changed`, `restart`"),
    ("config.refused", "the configuration was not reloaded; `reason`"),
    ("drain.started", "no new sessions and turns are taken"),
    ("drain.ended", "they are taken again"),
    ("agent.deployed", "an agent has another version; `version`, `digest`"),
    ("agent.activated", "new sessions get another version; `version`"),
    ("agent.changed", "its variables, presets, hosts or limits are others"),
    ("agent.version_deleted", "a version is gone; `version`"),
    ("agent.deleted", "an agent is gone"),
    ("webhook.failed", "a delivery was given up; `webhook`, `delivery`"),
    ("webhook.disabled", "a webhook is told nothing any more; `webhook`, `reason`"),
    ("session.created", "a session is there; `version`, and `parent` if it is a fork"),
    ("session.paused", "its user paused it"),
    ("session.stopped", "its user stopped it"),
    ("session.resumed", "its user resumed it"),
    ("session.woken", "it has processes that run; `from`, the tier before"),
    ("session.cooled", "it became colder; `tier`"),
    ("session.failed", "its Claude Code or its sandbox is gone; `reason`"),
    ("session.archived", "it has a snapshot outside of the host; `bytes`, `away`"),
    ("session.restored", "its files came back from there"),
    ("session.ended", "it has ended"),
    ("turn.queued", "a message waits for its turn"),
    ("turn.started", "a turn runs"),
    ("permission.requested", "a tool waits for a permission; `permission`, `tool`"),
    (
        "permission.resolved",
        "it waits no more; `permission`, `behavior` (`allow`, `deny`, `cancelled`), `by` (`client`, `timeout`, `session`)",
    ),
    ("turn.ended", "`outcome` (`completed`, `interrupted`, `failed`), `milliseconds`"),
];

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::{flag, operation, uuid, whole};
    use super::operations::Operation;
    vec![
        operation(Operation::FollowHost, "Streams what happens on the host.")
            .query("after", whole(0, i64::MAX.unsigned_abs()), "The number behind which to begin.")
            .query("last", whole(0, 4096), "How many of the past.")
            .query("session", uuid(), "Only of this session.")
            .query("follow", flag(), "`false`: end behind what has happened so far.")
            .header(super::turns::LAST_EVENT_ID, "As `after`, and wins.")
            .streams("`GET /api/events`"),
    ]
}
