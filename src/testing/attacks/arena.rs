//! Where attacks are fought out: a host with things worth stealing, one sandbox that attacks, and
//! one of another tenant beside it, both started as the product starts them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Gid, Pid, Uid, chown, geteuid};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::way_out::{self, CLOSED_PORT};
use super::{Attack, Context, Outcome, Sibling, network, processes};
use crate::bridge::host::{self, BridgeEvent, Link};
use crate::bridge::protocol::StartCli;
use crate::egress::{Egress, Placeholder, Terms};
use crate::id::SessionId;
use crate::os::process::command;
use crate::sandbox::{
    Launcher, LauncherSettings, Layer, Level, Limits, PlacementChoice, SandboxName, SandboxSpec,
};

/// The sandboxes' block of users begins here.
const UID_FIRST: u32 = 1_878_917_120;

/// Longest wait for a bridge, and for all attacks of one sandbox.
const GREETING_DEADLINE: Duration = Duration::from_secs(30);
const FIGHT_DEADLINE: Duration = Duration::from_mins(5);

/// Longest wait for a sandbox to leave by itself.
const LEAVE_DEADLINE: Duration = Duration::from_secs(10);

/// Small, so that they are soon reached.
const MEMORY_BYTES: u64 = 1 << 20;
const TASKS: u64 = 120;
const OPEN_FILES: u64 = 1024;
const FILE_BYTES: u64 = 256 << 20;

/// Why there can be no fight.
#[derive(Debug)]
pub enum NoArena {
    /// This machine cannot; why.
    Impossible(String),
    /// It should, and did not.
    Failed(String),
}

/// How a round went: each attack by its number.
pub type Fight = BTreeMap<String, Outcome>;

/// A host, and what it has.
#[derive(Debug)]
pub struct Arena {
    directory: PathBuf,
    libexec: PathBuf,
    without: Vec<Layer>,
    context: Context,
    uids: [u32; 2],
    launcher: Launcher,
    egress: Egress,
    /// Of the attacker and of its sibling.
    placeholders: [Placeholder; 2],
    host_process: Child,
}

impl Drop for Arena {
    fn drop(&mut self) {
        // Only what the holes of this arena can have let out.
        processes::withdraw(&self.context);
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// Something that every process of this arena has in its arguments, and nothing else.
fn new_token() -> String {
    SessionId::new().to_string().replace('-', "")
}

fn failed(what: &str) -> impl FnOnce(io::Error) -> NoArena {
    let what = what.to_owned();
    move |error| NoArena::Failed(format!("{what}: {error}"))
}

impl Arena {
    /// A host whose sandboxes lack `without`. `libexec` is where the programs are.
    pub async fn new(libexec: &Path, without: &[Layer]) -> Result<Self, NoArena> {
        Self::beside(libexec, without, CLOSED_PORT).await
    }

    /// The same where [`SERVER`] leads to this port of 127.0.0.2.
    pub async fn beside(
        libexec: &Path,
        without: &[Layer],
        server_port: u16,
    ) -> Result<Self, NoArena> {
        if !geteuid().is_root() {
            let why = "only root can give sandboxes users of their own";
            return Err(NoArena::Impossible(why.to_owned()));
        }
        let token = new_token();
        // Not below /tmp: the stage of ash-launch covers that.
        let directory = Path::new("/var/tmp").join(format!("ash-attack-{token}"));
        let context = host_of(&directory, &token).map_err(failed("laying out the host"))?;
        let number = std::process::id() * 8 + next();
        let uids = [0, 1].map(|offset| UID_FIRST + 40_000 + (number * 2 + offset) % 20_000);
        let settings = LauncherSettings {
            placement: PlacementChoice::Auto,
            libexec: Some(libexec.to_owned()),
            bwrap: "/usr/bin/bwrap".into(),
            records: directory.join("records"),
            probe_uid: Some(uids[0]),
            sessions: directory.join("sessions"),
        };
        let launcher = Launcher::without(without.to_vec(), settings).await;
        let launcher = launcher.map_err(|error| NoArena::Failed(error.to_string()))?;
        let host_process = a_process(&token).map_err(failed("starting a process of the host"))?;
        let mut context = context;
        context.host_process = host_process
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .ok_or_else(|| NoArena::Failed("a process of the host has gone".to_owned()))?;
        let (libexec, without) = (libexec.to_owned(), without.to_vec());
        let egress = way_out::egress(&context, &without, server_port)
            .map_err(|error| NoArena::Failed(error.to_string()))?;
        let placeholders = [Placeholder::random(), Placeholder::random()];
        for (placeholder, uid) in placeholders.iter().zip(uids) {
            let hosts = way_out::of_agents();
            egress.admit(
                SessionId::new(),
                placeholder,
                Terms { uid: Some(uid), hosts, ..Terms::default() },
            );
        }
        egress.open();
        placeholders[0].expose().clone_into(&mut context.placeholder);
        Ok(Self {
            directory,
            libexec,
            without,
            context,
            uids,
            launcher,
            egress,
            placeholders,
            host_process,
        })
    }

    /// What the probe of this host says, as `/health` tells it: the walls that are hard.
    pub async fn hard_walls(&self) -> Vec<&'static str> {
        let found = self.launcher.measured_isolation().await;
        let walls = [
            ("files", found.files),
            ("network", found.network),
            ("identity", found.identity),
            ("seccomp", found.seccomp),
        ];
        walls.into_iter().filter(|(_, level)| *level == Level::Hard).map(|(name, _)| name).collect()
    }

    /// Starts both sandboxes, lets one attack, and ends both.
    pub async fn fight(&mut self, attacks: &[Attack]) -> Result<Fight, NoArena> {
        let sibling = self.spec(1, "sibling");
        let attacker = self.spec(0, "attacker");
        let (sibling, attacker) = (
            sibling.map_err(failed("laying out a sandbox"))?,
            attacker.map_err(failed("laying out a sandbox"))?,
        );
        self.context.sibling.workspace.clone_from(&sibling.workspace);
        let outcome = self.both(&sibling, &attacker, attacks).await;
        for spec in [&attacker, &sibling] {
            self.launcher.end(&spec.name).await;
        }
        outcome
    }

    async fn both(
        &mut self,
        sibling: &SandboxSpec,
        attacker: &SandboxSpec,
        attacks: &[Attack],
    ) -> Result<Fight, NoArena> {
        let mut beside = self.enter(sibling, &["--offer"]).await?;
        let offered = first_line(&mut beside).await?;
        self.context.sibling = serde_json::from_value::<Sibling>(offered)
            .map_err(|error| NoArena::Failed(format!("the sibling said: {error}")))?;
        self.placeholders[1].expose().clone_into(&mut self.context.sibling.placeholder);
        let numbers: Vec<&str> = attacks.iter().map(|attack| attack.number).collect();
        let mut link = self.enter(attacker, &["--attacks", &numbers.join(",")]).await?;
        let fight = timeout(FIGHT_DEADLINE, all_lines(&mut link)).await;
        let fight = fight.map_err(|_late| NoArena::Failed("the fight has no end".to_owned()))?;
        for link in [link, beside] {
            leave(link).await;
        }
        fight
    }

    /// What a shell inside says to `script`, and its status. It finds the proxy as an agent does.
    pub async fn run(&self, script: &str) -> Result<(Option<i32>, String), NoArena> {
        let mut spec = self.spec(0, "worker").map_err(failed("laying out a sandbox"))?;
        let proxy = format!("http://ash:{}@127.0.0.1:3128", self.placeholders[0].expose());
        for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
            spec.environment.insert(name.to_owned(), proxy.clone());
        }
        let mut link = self.enter(&spec, &["--run", script]).await?;
        let said = timeout(FIGHT_DEADLINE, next_line(&mut link)).await;
        leave(link).await;
        self.launcher.end(&spec.name).await;
        let said = said.map_err(|_late| NoArena::Failed("the script has no end".to_owned()))?;
        let mut said = said?.ok_or_else(|| NoArena::Failed("the shell has gone".to_owned()))?;
        serde_json::from_value(said["ran"].take())
            .map_err(|error| NoArena::Failed(error.to_string()))
    }

    /// A launch without anything inside: whether it is refused, and why.
    pub async fn refusal(&self) -> Option<String> {
        let spec = match self.spec(0, "refused") {
            Ok(spec) => spec,
            Err(error) => return Some(error.to_string()),
        };
        match self.launcher.launch(&spec).await {
            Ok(stream) => {
                drop(stream);
                self.launcher.end(&spec.name).await;
                None
            }
            Err(error) => Some(kind_of(&error)),
        }
    }

    /// Processes that are still there after every sandbox has ended.
    pub fn left(&self) -> Vec<u32> {
        self.uids.iter().flat_map(|uid| processes_of(*uid)).collect()
    }

    /// A sandbox in which the attacker stands in the CLI's place.
    async fn enter(&self, spec: &SandboxSpec, arguments: &[&str]) -> Result<Link, NoArena> {
        let stream = self
            .launcher
            .launch(spec)
            .await
            .map_err(|error| NoArena::Failed(format!("without {:?}: {error}", self.without)))?;
        let link = host::connect(stream, 0, GREETING_DEADLINE)
            .await
            .map_err(|error| NoArena::Failed(error.to_string()))?;
        let context = serde_json::to_string(&self.context).expect("a context has a JSON form");
        let mut all: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        all.extend(["--context".to_owned(), context]);
        let start = StartCli {
            arguments: all,
            environment: BTreeMap::new(),
            conversation: SessionId::new().to_string(),
            initialize: None,
            files: Vec::new(),
            label: None,
            asks: false,
            logs: false,
            scripts: None,
        };
        link.sender.start(&start).map_err(|error| NoArena::Failed(error.to_string()))?;
        Ok(link)
    }

    /// Lets both sandboxes speak to egress.
    fn serve_egress(&self, socket: &Path) -> io::Result<()> {
        let listener = UnixListener::bind(socket)?;
        fs::set_permissions(socket, fs::Permissions::from_mode(0o666))?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::UnixListener::from_std(listener)?;
        let egress = self.egress.clone();
        drop(tokio::spawn(async move {
            egress.serve(listener, CancellationToken::new()).await;
        }));
        Ok(())
    }

    fn spec(&self, which: usize, name: &str) -> io::Result<SandboxSpec> {
        let uid = self.uids[which];
        let place = self.directory.join(format!("{name}-{}", next()));
        let directory = |part: &str, owner: u32| -> io::Result<PathBuf> {
            let path = place.join(part);
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
            fs::set_permissions(&place, fs::Permissions::from_mode(0o711))?;
            chown(&path, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)))?;
            Ok(path)
        };
        let way_out = directory("egress", 0)?;
        fs::set_permissions(&way_out, fs::Permissions::from_mode(0o755))?;
        self.serve_egress(&way_out.join("api.sock"))?;
        // Where there is a control group, it counts processes as well as the limits of each do.
        let tasks = if self.without.contains(&Layer::Limits) { 2 * TASKS } else { TASKS };
        Ok(SandboxSpec {
            name: SandboxName::from(SessionId::new()),
            uid: Some(uid),
            workspace: directory("workspace", uid)?,
            home: directory("home", uid)?,
            state: directory("state", 0)?,
            egress: way_out,
            cli: self.libexec.join("ash-attack"),
            limits: Limits {
                tmp_bytes: MEMORY_BYTES,
                shm_bytes: MEMORY_BYTES,
                spill_bytes: MEMORY_BYTES,
                tasks,
                open_files: OPEN_FILES,
                file_bytes: FILE_BYTES,
                ..Limits::default()
            },
            environment: BTreeMap::new(),
        })
    }
}

/// The name of an error, for a test to compare.
fn kind_of(error: &impl std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Files, sockets and ports worth reaching.
fn host_of(directory: &Path, token: &str) -> io::Result<Context> {
    fs::create_dir(directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o711))?;
    let file = |name: &str, mode: u32| -> io::Result<PathBuf> {
        let path = directory.join(name);
        fs::write(&path, token)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(path)
    };
    let open = directory.join("open");
    fs::create_dir(&open)?;
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777))?;
    let socket = directory.join("service.sock");
    accept_all(UnixListener::bind(&socket)?);
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666))?;
    let abstract_name = format!("ash-host-{token}");
    accept_all(UnixListener::bind_addr(&SocketAddr::from_abstract_name(&abstract_name)?)?);
    let port = serve()?;
    let key = u32::from_str_radix(token.get(..7).unwrap_or("1"), 16).unwrap_or(1);
    Ok(Context {
        canary: file("canary", 0o644)?,
        secret: file("secret", 0o600)?,
        open_file: file("open/file", 0o666)?,
        socket,
        abstract_name,
        port,
        address: own_address(),
        by_ipv6: network::has_route_by_ipv6(),
        host_process: 0,
        sibling: Sibling {
            key: i32::try_from(key).unwrap_or(1),
            queue: format!("ash-{token}"),
            abstract_name: format!("ash-sibling-{token}"),
            ..Sibling::default()
        },
        memory_bytes: MEMORY_BYTES,
        tasks: usize::try_from(TASKS).unwrap_or(usize::MAX),
        open_files: usize::try_from(OPEN_FILES).unwrap_or(usize::MAX),
        placeholder: String::new(),
        token: token.to_owned(),
    })
}

/// Takes every connection, until the test ends.
fn accept_all(listener: UnixListener) {
    std::thread::spawn(move || {
        while let Ok((stream, _peer)) = listener.accept() {
            drop(stream);
        }
    });
}

/// A port that takes every connection and answers every packet, until the test ends.
fn serve() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let port = listener.local_addr()?.port();
    let packets = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    std::thread::spawn(move || {
        while let Ok((mut stream, _peer)) = listener.accept() {
            // A thread each: who says nothing, or says it late on a slow machine, delays nobody.
            std::thread::spawn(move || {
                let mut byte = [0];
                drop(stream.set_read_timeout(Some(FIGHT_DEADLINE)));
                drop(stream.read(&mut byte).and_then(|_| stream.write(b"x")));
            });
        }
    });
    std::thread::spawn(move || {
        let mut packet = [0; 256];
        while let Ok((_length, peer)) = packets.recv_from(&mut packet) {
            drop(packets.send_to(b"answered", peer));
        }
    });
    Ok(port)
}

/// The address that packets to the internet would carry; none is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(9, 9, 9, 9), 53)).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// A process of the host: it does nothing, and has the token in its arguments.
fn a_process(token: &str) -> io::Result<Child> {
    let line = "while :; do sleep 1000; done";
    let mut command: Command = command(Path::new("/bin/sh"), ["-c", line, "of the host", token]);
    command.kill_on_drop(true).process_group(0).spawn()
}

async fn next_line(link: &mut Link) -> Result<Option<Value>, NoArena> {
    loop {
        match link.events.recv().await {
            Some(BridgeEvent::Frame { line, .. }) => {
                let value = serde_json::from_slice(&line);
                return value.map(Some).map_err(|error| NoArena::Failed(error.to_string()));
            }
            Some(BridgeEvent::Notice { notice, .. }) => {
                let text = format!("{notice:?}");
                if text.contains("Failed") || text.contains("Exited") {
                    return Err(NoArena::Failed(text));
                }
            }
            None => return Ok(None),
        }
    }
}

async fn first_line(link: &mut Link) -> Result<Value, NoArena> {
    let line = timeout(GREETING_DEADLINE, next_line(link)).await;
    let line = line.map_err(|_late| NoArena::Failed("the sibling is silent".to_owned()))?;
    line?.ok_or_else(|| NoArena::Failed("the sibling has gone".to_owned()))
}

async fn all_lines(link: &mut Link) -> Result<Fight, NoArena> {
    let mut fight = Fight::new();
    while let Some(line) = next_line(link).await? {
        if line.get("end").is_some() {
            return Ok(fight);
        }
        let told = serde_json::from_value::<Fight>(line);
        fight.extend(told.map_err(|error| NoArena::Failed(error.to_string()))?);
    }
    Err(NoArena::Failed("the attacker has gone".to_owned()))
}

/// Lets the bridge end its CLI and leave: without a process namespace nothing else would.
async fn leave(mut link: Link) {
    let _ignored = link.sender.shutdown();
    drop(timeout(LEAVE_DEADLINE, async { while link.events.recv().await.is_some() {} }).await);
}

fn processes_of(uid: u32) -> Vec<u32> {
    let owned = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.contains(&format!("\nUid:\t{uid}\t")) && !status.contains("\nState:\tZ")
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(owned).collect()
}

/// Kills a process that a hole has let out.
impl Arena {
    pub fn clean_up(&mut self) {
        for pid in self.left() {
            if let Ok(pid) = i32::try_from(pid) {
                let _ignored = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        drop(self.host_process.start_kill());
    }
}
