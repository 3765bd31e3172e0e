//! Empties the outbox: what is due goes to egress, which tells the receivers.
//!
//! *Invariant:* what an ashd was telling when it ended is told by the next one, under the same id: a
//! receiver hears of everything at least once.

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use super::super::Control;
use crate::clock::Timestamp;
use crate::egress::{Posted, Posting, Sealed};
use crate::lifecycle::Happening;
use crate::metrics::COUNTS;
use crate::session::webhook::{Attempt, Outcome};
use crate::store::{DueDelivery, StoreError, Tried};

/// Deliveries under way at one time, and those of one webhook: a receiver that is slow keeps nobody
/// else waiting.
const AT_ONCE_MAX: usize = 32;
const OF_ONE_MAX: usize = 4;

/// It is looked again after so long, though nobody said that there is anything: a clock that is
/// set makes deliveries due without a word.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// The same while something is under way, which is due as well.
const LOOK_AGAIN_SOON: Duration = Duration::from_secs(1);

/// The pause behind a failure of the store, or of egress.
const TROUBLE_PAUSE: Duration = Duration::from_secs(2);

/// What is under way, by the keys of deliveries; and of which webhooks.
#[derive(Debug, Default)]
struct UnderWay(HashMap<i64, i64>);

impl UnderWay {
    fn has_room_for(&self, due: &DueDelivery) -> bool {
        let of_one = self.0.values().filter(|webhook| **webhook == due.webhook_key).count();
        !self.0.contains_key(&due.key) && self.0.len() < AT_ONCE_MAX && of_one < OF_ONE_MAX
    }
}

/// A delivery, and whether anything kept it from being tried.
type Done = (i64, Result<(), Trouble>);

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("egress is not there")]
    Egress(#[from] std::io::Error),
}

impl Control {
    /// Until ashd leaves.
    pub(crate) async fn deliver(&self) {
        let mut under_way = UnderWay::default();
        let mut attempts: JoinSet<Done> = JoinSet::new();
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                Some(ended) = attempts.join_next() => match ended {
                    Ok((key, outcome)) => {
                        under_way.0.remove(&key);
                        if let Err(trouble) = outcome {
                            tracing::warn!(error = %crate::chain::chain(&trouble), "a delivery could not be tried");
                            sleep_or_closing(self, TROUBLE_PAUSE).await;
                        }
                    }
                    Err(error) => {
                        // Which one it was nobody knows: it is tried again by the next ashd.
                        tracing::error!(%error, "an attempt at a delivery failed");
                    }
                },
                () = self.host.store.outbox_filled() => {}
                () = self.deliveries.notified() => {}
                () = sleep(pause) => {}
                () = self.host.closing.cancelled() => return,
            }
            pause = match self.take_deliveries(&mut under_way, &mut attempts).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, "the outbox could not be read");
                    TROUBLE_PAUSE
                }
            };
        }
    }

    /// Takes as many as there is room for, and says when to look again.
    async fn take_deliveries(
        &self,
        under_way: &mut UnderWay,
        attempts: &mut JoinSet<Done>,
    ) -> Result<Duration, StoreError> {
        // Those that are under way are due, too.
        let each = u32::try_from(2 * OF_ONE_MAX).unwrap_or(u32::MAX);
        let (due, next) = self.host.store.due_deliveries(each, Timestamp::now()).await?;
        for due in due {
            if under_way.has_room_for(&due) {
                under_way.0.insert(due.key, due.webhook_key);
                let control = self.clone();
                attempts.spawn(async move { (due.key, control.try_delivery(due).await) });
            }
        }
        let wait = next.map_or(i64::MAX, |next| next.as_millis() - Timestamp::now().as_millis());
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0));
        let shortest = if under_way.0.is_empty() { Duration::ZERO } else { LOOK_AGAIN_SOON };
        Ok(wait.max(shortest).min(LOOK_AGAIN))
    }

    async fn try_delivery(&self, due: DueDelivery) -> Result<(), Trouble> {
        let posting = Posting {
            id: due.id,
            webhook: due.webhook,
            tenant: due.tenant,
            url: due.url,
            sealed: Sealed::new(due.sealed),
            body: due.payload,
        };
        let attempt = match self.host.egress.post(&posting).await? {
            Posted::Answered(status) => Attempt::Answered(status),
            Posted::Failed(error) => Attempt::Failed(error),
        };
        let chance = getrandom::u32().unwrap_or(0);
        let (store, now) = (&self.host.store, Timestamp::now());
        if let Some(tried) = store.delivery_was_tried(due.key, attempt, chance, now).await? {
            let outcome = match tried.outcome {
                Outcome::Delivered => &COUNTS.deliveries_delivered,
                Outcome::Again(_) => &COUNTS.deliveries_retried,
                Outcome::GivenUp => &COUNTS.deliveries_failed,
            };
            outcome.add(1);
            COUNTS.webhooks_disabled.add(u64::from(tried.disabled.is_some()));
            self.tell_of(&posting, tried);
        }
        Ok(())
    }

    /// What somebody has to look after is told to the host, too.
    fn tell_of(&self, posting: &Posting, tried: Tried) {
        let about = |event| Happening::new(event).with("webhook", posting.webhook.to_string());
        if tried.outcome == Outcome::GivenUp {
            let failed = about("webhook.failed").with("delivery", posting.id.to_string());
            self.host.lifecycle.tell(failed);
        }
        if let Some(reason) = tried.disabled {
            self.host.lifecycle.tell(about("webhook.disabled").with("reason", reason));
        }
    }
}

async fn sleep_or_closing(control: &Control, pause: Duration) {
    tokio::select! {
        () = sleep(pause) => {}
        () = control.host.closing.cancelled() => {}
    }
}
