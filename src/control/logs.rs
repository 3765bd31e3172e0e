//! What programs of a session's sandbox said for people.

use super::{Caller, Control, Refusal};
use crate::id::SessionId;
use crate::store::LogLineRecord;
use crate::wire::logs::{LogLine, LogLines};

impl Control {
    /// Lines behind `after`, also of a session that rests or has ended.
    pub(crate) async fn logs(
        &self,
        caller: &Caller,
        id: SessionId,
        after: Option<u64>,
    ) -> Result<LogLines, Refusal> {
        let record = self.session_record(caller, id).await?;
        let lines = self.host.store.logs(record.key, after).await?;
        let logs = lines.into_iter().map(shown).collect();
        Ok(LogLines { logs, source: "sandbox".to_owned() })
    }
}

fn shown(record: LogLineRecord) -> LogLine {
    let LogLineRecord { line, at, source, text } = record;
    LogLine { index: line, level: source.as_str().to_owned(), text, ts: at }
}
