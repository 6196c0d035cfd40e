//! A pool's address, and the connection to it: TCP, or TLS over it.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, CertificateError, ClientConfig, RootCertStore};

use thermine_stratum::line::{LineStream, Peer};
use thermine_units::clock::Clock;

/// Silence after which the kernel asks whether the pool is still there, and how often it then does.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Lines to and from a pool, whatever carries them.
pub(crate) type Lines = LineStream<Box<dyn Incoming>, Box<dyn Outgoing>>;

/// What a pool's bytes come over.
pub trait Incoming: AsyncRead + fmt::Debug + Send + Sync + Unpin {}
impl<T: AsyncRead + fmt::Debug + Send + Sync + Unpin> Incoming for T {}

/// What bytes go to a pool over.
pub trait Outgoing: AsyncWrite + fmt::Debug + Send + Sync + Unpin {}
impl<T: AsyncWrite + fmt::Debug + Send + Sync + Unpin> Outgoing for T {}

/// Where a pool is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name or address.
    pub host: String,
    /// TCP port, above 0.
    pub port: u16,
    /// Whether it speaks TLS.
    pub tls: bool,
}

/// A text that is no pool's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a pool's address: write stratum+tcp://HOST:PORT, or stratum+ssl://HOST:PORT for TLS"
)]
pub struct NotAnEndpoint(String);

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Endpoint, NotAnEndpoint> {
        let bad = || NotAnEndpoint(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(bad)?;
        let tls = match scheme {
            "stratum+tcp" => false,
            "stratum+ssl" | "stratum+tls" => true,
            _ => return Err(bad()),
        };
        let (host, port) = rest.rsplit_once(':').ok_or_else(bad)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(bad)?;
        // A user and password in an address would end in logs.
        if host.is_empty() || host.contains(['/', '@', ' ']) {
            return Err(bad());
        }
        Ok(Endpoint {
            host: host.to_owned(),
            port,
            tls,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls {
            "stratum+ssl"
        } else {
            "stratum+tcp"
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

/// A certificate in DER form.
#[derive(Debug, Clone)]
pub struct Certificate(CertificateDer<'static>);

impl Certificate {
    /// All certificates in a PEM file; `None` if there is none, or one is broken.
    pub fn from_pem(pem: &[u8]) -> Option<Vec<Certificate>> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let found: Vec<Certificate> = found.ok()?.into_iter().map(Certificate).collect();
        (!found.is_empty()).then_some(found)
    }
}

/// Whose certificates are trusted.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trust")
    }
}

impl Trust {
    /// The authorities that browsers trust (Mozilla's list), and `also` these.
    ///
    /// # Errors
    /// If one of them is not a certificate.
    pub fn new(also: Vec<Certificate>) -> Result<Trust, rustls::Error> {
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for certificate in also {
            roots.add(certificate.0)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Trust(Arc::new(config)))
    }
}

impl Endpoint {
    /// Connects, and agrees on TLS where the address asks for it.
    ///
    /// # Errors
    /// If no pool answers there, or its certificate does not hold.
    pub async fn connect(&self, trust: &Trust, clock: &Clock) -> io::Result<Lines> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        // A share must leave at once; and a connection that died silently must be noticed. An error means
        // that it is gone already, which the next read says better.
        let _ = stream.set_nodelay(true);
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE)
            .with_interval(KEEPALIVE / 3);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        if !self.tls {
            let (reader, writer) = stream.into_split();
            let (reader, writer): (Box<dyn Incoming>, Box<dyn Outgoing>) =
                (Box::new(reader), Box::new(writer));
            return Ok(LineStream::over(reader, writer, Peer::Pool, clock.clone()));
        }
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(trust.0.clone());
        let stream = connector.connect(name, stream).await.map_err(explained)?;
        let (reader, writer) = tokio::io::split(stream);
        let (reader, writer): (Box<dyn Incoming>, Box<dyn Outgoing>) =
            (Box::new(reader), Box::new(writer));
        Ok(LineStream::over(reader, writer, Peer::Pool, clock.clone()))
    }
}

/// `error` of a TLS handshake, with what to do about a certificate that is not trusted.
fn explained(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|error| error.downcast_ref());
    let Some(rustls::Error::InvalidCertificate(wrong)) = cause else {
        return error;
    };
    // The library has no name for this one.
    let is_authority = format!("{wrong:?}").contains("CaUsedAsEndEntity");
    let fix = match wrong {
        _ if is_authority => {
            "it is an authority's (CA:TRUE), which may sign certificates and not serve a pool; give the server a \
             certificate with CA:FALSE, and name the authority's, or a self-signed one, in pool.ca_file"
        }
        CertificateError::UnknownIssuer => {
            "no known authority has signed it; if it is the pool's own, name it, or its authority's, in pool.ca_file"
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "it is not valid today; check this machine's clock, and the pool's certificate or the one in pool.ca_file"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name; write the name that it is for in pool.url"
        }
        _ => "if it is the pool's own, name the authority that signed it in pool.ca_file",
    };
    io::Error::new(
        error.kind(),
        format!("cannot trust the pool's certificate: {wrong}: {fix}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in [
            "stratum+tcp://pool.example:3333",
            "stratum+ssl://pool.example:443",
            "stratum+tcp://[::1]:3333",
        ] {
            let endpoint: Endpoint = text.parse().expect("an address");
            assert_eq!(endpoint.to_string(), text);
        }
        for text in [
            "pool.example:3333",
            "http://pool.example:80",
            "stratum+tcp://pool.example",
            "stratum+tcp://:3333",
            "stratum+tcp://pool.example:0",
            "stratum+tcp://user:password@pool.example:3333",
        ] {
            let refused = text.parse::<Endpoint>().expect_err(text).to_string();
            assert!(refused.contains("stratum+tcp://HOST:PORT"), "{refused}");
        }
    }
}
