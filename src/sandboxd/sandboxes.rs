//! The sandboxes as the rest of Ash sees them, wherever the privileged side is.

use std::collections::BTreeMap;
use std::ops::Range;

use super::client::Client;
use super::keeper::{Answered, Keeper};
use super::moving::{Packing, Unpacking};
use super::protocol::{Answer, Request, SandboxdError};
use crate::agent::Digest;
use crate::id::SessionId;
use crate::os::cgroup::Usage;
use crate::os::quota::Room;
use crate::sandbox::{BridgeStream, EndReport, Isolation, Limits};

/// Asks for everything that wants privilege. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Sandboxes {
    /// In this process.
    Here(Keeper),
    /// ash-sandboxd.
    There(Client),
}

impl Sandboxes {
    /// Sandboxes are tasks of this process, without walls and without the real CLI.
    pub(crate) fn is_simulated(&self) -> bool {
        match self {
            Self::Here(keeper) => keeper.is_simulated(),
            Self::There(_) => false,
        }
    }

    /// Whether they are in another program's hands.
    pub(crate) fn is_apart(&self) -> bool {
        matches!(self, Self::There(_))
    }

    async fn ask(&self, request: Request) -> Result<Answered, SandboxdError> {
        let (answer, stream) = match self {
            Self::Here(keeper) => keeper.perform(request).await,
            Self::There(client) => client.ask(&request).await?,
        };
        match answer {
            Answer::Failed { error } => Err(error),
            answer => Ok((answer, stream)),
        }
    }

    async fn done(&self, request: Request) -> Result<(), SandboxdError> {
        match self.ask(request).await? {
            (Answer::Done, _) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// The block of users that sandboxes have, if they have users of their own. Fails if the other
    /// side is not there, or of another version.
    pub(crate) async fn uids(&self) -> Result<Option<Range<u32>>, SandboxdError> {
        match self.ask(Request::Hello).await? {
            (Answer::Hello { uids, .. }, _) => Ok(uids),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes the folders of a session. Nothing of them is left when it fails.
    pub(crate) async fn prepare(
        &self,
        session: SessionId,
        uid: Option<u32>,
        digest: Digest,
    ) -> Result<(), SandboxdError> {
        self.done(Request::Prepare { session, uid, digest }).await
    }

    /// Makes the folders of a session as a copy of its parent's, in which nothing runs. Nothing of
    /// them is left when it fails.
    pub(crate) async fn fork(
        &self,
        session: SessionId,
        uid: Option<u32>,
        parent: SessionId,
        transcript: bool,
    ) -> Result<(), SandboxdError> {
        self.done(Request::Fork { session, uid, parent, transcript }).await
    }

    /// Packs the files of a session in which nothing runs, unless they still have the stamp.
    pub(crate) async fn pack(
        &self,
        session: SessionId,
        unless: Option<String>,
    ) -> Result<Packing, SandboxdError> {
        match self.ask(Request::Pack { session, unless }).await? {
            (Answer::Connected, Some(stream)) => Ok(Packing(stream)),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes the folders of a session, to be filled. Nothing of them is left if that fails.
    pub(crate) async fn unpack(
        &self,
        session: SessionId,
        uid: Option<u32>,
    ) -> Result<Unpacking, SandboxdError> {
        match self.ask(Request::Unpack { session, uid }).await? {
            (Answer::Connected, Some(stream)) => Ok(Unpacking(stream)),
            other => Err(unexpected(&other)),
        }
    }

    /// Starts a sandbox, and answers when its bridge has greeted. Goes on to its end if the
    /// caller goes away; then the sandbox is there to be ended, or nothing is.
    pub(crate) async fn launch(
        &self,
        session: SessionId,
        uid: Option<u32>,
        environment: BTreeMap<String, String>,
        limits: Limits,
    ) -> Result<BridgeStream, SandboxdError> {
        match self.ask(Request::Launch { session, uid, environment, limits }).await? {
            (Answer::Connected, Some(stream)) => Ok(stream),
            other => Err(unexpected(&other)),
        }
    }

    /// Starts the jail of a session that has no sandbox: the same walls around a bridge without a
    /// CLI and without a way out. It leaves when the connection ends, however that comes.
    pub(crate) async fn jail(
        &self,
        session: SessionId,
        uid: Option<u32>,
        limits: Limits,
    ) -> Result<BridgeStream, SandboxdError> {
        match self.ask(Request::Jail { session, uid, limits }).await? {
            (Answer::Connected, Some(stream)) => Ok(stream),
            other => Err(unexpected(&other)),
        }
    }

    /// Ends everything in the session's jail, and answers when all of it is gone.
    pub(crate) async fn end_jail(&self, session: SessionId) {
        if let Err(error) = self.done(Request::EndJail { session }).await {
            tracing::error!(%session, %error, "the jail could not be ended");
        }
    }

    /// Connects to the bridge of a sandbox that lives, whoever started it; `None` if it does not.
    pub(crate) async fn reconnect(
        &self,
        session: SessionId,
    ) -> Result<Option<BridgeStream>, SandboxdError> {
        match self.ask(Request::Reconnect { session }).await? {
            (Answer::Connected, Some(stream)) => Ok(Some(stream)),
            (Answer::NotLiving, _) => Ok(None),
            other => Err(unexpected(&other)),
        }
    }

    /// Ends everything in the sandbox, and answers when all of it is gone and how it ended.
    /// Ending one that does not exist is fine.
    pub(crate) async fn end(&self, session: SessionId) -> EndReport {
        match self.ask(Request::End { session }).await {
            Ok((Answer::Ended { report }, _)) => report,
            other => {
                let error = other.map_or_else(|error| error, |answered| unexpected(&answered));
                tracing::error!(%session, %error, "the sandbox could not be ended");
                EndReport::gone()
            }
        }
    }

    /// Stops everything in the sandbox where it stands, until it is thawed.
    pub(crate) async fn freeze(&self, session: SessionId) -> Result<(), SandboxdError> {
        self.done(Request::Freeze { session }).await
    }

    pub(crate) async fn thaw(&self, session: SessionId) -> Result<(), SandboxdError> {
        self.done(Request::Thaw { session }).await
    }

    /// Whether the kernel says that nothing of it runs.
    pub(crate) async fn is_frozen(&self, session: SessionId) -> bool {
        let answer = self.ask(Request::IsFrozen { session }).await;
        matches!(answer, Ok((Answer::Frozen { frozen: true }, _)))
    }

    /// Gives back the memory of a sandbox; answers by how many bytes it became smaller.
    pub(crate) async fn reclaim(&self, session: SessionId) -> Result<u64, SandboxdError> {
        match self.ask(Request::Reclaim { session }).await? {
            (Answer::Reclaimed { bytes }, _) => Ok(bytes),
            other => Err(unexpected(&other)),
        }
    }

    /// What each living sandbox has used and uses; nothing where the other side does not answer.
    pub(crate) async fn usage(&self) -> Vec<(SessionId, Usage)> {
        match self.ask(Request::Usage).await {
            Ok((Answer::Usage { sandboxes }, _)) => sandboxes,
            _ => Vec::new(),
        }
    }

    /// The same of one; `None` if it does not live, or where nobody counts.
    pub(crate) async fn usage_of(&self, session: SessionId) -> Option<Usage> {
        match self.ask(Request::UsageOf { session }).await {
            Ok((Answer::UsageOf { usage }, _)) => usage,
            _ => None,
        }
    }

    /// The sessions whose sandboxes live, whoever started them.
    pub(crate) async fn live(&self) -> Result<Vec<SessionId>, SandboxdError> {
        match self.ask(Request::Live).await? {
            (Answer::Live { sessions }, _) => Ok(sessions),
            other => Err(unexpected(&other)),
        }
    }

    /// What keeps a sandbox in here, as far as it is known by now.
    pub(crate) async fn isolation(&self) -> Isolation {
        self.ask_isolation(false).await
    }

    /// The same, once it has been measured.
    pub(crate) async fn measured_isolation(&self) -> Isolation {
        self.ask_isolation(true).await
    }

    async fn ask_isolation(&self, measured: bool) -> Isolation {
        match self.ask(Request::Isolation { measured }).await {
            Ok((Answer::Isolation { isolation }, _)) => *isolation,
            other => {
                let error = other.map_or_else(|error| error, |answered| unexpected(&answered));
                Isolation::unknown(format!("No sandbox can start here: {error}."))
            }
        }
    }

    /// What the files of a session take, up to the first that is over the limits.
    pub(crate) async fn disk_use(
        &self,
        session: SessionId,
        limits: &Limits,
    ) -> Result<Room, SandboxdError> {
        match self.ask(Request::DiskUse { session, limits: limits.clone() }).await? {
            (Answer::DiskUse { bytes, files }, _) => Ok(Room { bytes, files }),
            other => Err(unexpected(&other)),
        }
    }

    /// Removes the folders of a session whose sandbox does not live.
    pub(crate) async fn remove(&self, session: SessionId) -> Result<(), SandboxdError> {
        self.done(Request::Remove { session }).await
    }
}

fn unexpected((answer, _stream): &Answered) -> SandboxdError {
    let said: String = format!("{answer:?}").chars().take(80).collect();
    SandboxdError::failed(format!("ash-sandboxd answered something else than asked: {said}"))
}
