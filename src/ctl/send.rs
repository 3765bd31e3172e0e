//! `ashctl send`: a message to a session.

use clap::Args;

use super::Context;
use super::failure::Failure;
use super::prefix::resolve;
use super::turn::options::{TurnOptions, message_text};
use super::turn::{self, Interrupts};

/// Send a message to a session and print the answer
///
/// ^C interrupts the turn; once more, it leaves and lets the turn go on.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Id of the session, or its first characters
    session: String,
    /// What to say; `-` reads it from the standard input
    message: String,
    #[command(flatten)]
    options: TurnOptions,
}

pub(crate) async fn run(context: &mut Context, send: Send) -> Result<(), Failure> {
    let text = message_text(send.message)?;
    let request = send.options.request(text, &context.output)?;
    let session = resolve(&context.server, &send.session).await?;
    let (wants, patience) = (send.options.wants(), send.options.patience());
    turn::run(context, session, &request, wants, patience, Interrupts::new()?).await
}
