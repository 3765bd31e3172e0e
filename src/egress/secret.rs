//! The two secrets of the way out: the real key, which stays on this side, and the placeholder
//! that a sandbox has in its stead.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

pub(super) const API_KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// What the model API wants to be told where a token of its own sign-in comes instead of a key.
const BETA_HEADER: HeaderName = HeaderName::from_static("anthropic-beta");
const OAUTH_BETA: HeaderValue = HeaderValue::from_static("oauth-2025-04-20");

/// How such a token begins.
const OAUTH_PREFIX: &str = "sk-ant-oat";

/// Marks a placeholder for people and for secret scanners; the CLI wants `sk-ant-`.
const PLACEHOLDER_PREFIX: &str = "sk-ant-ash-";

/// Randomness of a placeholder.
const PLACEHOLDER_BYTES: usize = 32;

/// A shorter key is only compared with a whole header value: as a part it would be found in
/// values that have nothing to do with it. Real keys have about a hundred bytes.
const KEY_SEARCH_BYTES_MIN: usize = 12;

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("the model key is empty")]
    Empty,
    #[error("the model key has a character that cannot be part of one")]
    Character,
}

/// A credential of the model API. Its memory is wiped when the last use of it is over.
pub(crate) struct ModelKey {
    name: HeaderName,
    /// As it is sent.
    value: HeaderValue,
    /// The key alone, in the same memory.
    secret: Bytes,
}

impl ModelKey {
    /// A key that is sent as `x-api-key`. White space around it is the file's, not the key's.
    pub(crate) fn api_key(text: &str) -> Result<Self, KeyError> {
        Self::new(API_KEY_HEADER, "", text.trim())
    }

    /// A token that is sent as `Authorization: Bearer`.
    pub(crate) fn auth_token(text: &str) -> Result<Self, KeyError> {
        Self::new(AUTHORIZATION, "Bearer ", text.trim())
    }

    /// A key that is sent as it is, in a header of its own.
    pub(super) fn in_header(name: HeaderName, text: &str) -> Result<Self, KeyError> {
        Self::new(name, "", text.trim())
    }

    /// As the text says it: a token of the model API's sign-in, or a key.
    pub(super) fn of_tenant(text: &str) -> Result<Self, KeyError> {
        if text.starts_with(OAUTH_PREFIX) { Self::auth_token(text) } else { Self::api_key(text) }
    }

    fn new(name: HeaderName, scheme: &str, key: &str) -> Result<Self, KeyError> {
        if key.is_empty() {
            return Err(KeyError::Empty);
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(KeyError::Character);
        }
        // Sized at once: a vector that grows leaves copies behind.
        let mut line = Zeroizing::new(Vec::with_capacity(scheme.len() + key.len()));
        line.extend_from_slice(scheme.as_bytes());
        line.extend_from_slice(key.as_bytes());
        let line = Bytes::from_owner(line);
        let secret = line.slice(scheme.len()..);
        let mut value =
            HeaderValue::from_maybe_shared(line).expect("graphic ASCII is a header value");
        value.set_sensitive(true);
        Ok(Self { name, value, secret })
    }

    /// Puts the key where the model API looks for it.
    pub(super) fn sign(&self, headers: &mut HeaderMap) {
        if self.secret.starts_with(OAUTH_PREFIX.as_bytes()) {
            headers.append(BETA_HEADER, OAUTH_BETA);
        }
        headers.insert(self.name.clone(), self.value.clone());
    }

    /// Whether `value` gives the key away.
    pub(super) fn is_in(&self, value: &HeaderValue) -> bool {
        let value = value.as_bytes();
        value == self.secret
            || value == self.value.as_bytes()
            || (self.secret.len() >= KEY_SEARCH_BYTES_MIN
                && value.windows(self.secret.len()).any(|part| part == self.secret))
    }
}

impl fmt::Debug for ModelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A text that is not a placeholder of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not a placeholder for a model key")]
pub(crate) struct PlaceholderError;

/// What a sandbox has instead of the key: 256 random bits that only this host's egress knows.
#[derive(Clone)]
pub(crate) struct Placeholder(Zeroizing<String>);

impl Placeholder {
    pub(crate) fn random() -> Self {
        let mut bits = Zeroizing::new([0; PLACEHOLDER_BYTES]);
        getrandom::fill(bits.as_mut()).expect("Linux has had getrandom(2) since 3.17");
        let mut text = Zeroizing::new(String::with_capacity(64));
        text.push_str(PLACEHOLDER_PREFIX);
        URL_SAFE_NO_PAD.encode_string(bits.as_ref(), &mut text);
        Self(text)
    }

    /// The text, for the environment of the sandbox and for the store.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// What stands for it in a table: looking up a digest tells nothing by the time it takes.
    pub(super) fn digest(&self) -> PlaceholderDigest {
        PlaceholderDigest(Sha256::digest(self.0.as_bytes()).into())
    }
}

/// What stands for a placeholder where nobody needs to have it. No secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PlaceholderDigest([u8; 32]);

impl PlaceholderDigest {
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl FromStr for Placeholder {
    type Err = PlaceholderError;

    fn from_str(text: &str) -> Result<Self, PlaceholderError> {
        let bits = text.strip_prefix(PLACEHOLDER_PREFIX).ok_or(PlaceholderError)?;
        let bits = URL_SAFE_NO_PAD.decode(bits).map(Zeroizing::new);
        match bits {
            Ok(bits) if bits.len() == PLACEHOLDER_BYTES => {
                Ok(Self(Zeroizing::new(text.to_owned())))
            }
            _ => Err(PlaceholderError),
        }
    }
}

impl PartialEq for Placeholder {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Placeholder {}

impl fmt::Debug for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Placeholder(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-ant-api03-0123456789";

    #[test]
    fn a_key_shows_itself_only_in_the_header_it_is_for() {
        let mut headers = HeaderMap::new();
        let key = ModelKey::api_key(&format!("{KEY}\n")).unwrap();
        key.sign(&mut headers);
        assert_eq!(headers["x-api-key"], KEY);
        let token = ModelKey::auth_token(KEY).unwrap();
        token.sign(&mut headers);
        assert_eq!(headers["authorization"], format!("Bearer {KEY}"));
        assert!(!headers.contains_key("anthropic-beta"));
        ModelKey::of_tenant("sk-ant-oat01-0123456789").unwrap().sign(&mut headers);
        assert_eq!(headers["authorization"], "Bearer sk-ant-oat01-0123456789");
        assert_eq!(headers["anthropic-beta"], "oauth-2025-04-20");
        let shown = format!("{key:?} {token:?} {headers:?}");
        assert!(!shown.contains("0123456789"), "{shown}");
    }

    #[test]
    fn a_text_that_cannot_be_a_key_is_refused() {
        assert_eq!(ModelKey::api_key(" \n").unwrap_err(), KeyError::Empty);
        for bad in ["two words", "line\nbreak", "schlüssel", "nul\0"] {
            assert_eq!(ModelKey::auth_token(bad).unwrap_err(), KeyError::Character, "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_found_wherever_it_hides_in_a_value() {
        let found = |key: &ModelKey, text: &str| key.is_in(&HeaderValue::from_str(text).unwrap());
        let key = ModelKey::auth_token(KEY).unwrap();
        for hidden in [KEY.to_owned(), format!("Bearer {KEY}"), format!("a={KEY}; b")] {
            assert!(found(&key, &hidden), "{hidden}");
        }
        assert!(!found(&key, "sk-ant-api03-other"));
        let short = ModelKey::api_key("json").unwrap();
        assert!(found(&short, "json"));
        assert!(!found(&short, "application/json"));
    }

    #[test]
    fn placeholders_are_random_and_survive_being_written_down() {
        let (one, other) = (Placeholder::random(), Placeholder::random());
        assert_ne!(one, other);
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.expose().len(), PLACEHOLDER_PREFIX.len() + 43);
        assert_eq!(one.expose().parse::<Placeholder>().unwrap(), one);
        assert_eq!(format!("{one:?}"), "Placeholder(***)");
    }

    #[test]
    fn what_we_did_not_make_is_no_placeholder() {
        let placeholder = Placeholder::random();
        let text = placeholder.expose();
        let short = text.strip_suffix(|_| true).unwrap();
        for bad in ["", KEY, "sk-ant-ash-", short, &format!("{text}A"), &format!(" {text}")] {
            assert_eq!(bad.parse::<Placeholder>(), Err(PlaceholderError), "{bad:?}");
        }
    }
}
