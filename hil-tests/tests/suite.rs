//! One suite for every unit: simulated ones by default, those of a rig if `THERMINE_RIG` names one.

use std::time::Duration;

use hil_tests::suite::{Bench, configs, say};
use thermine_drivers::interlock::{Enforced, Hazard, Interlock, State, Tightening};
use thermine_lab::substrate::{Outcome, Substrate};
use thermine_units::model::Model;
use thermine_units::quantity::{Celsius, MegaHertz};
use thermine_units::unit::OperatingPoint;

/// What a unit of each model calls itself, in part.
fn name(model: Model) -> &'static str {
    match model {
        Model::AntminerS9 => "Antminer S9",
        Model::LuckyMinerLv06 => "LV06",
        Model::GoldshellLbBox => "LBBox",
        Model::Bm1387 => "BM1387",
        Model::Bm1366 => "BM1366",
    }
}

/// Hash rate of a whole unit at its nameplate clock, H/s, and how far from it a healthy one may be.
fn nameplate(model: Model) -> (f64, f64) {
    match model {
        Model::AntminerS9 => (13.5e12, 0.3),
        Model::LuckyMinerLv06 => (0.5e12, 0.3),
        Model::GoldshellLbBox => (175e9, 0.3),
        // At 600 MHz, less what the hottest chips get wrong.
        Model::Bm1387 => (4.3e12, 0.4),
        Model::Bm1366 => (0.43e12, 0.4),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn identity_and_telemetry_are_plausible() {
    for config in configs() {
        let mut bench = Bench::open(&config, "identity and telemetry").await;
        let mut driven = bench.drive();
        // Long enough for the hash rate to be that of a unit at work.
        let seen = driven
            .step(&bench.step(1.0, 1, 60.0))
            .await
            .expect("a step");
        let (name, model) = (config.unit.name.as_str(), bench.model());
        let latest = bench.unit.latest.borrow().clone();
        let says = latest.identity.and_then(|identity| identity.model);
        let says = says.unwrap_or_else(|| panic!("{name} does not say who it is"));
        assert!(says.contains(self::name(model)), "{name} is {says}");

        let reading = seen
            .telemetry
            .unwrap_or_else(|| panic!("{name} is not read"));
        let age = seen.ended.since(reading.taken);
        assert!(age <= model.limits().stale_after, "{name}: {age:?} old");
        let limits = model.limits();
        for board in &reading.boards {
            for temperature in [board.pcb_temp, board.chip_temp].into_iter().flatten() {
                let plausible = 15.0..limits.chip_stop.0;
                assert!(plausible.contains(&temperature.0), "{name}: {temperature}");
            }
            assert_eq!(board.failed_sensors, 0, "{name}");
        }
        assert_eq!(reading.hottest().is_none(), model.is_bare(), "{name}");
        assert!(
            reading.fans.len() >= usize::from(limits.fans),
            "{name}: {:?}",
            reading.fans
        );
        let (rate, within) = nameplate(model);
        let hashes = reading
            .hash_rate
            .unwrap_or_else(|| panic!("{name}: no hash rate"))
            .0;
        assert!(
            (hashes / rate - 1.0).abs() < within,
            "{name}: {hashes:e} H/s"
        );
        bench.unit.release(driven).await.expect("released");
        bench.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_becomes_shares_that_verify() {
    for config in configs() {
        let mut bench = Bench::open(&config, "job to share").await;
        let mut driven = bench.drive();
        let seen = driven
            .step(&bench.step(1.0, 10, 0.0))
            .await
            .expect("a step");
        let name = &config.unit.name;
        assert_eq!(seen.outcome, Outcome::Answered, "{name}");
        assert_eq!(seen.shares.len(), 10, "{name}");
        for share in &seen.shares {
            // Hashed again by the verifier: at or above what was asked for.
            assert!(
                share.difficulty >= config.step.difficulty.get(),
                "{name}: {share:?}"
            );
            assert!(share.arrived >= seen.started, "{name}: {share:?}");
        }
        let mut nonces: Vec<u32> = seen.shares.iter().map(|share| share.nonce).collect();
        nonces.sort_unstable();
        nonces.dedup();
        assert_eq!(nonces.len(), 10, "{name}: no share counts twice");
        bench.unit.release(driven).await.expect("released");
        bench.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_handshake_keeps_its_time() {
    for config in configs() {
        let mut bench = Bench::open(&config, "handshake timing").await;
        let mut driven = bench.drive();
        let name = &config.unit.name;
        for (duty, hold) in [(1.0, 5.0), (0.5, 5.0), (0.5, 12.0)] {
            let seen = driven
                .step(&bench.step(duty, 1, hold))
                .await
                .expect("a step");
            let span = seen.ended.since(seen.started).as_secs_f64();
            // A step lasts its hold, or until its answer if that comes later.
            let answer = seen
                .shares
                .first()
                .map_or(0.0, |share| share.arrived.since(seen.started).as_secs_f64());
            let tolerance = if bench.is_simulated() { 1e-6 } else { 0.1 };
            let late = span - answer.max(hold);
            assert!(
                (0.0..=tolerance).contains(&late),
                "{name}: {span} s for {hold} s, answer {answer}"
            );
            for share in &seen.shares {
                assert_eq!(
                    share.since_job.as_secs_f64() >= 0.0,
                    share.arrived >= seen.started
                );
            }
        }
        bench.unit.release(driven).await.expect("released");
        bench.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_is_read_back_clamped_or_refused() {
    for config in configs() {
        let mut bench = Bench::open(&config, "set and read back").await;
        let (name, model) = (config.unit.name.as_str(), bench.model());
        let ask = |mhz: f64| OperatingPoint {
            frequency: Some(MegaHertz(mhz)),
            ..OperatingPoint::default()
        };
        let (lowest, highest) = model.limits().frequency;
        let set = bench.unit.set(ask(400.0)).await;
        if model == Model::AntminerS9 {
            let error = set.expect_err("an S9 cannot be set").to_string();
            assert!(error.contains("cannot be told to"), "{error}");
            bench.close().await;
            continue;
        }
        let set = set.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let now = set
            .now
            .frequency
            .unwrap_or_else(|| panic!("{name} does not say its clock"));
        assert!((now.0 - 400.0).abs() <= 6.25, "{name}: {now} for 400 MHz");
        let remarked = set
            .remarks
            .iter()
            .any(|remark| remark.setting == "frequency");
        assert_eq!(remarked, now.0 != 400.0, "{name}: {:?}", set.remarks);
        // Beyond the limit: never sent as asked, and said.
        let beyond = bench.unit.set(ask(highest.0 + 300.0)).await;
        let beyond = beyond.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        let now = beyond.now.frequency.expect("read back");
        assert!(now.0 <= highest.0 && now.0 >= lowest.0, "{name}: {now}");
        assert!(
            beyond
                .remarks
                .iter()
                .any(|remark| remark.setting == "frequency"),
            "{name}: {:?}",
            beyond.remarks
        );
        // Back to where it was.
        let back = config.point.frequency_mhz.unwrap_or(400.0);
        bench.unit.set(ask(back)).await.expect("set back");
        bench.close().await;
    }
}

/// Judged on the unit's own readings with limits that it must exceed. Nothing is set: the same on a rig.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_interlock_would_stop_a_hot_unit() {
    for config in configs() {
        let mut bench = Bench::open(&config, "interlock, dry run").await;
        let (name, model) = (config.unit.name.as_str(), bench.model());
        let mut driven = bench.drive();
        driven
            .step(&bench.step(1.0, 1, 20.0))
            .await
            .expect("a step");
        let latest = bench.unit.latest.borrow().clone();
        let now = latest.telemetry.as_ref().expect("read").taken;
        let judge = |tightening: &Tightening| {
            let limits = Enforced::new(model.limits(), tightening).expect("tighter");
            Interlock::new(name, limits).judge(now, &latest).state
        };
        let strict = Tightening {
            chip_stop: Some(Celsius(20.0)),
            ..Tightening::default()
        };
        match judge(&strict) {
            State::Tripped { cause, .. } | State::Paused { cause, .. } => {
                let expected = match cause.hazard {
                    Hazard::Hot { .. } => !model.is_bare(),
                    // Nothing is known of the heat of bare chips, and that counts as hot.
                    _ => model.is_bare(),
                };
                assert!(expected, "{name}: {cause}");
                say(&format!("{name}: {cause}"));
            }
            state => panic!("{name}: {state:?} at a limit of 20 °C"),
        }
        if !model.is_bare() {
            let state = judge(&Tightening::default());
            assert_eq!(state, State::Running, "{name}: within its own limits");
        }
        bench.unit.release(driven).await.expect("released");
        bench.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_that_was_hung_up_on_comes_back() {
    for config in configs() {
        let mut bench = Bench::open(&config, "reconnect").await;
        for _ in 0..3 {
            let mut driven = bench.drive();
            let seen = driven.step(&bench.step(1.0, 3, 0.0)).await.expect("a step");
            assert_eq!(seen.shares.len(), 3, "{}", config.unit.name);
            bench.unit.release(driven).await.expect("released");
            bench.unit.hang_up().await;
            bench.unit.ready().await.expect("it comes back");
        }
        bench.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_minutes_without_a_fault() {
    for config in configs() {
        let mut bench = Bench::open(&config, "soak").await;
        let (name, model) = (config.unit.name.as_str(), bench.model());
        let mut driven = bench.drive();
        let (mut shares, mut answered, mut steps) = (0, 0, 0);
        let mut began = None;
        loop {
            let duty = if steps % 2 == 0 { 1.0 } else { 0.5 };
            let seen = driven
                .step(&bench.step(duty, 1, 10.0))
                .await
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            steps += 1;
            shares += seen.shares.len();
            answered += u32::from(seen.outcome == Outcome::Answered);
            // Of bare chips the host sees every wrong nonce; a controller keeps them to itself.
            assert!(
                model.is_bare() || seen.refused.invalid == 0,
                "{name}: {:?}",
                seen.refused
            );
            let reading = seen.telemetry.expect("a reading");
            assert!(
                seen.ended.since(reading.taken) <= model.limits().stale_after,
                "{name}"
            );
            let began = *began.get_or_insert(seen.started);
            if seen.ended.since(began) >= Duration::from_secs(600) {
                break;
            }
        }
        assert_eq!(answered, steps, "{name}");
        say(&format!("{name}: {shares} shares in {steps} steps"));
        bench.unit.release(driven).await.expect("released");
        bench.close().await;
    }
}
