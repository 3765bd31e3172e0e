//! Text of strangers, made safe for a terminal.
//!
//! An answer, a file name or a server's error text may carry escape sequences that recolor,
//! rewrite or retitle a terminal. *Invariant:* nothing from outside reaches a terminal except
//! through here. Only the control characters and the parameters of a CSI sequence are dropped:
//! an unfinished sequence cannot swallow the text behind it.

use std::fmt::Write as _;

/// Most parameter characters of a CSI sequence that are dropped. Real ones are shorter; what is
/// longer is text.
const PARAMETERS_MAX: u8 = 32;

/// Shown for a control character where it must not vanish, as in a name.
const REPLACEMENT: char = '\u{fffd}';

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// Behind an ESC.
    Escape,
    /// In a CSI sequence that has had so many characters.
    Sequence(u8),
}

/// Makes text plain that comes in pieces, wherever they are cut.
#[derive(Debug, Default)]
pub(crate) struct Plain {
    state: State,
}

impl Plain {
    /// The next piece without its control sequences. Newlines and tabs stay.
    pub(crate) fn push(&mut self, text: &str) -> String {
        let mut plain = String::with_capacity(text.len());
        for character in text.chars() {
            self.state = match (self.state, character) {
                (_, '\u{1b}') => State::Escape,
                (_, '\u{9b}') | (State::Escape, '[') => State::Sequence(0),
                // Parameters and intermediates.
                (State::Sequence(seen), ' '..='?') if seen < PARAMETERS_MAX => {
                    State::Sequence(seen + 1)
                }
                // The final character.
                (State::Sequence(seen), '@'..='~') if seen < PARAMETERS_MAX => State::Text,
                (_, character) => {
                    if !is_control(character) || matches!(character, '\n' | '\t') {
                        plain.push(character);
                    }
                    State::Text
                }
            };
        }
        plain
    }
}

/// Whether `character` acts on a terminal instead of being shown: C0, DEL, C1, and the marks
/// that reorder the text around them.
fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A whole text without its control sequences. Newlines and tabs stay.
pub(crate) fn text(text: &str) -> String {
    Plain::default().push(text)
}

/// A text for one line, where each control character is seen as `�`, so that a name cannot pass
/// for another.
pub(crate) fn line(text: &str) -> String {
    text.chars()
        .map(|character| if is_control(character) { REPLACEMENT } else { character })
        .collect()
}

/// JSON with the control characters escaped that JSON allows as they are. They can stand in
/// strings only, so the value stays the same.
pub(crate) fn json(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for character in json.chars() {
        if is_control(character) && !matches!(character, '\n' | '\t' | '\r') {
            write!(plain, "\\u{:04x}", u32::from(character)).expect("a text takes more text");
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_are_dropped() {
        for (hostile, harmless) in [
            ("red \u{1b}[31;1mname\u{1b}[0m", "red name"),
            ("\u{9b}2Jcleared", "cleared"),
            ("a\u{1b}]0;title\u{7}b", "a]0;titleb"),
            ("over\rwritten\u{8}", "overwritten"),
            ("two\r\n\tlines", "two\n\tlines"),
            ("\u{7f}\u{85}\u{90}q\u{9c}", "q"),
            ("gpj\u{202e}exe", "gpjexe"),
            ("grüße – 你好 👋", "grüße – 你好 👋"),
        ] {
            assert_eq!(text(hostile), harmless, "{hostile:?}");
        }
    }

    #[test]
    fn a_sequence_is_dropped_wherever_the_text_is_cut() {
        let hostile = "one\u{1b}[38;5;1mtwo\u{9b}Hthree";
        for (cut, _) in hostile.char_indices() {
            let (left, right) = hostile.split_at(cut);
            let mut plain = Plain::default();
            assert_eq!(plain.push(left) + &plain.push(right), "onetwothree", "{cut}");
        }
    }

    #[test]
    fn an_unfinished_sequence_does_not_swallow_the_text_behind_it() {
        let hostile = format!("\u{1b}[{}\nerror", "1".repeat(100));
        assert_eq!(text(&hostile), format!("{}\nerror", "1".repeat(100 - 32)));
        assert_eq!(text("\u{1b}[12\nerror"), "\nerror");
    }

    #[test]
    fn a_name_cannot_pass_for_another() {
        assert_eq!(line("a\u{1b}[8mb\nc"), "a�[8mb�c");
    }

    #[test]
    fn json_stays_the_same_value() {
        let hostile = "{\"a\":\"\u{9b}2J\u{7f}\u{202e}\"}\n";
        let harmless = json(hostile);
        assert_eq!(harmless, "{\"a\":\"\\u009b2J\\u007f\\u202e\"}\n");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(hostile), value(&harmless));
    }
}
