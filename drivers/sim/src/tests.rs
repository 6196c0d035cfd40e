//! Contracts of the simulated unit, seen through its public face.

use std::time::Duration;

use proptest::prelude::*;

use super::testing::Table;
use super::{Device, Find, Params};
use thermine_units::clock::Nanos;
use thermine_units::pow::{Algorithm, Difficulty};
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::unit::OperatingPoint;

fn difficulty(value: f64) -> Difficulty {
    Difficulty::new(value).expect("a difficulty")
}

fn seconds(value: f64) -> Nanos {
    Nanos::from_seconds(value)
}

/// A warm S9 that has one job from the origin on.
fn working(seed: u64, d: f64) -> Device {
    let mut device = Device::warm(&Params::s9(), seed);
    device.take_job(1, difficulty(d), true);
    device
}

fn run(device: &mut Device, span: f64) -> Vec<Find> {
    let mut found = Vec::new();
    device.advance(device.now() + Duration::from_secs_f64(span), &mut found);
    found
}

/// What a pool sees that sends a clean job after every submission.
struct Dialogue {
    /// Time from each job to the submission that ends it, s.
    waits: Vec<f64>,
    /// The same where that submission answers the job itself.
    first: Vec<f64>,
    useful: usize,
    old: usize,
    copies: usize,
    span: f64,
}

fn dialogue(device: &mut Device, submissions: usize) -> Dialogue {
    let mut job = 2;
    device.take_job(job, difficulty(256.0), true);
    let start = device.now();
    let mut log = Dialogue {
        waits: Vec::new(),
        first: Vec::new(),
        useful: 0,
        old: 0,
        copies: 0,
        span: 0.0,
    };
    let mut sent = start;
    let mut found = Vec::new();
    while log.waits.len() < submissions {
        found.clear();
        device.advance(device.next_event(), &mut found);
        for find in &found {
            let wait = find.at.since(sent).as_secs_f64();
            log.waits.push(wait);
            if find.copy {
                log.copies += 1;
            } else if find.job == job {
                log.useful += 1;
                log.first.push(wait);
            } else {
                log.old += 1;
            }
            job += 1;
            sent = find.at;
            device.take_job(job, difficulty(256.0), true);
        }
    }
    log.span = device.now().since(start).as_secs_f64();
    log
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn cv(x: &[f64]) -> f64 {
    let m = mean(x);
    (mean(&x.iter().map(|x| (x - m).powi(2)).collect::<Vec<_>>())).sqrt() / m
}

/// The unit of the capture ran at 650 MHz, by two independent estimates, and nearly without errors; the
/// device model's 600 MHz and 3.6 % would give 11.3 shares a second instead of its 12.7. The capture's values are of all
/// 2,588 rows; the model was fitted to the first 1,600 of them, so this is no test on rows held back.
#[test]
fn job_switches_cost_what_they_cost_the_real_unit() {
    let params = Params {
        frequency_mhz: 650.0,
        fmax_mhz: 780.0,
        ..Params::s9()
    };
    let mut device = Device::warm(&params, 1);
    device.take_job(1, difficulty(256.0), true);
    run(&mut device, 10.0);
    let steady = run(&mut device, 4000.0).iter().filter(|f| !f.copy).count() as f64 / 4000.0;
    let log = dialogue(&mut device, 40_000);
    let n = log.waits.len() as f64;
    let useful = log.useful as f64 / log.span;
    let loss = mean(&log.waits) * (1.0 - useful / steady);
    let unique = n - log.copies as f64;
    let floor = log.first.iter().copied().fold(f64::MAX, f64::min);
    Table::new("clean job after every share", "capture", "model")
        .row("steady shares, 1/s", 12.71, steady, 0.03)
        .row("useful shares, 1/s", 9.32, useful, 0.05)
        .row("submissions, 1/s", 10.29, n / log.span, 0.05)
        .row("mean wait, ms", 97.2, 1e3 * mean(&log.waits), 0.05)
        .row("CV of waits", 0.83, cv(&log.waits), 0.1)
        .row("mean first wait, ms", 105.8, 1e3 * mean(&log.first), 0.06)
        .row("CV of first waits", 0.749, cv(&log.first), 0.05)
        .row("shortest first wait, ms", 16.3, 1e3 * floor, 0.05)
        .row("loss per switch, ms", 25.7, 1e3 * loss, 0.05)
        .row(
            "old shares of unique, %",
            8.8,
            100.0 * log.old as f64 / unique,
            0.1,
        )
        .row("copies of all, %", 1.62, 100.0 * log.copies as f64 / n, 0.1)
        .check();
}

#[test]
fn the_seed_and_the_commands_are_the_whole_story() {
    let trace = |seed| {
        let mut device = working(seed, 256.0);
        let mut found = run(&mut device, 20.0);
        device.set_operating_point(&OperatingPoint {
            frequency: Some(MegaHertz(500.0)),
            ..OperatingPoint::default()
        });
        found.extend(run(&mut device, 20.0));
        (found, device.sensors())
    };
    assert_eq!(trace(5), trace(5));
    assert_ne!(trace(5), trace(6));
}

#[test]
fn without_work_there_are_no_shares() {
    let mut device = Device::new(&Params::s9(), 3);
    assert!(run(&mut device, 500.0).is_empty());
    let cold = device.sensors();
    assert_eq!(cold.hash_rate.0, 0.0);
    device.take_job(1, difficulty(256.0), true);
    assert!(!run(&mut device, 10.0).is_empty());
    device.lose_work();
    let after: Vec<Find> = run(&mut device, 100.0);
    assert!(after.iter().all(|find| find.copy), "{after:?}");
}

#[test]
fn shares_are_poisson_and_their_rate_falls_with_difficulty() {
    let per_second = |d: f64| {
        let mut device = working(9, d);
        run(&mut device, 5.0);
        let spans = 4000;
        let counts: Vec<f64> = (0..spans)
            .map(|_| run(&mut device, 1.0).iter().filter(|f| !f.copy).count() as f64)
            .collect();
        let m = mean(&counts);
        let dispersion = cv(&counts).powi(2) * m;
        // Standard error of the index: sqrt(2/n).
        assert!(
            (dispersion - 1.0).abs() < 4.0 * (2.0 / f64::from(spans)).sqrt(),
            "{dispersion}"
        );
        m
    };
    let (easy, hard) = (per_second(256.0), per_second(512.0));
    let error = (easy / 4000.0 + 4.0 * hard / 4000.0).sqrt();
    assert!((easy - 2.0 * hard).abs() < 4.0 * error, "{easy} {hard}");
    assert!(
        (per_second(1.0) - easy).abs() < 4.0 * error,
        "the floor holds"
    );
    let expected = 12.45e12 / difficulty(256.0).hashes(Algorithm::Sha256d);
    assert!((easy / expected - 1.0).abs() < 0.05, "{easy} {expected}");
}

#[test]
fn every_chip_and_core_finds_its_part() {
    let mut device = working(2, 256.0);
    let found = run(&mut device, 2000.0);
    let mut chips = vec![0u32; 189];
    let mut cores = [0u32; 128];
    for find in &found {
        chips[usize::from(find.board) * 63 + usize::from(find.chip)] += 1;
        cores[usize::from(find.core)] += 1;
    }
    assert!(chips.iter().all(|&n| n > 0));
    assert_eq!(cores.iter().filter(|&&n| n > 0).count(), 114);
    assert!(cores[57..64].iter().chain(&cores[121..]).all(|&n| n == 0));
}

#[test]
fn without_clean_the_next_work_follows_without_a_gap() {
    let mut device = working(4, 256.0);
    run(&mut device, 5.0);
    let mut unique = 0;
    let mut late = 0;
    for job in 2..1002 {
        device.take_job(job, difficulty(256.0), false);
        let given = device.now();
        for find in run(&mut device, 0.5) {
            if find.copy {
                continue;
            }
            unique += 1;
            if find.job != job {
                late += 1;
                assert_eq!(find.job, job - 1);
                assert!(find.at.since(given) < Duration::from_millis(1));
            }
        }
    }
    let rate = f64::from(unique) / 500.0;
    let expected = 12.45e12 / difficulty(256.0).hashes(Algorithm::Sha256d);
    assert!((rate / expected - 1.0).abs() < 0.06, "{rate} {expected}");
    assert!(late < 20, "{late}");
}

/// One board at full clock, one at half, one standing: shares, and heat in the order of the clocks.
#[test]
fn boards_can_be_clocked_apart() {
    let mut device = Device::warm(&Params::s9(), 9);
    let set = device.set_operating_point(&OperatingPoint {
        boards: Some([1.0, 0.5, 0.0]),
        ..OperatingPoint::UNCHANGED
    });
    assert_eq!(set.boards, Some([1.0, 0.5, 0.0]));
    device.take_job(1, difficulty(256.0), true);
    run(&mut device, 120.0);
    let mut shares = [0_u32; 3];
    for find in run(&mut device, 600.0) {
        shares[usize::from(find.board)] += 1;
    }
    assert_eq!(shares[2], 0);
    // A board that runs at half its clock is right more often: half the shares within chance, and a little more.
    let ratio = f64::from(shares[1]) / f64::from(shares[0]);
    assert!((0.46..0.58).contains(&ratio), "{shares:?}");
    let chips: Vec<f64> = device.sensors().boards.iter().map(|b| b.chip.0).collect();
    assert!(
        chips[0] > chips[1] + 5.0 && chips[1] > chips[2] + 5.0,
        "{chips:?}"
    );
    // What is no number leaves a board as it was; all alike is what a unit has by itself.
    let set = device.set_operating_point(&OperatingPoint {
        boards: Some([f64::NAN, 2.0, 1.0]),
        ..OperatingPoint::UNCHANGED
    });
    assert_eq!(set.boards, None);
}

#[test]
fn settings_are_clamped_snapped_and_read_back() {
    let mut device = Device::new(&Params::s9(), 1);
    let set = device.set_operating_point(&OperatingPoint {
        frequency: Some(MegaHertz(601.0)),
        voltage: Some(Volts(5.0)),
        fan: Some(0.0),
        ..OperatingPoint::UNCHANGED
    });
    assert_eq!(set.frequency, Some(MegaHertz(600.0)));
    assert_eq!(set.voltage, Some(Volts(9.2 / 21.0)));
    assert_eq!(set.fan, Some(0.25));
    let kept = device.set_operating_point(&OperatingPoint {
        frequency: Some(MegaHertz(f64::NAN)),
        ..OperatingPoint::default()
    });
    assert_eq!(kept, set);
    run(&mut device, 1.0);
    assert_eq!(device.sensors().frequency, MegaHertz(600.0));
}

#[test]
fn idleness_cools_and_the_meter_follows() {
    let mut device = working(8, 256.0);
    run(&mut device, 600.0);
    let busy = device.sensors();
    assert!((busy.meter.0 - 1252.0).abs() < 20.0, "{busy:?}");
    assert!(
        (busy.hash_rate_average.0 / 12.45e12 - 1.0).abs() < 0.03,
        "{busy:?}"
    );
    // 3.7 % errors at difficulty 64: 1.7 a second.
    assert!((500..1600).contains(&busy.hardware_errors), "{busy:?}");
    device.lose_work();
    run(&mut device, 600.0);
    let idle = device.sensors();
    assert!(idle.meter.0 < 300.0, "{idle:?}");
    assert!(idle.boards[0].chip.0 < busy.boards[0].chip.0 - 30.0);
}

#[test]
fn a_starved_unit_trips_and_recovers() {
    let mut device = working(8, 256.0);
    device.set_operating_point(&OperatingPoint {
        frequency: Some(MegaHertz(750.0)),
        voltage: Some(Volts(0.44)),
        fan: Some(0.25),
        ..OperatingPoint::UNCHANGED
    });
    let (mut tripped, mut recovered) = (false, false);
    for _ in 0..1800 {
        run(&mut device, 1.0);
        let now = device.sensors();
        assert!(now.boards.iter().all(|b| b.chip.0 < 130.0), "{now:?}");
        recovered |= tripped && !now.tripped;
        tripped |= now.tripped;
    }
    assert!(tripped && recovered);
}

#[derive(Debug, Clone)]
enum Command {
    Advance(f64),
    Job { difficulty: f64, clean: bool },
    Lose,
    Set { mhz: f64, volts: f64, fan: f64 },
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => prop_oneof![0.0..0.1f64, 0.0..200.0].prop_map(Command::Advance),
        2 => (-3.0..6.0f64, any::<bool>())
            .prop_map(|(log, clean)| Command::Job { difficulty: 10f64.powf(log), clean }),
        1 => Just(Command::Lose),
        1 => (any::<f64>(), any::<f64>(), any::<f64>())
            .prop_map(|(mhz, volts, fan)| Command::Set { mhz, volts, fan }),
        1 => (0.0..900.0f64, 0.3..0.5f64, 0.0..1.2f64)
            .prop_map(|(mhz, volts, fan)| Command::Set { mhz, volts, fan }),
    ]
}

/// Runs the commands, cutting each span of time after every one of `cuts` (s).
fn play(commands: &[Command], cuts: &[f64]) -> (Vec<Find>, Device) {
    let mut device = Device::warm(&Params::s9(), 11);
    let mut found = Vec::new();
    for (job, command) in (0u64..).zip(commands) {
        match *command {
            Command::Advance(span) => {
                let end = device.now() + Duration::from_secs_f64(span);
                for cut in cuts {
                    let next = device.now() + Duration::from_secs_f64(*cut);
                    device.advance(next.min(end), &mut found);
                }
                device.advance(end, &mut found);
            }
            Command::Job {
                difficulty: d,
                clean,
            } => device.take_job(job, difficulty(d), clean),
            Command::Lose => device.lose_work(),
            Command::Set { mhz, volts, fan } => {
                device.set_operating_point(&OperatingPoint {
                    frequency: Some(MegaHertz(mhz)),
                    voltage: Some(Volts(volts)),
                    fan: Some(fan),
                    ..OperatingPoint::UNCHANGED
                });
            }
        }
    }
    (found, device)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_trajectory_does_not_depend_on_the_cuts(
        commands in prop::collection::vec(command(), 1..12),
        cuts in prop::collection::vec(0.0..2.0f64, 1..40),
    ) {
        let (whole, a) = play(&commands, &[]);
        let (cut, b) = play(&commands, &cuts);
        prop_assert_eq!(whole, cut);
        prop_assert_eq!(a.sensors(), b.sensors());
        prop_assert_eq!(a.next_event(), b.next_event());
    }

    #[test]
    fn no_commands_drive_it_out_of_range(
        commands in prop::collection::vec(command(), 1..40),
    ) {
        let (found, device) = play(&commands, &[]);
        prop_assert!(found.is_sorted_by_key(|find| find.at));
        let sensors = device.sensors();
        for board in &sensors.boards {
            for t in [board.pcb, board.chip, board.regulator] {
                prop_assert!((15.0..140.0).contains(&t.0), "{:?}", sensors);
            }
        }
        prop_assert!((0.0..6000.0).contains(&sensors.meter.0), "{:?}", sensors);
        prop_assert!((0.0..2e13).contains(&sensors.hash_rate.0), "{:?}", sensors);
        prop_assert!((0.0..=6000.0).contains(&sensors.fans[0].0), "{:?}", sensors);
        prop_assert!(device.next_event() > device.now());
    }
}

#[test]
fn nothing_is_found_before_the_announced_event() {
    let mut device = working(12, 256.0);
    for _ in 0..2000 {
        let event = device.next_event();
        let mut found = Vec::new();
        device.advance(Nanos(event.0 - 1), &mut found);
        assert!(found.is_empty());
        device.advance(event, &mut found);
    }
    assert!(device.now() > seconds(50.0));
}

/// Mean die temperature of a warm chain, °C.
fn warm_mean(params: &Params) -> f64 {
    Device::warm(params, 1).mean_die().0
}

#[test]
fn a_short_chain_is_as_warm_as_a_board() {
    let board = Params {
        boards: 1,
        ..Params::s9()
    };
    let wanted = warm_mean(&board);
    for chips in [1, 2, 3, 20, 21, 62, 63] {
        let params = Params::bm1387(chips);
        params.check().expect("sound");
        assert_eq!(params.columns * params.chips, chips);
        let got = warm_mean(&params);
        assert!(
            (got - wanted).abs() < 3.0,
            "{chips} chips: {got} °C, not {wanted}"
        );
    }
    assert_eq!(Params::bm1387(63).sink_air_k_w, Params::s9().sink_air_k_w);
    Params::bm1366().check().expect("sound");
}
