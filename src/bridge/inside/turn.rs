//! What a CLI does with the message it was given last.

use super::line::TurnSign;

#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) running: bool,
    /// This CLI says when it is idle.
    tells_idle: bool,
    /// The last message, and the bytes before it.
    newest: Option<(u64, u64)>,
    /// It has said nothing since.
    pub(super) is_silent: bool,
}

impl Turn {
    pub(super) fn hear(&mut self, sign: TurnSign) {
        match sign {
            TurnSign::Result => self.running &= self.tells_idle,
            TurnSign::Running | TurnSign::Idle => {
                self.tells_idle = true;
                self.running = sign == TurnSign::Running;
            }
        }
    }

    /// A message is written behind so many bytes.
    pub(super) fn message(&mut self, number: u64, before: u64) {
        self.newest = Some((number, before));
        self.is_silent = true;
    }

    /// The last message, if not one byte of it was written; or if somebody killed the CLI before it said
    /// anything behind it: it tells of each that it takes.
    pub(super) fn untaken(&self, written: u64, is_killed: bool) -> Option<u64> {
        let (number, before) = self.newest?;
        (written <= before || (is_killed && self.is_silent)).then_some(number)
    }
}
