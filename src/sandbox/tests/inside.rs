//! What is seen and can be done from inside a sandbox.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_host_is_visible_inside() {
    let Some(bench) = Bench::new().await else { return };
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    assert_eq!(ask(&mut inside, "id -u; id -g; id -G").await, "1000\n1000\n1000\n");
    assert_eq!(
        ask(&mut inside, "cat /proc/1/cmdline | tr '\\0' ' '").await,
        "/usr/bin/perl /opt/ash/bridge --listen-fd 3 --cli /opt/ash/claude --workspace /workspace --home /home/agent --spill-dir /run/bridge "
    );
    let processes = ask(&mut inside, "cat /proc/[0-9]*/comm | sort -u").await;
    assert!(processes.starts_with("bridge\n"), "{processes}");
    let known = ["bridge", "sh", "cat", "sort"];
    assert!(processes.lines().all(|name| known.contains(&name)), "{processes}");
    assert_eq!(
        ask(&mut inside, "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '").await,
        "lo\n"
    );
    assert_eq!(
        ask(&mut inside, "ls /root /work /sys /boot /srv /mnt 2>&1 | grep -vc 'No such file'")
            .await,
        "0\n"
    );
    let etc = ask(&mut inside, "ls /etc").await;
    for hidden in ["shadow", "ssh", "machine-id", "hostname", "ash"] {
        assert!(!etc.lines().any(|name| name == hidden), "{etc}");
    }
    assert_eq!(
        ask(&mut inside, "cut -d: -f1 /etc/passwd | tr '\\n' ' '; cat /etc/resolv.conf").await,
        "agent nobody "
    );
    assert_eq!(
        ask(&mut inside, "ls /run /home /opt/ash").await,
        "/home:\nagent\n\n/opt/ash:\nbridge\nclaude\n\n/run:\nash\nbridge\n"
    );
    let mounts = ask(&mut inside, "cut -d' ' -f5 /proc/self/mountinfo").await;
    assert!(mounts.ends_with("\n/workspace\n"), "{mounts}");
    let known = [
        "/",
        "/usr",
        "/bin",
        "/sbin",
        "/etc",
        "/lib",
        "/proc",
        "/dev",
        "/tmp",
        "/run",
        "/opt",
        "/home",
        "/workspace",
    ];
    let is_known = |path: &str| known.iter().any(|known| path.starts_with(known) && *known != "/");
    assert!(mounts.lines().all(|path| path == "/" || is_known(path)), "{mounts}");
    assert_eq!(bench.launcher.end(&spec.name).await.cause, EndCause::Ended);
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_exactly_the_list() {
    let Some(bench) = Bench::new().await else { return };
    let mut spec = bench.spec();
    spec.environment.insert("ANTHROPIC_BASE_URL".to_owned(), "http://a b\n--bind / /".to_owned());
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    let environment = ask(&mut inside, "tr '\\0' '|' < /proc/1/environ").await;
    let mut list: Vec<_> = environment.split_terminator('|').collect();
    list.sort_unstable();
    assert_eq!(
        list,
        [
            "ANTHROPIC_BASE_URL=http://a b\n--bind / /",
            "HOME=/home/agent",
            "LANG=C.UTF-8",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "PWD=/workspace",
            "SHELL=/bin/bash",
            "TERM=dumb",
            "TMPDIR=/tmp",
            "USER=agent",
        ]
    );
    bench.launcher.end(&spec.name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_descriptor_leaks_in() {
    let Some(bench) = Bench::new().await else { return };
    // One that is inherited by everything this process starts.
    let leak = fs::File::open("/etc/passwd").unwrap();
    fd_inherit(&leak);
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    let descriptors = ask(&mut inside, "descriptors").await;
    // The stand-in's own: its script, and the directory it reads.
    let given: Vec<_> = descriptors
        .lines()
        .filter(|line| !line.ends_with(" /opt/ash/bridge") && !line.ends_with("/fd"))
        .map(|line| line.split_once(":[").map_or(line, |(kind, _inode)| kind))
        .collect();
    assert_eq!(given, ["0 /dev/null", "1 /dev/null", "2 pipe", "3 socket"], "{descriptors}");
    bench.launcher.end(&spec.name).await;
}

fn fd_inherit(file: &fs::File) {
    let copy = file.try_clone().unwrap().into();
    crate::os::fd::inherit(&copy).unwrap();
    // Until the process ends: other tests start programs meanwhile, which must not matter.
    std::mem::forget(copy);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_the_sandboxes_own_is_writable_and_no_more_than_given() {
    let Some(bench) = Bench::new().await else { return };
    let mut spec = bench.spec();
    spec.limits.tmp_bytes = 1 << 20;
    spec.limits.shm_bytes = 1 << 20;
    spec.limits.spill_bytes = 1 << 20;
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    for read_only in ["/", "/usr", "/etc", "/dev", "/opt/ash", "/run", "/run/ash", "/home", "/var"]
    {
        let said = ask(&mut inside, &format!("touch {read_only}/x")).await;
        assert!(said.contains("Read-only file system"), "{read_only}: {said}");
    }
    for file in ["/etc/passwd", "/opt/ash/bridge", "/opt/ash/claude"] {
        let said = ask(&mut inside, &format!("echo x >> {file}")).await;
        assert!(said.contains("Read-only") || said.contains("Permission"), "{file}: {said}");
    }
    for capped in ["/tmp", "/dev/shm", "/run/bridge"] {
        let line = format!("head -c 2000000 /dev/zero > {capped}/x; stat -c %s {capped}/x");
        let said = ask(&mut inside, &line).await;
        assert!(said.contains("No space left"), "{capped}: {said}");
        assert!(said.ends_with("1048576\n"), "{capped}: {said}");
    }
    assert_eq!(ask(&mut inside, "stat -c %a /tmp /run/bridge").await, "1777\n700\n");
    for own in ["/workspace", "/home/agent"] {
        assert_eq!(
            ask(&mut inside, &format!("echo hello > {own}/x; cat {own}/x")).await,
            "hello\n"
        );
    }
    assert_eq!(ask(&mut inside, "pwd").await, "/workspace\n");
    let outside = fs::metadata(spec.workspace.join("x")).unwrap();
    let owner = spec.uid.unwrap_or(geteuid().as_raw());
    assert_eq!((outside.uid(), outside.permissions().mode() & 0o777), (owner, 0o600));
    assert!(spec.home.join("x").exists());
    bench.launcher.end(&spec.name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_parent_directories_are_no_obstacle_to_an_ashd_that_may_mount() {
    let Some(bench) = Bench::new().await else { return };
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
    let may_mount = u64::from_str_radix(set, 16).unwrap() & (1 << 21) != 0;
    let spec = bench.spec();
    let mode = fs::Permissions::from_mode(0o700);
    fs::set_permissions(bench.directory.path(), mode).unwrap();
    match bench.launcher.launch(&spec).await {
        Ok(mut inside) => {
            assert!(may_mount || bench.uid.is_none());
            assert_eq!(ask(&mut inside, "echo x > /workspace/x; cat /workspace/x").await, "x\n");
            bench.launcher.end(&spec.name).await;
        }
        Err(LaunchError::Unreachable { .. }) => assert!(!may_mount),
        Err(other) => panic!("{other:?}"),
    }
    bench.assert_nothing_is_left(&spec).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_no_way_to_more_rights() {
    let Some(bench) = Bench::new().await else { return };
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    for line in [
        "unshare --user true",
        "unshare --mount true",
        "unshare --net true",
        "mount -t tmpfs none /tmp",
        "mount -o remount,rw /",
        "chroot / true",
        "mknod /tmp/disk b 8 0",
        "echo 1 > /proc/sys/kernel/core_pattern",
        "echo b > /proc/sysrq-trigger",
    ] {
        let said = ask(&mut inside, &format!("{line} && echo SUCCEEDED")).await;
        assert!(!said.contains("SUCCEEDED"), "{line}: {said}");
    }
    let status = ask(&mut inside, "grep -E '^(Cap|NoNewPrivs)' /proc/self/status").await;
    for line in status.lines() {
        let value = line.split_whitespace().nth(1).unwrap();
        let expected = if line.starts_with("NoNew") { "1" } else { "0000000000000000" };
        assert_eq!(value, expected, "{status}");
    }
    assert_eq!(ask(&mut inside, "ulimit -c; ulimit -Hc; ulimit -n").await, "0\n0\n4096\n");
    let signals = ask(&mut inside, "grep -E '^Sig(Ign|Blk)' /proc/1/status").await;
    for line in signals.lines() {
        let set = u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap();
        // Perl ignores SIGFPE, and the C library its own two above 31.
        assert_eq!(set & 0x7fff_ffff & !0x80, 0, "{signals}");
    }
    bench.launcher.end(&spec.name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_work_goes_on_behind_the_filter() {
    let Some(bench) = Bench::new().await else { return };
    let spec = bench.spec();
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    let filters = ask(&mut inside, "grep ^Seccomp /proc/self/status").await;
    assert!(filters.starts_with("Seccomp:\t2\n"), "{filters}");
    for (program, line, expected) in [
        (
            "bash",
            "echo {a,b} | while read -r x; do echo $x; done < <(sort <(echo z) <(echo y))",
            "y\nz\n",
        ),
        (
            "git",
            "git init -q r && cd r && echo x > f && git add f && git -c user.name=a -c user.email=a@b commit -qm m && git clone -q . ../c && git -C ../c log --format=%s",
            "m\n",
        ),
        (
            "python3",
            "python3 -c 'import subprocess, threading, multiprocessing as m, socket, tempfile\nif __name__ == \"__main__\":\n  t = threading.Thread(target=print, args=(1,)); t.start(); t.join()\n  p = m.get_context(\"fork\").Process(target=print, args=(2,)); p.start(); p.join()\n  s = socket.create_server((\"127.0.0.1\", 0)); c = socket.create_connection(s.getsockname()); s.accept()[0].sendall(b\"3\\n\"); print(c.recv(9).decode(), end=\"\")'",
            "1\n2\n3\n",
        ),
        (
            "node",
            "node -e 'const {Worker} = require(\"worker_threads\"); new Worker(\"console.log(1+1)\", {eval: true}).on(\"exit\", () => { require(\"fs\").promises.writeFile(\"n\", \"x\").then(() => console.log(require(\"child_process\").execSync(\"cat n\").toString())) })'",
            "2\nx\n",
        ),
        (
            "gcc",
            "printf '#include <stdio.h>\\n#include <pthread.h>\\nvoid *f(void *x) { return x; }\\nint main(void) { pthread_t t; pthread_create(&t, 0, f, 0); pthread_join(t, 0); puts(\"built\"); }\\n' > a.c && gcc -O2 -pthread a.c -o a.out && ./a.out",
            "built\n",
        ),
        (
            "tar",
            "mkdir d && echo x > d/f && ln -s f d/l && tar -czf d.tgz d && rm -r d && tar -xzf d.tgz && cat d/l",
            "x\n",
        ),
        (
            "curl",
            "curl -s file:///etc/hosts | head -1; curl -s --max-time 5 http://127.0.0.1:9/; echo $?",
            "127.0.0.1 localhost\n7\n",
        ),
        ("perl", "perl -e 'my $p = fork; if (!$p) { exit 3 } wait; print $? >> 8, \"\\n\"'", "3\n"),
    ] {
        if ask(&mut inside, &format!("command -v {program}")).await.is_empty() {
            skip(&format!("{program} is not installed"));
            continue;
        }
        let said =
            ask(&mut inside, &format!("cd /workspace && exec bash -c {}", quoted(line))).await;
        assert_eq!(said, expected, "{program}");
    }
    bench.launcher.end(&spec.name).await;
}

/// As one word of a shell line.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_stops_at_the_limit_of_its_user() {
    let Some(bench) = Bench::new().await else { return };
    if bench.uid.is_none() {
        skip("without root a sandbox has no user of its own");
        return;
    }
    let mut spec = bench.spec();
    spec.limits.tasks = 30;
    let mut inside = bench.launcher.launch(&spec).await.unwrap();
    // The shell gives up at the first refusal; the answer is what counts.
    ask(&mut inside, "for i in $(seq 100); do sleep 1000 & done >/dev/null 2>&1").await;
    let count = processes_of(bench.uid).len();
    assert!((15..=30).contains(&count), "{count}");
    bench.launcher.end(&spec.name).await;
    bench.assert_nothing_is_left(&spec).await;
}
