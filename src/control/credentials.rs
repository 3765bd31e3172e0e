//! Credentials of tenants for the model API: taken once, sealed to egress, lent to sessions.

use zeroize::Zeroizing;

use super::{Caller, Control, Refusal};
use crate::clock::Timestamp;
use crate::egress::{SECRET_BYTES_MAX, Sealed, TenantSecret};
use crate::id::CredentialId;
use crate::session::options::OptionError;
use crate::store::CredentialRecord;
use crate::wire::credentials::{CreateCredential, Credential, CredentialKind, CredentialList};

/// Credentials of one tenant.
const CREDENTIALS_MAX: usize = 1_000;

/// Characters of a label.
const LABEL_CHARACTERS_MAX: usize = 200;

impl Control {
    pub(crate) async fn create_credential(
        &self,
        caller: &Caller,
        request: CreateCredential,
    ) -> Result<Credential, Refusal> {
        let sealing = self.host.egress.sealing().ok_or(Refusal::NoSealing)?;
        let label = request.label.clone().filter(|label| !label.is_empty());
        if label.as_ref().is_some_and(|label| label.chars().count() > LABEL_CHARACTERS_MAX) {
            return Err(Refusal::KeyLabel { max: LABEL_CHARACTERS_MAX });
        }
        let kind = request.kind;
        let secret = self.judged(request)?;
        let id = CredentialId::new();
        let record = CredentialRecord {
            id,
            tenant: caller.tenant.clone(),
            kind: kind.as_str().to_owned(),
            label,
            sealed: sealing.key.seal(&caller.tenant, id, &secret).as_bytes().to_vec(),
            created_at: Timestamp::now(),
            last_used_at: None,
        };
        drop(secret);
        if !self.host.store.create_credential(record.clone(), CREDENTIALS_MAX).await? {
            return Err(Refusal::TooManyCredentials { max: CREDENTIALS_MAX });
        }
        tracing::info!(credential = %id, tenant = caller.tenant, kind = kind.as_str(), "a credential was made");
        Ok(self.shown(record))
    }

    /// What is sealed of a request, if all of it can be kept.
    fn judged(&self, request: CreateCredential) -> Result<TenantSecret, OptionError> {
        let wrong = |field: &str, what: &str| {
            Err(OptionError { field: field.to_owned(), what: what.to_owned() })
        };
        let CreateCredential { kind, key, base_url, bearer, .. } = request;
        // Sized once, so that no copy stays behind.
        let key = Zeroizing::new(key.0.trim().to_owned());
        if key.is_empty() || key.len() > SECRET_BYTES_MAX {
            return wrong("key", &format!("it has 1 to {SECRET_BYTES_MAX} bytes"));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong("key", "it has a character that cannot be part of one");
        }
        match (kind, &base_url) {
            (CredentialKind::Openai | CredentialKind::Bedrock, _) => wrong(
                "type",
                "only `anthropic` and `custom` are kept out of the sandbox, and others are not taken; \
                 what code inside may know can be given to it in `extraEnv`",
            ),
            (CredentialKind::Anthropic, Some(_)) => {
                wrong("baseUrl", "it is for the type `custom` only")
            }
            (CredentialKind::Anthropic, None) if bearer => {
                wrong("bearer", "it is for the type `custom` only")
            }
            (CredentialKind::Custom, None) => {
                wrong("baseUrl", "a credential of the type `custom` is for an address of its own")
            }
            (CredentialKind::Custom, Some(base)) if !self.is_upstream(base) => wrong(
                "baseUrl",
                "it is not listed in `model.upstreams` of this host, where an administrator can add it",
            ),
            (CredentialKind::Anthropic | CredentialKind::Custom, _) => {
                Ok(TenantSecret { key, base_url, bearer })
            }
        }
    }

    fn is_upstream(&self, base: &str) -> bool {
        let base = base.trim_end_matches('/');
        self.settings().upstreams.iter().any(|listed| listed == base)
    }

    /// Those of the caller's tenant, the oldest first.
    pub(crate) async fn list_credentials(
        &self,
        caller: &Caller,
    ) -> Result<CredentialList, Refusal> {
        let found = self.host.store.credentials(&caller.tenant).await?;
        let credentials = found.into_iter().map(|record| self.shown(record)).collect();
        Ok(CredentialList { credentials })
    }

    /// From now on nothing is signed with it; its sessions are told at their next request.
    pub(crate) async fn delete_credential(
        &self,
        caller: &Caller,
        id: CredentialId,
    ) -> Result<(), Refusal> {
        if !self.host.store.delete_credential(&caller.tenant, id).await? {
            return Err(Refusal::CredentialNotFound);
        }
        tracing::info!(credential = %id, tenant = caller.tenant, "a credential was deleted");
        for session in self.host.store.sessions_with_credential(&caller.tenant, id).await? {
            if let Some(handle) = self.host.known(session) {
                handle.renew_terms().await;
            }
        }
        Ok(())
    }

    /// Refuses what a session cannot be signed with.
    pub(super) async fn check_credential(
        &self,
        caller: &Caller,
        id: Option<CredentialId>,
    ) -> Result<(), Refusal> {
        let Some(id) = id else { return Ok(()) };
        let found = self.host.store.credential(&caller.tenant, id).await?;
        if found.is_some_and(|record| self.is_active(&record)) {
            return Ok(());
        }
        // The original's words.
        let what = "Invalid or inaccessible credential".to_owned();
        Err(OptionError { field: "credentialId".to_owned(), what }.into())
    }

    /// An egress that is not there has said nothing against it.
    fn is_active(&self, record: &CredentialRecord) -> bool {
        let sealed = Sealed::new(record.sealed.clone());
        self.host.egress.sealing().is_none_or(|sealing| sealing.opens(&sealed))
    }

    fn shown(&self, record: CredentialRecord) -> Credential {
        Credential {
            active: self.is_active(&record),
            id: record.id,
            tenant_id: record.tenant,
            kind: record.kind,
            label: record.label,
            created_at: record.created_at,
            last_used_at: record.last_used_at,
        }
    }
}
