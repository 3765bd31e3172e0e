//! What sessions and tenants may use of the model. Egress counts and refuses; the session is told,
//! as it is of memory that ran out.

use std::sync::PoisonError;

use serde_json::json;

use super::driver::Driver;
use super::host::Host;
use super::log::Batch;
use crate::egress::{Budget, Denied, Spent, Tokens, Used, fault_text};
use crate::sandbox::Limits;
use crate::session::frame::FrameKind;
use crate::store::{BudgetRecord, KernelRecord, StoreError, TenantBudgetRecord, UsedRecord};

pub(super) fn budget(record: BudgetRecord) -> Budget {
    Budget { tokens: record.tokens, money: record.money }
}

pub(super) fn used(record: UsedRecord) -> Used {
    let UsedRecord { input, output, cache_read, cache_write, money } = record;
    let tokens = Tokens { input, output, cache_read, cache_write, cache_write_hour: 0 };
    Used { tokens, money }
}

impl Host {
    /// Tells egress what every tenant may use.
    pub(super) async fn recover_tenants(&self) -> Result<(), StoreError> {
        for (tenant, record) in self.store.tenant_budgets().await? {
            self.allow_tenant(&tenant, record).await;
        }
        Ok(())
    }

    /// From now on the sessions of `tenant` may use so much together.
    pub(crate) async fn allow_tenant(&self, tenant: &str, record: TenantBudgetRecord) {
        self.note_limit(tenant, record.budget != BudgetRecord::default());
        self.egress.allow_tenant(tenant, budget(record.budget), used(record.used)).await;
    }

    fn note_limit(&self, tenant: &str, is_limited: bool) {
        let mut limited = self.limited_tenants.write().unwrap_or_else(PoisonError::into_inner);
        if is_limited {
            limited.insert(tenant.to_owned());
        } else {
            limited.remove(tenant);
        }
    }

    fn is_limited(&self, tenant: &str) -> bool {
        let limited = self.limited_tenants.read().unwrap_or_else(PoisonError::into_inner);
        limited.contains(tenant)
    }
}

impl Driver {
    /// From now on this is the budget, also for the sandbox that lives.
    pub(super) async fn change_budget(&mut self, budget: BudgetRecord) {
        self.record.budget = budget;
        self.renew_terms().await;
    }

    /// Tells egress on which terms the session passes from now on.
    pub(super) async fn renew_terms(&mut self) {
        if self.live.is_some() {
            self.host.admit(&self.record).await;
        }
    }

    /// Says so where the turn was refused the model because a budget is used up, or for its
    /// credential.
    pub(super) async fn tell_denial(&mut self, batch: &mut Batch) {
        let may_be_denied = self.record.budget != BudgetRecord::default()
            || self.options.credential_id.is_some()
            || self.host.is_limited(&self.record.tenant);
        if !may_be_denied {
            return;
        }
        let Some(denied) = self.host.egress.take_refusal(self.record.id).await else { return };
        let turn = self.running.as_ref().map(|turn| turn.ordinal);
        let (error, code) = match denied {
            Denied::Budget(Spent::Session) => (
                "the budget of this session is used up; raise it, and the session goes on",
                "budget_reached",
            ),
            Denied::Budget(Spent::Tenant) => (
                "the budget of this tenant is used up; when an administrator raises it, the session \
                 goes on",
                "budget_reached",
            ),
            Denied::Credential(fault) => (fault_text(fault), "credential_unavailable"),
        };
        let data = json!({ "error": error, "code": code });
        batch.push(FrameKind::Error, turn, data.to_string());
    }

    /// What its sandbox may use.
    pub(super) fn limits(&self) -> Limits {
        self.host.settings.limits.with(&self.options.limits)
    }

    /// Looks what the kernel counted in the sandbox by now, for the record of the turn. Says so where
    /// the memory limit killed a process of it since the last look.
    pub(super) async fn take_stock(&mut self, batch: &mut Batch) {
        let Some(live) = &mut self.live else { return };
        let Some(usage) = self.host.launcher.usage_of(self.record.id).await else { return };
        self.kernel = KernelRecord {
            cpu_microseconds: usage.cpu_microseconds,
            memory_peak_bytes: usage.memory_peak_bytes,
            read_bytes: usage.read_bytes,
            written_bytes: usage.written_bytes,
        };
        let kills = usage.oom_kills.unwrap_or(0);
        if kills > live.oom_kills {
            live.oom_kills = kills;
            let limit = self.limits().memory_bytes >> 20;
            let error = format!(
                "the sandbox ran out of memory ({limit} MiB) and the kernel killed a process in it"
            );
            batch.push(
                FrameKind::Error,
                self.running.as_ref().map(|turn| turn.ordinal),
                json!({ "error": error, "code": "out_of_memory" }).to_string(),
            );
        }
    }
}
