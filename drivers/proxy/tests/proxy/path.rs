//! The way of work and of shares when nothing goes wrong.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::json;
use thermine_sim::pool::{self, Act, Pool};
use thermine_units::clock::Clock;
use thermine_units::record::Verdict;

use crate::patience::until_async as until;
use crate::support::{EASY, Unit, at, difficulty, easy_pool, serve, settings, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_units_share_one_connection_and_every_share_reaches_the_pool_once() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 1);
    let (address, _pool) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut units = Vec::new();
    for i in 0..20 {
        units.push(Unit::connect(proxy.address, &format!("w{i}")).await);
    }
    let spaces: HashSet<&str> = units.iter().map(|u| u.extranonce1.as_str()).collect();
    assert_eq!(spaces.len(), 20, "each unit has a space of its own");
    for nonce in 0..10 {
        for unit in &mut units {
            unit.mines(nonce).await;
        }
    }
    until("all there", || pool.counts().accepted == 200).await;
    let counts = pool.counts();
    assert_eq!(
        (counts.subscribed, counts.duplicates, counts.low),
        (1, 0, 0)
    );
    until("all answered", || {
        proxy.kept.lock().expect("sound").accepted() == 200
    })
    .await;
    let total = proxy.hub.total();
    assert_eq!((total.forwarded, total.pool_accepted), (200, 200));
    assert_eq!(total.count(Verdict::Accepted), 200);
    assert_eq!(proxy.hub.count(), 20);
}

#[tokio::test]
async fn a_block_goes_to_all_at_once_and_the_old_one_is_dead() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 2);
    let (address, _pool) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    let old = unit.share(1);
    let prevhash = unit.job[1].clone();
    // A job on the same block leaves the old one alive.
    pool.act(Act::Refresh);
    unit.hears("mining.notify").await;
    assert_eq!((&unit.job[1], &unit.job[8]), (&prevhash, &json!(false)));
    let reply = unit.call("mining.submit", old).await;
    assert_eq!(reply["result"], true, "{reply}");
    until("it is there", || pool.counts().accepted == 1).await;
    pool.act(Act::Block);
    let old = unit.share(2);
    unit.hears("mining.notify").await;
    assert_ne!(unit.job[1], prevhash);
    assert_eq!(unit.job[8], true);
    let reply = unit.call("mining.submit", old).await;
    assert_eq!(reply["error"][0], 21, "{reply}");
    unit.mines(3).await;
    until("both there", || pool.counts().accepted == 2).await;
    assert_eq!(pool.counts().stale, 0, "stale ones are not sent on");
    assert_eq!(proxy.hub.total().count(Verdict::Stale), 1);
}

#[tokio::test]
async fn shares_below_the_pools_difficulty_are_kept_back_and_counted() {
    let clock = Clock::real();
    // One hash in 16 is a share for the pool, each one for the unit.
    let settings_of_pool = pool::Settings {
        difficulty: difficulty(16.0 / 4_294_967_296.0 / EASY),
        difficulty_scale: EASY,
        extranonce2_len: 8,
        dialogue: false,
        block_every: None,
        seed: 3,
    };
    let pool = Pool::new(settings_of_pool, clock.clone());
    let (address, _pool) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    assert_eq!(unit.difficulty, 1.0);
    // Fewer than it takes for the difficulty to be changed.
    for nonce in 0..15 {
        unit.mines(nonce).await;
    }
    let total = proxy.hub.total();
    assert_eq!(total.forwarded + total.filtered, 15);
    assert!(total.filtered > 5, "{total:?}");
    until("those worth it are there", || {
        pool.counts().accepted == total.forwarded
    })
    .await;
    assert_eq!(pool.counts().low, 0);
}

#[tokio::test]
async fn difficulty_follows_the_units_rate_up_to_the_pools_own() {
    let clock = Clock::real();
    let settings_of_pool = pool::Settings {
        difficulty: difficulty(1000.0),
        difficulty_scale: EASY,
        extranonce2_len: 8,
        dialogue: false,
        block_every: None,
        seed: 4,
    };
    let pool = Pool::new(settings_of_pool, clock.clone());
    let (address, _pool) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    let mut seen = vec![unit.difficulty];
    for nonce in 0..200 {
        unit.mines(nonce).await;
        if seen.last() != Some(&unit.difficulty) {
            seen.push(unit.difficulty);
        }
    }
    // A hundred shares in no time: up by the largest step, and to the pool's and no further.
    assert_eq!(seen, [1.0, 64.0, 1000.0]);
}

#[tokio::test]
async fn version_rolling_goes_through_and_bits_outside_the_mask_do_not() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 5);
    let (address, _pool) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut unit = Unit::dial(proxy.address).await;
    let mask = json!([["version-rolling"], {"version-rolling.mask": "ffffffff"}]);
    let reply = unit.call("mining.configure", mask).await;
    assert_eq!(reply["result"]["version-rolling.mask"], "1fffe000");
    let reply = unit.call("mining.subscribe", json!([])).await;
    unit.subscribed(&reply["result"]);
    unit.call("mining.authorize", json!(["w", "x"])).await;
    unit.hears("mining.notify").await;
    let share = |nonce: u32, bits: &str| {
        let mut share = unit.share(nonce);
        share.as_array_mut().expect("a list").push(json!(bits));
        share
    };
    let (good, bad) = (share(1, "00b44000"), share(2, "00000001"));
    let reply = unit.call("mining.submit", good).await;
    assert_eq!(reply["result"], true, "{reply}");
    let reply = unit.call("mining.submit", bad).await;
    assert_eq!(reply["error"][0], 20, "{reply}");
    until("it is there", || pool.counts().accepted == 1).await;
    assert_eq!(pool.shares()[0].0.version_bits, Some(0x00b4_4000));
}

#[tokio::test]
async fn units_that_come_before_the_pool_wait_for_it() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 6);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("bound");
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut early = tokio::spawn(Unit::connect(proxy.address, "w"));
    let served = tokio::time::timeout(Duration::from_millis(100), &mut early).await;
    assert!(served.is_err(), "served without a pool");
    let shutdown = tokio_util::sync::CancellationToken::new();
    tokio::spawn(pool.clone().run(listener, shutdown.clone()));
    early.await.expect("served").mines(1).await;
    shutdown.cancel();
}
