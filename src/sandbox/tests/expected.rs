//! Scopes that are ready before their sandboxes. `tests/system` runs these on its machines.

use super::scope::scope_bench;
use super::*;
use crate::os::cgroup::path_of;

/// How long to wait between two looks at systemd, and for how many of them at most.
const LOOK: Duration = Duration::from_millis(20);
const LOOKS_MAX: u32 = 500;

/// Waits until the scope has one process, which waits, and answers its number and its group.
async fn prepared(bench: &Bench, name: &SandboxName) -> (u32, String) {
    let manager = Manager::connect().await.unwrap();
    for _ in 0..LOOKS_MAX {
        if let Some(group) = manager.control_group(&name.unit()).await.unwrap() {
            let file = format!("/sys/fs/cgroup{group}/cgroup.procs");
            let processes = fs::read_to_string(file).unwrap_or_default();
            if let [pid] = *processes.lines().collect::<Vec<_>>() {
                assert!(
                    !bench.launcher.live().await.contains(name),
                    "nobody takes it for a sandbox"
                );
                return (pid.parse().unwrap(), group);
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("no scope was prepared");
}

/// Waits until systemd knows nothing of the scope.
async fn forgotten(name: &SandboxName) {
    let manager = Manager::connect().await.unwrap();
    for _ in 0..LOOKS_MAX {
        if manager.state(&name.unit()).await.unwrap().is_none() {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("{name} is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_is_born_in_the_scope_that_waited_for_it() {
    let Some(bench) = scope_bench().await else { return };
    let mut spec = bench.spec();
    let _kept = bench.launcher.expect(&spec.name, &Limits::default()).await.unwrap();
    assert!(bench.launcher.expect(&spec.name, &Limits::default()).await.is_none(), "once only");
    let (pid, group) = prepared(&bench, &spec.name).await;
    // Its own limits are in force before it begins.
    spec.limits.tasks = 77;
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    let record =
        fs::read_to_string(bench.directory.path().join(format!("records/{}.json", spec.name)));
    let record: serde_json::Value = serde_json::from_str(&record.unwrap()).unwrap();
    assert_eq!(record["outer"]["pid"], pid, "who waited became its bwrap");
    for pid in processes_of(bench.uid) {
        assert_eq!(path_of(pid).unwrap().as_deref(), Some(group.as_str()));
    }
    let show = command(
        Path::new("/usr/bin/systemctl"),
        ["show", "--property=TasksMax", "--value", &spec.name.unit()],
    );
    let shown = crate::os::process::ask(show, 1000, DEADLINE).await.unwrap().stdout;
    assert_eq!(String::from_utf8_lossy(&shown), "77\n");
    assert_eq!(ask(&mut inside, "grep ^0:: /proc/self/cgroup").await, "0::/\n");
    assert!(bench.launcher.live().await.contains(&spec.name));
    assert_eq!(bench.launcher.end(&spec.name).await.cause, EndCause::Ended);
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_expected_any_more_leaves_nothing() {
    let Some(bench) = scope_bench().await else { return };
    let spec = bench.spec();
    // Whoever expects it goes away, before the scope is made and behind it.
    drop(bench.launcher.expect(&spec.name, &Limits::default()).await.unwrap());
    forgotten(&spec.name).await;
    let mut kept = None;
    for _ in 0..LOOKS_MAX {
        kept = bench.launcher.expect(&spec.name, &Limits::default()).await;
        if kept.is_some() {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    prepared(&bench, &spec.name).await;
    drop(kept);
    forgotten(&spec.name).await;
    // It is ended, as a sandbox of that name would be.
    let other = bench.spec();
    let _kept = bench.launcher.expect(&other.name, &Limits::default()).await.unwrap();
    prepared(&bench, &other.name).await;
    bench.launcher.end(&other.name).await;
    bench.assert_nothing_is_left(&other).await;
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_starts_without_the_scope_that_was_prepared() {
    let Some(bench) = scope_bench().await else { return };
    let spec = bench.spec();
    let _kept = bench.launcher.expect(&spec.name, &Limits::default()).await.unwrap();
    let (pid, _group) = prepared(&bench, &spec.name).await;
    let manager = Manager::connect().await.unwrap();
    manager.kill(&spec.name.unit()).await.unwrap();
    forgotten(&spec.name).await;
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    assert_eq!(ask(&mut inside, "echo here").await, "here\n");
    let group = manager.control_group(&spec.name.unit()).await.unwrap().unwrap();
    for other in processes_of(bench.uid) {
        assert_ne!(other, pid);
        assert_eq!(path_of(other).unwrap().as_deref(), Some(group.as_str()));
    }
    bench.launcher.end(&spec.name).await;
    bench.assert_nothing_is_left(&spec).await;
}
