//! Evals over REST: cases, runs and results of an agent.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};

use super::App;
use super::answer::Refused;
use super::once::Once;
use super::params::{Query, bad, collect, json};
use crate::control::Caller;
use crate::control::evals::CaseFilter;
use crate::id::{EvalCaseId, EvalResultId, EvalRunId};
use crate::wire::Deleted;
use crate::wire::evals::{
    CaseContent, ChangeCase, ComparisonAnswer, EvalCase, EvalCaseAnswer, EvalResultAnswer, EvalRun,
    EvalRunAnswer, HumanScore, ImportCases, ImportedCases, ScoreRun, StartRun,
};

/// Largest request about one thing: a case, escaped, or notes.
const BODY_BYTES_MAX: u64 = 256 << 10;

/// Largest import: all cases that an agent may have.
const IMPORT_BYTES_MAX: u64 = 16 << 20;

pub(super) async fn list_cases(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let category = query.text("category").map(str::to_owned);
    let filter = CaseFilter { category, is_active: query.flag("isActive")? };
    Ok(axum::Json(app.control.eval_cases(&caller, &name, &filter).await?).into_response())
}

pub(super) async fn export_cases(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let all = CaseFilter::default();
    Ok(axum::Json(app.control.eval_cases(&caller, &name, &all).await?).into_response())
}

pub(super) async fn create_case(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = collect(&headers, body, BODY_BYTES_MAX).await?;
    let content: CaseContent = json(&body)?;
    let operation = format!("POST /api/agents/{name}/eval-cases");
    let once = Once::of(&caller, &headers, &operation, &body)?;
    let control = app.control.clone();
    let work = async move {
        let mut added = control.add_eval_cases(&caller, &name, vec![content]).await?;
        Ok(added.pop().map(case_answer))
    };
    once.created(&app, work).await
}

pub(super) async fn import_cases(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let request: ImportCases = json(&collect(&headers, body, IMPORT_BYTES_MAX).await?)?;
    let added = app.control.add_eval_cases(&caller, &name, request.cases).await?;
    Ok(axum::Json(ImportedCases { imported: added.len() as u64 }).into_response())
}

pub(super) async fn show_case(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let case = app.control.eval_case(&caller, &name, case_id(&id)?).await?;
    Ok(axum::Json(case_answer(case)).into_response())
}

pub(super) async fn change_case(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let change: ChangeCase = json(&collect(&headers, body, BODY_BYTES_MAX).await?)?;
    let case = app.control.change_eval_case(&caller, &name, case_id(&id)?, change).await?;
    Ok(axum::Json(case_answer(case)).into_response())
}

pub(super) async fn delete_case(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    app.control.delete_eval_case(&caller, &name, case_id(&id)?).await?;
    Ok(axum::Json(Deleted { deleted: true }).into_response())
}

pub(super) async fn start_run(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let body = collect(&headers, body, BODY_BYTES_MAX).await?;
    let request = if body.is_empty() { StartRun::default() } else { json(&body)? };
    let operation = format!("POST /api/agents/{name}/eval-runs");
    let once = Once::of(&caller, &headers, &operation, &body)?;
    let control = app.control.clone();
    let work =
        async move { Ok(run_answer(control.start_eval_run(&caller, &name, request).await?)) };
    once.created(&app, work).await
}

pub(super) async fn list_runs(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    Ok(axum::Json(app.control.eval_runs(&caller, &name).await?).into_response())
}

pub(super) async fn show_run(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let run = app.control.eval_run(&caller, &name, run_id("id", &id)?).await?;
    Ok(axum::Json(run_answer(run)).into_response())
}

pub(super) async fn list_results(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let results = app.control.eval_results(&caller, &name, run_id("id", &id)?).await?;
    Ok(axum::Json(results).into_response())
}

pub(super) async fn compare_runs(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Response, Refused> {
    let query = Query::parse(&uri)?;
    let run = |field| run_id(field, query.text(field).unwrap_or_default());
    let runs = (run("runA")?, run("runB")?);
    let comparison = app.control.compare_eval_runs(&caller, &name, runs).await?;
    Ok(axum::Json(ComparisonAnswer { comparison }).into_response())
}

pub(super) async fn score_run(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let request: ScoreRun = json(&collect(&headers, body, BODY_BYTES_MAX).await?)?;
    let scored = app.control.score_eval_run(&caller, &name, run_id("id", &id)?, request).await?;
    Ok(axum::Json(scored).into_response())
}

pub(super) async fn cancel_run(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, id)): Path<(String, String)>,
) -> Result<Response, Refused> {
    let run = app.control.cancel_eval_run(&caller, &name, run_id("id", &id)?).await?;
    Ok(axum::Json(run_answer(run)).into_response())
}

pub(super) async fn score_result(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Path((name, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let id: EvalResultId = id.parse().map_err(|_invalid| no_uuid("id"))?;
    let request: HumanScore = json(&collect(&headers, body, BODY_BYTES_MAX).await?)?;
    let result = app.control.score_eval_result(&caller, &name, id, request).await?;
    Ok(axum::Json(EvalResultAnswer { same: result.clone(), result }).into_response())
}

fn case_answer(case: EvalCase) -> EvalCaseAnswer {
    EvalCaseAnswer { same: case.clone(), case }
}

fn run_answer(run: EvalRun) -> EvalRunAnswer {
    EvalRunAnswer { same: run.clone(), run }
}

fn case_id(text: &str) -> Result<EvalCaseId, Refused> {
    text.parse().map_err(|_invalid| no_uuid("id"))
}

fn run_id(field: &str, text: &str) -> Result<EvalRunId, Refused> {
    text.parse().map_err(|_invalid| no_uuid(field))
}

fn no_uuid(field: &str) -> Refused {
    bad(field, format!("`{field}` is a UUID"))
}
