//! The cases of agents. They go with their agent.

use super::database::{self, Connection, Optional as _, Row, params};
use super::writer::Terms;
use super::{Store, StoreError, row};
use crate::clock::Timestamp;
use crate::id::{AgentId, EvalCaseId};
use crate::session::evals::CaseContent;

const DURABLE: Terms = Terms { durable: true, bytes: 0 };

const COLUMNS: &str = "id, created_at, updated_at, content";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CaseRecord {
    pub(crate) id: EvalCaseId,
    pub(crate) content: CaseContent,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// What became of something that is made for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MadeForAgent {
    Made,
    NoAgent,
    /// There are as many as may be.
    Full,
}

impl Store {
    /// All or none: at most `cases_max` of an agent.
    pub(crate) async fn add_eval_cases(
        &self,
        agent: AgentId,
        cases: Vec<CaseRecord>,
        cases_max: usize,
    ) -> Result<MadeForAgent, StoreError> {
        self.write(DURABLE, move |connection| {
            if !is_there(connection, agent)? {
                return Ok(MadeForAgent::NoAgent);
            }
            let before: usize = connection
                .prepare_cached("SELECT count(*) FROM eval_cases WHERE agent = ?1")?
                .query_row([agent.to_string()], |row| row.get(0))?;
            if before + cases.len() > cases_max {
                return Ok(MadeForAgent::Full);
            }
            let mut insert = connection.prepare_cached(
                "INSERT INTO eval_cases (id, agent, created_at, updated_at, content)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            for case in &cases {
                insert.execute(params![
                    case.id.to_string(),
                    agent.to_string(),
                    case.created_at.as_millis(),
                    case.updated_at.as_millis(),
                    content_text(&case.content),
                ])?;
            }
            Ok(MadeForAgent::Made)
        })
        .await
    }

    /// The oldest first.
    pub(crate) async fn eval_cases(&self, agent: AgentId) -> Result<Vec<CaseRecord>, StoreError> {
        self.read(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM eval_cases WHERE agent = ?1 ORDER BY key");
            let mut statement = connection.prepare_cached(&sql)?;
            let cases = statement.query_map([agent.to_string()], case)?;
            Ok(cases.collect::<Result<_, _>>()?)
        })
        .await
    }

    pub(crate) async fn eval_case(
        &self,
        agent: AgentId,
        id: EvalCaseId,
    ) -> Result<Option<CaseRecord>, StoreError> {
        self.read(move |connection| {
            let sql = format!("SELECT {COLUMNS} FROM eval_cases WHERE id = ?1 AND agent = ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            Ok(statement.query_row([id.to_string(), agent.to_string()], case).optional()?)
        })
        .await
    }

    /// Says whether it is as it was: content that was changed meanwhile is not written over.
    pub(crate) async fn change_eval_case(
        &self,
        agent: AgentId,
        before: CaseRecord,
        after: CaseRecord,
    ) -> Result<bool, StoreError> {
        self.write(DURABLE, move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE eval_cases SET content = ?4, updated_at = ?5
                     WHERE id = ?1 AND agent = ?2 AND content = ?3",
                )?
                .execute(params![
                    after.id.to_string(),
                    agent.to_string(),
                    content_text(&before.content),
                    content_text(&after.content),
                    after.updated_at.as_millis(),
                ])?;
            Ok(changed > 0)
        })
        .await
    }

    /// Says whether there was one. Results of it stay.
    pub(crate) async fn delete_eval_case(
        &self,
        agent: AgentId,
        id: EvalCaseId,
    ) -> Result<bool, StoreError> {
        self.write(DURABLE, move |connection| {
            let deleted = connection
                .prepare_cached("DELETE FROM eval_cases WHERE id = ?1 AND agent = ?2")?
                .execute([id.to_string(), agent.to_string()])?;
            Ok(deleted > 0)
        })
        .await
    }
}

pub(super) fn is_there(connection: &Connection, agent: AgentId) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM agents WHERE id = ?1")?;
    Ok(statement.exists([agent.to_string()])?)
}

fn case(row: &Row<'_>) -> database::Result<CaseRecord> {
    Ok(CaseRecord {
        id: row::parsed(row, 0)?,
        created_at: row::timestamp(row, 1)?,
        updated_at: row::timestamp(row, 2)?,
        content: content(row, 3)?,
    })
}

pub(super) fn content(row: &Row<'_>, column: usize) -> database::Result<CaseContent> {
    row::json(row, column)
}

pub(super) fn content_text(content: &CaseContent) -> String {
    serde_json::to_string(content).expect("a case has a JSON form")
}
