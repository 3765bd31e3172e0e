//! Limits that an agent or a session wishes: names and numbers, judged by what this host allows.

use std::collections::BTreeMap;

use super::spec::Limits;

const MIB: u64 = 1 << 20;

/// Wished limits by their names.
pub(crate) type Wishes = BTreeMap<String, u64>;

/// One limit that can be wished.
struct Limit {
    name: &'static str,
    /// The setting that is its ceiling.
    setting: &'static str,
    /// Less is of no use: the CLI would not come up.
    least: u64,
    get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

const LIMITS: [Limit; 12] = [
    Limit {
        name: "memoryMib",
        setting: "sandbox.memory_mib",
        least: 256,
        get: |limits| limits.memory_bytes / MIB,
        set: |limits, value| limits.memory_bytes = value * MIB,
    },
    Limit {
        name: "swapMib",
        setting: "sandbox.swap_mib",
        least: 0,
        get: |limits| limits.swap_bytes / MIB,
        set: |limits, value| limits.swap_bytes = value * MIB,
    },
    Limit {
        name: "tasks",
        setting: "sandbox.tasks",
        least: 32,
        get: |limits| limits.tasks,
        set: |limits, value| limits.tasks = value,
    },
    Limit {
        name: "cpuPercent",
        setting: "sandbox.cpu_percent",
        least: 1,
        get: |limits| limits.cpu_percent.into(),
        // It is below a ceiling of the same size.
        set: |limits, value| limits.cpu_percent = u32::try_from(value).unwrap_or(u32::MAX),
    },
    Limit {
        name: "cpuWeight",
        setting: "sandbox.cpu_weight",
        least: 1,
        get: |limits| limits.cpu_weight,
        set: |limits, value| limits.cpu_weight = value,
    },
    Limit {
        name: "ioWeight",
        setting: "sandbox.io_weight",
        least: 1,
        get: |limits| limits.io_weight,
        set: |limits, value| limits.io_weight = value,
    },
    Limit {
        name: "tmpMib",
        setting: "sandbox.tmp_mib",
        least: 1,
        get: |limits| limits.tmp_bytes / MIB,
        set: |limits, value| limits.tmp_bytes = value * MIB,
    },
    Limit {
        name: "shmMib",
        setting: "sandbox.shm_mib",
        least: 1,
        get: |limits| limits.shm_bytes / MIB,
        set: |limits, value| limits.shm_bytes = value * MIB,
    },
    Limit {
        name: "fileMib",
        setting: "sandbox.file_mib",
        least: 64,
        get: |limits| limits.file_bytes / MIB,
        set: |limits, value| limits.file_bytes = value * MIB,
    },
    Limit {
        name: "openFiles",
        setting: "sandbox.open_files",
        least: 1024,
        get: |limits| limits.open_files,
        set: |limits, value| limits.open_files = value,
    },
    Limit {
        name: "diskMib",
        setting: "sandbox.disk_mib",
        least: 16,
        get: |limits| limits.disk_bytes / MIB,
        set: |limits, value| limits.disk_bytes = value * MIB,
    },
    Limit {
        name: "diskFiles",
        setting: "sandbox.disk_files",
        least: 1000,
        get: |limits| limits.disk_files,
        set: |limits, value| limits.disk_files = value,
    },
];

/// A wish that is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WishError {
    #[error("there is no such limit; there are {known}")]
    Unknown { name: String, known: String },
    #[error("it is {wish}, and this host allows {most} (`{setting}`)")]
    TooMuch { name: &'static str, wish: u64, most: u64, setting: &'static str },
    #[error("it is {wish}, and {least} is the least that is of use")]
    TooLittle { name: &'static str, wish: u64, least: u64 },
}

impl WishError {
    /// The limit that it is about.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Unknown { name, .. } => name,
            Self::TooMuch { name, .. } | Self::TooLittle { name, .. } => name,
        }
    }
}

impl Limits {
    /// Whether these limits, the host's, allow what is wished.
    pub(crate) fn judge(&self, wishes: &Wishes) -> Result<(), WishError> {
        for (name, wish) in wishes {
            let Some(limit) = LIMITS.iter().find(|limit| limit.name == name) else {
                let known = LIMITS.map(|limit| limit.name).join(", ");
                return Err(WishError::Unknown { name: name.chars().take(64).collect(), known });
            };
            let (name, wish, most) = (limit.name, *wish, (limit.get)(self));
            if wish > most {
                return Err(WishError::TooMuch { name, wish, most, setting: limit.setting });
            }
            if wish < limit.least {
                return Err(WishError::TooLittle { name, wish, least: limit.least });
            }
        }
        Ok(())
    }

    /// These, with what is wished below them. A host whose limits were lowered since holds to its
    /// own.
    pub(crate) fn with(&self, wishes: &Wishes) -> Self {
        let mut limits = self.clone();
        for limit in &LIMITS {
            if let Some(wish) = wishes.get(limit.name)
                && *wish < (limit.get)(self)
            {
                (limit.set)(&mut limits, *wish);
            }
        }
        limits
    }

    /// In each the lower of both.
    pub(crate) fn within(&self, ceiling: &Self) -> Self {
        Self {
            memory_bytes: self.memory_bytes.min(ceiling.memory_bytes),
            swap_bytes: self.swap_bytes.min(ceiling.swap_bytes),
            tasks: self.tasks.min(ceiling.tasks),
            cpu_percent: self.cpu_percent.min(ceiling.cpu_percent),
            cpu_weight: self.cpu_weight.min(ceiling.cpu_weight),
            io_weight: self.io_weight.min(ceiling.io_weight),
            open_files: self.open_files.min(ceiling.open_files),
            file_bytes: self.file_bytes.min(ceiling.file_bytes),
            tmp_bytes: self.tmp_bytes.min(ceiling.tmp_bytes),
            shm_bytes: self.shm_bytes.min(ceiling.shm_bytes),
            spill_bytes: self.spill_bytes.min(ceiling.spill_bytes),
            disk_bytes: self.disk_bytes.min(ceiling.disk_bytes),
            disk_files: self.disk_files.min(ceiling.disk_files),
        }
    }

    /// Each that can be wished, as a wish is written.
    pub(crate) fn by_name(&self) -> Wishes {
        LIMITS.iter().map(|limit| (limit.name.to_owned(), (limit.get)(self))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(list: &[(&str, u64)]) -> Wishes {
        list.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn a_wish_is_granted_up_to_the_hosts_limit_and_refused_by_name_beyond() {
        let host = Limits::default();
        for (name, most) in host.by_name() {
            assert_eq!(host.judge(&wishes(&[(&name, most)])), Ok(()), "{name}");
            let refused = host.judge(&wishes(&[(&name, most + 1)])).unwrap_err();
            assert_eq!(refused.name(), name);
            assert!(matches!(refused, WishError::TooMuch { .. }), "{refused}");
        }
        let refused = host.judge(&wishes(&[("memoryMib", 4096)])).unwrap_err();
        let text = "it is 4096, and this host allows 2048 (`sandbox.memory_mib`)";
        assert_eq!(refused.to_string(), text);
        let little = host.judge(&wishes(&[("tasks", 31)])).unwrap_err();
        assert!(matches!(little, WishError::TooLittle { least: 32, .. }), "{little}");
        let unknown = host.judge(&wishes(&[("memory", 1)])).unwrap_err();
        assert!(unknown.to_string().contains("memoryMib"), "{unknown}");
    }

    #[test]
    fn each_wish_changes_its_own_limit_and_none_raises_one() {
        let host = Limits::default();
        for (name, most) in host.by_name() {
            let lower = host.with(&wishes(&[(&name, most - 1)]));
            let mut expected = host.by_name();
            expected.insert(name.clone(), most - 1);
            assert_eq!(lower.by_name(), expected, "{name}");
            assert_eq!(host.with(&wishes(&[(&name, u64::MAX)])), host, "{name}");
            assert_eq!(host.within(&lower), lower);
            assert_eq!(lower.within(&host), lower);
        }
        assert_eq!(host.with(&Wishes::new()), host);
    }
}
