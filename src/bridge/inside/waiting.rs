//! What came for a CLI that is about to start.

use bytes::Bytes;

#[derive(Debug)]
pub(super) enum Waiting {
    Input(u64, Bytes),
    Interrupt,
}

impl Waiting {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Input(_, payload) => payload.len(),
            Self::Interrupt => 0,
        }
    }
}
