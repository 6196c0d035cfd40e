//! A unit that comes and goes a thousand times leaves no task behind, and no share.

use thermine_units::clock::Clock;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::patience::until_async as until;
use crate::support::{Unit, at, easy_pool, serve, settings, start};

const TIMES: u32 = 1000;

/// Connections at once: each waits a moment for its first job.
const AT_ONCE: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_comes_a_thousand_times_leaves_no_task_and_loses_no_share() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 13);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    let mut stays = Unit::connect(proxy.address, "stays").await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    until("it has been let in", || proxy.hub.count() == 1).await;
    let before = tasks();
    let address_of_proxy = proxy.address;
    for first in (0..TIMES).step_by(AT_ONCE) {
        let mut batch = JoinSet::new();
        for nonce in first..TIMES.min(first + AT_ONCE as u32) {
            batch.spawn(async move {
                // It goes without waiting for what its share was worth.
                let mut comes = Unit::connect(address_of_proxy, "comes").await;
                comes.send("mining.submit", comes.share(nonce)).await;
            });
        }
        batch.join_all().await;
    }
    let all = u64::from(TIMES);
    until("its shares have arrived", || pool.counts().accepted == all).await;
    until("no task is left of it", || tasks() <= before).await;
    assert_eq!(proxy.hub.count(), 1);
    stays.mines(TIMES).await;
    until("the other goes on", || pool.counts().accepted == all + 1).await;
    until("all are settled", || {
        proxy.kept.lock().expect("sound").accepted() as u64 == all + 1
    })
    .await;
    println!(
        "injected: a unit that came {TIMES} times and left after a share; tasks {before} before, {} after; shares sent {}, \
         counted by the pool {}, lost 0",
        tasks(),
        all + 1,
        pool.counts().accepted
    );
}
