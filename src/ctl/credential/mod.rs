//! `ashctl credential`: the host's model key, put where ash-egress takes it from, and those of
//! tenants. A key is read from the terminal or the standard input, never from the command line.

mod tenants;

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use tokio::io::AsyncWriteExt as _;
use zeroize::Zeroizing;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::id::CredentialId;
use crate::os::process;

/// Longest secret, in bytes: what ash-egress reads of it.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Where systemd looks for `LoadCredential=` and `LoadCredentialEncrypted=`.
const STORE: &str = "etc/credstore";
const STORE_ENCRYPTED: &str = "etc/credstore.encrypted";

/// The unit that has the model key, and what says to it that the key is an encrypted one, or where
/// it lies: before version 250 systemd has no folder in which it looks.
const UNIT: &str = "ash-egress.service";
const DROP_IN: &str = "etc/systemd/system/ash-egress.service.d/50-ash-credential.conf";

/// What the unit loads beside it: the key that opens credentials of tenants.
const OTHER: &str = "ash-credential-key";

/// Longest wait for a program of systemd: a restart drains for 10 s.
const DEADLINE: Duration = Duration::from_secs(90);
const SAID_BYTES_MAX: u64 = 4096;

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialVerb {
    /// Store a credential and have it used; it is typed, or comes by the standard input
    ///
    /// Wants root. ash-egress is restarted: a request to the model that runs is sent again by
    /// Claude Code.
    Set {
        #[arg(value_enum)]
        name: Credential,
        /// Encrypt it to this machine with systemd-creds(1)
        #[arg(long)]
        encrypt: bool,
        /// Store it below this folder and restart nothing: for images of machines
        #[arg(long, value_name = "FOLDER", conflicts_with = "encrypt")]
        root: Option<PathBuf>,
    },
    Create(tenants::Create),
    /// List the credentials of the tenant
    List,
    /// Delete a credential: what its sessions ask of the model is refused from now on
    Delete {
        /// Id of the credential
        credential: CredentialId,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Credential {
    /// The key of the model API
    AnthropicApiKey,
}

impl Credential {
    fn name(self) -> &'static str {
        match self {
            Self::AnthropicApiKey => "anthropic-api-key",
        }
    }
}

pub(crate) async fn run(context: &Context, verb: CredentialVerb) -> Result<(), Failure> {
    match verb {
        CredentialVerb::Set { name, encrypt, root } => set(context, name, encrypt, root).await,
        CredentialVerb::Create(create) => tenants::create(context, create).await,
        CredentialVerb::List => tenants::list(context).await,
        CredentialVerb::Delete { credential } => tenants::delete(context, credential).await,
    }
}

async fn set(
    context: &Context,
    name: Credential,
    encrypt: bool,
    root: Option<PathBuf>,
) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    if let Some(host) = &server.host {
        return Err(Failure::usage("a credential is stored on this machine only")
            .hint(format!("`ssh -t {host} sudo ashctl credential set {}`", name.name())));
    }
    if root.is_none() && !nix::unistd::geteuid().is_root() {
        return Err(Failure::new(Exit::Denied, "credentials belong to root").hint("use `sudo`"));
    }
    let hint = format!("`ashctl credential set {} <FILE` reads it from a file", name.name());
    let secret = read(name.name(), &hint)?;
    let top = root.clone().unwrap_or_else(|| "/".into());
    let path = if encrypt {
        encrypted(&top, name.name(), &secret).await?
    } else {
        plain(&top, name.name(), &secret)?
    };
    output.note(&format!("Stored {}", path.display()));
    if root.is_some() {
        return Ok(());
    }
    if !Path::new("/run/systemd/system").exists() {
        output.note("systemd does not run here: nothing was restarted");
        return Ok(());
    }
    restart().await?;
    if !encrypt && !is_given(name) {
        let lines = format!("LoadCredential={}:{}", name.name(), path.display());
        drop_in(&top, "", &lines)?;
        restart().await?;
    }
    if !is_given(name) {
        let what = format!("{UNIT} runs, but was given no credential");
        return Err(Failure::new(Exit::Failure, what)
            .hint(format!("`systemctl cat {UNIT}` shows what it loads")));
    }
    output.note("ash-egress uses it now");
    Ok(())
}

/// Where systemd reads it as it is.
fn plain(top: &Path, name: &str, secret: &str) -> Result<PathBuf, Failure> {
    let path = store(&top.join(STORE).join(name), secret.as_bytes())?;
    // An encrypted one of before would be taken instead.
    for other in [top.join(STORE_ENCRYPTED).join(name), top.join(DROP_IN)] {
        match fs::remove_file(&other) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(told(&other, &error));
            }
            _ => {}
        }
    }
    Ok(path)
}

/// Where systemd decrypts it for the unit; the key of this machine, or its TPM, opens it.
async fn encrypted(top: &Path, name: &str, secret: &str) -> Result<PathBuf, Failure> {
    let mut command =
        process::tool("systemd-creds", ["encrypt", &format!("--name={name}"), "-", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let failed = |why: String| {
        Failure::new(Exit::Failure, format!("the credential was not encrypted: {why}"))
            .hint("systemd 250 and later has systemd-creds(1); without `--encrypt` it is stored as it is, for root alone")
    };
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        // A program that has left says why by its status.
        let _sent = input.write_all(secret.as_bytes()).await;
    }
    let made = tokio::time::timeout(DEADLINE, child.wait_with_output()).await;
    let made = made.map_err(|_elapsed| failed("it took too long".to_owned()))?;
    let made = made.map_err(|error| failed(error.to_string()))?;
    if !made.status.success() {
        return Err(failed(format!("systemd-creds ended with {}", made.status)));
    }
    let path = store(&top.join(STORE_ENCRYPTED).join(name), &made.stdout)?;
    // The first line takes back both that the unit itself names.
    let lines = format!("LoadCredential=\nLoadCredential={OTHER}\nLoadCredentialEncrypted={name}");
    drop_in(top, " --encrypt", &lines)?;
    let plain = top.join(STORE).join(name);
    match fs::remove_file(&plain) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(told(&plain, &error)),
        _ => Ok(path),
    }
}

/// Says to the unit, in `lines`, what it is to load.
fn drop_in(top: &Path, flag: &str, lines: &str) -> Result<(), Failure> {
    let text = format!("# Written by `ashctl credential set{flag}`.\n[Service]\n{lines}\n");
    store_as(&top.join(DROP_IN), text.as_bytes(), 0o755, 0o644)
}

fn store(path: &Path, content: &[u8]) -> Result<PathBuf, Failure> {
    store_as(path, content, 0o700, 0o600)?;
    Ok(path.to_owned())
}

/// Written beside it and moved into its place: who reads it finds the old one or the new one.
fn store_as(path: &Path, content: &[u8], folder_mode: u32, mode: u32) -> Result<(), Failure> {
    let failed = |error: io::Error| told(path, &error);
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(folder_mode).create(folder).map_err(failed)?;
    }
    let next = path.with_extension("ash-new");
    match fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(&next).map_err(failed)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&next, path).map_err(failed)
}

fn told(path: &Path, error: &io::Error) -> Failure {
    let exit =
        if error.kind() == io::ErrorKind::PermissionDenied { Exit::Denied } else { Exit::Failure };
    Failure::new(exit, format!("`{}` cannot be written: {error}", path.display()))
}

/// Has ash-egress run with what its unit says now.
async fn restart() -> Result<(), Failure> {
    systemctl(&["daemon-reload"]).await?;
    systemctl(&["restart", UNIT]).await?;
    systemctl(&["is-active", "--quiet", UNIT]).await
}

/// Whether systemd gave the running unit the credential.
fn is_given(name: Credential) -> bool {
    Path::new("/run/credentials").join(UNIT).join(name.name()).exists()
}

async fn systemctl(arguments: &[&str]) -> Result<(), Failure> {
    let shown = arguments.join(" ");
    let failed = |why: String| {
        Failure::new(Exit::Failure, format!("`systemctl {shown}` failed: {why}"))
            .hint(format!("the credential is stored; `journalctl -u {UNIT} -n 20` says more"))
    };
    let answer =
        process::ask(process::tool("systemctl", arguments), SAID_BYTES_MAX, DEADLINE).await;
    let answer = answer.map_err(|error| failed(error.to_string()))?;
    if answer.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&answer.stderr).trim().to_owned();
    Err(failed(if said.is_empty() { answer.status.to_string() } else { said }))
}

/// One line, which a terminal does not show.
fn read(name: &str, hint: &str) -> Result<Zeroizing<String>, Failure> {
    use std::io::{BufRead as _, IsTerminal as _, Read as _};
    let stdin = io::stdin();
    let mut text = Zeroizing::new(String::new());
    let unreadable =
        |error: io::Error| Failure::usage(format!("the credential cannot be read: {error}"));
    if stdin.is_terminal() {
        let _silent = Silent::new(&stdin).map_err(unreadable)?;
        let mut stderr = anstream::stderr().lock();
        // There is nobody to tell that the standard error is gone.
        let _told = write!(stderr, "{name}: ").and_then(|()| stderr.flush());
        drop(stderr);
        stdin.lock().read_line(&mut text).map_err(unreadable)?;
        let _told = writeln!(anstream::stderr().lock());
    } else {
        let limited = stdin.lock().take(SECRET_BYTES_MAX + 1);
        io::BufReader::new(limited).read_to_string(&mut text).map_err(unreadable)?;
    }
    one_word(&text, hint)
}

fn read_file(path: &Path, hint: &str) -> Result<Zeroizing<String>, Failure> {
    use std::io::Read as _;
    let mut text = Zeroizing::new(String::new());
    let opened = fs::File::open(path);
    let read = opened.and_then(|file| file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text));
    read.map_err(|error| Failure::usage(format!("`{}` cannot be read: {error}", path.display())))?;
    one_word(&text, hint)
}

fn one_word(text: &str, hint: &str) -> Result<Zeroizing<String>, Failure> {
    let secret = Zeroizing::new(text.trim().to_owned());
    let is_one_line = !secret.is_empty()
        && secret.len() as u64 <= SECRET_BYTES_MAX
        && secret.chars().all(|character| !character.is_control() && character != ' ');
    if is_one_line {
        Ok(secret)
    } else {
        Err(Failure::usage("a credential is one word of printable characters").hint(hint))
    }
}

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Silent<'a> {
    terminal: &'a io::Stdin,
    before: nix::sys::termios::Termios,
}

impl<'a> Silent<'a> {
    fn new(terminal: &'a io::Stdin) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        silent.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(terminal, SetArg::TCSAFLUSH, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing either.
        let _gone = tcsetattr(self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_credential_is_for_root_alone_and_takes_the_place_of_an_encrypted_one() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path();
        for other in [DROP_IN, "etc/credstore.encrypted/anthropic-api-key"] {
            fs::create_dir_all(top.join(other).parent().unwrap()).unwrap();
            fs::write(top.join(other), "old").unwrap();
        }
        let name = Credential::AnthropicApiKey.name();
        let path = plain(top, name, "one").unwrap();
        assert_eq!((mode(&path), mode(&top.join(STORE))), (0o600, 0o700));
        assert!(!top.join(DROP_IN).exists() && !top.join(STORE_ENCRYPTED).join(name).exists());
        plain(top, name, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(top.join(STORE)).unwrap().count(), 1);
    }
}
