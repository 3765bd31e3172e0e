//! Evals: what becomes of a run when its jobs are tried, cancelled, or lose their agent.

use super::*;
use crate::id::{EvalCaseId, EvalResultId, EvalRunId, JobId};
use crate::session::evals::{CaseContent, ResultStatus, RunCounts, RunStatus, score};
use crate::session::job::JobChange;
use crate::store::eval_runs::RUNS_MAX;

/// One whose answer is to have this word.
pub(super) fn case(topic: &str) -> CaseRecord {
    CaseRecord {
        id: EvalCaseId::new(),
        content: CaseContent {
            question: "x".to_owned(),
            expected_topics: Some(vec![topic.to_owned()]),
            is_active: true,
            ..CaseContent::default()
        },
        created_at: at(1),
        updated_at: at(1),
    }
}

pub(super) fn run_of(agent: &AgentRecord, cases: &[CaseRecord]) -> NewRun {
    let ask = |case: &CaseRecord| NewResult {
        id: EvalResultId::new(),
        case: case.id,
        content: case.content.clone(),
        job: JobRecord {
            agent_name: agent.name.clone(),
            agent_version: Some(agent.version),
            ..jobs::job(&agent.tenant, 5)
        },
    };
    NewRun {
        id: EvalRunId::new(),
        agent: agent.id,
        version: agent.version,
        filters: None,
        created_at: at(1),
        cases: cases.iter().map(ask).collect(),
    }
}

async fn an_agent(store: &Store) -> AgentRecord {
    let version = NewVersion {
        tenant: DEFAULT_TENANT.to_owned(),
        name: "qa-bot".parse().unwrap(),
        digest: "d1".to_owned(),
        files: 1,
        bytes: 1,
        path: String::new(),
        environment: None,
        allowed_hosts: None,
        limits: None,
        config: None,
        words: VersionWords::default(),
        at: at(1),
    };
    store.deploy_agent(version).await.unwrap()
}

fn completed(text: &str) -> JobChange {
    JobChange::Completed { result: text.to_owned() }
}

#[tokio::test]
async fn a_run_is_as_far_as_its_jobs_are() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let agent = an_agent(store).await;
    let cases = [case("yes"), case("yes"), case("yes")];
    let new = run_of(&agent, &cases);
    let (id, jobs): (_, Vec<JobId>) = (new.id, new.cases.iter().map(|case| case.job.id).collect());
    assert_eq!(store.create_eval_run(new.clone(), 2).await.unwrap(), MadeForAgent::Full);
    assert_eq!(store.eval_runs(agent.id).await.unwrap(), []);
    assert_eq!(store.create_eval_run(new, 3).await.unwrap(), MadeForAgent::Made);
    let counts = async || store.eval_run(agent.id, id).await.unwrap().unwrap().counts;
    assert_eq!(counts().await.status(), RunStatus::Pending);

    let claimed = store.claim_job(at(10)).await.unwrap().unwrap();
    assert_eq!((claimed.id, claimed.agent_version), (jobs[0], Some(1)));
    assert_eq!(counts().await, RunCounts { total: 3, running: 1, ..RunCounts::default() });
    let case = store.case_of_job(jobs[0]).await.unwrap().unwrap();
    let again =
        JobChange::Again { error: "x".to_owned(), pause: std::time::Duration::ZERO, counted: true };
    store.job_was_tried(jobs[0], again, None, at(11)).await.unwrap();
    assert_eq!(counts().await.status(), RunStatus::Pending);
    store.claim_job(at(12)).await.unwrap().unwrap();
    let scores = Some(score(&case, "Yes."));
    store.job_was_tried(jobs[0], completed("Yes."), scores, at(13)).await.unwrap();

    store.claim_job(at(14)).await.unwrap().unwrap();
    let failed = JobChange::Failed { error: "it broke".to_owned() };
    store.job_was_tried(jobs[1], failed, None, at(15)).await.unwrap();
    assert_eq!(counts().await.status(), RunStatus::Running);

    // A late answer of a cancelled job changes nothing.
    store.claim_job(at(16)).await.unwrap().unwrap();
    store.cancel_job(DEFAULT_TENANT, jobs[2], at(17)).await.unwrap();
    store.job_was_tried(jobs[2], completed("late"), None, at(18)).await.unwrap();
    let run = store.eval_run(agent.id, id).await.unwrap().unwrap();
    let over = RunCounts { total: 3, completed: 1, errors: 1, cancelled: 1, running: 0 };
    assert_eq!((run.counts, run.passed, run.topic), (over, 1, Some(1.0)));
    assert_eq!((run.started_at, run.completed_at), (Some(at(12)), Some(at(17))));

    let results = store.eval_results(agent.id, id).await.unwrap();
    let told: Vec<_> = results
        .iter()
        .map(|result| (result.status, result.response.as_deref(), result.error.as_deref()))
        .collect();
    let expected = [
        (ResultStatus::Completed, Some("Yes."), None),
        (ResultStatus::Error, None, Some("it broke")),
        (ResultStatus::Cancelled, None, None),
    ];
    assert_eq!(told, expected);

    // It is told as it was when its jobs are forgotten.
    store.forget_jobs(at(100)).await.unwrap();
    assert_eq!(store.eval_run(agent.id, id).await.unwrap(), Some(run));
}

#[tokio::test]
async fn a_result_has_what_its_turn_used_and_the_start_of_a_long_answer() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let agent = an_agent(store).await;
    let new = run_of(&agent, &[case("yes")]);
    let (id, job) = (new.id, new.cases[0].job.id);
    store.create_eval_run(new, 1).await.unwrap();
    store.claim_job(at(10)).await.unwrap().unwrap();
    let session = NewSession { job: Some(job), ..new_session() };
    let session = store.create_session(session).await.unwrap();
    let asked = turn(1);
    let turn = asked.id;
    store.enqueue_turn(session.key, asked).await.unwrap();
    store.job_runs(job, session.id, turn).await.unwrap();
    let running = store.eval_results(agent.id, id).await.unwrap();
    assert_eq!((running[0].status, running[0].session), (ResultStatus::Running, Some(session.id)));
    let told = UsedRecord { input: 7, output: 3, money: 9_000_000, ..UsedRecord::default() };
    let usage = TurnUsage { ordinal: 1, milliseconds: 250, told, ..TurnUsage::default() };
    let turns = |state| Some((1, state, at(20)));
    store
        .append(Append { turn: turns(TurnState::Running), ..step(session.key, []) })
        .await
        .unwrap();
    let end = turns(TurnState::Completed);
    store.append(Append { turn: end, usage: Some(usage), ..step(session.key, []) }).await.unwrap();
    let long = "\u{e9}".repeat(20_000);
    store.job_was_tried(job, completed(&long), None, at(30)).await.unwrap();
    let result = store.eval_results(agent.id, id).await.unwrap().pop().unwrap();
    assert_eq!(
        (result.milliseconds, result.input, result.output, result.money),
        (Some(250), Some(7), Some(3), Some(9_000_000))
    );
    assert_eq!((result.session, result.turn), (Some(session.id), Some(turn)));
    assert_eq!(result.response.unwrap().len(), 32 << 10);
}

#[tokio::test]
async fn what_is_of_an_agent_goes_with_it_and_its_jobs_are_cancelled() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let agent = an_agent(store).await;
    let cases = vec![case("yes")];
    let add = async |max| store.add_eval_cases(agent.id, cases.clone(), max).await.unwrap();
    assert_eq!(add(0).await, MadeForAgent::Full);
    assert_eq!(add(1).await, MadeForAgent::Made);
    let new = run_of(&agent, &cases);
    let job = new.cases[0].job.id;
    store.create_eval_run(new.clone(), 1).await.unwrap();
    store.delete_agent(DEFAULT_TENANT, &agent.name, at(9)).await.unwrap();
    let counts = store.job_counts(DEFAULT_TENANT).await.unwrap();
    assert_eq!((counts.pending, counts.cancelled), (0, 1));
    assert_eq!(store.case_of_job(job).await.unwrap(), None);
    assert_eq!(store.eval_cases(agent.id).await.unwrap(), []);
    assert_eq!(add(1).await, MadeForAgent::NoAgent);
    assert_eq!(store.create_eval_run(new, 1).await.unwrap(), MadeForAgent::NoAgent);
}

#[tokio::test]
async fn the_oldest_run_that_is_over_makes_room_for_another() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let agent = an_agent(store).await;
    let mut runs = Vec::new();
    for _ in 0..=RUNS_MAX {
        let new = run_of(&agent, &[case("yes")]);
        runs.push(new.id);
        store.create_eval_run(new, 1_000).await.unwrap();
    }
    // None was over.
    assert_eq!(store.eval_runs(agent.id).await.unwrap().len(), RUNS_MAX as usize + 1);
    assert!(store.cancel_eval_run(agent.id, runs[0], at(5)).await.unwrap().is_empty());
    assert!(store.cancel_eval_run(agent.id, runs[1], at(5)).await.unwrap().is_empty());
    store.create_eval_run(run_of(&agent, &[case("yes")]), 1_000).await.unwrap();
    let left = store.eval_runs(agent.id).await.unwrap();
    assert_eq!(left.len(), RUNS_MAX as usize);
    assert!(left.iter().all(|run| run.id != runs[0] && run.id != runs[1]));
}

#[tokio::test]
async fn a_case_that_was_changed_meanwhile_is_not_written_over() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let agent = an_agent(store).await;
    let first = case("yes");
    store.add_eval_cases(agent.id, vec![first.clone()], 1).await.unwrap();
    let second = CaseRecord { content: case("no").content, ..first.clone() };
    let change = async |before: &CaseRecord, after: &CaseRecord| {
        store.change_eval_case(agent.id, before.clone(), after.clone()).await.unwrap()
    };
    assert!(change(&first, &second).await);
    assert!(!change(&first, &second).await);
    let found = store.eval_case(agent.id, first.id).await.unwrap().unwrap();
    assert_eq!(found.content, second.content);
}
