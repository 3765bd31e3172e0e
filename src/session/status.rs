//! The states of a session: those of the wire.

pub(crate) use crate::wire::sessions::SessionStatus as Status;

impl Status {
    pub(crate) const ALL: [Self; 6] =
        [Self::Starting, Self::Active, Self::Paused, Self::Stopped, Self::Ended, Self::Error];

    /// The state named `text`, as it is stored.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_back_as_it_was_written() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert_eq!(Status::parse("Active"), None);
    }
}
