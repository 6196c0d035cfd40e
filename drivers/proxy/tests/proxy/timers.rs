//! What the proxy does by the clock alone, in virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use thermine_stratum::line::{LineStream, Peer};
use thermine_units::clock::{Clock, Nanos};
use tokio::net::TcpListener;

use crate::support::{at, settings, start};

/// A pool that hangs up at once is called after waits that double from one second to eight.
#[tokio::test]
async fn attempts_at_a_pool_that_is_away_back_off() {
    let clock = Clock::virtual_time();
    let driver = clock.drive();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let calls: Arc<Mutex<Vec<Nanos>>> = Arc::default();
    let (heard, at_pool) = (calls.clone(), clock.clone());
    let pool = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            heard.lock().expect("whole").push(at_pool.now());
            let mut lines = LineStream::with(stream, Peer::Unit, at_pool.clone());
            let _ = lines.next().await;
            lines.abandon().await;
        }
    });
    let mut settings = settings(vec![at(address)]);
    let second = Duration::from_secs(1);
    settings.policy.backoff = (second, 8 * second);
    let answer_within = settings.policy.pools[0].timeout;
    let proxy = start(settings, &clock).await;
    driver.wait_until(Nanos::ZERO + 60 * second).await;
    pool.abort();
    let calls = calls.lock().expect("whole").clone();
    drop(proxy);
    for (i, pair) in calls.windows(2).enumerate() {
        let longest = second * 2_u32.pow(u32::try_from(i).expect("few").min(3));
        let wait = pair[1].since(pair[0]);
        // The end of a connection is not under way at the clock: the answer may be waited for in vain.
        let most = longest + answer_within;
        assert!(wait <= most && wait >= longest / 2, "{i}: {wait:?}");
    }
    // Each wait of at most eight seconds and that time, over a minute.
    assert!((6..=20).contains(&calls.len()), "{}", calls.len());
}
