//! The scripts of an agent run before its CLI, and what programs say for people is told.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::rig::{ROOMY, Rig};
use crate::bridge::host::{BridgeEvent, Link};
use crate::bridge::protocol::{LogLevel, Notice, Scripts, StartCli};

fn start(rig: &Rig, timeout_ms: u64) -> StartCli {
    StartCli { scripts: Some(Scripts { timeout_ms }), logs: true, ..rig.start() }
}

/// What is told up to the notice that is none of the logs.
async fn told(link: &mut Link) -> (Vec<(LogLevel, String)>, Notice) {
    let mut lines = Vec::new();
    loop {
        match link.notice().await {
            Notice::Log { level, text } => {
                lines.extend(text.lines().map(|line| (level, line.to_owned())));
            }
            notice => return (lines, notice),
        }
    }
}

async fn heard(link: &mut Link, text: &str) {
    loop {
        if let BridgeEvent::Notice { notice: Notice::Log { text: told, .. }, .. } =
            link.event().await
            && told.contains(text)
        {
            return;
        }
    }
}

fn count(lines: &[(LogLevel, String)], text: &str) -> usize {
    lines.iter().filter(|(_, line)| line == text).count()
}

fn script(rig: &Rig, name: &str, text: &str) {
    fs::write(rig.workspace().join(name), text).unwrap();
}

fn failed(notice: Notice) -> String {
    let Notice::StartFailed { reason, script: Some(_) } = notice else { panic!("{notice:?}") };
    reason
}

async fn is_gone(pid: &str) {
    while Path::new(&format!("/proc/{}", pid.trim())).exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn scripts_run_where_the_cli_runs_with_its_environment_and_once_where_they_should() {
    let rig = Rig::new(ROOMY);
    // By the shell that they name, whether they may be executed or not.
    let install = "#!/bin/bash -e\n[[ -n $PRELUDE ]] && echo $PRELUDE in $PWD $-; seq 3; echo careful >&2; echo > made";
    script(&rig, "install.sh", install);
    script(&rig, "startup.sh", "echo begun");
    let mut link = rig.connect(0).await;
    let environment = [("PRELUDE".to_owned(), "true".to_owned())].into();
    link.sender.start(&StartCli { environment, ..start(&rig, 60_000) }).unwrap();
    link.run(1, "echo of the cli >&2; echo of its output; finish");
    let (lines, notice) = told(&mut link).await;
    assert!(matches!(notice, Notice::Ready { .. }), "{notice:?}");
    let place = format!("true in {} ehB", rig.workspace().display());
    for line in [&place, "1", "2", "3", "begun", "install.sh ended with status 0"] {
        assert_eq!(count(&lines, line), 1, "{line}: {lines:?}");
    }
    assert!(lines.contains(&(LogLevel::Stderr, "careful".to_owned())), "{lines:?}");
    assert!(rig.workspace().join("made").exists());
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.push(format!("{:?}", link.event().await));
    }
    for said in ["Stderr, text: \"of the cli\"", "Stdout, text: \"of its output\"", "result"] {
        assert!(seen.iter().any(|event| event.contains(said)), "{said}: {seen:?}");
    }

    // The next CLI of this bridge needs neither.
    link.sender.start(&start(&rig, 60_000)).unwrap();
    let (_, ended) = told(&mut link).await;
    assert!(matches!(ended, Notice::Exited { requested: true, .. }), "{ended:?}");
    let (lines, notice) = told(&mut link).await;
    assert!(lines.is_empty() && matches!(notice, Notice::Ready { .. }), "{lines:?}");

    // One after a CLI that died needs what died with it.
    link.run(2, "kill -9 $$");
    let (_, ended) = told(&mut link).await;
    assert!(matches!(ended, Notice::Exited { requested: false, .. }), "{ended:?}");
    let (_, refused) = told(&mut link).await;
    assert!(matches!(refused, Notice::InputRefused { number: 2, .. }), "{refused:?}");
    link.sender.start(&start(&rig, 60_000)).unwrap();
    let (lines, notice) = told(&mut link).await;
    assert_eq!((count(&lines, "1"), count(&lines, "begun")), (0, 1), "{lines:?}");
    assert!(matches!(notice, Notice::Ready { .. }), "{notice:?}");
}

#[tokio::test]
async fn what_startup_leaves_running_is_heard_and_outlives_it() {
    let rig = Rig::new(ROOMY);
    let startup =
        "(while [ ! -e go ]; do sleep 0.01; done; echo served; sleep 1000) & echo $! > pid";
    script(&rig, "startup.sh", startup);
    let mut link = rig.connect(0).await;
    link.sender.start(&start(&rig, 60_000)).unwrap();
    let (_, notice) = told(&mut link).await;
    assert!(matches!(notice, Notice::Ready { .. }), "{notice:?}");
    script(&rig, "go", "");
    heard(&mut link, "served").await;
    let pid = fs::read_to_string(rig.workspace().join("pid")).unwrap();
    let pid = nix::unistd::Pid::from_raw(pid.trim().parse().unwrap());
    let group = nix::unistd::getpgid(Some(pid)).unwrap();
    nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn a_script_that_fails_is_told_with_its_last_words_and_tried_again() {
    let rig = Rig::new(ROOMY);
    script(&rig, "install.sh", "echo no such package >&2; exit 3");
    let mut link = rig.connect(0).await;
    link.sender.start(&start(&rig, 60_000)).unwrap();
    link.run(1, "frame never");
    let (lines, notice) = told(&mut link).await;
    let reason = "`install.sh` of the agent ended with status 3: no such package";
    assert_eq!(failed(notice), reason);
    assert_eq!(count(&lines, "install.sh ended with status 3"), 1, "{lines:?}");
    assert!(matches!(link.notice().await, Notice::InputRefused { number: 1, .. }));
    script(&rig, "install.sh", "echo better");
    link.sender.start(&start(&rig, 60_000)).unwrap();
    let (lines, notice) = told(&mut link).await;
    assert_eq!(count(&lines, "better"), 1, "{lines:?}");
    assert!(matches!(notice, Notice::Ready { .. }), "{notice:?}");
}

#[tokio::test]
async fn a_script_that_takes_too_long_is_ended_with_all_that_it_began() {
    let rig = Rig::new(ROOMY);
    script(&rig, "install.sh", "echo waiting; sleep 1000 & echo $! > pid; wait");
    let mut link = rig.connect(0).await;
    link.sender.start(&start(&rig, 300)).unwrap();
    let (lines, notice) = told(&mut link).await;
    assert_eq!(count(&lines, "waiting"), 1, "{lines:?}");
    let reason = failed(notice);
    assert!(reason.contains("was ended: waiting"), "{reason}");
    is_gone(&fs::read_to_string(rig.workspace().join("pid")).unwrap()).await;
}

#[tokio::test]
async fn who_interrupts_does_not_wait_for_a_script() {
    let rig = Rig::new(ROOMY);
    script(&rig, "install.sh", "echo $$ > pid; echo waiting; exec sleep 1000");
    let mut link = rig.connect(0).await;
    link.sender.start(&start(&rig, 600_000)).unwrap();
    link.run(1, "frame never");
    heard(&mut link, "waiting").await;
    link.sender.interrupt().unwrap();
    let (_, notice) = told(&mut link).await;
    assert_eq!(failed(notice), "`install.sh` of the agent was interrupted");
    assert!(matches!(link.notice().await, Notice::InputRefused { number: 1, .. }));
    is_gone(&fs::read_to_string(rig.workspace().join("pid")).unwrap()).await;
}

#[tokio::test]
async fn scripts_are_of_the_agent_or_not_run() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.connect(0).await;
    link.sender.start(&start(&rig, 60_000)).unwrap();
    let (lines, notice) = told(&mut link).await;
    assert!(lines.is_empty() && matches!(notice, Notice::Ready { .. }), "{lines:?}");
    drop((rig, link));

    // One that came into the workspace later, and those of a session that began without scripts.
    for (note, conversation) in [(Some("{\"startup\":false}"), false), (None, true)] {
        let rig = Rig::new(ROOMY);
        script(&rig, "install.sh", "exit 1");
        script(&rig, "startup.sh", "exit 1");
        if let Some(note) = note {
            fs::write(rig.path().join("home/.ash-scripts.json"), note).unwrap();
        }
        if conversation {
            let slug = rig.workspace().display().to_string();
            let slug = slug.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
            let folder = rig.path().join("home/.claude/projects").join(slug);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(format!("{}.jsonl", rig.conversation)), "{}\n").unwrap();
        }
        let mut link = rig.connect(0).await;
        link.sender.start(&start(&rig, 60_000)).unwrap();
        let (lines, notice) = told(&mut link).await;
        assert!(lines.is_empty() && matches!(notice, Notice::Ready { .. }), "{lines:?}");
    }
}

#[tokio::test]
async fn a_loud_script_is_cut() {
    let rig = Rig::new(ROOMY);
    script(&rig, "install.sh", "yes | head -c 5000000");
    let mut link = rig.connect(0).await;
    link.sender.start(&start(&rig, 60_000)).unwrap();
    let (lines, notice) = told(&mut link).await;
    assert!(matches!(notice, Notice::Ready { .. }), "{notice:?}");
    assert!(count(&lines, "y") < 20_000, "{}", lines.len());
    assert_eq!(lines.iter().filter(|(_, line)| line.contains("is left out")).count(), 1);
    assert_eq!(count(&lines, "install.sh ended with status 0"), 1);
}
