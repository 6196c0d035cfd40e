//! The guard of a unit that can be set: a simulated LV06, called in process, in virtual time. Its work is never
//! taken away here: what cools it is its safe operating point.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use thermine_drivers::control::{Applied, Control, ControlError};
use thermine_drivers::interlock::{
    Enforced, Guard, Guarded, Hazard, Permission, SetError, State, Trip, withheld,
};
use thermine_drivers::poller::{Poller, Source, SourceError};
use thermine_sim::fault::Fault;
use thermine_sim::{Device, Params};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::model::Model;
use thermine_units::model::lv06::LIMITS;
use thermine_units::pow::Difficulty;
use thermine_units::quantity::{Celsius, MegaHertz, Volts};
use thermine_units::seed;
use thermine_units::unit::{Identity, OperatingPoint, Telemetry};
use tokio_util::sync::CancellationToken;

#[expect(dead_code, reason = "tests of other parts wait for more")]
#[path = "shared/patience.rs"]
mod patience;

use patience::until_async;

const SECOND: Duration = Duration::from_secs(1);

/// When things break.
const BREAKS: f64 = 20.1;

/// How far the die may go beyond its limit: a sensor sees it every second, and poller and guard follow
/// within two seconds more.
const MARGIN_K: f64 = 3.0;

/// A unit, and how its control behaves.
#[derive(Debug)]
struct Unit {
    device: Device,
    point: OperatingPoint,
    peak: Celsius,
    /// What becomes of the coming settings; all is well when it is empty.
    mishaps: Vec<Mishap>,
    sets: u32,
    silent: bool,
    /// Coming readings in which every sensor has failed.
    bad_readings: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mishap {
    /// The wire is dead.
    NoAnswer,
    /// The unit stays where it is.
    Ignored,
    /// The control's own code fails.
    Panic,
}

/// The unit's wire, for reading and for setting.
#[derive(Debug, Clone)]
struct Wire(Arc<Mutex<Unit>>);

impl Wire {
    fn new(faults: &[Fault]) -> Wire {
        let mut device = Device::warm(&Params::lv06(), 1);
        for fault in faults {
            device.inject(Nanos::from_seconds(BREAKS), *fault);
        }
        device.take_job(1, Difficulty::new(256.0).expect("positive"), true);
        Wire(Arc::new(Mutex::new(Unit {
            peak: device.hottest_die(),
            device,
            point: OperatingPoint::UNCHANGED,
            mishaps: Vec::new(),
            sets: 0,
            silent: false,
            bad_readings: 0,
        })))
    }

    fn unit(&self) -> MutexGuard<'_, Unit> {
        self.0.lock().expect("no panic while it is held")
    }

    fn is_safe(&self) -> bool {
        self.unit().point == LIMITS.safe
    }
}

impl Source for Wire {
    async fn read(&mut self, clock: &Clock) -> Result<Telemetry, SourceError> {
        let mut unit = self.unit();
        if unit.silent {
            return Err(SourceError {
                reason: "no route to host".into(),
                fatal: false,
            });
        }
        let mut telemetry = unit.device.sensors().telemetry(Model::LuckyMinerLv06);
        telemetry.taken = clock.now();
        if unit.bad_readings > 0 {
            unit.bad_readings -= 1;
            for board in &mut telemetry.boards {
                board.failed_sensors = 2;
                (board.chip_temp, board.regulator_temp) = (None, None);
            }
        }
        Ok(telemetry)
    }

    async fn identify(&mut self) -> Result<Identity, SourceError> {
        Ok(Identity::default())
    }

    fn place(&self) -> String {
        "in process".into()
    }
}

impl Control for Wire {
    async fn operating_point(&mut self) -> Result<OperatingPoint, ControlError> {
        Ok(self.unit().point)
    }

    async fn set(&mut self, asked: &OperatingPoint) -> Result<Applied, ControlError> {
        let mishap = {
            let mut unit = self.unit();
            unit.sets += 1;
            let next = !unit.mishaps.is_empty();
            next.then(|| unit.mishaps.remove(0))
        };
        match mishap {
            Some(Mishap::Panic) => panic!("as the test wants it"),
            Some(Mishap::NoAnswer) => return Err(ControlError::Wire("connection refused".into())),
            Some(Mishap::Ignored) => {}
            None => {
                let mut unit = self.unit();
                unit.point = unit.device.set_operating_point(asked);
            }
        }
        Ok(Applied {
            asked: *asked,
            now: self.unit().point,
            remarks: Vec::new(),
        })
    }

    async fn restart(&mut self) -> Result<(), ControlError> {
        Ok(())
    }
}

/// A guarded unit in virtual time.
struct Bench {
    clock: Clock,
    wire: Wire,
    guarded: Guarded,
    stop: CancellationToken,
}

impl Bench {
    async fn start(faults: &[Fault], dry_run: bool) -> Bench {
        Bench::leaving(faults, dry_run, Trip::default()).await
    }

    /// Whose guard leaves in `trip` how it ended.
    async fn leaving(faults: &[Fault], dry_run: bool, trip: Trip) -> Bench {
        let clock = Clock::virtual_time();
        let stop = CancellationToken::new();
        let wire = Wire::new(faults);
        let rng = seed::stream(1, "poller");
        let poller = Poller::new(wire.clone(), clock.clone(), SECOND, rng);
        let interlock = trip.resume("LV06", Enforced::of(&LIMITS));
        let (_, latest) = poller.spawn(stop.clone());
        let guard = Guard::new(interlock, wire.clone(), latest, clock.clone(), SECOND);
        let mut guard = guard.leaving(trip);
        if dry_run {
            guard = guard.dry_run();
        }
        let guarded = guard.spawn(stop.clone());
        guarded.granted(10 * SECOND).await.expect("it is well");
        Bench {
            clock,
            wire,
            guarded,
            stop,
        }
    }

    /// Lets the unit run for `seconds`, or until `until` holds. Returns when that was.
    async fn run(&self, seconds: f64, until: impl Fn(&Bench) -> bool) -> Option<Nanos> {
        let seat = self.clock.drive();
        let end = self.clock.now() + Duration::from_secs_f64(seconds);
        while self.clock.now() < end {
            seat.wait_until(self.clock.now() + SECOND / 4).await;
            let mut unit = self.wire.unit();
            unit.device.advance(self.clock.now(), &mut Vec::new());
            unit.peak = Celsius(unit.peak.0.max(unit.device.hottest_die().0));
            drop(unit);
            if until(self) {
                return Some(self.clock.now());
            }
        }
        None
    }

    fn hazard(&self) -> Option<Hazard> {
        withheld(&self.guarded.permission()).map(|cause| cause.hazard)
    }
}

#[tokio::test]
async fn a_trip_is_known_to_the_units_next_interlock_and_a_good_end_is_not_one() {
    let limits = || Enforced::of(&LIMITS);
    let state = |trip: &Trip| match trip.resume("LV06", limits()).state() {
        State::Tripped { cause, .. } => cause.hazard.clone(),
        state => panic!("{state:?}"),
    };
    let trip = Trip::default();
    let bench = Bench::leaving(&[], false, trip.clone()).await;
    assert!(bench.guarded.end().await);
    assert_eq!(state(&trip), Hazard::Unread);
    let bench = Bench::leaving(&[Fault::StuckFan], false, trip.clone()).await;
    let tripped = bench.run(60.0, |bench| bench.hazard().is_some()).await;
    assert!(tripped.is_some());
    let hazard = bench.hazard().expect("it has tripped");
    bench.guarded.end().await;
    // Well again at its first reading is not enough: it must be cool, and stay so.
    assert_eq!(state(&trip), hazard);
    assert!(hazard.is_trip());
}

fn hot_point() -> OperatingPoint {
    OperatingPoint {
        frequency: Some(MegaHertz(575.0)),
        voltage: Some(Volts(1.3)),
        fan: Some(0.3),
        ..OperatingPoint::UNCHANGED
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the times are what the test is run for"
)]
#[tokio::test]
async fn each_fault_of_a_unit_that_can_be_set_is_cut_in_time() {
    // What comes at once with more power, 0.8 K/W at the die, nobody can cut: 5 K here, of the 7 that there are.
    let away = Fault::RunAway {
        board: 0,
        extra_watts: 6.0,
    };
    for (name, fault) in [("stuck fan", Fault::StuckFan), ("run-away", away)] {
        let bench = Bench::start(&[fault], false).await;
        let cut = bench.run(600.0, |bench| bench.wire.is_safe()).await;
        let after = cut.expect("cut").seconds() - BREAKS;
        let cause = withheld(&bench.guarded.permission()).expect("withheld");
        bench.run(600.0, |_| false).await;
        let peak = bench.wire.unit().peak.0;

        let control = Bench::start(&[fault], true).await;
        assert_eq!(control.run(600.0, |bench| bench.wire.is_safe()).await, None);
        assert_eq!(control.wire.unit().sets, 0, "a dry run sets nothing");
        let without = control.wire.unit().peak.0;
        println!(
            "{name}: cut {after:.1} s after the fault; hottest die {peak:.1} °C, without the interlock \
             {without:.1} °C\n  {cause}"
        );
        assert!(peak <= LIMITS.chip_stop.0 + MARGIN_K, "{peak}");
        assert!(without > LIMITS.chip_stop.0 + MARGIN_K, "{without}");
    }
}

#[tokio::test]
async fn a_point_that_is_too_hot_is_cut_and_the_unit_released_when_it_has_cooled() {
    let bench = Bench::start(&[], false).await;
    let applied = bench.guarded.set(hot_point()).await.expect("within limits");
    assert_eq!(applied.remarks, []);
    bench
        .run(600.0, |bench| bench.wire.is_safe())
        .await
        .expect("cut");
    assert!(matches!(bench.hazard(), Some(Hazard::Hot { .. })));
    assert!(bench.wire.unit().peak.0 <= LIMITS.chip_stop.0 + MARGIN_K);
    let refused = bench.guarded.set(hot_point()).await;
    assert!(
        matches!(refused, Err(SetError::Interlocked(_))),
        "{refused:?}"
    );
    assert!(
        bench.wire.is_safe(),
        "a refused setting does not reach the unit"
    );
    let released = bench.run(600.0, |bench| bench.hazard().is_none()).await;
    assert!(released.is_some());
    assert!(bench.wire.is_safe(), "released, but not set back");
}

#[tokio::test]
async fn the_experiment_cannot_set_the_unit_beyond_its_limits() {
    let bench = Bench::start(&[], false).await;
    let asked = OperatingPoint {
        frequency: Some(MegaHertz(900.0)),
        voltage: Some(Volts(2.0)),
        fan: Some(0.0),
        ..OperatingPoint::UNCHANGED
    };
    let applied = bench.guarded.set(asked).await.expect("clamped");
    let expected = OperatingPoint {
        frequency: Some(LIMITS.frequency.1),
        voltage: LIMITS.voltage.map(|(_, highest)| highest),
        fan: LIMITS.fan_min,
        ..OperatingPoint::UNCHANGED
    };
    assert_eq!(applied.now, expected);
    assert_eq!(applied.remarks.len(), 3);
}

#[tokio::test]
async fn the_safe_point_is_tried_until_the_unit_reads_it_back() {
    let bench = Bench::start(&[], false).await;
    bench.guarded.set(hot_point()).await.expect("set");
    bench.wire.unit().mishaps = vec![
        Mishap::NoAnswer,
        Mishap::Ignored,
        Mishap::NoAnswer,
        Mishap::Ignored,
    ];
    bench
        .run(600.0, |bench| bench.hazard().is_some())
        .await
        .expect("tripped");
    let safe = bench.run(10.0, |bench| bench.wire.is_safe()).await;
    assert!(safe.is_some());
    assert_eq!(bench.wire.unit().sets, 1 + 4 + 1);
    bench.run(10.0, |_| false).await;
    assert_eq!(bench.wire.unit().sets, 1 + 4 + 1, "and then no more");
}

#[tokio::test]
async fn one_bad_reading_neither_sets_the_unit_down_nor_ends_its_work() {
    let bench = Bench::start(&[], false).await;
    bench.guarded.set(hot_point()).await.expect("set");
    let sets = bench.wire.unit().sets;
    bench.run(5.0, |_| false).await;
    bench.wire.unit().bad_readings = 1;
    let tripped = bench.run(10.0, |bench| bench.hazard().is_some()).await;
    assert_eq!(tripped, None);
    assert_eq!(bench.wire.unit().bad_readings, 0, "it was read");
    assert_eq!(bench.wire.unit().sets, sets, "it was not set down");

    bench.wire.unit().bad_readings = 5;
    let tripped = bench.run(10.0, |bench| bench.hazard().is_some()).await;
    assert!(tripped.is_some(), "several in a row");
    assert!(matches!(bench.hazard(), Some(Hazard::Blind { .. })));
}

#[tokio::test]
async fn lost_telemetry_makes_the_unit_safe() {
    let bench = Bench::start(&[], false).await;
    bench.run(5.0, |_| false).await;
    bench.wire.unit().silent = true;
    let cut = bench.run(60.0, |bench| bench.wire.is_safe()).await;
    let after = cut.expect("cut").seconds() - 5.0;
    assert!((14.0..18.0).contains(&after), "{after}");
    assert!(matches!(bench.hazard(), Some(Hazard::Stale { .. })));
}

#[tokio::test]
async fn a_lost_control_wire_withholds_work_until_the_unit_is_safe() {
    let bench = Bench::start(&[], false).await;
    bench.wire.unit().mishaps = vec![Mishap::NoAnswer; 5];
    let failed = bench.guarded.set(hot_point()).await;
    assert!(matches!(failed, Err(SetError::Control(_))), "{failed:?}");
    bench
        .run(3.0, |bench| bench.hazard().is_some())
        .await
        .expect("tripped");
    assert!(matches!(bench.hazard(), Some(Hazard::ControlLost { .. })));
    let safe = bench.run(20.0, |bench| bench.wire.is_safe()).await;
    assert!(safe.is_some());
}

#[tokio::test]
async fn a_panic_of_the_experiment_leaves_the_unit_safe() {
    let bench = Bench::start(&[], false).await;
    let (guarded, wire) = (bench.guarded, bench.wire.clone());
    let permission = guarded.permission();
    let experiment = tokio::spawn(async move {
        guarded.set(hot_point()).await.expect("set");
        panic!("as the test wants it");
    });
    assert!(experiment.await.is_err());
    until_async("it is safe", || wire.is_safe()).await;
    assert!(matches!(
        withheld(&permission).map(|cause| cause.hazard),
        Some(Hazard::Unguarded)
    ));
}

#[tokio::test]
async fn a_panic_of_the_guard_itself_leaves_the_unit_safe() {
    let bench = Bench::start(&[], false).await;
    bench.guarded.set(hot_point()).await.expect("set");
    bench.wire.unit().mishaps = vec![Mishap::Panic];
    let lost = bench.guarded.set(hot_point()).await;
    assert_eq!(lost, Err(SetError::Ended));
    until_async("it is safe", || bench.wire.is_safe()).await;
    assert!(matches!(bench.hazard(), Some(Hazard::Unguarded)));
}

#[tokio::test]
async fn shutdown_and_the_end_of_the_experiment_leave_the_unit_safe() {
    for by_token in [true, false] {
        let bench = Bench::start(&[], false).await;
        bench.guarded.set(hot_point()).await.expect("set");
        if by_token {
            bench.stop.cancel();
        }
        let permission = bench.guarded.permission();
        assert!(bench.guarded.end().await, "confirmed");
        assert!(bench.wire.is_safe());
        assert!(matches!(*permission.borrow(), Permission::Withhold(_)));
    }
}

#[tokio::test]
async fn a_unit_that_cannot_be_made_safe_at_the_end_is_said_to_be_so() {
    let bench = Bench::start(&[], false).await;
    bench.guarded.set(hot_point()).await.expect("set");
    bench.wire.unit().mishaps = vec![Mishap::NoAnswer; 3];
    assert!(!bench.guarded.end().await);
}
