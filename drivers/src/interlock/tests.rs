//! The judgement, cause by cause.

use std::time::Duration;

use super::{Decision, Enforced, Hazard, Interlock, State};
use crate::poller::{Latest, SourceError};
use thermine_units::clock::Nanos;
use thermine_units::model::Model;
use thermine_units::quantity::{Celsius, HashRate, Rpm};
use thermine_units::unit::{Board, Sensor, Telemetry};

const S9: Model = Model::AntminerS9;

fn interlock() -> Interlock {
    Interlock::new("S9", Enforced::of(S9.limits()))
}

/// A healthy S9 at work, `t` seconds after its start.
fn healthy(t: f64) -> Telemetry {
    let board = |slot| Board {
        slot,
        pcb_temp: Some(Celsius(72.0)),
        chip_temp: Some(Celsius(88.0)),
        hash_rate: Some(HashRate(4e12)),
        ..Board::default()
    };
    Telemetry {
        taken: Nanos::from_seconds(t),
        boards: vec![board(6), board(7), board(8)],
        fans: vec![Rpm(4800.0), Rpm(4800.0)],
        hash_rate: Some(HashRate(12e12)),
        uptime: Some(Duration::from_secs_f64(t)),
        ..Telemetry::default()
    }
}

fn cold(t: f64) -> Telemetry {
    let mut telemetry = healthy(t);
    for board in &mut telemetry.boards {
        board.pcb_temp = Some(Celsius(40.0));
        board.chip_temp = Some(Celsius(45.0));
    }
    telemetry
}

fn judge(interlock: &mut Interlock, t: f64, telemetry: &Telemetry) -> Decision {
    let latest = Latest {
        telemetry: Some(telemetry.clone()),
        ..Latest::default()
    };
    interlock.judge(Nanos::from_seconds(t), &latest)
}

/// Judges a healthy unit once a second up to and including `until`.
fn run_well(interlock: &mut Interlock, from: u32, until: u32) {
    for t in from..=until {
        let decision = judge(interlock, t.into(), &healthy(t.into()));
        assert_eq!(decision.state, State::Running, "{t} s");
    }
}

fn hazard(decision: Decision) -> Hazard {
    match decision.state {
        State::Tripped { cause, .. } => cause.hazard,
        other => panic!("not tripped: {other:?}"),
    }
}

/// What a unit that has run well for 20 s trips on when `spoil` has been at its next readings. What may be one
/// bad reading trips with the second.
fn trips_on(spoil: impl Fn(&mut Telemetry)) -> Hazard {
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    let mut telemetry = healthy(21.0);
    spoil(&mut telemetry);
    let mut decision = judge(&mut interlock, 21.0, &telemetry);
    assert!(decision.changed);
    if let State::Paused { cause, .. } = &decision.state {
        assert!(cause.hazard.may_be_one_bad_reading(), "{cause}");
        let mut second = healthy(21.1);
        spoil(&mut second);
        decision = judge(&mut interlock, 21.1, &second);
    }
    assert_eq!(interlock.trips(), 1);
    hazard(decision)
}

fn said(hazard: &Hazard, parts: &[&str]) {
    let text = hazard.to_string();
    for part in parts {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
}

#[test]
fn it_withholds_until_the_first_reading_and_then_runs() {
    let mut interlock = interlock();
    let nothing = Latest::default();
    let first = interlock.judge(Nanos::from_seconds(1.0), &nothing);
    assert!(!first.changed);
    assert_eq!(hazard(first), Hazard::Unread);
    run_well(&mut interlock, 2, 3);
    assert_eq!(interlock.trips(), 0);
}

#[test]
fn a_unit_that_is_never_read_counts_as_hot_and_says_why() {
    let mut interlock = interlock();
    let latest = Latest {
        failures: 3,
        last_error: Some(SourceError {
            reason: "connection refused".into(),
            fatal: false,
        }),
        ..Latest::default()
    };
    for t in 0..=15 {
        let decision = interlock.judge(Nanos::from_seconds(t.into()), &latest);
        assert_eq!(hazard(decision), Hazard::Unread);
    }
    let decision = interlock.judge(Nanos::from_seconds(15.1), &latest);
    assert!(decision.changed);
    let hazard = hazard(decision);
    assert!(matches!(hazard, Hazard::Stale { .. }));
    said(
        &hazard,
        &["15.1 s", "limit 15.0 s", "connection refused", "check"],
    );
}

#[test]
fn a_reading_that_is_too_old_or_from_the_future_counts_as_hot() {
    for (now, well) in [(35.0, true), (35.1, false)] {
        let mut interlock = interlock();
        run_well(&mut interlock, 1, 20);
        let decision = judge(&mut interlock, now, &healthy(20.0));
        assert_eq!(decision.state == State::Running, well, "{now}");
    }
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    let decision = judge(&mut interlock, 21.0, &healthy(1000.0));
    assert!(matches!(hazard(decision), Hazard::Stale { .. }));
}

#[test]
fn the_worst_sensor_of_all_decides() {
    let hot = trips_on(|telemetry| {
        telemetry.boards[0].chip_temp = Some(Celsius(106.0));
        telemetry.boards[1].pcb_temp = Some(Celsius(88.0));
    });
    let expected = Hazard::Hot {
        slot: 7,
        sensor: Sensor::Board,
        reading: Celsius(88.0),
        limit: Celsius(85.0),
    };
    assert_eq!(hot, expected);
    said(
        &hot,
        &[
            "board 7",
            "circuit board at 88 °C",
            "limit 85 °C",
            "check its fans",
        ],
    );
}

#[test]
fn one_failed_sensor_is_tolerated_and_reported_but_its_neighbour_stops_the_unit_earlier() {
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    let mut telemetry = healthy(21.0);
    telemetry.boards[1].chip_temp = None;
    telemetry.boards[1].failed_sensors = 1;
    let decision = judge(&mut interlock, 21.0, &telemetry);
    assert_eq!(decision.state, State::Running);
    assert_eq!(decision.tolerated, [7]);

    telemetry.boards[1].pcb_temp = Some(Celsius(80.0));
    telemetry.taken = Nanos::from_seconds(22.0);
    let hot = hazard(judge(&mut interlock, 22.0, &telemetry));
    said(&hot, &["board 7", "80 °C"]);
}

#[test]
fn a_board_without_a_working_sensor_counts_as_hot() {
    // Found out by the driver, and not found out by it.
    for reading in [
        None,
        Some(0.0),
        Some(-1.0),
        Some(-40.0),
        Some(f64::NAN),
        Some(f64::INFINITY),
    ] {
        let blind = trips_on(|telemetry| {
            let board = &mut telemetry.boards[2];
            board.pcb_temp = reading.map(Celsius);
            board.chip_temp = reading.map(Celsius);
            if reading.is_none() {
                board.failed_sensors = 2;
            }
        });
        let expected = Hazard::Blind {
            slot: 8,
            failed: 2,
            working: 0,
        };
        assert_eq!(blind, expected);
        said(&blind, &["board 8", "2 temperature sensors failed"]);
    }
    let blind = trips_on(|telemetry| telemetry.boards[0].failed_sensors = 2);
    assert!(matches!(
        blind,
        Hazard::Blind {
            slot: 6,
            working: 2,
            ..
        }
    ));
}

#[test]
fn a_board_that_is_no_longer_reported_counts_as_hot() {
    let gone = trips_on(|telemetry| telemetry.boards.truncate(1));
    assert_eq!(gone, Hazard::BoardGone { slot: 7 });
    let none = trips_on(|telemetry| telemetry.boards.clear());
    assert_eq!(none, Hazard::NoBoard);
}

#[test]
fn a_fan_that_stands_still_trips_a_unit_that_hashes() {
    for fans in [vec![Rpm(4800.0)], vec![Rpm(0.0), Rpm(4800.0)], vec![]] {
        let stuck = trips_on(|telemetry| telemetry.fans.clone_from(&fans));
        assert!(matches!(stuck, Hazard::StuckFan { expected: 2, .. }));
        said(&stuck, &["fans turn", "limit 2"]);
    }

    // Not while it does not hash; and not after it turns again.
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    let mut idle = cold(21.0);
    idle.hash_rate = Some(HashRate(0.0));
    idle.boards
        .iter_mut()
        .for_each(|board| board.hash_rate = None);
    idle.fans.clear();
    assert_eq!(judge(&mut interlock, 21.0, &idle).state, State::Running);

    // A third fan that was once seen is missed too.
    let mut more = healthy(22.0);
    more.fans.push(Rpm(3000.0));
    assert_eq!(judge(&mut interlock, 22.0, &more).state, State::Running);
    let stuck = hazard(judge(&mut interlock, 23.0, &healthy(23.0)));
    let expected = Hazard::StuckFan {
        turning: 2,
        expected: 3,
    };
    assert_eq!(stuck, expected);
}

#[test]
fn a_stuck_fan_keeps_a_unit_from_release_although_it_no_longer_hashes() {
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    let idle = |t: f64, fans: usize| {
        let mut telemetry = cold(t);
        telemetry.fans.truncate(fans);
        telemetry.hash_rate = Some(HashRate(0.0));
        telemetry
            .boards
            .iter_mut()
            .for_each(|board| board.hash_rate = None);
        telemetry
    };
    let mut stuck = healthy(21.0);
    stuck.fans.truncate(1);
    judge(&mut interlock, 21.0, &stuck);
    for t in 22..200 {
        let t = f64::from(t);
        let decision = judge(&mut interlock, t, &idle(t, 1));
        assert_ne!(decision.state, State::Running, "{t}");
    }
    for t in 200..=260 {
        let t = f64::from(t);
        let released = judge(&mut interlock, t, &idle(t, 2)).state == State::Running;
        assert_eq!(released, t >= 260.0, "{t}");
    }
}

#[test]
fn an_api_whose_counters_stand_still_is_frozen() {
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    for t in 21..=35 {
        let mut same = healthy(20.0);
        same.taken = Nanos::from_seconds(t.into());
        let decision = judge(&mut interlock, t.into(), &same);
        assert_eq!(decision.state == State::Running, t < 35, "{t}");
        if t == 35 {
            said(&hazard(decision), &["stood still for 15.0 s", "restart"]);
        }
    }
}

#[test]
fn standing_temperatures_are_no_frozen_api() {
    let mut interlock = interlock();
    // Whole degrees, for ten minutes the same: all that moves is the uptime.
    run_well(&mut interlock, 1, 600);
}

#[test]
fn a_unit_without_counters_or_work_is_not_taken_for_frozen() {
    let mut interlock = interlock();
    for t in 1..100 {
        let mut telemetry = cold(f64::from(t));
        telemetry.uptime = None;
        telemetry.hash_rate = Some(HashRate(0.0));
        telemetry
            .boards
            .iter_mut()
            .for_each(|board| board.hash_rate = None);
        let decision = judge(&mut interlock, f64::from(t), &telemetry);
        assert_eq!(decision.state, State::Running, "{t}");
    }
}

#[test]
fn a_run_away_trips_before_its_limit_and_a_step_of_load_does_not() {
    // The fastest rise by the unit's own doing: 5 K in ten seconds, and 2 K of rounding.
    for (rise, well) in [(7.0, true), (12.0, false)] {
        let mut interlock = interlock();
        run_well(&mut interlock, 1, 20);
        let mut tripped = None;
        for i in 1..=10 {
            let t = 20.0 + f64::from(i);
            let mut telemetry = healthy(t);
            telemetry.boards[1].chip_temp = Some(Celsius(88.0 + rise * f64::from(i) / 10.0));
            let decision = judge(&mut interlock, t, &telemetry);
            if decision.changed {
                tripped = Some(hazard(decision));
            }
        }
        assert_eq!(tripped.is_none(), well, "{tripped:?}");
        if let Some(away) = tripped {
            assert!(matches!(away, Hazard::RunAway { slot: 7, .. }), "{away}");
            said(
                &away,
                &["board 7", "K/s", "limit of 105 °C", "switch the unit off"],
            );
        }
    }
}

#[test]
fn a_fast_rise_far_below_the_limit_is_let_be() {
    let mut interlock = interlock();
    for t in 0..20 {
        let mut telemetry = cold(f64::from(t));
        telemetry.boards[0].chip_temp = Some(Celsius(40.0 + 2.0 * f64::from(t)));
        let decision = judge(&mut interlock, f64::from(t), &telemetry);
        assert_eq!(decision.state, State::Running, "{t}");
    }
}

#[test]
fn a_lost_control_wire_trips_until_it_is_back() {
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    interlock.control_lost("no route to host".into());
    let lost = hazard(judge(&mut interlock, 21.0, &cold(21.0)));
    said(&lost, &["no route to host", "check"]);
    interlock.control_back();
    for t in 22..=82 {
        let decision = judge(&mut interlock, t.into(), &cold(t.into()));
        assert_eq!(decision.state == State::Running, t == 82, "{t}");
    }
}

#[test]
fn it_is_released_once_all_is_cool_for_the_dwell_and_does_not_flap() {
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    let mut hot = healthy(21.0);
    hot.boards[0].chip_temp = Some(Celsius(105.0));
    judge(&mut interlock, 21.0, &hot);
    // Below the limit, but not by the hysteresis: 95 is, 96 is not.
    let at = |t: f64, chip: f64| {
        let mut telemetry = cold(t);
        telemetry.boards[0].chip_temp = Some(Celsius(chip));
        telemetry
    };
    for t in 22..300 {
        let decision = judge(&mut interlock, t.into(), &at(t.into(), 96.0));
        assert!(!decision.changed, "{t}");
    }
    // One warm reading in between begins the dwell again.
    for t in 300..=400 {
        let chip = if t == 330 { 96.0 } else { 95.0 };
        let decision = judge(&mut interlock, t.into(), &at(t.into(), chip));
        assert_eq!(decision.state == State::Running, t >= 391, "{t}");
        assert_eq!(decision.changed, t == 391);
    }
    assert_eq!(interlock.trips(), 1);
}

#[test]
fn a_trip_remembers_what_was_found_first_and_when() {
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    let mut hot = healthy(21.0);
    hot.boards[0].chip_temp = Some(Celsius(105.0));
    let first = judge(&mut interlock, 21.0, &hot);
    hot.taken = Nanos::from_seconds(22.0);
    hot.fans.clear();
    let second = judge(&mut interlock, 22.0, &hot);
    assert!(!second.changed);
    assert_eq!(first.state, second.state);
    let State::Tripped { cause, since } = first.state else {
        panic!()
    };
    assert_eq!(since, Nanos::from_seconds(21.0));
    assert!(cause.to_string().starts_with("S9: board 6: chip at 105 °C"));
}

#[test]
fn a_reading_above_every_credible_temperature_is_hot_at_once() {
    for reading in [150.1, 160.0, 255.0, 1e308] {
        for sensor in [Sensor::Board, Sensor::Chip] {
            let mut interlock = interlock();
            run_well(&mut interlock, 1, 20);
            let mut telemetry = healthy(21.0);
            let board = &mut telemetry.boards[1];
            match sensor {
                Sensor::Board => board.pcb_temp = Some(Celsius(reading)),
                _ => board.chip_temp = Some(Celsius(reading)),
            }
            let hot = hazard(judge(&mut interlock, 21.0, &telemetry));
            assert!(matches!(hot, Hazard::Hot { slot: 7, .. }), "{hot}");
        }
    }
}

#[test]
fn after_a_trip_a_hotter_chip_does_not_release() {
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    for t in 21..300 {
        let mut telemetry = cold(t.into());
        let chip = if t == 21 { 106.0 } else { 160.0 };
        telemetry.boards[0].chip_temp = Some(Celsius(chip));
        hazard(judge(&mut interlock, t.into(), &telemetry));
    }
}

#[test]
fn a_failed_or_vanished_sensor_never_helps_to_release() {
    for failed in [0, 1] {
        let mut interlock = interlock();
        run_well(&mut interlock, 1, 20);
        let mut hot = healthy(21.0);
        hot.boards[0].chip_temp = Some(Celsius(106.0));
        judge(&mut interlock, 21.0, &hot);
        for t in 22..300 {
            let mut telemetry = cold(t.into());
            telemetry.boards[0].chip_temp = None;
            telemetry.boards[0].failed_sensors = failed;
            hazard(judge(&mut interlock, t.into(), &telemetry));
        }
        // Only when it is back, and cool for the whole dwell.
        for t in 300..=360 {
            let decision = judge(&mut interlock, t.into(), &cold(t.into()));
            assert_eq!(decision.state == State::Running, t >= 360, "{t}");
        }
    }
}

#[test]
fn a_sensor_that_vanishes_has_failed() {
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    let mut telemetry = healthy(21.0);
    telemetry.boards[1].chip_temp = None;
    let decision = judge(&mut interlock, 21.0, &telemetry);
    assert_eq!(decision.state, State::Running);
    assert_eq!(decision.tolerated, [7]);

    let blind = trips_on(|telemetry| {
        telemetry.boards[1].chip_temp = None;
        telemetry.boards[1].pcb_temp = None;
    });
    let expected = Hazard::Blind {
        slot: 7,
        failed: 2,
        working: 0,
    };
    assert_eq!(blind, expected);
}

#[test]
fn the_loss_of_one_of_two_sensors_of_a_kind_is_seen_by_their_number() {
    let mut interlock = interlock();
    let with = |t: u32, sensors| {
        let mut telemetry = healthy(t.into());
        telemetry.boards[0].sensors = sensors;
        telemetry
    };
    for t in 1..=20 {
        let decision = judge(&mut interlock, t.into(), &with(t, 3));
        assert_eq!(decision.tolerated, [0; 0]);
    }
    let lost = judge(&mut interlock, 21.0, &with(21, 2));
    assert_eq!(lost.tolerated, [6]);
}

#[test]
fn a_sensor_that_fails_on_a_warm_board_is_not_tolerated() {
    let mut interlock = interlock();
    for t in 1..=20 {
        let mut telemetry = healthy(t.into());
        telemetry.boards[1].chip_temp = Some(Celsius(101.0));
        judge(&mut interlock, t.into(), &telemetry);
    }
    for t in [21, 22] {
        let mut telemetry = healthy(t.into());
        telemetry.boards[1].chip_temp = None;
        telemetry.boards[1].failed_sensors = 1;
        let decision = judge(&mut interlock, t.into(), &telemetry);
        if t == 22 {
            said(&hazard(decision), &["board 7", "chip was at 101 °C"]);
        }
    }
}

#[test]
fn a_regulator_alone_does_not_stand_for_the_chips() {
    let blind = trips_on(|telemetry| {
        telemetry.boards[1] = Board {
            slot: 7,
            regulator_temp: Some(Celsius(60.0)),
            failed_sensors: 1,
            ..Board::default()
        };
    });
    assert!(matches!(blind, Hazard::Blind { slot: 7, .. }), "{blind}");
}

/// Both sensors of a board fail.
fn blind(t: f64) -> Telemetry {
    let mut telemetry = healthy(t);
    telemetry.boards[1] = Board {
        slot: 7,
        failed_sensors: 2,
        ..Board::default()
    };
    telemetry
}

#[test]
fn one_bad_reading_pauses_and_the_next_good_one_runs_on() {
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    let bad = judge(&mut interlock, 21.0, &blind(21.0));
    assert!(bad.changed && matches!(bad.state, State::Paused { .. }));
    // Judged again before another has come: no second reading.
    let same = judge(&mut interlock, 21.05, &blind(21.0));
    assert!(!same.changed);
    let good = judge(&mut interlock, 21.1, &healthy(21.1));
    assert!(good.changed && good.state == State::Running);
    assert_eq!(interlock.trips(), 0);
}

#[test]
fn a_bad_reading_trips_with_the_second_or_after_the_patience_without_a_good_one() {
    let mut again = interlock();
    run_well(&mut again, 1, 20);
    judge(&mut again, 21.0, &blind(21.0));
    hazard(judge(&mut again, 21.1, &blind(21.1)));

    let mut silent = interlock();
    run_well(&mut silent, 1, 20);
    judge(&mut silent, 21.0, &blind(21.0));
    for (t, trips) in [(35.0, false), (35.1, true)] {
        let decision = judge(&mut silent, t, &blind(21.0));
        assert_eq!(decision.changed, trips, "{t}");
    }
    assert_eq!(silent.trips(), 1);
}

#[test]
fn a_pause_does_not_hide_a_hazard_that_is_certain() {
    let mut interlock = interlock();
    run_well(&mut interlock, 1, 20);
    let mut both = blind(21.0);
    both.boards[0].chip_temp = Some(Celsius(106.0));
    let hot = hazard(judge(&mut interlock, 21.0, &both));
    assert!(matches!(hot, Hazard::Hot { slot: 6, .. }), "{hot}");
}

#[test]
fn a_unit_declared_without_a_tachometer_runs_with_no_speed_but_not_with_a_fan_that_stopped() {
    let limits = Enforced::of(Model::LuckyMinerLv06.limits()).without_tachometer();
    let lv06 = |t: f64, rpm: f64| Telemetry {
        boards: vec![Board {
            chip_temp: Some(Celsius(60.0)),
            hash_rate: Some(HashRate(5e11)),
            ..Board::default()
        }],
        fans: vec![Rpm(rpm)],
        ..healthy(t)
    };
    let mut interlock = Interlock::new("LV06", limits);
    for t in 1..20 {
        let decision = judge(&mut interlock, t.into(), &lv06(t.into(), 0.0));
        assert_eq!(decision.state, State::Running);
    }
    // It has one after all.
    judge(&mut interlock, 20.0, &lv06(20.0, 4000.0));
    let stuck = hazard(judge(&mut interlock, 21.0, &lv06(21.0, 0.0)));
    assert!(matches!(stuck, Hazard::StuckFan { .. }), "{stuck}");
}
