//! What lives on this host, read from `/proc`.

use std::collections::BTreeMap;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// A process, not only its number: numbers are given away again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    parent: i32,
    started: u64,
    pub(crate) command: Vec<String>,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // Behind the name, which may hold anything: state, parent, and 18 fields on the start.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        if fields[0] == "Z" {
            return None;
        }
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let words = command.split(|byte| *byte == 0);
        Some(Self {
            pid,
            parent: fields[1].parse().ok()?,
            started: fields[19].parse().ok()?,
            command: words.map(|word| String::from_utf8_lossy(word).into_owned()).collect(),
        })
    }

    /// Whether each of its threads was stopped by a signal.
    pub(crate) fn is_stopped(&self) -> bool {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", self.pid)) else {
            return false;
        };
        threads.map(|thread| thread.unwrap().path().join("stat")).all(|stat| {
            let stat = std::fs::read_to_string(stat).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, behind)| behind.starts_with('T'))
        })
    }

    /// Processor time that it has used, in clock ticks.
    pub(crate) fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Whether it descends from the other.
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        self != other && tree(other.pid).contains(self)
    }

    pub(crate) fn lives(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started == self.started)
    }

    /// As `kill` sends it.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid), signal).unwrap();
    }

    /// `kill -9`; one that has just ended is fine.
    pub(crate) fn kill(&self) {
        if self.lives() {
            let _gone = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
        }
    }
}

/// Whether `needle` is in what the process has in memory or in swap. Only root may look.
pub(crate) fn memory_has(pid: u32, needle: &str) -> bool {
    use std::os::unix::fs::FileExt as _;
    const PIECE_PAGES: u64 = 256;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).unwrap().unwrap();
    let page = u64::try_from(page).unwrap();
    let open = |name: &str| std::fs::File::open(format!("/proc/{pid}/{name}")).unwrap();
    let (memory, pages) = (open("mem"), open("pagemap"));
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut looked = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (start, rest) = line.split_once('-').unwrap();
        let end = rest.split(' ').next().unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        // The end of the piece before, in which the needle may begin.
        let mut before = Vec::new();
        for first in (start / page..end / page).step_by(usize::try_from(PIECE_PAGES).unwrap()) {
            let count = PIECE_PAGES.min(end / page - first);
            let mut entries = vec![0; usize::try_from(count * 8).unwrap()];
            let mut piece = vec![0; usize::try_from(count * page).unwrap()];
            pages.read_exact_at(&mut entries, first * 8).unwrap();
            // Most of what a program reserves it never touches: neither present nor swapped.
            let touched = entries.iter().skip(7).step_by(8).any(|byte| byte & 0xc0 != 0);
            if !touched || memory.read_exact_at(&mut piece, first * page).is_err() {
                before.clear();
                continue;
            }
            looked += piece.len();
            let text = [before.as_slice(), &piece].concat();
            // The search of the standard library is fast also where tests are not optimized.
            if String::from_utf8_lossy(&text).contains(needle) {
                return true;
            }
            before = text[text.len() - needle.len()..].to_vec();
        }
    }
    assert!(looked > 100_000, "the memory of {pid} could not be read");
    false
}

fn all() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter_map(Process::read).collect()
}

/// The process `root` and everything below it.
fn tree(root: i32) -> Vec<Process> {
    let mut children: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    let mut found = Vec::new();
    for process in all() {
        if process.pid == root {
            found.push(process);
        } else {
            children.entry(process.parent).or_default().push(process);
        }
    }
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.pid) {
        found.extend(children.remove(&parent).unwrap_or_default());
        next += 1;
    }
    found
}

/// Everything in and around the sandboxes of sessions (`s-`) or their jails (`j-`) that an ashd has
/// written down in `records`.
pub(crate) fn of_records(records: &Path, prefix: &str) -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir(records) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy();
        // The others are of sandboxes that try the walls, and come and go.
        if name.starts_with(prefix) && name.ends_with(".json") {
            // A jail ends when it likes.
            let Ok(bytes) = std::fs::read(path) else { continue };
            let record: Value = serde_json::from_slice(&bytes).unwrap();
            let roots = [&record["outer"]["pid"], &record["init"]["pid"]];
            let numbers = roots.iter().filter_map(|pid| i32::try_from(pid.as_i64()?).ok());
            for process in numbers.flat_map(tree) {
                if !found.contains(&process) {
                    found.push(process);
                }
            }
        }
    }
    found
}

/// Processes that see the workspace of one of `sessions`: they are in its sandbox.
pub(crate) fn inside(sessions: &[String]) -> Vec<Process> {
    let sees = |process: &Process| {
        // Not readable without root where the process has shielded itself.
        let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", process.pid));
        let mounts = mounts.unwrap_or_default();
        sessions.iter().any(|session| mounts.contains(&format!("/{session}/workspace ")))
    };
    all().into_iter().filter(sees).collect()
}
