//! Each fault of a simulated S9 is cut in time, over real sockets in virtual time; without the interlock
//! the same run goes well beyond the limit.

use std::time::Duration;

use thermine_drivers::cgminer;
use thermine_drivers::control::NoControl;
use thermine_drivers::interlock::{Enforced, Guard, Guarded, Hazard, Interlock};
use thermine_drivers::poller::Poller;
use thermine_lab::substrate::{Discipline, Drive, Handshake, Pace, Substrate, SubstrateError};
use thermine_sim::fault::Fault;
use thermine_sim::miner::PoolSettings;
use thermine_sim::params::Params;
use thermine_sim::s9::{self, Truth};
use thermine_stratum::factory::JobFactory;
use thermine_stratum::server::{Expected, Server};
use thermine_stratum::session;
use thermine_units::clock::{Clock, Nanos};
use thermine_units::model;
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;
use thermine_units::record::Recorder;
use thermine_units::seed;
use thermine_units::unit::{OperatingPoint, Sensor};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// 2^-34: the 2^40 hashes of a share of difficulty 256 become 64.
const SCALE: f64 = 1.0 / (1u64 << 34) as f64;

/// When things break.
const BREAKS: f64 = 20.1;

/// How long a run without an interlock is watched after that, and one with it after the cut.
const WATCHED: f64 = 240.0;

/// How far the hottest die may go beyond the chip limit: the sensor sees the last chip of a board to a whole
/// degree once a second, the poller and the guard follow within two seconds more.
const MARGIN_K: f64 = 5.0;

/// The same where only the circuit board's sensor is left, which follows the chips late.
const BOARD_ALONE_MARGIN_K: f64 = 8.0;

/// Stops a hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of a run.
#[derive(Debug)]
struct Run {
    truth: Truth,
    /// When the step failed, and why.
    cut: Option<(Nanos, SubstrateError)>,
}

/// A simulated S9 on its wires, and what watches it.
struct Bench {
    clock: Clock,
    expected: Expected,
    unit: Handshake,
    /// Until it is dropped there is an experiment.
    _guarded: Guarded,
    truth: watch::Receiver<Truth>,
    _stop: DropGuard,
}

impl Bench {
    async fn start(clock: Clock, faults: &[Fault], dry_run: bool) -> Bench {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let server = Server::new(
            session::Settings {
                difficulty_scale: SCALE,
                ..session::Settings::default()
            },
            clock.clone(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let pool = listener.local_addr().expect("an address");
        let api = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let api_address = api.local_addr().expect("an address");
        let mut expected = server.expect("bench");
        tokio::spawn(server.serve(listener, stop.clone()));
        let breaks = Nanos::from_seconds(BREAKS);
        let settings = s9::Settings {
            pool: PoolSettings {
                pool,
                worker: "bench".into(),
                difficulty_scale: SCALE,
            },
            params: Params::s9(),
            seed: 1,
            faults: faults.iter().map(|fault| (breaks, *fault)).collect(),
        };
        let truth = s9::start(settings, api, clock.clone(), &tasks, &stop);
        let second = Duration::from_secs(1);
        let source = cgminer::Source::new(api_address);
        let rng = seed::stream(1, "poller");
        let (_, latest) = Poller::new(source, clock.clone(), second, rng).spawn(stop.clone());
        let interlock = Interlock::new("bench", Enforced::of(&model::s9::LIMITS));
        let mut guard = Guard::new(interlock, NoControl, latest.clone(), clock.clone(), second);
        if dry_run {
            guard = guard.dry_run();
        }
        let guarded = guard.spawn(stop.clone());
        let session = expected.session(PATIENCE).await.expect("the unit connects");
        let unit = Handshake::new(
            session,
            JobFactory::new(seed::stream(1, "jobs")),
            Discipline::Dialogue,
            model::s9::SWITCH_DEAD_TIME,
            latest,
            Recorder::discard(),
            Provenance::Simulated,
            clock.clone(),
        )
        .with_permission(guarded.permission())
        .expect("a descriptor");
        guarded.granted(PATIENCE).await.expect("the unit is well");
        Bench {
            clock,
            expected,
            unit,
            _guarded: guarded,
            truth,
            _stop: stop.drop_guard(),
        }
    }
}

/// One step at full duty.
fn drive() -> Drive {
    Drive {
        word: 0,
        later: 0,
        difficulty: Difficulty::new(4096.0).expect("positive"),
        duty: 1.0,
        point: OperatingPoint::default(),
        pace: Pace {
            shares: 1,
            hold: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
        },
    }
}

/// Drives a simulated S9 at full duty until the interlock cuts it, or for [`WATCHED`] seconds.
async fn run(faults: &[Fault], dry_run: bool) -> Run {
    let mut bench = Bench::start(Clock::virtual_time(), faults, dry_run).await;
    let clock = bench.clock;
    let end = Nanos::from_seconds(BREAKS + WATCHED);
    let mut cut = None;
    while cut.is_none() && clock.now() < end {
        if let Err(error) = bench.unit.step(&drive()).await {
            cut = Some((clock.now(), error));
        }
    }
    if let Some((at, _)) = &cut {
        // The experiment is over, the heat is not. The unit comes back and is given no work.
        let seat = clock.drive();
        drop(bench.unit);
        let again = bench.expected.session(PATIENCE).await;
        let mut idle = again.expect("it comes back");
        tokio::spawn(async move { while idle.next_share().await.is_ok() {} });
        seat.wait_until(*at + Duration::from_secs_f64(WATCHED))
            .await;
    }
    let truth = *bench.truth.borrow();
    Run { truth, cut }
}

/// Runs with `faults` with and without the interlock, and prints both. Returns the hazard that cut it.
#[expect(
    clippy::print_stdout,
    reason = "the times are what the test is run for"
)]
async fn cut_in_time(name: &str, faults: &[Fault], margin: f64) -> Hazard {
    let limit = model::s9::LIMITS.chip_stop.0;
    let cut = run(faults, false).await;
    let control = run(faults, true).await;
    assert!(control.cut.is_none(), "a dry run cuts nothing: {control:?}");
    let (at, error) = cut.cut.expect("cut");
    let after = at.seconds() - BREAKS;
    println!(
        "{name}: cut {after:.1} s after the fault; hottest die {:.1} °C, without the interlock {:.1} °C\n  {error}",
        cut.truth.peak.0, control.truth.peak.0
    );
    assert!(after > 0.0, "{after} s");
    assert!(cut.truth.peak.0 <= limit + margin, "{:?}", cut.truth);
    assert!(control.truth.peak.0 > limit + margin, "{:?}", control.truth);
    match error {
        SubstrateError::Interlocked { unit, cause } => {
            assert_eq!(unit, "bench");
            cause.hazard
        }
        other => panic!("{other}"),
    }
}

const RUN_AWAY: Fault = Fault::RunAway {
    board: 1,
    extra_watts: 300.0,
};

fn sensor(which: Sensor, reads: f64) -> Fault {
    Fault::Sensor {
        board: 1,
        which,
        reads,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_unit_is_left_alone() {
    let run = run(&[], false).await;
    assert!(run.cut.is_none(), "{run:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_fan() {
    let hazard = cut_in_time("stuck fan", &[Fault::StuckFan], MARGIN_K).await;
    let expected = Hazard::StuckFan {
        turning: 1,
        expected: 2,
    };
    assert_eq!(hazard, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_away() {
    let hazard = cut_in_time("run-away", &[RUN_AWAY], MARGIN_K).await;
    assert!(matches!(hazard, Hazard::Hot { slot: 7, .. }), "{hazard}");
    // Fast enough to be told by its rate, before it is too hot.
    let fast = Fault::RunAway {
        board: 1,
        extra_watts: 600.0,
    };
    let hazard = cut_in_time("fast run-away", &[fast], MARGIN_K).await;
    let is_ahead = match &hazard {
        Hazard::RunAway {
            slot,
            reading,
            limit,
            ..
        } => *slot == 7 && reading < limit,
        _ => false,
    };
    assert!(is_ahead, "{hazard}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_api_that_hides_a_run_away() {
    let hazard = cut_in_time("frozen API", &[Fault::FrozenApi, RUN_AWAY], MARGIN_K).await;
    assert!(matches!(hazard, Hazard::Frozen { .. }), "{hazard}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_sensors_that_hide_a_run_away() {
    for reads in [0.0, -1.0, -83.0] {
        let faults = [sensor(Sensor::Board, reads), sensor(Sensor::Chip, reads)];
        let name = format!("both sensors read {reads}");
        let hazard = cut_in_time(&name, &[faults[0], faults[1], RUN_AWAY], MARGIN_K).await;
        let expected = Hazard::Blind {
            slot: 7,
            failed: 2,
            working: 0,
        };
        assert_eq!(hazard, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_dead_sensor_leaves_the_other_to_see_a_run_away() {
    for (which, reads, margin) in [
        (Sensor::Board, 0.0, MARGIN_K),
        (Sensor::Chip, -83.0, BOARD_ALONE_MARGIN_K),
    ] {
        let name = format!("the {which} sensor reads {reads}");
        let hazard = cut_in_time(&name, &[sensor(which, reads), RUN_AWAY], margin).await;
        assert!(
            matches!(
                hazard,
                Hazard::Hot { slot: 7, .. } | Hazard::RunAway { slot: 7, .. }
            ),
            "{hazard}"
        );
    }
}

/// Without jobs a unit goes on with its last one, so that it is not enough to send none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_experiment_that_hangs_loses_its_unit_all_the_same() {
    let mut bench = Bench::start(Clock::scaled(20.0), &[Fault::StuckFan], false).await;
    bench.unit.step(&drive()).await.expect("a step before it");
    // No further step looks at the permission. Nor does anything else than the cut bring the unit back.
    let back = bench.expected.session(PATIENCE).await;
    assert!(back.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_dead_sensor_alone_is_tolerated() {
    let run = run(&[sensor(Sensor::Chip, 0.0)], false).await;
    assert!(run.cut.is_none(), "{run:?}");
}
