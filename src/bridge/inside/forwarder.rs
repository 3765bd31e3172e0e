//! The way from the sandbox's loopback to egress: programs know proxies and APIs by address and port, and
//! a sandbox has only a unix socket out. It passes bytes and judges nothing; egress does.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Semaphore;

/// As the proxy's URL says it.
const ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 3128);

/// The socket of egress.
const EGRESS_SOCKET: &str = "/run/ash/api.sock";

/// Connections at one time; egress takes as many from one sandbox. The next waits in the kernel.
const CONNECTIONS_MAX: usize = 64;

/// Whether there is a way to egress: a jail has none.
pub(super) fn is_wanted() -> bool {
    Path::new(EGRESS_SOCKET).exists()
}

/// Listens, and forwards as long as the bridge lives.
pub(super) fn start() -> io::Result<()> {
    let listener = std::net::TcpListener::bind(ADDRESS)?;
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    drop(tokio::spawn(forward(listener, Path::new(EGRESS_SOCKET))));
    Ok(())
}

async fn forward(listener: TcpListener, egress: &'static Path) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((mut client, _peer)) => drop(tokio::spawn(async move {
                // Whoever asked sees the end of it.
                drop(pass(&mut client, egress).await);
                drop(place);
            })),
            // The client went away, or the sandbox has no descriptor left; one ends before long.
            Err(_error) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

async fn pass(client: &mut TcpStream, egress: &Path) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut egress = UnixStream::connect(egress).await?;
    copy_bidirectional(client, &mut egress).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn bytes_pass_both_ways_and_each_end_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path: &'static Path = Box::leak(folder.path().join("api.sock").into_boxed_path());
        let egress = UnixListener::bind(path).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let forwarding = tokio::spawn(forward(listener, path));
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut there, _peer) = egress.accept().await.unwrap();
        client.write_all(b"CONNECT").await.unwrap();
        client.shutdown().await.unwrap();
        let mut said = String::new();
        there.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "CONNECT");
        there.write_all(b"200").await.unwrap();
        drop(there);
        let mut answered = String::new();
        client.read_to_string(&mut answered).await.unwrap();
        assert_eq!(answered, "200");
        // Without egress the connection ends at once.
        drop(egress);
        let mut client = TcpStream::connect(address).await.unwrap();
        assert_eq!(client.read(&mut [0]).await.unwrap_or(0), 0);
        forwarding.abort();
    }
}
