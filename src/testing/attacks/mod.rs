//! Attacks on a sandbox, executed from inside of one: the program `ash-attack`, which stands where
//! the CLI stands, and the arena that starts sandboxes for it.
//!
//! One table drives everything: the runs against whole sandboxes, where each attack must be
//! blocked; the runs with a hole, where it must succeed; and the list in `docs/threat-model.md`.

mod arena;
mod files;
mod kernel;
mod network;
mod processes;
mod program;
mod raw;
mod resources;
mod tunnels;
mod way_out;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

pub use crate::sandbox::Layer;
pub use arena::{Arena, Fight, NoArena};
pub use program::main;
pub use way_out::SERVER;

/// One attack.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// A letter for its kind, and a number that never changes its meaning.
    pub number: &'static str,
    /// What it tries, as the rest of a sentence that begins with "the agent".
    pub title: &'static str,
    /// The layers that hold it. Each of them may hold it alone: it must succeed without them all.
    pub without: &'static [Layer],
    run: fn(&Context) -> Outcome,
}

const fn attack(
    number: &'static str,
    title: &'static str,
    without: &'static [Layer],
    run: fn(&Context) -> Outcome,
) -> Attack {
    Attack { number, title, without, run }
}

/// Every attack, in the order of their numbers.
pub fn attacks() -> Vec<Attack> {
    [
        files::ATTACKS,
        kernel::ATTACKS,
        network::ATTACKS,
        tunnels::ATTACKS,
        processes::ATTACKS,
        resources::ATTACKS,
    ]
    .concat()
}

impl Attack {
    /// What holds it, in words.
    pub fn held_by(&self) -> String {
        self.without.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => "filter of system calls",
            Self::FilterBytes => "bytes of the filter",
            Self::Privileges => "own user without capabilities",
            Self::NestedNamespaces => "no user namespaces inside",
            Self::Network => "network namespace",
            Self::Processes => "process namespace",
            Self::Ipc => "IPC namespace",
            Self::FirstProcess => "shielded first process",
            Self::Files => "mount namespace",
            Self::ReadOnly => "read-only mounts",
            Self::Devices => "own devices",
            Self::Limits => "limits of a process",
            Self::Sizes => "sizes of file systems in memory",
            Self::HostList => "lists of hosts",
            Self::Addresses => "public addresses only",
            Self::OneLookup => "one lookup of a name",
            Self::ServerName => "TLS for that very host",
            Self::Placeholder => "own placeholder in own hands",
        })
    }
}

/// How an attack went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded(String),
    Blocked {
        how: String,
        /// The kernel answered as if it did not have the thing at all.
        absent: bool,
    },
    /// This machine has nothing to attack.
    Impossible(String),
    /// The attack itself failed, which proves nothing.
    Broken(String),
}

/// What an attacker may know: everything about its host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Context {
    /// Nobody says this but the arena.
    token: String,
    /// A file of the host that everybody may read; it holds the token.
    canary: PathBuf,
    /// A file that root alone may read; it holds the token.
    secret: PathBuf,
    /// A file that everybody may write.
    open_file: PathBuf,
    /// A unix socket of the host that everybody may connect to.
    socket: PathBuf,
    abstract_name: String,
    /// A port of the host, on every address of it, for TCP and UDP.
    port: u16,
    /// An address of the host beside its loopback.
    address: Option<IpAddr>,
    /// Whether packets leave the host by IPv6.
    by_ipv6: bool,
    /// A process of the host with the token in its arguments.
    host_process: i32,
    /// What the sandbox of another tenant has.
    sibling: Sibling,
    /// Sizes of `/tmp` and `/dev/shm`.
    memory_bytes: u64,
    /// Processes, and open files of each.
    tasks: usize,
    open_files: usize,
    /// What it has instead of the model key.
    placeholder: String,
}

/// What another sandbox offers to itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Sibling {
    /// Its workspace on the host, with a file `secret` that holds the token.
    workspace: PathBuf,
    /// A shared memory segment and a message queue of System V.
    key: i32,
    /// A POSIX message queue.
    queue: String,
    abstract_name: String,
    /// What listens on its loopback.
    port: u16,
    /// What it has instead of the model key.
    #[serde(default)]
    placeholder: String,
}

/// It worked.
fn succeeded(how: impl Into<String>) -> Outcome {
    Outcome::Succeeded(how.into())
}

fn blocked(how: impl Into<String>) -> Outcome {
    Outcome::Blocked { how: how.into(), absent: false }
}

fn impossible(why: impl Into<String>) -> Outcome {
    Outcome::Impossible(why.into())
}

/// Whether it worked, by what the kernel said.
fn tried<T>(answer: Result<T, Errno>) -> Outcome {
    reached(answer, &[])
}

/// The same; these errors, too, come from behind every wall.
#[expect(clippy::needless_pass_by_value, reason = "what is judged is used up")]
fn reached<T>(answer: Result<T, Errno>, behind: &[Errno]) -> Outcome {
    match answer {
        Ok(_) => succeeded("the kernel did it"),
        Err(error) if behind.contains(&error) => succeeded(format!("the kernel looked: {error}")),
        Err(error) => Outcome::Blocked { how: error.to_string(), absent: is_absent(error) },
    }
}

/// What the kernel says of what it does not have.
fn is_absent(error: Errno) -> bool {
    matches!(
        error,
        Errno::ENOSYS
            | Errno::EAFNOSUPPORT
            | Errno::EPROTONOSUPPORT
            | Errno::ESOCKTNOSUPPORT
            | Errno::ENOPROTOOPT
            | Errno::EOPNOTSUPP
    )
}

/// The same for what the standard library says.
fn tried_io<T>(answer: std::io::Result<T>) -> Outcome {
    tried(answer.map_err(errno))
}

#[expect(clippy::needless_pass_by_value, reason = "stands behind `map_err`")]
fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

/// `CAP_SYS_RESOURCE`, which root of a container often lacks.
const SYS_RESOURCE: u32 = 24;

/// Does what takes a capability. Where even root lacks it there is nothing to show.
fn with_capability<T>(number: u32, work: impl FnOnce() -> Result<T, Errno>) -> Outcome {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:\t"));
    let set = set.and_then(|set| u64::from_str_radix(set, 16).ok()).unwrap_or_default();
    if set != 0 && set & (1 << number) == 0 {
        return impossible("root of this host has no such right itself");
    }
    tried(work())
}
