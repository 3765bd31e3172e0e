//! Whose key signs the requests of a session, and where they go with it.

use std::fmt;
use std::sync::Arc;

use http::HeaderName;

use crate::id::{CredentialId, SessionId};

use super::Shared;
use super::admissions::{Pass, Terms};
use super::answer::Failure;
use super::sealing::{CredentialFault, TenantSecret, Use};
use super::secret::ModelKey;
use super::target::Api;
use super::upstream::Upstream;

/// What a session's requests are signed with. The key of a tenant is wiped when the session, or its
/// last request, is over.
pub(super) enum Signer {
    /// The host's key.
    Host,
    Tenant {
        credential: CredentialId,
        key: ModelKey,
        upstream: Arc<Upstream>,
        used_for: Use,
    },
    /// A tenant's credential that is of no use. Never the host's key in its place.
    Nothing {
        credential: CredentialId,
        fault: CredentialFault,
    },
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("Host"),
            Self::Tenant { credential, .. } => write!(f, "Tenant({credential})"),
            Self::Nothing { credential, fault } => write!(f, "Nothing({credential}, {fault:?})"),
        }
    }
}

impl Signer {
    pub(super) fn credential(&self) -> Option<CredentialId> {
        match self {
            Self::Host => None,
            Self::Tenant { credential, .. } | Self::Nothing { credential, .. } => Some(*credential),
        }
    }
}

impl Shared {
    /// Opens the credential of a session that is admitted, if it has one.
    pub(super) fn signer(&self, session: SessionId, terms: &Terms) -> Signer {
        let Some(lent) = &terms.credential else { return Signer::Host };
        let credential = lent.id;
        let opened = match &lent.sealed {
            None => Err(CredentialFault::Deleted),
            Some(sealed) => self.opening.open(&terms.tenant, credential, sealed),
        };
        match opened.and_then(|secret| self.usable(&secret)) {
            Ok((key, upstream, used_for)) => Signer::Tenant { credential, key, upstream, used_for },
            Err(fault) => {
                tracing::warn!(
                    target: "ash::egress", %session, %credential, ?fault,
                    "the credential of a session cannot be used"
                );
                Signer::Nothing { credential, fault }
            }
        }
    }

    fn usable(
        &self,
        secret: &TenantSecret,
    ) -> Result<(ModelKey, Arc<Upstream>, Use), CredentialFault> {
        let upstream = match &secret.base_url {
            None => &self.upstream,
            Some(base) => self.upstreams.get(&address(base)).ok_or(CredentialFault::Upstream)?,
        };
        // Only a key of the model API goes to the configured one.
        if secret.base_url.is_none() && secret.used_for != Use::Model {
            return Err(CredentialFault::Upstream);
        }
        let name = secret.header.as_deref().map(str::parse::<HeaderName>).transpose();
        let name = name.map_err(|_odd| CredentialFault::Sealed)?;
        let key = match name {
            Some(name) => ModelKey::in_header(name, &secret.key),
            None if secret.bearer => ModelKey::auth_token(&secret.key),
            None => ModelKey::of_tenant(&secret.key),
        };
        let key = key.map_err(|_unusable| CredentialFault::Sealed)?;
        Ok((key, Arc::clone(upstream), secret.used_for))
    }

    /// With what a request of a session is signed, and where it goes.
    pub(super) fn signed_with<'a>(
        &'a self,
        pass: &'a Pass,
        api: Api,
    ) -> Result<(&'a ModelKey, &'a Upstream), Failure> {
        let of_host = || -> Result<(&ModelKey, &Upstream), Failure> {
            Ok((self.key.as_ref().ok_or(Failure::NoKey)?, &*self.upstream))
        };
        match (&*pass.signer, api) {
            (Signer::Host | Signer::Tenant { used_for: Use::Tools, .. }, Api::Model) => of_host(),
            (Signer::Tenant { key, upstream, used_for: Use::Model, .. }, Api::Model)
            | (Signer::Tenant { key, upstream, used_for: Use::Bedrock, .. }, Api::Bedrock)
            | (Signer::Tenant { key, upstream, used_for: Use::Tools, .. }, Api::Tools) => {
                Ok((key, &**upstream))
            }
            (Signer::Host | Signer::Tenant { .. }, _) => Err(Failure::UnknownPath),
            (Signer::Nothing { fault, .. }, _) => {
                pass.meter.has_no_credential(*fault);
                Err(Failure::Credential(*fault))
            }
        }
    }
}

/// An address of a model API in the form in which two are compared.
pub(super) fn address(base: &str) -> String {
    base.trim_end_matches('/').to_owned()
}
