//! A disk that fails under the database: ashd says so, serves what it can, loses nothing that it
//! acknowledged, and goes on by itself when the cause is gone.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::mount::{MntFlags, umount2};
use serde_json::{Value, json};

use crate::server::{Answer, Server, eventually};

/// Room for a database and what surrounds it, soon full.
const DISK_MIB: usize = 32;

/// A file system of its own, mounted for as long as this lives.
struct Disk {
    mounted: tempfile::TempDir,
    image: Option<PathBuf>,
}

impl Disk {
    /// In memory: full when its size is reached. `None` without the right to mount; it says so.
    fn small() -> Option<Self> {
        let mounted = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_MIB}m");
        let made = runs("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", text(mounted.path())]);
        said_if_not(made, "no small disk can be mounted")?;
        Some(Self { mounted, image: None })
    }

    /// ext4 in a file, which can be made to fail.
    fn failing(image: &Path) -> Option<Self> {
        let mounted = tempfile::tempdir().unwrap();
        let made =
            runs("mount", &["-o", "loop,errors=remount-ro", text(image), text(mounted.path())]);
        said_if_not(made, "no file can be mounted as a disk")?;
        Some(Self { mounted, image: Some(image.to_owned()) })
    }

    fn folder(&self) -> tempfile::TempDir {
        tempfile::tempdir_in(self.mounted.path()).unwrap()
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let mut file = fs::File::create(self.filler()).unwrap();
        for size in [1 << 20, 4 << 10, 1] {
            while file.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.mounted.path().join("filler")
    }

    /// What ext4 does when it finds an error on the disk.
    fn becomes_read_only(&self) {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let own = text(self.mounted.path()).to_owned();
        let line = mounts.lines().find(|line| line.split(' ').nth(1) == Some(&own)).unwrap();
        let device = line.split(' ').next().unwrap().trim_start_matches("/dev/");
        fs::write(format!("/sys/fs/ext4/{device}/trigger_fs_error"), "1").unwrap();
    }

    /// Taken out, repaired, and put back.
    fn repair(self) -> Self {
        let image = self.image.clone().unwrap();
        umount2(self.mounted.path(), MntFlags::empty()).unwrap();
        // 1: something was repaired.
        let repaired = ran("e2fsck", &["-p", text(&image)]).unwrap();
        assert!(repaired.status.code() <= Some(1), "{repaired:?}");
        let made = runs("mount", &["-o", "loop", text(&image), text(self.mounted.path())]);
        assert!(made);
        self
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It may be out already.
        let _left = umount2(self.mounted.path(), MntFlags::MNT_DETACH);
    }
}

/// An image of ext4 in a file.
fn image() -> Option<tempfile::NamedTempFile> {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len((DISK_MIB as u64) << 20).unwrap();
    said_if_not(runs("mkfs.ext4", &["-q", "-F", text(file.path())]), "no mkfs.ext4")?;
    Some(file)
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    ran(program, arguments).is_ok_and(|ran| ran.status.success())
}

fn ran(program: &str, arguments: &[&str]) -> std::io::Result<Output> {
    #[expect(clippy::disallowed_methods, reason = "a test runs tools of the system")]
    Command::new(program).args(arguments).output()
}

/// Straight to stdout: the test harness swallows what passing tests print.
fn said_if_not(possible: bool, why: &str) -> Option<()> {
    if !possible {
        std::io::stdout().write_all(format!("SKIP: {why}\n").as_bytes()).unwrap();
    }
    possible.then_some(())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn send(server: &Server, session: &str) -> Answer {
    server.post(&format!("/api/sessions/{session}/messages"), &json!({ "content": "never taken" }))
}

fn problem(server: &Server) -> Value {
    let health = server.get("/health").body;
    let degraded = health["status"] == "degraded";
    assert_eq!(health["storeProblem"].is_object(), degraded, "{health}");
    health["storeProblem"].clone()
}

/// What the history has, in order.
fn history(server: &Server, session: &str) -> Vec<Value> {
    let messages = server.get(&format!("/api/sessions/{session}/messages?limit=1000"));
    assert_eq!(messages.status, 200, "{messages:?}");
    messages.body["messages"].as_array().unwrap().clone()
}

fn is_sound(server: &Server) {
    let checked = server.administer("/api/database/check");
    assert_eq!(checked["sound"], true, "{checked}");
}

/// The trouble is told until it is over, nothing of before is gone, and the session goes on.
fn goes_on(server: &Server, session: &str, before: &[Value]) {
    eventually("health", || problem(server).is_null());
    assert_eq!(server.say(session, "[[say:last]]"), "last");
    let after = history(server, session);
    assert_eq!(after[..before.len()], *before);
    assert!(!after.iter().any(|message| message.to_string().contains("never taken")), "{after:?}");
    is_sound(server);
}

#[test]
fn a_full_disk_is_told_and_the_turn_goes_on_when_there_is_room() {
    let Some(disk) = Disk::small() else { return };
    let server = Server::start_in(disk.folder(), &[]);
    let session = server.session();
    server.say(&session, "[[say:first]]");
    assert!(problem(&server).is_null());
    let before = history(&server, &session);
    // A turn is in the middle of what it says, and says more than the log's file has room for.
    let long = "word ".repeat(80_000);
    let content = format!("[[chunks:400:10]][[say:{long}]]");
    let body = json!({ "content": content, "includePartialMessages": true });
    let mut stream = server.stream(&session, &body);
    assert!(stream.any(|event| event.name == "text_delta"));
    disk.fill();
    eventually("the trouble", || problem(&server)["code"] == "disk_full");
    let told = problem(&server);
    assert!(told["hint"].as_str().unwrap().contains("free space"), "{told}");
    assert_eq!(history(&server, &session)[..before.len()], before, "what is stored is served");
    // The turn waits for room. Whoever asks for more does not wait with it.
    let answer = send(&server, &session);
    assert_eq!((answer.status, &answer.body["code"]), (507, &json!("disk_full")), "{answer:?}");
    let answer = server.post("/api/sessions", &json!({ "agent": "tester" }));
    assert_eq!((answer.status, &answer.body["code"]), (507, &json!("disk_full")), "{answer:?}");
    disk.free();
    let rest: Vec<_> = stream.collect();
    assert_eq!(rest.last().unwrap().name, "done", "{:?}", rest.last());
    let complete = rest.iter().find(|event| event.name == "turn_complete").unwrap();
    assert_eq!(complete.data["result"], long.as_str(), "the turn is whole");
    assert!(!rest.iter().any(|event| event.name == "error"));
    goes_on(&server, &session, &before);
}

#[test]
fn a_database_that_another_process_keeps_locked_is_told_until_it_lets_go() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "[[say:first]]");
    let before = history(&server, &session);
    let other = rusqlite::Connection::open(server.folder.path().join("data/ash.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = send(&server, &session);
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("store_unavailable")));
    assert_eq!(problem(&server)["code"], "locked");
    assert_eq!(history(&server, &session), before, "what is stored is served");
    other.execute_batch("ROLLBACK").unwrap();
    goes_on(&server, &session, &before);
}

#[test]
fn a_database_that_is_moved_away_takes_nothing_more_until_it_is_back() {
    for name in ["ash.db", "ash.db-wal"] {
        let server = Server::start();
        let session = server.session();
        server.say(&session, "[[say:first]]");
        let before = history(&server, &session);
        let folder = server.folder.path().join("data");
        fs::rename(folder.join(name), folder.join("elsewhere")).unwrap();
        let answer = send(&server, &session);
        assert_eq!((answer.status, &answer.body["code"]), (503, &json!("store_unavailable")));
        assert!(answer.body["error"].as_str().unwrap().contains(name), "{answer:?}");
        assert_eq!(problem(&server)["code"], "moved");
        assert_eq!(history(&server, &session), before, "what is stored is served");
        fs::rename(folder.join("elsewhere"), folder.join(name)).unwrap();
        goes_on(&server, &session, &before);
        // It is all there for the next one.
        let before = history(&server, &session);
        let server = Server::start_in(server.kill(), &[]);
        assert_eq!(history(&server, &session), before);
    }
}

#[test]
fn a_database_that_is_removed_can_be_rescued_from_the_running_daemon() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "[[say:first]]");
    let before = history(&server, &session);
    let folder = server.folder.path().join("data");
    let names = ["ash.db", "ash.db-wal"];
    for name in names {
        fs::remove_file(folder.join(name)).unwrap();
    }
    assert_eq!(send(&server, &session).status, 503);
    // As docs/operations.md says.
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let open: Vec<_> = open.map(|entry| entry.unwrap().path()).collect();
    for name in names {
        let wanted = format!("/{name} (deleted)");
        let is_it =
            |link: &&PathBuf| fs::read_link(link).is_ok_and(|to| text(&to).ends_with(&wanted));
        fs::copy(open.iter().find(is_it).unwrap(), folder.join(format!("{name}.rescued"))).unwrap();
    }
    let kept = server.kill();
    for name in names {
        fs::rename(folder.join(format!("{name}.rescued")), folder.join(name)).unwrap();
    }
    drop(fs::remove_file(folder.join("ash.db-shm")));
    let server = Server::start_in(kept, &[]);
    assert_eq!(history(&server, &session), before);
    goes_on(&server, &session, &before);
}

#[test]
fn writes_that_fail_are_told_and_the_turn_goes_on_when_they_succeed() {
    let Some(image) = image() else { return };
    let Some(disk) = Disk::failing(image.path()) else { return };
    let server = Server::start_in(disk.folder(), &[]);
    let session = server.session();
    server.say(&session, "[[say:first]]");
    let before = history(&server, &session);
    let body = json!({ "content": "[[say:one]][[delay:1500]][[say:two]]", "includePartialMessages": true });
    let mut stream = server.stream(&session, &body);
    assert!(stream.any(|event| event.name == "text_delta"));
    // Not even root's open files can be written then.
    let log = server.folder.path().join("data/ash.db-wal");
    assert!(runs("chattr", &["+i", text(&log)]));
    eventually("the trouble", || problem(&server)["code"] == "failing");
    let answer = send(&server, &session);
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("store_unavailable")));
    assert_eq!(history(&server, &session)[..before.len()], before, "what is stored is served");
    assert!(runs("chattr", &["-i", text(&log)]));
    let rest: Vec<_> = stream.collect();
    assert_eq!(rest.last().unwrap().name, "done", "{rest:?}");
    assert!(rest.iter().any(|event| event.data.to_string().contains("two")), "{rest:?}");
    goes_on(&server, &session, &before);
}

#[test]
fn a_disk_that_becomes_read_only_is_told_and_what_was_acknowledged_is_there_after_repair() {
    let Some(image) = image() else { return };
    let Some(disk) = Disk::failing(image.path()) else { return };
    let server = Server::start_in(disk.folder(), &[]);
    let session = server.session();
    server.say(&session, "[[say:first]]");
    let before = history(&server, &session);
    disk.becomes_read_only();
    let answer = send(&server, &session);
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("store_unavailable")));
    assert_eq!(problem(&server)["code"], "read_only");
    assert_eq!(history(&server, &session), before, "what is stored is served");
    let folder = server.kill();
    let disk = disk.repair();
    let server = Server::start_in(folder, &[]);
    goes_on(&server, &session, &before);
    drop((server, disk));
}

/// Writes over every page of the log of frames that holds `text`, headers and all.
fn damage(database: &Path, text: &[u8]) {
    const PAGE: usize = 4096;
    let mut bytes = fs::read(database).unwrap();
    let mut damaged = 0;
    for page in bytes.chunks_mut(PAGE).skip(1) {
        if page.windows(text.len()).any(|part| part == text) {
            page.fill(0xa5);
            damaged += 1;
        }
    }
    assert!(damaged > 0, "nothing to damage");
    fs::write(database, bytes).unwrap();
}

#[test]
fn a_damaged_page_is_told_and_the_rest_is_served() {
    let server = Server::start();
    let (other, session) = (server.session(), server.session());
    // Pages apart from each other.
    for number in 0..60 {
        server.say(&other, &format!("[[say:untouched {number} {}]]", "x".repeat(500)));
    }
    for number in 0..60 {
        server.say(&session, &format!("[[say:damaged {number} {}]]", "y".repeat(500)));
    }
    let whole = history(&server, &other);
    let (_, folder) = server.stop();
    damage(&folder.path().join("data/ash.db"), b"damaged 30 y");
    let server = Server::start_in(folder, &[]);
    let path = format!("/api/sessions/{session}/messages?limit=1000");
    let answer = server.get(&path);
    assert_eq!((answer.status, &answer.body["code"]), (503, &json!("store_unavailable")));
    assert!(answer.body["hint"].as_str().unwrap().contains("ashctl db check"), "{answer:?}");
    let told = problem(&server);
    assert_eq!(told["code"], "damaged", "{told}");
    assert_eq!(history(&server, &other), whole, "the rest is served");
    let checked = server.administer("/api/database/check");
    assert_eq!(checked["sound"], false, "{checked}");
}
