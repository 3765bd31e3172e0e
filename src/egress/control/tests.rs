use std::path::PathBuf;

use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;

use super::super::audit::{Decision, Subject, Verdict};
use super::super::secret::Placeholder;
use super::super::tests::opening_keys;
use super::super::{
    Egress, EgressLimits, EgressSettings, Gate, HostRules, Prices, Receivers, WebhookSecret,
};
use super::*;
use crate::id::{DeliveryId, WebhookId};
use crate::os::socket;

struct Bench {
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("control.sock")
    }

    /// An egress that has just started, until the token is cancelled.
    fn egress(&self) -> (Egress, CancellationToken) {
        let upstream = "http://127.0.0.1:1".parse().unwrap();
        let hosts = HostRules::default();
        let limits = EgressLimits::default();
        let (opening, upstreams) = (opening_keys(), Vec::new());
        let receivers = Receivers::default();
        let prices = Prices::default();
        let settings = EgressSettings {
            upstream,
            key: None,
            opening,
            upstreams,
            hosts,
            receivers,
            prices,
            limits,
        };
        let egress = Egress::new(settings).unwrap();
        let listener = socket::bind(&self.path(), 0o600).unwrap();
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::UnixListener::from_std(listener).unwrap();
        let stop = CancellationToken::new();
        let me = nix::unistd::geteuid().as_raw();
        tokio::spawn(serve(egress.clone(), listener, me, stop.clone()));
        (egress, stop)
    }

    fn gate(&self) -> (Gate, CancellationToken) {
        (Gate::there(&self.path()), CancellationToken::new())
    }
}

fn terms(uid: u32) -> Terms {
    Terms { uid: Some(uid), ..Terms::default() }
}

fn passes(egress: &Egress, placeholder: &Placeholder) -> bool {
    egress.recognizes(placeholder, Some(7))
}

#[tokio::test]
async fn who_is_admitted_passes_until_revoked() {
    let bench = Bench::new();
    let (egress, _running) = bench.egress();
    let (gate, stop) = bench.gate();
    let (early, late) = (Placeholder::random(), Placeholder::random());
    let (first, second) = (SessionId::new(), SessionId::new());
    gate.admit(first, &early, terms(7)).await;
    assert!(!passes(&egress, &early), "nobody has told egress yet");
    gate.start(stop.clone());
    egress.opened().await;
    assert!(passes(&egress, &early));
    gate.admit(second, &late, terms(7)).await;
    assert!(passes(&egress, &late));
    assert!(!egress.recognizes(&late, Some(8)), "only in its own hands");
    assert!(gate.revoke(first).await.is_some());
    assert!(!passes(&egress, &early) && passes(&egress, &late));
    assert_eq!(gate.revoke(first).await, None);
    assert_eq!(gate.sealing(), Some(egress.sealing()), "said with the greeting");
    assert_eq!(gate.problem(), None);
}

#[tokio::test]
async fn an_egress_that_restarts_is_told_everything_again() {
    let bench = Bench::new();
    let (_first, running) = bench.egress();
    let (gate, stop) = bench.gate();
    gate.start(stop);
    let (session, gone) = (SessionId::new(), SessionId::new());
    let (stays, leaves) = (Placeholder::random(), Placeholder::random());
    gate.admit(session, &stays, terms(7)).await;
    gate.admit(gone, &leaves, terms(7)).await;
    gate.revoke(gone).await;
    running.cancel();
    let bound = async {
        while UnixStream::connect(bench.path()).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    bound.await;
    let (second, _running) = bench.egress();
    second.opened().await;
    assert!(passes(&second, &stays) && !passes(&second, &leaves));
}

#[tokio::test]
async fn an_ashd_that_restarts_cuts_nobody_it_names_again() {
    let bench = Bench::new();
    let (egress, _running) = bench.egress();
    let (first, stop) = bench.gate();
    first.start(stop.clone());
    let (stays, leaves) = (Placeholder::random(), Placeholder::random());
    let (session, gone) = (SessionId::new(), SessionId::new());
    first.admit(session, &stays, terms(7)).await;
    first.admit(gone, &leaves, terms(7)).await;
    let under_way = egress.pass(&stays).unwrap();
    let cut = egress.pass(&leaves).unwrap();
    stop.cancel();

    let (second, stop) = bench.gate();
    second.admit(session, &stays, terms(7)).await;
    second.start(stop);
    cut.revoked.cancelled().await;
    assert!(!under_way.revoked.is_cancelled(), "its stream goes on");
    assert!(passes(&egress, &stays) && !passes(&egress, &leaves));
}

#[tokio::test]
async fn another_version_is_refused_by_name_and_changes_nothing() {
    let bench = Bench::new();
    let (egress, _running) = bench.egress();
    let (from, mut to) = UnixStream::connect(bench.path()).await.unwrap().into_split();
    write_line(&mut to, &Tell::Hello { protocol: PROTOCOL + 1 }).await.unwrap();
    let mut from = Lines::new(tokio::io::BufReader::new(from));
    let answer = from.next::<Answer>().await.unwrap();
    assert_eq!(answer, Some(Answer::Version { spoken: PROTOCOL }));
    assert_eq!(from.next::<Answer>().await.unwrap(), None, "it hangs up");
    assert!(!egress.is_open());
}

#[tokio::test]
async fn an_egress_that_is_not_there_is_told_as_that() {
    let bench = Bench::new();
    let (gate, stop) = bench.gate();
    gate.start(stop);
    assert!(gate.problem().is_some());
    gate.admit(SessionId::new(), &Placeholder::random(), Terms::default()).await;
    assert!(gate.problem().unwrap().contains("control.sock"), "{:?}", gate.problem());
}

#[tokio::test]
async fn a_line_that_is_too_long_is_refused() {
    let long = vec![b' '; usize::try_from(LINE_BYTES_MAX).unwrap() + 1];
    let refused = Lines::new(long.as_slice()).next::<Tell>().await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
}

fn decision(session: SessionId, number: u64) -> Decision {
    Decision { sent: number, ..Decision::new(session, Subject::Tunnel, Verdict::Allowed) }
}

#[tokio::test]
async fn what_was_decided_reaches_ashd_in_order_and_again_until_it_is_stored() {
    let bench = Bench::new();
    let (egress, _running) = bench.egress();
    let session = SessionId::new();
    for number in 0..300 {
        egress.ledger().enter(decision(session, number));
    }
    let (first, stop) = bench.gate();
    first.start(stop.clone());
    let (report, receipt) = first.report().await.unwrap();
    assert_eq!((report.through, report.entries.len()), (128, 128));
    receipt.stored();
    // The next one was not stored when ashd was restarted.
    let (lost, receipt) = first.report().await.unwrap();
    assert_eq!((lost.through, lost.entries[0].sent), (256, 128));
    drop(receipt);
    // Others are told meanwhile.
    first.admit(session, &Placeholder::random(), terms(7)).await;
    stop.cancel();

    let (second, stop) = bench.gate();
    second.start(stop);
    let (again, receipt) = second.report().await.unwrap();
    assert_eq!(again, lost);
    receipt.stored();
    let (last, receipt) = second.report().await.unwrap();
    assert_eq!((last.through, last.entries.len()), (300, 44));
    receipt.stored();
    egress.ledger().enter(decision(session, 300));
    let (report, _receipt) = second.report().await.unwrap();
    assert_eq!(report.entries, [decision_at(&report, session)]);
}

fn decision_at(report: &Report, session: SessionId) -> Decision {
    Decision { at: report.entries[0].at, ..decision(session, 300) }
}

#[tokio::test]
async fn what_a_webhook_is_told_goes_beside_everything_else() {
    let bench = Bench::new();
    let (egress, _running) = bench.egress();
    let (gate, stop) = bench.gate();
    gate.start(stop);
    egress.opened().await;
    let (session, placeholder) = (SessionId::new(), Placeholder::random());
    gate.admit(session, &placeholder, terms(7)).await;
    let (webhook, url) = (WebhookId::new(), "https://hooks.example.com/".to_owned());
    let sealed = egress.sealing().key.seal_webhook("a", webhook, &url, &WebhookSecret::random());
    let (tenant, body) = ("a".to_owned(), "{}".to_owned());
    let posting = Posting { id: DeliveryId::new(), webhook, tenant, url, sealed, body };
    let posted = gate.post(&posting).await.unwrap();
    // This egress may tell nobody anything.
    assert!(matches!(posted, Posted::Failed(error) if error.contains("webhooks.allow")));
    assert!(passes(&egress, &placeholder), "the other connection stands");
    assert_eq!(gate.problem(), None);
    assert!(gate.revoke(session).await.is_some());

    let nobody = Gate::there(&bench.directory.path().join("other.sock"));
    assert!(nobody.post(&posting).await.is_err(), "that is not the receiver's fault");
}
