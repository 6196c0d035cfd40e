//! A unit that an interlock watches gets work only while that interlock permits it.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;
use thermine_sim::pool::Act;
use thermine_units::clock::Clock;

use crate::patience::until_async as until;
use crate::support::{Running, Unit, at, easy_pool, serve, settings, start};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

/// Permits `unit` to have work, as its interlock would.
fn permit(proxy: &Running, unit: &str) -> u64 {
    let interlock = proxy.hub.hand_over(unit, "its interlock begins");
    proxy.hub.permit(unit, interlock, None);
    interlock
}

/// Connects, authorises as `worker`, and hears the pool's next block, if `probe` does: the jobs that it got.
async fn jobs_of(proxy: &Running, worker: &str, probe: &mut Unit, act: impl Fn()) -> usize {
    let mut unit = Unit::dial(proxy.address).await;
    let reply = unit.call("mining.subscribe", json!(["test/1"])).await;
    unit.subscribed(&reply["result"]);
    let reply = unit.call("mining.authorize", json!([worker, "x"])).await;
    assert_eq!(reply["result"], true, "{reply}");
    act();
    probe.hears("mining.notify").await;
    // The answer to a further request comes after all that was sent before.
    unit.call("mining.extranonce.subscribe", json!([])).await;
    let notices = unit.heard.iter();
    let jobs = notices.filter(|notice| notice["method"] == "mining.notify");
    jobs.count() + usize::from(!unit.job.is_null())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tripped_unit_gets_no_job_until_its_release_and_the_others_mine_on() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 41);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    for unit in ["hot", "cool"] {
        proxy.hub.watch(unit, unit, HERE);
    }
    let interlock = permit(&proxy, "hot");
    permit(&proxy, "cool");
    let mut hot = Unit::connect(proxy.address, "hot").await;
    let mut second = Unit::connect(proxy.address, "hot").await;
    let mut cool = Unit::connect(proxy.address, "cool").await;
    hot.mines(1).await;

    proxy.hub.permit("hot", interlock, Some("105 °C".into()));
    // All its connections are closed: it would hash its last job for ever.
    while hot.hear().await.is_some() {}
    while second.hear().await.is_some() {}
    for _ in 0..5 {
        let jobs = jobs_of(&proxy, "hot", &mut cool, || pool.act(Act::Block)).await;
        assert_eq!(jobs, 0);
    }
    cool.mines(2).await;

    let mut back = Unit::dial(proxy.address).await;
    let reply = back.call("mining.subscribe", json!(["test/1"])).await;
    back.subscribed(&reply["result"]);
    back.call("mining.authorize", json!(["hot", "x"])).await;
    assert!(back.job.is_null());
    proxy.hub.permit("hot", interlock, None);
    back.hears("mining.notify").await;
    back.mines(3).await;
    cool.mines(4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_has_not_been_read_gets_no_job_by_any_name_or_address() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 42);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    proxy.hub.watch("alone", "alone", HERE);
    proxy.hub.watch("other", "other", THERE);
    permit(&proxy, "other");
    let mut other = Unit::connect_from(THERE, proxy.address, "other").await;
    for worker in ["alone", "alias", "alone.1"] {
        let jobs = jobs_of(&proxy, worker, &mut other, || pool.act(Act::Refresh)).await;
        assert_eq!(jobs, 0, "{worker}");
    }
    // A second worker of a connection that is free does not take the unit's place.
    let reply = other.call("mining.authorize", json!(["alone", "x"])).await;
    assert_eq!(reply["error"][0], 24, "{reply}");
    let reply = other
        .call("mining.authorize", json!(["other.2", "x"]))
        .await;
    assert_eq!(reply["result"], true, "{reply}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_without_permission_can_be_held_and_goes_back_to_none() {
    let clock = Clock::real();
    let pool = easy_pool(&clock, 43);
    let (address, _life) = serve(&pool).await;
    let proxy = start(settings(vec![at(address)]), &clock).await;
    proxy.hub.watch("unit", "unit", HERE);
    let mut unit = Unit::dial(proxy.address).await;
    let reply = unit.call("mining.subscribe", json!(["test/1"])).await;
    unit.subscribed(&reply["result"]);
    unit.call("mining.authorize", json!(["unit", "x"])).await;
    until("it is there", || proxy.hub.count() == 1).await;
    let held = proxy.hub.hold("unit").await.expect("held");
    held.release();
    // Nobody watches what it was last given: it is disconnected.
    while unit.hear().await.is_some() {}
    assert!(unit.job.is_null());
}
