//! The arguments of bwrap, which are the whole of the file and namespace walls. Pure: everything
//! that depends on the host comes in.
//!
//! Never in here: `--die-with-parent` (it follows the thread that forked and would end sandboxes
//! with ashd), a bind of `/`, `/sys`, `/run` or a device, a mount below the workspace (a link
//! planted there would lead it elsewhere on the host), and a user's string in an option's place.

use std::ffi::OsString;
use std::os::fd::RawFd;

use super::order::{Entry, LaunchOrder};
use super::seccomp;

/// The user and group inside, whatever they are outside.
const AGENT_ID: &str = "1000";

/// The number under which the bridge finds its listening socket.
pub(super) const LISTENER_NUMBER: RawFd = 3;

/// Where the bridge keeps what ashd has not stored yet.
const SPILL_DIRECTORY: &str = "/run/bridge";

/// How long a jail stays when nobody is connected to it: an ashd that died leaves nothing behind.
/// Its starter takes milliseconds between the greeting and the connection of ashd.
const JAIL_ALONE_SECONDS: u32 = 2;

/// The directories beside `/usr` that programs expect: links into it, or directories on hosts
/// that have not merged them.
pub(super) const SYSTEM_DIRECTORIES: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// What programs need of `/etc` and what tells nothing of this host: alternatives, the loader's
/// cache, certificates, the time zone. Bound where present.
const SYSTEM_SETTINGS: [&str; 9] = [
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
];

/// Files of `/etc` that are the same in every sandbox: one user, no other host, no resolver.
pub(super) const SYNTHETIC_FILES: [(&str, &str); 5] = [
    ("/etc/group", "agent:x:1000:\nnogroup:x:65534:\n"),
    ("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
    (
        "/etc/passwd",
        "agent:x:1000:1000:agent:/home/agent:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
    ),
    ("/etc/resolv.conf", ""),
];

/// What one of [`SYSTEM_DIRECTORIES`] is on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SystemDirectory {
    Link { name: &'static str, target: String },
    Directory { name: &'static str },
}

/// The numbers of the descriptors that bwrap is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    pub(super) workspace: RawFd,
    pub(super) home: RawFd,
    /// Not in a jail.
    pub(super) egress: Option<RawFd>,
    pub(super) bridge: RawFd,
    /// Not in a jail.
    pub(super) cli: Option<RawFd>,
    pub(super) status: RawFd,
    /// In the order of [`SYNTHETIC_FILES`].
    pub(super) synthetic: [RawFd; SYNTHETIC_FILES.len()],
    /// The programs of the filter of system calls.
    pub(super) filter: [RawFd; seccomp::PROGRAMS],
}

/// Everything for bwrap's `--args`.
pub(super) fn arguments(
    order: &LaunchOrder,
    system: &[SystemDirectory],
    numbers: &Numbers,
) -> Vec<OsString> {
    let mut list = List(Vec::new());
    namespaces(&mut list);
    list.option(["--json-status-fd", &numbers.status.to_string()]);
    list.option(["--clearenv"]);
    for (name, value) in super::environment::whole(&order.environment) {
        list.option(["--setenv", name, value]);
    }
    system_files(&mut list, system, numbers);
    private_files(&mut list, order, numbers);
    // The workspace is the last mount of data; nothing comes below it.
    list.option(["--bind-fd", &numbers.workspace.to_string(), "/workspace"]);
    list.option(["--remount-ro", "/dev"]);
    list.option(["--remount-ro", "/"]);
    list.option(["--chdir", "/workspace"]);
    for number in numbers.filter {
        list.option(["--add-seccomp-fd", &number.to_string()]);
    }
    list.0
}

/// The program inside and its arguments, for behind bwrap's `--`.
pub(super) fn program(entry: Entry) -> Vec<String> {
    let listener = LISTENER_NUMBER.to_string();
    let alone = JAIL_ALONE_SECONDS.to_string();
    let bridge = ["/opt/ash/bridge", "--listen-fd", &listener];
    let places = ["--workspace", "/workspace", "--home", "/home/agent"];
    let spill = ["--spill-dir", SPILL_DIRECTORY];
    let words: Vec<&str> = match entry {
        Entry::Bridge => [&bridge[..], &["--cli", "/opt/ash/claude"], &places, &spill].concat(),
        Entry::Jail => {
            [&bridge[..], &places, &spill, &["--orphan-timeout-seconds", &alone]].concat()
        }
        Entry::Probe => vec!["/bin/sh", "-c", super::isolation::LOOK],
    };
    words.into_iter().map(str::to_owned).collect()
}

fn namespaces(list: &mut List) {
    list.option(["--unshare-user"]);
    list.option(["--unshare-pid"]);
    list.option(["--unshare-net"]);
    list.option(["--unshare-ipc"]);
    list.option(["--unshare-uts"]);
    list.option(["--unshare-cgroup"]);
    list.option(["--disable-userns"]);
    list.option(["--uid", AGENT_ID]);
    list.option(["--gid", AGENT_ID]);
    list.option(["--as-pid-1"]);
    list.option(["--new-session"]);
    list.option(["--cap-drop", "ALL"]);
}

fn system_files(list: &mut List, system: &[SystemDirectory], numbers: &Numbers) {
    list.option(["--ro-bind", "/usr", "/usr"]);
    for directory in system {
        match directory {
            SystemDirectory::Link { name, target } => {
                list.option(["--symlink", target, &format!("/{name}")]);
            }
            SystemDirectory::Directory { name } => {
                let path = format!("/{name}");
                list.option(["--ro-bind", &path, &path]);
            }
        }
    }
    for path in SYSTEM_SETTINGS {
        list.option(["--ro-bind-try", path, path]);
    }
    for ((path, _content), number) in SYNTHETIC_FILES.iter().zip(numbers.synthetic) {
        list.option(["--perms", "0444", "--ro-bind-data", &number.to_string(), path]);
    }
    list.option(["--proc", "/proc"]);
    list.option(["--dev", "/dev"]);
}

fn private_files(list: &mut List, order: &LaunchOrder, numbers: &Numbers) {
    let limits = &order.limits;
    list.memory("1777", limits.shm_bytes, "/dev/shm");
    list.memory("1777", limits.tmp_bytes, "/tmp");
    list.option(["--symlink", "../tmp", "/var/tmp"]);
    list.memory("0700", limits.spill_bytes, SPILL_DIRECTORY);
    if let Some(egress) = numbers.egress {
        list.option(["--ro-bind-fd", &egress.to_string(), "/run/ash"]);
    }
    list.option(["--ro-bind-fd", &numbers.bridge.to_string(), "/opt/ash/bridge"]);
    if let Some(cli) = numbers.cli {
        list.option(["--ro-bind-fd", &cli.to_string(), "/opt/ash/claude"]);
    }
    list.option(["--bind-fd", &numbers.home.to_string(), "/home/agent"]);
}

struct List(Vec<OsString>);

impl List {
    fn option<const COUNT: usize>(&mut self, words: [&str; COUNT]) {
        self.0.extend(words.map(OsString::from));
    }

    fn memory(&mut self, mode: &str, bytes: u64, path: &str) {
        self.option(["--perms", mode, "--size", &bytes.to_string(), "--tmpfs", path]);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sandbox::spec::Limits;

    fn lines(order: &LaunchOrder, system: &[SystemDirectory]) -> String {
        let numbers = Numbers {
            workspace: 10,
            home: 11,
            egress: (order.entry != Entry::Jail).then_some(12),
            bridge: 13,
            cli: (order.entry != Entry::Jail).then_some(14),
            status: 15,
            synthetic: [20, 21, 22, 23, 24],
            filter: [30, 31, 32, 33, 34, 35],
        };
        let mut text = String::new();
        for word in arguments(order, system, &numbers) {
            let word = word.into_string().unwrap();
            // One option per line; `--perms` and `--size` belong to what follows them.
            let glued = ["--tmpfs", "--size", "--ro-bind-data"].contains(&word.as_str());
            text.push(if word.starts_with("--") && !glued { '\n' } else { ' ' });
            text.push_str(&word);
        }
        text
    }

    fn order() -> LaunchOrder {
        LaunchOrder {
            uid: Some(1_878_917_121),
            bwrap: "/usr/bin/bwrap".into(),
            entry: Entry::Bridge,
            limits: Limits::default(),
            environment: BTreeMap::from([
                ("ANTHROPIC_UNIX_SOCKET".to_owned(), "/run/ash/api.sock".to_owned()),
                ("TERM".to_owned(), "--bind".to_owned()),
            ]),
            #[cfg(feature = "testing")]
            without: Vec::new(),
        }
    }

    #[test]
    fn the_whole_list() {
        let system = [
            SystemDirectory::Link { name: "bin", target: "usr/bin".to_owned() },
            SystemDirectory::Directory { name: "lib64" },
        ];
        insta::assert_snapshot!(lines(&order(), &system).trim_start(), @r"
        --unshare-user
        --unshare-pid
        --unshare-net
        --unshare-ipc
        --unshare-uts
        --unshare-cgroup
        --disable-userns
        --uid 1000
        --gid 1000
        --as-pid-1
        --new-session
        --cap-drop ALL
        --json-status-fd 15
        --clearenv
        --setenv ANTHROPIC_UNIX_SOCKET /run/ash/api.sock
        --setenv HOME /home/agent
        --setenv LANG C.UTF-8
        --setenv PATH /usr/local/bin:/usr/bin:/bin
        --setenv SHELL /bin/bash
        --setenv TERM
        --bind
        --setenv TMPDIR /tmp
        --setenv USER agent
        --ro-bind /usr /usr
        --symlink usr/bin /bin
        --ro-bind /lib64 /lib64
        --ro-bind-try /etc/alternatives /etc/alternatives
        --ro-bind-try /etc/ca-certificates /etc/ca-certificates
        --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache
        --ro-bind-try /etc/localtime /etc/localtime
        --ro-bind-try /etc/pki/ca-trust/extracted /etc/pki/ca-trust/extracted
        --ro-bind-try /etc/pki/tls/certs /etc/pki/tls/certs
        --ro-bind-try /etc/ssl/cert.pem /etc/ssl/cert.pem
        --ro-bind-try /etc/ssl/certs /etc/ssl/certs
        --ro-bind-try /etc/ssl/openssl.cnf /etc/ssl/openssl.cnf
        --perms 0444 --ro-bind-data 20 /etc/group
        --perms 0444 --ro-bind-data 21 /etc/hosts
        --perms 0444 --ro-bind-data 22 /etc/nsswitch.conf
        --perms 0444 --ro-bind-data 23 /etc/passwd
        --perms 0444 --ro-bind-data 24 /etc/resolv.conf
        --proc /proc
        --dev /dev
        --perms 1777 --size 67108864 --tmpfs /dev/shm
        --perms 1777 --size 268435456 --tmpfs /tmp
        --symlink ../tmp /var/tmp
        --perms 0700 --size 268435456 --tmpfs /run/bridge
        --ro-bind-fd 12 /run/ash
        --ro-bind-fd 13 /opt/ash/bridge
        --ro-bind-fd 14 /opt/ash/claude
        --bind-fd 11 /home/agent
        --bind-fd 10 /workspace
        --remount-ro /dev
        --remount-ro /
        --chdir /workspace
        --add-seccomp-fd 30
        --add-seccomp-fd 31
        --add-seccomp-fd 32
        --add-seccomp-fd 33
        --add-seccomp-fd 34
        --add-seccomp-fd 35
        ");
    }

    #[test]
    fn the_bridge_is_called_as_agreed() {
        insta::assert_snapshot!(
            program(Entry::Bridge).join(" "),
            @"/opt/ash/bridge --listen-fd 3 --cli /opt/ash/claude --workspace /workspace --home /home/agent --spill-dir /run/bridge"
        );
    }

    #[test]
    fn a_jail_has_the_same_walls_and_neither_a_cli_nor_a_way_out() {
        let whole = lines(&order(), &[]);
        let jail = lines(&LaunchOrder { entry: Entry::Jail, ..order() }, &[]);
        let (is_missing, is_more): (Vec<_>, Vec<_>) = (
            whole.lines().filter(|line| !jail.contains(line)).collect(),
            jail.lines().filter(|line| !whole.contains(line)).collect(),
        );
        assert_eq!(is_missing, ["--ro-bind-fd 12 /run/ash", "--ro-bind-fd 14 /opt/ash/claude"]);
        assert_eq!(is_more, [""; 0]);
        insta::assert_snapshot!(
            program(Entry::Jail).join(" "),
            @"/opt/ash/bridge --listen-fd 3 --workspace /workspace --home /home/agent --spill-dir /run/bridge --orphan-timeout-seconds 2"
        );
    }

    #[test]
    fn no_value_of_the_environment_becomes_an_option() {
        let words = arguments(
            &order(),
            &[],
            &Numbers {
                workspace: 10,
                home: 11,
                egress: Some(12),
                bridge: 13,
                cli: Some(14),
                status: 15,
                synthetic: [20, 21, 22, 23, 24],
                filter: [30, 31, 32, 33, 34, 35],
            },
        );
        let position = words.iter().position(|word| word == "--bind").unwrap();
        assert_eq!(words[position - 2..position], ["--setenv", "TERM"]);
    }

    #[test]
    fn nothing_is_mounted_below_the_workspace_or_after_it() {
        let text = lines(&order(), &[]);
        let after = text.split_once("/workspace\n").unwrap().1;
        assert!(
            after.starts_with(
                "--remount-ro /dev\n--remount-ro /\n--chdir /workspace\n--add-seccomp"
            ),
            "{after}"
        );
        assert!(!after.contains("bind") && !after.contains("tmpfs"), "{after}");
        assert!(!text.contains("/workspace/"));
    }
}
