//! What turns used: their records, one figure at a time, and sums of them.

use std::time::Duration;

use super::{Caller, Control, Refusal};
use crate::clock::Timestamp;
use crate::metrics::COUNTS;
use crate::store::{self, UsageRecord, UsageSums};
pub(crate) use crate::store::{UsageFilter as Filter, UsageGroup as Group};
use crate::wire::usage::{
    Analytics, Evals, Total, TotalByStatus, UsageAnswer, UsageEvent, UsageList, UsageOfGroup,
    UsageStats,
};

/// Events, or groups, in one answer when the request names no limit, and at most.
pub(crate) const LIMIT_DEFAULT: u32 = 100;
pub(crate) const LIMIT_MAX: u32 = 1_000;

impl Control {
    /// The newest first.
    pub(crate) async fn usage(
        &self,
        caller: &Caller,
        filter: Filter,
        limit: Option<u32>,
    ) -> Result<UsageList, Refusal> {
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        // Each record has one figure at least: that it was a turn.
        let records = self.host.store.usage_records(&caller.tenant, filter, limit).await?;
        let events = records.iter().flat_map(|record| events(&caller.tenant, record));
        Ok(UsageList { events: events.take(limit as usize).collect() })
    }

    pub(crate) async fn usage_stats(
        &self,
        caller: &Caller,
        filter: Filter,
        group: Option<Group>,
        limit: Option<u32>,
    ) -> Result<UsageAnswer, Refusal> {
        let (store, tenant) = (&self.host.store, &caller.tenant);
        let sums = store.usage_sums(tenant, filter.clone()).await?;
        let groups = match group {
            None => None,
            Some(group) => {
                let limit = limit.unwrap_or(LIMIT_DEFAULT);
                let groups = store.usage_by(tenant, filter, group, limit).await?;
                Some(groups.into_iter().map(of_group).collect())
            }
        };
        Ok(UsageAnswer { stats: stats(&sums), groups, kept_since: self.usage_kept_since() })
    }

    /// The tenant's agents and sessions, those that were created in the time, and what its turns used
    /// in it.
    pub(crate) async fn analytics(
        &self,
        caller: &Caller,
        filter: Filter,
    ) -> Result<Analytics, Refusal> {
        let (store, tenant) = (&self.host.store, &caller.tenant);
        let agents = store.agents(tenant).await?.len() as u64;
        let by_status = store.created_sessions(tenant, filter.after, filter.before).await?;
        let by_run_status = self.eval_run_counts(caller, filter.after, filter.before).await?;
        let usage = stats(&store.usage_sums(tenant, filter).await?);
        Ok(Analytics {
            agents: Total { total: agents },
            sessions: TotalByStatus {
                total: by_status.values().sum(),
                by_status: by_status
                    .into_iter()
                    .map(|(status, count)| (status.as_str().to_owned(), count))
                    .collect(),
            },
            usage,
            evals: Evals { total_runs: by_run_status.values().sum(), by_status: by_run_status },
        })
    }

    /// Records of turns that ended before are not kept.
    pub(super) fn usage_kept_since(&self) -> Option<Timestamp> {
        let keep: Duration = self.settings().keep_usage?;
        let keep = i64::try_from(keep.as_millis()).unwrap_or(i64::MAX);
        Some(Timestamp::from_millis(Timestamp::now().as_millis().saturating_sub(keep)))
    }

    pub(super) async fn remove_old_usage(&self) -> Result<(), Refusal> {
        let Some(before) = self.usage_kept_since() else { return Ok(()) };
        let removed = self.host.store.remove_usage(before).await?;
        COUNTS.usage_removed.add(removed as u64);
        if removed > 0 {
            tracing::info!(removed, %before, "records of what turns used were removed");
        }
        Ok(())
    }
}

/// The figures of a turn that are not 0, each with an id that is the same whenever it is asked for.
fn events(tenant: &str, record: &UsageRecord) -> impl Iterator<Item = UsageEvent> {
    let sums = &record.sums;
    let kernel = &sums.kernel;
    let figures = [
        ("input_tokens", number(sums.told.input)),
        ("output_tokens", number(sums.told.output)),
        ("cache_creation_tokens", number(sums.told.cache_write)),
        ("cache_read_tokens", number(sums.told.cache_read)),
        ("tool_call", number(sums.tool_calls)),
        ("message", number(sums.messages)),
        ("compute_seconds", seconds(sums.milliseconds)),
        ("turn", 1.0),
        ("cost_usd", dollars(sums.told.money)),
        ("metered_tokens", number(sums.metered_tokens)),
        ("metered_cost_usd", dollars(sums.metered_money)),
        ("cpu_seconds", kernel.cpu_microseconds.map_or(0.0, cpu_seconds)),
        ("peak_memory_bytes", kernel.memory_peak_bytes.map_or(0.0, number)),
        ("read_bytes", kernel.read_bytes.map_or(0.0, number)),
        ("written_bytes", kernel.written_bytes.map_or(0.0, number)),
    ];
    let of = |(event_type, value): (&str, f64)| UsageEvent {
        id: record.turn.of_part(event_type),
        tenant_id: tenant.to_owned(),
        session_id: record.session,
        agent_name: record.agent.clone(),
        turn_id: record.turn,
        event_type: event_type.to_owned(),
        value,
        created_at: record.ended_at,
    };
    let events: Vec<_> = figures.into_iter().filter(|(_, value)| *value > 0.0).map(of).collect();
    events.into_iter()
}

fn of_group(group: store::UsageOfGroup) -> UsageOfGroup {
    UsageOfGroup { name: group.name, last_at: group.ended_at, stats: stats(&group.sums) }
}

fn stats(sums: &UsageSums) -> UsageStats {
    UsageStats {
        total_input_tokens: sums.told.input,
        total_output_tokens: sums.told.output,
        total_cache_creation_tokens: sums.told.cache_write,
        total_cache_read_tokens: sums.told.cache_read,
        total_tool_calls: sums.tool_calls,
        total_messages: sums.messages,
        total_compute_seconds: seconds(sums.milliseconds),
        total_turns: sums.turns,
        total_cost_usd: dollars(sums.told.money),
        metered_tokens: sums.metered_tokens,
        metered_cost_usd: dollars(sums.metered_money),
        total_cpu_seconds: sums.kernel.cpu_microseconds.map(cpu_seconds),
        peak_memory_bytes: sums.kernel.memory_peak_bytes,
        total_read_bytes: sums.kernel.read_bytes,
        total_written_bytes: sums.kernel.written_bytes,
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}

fn seconds(milliseconds: u64) -> f64 {
    number(milliseconds) / 1e3
}

fn cpu_seconds(microseconds: u64) -> f64 {
    number(microseconds) / 1e6
}

/// Of thousand-millionths.
pub(super) fn dollars(money: u64) -> f64 {
    number(money) / 1e9
}
