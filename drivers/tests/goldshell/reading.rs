//! Readings of the simulated unit, over each of its wires.

use std::time::Duration;

use thermine_drivers::cgminer;
use thermine_drivers::discover::classify::names;
use thermine_drivers::goldshell::Source;
use thermine_drivers::poller::{Poller, Source as _};
use thermine_sim::goldshell::{Faults, Firmware};
use thermine_units::model::Model;
use thermine_units::quantity::MegaHertz;
use thermine_units::seed;
use thermine_units::unit::Telemetry;
use tokio_util::sync::CancellationToken;

use crate::support::{Unit, client, reply, server};

fn without_devs() -> Firmware {
    Firmware {
        faults: Faults {
            devs_fails: true,
            ..Faults::default()
        },
        ..Firmware::default()
    }
}

fn plausible(telemetry: &Telemetry, uptime: u64) {
    let [board] = &telemetry.boards[..] else {
        panic!("{telemetry:?}")
    };
    assert_eq!((board.slot, board.failed_sensors), (0, 0));
    let chip = board.chip_temp.expect("a sensor").0;
    assert!((65.0..85.0).contains(&chip), "{chip}");
    assert_eq!(board.frequency, Some(MegaHertz(750.0)));
    assert_eq!(telemetry.fans.len(), 2);
    for rate in [telemetry.hash_rate, telemetry.hash_rate_average] {
        let ghs = rate.expect("a rate").0 * 1e-9;
        assert!((150.0..200.0).contains(&ghs), "{ghs}");
    }
    assert!(telemetry.hardware_errors.is_some_and(|errors| errors > 0));
    assert!(telemetry.accepted.is_some_and(|accepted| accepted > 2));
    assert_eq!(telemetry.rejected, Some(0));
    assert_eq!(telemetry.power, None, "a Box has no meter");
    assert_eq!(telemetry.uptime, Some(Duration::from_secs(uptime)));
}

#[tokio::test]
async fn each_wire_gives_the_same_reading() {
    let unit = Unit::start(Firmware::default()).await;
    unit.pass(60.5).await;
    let mut http = Source::new(unit.client());
    let by_http = http.read(&unit.clock).await.expect("a reading");
    plausible(&by_http, 60);
    assert_eq!(by_http.boards[0].pcb_temp, None);
    let mut api = cgminer::Source::new(unit.api);
    let by_api = api.read(&unit.clock).await.expect("a reading");
    plausible(&by_api, 60);
    let pcb = by_api.boards[0].pcb_temp.expect("a sensor");
    assert!((50.0..70.0).contains(&pcb.0));
    assert_eq!(by_http.taken, by_api.taken);
    assert_eq!(by_http.boards[0].chip_temp, by_api.boards[0].chip_temp);
    assert_eq!(by_http.fans, by_api.fans);
    assert_eq!(by_http.hash_rate, by_api.hash_rate);
    assert_eq!(by_http.accepted, by_api.accepted);
}

#[tokio::test]
async fn a_unit_says_who_it_is() {
    let unit = Unit::start(Firmware::default()).await;
    let mut source = Source::new(unit.client());
    let identity = source.identify().await.expect("an identity");
    assert_eq!(names(&identity), Some(Model::GoldshellLbBox));
    assert_eq!(identity.firmware.as_deref(), Some("2.2.5"));
    assert_eq!(identity.serial.as_deref(), Some("02:00:00:4c:42:01"));
    let mut api = cgminer::Source::new(unit.api);
    let identity = api.identify().await.expect("an identity");
    assert_eq!(identity.firmware.as_deref(), Some("5.4.2"));
}

#[tokio::test]
async fn where_devs_fails_minerinfo_is_read() {
    let unit = Unit::start(without_devs()).await;
    unit.pass(60.5).await;
    let mut source = Source::new(unit.client());
    let reading = source.read(&unit.clock).await.expect("a reading");
    plausible(&reading, 60);
    assert!(reading.boards[0].pcb_temp.is_some());
}

#[tokio::test]
async fn devs_is_not_asked_for_in_vain_but_tried_again_after_identifying() {
    let block = "[PGA0] =>\n(\n[tstemp-1] => 70\n)\n";
    let status = r#"{"model":"Goldshell-LBBox"}"#;
    let (addr, requests) = server(vec![
        reply(500, ""),
        reply(200, block),
        reply(200, block),
        reply(200, status),
        reply(200, "{}"),
        reply(200, r#"{"data":[{"temp":"66.5 °C"}]}"#),
    ])
    .await;
    let clock = thermine_units::clock::Clock::real();
    let mut source = Source::new(client(addr));
    let temp = |telemetry: Telemetry| telemetry.hottest().expect("a sensor").0;
    for _ in 0..2 {
        assert_eq!(temp(source.read(&clock).await.expect("a reading")), 70.0);
    }
    source.identify().await.expect("an identity");
    assert_eq!(temp(source.read(&clock).await.expect("a reading")), 66.5);
    let paths = requests.paths();
    let devs: Vec<usize> = (0..paths.len())
        .filter(|&i| paths[i] == "GET /mcb/cgminer")
        .collect();
    assert_eq!(devs, [0, 5], "{paths:?}");
}

#[tokio::test]
async fn without_a_web_backend_the_cgminer_api_is_read() {
    let unit = Unit::start(Firmware::default()).await;
    unit.pass(60.5).await;
    let (dead, _) = server(vec![reply(500, "")]).await;
    let mut source = Source::new(client(dead)).with_cgminer(unit.api);
    plausible(&source.read(&unit.clock).await.expect("a reading"), 60);
    // And if that is gone too, both are named.
    let closed = crate::support::address(&crate::support::loopback().await);
    let mut source = Source::new(client(dead)).with_cgminer(closed);
    let error = source.read(&unit.clock).await.expect_err("nothing answers");
    assert!(
        error.reason.contains("status 500") && error.reason.contains("refused"),
        "{error}"
    );
    assert!(!error.fatal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_poller_keeps_the_latest_reading_in_virtual_time() {
    let unit = Unit::start(Firmware::default()).await;
    let stop = CancellationToken::new();
    let poller = Poller::new(
        Source::new(unit.client()),
        unit.clock.clone(),
        Duration::from_secs(10),
        seed::stream(1, "poller"),
    );
    let (task, latest) = poller.spawn(stop.clone());
    unit.pass(300.0).await;
    let latest = latest.borrow().clone();
    assert_eq!(latest.failures, 0, "{:?}", latest.last_error);
    let taken = latest.telemetry.expect("a reading").taken;
    assert!(unit.clock.now().since(taken) <= Duration::from_secs(10));
    let serial = latest.identity.and_then(|identity| identity.serial);
    assert_eq!(serial.as_deref(), Some("02:00:00:4c:42:01"));
    stop.cancel();
    task.await.expect("a clean end");
}
