//! Where objects are, and how they get there and back.

use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::buffered::BufWriter;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::{StreamReader, SyncIoBridge};
use uuid::Uuid;

use super::connector::Connector;
use super::key::ArchiveKey;
use super::manifest::{FORMAT, Format, Manifest, ObjectRecord};
use super::seal::{Opener, Sealer};
use crate::id::SessionId;

/// Bytes kept before they are sent: the smallest part that providers take.
const PART_BYTES: usize = 5 << 20;

/// Largest manifest: ids, sizes and digests.
const MANIFEST_BYTES_MAX: u64 = 64 << 10;

/// Compresses well enough, faster than a disk.
const LEVEL: i32 = 3;

/// Bytes handed over at once between threads.
const HAND_BYTES: usize = 256 << 10;

/// Stands in the name of a file that is being written, and in no other.
const DRAFT_MARK: u8 = b'#';

const MANIFEST: &str = "manifest.json";

#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("`{url}` is no place for archives: {reason}")]
    Url { url: String, reason: String },
    #[error("the archive cannot be reached")]
    Place(#[source] object_store::Error),
    #[error("there is no snapshot of the session")]
    NotFound,
    #[error(
        "the snapshot was made by a newer version: it has format {found}, and {FORMAT} is the newest known here"
    )]
    Newer { found: u32 },
    #[error("the snapshot is sealed with the key {wanted}, and this host has {has}")]
    OtherKey { wanted: String, has: String },
    #[error("the snapshot is damaged: {what}")]
    Damaged { what: String },
    #[error("the content could not be moved")]
    Content(#[source] io::Error),
    #[error("something else was wanted of the session meanwhile")]
    Abandoned,
}

impl From<object_store::Error> for ArchiveError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            error => Self::Place(error),
        }
    }
}

/// A place for snapshots, and the key that seals them. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    place: Arc<dyn ObjectStore>,
    /// The folder, if it is one of this host.
    local: Option<Arc<PathBuf>>,
    root: Path,
    key: ArchiveKey,
}

impl Archive {
    /// `url` is an absolute path, or `file://`, `s3://`, `gs://`, `az://` with what stands before all
    /// names. Providers get their credentials from their own variables. Blocking.
    pub(crate) fn open(url: &str, key: ArchiveKey) -> Result<Self, ArchiveError> {
        let refused = |reason: &dyn std::fmt::Display| ArchiveError::Url {
            url: url.to_owned(),
            reason: reason.to_string(),
        };
        let (scheme, rest) = url.split_once("://").unwrap_or(("file", url));
        let mut own = None;
        let (place, root): (Arc<dyn ObjectStore>, &str) = match scheme {
            "file" => {
                let folder = PathBuf::from(rest);
                if !folder.is_absolute() {
                    return Err(refused(&"the path is not absolute"));
                }
                let mut builder = std::fs::DirBuilder::new();
                let made = builder.recursive(true).mode(0o700).create(&folder);
                made.map_err(|error| refused(&error))?;
                let local = LocalFileSystem::new_with_prefix(&folder);
                own = Some(Arc::new(folder));
                (Arc::new(local.map_err(|error| refused(&error))?.with_fsync(true)), "")
            }
            "s3" | "gs" | "az" => {
                let (bucket, root) = rest.split_once('/').unwrap_or((rest, ""));
                let place: Result<Arc<dyn ObjectStore>, _> = match scheme {
                    "s3" => AmazonS3Builder::from_env()
                        .with_bucket_name(bucket)
                        .with_http_connector(Connector)
                        .build()
                        .map(|store| Arc::new(store) as _),
                    "gs" => GoogleCloudStorageBuilder::from_env()
                        .with_bucket_name(bucket)
                        .with_http_connector(Connector)
                        .build()
                        .map(|store| Arc::new(store) as _),
                    _ => MicrosoftAzureBuilder::from_env()
                        .with_container_name(bucket)
                        .with_http_connector(Connector)
                        .build()
                        .map(|store| Arc::new(store) as _),
                };
                (place.map_err(|error| refused(&error))?, root)
            }
            _ => {
                return Err(refused(
                    &"it starts with none of `/`, `file://`, `s3://`, `gs://`, `az://`",
                ));
            }
        };
        let root = Path::parse(root).map_err(|error| refused(&error))?;
        Ok(Self { place, local: own, root, key })
    }

    /// The name of the key that seals.
    pub(crate) fn key_name(&self) -> String {
        self.key.name()
    }

    fn folder(&self, tenant: &str, session: SessionId) -> Path {
        self.root.clone().join(tenant).join(session.to_string())
    }

    /// Makes a new object of what `fill` writes, and answers what it is and what `fill` says. Nothing
    /// is there when that is nothing, when it fails, or when the caller goes away.
    pub(crate) async fn put<T, F>(
        &self,
        tenant: &str,
        session: SessionId,
        kind: &str,
        fill: F,
    ) -> Result<Option<(ObjectRecord, T)>, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Write) -> io::Result<Option<T>> + Send + 'static,
    {
        let name = format!("{kind}-{}", Uuid::new_v4().simple());
        let path = self.folder(tenant, session).join(name.as_str());
        let key = self.key.of_object(session, &name);
        let writer = BufWriter::with_capacity(Arc::clone(&self.place), path, PART_BYTES);
        let writer = SyncIoBridge::new(writer);
        let guard = Abandoned::default();
        let abandoned = Arc::clone(&guard.0);
        let work = move || {
            let mut to = Summed::new(io::BufWriter::with_capacity(HAND_BYTES, writer));
            let filled = (|| {
                let sealer = Sealer::new(&key, &mut to)?;
                let mut packer = zstd::Encoder::new(sealer, LEVEL)?;
                let mut content = Summed::new(&mut packer);
                content.abandoned = Some(abandoned);
                let said = fill(&mut content)?;
                let content = content.sum();
                packer.finish()?.finish()?;
                Ok((content, said))
            })();
            let sum = to.sum();
            // What was written, and is not flushed if it failed.
            (to.inner.into_parts().0, filled.map(|(content, said)| (sum, content, said)))
        };
        let (writer, filled) =
            tokio::task::spawn_blocking(work).await.map_err(|_ended| ArchiveError::Abandoned)?;
        let mut writer = writer.into_inner();
        match filled {
            Ok((sum, content, Some(said))) => {
                writer.shutdown().await.map_err(ArchiveError::Content)?;
                let (bytes, sha256) = sum;
                let (content_bytes, content_sha256) = content;
                let object = ObjectRecord { name, bytes, sha256, content_bytes, content_sha256 };
                Ok(Some((object, said)))
            }
            Ok((_, _, None)) => {
                let _aborted = writer.abort().await;
                Ok(None)
            }
            Err(error) => {
                // Parts that were sent are not worth keeping.
                let _aborted = writer.abort().await;
                Err(ArchiveError::Content(error))
            }
        }
    }

    /// Lets `take` read what is in an object. What it did must be undone if this fails: the digests
    /// are known at the end only.
    pub(crate) async fn get<T, F>(
        &self,
        manifest: &Manifest,
        object: &ObjectRecord,
        take: F,
    ) -> Result<T, ArchiveError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Read) -> io::Result<T> + Send + 'static,
    {
        let name = object.name.as_str();
        let path = self.folder(&manifest.tenant, manifest.session).join(name);
        let found = self.place.get(&path).await.map_err(|error| match error {
            object_store::Error::NotFound { .. } => {
                ArchiveError::Damaged { what: format!("`{name}` is missing") }
            }
            error => ArchiveError::Place(error),
        })?;
        let key = self.key.of_object(manifest.session, name);
        let stream = found.into_stream().map_err(io::Error::other);
        let from = SyncIoBridge::new(StreamReader::new(stream));
        let wanted = object.clone();
        let work = move || {
            let mut from = Summed::new(from);
            let mut content = Summed::new(zstd::Decoder::new(Opener::new(&key, &mut from))?);
            let took = take(&mut content)?;
            io::copy(&mut content, &mut io::sink())?;
            let content = content.sum();
            io::copy(&mut from, &mut io::sink())?;
            let is_whole = from.sum() == (wanted.bytes, wanted.sha256)
                && content == (wanted.content_bytes, wanted.content_sha256);
            if is_whole {
                Ok(took)
            } else {
                let what = "the object is not the one that the manifest names";
                Err(io::Error::new(io::ErrorKind::InvalidData, what))
            }
        };
        let took = tokio::task::spawn_blocking(work).await;
        took.map_err(|_ended| ArchiveError::Abandoned)?.map_err(|error: io::Error| {
            match error.kind() {
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    ArchiveError::Damaged { what: format!("`{}`: {error}", object.name) }
                }
                _ => ArchiveError::Content(error),
            }
        })
    }

    /// Makes the snapshot that `manifest` names the session's, in one step.
    pub(crate) async fn publish(&self, manifest: &Manifest) -> Result<(), ArchiveError> {
        let bytes = serde_json::to_vec_pretty(manifest).expect("a manifest has a JSON form");
        let path = self.folder(&manifest.tenant, manifest.session).join(MANIFEST);
        self.place.put(&path, PutPayload::from(bytes)).await?;
        Ok(())
    }

    /// What the last snapshot of the session is, if this host can read it.
    pub(crate) async fn manifest(
        &self,
        tenant: &str,
        session: SessionId,
    ) -> Result<Manifest, ArchiveError> {
        let path = self.folder(tenant, session).join(MANIFEST);
        let found = self.place.get(&path).await?;
        if found.meta.size > MANIFEST_BYTES_MAX {
            return Err(ArchiveError::Damaged { what: "its manifest is too large".to_owned() });
        }
        self.read(&found.bytes().await?, tenant, session)
    }

    /// Understands a manifest of the session, if this host can read what it names.
    pub(crate) fn read(
        &self,
        bytes: &[u8],
        tenant: &str,
        session: SessionId,
    ) -> Result<Manifest, ArchiveError> {
        let damaged = |what: &dyn std::fmt::Display| ArchiveError::Damaged {
            what: format!("its manifest: {what}"),
        };
        let Format { format } = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        if format > FORMAT {
            return Err(ArchiveError::Newer { found: format });
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|error| damaged(&error))?;
        if (manifest.session, manifest.tenant.as_str()) != (session, tenant) {
            return Err(damaged(&"it is another session's"));
        }
        let has = self.key_name();
        if manifest.key != has {
            return Err(ArchiveError::OtherKey { wanted: manifest.key, has });
        }
        Ok(manifest)
    }

    /// Removes objects that the manifest does not name: of the snapshot before, or of one that was
    /// interrupted.
    pub(crate) async fn tidy(&self, manifest: &Manifest) -> Result<(), ArchiveError> {
        let kept = [MANIFEST, &manifest.files.name, &manifest.log.name];
        self.remove_but(&manifest.tenant, manifest.session, &kept).await
    }

    /// Removes all that is there of the session.
    pub(crate) async fn remove(
        &self,
        tenant: &str,
        session: SessionId,
    ) -> Result<(), ArchiveError> {
        let path = self.folder(tenant, session).join(MANIFEST);
        match self.place.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.remove_but(tenant, session, &[]).await
    }

    async fn remove_but(
        &self,
        tenant: &str,
        session: SessionId,
        kept: &[&str],
    ) -> Result<(), ArchiveError> {
        let folder = self.folder(tenant, session);
        self.remove_drafts(&folder).await?;
        let mut listed = self.place.list(Some(&folder));
        while let Some(object) = listed.next().await {
            let path = object?.location;
            if !path.filename().is_some_and(|name| kept.contains(&name)) {
                self.place.delete(&path).await?;
            }
        }
        Ok(())
    }
}

impl Archive {
    /// Removes objects that a killed process was writing into a folder of this host: they have names
    /// that are never listed. With providers, parts without an object are theirs to forget.
    async fn remove_drafts(&self, folder: &Path) -> Result<(), ArchiveError> {
        let Some(local) = &self.local else { return Ok(()) };
        let folder = local.join(folder.as_ref());
        let removed = tokio::task::spawn_blocking(move || -> io::Result<()> {
            let entries = match std::fs::read_dir(folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                if entry.file_name().as_encoded_bytes().contains(&DRAFT_MARK) {
                    std::fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        });
        removed.await.map_err(|_ended| ArchiveError::Abandoned)?.map_err(ArchiveError::Content)
    }
}

/// Set when the one who waits is gone: what still writes for him stops.
#[derive(Default)]
struct Abandoned(Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Counts and hashes what goes through.
struct Summed<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
    abandoned: Option<Arc<AtomicBool>>,
}

impl<T> Summed<T> {
    fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0, abandoned: None }
    }

    fn sum(&self) -> (u64, String) {
        (self.bytes, format!("{:x}", self.hash.clone().finalize()))
    }

    fn note(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.abandoned.as_ref().is_some_and(|gone| gone.load(Ordering::Relaxed)) {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "nobody waits for it"));
        }
        let written = self.inner.write(bytes)?;
        self.note(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.note(&buffer[..read]);
        Ok(read)
    }
}
