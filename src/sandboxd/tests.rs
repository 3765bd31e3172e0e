//! The requests, asked in this process and over the socket. What needs real users and real
//! sandboxes is proved in `tests/system`.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::protocol::{Answer, PROTOCOL, REQUEST_BYTES_MAX};
use super::*;
use crate::agent::{AgentLimits, Digest, Library};
use crate::id::SessionId;
use crate::os::socket;
use crate::sandbox::{
    CliFinder, EndCause, Launcher, LauncherSettings, Limits, Moved, PlacementChoice,
};

const BLOCK: Range<u32> = 70_000..70_010;

struct Bench {
    directory: TempDir,
    keeper: Keeper,
    digest: Digest,
    stop: CancellationToken,
}

impl Bench {
    async fn new(uids: Option<Range<u32>>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        fs::create_dir(&data).unwrap();
        let library = Library::open(&data.join("agents")).unwrap();
        let staged = library.stage(AgentLimits::default()).unwrap();
        let staged = staged.write_file("CLAUDE.md", b"Be kind.", false).unwrap();
        let digest = library.commit(staged.finish().unwrap()).unwrap().digest;
        let keeper = keeper(directory.path(), uids).await;
        Self { directory, keeper, digest, stop: CancellationToken::new() }
    }

    fn here(&self) -> Sandboxes {
        Sandboxes::Here(self.keeper.clone())
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("sandboxd.sock")
    }

    /// Over the socket, for `peer`.
    fn there(&self, peer: u32) -> Sandboxes {
        let listener = socket::bind(&self.socket(), 0o600).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        tokio::spawn(serve(self.keeper.clone(), listener, peer, self.stop.clone()));
        Sandboxes::There(Client::new(&self.socket()))
    }

    fn session(&self, id: SessionId) -> PathBuf {
        self.directory.path().join("data/sessions").join(id.to_string())
    }
}

async fn keeper(directory: &Path, uids: Option<Range<u32>>) -> Keeper {
    let runtime = directory.join("run");
    let launcher = Launcher::detect(LauncherSettings {
        placement: PlacementChoice::Simulated,
        libexec: None,
        bwrap: PathBuf::new(),
        records: runtime.join("sandboxes"),
        probe_uid: None,
        sessions: directory.join("data/sessions"),
    });
    let settings = KeeperSettings {
        data: directory.join("data"),
        egress: runtime.join("egress"),
        runtime,
        limits: Limits::default(),
        uids,
        cli: CliFinder::new(None),
    };
    Keeper::new(settings, launcher.await.unwrap()).await.unwrap()
}

async fn a_life(bench: &Bench, sandboxes: &Sandboxes) {
    let id = SessionId::new();
    assert_eq!(sandboxes.uids().await.unwrap(), None);
    sandboxes.prepare(id, None, bench.digest).await.unwrap();
    let folder = bench.session(id);
    assert_eq!(fs::read(folder.join("workspace/CLAUDE.md")).unwrap(), b"Be kind.");
    let mode = |name: &str| fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(["", "workspace", "home"].map(mode), [0o711, 0o700, 0o700]);

    let again = sandboxes.prepare(id, None, bench.digest).await;
    assert!(matches!(again, Err(SandboxdError::Refused { .. })), "{again:?}");
    assert!(folder.join("workspace/CLAUDE.md").exists(), "what was there stays");

    assert_eq!(sandboxes.live().await.unwrap(), []);
    assert!(sandboxes.reconnect(id).await.unwrap().is_none());
    assert_eq!(sandboxes.usage_of(id).await, None);
    assert_eq!(sandboxes.end(id).await.cause, EndCause::Gone);
    assert_eq!(sandboxes.measured_isolation().await.placement, "simulated");

    fs::write(bench.directory.path().join("canary"), "untouched").unwrap();
    symlink("../../../canary", folder.join("workspace/link")).unwrap();
    symlink(bench.directory.path(), folder.join("home/up")).unwrap();
    sandboxes.remove(id).await.unwrap();
    assert!(!folder.exists());
    assert!(bench.directory.path().join("canary").exists(), "no link is followed");
    sandboxes.remove(id).await.unwrap();
}

#[tokio::test]
async fn a_sessions_folders_come_and_go_in_this_process() {
    let bench = Bench::new(None).await;
    a_life(&bench, &bench.here()).await;
}

#[tokio::test]
async fn a_sessions_folders_come_and_go_over_the_socket() {
    let bench = Bench::new(None).await;
    a_life(&bench, &bench.there(geteuid().as_raw())).await;
}

#[tokio::test]
async fn a_version_that_is_not_there_leaves_no_folders() {
    let bench = Bench::new(None).await;
    let id = SessionId::new();
    let digest = "0".repeat(64).parse().unwrap();
    assert!(bench.here().prepare(id, None, digest).await.is_err());
    assert!(!bench.session(id).exists());
}

#[tokio::test]
async fn a_version_behind_a_link_is_not_copied() {
    let bench = Bench::new(None).await;
    let id = SessionId::new();
    let digest: Digest = "1".repeat(64).parse().unwrap();
    let agents = bench.directory.path().join("data/agents");
    symlink("/etc", agents.join(digest.to_string())).unwrap();
    assert!(bench.here().prepare(id, None, digest).await.is_err());
    assert!(!bench.session(id).exists());
}

#[tokio::test]
async fn a_user_that_is_not_the_sessions_own_is_refused() {
    let bench = Bench::new(Some(BLOCK)).await;
    let (mine, other) = (SessionId::new(), SessionId::new());
    let sandboxes = bench.here();
    assert_eq!(sandboxes.uids().await.unwrap(), Some(BLOCK));
    for uid in [None, Some(0), Some(1000), Some(BLOCK.end)] {
        let prepared = sandboxes.prepare(mine, uid, bench.digest).await;
        assert!(matches!(prepared, Err(SandboxdError::Refused { .. })), "{uid:?} {prepared:?}");
        let launched = sandboxes.launch(mine, uid, BTreeMap::new(), Limits::default()).await;
        assert!(matches!(launched, Err(SandboxdError::Refused { .. })), "{uid:?} {launched:?}");
    }
    // Somebody's files, as an earlier process left them.
    let home = bench.session(other).join("home");
    fs::create_dir_all(&home).unwrap();
    let uid = fs::metadata(&home).unwrap().uid();
    let keeper = keeper(bench.directory.path(), Some(uid..uid + 1)).await;
    let sandboxes = Sandboxes::Here(keeper);
    let refused =
        sandboxes.launch(mine, Some(uid), BTreeMap::new(), Limits::default()).await.unwrap_err();
    assert!(refused.to_string().contains("another session"), "{refused}");
    sandboxes.remove(other).await.unwrap();
    // The simulated sandbox that starts now needs no user at all.
    assert!(sandboxes.launch(mine, Some(uid), BTreeMap::new(), Limits::default()).await.is_ok());
}

#[tokio::test]
async fn a_start_without_folders_leaves_nothing() {
    let bench = Bench::new(Some(BLOCK)).await;
    let id = SessionId::new();
    let refused = bench.here().launch(id, Some(1), BTreeMap::new(), Limits::default()).await;
    assert!(refused.is_err());
    assert_eq!(fs::read_dir(bench.directory.path().join("run/s")).unwrap().count(), 0);
}

/// What comes back for bytes that no client of ours sends.
async fn answer(bench: &Bench, bytes: &[u8]) -> Answer {
    let mut stream = UnixStream::connect(bench.socket()).await.unwrap();
    // It may refuse before it has read everything.
    drop(stream.write_all(bytes).await);
    drop(stream.shutdown().await);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    serde_json::from_slice(&answer).unwrap()
}

#[tokio::test]
async fn what_is_no_request_is_refused_by_name() {
    let bench = Bench::new(None).await;
    let _serving = bench.there(geteuid().as_raw());
    let newer =
        format!(r#"{{"protocol":{},"request":{{"ask":"fly","to":"the moon"}}}}"#, PROTOCOL + 1);
    let error = SandboxdError::Version { spoken: PROTOCOL };
    assert_eq!(answer(&bench, newer.as_bytes()).await, Answer::Failed { error });
    let id = SessionId::new();
    let requests = [
        String::new(),
        "{".to_owned(),
        format!(r#"{{"ask":"end","session":"{id}"}}"#),
        format!(r#"{{"protocol":{PROTOCOL},"request":{{"ask":"fly","session":"{id}"}}}}"#),
        format!(r#"{{"protocol":{PROTOCOL},"request":{{"ask":"end","session":"../{id}"}}}}"#),
        format!(
            r#"{{"protocol":{PROTOCOL},"request":{{"ask":"end","session":"{id}","path":"/etc"}}}}"#
        ),
        format!(
            r#"{{"protocol":{PROTOCOL},"request":{{"ask":"prepare","session":"{id}","uid":null,"digest":"../../etc"}}}}"#
        ),
        format!(
            r#"{{"protocol":{PROTOCOL},"request":{{"ask":"launch","session":"{id}","uid":-1,"environment":{{}}}}}}"#
        ),
    ];
    for request in requests {
        let answer = answer(&bench, request.as_bytes()).await;
        let refused = matches!(&answer, Answer::Failed { error: SandboxdError::Refused { .. } });
        assert!(refused, "{request}: {answer:?}");
    }
    let long = vec![b' '; REQUEST_BYTES_MAX + 1];
    let long = answer(&bench, &long).await;
    assert!(matches!(long, Answer::Failed { error: SandboxdError::Refused { .. } }), "{long:?}");
}

#[tokio::test]
async fn a_stranger_is_refused() {
    if geteuid().is_root() {
        println!("SKIP: root is no stranger; tests/system asks as one");
        return;
    }
    let bench = Bench::new(None).await;
    let sandboxes = bench.there(geteuid().as_raw() + 1);
    assert!(matches!(sandboxes.live().await, Err(SandboxdError::Unreachable { .. })));
}

#[tokio::test]
async fn one_who_is_not_there_is_told_as_that() {
    let bench = Bench::new(None).await;
    let sandboxes = Sandboxes::There(Client::new(&bench.socket()));
    assert!(matches!(sandboxes.live().await, Err(SandboxdError::Unreachable { .. })));
    let isolation = sandboxes.isolation().await;
    assert!(isolation.problem.unwrap().contains("systemctl status ash-sandboxd"));
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again() {
    let bench = Bench::new(None).await;
    let listener = socket::bind(&bench.socket(), 0o600).unwrap();
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::UnixListener::from_std(listener).unwrap();
    let sandboxes = Sandboxes::There(Client::new(&bench.socket()));
    let asked = tokio::spawn({
        let sandboxes = sandboxes.clone();
        async move { sandboxes.live().await }
    });
    // The first one that listens dies with the request; its successor answers.
    drop(listener.accept().await.unwrap());
    let me = geteuid().as_raw();
    tokio::spawn(serve(bench.keeper.clone(), listener, me, bench.stop.clone()));
    assert_eq!(asked.await.unwrap().unwrap(), []);
}

#[tokio::test]
async fn a_fork_copies_one_session_to_another_and_nothing_else() {
    let bench = Bench::new(None).await;
    for sandboxes in [bench.here(), bench.there(geteuid().as_raw())] {
        let (parent, child) = (SessionId::new(), SessionId::new());
        sandboxes.prepare(parent, None, bench.digest).await.unwrap();
        let at = |id: SessionId, path: &str| bench.session(id).join(path);
        let projects = "home/.claude/projects/-workspace";
        fs::create_dir_all(at(parent, projects)).unwrap();
        fs::write(at(parent, &format!("{projects}/{parent}.jsonl")), "talk").unwrap();
        symlink("/etc/passwd", at(parent, "workspace/out")).unwrap();
        sandboxes.fork(child, None, parent, true).await.unwrap();
        let talk = fs::read_to_string(at(child, &format!("{projects}/{child}.jsonl"))).unwrap();
        assert_eq!(talk, "talk");
        assert_eq!(fs::read_link(at(child, "workspace/out")).unwrap(), Path::new("/etc/passwd"));
        assert_eq!(fs::read_to_string(at(child, "workspace/CLAUDE.md")).unwrap(), "Be kind.");
        // What is there is not written over, and what fails leaves nothing.
        let again = sandboxes.fork(child, None, parent, true).await.unwrap_err();
        assert!(matches!(again, SandboxdError::Refused { .. }), "{again:?}");
        assert!(at(child, "workspace/CLAUDE.md").exists());
        let (orphan, nobody) = (SessionId::new(), SessionId::new());
        sandboxes.fork(orphan, None, nobody, true).await.unwrap_err();
        assert!(!bench.session(orphan).exists());
        // A workspace that is a link elsewhere is no workspace.
        fs::remove_dir_all(at(parent, "workspace")).unwrap();
        symlink("/etc", at(parent, "workspace")).unwrap();
        sandboxes.fork(orphan, None, parent, false).await.unwrap_err();
        assert!(!bench.session(orphan).exists());
    }
}

/// Packs the files of a session; `None` if they still have the stamp.
async fn packed(
    sandboxes: &Sandboxes,
    id: SessionId,
    unless: Option<String>,
) -> Option<(Vec<u8>, String)> {
    let packing = sandboxes.pack(id, unless).await.unwrap();
    tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        match packing.read_into(&mut bytes).unwrap() {
            Moved::Unchanged => None,
            Moved::Packed { stamp, .. } => Some((bytes, stamp)),
            other => panic!("{other:?}"),
        }
    })
    .await
    .unwrap()
}

async fn unpacked(sandboxes: &Sandboxes, id: SessionId, uid: Option<u32>, bytes: &[u8]) -> Moved {
    let unpacking = sandboxes.unpack(id, uid).await.unwrap();
    let bytes = bytes.to_owned();
    let sent = tokio::task::spawn_blocking(move || unpacking.write_from(&mut &bytes[..]));
    sent.await.unwrap().unwrap_or_else(Moved::failed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_leave_a_session_and_come_to_another() {
    let bench = Bench::new(None).await;
    for sandboxes in [bench.here(), bench.there(geteuid().as_raw())] {
        let (one, other) = (SessionId::new(), SessionId::new());
        sandboxes.prepare(one, None, bench.digest).await.unwrap();
        let at = |id: SessionId, path: &str| bench.session(id).join(path);
        fs::write(at(one, "home/talk"), vec![7; 3 << 20]).unwrap();
        symlink("/etc/passwd", at(one, "workspace/out")).unwrap();
        let (bytes, stamp) = packed(&sandboxes, one, None).await.unwrap();
        assert_eq!(packed(&sandboxes, one, Some(stamp.clone())).await, None);
        fs::write(at(one, "home/talk"), vec![8; 3 << 20]).unwrap();
        assert!(packed(&sandboxes, one, Some(stamp)).await.is_some());

        let moved = unpacked(&sandboxes, other, None, &bytes).await;
        assert!(matches!(moved, Moved::Unpacked { .. }), "{moved:?}");
        assert_eq!(fs::read(at(other, "home/talk")).unwrap(), vec![7; 3 << 20]);
        assert_eq!(fs::read_link(at(other, "workspace/out")).unwrap(), Path::new("/etc/passwd"));
        let mode =
            |path: &str| fs::metadata(at(other, path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(["", "workspace", "home"].map(mode), [0o711, 0o700, 0o700]);
        // What is there is not written over.
        let again = sandboxes.unpack(other, None).await.map(drop).unwrap_err();
        assert!(matches!(again, SandboxdError::Refused { .. }), "{again:?}");
        // What is no stream of ours, or only half of one, leaves nothing.
        for wrong in [&bytes[..bytes.len() / 2], b"something else entirely, and more than nothing"]
        {
            let id = SessionId::new();
            let moved = unpacked(&sandboxes, id, None, wrong).await;
            assert!(matches!(moved, Moved::Failed { .. }), "{moved:?}");
            // Its turn comes when what was half made is gone.
            sandboxes.end(id).await;
            assert!(!bench.session(id).exists());
        }
        // Who goes away in the middle leaves nothing either.
        let id = SessionId::new();
        drop(sandboxes.unpack(id, None).await.unwrap());
        sandboxes.end(id).await;
        assert!(!bench.session(id).exists());
        assert!(sandboxes.pack(SessionId::new(), None).await.is_err());
    }
}

fn requests() -> Vec<Vec<u8>> {
    use super::protocol::{Envelope, Request};
    let session: SessionId = "67e55044-10b1-426f-9247-bb680e5fe0c8".parse().unwrap();
    let environment = [("A".to_owned(), "b\"\u{0}".to_owned())].into();
    let limits = Limits::default();
    [
        Request::Hello,
        Request::Launch { session, uid: Some(5), environment, limits },
        Request::Prepare { session, uid: None, digest: "1".repeat(64).parse().unwrap() },
        Request::Pack { session, unless: Some("x".to_owned()) },
    ]
    .map(|request| serde_json::to_vec(&Envelope { protocol: PROTOCOL, request }).unwrap())
    .into()
}

proptest::proptest! {
    #[test]
    fn a_mutated_request_is_the_one_it_says_or_none(bytes in crate::mutation::mutated(requests())) {
        use super::protocol::{Envelope, Request};
        if let Ok(read) = serde_json::from_slice::<Envelope<Request>>(&bytes) {
            let again = serde_json::to_vec(&read).unwrap();
            assert_eq!(serde_json::from_slice::<Envelope<Request>>(&again).unwrap(), read);
        }
    }
}
