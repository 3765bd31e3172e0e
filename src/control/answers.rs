//! What creations were answered, for clients that ask again with the same `Idempotency-Key`: for
//! 24 hours, across restarts of ashd.
//!
//! An answer may be a secret: a new API key is answered once, and not kept. So each is sealed with
//! what the client chose as its idempotency key, of which only a digest is here, and lies in a file
//! of its own: the database and its backups have none of it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};

use crate::clock::Timestamp;

/// How long an answer is kept, as that of a message.
const KEPT: Duration = Duration::from_hours(24);

/// Answers that are kept; with more, creations are not remembered until some are old.
const ANSWERS_MAX: usize = 100_000;

/// What a file begins with: the version of its format.
const VERSION: u8 = 1;

/// The folder of them.
#[derive(Debug, Clone)]
pub(crate) struct Answers(Arc<Path>);

/// A request that may come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repeatable {
    /// The name of its file.
    pub(crate) name: String,
    /// What its answer is sealed with.
    secret: [u8; 32],
    /// Of what is asked, so that the same key for something else is found.
    request: [u8; 32],
}

/// What is known of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Nothing,
    /// It was answered with this body.
    Answered(Vec<u8>),
    /// The key was used for another request.
    Other,
}

impl Repeatable {
    /// `operation` is the method and the path.
    pub(crate) fn new(tenant: &str, operation: &str, key: &str, request: &[u8]) -> Self {
        let derive = |purpose: &str| {
            let mut digest = Sha256::new();
            for part in [purpose, tenant, operation, key] {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part);
            }
            <[u8; 32]>::from(digest.finalize())
        };
        let name = URL_SAFE_NO_PAD.encode(derive("name"));
        let request = Sha256::digest(request).into();
        Self { name, secret: derive("secret"), request }
    }

    /// The same key for a request of which only the digest is left.
    pub(crate) fn asks(self, request: [u8; 32]) -> Self {
        Self { request, ..self }
    }

    fn sealing(&self) -> LessSafeKey {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &self.secret);
        LessSafeKey::new(key.expect("a digest has the length of a key"))
    }

    /// Version, nonce, and sealed: the digest of the request, and the answer.
    fn seal(&self, answer: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        getrandom::fill(&mut nonce).expect("Linux has had getrandom(2) since 3.17");
        let mut sealed = [&self.request, answer].concat();
        self.sealing()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from([VERSION]),
                &mut sealed,
            )
            .expect("an answer is shorter than the cipher allows");
        [&[VERSION], &nonce[..], &sealed].concat()
    }

    /// What cannot be opened was never answered as far as anybody can tell.
    fn open(&self, file: &[u8]) -> Known {
        let opened = || {
            let (version, rest) = file.split_first()?;
            let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
            let mut sealed = sealed.to_vec();
            let nonce = Nonce::assume_unique_for_key(*nonce);
            let plain =
                self.sealing().open_in_place(nonce, Aad::from([*version]), &mut sealed).ok()?;
            let (request, answer) = plain.split_first_chunk::<32>()?;
            Some(if *request == self.request {
                Known::Answered(answer.to_vec())
            } else {
                Known::Other
            })
        };
        opened().unwrap_or(Known::Nothing)
    }
}

impl Answers {
    /// In a folder that is there, and only ashd's.
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.into())
    }

    pub(crate) async fn known(&self, request: &Repeatable) -> io::Result<Known> {
        let (path, request) = (self.path(request), request.clone());
        blocking(move || match fs::read(&path) {
            Ok(_) if is_old(&path)? => Ok(Known::Nothing),
            Ok(file) => Ok(request.open(&file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Known::Nothing),
            Err(error) => Err(error),
        })
        .await
    }

    /// On the disk when this is done.
    pub(crate) async fn keep(&self, request: &Repeatable, answer: &[u8]) -> io::Result<()> {
        let (path, sealed, folder) =
            (self.path(request), request.seal(answer), Arc::clone(&self.0));
        blocking(move || {
            if fs::read_dir(&folder)?.count() >= ANSWERS_MAX {
                return Err(io::Error::other("too many answers are kept"));
            }
            let beside = path.with_extension("new");
            let mut file = fs::File::create(&beside)?;
            file.write_all(&sealed)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            fs::File::open(&folder)?.sync_all()
        })
        .await
    }

    /// Forgets those that are old.
    pub(super) async fn sweep(&self) -> io::Result<()> {
        let folder = Arc::clone(&self.0);
        blocking(move || {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if is_old(&path)? {
                    fs::remove_file(&path)?;
                }
            }
            Ok(())
        })
        .await
    }

    fn path(&self, request: &Repeatable) -> PathBuf {
        self.0.join(&request.name)
    }
}

fn is_old(path: &Path) -> io::Result<bool> {
    let written = fs::metadata(path)?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let kept = (written + KEPT).as_millis();
    Ok(i64::try_from(kept).is_ok_and(|end| end <= Timestamp::now().as_millis()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_had_again_by_the_same_request_alone_and_not_read_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let answers = Answers::new(folder.path());
        let of = |tenant, key, request: &str| {
            Repeatable::new(tenant, "POST /api/api-keys", key, request.as_bytes())
        };
        let request = of("a", "k", "{}");
        assert_eq!(answers.known(&request).await.unwrap(), Known::Nothing);
        answers.keep(&request, b"ash_secret").await.unwrap();
        let same = Known::Answered(b"ash_secret".to_vec());
        assert_eq!(answers.known(&of("a", "k", "{}")).await.unwrap(), same);
        assert_eq!(answers.known(&of("a", "k", "{ }")).await.unwrap(), Known::Other);
        assert_eq!(answers.known(&of("b", "k", "{}")).await.unwrap(), Known::Nothing);
        assert_eq!(answers.known(&of("a", "l", "{}")).await.unwrap(), Known::Nothing);
        let path = answers.path(&request);
        let mut file = fs::read(&path).unwrap();
        assert!(!file.windows(6).any(|bytes| bytes == b"secret"));
        answers.sweep().await.unwrap();
        assert!(path.exists());
        *file.last_mut().unwrap() ^= 1;
        fs::write(&path, &file).unwrap();
        assert_eq!(answers.known(&request).await.unwrap(), Known::Nothing, "it was changed");
        let then = UNIX_EPOCH + Duration::from_secs(1);
        fs::File::open(&path).unwrap().set_modified(then).unwrap();
        assert_eq!(answers.known(&request).await.unwrap(), Known::Nothing, "it is old");
        answers.sweep().await.unwrap();
        assert!(!path.exists());
    }
}
