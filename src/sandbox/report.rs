//! How a sandbox ended.

use serde::{Deserialize, Serialize};

/// bwrap's exit status for a program that a signal ended is this much more than the signal.
const SIGNAL_BASE: i32 = 128;

/// What is left of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndReport {
    pub(crate) cause: EndCause,
    /// How many of its processes the kernel killed for want of memory.
    pub(crate) oom_kills: u64,
    /// The last of what bwrap and the bridge wrote to standard error.
    pub(crate) stderr: String,
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EndCause {
    /// It lived, and we ended it.
    Ended,
    /// The bridge left by itself.
    Exited { code: i32 },
    /// Somebody else killed the bridge.
    Killed { signal: i32 },
    /// The kernel killed in it for want of memory, and it did not survive that.
    OutOfMemory,
    /// There was none, and nothing is known about it.
    Gone,
}

impl EndReport {
    pub(crate) fn gone() -> Self {
        Self { cause: EndCause::Gone, oom_kills: 0, stderr: String::new() }
    }
}

/// What is seen of an end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Observed<'a> {
    /// The first process lived when we came to kill it.
    pub(super) was_alive: bool,
    /// What bwrap says of the first process.
    pub(super) exit_code: Option<i32>,
    pub(super) oom_kills: u64,
    /// What systemd says of the scope.
    pub(super) scope_result: Option<&'a str>,
}

impl Observed<'_> {
    pub(super) fn cause(self) -> EndCause {
        let killed = SIGNAL_BASE + nix::libc::SIGKILL;
        if self.scope_result == Some("oom-kill") {
            return EndCause::OutOfMemory;
        }
        match self.exit_code {
            Some(code) if code == killed && self.was_alive => EndCause::Ended,
            Some(code) if code == killed && self.oom_kills > 0 => EndCause::OutOfMemory,
            Some(code) if code > SIGNAL_BASE => EndCause::Killed { signal: code - SIGNAL_BASE },
            // Also when we came to kill it: it was faster.
            Some(code) => EndCause::Exited { code },
            None if self.was_alive => EndCause::Ended,
            None => EndCause::Gone,
        }
    }
}

/// What bwrap writes to its status descriptor: one document when the first process exists, one
/// when it has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) child_pid: Option<u32>,
    pub(super) exit_code: Option<i32>,
}

impl Status {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Document {
            child_pid: Option<u32>,
            exit_code: Option<i32>,
        }
        let mut status = Self::default();
        // A document cut short by a full disk ends the list.
        let documents = serde_json::Deserializer::from_slice(bytes).into_iter::<Document>();
        for document in documents.map_while(Result::ok) {
            status.child_pid = status.child_pid.or(document.child_pid);
            status.exit_code = status.exit_code.or(document.exit_code);
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_as_far_as_it_goes() {
        let text = b"{ \"child-pid\": 152, \"pid-namespace\": 4026532260 }\n{ \"exit-code\": 1 }\n";
        assert_eq!(Status::parse(text), Status { child_pid: Some(152), exit_code: Some(1) });
        assert_eq!(Status::parse(&text[..60]).exit_code, None);
        assert_eq!(Status::parse(b""), Status::default());
        assert_eq!(Status::parse(b"\0\0"), Status::default());
    }

    #[test]
    fn each_end_has_its_cause() {
        let alive = Observed { was_alive: true, ..Observed::default() };
        let dead = Observed::default();
        for (observed, cause) in [
            (Observed { exit_code: Some(137), ..alive }, EndCause::Ended),
            (alive, EndCause::Ended),
            (Observed { exit_code: Some(3), ..alive }, EndCause::Exited { code: 3 }),
            (Observed { exit_code: Some(137), ..dead }, EndCause::Killed { signal: 9 }),
            (Observed { exit_code: Some(139), ..dead }, EndCause::Killed { signal: 11 }),
            (Observed { exit_code: Some(0), ..dead }, EndCause::Exited { code: 0 }),
            (dead, EndCause::Gone),
        ] {
            assert_eq!(observed.cause(), cause, "{observed:?}");
        }
    }

    #[test]
    fn an_end_for_want_of_memory_is_told_as_one() {
        let dead = Observed { exit_code: Some(137), oom_kills: 1, ..Observed::default() };
        assert_eq!(dead.cause(), EndCause::OutOfMemory);
        // systemd before 253 stops the whole scope after the first such kill.
        let stopped = Observed { was_alive: true, scope_result: Some("oom-kill"), ..dead };
        assert_eq!(stopped.cause(), EndCause::OutOfMemory);
        // One that survived it and was ended later was ended.
        assert_eq!(Observed { was_alive: true, ..dead }.cause(), EndCause::Ended);
        assert_eq!(Observed { exit_code: Some(0), ..dead }.cause(), EndCause::Exited { code: 0 });
    }
}
