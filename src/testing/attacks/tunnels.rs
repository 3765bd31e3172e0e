//! N: other hosts through egress.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::{Attack, Context, Layer, Outcome, attack, blocked, impossible, succeeded};

use Layer::{Addresses, HostList, OneLookup, Placeholder, ServerName as GreetedName};

/// Where egress is, inside.
const SOCKET: &str = "/run/ash/api.sock";

/// Longest wait for egress: it gives an address five seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// Names of the arena. The first is on both lists and leads to a host that may be reached.
pub(super) const LISTED: &str = "listed.example";
/// Two on one list each, and one on none.
pub(super) const OF_THE_AGENT: &str = "agent-only.example";
pub(super) const OF_THE_HOST: &str = "host-only.example";
pub(super) const UNLISTED: &str = "unlisted.example";
/// On both lists, and led by their owner to the loopback, to the host's address, and to one place
/// after the other.
pub(super) const LOOPBACK: &str = "loopback.example";
pub(super) const PRIVATE: &str = "private.example";
pub(super) const FLIPPING: &str = "flipping.example";

pub(super) const ATTACKS: &[Attack] = &[
    attack("N17", "leads a tunnel to a host that is on no list", &[HostList], |context| {
        tunnel(context, &format!("{UNLISTED}:443"), UNLISTED)
    }),
    attack(
        "N18",
        "leads a tunnel to a host that another agent may reach",
        &[HostList],
        |context| tunnel(context, &format!("{OF_THE_HOST}:443"), OF_THE_HOST),
    ),
    attack(
        "N19",
        "leads a tunnel to a host that its agent names and the machine does not allow",
        &[HostList],
        |context| tunnel(context, &format!("{OF_THE_AGENT}:443"), OF_THE_AGENT),
    ),
    attack("N20", "leads a tunnel to another port of a listed host", &[HostList], |context| {
        tunnel(context, &format!("{LISTED}:8443"), LISTED)
    }),
    attack(
        "N21",
        "leads a tunnel to the host's loopback by its address",
        &[HostList, Addresses],
        |context| tunnel(context, &format!("127.0.0.1:{}", context.port), LISTED),
    ),
    attack(
        "N22",
        "leads a tunnel to the host's loopback by another spelling of its address",
        &[HostList, Addresses],
        |context| {
            let spellings =
                ["127.1", "0x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "localhost"];
            let mut last = blocked("no spelling was tried");
            for spelling in spellings {
                last = tunnel(context, &format!("{spelling}:{}", context.port), LISTED);
                if matches!(last, Outcome::Succeeded(_)) {
                    break;
                }
            }
            last
        },
    ),
    attack(
        "N23",
        "leads a tunnel to the host's loopback by a listed name",
        &[Addresses],
        |context| tunnel(context, &format!("{LOOPBACK}:443"), LOOPBACK),
    ),
    attack(
        "N24",
        "leads a tunnel to the private network by a listed name",
        &[Addresses],
        |context| match context.address {
            Some(_) => tunnel(context, &format!("{PRIVATE}:443"), PRIVATE),
            None => impossible("this host has no address beside its loopback"),
        },
    ),
    attack(
        "N25",
        "changes where a listed name leads between the look and the call",
        &[OneLookup],
        |context| tunnel(context, &format!("{FLIPPING}:443"), FLIPPING),
    ),
    attack(
        "N26",
        "greets another host through a tunnel to a listed one",
        &[GreetedName],
        |context| tunnel(context, &format!("{LISTED}:443"), UNLISTED),
    ),
    attack("N27", "speaks no TLS in a tunnel for TLS", &[GreetedName], |context| {
        through(&format!("{LISTED}:443"), &context.placeholder, b"GET / HTTP/1.0\r\n\r\n")
    }),
    attack(
        "N28",
        "leads a tunnel with the placeholder of another session",
        &[Placeholder],
        |context| {
            let said = greeting(LISTED);
            through(&format!("{LISTED}:443"), &context.sibling.placeholder, &said)
        },
    ),
    attack(
        "N29",
        "uses the model with the placeholder of another session",
        &[Placeholder],
        |context| {
            let request = format!(
                "POST /v1/messages HTTP/1.1\r\nhost: api.ash.invalid\r\nx-api-key: {}\r\n\
                 content-length: 2\r\nconnection: close\r\n\r\n{{}}",
                context.sibling.placeholder
            );
            match ask(request.as_bytes()).map(|(head, _stream)| status(&head)) {
                Ok(401) => blocked("401"),
                Ok(status) => succeeded(format!("it was let through ({status})")),
                Err(error) => Outcome::Broken(error.to_string()),
            }
        },
    ),
];

/// A tunnel, and a greeting of TLS in it for `greeted`.
fn tunnel(context: &Context, to: &str, greeted: &str) -> Outcome {
    through(to, &context.placeholder, &greeting(greeted))
}

/// What is said in a tunnel reaches what answers.
fn through(to: &str, placeholder: &str, said: &[u8]) -> Outcome {
    let credentials = STANDARD.encode(format!("ash:{placeholder}"));
    let request = format!(
        "CONNECT {to} HTTP/1.1\r\nhost: {to}\r\nproxy-authorization: Basic {credentials}\r\n\r\n"
    );
    let (head, mut stream) = match ask(request.as_bytes()) {
        Ok(answered) => answered,
        Err(error) => return Outcome::Broken(error.to_string()),
    };
    if status(&head) != 200 {
        return blocked(head.lines().next().unwrap_or_default());
    }
    let mut answer = [0];
    let answered = stream.write_all(said).and_then(|()| stream.read(&mut answer));
    match answered {
        Ok(1) if answer == *b"x" => succeeded("the other side answered"),
        Ok(_) => blocked("the tunnel was cut"),
        Err(error) => blocked(format!("the tunnel was cut: {error}")),
    }
}

/// The head of egress' answer, and the connection behind it.
fn ask(request: &[u8]) -> io::Result<(String, UnixStream)> {
    let mut stream = UnixStream::connect(SOCKET)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    Ok((String::from_utf8_lossy(&head).into_owned(), stream))
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// What a client of TLS says first to `host`.
fn greeting(host: &str) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).expect("the names of the arena are names");
    let mut client =
        ClientConnection::new(Arc::new(config), name).expect("a client begins without a server");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("memory can be written");
    bytes
}
