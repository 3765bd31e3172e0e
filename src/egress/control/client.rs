//! ashd's side: what should be so is remembered here, and told again to every egress that comes.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::super::account::{Budget, Used};
use super::super::admissions::Terms;
use super::super::ledger::Report;
use super::super::meter::{Denied, MeterReading};
use super::super::post::{POST_MAX, Posted, Posting};
use super::super::sealing::Sealing;
use super::super::secret::PlaceholderDigest;
use super::{Answer, Lines, PROTOCOL, Tell, write_line};
use crate::chain::chain;
use crate::id::SessionId;
use crate::os::socket;

/// How long a session's start or end waits for egress to know of it. It takes microseconds; an
/// egress that is restarted meanwhile is told by the next connection.
const TELL_DEADLINE: Duration = Duration::from_secs(5);

/// How long egress may take for one answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// How long a post may take: what egress allows itself, and a little for the way.
const POST_DEADLINE: Duration = POST_MAX.saturating_add(Duration::from_secs(5));

/// Tells that wait; more than sessions can start at once.
const TELLS_MAX: usize = 1024;

/// How long to wait before connecting again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(250);

type Wanted = (Tell, oneshot::Sender<Answer>);

/// Tells egress, over its control socket. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::egress) struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    socket: PathBuf,
    may_pass: Mutex<HashMap<SessionId, (PlaceholderDigest, Terms)>>,
    tenants: Mutex<HashMap<String, (Budget, Used)>>,
    tells: OnceLock<mpsc::Sender<Wanted>>,
    reports: mpsc::Sender<Delivery>,
    /// Taken by whoever stores them.
    delivered: tokio::sync::Mutex<mpsc::Receiver<Delivery>>,
    /// What egress said last of its keys.
    sealing: Mutex<Option<Sealing>>,
    /// Why egress is not there, if it is not.
    problem: watch::Sender<Option<String>>,
}

/// A report, and who is told that it is stored.
pub(in crate::egress) type Delivery = (Report, oneshot::Sender<()>);

impl Client {
    pub(in crate::egress) fn new(socket: &Path) -> Self {
        // One at a time: the next is sent when it was taken.
        let (reports, delivered) = mpsc::channel(1);
        Self(Arc::new(Inner {
            reports,
            delivered: tokio::sync::Mutex::new(delivered),
            socket: socket.to_owned(),
            may_pass: Mutex::default(),
            tenants: Mutex::default(),
            sealing: Mutex::default(),
            tells: OnceLock::new(),
            problem: watch::channel(Some("not connected yet".to_owned())).0,
        }))
    }

    /// Connects, tells everything, and goes on telling until `stop`.
    pub(in crate::egress) fn start(&self, stop: CancellationToken) {
        let (tells, wanted) = mpsc::channel(TELLS_MAX);
        if self.0.tells.set(tells).is_ok() {
            let inner = Arc::clone(&self.0);
            tokio::spawn(async move {
                tokio::select! {
                    () = inner.keep_telling(wanted) => {}
                    () = stop.cancelled() => {}
                }
            });
        }
    }

    /// What egress reports next. Only one caller is served.
    pub(in crate::egress) async fn report(&self) -> Option<Delivery> {
        self.0.delivered.lock().await.recv().await
    }

    pub(in crate::egress) fn problem(&self) -> Option<String> {
        self.0.problem.borrow().clone()
    }

    pub(in crate::egress) async fn admit(
        &self,
        session: SessionId,
        placeholder: PlaceholderDigest,
        terms: Terms,
    ) {
        let mut terms = terms;
        if let Some((_, former)) = self.0.may_pass().get(&session) {
            // What egress has reported since is more than whoever admits may know.
            terms.used.raise(&former.used);
        }
        self.0.may_pass().insert(session, (placeholder, terms.clone()));
        self.0.tell(Tell::Admit { session, placeholder, terms }).await;
    }

    pub(in crate::egress) async fn revoke(&self, session: SessionId) -> Option<MeterReading> {
        self.0.may_pass().remove(&session)?;
        match self.0.tell(Tell::Revoke { session }).await? {
            Answer::Revoked { used } => used,
            _ => None,
        }
    }

    pub(in crate::egress) async fn allow_tenant(&self, tenant: &str, budget: Budget, used: Used) {
        let mut used = used;
        if let Some((_, former)) = self.0.tenants().get(tenant) {
            used.raise(former);
        }
        self.0.tenants().insert(tenant.to_owned(), (budget, used));
        self.0.tell(Tell::Tenant { tenant: tenant.to_owned(), budget, used }).await;
    }

    pub(in crate::egress) fn remember_tenant(&self, tenant: &str, used: &Used) {
        self.0.tenants().entry(tenant.to_owned()).or_default().1.raise(used);
    }

    pub(in crate::egress) fn sealing(&self) -> Option<Sealing> {
        self.0.sealing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An error is not the receiver's fault: egress is not there.
    pub(in crate::egress) async fn post(&self, posting: &Posting) -> io::Result<Posted> {
        let posted = async {
            let stream = socket::connect(&self.0.socket).await.map_err(io::Error::other)?;
            let (from, mut to) = stream.into_split();
            let post = Tell::Post { protocol: PROTOCOL, posting: posting.clone() };
            write_line(&mut to, &post).await?;
            match Lines::new(BufReader::new(from)).next().await? {
                Some(Answer::Posted(posted)) => Ok(posted),
                Some(Answer::Version { spoken }) => Err(foreign(spoken)),
                _ => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            }
        };
        timeout(POST_DEADLINE, posted).await?
    }

    pub(in crate::egress) async fn take_refusal(&self, session: SessionId) -> Option<Denied> {
        match self.0.tell(Tell::Refusal { session }).await {
            Some(Answer::Refusal { denied }) => denied,
            _ => None,
        }
    }
}

/// What an egress of another version is.
fn foreign(spoken: u32) -> io::Error {
    io::Error::other(format!(
        "egress speaks version {spoken} of its protocol, and ashd {PROTOCOL}; install all programs of one version of Ash, and restart ash-egress and ashd"
    ))
}

impl Inner {
    fn may_pass(&self) -> MutexGuard<'_, HashMap<SessionId, (PlaceholderDigest, Terms)>> {
        self.may_pass.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<String, (Budget, Used)>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An egress that is restarted is told how much was used already.
    fn remember_used(&self, report: &Report) {
        let mut may_pass = self.may_pass();
        for entry in &report.entries {
            if let (Some(used), Some((_, terms))) = (&entry.used, may_pass.get_mut(&entry.session))
            {
                terms.used.raise(used);
            }
        }
    }

    /// Answers what egress said; `None` if nobody is told yet, or egress does not answer in time.
    /// It will know all the same: from the next connection.
    async fn tell(&self, tell: Tell) -> Option<Answer> {
        let tells = self.tells.get()?;
        let (answer, answered) = oneshot::channel();
        let told = async {
            tells.send((tell, answer)).await.ok()?;
            answered.await.ok()
        };
        let answer = timeout(TELL_DEADLINE, told).await.ok().flatten();
        if answer.is_none() {
            tracing::warn!(problem = self.problem.borrow().as_deref(), "egress does not answer");
        }
        answer
    }

    #[expect(clippy::infinite_loop, reason = "ends with the task")]
    async fn keep_telling(&self, mut wanted: mpsc::Receiver<Wanted>) {
        loop {
            let error = match self.connection(&mut wanted).await {
                Ok(()) => "it closed the connection".to_owned(),
                Err(error) => chain(&error),
            };
            let before = self.problem.send_replace(Some(error.clone()));
            if before.as_ref() != Some(&error) {
                tracing::warn!(error, "egress is not there, connecting again");
            }
            sleep(RECONNECT_PAUSE).await;
        }
    }

    async fn connection(&self, wanted: &mut mpsc::Receiver<Wanted>) -> io::Result<()> {
        let stream = socket::connect(&self.socket).await.map_err(io::Error::other)?;
        let (from, to) = stream.into_split();
        let mut line = Line { from: Lines::new(BufReader::new(from)), to, reported: None };
        let Answer::Hello(sealing) = line.ask(&Tell::Hello { protocol: PROTOCOL }).await? else {
            return Err(io::Error::from(io::ErrorKind::InvalidData));
        };
        *self.sealing.lock().unwrap_or_else(PoisonError::into_inner) = Some(sealing);
        let everybody: Vec<_> =
            self.may_pass().iter().map(|(id, who)| (*id, who.clone())).collect();
        let tenants = self.tenants().clone();
        for (tenant, (budget, used)) in tenants {
            line.ask(&Tell::Tenant { tenant, budget, used }).await?;
        }
        for (session, (placeholder, terms)) in everybody {
            line.ask(&Tell::Admit { session, placeholder, terms }).await?;
        }
        // Who came or went meanwhile waits among `wanted`, and is told next.
        line.ask(&Tell::Complete).await?;
        if self.problem.send_replace(None).is_some() {
            tracing::info!("egress knows who may pass");
        }
        // A report that is being stored, and what is told of it then.
        let mut storing = None;
        loop {
            if storing.is_none()
                && let Some(report) = line.reported.take()
            {
                self.remember_used(&report);
                let taken = Tell::Taken { run: report.run, through: report.through };
                let (stored, is_stored) = oneshot::channel();
                storing = Some((taken, is_stored));
                // There is room for one, and this is the only one.
                drop(self.reports.try_send((report, stored)));
            }
            let (tell, answer) = tokio::select! {
                wanted = wanted.recv() => match wanted {
                    Some(wanted) => wanted,
                    None => return Ok(()),
                },
                tell = stored(&mut storing) => {
                    line.ask(&tell).await?;
                    continue;
                }
                said = line.from.next::<Answer>() => match said? {
                    Some(Answer::Report(report)) => {
                        line.reported = Some(report);
                        continue;
                    }
                    // It says nothing else unasked: this is the end.
                    _ => return Ok(()),
                },
            };
            let _nobody_waits = answer.send(line.ask(&tell).await?);
        }
    }
}

/// What to tell once the report is stored. Whoever stores it may leave; then the next ashd gets it.
async fn stored(storing: &mut Option<(Tell, oneshot::Receiver<()>)>) -> Tell {
    if let Some((tell, is_stored)) = storing
        && is_stored.await.is_ok()
    {
        let tell = tell.clone();
        *storing = None;
        return tell;
    }
    std::future::pending().await
}

struct Line {
    from: Lines<BufReader<OwnedReadHalf>>,
    to: OwnedWriteHalf,
    /// A report that came between a question and its answer.
    reported: Option<Report>,
}

impl Line {
    async fn ask(&mut self, tell: &Tell) -> io::Result<Answer> {
        let asked = async {
            write_line(&mut self.to, tell).await?;
            loop {
                match self.from.next().await? {
                    Some(Answer::Report(report)) => self.reported = Some(report),
                    Some(answer) => return Ok(answer),
                    None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                }
            }
        };
        match timeout(ANSWER_DEADLINE, asked).await?? {
            Answer::Version { spoken } => Err(foreign(spoken)),
            answer => Ok(answer),
        }
    }
}
