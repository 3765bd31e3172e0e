//! `ashctl session budget`: what a session may use of the model, and what it has used.

use clap::Args;

use super::show;
use crate::ctl::Context;
use crate::ctl::budget::Limits;
use crate::ctl::failure::Failure;
use crate::ctl::prefix::resolve;
use crate::ctl::server::whole;

/// Change what a session may use of the model, or show it
///
/// It counts from the beginning of the session. A session whose budget is used up goes on when it
/// is raised.
#[derive(Debug, Args)]
pub(crate) struct SessionBudget {
    /// Id of the session, or its first characters
    session: String,
    #[command(flatten)]
    limits: Limits,
}

pub(super) async fn run(context: &Context, budget: SessionBudget) -> Result<(), Failure> {
    let session = resolve(&context.server, &budget.session).await?;
    let answer = match budget.limits.change() {
        None => context.server.get(&format!("/api/sessions/{session}")).await?,
        Some(change) => {
            let target = format!("/api/sessions/{session}/budget");
            whole(context.server.patch(&target, &change).await?).await?
        }
    };
    show::one(&context.output, &answer)
}
