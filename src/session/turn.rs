//! When a turn begins and ends.
//!
//! ```text
//!            begin                 result, no states reported · idle after result
//!   Idle ───────────▶ Running ───────────────────────────────────────────────────▶ Idle
//!    │                   └─ broken (the CLI or its sandbox is gone) ─────────────▶ Idle
//!    └─ state `running` that nobody asked for ▶ Unsolicited ─ idle ───────────────▶ Idle
//! ```
//!
//! The CLI's idle state is the end of a turn, not its first `result`: a background task answers
//! behind it, and the CLI starts such turns on its own. A CLI that reports no states is believed
//! its `result`.

use super::frame::Head;

/// How a turn ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Completed,
    /// The CLI says that it failed; the text is for the client.
    Failed(String),
    Interrupted,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Idle,
    Running { ordinal: u64, outcome: Option<Outcome> },
    Unsolicited,
}

/// The turn machine of one session.
#[derive(Debug)]
pub(crate) struct Turns {
    phase: Phase,
    /// The living CLI has reported its state at least once.
    states_reported: bool,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { phase: Phase::Idle, states_reported: false }
    }

    /// The CLI can take a message now.
    pub(crate) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    /// The turn that runs.
    pub(crate) fn running(&self) -> Option<u64> {
        match self.phase {
            Phase::Running { ordinal, .. } => Some(ordinal),
            Phase::Idle | Phase::Unsolicited => None,
        }
    }

    pub(crate) fn begin(&mut self, ordinal: u64) {
        self.phase = Phase::Running { ordinal, outcome: None };
    }

    /// The CLI was started by an earlier ashd, and such a one reports its states.
    pub(crate) fn assume_states(&mut self) {
        self.states_reported = true;
    }

    /// A CLI line; answers how the running turn ended, if it did with this line.
    pub(crate) fn line(&mut self, head: &Head<'_>) -> Option<Outcome> {
        match (&*head.kind, head.subtype.as_deref()) {
            ("result", _) => {
                if let Phase::Running { outcome, .. } = &mut self.phase {
                    *outcome = Some(judge(head));
                }
                if self.states_reported { None } else { self.end() }
            }
            ("system", Some("session_state_changed")) => {
                self.states_reported = true;
                match head.state.as_deref() {
                    Some("running") if self.phase == Phase::Idle => {
                        self.phase = Phase::Unsolicited;
                        None
                    }
                    Some("idle") => self.end(),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The CLI or its sandbox is gone; answers the turn that this broke.
    pub(crate) fn broken(&mut self) -> Option<u64> {
        let running = self.running();
        *self = Self::new();
        running
    }

    /// Idle, or a result that counts as idle. A turn without a result goes on: the CLI reports
    /// idle between taking a message and working on it.
    fn end(&mut self) -> Option<Outcome> {
        match &mut self.phase {
            Phase::Running { outcome, .. } => {
                let outcome = outcome.take()?;
                self.phase = Phase::Idle;
                Some(outcome)
            }
            Phase::Idle | Phase::Unsolicited => {
                self.phase = Phase::Idle;
                None
            }
        }
    }
}

fn judge(head: &Head<'_>) -> Outcome {
    let aborted =
        head.terminal_reason.as_deref().is_some_and(|reason| reason.starts_with("aborted"));
    if aborted {
        return Outcome::Interrupted;
    }
    if !head.is_error {
        return Outcome::Completed;
    }
    let text = match (&head.result, head.errors.first()) {
        (Some(result), _) if !result.is_empty() => result.to_string(),
        (_, Some(error)) => error.to_string(),
        _ => format!("the turn ended with `{}`", head.subtype.as_deref().unwrap_or("error")),
    };
    Outcome::Failed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: &str =
        r#"{"type":"system","subtype":"session_state_changed","state":"running"}"#;
    const IDLE: &str = r#"{"type":"system","subtype":"session_state_changed","state":"idle"}"#;
    const RESULT: &str = r#"{"type":"result","subtype":"success","is_error":false,"result":"x"}"#;

    fn feed(turns: &mut Turns, lines: &[&str]) -> Vec<Option<Outcome>> {
        lines.iter().map(|line| turns.line(&Head::read(line.as_bytes()))).collect()
    }

    #[test]
    fn idle_after_the_result_ends_the_turn() {
        let mut turns = Turns::new();
        turns.begin(1);
        assert_eq!(
            feed(&mut turns, &[RUNNING, RESULT, IDLE]),
            [None, None, Some(Outcome::Completed)]
        );
        assert!(turns.is_idle());
    }

    #[test]
    fn a_background_answer_belongs_to_the_turn() {
        let mut turns = Turns::new();
        turns.begin(1);
        let outcomes = feed(&mut turns, &[RUNNING, RESULT, RESULT, IDLE]);
        assert_eq!(outcomes.into_iter().flatten().count(), 1);
    }

    #[test]
    fn without_states_the_result_ends_the_turn() {
        let mut turns = Turns::new();
        turns.begin(1);
        assert_eq!(feed(&mut turns, &[RESULT]), [Some(Outcome::Completed)]);
    }

    #[test]
    fn an_early_idle_does_not_end_the_turn() {
        let mut turns = Turns::new();
        turns.begin(1);
        assert_eq!(feed(&mut turns, &[IDLE, RUNNING, RESULT, IDLE])[..3], [None, None, None]);
        assert!(turns.is_idle());
    }

    #[test]
    fn a_turn_nobody_asked_for_keeps_messages_waiting() {
        let mut turns = Turns::new();
        feed(&mut turns, &[RUNNING]);
        assert!(!turns.is_idle());
        assert_eq!(turns.running(), None);
        feed(&mut turns, &[RESULT, IDLE]);
        assert!(turns.is_idle());
    }

    #[test]
    fn an_api_error_is_a_failure_and_an_interrupt_is_not() {
        let mut turns = Turns::new();
        turns.begin(1);
        let failed =
            r#"{"type":"result","subtype":"success","is_error":true,"result":"API Error: 529"}"#;
        assert_eq!(feed(&mut turns, &[failed]), [Some(Outcome::Failed("API Error: 529".into()))]);
        turns.begin(2);
        let stopped = r#"{"type":"result","subtype":"error_during_execution","is_error":true,"terminal_reason":"aborted_streaming"}"#;
        assert_eq!(feed(&mut turns, &[stopped]), [Some(Outcome::Interrupted)]);
    }

    #[test]
    fn a_broken_turn_is_named_once() {
        let mut turns = Turns::new();
        turns.begin(7);
        assert_eq!(turns.broken(), Some(7));
        assert_eq!(turns.broken(), None);
    }

    /// Whatever a CLI may say.
    fn any_line() -> impl proptest::strategy::Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            RUNNING,
            IDLE,
            RESULT,
            r#"{"type":"assistant"}"#,
            r#"{"type":"result","subtype":"success","is_error":true,"result":"x"}"#,
            r#"{"type":"result","is_error":true,"terminal_reason":"aborted_tools"}"#,
            r#"{"type":"system","subtype":"session_state_changed","state":"requires_action"}"#,
            r#"{"type":7}"#,
            "no json",
        ])
    }

    #[derive(Debug, Clone)]
    enum Step {
        Begin,
        Line(&'static str),
        Broken,
    }

    fn any_step() -> impl proptest::strategy::Strategy<Value = Step> {
        use proptest::prelude::{Just, Strategy as _, prop_oneof};
        prop_oneof![2 => Just(Step::Begin), 12 => any_line().prop_map(Step::Line), 1 => Just(Step::Broken)]
    }

    proptest::proptest! {
        #[test]
        fn every_turn_that_begins_ends_at_most_once_and_only_while_it_runs(
            steps in proptest::collection::vec(any_step(), 0..200)
        ) {
            let (mut turns, mut begun, mut ended) = (Turns::new(), 0, 0);
            let mut has_result = false;
            for step in steps {
                match step {
                    // A driver begins a turn only when the CLI can take it.
                    Step::Begin if turns.is_idle() => {
                        begun += 1;
                        turns.begin(begun);
                        has_result = false;
                    }
                    Step::Begin => {}
                    Step::Line(line) => {
                        let running = turns.running();
                        has_result |= line.contains(r#""type":"result""#);
                        if turns.line(&Head::read(line.as_bytes())).is_some() {
                            ended += 1;
                            proptest::prop_assert_eq!(running, Some(begun));
                            proptest::prop_assert!(has_result, "no turn ends without a result");
                            proptest::prop_assert!(turns.is_idle());
                        }
                    }
                    Step::Broken => {
                        let running = turns.running();
                        proptest::prop_assert_eq!(turns.broken(), running);
                        ended += u64::from(running.is_some());
                        proptest::prop_assert!(turns.is_idle());
                    }
                }
                let open = u64::from(turns.running().is_some());
                proptest::prop_assert_eq!(begun, ended + open, "nothing is lost or ended twice");
            }
        }

        #[test]
        fn a_turn_ends_with_idle_behind_a_result_whatever_came_before(
            lines in proptest::collection::vec(any_line(), 0..50)
        ) {
            let mut turns = Turns::new();
            turns.begin(1);
            let before = feed(&mut turns, &lines).into_iter().flatten().count();
            let behind = feed(&mut turns, &[RESULT, IDLE]).into_iter().flatten().count();
            proptest::prop_assert_eq!(before + behind, 1);
            proptest::prop_assert!(turns.is_idle());
        }
    }
}
