//! Deploy an agent: its files become a new, immutable version. A deploy that fails changes
//! nothing, and the version before it is still served.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Caller, Control, Refusal};
use crate::agent::{AgentError, Unpacking, Version};
use crate::clock::Timestamp;
use crate::egress::HostRules;
use crate::id::AgentName;
use crate::lifecycle::Happening;
use crate::sandbox::Wishes;
use crate::session::options::{OptionError, check_environment};
use crate::session::preset::{self, AgentConfig};
use crate::store::{AgentRecord, NewVersion, VersionWords};
use crate::wire::agents::{Agent, AgentFile, DeployAgent};

/// Most hosts of an agent: what a person can still judge.
const HOSTS_MAX: usize = 64;

/// What every agent has.
pub(super) const CLAUDE_MD: &str = "CLAUDE.md";

/// What is deployed beside files; what is `None` stays as the agent has it.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) environment: Option<BTreeMap<String, String>>,
    pub(crate) hosts: Option<Vec<String>>,
    /// Of its sandboxes, by their names.
    pub(crate) limits: Option<BTreeMap<String, u64>>,
    /// Judged already; JSON.
    pub(crate) config: Option<String>,
}

/// Where the files of a version come from.
enum Source {
    Folder(PathBuf),
    Files(Vec<DecodedFile>),
}

/// An uploaded file.
pub(super) struct DecodedFile {
    pub(super) path: String,
    pub(super) content: Vec<u8>,
    pub(super) executable: bool,
}

impl Control {
    /// The original's way: one JSON document.
    pub(crate) async fn deploy(
        &self,
        caller: &Caller,
        request: DeployAgent,
    ) -> Result<Agent, Refusal> {
        let name: AgentName = request.name.parse().map_err(Refusal::AgentName)?;
        let source = match (request.path, request.files, request.system_prompt) {
            (Some(path), None, None) => Source::Folder(self.allowed(caller, &path).await?),
            (None, Some(files), prompt) => {
                let mut files = decode(&files)?;
                if let Some(prompt) = prompt
                    && !files.iter().any(|file| file.path == CLAUDE_MD)
                {
                    files.push(prompt_file(prompt));
                }
                Source::Files(files)
            }
            (None, None, prompt) => {
                Source::Files(vec![prompt_file(prompt.unwrap_or_else(|| format!("# {name}\n")))])
            }
            (Some(_), _, _) => {
                let what = "it excludes `files` and `systemPrompt`".to_owned();
                return Err(OptionError { field: "path".to_owned(), what }.into());
            }
        };
        let path = match &source {
            Source::Folder(path) => Some(path.clone()),
            Source::Files(_) => None,
        };
        let about = About {
            environment: request.env,
            hosts: request.allowed_hosts,
            limits: request.limits,
            config: request.config.map(|config| preset_text(&config)).transpose()?,
        };
        self.deploy_version(caller, name, about, path, move |unpacking| fill(unpacking, source))
            .await
    }

    /// A streamed tar archive. `archive` is read on a blocking thread.
    pub(crate) async fn deploy_archive<R>(
        &self,
        caller: &Caller,
        name: &str,
        about: About,
        archive: R,
    ) -> Result<Agent, Refusal>
    where
        R: Read + Send + 'static,
    {
        let name: AgentName = name.parse().map_err(Refusal::AgentName)?;
        self.deploy_version(caller, name, about, None, move |unpacking| {
            unpacking.unpack_tar(archive)
        })
        .await
    }

    async fn deploy_version<F>(
        &self,
        caller: &Caller,
        name: AgentName,
        about: About,
        path: Option<PathBuf>,
        fill: F,
    ) -> Result<Agent, Refusal>
    where
        F: FnOnce(Unpacking) -> Result<Unpacking, AgentError> + Send + 'static,
    {
        if let Some(environment) = &about.environment {
            check_environment("env", environment)?;
        }
        let allowed_hosts = about.hosts.map(|hosts| self.hosts(&hosts)).transpose()?;
        if let Some(limits) = &about.limits {
            self.judge_limits(limits)?;
        }
        let _one_of_few = self.deploys.acquire().await.map_err(|_closed| Refusal::Worker)?;
        let _kept = self.versions.read().await;
        let kept = self.keep_files(fill).await?;
        let path = path.unwrap_or_else(|| kept.path.clone());
        let version = NewVersion {
            path: path.display().to_string(),
            environment: about.environment,
            allowed_hosts,
            limits: about.limits,
            config: about.config,
            ..new_version(caller, name, &kept)
        };
        let record = self.host.store.deploy_agent(version).await?;
        self.tell_deployed(&record);
        Self::show_agent(record)
    }

    pub(super) fn tell_deployed(&self, record: &AgentRecord) {
        self.forget_parked(&record.tenant, record.name.as_str());
        let deployed = Happening::new("agent.deployed").agent(&record.name);
        self.host
            .lifecycle
            .tell(deployed.with("version", record.version).with("digest", record.digest.as_str()));
    }

    /// Puts files together and keeps them, until they are swept: see [`Control::versions`].
    pub(super) async fn keep_files<F>(&self, fill: F) -> Result<Version, Refusal>
    where
        F: FnOnce(Unpacking) -> Result<Unpacking, AgentError> + Send + 'static,
    {
        let library = std::sync::Arc::clone(&self.library);
        let limits = self.settings().agent_limits;
        let kept = tokio::task::spawn_blocking(move || {
            let filled = fill(library.stage(limits)?)?;
            library.commit(filled.finish()?)
        });
        Ok(kept.await.map_err(|_panicked| Refusal::Worker)??)
    }

    /// Hosts for an agent, each in its one form: those that the configuration allows.
    pub(super) fn hosts(&self, hosts: &[String]) -> Result<Vec<String>, Refusal> {
        let wrong = |what| OptionError { field: "allowedHosts".to_owned(), what };
        if hosts.len() > HOSTS_MAX {
            let what = format!("{} hosts, and {HOSTS_MAX} is the most", hosts.len());
            return Err(wrong(what).into());
        }
        let asked = HostRules::parse(hosts).map_err(|error| wrong(error.to_string()))?;
        match self.settings().hosts.uncovered(&asked) {
            None => Ok(asked.texts()),
            Some(host) => Err(Refusal::HostNotAllowed { host: host.to_string() }),
        }
    }

    /// Limits for sandboxes: none higher than this host's.
    pub(super) fn judge_limits(&self, wishes: &Wishes) -> Result<(), OptionError> {
        self.host.settings.limits.judge(wishes).map_err(|error| OptionError {
            field: format!("limits.{}", error.name()),
            what: error.to_string(),
        })
    }

    /// A folder of the host is an administrator's to name, or lies below a configured root.
    async fn allowed(&self, caller: &Caller, path: &str) -> Result<PathBuf, Refusal> {
        let refused = || Refusal::PathNotAllowed { path: path.chars().take(300).collect() };
        let given = PathBuf::from(path);
        if !given.is_absolute() {
            return Err(refused());
        }
        let real = tokio::fs::canonicalize(&given).await;
        if caller.administrator {
            return Ok(real.unwrap_or(given));
        }
        // A path that does not exist is refused like one that may not be named: no oracle.
        let real = real.map_err(|_missing| refused())?;
        let below = |root: &Path| root.canonicalize().is_ok_and(|root| real.starts_with(root));
        if self.settings().agent_roots.iter().any(|root| below(root)) {
            Ok(real)
        } else {
            Err(refused())
        }
    }
}

/// A version of these files about which nothing else is said.
pub(super) fn new_version(caller: &Caller, name: AgentName, kept: &Version) -> NewVersion {
    NewVersion {
        tenant: caller.tenant.clone(),
        name,
        digest: kept.digest.to_string(),
        files: kept.files,
        bytes: kept.bytes,
        path: kept.path.display().to_string(),
        environment: None,
        allowed_hosts: None,
        limits: None,
        config: None,
        words: VersionWords { created_by: Some(caller.by()), ..VersionWords::default() },
        at: Timestamp::now(),
    }
}

/// What is stored of a preset that came with a deploy.
fn preset_text(config: &AgentConfig) -> Result<String, OptionError> {
    let judged = preset::changed(&AgentConfig::default(), config);
    judged.map(|config| preset::text(&config)).map_err(|error| in_config(&error))
}

pub(super) fn in_config(error: &OptionError) -> OptionError {
    OptionError { field: format!("config.{}", error.field), what: error.what.clone() }
}

fn fill(unpacking: Unpacking, source: Source) -> Result<Unpacking, AgentError> {
    match source {
        Source::Folder(path) => unpacking.copy_folder(&path),
        Source::Files(files) => files.into_iter().try_fold(unpacking, |unpacking, file| {
            unpacking.write_file(&file.path, &file.content, file.executable)
        }),
    }
}

/// The uploaded files; their number is limited when they are written.
pub(super) fn decode(files: &[AgentFile]) -> Result<Vec<DecodedFile>, OptionError> {
    let decode = |(index, file): (usize, &AgentFile)| match STANDARD.decode(file.content.as_bytes())
    {
        Ok(content) => {
            Ok(DecodedFile { path: file.path.clone(), content, executable: file.executable })
        }
        Err(error) => Err(OptionError {
            field: format!("files.{index}.content"),
            what: format!("it is not base64: {error}"),
        }),
    };
    files.iter().enumerate().map(decode).collect()
}

pub(super) fn prompt_file(prompt: String) -> DecodedFile {
    DecodedFile { path: CLAUDE_MD.to_owned(), content: prompt.into_bytes(), executable: false }
}
