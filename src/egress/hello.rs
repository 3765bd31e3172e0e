//! The first words of a TLS client: for whom they are.

use std::io;

use rustls::server::Acceptor;

use super::hosts::HostName;

/// Longest greeting in bytes. Those of browsers and of curl have less than 3,000.
const HELLO_BYTES_MAX: usize = 16 << 10;

/// What begins every connection by TLS.
pub(super) const HANDSHAKE_BYTE: u8 = 0x16;

/// What a client is told that greets another host: the alert `unrecognized_name`, fatal.
pub(super) const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 112];

/// Why a greeting is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum HelloError {
    #[error("what was sent is not TLS")]
    NotTls,
    #[error("the greeting names no host")]
    NoName,
    #[error("the greeting is for another host")]
    OtherName,
}

/// Reads a greeting piece by piece.
pub(super) struct Hello {
    acceptor: Acceptor,
    bytes: Vec<u8>,
}

impl Hello {
    pub(super) fn new() -> Self {
        Self { acceptor: Acceptor::default(), bytes: Vec::new() }
    }

    /// Everything that was read, once it is known to be for `host`; `None` while more must come.
    pub(super) fn read(
        &mut self,
        piece: &[u8],
        host: &HostName,
    ) -> Result<Option<Vec<u8>>, HelloError> {
        self.bytes.extend_from_slice(piece);
        if self.bytes.first().is_some_and(|first| *first != HANDSHAKE_BYTE)
            || self.bytes.len() > HELLO_BYTES_MAX
        {
            return Err(HelloError::NotTls);
        }
        let mut rest: &[u8] = piece;
        while !rest.is_empty() {
            let read: io::Result<usize> = self.acceptor.read_tls(&mut rest);
            if !matches!(read, Ok(1..)) {
                return Err(HelloError::NotTls);
            }
            match self.acceptor.accept() {
                Ok(None) => {}
                Ok(Some(accepted)) => {
                    let greeting = accepted.client_hello();
                    let name = greeting.server_name().ok_or(HelloError::NoName)?;
                    let same = name.parse::<HostName>().is_ok_and(|name| name == *host);
                    let bytes = std::mem::take(&mut self.bytes);
                    return if same { Ok(Some(bytes)) } else { Err(HelloError::OtherName) };
                }
                Err(_unreadable) => return Err(HelloError::NotTls),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::*;

    /// What a real client says first to `host`.
    pub(in crate::egress) fn greeting(host: &str, with_name: bool) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        config.enable_sni = with_name;
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    fn host() -> HostName {
        "github.com".parse().unwrap()
    }

    #[test]
    fn a_greeting_for_the_host_is_passed_on_as_it_came() {
        for said in ["github.com", "GitHub.com"] {
            let bytes = greeting(said, true);
            assert_eq!(Hello::new().read(&bytes, &host()), Ok(Some(bytes)));
        }
    }

    #[test]
    fn a_greeting_may_come_byte_by_byte() {
        let bytes = greeting("github.com", true);
        let mut hello = Hello::new();
        let (last, others) = bytes.split_last().unwrap();
        for byte in others {
            assert_eq!(hello.read(&[*byte], &host()), Ok(None));
        }
        assert_eq!(hello.read(&[*last], &host()), Ok(Some(bytes.clone())));
    }

    #[test]
    fn a_greeting_for_another_host_or_for_none_is_not() {
        let read = |bytes: &[u8]| Hello::new().read(bytes, &host());
        assert_eq!(read(&greeting("evil.example", true)), Err(HelloError::OtherName));
        assert_eq!(read(&greeting("api.github.com", true)), Err(HelloError::OtherName));
        assert_eq!(read(&greeting("github.com", false)), Err(HelloError::NoName));
        assert_eq!(read(&greeting("127.0.0.1", true)), Err(HelloError::NoName));
    }

    #[test]
    fn what_is_not_tls_is_not() {
        let read = |bytes: &[u8]| Hello::new().read(bytes, &host());
        assert_eq!(read(b"GET / HTTP/1.1\r\nhost: github.com\r\n\r\n"), Err(HelloError::NotTls));
        assert_eq!(read(b"SSH-2.0-OpenSSH"), Err(HelloError::NotTls));
        assert_eq!(read(&[0x16, 3, 1, 0, 4, 9, 9, 9, 9]), Err(HelloError::NotTls));
        let endless = [&[0x16, 3, 1, 0x40, 0][..], &[1, 0, 0xff, 0xff]].concat();
        let mut hello = Hello::new();
        assert_eq!(hello.read(&endless, &host()), Ok(None));
        assert_eq!(hello.read(&vec![0; 17 << 10], &host()), Err(HelloError::NotTls));
    }
}
