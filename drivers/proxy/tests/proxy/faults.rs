//! What goes wrong at the pool and at the units: nothing lost, nothing twice, nobody else disturbed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use thermine_proxy::journal::Outcome;
use thermine_sim::pool::Act;
use thermine_stratum::line::MAX_POOL_LINE;
use thermine_units::clock::Clock;
use thermine_units::record::Verdict;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::patience::until_async as until;
use crate::support::{Kept, Unit, at, easy_pool, restart, serve, settings, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_dies_gets_the_shares_of_its_absence_when_it_is_back() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 1);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let life = CancellationToken::new();
    tokio::spawn(pool.clone().run(listener, life.clone()));
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    for nonce in 0..10 {
        unit.mines(nonce).await;
    }
    until("before it dies", || pool.counts().accepted == 10).await;
    life.cancel();
    until("it is dead", || {
        std::net::TcpStream::connect(address).is_err()
    })
    .await;
    for nonce in 10..40 {
        unit.mines(nonce).await;
    }
    assert_eq!(pool.counts().accepted, 10);
    let listener = TcpListener::bind(address).await.expect("its port");
    tokio::spawn(pool.clone().run(listener, CancellationToken::new()));
    until("all of them", || pool.counts().accepted == 40).await;
    let counts = pool.counts();
    assert_eq!((counts.resumed, counts.duplicates, counts.stale), (1, 0, 0));
}

/// Stands before the pool at `far`. Its address, and how many connections it has taken.
async fn relay(far: SocketAddr) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let connections = Arc::new(AtomicU32::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut far = TcpStream::connect(far).await.expect("the pool");
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    (address, connections)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_that_cannot_count_any_more_are_written_off_with_a_reason() {
    let clock = Clock::real();
    for forgets in [false, true] {
        let pool = easy_pool(&clock, 2);
        let (address, _life) = serve(&pool).await;
        let (relay, connections) = relay(address).await;
        let proxy = start(settings(vec![at(relay)]), &clock).await;
        let mut unit = Unit::connect(proxy.address, "w").await;
        pool.deaf(true);
        pool.act(Act::HangUp);
        until("it has noticed", || connections.load(Ordering::Relaxed) > 1).await;
        for nonce in 0..5 {
            unit.mines(nonce).await;
        }
        if forgets {
            pool.forget();
        } else {
            pool.act(Act::Block);
        }
        pool.deaf(false);
        let kept = &proxy.kept;
        until("written off", || {
            kept.lock().expect("sound").outcomes.len() == 5
        })
        .await;
        let why = if forgets { "forgotten" } else { "block" };
        for (_, outcome) in &kept.lock().expect("sound").outcomes {
            assert!(
                matches!(outcome, Outcome::Expired(reason) if reason.contains(why)),
                "{outcome:?}"
            );
        }
        assert_eq!(pool.counts().stale, 0, "they were not sent");
        assert_eq!(proxy.hub.total().expired, 5);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_hangs_is_left_and_its_shares_are_sent_again_and_count_once() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 3);
    let (address, _life) = serve(&pool).await;
    let mut settings = settings(vec![at(address)]);
    settings.policy.pools[0].timeout = Duration::from_millis(300);
    let proxy = start(settings, &clock).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    unit.mines(1).await;
    until("the first", || pool.counts().accepted == 1).await;
    pool.act(Act::Hang);
    for nonce in 2..8 {
        unit.mines(nonce).await;
    }
    until("all of them", || pool.counts().accepted == 7).await;
    assert_eq!(pool.counts().subscribed, 2);
    until("all settled", || {
        proxy.kept.lock().expect("sound").accepted() == 7
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_lost_on_the_way_is_asked_for_again_and_counted_once() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 4);
    let (address, _life) = serve(&pool).await;
    // Passes everything on to the pool, and nothing of its answers after the first share.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let between = listener.local_addr().expect("bound");
    let pool_seen = pool.clone();
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.expect("the proxy");
        let mut far = TcpStream::connect(address).await.expect("the pool");
        let (mut near_read, mut near_write) = near.split();
        let (mut far_read, mut far_write) = far.split();
        let eat = async {
            let mut buffer = [0; 4096];
            loop {
                let n = tokio::io::AsyncReadExt::read(&mut far_read, &mut buffer).await?;
                if n == 0 || pool_seen.counts().accepted > 0 {
                    return Ok::<(), std::io::Error>(());
                }
                near_write.write_all(&buffer[..n]).await?;
            }
        };
        tokio::select! {
            _ = eat => {}
            _ = tokio::io::copy(&mut near_read, &mut far_write) => {}
        }
        drop((near, far));
        // The second time all goes well.
        let (mut near, _) = listener.accept().await.expect("the proxy");
        let mut far = TcpStream::connect(address).await.expect("the pool");
        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
    });
    let proxy = start(settings(vec![at(between)]), &clock).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    unit.mines(1).await;
    let kept = &proxy.kept;
    until("settled", || {
        kept.lock().expect("sound").outcomes.len() == 1
    })
    .await;
    let outcome = kept.lock().expect("sound").outcomes[0].1.clone();
    assert_eq!(outcome, Outcome::AcceptedBefore);
    let counts = pool.counts();
    assert_eq!((counts.accepted, counts.duplicates), (1, 1));
    assert_eq!(proxy.hub.total().pool_accepted, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_skipped_and_too_much_of_it_ends_the_connection() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 5);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    for garbage in [
        "{",
        "[]",
        "\u{1}\u{2}",
        "{\"method\":\"mining.notify\",\"params\":[1]}",
    ] {
        pool.act(Act::Say(garbage.into()));
    }
    unit.mines(1).await;
    until("still there", || pool.counts().accepted == 1).await;
    assert_eq!(pool.counts().subscribed, 1);
    for _ in 0..20 {
        pool.act(Act::Say("nonsense".into()));
    }
    until("called again", || pool.counts().subscribed >= 2).await;
    unit.mines(2).await;
    until("goes on", || pool.counts().accepted == 2).await;
    // A line without end, too.
    pool.act(Act::Say("x".repeat(2 * MAX_POOL_LINE)));
    until("called again", || pool.counts().subscribed >= 3).await;
    unit.mines(3).await;
    until("goes on", || pool.counts().accepted == 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reorg_within_a_second_leaves_only_the_last_block() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 6);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut units = Vec::new();
    for i in 0..5 {
        units.push(Unit::connect(proxy.address, &format!("w{i}")).await);
    }
    let first = units[0].share(1);
    pool.act(Act::Block);
    pool.act(Act::Block);
    let newest = proxy.hub.current().expect("work").serial;
    until("both there", || {
        proxy
            .hub
            .current()
            .is_some_and(|t| t.serial >= newest.max(3))
    })
    .await;
    for unit in &mut units {
        // It may have been told of the one between, or not: the last it hears of is the newest.
        let serial = proxy.hub.current().expect("work").serial;
        while !unit.job[0]
            .as_str()
            .expect("an id")
            .starts_with(&format!("{serial:x}-"))
        {
            unit.hears("mining.notify").await;
            assert_eq!(unit.job[8], true);
        }
        unit.mines(2).await;
    }
    let reply = units[0].call("mining.submit", first).await;
    assert_eq!(reply["error"][0], 21, "{reply}");
    until("all there", || pool.counts().accepted == 5).await;
    assert_eq!(pool.counts().stale, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_extranonce_changed_in_the_middle_of_a_job_holds_from_the_next() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 7);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut told = Unit::connect(proxy.address, "told").await;
    // This one has not asked to be told.
    let mut silent = Unit::dial(proxy.address).await;
    let reply = silent.call("mining.subscribe", json!([])).await;
    silent.subscribed(&reply["result"]);
    silent
        .call("mining.authorize", json!(["silent", "x"]))
        .await;
    silent.hears("mining.notify").await;
    let before = told.extranonce1.clone();
    pool.act(Act::Extranonce);
    // The present job is still of the old one.
    told.mines(1).await;
    silent.mines(1).await;
    until("both there", || pool.counts().accepted == 2).await;
    pool.act(Act::Refresh);
    told.hears("mining.set_extranonce").await;
    assert_ne!(told.extranonce1, before);
    told.hears("mining.notify").await;
    told.mines(2).await;
    // The other one must subscribe again, and is hung up on.
    while silent.hear().await.is_some() {}
    let mut silent = Unit::connect(proxy.address, "silent").await;
    silent.mines(2).await;
    until("all there", || pool.counts().accepted == 4).await;
    assert_eq!((pool.counts().low, pool.counts().stale), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_difficulties_reaches_no_unit() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 8);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut unit = Unit::connect(proxy.address, "w").await;
    for i in 0..3000 {
        pool.act(Act::Difficulty(1.0 + f64::from(i % 7)));
    }
    for absurd in [0.0, -1.0, 1e308] {
        pool.act(Act::Difficulty(absurd));
    }
    pool.act(Act::Difficulty(1.0));
    unit.mines(1).await;
    pool.act(Act::Refresh);
    unit.hears("mining.notify").await;
    assert!(unit.heard.is_empty(), "{:?}", unit.heard);
    unit.mines(2).await;
    until("both there", || pool.counts().accepted == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_leaves_with_work_queued_takes_nothing_with_it() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 9);
    let (address, _life) = serve(&pool).await;
    let mut settings = settings(vec![at(address)]);
    settings.units.ranged = vec![("range*".into(), 1e9, 1e9)];
    let proxy = start(settings, &clock).await;
    let mut stays = Unit::connect(proxy.address, "stays").await;
    let mut spaces = std::collections::HashSet::new();
    for nonce in 0..20 {
        let mut leaves = Unit::connect(proxy.address, "range1").await;
        assert!(
            spaces.insert(leaves.extranonce1.clone()),
            "a space is not used again at once"
        );
        leaves.send("mining.submit", leaves.share(nonce)).await;
        until("the share is on its way", || {
            proxy.hub.total().forwarded > u64::from(nonce)
        })
        .await;
    }
    until("gone", || proxy.hub.count() == 1).await;
    until("their shares are not", || pool.counts().accepted == 20).await;
    until("and are in the sum", || {
        proxy.hub.total().pool_accepted == 20
    })
    .await;
    stays.mines(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_invalid_shares_is_banned_with_a_reason_and_a_time() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 10);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut good = Unit::connect(proxy.address, "good").await;
    let mut bad = Unit::connect(proxy.address, "bad").await;
    for nonce in 0..1000 {
        let mut share = bad.share(nonce);
        share[1] = json!("ffff-0");
        bad.send("mining.submit", share).await;
    }
    while bad.hear().await.is_some() {}
    let bans = proxy.kept.lock().expect("sound").bans.clone();
    assert_eq!(bans.len(), 1);
    let (worker, reason, seconds) = &bans[0];
    assert!(worker.starts_with("bad at 127.0.0.1"), "{worker}");
    assert!(reason.contains("20 invalid shares"), "{reason}");
    assert!((599.0..=600.0).contains(seconds), "{seconds}");
    // It is kept out, and its neighbour at the same address is not.
    let mut again = Unit::dial(proxy.address).await;
    again.call("mining.subscribe", json!([])).await;
    again.send("mining.authorize", json!(["bad", "x"])).await;
    while again.hear().await.is_some() {}
    good.mines(1).await;
    assert_eq!(proxy.hub.total().count(Verdict::UnknownJob), 20);
    assert_eq!(pool.counts().low, 0, "none of it reached the pool");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_never_reads_holds_up_nobody() {
    const JOBS: u64 = 12_000;
    let clock = Clock::real();
    let pool = easy_pool(&clock, 11);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let deaf = Unit::connect(proxy.address, "deaf").await;
    let mut good = Unit::connect(proxy.address, "good").await;
    let serial = || proxy.hub.current().expect("work").serial;
    let first = serial();
    // More than its socket takes: some 6 MB of jobs.
    let flood = {
        let (pool, hub) = (pool.clone(), proxy.hub.clone());
        tokio::spawn(async move {
            for sent in 1..=JOBS {
                pool.act(Act::Refresh);
                tokio::task::yield_now().await;
                // The simulated pool lets go of a connection that is thousands of acts behind.
                while hub.current().expect("work").serial + 1_000 < first + sent {
                    tokio::task::yield_now().await;
                }
            }
        })
    };
    // Jobs come faster than it answers them, so some are forgotten by then; but it is answered.
    let mut accepted = 0;
    for nonce in 0..50 {
        let reply = good.submit(nonce).await.expect("a reply");
        accepted += u64::from(reply["result"] == true);
    }
    flood.await.expect("no panic");
    until("all jobs have come", || serial() >= first + JOBS).await;
    let newest = format!("{:x}-0", serial());
    while good.hears("mining.notify").await["params"][0] != newest {}
    good.mines(1000).await;
    until("all settled", || {
        let kept = proxy.kept.lock().expect("sound");
        kept.shares.len() as u64 == accepted + 1 && kept.outcomes.len() == kept.shares.len()
    })
    .await;
    // The pool forgets jobs of such a flood, too, and says so.
    let kept = proxy.kept.lock().expect("sound").clone();
    let counts = pool.counts();
    assert_eq!(kept.accepted() as u64, counts.accepted, "{counts:?}");
    for (_, outcome) in &kept.outcomes {
        assert!(
            matches!(
                outcome,
                Outcome::Accepted | Outcome::AcceptedBefore | Outcome::Refused(21, _)
            ),
            "{outcome:?}"
        );
    }
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_and_restarted_no_acknowledged_share_is_lost_or_counted_twice() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 12);
    let (address, _life) = serve(&pool).await;
    let mut acknowledged = 0_usize;
    let mut kept = Kept::default();
    for round in 0..4_u32 {
        let before = kept.shares.len();
        let proxy = restart(settings(vec![at(address)]), &clock, kept).await;
        let mut miners = Vec::new();
        let (here, ending) = (
            Arc::new(AtomicU32::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        for i in 0..8 {
            let (address, here, ending) = (proxy.address, here.clone(), ending.clone());
            miners.push(tokio::spawn(async move {
                let mut unit = Unit::connect(address, &format!("w{i}")).await;
                here.fetch_add(1, Ordering::Relaxed);
                let mut accepted = 0;
                for nonce in 0..100_000 {
                    match unit.submit(round * 100_000 + nonce).await {
                        Some(reply) if reply["result"] == true => accepted += 1,
                        // Its tasks do not end in one instant: who is refused meanwhile is promised nothing.
                        Some(_) if ending.load(Ordering::Relaxed) => break,
                        Some(reply) => panic!("{reply} job {}", unit.job),
                        None => break,
                    }
                }
                accepted
            }));
        }
        until("under load", || {
            here.load(Ordering::Relaxed) == 8
                && proxy.kept.lock().expect("sound").shares.len() > before + 200
        })
        .await;
        let store = proxy.kept.clone();
        ending.store(true, Ordering::Relaxed);
        drop(proxy);
        for miner in miners {
            acknowledged += miner.await.expect("no panic");
        }
        kept = store.lock().expect("sound").clone();
    }
    let last = restart(settings(vec![at(address)]), &clock, kept).await;
    until("all settled", || {
        let kept = last.kept.lock().expect("sound");
        kept.outcomes.len() == kept.shares.len()
    })
    .await;
    // It may have found nothing to send, and be done before it is there.
    until("at the pool", || pool.counts().subscribed >= 5).await;
    let counts = pool.counts();
    // Each of the eight may have one in every round that it was not told of any more.
    assert!(acknowledged > 800 - 4 * 8, "{acknowledged}");
    assert!(
        counts.accepted as usize >= acknowledged,
        "{counts:?}, {acknowledged} acknowledged"
    );
    assert!(counts.resumed >= 4, "{counts:?}");
    let kept = last.kept.lock().expect("sound").clone();
    assert_eq!(
        kept.accepted(),
        kept.shares.len(),
        "each that was stored counts"
    );
    let mut seen = std::collections::HashSet::new();
    for (share, _) in pool.shares() {
        let key = (share.job_id, share.extranonce2, share.ntime, share.nonce);
        assert!(seen.insert(key), "counted twice");
    }
    assert_eq!((counts.stale, counts.low), (0, 0));
}
