//! What sessions use now: figures of the kernel, and what Claude Code tells.

use std::collections::HashMap;

use super::usage::dollars;
use super::{Control, Refusal};
use crate::clock::Timestamp;
use crate::wire::load::{Load, SessionLoad};

impl Control {
    pub(crate) async fn load(&self) -> Result<Load, Refusal> {
        let sandboxes = self.host.launcher.usage().await;
        let at = Timestamp::now();
        let sandboxes: HashMap<_, _> = sandboxes.into_iter().collect();
        let records = self.host.store.live_sessions().await?;
        let of = |record: &crate::store::SessionRecord| {
            let view = self.host.known(record.id).map(|handle| handle.view()).unwrap_or_default();
            let used = sandboxes.get(&record.id).copied().unwrap_or_default();
            let spent = view.spent;
            SessionLoad {
                session: record.id,
                agent: record.agent_name.clone(),
                status: record.status,
                tier: view.tier,
                cpu_microseconds: used.cpu_microseconds,
                memory_bytes: used.memory_bytes,
                tasks: used.tasks,
                input_tokens: spent.read(),
                output_tokens: spent.output,
                cost_usd: dollars(spent.money),
                turn: view.turn,
                turn_since: view.turn_since,
                queued_turns: view.queued,
            }
        };
        Ok(Load { at, sessions: records.iter().map(of).collect() })
    }
}
