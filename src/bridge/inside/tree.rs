//! What a command began, wherever it went: it may leave its process group, but it keeps its parent or the
//! environment that it was begun with.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgid};
use uuid::Uuid;

/// The variable that tells what was begun by one command from everything else.
pub(super) const VARIABLE: &str = "ASH_COMMAND";

/// Times that it is looked for what was begun while the rest was killed. What is quicker than that is
/// held by the limits of its sandbox.
const ROUNDS_MAX: usize = 16;

/// The mark of one command.
#[derive(Debug, Clone)]
pub(super) struct Mark(pub(super) String);

impl Mark {
    pub(super) fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }

    /// Signals the group of this command, which `leader` leads and which has not been collected, and
    /// what it began outside of that; says how many these were.
    pub(super) fn signal(&self, leader: Pid, signal: Signal) -> usize {
        // Before a death of the leader makes orphans.
        let begun = self.processes(leader);
        let _gone = killpg(leader, signal);
        let outside = begun.iter().filter(|pid| getpgid(Some(**pid)) != Ok(leader));
        outside.filter(|pid| kill(**pid, signal).is_ok()).count()
    }

    /// Kills all of it.
    pub(super) fn kill(&self, leader: Pid) {
        for _round in 0..ROUNDS_MAX {
            if self.signal(leader, Signal::SIGKILL) == 0 {
                return;
            }
        }
    }

    fn processes(&self, leader: Pid) -> BTreeSet<Pid> {
        let mark = format!("{VARIABLE}={}", self.0);
        let mut parents = BTreeMap::new();
        let mut found = BTreeSet::from([leader]);
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            let pid = Pid::from_raw(pid);
            let Some(parent) = parent(pid) else { continue };
            parents.insert(pid, parent);
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
                found.insert(pid);
            }
        }
        while let Some(pid) = parents
            .iter()
            .find(|(pid, parent)| found.contains(parent) && !found.contains(pid))
            .map(|(pid, _parent)| *pid)
        {
            found.insert(pid);
        }
        found.retain(|pid| parents.contains_key(pid));
        found
    }
}

/// The parent of a process that lives.
fn parent(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets, and may have some itself.
    let (_name, rest) = stat.rsplit_once(") ")?;
    let mut words = rest.split(' ');
    let state = words.next()?;
    let parent = words.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(Pid::from_raw(parent))
}
