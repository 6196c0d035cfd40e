//! An Antminer S9 on its wires: Stratum V1 and the cgminer API. Simulated, on loopback sockets.

use std::time::Duration;

use hil_tests::{Bench, SCALE, drive};
use thermine_lab::substrate::{Discipline, Outcome, Pace, Substrate};
use thermine_stratum::factory::JobFactory;
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use thermine_units::record::Verdict;
use thermine_units::seed;

fn pace(shares: u32, hold: f64) -> Pace {
    Pace {
        shares,
        hold: Duration::from_secs_f64(hold),
        timeout: Duration::from_secs(60),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_who_it_is_and_its_telemetry_is_plausible() {
    let bench = Bench::start(Clock::virtual_time(), SCALE).await;
    assert_eq!(bench.session.agent(), Some("bmminer/2.0.0"));
    let latest = bench.latest.borrow().clone();
    let model = latest.identity.and_then(|identity| identity.model);
    assert_eq!(model.as_deref(), Some("Antminer S9"));
    // Some time at work, so that its hash rate is that of a unit that hashes.
    let (mut unit, _plug, _stop) = bench.handshake(Discipline::Dialogue);
    let seen = unit.step(&drive(1.0, pace(1, 30.0))).await.expect("a step");
    let telemetry = seen.telemetry.expect("a reading");
    assert_eq!(
        telemetry.boards.iter().map(|b| b.slot).collect::<Vec<_>>(),
        [6, 7, 8]
    );
    for board in &telemetry.boards {
        assert_eq!(board.chips, Some(63));
        let (pcb, chip) = (
            board.pcb_temp.expect("a sensor").0,
            board.chip_temp.expect("a sensor").0,
        );
        assert!(
            (50.0..90.0).contains(&pcb) && pcb < chip && chip < 110.0,
            "{pcb} {chip}"
        );
    }
    assert_eq!(telemetry.fans.len(), 2);
    let rate = telemetry.hash_rate.expect("a rate").0;
    assert!((10e12..15e12).contains(&rate), "{rate}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_becomes_shares_that_verify_and_a_wrong_header_does_not() {
    for (unit_scale, right) in [(SCALE, true), (SCALE / 65_536.0, false)] {
        let mut bench = Bench::start(Clock::scaled(100.0), unit_scale).await;
        let mut jobs = JobFactory::new(seed::stream(2, "jobs"));
        let job = jobs.next(1, 1_700_000_000, bench.session.extranonce_len());
        let difficulty = Difficulty::new(256.0).expect("positive");
        bench
            .session
            .send_job(job, difficulty, true, None)
            .await
            .expect("sent");
        let mut accepted = 0;
        for _ in 0..50 {
            let share = bench.session.next_share().await.expect("a share");
            match share.judgement.verdict {
                Verdict::Accepted => {
                    accepted += 1;
                    assert!(share.judgement.difficulty.expect("hashed") >= 256.0);
                }
                Verdict::Duplicate => assert!(right),
                Verdict::LowDifficulty => assert!(!right),
                other => panic!("{other:?}"),
            }
        }
        // A unit that hashes too little, or the wrong bytes, is found out: one hash in 64 is a share.
        assert!(
            if right { accepted > 40 } else { accepted < 10 },
            "{accepted}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_handshake_keeps_one_job_in_flight_and_its_hold() {
    let (mut unit, _plug, _stop) = Bench::start(Clock::virtual_time(), SCALE)
        .await
        .handshake(Discipline::Dialogue);
    for _ in 0..20 {
        let seen = unit.step(&drive(1.0, pace(3, 0.0))).await.expect("a step");
        assert_eq!(
            (seen.outcome, seen.jobs, seen.shares.len()),
            (Outcome::Answered, 1, 3)
        );
        assert!(
            seen.shares
                .iter()
                .all(|share| share.job == seen.shares[0].job)
        );
        assert!(
            seen.shares
                .iter()
                .all(|share| share.arrived >= seen.started)
        );
    }
    let seen = unit.step(&drive(0.5, pace(1, 5.0))).await.expect("a step");
    let span = seen.ended.since(seen.started).as_secs_f64();
    assert_eq!(span, 5.0);
    // Half its time in job switches of 25.7 ms.
    assert_eq!(seen.jobs, 98);
    let reading = seen.telemetry.expect("a reading");
    assert!(seen.ended.since(reading.taken) < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lower_duty_cools_the_unit() {
    let (mut unit, _plug, _stop) = Bench::start(Clock::virtual_time(), SCALE)
        .await
        .handshake(Discipline::Dialogue);
    let mut temperatures = Vec::new();
    for duty in [1.0, 0.4] {
        let seen = unit
            .step(&drive(duty, pace(1, 50.0)))
            .await
            .expect("a step");
        let board = seen.telemetry.expect("a reading").boards.remove(0);
        temperatures.push(board.chip_temp.expect("a sensor").0);
    }
    assert!(temperatures[0] > temperatures[1] + 4.0, "{temperatures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monologue_goes_on_schedule() {
    let (mut unit, _plug, _stop) = Bench::start(Clock::virtual_time(), SCALE)
        .await
        .handshake(Discipline::Monologue);
    let mut shares = 0;
    for _ in 0..10 {
        let seen = unit.step(&drive(1.0, pace(1, 2.0))).await.expect("a step");
        assert_eq!(seen.jobs, 1);
        assert_eq!(seen.refused.stale, 0, "no job is ever replaced");
        shares += seen.shares.len();
    }
    assert!(
        (150..320).contains(&shares),
        "{shares} in 20 s at 11.5 a second"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unit_whose_plug_is_pulled_is_an_error_that_names_it() {
    let (mut unit, plug, _stop) = Bench::start(Clock::virtual_time(), SCALE)
        .await
        .handshake(Discipline::Dialogue);
    unit.step(&drive(1.0, pace(1, 0.0))).await.expect("a step");
    plug.cancel();
    let error = loop {
        if let Err(error) = unit.step(&drive(1.0, pace(1, 0.0))).await {
            break error.to_string();
        }
    };
    assert!(error.starts_with("bench at 127.0.0.1"), "{error}");
    assert!(error.contains("check its power"), "{error}");
}

/// The same on a wall clock that runs a hundred times too fast: roughly, as the machine allows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hurried_wall_clock_serves_too() {
    let bench = Bench::start(Clock::scaled(100.0), SCALE).await;
    let (mut unit, _plug, _stop) = bench.handshake(Discipline::Dialogue);
    for _ in 0..10 {
        let seen = unit.step(&drive(1.0, pace(3, 0.0))).await.expect("a step");
        assert_eq!((seen.outcome, seen.shares.len()), (Outcome::Answered, 3));
    }
    let seen = unit.step(&drive(0.5, pace(1, 20.0))).await.expect("a step");
    assert!(seen.ended.since(seen.started) >= Duration::from_secs(20));
    assert!((2..=392).contains(&seen.jobs), "{} jobs", seen.jobs);
}

/// One digit of the coinbase changed on the wire: the unit hashes for real, but not what it was sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_wrong_header_bytes_fails() {
    let alter = |line: String| line.replacen("ffffffff0100000000", "ffffffff0100000001", 1);
    let bench = Bench::start_through(Clock::virtual_time(), SCALE, Some(alter)).await;
    let (mut unit, _plug, _stop) = bench.handshake(Discipline::Dialogue);
    let mut valid = 0;
    let error = loop {
        match unit.step(&drive(1.0, pace(1, 5.0))).await {
            Ok(seen) => valid += seen.shares.len(),
            Err(error) => break error.to_string(),
        }
    };
    assert!(
        error.contains("hashes other bytes than it was sent"),
        "{error}"
    );
    assert!(valid < 40, "{valid} by chance, one in 64");
}
