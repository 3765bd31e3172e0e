//! CONNECT: who gets a tunnel, whither, and what ends it.

use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::egress::hello::tests::greeting;

/// A host that says back what it is told.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _peer)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.into_split();
                let _ended = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

fn names(names: &[(&str, &[SocketAddr])]) -> HashMap<String, Vec<Vec<SocketAddr>>> {
    let each = names.iter().map(|(name, found)| ((*name).to_owned(), vec![found.to_vec()]));
    each.collect()
}

/// A session of an agent that may reach `hosts`, on a host that allows `allowed`.
fn rig(hosts: &[&str], allowed: &[&str], stage: Stage, tunnel: TunnelLimits) -> Rig {
    let settings = EgressSettings {
        upstream: "http://127.0.0.1:1".parse().unwrap(),
        key: None,
        opening: opening_keys(),
        upstreams: Vec::new(),
        hosts: HostRules::parse(allowed).unwrap(),
        receivers: Receivers::default(),
        prices: Prices::default(),
        limits: EgressLimits { tunnel, ..limits() },
    };
    Rig::serving(Egress::staged(settings, stage).unwrap(), HostRules::parse(hosts).unwrap())
}

/// The same where the host allows what the agent names, and 127.0.0.1 passes for public.
fn open_rig(hosts: &[&str], found: &[(&str, &[SocketAddr])]) -> Rig {
    let public = vec![Ipv4Addr::LOCALHOST.into()];
    let stage = Stage { names: names(found), public, ..Stage::default() };
    rig(hosts, hosts, stage, TunnelLimits::default())
}

impl Rig {
    fn credentials(&self) -> String {
        use base64::Engine as _;
        let pair = format!("ash:{}", self.placeholder.expose());
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }

    /// The head of the answer to CONNECT, and the connection.
    async fn tunnel(&self, to: &str) -> (String, UnixStream) {
        let mut stream = self.connect().await;
        let credentials = self.credentials();
        let request = format!(
            "CONNECT {to} HTTP/1.1\r\nhost: {to}\r\nproxy-authorization: {credentials}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let head = read_to(&mut stream, "\r\n\r\n").await;
        (head, stream)
    }

    async fn status(&self, to: &str) -> u16 {
        let (head, _stream) = self.tunnel(to).await;
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

/// What comes until the end of the connection.
async fn rest(stream: &mut UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A connection that is cut is at its end as well.
    let _cut = timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("it ends");
    bytes
}

#[tokio::test]
async fn a_listed_host_is_reached_and_bytes_go_both_ways() {
    let echo = echo().await;
    let rig = open_rig(&["github.com"], &[("github.com", &[echo])]);
    let (head, mut stream) = rig.tunnel("GitHub.com.:443").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let mut said = greeting("github.com", true);
    stream.write_all(&said).await.unwrap();
    stream.write_all(b"and more").await.unwrap();
    said.extend_from_slice(b"and more");
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, said);
}

#[tokio::test]
async fn both_lists_must_have_the_host() {
    let echo = echo().await;
    let staged = || Stage {
        names: names(&[("a.example", &[echo]), ("b.example", &[echo]), ("c.example", &[echo])]),
        public: vec![Ipv4Addr::LOCALHOST.into()],
        ..Stage::default()
    };
    let limits = TunnelLimits::default();
    let one = rig(&["a.example", "b.example"], &["b.example", "c.example"], staged(), limits);
    for (to, status, said) in [
        ("a.example:443", "403", "configuration of this machine"),
        ("b.example:443", "200", ""),
        ("c.example:443", "403", "this session's agent"),
        ("b.example:22", "403", "this session's agent"),
    ] {
        let (head, _stream) = one.tunnel(to).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{to}: {head}");
        assert!(head.contains(said), "{to}: {head}");
    }
    let none = rig(&[], &["*"], staged(), limits);
    assert_eq!(none.status("a.example:443").await, 403);
}

#[tokio::test]
async fn what_is_no_name_is_refused_before_anything_is_looked_up() {
    let rig = open_rig(&["*", "*:22"], &[]);
    for to in [
        "127.0.0.1:443",
        "[::1]:443",
        "[::ffff:127.0.0.1]:443",
        "0x7f.1:443",
        "2130706433:443",
        "localhost:443",
        "user@github.com:443",
        "github.com..:443",
    ] {
        let status = rig.status(to).await;
        assert!(status == 403 || status == 400, "{to}: {status}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused() {
    let inside = |text: &str| -> SocketAddr { text.parse().unwrap() };
    let echo = echo().await;
    let found: Vec<(String, SocketAddr)> = [
        "127.0.0.2:443",
        "10.0.0.1:443",
        "192.168.1.1:443",
        "169.254.169.254:443",
        "100.64.0.1:443",
        "[::1]:443",
        "[fd00:ec2::254]:443",
        "[::ffff:127.0.0.1]:443",
        "[64:ff9b::7f00:1]:443",
        "[2002:7f00:1::]:443",
        "0.0.0.0:443",
    ]
    .iter()
    .enumerate()
    .map(|(index, text)| (format!("h{index}.example"), inside(text)))
    .collect();
    let listed: Vec<&[SocketAddr]> =
        found.iter().map(|(_, address)| std::slice::from_ref(address)).collect();
    let pairs: Vec<(&str, &[SocketAddr])> =
        found.iter().zip(&listed).map(|((name, _), list)| (name.as_str(), *list)).collect();
    let rig = open_rig(&["*"], &pairs);
    for (name, address) in &found {
        let (head, _stream) = rig.tunnel(&format!("{name}:443")).await;
        assert!(head.starts_with("HTTP/1.1 403"), "{address}: {head}");
        assert!(head.contains("destination_ip_prohibited"), "{address}: {head}");
    }
    // Of several addresses the public ones are dialled.
    let mixed = open_rig(&["*"], &[("mixed.example", &[inside("10.0.0.1:443"), echo])]);
    assert_eq!(mixed.status("mixed.example:443").await, 200);
}

#[tokio::test]
async fn a_name_that_changes_between_look_and_call_is_dialled_as_it_was_judged() {
    let (judged, other) = (echo().await, echo().await);
    let staged = |without: Vec<Guard>| Stage {
        names: [("flip.example".to_owned(), vec![vec![judged], vec![other]])].into(),
        public: vec![Ipv4Addr::LOCALHOST.into()],
        without,
        ..Stage::default()
    };
    let limits = TunnelLimits::default();
    let one = rig(&["*"], &["*"], staged(vec![]), limits);
    assert_eq!(one.status("flip.example:443").await, 200);
    // One lookup for each tunnel, and none more.
    assert_eq!(one.egress.0.dialer.look_up_for_test("flip.example").await, [other]);
}

#[tokio::test]
async fn a_greeting_that_is_not_for_the_host_ends_the_tunnel() {
    let echo = echo().await;
    for said in [
        greeting("evil.example", true),
        greeting("github.com", false),
        b"GET / HTTP/1.1\r\nhost: github.com\r\n\r\n".to_vec(),
    ] {
        let rig = open_rig(&["github.com"], &[("github.com", &[echo])]);
        let (head, mut stream) = rig.tunnel("github.com:443").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        stream.write_all(&said).await.unwrap();
        assert_eq!(rest(&mut stream).await, hello::UNRECOGNIZED_NAME);
    }
}

#[tokio::test]
async fn another_port_speaks_what_it_wants_but_no_tls_for_another_host() {
    let echo = echo().await;
    let rig = open_rig(&["github.com:22"], &[("github.com", &[echo])]);
    let (_head, mut stream) = rig.tunnel("github.com:22").await;
    stream.write_all(b"SSH-2.0-x\r\n").await.unwrap();
    assert_eq!(read_to(&mut stream, "\r\n").await, "SSH-2.0-x\r\n");
    let (_head, mut stream) = rig.tunnel("github.com:22").await;
    stream.write_all(&greeting("evil.example", true)).await.unwrap();
    assert_eq!(rest(&mut stream).await, b"");
    let (_head, mut stream) = rig.tunnel("github.com:22").await;
    let said = greeting("github.com", true);
    stream.write_all(&said).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, said);
}

#[tokio::test]
async fn who_shows_no_credentials_is_asked_for_them() {
    let rig = open_rig(&["github.com"], &[]);
    for line in ["", "proxy-authorization: Basic eDp5\r\n", "proxy-authorization: Bearer x\r\n"] {
        let request =
            format!("CONNECT github.com:443 HTTP/1.1\r\nhost: github.com:443\r\n{line}\r\n");
        let said = rig.raw(&request, "\r\n\r\n").await;
        assert!(said.starts_with("HTTP/1.1 407 "), "{said}");
        assert!(said.contains("proxy-authenticate: Basic realm=\"ash\"\r\n"), "{said}");
    }
}

#[tokio::test]
async fn plain_http_to_another_host_is_refused_with_what_to_use() {
    let rig = open_rig(&["github.com"], &[]);
    let credentials = rig.credentials();
    let request = format!(
        "GET http://github.com/ HTTP/1.1\r\nhost: github.com\r\nproxy-authorization: {credentials}\r\n\r\n"
    );
    let said = rig.raw(&request, "}}").await;
    assert!(said.starts_with("HTTP/1.1 403 ") && said.contains("HTTPS_PROXY"), "{said}");
}

#[tokio::test]
async fn a_host_that_is_unknown_or_silent_is_told_as_such() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let rig = open_rig(&["*"], &[("closed.example", &[address]), ("empty.example", &[])]);
    let (head, _stream) = rig.tunnel("closed.example:443").await;
    assert!(head.starts_with("HTTP/1.1 502") && head.contains("destination_unavailable"), "{head}");
    let (head, _stream) = rig.tunnel("empty.example:443").await;
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
}

#[tokio::test]
async fn a_revoked_session_loses_its_tunnels() {
    let echo = echo().await;
    let rig = open_rig(&["github.com:22"], &[("github.com", &[echo])]);
    let (_head, mut stream) = rig.tunnel("github.com:22").await;
    stream.write_all(b"hello\n").await.unwrap();
    read_to(&mut stream, "\n").await;
    rig.egress.revoke(rig.session);
    assert_eq!(rest(&mut stream).await, b"");
    assert_eq!(rig.status("github.com:22").await, 407);
}

#[tokio::test]
async fn silence_bytes_and_life_are_limited() {
    let echo = echo().await;
    let usual = TunnelLimits::default();
    let short = Duration::from_millis(100);
    for (limits, talks) in [
        (TunnelLimits { idle_max: short, ..usual }, false),
        (TunnelLimits { life_max: short, ..usual }, false),
        (TunnelLimits { bytes_max: 1000, ..usual }, true),
    ] {
        let stage = Stage {
            names: names(&[("github.com", &[echo])]),
            public: vec![Ipv4Addr::LOCALHOST.into()],
            ..Stage::default()
        };
        let one = rig(&["github.com:22"], &["github.com:22"], stage, limits);
        let (head, mut stream) = one.tunnel("github.com:22").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        if talks {
            stream.write_all(&[b'x'; 1001]).await.unwrap();
        }
        assert!(rest(&mut stream).await.len() <= 1000, "{limits:?}");
    }
}

#[tokio::test]
async fn a_client_that_greets_nobody_is_let_go() {
    let echo = echo().await;
    let stage = Stage {
        names: names(&[("github.com", &[echo])]),
        public: vec![Ipv4Addr::LOCALHOST.into()],
        ..Stage::default()
    };
    let limits = TunnelLimits { hello_max: Duration::from_millis(100), ..TunnelLimits::default() };
    let one = rig(&["github.com"], &["github.com"], stage, limits);
    let (_head, mut stream) = one.tunnel("github.com:443").await;
    stream.write_all(&[0x16, 3]).await.unwrap();
    assert_eq!(rest(&mut stream).await, b"");
}

#[tokio::test]
async fn a_session_has_so_many_tunnels_and_gets_them_back() {
    let echo = echo().await;
    let rig = open_rig(&["github.com:22"], &[("github.com", &[echo])]);
    let mut open = Vec::new();
    for _ in 0..tunnel::TUNNELS_MAX {
        let (head, stream) = rig.tunnel("github.com:22").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        open.push(stream);
    }
    assert_eq!(rig.status("github.com:22").await, 429);
    drop(open);
    let again = async { while rig.status("github.com:22").await != 200 {} };
    timeout(SOON, again).await.expect("a tunnel that has ended makes room");
}

#[tokio::test]
async fn an_egress_that_stops_ends_its_tunnels() {
    let echo = echo().await;
    let rig = open_rig(&["github.com:22"], &[("github.com", &[echo])]);
    let (_head, mut stream) = rig.tunnel("github.com:22").await;
    rig.egress.0.closing.cancel();
    assert_eq!(rest(&mut stream).await, b"");
}
