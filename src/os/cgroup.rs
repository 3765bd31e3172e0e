//! Control groups, version 2: what is in one, what killed in it, and ending all of it.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::sys;

/// Where systemd mounts the hierarchy.
const ROOT: &str = "/sys/fs/cgroup";

/// Longest file of a control group that is read, in bytes: the largest has some 20 short lines.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// One control group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cgroup {
    directory: PathBuf,
}

/// What `cgroup.events` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Occupancy {
    /// A process is in it or below it.
    pub(crate) populated: bool,
    pub(crate) frozen: bool,
}

/// The figures of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Processor time since it was made.
    pub(crate) cpu_microseconds: Option<u64>,
    /// In memory now, swap not included.
    pub(crate) memory_bytes: Option<u64>,
    /// The most that was in memory since it was made (Linux 5.19).
    pub(crate) memory_peak_bytes: Option<u64>,
    /// Read from disks, and written to them, since it was made.
    pub(crate) read_bytes: Option<u64>,
    pub(crate) written_bytes: Option<u64>,
    /// Processes that were killed in it for want of memory.
    pub(crate) oom_kills: Option<u64>,
    /// Processes and threads now.
    pub(crate) tasks: Option<u64>,
}

impl Cgroup {
    /// The group at this path of the hierarchy, as `/proc/<pid>/cgroup` and systemd name it.
    /// `None` if it has no such shape or this host has no version 2 hierarchy there.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let relative = path.strip_prefix('/')?;
        let plain = !relative.is_empty()
            && relative.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        let directory = Path::new(ROOT).join(relative);
        (plain && directory.join("cgroup.events").exists()).then_some(Self { directory })
    }

    fn read(&self, file: &str) -> io::Result<String> {
        let mut text = String::new();
        File::open(self.directory.join(file))?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
        Ok(text)
    }

    /// The value of a limit file, as written there; `None` where the controller is not in force.
    pub(crate) fn limit(&self, file: &str) -> Option<String> {
        Some(self.read(file).ok()?.trim().to_owned())
    }

    /// `None` once the group is gone.
    pub(crate) fn occupancy(&self) -> Option<Occupancy> {
        let text = self.read("cgroup.events").ok()?;
        Some(Occupancy {
            populated: member(&text, "populated")? != 0,
            frozen: member(&text, "frozen").unwrap_or(0) != 0,
        })
    }

    /// How many processes the kernel has killed in it for want of memory; `None` where memory is
    /// not controlled, or the group is gone.
    pub(crate) fn oom_kills(&self) -> Option<u64> {
        member(&self.read("memory.events").ok()?, "oom_kill")
    }

    /// Kills everything in it at once, whatever it forks meanwhile, frozen or not (Linux 5.14).
    pub(crate) fn kill(&self) -> io::Result<()> {
        std::fs::write(self.directory.join("cgroup.kill"), "1")
    }

    /// Stops everything in it where it stands; [`Cgroup::settled`] tells when that is done.
    pub(crate) fn freeze(&self) -> io::Result<()> {
        std::fs::write(self.directory.join("cgroup.freeze"), "1")
    }

    pub(crate) fn thaw(&self) -> io::Result<()> {
        std::fs::write(self.directory.join("cgroup.freeze"), "0")
    }

    /// Returns when the kernel says that it is frozen, or that it is not; also when it is gone.
    pub(crate) async fn settled(&self, frozen: bool) {
        let Ok(mut events) = Watched::open(&self.directory.join("cgroup.events")) else { return };
        while let Ok(text) = events.read() {
            if member(&text, "frozen") == Some(u64::from(frozen)) || events.changed().await.is_err()
            {
                return;
            }
        }
    }

    /// Asks the kernel to take back what memory it can, to swap and from caches; answers by how
    /// many bytes the group became smaller. Blocking (Linux 5.19).
    pub(crate) fn reclaim(&self) -> io::Result<u64> {
        let before = self.memory()?;
        match std::fs::write(self.directory.join("memory.reclaim"), before.to_string()) {
            // Not all of it could be taken, which is how it goes.
            Err(error) if error.raw_os_error() == Some(nix::libc::EAGAIN) => {}
            other => other?,
        }
        Ok(before.saturating_sub(self.memory()?))
    }

    /// Bytes of memory that it uses, swap not included.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let text = self.read("memory.current")?;
        text.trim().parse().map_err(|_never| io::ErrorKind::InvalidData.into())
    }

    /// What it has used and uses; each figure is absent where its controller is.
    pub(crate) fn usage(&self) -> Usage {
        let number = |file: &str| self.read(file).ok()?.trim().parse().ok();
        let io = self.read("io.stat").ok();
        Usage {
            cpu_microseconds: self
                .read("cpu.stat")
                .ok()
                .and_then(|text| member(&text, "usage_usec")),
            memory_bytes: number("memory.current"),
            memory_peak_bytes: number("memory.peak"),
            read_bytes: io.as_deref().map(|text| of_all_devices(text, "rbytes")),
            written_bytes: io.as_deref().map(|text| of_all_devices(text, "wbytes")),
            oom_kills: self.oom_kills(),
            tasks: number("pids.current"),
        }
    }

    /// Returns when no process is left in it.
    pub(crate) async fn emptied(&self) {
        let Ok(mut events) = Watched::open(&self.directory.join("cgroup.events")) else { return };
        while let Ok(text) = events.read() {
            if member(&text, "populated") == Some(0) || events.changed().await.is_err() {
                return;
            }
        }
    }
}

/// The group of a process, as the version 2 hierarchy names it.
pub(crate) fn path_of(pid: u32) -> io::Result<Option<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    Ok(text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned))
}

/// The number behind `name` in a file of `name number` lines.
fn member(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

/// The sum of `name=number` over the lines of `io.stat`, one for each device.
fn of_all_devices(text: &str, name: &str) -> u64 {
    let numbers =
        text.split_whitespace().filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    numbers.filter_map(|number| number.parse::<u64>().ok()).fold(0, u64::saturating_add)
}

/// A file of a control group that announces its changes.
struct Watched {
    file: AsyncFd<File>,
}

impl Watched {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: sys::watch(File::open(path)?, Interest::PRIORITY)? })
    }

    /// Reading is what makes the kernel announce the next change.
    fn read(&mut self) -> io::Result<String> {
        let mut text = String::new();
        let mut file = self.file.get_ref();
        file.rewind()?;
        file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
        Ok(text)
    }

    async fn changed(&mut self) -> io::Result<()> {
        self.file.ready(Interest::PRIORITY).await?.clear_ready();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_the_hierarchy() {
        for bad in ["", "/", "relative", "/../etc", "/a/../../b", "/a//b", "/a/."] {
            assert_eq!(Cgroup::at(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_member_is_found_by_its_whole_name() {
        let text = "low 0\noom 3\noom_kill 2\noom_group_kill 1\n";
        assert_eq!(member(text, "oom_kill"), Some(2));
        assert_eq!(member(text, "oom"), Some(3));
        assert_eq!(member(text, "max"), None);
    }

    #[test]
    fn what_was_read_and_written_is_that_of_all_devices() {
        let text =
            "259:0 rbytes=10 wbytes=5 rios=1 wios=2 dbytes=9 dios=0\n8:0 rbytes=7 wbytes=0\n";
        assert_eq!(of_all_devices(text, "rbytes"), 17);
        assert_eq!(of_all_devices(text, "wbytes"), 5);
        assert_eq!(of_all_devices("", "rbytes"), 0, "nothing was read yet");
    }

    #[test]
    fn this_process_has_a_place_or_the_host_has_no_version_2() {
        if let Some(path) = path_of(std::process::id()).unwrap() {
            assert!(path.starts_with('/'), "{path}");
        }
    }
}
