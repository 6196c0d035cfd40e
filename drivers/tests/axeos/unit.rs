//! The driver at the simulated unit: reading, setting, restarting, heat.

use std::time::Duration;

use thermine_drivers::axeos::Failure;
use thermine_drivers::control::{Change, Control as _, ControlError};
use thermine_drivers::poller::{Poller, Source as _};
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::record::Verdict;
use thermine_units::seed;
use thermine_units::unit::{OperatingPoint, PowerMode};
use tokio_util::sync::CancellationToken;

use crate::support::{Bench, PATIENCE, Seen};

fn point(mhz: f64, volts: f64, fan: f64) -> OperatingPoint {
    OperatingPoint {
        frequency: Some(MegaHertz(mhz)),
        voltage: Some(Volts(volts)),
        fan: Some(fan),
        ..OperatingPoint::UNCHANGED
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_who_it_is_and_its_telemetry_is_plausible() {
    let bench = Bench::start().await;
    bench.pass(240.0).await;
    let mut source = bench.source();
    let identity = source.identify().await.expect("an identity");
    assert_eq!(identity.model.as_deref(), Some("LV06"));
    assert_eq!(identity.firmware.as_deref(), Some("2.1.10"));
    assert_eq!(identity.serial.as_deref(), Some("luckyminer"));
    let reading = source.read(&bench.clock).await.expect("a reading");
    assert_eq!(reading.taken, bench.clock.now());
    let [board] = &reading.boards[..] else {
        panic!("one board, not {:?}", reading.boards)
    };
    let within = |value: Option<f64>, low: f64, high: f64| {
        assert!(value.is_some_and(|v| (low..high).contains(&v)), "{value:?}");
    };
    assert_eq!(
        (board.slot, board.chips, board.failed_sensors),
        (0, Some(1), 0)
    );
    assert_eq!(board.frequency, Some(MegaHertz(485.0)));
    within(board.chip_temp.map(|t| t.0), 45.0, 75.0);
    within(board.regulator_temp.map(|t| t.0), 40.0, 90.0);
    within(reading.hash_rate.map(|r| r.0), 350e9, 650e9);
    within(reading.power.map(|p| p.0), 9.0, 18.0);
    within(reading.uptime.map(|t| t.as_secs_f64()), 239.0, 241.0);
    assert_eq!(reading.core_voltage, Some(Volts(1.2)));
    assert_eq!(reading.fans.len(), 1);
    assert!(reading.accepted.is_some_and(|n| n > 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_is_read_back_and_has_its_effect() {
    let bench = Bench::start().await;
    bench.pass(240.0).await;
    let before = bench.source().read(&bench.clock).await.expect("a reading");
    let asked = point(300.0, 1.05, 1.0);
    let mut control = bench.control();
    let applied = control.set(&asked).await.expect("set");
    assert_eq!((applied.now, &applied.remarks[..]), (asked, &[][..]));
    assert_eq!(control.operating_point().await.expect("a point"), asked);

    bench.pass(240.0).await;
    let after = bench.source().read(&bench.clock).await.expect("a reading");
    assert_eq!(after.core_voltage, Some(Volts(1.05)));
    assert!(after.fans[0].0 > before.fans[0].0);
    assert!(after.power.expect("a meter").0 < 0.7 * before.power.expect("a meter").0);
    assert!(after.hottest().expect("a sensor").0 < before.hottest().expect("a sensor").0 - 5.0);
    assert!(after.hash_rate.expect("a rate").0 < 0.8 * before.hash_rate.expect("a rate").0);

    // What is not named stays.
    let only = OperatingPoint {
        frequency: Some(MegaHertz(350.0)),
        ..OperatingPoint::default()
    };
    let applied = control.set(&only).await.expect("set");
    assert_eq!(applied.now, point(350.0, 1.05, 1.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_beyond_the_limits_is_brought_within_and_said() {
    let bench = Bench::start().await;
    let mut control = bench.control();
    let asked = OperatingPoint {
        mode: Some(PowerMode::Sleep),
        ..point(900.0, 2.0, 0.1)
    };
    let applied = control.set(&asked).await.expect("set");
    assert_eq!(applied.now, point(575.0, 1.3, 0.25));
    let said: Vec<_> = applied
        .remarks
        .iter()
        .map(|remark| (remark.setting, remark.asked.as_str(), remark.what.clone()))
        .collect();
    let clamped = |to: &str| Change::Clamped(to.to_owned());
    assert_eq!(
        said,
        [
            ("frequency", "900 MHz", clamped("575 MHz")),
            ("voltage", "2000 mV", clamped("1300 mV")),
            ("fan", "10 %", clamped("25 %")),
            ("mode", "Sleep", Change::Unsupported),
        ]
    );
    // Between two steps of the wire.
    let applied = control
        .set(&point(400.4, 1.1004, 0.505))
        .await
        .expect("set");
    assert_eq!(applied.remarks.len(), 3, "{:?}", applied.remarks);
    assert_eq!(applied.now.frequency, Some(MegaHertz(400.0)));
    assert_eq!(applied.now.voltage, Some(Volts(1.1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_finite_is_refused_and_nothing_is_sent() {
    let bench = Bench::start().await;
    let mut control = bench.control();
    let before = control.operating_point().await.expect("a point");
    for (asked, name) in [
        (point(f64::NAN, 1.1, 0.5), "frequency"),
        (point(400.0, f64::INFINITY, 0.5), "voltage"),
        (point(400.0, 1.1, f64::NEG_INFINITY), "fan"),
    ] {
        let error = control.set(&asked).await.expect_err("refused");
        assert_eq!(error, ControlError::NotFinite(name));
    }
    assert_eq!(control.operating_point().await.expect("a point"), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_takes_a_second_and_keeps_what_is_stored() {
    let mut bench = Bench::start().await;
    let mut control = bench.control();
    control.set(&point(450.0, 1.15, 0.9)).await.expect("set");
    bench.pass(120.0).await;
    let before = bench.unit().info().await.expect("info");
    assert!(before.best.is_some_and(|best| best >= 256.0));
    control.restart().await.expect("restarted");

    let error = bench.unit().info().await.expect_err("it is off");
    assert!(matches!(error.failure, Failure::Broken(_)), "{error}");
    bench.pass(0.9).await;
    assert!(bench.unit().info().await.is_err());
    bench.shares();
    bench.pass(0.2).await;
    let after = bench.unit().info().await.expect("info");
    assert_eq!(after.point, before.point);
    assert_eq!(after.best, before.best);
    assert_eq!(after.best_session, Some(0.0));
    let reading = after.telemetry(bench.clock.now());
    assert_eq!(reading.accepted, Some(0));
    assert_eq!(reading.uptime, Some(Duration::ZERO));

    // It comes back to its pool.
    bench.pass(60.0).await;
    let shares = bench.shares();
    assert!(shares.len() > 3, "{}", shares.len());
    assert_eq!(shares[5].judgement.verdict, Verdict::Accepted);
    let reading = bench.source().read(&bench.clock).await.expect("a reading");
    assert!(reading.accepted.is_some_and(|n| n > 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_hot_it_falls_back_and_stays_there_until_told() {
    let bench = Bench::start().await;
    let mut control = bench.control();
    control.set(&point(575.0, 1.3, 0.25)).await.expect("set");
    let mut info = bench.unit().info().await.expect("info");
    for _ in 0..120 {
        if info.overheated == Some(true) {
            break;
        }
        bench.pass(10.0).await;
        if let Ok(read) = bench.unit().info().await {
            info = read;
        }
    }
    assert_eq!(info.overheated, Some(true));
    assert_eq!(info.point, point(50.0, 1.0, 1.0));
    assert_eq!(info.automatic_fan, Some(false));

    bench.pass(300.0).await;
    let reading = bench.source().read(&bench.clock).await.expect("a reading");
    assert!(reading.hottest().expect("a sensor").0 < 40.0);
    let error = control.set(&point(400.0, 1.1, 0.8)).await;
    let error = error.expect_err("it is in overheat mode").to_string();
    assert!(error.contains("let it cool"), "{error}");
    let info = bench.unit().info().await.expect("info");
    assert_eq!(info.point, point(50.0, 1.0, 1.0));

    // What keeps it cool is no matter.
    let applied = control.set(&point(50.0, 1.0, 1.0)).await.expect("set");
    assert_eq!(applied.remarks, []);

    control.clear_overheat().await.expect("cleared");
    let applied = control.set(&point(400.0, 1.1, 0.8)).await.expect("set");
    assert_eq!(
        (applied.now, applied.remarks.len()),
        (point(400.0, 1.1, 0.8), 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_automatic_fan_follows_the_chip_until_it_is_set() {
    let bench = Bench::start().await;
    let mut unit = bench.unit();
    let body = serde_json::json!({"autofanspeed": 1, "frequency": 300, "coreVoltage": 1000});
    unit.patch(&body).await.expect("patched");
    bench.pass(600.0).await;
    let info = unit.info().await.expect("info");
    assert_eq!(info.automatic_fan, Some(true));
    let slow = info.point.fan.expect("a speed");
    assert!((0.35..0.6).contains(&slow), "{slow}");
    let applied = bench.control().set(&point(300.0, 1.0, 0.7)).await;
    assert_eq!(applied.expect("set").remarks, []);
    bench.pass(10.0).await;
    let info = unit.info().await.expect("info");
    assert_eq!(
        (info.automatic_fan, info.point.fan),
        (Some(false), Some(0.7))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_do_not_move_the_physics_and_a_run_comes_out_the_same() {
    let mut runs = Vec::new();
    for polls in [0, 40] {
        let mut bench = Bench::start().await;
        for _ in 0..polls {
            bench.unit().info().await.expect("info");
        }
        bench.pass(30.0).await;
        bench
            .control()
            .set(&point(550.0, 1.25, 0.6))
            .await
            .expect("set");
        bench.pass(30.0).await;
        bench.control().restart().await.expect("restarted");
        bench.pass(20.0).await;
        let info = bench.unit().info().await.expect("info");
        let shares: Vec<_> = bench
            .shares()
            .iter()
            .map(|share| (share.arrived, share.nonce))
            .collect();
        assert!(shares.len() > 10);
        runs.push((info, shares));
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poller_survives_a_restart_in_device_time() {
    let mut bench = Bench::start().await;
    let stop = CancellationToken::new();
    let (task, mut latest) = Poller::new(
        bench.source(),
        bench.clock.clone(),
        Duration::from_secs(2),
        seed::stream(1, "poller"),
    )
    .spawn(stop.clone());
    bench.pass(11.0).await;
    let before = latest.borrow_and_update().clone();
    assert_eq!(before.failures, 0);
    assert!(before.identity.is_some());
    bench.control().restart().await.expect("restarted");
    bench.pass(40.0).await;
    let after = latest.borrow_and_update().clone();
    assert_eq!(after.failures, 0, "{:?}", after.last_error);
    let reading = after.telemetry.expect("a reading");
    assert!(bench.clock.now().since(reading.taken) <= Duration::from_secs(2));
    assert!(
        reading
            .uptime
            .is_some_and(|up| up < Duration::from_secs(40))
    );
    let mut connected = 0;
    while let Ok(seen) = bench.seen.try_recv() {
        connected += usize::from(matches!(seen, Seen::Connected));
    }
    assert_eq!(connected, 1, "it came back to its pool once");
    stop.cancel();
    let ended = tokio::time::timeout(PATIENCE, task).await;
    ended.expect("in time").expect("no panic");
}
