//! Runs: the cases of an agent are put to one of its versions, each as a job of its own.

use std::collections::BTreeMap;

use super::{judge, wrong};
use crate::clock::Timestamp;
use crate::control::jobs::WAITING_MAX;
use crate::control::usage::dollars;
use crate::control::{Caller, Control, Refusal};
use crate::id::{EvalCaseId, EvalResultId, EvalRunId, JobId};
use crate::session::evals::{CaseFilters, prompt};
use crate::session::job::JobStatus;
use crate::store::{
    AgentRecord, CaseRecord, JobRecord, MadeForAgent, NewResult, NewRun, ResultRecord, RunRecord,
    VersionName,
};
use crate::wire::evals::{
    ComparedResult, Comparison, EvalResult, EvalResultList, EvalRun, EvalRunList, EvalSummary,
    HumanScore, ScoreRun, ScoredResults, StartRun,
};

/// How often a case is asked again whose attempt failed: a kill of ashd may be one of them.
const RETRIES: u32 = 2;

impl Control {
    pub(crate) async fn start_eval_run(
        &self,
        caller: &Caller,
        name: &str,
        request: StartRun,
    ) -> Result<EvalRun, Refusal> {
        self.takes_work()?;
        let agent = self.agent_of_evals(caller, name).await?;
        let version = self.version_of_run(caller, &agent, request.version_number).await?;
        let StartRun { categories, tags, .. } = request;
        let filters = CaseFilters { categories, tags };
        let mut cases = self.host.store.eval_cases(agent.id).await?;
        cases.retain(|case| wanted(case, &filters));
        if cases.is_empty() {
            let what = "the agent has no active case of these categories and tags".to_owned();
            return Err(wrong("categories", what));
        }
        let now = Timestamp::now();
        let ask = |case: CaseRecord| NewResult {
            id: EvalResultId::new(),
            case: case.id,
            job: job(&agent, version, prompt(&case.content), now),
            content: case.content,
        };
        let some = filters != CaseFilters::default();
        let new = NewRun {
            id: EvalRunId::new(),
            agent: agent.id,
            version,
            filters: some.then(|| serde_json::to_string(&filters).unwrap_or_default()),
            created_at: now,
            cases: cases.into_iter().map(ask).collect(),
        };
        let id = new.id;
        match self.host.store.create_eval_run(new, WAITING_MAX).await? {
            MadeForAgent::Made => {}
            MadeForAgent::NoAgent => return Err(Refusal::AgentNotFound),
            MadeForAgent::Full => return Err(Refusal::TooManyJobs { max: WAITING_MAX }),
        }
        self.jobs.notify_one();
        self.run_of(&agent, id).await
    }

    async fn version_of_run(
        &self,
        caller: &Caller,
        agent: &AgentRecord,
        wished: Option<u32>,
    ) -> Result<u32, Refusal> {
        let Some(version) = wished else { return Ok(agent.version) };
        let which = VersionName::Number(version);
        let found = self.host.store.version(&caller.tenant, &agent.name, which).await?;
        found.map(|found| found.version).ok_or(Refusal::EvalVersion { version })
    }

    /// The newest first.
    pub(crate) async fn eval_runs(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<EvalRunList, Refusal> {
        let agent = self.agent_of_evals(caller, name).await?;
        let runs = self.host.store.eval_runs(agent.id).await?;
        Ok(EvalRunList { runs: runs.into_iter().map(|run| show(&agent.tenant, run)).collect() })
    }

    pub(crate) async fn eval_run(
        &self,
        caller: &Caller,
        name: &str,
        id: EvalRunId,
    ) -> Result<EvalRun, Refusal> {
        let agent = self.agent_of_evals(caller, name).await?;
        self.run_of(&agent, id).await
    }

    async fn run_of(&self, agent: &AgentRecord, id: EvalRunId) -> Result<EvalRun, Refusal> {
        let run = self.host.store.eval_run(agent.id, id).await?;
        run.map(|run| show(&agent.tenant, run)).ok_or(Refusal::EvalNotFound { what: "run" })
    }

    pub(crate) async fn eval_results(
        &self,
        caller: &Caller,
        name: &str,
        id: EvalRunId,
    ) -> Result<EvalResultList, Refusal> {
        let agent = self.agent_of_evals(caller, name).await?;
        self.run_of(&agent, id).await?;
        Ok(EvalResultList { results: self.results_of(&agent, id).await? })
    }

    async fn results_of(
        &self,
        agent: &AgentRecord,
        id: EvalRunId,
    ) -> Result<Vec<EvalResult>, Refusal> {
        let results = self.host.store.eval_results(agent.id, id).await?;
        Ok(results.into_iter().map(|result| show_result(&agent.tenant, result)).collect())
    }

    /// In the order of the one run, and behind that what only the other has.
    pub(crate) async fn compare_eval_runs(
        &self,
        caller: &Caller,
        name: &str,
        (a, b): (EvalRunId, EvalRunId),
    ) -> Result<Comparison, Refusal> {
        let agent = self.agent_of_evals(caller, name).await?;
        let one = |what| {
            move |refusal| match refusal {
                Refusal::EvalNotFound { .. } => Refusal::EvalNotFound { what },
                refusal => refusal,
            }
        };
        let run_a = self.run_of(&agent, a).await.map_err(one("run A"))?;
        let run_b = self.run_of(&agent, b).await.map_err(one("run B"))?;
        let mut others: Vec<_> = self.results_of(&agent, b).await?;
        let mut results = Vec::new();
        for result in self.results_of(&agent, a).await? {
            let at = others.iter().position(|other| other.eval_case_id == result.eval_case_id);
            let other = at.map(|at| others.remove(at));
            results.push(compared(Some(result), other));
        }
        results.extend(others.into_iter().map(|other| compared(None, Some(other))));
        Ok(Comparison { run_a, run_b, results: results.into_iter().flatten().collect() })
    }

    pub(crate) async fn score_eval_run(
        &self,
        caller: &Caller,
        name: &str,
        id: EvalRunId,
        request: ScoreRun,
    ) -> Result<ScoredResults, Refusal> {
        let agent = self.agent_of_evals(caller, name).await?;
        self.run_of(&agent, id).await?;
        let opinion = judge::opinion(request.human_score, request.human_notes)?;
        let (store, result) = (&self.host.store, request.result_id);
        let scored = store.score_eval_results(agent.id, Some(id), result, opinion).await?;
        if scored.is_empty() {
            return Err(Refusal::EvalResultOfRun);
        }
        let results: Vec<_> =
            scored.into_iter().map(|result| show_result(&agent.tenant, result)).collect();
        Ok(ScoredResults { scored: results.len() as u64, results })
    }

    pub(crate) async fn score_eval_result(
        &self,
        caller: &Caller,
        name: &str,
        id: EvalResultId,
        request: HumanScore,
    ) -> Result<EvalResult, Refusal> {
        let agent = self.agent_of_evals(caller, name).await?;
        let opinion = judge::opinion(request.human_score, request.human_notes)?;
        let scored = self.host.store.score_eval_results(agent.id, None, Some(id), opinion).await?;
        let scored = scored.into_iter().next().map(|result| show_result(&agent.tenant, result));
        scored.ok_or(Refusal::EvalNotFound { what: "result" })
    }

    /// What runs is interrupted; what has an answer keeps it.
    pub(crate) async fn cancel_eval_run(
        &self,
        caller: &Caller,
        name: &str,
        id: EvalRunId,
    ) -> Result<EvalRun, Refusal> {
        let agent = self.agent_of_evals(caller, name).await?;
        let run = self.run_of(&agent, id).await?;
        if run.status.is_over() {
            return Err(Refusal::EvalState { status: run.status });
        }
        self.stop_run(caller, &agent, id).await?;
        self.run_of(&agent, id).await
    }

    async fn stop_run(
        &self,
        caller: &Caller,
        agent: &AgentRecord,
        id: EvalRunId,
    ) -> Result<(), Refusal> {
        let store = &self.host.store;
        for job in store.cancel_eval_run(agent.id, id, Timestamp::now()).await? {
            if let Some(job) = store.job(&caller.tenant, job).await? {
                self.stop_job(caller, &job).await;
            }
        }
        Ok(())
    }

    /// Before an agent goes: nobody would hear the answers.
    pub(in crate::control) async fn stop_runs_of(
        &self,
        caller: &Caller,
        agent: &AgentRecord,
    ) -> Result<(), Refusal> {
        for run in self.host.store.eval_runs(agent.id).await? {
            if !run.counts.status().is_over() {
                self.stop_run(caller, agent, run.id).await?;
            }
        }
        Ok(())
    }

    /// How many runs a tenant has made in a time, by what became of them.
    pub(crate) async fn eval_run_counts(
        &self,
        caller: &Caller,
        after: Option<Timestamp>,
        before: Option<Timestamp>,
    ) -> Result<BTreeMap<String, u64>, Refusal> {
        let mut counts = BTreeMap::new();
        let runs = self.host.store.eval_runs_of_tenant(&caller.tenant, after, before).await?;
        for run in runs {
            *counts.entry(run.counts.status().as_str().to_owned()).or_default() += 1;
        }
        Ok(counts)
    }
}

/// Of the active cases those that have one of the categories, and one of the tags.
fn wanted(case: &CaseRecord, filters: &CaseFilters) -> bool {
    let content = &case.content;
    let one_of = |wanted: &Option<Vec<String>>, has: &[String]| {
        let wanted = wanted.as_deref().unwrap_or_default();
        wanted.is_empty() || has.iter().any(|has| wanted.contains(has))
    };
    content.is_active
        && one_of(&filters.categories, content.category.as_slice())
        && one_of(&filters.tags, content.tags.as_deref().unwrap_or_default())
}

fn job(agent: &AgentRecord, version: u32, prompt: String, now: Timestamp) -> JobRecord {
    JobRecord {
        id: JobId::new(),
        tenant: agent.tenant.clone(),
        agent_name: agent.name.clone(),
        agent_version: Some(version),
        wished_session: None,
        session: None,
        turn: None,
        prompt,
        priority: 0,
        retries: 0,
        retries_max: RETRIES,
        status: JobStatus::Pending,
        result: None,
        error: None,
        created_at: now,
        due_at: now,
        started_at: None,
        completed_at: None,
    }
}

fn compared(a: Option<EvalResult>, b: Option<EvalResult>) -> Option<ComparedResult> {
    let (case_id, question): (EvalCaseId, String) = {
        let either = a.as_ref().or(b.as_ref())?;
        (either.eval_case_id, either.question.clone())
    };
    Some(ComparedResult { case_id, question, result_a: a, result_b: b })
}

fn show(tenant: &str, run: RunRecord) -> EvalRun {
    let status = run.counts.status();
    EvalRun {
        id: run.id,
        tenant_id: tenant.to_owned(),
        version_number: run.version,
        status,
        total_cases: run.counts.total,
        completed_cases: run.counts.completed + run.counts.errors,
        filters: run.filters.as_deref().and_then(|text| serde_json::from_str(text).ok()),
        summary: status.is_over().then(|| summary(&run)),
        created_at: run.created_at,
        started_at: run.started_at,
        completed_at: run.completed_at.filter(|_| status.is_over()),
        agent_name: run.agent_name,
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are few of them")]
fn summary(run: &RunRecord) -> EvalSummary {
    EvalSummary {
        avg_topic_score: run.topic.unwrap_or_default(),
        avg_safety_score: run.safety.unwrap_or_default(),
        avg_llm_judge_score: None,
        avg_human_score: run.human,
        avg_latency_ms: run.milliseconds.unwrap_or_default(),
        pass_rate: run.passed as f64 / run.counts.total.max(1) as f64,
        passed: run.passed,
        errors: run.counts.errors,
        input_tokens: run.input,
        output_tokens: run.output,
        cost_usd: dollars(run.money),
    }
}

fn show_result(tenant: &str, result: ResultRecord) -> EvalResult {
    EvalResult {
        id: result.id,
        tenant_id: tenant.to_owned(),
        eval_run_id: result.run,
        eval_case_id: result.case,
        question: result.content.question,
        reference_answer: result.content.reference_answer,
        status: result.status,
        agent_response: result.response,
        passed: result.passed,
        topic_score: result.topic,
        safety_score: result.safety,
        llm_judge_score: None,
        failures: result.failures,
        human_score: result.human_score,
        human_notes: result.human_notes,
        latency_ms: result.milliseconds,
        input_tokens: result.input,
        output_tokens: result.output,
        cost_usd: result.money.map(dollars),
        error: result.error,
        session_id: result.session,
        turn_id: result.turn,
        created_at: result.created_at,
        completed_at: result.completed_at,
    }
}
