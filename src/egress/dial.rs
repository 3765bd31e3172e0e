//! From a name to a connection: looked up once, each address judged, and dialled exactly as it was
//! judged, so that a name cannot change between the look and the call.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::address;
use super::hosts::HostName;

/// Lookups at one time: each keeps a thread, and a name server that is silent keeps it for long.
const LOOKUPS_MAX: usize = 16;

/// Longest lookup.
const LOOKUP_MAX: Duration = Duration::from_secs(10);

/// Addresses of one name that are tried, and the longest try of each.
const ADDRESSES_MAX: usize = 4;
const ADDRESS_MAX: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("its name is not known")]
    Unknown { source: io::Error },
    #[error("its name leads to no public address ({what})")]
    NotPublic { what: &'static str },
    #[error("it does not answer")]
    Unreachable { source: io::Error },
}

/// What a test can take away, to see that it is what holds an attack. The product has all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(feature = "testing"),
    expect(dead_code, reason = "some are asked for by tests alone")
)]
pub(crate) enum Guard {
    /// The lists of hosts, and the one form of a name.
    HostList,
    /// The judgement of addresses.
    Addresses,
    /// The one lookup: there is another for the call.
    OneLookup,
    /// The name in the greeting of TLS.
    ServerName,
    /// The placeholder, and in whose hands it is.
    Placeholder,
}

/// Looks names up and dials them.
#[derive(Debug)]
pub(super) struct Dialer {
    lookups: Semaphore,
    #[cfg(feature = "testing")]
    stage: Stage,
}

/// Names of a test, and what it takes away.
#[cfg(feature = "testing")]
#[derive(Debug, Default)]
pub(crate) struct Stage {
    /// What a name leads to, one lookup after the other; the last stays. The ports are the test's.
    pub(crate) names: std::collections::HashMap<String, Vec<Vec<SocketAddr>>>,
    /// Addresses that pass for public ones.
    pub(crate) public: Vec<std::net::IpAddr>,
    pub(crate) without: Vec<Guard>,
    pub(crate) asked: std::sync::Mutex<std::collections::HashMap<String, usize>>,
}

#[cfg(feature = "testing")]
impl Stage {
    fn look_up(&self, name: &str) -> Option<Vec<SocketAddr>> {
        let answers = self.names.get(name)?;
        let mut asked = self.asked.lock().ok()?;
        let times = asked.entry(name.to_owned()).or_default();
        let answer = answers.get(*times).or_else(|| answers.last())?;
        *times += 1;
        Some(answer.clone())
    }
}

impl Dialer {
    pub(super) fn new() -> Self {
        Self {
            lookups: Semaphore::new(LOOKUPS_MAX),
            #[cfg(feature = "testing")]
            stage: Stage::default(),
        }
    }

    #[cfg(feature = "testing")]
    pub(super) fn staged(stage: Stage) -> Self {
        Self { stage, ..Self::new() }
    }

    /// Whether a test has taken it away.
    #[cfg(feature = "testing")]
    pub(super) fn lacks(&self, guard: Guard) -> bool {
        self.stage.without.contains(&guard)
    }

    #[cfg(not(feature = "testing"))]
    #[expect(clippy::unused_self, reason = "the same call as where there is a stage")]
    pub(super) fn lacks(&self, _guard: Guard) -> bool {
        false
    }

    /// A connection to a public address of `host`.
    pub(super) async fn dial(&self, host: &HostName, port: u16) -> Result<TcpStream, DialError> {
        self.dial_text(host.as_str(), port).await
    }

    /// `host` is a name in its one form, unless a test has taken that away.
    pub(super) async fn dial_text(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let found = self.look_up(host, port).await?;
        let mut refused = "it has none";
        let mut judged = Vec::with_capacity(found.len().min(ADDRESSES_MAX));
        for address in found {
            match self.judge(address) {
                None if judged.len() < ADDRESSES_MAX => judged.push(address),
                None => {}
                Some(what) => refused = what,
            }
        }
        if judged.is_empty() {
            return Err(DialError::NotPublic { what: refused });
        }
        if self.lacks(Guard::OneLookup) {
            judged = self.look_up(host, port).await?;
        }
        Self::connect(judged).await
    }

    /// A connection to whatever `host`, a name or an address that root has listed, leads to.
    pub(super) async fn dial_listed(&self, host: &str, port: u16) -> Result<TcpStream, DialError> {
        let mut found = self.look_up(host, port).await?;
        found.truncate(ADDRESSES_MAX);
        Self::connect(found).await
    }

    async fn connect(addresses: Vec<SocketAddr>) -> Result<TcpStream, DialError> {
        let mut last = io::Error::from(io::ErrorKind::TimedOut);
        for address in addresses {
            match timeout(ADDRESS_MAX, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    stream.set_nodelay(true).map_err(|source| DialError::Unreachable { source })?;
                    return Ok(stream);
                }
                Ok(Err(error)) => last = error,
                Err(_elapsed) => {}
            }
        }
        Err(DialError::Unreachable { source: last })
    }

    async fn look_up(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        #[cfg(feature = "testing")]
        if let Some(staged) = self.stage.look_up(host) {
            return Ok(staged);
        }
        let unknown = |source| DialError::Unknown { source };
        let looked_up = async {
            let closed = |_closed| io::Error::from(io::ErrorKind::BrokenPipe);
            let _one_of_few = self.lookups.acquire().await.map_err(closed)?;
            lookup_host((host, port)).await.map(Iterator::collect)
        };
        let late = |_elapsed| unknown(io::ErrorKind::TimedOut.into());
        timeout(LOOKUP_MAX, looked_up).await.map_err(late)?.map_err(unknown)
    }

    #[cfg(test)]
    pub(super) async fn look_up_for_test(&self, host: &str) -> Vec<SocketAddr> {
        self.look_up(host, 443).await.unwrap_or_default()
    }

    /// Why the address is not dialled.
    fn judge(&self, address: SocketAddr) -> Option<&'static str> {
        #[cfg(feature = "testing")]
        if self.stage.public.contains(&address.ip()) || self.lacks(Guard::Addresses) {
            return None;
        }
        address::forbidden(address.ip())
            .or_else(|| address::is_own(address).then_some("this host itself"))
    }
}
