//! A host on which no session can start, and a disk that is full: said so, and nothing left.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use serde_json::{Value, json};

use crate::world::{World, claude, root};

/// A CLI that says it is an old one: a native program, as the real one.
const OLD: &str =
    "#include <stdio.h>\nint main(void) { puts(\"2.0.1 (Claude Code)\"); return 0; }\n";

/// A session cannot be created, and nothing of it is left; answers the problem.
fn refused(world: &World) -> Value {
    world.deploy("tester");
    let answer = world.post("/api/sessions", &json!({ "agent": "tester" }));
    assert_eq!(answer.status, 503, "{answer:?}");
    let sessions = world.get("/api/sessions").body;
    assert_eq!(sessions["sessions"], json!([]), "{sessions}");
    for folder in ["data/sessions", "run/sandboxes", "run/s"] {
        let entries = std::fs::read_dir(world.folder.path().join(folder));
        let names = entries.into_iter().flatten().map(|entry| entry.unwrap().file_name());
        // Not of a session: the one that tries the walls.
        let left: Vec<_> =
            names.filter(|name| !name.to_string_lossy().contains("probe-")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    answer.body
}

/// A world whose CLI is `path`.
fn with_cli(path: &Path) -> World {
    World::with(path.to_owned(), tempfile::tempdir().unwrap(), "")
}

fn told(problem: &Value) -> String {
    problem["error"].as_str().unwrap().to_owned()
}

fn compiled(source: &str, to: &Path) {
    let file = to.with_extension("c");
    std::fs::write(&file, source).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test runs the compiler itself")]
    let status = std::process::Command::new("cc").arg("-o").arg(to).arg(file).status().unwrap();
    assert!(status.success());
}

#[test]
fn without_a_cli_no_session_starts_and_the_message_says_what_to_do() {
    if claude().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claude");
    let world = with_cli(&path);
    let problem = refused(&world);
    assert_eq!(problem["code"], "cli_missing");
    let text = told(&problem);
    assert!(text.contains("there is no Claude Code at") && text.contains("npm install"), "{text}");

    // It is looked for anew each time.
    std::fs::write(&path, "\x7fELF").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(told(&refused(&world)).contains("chmod +x"));
    std::fs::write(&path, "#!/usr/bin/env node\nimport('./cli.js')\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert!(told(&refused(&world)).contains("is not the native program but a script"));
    world.end();
}

#[test]
fn a_cli_that_is_too_old_is_refused_with_both_versions() {
    if claude().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claude");
    compiled(OLD, &path);
    let world = with_cli(&path);
    let problem = refused(&world);
    assert_eq!(problem["code"], "cli_too_old");
    let text = told(&problem);
    assert!(text.contains("2.0.1") && text.contains("2.1.197"), "{text}");
    world.end();
}

#[test]
fn without_bubblewrap_no_session_starts_and_the_message_names_the_package() {
    let Some(claude) = claude() else { return };
    let more = "bwrap = \"/nonexistent/bwrap\"";
    let world = World::with(claude, tempfile::tempdir().unwrap(), more);
    let problem = refused(&world);
    assert_eq!(problem["code"], "sandbox_failed");
    assert!(told(&problem).contains("install the package `bubblewrap`"), "{problem}");
    world.end();
}

/// A file system of a few MiB, for as long as this lives.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("tmpfs"), disk.0.path(), Some("tmpfs"), flags, Some("size=16m")).unwrap();
        disk
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        umount2(self.0.path(), MntFlags::MNT_DETACH).unwrap();
    }
}

#[test]
fn a_deploy_on_a_full_disk_changes_nothing() {
    let Some(claude) = claude() else { return };
    if !root() {
        return;
    }
    let disk = SmallDisk::new();
    let folder = tempfile::tempdir_in(disk.0.path()).unwrap();
    let world = World::with(claude, folder, "");
    world.deploy_files("tester", &[("version.txt", "one", false)]);
    let big = "x".repeat(30 << 20);
    let files = json!([{ "path": "big.bin", "content": big }]);
    let body = json!({ "name": "tester", "files": files, "systemPrompt": "Too big." });
    let answer = world.post("/api/agents", &body);
    assert_eq!((answer.status, &answer.body["code"]), (507, &json!("disk_full")), "{answer:?}");
    let agent = world.get("/api/agents/tester").body;
    assert_eq!(agent["agent"]["version"], 1, "{agent}");
    let session = world.session_of(&json!({ "agent": "tester" }));
    assert_eq!(world.bash(&session, "cat version.txt"), "one");
    world.end();
}
