//! Many connections at once: units of a rack that lost power, and strangers that never authorise.

use std::net::SocketAddr;

use serde_json::json;
use thermine_sim::pool::Act;
use thermine_units::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::patience::until_async as until;
use crate::support::{Unit, at, easy_pool, serve, settings, start};

/// Whether the far end has closed this connection; waits until it has.
async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_))
}

async fn idle(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("connected")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_units_that_come_at_once_all_get_work() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 51);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let units = (0..1000).map(|i| {
        let entry = proxy.address;
        tokio::spawn(async move { Unit::connect(entry, &format!("w{i}")).await })
    });
    let units: Vec<_> = units.collect();
    for unit in units {
        assert!(!unit.await.expect("no panic").job.is_null());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_never_authorise_keep_no_unit_out() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 52);
    let (address, _life) = serve(&pool).await;
    let mut settings = settings(vec![at(address)]);
    settings.units.max_unauthorised = 8;
    let proxy = start(settings, &clock).await;
    let mut mining = Unit::connect(proxy.address, "mining").await;
    let mut strangers = Vec::new();
    for _ in 0..100 {
        strangers.push(idle(proxy.address).await);
    }
    let mut late = Unit::connect(proxy.address, "late").await;
    late.mines(1).await;
    mining.mines(2).await;
    // The oldest were closed for the newer ones.
    for stranger in &mut strangers[..90] {
        assert!(is_closed(stranger).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_full_takes_a_unit_when_another_has_left() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 53);
    let (address, _life) = serve(&pool).await;
    let mut settings = settings(vec![at(address)]);
    settings.units.most = 1;
    let proxy = start(settings, &clock).await;
    let mut first = Unit::connect(proxy.address, "first").await;
    let mut second = Unit::dial(proxy.address).await;
    second.send("mining.subscribe", json!([])).await;
    second
        .send("mining.authorize", json!(["second", "x"]))
        .await;
    while second.hear().await.is_some() {}
    first.mines(1).await;
    drop(first);
    until("it has left", || proxy.hub.count() == 0).await;
    until("there is room", || pool.counts().accepted == 1).await;
    let mut third = Unit::connect(proxy.address, "third").await;
    third.mines(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_miner_that_tries_tls_first_is_answered_at_once_and_goes_on_without() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 54);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut probe = idle(proxy.address).await;
    // The head of a ClientHello, without a line end.
    probe
        .write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        .await
        .expect("sent");
    assert!(is_closed(&mut probe).await);
    let mut unit = Unit::connect(proxy.address, "w").await;
    unit.mines(1).await;
    pool.act(Act::Block);
    unit.hears("mining.notify").await;
}
