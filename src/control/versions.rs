//! The versions of an agent: list, make, describe, activate, delete. Their files never change, so what
//! makes other files makes another version.

use std::sync::Arc;

use super::deploy::{CLAUDE_MD, new_version};
use super::{Caller, Control, Refusal};
use crate::agent::{Digest, Version};
use crate::clock::Timestamp;
use crate::id::AgentName;
use crate::lifecycle::Happening;
use crate::session::options::{OptionError, SYSTEM_PROMPT_BYTES_MAX};
use crate::store::{
    AgentRecord, NewVersion, VersionChange, VersionName, VersionRecord, VersionWords,
    VersionWordsChange,
};
use crate::wire::agents::{
    Agent, AgentVersion, ChangeVersion, CreateVersion, NumberOrId, VersionList,
};

/// Longest name of a version, and longest name of a knowledge file, in bytes: the original's.
const NAME_BYTES_MAX: usize = 255;

/// Longest notes of a version, in bytes: the original's.
const NOTES_BYTES_MAX: usize = 10_000;

/// Most knowledge files that are named: more than anybody reads.
const KNOWLEDGE_FILES_MAX: usize = 1_000;

impl Control {
    /// The newest first.
    pub(crate) async fn agent_versions(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<VersionList, Refusal> {
        let name = agent_name(name)?;
        let found = self.host.store.versions(&caller.tenant, &name).await?;
        let versions = found.ok_or(Refusal::AgentNotFound)?;
        let versions = versions.into_iter().map(|record| show(caller, &name, record)).collect();
        Ok(VersionList { versions })
    }

    pub(crate) async fn agent_version(
        &self,
        caller: &Caller,
        name: &str,
        version: &str,
    ) -> Result<AgentVersion, Refusal> {
        let name = agent_name(name)?;
        let record = self.version_record(caller, &name, version).await?;
        Ok(show(caller, &name, record))
    }

    /// Beside the active one, of the files of another; with a prompt, that is its `CLAUDE.md`.
    pub(crate) async fn create_version(
        &self,
        caller: &Caller,
        name: &str,
        request: CreateVersion,
    ) -> Result<AgentVersion, Refusal> {
        let name = agent_name(name)?;
        let agent = self.host.store.agent(&caller.tenant, &name).await?;
        let agent = agent.ok_or(Refusal::AgentNotFound)?;
        let words = VersionWords {
            name: judged_text("name", request.name, NAME_BYTES_MAX)?,
            system_prompt: judged_text(
                "systemPrompt",
                request.system_prompt,
                SYSTEM_PROMPT_BYTES_MAX,
            )?,
            release_notes: judged_text("releaseNotes", request.release_notes, NOTES_BYTES_MAX)?,
            knowledge_files: judged_files(request.knowledge_files.unwrap_or_default())?,
            created_by: Some(caller.by()),
        };
        let _one_of_few = self.deploys.acquire().await.map_err(|_closed| Refusal::Worker)?;
        // Nothing is swept between the choice of the files and the row that keeps them.
        let _kept = self.versions.read().await;
        let base = self.base(caller, &name, &agent, request.clone_from.as_ref()).await?;
        let new = match &words.system_prompt {
            None => new_version(caller, name.clone(), &base),
            Some(prompt) => {
                let (library, digest) = (Arc::clone(&self.library), base.digest);
                let prompt = prompt.clone();
                let kept = self
                    .keep_files(move |unpacking| {
                        let mut files = library.survey(&digest)?;
                        files.leave_out(CLAUDE_MD);
                        let copied = unpacking.copy_surveyed(&files)?;
                        copied.write_file(CLAUDE_MD, prompt.as_bytes(), false)
                    })
                    .await?;
                new_version(caller, name.clone(), &kept)
            }
        };
        match self.host.store.add_version(NewVersion { words, ..new }).await? {
            VersionChange::Done(record) => Ok(show(caller, &name, record)),
            other => Err(refused(&other)),
        }
    }

    /// Changes what is told of a version.
    pub(crate) async fn change_version(
        &self,
        caller: &Caller,
        name: &str,
        version: &str,
        change: ChangeVersion,
    ) -> Result<AgentVersion, Refusal> {
        let name = agent_name(name)?;
        let record = self.version_record(caller, &name, version).await?;
        if change.system_prompt.is_some_and(|prompt| prompt != record.words.system_prompt) {
            let what = "files of a version never change; make another one with `cloneFrom`";
            return Err(wrong("systemPrompt", what.to_owned()).into());
        }
        let told = |field, text: Option<Option<String>>, max| {
            text.map(|text| judged_text(field, text, max)).transpose()
        };
        let words = VersionWordsChange {
            name: told("name", change.name, NAME_BYTES_MAX)?,
            release_notes: told("releaseNotes", change.release_notes, NOTES_BYTES_MAX)?,
            knowledge_files: change.knowledge_files.map(judged_files).transpose()?,
        };
        let which = VersionName::Id(record.id);
        let (store, now) = (&self.host.store, Timestamp::now());
        match store.describe_version(&caller.tenant, &name, which, words, now).await? {
            VersionChange::Done(record) => Ok(show(caller, &name, record)),
            other => Err(refused(&other)),
        }
    }

    /// New sessions get it from now on; this is also the way back.
    pub(crate) async fn activate_version(
        &self,
        caller: &Caller,
        name: &str,
        version: &str,
    ) -> Result<Agent, Refusal> {
        let name = agent_name(name)?;
        let which = which(version).ok_or(Refusal::VersionNotFound)?;
        let library = Arc::clone(&self.library);
        let path = move |digest: &str| {
            let digest = digest.parse::<Digest>().ok();
            digest.map(|digest| library.path(&digest).display().to_string()).unwrap_or_default()
        };
        let now = Timestamp::now();
        let store = &self.host.store;
        match store.activate_version(&caller.tenant, &name, which, path, now).await? {
            VersionChange::Done(record) => {
                self.forget_parked(&caller.tenant, name.as_str());
                let activated = Happening::new("agent.activated").agent(&name);
                self.host.lifecycle.tell(activated.with("version", record.version));
                Self::show_agent(record)
            }
            other => Err(refused(&other)),
        }
    }

    /// Sessions of it go on: each has its own copy, and its folder stays while one lives.
    pub(crate) async fn delete_version(
        &self,
        caller: &Caller,
        name: &str,
        version: &str,
    ) -> Result<(), Refusal> {
        let name = agent_name(name)?;
        let which = which(version).ok_or(Refusal::VersionNotFound)?;
        match self.host.store.delete_version(&caller.tenant, &name, which).await? {
            VersionChange::Done(record) => {
                let deleted = Happening::new("agent.version_deleted").agent(&name);
                self.host.lifecycle.tell(deleted.with("version", record.version));
                self.remove_unused_versions().await;
                Ok(())
            }
            VersionChange::Active => {
                let record = self.version_record(caller, &name, version).await?;
                Err(Refusal::VersionActive { version: record.version })
            }
            other => Err(refused(&other)),
        }
    }

    pub(super) async fn find_version(
        &self,
        caller: &Caller,
        name: &AgentName,
        version: &NumberOrId,
    ) -> Result<Option<VersionRecord>, Refusal> {
        let which = match version {
            NumberOrId::Number(number) => Some(VersionName::Number(*number)),
            NumberOrId::Text(text) => which(text),
        };
        let Some(which) = which else { return Ok(None) };
        Ok(self.host.store.version(&caller.tenant, name, which).await?)
    }

    /// Of an agent that is there.
    pub(super) async fn version_record(
        &self,
        caller: &Caller,
        name: &AgentName,
        version: &str,
    ) -> Result<VersionRecord, Refusal> {
        let text = NumberOrId::Text(version.to_owned());
        match self.find_version(caller, name, &text).await? {
            Some(record) => Ok(record),
            None if self.host.store.agent(&caller.tenant, name).await?.is_some() => {
                Err(Refusal::VersionNotFound)
            }
            None => Err(Refusal::AgentNotFound),
        }
    }

    /// The files that a new version begins with.
    async fn base(
        &self,
        caller: &Caller,
        name: &AgentName,
        agent: &AgentRecord,
        from: Option<&NumberOrId>,
    ) -> Result<Version, Refusal> {
        let (digest, files, bytes) = match from {
            None => (agent.digest.clone(), agent.files, agent.bytes),
            Some(from) => {
                let found = self.find_version(caller, name, from).await?;
                let VersionRecord { digest, files, bytes, .. } =
                    found.ok_or(Refusal::VersionUnknown { field: "cloneFrom" })?;
                (digest, files, bytes)
            }
        };
        let digest: Digest = digest.parse().map_err(|_never_stored| Refusal::Worker)?;
        Ok(Version { digest, path: self.library.path(&digest), files, bytes })
    }
}

/// A name that cannot be an agent's is not found either.
pub(super) fn agent_name(text: &str) -> Result<AgentName, Refusal> {
    text.parse().map_err(|_invalid| Refusal::AgentNotFound)
}

fn which(text: &str) -> Option<VersionName> {
    let number = text.parse().map(VersionName::Number).ok();
    number.or_else(|| text.parse().map(VersionName::Id).ok())
}

/// What a change of versions that was not done means to a client.
pub(super) fn refused<T>(change: &VersionChange<T>) -> Refusal {
    match change {
        VersionChange::NoAgent => Refusal::AgentNotFound,
        VersionChange::NoVersion => Refusal::VersionNotFound,
        VersionChange::Moved => Refusal::AgentMoved,
        VersionChange::Done(_) | VersionChange::Active => Refusal::Worker,
    }
}

fn wrong(field: &str, what: String) -> OptionError {
    OptionError { field: field.to_owned(), what }
}

fn judged_text(
    field: &str,
    text: Option<String>,
    bytes_max: usize,
) -> Result<Option<String>, OptionError> {
    match text {
        Some(text) if text.len() > bytes_max => {
            Err(wrong(field, format!("it has {} bytes, and {bytes_max} is the most", text.len())))
        }
        text => Ok(text),
    }
}

fn judged_files(files: Vec<String>) -> Result<Vec<String>, OptionError> {
    if files.len() > KNOWLEDGE_FILES_MAX {
        let what = format!("{} files, and {KNOWLEDGE_FILES_MAX} is the most", files.len());
        return Err(wrong("knowledgeFiles", what));
    }
    let bad = |file: &String| {
        file.is_empty() || file.len() > NAME_BYTES_MAX || file.chars().any(char::is_control)
    };
    match files.iter().position(bad) {
        None => Ok(files),
        Some(index) => Err(wrong(
            &format!("knowledgeFiles.{index}"),
            format!("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters"),
        )),
    }
}

fn show(caller: &Caller, name: &AgentName, record: VersionRecord) -> AgentVersion {
    let VersionRecord { id, version, digest, files, bytes, words, active, .. } = record;
    AgentVersion {
        id,
        tenant_id: caller.tenant.clone(),
        agent_name: name.clone(),
        version_number: version,
        name: words.name,
        system_prompt: words.system_prompt,
        release_notes: words.release_notes,
        is_active: active,
        knowledge_files: words.knowledge_files,
        created_by: words.created_by,
        created_at: record.created_at,
        updated_at: record.updated_at,
        digest: format!("sha256:{digest}"),
        files,
        bytes,
    }
}
