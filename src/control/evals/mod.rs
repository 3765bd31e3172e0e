//! Evals: the cases of an agent, and runs of them on one of its versions.

mod judge;
mod runs;

use super::versions::agent_name;
use super::{Caller, Control, Refusal};
use crate::clock::Timestamp;
use crate::id::EvalCaseId;
use crate::session::options::OptionError;
use crate::store::{AgentRecord, CaseRecord, MadeForAgent};
use crate::wire::evals::{CaseContent, ChangeCase, EvalCase, EvalCaseList};

/// Most cases of an agent: what a run asks in some hours, and a list that fits into memory.
const CASES_MAX: usize = 500;

/// Which cases are listed.
#[derive(Debug, Clone, Default)]
pub(crate) struct CaseFilter {
    pub(crate) category: Option<String>,
    pub(crate) is_active: Option<bool>,
}

impl Control {
    pub(crate) async fn eval_cases(
        &self,
        caller: &Caller,
        name: &str,
        filter: &CaseFilter,
    ) -> Result<EvalCaseList, Refusal> {
        let agent = self.agent_of_evals(caller, name).await?;
        let wanted = |case: &CaseRecord| {
            let content = &case.content;
            filter.is_active.is_none_or(|active| content.is_active == active)
                && (filter.category.is_none() || content.category == filter.category)
        };
        let cases = self.host.store.eval_cases(agent.id).await?.into_iter();
        Ok(EvalCaseList { cases: cases.filter(wanted).map(|case| show(&agent, case)).collect() })
    }

    /// All or none of them.
    pub(crate) async fn add_eval_cases(
        &self,
        caller: &Caller,
        name: &str,
        contents: Vec<CaseContent>,
    ) -> Result<Vec<EvalCase>, Refusal> {
        contents.iter().try_for_each(judge::content)?;
        let agent = self.agent_of_evals(caller, name).await?;
        let now = Timestamp::now();
        let new = |content| CaseRecord {
            id: EvalCaseId::new(),
            content,
            created_at: now,
            updated_at: now,
        };
        let cases: Vec<_> = contents.into_iter().map(new).collect();
        match self.host.store.add_eval_cases(agent.id, cases.clone(), CASES_MAX).await? {
            MadeForAgent::Made => Ok(cases.into_iter().map(|case| show(&agent, case)).collect()),
            MadeForAgent::NoAgent => Err(Refusal::AgentNotFound),
            MadeForAgent::Full => Err(Refusal::TooManyCases { max: CASES_MAX }),
        }
    }

    pub(crate) async fn eval_case(
        &self,
        caller: &Caller,
        name: &str,
        id: EvalCaseId,
    ) -> Result<EvalCase, Refusal> {
        let agent = self.agent_of_evals(caller, name).await?;
        let case = self.host.store.eval_case(agent.id, id).await?;
        case.map(|case| show(&agent, case)).ok_or(Refusal::EvalNotFound { what: "case" })
    }

    pub(crate) async fn change_eval_case(
        &self,
        caller: &Caller,
        name: &str,
        id: EvalCaseId,
        change: ChangeCase,
    ) -> Result<EvalCase, Refusal> {
        let agent = self.agent_of_evals(caller, name).await?;
        loop {
            let before = self.host.store.eval_case(agent.id, id).await?;
            let before = before.ok_or(Refusal::EvalNotFound { what: "case" })?;
            let content = change.clone().over(before.content.clone());
            judge::content(&content)?;
            let after = CaseRecord { content, updated_at: Timestamp::now(), ..before.clone() };
            // Two at the same time lose nothing of each other's.
            if self.host.store.change_eval_case(agent.id, before, after.clone()).await? {
                return Ok(show(&agent, after));
            }
        }
    }

    pub(crate) async fn delete_eval_case(
        &self,
        caller: &Caller,
        name: &str,
        id: EvalCaseId,
    ) -> Result<(), Refusal> {
        let agent = self.agent_of_evals(caller, name).await?;
        let deleted = self.host.store.delete_eval_case(agent.id, id).await?;
        if deleted { Ok(()) } else { Err(Refusal::EvalNotFound { what: "case" }) }
    }

    /// Everything of evals is reached through it, so nothing of another tenant's is.
    async fn agent_of_evals(&self, caller: &Caller, name: &str) -> Result<AgentRecord, Refusal> {
        let agent = self.host.store.agent(&caller.tenant, &agent_name(name)?).await?;
        agent.ok_or(Refusal::AgentNotFound)
    }
}

fn show(agent: &AgentRecord, case: CaseRecord) -> EvalCase {
    EvalCase {
        id: case.id,
        tenant_id: agent.tenant.clone(),
        agent_name: agent.name.clone(),
        content: case.content,
        created_at: case.created_at,
        updated_at: case.updated_at,
    }
}

fn wrong(field: &str, what: String) -> Refusal {
    OptionError { field: field.to_owned(), what }.into()
}
