//! The files of an agent: list, read, write, delete. A version never changes, so a change of files is
//! another version, which is active then.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;

use super::deploy::{DecodedFile, decode, new_version};
use super::versions::{agent_name, refused};
use super::{Caller, Control, Refusal};
use crate::agent::{AgentError, Digest, Opened, SurveyedFile};
use crate::clock::Timestamp;
use crate::id::AgentName;
use crate::session::options::OptionError;
use crate::store::VersionChange;
use crate::wire::agents::{Agent, AgentFile};
use crate::wire::workspace::WorkspaceFile;

/// Files that one request writes: the original's of a workspace.
const WRITES_MAX: usize = 500;

/// How often a change is made again on top of another that was faster.
const ATTEMPTS_MAX: usize = 5;

/// A file of a version, open.
#[derive(Debug)]
pub(crate) struct AgentFileContent {
    pub(crate) file: File,
    pub(crate) bytes: u64,
}

/// What is asked to become of an agent's files.
enum Edit {
    Write(Vec<DecodedFile>),
    Delete(String),
}

impl Edit {
    /// What is not as it was.
    fn paths(&self) -> BTreeSet<&str> {
        match self {
            Self::Write(files) => files.iter().map(|file| file.path.as_str()).collect(),
            Self::Delete(path) => BTreeSet::from([path.as_str()]),
        }
    }

    fn written(&self) -> &[DecodedFile] {
        match self {
            Self::Write(files) => files,
            Self::Delete(_) => &[],
        }
    }
}

impl Control {
    /// Of the version that is asked for, or the active one.
    pub(crate) async fn agent_files(
        &self,
        caller: &Caller,
        name: &str,
        version: Option<&str>,
    ) -> Result<Vec<WorkspaceFile>, Refusal> {
        let _kept = self.versions.read().await;
        let (digest, modified_at) = self.files_of(caller, &agent_name(name)?, version).await?;
        let library = Arc::clone(&self.library);
        let survey = tokio::task::spawn_blocking(move || library.survey(&digest));
        let survey = survey.await.map_err(|_panicked| Refusal::Worker)??;
        let file = |file: &SurveyedFile| WorkspaceFile {
            path: file.path.as_str().to_owned(),
            size: file.bytes,
            modified_at,
        };
        Ok(survey.files().iter().map(file).collect())
    }

    pub(crate) async fn read_agent_file(
        &self,
        caller: &Caller,
        name: &str,
        version: Option<&str>,
        path: &str,
        bytes_max: u64,
    ) -> Result<AgentFileContent, Refusal> {
        let _kept = self.versions.read().await;
        let (digest, _) = self.files_of(caller, &agent_name(name)?, version).await?;
        let opened = self.open_agent_file(digest, path).await?;
        if opened.bytes > bytes_max {
            return Err(Refusal::FileTooLarge { bytes_max });
        }
        Ok(opened)
    }

    async fn open_agent_file(
        &self,
        digest: Digest,
        path: &str,
    ) -> Result<AgentFileContent, Refusal> {
        let (library, path) = (Arc::clone(&self.library), path.to_owned());
        let opened = tokio::task::spawn_blocking(move || library.open_file(&digest, &path));
        let opened = opened.await.map_err(|_panicked| Refusal::Worker)?;
        match opened.map_err(path_refused)? {
            Opened::File { file, bytes } => Ok(AgentFileContent { file, bytes }),
            Opened::NotFile => Err(Refusal::NotAFile),
            Opened::Missing => Err(Refusal::FileNotFound),
        }
    }

    /// All of them or none; answers how many, and the agent with the version that has them.
    pub(crate) async fn write_agent_files(
        &self,
        caller: &Caller,
        name: &str,
        files: &[AgentFile],
    ) -> Result<(usize, Agent), Refusal> {
        if files.is_empty() || files.len() > WRITES_MAX {
            let what = format!("from 1 to {WRITES_MAX} files are written at a time");
            return Err(OptionError { field: "files".to_owned(), what }.into());
        }
        let edit = Arc::new(Edit::Write(decode(files)?));
        Ok((files.len(), self.edit_agent(caller, &agent_name(name)?, &edit).await?))
    }

    pub(crate) async fn delete_agent_file(
        &self,
        caller: &Caller,
        name: &str,
        path: &str,
    ) -> Result<Agent, Refusal> {
        let edit = Arc::new(Edit::Delete(path.to_owned()));
        self.edit_agent(caller, &agent_name(name)?, &edit).await
    }

    /// Copies the active version with the change, as often as somebody else makes another meanwhile.
    async fn edit_agent(
        &self,
        caller: &Caller,
        name: &AgentName,
        edit: &Arc<Edit>,
    ) -> Result<Agent, Refusal> {
        let _one_of_few = self.deploys.acquire().await.map_err(|_closed| Refusal::Worker)?;
        // Nothing is swept between the choice of the files and the row that keeps them.
        let _kept = self.versions.read().await;
        for _attempt in 0..ATTEMPTS_MAX {
            let agent = self.host.store.agent(&caller.tenant, name).await?;
            let agent = agent.ok_or(Refusal::AgentNotFound)?;
            let digest: Digest = agent.digest.parse().map_err(|_never_stored| Refusal::Worker)?;
            if let Edit::Delete(path) = &**edit {
                self.open_agent_file(digest, path).await?;
            }
            let (library, edit) = (Arc::clone(&self.library), Arc::clone(edit));
            let kept = self.keep_files(move |unpacking| {
                let mut files = library.survey(&digest)?;
                for path in edit.paths() {
                    files.leave_out(path);
                }
                let copied = unpacking.copy_surveyed(&files)?;
                edit.written().iter().try_fold(copied, |copied, file| {
                    copied.write_file(&file.path, &file.content, file.executable)
                })
            });
            let kept = match kept.await {
                Err(Refusal::Agent(error)) => return Err(path_refused(error)),
                kept => kept?,
            };
            let new = new_version(caller, name.clone(), &kept);
            match self.host.store.edit_agent(agent.version, new).await? {
                VersionChange::Done(record) => {
                    self.tell_deployed(&record);
                    return Self::show_agent(record);
                }
                VersionChange::Moved => {}
                other => return Err(refused(&other)),
            }
        }
        Err(Refusal::AgentMoved)
    }

    async fn files_of(
        &self,
        caller: &Caller,
        name: &AgentName,
        version: Option<&str>,
    ) -> Result<(Digest, Timestamp), Refusal> {
        let number;
        let version = if let Some(version) = version {
            version
        } else {
            let agent = self.host.store.agent(&caller.tenant, name).await?;
            number = agent.ok_or(Refusal::AgentNotFound)?.version.to_string();
            &number
        };
        let record = self.version_record(caller, name, version).await?;
        Ok((record.digest.parse().map_err(|_never_stored| Refusal::Worker)?, record.created_at))
    }
}

/// A path that cannot be one is refused in the original's words.
fn path_refused(error: AgentError) -> Refusal {
    match error {
        AgentError::Path { .. } => Refusal::FilePath,
        error => Refusal::Agent(error),
    }
}
