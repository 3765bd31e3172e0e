//! `ashctl deploy`: a folder becomes the next version of an agent.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use clap::Args;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use tokio::sync::mpsc;

use super::Context;
use super::agent::list_or_dash;
use super::dotenv::{self, Assignment};
use super::exit::Exit;
use super::failure::Failure;
use super::limits::{Limit, limit};
use super::output::Output;
use super::server::{Server, request, whole};
use crate::agent::{AgentError, AgentLimits, Fault, Survey, pack, survey};
use crate::chain::chain;
use crate::id::{AGENT_NAME_BYTES_MAX, AgentName};
use crate::web::client::{Body, Patience, streamed};
use crate::wire::agents::{
    Agent, BUNDLE_CONTENT_TYPE, ENVIRONMENT_HEADER, HOSTS_HEADER, LIMITS_HEADER,
};

/// Bytes that are gathered before they are sent: one write of the socket.
const CHUNK_BYTES: usize = 64 << 10;

/// Chunks that wait for the connection.
const CHUNKS_WAITING_MAX: usize = 4;

/// Time between two drawings of the progress, in milliseconds: ten a second look smooth.
const PROGRESS_MILLISECONDS: u64 = 100;

/// Largest environment, in bytes of its header. Servers take 64 KiB and more of headers in all.
const ENVIRONMENT_BYTES_MAX: usize = 48 << 10;

/// Deploy a folder as the next version of an agent
///
/// The folder has a CLAUDE.md. What `.ashignore` names, in the syntax of `.gitignore`, is left
/// out. The variables of `.env` and `.env.local` become the environment of the agent; the files
/// themselves are not sent. Without any variable, the environment stays as it is on the server.
#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// Folder of the agent
    #[arg(value_name = "DIR")]
    folder: PathBuf,

    /// Name of the agent; by default, that of the folder
    #[arg(short, long)]
    name: Option<AgentName>,

    /// Variable for the agent's sandboxes; a name alone takes the value that ashctl has
    #[arg(short, long = "env", value_name = "NAME[=VALUE]")]
    env: Vec<Assignment>,

    /// Host that the agent's sandboxes may reach by HTTPS, `*.` before it for all below; repeat it
    /// for more, `--allow-host=` alone for none, leave it out to keep what the agent has
    #[arg(long = "allow-host", value_name = "HOST[:PORT]")]
    allow_host: Vec<String>,

    /// Limit of the agent's sandboxes below the host's, such as `memoryMib=512`; repeat it for more,
    /// `--no-limits` for none, leave both out to keep what the agent has
    #[arg(long = "limit", value_name = "NAME=NUMBER", value_parser = limit, conflicts_with = "no_limits")]
    limits: Vec<Limit>,

    /// Take back the limits that the agent has
    #[arg(long)]
    no_limits: bool,
}

/// All that a deploy sends.
#[derive(Debug)]
struct Parcel {
    name: AgentName,
    /// Stays as it is on the server if absent.
    environment: Option<BTreeMap<String, String>>,
    /// Likewise.
    hosts: Option<Vec<String>>,
    /// Likewise.
    limits: Option<BTreeMap<String, u64>>,
    survey: Survey,
}

pub(crate) async fn run(context: &Context, deploy: Deploy) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let prepared = tokio::task::spawn_blocking(move || {
        let mut notes = vec![];
        deploy.prepare(&mut notes).map(|parcel| (parcel, notes))
    });
    let (parcel, notes) = prepared.await.expect("reading a folder does not panic")?;
    for note in &notes {
        output.note(note);
    }

    let progress = progress(output, parcel.survey.bytes());
    let answer = deliver(server, parcel, progress).await?;
    output.one(
        &answer,
        "agent",
        |agent: &Agent| agent.name.to_string(),
        |agent| {
            output.line(&format!("Deployed agent \"{}\" (v{})", agent.name, agent.version))?;
            let files = counted(agent.files, "file", "files");
            let digest = super::plain::line(&agent.digest);
            output.line(&format!("{files}, {}, {digest}", HumanBytes(agent.bytes)))?;
            if agent.allowed_hosts.is_empty() {
                return Ok(());
            }
            let hosts: Vec<&str> = agent.allowed_hosts.iter().map(String::as_str).collect();
            output.line(&format!("Hosts it may reach: {}", list_or_dash(&hosts)))
        },
    )
}

/// Deploys a folder without a word.
pub(crate) async fn folder(
    server: &Server,
    folder: PathBuf,
    name: Option<AgentName>,
) -> Result<Bytes, Failure> {
    let (env, allow_host, limits) = (vec![], vec![], vec![]);
    let deploy = Deploy { folder, name, env, allow_host, limits, no_limits: false };
    let prepared = tokio::task::spawn_blocking(move || deploy.prepare(&mut vec![]));
    let parcel = prepared.await.expect("reading a folder does not panic")?;
    deliver(server, parcel, ProgressBar::hidden()).await
}

async fn deliver(server: &Server, parcel: Parcel, progress: ProgressBar) -> Result<Bytes, Failure> {
    let (chunks, body) = channel();
    let request = upload(&parcel, body)?;
    // Why the folder could not be packed.
    let failed = Arc::new(OnceLock::new());
    let (bar, fails) = (progress.clone(), Arc::clone(&failed));
    // Nobody waits for its end: it has come, or the server has refused the rest.
    drop(tokio::task::spawn_blocking(move || send_archive(&parcel.survey, chunks, &bar, &fails)));
    let answer = async { whole(server.open(request, Patience::Upload).await?).await }.await;
    progress.finish_and_clear();
    // A folder that cannot be packed cuts the request off; then that is the reason.
    answer.map_err(|failure| failed.get().map_or(failure, refused))
}

impl Deploy {
    /// Reads everything that is sent, and notes what the person did not say but should know.
    fn prepare(self, notes: &mut Vec<String>) -> Result<Parcel, Failure> {
        let name = if let Some(name) = self.name {
            name
        } else {
            let name = name_of(&self.folder)?;
            notes.push(format!("The name is that of the folder: {name}"));
            name
        };
        let mut survey =
            survey(&self.folder, &AgentLimits::default()).map_err(|error| refused(&error))?;
        let ignored = survey.ignored().count as u64;
        if ignored > 0 {
            notes.push(format!("Left out by .ashignore: {}", counted(ignored, "entry", "entries")));
        }
        let mut environment: Option<BTreeMap<String, String>> = None;
        for file in dotenv::FILES {
            survey.leave_out(file);
            if let Some(variables) = dotenv::read(&self.folder.join(file))? {
                let names: Vec<&str> = variables.keys().map(String::as_str).collect();
                notes.push(format!("Read, and not sent as a file: {file} ({})", names.join(", ")));
                environment.get_or_insert_default().extend(variables);
            }
        }
        for assignment in self.env {
            let (name, value) = assignment.into_pair()?;
            environment.get_or_insert_default().insert(name, value);
        }
        let hosts = (!self.allow_host.is_empty())
            .then(|| self.allow_host.into_iter().filter(|host| !host.is_empty()).collect());
        let limits = (self.no_limits || !self.limits.is_empty())
            .then(|| self.limits.into_iter().map(Limit::into_pair).collect());
        Ok(Parcel { name, environment, hosts, limits, survey })
    }
}

/// The name of a folder as that of an agent: what a name cannot have becomes `-`.
fn name_of(folder: &Path) -> Result<AgentName, Failure> {
    let failed = |why: &str| {
        Failure::usage(format!("`{}` gives the agent no name: {why}", folder.display()))
            .hint("give one with `--name`")
    };
    let folder = folder.canonicalize().map_err(|error| {
        Failure::usage(format!("`{}` cannot be opened: {error}", folder.display()))
    })?;
    let name = folder.file_name().ok_or_else(|| failed("it is the root"))?.to_string_lossy();
    let mut normal = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() || character == '_' {
            normal.push(character);
        } else if !normal.is_empty() && !normal.ends_with('-') {
            normal.push('-');
        }
    }
    normal.truncate(AGENT_NAME_BYTES_MAX);
    normal.trim_end_matches('-').parse().map_err(|_name| failed("it has no letter and no digit"))
}

fn counted(count: u64, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// A folder that cannot be deployed is wrong input; anything else is a failure of this machine.
fn refused(error: &AgentError) -> Failure {
    let exit = match error.fault() {
        Fault::Folder | Fault::Size => Exit::Usage,
        Fault::DiskFull | Fault::Host => Exit::Failure,
    };
    let failure = Failure::new(exit, chain(error));
    match error {
        AgentError::ClaudeMdMissing => failure.hint("write what the agent is to do into CLAUDE.md"),
        AgentError::KindRefused { .. } => failure.hint("name it in `.ashignore` to leave it out"),
        _ => failure,
    }
}

/// The request that carries `body`.
fn upload(parcel: &Parcel, body: Body) -> Result<Request<Body>, Failure> {
    let target = format!("/api/agents/{}/bundle", parcel.name);
    let mut request = request(Method::PUT, &target, body);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(BUNDLE_CONTENT_TYPE));
    if let Some(environment) = &parcel.environment {
        let json = serde_json::to_vec(environment).expect("texts have a JSON form");
        let encoded = URL_SAFE_NO_PAD.encode(json);
        if encoded.len() > ENVIRONMENT_BYTES_MAX {
            return Err(Failure::usage(format!(
                "the environment of the agent is larger than {ENVIRONMENT_BYTES_MAX} bytes"
            ))
            .hint("put large values into files of the folder"));
        }
        let mut value = HeaderValue::from_str(&encoded).expect("base64 is a header value");
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(ENVIRONMENT_HEADER), value);
    }
    if let Some(hosts) = &parcel.hosts {
        let value = HeaderValue::from_str(&hosts.join(",")).map_err(|_character| {
            Failure::usage("a host has a character that is in no name of a host".to_owned())
                .hint("write names beyond ASCII as they go over the wire, `xn--…`")
        })?;
        headers.insert(HeaderName::from_static(HOSTS_HEADER), value);
    }
    if let Some(limits) = &parcel.limits {
        let pairs: Vec<String> =
            limits.iter().map(|(name, number)| format!("{name}={number}")).collect();
        let value = HeaderValue::from_str(&pairs.join(",")).expect("they are letters and digits");
        headers.insert(HeaderName::from_static(LIMITS_HEADER), value);
    }
    Ok(request)
}

/// A bar on a terminal that somebody watches; otherwise one that nobody sees.
fn progress(output: &Output, bytes: u64) -> ProgressBar {
    if !output.is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(bytes).with_style(progress_style());
    bar.enable_steady_tick(Duration::from_millis(PROGRESS_MILLISECONDS));
    bar
}

fn progress_style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec}")
        .expect("the template is right, as the test shows")
}

type Chunk = io::Result<Bytes>;

/// A way for chunks, and the body that they make.
fn channel() -> (mpsc::Sender<Chunk>, Body) {
    let (sender, mut receiver) = mpsc::channel(CHUNKS_WAITING_MAX);
    let body = streamed(futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)));
    (sender, body)
}

/// Packs the folder into `chunks`. Its failure is kept in `failed` and cuts the body off, so that
/// the server cannot take the part for the whole.
fn send_archive(
    survey: &Survey,
    chunks: mpsc::Sender<Chunk>,
    progress: &ProgressBar,
    failed: &OnceLock<AgentError>,
) {
    let cut_off = chunks.clone();
    let writer = io::BufWriter::with_capacity(CHUNK_BYTES, ChunkWriter(chunks));
    match pack(survey, writer, |bytes| progress.set_position(bytes)) {
        // Nobody receives any more: the request has failed by itself.
        Ok(()) | Err(AgentError::Write { .. }) => {}
        Err(error) => {
            failed.get_or_init(|| error);
            let error = io::Error::other("the folder cannot be packed");
            let _nobody_receives = cut_off.blocking_send(Err(error));
        }
    }
}

/// Writes into a body, from a thread that may block.
struct ChunkWriter(mpsc::Sender<Chunk>);

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .map_err(|_closed| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_progress_can_be_drawn() {
        let _style = progress_style();
    }

    #[test]
    fn a_folder_gives_its_agent_a_name() {
        let parent = tempfile::tempdir().unwrap();
        for (folder, name) in [
            ("qa-bot", "qa-bot"),
            ("QA_bot", "QA_bot"),
            ("my  agent (v2)", "my-agent-v2"),
            (".hidden", "hidden"),
            ("-x-", "x"),
            ("größe", "gr-e"),
        ] {
            let path = parent.path().join(folder);
            std::fs::create_dir(&path).unwrap();
            assert_eq!(name_of(&path).unwrap().as_str(), name, "{folder}");
        }
        let nameless = parent.path().join("你好");
        std::fs::create_dir(&nameless).unwrap();
        for folder in [nameless.as_path(), Path::new("/"), Path::new("/nowhere")] {
            assert_eq!(name_of(folder).unwrap_err().exit, Exit::Usage, "{}", folder.display());
        }
    }

    #[tokio::test]
    async fn a_folder_that_changes_cuts_the_upload_off() {
        use http_body_util::BodyExt as _;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("CLAUDE.md"), "12345").unwrap();
        let survey = survey(folder.path(), &AgentLimits::default()).unwrap();
        std::fs::write(folder.path().join("CLAUDE.md"), "123").unwrap();
        let (chunks, body) = channel();
        let failed = Arc::new(OnceLock::new());
        let fails = Arc::clone(&failed);
        let packing = tokio::task::spawn_blocking(move || {
            send_archive(&survey, chunks, &ProgressBar::hidden(), &fails);
        });
        assert!(body.collect().await.is_err());
        packing.await.unwrap();
        assert!(refused(failed.get().unwrap()).text.contains("`CLAUDE.md` changed"));
    }

    #[test]
    fn an_environment_that_no_header_can_carry_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("CLAUDE.md"), "").unwrap();
        let value = "x".repeat(ENVIRONMENT_BYTES_MAX);
        let parcel = Parcel {
            name: "qa-bot".parse().unwrap(),
            environment: Some([("A".to_owned(), value)].into()),
            hosts: None,
            limits: None,
            survey: survey(folder.path(), &AgentLimits::default()).unwrap(),
        };
        let failure = upload(&parcel, crate::web::client::empty()).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
    }
}
