//! What holds for any readings, in any order.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;

use super::{Enforced, Interlock, State, Tightening};
use crate::poller::Latest;
use thermine_units::clock::Nanos;
use thermine_units::model::{Limits, Model};
use thermine_units::quantity::{Celsius, HashRate, Rpm};
use thermine_units::unit::{Board, Sensor, Telemetry};

/// One judgement: how long after the last, and of what.
#[derive(Debug, Clone)]
struct Moment {
    after: f64,
    /// Age of the reading; `None` if nothing new has come.
    age: Option<f64>,
    /// Board, chip and regulator of each board.
    boards: Vec<[f64; 3]>,
    failed: u8,
    fans: Vec<f64>,
    hashing: bool,
    /// Whether the counters have moved.
    alive: bool,
}

fn limits() -> &'static Limits {
    // It has all three kinds of sensor.
    Model::LuckyMinerLv06.limits()
}

fn temperature() -> impl Strategy<Value = f64> {
    prop_oneof![
        10 => 20.0..60.0_f64,
        4 => 60.0..72.0_f64,
        2 => 72.0..110.0_f64,
        1 => select(vec![0.0, -1.0, -83.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]),
        1 => select(vec![150.1, 255.0, 300.0, 1e308]),
    ]
}

fn anything() -> impl Strategy<Value = Moment> {
    (
        0.0..12.0_f64,
        prop::option::weighted(0.9, 0.0..18.0_f64),
        prop::collection::vec([temperature(), temperature(), temperature()], 0..3),
        0..2_u8,
        prop::collection::vec(select(vec![0.0, 4000.0]), 0..3),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(after, age, boards, failed, fans, hashing, alive)| Moment {
                after,
                age,
                boards,
                failed,
                fans,
                hashing,
                alive,
            },
        )
}

/// Nothing wrong, and mostly cool: long rows of these are what a release needs.
fn well() -> impl Strategy<Value = Moment> {
    (
        1.0..12.0_f64,
        [20.0..68.0_f64, 20.0..68.0_f64, 20.0..90.0_f64],
        prop::bool::weighted(0.8),
    )
        .prop_map(|(after, board, cool)| Moment {
            after,
            age: Some(0.0),
            boards: vec![if cool { [30.0; 3] } else { board }; 2],
            failed: 0,
            fans: vec![4000.0; 2],
            hashing: true,
            alive: true,
        })
}

fn story() -> impl Strategy<Value = Vec<Moment>> {
    let rows = prop_oneof![
        prop::collection::vec(anything(), 1..3),
        prop::collection::vec(well(), 1..20),
    ];
    prop::collection::vec(rows, 1..12).prop_map(|rows| rows.concat())
}

fn tightening() -> impl Strategy<Value = Tightening> {
    let less = |limit: f64| prop::option::of((0.3 * limit)..=limit);
    let more = |limit: f64| prop::option::of(limit..=(3.0 * limit));
    let model = limits();
    (
        less(model.chip_stop.0),
        less(model.board_stop.0),
        less(100.0),
        more(model.hysteresis),
        less(model.stale_after.as_secs_f64()),
        less(1.0),
        more(10.0),
        more(60.0),
    )
        .prop_map(
            |(chip, board, regulator, hysteresis, stale, rate, reaction, dwell)| Tightening {
                chip_stop: chip.map(Celsius),
                board_stop: board.map(Celsius),
                regulator_stop: regulator.map(Celsius),
                hysteresis,
                stale_after_seconds: stale,
                rate,
                reaction_seconds: reaction,
                dwell_seconds: dwell,
                ..Tightening::default()
            },
        )
}

/// What a story's judgements see.
fn tell(story: &[Moment]) -> Vec<(Nanos, Latest)> {
    let mut now = 0.0;
    let mut latest = Latest::default();
    let mut counted = Duration::ZERO;
    story
        .iter()
        .map(|moment| {
            now += moment.after;
            if moment.alive {
                counted += Duration::from_secs(1);
            }
            if let Some(age) = moment.age {
                latest.telemetry = Some(telemetry(moment, now - age, counted));
            }
            (Nanos::from_seconds(now), latest.clone())
        })
        .collect()
}

fn telemetry(moment: &Moment, taken: f64, uptime: Duration) -> Telemetry {
    let rate = HashRate(f64::from(u8::from(moment.hashing)));
    Telemetry {
        taken: Nanos::from_seconds(taken),
        boards: moment
            .boards
            .iter()
            .zip(0..)
            .map(|([board, chip, regulator], slot)| Board {
                slot,
                pcb_temp: Some(Celsius(*board)),
                chip_temp: Some(Celsius(*chip)),
                regulator_temp: Some(Celsius(*regulator)),
                failed_sensors: moment.failed,
                ..Board::default()
            })
            .collect(),
        fans: moment.fans.iter().map(|rpm| Rpm(*rpm)).collect(),
        hash_rate: Some(rate),
        uptime: Some(uptime),
        ..Telemetry::default()
    }
}

/// How far the worst credible sensor is above its model's limit, K.
fn excess(latest: &Latest) -> f64 {
    let limits = Enforced::of(limits());
    let boards = latest.telemetry.iter().flat_map(|t| &t.boards);
    let over = boards.flat_map(|board| {
        [
            (Sensor::Board, board.pcb_temp),
            (Sensor::Chip, board.chip_temp),
            (Sensor::Regulator, board.regulator_temp),
        ]
        .map(|(sensor, t)| Some(t?.0 - limits.stop(sensor)?.0))
    });
    let over = over.flatten().filter(|over| over.is_finite());
    over.fold(f64::MIN, f64::max)
}

/// The sensors that give a reading, by slot.
fn working(telemetry: &Telemetry) -> BTreeSet<(u8, Sensor)> {
    let boards = telemetry.boards.iter();
    let all = boards.flat_map(|board| board.readings().map(|(sensor, _)| (board.slot, sensor)));
    all.collect()
}

fn is_running(interlock: &Interlock) -> bool {
    *interlock.state() == State::Running
}

fn interlock(by: &Tightening) -> Interlock {
    let limits = Enforced::new(limits(), by).expect("tighter");
    Interlock::new("unit", limits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn it_never_runs_with_a_credible_sensor_at_its_limit(story in story()) {
        let mut interlock = interlock(&Tightening::default());
        for (now, latest) in tell(&story) {
            interlock.judge(now, &latest);
            prop_assert!(!is_running(&interlock) || excess(&latest) < 0.0);
        }
    }

    #[test]
    fn it_is_never_released_hot_or_early_or_before_every_known_sensor_reads(story in story()) {
        let mut interlock = interlock(&Tightening::default());
        let mut calm: Option<Nanos> = None;
        let mut known = BTreeSet::new();
        let mut newest = None;
        for (now, latest) in tell(&story) {
            let was_tripped = matches!(interlock.state(), State::Tripped { .. });
            let had_tripped = was_tripped && interlock.trips() > 0;
            let decision = interlock.judge(now, &latest);
            let now_working = latest.telemetry.as_ref().map(working).unwrap_or_default();
            // A reading that is not newer than the last tells nothing.
            let taken = latest.telemetry.as_ref().map(|telemetry| telemetry.taken);
            if taken > newest {
                newest = taken;
                known.extend(now_working.iter().copied());
            }
            let cool = excess(&latest) <= -limits().hysteresis && known.is_subset(&now_working);
            calm = if cool { calm.or(Some(now)) } else { None };
            if decision.changed && is_running(&interlock) && had_tripped {
                let calm_for = calm.map(|since| now.since(since));
                prop_assert!(calm_for >= Some(interlock.limits().dwell()), "{:?}", calm_for);
            }
        }
    }

    #[test]
    fn hotter_is_never_more_permissive(
        story in story(),
        last in prop_oneof![anything(), well()],
        heat in prop::collection::vec([0.0..40.0_f64, 0.0..40.0_f64, 0.0..40.0_f64], 3),
    ) {
        let mut cooler = interlock(&Tightening::default());
        let mut story = story;
        story.push(last);
        let told = tell(&story);
        let (end, before) = told.split_last().expect("the last");
        for (now, latest) in before {
            cooler.judge(*now, latest);
        }
        let mut hotter = cooler.clone();
        let mut heated = end.1.clone();
        let boards = heated.telemetry.iter_mut().flat_map(|t| &mut t.boards);
        for (board, heat) in boards.zip(&heat) {
            let sensors = [&mut board.pcb_temp, &mut board.chip_temp, &mut board.regulator_temp];
            for (sensor, heat) in sensors.into_iter().flatten().zip(heat) {
                // What is no temperature cannot be hotter.
                if sensor.0 > 0.0 && sensor.0.is_finite() {
                    sensor.0 += heat;
                }
            }
        }
        cooler.judge(end.0, &end.1);
        hotter.judge(end.0, &heated);
        prop_assert!(is_running(&cooler) || !is_running(&hotter));
    }

    #[test]
    fn no_tightening_is_ever_more_permissive(story in story(), by in tightening()) {
        let (mut model, mut tight) = (interlock(&Tightening::default()), interlock(&by));
        for (now, latest) in tell(&story) {
            model.judge(now, &latest);
            tight.judge(now, &latest);
            prop_assert!(is_running(&model) || !is_running(&tight));
        }
    }
}

/// The properties above would hold of an interlock that never runs; these stories are not like that.
#[test]
fn the_stories_do_run_trip_and_release() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut ran, mut tripped, mut released) = (0, 0, 0);
    for _ in 0..500 {
        let story = story().new_tree(&mut runner).expect("a story").current();
        let mut interlock = interlock(&Tightening::default());
        for (now, latest) in tell(&story) {
            let before = interlock.trips();
            let was_tripped = matches!(interlock.state(), State::Tripped { .. });
            interlock.judge(now, &latest);
            ran += usize::from(is_running(&interlock));
            tripped += usize::from(interlock.trips() > before);
            released += usize::from(was_tripped && is_running(&interlock) && before > 0);
        }
    }
    assert!(
        ran > 1000 && tripped > 300 && released > 100,
        "{ran} {tripped} {released}"
    );
}
