//! The daemon as the commands see it: requests of the API, and failures told in its words.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::environment::{ApiKey, Environment};
use super::exit::Exit;
use super::failure::Failure;
use crate::web::client::{Answer, Body, Client, ClientError, Patience, empty, full};
use crate::web::tunnel::{Statuses, Tunnel};
use crate::wire::keys::TENANT;
use crate::wire::problem::Problem;

/// Largest answer that is read whole, in bytes. A page of messages can hold several lines of the
/// CLI, each of up to 64 MiB.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Largest body of a refusal, in bytes: a problem document has a few hundred.
const PROBLEM_BYTES_MAX: usize = 64 << 10;

/// Longest path of a unix socket, in bytes: `sun_path` with its closing zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// Largest file with an API key, in bytes.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// Where the packages put the admin socket.
const SYSTEM_SOCKET: &str = "/run/ash/admin.sock";

/// Where a daemon of a user has it, below `XDG_RUNTIME_DIR`.
const USER_SOCKET: &str = "ash/admin.sock";

/// Reaches other machines; found in `PATH`.
pub(crate) const SSH: &str = "ssh";

/// What stays as it is in a segment of a path (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Which daemon is meant, as the command line says it.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) socket: Option<PathBuf>,
    /// Over ssh.
    pub(crate) host: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) api_key_file: Option<PathBuf>,
    pub(crate) tenant: Option<String>,
}

/// How the daemon is reached.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    Socket(PathBuf),
    Host(String),
    Url(String),
}

/// A daemon that requests can be made to.
#[derive(Debug)]
pub(crate) struct Server {
    client: Client,
    /// Whom the admin socket acts for, if that is said.
    tenant: Option<HeaderValue>,
    /// Whether it is this machine's own, reached over its admin socket.
    pub(crate) local: bool,
    /// The admin socket, if it is of this machine.
    pub(crate) socket: Option<PathBuf>,
    /// The other machine, if it is reached over ssh.
    pub(crate) host: Option<String>,
    /// What the person should know about the way.
    pub(crate) warning: Option<&'static str>,
}

impl Server {
    /// Decides which daemon is meant; connects with the first request.
    pub(crate) fn find(wanted: &Wanted, environment: &Environment) -> Result<Self, Failure> {
        match find_way(wanted, environment)? {
            Way::Socket(path) => {
                if wanted.api_key_file.is_some() {
                    return Err(Failure::usage("`--api-key-file` needs `--server`")
                        .hint("the admin socket asks for no key: the user decides"));
                }
                if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
                    return Err(Failure::usage(format!(
                        "the path of a socket has at most {SOCKET_PATH_BYTES_MAX} bytes"
                    )));
                }
                let tenant = tenant(wanted, environment)?;
                let socket = Some(path.clone());
                let client = Client::unix(path);
                Ok(Self { client, tenant, local: true, socket, host: None, warning: None })
            }
            Way::Host(host) => {
                let place = format!("the admin socket of {host}");
                let client = Client::tunnel(over_ssh(&host, wanted.socket.as_deref()), place);
                let (tenant, host) = (tenant(wanted, environment)?, Some(host));
                Ok(Self { client, tenant, local: false, socket: None, host, warning: None })
            }
            Way::Url(url) => {
                let key = match &wanted.api_key_file {
                    Some(path) => Some(read_key(path)?),
                    None => environment.api_key.clone(),
                };
                let warning = (key.is_some() && crosses_a_network_in_clear(&url)).then_some(
                    "the API key crosses the network in clear text; use an `https://` address",
                );
                let bearer = key.map(|key| bearer(&key)).transpose()?;
                let client = Client::tcp(&url, bearer)?;
                let (tenant, socket, host) = (None, None, None);
                Ok(Self { client, tenant, local: false, socket, host, warning })
            }
        }
    }

    /// It is an admin socket, here or on another host.
    pub(crate) fn administers(&self) -> bool {
        self.local || self.host.is_some()
    }

    /// How messages name the daemon.
    pub(crate) fn place(&self) -> &str {
        self.client.place()
    }

    /// Makes a request without a body and reads the whole answer.
    pub(crate) async fn call(&self, method: Method, target: &str) -> Result<Bytes, Failure> {
        let answer = self.open(request(method, target, empty()), Patience::Answer).await?;
        Ok(answer.bytes(ANSWER_BYTES_MAX).await?)
    }

    pub(crate) async fn get(&self, target: &str) -> Result<Bytes, Failure> {
        self.call(Method::GET, target).await
    }

    /// Makes a request that carries `body` as JSON; the head of its answer says that the server
    /// has accepted it.
    pub(crate) async fn post(
        &self,
        target: &str,
        body: &impl Serialize,
    ) -> Result<Answer, Failure> {
        self.say(Method::POST, target, body).await
    }

    /// The same with another method.
    pub(crate) async fn say(
        &self,
        method: Method,
        target: &str,
        body: &impl Serialize,
    ) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(body).expect("the types of the wire have a JSON form");
        let mut request = request(method, target, full(body));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.open(request, Patience::Answer).await
    }

    /// The same as a change.
    pub(crate) async fn patch(
        &self,
        target: &str,
        body: &impl Serialize,
    ) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(body).expect("the types of the wire have a JSON form");
        let mut request = request(Method::PATCH, target, full(body));
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.open(request, Patience::Answer).await
    }

    /// Makes any request; an answer that is not a success is a failure.
    pub(crate) async fn open(
        &self,
        request: Request<Body>,
        patience: Patience,
    ) -> Result<Answer, Failure> {
        self.accepted(self.send(request, patience).await?).await
    }

    /// Makes any request, and tells a refusal of the server from a server that is not there.
    pub(crate) async fn reach(
        &self,
        request: Request<Body>,
    ) -> Result<Result<Answer, Failure>, ClientError> {
        Ok(self.accepted(self.send(request, Patience::Answer).await?).await)
    }

    /// Asks how the daemon is. That nothing listens is an answer, too: it is not active.
    pub(crate) async fn health(&self) -> Result<Bytes, Failure> {
        match self.send(request(Method::GET, "/health", empty()), Patience::Answer).await {
            Ok(answer) => whole(self.accepted(answer).await?).await,
            Err(error @ ClientError::NobodyListens { .. }) => {
                Err(Failure { exit: Exit::NotActive, ..error.into() })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn send(
        &self,
        mut request: Request<Body>,
        patience: Patience,
    ) -> Result<Answer, ClientError> {
        if let Some(tenant) = &self.tenant {
            request.headers_mut().insert(TENANT, tenant.clone());
        }
        self.client.send(request, patience).await
    }

    /// Lets a success pass and makes a failure of everything else.
    async fn accepted(&self, answer: Answer) -> Result<Answer, Failure> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        let status = answer.status;
        let body = answer.bytes(PROBLEM_BYTES_MAX).await.unwrap_or_default();
        Err(match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) => Failure::from_problem(problem),
            Err(_) => Failure::from_status(self.place(), status),
        })
    }
}

/// Reads what the server answered.
pub(crate) fn understand<'a, T: serde::Deserialize<'a>>(json: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(json).map_err(|error| {
        Failure::new(Exit::Failure, format!("the answer of the server is not understood: {error}"))
            .hint("`-o json` shows it; are `ashctl` and `ashd` of the same version?")
    })
}

/// Reads the whole of a JSON answer.
pub(crate) async fn whole(answer: Answer) -> Result<Bytes, Failure> {
    Ok(answer.bytes(ANSWER_BYTES_MAX).await?)
}

/// A request for a path of the API.
pub(crate) fn request(method: Method, target: &str, body: Body) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(target)
        .body(body)
        .expect("targets are put together from checked names and encoded segments")
}

/// `path` with everything encoded that has a meaning in a URL, except its `/`.
pub(crate) fn encode_path(path: &str) -> String {
    let segments = path.split('/').map(|segment| utf8_percent_encode(segment, SEGMENT).to_string());
    segments.collect::<Vec<_>>().join("/")
}

fn find_way(wanted: &Wanted, environment: &Environment) -> Result<Way, Failure> {
    if let Some(host) = &wanted.host {
        return Ok(Way::Host(host.clone()));
    }
    if let Some(path) = &wanted.socket {
        return Ok(Way::Socket(path.clone()));
    }
    if let Some(url) = &wanted.url {
        return Ok(Way::Url(url.clone()));
    }
    match (&environment.socket, &environment.server_url) {
        (Some(_), Some(_)) => Err(Failure::usage("`ASH_SOCKET` and `ASH_SERVER_URL` are both set")
            .hint("unset one, or choose with `--socket` or `--server`")),
        (Some(path), None) => Ok(Way::Socket(path.clone())),
        (None, Some(url)) => Ok(Way::Url(url.clone())),
        (None, None) => Ok(Way::Socket(default_socket(environment))),
    }
}

/// Whom an admin socket acts for.
fn tenant(wanted: &Wanted, environment: &Environment) -> Result<Option<HeaderValue>, Failure> {
    let tenant = wanted.tenant.as_ref().or(environment.tenant.as_ref());
    tenant
        .map(|name| HeaderValue::from_str(name))
        .transpose()
        .map_err(|_value| Failure::usage("a tenant's name is one word"))
}

/// `ssh HOST ashctl proxy-stdio`; a socket that is named is one of the other machine.
fn over_ssh(host: &str, socket: Option<&Path>) -> Tunnel {
    let mut words = vec!["ashctl".to_owned(), "proxy-stdio".to_owned()];
    if let Some(socket) = socket {
        words.extend(["--socket".to_owned(), socket.display().to_string()]);
    }
    let arguments = ["-T", "--", host].map(OsString::from);
    let statuses = Statuses { denied: Exit::Denied as i32, unreachable: Exit::Unreachable as i32 };
    Tunnel::new(SSH, arguments.into_iter().chain([shell_line(&words).into()]).collect(), statuses)
}

/// The words as the shell of another machine reads them.
pub(crate) fn shell_line(words: &[String]) -> String {
    let quoted = words.iter().map(|word| format!("'{}'", word.replace('\'', r"'\''")));
    quoted.collect::<Vec<_>>().join(" ")
}

/// The system's daemon if it has a socket, else the user's own, else the system's that is not
/// there.
fn default_socket(environment: &Environment) -> PathBuf {
    let system = PathBuf::from(SYSTEM_SOCKET);
    // Not being allowed to look is no sign of absence.
    if system.try_exists().unwrap_or(true) {
        return system;
    }
    let user = environment.runtime_dir.as_ref().map(|folder| folder.join(USER_SOCKET));
    user.filter(|path| path.exists()).unwrap_or(system)
}

fn read_key(path: &Path) -> Result<ApiKey, Failure> {
    use std::io::Read as _;
    let failed = |why: String| {
        Failure::usage(format!("the API key cannot be read from `{}`: {why}", path.display()))
    };
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut key = String::new();
    file.take(KEY_FILE_BYTES_MAX + 1)
        .read_to_string(&mut key)
        .map_err(|error| failed(error.to_string()))?;
    let key = key.trim();
    if key.is_empty() || key.len() as u64 > KEY_FILE_BYTES_MAX {
        return Err(failed("a key is one line of text".to_owned()));
    }
    Ok(ApiKey(key.to_owned()))
}

fn bearer(key: &ApiKey) -> Result<HeaderValue, Failure> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", key.0))
        .map_err(|_value| Failure::usage("the API key is not one line of text"))?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

/// Whether `url` is plain HTTP to another machine.
fn crosses_a_network_in_clear(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    uri.scheme_str() == Some("http") && !loopback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_beats_the_environment() {
        let environment =
            Environment { server_url: Some("https://env".to_owned()), ..Environment::default() };
        let wanted = Wanted { socket: Some("a.sock".into()), ..Wanted::default() };
        assert_eq!(find_way(&wanted, &environment), Ok(Way::Socket("a.sock".into())));
        let wanted = Wanted { url: Some("https://flag".to_owned()), ..Wanted::default() };
        assert_eq!(find_way(&wanted, &environment), Ok(Way::Url("https://flag".to_owned())));
        assert_eq!(
            find_way(&Wanted::default(), &environment),
            Ok(Way::Url("https://env".to_owned()))
        );
    }

    #[test]
    fn two_servers_in_the_environment_are_refused() {
        let environment = Environment {
            server_url: Some("https://env".to_owned()),
            socket: Some("a.sock".into()),
            ..Environment::default()
        };
        assert_eq!(find_way(&Wanted::default(), &environment).unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn the_socket_of_a_user_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join(USER_SOCKET);
        std::fs::create_dir(socket.parent().unwrap()).unwrap();
        std::fs::write(&socket, "").unwrap();
        let environment =
            Environment { runtime_dir: Some(folder.path().to_owned()), ..Environment::default() };
        let expected = if PathBuf::from(SYSTEM_SOCKET).exists() {
            PathBuf::from(SYSTEM_SOCKET)
        } else {
            socket
        };
        assert_eq!(default_socket(&environment), expected);
    }

    #[test]
    fn words_reach_another_shell_as_they_are() {
        let words = ["a b", "it's", "$(x)"].map(str::to_owned);
        assert_eq!(shell_line(&words), r"'a b' 'it'\''s' '$(x)'");
    }

    #[test]
    fn a_path_reaches_the_server_as_it_is() {
        assert_eq!(encode_path("out/my file?#%ä.txt"), "out/my%20file%3F%23%25%C3%A4.txt");
    }

    #[test]
    fn clear_text_is_told_apart() {
        for (url, clear) in [
            ("http://ash.example.com:4100", true),
            ("https://ash.example.com", false),
            ("http://localhost:4100", false),
            ("http://127.0.0.1:4100", false),
            ("http://[::1]:4100", false),
            ("http://10.0.0.1", true),
        ] {
            assert_eq!(crosses_a_network_in_clear(url), clear, "{url}");
        }
    }
}
