//! What sessions ask before they use a tool: list it, and answer.

use super::{Caller, Control, Refusal};
use crate::id::{PermissionId, SessionId};
use crate::runner::handle::PermissionError;
use crate::session::Status;
use crate::session::permission::Verdict;
use crate::wire::permissions::{AnswerPermission, PermissionAnswered, PermissionList};

impl Control {
    pub(crate) async fn permissions(
        &self,
        caller: &Caller,
        id: SessionId,
    ) -> Result<PermissionList, Refusal> {
        let record = self.session_record(caller, id).await?;
        if record.status == Status::Ended {
            return Ok(PermissionList { permissions: Vec::new() });
        }
        let open = self.host.handle(&record).await?.permissions().await;
        let permissions = self.host.permission_requests(record.key, &open).await?;
        Ok(PermissionList { permissions })
    }

    pub(crate) async fn answer_permission(
        &self,
        caller: &Caller,
        id: SessionId,
        permission: PermissionId,
        request: AnswerPermission,
    ) -> Result<PermissionAnswered, Refusal> {
        let (behavior, remember) = (request.behavior, request.remember);
        let record = self.session_record(caller, id).await?;
        let verdict = Verdict::parse(request)?;
        if record.status == Status::Ended {
            return Err(Refusal::Permission(PermissionError::Resolved));
        }
        let handle = self.host.handle(&record).await?;
        let answered = handle.answer_permission(permission, verdict, remember).await;
        let remembered = answered.map_err(Refusal::Permission)?;
        Ok(PermissionAnswered { permission_id: permission, behavior, remembered })
    }
}
