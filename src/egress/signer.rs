//! Whose key signs the requests of a session, and where they go with it.

use std::fmt;
use std::sync::Arc;

use crate::id::{CredentialId, SessionId};

use super::Shared;
use super::admissions::{Pass, Terms};
use super::answer::Failure;
use super::sealing::{CredentialFault, TenantSecret};
use super::secret::ModelKey;
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
            Ok((key, upstream)) => Signer::Tenant { credential, key, upstream },
            Err(fault) => {
                tracing::warn!(
                    target: "ash::egress", %session, %credential, ?fault,
                    "the credential of a session cannot be used"
                );
                Signer::Nothing { credential, fault }
            }
        }
    }

    fn usable(&self, secret: &TenantSecret) -> Result<(ModelKey, Arc<Upstream>), CredentialFault> {
        let upstream = match &secret.base_url {
            None => &self.upstream,
            Some(base) => self.upstreams.get(&address(base)).ok_or(CredentialFault::Upstream)?,
        };
        let key = if secret.bearer {
            ModelKey::auth_token(&secret.key)
        } else {
            ModelKey::of_tenant(&secret.key)
        };
        Ok((key.map_err(|_unusable| CredentialFault::Sealed)?, Arc::clone(upstream)))
    }

    /// With what a request of a session is signed, and where it goes.
    pub(super) fn signed_with<'a>(
        &'a self,
        pass: &'a Pass,
    ) -> Result<(&'a ModelKey, &'a Upstream), Failure> {
        match &*pass.signer {
            Signer::Host => Ok((self.key.as_ref().ok_or(Failure::NoKey)?, &*self.upstream)),
            Signer::Tenant { key, upstream, .. } => Ok((key, &**upstream)),
            Signer::Nothing { fault, .. } => {
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
