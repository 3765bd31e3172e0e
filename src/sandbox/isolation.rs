//! What keeps a sandbox in on this host: measured by really starting one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::placement::Placement;
use super::scope::InForce;
use super::seccomp;

/// The namespaces that a sandbox has of its own, as `/proc/<pid>/ns` names them.
pub(super) const NAMESPACES: [&str; 7] = ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"];

/// What a probe runs inside: it prints its namespaces, one `name:[identity]` per line, and what the
/// kernel says of its process, and if [`TRY_DISK`] is set, whether it is kept from taking more of the disk
/// than a probe may. The names are those of [`NAMESPACES`].
pub(super) const LOOK: &str = "cd /proc/self/ns && readlink cgroup ipc mnt net pid user uts && \
    cat /proc/self/status && [ -n \"$TRY_DISK\" ] && cd /workspace && \
    { touch $(seq 64) 2>/dev/null || echo disk:files; } && rm -f * && \
    { dd if=/dev/zero of=filled bs=64k count=32 2>/dev/null || echo disk:bytes; }";

/// The variable that tells a probe that its workspace is limited to
/// [`PROBE_ROOM`](super::disk::PROBE_ROOM).
pub(super) const TRY_DISK: &str = "TRY_DISK";

/// How far a protection goes on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// Not there.
    None,
    /// Watched or best effort.
    Soft,
    /// The kernel enforces it.
    Hard,
}

/// The walls by name, in the order in which they are told.
pub(crate) const WALLS: [&str; 8] =
    ["files", "network", "identity", "memory", "processes", "cpu", "seccomp", "disk"];

/// What keeps a sandbox in, one member per wall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Isolation {
    /// `scope`, `plain` or `simulated`.
    pub(crate) placement: Cow<'static, str>,
    pub(crate) files: Level,
    pub(crate) network: Level,
    pub(crate) identity: Level,
    pub(crate) memory: Level,
    pub(crate) processes: Level,
    pub(crate) cpu: Level,
    pub(crate) seccomp: Level,
    pub(crate) disk: Level,
    /// A sentence for each wall that is not hard.
    pub(crate) notes: Vec<String>,
    /// Why no sandbox can start here, if none can.
    pub(crate) problem: Option<String>,
}

/// What a probe saw.
#[derive(Debug)]
pub(super) struct Seen {
    /// The identity of each namespace inside.
    pub(super) inside: BTreeMap<String, String>,
    /// The same, of ashd.
    pub(super) outside: BTreeMap<String, String>,
    /// How many filters of system calls hold inside, and how many of them ashd has itself.
    pub(super) filters: (Filters, Filters),
    pub(super) own_user: bool,
    pub(super) in_force: InForce,
    pub(super) oom_policy: bool,
    pub(super) disk: DiskSeen,
}

/// What a probe saw of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DiskSeen {
    /// It could not be limited, and why.
    NotLimited { reason: String },
    /// It was limited, and took more all the same.
    Open,
    /// The kernel kept it from taking more bytes and from making more files.
    Refused,
}

impl DiskSeen {
    pub(super) fn of(limited: Result<(), String>, printed: &str) -> Self {
        let said = |line: &str| printed.lines().any(|printed| printed == line);
        match limited {
            Err(reason) => Self::NotLimited { reason },
            Ok(()) if said("disk:bytes") && said("disk:files") => Self::Refused,
            Ok(()) => Self::Open,
        }
    }
}

impl Isolation {
    /// No walls, and why.
    pub(super) fn none(placement: &Placement, note: &str) -> Self {
        Self {
            placement: placement.name().into(),
            files: Level::None,
            network: Level::None,
            identity: Level::None,
            memory: Level::None,
            processes: Level::None,
            cpu: Level::None,
            seccomp: Level::None,
            disk: Level::None,
            notes: vec![note.to_owned()],
            problem: None,
        }
    }

    /// Nobody can be asked what keeps a sandbox in.
    pub(crate) fn unknown(problem: String) -> Self {
        let mut isolation = Self::none(&Placement::Plain, &problem);
        isolation.placement = "unknown".into();
        isolation.problem = Some(problem);
        isolation
    }

    /// The walls that are not hard, by name.
    pub(crate) fn degraded(&self) -> Vec<&'static str> {
        let levels = [
            self.files,
            self.network,
            self.identity,
            self.memory,
            self.processes,
            self.cpu,
            self.seccomp,
            self.disk,
        ];
        let walls = WALLS.into_iter().zip(levels);
        walls.filter(|(_, level)| *level != Level::Hard).map(|(name, _)| name).collect()
    }

    pub(super) fn from_probe(placement: &Placement, reason: Option<&str>, seen: &Seen) -> Self {
        let mut notes = Vec::new();
        let mut wall = |is: bool, otherwise: Level, note: &str| {
            if is {
                return Level::Hard;
            }
            notes.push(note.to_owned());
            otherwise
        };
        let own = |name: &str| {
            let inside = seen.inside.get(name);
            inside.is_some() && inside != seen.outside.get(name)
        };
        let scope = matches!(placement, Placement::Scope(_));
        let files = wall(
            own("mnt") && own("pid"),
            Level::None,
            "Sandboxes see the files or processes of this host. Allow user namespaces to bwrap.",
        );
        let network = wall(
            own("net"),
            Level::None,
            "Sandboxes are in the network of this host. Allow network namespaces to bwrap.",
        );
        let identity = wall(
            own("user") && seen.own_user,
            Level::Soft,
            "Sandboxes run as the user of ashd: what opens a wall of files opens all of ashd's. Run ashd as root.",
        );
        let why = if scope {
            "this host does not have the control group controller (see /sys/fs/cgroup/cgroup.controllers; boot with cgroup version 2)".to_owned()
        } else {
            let reason = reason.unwrap_or("the placement is `plain`");
            format!("sandboxes have no control group ({reason}); run Ash as a system service")
        };
        let force = seen.in_force;
        let memory = wall(force.memory, Level::None, &format!("Memory is not limited: {why}."));
        let (otherwise, note) = if seen.own_user {
            (Level::Soft, format!("The number of processes is limited per user only: {why}."))
        } else {
            (Level::None, format!("The number of processes is not limited: {why}."))
        };
        let processes = wall(force.processes, otherwise, &note);
        let cpu = wall(force.cpu, Level::None, &format!("CPU time is not limited: {why}."));
        let (filters, of_ashd) = seen.filters;
        let seccomp = wall(
            filters.more_than(of_ashd, seccomp::PROGRAMS),
            Level::None,
            "System calls are not filtered: the kernel has not taken the filter. Run a kernel with CONFIG_SECCOMP_FILTER.",
        );
        let why = match &seen.disk {
            DiskSeen::NotLimited { reason } => reason,
            DiskSeen::Open => "the kernel has taken a limit and does not hold it",
            DiskSeen::Refused => "",
        };
        let disk = wall(
            seen.disk == DiskSeen::Refused,
            Level::Soft,
            &format!(
                "Disk space is measured now and then and not limited by the kernel: {why}. `ashctl quota set-up` makes a volume that is."
            ),
        );
        if force.memory && !seen.oom_policy {
            notes.push("A sandbox that runs out of memory is stopped as a whole: systemd is older than 253.".to_owned());
        }
        let placement = placement.name().into();
        let problem = None;
        Self {
            placement,
            files,
            network,
            identity,
            memory,
            processes,
            cpu,
            seccomp,
            disk,
            notes,
            problem,
        }
    }
}

/// What `/proc/<pid>/status` says of filters of system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Filters {
    /// There is at least one.
    filtered: bool,
    /// How many; Linux 5.9 and newer count them.
    count: Option<usize>,
}

impl Filters {
    pub(super) fn parse(status: &str) -> Self {
        let member = |name| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        Self {
            filtered: member("Seccomp:") == Some("2"),
            count: member("Seccomp_filters:").and_then(|text| text.parse().ok()),
        }
    }

    /// Those of this process.
    pub(super) fn own() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    /// Whether there are `programs` beside the inherited ones.
    fn more_than(self, inherited: Self, programs: usize) -> bool {
        let count = self.count.map(|count| count.saturating_sub(inherited.count.unwrap_or(0)));
        self.filtered && count.is_none_or(|count| count >= programs)
    }
}

/// The identities of the namespaces of this process.
pub(super) fn outside() -> BTreeMap<String, String> {
    let link = |name: &str| std::fs::read_link(Path::new("/proc/self/ns").join(name));
    let text = |name: &str| Some(link(name).ok()?.to_string_lossy().into_owned());
    NAMESPACES.iter().filter_map(|name| Some(((*name).to_owned(), text(name)?))).collect()
}

/// What the probe's program printed of its namespaces.
pub(super) fn inside(printed: &str) -> BTreeMap<String, String> {
    let name = |line: &str| {
        let (name, _) = line.split_once(":[")?;
        NAMESPACES.contains(&name).then(|| name.to_owned())
    };
    printed.lines().filter_map(|line| Some((name(line)?, line.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(printed: &str) -> Seen {
        Seen {
            inside: inside(printed),
            outside: inside("cgroup:[1]\nmnt:[1]\nnet:[1]\npid:[1]\nuser:[1]\n"),
            filters: (Filters::parse("Seccomp:\t2\nSeccomp_filters:\t7\n"), Filters::default()),
            own_user: true,
            in_force: InForce { memory: false, processes: false, cpu: true },
            oom_policy: true,
            disk: DiskSeen::NotLimited {
                reason: "the file system has no project quotas".to_owned(),
            },
        }
    }

    #[test]
    fn a_wall_is_hard_only_if_the_probe_saw_it() {
        let all = seen("cgroup:[2]\nmnt:[2]\nnet:[2]\npid:[2]\nuser:[2]\n");
        let isolation = Isolation::from_probe(&Placement::Plain, None, &all);
        assert_eq!((isolation.files, isolation.network), (Level::Hard, Level::Hard));
        assert_eq!((isolation.identity, isolation.cpu), (Level::Hard, Level::Hard));
        assert_eq!((isolation.memory, isolation.processes), (Level::None, Level::Soft));
        assert_eq!(isolation.seccomp, Level::Hard);
        assert_eq!(isolation.degraded(), ["memory", "processes", "disk"]);
        assert_eq!(isolation.notes.len(), 3, "{:#?}", isolation.notes);

        let shared = seen("mnt:[2]\nnet:[1]\npid:[2]\n");
        let isolation = Isolation::from_probe(&Placement::Plain, None, &shared);
        assert_eq!((isolation.files, isolation.network), (Level::Hard, Level::None));
        assert_eq!(isolation.identity, Level::Soft);
        assert_eq!(Isolation::from_probe(&Placement::Plain, None, &seen("")).files, Level::None);
    }

    #[test]
    fn the_disk_is_hard_only_if_both_limits_were_met() {
        let level = |limited: Result<(), String>, printed: &str| {
            let disk = DiskSeen::of(limited, printed);
            Isolation::from_probe(&Placement::Plain, None, &Seen { disk, ..seen("") }).disk
        };
        assert_eq!(level(Ok(()), "disk:files\ndisk:bytes\n"), Level::Hard);
        for printed in ["", "disk:bytes\n", "disk:files\n"] {
            assert_eq!(level(Ok(()), printed), Level::Soft, "{printed}");
        }
        assert_eq!(level(Err("no".to_owned()), "disk:files\ndisk:bytes\n"), Level::Soft);
    }

    #[test]
    fn filters_that_ashd_has_itself_do_not_count() {
        let inherited = Filters::parse("Seccomp:\t2\nSeccomp_filters:\t3\n");
        for (inside, expected) in [
            ("Seccomp:\t2\nSeccomp_filters:\t9\n", true),
            ("Seccomp:\t2\nSeccomp_filters:\t8\n", false),
            ("Seccomp:\t2\n", true),
            ("Seccomp:\t0\nSeccomp_filters:\t0\n", false),
            ("", false),
        ] {
            assert_eq!(Filters::parse(inside).more_than(inherited, 6), expected, "{inside:?}");
        }
    }

    #[test]
    fn the_probe_looks_at_every_namespace() {
        assert!(LOOK.contains(&format!("readlink {} ", NAMESPACES.join(" "))), "{LOOK}");
    }

    #[test]
    fn this_process_has_all_namespaces() {
        let outside = outside();
        assert_eq!(outside.len(), NAMESPACES.len());
        let printed = outside.values().map(String::as_str).collect::<Vec<_>>().join("\n");
        assert_eq!(inside(&printed), outside);
    }
}
