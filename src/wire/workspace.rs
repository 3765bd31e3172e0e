//! The files of a session's workspace on the wire.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// One file of a session's workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkspaceFile {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) modified_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WorkspaceFiles {
    pub(crate) files: Vec<WorkspaceFile>,
    /// `sandbox` (live) or `snapshot`.
    pub(crate) source: String,
    /// More files exist than are listed.
    #[serde(default)]
    pub(crate) truncated: bool,
}

/// A file read with `?format=json`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WorkspaceFileContent {
    pub(crate) path: String,
    pub(crate) content: String,
    pub(crate) size: u64,
    pub(crate) source: String,
}

/// Body of `POST /api/sessions/{id}/files`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UploadFiles {
    pub(crate) files: Vec<UploadFile>,
    /// The folder that the paths are in; absent: the workspace.
    #[serde(default)]
    pub(crate) target_path: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct UploadFile {
    pub(crate) path: String,
    /// In base64.
    pub(crate) content: String,
    /// Not used: a file is its bytes.
    #[serde(default)]
    pub(crate) mime_type: Option<String>,
}

/// What became of one file.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UploadedFile {
    pub(crate) path: String,
    pub(crate) written: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// Body of `POST /api/sessions/{id}/workspace`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkspaceBundle {
    /// A tar archive in base64.
    pub(crate) bundle: String,
}

/// Answer of `POST /api/sessions/{id}/files`: what became of each, in their order.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UploadedFiles {
    pub(crate) files: Vec<UploadedFile>,
}

/// Answer of `PUT /api/sessions/{id}/files/{*path}`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct WrittenFile {
    pub(crate) path: String,
    pub(crate) written: bool,
    pub(crate) size: u64,
}

/// Answer of `DELETE /api/sessions/{id}/files/{*path}`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeletedFile {
    pub(crate) path: String,
    pub(crate) deleted: bool,
}

/// Answer of `PUT` and `POST /api/sessions/{id}/workspace`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct UnpackedWorkspace {
    /// The original's words; of `POST` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::{flag, one_of, operation};
    use super::operations::Operation;
    use super::problem::Code;
    /// Whatever looks into a workspace may have to start something for it.
    const LOOK: &[Code] = &[
        Code::ArchiveFailed,
        Code::CutOff,
        Code::FileNotFound,
        Code::NotSupported,
        Code::PathOutside,
        Code::SandboxFailed,
        Code::SessionBusy,
        Code::SessionEnded,
        Code::TooManySessions,
    ];
    const CHANGE: &[Code] = &[Code::FileTooLarge, Code::ArchiveInvalid, Code::DiskQuotaReached];
    vec![
        operation(Operation::ListFiles, "Lists the files of a workspace.")
            .query("includeHidden", flag(), "Also folders of caches; by default true.")
            .answers::<WorkspaceFiles>(200)
            .refuses(LOOK),
        operation(Operation::ReadFile, "Reads a file of a workspace.")
            .query("format", one_of(&["raw", "json"]), "By default `raw`.")
            .sends("application/octet-stream")
            .answers::<WorkspaceFileContent>(200)
            .refuses(LOOK)
            .refuses(&[Code::FileTooLarge]),
        operation(Operation::WriteFile, "Writes a file of a workspace.")
            .query("executable", flag(), "Absent: as what it replaces.")
            .takes("application/octet-stream")
            .answers::<WrittenFile>(200)
            .refuses(LOOK)
            .refuses(CHANGE),
        operation(Operation::DeleteFile, "Removes a file of a workspace.")
            .answers::<DeletedFile>(200)
            .refuses(LOOK),
        operation(Operation::UploadFiles, "Writes several files of a workspace.")
            .body::<UploadFiles>()
            .answers::<UploadedFiles>(200)
            .refuses(LOOK),
        operation(Operation::DownloadWorkspace, "Sends a workspace as an archive.")
            .sends("application/gzip")
            .refuses(LOOK)
            .refuses(&[Code::FileTooLarge]),
        operation(Operation::ReplaceWorkspace, "Replaces a workspace by an archive.")
            .query("keep", flag(), "Unpack over what is there; by default false.")
            .takes("application/x-tar")
            .answers::<UnpackedWorkspace>(200)
            .refuses(LOOK)
            .refuses(CHANGE),
        operation(Operation::RestoreWorkspace, "Unpacks an archive over a workspace.")
            .body::<WorkspaceBundle>()
            .answers::<UnpackedWorkspace>(200)
            .refuses(LOOK)
            .refuses(CHANGE),
    ]
}
