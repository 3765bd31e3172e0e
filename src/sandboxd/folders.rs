//! Where a session's files lie on this host, and how they come and go.
//!
//! ```text
//! <data>/agents/<digest>/          a version of an agent; ashd's
//! <data>/sessions/<id>/workspace   the agent's folder, copied; /workspace in the sandbox
//!                      home        /home/agent in the sandbox: the conversation
//! <runtime>/s/<id>/                the bridge's socket
//! <runtime>/j/<id>/                the socket of the bridge in the session's jail
//! ```
//!
//! *Invariant:* every path is made here, of an id or a digest, and nothing that a sandbox or ashd
//! may rename stands on the way to a session's folders.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use nix::unistd::{Gid, Uid, fchown};

use crate::agent::Digest;
use crate::id::SessionId;
use crate::os::copy::{CopyTerms, copy_tree};
use crate::os::fs::Root;
use crate::os::quota;
use crate::sandbox::Folders as Files;

const AGENTS: &str = "agents";
const WORKSPACE: &str = "workspace";
const HOME: &str = "home";

/// Where the CLI keeps conversations in a home, and those of `/workspace`.
const PROJECTS: &str = ".claude/projects";
const TRANSCRIPTS: &str = ".claude/projects/-workspace";

/// A session's own folder: its user passes through, nobody lists it.
const MODE_TOP: u32 = 0o711;
const MODE_PRIVATE: u32 = 0o700;

/// The folders of one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionFolders {
    top: PathBuf,
    pub(super) workspace: PathBuf,
    pub(super) home: PathBuf,
    pub(super) state: PathBuf,
    pub(super) jail_state: PathBuf,
}

/// Everybody's folders.
#[derive(Debug)]
pub(super) struct Folders {
    data: PathBuf,
    sessions: PathBuf,
    states: PathBuf,
    jails: PathBuf,
    /// Whose files belong to which user: no two sessions share one.
    owners: Mutex<HashMap<u32, SessionId>>,
}

impl Folders {
    /// Looks who owns what. Blocking.
    pub(super) fn open(data: &Path, runtime: &Path) -> io::Result<Self> {
        let sessions = data.join("sessions");
        folder(&sessions, MODE_TOP)?;
        // From here on no component of it is a link.
        let sessions = sessions.canonicalize()?;
        let mut owners = HashMap::new();
        for entry in std::fs::read_dir(&sessions)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(Ok(session)) = name.to_str().map(str::parse::<SessionId>) else { continue };
            if let Ok(metadata) = entry.path().join(HOME).symlink_metadata() {
                owners.insert(metadata.uid(), session);
            }
        }
        let states = runtime.join("s");
        let jails = runtime.join("j");
        for folders in [&states, &jails] {
            folder(folders, MODE_TOP)?;
        }
        Ok(Self { data: data.to_owned(), sessions, states, jails, owners: Mutex::new(owners) })
    }

    pub(super) fn of(&self, session: SessionId) -> SessionFolders {
        let top = self.sessions.join(session.to_string());
        SessionFolders {
            workspace: top.join(WORKSPACE),
            home: top.join(HOME),
            state: self.states.join(session.to_string()),
            jail_state: self.jails.join(session.to_string()),
            top,
        }
    }

    /// Whether the user is another session's, which `session` must not get.
    pub(super) fn is_taken(&self, uid: u32, session: SessionId) -> bool {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.get(&uid).is_some_and(|owner| *owner != session)
    }

    /// Makes the folders of a session, the workspace empty, and opens what is to be copied and
    /// where to. Blocking.
    pub(super) fn make(
        &self,
        session: SessionId,
        uid: Option<u32>,
        digest: &Digest,
    ) -> io::Result<(Root, Root)> {
        // ashd may rename what is in there, and a link leads nowhere.
        let version = Path::new(AGENTS).join(digest.to_string());
        let version = Root::open(&self.data)?.open_directory(&version)?;
        let sessions = Root::open_without_links(&self.sessions)?;
        let top = top_of(&sessions, session, uid)?;
        let own = |name: &str| -> io::Result<Root> {
            let made = top.create_directory(name.as_ref(), MODE_PRIVATE)?;
            // Empty yet: nothing that anybody put there changes hands.
            fchown(&made, uid.map(Uid::from_raw), uid.map(Gid::from_raw))?;
            Ok(made)
        };
        drop(own(HOME)?);
        let workspace = own(WORKSPACE)?;
        if let Some(uid) = uid {
            let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            owners.insert(uid, session);
        }
        Ok((version, workspace))
    }

    /// Makes the folders of a session as a copy of another's. By descriptor, so that no name the
    /// other sandbox made leads anywhere else. Blocking.
    pub(super) fn make_copy(
        &self,
        session: SessionId,
        uid: Option<u32>,
        parent: SessionId,
        transcript: bool,
    ) -> io::Result<()> {
        let sessions = Root::open_without_links(&self.sessions)?;
        let from = sessions.open_directory(parent.to_string().as_ref())?;
        let top = top_of(&sessions, session, uid)?;
        if let Some(uid) = uid {
            let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            owners.insert(uid, session);
        }
        let plain = CopyTerms { owner: uid, ..CopyTerms::default() };
        let file = |id: SessionId| PathBuf::from(format!("{id}.jsonl"));
        let home = if transcript {
            let old = Path::new(TRANSCRIPTS).join(file(parent));
            CopyTerms { renamed: Some((old, file(session))), ..plain.clone() }
        } else {
            CopyTerms { without: Some(PROJECTS.into()), ..plain.clone() }
        };
        for (name, terms) in [(HOME, &home), (WORKSPACE, &plain)] {
            let from = from.open_directory(name.as_ref())?;
            let to = top.create_directory(name.as_ref(), MODE_PRIVATE)?;
            copy_tree(&from, &to, terms)?;
        }
        Ok(())
    }

    /// Opens a session's own folder. Blocking.
    pub(super) fn open_top(&self, session: SessionId) -> io::Result<Root> {
        Root::open_without_links(&self.sessions)?.open_directory(session.to_string().as_ref())
    }

    /// The user whose files those of a session are.
    pub(super) fn owner_of(&self, session: SessionId) -> Option<u32> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.iter().find(|(_uid, owner)| **owner == session).map(|(uid, _owner)| *uid)
    }

    /// Opens the folders of a session. By descriptor, as in a copy. Blocking.
    pub(super) fn open_files(&self, session: SessionId) -> io::Result<Files> {
        let sessions = Root::open_without_links(&self.sessions)?;
        let top = sessions.open_directory(session.to_string().as_ref())?;
        let open = |name: &str| top.open_directory(name.as_ref());
        Ok(Files { workspace: open(WORKSPACE)?, home: open(HOME)? })
    }

    /// Makes the folders of a session, both empty. Blocking.
    pub(super) fn make_empty(&self, session: SessionId, uid: Option<u32>) -> io::Result<Files> {
        let sessions = Root::open_without_links(&self.sessions)?;
        let top = top_of(&sessions, session, uid)?;
        if let Some(uid) = uid {
            let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            owners.insert(uid, session);
        }
        let own = |name: &str| -> io::Result<Root> {
            let made = top.create_directory(name.as_ref(), MODE_PRIVATE)?;
            fchown(&made, uid.map(Uid::from_raw), uid.map(Gid::from_raw))?;
            Ok(made)
        };
        Ok(Files { home: own(HOME)?, workspace: own(WORKSPACE)? })
    }

    /// Makes the runtime folder of a session: a reboot empties it. Blocking.
    pub(super) fn make_state(&self, session: SessionId) -> io::Result<()> {
        folder(&self.of(session).state, MODE_PRIVATE)
    }

    /// Removes the runtime folder. Blocking.
    pub(super) fn remove_state(&self, session: SessionId) -> io::Result<()> {
        remove_folder(&self.of(session).state)
    }

    /// Makes the runtime folder of a session's jail. Blocking.
    pub(super) fn make_jail_state(&self, session: SessionId) -> io::Result<()> {
        folder(&self.of(session).jail_state, MODE_PRIVATE)
    }

    /// Removes it. Blocking.
    pub(super) fn remove_jail_state(&self, session: SessionId) -> io::Result<()> {
        remove_folder(&self.of(session).jail_state)
    }

    /// The sessions that have a runtime folder of a jail. Blocking.
    pub(super) fn jail_states(&self) -> io::Result<Vec<SessionId>> {
        let mut sessions = Vec::new();
        for entry in std::fs::read_dir(&self.jails)? {
            let name = entry?.file_name();
            sessions.extend(name.to_str().and_then(|name| name.parse::<SessionId>().ok()));
        }
        Ok(sessions)
    }

    /// Removes everything of a session in which nothing runs. Blocking; follows no link, whatever
    /// the sandbox has left behind.
    pub(super) fn remove(&self, session: SessionId) -> io::Result<()> {
        self.remove_state(session)?;
        remove_folder(&self.of(session).top)?;
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.retain(|_uid, owner| *owner != session);
        Ok(())
    }
}

/// Makes a session's own folder. What will be made in it is counted as its user's, where the file system
/// counts; where it does not, or not yet, nothing is limited before the session starts.
fn top_of(sessions: &Root, session: SessionId, uid: Option<u32>) -> io::Result<Root> {
    let top = sessions.create_directory(session.to_string().as_ref(), MODE_TOP)?;
    if let Some(uid) = uid
        && let Err(error) = quota::assign(&top, uid)
        && !quota::is_unsupported(&error)
    {
        return Err(error);
    }
    Ok(top)
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn folder(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path)?;
    // The mode again: `umask` may have taken bits away.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}
