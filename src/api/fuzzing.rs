//! For `fuzz/`: a body as each request that has one.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::params::json;
use crate::session::content::Content;
use crate::wire::agents::{
    AgentConfig, ChangeAgent, ChangeVersion, CreateVersion, DeployAgent, WriteAgentFiles,
};
use crate::wire::attachments::CreateAttachment;
use crate::wire::budgets::BudgetChange;
use crate::wire::exec::ExecCommand;
use crate::wire::jobs::CreateJob;
use crate::wire::keys::CreateApiKey;
use crate::wire::permissions::AnswerPermission;
use crate::wire::sessions::{ConfigureSession, CreateSession};
use crate::wire::turns::SendMessage;
use crate::wire::workspace::{UploadFiles, WorkspaceBundle};

pub(crate) fn read_any_body(bytes: &[u8]) {
    read_as::<AgentConfig>(bytes);
    read_as::<AnswerPermission>(bytes);
    read_as::<BudgetChange>(bytes);
    read_as::<ChangeAgent>(bytes);
    read_as::<ChangeVersion>(bytes);
    read_as::<ConfigureSession>(bytes);
    read_as::<CreateApiKey>(bytes);
    read_as::<CreateAttachment>(bytes);
    read_as::<CreateJob>(bytes);
    read_as::<CreateSession>(bytes);
    read_as::<CreateVersion>(bytes);
    read_as::<DeployAgent>(bytes);
    read_as::<ExecCommand>(bytes);
    read_as::<UploadFiles>(bytes);
    read_as::<WorkspaceBundle>(bytes);
    read_as::<WriteAgentFiles>(bytes);
    if let Some(message) = read_as::<SendMessage>(bytes)
        && let Ok(content) = Content::parse(message.content)
    {
        assert!(!content.line().contains('\n'), "a message is one line to the CLI");
        drop(content.history());
        drop(content.start_of_text(16));
    }
}

/// What was read can be written, and read again.
fn read_as<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Option<T> {
    let read: T = json(bytes).ok()?;
    let written = serde_json::to_vec(&read).expect("a request has a JSON form");
    assert!(json::<T>(&written).is_ok(), "{}", String::from_utf8_lossy(&written));
    Some(read)
}
