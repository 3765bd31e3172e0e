//! Attach files to a session: they are written into its workspace, inside its sandbox or jail, and go
//! wherever that goes.

use bytes::Bytes;

use super::changes::too_large;
use super::files::{FileStream, RAW_BYTES_MAX, Reach, refused};
use super::{Caller, Control, Refusal};
use crate::bridge::host::{FileError, Upload};
use crate::bridge::protocol::Refusal as Refused;
use crate::clock::Timestamp;
use crate::id::{AttachmentId, SessionId};
use crate::runner::handle::Reached;
use crate::session::Status;
use crate::session::options::OptionError;
use crate::store::{AttachmentRecord, AttachmentRoom, Begun};
use crate::wire::attachments::{Attachment, AttachmentList};

/// What one session may have attached: a mistake ends here, and not with the disk.
const ROOM: AttachmentRoom = AttachmentRoom { count: 1_000, bytes: 1 << 30 };

/// The folder in the workspace.
const FOLDER: &str = "attachments";

/// Longest name in bytes: a number that is put into it still fits into one of Linux.
const NAME_BYTES_MAX: usize = 240;

/// Longest type and longest id of a message, in bytes.
const TEXT_BYTES_MAX: usize = 200;

const DEFAULT_TYPE: &str = "application/octet-stream";

/// A file that is to be attached.
#[derive(Debug)]
pub(crate) struct NewAttachment {
    pub(crate) filename: String,
    pub(crate) content: Bytes,
    pub(crate) mime_type: Option<String>,
    pub(crate) message: Option<String>,
}

impl Control {
    /// Largest attachment, in bytes.
    pub(crate) fn attachment_bytes_max(&self) -> u64 {
        self.settings().attachment_bytes_max
    }

    pub(crate) async fn attach(
        &self,
        caller: &Caller,
        session: SessionId,
        new: NewAttachment,
    ) -> Result<Attachment, Refusal> {
        judge(&new)?;
        let bytes_max = self.attachment_bytes_max();
        let size = new.content.len() as u64;
        if size > bytes_max {
            return Err(Refusal::FileTooLarge { bytes_max });
        }
        let record = self.session_record(caller, session).await?;
        if record.status == Status::Ended {
            return Err(Refusal::SessionGone);
        }
        let Reach { bridge, .. } = self.reach(caller, session).await?;
        let begin = |path: String| {
            let attachment = AttachmentRecord {
                id: AttachmentId::new(),
                session,
                filename: new.filename.clone(),
                path,
                mime_type: new.mime_type.clone().unwrap_or_else(|| DEFAULT_TYPE.to_owned()),
                size,
                message: new.message.clone(),
                created_at: Timestamp::now(),
            };
            let begun = self.host.store.begin_attachment(record.key, attachment.clone(), ROOM);
            async move { Ok::<_, Refusal>((begun.await?, attachment)) }
        };
        let mut number = 1;
        let attachment = loop {
            let path = format!("{FOLDER}/{}", numbered(&new.filename, number));
            number += 1;
            if is_there(&bridge, &path).await? {
                continue;
            }
            match begin(path).await? {
                (Begun::Yes, attachment) => break attachment,
                (Begun::PathTaken, _) => {}
                (Begun::NoRoom, _) => {
                    return Err(Refusal::TooManyAttachments {
                        count: ROOM.count,
                        bytes: ROOM.bytes,
                    });
                }
            }
        };
        let store = &self.host.store;
        let upload = bridge.sender.write_file(&attachment.path, None, bytes_max).await;
        let written = match upload {
            Ok(upload) => send(upload, new.content).await,
            Err(error) => Err(error),
        };
        if let Err(error) = written {
            store.remove_attachment(attachment.id).await?;
            return Err(too_large(error, bytes_max));
        }
        store.complete_attachment(attachment.id).await?;
        Ok(shown(caller, attachment))
    }

    pub(crate) async fn attachments(
        &self,
        caller: &Caller,
        session: SessionId,
    ) -> Result<AttachmentList, Refusal> {
        let record = self.session_record(caller, session).await?;
        let found = self.host.store.attachments(record.key).await?;
        Ok(AttachmentList {
            attachments: found.into_iter().map(|one| shown(caller, one)).collect(),
        })
    }

    /// The file as it is now: the agent may have changed it.
    pub(crate) async fn read_attachment(
        &self,
        caller: &Caller,
        id: AttachmentId,
    ) -> Result<(String, FileStream), Refusal> {
        let attachment = self.attachment_record(caller, id).await?;
        let session = attachment.session;
        let file = self.read_file(caller, session, &attachment.path, RAW_BYTES_MAX).await?;
        Ok((attachment.filename, file))
    }

    /// The file goes, too.
    pub(crate) async fn detach(&self, caller: &Caller, id: AttachmentId) -> Result<(), Refusal> {
        let attachment = self.attachment_record(caller, id).await?;
        match self.delete_file(caller, attachment.session, &attachment.path).await {
            Ok(()) | Err(Refusal::FileNotFound | Refusal::NoWorkspace) => {}
            Err(refusal) => return Err(refusal),
        }
        Ok(self.host.store.remove_attachment(id).await?)
    }

    async fn attachment_record(
        &self,
        caller: &Caller,
        id: AttachmentId,
    ) -> Result<AttachmentRecord, Refusal> {
        let found = self.host.store.attachment(&caller.tenant, id).await?;
        found.ok_or(Refusal::AttachmentNotFound)
    }
}

async fn send(mut upload: Upload, content: Bytes) -> Result<(), FileError> {
    if !content.is_empty() {
        upload.send(content).await?;
    }
    upload.finish().await.map(drop)
}

/// Whether something of that name is in the workspace: of the agent, or an earlier attachment.
async fn is_there(bridge: &Reached, path: &str) -> Result<bool, Refusal> {
    match bridge.sender.read_file(path, 0).await {
        Ok(_) | Err(FileError::Refused { reason: Refused::TooLarge | Refused::NotAFile }) => {
            Ok(true)
        }
        Err(FileError::Refused { reason: Refused::NotFound }) => Ok(false),
        Err(error) => Err(refused(error)),
    }
}

/// A name and nothing else: no path, and nothing that a terminal or a header takes for more.
fn judge(new: &NewAttachment) -> Result<(), OptionError> {
    let wrong = |field: &str, what: String| Err(OptionError { field: field.to_owned(), what });
    let name = &new.filename;
    let odd = |character: char| character.is_control() || matches!(character, '/' | '\\');
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return wrong("filename", format!("it has 1 to {NAME_BYTES_MAX} bytes"));
    }
    if name.chars().any(odd) || matches!(name.as_str(), "." | "..") {
        return wrong("filename", "it is a name, and no path".to_owned());
    }
    if new.content.is_empty() {
        return wrong("content", "it is empty".to_owned());
    }
    let texts = [("mimeType", &new.mime_type), ("messageId", &new.message)];
    for (field, text) in texts {
        let Some(text) = text else { continue };
        if text.is_empty() || text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control) {
            return wrong(
                field,
                format!("it has 1 to {TEXT_BYTES_MAX} bytes, and no control characters"),
            );
        }
    }
    Ok(())
}

/// The name for the `number`th that is called so: `a.txt`, `a-2.txt`, …
fn numbered(name: &str, number: u64) -> String {
    if number == 1 {
        return name.to_owned();
    }
    match name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) {
        Some((stem, extension)) => format!("{stem}-{number}.{extension}"),
        None => format!("{name}-{number}"),
    }
}

fn shown(caller: &Caller, record: AttachmentRecord) -> Attachment {
    Attachment {
        id: record.id,
        tenant_id: caller.tenant.clone(),
        session_id: record.session,
        message_id: record.message,
        filename: record.filename,
        mime_type: record.mime_type,
        size: record.size,
        path: record.path,
        created_at: record.created_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(filename: &str) -> bool {
        let content = Bytes::from_static(b"x");
        let new = NewAttachment {
            filename: filename.to_owned(),
            content,
            mime_type: None,
            message: None,
        };
        judge(&new).is_ok()
    }

    #[test]
    fn a_name_is_no_path_and_says_nothing_to_a_terminal() {
        for good in ["a.txt", "Bericht \u{fc}ber 2026.pdf", ".hidden", "...", &"x".repeat(240)] {
            assert!(judged(good), "{good:?}");
        }
        for bad in
            ["", ".", "..", "a/b", "../a", "/a", "a\\b", "a\nb", "a\0", "\x1b[2J", &"x".repeat(241)]
        {
            assert!(!judged(bad), "{bad:?}");
        }
    }

    #[test]
    fn the_second_of_a_name_has_a_number() {
        for (name, second) in [
            ("a.txt", "a-2.txt"),
            ("a.tar.gz", "a.tar-2.gz"),
            ("README", "README-2"),
            (".hidden", ".hidden-2"),
        ] {
            assert_eq!(
                (numbered(name, 1), numbered(name, 2)),
                (name.to_owned(), second.to_owned())
            );
        }
    }
}
