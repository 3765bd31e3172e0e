//! Care for the database while ashd runs.

use std::fs::File;

use super::{Control, Refusal};
use crate::store::Checked;
use crate::wire::database::{DatabaseCheck, DatabaseFinding};

impl Control {
    /// A copy of the database as it is now, in a file that has no name any more.
    pub(crate) async fn back_up(&self) -> Result<File, Refusal> {
        let _alone = self.care.acquire().await.map_err(|_closed| Refusal::Worker)?;
        let file = self.host.store.backup().await?;
        tracing::info!("the database was backed up");
        Ok(file)
    }

    pub(crate) async fn check_database(&self) -> Result<DatabaseCheck, Refusal> {
        let _alone = self.care.acquire().await.map_err(|_closed| Refusal::Worker)?;
        let checked = show(self.host.store.check().await?);
        for DatabaseFinding { kind, session_id, text, .. } in &checked.findings {
            tracing::error!(kind, session = session_id, text, "the database is not sound");
        }
        Ok(checked)
    }
}

fn show(checked: Checked) -> DatabaseCheck {
    let finding = |found: crate::store::Finding| DatabaseFinding {
        kind: found.kind.as_str().to_owned(),
        session_id: found.session,
        text: found.text,
        hint: found.kind.hint().to_owned(),
    };
    DatabaseCheck {
        sound: checked.findings.is_empty(),
        schema: checked.schema,
        sessions: checked.sessions,
        turns: checked.turns,
        frames: checked.frames,
        bytes: checked.bytes,
        findings: checked.findings.into_iter().map(finding).collect(),
    }
}
