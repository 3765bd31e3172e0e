//! Sandboxes that cannot be, and what is said of why; what the probe says of those that can.

use super::*;

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
    let Some(bench) = Bench::new().await else { return };
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
    let Some(bench) = Bench::new().await else { return };
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
    let Some(bench) = Bench::new().await else { return };
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
    let Some(bench) = Bench::new().await else { return };
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
