//! `ashctl session messages`: what was said.

use clap::Args;

use super::with_query;
use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::output::Format;
use crate::ctl::prefix::resolve;
use crate::ctl::server::understand;
use crate::ctl::turn::frame;
use crate::wire::turns::{MessageList, StoredMessage};

/// Print what was said in a session
#[derive(Debug, Args)]
pub(crate) struct Messages {
    /// Id of the session, or its first characters
    session: String,
    /// Only what comes behind this number
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// At most so many
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
}

pub(super) async fn run(context: &mut Context, messages: Messages) -> Result<(), Failure> {
    let session = resolve(&context.server, &messages.session).await?;
    let mut query: Vec<String> = vec![];
    query.extend(messages.after.map(|after| format!("after={after}")));
    query.extend(messages.limit.map(|limit| format!("limit={limit}")));
    let target = with_query(&format!("/api/sessions/{session}/messages"), &query);
    let answer = context.server.get(&target).await?;
    let output = &mut context.output;
    if output.format != Format::Table {
        let id = |message: &StoredMessage| message.sequence.to_string();
        return output.list(&answer, "messages", id, |_| comfy_table::Table::new());
    }
    let list: MessageList = understand(&answer)?;
    for message in list.messages {
        let Some(text) = frame::text_of_stored(&message.content) else { continue };
        let when = output.times.show(message.created_at);
        output.line(&format!("[{}] {}, {when}", message.sequence, message.role))?;
        output.piece(&text)?;
        output.piece("\n\n")?;
    }
    Ok(())
}
