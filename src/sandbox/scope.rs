//! Limits as properties of a systemd scope, and what of them is really in force.

use zbus::wire::Variant;

use super::spec::{Limits, SandboxName};
use crate::os::cgroup::Cgroup;
use crate::systemd::scope::{Property, VERSION_WITH_OOM_POLICY};

/// All sandboxes together; its unit file caps them as one.
const SLICE: &str = "ash-sandbox.slice";

/// The scopes of sessions, for listing.
pub(super) const PATTERN: &str = "ash-s-*.scope";

/// How long systemd leaves a scope that it stops by itself between SIGTERM and SIGKILL: long
/// enough for the CLI to write its transcript, short enough for a shutdown.
const STOP_MICROSECONDS: u64 = 5_000_000;

/// How long a probe may live if its ashd dies meanwhile.
const PROBE_MICROSECONDS: u64 = 60_000_000;

/// How long a jail may live at all: longer than any request, and not for ever if its bridge hangs.
const JAIL_MICROSECONDS: u64 = 3_600_000_000;

/// The scope of a sandbox. A failed one stays until it is asked how it ended, which is why the
/// collect mode is left alone.
pub(super) fn properties(name: &SandboxName, limits: &Limits, version: u32) -> Vec<Property> {
    let text = |text: &str| Variant::from(text.to_owned());
    let cpu_microseconds = u64::from(limits.cpu_percent) * 10_000;
    let mut list = vec![
        ("Description", text(&format!("Ash sandbox {name}"))),
        ("Slice", text(SLICE)),
        ("KillMode", text("control-group")),
        ("SendSIGKILL", Variant::from(true)),
        ("TimeoutStopUSec", Variant::from(STOP_MICROSECONDS)),
        ("MemoryHigh", Variant::from(limits.memory_high_bytes())),
        ("MemoryMax", Variant::from(limits.memory_bytes)),
        ("MemorySwapMax", Variant::from(limits.swap_bytes)),
        ("TasksMax", Variant::from(limits.tasks)),
        ("CPUQuotaPerSecUSec", Variant::from(cpu_microseconds)),
        ("CPUWeight", Variant::from(limits.cpu_weight)),
        ("IOWeight", Variant::from(limits.io_weight)),
    ];
    if name.jailed().is_some() {
        list.push(("RuntimeMaxUSec", Variant::from(JAIL_MICROSECONDS)));
    } else if name.session().is_none() {
        list.push(("RuntimeMaxUSec", Variant::from(PROBE_MICROSECONDS)));
    }
    if version >= VERSION_WITH_OOM_POLICY {
        // A runaway build dies; the conversation around it lives on.
        list.push(("OOMPolicy", text("continue")));
    }
    list
}

/// Which limits the kernel has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct InForce {
    pub(super) memory: bool,
    pub(super) processes: bool,
    pub(super) cpu: bool,
}

/// systemd takes limits without a word where their controller is missing: look at the files.
pub(super) fn in_force(cgroup: &Cgroup, limits: &Limits) -> InForce {
    let number = |file| cgroup.limit(file).and_then(|text| text.parse::<u64>().ok());
    InForce {
        memory: number("memory.max").is_some_and(|bytes| bytes <= limits.memory_bytes),
        processes: number("pids.max").is_some_and(|tasks| tasks <= limits.tasks),
        cpu: cgroup.limit("cpu.max").is_some_and(|text| !text.starts_with("max")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;

    fn names(name: &SandboxName, version: u32) -> Vec<&'static str> {
        properties(name, &Limits::default(), version).into_iter().map(|pair| pair.0).collect()
    }

    #[test]
    fn an_older_systemd_is_not_asked_for_what_it_refuses() {
        let session = SandboxName::from(SessionId::new());
        assert!(!names(&session, 252).contains(&"OOMPolicy"));
        assert!(names(&session, 253).contains(&"OOMPolicy"));
    }

    #[test]
    fn a_probe_and_a_jail_end_by_themselves_and_a_session_does_not() {
        assert!(names(&SandboxName::jail(SessionId::new()), 257).contains(&"RuntimeMaxUSec"));
        assert!(names(&SandboxName::new_probe(), 257).contains(&"RuntimeMaxUSec"));
        assert!(!names(&SessionId::new().into(), 257).contains(&"RuntimeMaxUSec"));
    }

    #[test]
    fn two_cpus_are_two_seconds_per_second() {
        let list = properties(&SessionId::new().into(), &Limits::default(), 257);
        assert!(list.contains(&("CPUQuotaPerSecUSec", Variant::from(2_000_000_u64))));
    }
}
