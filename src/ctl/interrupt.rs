//! `ashctl interrupt`: stop the running turn.

use clap::Args;
use http::Method;

use super::Context;
use super::failure::Failure;
use super::output::Format;
use super::prefix::resolve;
use super::server::understand;
use crate::wire::turns::Interrupted;

/// Stop the running turn of a session; the session stays usable
#[derive(Debug, Args)]
pub(crate) struct Interrupt {
    /// Id of the session, or its first characters
    session: String,
}

pub(crate) async fn run(context: &Context, interrupt: Interrupt) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let session = resolve(server, &interrupt.session).await?;
    let target = format!("/api/sessions/{session}/interrupt");
    let answer = server.call(Method::POST, &target).await?;
    match output.format {
        Format::Table => {
            let interrupted: Interrupted = understand(&answer)?;
            output.line(match interrupted.turn_id {
                Some(_) => "Interrupted the running turn",
                None => "No turn was running",
            })
        }
        Format::Id => output.line(&session.to_string()),
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
    }
}
