//! What a place for snapshots promises, in a folder.

use std::path::{Path, PathBuf};

use super::*;
use crate::clock::Timestamp;
use crate::id::{DEFAULT_TENANT, SessionId};

/// A key that the fixture was sealed with; of no use for anything else.
const KEY: &str = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

struct Bench {
    folder: tempfile::TempDir,
    archive: Archive,
    session: SessionId,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = open(folder.path(), KEY);
        Self { folder, archive, session: SessionId::new() }
    }

    async fn put(&self, kind: &str, content: &[u8]) -> ObjectRecord {
        let content = content.to_owned();
        let put = self.archive.put(DEFAULT_TENANT, self.session, kind, move |to| {
            to.write_all(&content)?;
            Ok(Some(()))
        });
        put.await.unwrap().unwrap().0
    }

    fn manifest(&self, files: ObjectRecord, log: ObjectRecord) -> Manifest {
        Manifest {
            format: FORMAT,
            session: self.session,
            tenant: DEFAULT_TENANT.to_owned(),
            agent: "qa-bot".parse().unwrap(),
            agent_version: 1,
            made_at: Timestamp::from_millis(1_700_000_000_000),
            made_by: "0.1.0".to_owned(),
            key: self.archive.key_name(),
            last_event: 7,
            last_part: 2,
            files_stamp: "stamp".to_owned(),
            files,
            log,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(DEFAULT_TENANT).join(self.session.to_string()).join(name)
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.at("")) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    async fn read(
        &self,
        manifest: &Manifest,
        object: &ObjectRecord,
    ) -> Result<Vec<u8>, ArchiveError> {
        read(&self.archive, manifest, object).await
    }
}

fn open(folder: &Path, key: &str) -> Archive {
    Archive::open(folder.to_str().unwrap(), ArchiveKey::parse(key).unwrap()).unwrap()
}

async fn read(
    archive: &Archive,
    manifest: &Manifest,
    object: &ObjectRecord,
) -> Result<Vec<u8>, ArchiveError> {
    archive
        .get(manifest, object, |from| {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_is_got_and_readable_by_nobody_else() {
    let bench = Bench::new();
    // More than a part.
    let mut large = vec![0; 12 << 20];
    getrandom::fill(&mut large).unwrap();
    let files = bench.put("files", &large).await;
    let log = bench.put("log", b"TOKEN=a secret that was said").await;
    let manifest = bench.manifest(files, log);
    bench.archive.publish(&manifest).await.unwrap();
    let found = bench.archive.manifest(DEFAULT_TENANT, bench.session).await.unwrap();
    assert_eq!(found, manifest);
    assert!(bench.read(&found, &found.files).await.unwrap() == large);
    assert_eq!(bench.read(&found, &found.log).await.unwrap(), b"TOKEN=a secret that was said");
    for name in bench.names() {
        let bytes = std::fs::read(bench.at(&name)).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"secret"), "{name}");
    }
    assert!(!format!("{:?}", bench.archive).contains(KEY));

    let other = ArchiveKey::random();
    let stranger = open(bench.folder.path(), &other.expose());
    let refused = stranger.manifest(DEFAULT_TENANT, bench.session).await.unwrap_err();
    assert!(matches!(refused, ArchiveError::OtherKey { .. }), "{refused:?}");
    let refused = read(&stranger, &manifest, &manifest.log).await.unwrap_err();
    assert!(matches!(refused, ArchiveError::Damaged { .. }), "{refused:?}");
    let nobody = bench.archive.manifest(DEFAULT_TENANT, SessionId::new()).await.unwrap_err();
    assert!(matches!(nobody, ArchiveError::NotFound), "{nobody:?}");
}

#[tokio::test]
async fn what_is_not_as_the_manifest_says_is_refused() {
    let bench = Bench::new();
    let files = bench.put("files", &vec![7; 300_000]).await;
    let log = bench.put("log", b"log").await;
    let manifest = bench.manifest(files.clone(), log.clone());
    let refused = |error: ArchiveError| {
        assert!(matches!(error, ArchiveError::Damaged { .. }), "{error:?}");
    };
    // One object in the place of another.
    let swapped = ObjectRecord { name: log.name.clone(), ..files.clone() };
    refused(bench.read(&manifest, &swapped).await.unwrap_err());
    for wrong in [
        ObjectRecord { sha256: log.sha256.clone(), ..files.clone() },
        ObjectRecord { content_sha256: log.content_sha256.clone(), ..files.clone() },
        ObjectRecord { bytes: 1, ..files.clone() },
    ] {
        refused(bench.read(&manifest, &wrong).await.unwrap_err());
    }
    let whole = std::fs::read(bench.at(&files.name)).unwrap();
    let mut changed = whole.clone();
    changed[whole.len() / 2] ^= 1;
    for bytes in [&changed[..], &whole[..whole.len() - 1], &[]] {
        std::fs::write(bench.at(&files.name), bytes).unwrap();
        refused(bench.read(&manifest, &files).await.unwrap_err());
    }
    std::fs::remove_file(bench.at(&files.name)).unwrap();
    refused(bench.read(&manifest, &files).await.unwrap_err());
}

#[tokio::test]
async fn what_fails_or_is_nothing_leaves_nothing() {
    let bench = Bench::new();
    for outcome in [Ok(None::<()>), Err(std::io::Error::other("no"))] {
        let failed = outcome.is_err();
        let put = bench.archive.put(DEFAULT_TENANT, bench.session, "files", move |to| {
            to.write_all(&vec![1; 20 << 20])?;
            outcome
        });
        assert_eq!(put.await.is_err(), failed);
        assert_eq!(bench.names(), [""; 0]);
    }
}

#[tokio::test]
async fn an_older_snapshot_and_what_was_interrupted_are_tidied_away() {
    let bench = Bench::new();
    let old = bench.manifest(bench.put("files", b"1").await, bench.put("log", b"1").await);
    bench.archive.publish(&old).await.unwrap();
    let new = bench.manifest(bench.put("files", b"2").await, old.log.clone());
    // A process that is killed here has the old one whole.
    let found = bench.archive.manifest(DEFAULT_TENANT, bench.session).await.unwrap();
    assert_eq!(bench.read(&found, &found.files).await.unwrap(), b"1");
    std::fs::write(bench.at("files-half#1"), "half").unwrap();
    bench.archive.publish(&new).await.unwrap();
    bench.archive.tidy(&new).await.unwrap();
    assert_eq!(bench.names(), [&new.files.name, &new.log.name, "manifest.json"]);
    bench.archive.remove(DEFAULT_TENANT, bench.session).await.unwrap();
    assert_eq!(bench.names(), [""; 0]);
    bench.archive.remove(DEFAULT_TENANT, bench.session).await.unwrap();
}

#[tokio::test]
async fn a_newer_format_is_refused_by_its_number() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.at("")).unwrap();
    std::fs::write(bench.at("manifest.json"), r#"{"format":2,"shape":"unknown"}"#).unwrap();
    let refused = bench.archive.manifest(DEFAULT_TENANT, bench.session).await.unwrap_err();
    assert!(matches!(refused, ArchiveError::Newer { found: 2 }), "{refused:?}");
}

#[test]
fn a_place_that_is_none_is_refused_with_its_reason() {
    for url in ["archive", "ftp://host/x", "file://relative"] {
        let refused = Archive::open(url, ArchiveKey::random()).unwrap_err();
        assert!(refused.to_string().contains(url), "{refused}");
    }
    assert!(ArchiveKey::parse("short").is_err());
    let key = ArchiveKey::random();
    assert_eq!(ArchiveKey::parse(&key.expose()).unwrap().name(), key.name());
}
