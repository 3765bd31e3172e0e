//! What the rest of ashd knows of egress, wherever it runs.

use std::io;
use std::path::Path;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Egress;
use super::account::{Budget, Used};
use super::admissions::Terms;
use super::control::Client;
use super::ledger::Report;
use super::meter::{Denied, MeterReading};
use super::post::{Posted, Posting};
use super::sealing::Sealing;
use super::secret::Placeholder;
use crate::id::SessionId;

/// For a report that is stored: until it is handed in, the report comes again.
#[derive(Debug)]
pub(crate) enum Receipt {
    Here(Egress, Uuid, u64),
    There(oneshot::Sender<()>),
}

impl Receipt {
    pub(crate) fn stored(self) {
        match self {
            Self::Here(egress, run, through) => egress.ledger().taken(run, through),
            // A connection that has ended gets the report again.
            Self::There(stored) => drop(stored.send(())),
        }
    }
}

/// Says who may pass. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Place);

#[derive(Debug, Clone)]
enum Place {
    Here(Egress),
    There(Client),
}

impl Gate {
    /// In this process.
    pub(crate) fn here(egress: Egress) -> Self {
        Self(Place::Here(egress))
    }

    /// ash-egress, by its control socket.
    pub(crate) fn there(socket: &Path) -> Self {
        Self(Place::There(Client::new(socket)))
    }

    /// Everybody who may pass by now has been admitted: from here on egress may refuse the others.
    pub(crate) fn start(&self, stop: CancellationToken) {
        match &self.0 {
            Place::Here(egress) => egress.open(),
            Place::There(client) => client.start(stop),
        }
    }

    /// Whether it is a program of its own.
    pub(crate) fn is_apart(&self) -> bool {
        matches!(self.0, Place::There(_))
    }

    /// Why nobody can pass, if nobody can.
    pub(crate) fn problem(&self) -> Option<String> {
        match &self.0 {
            Place::Here(_) => None,
            Place::There(client) => client.problem(),
        }
    }

    /// From now on `placeholder` stands for `session`, on these terms. A former placeholder of the
    /// session loses its worth, its meter goes on.
    pub(crate) async fn admit(&self, session: SessionId, placeholder: &Placeholder, terms: Terms) {
        match &self.0 {
            Place::Here(egress) => egress.admit(session, placeholder, terms),
            Place::There(client) => client.admit(session, placeholder.digest(), terms).await,
        }
    }

    /// What was decided and is not stored yet, as soon as there is something. Only one caller is
    /// served; `None` if there is nothing more to come.
    pub(crate) async fn report(&self) -> Option<(Report, Receipt)> {
        match &self.0 {
            Place::Here(egress) => {
                let report = egress.ledger().report().await;
                let receipt = Receipt::Here(egress.clone(), report.run, report.through);
                Some((report, receipt))
            }
            Place::There(client) => {
                let (report, stored) = client.report().await?;
                Some((report, Receipt::There(stored)))
            }
        }
    }

    /// What the sessions of `tenant` may use together, and have used at least.
    pub(crate) async fn allow_tenant(&self, tenant: &str, budget: Budget, used: Used) {
        match &self.0 {
            Place::Here(egress) => egress.allow_tenant(tenant, budget, &used),
            Place::There(client) => client.allow_tenant(tenant, budget, used).await,
        }
    }

    /// An egress that is restarted is told that `tenant` has used so much.
    pub(crate) fn remember_used(&self, tenant: &str, used: &Used) {
        if let Place::There(client) = &self.0 {
            client.remember_tenant(tenant, used);
        }
    }

    /// To what credentials of tenants are sealed; `None` as long as egress has not said it.
    pub(crate) fn sealing(&self) -> Option<Sealing> {
        match &self.0 {
            Place::Here(egress) => Some(egress.sealing()),
            Place::There(client) => client.sealing(),
        }
    }

    /// Why requests of `session` were refused since the last question.
    pub(crate) async fn take_refusal(&self, session: SessionId) -> Option<Denied> {
        match &self.0 {
            Place::Here(egress) => egress.take_refusal(session),
            Place::There(client) => client.take_refusal(session).await,
        }
    }

    /// Tells the receiver of a webhook something. An error is not the receiver's fault: egress is
    /// not there.
    pub(crate) async fn post(&self, posting: &Posting) -> io::Result<Posted> {
        match &self.0 {
            Place::Here(egress) => Ok(egress.post(posting).await),
            Place::There(client) => client.post(posting).await,
        }
    }

    /// Nothing of `session` passes any more; what is under way is cut. Answers what it used.
    pub(crate) async fn revoke(&self, session: SessionId) -> Option<MeterReading> {
        match &self.0 {
            Place::Here(egress) => egress.revoke(session),
            Place::There(client) => client.revoke(session).await,
        }
    }
}
