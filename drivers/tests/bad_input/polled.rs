//! The wires by which units are read: a unit that answers badly, beside one that answers well.

use std::net::SocketAddr;
use std::time::Duration;

use thermine_drivers::poller::{Latest, Poller, Source};
use thermine_drivers::{axeos, cgminer, goldshell};
use thermine_units::clock::Clock;
use thermine_units::seed;
use tokio::io::AsyncReadExt;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::catalogue::{Abuse, Kind, PATIENCE, catalogue, send};
use crate::units::{Units, data, loopback};
use crate::{log, memory};

/// Wall time for a reply: longer than an honest one takes on a busy machine, shorter than a slow one of
/// any of these lengths.
const REPLY: Duration = Duration::from_secs(2);
const BYTES: usize = 32 * 1024;

/// A server that answers each request with the same abuse and hangs up.
async fn bad_unit(abuse: Abuse) -> SocketAddr {
    let (listener, addr) = loopback().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let abuse = abuse.clone();
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                // An error means that the client has had enough.
                let _ = send(&mut stream, &abuse).await;
            });
        }
    });
    addr
}

/// What is known of the unit behind `source`, and the words by which the log names it. Its address alone
/// would not do: the port may have been another test's before.
fn poll<S: Source + 'static>(
    source: S,
    stop: &CancellationToken,
) -> (watch::Receiver<Latest>, String) {
    let name = format!("unit={}", source.place());
    let rng = seed::stream(1, "poller");
    let poller = Poller::new(source, Clock::real(), Duration::from_millis(20), rng);
    (poller.spawn(stop.clone()).1, name)
}

async fn until(
    latest: &mut watch::Receiver<Latest>,
    met: impl FnMut(&Latest) -> bool,
    what: &str,
) -> Latest {
    let met = timeout(PATIENCE, latest.wait_for(met)).await;
    let met = met.unwrap_or_else(|_| panic!("{what}: it does not come to that"));
    met.expect("the poller lives").clone()
}

/// Every abuse of `reply` at once, each by a unit of its own, beside the unit at `good`.
async fn judge<S: Source + 'static>(
    reply: Vec<u8>,
    good: SocketAddr,
    source: impl Fn(SocketAddr) -> S,
) {
    let ear = log::listen();
    let stop = CancellationToken::new();
    let _guard = stop.clone().drop_guard();
    let (mut well, good_name) = poll(source(good), &stop);
    let first = until(
        &mut well,
        |latest| latest.telemetry.is_some(),
        "the good unit",
    )
    .await;
    let mut bad = Vec::new();
    for abuse in catalogue(&[reply], BYTES) {
        let addr = bad_unit(abuse.clone()).await;
        bad.push((abuse, addr, poll(source(addr), &stop)));
    }
    for (abuse, addr, (latest, name)) in &mut bad {
        let what = format!("{:?} at {addr}", abuse.kind);
        match abuse.kind {
            // The first copy is a reply, and the rest is not looked at.
            Kind::Duplicated => {
                let read = until(latest, |latest| latest.telemetry.is_some(), &what).await;
                assert_eq!(read.failures, 0, "{what}");
                assert_eq!(ear.complaints(&[name.as_str()]), [""; 0], "{what}");
            }
            // Where the damage is in a value, the rest is still a reply.
            Kind::Damaged => {
                until(
                    latest,
                    |latest| latest.failures >= 3 || latest.telemetry.is_some(),
                    &what,
                )
                .await;
            }
            _ => {
                // Counted attempt by attempt, and complained of once.
                let failed = until(latest, |latest| latest.failures >= 3, &what).await;
                assert_eq!(failed.telemetry, None, "{what}");
                let reason = failed.last_error.expect("a reason").reason;
                assert!(
                    reason.contains(&addr.to_string()) && reason.len() < 500,
                    "{what}: {reason}"
                );
                let said = ear.complaints(&[name.as_str()]);
                assert_eq!(said.len(), 1, "{what}: {said:?}");
                assert!(said[0].contains("no reading"), "{what}: {said:?}");
            }
        }
    }
    // All the while the good unit has been read.
    let taken = first.telemetry.map(|reading| reading.taken);
    let later = until(
        &mut well,
        |latest| latest.telemetry.as_ref().map(|t| t.taken) > taken,
        "later",
    )
    .await;
    assert_eq!(later.failures, 0);
    assert_eq!(ear.complaints(&[&good_name]), [""; 0]);
    memory::check();
}

fn http(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn axeos_source(addr: SocketAddr) -> axeos::Source {
    let limits = axeos::Limits {
        connect: PATIENCE,
        reply: REPLY,
        bytes: BYTES,
        attempts: 1,
        pause: Duration::from_millis(1),
    };
    let client = axeos::Client::new(limits).expect("a client");
    axeos::Source::new(&client, addr, seed::stream(1, "source"))
}

fn cgminer_source(addr: SocketAddr) -> cgminer::Source {
    cgminer::Source::new(addr).with_limits(cgminer::Limits {
        connect: PATIENCE,
        reply: REPLY,
        bytes: BYTES,
    })
}

fn goldshell_source(addr: SocketAddr) -> goldshell::Source {
    let http = goldshell::http_client(PATIENCE).expect("a client");
    let limits = goldshell::Limits {
        total: REPLY,
        bytes: BYTES,
        spacing: Duration::ZERO,
        retries: 0,
        back_off: Duration::from_millis(1),
    };
    goldshell::Source::new(goldshell::Client::new(
        http,
        addr,
        goldshell::Credentials::default(),
        limits,
    ))
}

#[tokio::test]
async fn a_cgminer_api() {
    let units = Units::idle().await;
    let mut reply = data("bmminer-30.0.1.3-stats.txt");
    reply.push(0);
    judge(reply, units.s9, cgminer_source).await;
}

#[tokio::test]
async fn an_axeos_page() {
    let units = Units::idle().await;
    let reply = http(&data("axeos-2.1.10-lv06-info.json"));
    judge(reply, units.lv06, axeos_source).await;
}

#[tokio::test]
async fn a_goldshell_backend() {
    let units = Units::idle().await;
    let reply = http(&data("goldshell-2.2.5-devs.json"));
    judge(reply, units.lb_box, goldshell_source).await;
}

/// More is sent than all tests together may hold.
#[tokio::test]
async fn a_flood_is_not_kept() {
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let chunk = [b"10000\r\n".to_vec(), vec![b' '; 0x10000], b"\r\n".to_vec()].concat();
    let (listener, addr) = loopback().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let once = |piece: &[u8]| Abuse {
                kind: Kind::Oversized,
                pieces: vec![piece.to_vec()],
                pause: Duration::ZERO,
            };
            if send(&mut stream, &once(&head)).await.is_err() {
                continue;
            }
            for _ in 0..memory::FLOOD / chunk.len() {
                if send(&mut stream, &once(&chunk)).await.is_err() {
                    break;
                }
            }
        }
    });
    let clock = Clock::real();
    axeos_source(addr).read(&clock).await.expect_err("a flood");
    cgminer_source(addr)
        .read(&clock)
        .await
        .expect_err("a flood");
    goldshell_source(addr)
        .read(&clock)
        .await
        .expect_err("a flood");
    memory::check();
}
