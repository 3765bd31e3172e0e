//! Requests for tunnels that are no requests: line breaks, NUL, endless heads.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A host that counts who comes.
async fn counting() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let came = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((_stream, _peer)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, came)
}

/// An egress whose names all lead to `address`, of which the session may reach `listed.example`.
fn rig(address: SocketAddr, limits: EgressLimits) -> Rig {
    let names = ["listed.example", "unlisted.example"];
    let stage = Stage {
        names: names.map(|name| (name.to_owned(), vec![vec![address]])).into(),
        public: vec![Ipv4Addr::LOCALHOST.into()],
        ..Stage::default()
    };
    let hosts = || HostRules::parse(&["listed.example"]).unwrap();
    let settings = EgressSettings {
        upstream: "http://127.0.0.1:1".parse().unwrap(),
        key: None,
        opening: opening_keys(),
        upstreams: Vec::new(),
        hosts: hosts(),
        receivers: Receivers::default(),
        prices: Prices::default(),
        limits,
    };
    Rig::serving(Egress::staged(settings, stage).unwrap(), hosts())
}

fn credentials(rig: &Rig) -> String {
    format!("proxy-authorization: Bearer {}", rig.placeholder.expose())
}

#[tokio::test]
async fn line_breaks_nul_and_second_destinations_lead_nowhere() {
    let (address, came) = counting().await;
    let rig = rig(address, limits());
    let credentials = credentials(&rig);
    let listed = "listed.example:443";
    let requests = [
        // A second name behind the first, by whatever separates.
        format!(
            "CONNECT unlisted.example\0.{listed} HTTP/1.1\r\nhost: {listed}\r\n{credentials}\r\n\r\n"
        ),
        format!(
            "CONNECT {listed}\0unlisted.example HTTP/1.1\r\nhost: {listed}\r\n{credentials}\r\n\r\n"
        ),
        format!(
            "CONNECT unlisted.example:443#{listed} HTTP/1.1\r\nhost: {listed}\r\n{credentials}\r\n\r\n"
        ),
        format!(
            "CONNECT unlisted.example:443/{listed} HTTP/1.1\r\nhost: {listed}\r\n{credentials}\r\n\r\n"
        ),
        format!(
            "CONNECT unlisted.example%0d%0a:443 HTTP/1.1\r\nhost: {listed}\r\n{credentials}\r\n\r\n"
        ),
        format!(
            "CONNECT listed.example%00:443 HTTP/1.1\r\nhost: {listed}\r\n{credentials}\r\n\r\n"
        ),
        // What the first line says counts, and not a header.
        format!("CONNECT unlisted.example:443 HTTP/1.1\r\nhost: {listed}\r\n{credentials}\r\n\r\n"),
        // Lone carriage returns and folded lines are no ends of lines.
        format!("CONNECT unlisted.example:443\rhost: {listed} HTTP/1.1\r\n{credentials}\r\n\r\n"),
        format!("CONNECT unlisted.example:443 HTTP/1.1\r\nx: y\r\n {credentials}\r\n\r\n"),
        // A NUL in a header.
        format!("CONNECT {listed} HTTP/1.1\r\nhost: {listed}\r\nx: a\0b\r\n{credentials}\r\n\r\n"),
    ];
    for request in requests {
        let said = rig.raw(&request, "\r\n\r\n").await;
        assert!(!said.starts_with("HTTP/1.1 200"), "{request:?}: {said}");
    }
    // A request that is smuggled behind another one is judged like any.
    let smuggled = format!(
        "GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nabcd\
         CONNECT unlisted.example:443 HTTP/1.1\r\nhost: {listed}\r\nconnection: close\r\n{credentials}\r\n\r\n"
    );
    let said = rig.raw(&smuggled, "\0").await;
    assert!(!said.contains(" 200 "), "{said}");
    assert_eq!(came.load(Ordering::SeqCst), 0, "nobody was called");
    assert!(
        rig.raw(
            &format!("CONNECT {listed} HTTP/1.1\r\nhost: {listed}\r\n{credentials}\r\n\r\n"),
            "\r\n\r\n"
        )
        .await
        .starts_with("HTTP/1.1 200")
    );
}

#[tokio::test]
async fn a_head_that_is_slow_or_endless_is_let_go() {
    let (address, came) = counting().await;
    let ordinary = limits();
    let server = ServerLimits { header_read_max: Duration::from_millis(100), ..ordinary.server };
    let rig = rig(address, EgressLimits { server, ..ordinary });
    let credentials = credentials(&rig);
    let begun = format!("CONNECT listed.example:443 HTTP/1.1\r\n{credentials}\r\nx: ");
    assert!(!rig.raw(&begun, "\0").await.contains(" 200 "));
    let endless = format!("{begun}{}\r\n\r\n", "a".repeat(1 << 20));
    let mut stream = rig.connect().await;
    // It may be let go before all of it is written.
    let _cut = stream.write_all(endless.as_bytes()).await;
    let mut said = Vec::new();
    let _cut = timeout(SOON, stream.read_to_end(&mut said)).await.expect("it ends");
    assert!(!String::from_utf8_lossy(&said).contains(" 200 "));
    assert_eq!(came.load(Ordering::SeqCst), 0);
}
