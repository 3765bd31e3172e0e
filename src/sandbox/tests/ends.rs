//! How a sandbox ends, and whom it outlives.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_end_takes_everything_with_it() {
    let Some(bench) = Bench::new().await else { return };
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
    let Some(bench) = Bench::new().await else { return };
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
    let Some(bench) = Bench::new().await else { return };
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    assert_eq!(ask(&mut inside, "flood").await, "flood");
    let report = bench.launcher.end(&spec.name).await;
    assert!(report.stderr.ends_with("xthe last words"), "{}", report.stderr);
    assert!(report.stderr.len() <= 16 << 10, "{}", report.stderr.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_lives_once() {
    let Some(bench) = Bench::new().await else { return };
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
    let Some(bench) = Bench::new().await else { return };
    let directory = bench.directory.path();
    fs::write(directory.join("uid"), bench.uid.map(|uid| uid.to_string()).unwrap_or_default())
        .unwrap();
    let arguments =
        ["--exact", "sandbox::tests::ends::acts_as_an_ashd_that_dies", "--ignored", "--nocapture"];
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
    let Some(bench) = Bench::new().await else { return };
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
