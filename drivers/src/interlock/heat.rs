//! A unit that is truly too hot, told by sensors that may lie: it is stopped within the stated time.
//!
//! The stated time is the age up to which a reading counts (`stale_after`). What is tolerated per board is one
//! failed sensor beside a working one, on a board that was not warm when the sensor failed.

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::{Enforced, Interlock, State};
use crate::axeos::Info;
use crate::cgminer::Reply;
use crate::cgminer::reply::{Summary, telemetry};
use crate::poller::Latest;
use thermine_units::clock::Nanos;
use thermine_units::model::Model;
use thermine_units::quantity::{Celsius, HashRate, Rpm};
use thermine_units::unit::{Board, Telemetry};

/// What a sensor tells instead of the truth.
#[derive(Debug, Clone, Copy)]
enum Told {
    Truth,
    Number(f64),
    Absent,
    Failed,
}

/// How a reading reaches the interlock.
#[derive(Debug, Clone, Copy)]
enum Way {
    Fresh,
    /// None comes.
    Silent,
    /// The last one again, as if it were new.
    Repeated,
}

#[derive(Debug, Clone)]
struct Moment {
    after: f64,
    way: Way,
    /// Board, chip and regulator of each of two boards.
    told: [[Told; 3]; 2],
}

/// Moments, and whether the first board is truly too hot in them.
type Phase = (bool, Vec<Moment>);

fn told(truth: u32) -> impl Strategy<Value = Told> {
    let garbage = prop_oneof![
        Just(Told::Absent),
        Just(Told::Failed),
        prop::sample::select(vec![
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            0.0,
            -1.0,
            -83.0
        ])
        .prop_map(Told::Number),
        (150.0..1e6_f64).prop_map(Told::Number),
    ];
    prop_oneof![truth => Just(Told::Truth), 1 => garbage]
}

fn moment(truth: u32) -> impl Strategy<Value = Moment> {
    let way = prop_oneof![
        8 => Just(Way::Fresh),
        1 => Just(Way::Silent),
        2 => Just(Way::Repeated),
    ];
    let board = || [told(truth), told(truth), told(truth)];
    (0.2..6.0_f64, way, [board(), board()]).prop_map(|(after, way, told)| Moment {
        after,
        way,
        told,
    })
}

fn story() -> impl Strategy<Value = Vec<Phase>> {
    let phase = prop_oneof![
        (Just(false), prop::collection::vec(moment(200), 1..30)),
        (Just(false), prop::collection::vec(moment(3), 1..3)),
        (Just(true), prop::collection::vec(moment(1), 1..20)),
        (Just(true), prop::collection::vec(moment(20), 1..20)),
    ];
    prop::collection::vec(phase, 1..8)
}

fn truth(is_hot: bool) -> [f64; 3] {
    // Beyond the limits of all three, or below them by more than the hysteresis.
    if is_hot {
        [80.0, 85.0, 110.0]
    } else {
        [40.0, 45.0, 50.0]
    }
}

fn read(moment: &Moment, is_hot: bool, taken: Nanos) -> Telemetry {
    let board = |slot: usize| {
        let mut board = Board {
            slot: slot as u8,
            ..Board::default()
        };
        let hot = truth(is_hot && slot == 0);
        for (kind, told) in moment.told[slot].iter().enumerate() {
            let celsius = match told {
                Told::Truth => Some(hot[kind]),
                Told::Number(number) => Some(*number),
                Told::Absent => None,
                Told::Failed => {
                    board.failed_sensors += 1;
                    None
                }
            };
            let places = [
                &mut board.pcb_temp,
                &mut board.chip_temp,
                &mut board.regulator_temp,
            ];
            places.into_iter().zip(0..).for_each(|(place, at)| {
                if at == kind {
                    *place = celsius.map(Celsius);
                }
            });
        }
        board
    };
    Telemetry {
        taken,
        boards: vec![board(0), board(1)],
        fans: vec![Rpm(4000.0)],
        hash_rate: Some(HashRate(1.0)),
        uptime: Some(Duration::from_nanos(taken.0)),
        ..Telemetry::default()
    }
}

/// Judges a story. Calls `seen` with how long the unit has been too hot, if it is, and the state.
fn judge(story: &[Phase], mut seen: impl FnMut(Option<Duration>, &State)) {
    let limits = Enforced::of(Model::LuckyMinerLv06.limits());
    let mut interlock = Interlock::new("unit", limits);
    let mut latest = Latest::default();
    let mut seconds = 1.0;
    let mut hot_since = None;
    // As its guard does when it begins.
    interlock.judge(Nanos::from_seconds(seconds), &latest);
    for (is_hot, moments) in story {
        for moment in moments {
            if !is_hot {
                hot_since = None;
            } else if hot_since.is_none() {
                hot_since = Some(Nanos::from_seconds(seconds));
            }
            seconds += moment.after;
            let now = Nanos::from_seconds(seconds);
            match moment.way {
                Way::Fresh => latest.telemetry = Some(read(moment, *is_hot, now)),
                Way::Silent => {}
                Way::Repeated => {
                    if let Some(telemetry) = &mut latest.telemetry {
                        telemetry.taken = now;
                    }
                }
            }
            let state = interlock.judge(now, &latest).state;
            seen(hot_since.map(|since| now.since(since)), &state);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_unit_that_is_too_hot_has_work_for_longer_than_the_stated_time(story in story()) {
        let stated = Model::LuckyMinerLv06.limits().stale_after;
        judge(&story, |hot_for, state| {
            let is_late = hot_for.is_some_and(|hot_for| hot_for > stated);
            let is_tripped = matches!(state, State::Tripped { .. });
            assert!(is_tripped || !is_late, "{hot_for:?}: {state:?}");
        });
    }
}

/// A reading that repeats an old one is as old as that one, also while no further reading comes.
#[test]
fn a_repeated_reading_that_then_stops_coming_is_as_old_as_the_first() {
    let moment = |after, way| Moment {
        after,
        way,
        told: std::array::from_fn(|_| std::array::from_fn(|_| Told::Truth)),
    };
    let story = [
        (false, vec![moment(0.2, Way::Fresh)]),
        (
            true,
            vec![
                moment(6.0, Way::Silent),
                moment(4.0, Way::Silent),
                moment(3.5, Way::Repeated),
                moment(3.3, Way::Silent),
            ],
        ),
    ];
    let mut states = Vec::new();
    judge(&story, |_, state| states.push(format!("{state:?}")));
    assert!(states[3].starts_with("Running"), "{states:?}");
    assert!(states[4].starts_with("Tripped"), "{states:?}");
}

/// The property above would hold of an interlock that never runs; these stories are not like that.
#[test]
fn the_stories_run_into_the_heat_and_are_stopped_there() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut ran, mut paused, mut stopped) = (0, 0, 0);
    for _ in 0..500 {
        let story = story().new_tree(&mut runner).expect("a story").current();
        judge(&story, |hot_for, state| match state {
            State::Running => ran += usize::from(hot_for.is_none()),
            State::Paused { .. } => paused += 1,
            State::Tripped { .. } => stopped += usize::from(hot_for.is_some()),
        });
    }
    assert!(
        ran > 500 && paused > 20 && stopped > 500,
        "{ran} {paused} {stopped}"
    );
}

/// A reading of a unit all of whose temperatures are spelled `spelled`, as its wire tells it.
fn from_wire(model: Model, spelled: &str, t: f64) -> Telemetry {
    let (taken, up) = (Nanos::from_seconds(t), (t * 10.0) as u64);
    let field = |key: &str| match spelled {
        "absent" => String::new(),
        spelled => format!(r#""{key}":{spelled},"#),
    };
    match model {
        Model::LuckyMinerLv06 => {
            let temps = field("temp") + &field("temp2");
            let info = format!(r#"{{{temps}"power":13,"fanrpm":4000,"uptimeSeconds":{up}}}"#);
            let info = Info::parse(info.as_bytes()).expect("info");
            info.telemetry(taken)
        }
        Model::AntminerS9 => {
            let temps = field("temp6") + &field("temp2_6");
            let stats = format!(
                r#"{{"STATS":[{{"STATS":0,{temps}"chain_acn6":63,"fan3":4000,"fan6":4000,"Elapsed":{up}}}]}}"#
            );
            let stats = Reply::parse(stats.as_bytes()).expect("stats").stats();
            telemetry(taken, &Summary::default(), &stats, &[])
        }
        _ => {
            let temps = field("tstemp-0") + &field("tstemp-2");
            let devs = format!(
                r#"{{"DEVS":[{{"PGA":0,{temps}"clock":725,"fan0":900,"fan1":900,"Device Elapsed":{up}}}]}}"#
            );
            let devices = Reply::parse(devs.as_bytes()).expect("devs").devices();
            telemetry(taken, &Summary::default(), &Default::default(), &devices)
        }
    }
}

#[test]
fn a_hot_or_unreadable_sensor_stops_the_unit_however_its_wire_spells_it() {
    let models = [
        Model::LuckyMinerLv06,
        Model::AntminerS9,
        Model::GoldshellLbBox,
    ];
    let spellings = [
        ("150.1", true),
        ("160", true),
        (r#""160""#, true),
        ("255", true),
        ("1e300", true),
        (r#""55-160-60""#, true),
        ("null", false),
        (r#""NaN""#, false),
        (r#""inf""#, false),
        (r#""hot""#, false),
        ("[]", false),
        ("-1", false),
        ("0", false),
        ("absent", false),
    ];
    for model in models {
        for (spelled, at_once) in spellings {
            let mut interlock = Interlock::new("unit", Enforced::of(model.limits()));
            let mut judge = |t: f64, spelled: &str| {
                let latest = Latest {
                    telemetry: Some(from_wire(model, spelled, t)),
                    ..Latest::default()
                };
                interlock.judge(Nanos::from_seconds(t), &latest).state
            };
            for t in 1..20 {
                assert_eq!(judge(t.into(), "50"), State::Running, "{model} {spelled}");
            }
            let first = judge(20.0, spelled);
            assert_ne!(first, State::Running, "{model} {spelled}");
            if at_once {
                assert!(matches!(first, State::Tripped { .. }), "{model} {spelled}");
            }
            // And for as long as it stays so.
            for t in 21..200 {
                let state = judge(t.into(), spelled);
                assert!(
                    matches!(state, State::Tripped { .. }),
                    "{model} {spelled} {t}"
                );
            }
        }
    }
}
