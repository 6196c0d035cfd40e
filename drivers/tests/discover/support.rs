//! What the tests share: settings, listeners that count, servers from a script.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use thermine_drivers::discover::{Found, Prober, Settings, Target};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

pub(crate) use crate::script::Act;

/// Enough for honest replies on a busy machine, little enough to wait for the silent.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);

/// Wall time after which a test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn settings() -> Settings {
    Settings {
        timeout: TIMEOUT,
        ..Settings::default()
    }
}

pub(crate) fn prober(settings: Settings) -> Prober {
    Prober::new(settings).expect("an HTTP client")
}

pub(crate) async fn loopback() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    (listener, addr)
}

/// What one port of loopback turns out to be.
pub(crate) async fn probe(addr: SocketAddr) -> Option<Found> {
    let target = Target {
        ip: addr.ip(),
        port: Some(addr.port()),
    };
    let probe = tokio::time::timeout(PATIENCE, async { prober(settings()).probe(target).await });
    probe.await.expect("bounded")
}

/// A page with this status and body, of a server with this name.
pub(crate) fn page(status: &str, server: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nServer: {server}\r\nContent-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// Treats every connection alike, and counts them. Ends with the test's runtime.
pub(crate) async fn server(act: Act) -> (SocketAddr, Arc<AtomicUsize>) {
    let (listener, addr) = loopback().await;
    (addr, serve(listener, act))
}

pub(crate) fn serve(listener: TcpListener, act: Act) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(perform(act.clone(), stream));
        }
    });
    count
}

/// Acts on a request, whatever it is.
async fn perform(act: Act, mut stream: TcpStream) -> std::io::Result<()> {
    let _ = stream.read(&mut [0; 4096]).await?;
    act.perform(stream).await
}

/// 127.0.0.`last`: all of 127/8 is this machine.
pub(crate) fn local(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, last))
}

pub(crate) fn data(name: &str) -> String {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
