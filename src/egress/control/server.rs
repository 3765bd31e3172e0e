//! egress' side.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::BufReader;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::super::Egress;
use super::{Answer, Lines, PROTOCOL, Tell, write_line};
use crate::os::peer::PeerCredentials;

/// How long a greeting may take: one write of a program on the same host.
const GREETING_DEADLINE: Duration = Duration::from_secs(10);

/// How long to wait after a connection could not be accepted: the table of files is full.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens to root and to the user `peer` until `stop`. A new greeting ends the connection before:
/// there is one ashd, and it has been restarted.
pub(in crate::egress) async fn serve(
    egress: Egress,
    listener: UnixListener,
    peer: u32,
    stop: CancellationToken,
) {
    let current = Arc::new(Mutex::new(CancellationToken::new()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted.and_then(|(stream, _)| Ok((PeerCredentials::of(&stream)?, stream))) {
            Ok((who, stream)) if who.uid == 0 || who.uid == peer => {
                let (egress, current) = (egress.clone(), Arc::clone(&current));
                let stop = stop.clone();
                tokio::spawn(async move {
                    let outcome = tokio::select! {
                        outcome = greet(&egress, stream, &current, &stop) => outcome,
                        () = stop.cancelled() => Ok(()),
                    };
                    if let Err(error) = outcome {
                        tracing::warn!(%error, "the connection of ashd broke");
                    }
                });
            }
            Ok((who, _stream)) => {
                tracing::warn!(uid = who.uid, pid = who.pid, "a stranger was refused");
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn greet(
    egress: &Egress,
    stream: UnixStream,
    current: &Mutex<CancellationToken>,
    stop: &CancellationToken,
) -> io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut from = Lines::new(BufReader::new(from));
    // Whose greeting cannot be read is of a version that nobody knows.
    match timeout(GREETING_DEADLINE, from.next()).await?? {
        Some(Tell::Hello { protocol: PROTOCOL }) => {
            let ended = stop.child_token();
            let before = {
                let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::replace(&mut *current, ended.clone())
            };
            before.cancel();
            tokio::select! {
                outcome = listen(egress, from, to) => outcome,
                () = ended.cancelled() => Ok(()),
            }
        }
        Some(Tell::Post { protocol: PROTOCOL, posting }) => {
            let posted = tokio::select! {
                posted = egress.post(&posting) => posted,
                // ashd is gone; the next one tells it again.
                _gone = from.next::<Tell>() => return Ok(()),
            };
            write_line(&mut to, &Answer::Posted(posted)).await
        }
        _ => write_line(&mut to, &Answer::Version { spoken: PROTOCOL }).await,
    }
}

async fn listen(
    egress: &Egress,
    mut from: Lines<BufReader<OwnedReadHalf>>,
    mut to: OwnedWriteHalf,
) -> io::Result<()> {
    write_line(&mut to, &Answer::Hello(egress.sealing())).await?;
    let mut named = Some(HashSet::new());
    // One report at a time, and none before everybody was named.
    let mut reported = None;
    let ledger = egress.ledger();
    loop {
        let tell = tokio::select! {
            tell = from.next() => tell?,
            report = ledger.report(), if named.is_none() && reported.is_none() => {
                reported = Some(report.through);
                write_line(&mut to, &Answer::Report(report)).await?;
                continue;
            }
        };
        let Some(tell) = tell else { return Ok(()) };
        let answer = match tell {
            Tell::Hello { .. } | Tell::Post { .. } => Answer::Version { spoken: PROTOCOL },
            Tell::Admit { session, placeholder, terms } => {
                egress.admit_digest(session, placeholder, terms);
                if let Some(named) = &mut named {
                    named.insert(session);
                }
                Answer::Done
            }
            Tell::Complete => {
                if let Some(named) = named.take() {
                    let sessions = named.len();
                    egress.complete(&named);
                    tracing::info!(sessions, "ashd has told who may pass");
                }
                Answer::Done
            }
            Tell::Revoke { session } => Answer::Revoked { used: egress.revoke(session) },
            Tell::Tenant { tenant, budget, used } => {
                egress.allow_tenant(&tenant, budget, &used);
                Answer::Done
            }
            Tell::Refusal { session } => Answer::Refusal { denied: egress.take_refusal(session) },
            Tell::Taken { run, through } => {
                ledger.taken(run, through);
                reported = None;
                Answer::Done
            }
        };
        write_line(&mut to, &answer).await?;
    }
}
