//! Whom webhooks may tell something: the addresses that the configuration lists. A tenant chooses
//! an address; what it may be says root.

use http::Uri;
use http::uri::Scheme;

use super::hosts::{HostName, HostRules};

/// Longest address in bytes.
pub(crate) const URL_BYTES_MAX: usize = 2048;

const HTTP: (&str, u16) = ("http", 80);
const HTTPS: (&str, u16) = ("https", 443);

/// Whom webhooks may tell something; by default nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Receivers {
    /// Public hosts, by https.
    public: HostRules,
    /// Wherever they are, and by http, too.
    internal: Vec<Origin>,
}

/// Why an address is not told anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReceiverError {
    #[error("it is not `https://host[:port][/path]`: {what}")]
    Shape { what: String },
    #[error("`{origin}` is not listed in `webhooks.allow` or `webhooks.internal` of this host")]
    NotListed { origin: String },
}

/// A scheme, a host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: &'static str,
    /// Lower case; an address of IPv6 in brackets.
    host: String,
    port: u16,
}

/// An address that may be told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Receiver {
    pub(super) uri: Uri,
    /// Root has listed it by itself.
    pub(super) is_internal: bool,
}

impl Receivers {
    pub(crate) fn new(public: HostRules, internal: &[String]) -> Result<Self, ReceiverError> {
        let origin = |text: &String| {
            let (uri, origin) = parse(text)?;
            match uri.path() {
                "" | "/" if uri.query().is_none() => Ok(origin),
                _ => Err(shape("here it has no path")),
            }
        };
        let internal = internal.iter().map(origin).collect::<Result<_, _>>()?;
        Ok(Self { public, internal })
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the address may be told something.
    pub(crate) fn check(&self, url: &str) -> Result<(), ReceiverError> {
        self.judge(url).map(drop)
    }

    pub(super) fn judge(&self, url: &str) -> Result<Receiver, ReceiverError> {
        let (uri, origin) = parse(url)?;
        if self.internal.contains(&origin) {
            return Ok(Receiver { uri, is_internal: true });
        }
        let Origin { scheme, host, port } = &origin;
        let name: HostName = host.parse().map_err(|_no_name| ReceiverError::NotListed {
            origin: format!("{scheme}://{host}:{port}"),
        })?;
        if *scheme == HTTPS.0 && self.public.allow(&name, *port) {
            return Ok(Receiver { uri, is_internal: false });
        }
        Err(ReceiverError::NotListed { origin: format!("{scheme}://{host}:{port}") })
    }
}

fn shape(what: impl Into<String>) -> ReceiverError {
    ReceiverError::Shape { what: what.into() }
}

fn parse(url: &str) -> Result<(Uri, Origin), ReceiverError> {
    if url.len() > URL_BYTES_MAX {
        return Err(shape(format!("it has more than {URL_BYTES_MAX} bytes")));
    }
    if url.contains('#') {
        return Err(shape("it has a fragment"));
    }
    let uri: Uri = url.parse().map_err(|error: http::uri::InvalidUri| shape(error.to_string()))?;
    let (scheme, port) = match uri.scheme().map(Scheme::as_str) {
        Some("https") => HTTPS,
        Some("http") => HTTP,
        _ => return Err(shape("it has another scheme, or none")),
    };
    let authority = uri.authority().ok_or_else(|| shape("it has no host"))?;
    if authority.as_str().contains('@') {
        return Err(shape("it has a user, which would be seen by everybody who sees the address"));
    }
    let host = authority.host().to_ascii_lowercase();
    let port = match authority.as_str().get(host.len()..).and_then(|rest| rest.split_once(':')) {
        None => Some(port),
        Some((_, port)) => port.parse().ok(),
    };
    let port = port.filter(|port| *port > 0 && !host.is_empty());
    let port =
        port.ok_or_else(|| shape("it has no host, or a port that is not from 1 to 65535"))?;
    Ok((uri, Origin { scheme, host, port }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receivers(public: &[&str], internal: &[&str]) -> Receivers {
        let internal: Vec<String> = internal.iter().map(|&text| text.to_owned()).collect();
        Receivers::new(HostRules::parse(public).unwrap(), &internal).unwrap()
    }

    #[test]
    fn nobody_is_told_anything_that_is_not_listed() {
        let listed = receivers(
            &["hooks.example.com", "*.example.org:8443"],
            &["http://127.0.0.1:9000", "https://Build.corp", "http://[::1]:7"],
        );
        for (url, internal) in [
            ("https://hooks.example.com/a?b=c", false),
            ("https://HOOKS.example.com:443/", false),
            ("https://a.b.example.org:8443/x", false),
            ("http://127.0.0.1:9000/in", true),
            ("https://build.corp:443/x", true),
            ("http://[::1]:7/", true),
        ] {
            assert_eq!(listed.judge(url).unwrap().is_internal, internal, "{url}");
        }
        for url in [
            "http://hooks.example.com/a",
            "https://hooks.example.com:8443/",
            "https://hooks.example.com.evil.net/",
            "https://example.org:8443/",
            "http://127.0.0.1:9001/",
            "https://127.0.0.1:9000/",
            "http://build.corp/",
            "https://169.254.169.254/latest",
            "https://2130706433/",
            "https://localhost/",
        ] {
            let refused = listed.judge(url);
            assert!(matches!(refused, Err(ReceiverError::NotListed { .. })), "{url}: {refused:?}");
        }
        assert!(Receivers::default().check("https://hooks.example.com/a").is_err());
        let all = receivers(&["*"], &[]);
        assert!(all.check("https://hooks.example.com/a").is_ok());
        for url in ["http://hooks.example.com/", "https://10.0.0.1/", "https://localhost/"] {
            assert!(all.check(url).is_err(), "{url}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_receiver_is_refused() {
        let all = receivers(&["*"], &[]);
        for url in [
            "",
            "hooks.example.com",
            "/a",
            "ftp://hooks.example.com/",
            "https://",
            "https://user:secret@hooks.example.com/",
            "https://hooks.example.com/#a",
            "https://hooks.example.com:0/",
            "https://hooks.example.com:/",
            "https://hooks.example.com:99999/",
            "https://hooks.example.com/a b",
            &format!("https://hooks.example.com/{}", "x".repeat(URL_BYTES_MAX)),
        ] {
            assert!(matches!(all.judge(url), Err(ReceiverError::Shape { .. })), "{url}");
        }
        let with_path = ["https://hooks.example.com/a".to_owned()];
        assert!(Receivers::new(HostRules::default(), &with_path).is_err());
    }
}
