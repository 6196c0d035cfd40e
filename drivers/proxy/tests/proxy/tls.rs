//! A pool over TLS, with a certificate made for the test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, IsCa, KeyPair};
use thermine_proxy::upstream::endpoint::{Certificate, Endpoint, Trust};
use thermine_units::clock::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::patience::until_async as until;
use crate::support::{Unit, at, easy_pool, serve, settings, start};

/// A server on loopback with the certificate `made`, before the pool at `far`. Its port, and how many clients have
/// refused the certificate.
async fn before(far: SocketAddr, made: &CertifiedKey<KeyPair>) -> (u16, Arc<AtomicU64>) {
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("sound");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let refused = Arc::new(AtomicU64::new(0));
    let count = refused.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, count) = (acceptor.clone(), count.clone());
            tokio::spawn(async move {
                let Ok(mut near) = acceptor.accept(stream).await else {
                    count.fetch_add(1, Ordering::Relaxed);
                    return;
                };
                let mut far = TcpStream::connect(far).await.expect("the pool");
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (port, refused)
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_said_with_what_to_do() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedKey {
        cert: authority.self_signed(&key).expect("made"),
        signing_key: key,
    };
    let nobody = "127.0.0.1:9".parse().expect("an address");
    for (made, is_named, host, fix) in [
        (
            &own,
            false,
            "localhost",
            "name it, or its authority's, in pool.ca_file",
        ),
        (&own, true, "127.0.0.1", "pool.url"),
        (&authority, true, "localhost", "CA:FALSE"),
    ] {
        let (port, _) = before(nobody, made).await;
        let named = match is_named {
            true => Certificate::from_pem(made.cert.pem().as_bytes()).expect("PEM"),
            false => Vec::new(),
        };
        let trust = Trust::new(named).expect("sound");
        let endpoint: Endpoint = format!("stratum+ssl://{host}:{port}")
            .parse()
            .expect("sound");
        let refused = endpoint.connect(&trust, &Clock::real()).await;
        let said = refused.map(drop).expect_err("refused").to_string();
        assert!(said.contains("certificate") && said.contains(fix), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_over_tls_is_mined_at_if_its_certificate_is_trusted_and_not_else() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 1);
    let (address, _life) = serve(&pool).await;
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    let (port, refused) = before(address, &made).await;
    let mut entry = at(address);
    entry.endpoint = format!("stratum+ssl://localhost:{port}")
        .parse()
        .expect("sound");
    let stranger = start(settings(vec![entry.clone()]), &clock).await;
    until("it has refused the certificate", || {
        refused.load(Ordering::Relaxed) > 0
    })
    .await;
    assert!(stranger.hub.current().is_none());
    assert_eq!(
        pool.counts().subscribed,
        0,
        "nothing was said to whom is not trusted"
    );
    drop(stranger);

    let mut trusting = settings(vec![entry]);
    let certificates = Certificate::from_pem(made.cert.pem().as_bytes()).expect("PEM");
    trusting.trust = Trust::new(certificates).expect("sound");
    let proxy = start(trusting, &clock).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    for nonce in 0..20 {
        unit.mines(nonce).await;
    }
    until("all there", || pool.counts().accepted == 20).await;
}
