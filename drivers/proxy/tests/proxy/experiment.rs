//! Both uses of one rack at once: one unit in the hands of the handshake, the rest mining.

use std::time::Duration;

use thermine_stratum::factory::JobFactory;
use thermine_stratum::server::Admit;
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use thermine_units::record::Verdict;
use thermine_units::seed;

use crate::patience::until_async as until;
use crate::support::{Unit, at, easy_pool, serve, settings, start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_is_held_for_the_handshake_and_goes_back_to_mining() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 1);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut miner = Unit::connect(proxy.address, "miner").await;
    let mut lent = Unit::connect(proxy.address, "lent").await;
    lent.mines(1).await;
    assert!(proxy.hub.hold("nobody").await.is_none());
    let held = proxy.hub.hold("lent").await.expect("there");
    let (mut session, release) = held.split();
    assert_eq!(session.worker(), "lent");
    let mut jobs = JobFactory::new(seed::stream(1, "jobs"));
    let mut old = lent.share(2);
    for word in 0..5 {
        let job = jobs.next(word, 1, session.extranonce_len());
        let serial = job.serial;
        session
            .send_job(job, Difficulty::ONE, true, None)
            .await
            .expect("sent");
        lent.hears("mining.notify").await;
        if word == 0 {
            // Mining work is none of the experiment's.
            lent.send("mining.submit", old.take()).await;
            let share = session.next_share().await.expect("a share");
            assert_eq!(share.judgement.verdict, Verdict::UnknownJob);
        }
        let id = lent.send("mining.submit", lent.share(word)).await;
        let share = session.next_share().await.expect("a share");
        assert_eq!(share.judgement.verdict, Verdict::Accepted);
        assert_eq!(share.judgement.job, Some(serial));
        session.settle().await.expect("acknowledged");
        let reply = lent.reply(id).await.expect("a reply");
        assert_eq!(reply["result"], true, "{reply}");
        // The rest of the rack goes on.
        miner.mines(word).await;
    }
    until("of the rack", || pool.counts().accepted == 6).await;
    let of_experiment = lent.share(9);
    release.give_back(session);
    lent.hears("mining.notify").await;
    assert_eq!(lent.job[8], true);
    let reply = lent.call("mining.submit", of_experiment).await;
    assert_eq!(reply["error"][0], 21, "{reply}");
    lent.mines(10).await;
    until("mining again", || pool.counts().accepted == 7).await;
    assert_eq!((pool.counts().stale, pool.counts().low), (0, 0));
    let seen = proxy.hub.seen();
    let lent_account = &seen
        .iter()
        .find(|s| s.worker == "lent")
        .expect("there")
        .account;
    assert!(
        lent_account.held > Duration::ZERO,
        "its time is not mining time"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_experiment_that_dies_only_costs_its_unit_a_reconnection() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 2);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut lent = Unit::connect(proxy.address, "lent").await;
    drop(proxy.hub.hold("lent").await.expect("there"));
    while lent.hear().await.is_some() {}
    let mut back = Unit::connect(proxy.address, "lent").await;
    back.mines(1).await;
    until("mining again", || pool.counts().accepted == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_units_with_one_worker_name_the_one_that_is_watched_is_held() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 3);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let _units = [
        Unit::connect(proxy.address, "same").await,
        Unit::connect(proxy.address, "same").await,
    ];
    let seen = proxy.hub.seen();
    assert_eq!(seen.len(), 2);
    for unit in seen {
        let watched = unit.peer;
        let admit = Admit::new(move |peer, agent| {
            assert_eq!(agent, Some("test/1"));
            match peer == watched {
                true => Ok(()),
                false => Err(format!("{peer} is not watched")),
            }
        });
        let held = proxy
            .hub
            .hold_within("same", Duration::from_secs(30), &admit)
            .await;
        let held = held.expect("there");
        assert_eq!(held.session.peer(), watched);
        held.release();
    }
    let none = Admit::new(|peer, _| Err(format!("{peer} is not watched")));
    let refused = proxy
        .hub
        .hold_within("same", Duration::from_millis(300), &none)
        .await;
    let refused = refused.expect_err("only others are here").to_string();
    assert!(refused.ends_with("is not watched"), "{refused}");
}
