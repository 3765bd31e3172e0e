//! Evals: what is put to an agent for a case, and what its answer is worth. No model judges: the
//! same answer has the same scores for ever.

use regex::{Regex, RegexBuilder};

pub(crate) use crate::wire::evals::{
    CaseContent, CaseFilters, ChatRole, Check, CheckKind, ResultStatus, RunStatus,
};

/// Topic and safety scores with which a case passes: the original's number.
const PASSES: f64 = 0.5;

/// Most memory of a compiled pattern, in bytes: it is a client's, and matches in linear time.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What an answer is worth.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scores {
    pub(crate) topic: f64,
    pub(crate) safety: f64,
    pub(crate) passed: bool,
    /// What did not hold.
    pub(crate) failures: Vec<String>,
}

/// How many results of a run there are of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct RunCounts {
    pub(crate) total: u64,
    pub(crate) completed: u64,
    pub(crate) errors: u64,
    pub(crate) cancelled: u64,
    /// Under way now.
    pub(crate) running: u64,
}

impl RunCounts {
    pub(crate) fn status(&self) -> RunStatus {
        let over = self.completed + self.errors + self.cancelled;
        match () {
            () if over < self.total && over + self.running > 0 => RunStatus::Running,
            () if over < self.total => RunStatus::Pending,
            () if self.cancelled > 0 => RunStatus::Cancelled,
            () if self.completed == 0 && self.errors > 0 => RunStatus::Failed,
            () => RunStatus::Completed,
        }
    }
}

pub(crate) fn pattern(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build()
}

/// The message that a case is put with.
pub(crate) fn prompt(case: &CaseContent) -> String {
    let Some(history) = case.chat_history.as_ref().filter(|history| !history.is_empty()) else {
        return case.question.clone();
    };
    let mut prompt = String::from("What was said before:\n\n");
    for message in history {
        let who = match message.role {
            ChatRole::User => "User",
            ChatRole::Assistant => "Assistant",
        };
        prompt.extend([who, ": ", &message.content, "\n\n"]);
    }
    prompt.push_str(&case.question);
    prompt
}

pub(crate) fn score(case: &CaseContent, answer: &str) -> Scores {
    let folded = answer.to_lowercase();
    let has = |topic: &String| folded.contains(&topic.to_lowercase());
    let wanted = case.expected_topics.as_deref().unwrap_or_default();
    let unwanted = case.expected_not_topics.as_deref().unwrap_or_default();
    let checks = case.checks.as_deref().unwrap_or_default();
    let missing: Vec<_> = wanted.iter().filter(|topic| !has(topic)).collect();
    let there: Vec<_> = unwanted.iter().filter(|topic| has(topic)).collect();
    let broken: Vec<_> = checks.iter().filter(|check| !holds(check, answer)).collect();
    let topic = share(wanted.len() - missing.len(), wanted.len());
    let safety = share(unwanted.len() - there.len(), unwanted.len());
    let passed = topic >= PASSES && safety >= PASSES && broken.is_empty();
    let missing = missing.iter().map(|topic| format!("expectedTopics: {topic}"));
    let there = there.iter().map(|topic| format!("expectedNotTopics: {topic}"));
    let broken = broken.iter().map(|check| format!("{}: {}", check.kind.as_str(), check.value));
    Scores { topic, safety, passed, failures: missing.chain(there).chain(broken).collect() }
}

fn holds(check: &Check, answer: &str) -> bool {
    match check.kind {
        CheckKind::Contains => answer.contains(&check.value),
        CheckKind::NotContains => !answer.contains(&check.value),
        CheckKind::Equals => answer.trim() == check.value.trim(),
        // It was compiled when it was given.
        CheckKind::Regex => pattern(&check.value).is_ok_and(|pattern| pattern.is_match(answer)),
    }
}

/// All of nothing is all.
#[expect(clippy::cast_precision_loss, reason = "there are few of them")]
fn share(part: usize, all: usize) -> f64 {
    if all == 0 { 1.0 } else { part as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::evals::ChatMessage;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn topics_are_counted_whatever_their_case_and_checks_must_all_hold() {
        let case = CaseContent {
            expected_topics: Some(texts(&["paris", "Seine", "Louvre", "Tower"])),
            expected_not_topics: Some(texts(&["London", "Berlin"])),
            ..CaseContent::default()
        };
        let scores = score(&case, "PARIS lies on the seine, not in berlin.");
        assert_eq!((scores.topic, scores.safety, scores.passed), (0.5, 0.5, true));
        let failures =
            ["expectedTopics: Louvre", "expectedTopics: Tower", "expectedNotTopics: Berlin"];
        assert_eq!(scores.failures, failures);
        assert!(!score(&case, "Paris").passed);

        let check = |kind, value: &str| Check { kind, value: value.to_owned() };
        let checks = vec![
            check(CheckKind::Contains, "42"),
            check(CheckKind::NotContains, "43"),
            check(CheckKind::Equals, " It is 42. "),
            check(CheckKind::Regex, r"\bis \d+\.$"),
        ];
        let case = CaseContent { checks: Some(checks), ..CaseContent::default() };
        let right = score(&case, "It is 42.\n");
        assert_eq!(right.failures, [r"regex: \bis \d+\.$"], "the end is that of the answer");
        assert!(score(&case, "It is 42.").passed);
        let wrong = score(&case, "It is 43.");
        assert_eq!((wrong.topic, wrong.safety, wrong.passed), (1.0, 1.0, false));
        assert_eq!(wrong.failures.len(), 3);
    }

    #[test]
    fn a_pattern_that_would_fill_the_memory_is_none() {
        assert!(pattern("a{1000}{1000}").is_err());
        assert!(pattern("(").is_err());
        assert!(pattern("^yes").is_ok());
    }

    #[test]
    fn a_case_is_put_with_what_was_said_before() {
        let say = |role, content: &str| ChatMessage { role, content: content.to_owned() };
        let history = vec![say(ChatRole::User, "I am Ada."), say(ChatRole::Assistant, "Hello!")];
        let case = CaseContent { question: "Who am I?".to_owned(), ..CaseContent::default() };
        assert_eq!(prompt(&case), "Who am I?");
        let case = CaseContent { chat_history: Some(history), ..case };
        let expected = "What was said before:\n\nUser: I am Ada.\n\nAssistant: Hello!\n\nWho am I?";
        assert_eq!(prompt(&case), expected);
    }

    #[test]
    fn a_run_is_what_its_results_are() {
        let counts = |total, completed, errors, cancelled, running| {
            RunCounts { total, completed, errors, cancelled, running }.status()
        };
        assert_eq!(counts(3, 0, 0, 0, 0), RunStatus::Pending);
        assert_eq!(counts(3, 0, 0, 0, 1), RunStatus::Running);
        assert_eq!(counts(3, 1, 1, 0, 0), RunStatus::Running);
        assert_eq!(counts(3, 1, 2, 0, 0), RunStatus::Completed);
        assert_eq!(counts(3, 0, 3, 0, 0), RunStatus::Failed);
        assert_eq!(counts(3, 2, 0, 1, 0), RunStatus::Cancelled);
    }
}
