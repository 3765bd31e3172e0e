//! `ashctl eval run` and what is asked of runs: their results, scores, and comparison.

use std::time::Duration;

use clap::Args;
use comfy_table::Table;
use http::Method;

use crate::ctl::Context;
use crate::ctl::exit::Exit;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, Output, Times, columns, first_line};
use crate::ctl::server::{understand, whole};
use crate::id::{AgentName, EvalResultId, EvalRunId};
use crate::wire::evals::{
    ComparedResult, ComparisonAnswer, EvalResult, EvalRun, EvalRunAnswer, HumanScore, StartRun,
};

/// How often a run is asked for that is waited for.
const PAUSE: Duration = Duration::from_secs(1);

/// Put the active cases to a version of an agent
///
/// Each case is asked in a session of its own, in the background. With `--wait` it is a test: the exit
/// status is 1 unless every case passed.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Name of the agent
    agent: AgentName,
    /// Number of the version, instead of the active one
    #[arg(long = "agent-version", value_name = "N")]
    version: Option<u32>,
    /// Only cases of this category; may be repeated
    #[arg(long)]
    category: Vec<String>,
    /// Only cases with this tag; may be repeated
    #[arg(long)]
    tag: Vec<String>,
    /// Wait for the end, and list the results
    #[arg(long)]
    wait: bool,
}

/// Note what a person thinks of a result
#[derive(Debug, Args)]
pub(crate) struct Score {
    /// Name of the agent
    agent: AgentName,
    /// Id of the result
    result: EvalResultId,
    /// From 1 to 5
    #[arg(value_parser = score_from_1_to_5)]
    score: f64,
    /// Why
    #[arg(long, value_name = "TEXT")]
    notes: Option<String>,
}

fn score_from_1_to_5(text: &str) -> Result<f64, String> {
    let score = text.parse().ok().filter(|score| (1.0..=5.0).contains(score));
    score.ok_or_else(|| "it is a number from 1 to 5".to_owned())
}

pub(super) async fn start(context: &Context, asked: Run) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let some = |texts: Vec<String>| (!texts.is_empty()).then_some(texts);
    let request = StartRun {
        version_number: asked.version,
        categories: some(asked.category),
        tags: some(asked.tag),
    };
    let answer = whole(server.post(&runs(&asked.agent), &request).await?).await?;
    if !asked.wait {
        return output.one(&answer, "run", id, |run: EvalRun| output.line(&run.id.to_string()));
    }
    let mut run = understand::<EvalRunAnswer>(&answer)?.run;
    let target = format!("{}/{}", runs(&asked.agent), run.id);
    let mut told = None;
    while !run.status.is_over() {
        if told != Some(run.completed_cases) {
            told = Some(run.completed_cases);
            output.note(&format!(
                "{}/{} cases of run {}",
                run.completed_cases, run.total_cases, run.id
            ));
        }
        tokio::time::sleep(PAUSE).await;
        run = understand::<EvalRunAnswer>(&server.get(&target).await?)?.run;
    }
    results(context, &asked.agent, run.id).await?;
    let passed = run.summary.map_or(0, |summary| summary.passed);
    if passed < run.total_cases {
        let text =
            format!("{} of {} cases did not pass", run.total_cases - passed, run.total_cases);
        return Err(Failure::new(Exit::Failure, text));
    }
    Ok(())
}

pub(super) async fn list(context: &Context, agent: &AgentName) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = server.get(&runs(agent)).await?;
    output.list(&answer, "runs", id, |runs| table(runs, output.times))
}

pub(super) async fn show(
    context: &Context,
    agent: &AgentName,
    run: EvalRunId,
) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = server.get(&format!("{}/{run}", runs(agent))).await?;
    output.one(&answer, "run", id, |run: EvalRun| output.table(details(&run, output.times)))
}

pub(super) async fn results(
    context: &Context,
    agent: &AgentName,
    run: EvalRunId,
) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = server.get(&format!("{}/{run}/results", runs(agent))).await?;
    output.list(&answer, "results", |result: &EvalResult| result.id.to_string(), result_table)
}

pub(super) async fn compare(
    context: &Context,
    agent: &AgentName,
    run_a: EvalRunId,
    run_b: EvalRunId,
) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = server.get(&format!("{}/compare?runA={run_a}&runB={run_b}", runs(agent))).await?;
    match output.format {
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
        Format::Table | Format::Id => compared(output, &understand(&answer)?),
    }
}

pub(super) async fn score(context: &Context, score: Score) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let target = format!("/api/agents/{}/eval-results/{}", score.agent, score.result);
    let request = HumanScore { human_score: Some(score.score), human_notes: score.notes };
    let answer = whole(server.say(Method::PATCH, &target, &request).await?).await?;
    output.one(
        &answer,
        "result",
        |result: &EvalResult| result.id.to_string(),
        |result| output.line(&format!("Scored result {}", result.id)),
    )
}

pub(super) async fn cancel(
    context: &Context,
    agent: &AgentName,
    run: EvalRunId,
) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = server.call(Method::POST, &format!("{}/{run}/cancel", runs(agent))).await?;
    output.one(&answer, "run", id, |run: EvalRun| output.line(&format!("Cancelled run {}", run.id)))
}

fn runs(agent: &AgentName) -> String {
    format!("/api/agents/{agent}/eval-runs")
}

fn id(run: &EvalRun) -> String {
    run.id.to_string()
}

fn table(runs: Vec<EvalRun>, times: Times) -> Table {
    let mut table = columns(["ID", "VERSION", "STATUS", "CASES", "PASSED", "COST", "CREATED"]);
    for run in runs {
        table.add_row([
            run.id.to_string(),
            run.version_number.to_string(),
            run.status.as_str().to_owned(),
            format!("{}/{}", run.completed_cases, run.total_cases),
            run.summary.map_or("-".to_owned(), |summary| summary.passed.to_string()),
            run.summary.map_or("-".to_owned(), |summary| dollars(summary.cost_usd)),
            times.show(run.created_at),
        ]);
    }
    table
}

fn details(run: &EvalRun, times: Times) -> Table {
    let when = |at: Option<_>| at.map_or("-".to_owned(), |at| times.show(at));
    let mut table = Table::new();
    table
        .add_row(["id", &run.id.to_string()])
        .add_row(["version", &run.version_number.to_string()])
        .add_row(["status", run.status.as_str()])
        .add_row(["cases", &format!("{}/{}", run.completed_cases, run.total_cases)]);
    if let Some(summary) = &run.summary {
        table
            .add_row([
                "passed",
                &format!("{} ({:.0} %)", summary.passed, summary.pass_rate * 100.0),
            ])
            .add_row(["errors", &summary.errors.to_string()])
            .add_row(["topic score", &format!("{:.2}", summary.avg_topic_score)])
            .add_row(["safety score", &format!("{:.2}", summary.avg_safety_score)])
            .add_row(["human score", &decimals(summary.avg_human_score)])
            .add_row(["turn", &format!("{:.1} s", summary.avg_latency_ms / 1e3)])
            .add_row([
                "tokens",
                &format!("{} in, {} out", summary.input_tokens, summary.output_tokens),
            ])
            .add_row(["cost", &dollars(summary.cost_usd)]);
    }
    table
        .add_row(["created", &times.show(run.created_at)])
        .add_row(["started", &when(run.started_at)])
        .add_row(["completed", &when(run.completed_at)]);
    table
}

fn result_table(results: Vec<EvalResult>) -> Table {
    let mut table = columns(["ID", "RESULT", "TOPIC", "SAFETY", "HUMAN", "QUESTION", "WHY"]);
    for result in results {
        let why = result.failures.join("; ");
        table.add_row([
            result.id.to_string(),
            verdict(Some(&result)).to_owned(),
            decimals(result.topic_score),
            decimals(result.safety_score),
            decimals(result.human_score),
            first_line(&result.question),
            first_line(result.error.as_deref().unwrap_or(&why)),
        ]);
    }
    table
}

fn compared(output: &Output, answer: &ComparisonAnswer) -> Result<(), Failure> {
    let comparison = &answer.comparison;
    let version = |run: &EvalRun| format!("VERSION {}", run.version_number);
    let [a, b] = [version(&comparison.run_a), version(&comparison.run_b)];
    let mut table = columns(["CASE", &a, &b, "QUESTION"]);
    for ComparedResult { case_id, question, result_a, result_b } in &comparison.results {
        table.add_row([
            case_id.to_string(),
            verdict(result_a.as_ref()).to_owned(),
            verdict(result_b.as_ref()).to_owned(),
            first_line(question),
        ]);
    }
    output.table(table)
}

fn verdict(result: Option<&EvalResult>) -> &'static str {
    match result {
        None => "-",
        Some(EvalResult { passed: Some(true), .. }) => "passed",
        Some(EvalResult { passed: Some(false), .. }) => "failed",
        Some(result) => result.status.as_str(),
    }
}

fn decimals(score: Option<f64>) -> String {
    score.map_or("-".to_owned(), |score| format!("{score:.2}"))
}

fn dollars(cost: f64) -> String {
    format!("${cost:.4}")
}
