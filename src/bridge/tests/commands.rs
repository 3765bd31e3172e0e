//! Commands, and changes of files, over a connection.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::rig::{PATIENCE, ROOMY, Rig};
use crate::bridge::host::{Execution, FileError, Link, Said};
use crate::bridge::protocol::{COMMANDS_MAX, CommandEnd, Refusal, RunCommand, Tree};

const MANY: u64 = 1 << 30;

fn shell(line: &str) -> RunCommand {
    RunCommand {
        arguments: ["/bin/bash", "-c", line].map(str::to_owned).to_vec(),
        directory: None,
        environment: BTreeMap::new(),
        timeout_ms: 60_000,
        output_bytes_max: 1 << 20,
    }
}

async fn started(link: &Link, command: RunCommand) -> Execution {
    timeout(PATIENCE, link.sender.run(command)).await.unwrap().unwrap()
}

async fn rest(mut execution: Execution) -> (String, String, CommandEnd) {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    loop {
        match timeout(PATIENCE, execution.next()).await.unwrap().unwrap().unwrap() {
            Said::Output(bytes) => output.extend_from_slice(&bytes),
            Said::Errors(bytes) => errors.extend_from_slice(&bytes),
            Said::Ended(end) => {
                let text = |bytes| String::from_utf8(bytes).unwrap();
                return (text(output), text(errors), end);
            }
        }
    }
}

/// Runs a command without input to its end.
async fn ran(link: &Link, command: RunCommand) -> (String, String, CommandEnd) {
    let execution = started(link, command).await;
    execution.input().end();
    rest(execution).await
}

fn lives(path: &Path) -> bool {
    let pid = fs::read_to_string(path).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

async fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let waited = timeout(PATIENCE, async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}");
}

#[tokio::test]
async fn a_command_says_what_it_says_and_how_it_ended() {
    let rig = Rig::new(ROOMY);
    fs::create_dir(rig.workspace().join("sub")).unwrap();
    let link = rig.connect(0).await;
    let (output, errors, end) = ran(&link, shell("echo out; echo err >&2; exit 3")).await;
    assert_eq!((output.as_str(), errors.as_str()), ("out\n", "err\n"));
    assert_eq!((end.code, end.signal, end.timed_out, end.truncated), (Some(3), None, false, false));
    let (_, _, end) = ran(&link, shell("kill -9 $$")).await;
    assert_eq!((end.code, end.signal), (None, Some(9)));
    let command = RunCommand {
        directory: Some("sub/".to_owned()),
        environment: [("NAME".to_owned(), "a b".to_owned())].into(),
        ..shell("pwd; echo $NAME $PATH")
    };
    let expected = format!("{}/sub\na b /usr/bin:/bin\n", rig.workspace().display());
    assert_eq!(ran(&link, command).await.0, expected);
    let words = RunCommand { arguments: vec!["no-such-program".to_owned()], ..shell("") };
    let (_, errors, end) = ran(&link, words).await;
    assert_eq!(end.code, Some(127));
    assert!(errors.starts_with("ash: no-such-program: "), "{errors}");
    let words = RunCommand { arguments: vec!["/etc/passwd".to_owned()], ..shell("") };
    assert_eq!(ran(&link, words).await.2.code, Some(126));
    for outside in ["..", "/etc", "missing", "sub/../.."] {
        let command = RunCommand { directory: Some(outside.to_owned()), ..shell("pwd") };
        let refused = link.sender.run(command).await;
        assert!(matches!(refused, Err(FileError::Refused { .. })), "{outside}");
    }
}

#[tokio::test]
async fn a_command_reads_what_it_is_given() {
    let rig = Rig::new(ROOMY);
    let link = rig.connect(0).await;
    let execution = started(&link, shell("wc -c; echo done")).await;
    let input = execution.input();
    let sent = tokio::spawn(async move {
        input.send(Bytes::from(vec![b'x'; 5_000_000])).await.unwrap();
        input.end();
    });
    assert_eq!(rest(execution).await.0, "5000000\ndone\n");
    sent.await.unwrap();
    // One that does not read is not waited for.
    let execution = started(&link, shell("exit 0")).await;
    let input = execution.input();
    let _over = input.send(Bytes::from(vec![b'x'; 5_000_000])).await;
    assert_eq!(rest(execution).await.2.code, Some(0));
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_killed_with_all_it_started() {
    let rig = Rig::new(ROOMY);
    let link = rig.connect(0).await;
    for trap in ["", "trap '' TERM;"] {
        let line = format!(
            "{trap} echo begun; (trap '' TERM; echo $BASHPID > child; while :; do sleep 0.1; done) & sleep 60; sleep 60"
        );
        let command = RunCommand { timeout_ms: 300, ..shell(&line) };
        let (output, _, end) = ran(&link, command).await;
        assert_eq!((output.as_str(), end.timed_out), ("begun\n", true));
        assert!(end.elapsed_ms >= 300, "{}", end.elapsed_ms);
        let child = rig.workspace().join("child");
        eventually("its child is killed", || !lives(&child)).await;
    }
}

/// A session of its own, another parent or another environment saves nothing.
#[tokio::test]
async fn a_process_that_leaves_its_group_ends_with_its_command() {
    let rig = Rig::new(ROOMY);
    let link = rig.connect(0).await;
    let deaf = "bash -c 'trap \"\" TERM; echo $$ > $0; while :; do sleep 0.1; done'";
    let line = format!(
        "setsid {deaf} session & (setsid {deaf} orphan &) & env -i PATH=$PATH setsid {deaf} bare & \
         until [ -s session -a -s orphan -a -s bare ]; do sleep 0.01; done; trap '' TERM; echo up; \
         while :; do sleep 0.1; done"
    );
    let all = ["session", "orphan", "bare"].map(|name| rig.workspace().join(name));
    // A busy machine needs more than a moment until all are up.
    for timeout_ms in [1_000, 4_000, 16_000] {
        let (output, _, end) = ran(&link, RunCommand { timeout_ms, ..shell(&line) }).await;
        assert!(end.timed_out);
        if output == "up\n" {
            break;
        }
        for path in &all {
            let _not_there = fs::remove_file(path);
        }
    }
    for path in &all {
        eventually("it is killed", || !lives(path)).await;
        fs::remove_file(path).unwrap();
    }
    let mut execution = started(&link, shell(&line)).await;
    execution.next().await.unwrap().unwrap();
    drop(execution);
    for path in &all {
        eventually("it is killed", || !lives(path)).await;
    }
    // One that ended in its time may leave what it likes.
    let line = format!("setsid {deaf} left & until [ -s left ]; do sleep 0.01; done");
    assert_eq!(ran(&link, shell(&line)).await.2.code, Some(0));
    let left = rig.workspace().join("left");
    assert!(lives(&left));
    let pid = fs::read_to_string(left).unwrap().trim().parse().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
}

#[tokio::test]
async fn a_command_nobody_waits_for_is_killed_and_its_place_is_free() {
    let rig = Rig::new(ROOMY);
    let link = rig.connect(0).await;
    let mut running = Vec::new();
    for number in 0..COMMANDS_MAX {
        let line = format!("sleep 100 & echo $! > {number}; echo up; wait");
        let mut execution = started(&link, shell(&line)).await;
        assert_eq!(execution.next().await.unwrap().unwrap(), Said::Output("up\n".into()));
        running.push(execution);
    }
    let refused = link.sender.run(shell("true")).await.map(|_| ());
    assert_eq!(refused, Err(FileError::TooManyCommands));
    // Files are served all the same, and so is the CLI.
    assert!(link.sender.list_files(true).await.is_ok());
    assert_eq!(running.len(), COMMANDS_MAX);
    drop(running);
    for number in 0..COMMANDS_MAX {
        let path = rig.workspace().join(number.to_string());
        eventually("it is killed", || !lives(&path)).await;
    }
    assert_eq!(ran(&link, shell("echo again")).await.0, "again\n");
    let mut execution = started(&link, shell("sleep 100 & echo $! > last; echo up; wait")).await;
    execution.next().await.unwrap().unwrap();
    drop(link);
    let path = rig.workspace().join("last");
    eventually("the end of the connection ends it", || !lives(&path)).await;
}

#[tokio::test]
async fn too_much_output_is_cut_and_told_and_the_command_goes_on() {
    let rig = Rig::new(ROOMY);
    let link = rig.connect(0).await;
    let line = "head -c 3000000 /dev/zero | tr '\\0' x; echo e >&2; touch after";
    let (output, _, end) = ran(&link, RunCommand { output_bytes_max: 1000, ..shell(line) }).await;
    assert_eq!((output.len(), end.truncated, end.code), (1000, true, Some(0)));
    assert!(rig.workspace().join("after").exists());
}

#[tokio::test]
async fn a_background_process_does_not_hold_up_the_end() {
    let rig = Rig::new(ROOMY);
    let link = rig.connect(0).await;
    for background in ["sleep 1000", "(while :; do echo on; sleep 0.05; done)", "yes"] {
        let (output, _, end) = ran(&link, shell(&format!("{background} & echo $! > pid"))).await;
        assert_eq!(end.code, Some(0), "{background}: {} B", output.len());
        let pid = fs::read_to_string(rig.workspace().join("pid")).unwrap().trim().parse().unwrap();
        // What writes into a pipe that nobody reads any more may have ended by itself.
        let _gone = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGKILL,
        );
    }
}

#[tokio::test]
async fn commands_run_beside_a_turn_and_beside_each_other() {
    let rig = Rig::new(ROOMY);
    let mut link = rig.ready().await;
    let waiting = started(&link, shell("until [ -e go ]; do sleep 0.01; done; echo went")).await;
    link.run(1, "frame one");
    assert_eq!(link.frame().await, super::rig::frame("one"));
    assert_eq!(ran(&link, shell("touch go; echo second")).await.0, "second\n");
    assert_eq!(rest(waiting).await.0, "went\n");
    link.run(2, "frame two");
    assert_eq!(link.frame().await, super::rig::frame("two"));
}

#[tokio::test]
async fn files_are_written_and_removed_over_a_connection() {
    let rig = Rig::new(ROOMY);
    let link = rig.connect(0).await;
    let content: Vec<u8> = (0..3_000_000_u32).map(|byte| byte.to_le_bytes()[0]).collect();
    let mut upload = link.sender.write_file("a/large", Some(true), MANY).await.unwrap();
    upload.send(content.clone().into()).await.unwrap();
    assert!(!rig.workspace().join("a/large").exists());
    assert_eq!(upload.finish().await.unwrap().bytes, 3_000_000);
    assert!(fs::read(rig.workspace().join("a/large")).unwrap() == content);
    let mut upload = link.sender.write_file("a/large", None, 10).await.unwrap();
    let refused = async {
        upload.send(vec![0; 3_000_000].into()).await?;
        upload.finish().await
    };
    let refused = timeout(PATIENCE, refused).await.unwrap();
    assert_eq!(refused, Err(FileError::Refused { reason: Refusal::TooLarge }));
    // One that is given up leaves nothing.
    let mut upload = link.sender.write_file("a/new", None, MANY).await.unwrap();
    upload.send(vec![0; 100_000].into()).await.unwrap();
    drop(upload);
    link.sender.delete_file("a/large").await.unwrap();
    let gone = link.sender.delete_file("a/large").await;
    assert_eq!(gone, Err(FileError::Refused { reason: Refusal::NotFound }));
    let folder = rig.workspace().join("a");
    eventually("nothing is left", || fs::read_dir(&folder).unwrap().count() == 0).await;
}

#[tokio::test]
async fn a_workspace_goes_out_and_comes_in() {
    let rig = Rig::new(ROOMY);
    fs::write(rig.workspace().join("large"), vec![3; 4 << 20]).unwrap();
    let link = rig.connect(0).await;
    let mut packed = link.sender.pack(Tree::Workspace, false, MANY).await.unwrap();
    let mut archive = Vec::new();
    while let Some(chunk) = timeout(PATIENCE, packed.next()).await.unwrap() {
        archive.extend_from_slice(&chunk.unwrap());
    }
    assert!(archive.len() > 4 << 20);
    let too_large = link.sender.pack(Tree::Workspace, true, 1000).await.map(|_| ());
    assert_eq!(too_large, Err(FileError::Refused { reason: Refusal::TooLarge }));
    for dropped in 0..10 {
        // Those who leave hold up nobody.
        drop(link.sender.pack(Tree::Workspace, dropped % 2 == 0, MANY).await.unwrap());
    }
    fs::write(rig.workspace().join("other"), "x").unwrap();
    let mut upload = link.sender.unpack(Tree::Workspace, false, MANY).await.unwrap();
    upload.send(archive.into()).await.unwrap();
    let written = timeout(PATIENCE, upload.finish()).await.unwrap().unwrap();
    assert_eq!((written.files, written.bytes), (1, 4 << 20));
    assert!(!rig.workspace().join("other").exists());
    // Half an archive changes nothing.
    let mut upload = link.sender.unpack(Tree::Workspace, false, MANY).await.unwrap();
    upload.send(vec![b'x'; 100].into()).await.unwrap();
    drop(upload);
    let workspace = rig.workspace();
    eventually("only the file is there", || fs::read_dir(&workspace).unwrap().count() == 1).await;
}
