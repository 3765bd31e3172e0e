//! CLIs that do not start, break, or do not want to end.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::rig::{RESULT, ROOMY, Rig, frame};
use crate::bridge::inside::testing::Options;
use crate::bridge::protocol::Notice;

fn exited(code: Option<i32>, signal: Option<i32>, requested: bool, stderr: &str) -> Notice {
    Notice::Exited { code, signal, requested, stderr: stderr.to_owned() }
}

#[tokio::test]
async fn a_cli_that_refuses_to_start_says_why() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    link.sender.start(&rig.start_with("echo '{}'; echo bad flag >&2; exit 1")).unwrap();
    assert_eq!(link.frame().await, "{}");
    assert_eq!(link.notice().await, exited(Some(1), None, false, "bad flag"));
    assert!(!rig.connect(2).await.hello.cli_running);
}

#[tokio::test]
async fn a_cli_that_refuses_to_initialize_is_ended_and_says_why() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    let prelude = "echo hint >&2; control() { refuse $1 'no such agent'; }";
    link.sender.start(&rig.start_with(prelude)).unwrap();
    let failed = Notice::StartFailed { reason: "no such agent\nhint".to_owned(), script: None };
    assert_eq!(link.notice().await, failed);
    assert!(!rig.connect(1).await.hello.cli_running);
}

#[tokio::test]
async fn a_cli_that_does_not_exist_fails_to_start() {
    let rig = Rig::with_cli(Path::new("/nonexistent/claude"), ROOMY);
    let mut link = rig.connect(0).await;
    link.sender.start(&rig.start()).unwrap();
    link.run(1, "frame one");
    let Notice::StartFailed { reason, .. } = link.notice().await else { panic!("it started") };
    assert!(reason.contains("No such file"), "{reason}");
    assert!(matches!(link.notice().await, Notice::InputRefused { number: 1, .. }));
}

#[tokio::test]
async fn a_conversation_that_is_no_uuid_is_refused() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    let mut start = rig.start();
    start.conversation = "../../etc/passwd".to_owned();
    link.sender.start(&start).unwrap();
    assert!(matches!(link.notice().await, Notice::StartFailed { .. }));
}

#[tokio::test]
async fn a_cli_killed_in_its_turn_is_told_behind_its_last_frame() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.run(1, "for n in {1..500}; do frame $n; done; kill -9 $$");
    for number in 1..=500 {
        assert_eq!(link.frame().await, frame(&number.to_string()));
    }
    assert_eq!(link.notice().await, exited(None, Some(9), false, ""));
    link.sender.start(&rig.start()).unwrap();
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    link.run(2, "finish");
    assert_eq!(link.frame().await, RESULT);
}

#[tokio::test]
async fn a_cli_killed_before_it_said_anything_of_a_message_leaves_it_for_another() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.run(1, "kill -9 $$");
    assert_eq!(link.notice().await, exited(None, Some(9), false, ""));
    assert!(matches!(link.notice().await, Notice::InputRefused { number: 1, .. }));
    link.sender.start(&rig.start()).unwrap();
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    link.run(1, "finish");
    assert_eq!(link.frame().await, RESULT);
}

#[tokio::test]
async fn only_the_end_of_a_long_complaint_is_kept() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    let prelude = r"head -c 300000 /dev/zero | tr '\0' x >&2; echo end >&2; exit 1";
    link.sender.start(&rig.start_with(prelude)).unwrap();
    let Notice::Exited { stderr, .. } = link.notice().await else { panic!("it did not end") };
    assert!(stderr.ends_with("xxxend") && stderr.len() <= 64 << 10, "{}", stderr.len());
    assert!(stderr.len() > 60 << 10, "{}", stderr.len());
}

#[tokio::test]
async fn a_start_ends_the_running_cli_first_and_messages_go_to_the_new_one() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.sender.start(&rig.start_with("name=second")).unwrap();
    link.run(1, "frame $name");
    assert_eq!(link.notice().await, exited(Some(0), None, true, ""));
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    assert_eq!(link.frame().await, frame("second"));
}

#[tokio::test]
async fn of_two_starts_the_later_counts() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.sender.start(&rig.start_with("name=second")).unwrap();
    link.sender.start(&rig.start_with("name=third")).unwrap();
    link.run(1, "frame $name");
    assert_eq!(link.notice().await, exited(None, None, true, ""), "the second never ran");
    assert_eq!(link.notice().await, exited(Some(0), None, true, ""));
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    assert_eq!(link.frame().await, frame("third"));
}

#[tokio::test]
async fn a_start_that_takes_the_place_of_one_on_its_way_breaks_nothing() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    link.sender.start(&rig.start_with("name=first")).unwrap();
    link.sender.start(&rig.start_with("name=second")).unwrap();
    link.run(1, "frame $name");
    let notice = link.notice().await;
    assert!(matches!(notice, Notice::Exited { requested: true, .. }), "{notice:?}");
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    assert_eq!(link.frame().await, frame("second"));
}

#[tokio::test]
async fn a_cli_that_does_not_want_to_end_is_killed_with_its_group() {
    let mut rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    let prelude = "trap '' TERM; sleep 1000 & echo $! > child; trap 'while :; do wait; done' EXIT";
    link.sender.start(&rig.start_with(prelude)).unwrap();
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    link.sender.shutdown().unwrap();
    assert_eq!(link.notice().await, exited(None, Some(9), true, ""));
    assert_eq!(link.maybe_event().await, None);
    rig.left().await;
    let child = fs::read_to_string(rig.workspace().join("child")).unwrap();
    until(|| is_gone(child.trim())).await;
}

#[tokio::test]
async fn a_cli_without_an_output_is_ended() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.run(1, "exec 1>&- ; sleep 1000");
    assert_eq!(link.notice().await, exited(None, Some(15), false, ""));
}

#[tokio::test]
async fn a_process_that_keeps_the_pipes_open_does_not_hide_the_end() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.run(1, "setsid sleep 20 & frame last; exit 0");
    assert_eq!(link.frame().await, frame("last"));
    assert_eq!(link.notice().await, exited(Some(0), None, false, ""));
}

#[tokio::test]
async fn a_bridge_that_is_told_to_leave_ends_its_cli_and_tells_of_it() {
    let mut rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    link.run(1, "trap 'frame bye' EXIT; frame hello");
    link.run(2, "frame last");
    link.sender.shutdown().unwrap();
    assert_eq!(link.frame().await, frame("hello"));
    assert_eq!(link.frame().await, frame("last"));
    assert_eq!(link.frame().await, frame("bye"));
    assert_eq!(link.notice().await, exited(Some(0), None, true, ""));
    assert_eq!(link.maybe_event().await, None);
    rig.left().await;
}

#[tokio::test]
async fn an_orphan_leaves_when_its_turn_is_over() {
    let mut rig = Rig::new(Options { orphan_timeout: Some(Duration::from_millis(100)), ..ROOMY });
    let mut link = rig.ready().await;
    link.run(1, "frame begun; until [ -e go ]; do sleep 0.02; done; finish");
    assert_eq!(link.frame().await, frame("begun"));
    drop(link);
    // Longer than the timeout: the turn keeps it.
    tokio::time::sleep(Duration::from_millis(400)).await;
    let mut link = rig.connect(2).await;
    fs::write(rig.workspace().join("go"), "").unwrap();
    assert_eq!(link.frame().await, RESULT);
    drop(link);
    rig.left().await;
}

#[tokio::test]
async fn an_interrupt_without_a_cli_is_harmless() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    link.sender.interrupt().unwrap();
    link.sender.start(&rig.start()).unwrap();
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
}

fn is_gone(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z "))
}

/// Nothing tells of the end of a process that is nobody's child.
async fn until(condition: impl Fn() -> bool) {
    let polling = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(super::rig::PATIENCE, polling).await.expect("it comes true");
}

#[tokio::test]
async fn a_message_that_comes_when_the_cli_is_dead_is_refused_and_may_come_again() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    link.sender.start(&rig.start()).unwrap();
    let Notice::Ready { pid, .. } = link.notice().await else { panic!("it is not ready") };
    // Nobody of this runtime runs meanwhile: the bridge has the death and the message at once.
    let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    let stat = format!("/proc/{pid}/stat");
    while fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z ")) {
        std::thread::yield_now();
    }
    link.run(1, "frame one");
    // Whichever it finds first.
    let told = [link.notice().await, link.notice().await];
    let is_refused = |notice: &Notice| matches!(notice, Notice::InputRefused { number: 1, .. });
    assert!(told.contains(&exited(None, Some(9), false, "")), "{told:?}");
    assert!(told.iter().any(is_refused), "{told:?}");
    link.sender.start(&rig.start()).unwrap();
    link.run(1, "frame one");
    assert!(matches!(link.notice().await, Notice::Ready { .. }));
    assert_eq!(link.frame().await, frame("one"));
}
