//! Sandboxes with a hole, for tests alone: an attack that is held up must succeed once the layer
//! that holds it is gone, or it proves nothing. Built with the feature `testing` only; in the
//! product there is no such order, and one that asked for it would be refused as unknown.

use std::ffi::OsString;

use serde::{Deserialize, Serialize};

/// One layer that a test can take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// The filter of system calls.
    Filter,
    /// Its bytes: the kernel is given some that are no filter.
    FilterBytes,
    /// The own user, the user namespace, and the empty set of capabilities: it is the host's root.
    Privileges,
    /// The end of user namespaces inside.
    NestedNamespaces,
    /// The own network namespace.
    Network,
    /// The own process namespace, and the own `/proc`.
    Processes,
    /// The own namespace of System V and POSIX objects.
    Ipc,
    /// The bridge as first process: bwrap's own is there instead.
    FirstProcess,
    /// The hiding of the host's files: they are at `/host`.
    Files,
    /// What is read-only can be written.
    ReadOnly,
    /// The own `/dev`.
    Devices,
    /// The limits of each process.
    Limits,
    /// The sizes of file systems in memory.
    Sizes,
    /// Of egress: the lists of hosts, and the one form of a name.
    HostList,
    /// Of egress: the judgement of addresses.
    Addresses,
    /// Of egress: the one lookup of a name.
    OneLookup,
    /// Of egress: the name in the greeting of TLS.
    ServerName,
    /// Of egress: in whose hands a placeholder is worth something.
    Placeholder,
}

/// The options of bwrap that we use, with how many words follow each: a word of an environment
/// variable may look like an option and is none.
const OPTIONS: [(&str, usize); 29] = [
    ("--add-seccomp-fd", 1),
    ("--as-pid-1", 0),
    ("--bind", 2),
    ("--bind-fd", 2),
    ("--cap-drop", 1),
    ("--chdir", 1),
    ("--clearenv", 0),
    ("--dev", 1),
    ("--disable-userns", 0),
    ("--gid", 1),
    ("--json-status-fd", 1),
    ("--new-session", 0),
    ("--perms", 1),
    ("--proc", 1),
    ("--remount-ro", 1),
    ("--ro-bind", 2),
    ("--ro-bind-data", 2),
    ("--ro-bind-fd", 2),
    ("--ro-bind-try", 2),
    ("--setenv", 2),
    ("--size", 1),
    ("--symlink", 2),
    ("--tmpfs", 1),
    ("--uid", 1),
    ("--unshare-ipc", 0),
    ("--unshare-net", 0),
    ("--unshare-pid", 0),
    ("--unshare-user", 0),
    ("--unshare-uts", 0),
];

/// The argument list without these layers.
pub(super) fn removed(layers: &[Layer], list: Vec<OsString>) -> Vec<OsString> {
    let mut words = list.into_iter();
    let mut kept = Vec::new();
    while let Some(option) = words.next() {
        let name = option.to_string_lossy().into_owned();
        let count = OPTIONS.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count);
        let values: Vec<OsString> = words.by_ref().take(count).collect();
        let mut whole = vec![option];
        whole.extend(values);
        for layer in layers {
            whole = without(*layer, whole);
        }
        kept.extend(whole);
    }
    if layers.contains(&Layer::Files) {
        let bind = if layers.contains(&Layer::ReadOnly) { "--bind" } else { "--ro-bind" };
        let at = kept.iter().position(|word| word == "--symlink").unwrap_or(kept.len());
        kept.splice(at..at, [bind, "/", "/host"].map(OsString::from));
    }
    kept
}

/// One option without one layer; empty if nothing is left of it.
fn without(layer: Layer, option: Vec<OsString>) -> Vec<OsString> {
    let Some(name) = option.first().and_then(|word| word.to_str()) else { return option };
    let replaced = |words: &[&str]| words.iter().map(OsString::from).collect();
    let renamed = |new: &str| {
        let name = std::iter::once(OsString::from(new));
        name.chain(option.iter().skip(1).cloned()).collect()
    };
    match (layer, name) {
        (Layer::Filter, "--add-seccomp-fd")
        | (
            Layer::Privileges,
            "--unshare-user" | "--disable-userns" | "--uid" | "--gid" | "--cap-drop",
        )
        | (Layer::NestedNamespaces, "--disable-userns")
        | (Layer::Network, "--unshare-net")
        | (Layer::Processes, "--unshare-pid" | "--as-pid-1")
        | (Layer::Ipc, "--unshare-ipc")
        | (Layer::FirstProcess, "--as-pid-1")
        | (Layer::ReadOnly, "--remount-ro")
        | (Layer::Sizes, "--size") => Vec::new(),
        (Layer::Processes, "--proc") => replaced(&["--bind", "/proc", "/proc"]),
        (Layer::Devices, "--dev") => replaced(&["--dev-bind", "/dev", "/dev"]),
        (Layer::Devices, "--remount-ro") if option.get(1).is_some_and(|path| path == "/dev") => {
            Vec::new()
        }
        (Layer::ReadOnly, "--ro-bind") => renamed("--bind"),
        (Layer::ReadOnly, "--ro-bind-fd") => renamed("--bind-fd"),
        (Layer::ReadOnly, "--ro-bind-data") => renamed("--bind-data"),
        _ => option,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_layer_is_taken_out_and_nothing_else() {
        let list = "--unshare-user --uid 1000 --setenv A --uid --ro-bind /usr /usr --symlink a b \
                    --remount-ro / --add-seccomp-fd 9";
        let said = |layers: &[Layer]| {
            let kept = removed(layers, words(list));
            kept.join(std::ffi::OsStr::new(" ")).into_string().unwrap()
        };
        assert_eq!(said(&[]), list);
        assert_eq!(said(&[Layer::Filter]), list.replace(" --add-seccomp-fd 9", ""));
        assert_eq!(said(&[Layer::Privileges]), list.replace("--unshare-user --uid 1000 ", ""));
        assert_eq!(
            said(&[Layer::ReadOnly, Layer::Files]),
            list.replace("--ro-bind", "--bind")
                .replace(" --remount-ro /", "")
                .replace("--symlink", "--bind / /host --symlink")
        );
    }
}
