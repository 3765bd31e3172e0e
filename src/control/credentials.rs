//! Credentials of tenants for the model API: taken once, sealed to egress, lent to sessions.

use zeroize::Zeroizing;

use super::{Caller, Control, Refusal};
use crate::clock::Timestamp;
use crate::egress::{SECRET_BYTES_MAX, Sealed, TenantSecret, Use};
use crate::id::CredentialId;
use crate::session::credential::{Purpose, is_region};
use crate::session::options::OptionError;
use crate::store::CredentialRecord;
use crate::wire::credentials::{CreateCredential, Credential, CredentialKind, CredentialList};

/// Credentials of one tenant.
const CREDENTIALS_MAX: usize = 1_000;

/// Characters of a label.
const LABEL_CHARACTERS_MAX: usize = 200;

/// Longest name of a header for a key.
const HEADER_BYTES_MAX: usize = 64;

/// What a key of OpenAI is for if its client names no other address.
const OPENAI_URL: &str = "https://api.openai.com/v1";

/// What belongs to the connection, or says where a request goes, and carries no key.
const NO_KEY_IN: [&str; 8] = [
    "connection",
    "content-length",
    "cookie",
    "expect",
    "host",
    "te",
    "transfer-encoding",
    "upgrade",
];

fn is_own_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=HEADER_BYTES_MAX).contains(&name.len())
        && name.bytes().all(plain)
        && !name.starts_with("proxy-")
        && !NO_KEY_IN.contains(&name.as_str())
}

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
        let (purpose, secret) = self.judged(request)?;
        let kind = purpose.kind();
        let id = CredentialId::new();
        let record = CredentialRecord {
            id,
            tenant: caller.tenant.clone(),
            kind: purpose.to_string(),
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
    fn judged(&self, request: CreateCredential) -> Result<(Purpose, TenantSecret), OptionError> {
        let wrong = |field: &str, what: &str| {
            Err(OptionError { field: field.to_owned(), what: what.to_owned() })
        };
        let CreateCredential { kind, key, base_url, bearer, region, tools, header, .. } = request;
        // Sized once, so that no copy stays behind.
        let key = Zeroizing::new(key.0.trim().to_owned());
        if key.is_empty() || key.len() > SECRET_BYTES_MAX {
            return wrong("key", &format!("it has 1 to {SECRET_BYTES_MAX} bytes"));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return wrong("key", "it has a character that cannot be part of one");
        }
        // What is for some kinds only.
        for (field, given, belongs) in [
            ("baseUrl", base_url.is_some(), kind != CredentialKind::Anthropic),
            ("bearer", bearer, kind == CredentialKind::Custom),
            ("region", region.is_some(), kind == CredentialKind::Bedrock),
            ("tools", tools, kind == CredentialKind::Custom),
            ("header", header.is_some(), kind == CredentialKind::Custom && tools && !bearer),
        ] {
            if given && !belongs {
                let what = format!("it is not for {} like this", kind.as_str());
                return wrong(field, &what);
            }
        }
        if header.as_deref().is_some_and(|header| !is_own_header(header)) {
            return wrong("header", "it is no name of a header that a key can be sent in");
        }
        let (purpose, used_for, base_url, bearer) = match kind {
            CredentialKind::Anthropic => (Purpose::Anthropic, Use::Model, None, false),
            CredentialKind::Custom if base_url.is_none() => {
                let what = "a credential of the type `custom` is for an address of its own";
                return wrong("baseUrl", what);
            }
            CredentialKind::Custom if tools => {
                (Purpose::CustomTools, Use::Tools, base_url, header.is_none())
            }
            CredentialKind::Custom => (Purpose::Custom, Use::Model, base_url, bearer),
            CredentialKind::Openai => {
                let base = base_url.unwrap_or_else(|| OPENAI_URL.to_owned());
                (Purpose::Openai, Use::Tools, Some(base), true)
            }
            CredentialKind::Bedrock => {
                let Some(region) = region.filter(|region| is_region(region)) else {
                    return wrong(
                        "region",
                        "it is the name of a region of AWS, such as `us-east-1`",
                    );
                };
                if ["AKIA", "ASIA"].iter().any(|begin| key.starts_with(begin)) {
                    let what = "this is the id of an access key, which would sign each request; make an \
                                API key of Bedrock";
                    return wrong("key", what);
                }
                let own = || format!("https://bedrock-runtime.{region}.amazonaws.com");
                let base = base_url.unwrap_or_else(own);
                (Purpose::Bedrock { region }, Use::Bedrock, Some(base), true)
            }
        };
        if let Some(base) = base_url.as_deref().filter(|base| !self.is_upstream(base)) {
            let what = format!(
                "`{base}` is not listed in `model.upstreams` of this host, where an administrator can add it"
            );
            return wrong("baseUrl", &what);
        }
        Ok((purpose, TenantSecret { key, base_url, bearer, used_for, header }))
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

    /// Refuses what a session cannot be signed with; answers for what it is.
    pub(super) async fn check_credential(
        &self,
        caller: &Caller,
        id: Option<CredentialId>,
    ) -> Result<Option<Purpose>, Refusal> {
        let Some(id) = id else { return Ok(None) };
        let found = self.host.store.credential(&caller.tenant, id).await?;
        if let Some(record) = found.filter(|record| self.is_active(record))
            && let Ok(purpose) = record.kind.parse()
        {
            return Ok(Some(purpose));
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
        let purpose: Option<Purpose> = record.kind.parse().ok();
        let region = match &purpose {
            Some(Purpose::Bedrock { region }) => Some(region.clone()),
            _ => None,
        };
        Credential {
            active: self.is_active(&record),
            id: record.id,
            tenant_id: record.tenant,
            tools: matches!(purpose, Some(Purpose::CustomTools | Purpose::Openai)),
            region,
            kind: purpose.map_or(record.kind, |purpose| purpose.kind().as_str().to_owned()),
            label: record.label,
            created_at: record.created_at,
            last_used_at: record.last_used_at,
        }
    }
}
