//! The jails of sessions: at most one for each, never beside its sandbox, and nothing of one stays,
//! whoever dies.
//!
//! A jail leaves by itself when its connection ends. What is left then outside of it, a socket and
//! two notes, is cleared away by whoever looks first: the task that waits for the end of every
//! jail, a later request about the session, or the next start of this program.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::keeper::{Inner, blocking, disk};
use super::protocol::SandboxdError;
use crate::chain::chain;
use crate::id::SessionId;
use crate::sandbox::{BridgeStream, Limits, SandboxName, SandboxSpec};

impl Inner {
    /// Starts the jail of a session. One that is there already is of an ashd that has died.
    pub(super) async fn jail(
        self: &Arc<Self>,
        session: SessionId,
        uid: Option<u32>,
        limits: &Limits,
    ) -> Result<BridgeStream, SandboxdError> {
        self.judge(session, uid)?;
        if self.launcher.is_alive(&session.into()).await {
            return Err(SandboxdError::refused("the sandbox of the session lives; ask that one"));
        }
        self.end_jail(session).await;
        let keeper = Arc::clone(self);
        blocking(move || keeper.folders.make_jail_state(session))
            .await
            .map_err(|error| disk("making the runtime folder of the jail", &error))?;
        let limits = limits.within(&self.settings.limits);
        self.limit_disk(session, uid, &limits).await?;
        let folders = self.folders.of(session);
        let spec = SandboxSpec {
            name: SandboxName::jail(session),
            uid,
            workspace: folders.workspace,
            home: folders.home,
            state: folders.jail_state,
            cli: PathBuf::new(),
            egress: PathBuf::new(),
            limits,
            environment: [].into(),
        };
        match self.launcher.launch(&spec).await {
            Ok(stream) => {
                self.watch_jail(session);
                Ok(stream)
            }
            Err(error) => {
                self.remove_jail_state(session).await;
                Err(SandboxdError::failed(chain(&error)))
            }
        }
    }

    /// Ends what is left of a session's jail; there need not be one.
    pub(super) async fn end_jail(self: &Arc<Self>, session: SessionId) {
        let name = SandboxName::jail(session);
        // Asked before every start of a sandbox: a look into a folder, and systemd is not asked.
        if self.launcher.knows(&name).await {
            self.launcher.end(&name).await;
        }
        self.remove_jail_state(session).await;
    }

    async fn remove_jail_state(self: &Arc<Self>, session: SessionId) {
        let keeper = Arc::clone(self);
        let removed = blocking(move || keeper.folders.remove_jail_state(session)).await;
        if let Err(error) = removed {
            tracing::warn!(%session, %error, "could not remove the runtime folder of a jail");
        }
    }

    /// Clears away what a jail leaves when it leaves by itself.
    fn watch_jail(self: &Arc<Self>, session: SessionId) {
        if self.launcher.is_simulated() {
            return;
        }
        let keeper = Arc::clone(self);
        tokio::spawn(async move {
            let name = SandboxName::jail(session);
            keeper.launcher.gone(&name).await;
            let _alone = keeper.turn(session).await;
            // There may be another one by now.
            if !keeper.launcher.is_alive(&name).await {
                keeper.end_jail(session).await;
            }
        });
    }

    /// The jails of a predecessor: those that live serve on, of the others nothing stays.
    pub(super) async fn adopt_jails(self: &Arc<Self>) -> io::Result<()> {
        let keeper = Arc::clone(self);
        let mut sessions = blocking(move || keeper.folders.jail_states()).await?;
        let written = self.launcher.jails().await;
        sessions.extend(written.iter().filter_map(SandboxName::jailed));
        sessions.sort_unstable();
        sessions.dedup();
        for session in sessions {
            if self.launcher.is_alive(&SandboxName::jail(session)).await {
                self.watch_jail(session);
            } else {
                self.end_jail(session).await;
            }
        }
        Ok(())
    }
}
