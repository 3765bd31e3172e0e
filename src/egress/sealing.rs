//! Credentials of tenants, and what signs their webhooks, at rest: sealed by ashd to a public key
//! whose private half egress alone has, so that neither the database nor ashd can give one back.
//!
//! HPKE (RFC 9180) in its base mode, X25519 with HKDF-SHA256 and ChaCha20-Poly1305: each sealing has
//! a key of its own. The tenant and the id are authenticated with it, so that one credential cannot
//! be put in the place of another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::id::{CredentialId, WebhookId};

type Kem = X25519HkdfSha256;
type PrivateKey = <Kem as hpke::Kem>::PrivateKey;
type PublicKey = <Kem as hpke::Kem>::PublicKey;
type EncappedKey = <Kem as hpke::Kem>::EncappedKey;

/// What is sealed is of one kind; a kind is not opened as another.
#[derive(Debug)]
struct Kind {
    /// What it begins with; the last byte is the version of the format.
    magic: &'static [u8; 5],
    /// What its keys are made for; another format gets another text.
    purpose: &'static [u8],
}

const CREDENTIAL: Kind = Kind { magic: b"ASHC\x01", purpose: b"ash credential 1" };
const WEBHOOK: Kind = Kind { magic: b"ASHW\x01", purpose: b"ash webhook 1" };

/// Bytes of a key, of either half, and of what a sealing tells of its own.
const KEY_BYTES: usize = 32;

/// Bytes of a key's digest that are its name.
const NAME_BYTES: usize = 8;

/// Private keys that open: the one that is in use, and those of before.
const KEYS_MAX: usize = 8;

/// Largest secret of a tenant: keys have some hundred bytes, tokens of gateways some thousand.
pub(crate) const SECRET_BYTES_MAX: usize = 8 << 10;

/// Room for the secret and what stands beside it, so that no vector grows and leaves copies behind.
const WRITTEN_BYTES_MAX: usize = 2 * SECRET_BYTES_MAX + (8 << 10);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealingKeyError {
    #[error("it is not {KEY_BYTES} bytes in base64, or such lines")]
    Shape,
    #[error("it has more than {KEYS_MAX} keys")]
    TooMany,
}

/// Why a sealed credential cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CredentialFault {
    /// There is none any more.
    Deleted,
    /// It was sealed to a key that is not here, is of a newer version, or was changed.
    Sealed,
    /// It is for a model API that this host does not allow.
    Upstream,
}

/// The public half: whoever has it can seal, and open nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct SealingKey([u8; KEY_BYTES]);

impl SealingKey {
    fn of(public: &PublicKey) -> Self {
        let mut bytes = [0; KEY_BYTES];
        bytes.copy_from_slice(&public.to_bytes());
        Self(bytes)
    }

    /// Tells keys apart.
    fn name(&self) -> [u8; NAME_BYTES] {
        let digest = Sha256::digest(self.0);
        let mut name = [0; NAME_BYTES];
        name.copy_from_slice(&digest[..NAME_BYTES]);
        name
    }

    /// Seals `secret` as the credential `id` of `tenant`.
    pub(crate) fn seal(&self, tenant: &str, id: CredentialId, secret: &TenantSecret) -> Sealed {
        let mut text = Zeroizing::new(Vec::with_capacity(WRITTEN_BYTES_MAX));
        serde_json::to_writer(&mut *text, secret).expect("a secret has a JSON form");
        self.seal_bytes(&CREDENTIAL, &bound(tenant, id), &text)
    }

    /// Seals what signs the deliveries of the webhook `id` of `tenant` to `url`, and to no other.
    pub(crate) fn seal_webhook(
        &self,
        tenant: &str,
        id: WebhookId,
        url: &str,
        secret: &WebhookSecret,
    ) -> Sealed {
        self.seal_bytes(&WEBHOOK, &bound_webhook(tenant, id, url), &secret.0[..])
    }

    fn seal_bytes(&self, kind: &Kind, bound: &[u8], text: &[u8]) -> Sealed {
        let public = PublicKey::from_bytes(&self.0).expect("it has the right length");
        let (own, sealed) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeS::Base,
            &public,
            kind.purpose,
            text,
            bound,
        )
        .expect("a key of egress is no point of small order");
        let own = own.to_bytes();
        Sealed([&kind.magic[..], &self.name(), &own, &sealed].concat())
    }
}

impl TryFrom<String> for SealingKey {
    type Error = SealingKeyError;

    fn try_from(text: String) -> Result<Self, SealingKeyError> {
        let bytes = STANDARD.decode(text).map_err(|_text| SealingKeyError::Shape)?;
        bytes.try_into().map(Self).map_err(|_size| SealingKeyError::Shape)
    }
}

impl From<SealingKey> for String {
    fn from(key: SealingKey) -> Self {
        STANDARD.encode(key.0)
    }
}

fn bound(tenant: &str, id: CredentialId) -> Vec<u8> {
    format!("{id}\n{tenant}").into_bytes()
}

fn bound_webhook(tenant: &str, id: WebhookId, url: &str) -> Vec<u8> {
    format!("{id}\n{tenant}\n{url}").into_bytes()
}

/// What signs the deliveries of a webhook. Its tenant has it, and egress.
pub(crate) struct WebhookSecret(Zeroizing<[u8; KEY_BYTES]>);

impl WebhookSecret {
    /// How its text begins, as Standard Webhooks has it.
    const PREFIX: &str = "whsec_";

    pub(crate) fn random() -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut()).expect("Linux has had getrandom(2) since 3.17");
        Self(bytes)
    }

    /// As its tenant gets it, once.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", Self::PREFIX, STANDARD.encode(&self.0[..]))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0[..]
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(***)")
    }
}

/// A sealed secret: no secret, and worth nothing without egress.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Sealed(Vec<u8>);

impl Sealed {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name of the key it was sealed to, what the sealing told of its own, and the rest.
    fn parts(&self, kind: &Kind) -> Option<(&[u8; NAME_BYTES], &[u8; KEY_BYTES], &[u8])> {
        let rest = self.0.strip_prefix(kind.magic)?;
        let (name, rest) = rest.split_first_chunk()?;
        let (own, sealed) = rest.split_first_chunk()?;
        Some((name, own, sealed))
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

impl TryFrom<String> for Sealed {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        STANDARD.decode(text).map(Self)
    }
}

impl From<Sealed> for String {
    fn from(sealed: Sealed) -> Self {
        STANDARD.encode(sealed.0)
    }
}

/// What ashd knows of the private keys of egress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sealing {
    /// To which it seals.
    pub(crate) key: SealingKey,
    /// To which it has sealed; the first is `key`.
    opens: Vec<SealingKey>,
}

impl Sealing {
    /// Whether egress can open the credential, as far as its key tells.
    pub(crate) fn opens(&self, sealed: &Sealed) -> bool {
        let name = sealed.parts(&CREDENTIAL).map(|(name, ..)| name);
        name.is_some_and(|name| self.opens.iter().any(|key| key.name() == *name))
    }
}

/// What is sealed. The shape is part of the format.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantSecret {
    pub(crate) key: Zeroizing<String>,
    /// Of another model API than the configured one: it must not be ashd that says where a key goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base_url: Option<String>,
    /// It is sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) bearer: bool,
    /// For what it is good: it must not be ashd that says for what a key is used.
    #[serde(default, skip_serializing_if = "Use::is_model")]
    pub(crate) used_for: Use,
    /// Of one for tools: the header that it is sent in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<String>,
}

/// What a credential signs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Use {
    /// Requests to a model API of the usual shape, in place of the host's key.
    #[default]
    Model,
    /// Requests to the model API of Amazon Bedrock, in place of the host's key.
    Bedrock,
    /// Requests of tools to another API, beside the key for the model.
    Tools,
}

impl Use {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    fn is_model(&self) -> bool {
        *self == Self::Model
    }
}

impl std::fmt::Debug for TenantSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TenantSecret(***)")
    }
}

/// The private halves. Nobody but egress has them.
pub(crate) struct OpeningKeys(Vec<(SealingKey, PrivateKey)>);

impl std::fmt::Debug for OpeningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpeningKeys({})", self.0.len())
    }
}

impl OpeningKeys {
    /// A new key, as [`Self::parse`] reads it.
    pub(crate) fn random_text() -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut()).expect("Linux has had getrandom(2) since 3.17");
        Zeroizing::new(STANDARD.encode(bytes.as_slice()))
    }

    /// One key in each line; to the first is sealed.
    pub(crate) fn parse(text: &str) -> Result<Self, SealingKeyError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let keys = lines.map(|line| {
            let bytes = STANDARD.decode(line).map_err(|_text| SealingKeyError::Shape)?;
            let bytes = Zeroizing::new(bytes);
            let private = PrivateKey::from_bytes(&bytes).map_err(|_size| SealingKeyError::Shape)?;
            Ok((SealingKey::of(&Kem::sk_to_pk(&private)), private))
        });
        let keys = keys.collect::<Result<Vec<_>, _>>()?;
        match keys.len() {
            0 => Err(SealingKeyError::Shape),
            1..=KEYS_MAX => Ok(Self(keys)),
            _ => Err(SealingKeyError::TooMany),
        }
    }

    /// What whoever seals has to know.
    pub(crate) fn sealing(&self) -> Sealing {
        let opens: Vec<SealingKey> = self.0.iter().map(|(key, _)| key.clone()).collect();
        Sealing { key: opens[0].clone(), opens }
    }

    pub(super) fn open(
        &self,
        tenant: &str,
        id: CredentialId,
        sealed: &Sealed,
    ) -> Result<TenantSecret, CredentialFault> {
        let fault = CredentialFault::Sealed;
        let text = self.open_bytes(&CREDENTIAL, &bound(tenant, id), sealed).ok_or(fault)?;
        serde_json::from_slice(&text).map_err(|_newer| fault)
    }

    /// `None` if it was sealed to a key that is not here, for another webhook, or was changed.
    pub(super) fn open_webhook(
        &self,
        tenant: &str,
        id: WebhookId,
        url: &str,
        sealed: &Sealed,
    ) -> Option<WebhookSecret> {
        let text = self.open_bytes(&WEBHOOK, &bound_webhook(tenant, id, url), sealed)?;
        let mut secret = Zeroizing::new([0; KEY_BYTES]);
        (text.len() == KEY_BYTES).then(|| secret.copy_from_slice(&text))?;
        Some(WebhookSecret(secret))
    }

    fn open_bytes(&self, kind: &Kind, bound: &[u8], sealed: &Sealed) -> Option<Zeroizing<Vec<u8>>> {
        let (name, own, text) = sealed.parts(kind)?;
        let (_, private) = self.0.iter().find(|(key, _)| key.name() == *name)?;
        let own = EncappedKey::from_bytes(own).ok()?;
        let (mode, purpose) = (OpModeR::Base, kind.purpose);
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &mode, private, &own, purpose, text, bound,
        )
        .ok()
        .map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by the first version; it opens for ever.
    const FIXTURE: &str = include_str!("../../tests/fixtures/credential/v1.json");

    fn keys() -> OpeningKeys {
        OpeningKeys::parse(&OpeningKeys::random_text()).unwrap()
    }

    fn secret() -> TenantSecret {
        let key = Zeroizing::new("sk-ant-api03-of-a-tenant".to_owned());
        TenantSecret {
            key,
            base_url: Some("https://gateway.example".to_owned()),
            bearer: true,
            used_for: Use::Model,
            header: None,
        }
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_for_its_tenant_under_its_id() {
        let (keys, id) = (keys(), CredentialId::new());
        let sealing = keys.sealing();
        let sealed = sealing.key.seal("acme", id, &secret());
        assert_eq!(keys.open("acme", id, &sealed), Ok(secret()));
        assert!(sealing.opens(&sealed));
        assert!(!sealed.as_bytes().windows(6).any(|part| part == b"sk-ant"));
        assert_ne!(sealing.key.seal("acme", id, &secret()), sealed, "never the same twice");

        let fault = Err(CredentialFault::Sealed);
        assert_eq!(keys.open("other", id, &sealed), fault);
        assert_eq!(keys.open("acme", CredentialId::new(), &sealed), fault);
        let others = self::keys();
        assert_eq!(others.open("acme", id, &sealed), fault);
        assert!(!others.sealing().opens(&sealed));
        for at in [0, 4, 5, 13, 50, sealed.0.len() - 1] {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert_eq!(keys.open("acme", id, &changed), fault, "{at}");
        }
        for length in [0, 4, 13, 44, sealed.0.len() - 1] {
            let cut = Sealed(sealed.0[..length].to_vec());
            assert_eq!(keys.open("acme", id, &cut), fault, "{length}");
        }
    }

    #[test]
    fn a_key_that_was_replaced_opens_as_long_as_it_is_listed() {
        let (old, new) = (OpeningKeys::random_text(), OpeningKeys::random_text());
        let id = CredentialId::new();
        let before = OpeningKeys::parse(&old).unwrap();
        let sealed = before.sealing().key.seal("acme", id, &secret());
        let both = OpeningKeys::parse(&format!("{}\n{}\n", new.as_str(), old.as_str())).unwrap();
        assert_ne!(both.sealing().key, before.sealing().key);
        assert!(both.sealing().opens(&sealed));
        assert_eq!(both.open("acme", id, &sealed), Ok(secret()));
        assert!(!OpeningKeys::parse(&new).unwrap().sealing().opens(&sealed));
    }

    #[test]
    fn a_text_that_is_no_key_is_refused() {
        for bad in ["", "\n", "no base64", "AAAA"] {
            assert_eq!(OpeningKeys::parse(bad).unwrap_err(), SealingKeyError::Shape, "{bad:?}");
        }
        let many = [OpeningKeys::random_text().to_string(), "\n".to_owned()].concat();
        let many = many.repeat(KEYS_MAX + 1);
        assert_eq!(OpeningKeys::parse(&many).unwrap_err(), SealingKeyError::TooMany);
    }

    #[test]
    fn what_signs_a_webhook_is_opened_for_its_address_alone_and_never_as_a_credential() {
        let (keys, id, url) = (keys(), WebhookId::new(), "https://hooks.example.com/a");
        let key = keys.sealing().key;
        let secret = WebhookSecret::random();
        assert_eq!((secret.text().len(), secret.text().starts_with("whsec_")), (6 + 44, true));
        let sealed = key.seal_webhook("acme", id, url, &secret);
        let opened = |tenant: &str, id, url: &str, sealed: &Sealed| {
            keys.open_webhook(tenant, id, url, sealed).map(|secret| secret.text())
        };
        assert_eq!(opened("acme", id, url, &sealed), Some(secret.text()));
        assert_eq!(opened("acme", id, "https://hooks.example.com/b", &sealed), None);
        assert_eq!(opened("other", id, url, &sealed), None);
        assert_eq!(opened("acme", WebhookId::new(), url, &sealed), None);
        let credential = CredentialId::new();
        assert!(keys.open("acme", credential, &sealed).is_err());
        let sealed = key.seal("acme", credential, &self::secret());
        assert_eq!(opened("acme", id, url, &sealed), None);
    }

    /// Written by the first version; it opens for ever.
    #[test]
    fn what_signs_a_webhook_of_version_1_opens_for_ever() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/webhook/v1.json");
        let WebhookFixture { private, tenant, id, url, secret, sealed } =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let opened = OpeningKeys::parse(&private).unwrap().open_webhook(&tenant, id, &url, &sealed);
        assert_eq!(opened.map(|secret| secret.text()), Some(secret));
    }

    #[derive(Serialize, Deserialize)]
    struct WebhookFixture {
        private: String,
        tenant: String,
        id: WebhookId,
        url: String,
        secret: String,
        sealed: Sealed,
    }

    #[test]
    #[ignore = "writes the fixture of a new version of the format"]
    fn record_this_version_of_a_webhook() {
        let private = OpeningKeys::random_text().to_string();
        let (tenant, id) = ("acme".to_owned(), WebhookId::new());
        let url = "https://hooks.example.com/ash".to_owned();
        let key = OpeningKeys::parse(&private).unwrap().sealing().key;
        let secret = WebhookSecret::random();
        let sealed = key.seal_webhook(&tenant, id, &url, &secret);
        let secret = secret.text();
        let fixture = WebhookFixture { private, tenant, id, url, secret, sealed };
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/webhook");
        let path = std::path::Path::new(folder).join(format!("v{}.json", WEBHOOK.magic[4]));
        assert!(!path.exists(), "a fixture is never made anew");
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(path, serde_json::to_string_pretty(&fixture).unwrap()).unwrap();
    }

    #[derive(Serialize, Deserialize)]
    struct Fixture {
        private: String,
        tenant: String,
        id: CredentialId,
        sealed: Sealed,
    }

    #[test]
    fn a_credential_of_version_1_opens_for_ever() {
        let Fixture { private, tenant, id, sealed } = serde_json::from_str(FIXTURE).unwrap();
        let keys = OpeningKeys::parse(&private).unwrap();
        assert_eq!(keys.open(&tenant, id, &sealed), Ok(secret()));
    }

    #[test]
    #[ignore = "writes the fixture of a new version of the format"]
    fn record_this_version() {
        let private = OpeningKeys::random_text().to_string();
        let (tenant, id) = ("acme".to_owned(), CredentialId::new());
        let key = OpeningKeys::parse(&private).unwrap().sealing().key;
        let sealed = key.seal(&tenant, id, &secret());
        let fixture = Fixture { private, tenant, id, sealed };
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/credential");
        let path = std::path::Path::new(folder).join(format!("v{}.json", CREDENTIAL.magic[4]));
        assert!(!path.exists(), "a fixture is never made anew");
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(path, serde_json::to_string_pretty(&fixture).unwrap()).unwrap();
    }
}
