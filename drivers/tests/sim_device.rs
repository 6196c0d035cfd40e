//! The simulated unit in device time: its share law, its job switches, and that nothing depends on when
//! it is asked.

#![expect(
    clippy::print_stdout,
    reason = "the calibration table is for the reader of the test"
)]

use std::time::Duration;

use proptest::prelude::*;
use thermine_drivers::clock::Nanos;
use thermine_drivers::pow::Difficulty;
use thermine_drivers::quantity::MegaHertz;
use thermine_drivers::sim::device::{Device, Find};
use thermine_drivers::sim::params::Params;
use thermine_drivers::unit::OperatingPoint;

fn difficulty(value: f64) -> Difficulty {
    Difficulty::new(value).expect("positive")
}

fn device(seed: u64) -> Device {
    Device::warm(&Params::s9(), seed, Nanos::ZERO)
}

fn seconds(n: u64) -> Nanos {
    Nanos(n * 1_000_000_000)
}

fn shares(device: &mut Device, until: Nanos) -> Vec<Find> {
    let mut found = Vec::new();
    device.advance(until, &mut found);
    found
}

#[test]
fn shares_come_as_a_poisson_process_at_the_rate_of_the_difficulty() {
    let mut counts = [Vec::new(), Vec::new()];
    for (counts, asked) in counts.iter_mut().zip([256.0, 512.0]) {
        let mut device = device(1);
        device.take_job(1, difficulty(asked), true);
        shares(&mut device, seconds(1));
        for window in 0..600 {
            let found = shares(&mut device, seconds(2 + window));
            counts.push(found.iter().filter(|find| !find.copy).count() as f64);
        }
    }
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let [at_256, at_512] = &counts;
    // 12.5 TH/s over 256 · 2^32 hashes a share; 600 windows: a standard error of 1.2 %.
    assert!((mean(at_256) / 11.4 - 1.0).abs() < 0.05, "{}", mean(at_256));
    let ratio = mean(at_256) / mean(at_512);
    assert!((ratio / 2.0 - 1.0).abs() < 0.08, "{ratio}");
    let variance = at_256
        .iter()
        .map(|c| (c - mean(at_256)).powi(2))
        .sum::<f64>()
        / 599.0;
    let dispersion = variance / mean(at_256);
    // Standard error of the dispersion index of 600 windows: 0.058.
    assert!((dispersion - 1.0).abs() < 0.2, "{dispersion}");
}

#[test]
fn difficulties_below_the_floor_are_ignored_and_without_work_nothing_is_found() {
    let mut low = device(2);
    assert_eq!(low.effective(difficulty(1.0)), difficulty(256.0));
    low.take_job(1, difficulty(1.0), true);
    let found = shares(&mut low, seconds(10)).len();
    assert!((70..170).contains(&found), "{found}");
    low.lose_work();
    shares(&mut low, seconds(11));
    assert!(shares(&mut low, seconds(60)).is_empty());
}

/// A clean job after every share, as in the real S9 capture. That unit hashed at 13.97 TH/s, the model at
/// its default clock at 12.7; a difficulty lower by as much gives both the same share rate.
#[test]
fn job_switches_cost_what_they_cost_a_real_s9() {
    let params = Params {
        difficulty_floor: 1.0,
        ..Params::s9()
    };
    let asked = difficulty(256.0 * 12.68 / 13.97);
    let mut device = Device::warm(&params, 3, Nanos::ZERO);
    let (mut job, mut switched) = (1, Nanos::ZERO);
    device.take_job(job, asked, true);
    let (mut useful, mut late, mut copies, mut waits) = (0.0, 0.0, 0.0, Vec::new());
    let mut steady = Device::clone(&device);
    let end = seconds(1000);
    while device.now() < end {
        let next = device.next_event();
        for find in shares(&mut device, next) {
            if find.copy {
                copies += 1.0;
            } else if find.job == job {
                useful += 1.0;
                waits.push(find.at.since(switched).as_secs_f64());
                job += 1;
                switched = device.now();
                device.take_job(job, asked, true);
            } else {
                late += 1.0;
            }
        }
    }
    let steady = shares(&mut steady, end).iter().filter(|f| !f.copy).count() as f64 / 1000.0;
    let mean = waits.iter().sum::<f64>() / waits.len() as f64;
    let sd = (waits.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / waits.len() as f64).sqrt();
    let shortest = waits.iter().copied().fold(f64::INFINITY, f64::min);
    let lost = mean * (1.0 - useful / 1000.0 / steady);
    let rows = [
        // The real unit hashed at 13.97 TH/s, the model at its default 600 MHz at 12.5: rates scale.
        (
            "useful share of the steady rate",
            9.32 / 12.71,
            useful / 1000.0 / steady,
            0.05,
        ),
        ("first wait, CV", 0.749, sd / mean, 0.05),
        ("lost per switch, ms", 25.7, 1e3 * lost, 0.08),
        ("late of unique shares", 0.088, late / (late + useful), 0.2),
        (
            "copies of all shares",
            0.016,
            copies / (copies + late + useful),
            0.2,
        ),
        ("shortest wait, ms", 17.5, 1e3 * shortest, 0.15),
    ];
    println!("{:<32} {:>8} {:>8}", "", "real S9", "model");
    for (name, real, model, _) in rows {
        println!("{name:<32} {real:>8.3} {model:>8.3}");
    }
    for (name, real, model, tolerance) in rows {
        assert!(
            (model / real - 1.0).abs() < tolerance,
            "{name}: {model:.3}, not {real:.3}"
        );
    }
}

#[test]
fn idle_chips_cool_and_busy_switching_lies_between() {
    let temperature = |cadence: Option<u64>| {
        let mut device = device(4);
        let mut job = 0;
        let mut now = Nanos::ZERO;
        if cadence.is_none() {
            device.lose_work();
        }
        while now < seconds(200) {
            job += 1;
            device.take_job(job, difficulty(256.0), true);
            now += Duration::from_millis(cadence.unwrap_or(1000));
            if cadence.is_none() {
                device.lose_work();
            }
            shares(&mut device, now);
        }
        device.sensors().boards[0].chip_temp.0
    };
    let (full, half, idle) = (
        temperature(Some(10_000)),
        temperature(Some(52)),
        temperature(None),
    );
    assert!(
        full > half + 5.0 && half > idle + 5.0,
        "{full} {half} {idle}"
    );
}

#[test]
fn settings_are_clamped_and_stepped_and_say_where_they_went() {
    let mut device = device(5);
    let ask = |frequency| OperatingPoint {
        frequency: Some(MegaHertz(frequency)),
        ..OperatingPoint::default()
    };
    assert_eq!(
        device.set_operating_point(&ask(433.0)).frequency,
        Some(MegaHertz(431.25))
    );
    assert_eq!(
        device.set_operating_point(&ask(5000.0)).frequency,
        Some(MegaHertz(700.0))
    );
    assert_eq!(
        device.set_operating_point(&ask(f64::NAN)).frequency,
        Some(MegaHertz(700.0))
    );
}

#[test]
fn a_seed_gives_one_unit() {
    let run = |seed| {
        let mut device = device(seed);
        device.take_job(1, difficulty(256.0), true);
        (shares(&mut device, seconds(60)), device.sensors().clone())
    };
    assert_eq!(run(6), run(6));
    assert_ne!(run(6).0, run(7).0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// However the time is cut into calls, the same shares come at the same nanosecond.
    #[test]
    fn asking_changes_nothing(cuts in proptest::collection::vec(1u64..3_000_000_000, 1..12), clean: bool) {
        let mut whole = Device::cold(&Params::s9(), 8, Nanos::ZERO);
        let mut cut = whole.clone();
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        let mut now = Nanos::ZERO;
        for (job, chunk) in cuts.chunks(3).enumerate() {
            whole.take_job(job as u64, difficulty(256.0), clean);
            cut.take_job(job as u64, difficulty(256.0), clean);
            for span in chunk {
                now += Duration::from_nanos(*span);
                cut.advance(now, &mut found);
            }
            whole.advance(now, &mut expected);
        }
        prop_assert_eq!(found, expected);
        prop_assert_eq!(cut.sensors(), whole.sensors());
    }
}
