//! Jobs, prompts that run in the background: what a turn answered, and what becomes of its job.

use std::time::Duration;

use serde::Deserialize;

use super::frame::{FrameKind, Head};
pub(crate) use crate::wire::jobs::{JobCounts, JobStatus};

/// Most that is kept of an answer or an error, in bytes; the history of its session has all of it.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// The pause before the first retry, which doubles with each, and the longest: the original's.
const PAUSE: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_mins(5);

/// Ends of a turn behind which another attempt would not end otherwise, or that somebody wanted.
const FINAL: [&str; 2] = ["budget_reached", "removed"];

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tried {
    Answered {
        result: String,
    },
    /// `again`: another attempt may go better.
    Failed {
        error: String,
        again: bool,
    },
    /// The host takes no work now: that is not the job's fault.
    NoRoom {
        error: String,
    },
}

/// What becomes of a job that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobChange {
    Completed {
        result: String,
    },
    Failed {
        error: String,
    },
    /// Tried again after a pause; `counted` among its retries.
    Again {
        error: String,
        pause: Duration,
        counted: bool,
    },
}

impl JobChange {
    /// For the log.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Completed { .. } => "completed",
            Self::Failed { .. } => "failed",
            Self::Again { .. } => "again",
        }
    }
}

impl Tried {
    /// Of a job that was tried again `retries` times before.
    pub(crate) fn becomes(self, retries: u32, retries_max: u32) -> JobChange {
        match self {
            Self::Answered { result } => JobChange::Completed { result },
            Self::NoRoom { error } => JobChange::Again { error, pause: PAUSE, counted: false },
            Self::Failed { error, again: true } if retries < retries_max => {
                let pause = PAUSE.saturating_mul(1 << retries.min(10)).min(PAUSE_MAX);
                JobChange::Again { error, pause, counted: true }
            }
            Self::Failed { error, .. } => JobChange::Failed { error },
        }
    }
}

/// What the frames of a turn say, as far as a job wants to know.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    result: Option<Result<String, String>>,
    error: Option<(String, bool)>,
}

#[derive(Deserialize)]
struct Wrong {
    error: String,
    #[serde(default)]
    code: Option<String>,
}

impl Answer {
    pub(crate) fn read(&mut self, kind: FrameKind, data: &[u8]) {
        match kind {
            FrameKind::Cli => {
                let head = Head::read(data);
                if head.kind == "result" {
                    let said = head.result.as_deref().or(head.errors.first().map(|text| &**text));
                    let said = start(said.or(head.subtype.as_deref()).unwrap_or_default());
                    self.result = Some(if head.is_error { Err(said) } else { Ok(said) });
                }
            }
            FrameKind::Error => {
                // The first says why; what follows comes of it.
                if self.error.is_none()
                    && let Ok(Wrong { error, code }) = serde_json::from_slice(data)
                {
                    let last = code.is_some_and(|code| FINAL.contains(&code.as_str()));
                    self.error = Some((start(&error), !last));
                }
            }
            _ => {}
        }
    }

    /// At the end of the turn.
    pub(crate) fn tried(self) -> Tried {
        match (self.error, self.result) {
            (Some((error, again)), _) => Tried::Failed { error, again },
            (None, Some(Ok(result))) => Tried::Answered { result },
            (None, Some(Err(error))) => Tried::Failed { error, again: true },
            (None, None) => {
                Tried::Failed { error: "the turn ended without an answer".to_owned(), again: true }
            }
        }
    }
}

/// The start of a text, as much as is kept.
fn start(text: &str) -> String {
    text.get(..text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(frames: &[(FrameKind, &str)]) -> Tried {
        let mut answer = Answer::default();
        for (kind, data) in frames {
            answer.read(*kind, data.as_bytes());
        }
        answer.tried()
    }

    #[test]
    fn the_last_result_of_a_turn_is_its_answer_unless_something_went_wrong() {
        let result = r#"{"type":"result","subtype":"success","is_error":false,"result":"yes"}"#;
        let later = r#"{"type":"result","subtype":"success","is_error":false,"result":"and no"}"#;
        let frames = [(FrameKind::Cli, result), (FrameKind::Cli, later), (FrameKind::Done, "{}")];
        assert_eq!(answer(&frames), Tried::Answered { result: "and no".to_owned() });

        let wrong = r#"{"error":"it broke","code":"interrupted"}"#;
        let failed = Tried::Failed { error: "it broke".to_owned(), again: true };
        assert_eq!(answer(&[(FrameKind::Cli, result), (FrameKind::Error, wrong)]), failed);

        let spent = r#"{"error":"no more","code":"budget_reached"}"#;
        let failed = Tried::Failed { error: "no more".to_owned(), again: false };
        assert_eq!(answer(&[(FrameKind::Error, spent), (FrameKind::Error, wrong)]), failed);

        let turns = r#"{"type":"result","subtype":"error_max_turns","is_error":true}"#;
        let failed = Tried::Failed { error: "error_max_turns".to_owned(), again: true };
        assert_eq!(answer(&[(FrameKind::Cli, turns)]), failed);
        assert!(matches!(answer(&[]), Tried::Failed { again: true, .. }));
    }

    #[test]
    fn a_long_answer_is_cut_between_characters() {
        let text = "\u{e9}".repeat(TEXT_BYTES_MAX);
        assert_eq!(start(&text).len(), TEXT_BYTES_MAX);
        assert_eq!(start(&format!("a{text}")).len(), TEXT_BYTES_MAX - 1);
    }

    #[test]
    fn a_job_is_tried_again_after_growing_pauses_until_its_retries_are_used_up() {
        let failed = |again| Tried::Failed { error: String::new(), again };
        let pauses: Vec<u64> = (0..8)
            .map(|retries| match failed(true).becomes(retries, 8) {
                JobChange::Again { pause, counted: true, .. } => pause.as_secs(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert!(matches!(failed(true).becomes(3, 3), JobChange::Failed { .. }));
        assert!(matches!(failed(false).becomes(0, 3), JobChange::Failed { .. }));
        let no_room = Tried::NoRoom { error: String::new() }.becomes(3, 3);
        assert!(matches!(no_room, JobChange::Again { counted: false, .. }));
    }
}
