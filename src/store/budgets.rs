//! What sessions and tenants may use of the model, and what they have used.

use super::database::{self, Connection, Optional as _, Row, params};
use super::writer::Terms;
use super::{BudgetRecord, Store, StoreError, TenantBudgetRecord, UsedRecord, outbox};
use crate::clock::Timestamp;

const TENANT: &str = "SELECT tokens_max, money_max, input, output, cache_read, cache_write, money,
    tenant FROM tenant_budgets";

impl Store {
    /// Of a tenant that nobody has said anything of: no limit.
    pub(crate) async fn tenant_budget(
        &self,
        tenant: &str,
    ) -> Result<TenantBudgetRecord, StoreError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| of_tenant(connection, &tenant)).await
    }

    /// Of every tenant of which something is known.
    pub(crate) async fn tenant_budgets(
        &self,
    ) -> Result<Vec<(String, TenantBudgetRecord)>, StoreError> {
        self.read(|connection| {
            let all = connection
                .prepare_cached(TENANT)?
                .query_map(params![], |row| Ok((row.get(7)?, tenant(row)?)))?
                .collect::<Result<_, _>>()?;
            Ok(all)
        })
        .await
    }

    /// Survives a power cut: it is money.
    pub(crate) async fn set_tenant_budget(
        &self,
        tenant: &str,
        budget: BudgetRecord,
    ) -> Result<TenantBudgetRecord, StoreError> {
        let tenant = tenant.to_owned();
        self.write(Terms { durable: true, bytes: 0 }, move |connection| {
            connection
                .prepare_cached(
                    "INSERT INTO tenant_budgets (tenant, tokens_max, money_max) VALUES (?1, ?2, ?3)
                     ON CONFLICT (tenant) DO UPDATE SET tokens_max = excluded.tokens_max,
                        money_max = excluded.money_max",
                )?
                .execute(params![tenant, budget.tokens, budget.money])?;
            of_tenant(connection, &tenant)
        })
        .await
    }
}

fn of_tenant(connection: &Connection, name: &str) -> Result<TenantBudgetRecord, StoreError> {
    let known = connection
        .prepare_cached(&format!("{TENANT} WHERE tenant = ?1"))?
        .query_row([name], tenant)
        .optional()?;
    Ok(known.unwrap_or_default())
}

fn tenant(row: &Row<'_>) -> database::Result<TenantBudgetRecord> {
    Ok(TenantBudgetRecord {
        budget: BudgetRecord { tokens: row.get(0)?, money: row.get(1)? },
        used: used(row, 2)?,
    })
}

/// The five columns from `first` on.
pub(super) fn used(row: &Row<'_>, first: usize) -> database::Result<UsedRecord> {
    Ok(UsedRecord {
        input: row.get(first)?,
        output: row.get(first + 1)?,
        cache_read: row.get(first + 2)?,
        cache_write: row.get(first + 3)?,
        money: row.get(first + 4)?,
    })
}

/// Of a new session; its tenant has used nothing with it on this host.
pub(super) fn begin(
    connection: &Connection,
    key: i64,
    budget: BudgetRecord,
    used: UsedRecord,
) -> Result<(), StoreError> {
    if budget == BudgetRecord::default() && used == UsedRecord::default() {
        return Ok(());
    }
    set(connection, key, budget)?;
    let UsedRecord { input, output, cache_read, cache_write, money } = used;
    connection
        .prepare_cached(
            "UPDATE budgets SET input = ?2, output = ?3, cache_read = ?4, cache_write = ?5,
                money = ?6 WHERE session_key = ?1",
        )?
        .execute(params![key, input, output, cache_read, cache_write, money])?;
    super::usage::begin(connection, key, used)
}

pub(super) fn set(
    connection: &Connection,
    key: i64,
    budget: BudgetRecord,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO budgets (session_key, tokens_max, money_max) VALUES (?1, ?2, ?3)
             ON CONFLICT (session_key) DO UPDATE SET tokens_max = excluded.tokens_max,
                money_max = excluded.money_max",
        )?
        .execute(params![key, budget.tokens, budget.money])?;
    Ok(())
}

/// What a session used only grows: an older report changes nothing. What is new of it is added to
/// its tenant's, whose sum is answered.
pub(super) fn raise(
    connection: &Connection,
    key: i64,
    reported: UsedRecord,
    at: Timestamp,
) -> Result<(String, UsedRecord), StoreError> {
    let (before, budget) = connection
        .prepare_cached(
            "SELECT input, output, cache_read, cache_write, money, tokens_max, money_max
             FROM budgets WHERE session_key = ?1",
        )?
        .query_row([key], |row| {
            Ok((used(row, 0)?, BudgetRecord { tokens: row.get(5)?, money: row.get(6)? }))
        })
        .optional()?
        .unwrap_or_default();
    let after = before.highest(reported);
    connection
        .prepare_cached(
            "INSERT INTO budgets (session_key, input, output, cache_read, cache_write, money)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (session_key) DO UPDATE SET input = excluded.input,
                output = excluded.output, cache_read = excluded.cache_read,
                cache_write = excluded.cache_write, money = excluded.money",
        )?
        .execute(params![
            key,
            after.input,
            after.output,
            after.cache_read,
            after.cache_write,
            after.money
        ])?;
    let tenant: String = connection
        .prepare_cached("SELECT tenant FROM sessions WHERE key = ?1")?
        .query_row([key], |row| row.get(0))?;
    let (sum, of_all) = connection
        .prepare_cached(
            "INSERT INTO tenant_budgets (tenant, input, output, cache_read, cache_write, money)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (tenant) DO UPDATE SET input = tenant_budgets.input + excluded.input,
                output = tenant_budgets.output + excluded.output,
                cache_read = tenant_budgets.cache_read + excluded.cache_read,
                cache_write = tenant_budgets.cache_write + excluded.cache_write,
                money = tenant_budgets.money + excluded.money
             RETURNING input, output, cache_read, cache_write, money, tokens_max, money_max",
        )?
        .query_row(
            params![
                tenant,
                after.input - before.input,
                after.output - before.output,
                after.cache_read - before.cache_read,
                after.cache_write - before.cache_write,
                after.money - before.money
            ],
            |row| Ok((used(row, 0)?, BudgetRecord { tokens: row.get(5)?, money: row.get(6)? })),
        )?;
    if budget.is_spent(after) && !budget.is_spent(before) {
        outbox::budget_reached(connection, key, "session", at)?;
    }
    if of_all.is_spent(sum) && !of_all.is_spent(sum.less(after.less(before))) {
        outbox::budget_reached(connection, key, "tenant", at)?;
    }
    Ok((tenant, sum))
}
