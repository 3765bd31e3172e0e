//! N: the network of the host.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, connect, setsockopt, sockopt,
};

use super::processes::abstract_socket;
use super::raw::{address_mut, call};
use super::{
    Attack, Context, Layer, Outcome, attack, blocked, impossible, reached, succeeded, tried,
    tried_io,
};

use Layer::{Network, Privileges};

pub(super) const ATTACKS: &[Attack] = &[
    attack("N01", "connects to what listens on the host's loopback", &[Network], |context| {
        tried_io(TcpStream::connect((Ipv4Addr::LOCALHOST, context.port)))
    }),
    attack("N02", "connects to the host's address", &[Network], |context| match context.address {
        Some(address) => tried_io(TcpStream::connect((address, context.port))),
        None => impossible("this host has no address beside its loopback"),
    }),
    attack("N03", "sends a packet to the host's loopback", &[Network], |context| {
        answered(context, IpAddr::from(Ipv4Addr::LOCALHOST))
    }),
    attack("N04", "sends a packet to the host's address", &[Network], |context| {
        match context.address {
            Some(address) => answered(context, address),
            None => impossible("this host has no address beside its loopback"),
        }
    }),
    attack("N05", "connects to an abstract socket of the host", &[Network], |context| {
        abstract_socket(&context.abstract_name)
    }),
    attack("N06", "asks the cloud for its credentials (169.254.169.254)", &[Network], |_| {
        leaves(Ipv4Addr::new(169, 254, 169, 254), 80)
    }),
    attack("N07", "asks a name server of the internet", &[Network], |_| {
        leaves(Ipv4Addr::new(9, 9, 9, 9), 53)
    }),
    attack("N08", "connects to the private network", &[Network], |_| {
        leaves(Ipv4Addr::new(10, 0, 0, 1), 443)
    }),
    attack("N09", "finds a network device", &[Network], |_| {
        let devices = std::fs::read_to_string("/proc/net/dev").unwrap_or_default();
        let names = devices.lines().skip(2).filter_map(|line| line.split(':').next());
        match names.map(str::trim).find(|name| *name != "lo") {
            Some(name) => succeeded(name),
            None => blocked("the loopback is the only one"),
        }
    }),
    attack("N10", "finds a route out", &[Network], |_| {
        let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
        match routes.lines().nth(1) {
            Some(route) => succeeded(route.split_whitespace().next().unwrap_or_default()),
            None => blocked("there is none"),
        }
    }),
    attack("N11", "switches a network device off", &[Privileges], |_| {
        device(|at, request| {
            let flags = call(libc::SYS_ioctl, [at, 0x8913, address_mut(request)]);
            if let Err(error) = flags {
                return Outcome::Broken(error.to_string());
            }
            let set = call(libc::SYS_ioctl, [at, 0x8914, address_mut(request)]);
            tried(set)
        })
    }),
    attack("N12", "gives itself another address", &[Privileges], |_| {
        device(|at, request| {
            request[16] = 2; // AF_INET
            request[20..24].copy_from_slice(&[127, 0, 0, 1]);
            tried(call(libc::SYS_ioctl, [at, 0x8916, address_mut(request)]))
        })
    }),
    attack("N13", "listens on a port of the system", &[Privileges], |_| {
        tried_io(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 80)))
    }),
    attack("N14", "receives what is meant for others (transparent proxy)", &[Privileges], |_| {
        let opened = nix::sys::socket::socket(
            AddressFamily::Inet,
            SockType::Stream,
            SockFlag::empty(),
            None,
        );
        match opened {
            Ok(socket) => tried(setsockopt(&socket, sockopt::IpTransparent, &true)),
            Err(error) => Outcome::Broken(error.to_string()),
        }
    }),
    attack("N15", "marks its packets for the host's rules", &[Privileges], |_| {
        let opened = nix::sys::socket::socket(
            AddressFamily::Inet,
            SockType::Datagram,
            SockFlag::empty(),
            None,
        );
        match opened {
            Ok(socket) => tried(setsockopt(&socket, sockopt::Mark, &7)),
            Err(error) => Outcome::Broken(error.to_string()),
        }
    }),
    attack("N16", "connects to the internet over IPv6", &[Network], |context| {
        let address: SocketAddr = "[2620:fe::fe]:53".parse().expect("an address");
        let sent = UdpSocket::bind("[::]:0").and_then(|socket| socket.connect(address));
        match sent {
            Err(error) if !context.by_ipv6 => {
                impossible(format!("this host has no route by IPv6 ({error})"))
            }
            sent => tried_io(sent),
        }
    }),
];

/// Whether the kernel finds a way to it. Nobody waits for an answer.
fn leaves(to: Ipv4Addr, port: u16) -> Outcome {
    let opened = nix::sys::socket::socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::SOCK_NONBLOCK,
        None,
    );
    let [a, b, c, d] = to.octets();
    match opened {
        Ok(socket) => {
            use std::os::fd::AsRawFd as _;
            let there = SockaddrIn::new(a, b, c, d, port);
            reached(connect(socket.as_raw_fd(), &there), &[Errno::EINPROGRESS])
        }
        Err(error) => Outcome::Broken(error.to_string()),
    }
}

/// Whether the host answers a packet.
fn answered(context: &Context, address: IpAddr) -> Outcome {
    let asked = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.set_read_timeout(Some(std::time::Duration::from_secs(5)))?;
        socket.connect((address, context.port))?;
        socket.send(context.token.as_bytes())?;
        let mut answer = [0; 64];
        socket.recv(&mut answer)
    });
    tried_io(asked)
}

/// Asked on the host: in a sandbox there is none.
pub(super) fn has_route_by_ipv6() -> bool {
    let routes = std::fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    // A default route through something else than the loopback.
    routes.lines().any(|route| route.starts_with(&"0".repeat(32)) && !route.ends_with("lo"))
}

/// A request about the loopback, as `ioctl` takes it.
fn device(ask: impl FnOnce(usize, &mut [u8; 40]) -> Outcome) -> Outcome {
    let opened = call(libc::SYS_socket, [2, 2, 0]);
    let mut request = [0_u8; 40];
    request[..2].copy_from_slice(b"lo");
    match opened {
        Ok(at) => ask(at, &mut request),
        Err(error) => Outcome::Broken(error.to_string()),
    }
}
