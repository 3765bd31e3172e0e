//! What sessions use: figures of the kernel, and what Claude Code tells.

use std::collections::HashMap;

use super::{Control, Refusal};
use crate::clock::Timestamp;
use crate::wire::usage::{SessionUsage, Usage};

impl Control {
    pub(crate) async fn usage(&self) -> Result<Usage, Refusal> {
        let sandboxes = self.host.launcher.usage().await;
        let at = Timestamp::now();
        let sandboxes: HashMap<_, _> = sandboxes.into_iter().collect();
        let records = self.host.store.live_sessions().await?;
        let of = |record: &crate::store::SessionRecord| {
            let view = self.host.known(record.id).map(|handle| handle.view()).unwrap_or_default();
            let used = sandboxes.get(&record.id).copied().unwrap_or_default();
            #[expect(clippy::cast_precision_loss, reason = "a billion dollars are still exact")]
            let cost_usd = view.spent.micro_dollars as f64 / 1e6;
            SessionUsage {
                session: record.id,
                agent: record.agent_name.clone(),
                status: record.status,
                tier: view.tier,
                cpu_microseconds: used.cpu_microseconds,
                memory_bytes: used.memory_bytes,
                tasks: used.tasks,
                input_tokens: view.spent.input_tokens,
                output_tokens: view.spent.output_tokens,
                cost_usd,
                turn: view.turn,
                turn_since: view.turn_since,
                queued_turns: view.queued,
            }
        };
        Ok(Usage { at, sessions: records.iter().map(of).collect() })
    }
}
