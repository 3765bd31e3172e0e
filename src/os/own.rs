//! What this process uses.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::unistd::{SysconfVar, sysconf};

/// What cannot be read is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Own {
    pub(crate) cpu_seconds: f64,
    pub(crate) resident_bytes: u64,
    pub(crate) open_files: u64,
}

impl Own {
    pub(crate) fn read() -> Self {
        let cpu_seconds = getrusage(UsageWho::RUSAGE_SELF)
            .map_or(0.0, |usage| seconds(usage.user_time()) + seconds(usage.system_time()));
        // The second number is of pages in memory.
        let pages = std::fs::read_to_string("/proc/self/statm").ok();
        let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
        let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
        let page = page.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        Self {
            cpu_seconds,
            resident_bytes: pages.unwrap_or(0).saturating_mul(page),
            open_files: open as u64,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact for centuries")]
fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_files() {
        let own = Own::read();
        assert!(own.resident_bytes > 1 << 20 && own.open_files >= 3, "{own:?}");
        assert!(own.cpu_seconds > 0.0, "{own:?}");
    }
}
