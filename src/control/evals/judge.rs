//! Judges what a case is to have, and what a person says of a result.

use super::wrong;
use crate::control::Refusal;
use crate::session::evals::{CheckKind, pattern};
use crate::store::Opinion;
use crate::wire::evals::CaseContent;

/// Largest case, in bytes of its JSON: a question with what was said before it.
const CASE_BYTES_MAX: usize = 16 << 10;

/// Most topics, tags or checks of a case: more than anybody reads.
const ITEMS_MAX: usize = 100;

/// Longest notes about a result, in characters: the original's.
const NOTES_CHARACTERS_MAX: usize = 10_000;

pub(super) fn content(case: &CaseContent) -> Result<(), Refusal> {
    if case.question.trim().is_empty() {
        return Err(wrong("question", "it is empty".to_owned()));
    }
    for (field, texts) in [
        ("expectedTopics", &case.expected_topics),
        ("expectedNotTopics", &case.expected_not_topics),
        ("tags", &case.tags),
    ] {
        let texts = texts.as_deref().unwrap_or_default();
        few(field, texts.len())?;
        if let Some(index) = texts.iter().position(String::is_empty) {
            return Err(wrong(&format!("{field}.{index}"), "it is empty".to_owned()));
        }
    }
    let checks = case.checks.as_deref().unwrap_or_default();
    few("checks", checks.len())?;
    for (index, check) in checks.iter().enumerate() {
        let field = format!("checks.{index}.value");
        if check.value.is_empty() && check.kind != CheckKind::Equals {
            return Err(wrong(&field, "it is empty, and every answer has that".to_owned()));
        }
        if check.kind == CheckKind::Regex {
            pattern(&check.value).map_err(|error| wrong(&field, error.to_string()))?;
        }
    }
    let bytes = serde_json::to_string(case).map_or(usize::MAX, |text| text.len());
    if bytes > CASE_BYTES_MAX {
        let what = format!("the case has {bytes} bytes as JSON, and {CASE_BYTES_MAX} is the most");
        return Err(wrong("question", what));
    }
    Ok(())
}

fn few(field: &str, count: usize) -> Result<(), Refusal> {
    if count > ITEMS_MAX {
        return Err(wrong(field, format!("it has {count}, and {ITEMS_MAX} is the most")));
    }
    Ok(())
}

pub(super) fn opinion(score: Option<f64>, notes: Option<String>) -> Result<Opinion, Refusal> {
    if score.is_none() && notes.is_none() {
        return Err(Refusal::NoOpinion);
    }
    if score.is_some_and(|score| !(1.0..=5.0).contains(&score)) {
        return Err(wrong("humanScore", "it is a number from 1 to 5".to_owned()));
    }
    if notes.as_ref().is_some_and(|notes| notes.chars().count() > NOTES_CHARACTERS_MAX) {
        let what = format!("it has at most {NOTES_CHARACTERS_MAX} characters");
        return Err(wrong("humanNotes", what));
    }
    Ok(Opinion { score, notes })
}
