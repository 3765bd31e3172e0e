//! Jails: the walls of a sandbox, and what a sandbox has that they lack.

use super::*;

impl Bench {
    fn jail(&self) -> SandboxSpec {
        let spec = self.spec();
        let session = spec.name.session().unwrap();
        // Nothing of these is looked at.
        let (cli, egress) = ("/nowhere/claude".into(), "/nowhere/egress".into());
        SandboxSpec { name: SandboxName::jail(session), cli, egress, ..spec }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jail_has_the_files_of_its_session_and_neither_a_cli_nor_a_way_out() {
    let Some(bench) = Bench::new().await else { return };
    let spec = bench.jail();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    let arguments = ask(&mut inside, "cat /proc/1/cmdline | tr '\\0' ' '").await;
    assert!(!arguments.contains("--cli") && arguments.contains("--orphan-timeout-seconds"));
    assert_eq!(
        ask(&mut inside, "ls /run /opt/ash; ls /run/ash /opt/ash/claude 2>&1 | grep -c 'No such'")
            .await,
        "/opt/ash:\nbridge\n\n/run:\nbridge\n2\n"
    );
    assert_eq!(ask(&mut inside, "env | grep -c -e ANTHROPIC -e CLAUDE").await, "0\n");
    let interfaces = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '";
    assert_eq!(ask(&mut inside, interfaces).await, "lo\n");
    let walls =
        "grep -h -e ^Seccomp: -e ^NoNewPrivs: -e ^CapEff: /proc/self/status | tr -d '\\t\\n'";
    assert_eq!(ask(&mut inside, walls).await, "CapEff:0000000000000000NoNewPrivs:1Seccomp:2");
    for own in ["/workspace", "/home/agent"] {
        let line = format!("echo hello > {own}/x; cat {own}/x");
        assert_eq!(ask(&mut inside, &line).await, "hello\n");
    }
    assert!(!bench.launcher.live().await.contains(&spec.name), "it is no session's sandbox");
    assert_eq!(bench.launcher.jails().await, std::slice::from_ref(&spec.name));
    bench.launcher.end(&spec.name).await;
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jail_that_leaves_by_itself_takes_everything_with_it() {
    let Some(bench) = Bench::new().await else { return };
    let spec = bench.jail();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    ask(&mut inside, "setsid sleep 1000 >/dev/null 2>&1 &").await;
    leave(&mut inside, 0).await;
    // No process of it waits for somebody to look, as that of a session's sandbox does.
    tokio::time::timeout(DEADLINE, bench.launcher.gone(&spec.name)).await.unwrap();
    assert_eq!(processes_of(bench.uid), Vec::<u32>::new());
    assert!(bench.launcher.knows(&spec.name).await && !bench.launcher.is_alive(&spec.name).await);
    bench.launcher.end(&spec.name).await;
    bench.assert_nothing_is_left(&spec).await;
}
