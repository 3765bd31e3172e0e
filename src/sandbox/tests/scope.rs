//! Sandboxes in scopes of a real systemd. `tests/system` runs these on its machines.

use super::*;

/// A bench whose sandboxes are in scopes, or `None`, and said so.
async fn scope_bench() -> Option<Bench> {
    let bench = Bench::new().await?;
    if bench.launcher.isolation().placement != "scope" {
        skip("systemd does not run this host; tests/system runs it where it does");
        return None;
    }
    Some(bench)
}

/// One that limits memory, and a sandbox that soon has none left.
async fn small_bench() -> Option<(Bench, SandboxSpec)> {
    let bench = scope_bench().await?;
    if bench.launcher.isolation().memory != Level::Hard {
        skip(&format!("this host does not limit memory: {:?}", bench.launcher.isolation().notes));
        return None;
    }
    let mut spec = bench.spec();
    spec.limits.memory_bytes = 128 << 20;
    spec.limits.swap_bytes = 0;
    Some((bench, spec))
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
    let Some((bench, spec)) = small_bench().await else { return };
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    let kills = async || bench.launcher.usage_of(&spec.name).await?.oom_kills;
    assert_eq!(kills().await, Some(0));
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
        assert_eq!(kills().await, Some(1));
        let report = bench.launcher.end(&spec.name).await;
        assert_eq!((report.cause, report.oom_kills), (EndCause::Ended, 1));
    }
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_is_killed_for_want_of_memory_is_told_as_that() {
    let Some((bench, spec)) = small_bench().await else { return };
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
