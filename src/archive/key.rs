//! The key of archives. Whoever has it and the objects has the sessions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::id::SessionId;

/// Bytes of the key, before base64.
const KEY_BYTES: usize = 32;

/// Bytes of its digest that are its name.
const NAME_BYTES: usize = 8;

/// What keys of objects are made for; another format gets another text.
const PURPOSE: &str = "ash archive 1";

#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the key of archives is not {KEY_BYTES} bytes in base64")]
    Shape,
}

/// 32 random bytes.
#[derive(Clone)]
pub(crate) struct ArchiveKey(Zeroizing<[u8; KEY_BYTES]>);

impl std::fmt::Debug for ArchiveKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArchiveKey({})", self.name())
    }
}

impl ArchiveKey {
    pub(crate) fn random() -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut()).expect("Linux has had getrandom(2) since 3.17");
        Self(bytes)
    }

    pub(crate) fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text.trim()).map_err(|_text| KeyError::Shape)?;
        let bytes = Zeroizing::new(bytes);
        let whole =
            <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).map_err(|_size| KeyError::Shape)?;
        Ok(Self(Zeroizing::new(whole)))
    }

    /// As [`Self::parse`] reads it.
    pub(crate) fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }

    /// Tells keys apart, and nothing of what they are.
    pub(crate) fn name(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(PURPOSE);
        hash.update(self.0.as_slice());
        let digest = hash.finalize();
        let mut name = format!("{digest:x}");
        name.truncate(2 * NAME_BYTES);
        name
    }

    /// The key of one object, which is written once.
    pub(super) fn of_object(&self, session: SessionId, object: &str) -> Zeroizing<[u8; KEY_BYTES]> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        let tag = hmac::sign(&key, format!("{PURPOSE}\n{session}\n{object}").as_bytes());
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }
}
