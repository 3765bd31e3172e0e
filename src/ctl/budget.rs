//! `ashctl budget`: what a tenant's sessions may use of the model together; and limits as they
//! are written.

use clap::Args;
use comfy_table::Table;

use super::Context;
use super::failure::Failure;
use super::output::{Format, cell};
use super::server::{understand, whole};
use crate::wire::budgets::{Budget, BudgetChange, Change, TenantBudget, Used};

/// Change what the sessions of a tenant may use of the model together, or show it
///
/// It counts everything that its sessions ever used. Sessions that stopped because it is used up go
/// on when it is raised. Choose the tenant with `--tenant`.
#[derive(Debug, Args)]
pub(crate) struct BudgetVerb {
    #[command(flatten)]
    limits: Limits,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Limits {
    /// Tokens, read and written, cached ones included; `none` for no limit
    #[arg(long, value_name = "COUNT|none", value_parser = limit::<u64>)]
    tokens: Option<Change<u64>>,
    /// US dollars, by the prices that the host knows; `none` for no limit
    #[arg(long, value_name = "DOLLARS|none", value_parser = limit::<f64>)]
    dollars: Option<Change<f64>>,
}

impl Limits {
    /// What is to be changed, if anything is.
    pub(super) fn change(self) -> Option<BudgetChange> {
        change(self.tokens, self.dollars)
    }
}

pub(super) fn change(
    tokens: Option<Change<u64>>,
    dollars: Option<Change<f64>>,
) -> Option<BudgetChange> {
    let change =
        BudgetChange { tokens: tokens.unwrap_or_default(), dollars: dollars.unwrap_or_default() };
    (change != BudgetChange::default()).then_some(change)
}

pub(super) fn limit<N: std::str::FromStr>(text: &str) -> Result<Change<N>, String> {
    match text {
        "none" => Ok(Change::Lift),
        text => text.parse().map(Change::Set).map_err(|_not| "it is a number or `none`".to_owned()),
    }
}

/// What was used of the model, and of how much.
pub(super) fn used(usage: &Used, budget: Option<&Budget>) -> String {
    let budget = budget.copied().unwrap_or_default();
    let tokens = budget.tokens.map_or(String::new(), |max| format!(" of {max}"));
    let dollars = budget.dollars.map_or(String::new(), |max| format!(" of {max}"));
    let reached = if budget.reached { ", used up" } else { "" };
    format!("{}{tokens} tokens, {:.4}{dollars} dollars{reached}", usage.tokens, usage.dollars)
}

pub(super) async fn run(context: &Context, verb: BudgetVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = match verb.limits.change() {
        None => server.get("/api/budget").await?,
        Some(change) => whole(server.patch("/api/budget", &change).await?).await?,
    };
    match output.format {
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
        Format::Id => output.line(&understand::<TenantBudget>(&answer)?.tenant_id),
        Format::Table => {
            let shown: TenantBudget = understand(&answer)?;
            let mut table = Table::new();
            table
                .add_row(["tenant", &cell(&shown.tenant_id)])
                .add_row(["used", &used(&shown.usage, shown.budget.as_ref())]);
            output.table(table)
        }
    }
}
