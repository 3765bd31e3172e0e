//! For `fuzz/`: whither a sandbox wants a tunnel, and how it greets there.

use std::net::IpAddr;

use super::hello::Hello;
use super::hosts::{HostRules, destination};

/// The host of the greetings.
const HOST: &str = "github.com";

/// A plain name and a port, spelled the one way, or none.
pub(crate) fn read_any_destination(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok((host, port)) = destination(text) {
        let name = host.as_str();
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        assert!(name.contains('.') && name.chars().all(plain), "{name}");
        assert!(name.parse::<IpAddr>().is_err() && port > 0, "{name}:{port}");
        assert_eq!(text.to_ascii_lowercase().replace(".:", ":"), format!("{name}:{port}"));
    }
    let lines: Vec<&str> = text.lines().collect();
    if let Ok(rules) = HostRules::parse(&lines) {
        let again = HostRules::parse(&rules.texts()).expect("a rule is written as it is read");
        assert_eq!(again.texts(), rules.texts());
    }
}

/// What is passed on is what was said, and for the host.
pub(crate) fn read_any_greeting(bytes: &[u8]) {
    let host = HOST.parse().expect("it is a name");
    let at = bytes.len() / 2;
    let mut hello = Hello::new();
    let said = match hello.read(&bytes[..at], &host) {
        Ok(None) => hello.read(&bytes[at..], &host).map(|said| (said, bytes.len())),
        other => other.map(|said| (said, at)),
    };
    if let Ok((Some(said), read)) = said {
        assert_eq!(said, bytes[..read]);
    }
}
