//! `ashctl eval`: cases of an agent, runs of them, and their results.

mod case;
mod run;

use clap::Subcommand;

use self::case::CaseVerb;
use self::run::{Run, Score};
use super::Context;
use super::failure::Failure;
use crate::id::{AgentName, EvalRunId};

#[derive(Debug, Subcommand)]
pub(crate) enum EvalVerb {
    /// Add, list, show, change, delete, import, and export the cases of an agent
    #[command(subcommand)]
    Case(CaseVerb),
    Run(Run),
    /// List the runs of an agent, the newest first
    List {
        /// Name of the agent
        agent: AgentName,
    },
    /// Show a run
    Show {
        /// Name of the agent
        agent: AgentName,
        /// Id of the run
        run: EvalRunId,
    },
    /// List what came of the cases of a run
    Results {
        /// Name of the agent
        agent: AgentName,
        /// Id of the run
        run: EvalRunId,
    },
    /// Set the results of two runs side by side
    Compare {
        /// Name of the agent
        agent: AgentName,
        /// Id of the one run
        run_a: EvalRunId,
        /// Id of the other run
        run_b: EvalRunId,
    },
    Score(Score),
    /// Cancel what of a run is not over
    Cancel {
        /// Name of the agent
        agent: AgentName,
        /// Id of the run
        run: EvalRunId,
    },
}

pub(crate) async fn run(context: &Context, verb: EvalVerb) -> Result<(), Failure> {
    match verb {
        EvalVerb::Case(verb) => case::run(context, verb).await,
        EvalVerb::Run(asked) => run::start(context, asked).await,
        EvalVerb::List { agent } => run::list(context, &agent).await,
        EvalVerb::Show { agent, run } => run::show(context, &agent, run).await,
        EvalVerb::Results { agent, run } => run::results(context, &agent, run).await,
        EvalVerb::Compare { agent, run_a, run_b } => {
            run::compare(context, &agent, run_a, run_b).await
        }
        EvalVerb::Score(score) => run::score(context, score).await,
        EvalVerb::Cancel { agent, run } => run::cancel(context, &agent, run).await,
    }
}
