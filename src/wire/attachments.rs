//! Attachments on the wire: files that clients give to a session.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AttachmentId, SessionId};

/// Body of `POST /api/sessions/{id}/attachments`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateAttachment {
    pub(crate) filename: String,
    /// In base64.
    pub(crate) content: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mime_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attachment {
    pub(crate) id: AttachmentId,
    pub(crate) tenant_id: String,
    pub(crate) session_id: SessionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    pub(crate) filename: String,
    pub(crate) mime_type: String,
    /// Bytes, as they were attached.
    pub(crate) size: u64,
    /// Where the agent finds it, below its workspace.
    pub(crate) path: String,
    pub(crate) created_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AttachmentEnvelope {
    pub(crate) attachment: Attachment,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AttachmentList {
    pub(crate) attachments: Vec<Attachment>,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    use super::problem::Code;
    /// What may keep a workspace from being reached.
    const LOOK: &[Code] = &[
        Code::ArchiveFailed,
        Code::CutOff,
        Code::FileNotFound,
        Code::NotSupported,
        Code::PathOutside,
        Code::SandboxFailed,
        Code::SessionEnded,
        Code::TooManySessions,
    ];
    vec![
        operation(Operation::CreateAttachment, "Gives a file to a session.")
            .body::<CreateAttachment>()
            .answers::<AttachmentEnvelope>(201)
            .refuses(LOOK)
            .refuses(&[Code::FileTooLarge, Code::IdempotencyMismatch, Code::TooManyAttachments]),
        operation(Operation::ListAttachments, "Lists the attachments of a session.")
            .answers::<AttachmentList>(200),
        operation(Operation::ReadAttachment, "Reads an attachment.")
            .sends("application/octet-stream")
            .refuses(LOOK)
            .refuses(&[Code::AttachmentNotFound, Code::FileTooLarge]),
        operation(Operation::DeleteAttachment, "Removes an attachment and its file.")
            .answers::<super::Deleted>(200)
            .refuses(LOOK)
            .refuses(&[Code::AttachmentNotFound]),
    ]
}
