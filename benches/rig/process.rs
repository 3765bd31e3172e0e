//! What `/proc` tells of processes: their time, their memory, their children, their command line.

use std::fs;
use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// Time between two looks at something that cannot be waited for.
const LOOK: Duration = Duration::from_micros(200);

/// Ends with the benchmark.
pub(crate) struct Kept(pub Child);

impl Drop for Kept {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// SIGTERM, and waits for the end.
pub(crate) fn terminate(child: &mut Child) {
    let pid = Pid::from_raw(child.id().try_into().expect("a process number is small"));
    kill(pid, Signal::SIGTERM).expect("it is our child");
    child.wait().expect("it is our child");
}

/// Processor time so far, of all threads that are or were.
pub(crate) fn processor_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process lives");
    let (_name, rest) = stat.rsplit_once(')').expect("the name is in parentheses");
    let field = |index: usize| -> u64 {
        let text = rest.split_whitespace().nth(index).expect("stat has this field");
        text.parse().expect("a number")
    };
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten().expect("Linux has a tick");
    // The fields 14 and 15, counted from the one behind the name, which is 3.
    let ticks = u32::try_from(ticks).expect("a small number");
    Duration::from_secs(field(11) + field(12)) / ticks
}

/// What a process has done so far, counted exactly by the kernel.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Processor time in nanoseconds, of the threads that are.
    pub(crate) nanoseconds: u64,
    /// System calls that write to files and pipes, and their bytes.
    pub(crate) writes: u64,
    pub(crate) written: u64,
    /// Times that a thread gave its processor away, to wait for something.
    pub(crate) waits: u64,
}

impl Counts {
    pub(crate) fn of(pid: u32) -> Self {
        let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
        let (mut nanoseconds, mut waits) = (0, 0);
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let read = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            let ran = read("schedstat");
            nanoseconds +=
                ran.split(' ').next().and_then(|ran| ran.parse::<u64>().ok()).unwrap_or(0);
            waits += member(&read("status"), "voluntary_ctxt_switches:");
        }
        let (writes, written) = (member(&io, "syscw:"), member(&io, "wchar:"));
        Self { nanoseconds, writes, written, waits }
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            nanoseconds: self.nanoseconds.saturating_sub(before.nanoseconds),
            writes: self.writes - before.writes,
            written: self.written - before.written,
            waits: self.waits.saturating_sub(before.waits),
        }
    }
}

/// The number behind `name` at the start of a line.
fn member(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// Memory that no file can give back, in KiB.
pub(crate) fn anonymous(pid: u32) -> u64 {
    member(&fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default(), "RssAnon:")
}

/// Resident and proportional memory in KiB.
pub(crate) fn memory(pid: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    (member(&text, "Rss:"), member(&text, "Pss:"))
}

/// Every process below `ancestor`.
pub(crate) fn below(ancestor: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut waiting = vec![ancestor];
    while let Some(pid) = waiting.pop() {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            let children = children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok());
            let children: Vec<u32> = children.collect();
            waiting.extend(&children);
            found.extend(children);
        }
    }
    found
}

/// The NUL-separated texts of `/proc/<pid>/cmdline` or `environ`.
pub(crate) fn texts(pid: u32, file: &str) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let texts = bytes.split(|byte| *byte == 0).filter(|text| !text.is_empty());
    texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect()
}

/// The file name of what a process was executed from.
pub(crate) fn program(pid: u32) -> String {
    let path = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Waits until `look` answers something.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + super::PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come about");
        std::thread::sleep(LOOK);
    }
}
