//! What the files of a session take, where the kernel does not limit that: looked at while a turn
//! runs. A turn that is over is told and interrupted, the next is refused until there is room again.
//! Between two looks a session may take more; so this limit is called soft.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::driver::Driver;
use super::host::Host;
use super::log::Batch;
use crate::id::SessionId;
use crate::os::quota::Room;
use crate::sandbox::{Level, Limits};
use crate::session::frame::FrameKind;
use crate::session::options::SessionOptions;
use crate::session::turn::Outcome;
use crate::store::SessionRecord;

/// The code of the error that tells it.
const CODE: &str = "disk_quota_reached";

/// Least time between two looks: what a disk takes in it is what a session can be over.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Looks take at most one part in so many of the time, however many files there are.
const LOOK_SHARE: u32 = 50;

/// What is known of a session's files.
#[derive(Debug, Default)]
pub(super) struct DiskWatch {
    look: Option<JoinHandle<Looked>>,
    /// Not before.
    next: Option<Instant>,
    /// They took more than they may when they were looked at last.
    is_over: bool,
}

#[derive(Debug)]
pub(super) struct Looked {
    took: Duration,
    /// `None`: the kernel limits it, or it could not be told.
    is_over: Option<bool>,
}

impl DiskWatch {
    /// The end of a look, if there is one. Cancel-safe.
    pub(super) async fn looked(&mut self) -> Looked {
        let Some(look) = &mut self.look else { return std::future::pending().await };
        let looked = look.await;
        self.look = None;
        looked.unwrap_or(Looked { took: Duration::ZERO, is_over: None })
    }
}

impl Drop for DiskWatch {
    fn drop(&mut self) {
        if let Some(look) = &self.look {
            look.abort();
        }
    }
}

fn room(limits: &Limits) -> Room {
    Room { bytes: limits.disk_bytes, files: limits.disk_files }
}

/// What is told of it.
fn text(limits: &Limits) -> String {
    let Room { bytes, files } = room(limits);
    let mib = bytes >> 20;
    format!("the files of this session take more than they may ({mib} MiB, {files} files)")
}

impl Host {
    /// Why nothing may be written to the session's files, if they take more than they may and the
    /// kernel does not see to that.
    pub(crate) async fn is_over_disk(&self, record: &SessionRecord) -> Option<String> {
        let options = serde_json::from_str::<SessionOptions>(&record.options).unwrap_or_default();
        let limits = self.settings.limits.with(&options.limits);
        let is_over = self.look_at_disk(record.id, &limits).await?;
        is_over.then(|| text(&limits))
    }

    async fn look_at_disk(&self, session: SessionId, limits: &Limits) -> Option<bool> {
        if self.launcher.isolation().await.disk == Level::Hard {
            return None;
        }
        match self.launcher.disk_use(session, limits).await {
            Ok(used) => Some(used.is_over(room(limits))),
            Err(error) => {
                tracing::warn!(%session, %error, "what the files of a session take is not known");
                None
            }
        }
    }
}

impl Driver {
    /// Has the files looked at while a turn runs, beside it.
    pub(super) fn watch_the_disk(&mut self) {
        if self.running.is_none() || self.live.is_none() || self.disk.look.is_some() {
            return;
        }
        let (host, session, limits) = (self.host.clone(), self.record.id, self.limits());
        let at = self.disk.next.unwrap_or_else(Instant::now);
        self.disk.look = Some(tokio::spawn(async move {
            sleep_until(at).await;
            let began = Instant::now();
            let is_over = host.look_at_disk(session, &limits).await;
            Looked { took: began.elapsed(), is_over }
        }));
    }

    pub(super) async fn heed_the_disk(&mut self, looked: Looked) {
        self.disk.next = Some(Instant::now() + LOOK_EVERY.max(looked.took * LOOK_SHARE));
        let Some(is_over) = looked.is_over else { return };
        let was_over = std::mem::replace(&mut self.disk.is_over, is_over);
        let Some(ordinal) = self.running.as_ref().map(|turn| turn.ordinal) else { return };
        if is_over && !was_over {
            let error = format!("{}, and the turn is interrupted", text(&self.limits()));
            let mut batch = Batch::default();
            let data = json!({ "error": error, "code": CODE });
            batch.push(FrameKind::Error, Some(ordinal), data.to_string());
            if self.log.commit(batch).await {
                self.interrupt();
                self.must_end_soon();
            }
        }
    }

    /// Ends the turn that begins if the files were too much and still are; says whether.
    pub(super) async fn refuse_over_disk(&mut self) -> bool {
        if !self.disk.is_over {
            return false;
        }
        let limits = self.limits();
        let looked = self.host.look_at_disk(self.record.id, &limits).await;
        self.disk.is_over = looked.unwrap_or(false);
        let Some(turn) = self.running.as_ref().filter(|_| self.disk.is_over) else { return false };
        let error = format!("{}; remove some, or raise `diskMib` or `diskFiles`", text(&limits));
        let mut batch = Batch::default();
        let data = json!({ "error": error, "code": CODE });
        batch.push(FrameKind::Error, Some(turn.ordinal), data.to_string());
        self.turns.broken();
        self.finish(Outcome::Interrupted, &mut batch);
        self.log.commit(batch).await;
        true
    }
}
