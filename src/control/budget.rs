//! What a session may use of the model, and what it has used.

use super::{Caller, Control, Refusal};
use crate::id::SessionId;
use crate::session::Status;
use crate::session::options::OptionError;
use crate::store::{BudgetRecord, SessionChange, TenantBudgetRecord, UsedRecord};
use crate::wire::budgets::{Budget, BudgetChange, Change, TenantBudget, Used};
use crate::wire::sessions::Session;

/// Thousand-millionths of a dollar.
const MONEY_OF_DOLLAR: f64 = 1e9;

/// Largest budget: more is a slip, and still counted without loss.
const TOKENS_MAX: u64 = 1_000_000_000_000;
const DOLLARS_MAX: f64 = 1_000_000.0;

impl Control {
    /// Changes what the session may use; from its next request to the model on.
    pub(crate) async fn change_budget(
        &self,
        caller: &Caller,
        id: SessionId,
        change: &BudgetChange,
    ) -> Result<Session, Refusal> {
        let record = self.session_record(caller, id).await?;
        if record.status == Status::Ended {
            return Err(Refusal::SessionGone);
        }
        let budget = changed(record.budget, change, "")?;
        let stored = SessionChange { budget: Some(budget), ..SessionChange::default() };
        self.host.store.update_session(id, stored).await?;
        if let Some(handle) = self.host.known(id) {
            handle.change_budget(budget).await;
        }
        tracing::info!(session = %id, tokens = budget.tokens, money = budget.money, "budget changed");
        self.session(caller, id).await
    }

    /// Of the caller's tenant.
    pub(crate) async fn tenant_budget(&self, caller: &Caller) -> Result<TenantBudget, Refusal> {
        Ok(of_tenant(caller, self.host.store.tenant_budget(&caller.tenant).await?))
    }

    /// Changes what the sessions of the caller's tenant may use together; from the next request
    /// to the model on.
    pub(crate) async fn change_tenant_budget(
        &self,
        caller: &Caller,
        change: &BudgetChange,
    ) -> Result<TenantBudget, Refusal> {
        let before = self.host.store.tenant_budget(&caller.tenant).await?;
        let budget = changed(before.budget, change, "")?;
        let record = self.host.store.set_tenant_budget(&caller.tenant, budget).await?;
        self.host.allow_tenant(&caller.tenant, record).await;
        tracing::info!(
            tenant = caller.tenant,
            tokens = budget.tokens,
            money = budget.money,
            "budget of a tenant changed"
        );
        Ok(of_tenant(caller, record))
    }

    /// The budget of a new session.
    pub(super) fn first_budget(
        &self,
        wish: Option<&BudgetChange>,
    ) -> Result<BudgetRecord, OptionError> {
        let default = self.settings().budget;
        wish.map_or(Ok(default), |wish| changed(default, wish, "budget."))
    }
}

/// What is absent stays, what is null is no limit.
fn changed(
    before: BudgetRecord,
    change: &BudgetChange,
    prefix: &str,
) -> Result<BudgetRecord, OptionError> {
    let wrong = |field: &str, what: String| OptionError { field: format!("{prefix}{field}"), what };
    let tokens = match change.tokens {
        Change::Keep => before.tokens,
        Change::Lift => None,
        Change::Set(tokens) if (1..=TOKENS_MAX).contains(&tokens) => Some(tokens),
        Change::Set(_) => {
            return Err(wrong("tokens", format!("it is a number from 1 to {TOKENS_MAX}, or null")));
        }
    };
    let money = match change.dollars {
        Change::Keep => before.money,
        Change::Lift => None,
        Change::Set(dollars) => Some(money(dollars).ok_or_else(|| {
            wrong("dollars", format!("it is a number more than 0 and up to {DOLLARS_MAX}, or null"))
        })?),
    };
    Ok(BudgetRecord { tokens, money })
}

/// An amount that can be a budget.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the range")]
fn money(dollars: f64) -> Option<u64> {
    let possible = dollars.is_finite() && dollars > 0.0 && dollars <= DOLLARS_MAX;
    possible.then_some((dollars * MONEY_OF_DOLLAR).round() as u64).filter(|money| *money > 0)
}

#[expect(clippy::cast_precision_loss, reason = "shown, not counted with")]
fn dollars(money: u64) -> f64 {
    money as f64 / MONEY_OF_DOLLAR
}

fn of_tenant(caller: &Caller, record: TenantBudgetRecord) -> TenantBudget {
    let (budget, usage) = show(record.budget, record.used);
    TenantBudget { tenant_id: caller.tenant.clone(), budget, usage }
}

/// As the wire shows them.
pub(super) fn show(budget: BudgetRecord, used: UsedRecord) -> (Option<Budget>, Used) {
    let shown = Budget {
        tokens: budget.tokens,
        dollars: budget.money.map(dollars),
        reached: budget.is_spent(used),
    };
    let usage = Used {
        input_tokens: used.input,
        output_tokens: used.output,
        cache_read_tokens: used.cache_read,
        cache_write_tokens: used.cache_write,
        tokens: used.tokens(),
        dollars: dollars(used.money),
    };
    ((budget != BudgetRecord::default()).then_some(shown), usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(json: &str) -> Result<BudgetRecord, OptionError> {
        let before = BudgetRecord { tokens: Some(5), money: Some(6) };
        changed(before, &serde_json::from_str(json).unwrap(), "")
    }

    #[test]
    fn what_is_absent_stays_and_what_is_null_is_no_limit() {
        let record = |tokens, money| Ok(BudgetRecord { tokens, money });
        assert_eq!(change("{}"), record(Some(5), Some(6)));
        assert_eq!(change(r#"{"tokens": 7}"#), record(Some(7), Some(6)));
        assert_eq!(change(r#"{"tokens": null, "dollars": 0.5}"#), record(None, Some(500_000_000)));
        assert_eq!(change(r#"{"dollars": null}"#), record(Some(5), None));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for (json, field) in [
            (r#"{"tokens": 0}"#, "tokens"),
            (r#"{"tokens": 1000000000001}"#, "tokens"),
            (r#"{"dollars": 0}"#, "dollars"),
            (r#"{"dollars": -1}"#, "dollars"),
            (r#"{"dollars": 1e300}"#, "dollars"),
            (r#"{"dollars": 1e-12}"#, "dollars"),
        ] {
            assert_eq!(change(json).unwrap_err().field, field, "{json}");
        }
        for json in [r#"{"tokens": -1}"#, r#"{"tokens": "1"}"#, r#"{"cents": 1}"#] {
            assert!(serde_json::from_str::<BudgetChange>(json).is_err(), "{json}");
        }
    }
}
