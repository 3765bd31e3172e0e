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

mod copying;
mod ends;
mod inside;
mod jail;
mod refusals;
mod scope;

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
        sessions: directory.join("sessions"),
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
