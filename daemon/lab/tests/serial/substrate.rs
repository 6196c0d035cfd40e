//! Bare chips driven step by step.

use std::time::Duration;

use thermine_drivers::bm13xx::{BringUp, Controller, Family, Link, Reply};
use thermine_drivers::interlock::Permission;
use thermine_lab::substrate::{
    Discipline, Drive, Outcome, Pace, SerialChain, Substrate, SubstrateError,
};
use thermine_units::clock::Clock;
use thermine_units::provenance::Provenance;
use thermine_units::quantity::MegaHertz;
use thermine_units::record::{Durable, Record, Recorder, Verdict};
use thermine_units::unit::OperatingPoint;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};
use tokio_serial::SerialStream;

use super::hashing::{ZERO_BITS, search, sound};
use super::support::{Chips, Log, bring_up, controller, difficulty, jobs, settings};

const MS: Duration = Duration::from_millis(1);

fn drive(word: u32) -> Drive {
    Drive {
        word,
        later: 0,
        difficulty: difficulty(64.0),
        duty: 1.0,
        point: OperatingPoint::default(),
        pace: Pace {
            shares: 2,
            hold: 20 * MS,
            timeout: 100 * MS,
        },
    }
}

async fn chain(
    chips: Chips,
    discipline: Discipline,
    recorder: Recorder,
) -> (SerialChain<DuplexStream>, Log, Clock) {
    let (controller, log, clock) = controller(chips).await;
    let provenance = Provenance::Simulated;
    let chain = SerialChain::new(
        controller,
        jobs(),
        discipline,
        recorder,
        provenance,
        clock.clone(),
    );
    (chain, log, clock)
}

/// A share for every chip job.
fn steady(family: Family) -> Chips {
    Chips::new(family, 1).reacting(|n, job| vec![(2 * MS, sound(job, 0, 500 * n as u32))])
}

#[tokio::test]
async fn steps_end_with_their_shares_and_are_recorded() {
    for discipline in [Discipline::Dialogue, Discipline::Monologue] {
        let (queue, mut entries) = mpsc::channel(1000);
        let durable = Durable {
            ticket: u64::MAX,
            failure: None,
        };
        let (_commits, durable) = watch::channel(durable);
        let recorder = Recorder::open(0, queue, durable);
        let (mut chain, ..) = chain(steady(Family::Bm1387), discipline, recorder).await;
        for word in 0..5 {
            let seen = chain.step(&drive(word)).await.expect("a step");
            assert_eq!(seen.outcome, Outcome::Answered);
            assert_eq!(seen.ended.since(seen.started), 20 * MS);
            assert_eq!(seen.jobs, 1);
            assert!(seen.shares.len() >= 5);
            let late = seen
                .shares
                .iter()
                .filter(|s| s.job != u64::from(word) + 1)
                .count();
            assert!(discipline == Discipline::Monologue || late == 0);
            assert!(seen.telemetry.is_some());
        }
        chain.finish().await.expect("finished");
        let mut records = Vec::new();
        while let Ok(entry) = entries.try_recv() {
            records.push(entry.record);
        }
        let count = |of: fn(&Record) -> bool| records.iter().filter(|r| of(r)).count();
        assert_eq!(count(|r| matches!(r, Record::Step(_))), 5);
        assert_eq!(count(|r| matches!(r, Record::Job(_))), 5);
        assert_eq!(count(|r| matches!(r, Record::Identity(_))), 1);
        assert!(count(|r| matches!(r, Record::Telemetry(_))) >= 1);
    }
}

#[tokio::test]
async fn late_answers_are_samples_in_a_monologue_alone() {
    for (discipline, stale) in [(Discipline::Dialogue, 1), (Discipline::Monologue, 0)] {
        // The first job's answer comes in the second step.
        let chips = Chips::new(Family::Bm1366, 1).reacting(|n, job| match n {
            0 => vec![(25 * MS, sound(job, 0, 0))],
            _ => Vec::new(),
        });
        let (mut chain, ..) = chain(chips, discipline, Recorder::discard()).await;
        let brief = Drive {
            pace: Pace {
                shares: 1,
                hold: 20 * MS,
                timeout: 20 * MS,
            },
            ..drive(1)
        };
        let first = chain.step(&brief).await.expect("a step");
        assert_eq!(first.outcome, Outcome::TimedOut);
        let second = chain.step(&brief).await.expect("a step");
        assert_eq!(second.refused.stale, stale);
        assert_eq!(second.shares.len() as u32, 1 - stale);
    }
}

#[tokio::test]
async fn duty_and_frequency_reach_the_chips() {
    let (mut chain, log, _) = chain(
        steady(Family::Bm1387),
        Discipline::Dialogue,
        Recorder::discard(),
    )
    .await;
    let at = |duty, mhz: Option<f64>| Drive {
        duty,
        point: OperatingPoint {
            frequency: mhz.map(MegaHertz),
            ..OperatingPoint::default()
        },
        pace: Pace {
            shares: 1,
            hold: 1000 * MS,
            timeout: 2000 * MS,
        },
        ..drive(1)
    };
    let mut sent = 0;
    let mut fed = |log: &Log| {
        let all = log.jobs().len();
        all - std::mem::replace(&mut sent, all)
    };
    chain.step(&at(1.0, None)).await.expect("a step");
    let full = fed(&log) as f64;
    chain.step(&at(0.5, None)).await.expect("a step");
    let half = fed(&log) as f64;
    // At full duty work is sent 2 % early.
    assert!((half / full - 0.49).abs() < 0.01, "{half} {full}");
    let seen = chain.step(&at(1.0, Some(600.0))).await.expect("a step");
    let reading = seen.telemetry.expect("a reading");
    assert_eq!(chain.controller().chain().frequency, MegaHertz(600.0));
    assert!(reading.boards[0].frequency.is_some());
    chain.step(&at(1.0, Some(600.0))).await.expect("a step");
    let before = log.written(0x0c).len();
    chain.step(&at(1.0, Some(600.0))).await.expect("a step");
    assert_eq!(log.written(0x0c).len(), before, "it is there already");
    let none = chain.step(&at(0.0, None)).await;
    assert!(matches!(none, Err(SubstrateError::Chain(_))));
}

#[tokio::test]
async fn chips_that_hash_wrong_or_not_at_all_are_given_up() {
    let wrong = Chips::new(Family::Bm1387, 1).reacting(|n, job| {
        let nonce = search(job, 0, 500 * n as u32, |bits| bits < ZERO_BITS);
        vec![(MS, Reply::Nonce(nonce))]
    });
    let (mut chain, ..) = self::chain(wrong, Discipline::Dialogue, Recorder::discard()).await;
    let error = loop {
        match chain.step(&drive(1)).await {
            Ok(seen) => assert!(seen.refused.invalid > 0),
            Err(error) => break error,
        }
    };
    assert!(
        matches!(
            error,
            SubstrateError::Invalid {
                shares: 50,
                verdict: Verdict::LowDifficulty,
                ..
            }
        ),
        "{error}"
    );

    let idle = Chips::new(Family::Bm1387, 1);
    let (mut chain, ..) = self::chain(idle, Discipline::Dialogue, Recorder::discard()).await;
    let mut steps = 1;
    let error = loop {
        match chain.step(&drive(1)).await {
            Ok(_) => steps += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(error, SubstrateError::Silent { steps: 5, .. }),
        "{error}"
    );
    assert_eq!(steps, 5);
}

#[tokio::test]
async fn errors_of_the_hardware_among_sound_nonces_are_no_reason_to_give_up() {
    // Nine easy nonces to one that is wrong, and hardly ever a share.
    let chips = Chips::new(Family::Bm1387, 1).reacting(|n, job| {
        let from = 500 * n as u32;
        vec![match n % 10 {
            0 => (
                MS,
                Reply::Nonce(search(job, 0, from, |bits| bits < ZERO_BITS)),
            ),
            _ => (
                MS,
                Reply::Nonce(search(job, 0, from, |bits| bits == ZERO_BITS)),
            ),
        }]
    });
    let (mut chain, ..) = chain(chips, Discipline::Dialogue, Recorder::discard()).await;
    let hard = Drive {
        difficulty: difficulty(128.0),
        pace: Pace {
            shares: 1,
            hold: 2000 * MS,
            timeout: 2000 * MS,
        },
        ..drive(1)
    };
    let seen = chain.step(&hard).await.expect("a step");
    assert!(seen.refused.invalid > 60, "{:?}", seen.refused);
    assert_eq!(seen.outcome, Outcome::TimedOut);
    assert!(chain.controller().counts().easy > 500);
}

#[tokio::test]
async fn a_chain_that_was_stopped_is_set_again_by_the_next_drive() {
    let (mut chain, ..) = chain(
        steady(Family::Bm1387),
        Discipline::Dialogue,
        Recorder::discard(),
    )
    .await;
    let fast = Drive {
        point: OperatingPoint {
            frequency: Some(MegaHertz(600.0)),
            ..OperatingPoint::default()
        },
        pace: Pace {
            shares: 1,
            hold: 10_000 * MS,
            timeout: 10_000 * MS,
        },
        ..drive(1)
    };
    for _ in 0..2 {
        chain.step(&fast).await.expect("a step");
        assert_eq!(chain.controller().chain().frequency, MegaHertz(600.0));
        chain.controller().stop().await.expect("stopped");
        assert_eq!(chain.controller().chain().frequency, MegaHertz(100.0));
    }
}

#[tokio::test]
async fn the_wall_clock_will_do() {
    let clock = Clock::real();
    let (near, far) = SerialStream::pair().expect("a pseudo-terminal");
    steady(Family::Bm1387).run(far, &clock);
    let mut link = Link::new(near, "a pty", Family::Bm1387, clock.clone());
    let slow = BringUp {
        frequency: MegaHertz(112.5),
        ..bring_up(Family::Bm1387)
    };
    let up = link.bring_up(&slow).await.expect("a chain");
    let controller = Controller::new(link, up, settings());
    let (dialogue, recorder) = (Discipline::Dialogue, Recorder::discard());
    let simulated = Provenance::Simulated;
    let mut chain = SerialChain::new(controller, jobs(), dialogue, recorder, simulated, clock);
    let wanted = Drive {
        pace: Pace {
            shares: 3,
            hold: Duration::ZERO,
            timeout: Duration::from_secs(60),
        },
        ..drive(1)
    };
    for _ in 0..3 {
        let seen = chain.step(&wanted).await.expect("a step");
        assert_eq!(seen.outcome, Outcome::Answered);
    }
}

#[tokio::test]
async fn a_chain_whose_work_is_withheld_is_stopped_in_the_middle_of_a_step() {
    let (grant, permission) = watch::channel(Permission::Grant);
    let (unguarded, log, clock) = chain(
        steady(Family::Bm1387),
        Discipline::Dialogue,
        Recorder::discard(),
    )
    .await;
    let mut chain = unguarded.with_permission(permission);
    let long = Drive {
        point: OperatingPoint {
            frequency: Some(MegaHertz(600.0)),
            ..OperatingPoint::default()
        },
        pace: Pace {
            shares: 1,
            hold: 5000 * MS,
            timeout: 5000 * MS,
        },
        ..drive(1)
    };
    chain.step(&long).await.expect("a step");
    let seat = clock.follow();
    let withdrawn = clock.now() + 2500 * MS;
    let guard = async {
        seat.wait_until(withdrawn).await;
        drop(grant);
        // Given back, or time would wait for it.
        drop(seat);
    };
    let (ended, ()) = tokio::join!(chain.step(&long), guard);
    let error = ended.expect_err("work is withheld");
    assert!(
        matches!(error, SubstrateError::Interlocked { .. }),
        "{error}"
    );
    assert!(clock.now().since(withdrawn) < 1500 * MS);
    let (last, _) = log.jobs().pop().expect("a job");
    assert!(last.since(withdrawn) <= 1000 * MS);
    let slowest = MegaHertz(100.0);
    assert_eq!(chain.controller().chain().frequency, slowest);
    let later = clock.now() + 2000 * MS;
    let quiet = chain.controller().next_share(later).await.expect("quiet");
    assert_eq!(quiet, None);
    assert_eq!(
        log.jobs().pop().map(|(at, _)| at),
        Some(last),
        "no more work"
    );
}

#[tokio::test]
async fn a_run_comes_out_the_same_every_time() {
    let mut runs = Vec::new();
    for _ in 0..3 {
        let (mut chain, ..) = chain(
            steady(Family::Bm1387),
            Discipline::Dialogue,
            Recorder::discard(),
        )
        .await;
        let mut seen = Vec::new();
        for word in 0..10 {
            let step = chain.step(&drive(word)).await.expect("a step");
            seen.push((step.started, step.ended, step.shares.len()));
        }
        runs.push(seen);
    }
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[1], runs[2]);
}
