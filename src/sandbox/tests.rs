//! Real sandboxes, with a stand-in for the bridge that runs what a test sends it: what is seen
//! from inside, and what is left outside.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, chown, geteuid};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

use super::error::LaunchError;
use super::placement::Programs;
use super::*;
use crate::bridge::protocol::{ControllerHello, Kind, PROTOCOL, Packet};
use crate::id::SessionId;
use crate::os::fs::Root;
use crate::os::process::command;
use crate::systemd::scope::Manager;

/// No test of this one waits for it: long enough for the busiest machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// The sandboxes' block of users begins here.
const FIRST_UID: u32 = 1_878_917_120;

/// Answers `Hello` with `Welcome`, a `Request` with the output of the shell line in it, and
/// leaves on `Shutdown` with the status in it. Perl: part of every Debian and Ubuntu.
const STAND_IN: &str = r#"#!/usr/bin/perl
use strict; use warnings; use Socket; use Fcntl; use POSIX ();
my %open = map { my $l = readlink("/proc/self/fd/$_") // ""; ($_ => $l) } grep { /\d/ } map { s{.*/}{}r } glob("/proc/self/fd/*");
my $descriptors = join "", map { "$_ $open{$_}\n" } sort { $a <=> $b } grep { $open{$_} } keys %open;
open(my $listener, "+<&=", 3) or die "no listening socket: $!";
fcntl($listener, F_SETFL, 0) or die;
sub take { my ($from, $count) = @_; my $all = "";
  while (length $all < $count) { sysread($from, $all, $count - length $all, length $all) or return; } $all }
sub give { my ($to, $kind, $number, $text) = @_;
  my $packet = pack("NCQ>", 9 + length $text, $kind, $number) . $text;
  while (length $packet) { my $sent = syswrite($to, $packet) or return; substr($packet, 0, $sent) = ""; } }
while (accept(my $client, $listener)) {
  while (defined(my $head = take($client, 4))) {
    my $body = take($client, unpack("N", $head)) // last;
    my ($kind, $number) = unpack("CQ>", $body); my $text = substr($body, 9);
    if ($kind == 1) { give($client, 65, 0, '{"protocol":1,"version":"stand-in","last":0,"last_input":0,"cli_running":false}'); }
    elsif ($kind == 6) { 
      if ($text eq "descriptors") { $text = $descriptors; }
      elsif ($text eq "flood") { print STDERR "x" x 300000, "the last words\n"; }
      elsif ($text eq "swell") { $text = "x" x (500_000_000 * $number); }
      else { $text = `($text) 2>&1` // ""; }
      give($client, 69, $number, $text); }
    elsif ($kind == 7) { POSIX::_exit($number); }
  }
}
"#;

/// Says why a test cannot run here, past the harness, which keeps what a passing test prints.
fn skip(reason: &str) {
    writeln!(std::io::stdout(), "SKIP: {reason}").unwrap();
}

struct Bench {
    directory: TempDir,
    launcher: Launcher,
    uid: Option<u32>,
}

/// Is ash-launch when a bench starts it: a unit test has no other program than its own.
#[test]
#[ignore = "is ash-launch when the other tests start it"]
fn acts_as_ash_launch() {
    let status = main();
    println!("{status:?}");
}

fn programs(bridge: PathBuf) -> Programs {
    let arguments = ["--exact", "sandbox::tests::acts_as_ash_launch", "--ignored", "--nocapture"];
    Programs {
        launch: std::env::current_exe().unwrap(),
        launch_arguments: arguments.map(str::to_owned).to_vec(),
        bridge,
    }
}

fn settings(directory: &Path, uid: Option<u32>) -> LauncherSettings {
    LauncherSettings {
        placement: PlacementChoice::Auto,
        libexec: None,
        bwrap: "/usr/bin/bwrap".into(),
        records: directory.join("records"),
        probe_uid: uid,
    }
}

fn new_uid() -> Option<u32> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let offset = (std::process::id() * 64 + NEXT.fetch_add(1, Ordering::Relaxed)) % 65_536;
    geteuid().is_root().then_some(FIRST_UID + offset)
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn open_to_all(directory: &Path) {
    fs::set_permissions(directory, fs::Permissions::from_mode(0o711)).unwrap();
}

async fn launcher(directory: &Path, uid: Option<u32>, deadline: Duration) -> Launcher {
    let programs = programs(directory.join("ash-bridge"));
    Launcher::assembled(settings(directory, uid), programs, deadline).await.unwrap()
}

impl Bench {
    /// `None`, and said so, where no sandbox can be.
    async fn new() -> Option<Self> {
        Self::with_bridge(STAND_IN).await
    }

    async fn with_bridge(bridge: &str) -> Option<Self> {
        if !Path::new("/usr/bin/perl").exists() {
            skip("the stand-in bridge needs /usr/bin/perl");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        // As in production, where ashd may not mount: users can pass through to what is theirs.
        open_to_all(directory.path());
        script(&directory.path().join("ash-bridge"), bridge);
        let uid = new_uid();
        let launcher = launcher(directory.path(), uid, DEADLINE).await;
        if let Some(problem) = launcher.measured_isolation().await.problem {
            skip(&problem);
            return None;
        }
        Some(Self { directory, launcher, uid })
    }

    fn spec(&self) -> SandboxSpec {
        spec(self.directory.path(), self.uid)
    }

    /// Nothing of a sandbox: no process of its user, no record, no socket, no scope.
    async fn assert_nothing_is_left(&self, spec: &SandboxSpec) {
        if self.launcher.isolation().placement == "scope" {
            let state = Manager::connect().await.unwrap().state(&spec.name.unit()).await.unwrap();
            assert_eq!(state, None);
        }
        assert_eq!(processes_of(self.uid), Vec::<u32>::new());
        let records = fs::read_dir(self.directory.path().join("records")).unwrap();
        let records: Vec<_> = records.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(records, Vec::<std::ffi::OsString>::new());
        assert_eq!(fs::read_dir(&spec.state).unwrap().count(), 0);
    }
}

fn spec(directory: &Path, uid: Option<u32>) -> SandboxSpec {
    let name = SandboxName::from(SessionId::new());
    let home = directory.join(name.as_str());
    let make = |part: &str, uid: Option<u32>| {
        let path = home.join(part);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).unwrap();
        open_to_all(&home);
        chown(&path, uid.map(Uid::from_raw), uid.map(Gid::from_raw)).unwrap();
        path
    };
    SandboxSpec {
        name,
        uid,
        workspace: make("workspace", uid),
        home: make("home", uid),
        state: make("state", None),
        egress: make("egress", uid),
        cli: "/bin/true".into(),
        limits: Limits::default(),
        environment: BTreeMap::new(),
    }
}

/// The living processes of a user that only this test has; none where it has no such user.
fn processes_of(uid: Option<u32>) -> Vec<u32> {
    let Some(uid) = uid else { return Vec::new() };
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap() {
        let name = entry.unwrap().file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
        let is_zombie = status.contains("\nState:\tZ");
        if !is_zombie && status.contains(&format!("\nUid:\t{uid}\t")) {
            found.push(pid);
        }
    }
    found
}

async fn give(stream: &mut BridgeStream, packet: &Packet) {
    let mut buffer = BytesMut::new();
    packet.encode(&mut buffer);
    stream.write_all(&buffer).await.unwrap();
}

async fn take(stream: &mut BridgeStream) -> Packet {
    let mut buffer = BytesMut::new();
    loop {
        if let Some(packet) = Packet::decode(&mut buffer).unwrap() {
            return packet;
        }
        assert!(stream.read_buf(&mut buffer).await.unwrap() > 0, "the bridge went away");
    }
}

/// What a shell line says inside.
async fn ask(stream: &mut BridgeStream, line: &str) -> String {
    give(stream, &Packet::new(Kind::Request, 1, line.to_owned())).await;
    String::from_utf8(take(stream).await.payload.to_vec()).unwrap()
}

async fn leave(stream: &mut BridgeStream, status: u64) {
    give(stream, &Packet::new(Kind::Shutdown, status, "")).await;
    let mut rest = Vec::new();
    // Ends when the bridge has gone.
    drop(stream.read_to_end(&mut rest).await);
}

macro_rules! bench {
    () => {
        match Bench::new().await {
            Some(bench) => bench,
            None => return,
        }
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_host_is_visible_inside() {
    let bench = bench!();
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    assert_eq!(ask(&mut inside, "id -u; id -g; id -G").await, "1000\n1000\n1000\n");
    assert_eq!(
        ask(&mut inside, "cat /proc/1/cmdline | tr '\\0' ' '").await,
        "/usr/bin/perl /opt/ash/bridge --listen-fd 3 --cli /opt/ash/claude --workspace /workspace --home /home/agent --spill-dir /run/bridge "
    );
    let processes = ask(&mut inside, "cat /proc/[0-9]*/comm | sort -u").await;
    assert!(processes.starts_with("bridge\n"), "{processes}");
    let known = ["bridge", "sh", "cat", "sort"];
    assert!(processes.lines().all(|name| known.contains(&name)), "{processes}");
    assert_eq!(
        ask(&mut inside, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '").await,
        "lo\n"
    );
    assert_eq!(
        ask(&mut inside, "ls /root /work /sys /boot /srv /mnt 2>&1 | grep -vc 'No such file'")
            .await,
        "0\n"
    );
    let etc = ask(&mut inside, "ls /etc").await;
    for hidden in ["shadow", "ssh", "machine-id", "hostname", "ash"] {
        assert!(!etc.lines().any(|name| name == hidden), "{etc}");
    }
    assert_eq!(
        ask(&mut inside, "cut -d: -f1 /etc/passwd | tr '\\n' ' '; cat /etc/resolv.conf").await,
        "agent nobody "
    );
    assert_eq!(
        ask(&mut inside, "ls /run /home /opt/ash").await,
        "/home:\nagent\n\n/opt/ash:\nbridge\nclaude\n\n/run:\nash\nbridge\n"
    );
    let mounts = ask(&mut inside, "cut -d' ' -f5 /proc/self/mountinfo").await;
    assert!(mounts.ends_with("\n/workspace\n"), "{mounts}");
    let known = [
        "/",
        "/usr",
        "/bin",
        "/sbin",
        "/etc",
        "/lib",
        "/proc",
        "/dev",
        "/tmp",
        "/run",
        "/opt",
        "/home",
        "/workspace",
    ];
    let is_known = |path: &str| known.iter().any(|known| path.starts_with(known) && *known != "/");
    assert!(mounts.lines().all(|path| path == "/" || is_known(path)), "{mounts}");
    assert_eq!(bench.launcher.end(&spec.name).await.cause, EndCause::Ended);
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_exactly_the_list() {
    let bench = bench!();
    let mut spec = bench.spec();
    spec.environment.insert("ANTHROPIC_BASE_URL".to_owned(), "http://a b\n--bind / /".to_owned());
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    let environment = ask(&mut inside, "tr '\\0' '|' < /proc/1/environ").await;
    let mut list: Vec<_> = environment.split_terminator('|').collect();
    list.sort_unstable();
    assert_eq!(
        list,
        [
            "ANTHROPIC_BASE_URL=http://a b\n--bind / /",
            "HOME=/home/agent",
            "LANG=C.UTF-8",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "PWD=/workspace",
            "SHELL=/bin/bash",
            "TERM=dumb",
            "TMPDIR=/tmp",
            "USER=agent",
        ]
    );
    bench.launcher.end(&spec.name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_descriptor_leaks_in() {
    let bench = bench!();
    // One that is inherited by everything this process starts.
    let leak = fs::File::open("/etc/passwd").unwrap();
    fd_inherit(&leak);
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    let descriptors = ask(&mut inside, "descriptors").await;
    // The stand-in's own: its script, and the directory it reads.
    let given: Vec<_> = descriptors
        .lines()
        .filter(|line| !line.ends_with(" /opt/ash/bridge") && !line.ends_with("/fd"))
        .map(|line| line.split_once(":[").map_or(line, |(kind, _inode)| kind))
        .collect();
    assert_eq!(given, ["0 /dev/null", "1 /dev/null", "2 pipe", "3 socket"], "{descriptors}");
    bench.launcher.end(&spec.name).await;
}

fn fd_inherit(file: &fs::File) {
    let copy = file.try_clone().unwrap().into();
    crate::os::fd::inherit(&copy).unwrap();
    // Until the process ends: other tests start programs meanwhile, which must not matter.
    std::mem::forget(copy);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_the_sandboxes_own_is_writable_and_no_more_than_given() {
    let bench = bench!();
    let mut spec = bench.spec();
    spec.limits.tmp_bytes = 1 << 20;
    spec.limits.shm_bytes = 1 << 20;
    spec.limits.spill_bytes = 1 << 20;
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    for read_only in ["/", "/usr", "/etc", "/dev", "/opt/ash", "/run", "/run/ash", "/home", "/var"]
    {
        let said = ask(&mut inside, &format!("touch {read_only}/x")).await;
        assert!(said.contains("Read-only file system"), "{read_only}: {said}");
    }
    for file in ["/etc/passwd", "/opt/ash/bridge", "/opt/ash/claude"] {
        let said = ask(&mut inside, &format!("echo x >> {file}")).await;
        assert!(said.contains("Read-only") || said.contains("Permission"), "{file}: {said}");
    }
    for capped in ["/tmp", "/dev/shm", "/run/bridge"] {
        let line = format!("head -c 2000000 /dev/zero > {capped}/x; stat -c %s {capped}/x");
        let said = ask(&mut inside, &line).await;
        assert!(said.contains("No space left"), "{capped}: {said}");
        assert!(said.ends_with("1048576\n"), "{capped}: {said}");
    }
    assert_eq!(ask(&mut inside, "stat -c %a /tmp /run/bridge").await, "1777\n700\n");
    for own in ["/workspace", "/home/agent"] {
        assert_eq!(
            ask(&mut inside, &format!("echo hello > {own}/x; cat {own}/x")).await,
            "hello\n"
        );
    }
    assert_eq!(ask(&mut inside, "pwd").await, "/workspace\n");
    let outside = fs::metadata(spec.workspace.join("x")).unwrap();
    let owner = spec.uid.unwrap_or(geteuid().as_raw());
    assert_eq!((outside.uid(), outside.permissions().mode() & 0o777), (owner, 0o600));
    assert!(spec.home.join("x").exists());
    bench.launcher.end(&spec.name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_parent_directories_are_no_obstacle_to_an_ashd_that_may_mount() {
    let bench = bench!();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
    let may_mount = u64::from_str_radix(set, 16).unwrap() & (1 << 21) != 0;
    let spec = bench.spec();
    let mode = fs::Permissions::from_mode(0o700);
    fs::set_permissions(bench.directory.path(), mode).unwrap();
    match bench.launcher.launch(&spec).await {
        Ok(mut inside) => {
            assert!(may_mount || bench.uid.is_none());
            assert_eq!(ask(&mut inside, "echo x > /workspace/x; cat /workspace/x").await, "x\n");
            bench.launcher.end(&spec.name).await;
        }
        Err(LaunchError::Unreachable { .. }) => assert!(!may_mount),
        Err(other) => panic!("{other:?}"),
    }
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_way_to_more_rights() {
    let bench = bench!();
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    for line in [
        "unshare --user true",
        "unshare --mount true",
        "unshare --net true",
        "mount -t tmpfs none /tmp",
        "mount -o remount,rw /",
        "chroot / true",
        "mknod /tmp/disk b 8 0",
        "echo 1 > /proc/sys/kernel/core_pattern",
        "echo b > /proc/sysrq-trigger",
    ] {
        let said = ask(&mut inside, &format!("{line} && echo SUCCEEDED")).await;
        assert!(!said.contains("SUCCEEDED"), "{line}: {said}");
    }
    let status = ask(&mut inside, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status").await;
    for line in status.lines() {
        let value = line.split_whitespace().nth(1).unwrap();
        let expected = if line.starts_with("NoNew") { "1" } else { "0000000000000000" };
        assert_eq!(value, expected, "{status}");
    }
    assert_eq!(ask(&mut inside, "ulimit -c; ulimit -Hc; ulimit -n").await, "0\n0\n4096\n");
    let signals = ask(&mut inside, "grep -E '^Sig(Ign|Blk)' /proc/1/status").await;
    for line in signals.lines() {
        let set = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
        // Perl ignores SIGFPE, and the C library its own two above 31.
        assert_eq!(set & 0x7fff_ffff & !0x80, 0, "{signals}");
    }
    bench.launcher.end(&spec.name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_work_goes_on_behind_the_filter() {
    let bench = bench!();
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    let filters = ask(&mut inside, "grep ^Seccomp /proc/self/status").await;
    assert!(filters.starts_with("Seccomp:\t2\n"), "{filters}");
    for (program, line, expected) in [
        (
            "bash",
            "echo {a,b} | while read -r x; do echo $x; done < <(sort <(echo z) <(echo y))",
            "y\nz\n",
        ),
        (
            "git",
            "git init -q r && cd r && echo x > f && git add f && git -c user.name=a -c user.email=a@b commit -qm m && git clone -q . ../c && git -C ../c log --format=%s",
            "m\n",
        ),
        (
            "python3",
            "python3 -c 'import subprocess, threading, multiprocessing as m, socket, tempfile\nif __name__ == \"__main__\":\n  t = threading.Thread(target=print, args=(1,)); t.start(); t.join()\n  p = m.get_context(\"fork\").Process(target=print, args=(2,)); p.start(); p.join()\n  s = socket.create_server((\"127.0.0.1\", 0)); c = socket.create_connection(s.getsockname()); s.accept()[0].sendall(b\"3\\n\"); print(c.recv(9).decode(), end=\"\")'",
            "1\n2\n3\n",
        ),
        (
            "node",
            "node -e 'const {Worker} = require(\"worker_threads\"); new Worker(\"console.log(1+1)\", {eval: true}).on(\"exit\", () => { require(\"fs\").promises.writeFile(\"n\", \"x\").then(() => console.log(require(\"child_process\").execSync(\"cat n\").toString())) })'",
            "2\nx\n",
        ),
        (
            "gcc",
            "printf '#include <stdio.h>\\n#include <pthread.h>\\nvoid *f(void *x) { return x; }\\nint main(void) { pthread_t t; pthread_create(&t, 0, f, 0); pthread_join(t, 0); puts(\"built\"); }\\n' > a.c && gcc -O2 -pthread a.c -o a.out && ./a.out",
            "built\n",
        ),
        (
            "tar",
            "mkdir d && echo x > d/f && ln -s f d/l && tar -czf d.tgz d && rm -r d && tar -xzf d.tgz && cat d/l",
            "x\n",
        ),
        (
            "curl",
            "curl -s file:///etc/hosts | head -1; curl -s --max-time 5 http://127.0.0.1:9/; echo $?",
            "127.0.0.1 localhost\n7\n",
        ),
        ("perl", "perl -e 'my $p = fork; if (!$p) { exit 3 } wait; print $? >> 8, \"\\n\"'", "3\n"),
    ] {
        if ask(&mut inside, &format!("command -v {program}")).await.is_empty() {
            println!("SKIP: {program} is not installed");
            continue;
        }
        let said =
            ask(&mut inside, &format!("cd /workspace && exec bash -c {}", quoted(line))).await;
        assert_eq!(said, expected, "{program}");
    }
    bench.launcher.end(&spec.name).await;
}

/// As one word of a shell line.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_stops_at_the_limit_of_its_user() {
    let bench = bench!();
    if bench.uid.is_none() {
        skip("without root a sandbox has no user of its own");
        return;
    }
    let mut spec = bench.spec();
    spec.limits.tasks = 30;
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    // The shell gives up at the first refusal; the answer is what counts.
    ask(&mut inside, "for i in $(seq 100); do sleep 1000 & done >/dev/null 2>&1").await;
    let count = processes_of(bench.uid).len();
    assert!((15..=30).contains(&count), "{count}");
    bench.launcher.end(&spec.name).await;
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_takes_everything_with_it() {
    let bench = bench!();
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    let daemon = "setsid sh -c 'trap \"\" TERM HUP; sleep 1000 & touch /tmp/up; sleep 1000' >/dev/null 2>&1 &";
    ask(&mut inside, &format!("{daemon} until [ -e /tmp/up ]; do sleep 0.05; done")).await;
    if bench.uid.is_some() {
        assert!(processes_of(bench.uid).len() >= 4, "{:?}", processes_of(bench.uid));
    }
    assert!(bench.launcher.live().await.contains(&spec.name));
    let (one, two) = tokio::join!(bench.launcher.end(&spec.name), bench.launcher.end(&spec.name));
    let mut causes = [one.cause, two.cause];
    causes.sort_by_key(|cause| *cause == EndCause::Gone);
    assert_eq!(causes, [EndCause::Ended, EndCause::Gone]);
    assert_eq!(bench.launcher.end(&spec.name).await.cause, EndCause::Gone);
    assert!(!bench.launcher.live().await.contains(&spec.name));
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_ends_by_itself_says_how() {
    let bench = bench!();
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    leave(&mut inside, 7).await;
    let report = bench.launcher.end(&spec.name).await;
    assert_eq!(report.cause, EndCause::Exited { code: 7 });
    bench.assert_nothing_is_left(&spec).await;

    // The name is free again.
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    let init = first_process(&bench, &spec.name);
    kill(Pid::from_raw(init), Signal::SIGKILL).unwrap();
    let mut rest = Vec::new();
    drop(inside.read_to_end(&mut rest).await);
    let report = bench.launcher.end(&spec.name).await;
    assert_eq!(report.cause, EndCause::Killed { signal: 9 });
}

fn first_process(bench: &Bench, name: &SandboxName) -> i32 {
    let path = bench.directory.path().join("records").join(format!("{name}.json"));
    let record: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    i32::try_from(record["init"]["pid"].as_i64().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_on_standard_error_stops_nobody() {
    let bench = bench!();
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    assert_eq!(ask(&mut inside, "flood").await, "flood");
    let report = bench.launcher.end(&spec.name).await;
    assert!(report.stderr.ends_with("xthe last words"), "{}", report.stderr);
    assert!(report.stderr.len() <= 16 << 10, "{}", report.stderr.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_lives_once() {
    let bench = bench!();
    let spec = bench.spec();
    let first = bench.launcher.launch(&spec).await.unwrap();
    let again = bench.launcher.launch(&spec).await;
    assert!(matches!(again, Err(LaunchError::Exists { .. })), "{again:?}");
    let mut second = bench.launcher.reconnect(&spec.name).await.unwrap().unwrap();
    let hello = ControllerHello { protocol: PROTOCOL, stored: 0 };
    drop(first);
    give(&mut second, &Packet::json(Kind::Hello, 0, &hello)).await;
    assert_eq!(take(&mut second).await.kind, Kind::Welcome);
    bench.launcher.end(&spec.name).await;
    assert!(bench.launcher.reconnect(&spec.name).await.unwrap().is_none());
}

/// Launches what `spec.json` of its directory says, and waits to be killed.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "is an ashd that dies when another test starts it"]
async fn acts_as_an_ashd_that_dies() {
    let directory = std::env::current_dir().unwrap();
    let Ok(uid) = fs::read_to_string(directory.join("uid")) else { return };
    let uid = uid.parse().ok();
    let launcher = launcher(&directory, uid, DEADLINE).await;
    let spec = spec(&directory, uid);
    let _inside = launcher.launch(&spec).await.unwrap();
    println!("\nlives {}", spec.name);
    std::future::pending::<()>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_survives_the_death_of_its_starter() {
    let bench = bench!();
    let directory = bench.directory.path();
    fs::write(directory.join("uid"), bench.uid.map(|uid| uid.to_string()).unwrap_or_default())
        .unwrap();
    let arguments =
        ["--exact", "sandbox::tests::acts_as_an_ashd_that_dies", "--ignored", "--nocapture"];
    let mut ashd = command(&std::env::current_exe().unwrap(), arguments)
        .current_dir(directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(ashd.stdout.take().unwrap()).lines();
    let name: SandboxName = loop {
        let line = lines.next_line().await.unwrap().expect("it tells of its sandbox");
        if let Some(name) = line.strip_prefix("lives ") {
            break name.parse().unwrap();
        }
    };
    ashd.kill().await.unwrap();

    // Not the launcher of the bench: a successor that has seen nothing of it.
    let successor = launcher(directory, bench.uid, DEADLINE).await;
    successor.measured_isolation().await;
    assert!(successor.live().await.contains(&name));
    let mut inside = successor.reconnect(&name).await.unwrap().unwrap();
    assert_eq!(ask(&mut inside, "echo still here").await, "still here\n");
    assert_eq!(successor.end(&name).await.cause, EndCause::Ended);
    assert!(!successor.live().await.contains(&name));
    assert_eq!(processes_of(bench.uid), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_nobody_saw_is_still_told() {
    let bench = bench!();
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    leave(&mut inside, 3).await;
    let successor = launcher(bench.directory.path(), bench.uid, DEADLINE).await;
    // Its last moments may still take a connection.
    while let Some(mut last) = successor.reconnect(&spec.name).await.unwrap() {
        let mut rest = Vec::new();
        drop(last.read_to_end(&mut rest).await);
    }
    assert_eq!(successor.end(&spec.name).await.cause, EndCause::Exited { code: 3 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_dies_at_once_is_quoted() {
    let bridge = "#!/bin/sh\necho no room for a bridge >&2\nexit 3\n";
    let Some(bench) = Bench::with_bridge(bridge).await else { return };
    let spec = bench.spec();
    let error = bench.launcher.launch(&spec).await.unwrap_err();
    assert!(
        matches!(&error, LaunchError::EndedEarly { stderr } if stderr == "no room for a bridge"),
        "{error:?}"
    );
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_is_silent_is_given_up() {
    let bridge = "#!/bin/sh\necho thinking >&2\nsleep 1000 & sleep 1000\n";
    let Some(bench) = Bench::with_bridge(bridge).await else { return };
    let hasty = launcher(bench.directory.path(), bench.uid, Duration::from_secs(5)).await;
    hasty.measured_isolation().await;
    let spec = bench.spec();
    let error = hasty.launch(&spec).await.unwrap_err();
    assert!(
        matches!(&error, LaunchError::BridgeSilent { stderr, .. } if stderr == "thinking"),
        "{error:?}"
    );
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_refused_before_anything_runs() {
    let bench = bench!();
    let launch = async |change: &dyn Fn(&mut SandboxSpec)| {
        let mut spec = bench.spec();
        change(&mut spec);
        bench.launcher.launch(&spec).await.unwrap_err()
    };
    let directory = bench.directory.path();
    script(&directory.join("claude.js"), "#!/usr/bin/env node\n");
    fs::write(directory.join("claude.txt"), "\x7fELF").unwrap();
    script(&directory.join("empty"), "");
    let error = launch(&|spec| spec.cli = directory.join("absent")).await;
    assert!(matches!(error, LaunchError::CliMissing { .. }), "{error:?}");
    let error = launch(&|spec| spec.cli = directory.join("claude.txt")).await;
    assert!(matches!(error, LaunchError::CliNotExecutable { .. }), "{error:?}");
    for wrapper in ["claude.js", "empty"] {
        let error = launch(&|spec| spec.cli = directory.join(wrapper)).await;
        assert!(matches!(error, LaunchError::CliNotNative { .. }), "{error:?}");
    }
    let error = launch(&|spec| spec.workspace = "/etc".into()).await;
    if bench.uid.is_some() {
        assert!(matches!(error, LaunchError::Owner { what: "workspace", .. }), "{error:?}");
    }
    let error = launch(&|spec| spec.egress = directory.join("absent")).await;
    assert!(matches!(error, LaunchError::Directory { what: "egress", .. }), "{error:?}");
    let error = launch(&|spec| {
        spec.environment.insert("LD_PRELOAD".to_owned(), "x".to_owned());
    })
    .await;
    assert!(matches!(error, LaunchError::Environment { .. }), "{error:?}");
    if bench.uid.is_some() {
        let error = launch(&|spec| spec.uid = None).await;
        assert!(matches!(error, LaunchError::Owner { .. }), "{error:?}");
    }
    assert_eq!(fs::read_dir(directory.join("records")).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn root_without_a_user_for_the_sandbox_is_refused() {
    let bench = bench!();
    if bench.uid.is_none() {
        skip("not root");
        return;
    }
    let mut spec = bench.spec();
    for path in [&spec.workspace, &spec.home] {
        chown(path, Some(Uid::from_raw(0)), None).unwrap();
    }
    spec.uid = None;
    for uid in [None, Some(0)] {
        spec.uid = uid;
        let error = bench.launcher.launch(&spec).await.unwrap_err();
        assert!(matches!(error, LaunchError::Refused(order::Refusal::Root)), "{error:?}");
        bench.assert_nothing_is_left(&spec).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bubblewrap_that_cannot_do_it_is_named_with_its_cure() {
    let bench = bench!();
    // Where its user reaches it, and nothing is mounted over it.
    let public = tempfile::tempdir_in("/var/tmp").unwrap();
    fs::set_permissions(public.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let bwrap = public.path().join("bwrap");
    script(&bwrap, "#!/bin/sh\necho 'bwrap: Unknown option --ro-bind-fd' >&2\nexit 1\n");
    let mut settings = settings(bench.directory.path(), bench.uid);
    settings.bwrap.clone_from(&bwrap);
    let programs = programs(bench.directory.path().join("ash-bridge"));
    let deadline = DEADLINE;
    let launcher = Launcher::assembled(settings, programs, deadline).await.unwrap();
    let isolation = launcher.measured_isolation().await;
    assert_eq!((isolation.files, isolation.network), (Level::None, Level::None));
    let problem = isolation.problem.unwrap();
    assert!(problem.contains("does not know `--ro-bind-fd`"), "{problem}");
    let spec = bench.spec();
    let error = launcher.launch(&spec).await.unwrap_err();
    assert!(matches!(error, LaunchError::BwrapTooOld { .. }), "{error:?}");
    bench.assert_nothing_is_left(&spec).await;
    fs::remove_file(bwrap).unwrap();
    let error = launcher.launch(&spec).await.unwrap_err();
    assert!(matches!(error, LaunchError::BwrapMissing { .. }), "{error:?}");
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn isolation_is_what_the_probe_saw() {
    let bench = bench!();
    let isolation = bench.launcher.measured_isolation().await;
    assert_eq!((isolation.files, isolation.network), (Level::Hard, Level::Hard));
    let identity = if bench.uid.is_some() { Level::Hard } else { Level::Soft };
    assert_eq!(isolation.identity, identity);
    assert_eq!(isolation.seccomp, Level::Hard);
    if isolation.placement == "plain" {
        assert_eq!((isolation.memory, isolation.cpu), (Level::None, Level::None));
    }
    assert_eq!(isolation, bench.launcher.isolation());
}

/// A bench whose sandboxes are in scopes, or `None`, and said so.
async fn scope_bench() -> Option<Bench> {
    let bench = Bench::new().await?;
    if bench.launcher.isolation().placement != "scope" {
        skip("systemd does not run this host");
        return None;
    }
    Some(bench)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_sandbox_is_in_its_scope() {
    let Some(bench) = scope_bench().await else { return };
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    ask(&mut inside, "sleep 1000 >/dev/null 2>&1 &").await;
    let manager = Manager::connect().await.unwrap();
    let unit = spec.name.unit();
    let group = manager.control_group(&unit).await.unwrap().unwrap();
    assert!(group.ends_with(&format!("/ash-sandbox.slice/{unit}")), "{group}");
    let processes = processes_of(bench.uid);
    assert!(processes.len() >= 3, "{processes:?}");
    for pid in processes {
        assert_eq!(crate::os::cgroup::path_of(pid).unwrap().as_deref(), Some(group.as_str()));
    }
    // The host's names are not visible inside.
    assert_eq!(ask(&mut inside, "grep ^0:: /proc/self/cgroup").await, "0::/\n");
    assert_eq!(bench.launcher.end(&spec.name).await.cause, EndCause::Ended);
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_sandbox_can_be_ended() {
    let Some(bench) = scope_bench().await else { return };
    let spec = bench.spec();
    let _inside = bench.launcher.launch(&spec).await.unwrap();
    let freeze = command(Path::new("/usr/bin/systemctl"), ["freeze", &spec.name.unit()]);
    let answer = crate::os::process::ask(freeze, 1000, DEADLINE).await.unwrap();
    if !answer.status.success() {
        skip(&format!("systemd cannot freeze here: {}", String::from_utf8_lossy(&answer.stderr)));
        bench.launcher.end(&spec.name).await;
        return;
    }
    assert_eq!(bench.launcher.end(&spec.name).await.cause, EndCause::Ended);
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_of_somebody_else_is_left_alone() {
    let Some(bench) = scope_bench().await else { return };
    let spec = bench.spec();
    let mut other = command(Path::new("/bin/sleep"), ["1000"]).kill_on_drop(true).spawn().unwrap();
    let manager = Manager::connect().await.unwrap();
    let unit = spec.name.unit();
    manager.start_scope(&unit, Vec::new(), other.id().unwrap()).await.unwrap();
    let error = bench.launcher.launch(&spec).await.unwrap_err();
    assert!(matches!(error, LaunchError::ScopeTaken { .. }), "{error:?}");
    assert!(other.try_wait().unwrap().is_none(), "the other one was killed");

    // It is listed, and asking for its end ends it.
    assert!(bench.launcher.live().await.contains(&spec.name));
    bench.launcher.end(&spec.name).await;
    other.wait().await.unwrap();
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_memory_is_told_as_that() {
    let Some(bench) = scope_bench().await else { return };
    if bench.launcher.isolation().memory != Level::Hard {
        skip(&format!("this host does not limit memory: {:?}", bench.launcher.isolation().notes));
        return;
    }
    let mut spec = bench.spec();
    spec.limits.memory_bytes = 128 << 20;
    spec.limits.swap_bytes = 0;
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    assert_eq!(bench.launcher.oom_kills(&spec.name).await, Some(0));
    let hog = "perl -e '$x = \"x\" x 500_000_000'; echo status $?";
    let isolation = bench.launcher.isolation();
    if isolation.notes.iter().any(|note| note.contains("253")) {
        give(&mut inside, &Packet::new(Kind::Request, 1, hog)).await;
        let mut rest = Vec::new();
        drop(inside.read_to_end(&mut rest).await);
        let report = bench.launcher.end(&spec.name).await;
        assert_eq!((report.cause, report.oom_kills), (EndCause::OutOfMemory, 1));
    } else {
        let said = ask(&mut inside, hog).await;
        assert!(said.ends_with("status 137\n"), "{said}");
        assert_eq!(bench.launcher.oom_kills(&spec.name).await, Some(1));
        let report = bench.launcher.end(&spec.name).await;
        assert_eq!((report.cause, report.oom_kills), (EndCause::Ended, 1));
    }
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_is_killed_for_want_of_memory_is_told_as_that() {
    let Some(bench) = scope_bench().await else { return };
    if bench.launcher.isolation().memory != Level::Hard {
        skip(&format!("this host does not limit memory: {:?}", bench.launcher.isolation().notes));
        return;
    }
    let mut spec = bench.spec();
    spec.limits.memory_bytes = 128 << 20;
    spec.limits.swap_bytes = 0;
    for seen in [true, false] {
        let mut inside = bench.launcher.launch(&spec).await.unwrap();
        give(&mut inside, &Packet::new(Kind::Request, 1, "swell")).await;
        let mut rest = Vec::new();
        drop(inside.read_to_end(&mut rest).await);
        let report = if seen {
            bench.launcher.end(&spec.name).await
        } else {
            let successor = launcher(bench.directory.path(), bench.uid, DEADLINE).await;
            successor.measured_isolation().await;
            successor.end(&spec.name).await
        };
        let cause = (report.cause, report.oom_kills);
        assert_eq!(cause, (EndCause::OutOfMemory, 1), "seen: {seen}");
        bench.assert_nothing_is_left(&spec).await;
        // What the successor has ended, the launcher of the bench still knows.
        bench.launcher.end(&spec.name).await;
    }
}

#[tokio::test]
async fn a_workspace_is_filled_by_the_user_it_belongs_to() {
    let Some(uid) = new_uid() else {
        println!("SKIP: users of their own need root");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let launcher = launcher(directory.path(), Some(uid), DEADLINE).await;
    let made = |name: &str| {
        let path = directory.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let (version, workspace) = (made("version"), made("workspace"));
    fs::create_dir(version.join("a")).unwrap();
    fs::write(version.join("a/b"), "content").unwrap();
    chown(&workspace, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid))).unwrap();
    let copy = || {
        let roots = (Root::open(&version).unwrap(), Root::open(&workspace).unwrap());
        launcher.copy(Some(uid), roots.0, roots.1)
    };
    copy().await.unwrap();
    for path in ["", "a", "a/b"] {
        let metadata = fs::metadata(workspace.join(path)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (uid, uid), "{path:?}");
    }
    assert_eq!(fs::read(workspace.join("a/b")).unwrap(), b"content");

    // What only root may read is not copied: who copies is root no more.
    fs::remove_dir_all(workspace.join("a")).unwrap();
    fs::write(version.join("secret"), "s").unwrap();
    fs::set_permissions(version.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let refused = copy().await.unwrap_err();
    assert!(refused.to_string().contains("agent/secret"), "{refused}");
    // Nor can it write where that user may not.
    fs::remove_file(version.join("secret")).unwrap();
    fs::remove_dir_all(workspace.join("a")).unwrap();
    chown(&workspace, Some(Uid::from_raw(0)), Some(Gid::from_raw(0))).unwrap();
    fs::set_permissions(&workspace, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(copy().await.is_err());
    assert!(matches!(
        launcher
            .copy(Some(0), Root::open(&version).unwrap(), Root::open(&workspace).unwrap())
            .await,
        Err(CopyError::Failed { .. })
    ));
}
