//! What the proxy is for: a unit that goes through one range a job does not wait. In virtual time.

use std::sync::Arc;
use std::time::Duration;

use thermine_sim::blocking::{self, Shared, Tally};
use thermine_sim::link;
use thermine_sim::pool::{self, Pool};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::Difficulty;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::support::{EASY, at, serve, settings, start};

const RATE: f64 = 220e9;
const RANGE: f64 = 20.0 * 4_294_967_296.0;

/// One unit over `latency` one way for 100 s of its time, directly or through the proxy; what became of it,
/// and shares accepted by the pool.
async fn run(latency: Duration, through: bool) -> (Tally, u64) {
    let clock = Clock::virtual_time();
    let drive = clock.drive();
    let pool = Pool::new(
        pool::Settings {
            difficulty: Difficulty::ONE,
            difficulty_scale: EASY,
            extranonce2_len: 8,
            dialogue: true,
            block_every: None,
            seed: 1,
        },
        clock.clone(),
    );
    let (address, _pool) = serve(&pool).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let near = listener.local_addr().expect("bound");
    let stretch = link::Settings {
        latency,
        jitter: 0.0,
        loss: 0.0,
    };
    let shutdown = CancellationToken::new();
    tokio::spawn(link::run(
        listener,
        address,
        stretch,
        1,
        clock.clone(),
        shutdown.clone(),
    ));
    let mut settings = settings(vec![at(near)]);
    settings.units.ranged = vec![("range*".into(), RANGE, RATE)];
    let proxy = start(settings, &clock).await;
    // The pool's first job has to cross the network too, which takes time.
    while proxy.hub.current().is_none() {
        drive
            .wait_until(clock.now() + Duration::from_millis(1))
            .await;
    }
    let tally = Shared::default();
    let unit = blocking::Settings {
        pool: if through { proxy.address } else { near },
        worker: "range1".into(),
        rate: RATE,
        range: RANGE,
        difficulty_scale: EASY,
    };
    tokio::spawn(blocking::run(
        unit,
        clock.clone(),
        Arc::clone(&tally),
        shutdown.clone(),
    ));
    let end = drive.wait_until(Nanos::from_seconds(100.0));
    tokio::time::timeout(Duration::from_secs(60), end)
        .await
        .expect("virtual time goes on");
    let seen = tally.lock().expect("sound").clone();
    let accepted = pool.counts().accepted;
    shutdown.cancel();
    (seen, accepted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wait_for_the_network_is_removed() {
    let piece = RANGE / RATE;
    for (milliseconds, tolerance) in [(0, 0.0), (50, 0.005), (200, 0.01)] {
        let latency = Duration::from_millis(milliseconds);
        let (direct, _) = run(latency, false).await;
        let (through, accepted) = run(latency, true).await;
        // Directly a job costs its range and the way there and back.
        let wait = direct.idle.as_secs_f64() / direct.waited.max(1) as f64;
        let expected = 2.0 * latency.as_secs_f64();
        assert!(
            (wait - expected).abs() < 1e-6,
            "{wait} s where {expected} s were injected"
        );
        let idle = through.idle.as_secs_f64() / 100.0;
        assert!(
            idle <= tolerance,
            "{milliseconds} ms: idle {idle} of the time"
        );
        let gain = through.jobs as f64 / direct.jobs as f64;
        let law = (piece + expected) / piece;
        assert!(
            (gain / law - 1.0).abs() < 0.02,
            "{milliseconds} ms: gain {gain}, by the law {law}"
        );
        assert_eq!(through.refused, 0);
        assert!(
            accepted + 3 >= through.jobs,
            "{accepted} of {} reached the pool",
            through.jobs
        );
    }
}
