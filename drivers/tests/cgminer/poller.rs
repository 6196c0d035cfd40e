//! The poller over time: first contact, loss, return, and what it leaves in the record.

use std::time::Duration;

use thermine_drivers::cgminer::{Limits, Source};
use thermine_drivers::poller::{Freshness, Latest, Poller};
use thermine_units::clock::Clock;
use thermine_units::record::{Durable, Record, Recorder};
use thermine_units::seed;
use thermine_units::unit::Telemetry;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::support::{Act, Sim, data, server};

/// Device time runs a hundred times as fast, so that a period of a second and its back-off fit a test.
const SPEED: f64 = 100.0;
const PERIOD: Duration = Duration::from_secs(1);
const LIMITS: Limits = Limits {
    connect: Duration::from_secs(2),
    reply: Duration::from_millis(500),
    bytes: 64 * 1024,
};

fn poller(addr: std::net::SocketAddr, clock: &Clock) -> Poller<Source> {
    limited(addr, clock, LIMITS)
}

fn limited(addr: std::net::SocketAddr, clock: &Clock, limits: Limits) -> Poller<Source> {
    let source = Source::new(addr).with_limits(limits);
    Poller::new(source, clock.clone(), PERIOD, seed::stream(3, "poller"))
}

async fn until(latest: &mut watch::Receiver<Latest>, met: impl FnMut(&Latest) -> bool) -> Latest {
    let found = timeout(Duration::from_secs(60), latest.wait_for(met)).await;
    found.expect("in time").expect("a running poller").clone()
}

#[tokio::test]
async fn a_restart_is_noticed_and_survived() {
    let clock = Clock::scaled(SPEED);
    let shutdown = CancellationToken::new();
    let sim = Sim::start().await;
    let addr = sim.addr;
    let (task, mut latest) = poller(addr, &clock).spawn(shutdown.clone());

    let first = until(&mut latest, |latest| latest.identity.is_some()).await;
    let reading = first.telemetry.clone().expect("a reading before the name");
    assert_eq!(reading.boards.len(), 3);
    assert_eq!((first.failures, first.last_error), (0, None));

    sim.stop().await;
    let lost = until(&mut latest, |latest| latest.failures >= 3).await;
    let error = lost.last_error.expect("an error");
    assert!(error.reason.contains("refused"), "{error}");
    let old = lost.telemetry.clone().expect("the last reading is kept");
    assert!(matches!(
        Latest {
            telemetry: Some(old.clone()),
            ..Latest::default()
        }
        .freshness(clock.now(), Duration::ZERO),
        Freshness::Stale(_)
    ));

    let sim = Sim::start_on(addr).await;
    let back = until(&mut latest, |latest| latest.failures == 0).await;
    let new = back.telemetry.expect("a reading");
    assert!(new.taken > old.taken);
    assert!(back.last_error.is_some());

    shutdown.cancel();
    task.await.expect("a clean end");
    sim.stop().await;
}

#[tokio::test]
async fn readings_and_identities_are_recorded() {
    let clock = Clock::scaled(SPEED);
    let sim = Sim::start().await;
    let addr = sim.addr;
    let (queue, mut entries) = mpsc::channel(16);
    let recorder = Recorder::open(4, queue, watch::channel(Durable::default()).1);
    let shutdown = CancellationToken::new();
    let (task, mut latest) = poller(addr, &clock)
        .with_recorder(recorder)
        .spawn(shutdown.clone());

    let mut next = async || {
        let entry = timeout(Duration::from_secs(60), entries.recv()).await;
        let entry = entry.expect("in time").expect("an entry");
        assert_eq!(entry.stream, 4);
        entry.record
    };
    let Record::Telemetry(Telemetry { taken, .. }) = next().await else {
        panic!("a reading comes first")
    };
    assert!(matches!(next().await, Record::Identity(identity) if identity.model.is_some()));
    // Known by now, the unit is not asked for its name again.
    for _ in 0..3 {
        assert!(matches!(next().await, Record::Telemetry(reading) if reading.taken > taken));
    }

    sim.stop().await;
    until(&mut latest, |latest| latest.failures > 0).await;
    let _sim = Sim::start_on(addr).await;
    // After the return it might be another unit.
    while !matches!(next().await, Record::Identity(_)) {}
    shutdown.cancel();
    task.await.expect("a clean end");
}

#[tokio::test]
async fn a_closed_store_does_not_stop_the_readings() {
    let clock = Clock::scaled(SPEED);
    let sim = Sim::start().await;
    let (queue, entries) = mpsc::channel(1);
    drop(entries);
    let recorder = Recorder::open(0, queue, watch::channel(Durable::default()).1);
    let shutdown = CancellationToken::new();
    let poller = poller(sim.addr, &clock).with_recorder(recorder);
    let (_task, mut latest) = poller.spawn(shutdown.clone());
    let first = until(&mut latest, |latest| latest.telemetry.is_some()).await;
    let taken = first.telemetry.expect("a reading").taken;
    until(&mut latest, |latest| {
        latest
            .telemetry
            .as_ref()
            .is_some_and(|reading| reading.taken > taken)
    })
    .await;
    shutdown.cancel();
}

#[tokio::test]
async fn a_unit_that_was_never_reached_is_never_fresh() {
    let clock = Clock::scaled(SPEED);
    let half = data("bmminer-30.0.1.3-stats.txt").into_bytes()[..2000].to_vec();
    for act in [
        Act::Send(Vec::new()),
        Act::Send(half),
        Act::Send(b"garbage".to_vec()),
        Act::Hang(Vec::new()),
    ] {
        let addr = server(act).await;
        let shutdown = CancellationToken::new();
        let (task, mut latest) = poller(addr, &clock).spawn(shutdown.clone());
        let latest = until(&mut latest, |latest| latest.failures >= 2).await;
        assert_eq!(
            latest.freshness(clock.now(), Duration::MAX),
            Freshness::Never
        );
        shutdown.cancel();
        task.await.expect("a clean end");
    }
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_unit_that_hangs() {
    let clock = Clock::real();
    let addr = server(Act::Hang(Vec::new())).await;
    let shutdown = CancellationToken::new();
    let patient = Limits {
        reply: Duration::from_secs(3600),
        ..LIMITS
    };
    let (task, _latest) = limited(addr, &clock, patient).spawn(shutdown.clone());
    tokio::task::yield_now().await;
    shutdown.cancel();
    timeout(Duration::from_secs(60), task)
        .await
        .expect("at once")
        .expect("a clean end");
}
