//! Who may pass: the sessions, their placeholders, and in whose hands those must be.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::id::{CredentialId, SessionId};

use super::account::{Account, Budget, Used};
use super::hosts::HostRules;
use super::meter::Meter;
use super::sealing::Sealed;
use super::secret::{Placeholder, PlaceholderDigest};
use super::signer::Signer;
use super::tunnel::TUNNELS_MAX;

/// On which terms a session passes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Terms {
    /// Its placeholder is worth something in the hands of this user only.
    pub(crate) uid: Option<u32>,
    /// Beside the model it reaches these, as far as this host allows them.
    pub(crate) hosts: HostRules,
    /// Whose session it is.
    pub(crate) tenant: String,
    pub(crate) budget: Budget,
    /// At least so much has been used of it.
    pub(crate) used: Used,
    /// What its requests are signed with; without one, the host's key.
    pub(crate) credential: Option<Lent>,
}

/// A credential of a tenant, as a session has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lent {
    pub(crate) id: CredentialId,
    /// `None` if there is none any more.
    pub(crate) sealed: Option<Sealed>,
}

/// A session that was recognized.
#[derive(Debug, Clone)]
pub(super) struct Pass {
    pub(super) session: SessionId,
    pub(super) meter: Arc<Meter>,
    pub(super) hosts: Arc<HostRules>,
    pub(super) signer: Arc<Signer>,
    /// Tunnels that it may still open.
    pub(super) tunnels: Arc<Semaphore>,
    /// Canceled when the session may not pass any more.
    pub(super) revoked: CancellationToken,
}

/// Why nobody was recognized. The sandbox is not told which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stranger {
    /// No session has this placeholder.
    Unknown,
    /// A session has it, and runs under another uid.
    ForeignUser { session: SessionId },
}

struct Admission {
    digest: PlaceholderDigest,
    uid: Option<u32>,
    pass: Pass,
}

/// The table. It keeps digests, not placeholders.
#[derive(Default)]
pub(super) struct Admissions {
    by_session: HashMap<SessionId, Admission>,
    by_digest: HashMap<PlaceholderDigest, SessionId>,
    /// What the sessions of each tenant use together.
    tenants: HashMap<String, Arc<Account>>,
}

impl Admissions {
    pub(super) fn admit(
        &mut self,
        session: SessionId,
        digest: PlaceholderDigest,
        Terms { uid, hosts, tenant, budget, used, credential: _ }: Terms,
        signer: Signer,
    ) {
        let (hosts, signer) = (Arc::new(hosts), Arc::new(signer));
        let pass = match self.by_session.remove(&session) {
            Some(former) => {
                self.by_digest.remove(&former.digest);
                Pass { hosts, signer, ..former.pass }
            }
            None => Pass {
                session,
                meter: Arc::new(Meter::new(Arc::clone(self.tenant(tenant)))),
                hosts,
                signer,
                tunnels: Arc::new(Semaphore::new(TUNNELS_MAX)),
                revoked: CancellationToken::new(),
            },
        };
        pass.meter.allow(budget, &used);
        self.by_digest.insert(digest, session);
        self.by_session.insert(session, Admission { digest, uid, pass });
    }

    fn tenant(&mut self, name: String) -> &Arc<Account> {
        self.tenants.entry(name).or_default()
    }

    /// What all sessions of a tenant may use together, and have used at least.
    pub(super) fn allow_tenant(&mut self, name: String, budget: Budget, used: &Used) {
        self.tenant(name).allow(budget, used);
    }

    pub(super) fn revoke(&mut self, session: SessionId) -> Option<Arc<Meter>> {
        let admission = self.by_session.remove(&session)?;
        self.by_digest.remove(&admission.digest);
        admission.pass.revoked.cancel();
        Some(admission.pass.meter)
    }

    /// Revokes everybody who is not among `named`.
    pub(super) fn retain(&mut self, named: &HashSet<SessionId>) {
        let others: Vec<_> =
            self.by_session.keys().filter(|session| !named.contains(session)).copied().collect();
        for session in others {
            self.revoke(session);
        }
    }

    pub(super) fn meter(&self, session: SessionId) -> Option<Arc<Meter>> {
        self.by_session.get(&session).map(|admission| Arc::clone(&admission.pass.meter))
    }

    /// For a test that takes the judgement of hands away.
    #[cfg(feature = "testing")]
    pub(super) fn pass(&self, session: SessionId) -> Option<Pass> {
        self.by_session.get(&session).map(|admission| admission.pass.clone())
    }

    /// The session that shows `placeholder` over a connection of `uid`.
    pub(super) fn recognize(
        &self,
        placeholder: &Placeholder,
        uid: Option<u32>,
    ) -> Result<Pass, Stranger> {
        let digest = placeholder.digest();
        let session = self.by_digest.get(&digest).ok_or(Stranger::Unknown)?;
        let admission = self.by_session.get(session).ok_or(Stranger::Unknown)?;
        if !admission.digest.is(&digest) {
            return Err(Stranger::Unknown);
        }
        if admission.uid.is_some() && admission.uid != uid {
            return Err(Stranger::ForeignUser { session: *session });
        }
        Ok(admission.pass.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_stands_for_its_session_until_it_is_replaced_or_revoked() {
        let mut admissions = Admissions::default();
        let (session, first, second) =
            (SessionId::new(), Placeholder::random(), Placeholder::random());
        assert_eq!(admissions.recognize(&first, None).unwrap_err(), Stranger::Unknown);

        admissions.admit(session, first.digest(), Terms::default(), Signer::Host);
        let pass = admissions.recognize(&first, Some(7)).unwrap();
        assert_eq!(pass.session, session);
        pass.meter.count_request();

        admissions.admit(session, second.digest(), Terms::default(), Signer::Host);
        assert_eq!(admissions.recognize(&first, None).unwrap_err(), Stranger::Unknown);
        let pass = admissions.recognize(&second, None).unwrap();
        assert_eq!(pass.meter.read().requests, 1, "the meter goes on");
        assert!(!pass.revoked.is_cancelled());

        assert_eq!(admissions.revoke(session).unwrap().read().requests, 1);
        assert!(pass.revoked.is_cancelled());
        assert_eq!(admissions.recognize(&second, None).unwrap_err(), Stranger::Unknown);
        assert!(admissions.revoke(session).is_none());
        assert!(admissions.by_digest.is_empty() && admissions.by_session.is_empty());
    }

    #[test]
    fn a_placeholder_is_worth_nothing_in_foreign_hands() {
        let mut admissions = Admissions::default();
        let (session, placeholder) = (SessionId::new(), Placeholder::random());
        let terms = Terms { uid: Some(77_701), ..Terms::default() };
        admissions.admit(session, placeholder.digest(), terms, Signer::Host);
        assert!(admissions.recognize(&placeholder, Some(77_701)).is_ok());
        for uid in [Some(77_702), Some(0), None] {
            let stranger = admissions.recognize(&placeholder, uid).unwrap_err();
            assert_eq!(stranger, Stranger::ForeignUser { session });
        }
    }
}
