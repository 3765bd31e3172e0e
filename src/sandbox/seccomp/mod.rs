//! The filter of system calls: programs for the kernel's filter machine, which bwrap loads last,
//! just before the first program inside.
//!
//! There are several, because each answers one way, and the kernel asks all of them: what the
//! first does not know is "not implemented"; the others take out of what it allows what is refused
//! for its arguments, with the error that programs expect there. A process of another processor's
//! kind (32-bit calls) is killed at its first call. They cannot be taken off.

mod policy;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::str::FromStr as _;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, sock_filter,
};
use syscalls::{aarch64, x86_64};

use policy::{
    AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, ALLOWED, FAMILIES, FUTEX_OPERATION_BITS,
    FUTEX_OPERATIONS, INTERNET_KINDS_REFUSED, INTERNET_PROTOCOLS, KIND_BITS, NAMESPACE_FLAGS,
    NETLINK_ROUTE, OPTIONS_REFUSED, OUT_OF_BAND, PERSONALITIES, REFUSED, TERMINAL_REQUESTS,
    WITH_MESSAGE_FLAGS,
};

/// How many programs there are.
pub(super) const PROGRAMS: usize = 6;

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilterError {
    #[error("there is no filter of system calls for this processor ({0})")]
    Processor(&'static str),
    #[error("the filter cannot be built: {0}")]
    Build(#[from] BackendError),
}

/// The programs for this processor, as bwrap reads them.
pub(super) fn programs() -> Result<[Vec<u8>; PROGRAMS], FilterError> {
    let processor = std::env::consts::ARCH;
    let arch = TargetArch::try_from(processor);
    let arch = arch.map_err(|_unknown| FilterError::Processor(processor))?;
    Ok(compiled(arch)?.map(|program| program.iter().flat_map(bytes).collect()))
}

/// As `struct sock_filter` lies in memory.
fn bytes(instruction: &sock_filter) -> [u8; 8] {
    let [c0, c1] = instruction.code.to_ne_bytes();
    let [k0, k1, k2, k3] = instruction.k.to_ne_bytes();
    [c0, c1, instruction.jt, instruction.jf, k0, k1, k2, k3]
}

fn compiled(arch: TargetArch) -> Result<[BpfProgram; PROGRAMS], FilterError> {
    let refuse = |rules: Rules, error: i32| {
        rules.compile(SeccompAction::Allow, SeccompAction::Errno(error.unsigned_abs()))
    };
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    Ok([
        allowed(arch)?.compile(unknown, SeccompAction::Allow)?,
        refuse(refused(arch)?, libc::EPERM)?,
        refuse(families(arch)?, libc::EAFNOSUPPORT)?,
        refuse(protocols(arch)?, libc::EPROTONOSUPPORT)?,
        refuse(options(arch)?, libc::ENOPROTOOPT)?,
        refuse(out_of_band(arch)?, libc::EOPNOTSUPP)?,
    ])
}

/// Calls, and the arguments with which they are meant: one rule of several conditions after the
/// other; no rule is every argument.
struct Rules {
    arch: TargetArch,
    calls: BTreeMap<i64, Vec<SeccompRule>>,
}

type Conditions = Vec<SeccompCondition>;

impl Rules {
    fn new(arch: TargetArch) -> Self {
        Self { arch, calls: BTreeMap::new() }
    }

    /// Means the call with any arguments.
    fn any(&mut self, name: &str) {
        if let Some(number) = number(self.arch, name) {
            self.calls.insert(number, Vec::new());
        }
    }

    /// Means the call if all of these hold, too.
    fn when(&mut self, name: &str, conditions: Conditions) -> Result<(), FilterError> {
        if let Some(number) = number(self.arch, name) {
            self.calls.entry(number).or_default().push(SeccompRule::new(conditions)?);
        }
        Ok(())
    }

    fn compile(
        self,
        otherwise: SeccompAction,
        meant: SeccompAction,
    ) -> Result<BpfProgram, FilterError> {
        let filter = SeccompFilter::new(self.calls, otherwise, meant, self.arch)?;
        Ok(filter.try_into()?)
    }
}

/// The kernel's number for a call; `None` where it has none.
fn number(arch: TargetArch, name: &str) -> Option<i64> {
    match arch {
        TargetArch::x86_64 => Some(i64::from(x86_64::Sysno::from_str(name).ok()?.id())),
        TargetArch::aarch64 => Some(i64::from(aarch64::Sysno::from_str(name).ok()?.id())),
        TargetArch::riscv64 => None,
    }
}

/// The low 32 bits of an argument: all that the kernel takes of an `int`. Whatever stands above
/// them must not lead past a rule.
fn int(argument: u8, is: SeccompCmpOp, value: u64) -> Result<SeccompCondition, FilterError> {
    Ok(SeccompCondition::new(argument, SeccompCmpArgLen::Dword, is, value)?)
}

fn equal(argument: u8, value: u64) -> Result<SeccompCondition, FilterError> {
    int(argument, SeccompCmpOp::Eq, value)
}

fn none_of(argument: u8, values: &[u64]) -> Result<Conditions, FilterError> {
    values.iter().map(|value| int(argument, SeccompCmpOp::Ne, *value)).collect()
}

fn allowed(arch: TargetArch) -> Result<Rules, FilterError> {
    let mut rules = Rules::new(arch);
    for name in ALLOWED {
        rules.any(name);
    }
    // Refused below with its flags.
    rules.any("clone");
    for operation in FUTEX_OPERATIONS {
        let is = SeccompCmpOp::MaskedEq(FUTEX_OPERATION_BITS);
        rules.when("futex", vec![int(1, is, operation)?])?;
    }
    for personality in PERSONALITIES {
        rules.when("personality", vec![equal(0, personality)?])?;
    }
    // What is answered with "not permitted" by the next program.
    for name in REFUSED {
        rules.any(name);
    }
    Ok(rules)
}

fn refused(arch: TargetArch) -> Result<Rules, FilterError> {
    let mut rules = Rules::new(arch);
    for name in REFUSED {
        rules.any(name);
    }
    for flag in NAMESPACE_FLAGS {
        rules.when("clone", vec![int(0, SeccompCmpOp::MaskedEq(flag), flag)?])?;
    }
    for request in TERMINAL_REQUESTS {
        rules.when("ioctl", vec![equal(1, request)?])?;
    }
    Ok(rules)
}

fn families(arch: TargetArch) -> Result<Rules, FilterError> {
    let mut rules = Rules::new(arch);
    rules.when("socket", none_of(0, &FAMILIES)?)?;
    rules.when("socketpair", none_of(0, &[AF_UNIX])?)?;
    Ok(rules)
}

fn protocols(arch: TargetArch) -> Result<Rules, FilterError> {
    let mut rules = Rules::new(arch);
    for family in [AF_INET, AF_INET6] {
        let mut other = none_of(2, &INTERNET_PROTOCOLS)?;
        other.push(equal(0, family)?);
        rules.when("socket", other)?;
        for kind in INTERNET_KINDS_REFUSED {
            let is = SeccompCmpOp::MaskedEq(KIND_BITS);
            rules.when("socket", vec![equal(0, family)?, int(1, is, kind)?])?;
        }
    }
    let mut netlink = none_of(2, &[NETLINK_ROUTE])?;
    netlink.push(equal(0, AF_NETLINK)?);
    rules.when("socket", netlink)?;
    Ok(rules)
}

fn options(arch: TargetArch) -> Result<Rules, FilterError> {
    let mut rules = Rules::new(arch);
    for (level, name) in OPTIONS_REFUSED {
        let mut conditions = vec![equal(1, level)?];
        if let Some(name) = name {
            conditions.push(equal(2, name)?);
        }
        rules.when("setsockopt", conditions)?;
    }
    Ok(rules)
}

fn out_of_band(arch: TargetArch) -> Result<Rules, FilterError> {
    let mut rules = Rules::new(arch);
    for (name, argument) in WITH_MESSAGE_FLAGS {
        let is = SeccompCmpOp::MaskedEq(OUT_OF_BAND);
        rules.when(name, vec![int(argument, is, OUT_OF_BAND)?])?;
    }
    Ok(rules)
}
