//! What turns used: a record for each, written with its end, and their sums.

use rusqlite::types::Value;

use super::database::{self, Connection, Optional as _, Row, params};
use super::writer::Terms;
use super::{
    KernelRecord, Store, StoreError, TurnState, TurnUsage, UsageFilter, UsageGroup, UsageOfGroup,
    UsageRecord, UsageSums, UsedRecord, row,
};
use crate::clock::Timestamp;

/// Records removed in one commit: those of other sessions wait for moments only.
const REMOVED_AT_ONCE_MAX: u32 = 1_000;

const DAY_MILLIS: i64 = 86_400_000;

const SUMS: &str = "count(*), coalesce(sum(milliseconds), 0), coalesce(sum(messages), 0),
    coalesce(sum(tool_calls), 0), coalesce(sum(input), 0), coalesce(sum(output), 0),
    coalesce(sum(cache_read), 0), coalesce(sum(cache_write), 0), coalesce(sum(money), 0),
    coalesce(sum(metered_tokens), 0), coalesce(sum(metered_money), 0), sum(cpu_microseconds),
    max(memory_peak), sum(read_bytes), sum(written_bytes)";

/// The same of one record.
const ONE: &str = "1, milliseconds, messages, tool_calls, input, output, cache_read, cache_write,
    money, metered_tokens, metered_money, cpu_microseconds, memory_peak, read_bytes,
    written_bytes";

impl Store {
    /// What the session's CLI told last that everything cost, as far as it is recorded.
    pub(crate) async fn told_cost(&self, key: i64) -> Result<u64, StoreError> {
        self.read(move |connection| Ok(sums_before(connection, key)?.told)).await
    }

    /// The newest first.
    pub(crate) async fn usage_records(
        &self,
        tenant: &str,
        filter: UsageFilter,
        limit: u32,
    ) -> Result<Vec<UsageRecord>, StoreError> {
        let (wanted, mut bound) = wanted(tenant, &filter);
        bound.push(limit.into());
        self.read(move |connection| {
            let sql = format!(
                "SELECT {ONE}, session, agent, turn, outcome, model, ended_at FROM usage
                 WHERE {wanted} ORDER BY ended_at DESC, number DESC LIMIT ?{}",
                bound.len()
            );
            let records = connection
                .prepare_cached(&sql)?
                .query_map(bound, |row| {
                    Ok(UsageRecord {
                        sums: sums(row)?,
                        session: row::parsed(row, 15)?,
                        agent: row::parsed(row, 16)?,
                        turn: row::parsed(row, 17)?,
                        outcome: row::word(row, 18, TurnState::parse)?,
                        model: row.get(19)?,
                        ended_at: row::timestamp(row, 20)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(records)
        })
        .await
    }

    pub(crate) async fn usage_sums(
        &self,
        tenant: &str,
        filter: UsageFilter,
    ) -> Result<UsageSums, StoreError> {
        let (wanted, bound) = wanted(tenant, &filter);
        self.read(move |connection| {
            let sql = format!("SELECT {SUMS} FROM usage WHERE {wanted}");
            Ok(connection.prepare_cached(&sql)?.query_row(bound, sums)?)
        })
        .await
    }

    /// The sums of each group; the one with the newest record first.
    pub(crate) async fn usage_by(
        &self,
        tenant: &str,
        filter: UsageFilter,
        group: UsageGroup,
        limit: u32,
    ) -> Result<Vec<UsageOfGroup>, StoreError> {
        let (wanted, mut bound) = wanted(tenant, &filter);
        bound.push(limit.into());
        let by = match group {
            UsageGroup::Session => "session",
            UsageGroup::Agent => "agent",
            UsageGroup::Model => "model",
            UsageGroup::Day => "ended_at / 86400000",
            UsageGroup::Turn => "turn",
        };
        self.read(move |connection| {
            let sql = format!(
                "SELECT {SUMS}, {by}, max(ended_at) FROM usage WHERE {wanted}
                 GROUP BY {by} ORDER BY max(ended_at) DESC, max(number) DESC LIMIT ?{}",
                bound.len()
            );
            let groups = connection
                .prepare_cached(&sql)?
                .query_map(bound, |row| {
                    Ok(UsageOfGroup {
                        sums: sums(row)?,
                        name: match group {
                            UsageGroup::Day => Some(day(row.get(15)?)),
                            _ => row.get(15)?,
                        },
                        ended_at: row::timestamp(row, 16)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(groups)
        })
        .await
    }

    /// Removes the records of turns that ended before; says how many.
    pub(crate) async fn remove_usage(&self, before: Timestamp) -> Result<usize, StoreError> {
        let mut removed = 0;
        loop {
            let now = self
                .write(Terms::default(), move |connection| {
                    // They are in the order in which turns ended.
                    let removed = connection
                        .prepare_cached(
                            "DELETE FROM usage WHERE ended_at < ?1 AND number IN
                                (SELECT number FROM usage ORDER BY number LIMIT ?2)",
                        )?
                        .execute(params![before.as_millis(), REMOVED_AT_ONCE_MAX])?;
                    Ok(removed)
                })
                .await?;
            removed += now;
            if now < REMOVED_AT_ONCE_MAX as usize {
                return Ok(removed);
            }
        }
    }
}

/// What records must have, and the values for it.
fn wanted(tenant: &str, filter: &UsageFilter) -> (String, Vec<Value>) {
    let mut wanted = "tenant = ?1".to_owned();
    let mut bound: Vec<Value> = vec![tenant.to_owned().into()];
    let UsageFilter { session, agent, after, before } = filter;
    let mut also = |condition: &str, value: Option<Value>| {
        if let Some(value) = value {
            bound.push(value);
            for part in [" AND ", condition, " ?", &bound.len().to_string()] {
                wanted.push_str(part);
            }
        }
    };
    also("session =", session.map(|session| session.to_string().into()));
    also("agent =", agent.as_ref().map(|agent| agent.as_str().to_owned().into()));
    also("ended_at >", after.map(|after| after.as_millis().into()));
    also("ended_at <", before.map(|before| before.as_millis().into()));
    (wanted, bound)
}

/// The date of a day since 1970.
fn day(number: i64) -> String {
    let date = Timestamp::from_millis(number.saturating_mul(DAY_MILLIS)).to_string();
    date.split_once('T').map_or(date.clone(), |(date, _)| date.to_owned())
}

fn sums(row: &Row<'_>) -> database::Result<UsageSums> {
    Ok(UsageSums {
        turns: row.get(0)?,
        milliseconds: row.get(1)?,
        messages: row.get(2)?,
        tool_calls: row.get(3)?,
        told: UsedRecord {
            input: row.get(4)?,
            output: row.get(5)?,
            cache_read: row.get(6)?,
            cache_write: row.get(7)?,
            money: row.get(8)?,
        },
        metered_tokens: row.get(9)?,
        metered_money: row.get(10)?,
        kernel: KernelRecord {
            cpu_microseconds: row.get(11)?,
            memory_peak_bytes: row.get(12)?,
            read_bytes: row.get(13)?,
            written_bytes: row.get(14)?,
        },
    })
}

/// What is recorded already of what only grows.
#[derive(Debug, Clone, Copy, Default)]
struct Recorded {
    told: u64,
    metered_tokens: u64,
    metered_money: u64,
    sandbox: u64,
    cpu_microseconds: u64,
    read_bytes: u64,
    written_bytes: u64,
}

fn sums_before(connection: &Connection, key: i64) -> Result<Recorded, StoreError> {
    let recorded = connection
        .prepare_cached(
            "SELECT told, metered_tokens, metered_money, sandbox, cpu_microseconds, read_bytes,
                written_bytes FROM usage_sums WHERE session_key = ?1",
        )?
        .query_row([key], |row| {
            Ok(Recorded {
                told: row.get(0)?,
                metered_tokens: row.get(1)?,
                metered_money: row.get(2)?,
                sandbox: row.get(3)?,
                cpu_microseconds: row.get(4)?,
                read_bytes: row.get(5)?,
                written_bytes: row.get(6)?,
            })
        })
        .optional()?;
    Ok(recorded.unwrap_or_default())
}

/// The record of a turn that has ended, with what is beyond the records before it.
pub(super) fn insert(
    connection: &Connection,
    key: i64,
    usage: &TurnUsage,
) -> Result<(), StoreError> {
    let before = sums_before(connection, key)?;
    let metered = connection
        .prepare_cached(
            "SELECT input, output, cache_read, cache_write, money FROM budgets
             WHERE session_key = ?1",
        )?
        .query_row([key], |row| super::budgets::used(row, 0))
        .optional()?
        .unwrap_or_default();
    let KernelRecord { cpu_microseconds, memory_peak_bytes, read_bytes, written_bytes } =
        usage.kernel;
    let same = before.sandbox == usage.sandbox;
    let beyond = |now: Option<u64>, before: u64| {
        now.map(|now| now.saturating_sub(if same { before } else { 0 }))
    };
    let UsedRecord { input, output, cache_read, cache_write, money } = usage.told;
    connection
        .prepare_cached(
            "INSERT INTO usage (tenant, session, agent, turn, outcome, model, ended_at,
                milliseconds, messages, tool_calls, input, output, cache_read, cache_write, money,
                metered_tokens, metered_money, cpu_microseconds, memory_peak, read_bytes,
                written_bytes)
             SELECT s.tenant, s.id, s.agent_name, t.id, t.state, ?3, t.ended_at, ?4, ?5, ?6, ?7, ?8,
                ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17
             FROM sessions s JOIN turns t ON t.session_key = s.key AND t.ordinal = ?2
             WHERE s.key = ?1",
        )?
        .execute(params![
            key,
            usage.ordinal,
            usage.model,
            usage.milliseconds,
            usage.messages,
            usage.tool_calls,
            input,
            output,
            cache_read,
            cache_write,
            money,
            metered.tokens().saturating_sub(before.metered_tokens),
            metered.money.saturating_sub(before.metered_money),
            beyond(cpu_microseconds, before.cpu_microseconds),
            memory_peak_bytes,
            beyond(read_bytes, before.read_bytes),
            beyond(written_bytes, before.written_bytes),
        ])?;
    // Where the kernel said nothing this time, it says all of it the next time.
    let now = |now: Option<u64>, before: u64| now.unwrap_or(if same { before } else { 0 });
    connection
        .prepare_cached(
            "INSERT INTO usage_sums (session_key, told, metered_tokens, metered_money,
                sandbox, cpu_microseconds, read_bytes, written_bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (session_key) DO UPDATE SET told = excluded.told,
                metered_tokens = excluded.metered_tokens, metered_money = excluded.metered_money,
                sandbox = excluded.sandbox, cpu_microseconds = excluded.cpu_microseconds,
                read_bytes = excluded.read_bytes, written_bytes = excluded.written_bytes",
        )?
        .execute(params![
            key,
            usage.told_in_all,
            metered.tokens(),
            metered.money,
            usage.sandbox,
            now(cpu_microseconds, before.cpu_microseconds),
            now(read_bytes, before.read_bytes),
            now(written_bytes, before.written_bytes),
        ])?;
    Ok(())
}

/// Of a session that comes from elsewhere: what it used there is in no record here.
pub(super) fn begin(connection: &Connection, key: i64, used: UsedRecord) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO usage_sums (session_key, told, metered_tokens, metered_money, sandbox,
                cpu_microseconds, read_bytes, written_bytes)
             VALUES (?1, ?2, ?3, ?2, 0, 0, 0, 0)",
        )?
        .execute(params![key, used.money, used.tokens()])?;
    Ok(())
}

/// A fork's CLI goes on from what everything cost its parent's.
pub(super) fn fork(connection: &Connection, from: i64, to: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO usage_sums (session_key, told, metered_tokens, metered_money,
                sandbox, cpu_microseconds, read_bytes, written_bytes)
             SELECT ?2, told, 0, 0, 0, 0, 0, 0 FROM usage_sums WHERE session_key = ?1
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![from, to])?;
    Ok(())
}
