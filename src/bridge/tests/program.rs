//! The program as a process: this test binary, started again.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::rig::{PATIENCE, Rig, SHELL, frame};
use crate::bridge::inside::testing;
use crate::bridge::protocol::Notice;

/// Carries the program's arguments, one per line.
const ARGUMENTS: &str = "ASH_TEST_BRIDGE_ARGUMENTS";

/// Between looks at what tells of no change.
const GLANCE: Duration = Duration::from_millis(20);

#[test]
#[ignore = "it is the program that the other tests start"]
fn act_as_the_program() {
    let arguments =
        std::env::vars().find(|(name, _)| name == ARGUMENTS).expect("the tests set it").1;
    let arguments: Vec<&str> = arguments.lines().collect();
    let code = testing::program(&arguments);
    #[expect(clippy::exit, reason = "the exit code is what is tested")]
    std::process::exit(i32::from(code != std::process::ExitCode::SUCCESS));
}

struct Program {
    rig: Rig,
    child: Child,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Program {
    fn start() -> Self {
        let rig = Rig::without_bridge();
        let listener = UnixListener::bind(rig.path().join("bridge.sock")).unwrap();
        let child = spawn(&rig, listener.into());
        Self { rig, child }
    }

    fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    async fn ended(&mut self) -> ExitStatus {
        for _ in 0..PATIENCE.as_millis() / GLANCE.as_millis() {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(GLANCE).await;
        }
        panic!("it does not end");
    }

    /// A member of `/proc/<pid>/status`, in KiB.
    fn memory_kib(&self, member: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(member)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Ticks of the processor that it has used.
    fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let members: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        members[11].parse::<u64>().unwrap() + members[12].parse::<u64>().unwrap()
    }
}

/// Starts the program with its listener as descriptor 3, and one that it has no use for.
fn spawn(rig: &Rig, listener: OwnedFd) -> Child {
    let directory = |name: &str| rig.path().join(name).to_str().unwrap().to_owned();
    let arguments = [
        "ash-bridge",
        "--listen-fd=3",
        &format!("--cli={SHELL}"),
        &format!("--workspace={}", directory("workspace")),
        &format!("--home={}", directory("home")),
        &format!("--spill-dir={}", directory("spill")),
    ];
    #[expect(clippy::disallowed_methods, reason = "a process of its own is what is tested")]
    let mut command = Command::new(SHELL);
    command.args(["-c", r#"exec 3<&0 0</dev/null 9</etc/hostname "$0" "$@""#]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--exact", "bridge::tests::program::act_as_the_program"]);
    command.args(["--ignored", "--nocapture", "--test-threads=1"]);
    command.env_clear().env("PATH", "/usr/bin:/bin").env(ARGUMENTS, arguments.join("\n"));
    command.stdin(Stdio::from(listener)).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[tokio::test]
async fn orphans_are_collected_and_the_status_of_the_cli_is_not_lost() {
    let program = Program::start();
    let mut link = program.rig.ready().await;
    link.run(1, "for n in {1..20}; do ( ( echo $BASHPID >> orphans ) & ); done; frame forked");
    assert_eq!(link.frame().await, frame("forked"));
    let orphans = || fs::read_to_string(program.rig.workspace().join("orphans")).unwrap();
    let all_gone = || {
        let orphans = orphans();
        let gone = |pid: &str| !Path::new("/proc").join(pid).exists();
        orphans.lines().count() == 20 && orphans.lines().all(gone)
    };
    let collected = async {
        while !all_gone() {
            tokio::time::sleep(GLANCE).await;
        }
    };
    tokio::time::timeout(PATIENCE, collected).await.expect("they are collected");
    link.run(2, "exit 7");
    let notice = link.notice().await;
    assert!(matches!(notice, Notice::Exited { code: Some(7), .. }), "{notice:?}");
}

#[tokio::test]
async fn a_cli_inherits_three_descriptors_and_no_ignored_signal() {
    let program = Program::start();
    let mut link = program.rig.connect(0).await;
    // Asked of a child, because the shell has opened the script.
    let ask = r#"frame "$(sh -c 'for n in $(seq 0 30); do test -e /proc/$$/fd/$n && echo -n " $n"; done')""#;
    let signals = r#"frame "$(sed -n 's/SigIgn:\t//p' /proc/self/status)""#;
    link.sender.start(&program.rig.start_with(&format!("{ask}; {signals}"))).unwrap();
    assert_eq!(link.frame().await, frame(" 0 1 2"));
    let line = link.frame().await;
    let ignored = line.split('"').find_map(|part| u64::from_str_radix(part, 16).ok()).unwrap();
    for signal in [Signal::SIGHUP, Signal::SIGINT, Signal::SIGPIPE, Signal::SIGTERM] {
        assert_eq!(ignored & (1 << (signal as i32 - 1)), 0, "{signal} in {ignored:x}");
    }
    if nix::unistd::geteuid().is_root() {
        // Only root may look into a process that is shielded.
        let open = fs::read_dir(format!("/proc/{}/fd", program.pid())).unwrap();
        let files: Vec<_> =
            open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect();
        assert!(!files.contains(&"/etc/hostname".into()), "{files:?}");
    } else {
        assert!(fs::read_dir(format!("/proc/{}/fd", program.pid())).is_err());
    }
}

#[tokio::test]
async fn a_request_to_terminate_ends_the_cli_first() {
    let mut program = Program::start();
    let mut link = program.rig.ready().await;
    kill(Pid::from_raw(program.pid()), Signal::SIGHUP).unwrap();
    kill(Pid::from_raw(program.pid()), Signal::SIGTERM).unwrap();
    let notice = link.notice().await;
    assert!(matches!(notice, Notice::Exited { code: Some(0), requested: true, .. }), "{notice:?}");
    assert!(program.ended().await.success());
}

#[tokio::test]
async fn a_descriptor_that_is_no_socket_is_a_plain_error() {
    let rig = Rig::without_bridge();
    let file = fs::File::open(rig.path()).unwrap();
    let mut program = Program { child: spawn(&rig, file.into()), rig };
    assert!(!program.ended().await.success());
    let mut text = String::new();
    std::io::Read::read_to_string(program.child.stderr.as_mut().unwrap(), &mut text).unwrap();
    assert!(text.contains("ash-bridge: descriptor 3 is not a listening socket"), "{text}");
}

/// The CLI floods a controller that does not read, with more than memory and file may hold.
#[tokio::test]
async fn a_flood_nobody_reads_is_held_within_bounds() {
    let program = Program::start();
    let mut link = program.rig.ready().await;
    link.run(
        1,
        "frame begun; yes \"$(printf '{\"x\":\"%*s\"}' 30000 y)\" | head -c 300000000; touch done",
    );
    assert_eq!(link.frame().await, frame("begun"));
    drop(link);
    let deaf = program.rig.stream().await;
    let idle = program.memory_kib("VmRSS");
    // Nothing tells that it waits, except that it stops working.
    let mut last = program.ticks();
    let mut quiet = 0;
    while quiet < 25 {
        tokio::time::sleep(GLANCE).await;
        let now = program.ticks();
        quiet = if now == last { quiet + 1 } else { 0 };
        last = now;
    }
    assert!(!program.rig.workspace().join("done").exists(), "all of it was taken");
    let peak = program.memory_kib("VmHWM");
    assert!(peak < idle + (40 << 10), "{peak} KiB, from {idle} KiB");
    drop(deaf);
}
