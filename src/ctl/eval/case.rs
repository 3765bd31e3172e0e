//! `ashctl eval case`: what is asked of an agent, and what its answers are to have.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use comfy_table::Table;
use http::Method;

use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, Output, cell, columns, first_line, optional};
use crate::ctl::server::{encode_path, whole};
use crate::ctl::session::create::read_json;
use crate::ctl::turn::options::message_text;
use crate::id::{AgentName, EvalCaseId};
use crate::wire::evals::{
    CaseContent, ChangeCase, Check, CheckKind, EvalCase, ImportCases, ImportedCases,
};

#[derive(Debug, Subcommand)]
pub(crate) enum CaseVerb {
    Add(Box<Add>),
    /// List the cases of an agent, the oldest first
    List {
        /// Name of the agent
        agent: AgentName,
        /// Only those of this category
        #[arg(long)]
        category: Option<String>,
    },
    /// Show a case
    Show(Which),
    Change(Box<Change>),
    /// Delete a case; its results stay
    Delete(Which),
    /// Add cases from a file that `export` wrote; all or none
    Import {
        /// Name of the agent
        agent: AgentName,
        /// File with `{"cases": [ … ]}`
        file: PathBuf,
    },
    /// Write all cases as JSON
    Export {
        /// Name of the agent
        agent: AgentName,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Name of the agent
    agent: AgentName,
    /// Id of the case
    case: EvalCaseId,
}

/// Add a case
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// Name of the agent
    agent: AgentName,
    /// What to ask; `-` reads it from the standard input
    question: String,
    #[command(flatten)]
    wanted: Wanted,
}

/// Change a case; what is not named stays
#[derive(Debug, Args)]
pub(crate) struct Change {
    #[command(flatten)]
    which: Which,
    /// What to ask
    #[arg(long, value_name = "TEXT")]
    question: Option<String>,
    #[command(flatten)]
    wanted: Wanted,
    /// Runs have it, or not
    #[arg(long, value_name = "BOOLEAN")]
    active: Option<bool>,
}

#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// Word that the answer is to have, whatever its case; may be repeated
    #[arg(long, value_name = "WORD")]
    topic: Vec<String>,
    /// Word that it must not have; may be repeated
    #[arg(long, value_name = "WORD")]
    not_topic: Vec<String>,
    /// Text that it must have; may be repeated
    #[arg(long, value_name = "TEXT")]
    contains: Vec<String>,
    /// Text that it must not have; may be repeated
    #[arg(long, value_name = "TEXT")]
    not_contains: Vec<String>,
    /// Text that it must be
    #[arg(long, value_name = "TEXT")]
    equals: Option<String>,
    /// Regular expression that it must match; may be repeated
    #[arg(long, value_name = "PATTERN")]
    regex: Vec<String>,
    /// A good answer, for those who score
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Category of the case
    #[arg(long)]
    category: Option<String>,
    /// Tag of the case; may be repeated
    #[arg(long)]
    tag: Vec<String>,
}

impl Wanted {
    /// What is named of it, as a change.
    fn change(self) -> ChangeCase {
        let some = |texts: Vec<String>| (!texts.is_empty()).then_some(Some(texts));
        let kinds = [
            (CheckKind::Contains, self.contains),
            (CheckKind::NotContains, self.not_contains),
            (CheckKind::Equals, self.equals.into_iter().collect()),
            (CheckKind::Regex, self.regex),
        ];
        let of = |(kind, values): (CheckKind, Vec<String>)| {
            values.into_iter().map(move |value| Check { kind, value })
        };
        let checks: Vec<Check> = kinds.into_iter().flat_map(of).collect();
        ChangeCase {
            expected_topics: some(self.topic),
            expected_not_topics: some(self.not_topic),
            checks: (!checks.is_empty()).then_some(Some(checks)),
            reference_answer: self.reference.map(Some),
            category: self.category.map(Some),
            tags: some(self.tag),
            ..ChangeCase::default()
        }
    }
}

pub(super) async fn run(context: &Context, verb: CaseVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    match verb {
        CaseVerb::Add(add) => {
            let question = message_text(add.question)?;
            let empty = CaseContent { question, is_active: true, ..CaseContent::default() };
            let content = add.wanted.change().over(empty);
            let answer = whole(server.post(&cases(&add.agent), &content).await?).await?;
            output.one(&answer, "case", id, |case: EvalCase| output.line(&case.id.to_string()))
        }
        CaseVerb::List { agent, category } => {
            let category = category.map_or_else(String::new, |category| {
                format!("?category={}", encode_path(&category))
            });
            let answer = server.get(&format!("{}{category}", cases(&agent))).await?;
            output.list(&answer, "cases", id, table)
        }
        CaseVerb::Show(which) => shown(output, &server.get(&target(&which)).await?),
        CaseVerb::Change(change) => {
            let asked = ChangeCase {
                question: change.question,
                is_active: change.active,
                ..change.wanted.change()
            };
            if asked == ChangeCase::default() {
                return Err(Failure::usage("nothing is to be changed: name an option"));
            }
            let answer = server.say(Method::PATCH, &target(&change.which), &asked).await?;
            output.one(&whole(answer).await?, "case", id, |case: EvalCase| {
                output.line(&format!("Changed case {}", case.id))
            })
        }
        CaseVerb::Delete(which) => {
            let answer = server.call(Method::DELETE, &target(&which)).await?;
            match output.format {
                Format::Table => output.line(&format!("Deleted case {}", which.case)),
                Format::Id => output.line(&which.case.to_string()),
                Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
            }
        }
        CaseVerb::Import { agent, file } => {
            let request: ImportCases = read_json(&file)?;
            let target = format!("{}/import", cases(&agent));
            let answer = whole(server.post(&target, &request).await?).await?;
            match output.format {
                Format::Table | Format::Id => {
                    let ImportedCases { imported } = crate::ctl::server::understand(&answer)?;
                    output.line(&format!("Imported {imported} cases"))
                }
                Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
            }
        }
        CaseVerb::Export { agent } => {
            let answer = server.get(&format!("{}/export", cases(&agent))).await?;
            output.json(&String::from_utf8_lossy(&answer))
        }
    }
}

fn cases(agent: &AgentName) -> String {
    format!("/api/agents/{agent}/eval-cases")
}

fn target(which: &Which) -> String {
    format!("{}/{}", cases(&which.agent), which.case)
}

fn id(case: &EvalCase) -> String {
    case.id.to_string()
}

fn table(cases: Vec<EvalCase>) -> Table {
    let mut table = columns(["ID", "ACTIVE", "CATEGORY", "TAGS", "QUESTION"]);
    for case in cases {
        let content = case.content;
        table.add_row([
            case.id.to_string(),
            if content.is_active { "yes" } else { "no" }.to_owned(),
            optional(content.category.as_deref()),
            listed(content.tags.as_deref()),
            first_line(&content.question),
        ]);
    }
    table
}

fn listed(texts: Option<&[String]>) -> String {
    match texts.unwrap_or_default() {
        [] => "-".to_owned(),
        texts => cell(&texts.join(", ")),
    }
}

fn shown(output: &Output, answer: &[u8]) -> Result<(), Failure> {
    output.one(answer, "case", id, |case: EvalCase| {
        let content = case.content;
        let mut table = Table::new();
        table
            .add_row(["id", &case.id.to_string()])
            .add_row(["question", &cell(&content.question)])
            .add_row(["topics", &listed(content.expected_topics.as_deref())])
            .add_row(["not topics", &listed(content.expected_not_topics.as_deref())]);
        for check in content.checks.unwrap_or_default() {
            table.add_row([check.kind.as_str(), &cell(&check.value)]);
        }
        table
            .add_row(["reference", &optional(content.reference_answer.as_deref())])
            .add_row(["category", &optional(content.category.as_deref())])
            .add_row(["tags", &listed(content.tags.as_deref())])
            .add_row(["active", if content.is_active { "yes" } else { "no" }])
            .add_row(["created", &output.times.show(case.created_at)])
            .add_row(["updated", &output.times.show(case.updated_at)]);
        output.table(table)
    })
}
