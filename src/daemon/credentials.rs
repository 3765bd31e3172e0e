//! The secrets of ashd: read once, from files or the environment, never logged.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use http::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::data;
use super::failure::Failure;
use crate::archive::ArchiveKey;
use crate::config::{ModelSettings, Settings};
use crate::control::keys::new_key;
use crate::egress::{ModelKey, OpeningKeys};

/// Largest secret in a file.
const SECRET_BYTES_MAX: u64 = 64 << 10;
/// The credential that systemd passes, and the file of the key that ashd makes itself.
const MODEL_CREDENTIAL: &str = "anthropic-api-key";
const API_KEY_CREDENTIAL: &str = "ash-api-key";
const INITIAL_KEY_FILE: &str = "initial-api-key";
const ARCHIVE_KEY_CREDENTIAL: &str = "ash-archive-key";
const ARCHIVE_KEY_FILE: &str = "archive-key";
const COLLECTOR_CREDENTIAL: &str = "ash-otlp-headers";
const OPENING_KEY_CREDENTIAL: &str = "ash-credential-key";
const OPENING_KEY_FILE: &str = "credential-key";

/// The model key: a credential or a file, then the environment; none is possible, and then the
/// model answers 401 with what to set.
pub(super) fn model_key(settings: &Settings) -> Result<Option<ModelKey>, Failure> {
    let ModelSettings { key_file, key, auth_token, .. } = &settings.model;
    let passed = settings
        .credentials
        .as_ref()
        .map(|folder| folder.join(MODEL_CREDENTIAL))
        .filter(|path| path.exists());
    if let Some(path) = key_file.clone().or(passed) {
        return Ok(Some(ModelKey::api_key(&read(&path)?)?));
    }
    Ok(match (key, auth_token) {
        (Some(key), _) => Some(ModelKey::api_key(key)?),
        (None, Some(token)) => Some(ModelKey::auth_token(token)?),
        (None, None) => None,
    })
}

/// The API key: a credential or a file, the environment, or one made at the first start.
pub(super) fn api_key(settings: &Settings) -> Result<Zeroizing<String>, Failure> {
    if let Some(key) = &settings.api_key {
        return Ok(key.clone());
    }
    let passed = settings
        .credentials
        .as_ref()
        .map(|folder| folder.join(API_KEY_CREDENTIAL))
        .filter(|path| path.exists());
    match settings.api_key_file.clone().or(passed) {
        Some(path) => read(&path),
        None => made_once(&settings.data.join(INITIAL_KEY_FILE), new_key),
    }
}

/// The key of archives: a credential or a file, or one made at the first start.
pub(super) fn archive_key(settings: &Settings) -> Result<ArchiveKey, Failure> {
    let passed = settings
        .credentials
        .as_ref()
        .map(|folder| folder.join(ARCHIVE_KEY_CREDENTIAL))
        .filter(|path| path.exists());
    let text = match settings.archive_key_file.clone().or(passed) {
        Some(path) => read(&path)?,
        None => made_once(&settings.data.join(ARCHIVE_KEY_FILE), || ArchiveKey::random().expose())?,
    };
    Ok(ArchiveKey::parse(&text)?)
}

/// The keys that open the credentials of tenants: a credential or a file, or one made at the first
/// start, in the folder of egress, which is none of ashd's where they are two programs.
pub(super) fn opening_keys(settings: &Settings) -> Result<OpeningKeys, Failure> {
    let passed = settings
        .credentials
        .as_ref()
        .map(|folder| folder.join(OPENING_KEY_CREDENTIAL))
        .filter(|path| path.exists());
    let text = if let Some(path) = settings.model.credential_key_file.clone().or(passed) {
        read(&path)?
    } else {
        data::folder(&settings.state, 0o700)?;
        made_once(&settings.state.join(OPENING_KEY_FILE), OpeningKeys::random_text)?
    };
    Ok(OpeningKeys::parse(&text)?)
}

/// Headers for the collector of spans: a file or a credential; none is usual.
pub(super) fn collector_headers(
    settings: &Settings,
) -> Result<Vec<(HeaderName, HeaderValue)>, Failure> {
    let passed = settings
        .credentials
        .as_ref()
        .map(|folder| folder.join(COLLECTOR_CREDENTIAL))
        .filter(|path| path.exists());
    let Some(path) = settings.traces_headers_file.clone().or(passed) else {
        return Ok(Vec::new());
    };
    let text = read(&path)?;
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let mut value = HeaderValue::try_from(value.trim()).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::try_from(name.trim()).ok()?, value))
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| header(line).ok_or_else(|| Failure::Header { path: path.clone() })).collect()
}

fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |source| Failure::File { path: path.to_owned(), source };
    let mut text = Zeroizing::new(String::new());
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    let trimmed = Zeroizing::new(text.trim().to_owned());
    if trimmed.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "the file is empty")));
    }
    Ok(trimmed)
}

/// In a file that only its owner reads. Never printed.
fn made_once(
    path: &Path,
    make: impl Fn() -> Zeroizing<String>,
) -> Result<Zeroizing<String>, Failure> {
    let failed = |source| Failure::File { path: path.to_owned(), source };
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let key = make();
            file.write_all(key.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
            tracing::info!(path = %path.display(), "made a key");
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path),
        Err(source) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_first_key_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(INITIAL_KEY_FILE);
        let first = made_once(&path, new_key).unwrap();
        assert!(first.starts_with("ash_") && first.len() == 36);
        assert_eq!(made_once(&path, new_key).unwrap(), first);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_empty_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, " \n").unwrap();
        assert!(matches!(read(&path), Err(Failure::File { .. })));
    }
}
