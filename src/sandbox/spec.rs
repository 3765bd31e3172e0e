//! What a sandbox is to be: its name, its owner, what it sees, and how much it may use.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{IdError, SessionId};
use crate::os::quota::Room;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The name of a sandbox: `s-<session>`, `j-<session>` for the jail that serves a session while it
/// has no sandbox, or `probe-<number>` for one that tries the walls.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct SandboxName(String);

impl SandboxName {
    const SESSION: &'static str = "s-";
    const JAIL: &'static str = "j-";
    const PROBE: &'static str = "probe-";

    /// A name for a sandbox that tries the walls; no session has it.
    pub(super) fn new_probe() -> Self {
        Self(format!("{}{}", Self::PROBE, SessionId::new()))
    }

    /// The jail that serves a session.
    pub(crate) fn jail(session: SessionId) -> Self {
        Self(format!("{}{session}", Self::JAIL))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The session that a jail serves; `None` for everything else.
    pub(crate) fn jailed(&self) -> Option<SessionId> {
        self.0.strip_prefix(Self::JAIL)?.parse().ok()
    }

    /// The session that lives in it; `None` for a jail and for a probe.
    pub(crate) fn session(&self) -> Option<SessionId> {
        self.0.strip_prefix(Self::SESSION)?.parse().ok()
    }

    /// The systemd unit that holds it.
    pub(super) fn unit(&self) -> String {
        format!("ash-{}.scope", self.0)
    }

    pub(super) fn from_unit(unit: &str) -> Option<Self> {
        unit.strip_prefix("ash-")?.strip_suffix(".scope")?.parse().ok()
    }
}

impl From<SessionId> for SandboxName {
    fn from(session: SessionId) -> Self {
        Self(format!("{}{session}", Self::SESSION))
    }
}

impl FromStr for SandboxName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let prefixes = [Self::SESSION, Self::JAIL, Self::PROBE];
        let session = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
        session.unwrap_or_default().parse::<SessionId>()?;
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for SandboxName {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<SandboxName> for String {
    fn from(name: SandboxName) -> Self {
        name.0
    }
}

impl fmt::Display for SandboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One sandbox to start.
#[derive(Debug, Clone)]
pub(crate) struct SandboxSpec {
    pub(crate) name: SandboxName,
    /// The host user that everything in it runs as, and nothing else does. `None` where ashd is
    /// not root: then it runs as ashd's own user.
    pub(crate) uid: Option<u32>,
    /// Bound at `/workspace`, writable.
    pub(crate) workspace: PathBuf,
    /// Bound at `/home/agent`, writable.
    pub(crate) home: PathBuf,
    /// Holds `bridge.sock`; not visible inside.
    pub(crate) state: PathBuf,
    /// The Claude Code CLI, a native binary. A jail has none.
    pub(crate) cli: PathBuf,
    /// A directory, bound read-only at `/run/ash`; holds `api.sock`. A jail has none.
    pub(crate) egress: PathBuf,
    pub(crate) limits: Limits,
    /// Added to the sandbox's own environment, and stronger.
    pub(crate) environment: BTreeMap<String, String>,
}

/// How much a sandbox may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Limits {
    /// Beyond it the kernel kills in the sandbox. The CLI alone takes about 230 MB.
    pub(crate) memory_bytes: u64,
    /// Swap on top of it.
    pub(crate) swap_bytes: u64,
    /// Processes and threads.
    pub(crate) tasks: u64,
    /// CPU time per time, in percent of one CPU.
    pub(crate) cpu_percent: u32,
    /// Share of the CPU where it is short, from 1 to 10,000.
    pub(crate) cpu_weight: u64,
    /// Share of the disks where they are busy, likewise.
    pub(crate) io_weight: u64,
    /// Descriptors of a process that it may raise itself to.
    pub(crate) open_files: u64,
    /// Largest file that a process may write.
    pub(crate) file_bytes: u64,
    /// `/tmp`, which counts as memory too.
    pub(crate) tmp_bytes: u64,
    /// `/dev/shm`, likewise.
    pub(crate) shm_bytes: u64,
    /// What the bridge may keep of a conversation that ashd has not stored, likewise.
    pub(crate) spill_bytes: u64,
    /// Workspace and home together, on the disk.
    pub(crate) disk_bytes: u64,
    /// Files and folders in them.
    pub(crate) disk_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 2 * GIB,
            swap_bytes: 2 * GIB,
            tasks: 512,
            cpu_percent: 200,
            cpu_weight: 100,
            io_weight: 100,
            open_files: 65_536,
            file_bytes: 10 * GIB,
            tmp_bytes: 256 * MIB,
            shm_bytes: 64 * MIB,
            spill_bytes: 256 * MIB,
            disk_bytes: 10 * GIB,
            disk_files: 1_000_000,
        }
    }
}

impl Limits {
    /// Where the kernel starts to reclaim and to slow down, ahead of killing.
    pub(super) fn memory_high_bytes(&self) -> u64 {
        self.memory_bytes / 10 * 9
    }

    /// What the session's files may take.
    pub(super) fn room(&self) -> Room {
        Room { bytes: self.disk_bytes, files: self.disk_files }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_session_and_its_unit_leads_back() {
        let session = SessionId::new();
        let name = SandboxName::from(session);
        assert_eq!(name.session(), Some(session));
        assert_eq!(name.unit(), format!("ash-s-{session}.scope"));
        assert_eq!(SandboxName::from_unit(&name.unit()), Some(name.clone()));
        assert_eq!(name.as_str().parse(), Ok(name));
        assert_eq!(SandboxName::new_probe().session(), None);
        let jail = SandboxName::jail(session);
        assert_eq!((jail.session(), jail.jailed()), (None, Some(session)));
        assert_eq!(SandboxName::from_unit(&jail.unit()), Some(jail));
        assert_eq!(SandboxName::from(session).jailed(), None);
    }

    #[test]
    fn nothing_else_is_a_name() {
        for bad in [
            "",
            "s-",
            "s-1",
            "j-1",
            "ash-s",
            "s-../../etc",
            "x-67e55044-10b1-426f-9247-bb680e5fe0c8",
        ] {
            assert!(bad.parse::<SandboxName>().is_err(), "{bad:?}");
        }
        assert_eq!(SandboxName::from_unit("ash-sandbox.slice"), None);
        assert_eq!(SandboxName::from_unit("ash-s-1.scope"), None);
    }
}
