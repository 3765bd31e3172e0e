//! `ashctl session attachment`: files that clients give to a session.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use http::Method;
use indicatif::HumanBytes;

use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, cell, columns};
use crate::ctl::prefix::resolve;
use crate::ctl::server::{request, whole};
use crate::id::AttachmentId;
use crate::web::client::{Patience, empty};
use crate::wire::attachments::{Attachment, CreateAttachment};

#[derive(Debug, Subcommand)]
pub(crate) enum AttachmentVerb {
    /// Give a file to a session: it lies in `attachments/` of its workspace
    Add {
        /// Id of the session, or its first characters
        session: String,
        /// File to send
        file: PathBuf,
        /// Its name; without it the file's own
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Its media type
        #[arg(long = "type", value_name = "TYPE")]
        mime_type: Option<String>,
    },
    /// List the attachments of a session
    List {
        /// Id of the session, or its first characters
        session: String,
    },
    /// Print an attachment
    Get {
        /// Id of the attachment
        attachment: AttachmentId,
    },
    /// Remove an attachment, and its file
    #[command(name = "rm")]
    Remove {
        /// Id of the attachment
        attachment: AttachmentId,
    },
}

pub(super) async fn run(context: &mut Context, verb: AttachmentVerb) -> Result<(), Failure> {
    match verb {
        AttachmentVerb::Add { session, file, name, mime_type } => {
            let session = resolve(&context.server, &session).await?;
            let unreadable =
                |why: String| Failure::usage(format!("`{}` cannot be read: {why}", file.display()));
            let own = file.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            let filename = name.or(own).ok_or_else(|| unreadable("it has no name".to_owned()))?;
            let content = tokio::fs::read(&file).await;
            let content = content.map_err(|error| unreadable(error.to_string()))?;
            let content = STANDARD.encode(content);
            let request = CreateAttachment { filename, content, mime_type, message_id: None };
            let target = format!("/api/sessions/{session}/attachments");
            let answer = whole(context.server.post(&target, &request).await?).await?;
            let output = &context.output;
            output.one(&answer, "attachment", id, |attachment: Attachment| {
                output.line(&attachment.id.to_string())?;
                output.note(&format!("it is `{}` of the workspace", cell(&attachment.path)));
                Ok(())
            })
        }
        AttachmentVerb::List { session } => {
            let session = resolve(&context.server, &session).await?;
            let Context { server, output, .. } = context;
            let answer = server.get(&format!("/api/sessions/{session}/attachments")).await?;
            output.list(&answer, "attachments", id, |attachments| {
                let mut table = columns(["ID", "SIZE", "TYPE", "ATTACHED", "PATH"]);
                for attachment in attachments {
                    table.add_row([
                        id(&attachment),
                        HumanBytes(attachment.size).to_string(),
                        cell(&attachment.mime_type),
                        output.times.show(attachment.created_at),
                        cell(&attachment.path),
                    ]);
                }
                table
            })
        }
        AttachmentVerb::Get { attachment } => {
            let Context { server, output, .. } = context;
            let request = request(Method::GET, &format!("/api/attachments/{attachment}"), empty());
            let mut answer = server.open(request, Patience::Answer).await?;
            while let Some(chunk) = answer.chunk().await.map_err(Failure::from)? {
                output.bytes(&chunk)?;
            }
            Ok(())
        }
        AttachmentVerb::Remove { attachment } => {
            let Context { server, output, .. } = context;
            let target = format!("/api/attachments/{attachment}");
            let answer = server.call(Method::DELETE, &target).await?;
            match output.format {
                Format::Table => output.line("Removed the attachment"),
                Format::Id => output.line(&attachment.to_string()),
                Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
            }
        }
    }
}

fn id(attachment: &Attachment) -> String {
    attachment.id.to_string()
}
