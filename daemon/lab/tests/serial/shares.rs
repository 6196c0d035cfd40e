//! Work to the chips and nonces back: what becomes of each kind of nonce, and when work is sent.

use std::time::Duration;

use thermine_drivers::bm13xx::{
    BringUp, ChainError, Controller, Family, Job, Nonce, PortError, Reply,
};
use thermine_drivers::poller::Freshness;
use thermine_units::clock::Clock;
use thermine_units::record::{Entry, Record, Verdict};
use tokio::io::DuplexStream;

use super::hashing::{ZERO_BITS, rehashed, search, sound};
use super::support::{
    Chips, TICKET, bring_up, controller, difficulty, job, jobs, recorder, settings, shares,
    verdicts,
};

const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn shares_of_every_midstate_are_accepted_and_can_be_hashed_again_from_their_records() {
    for family in [Family::Bm1387, Family::Bm1366] {
        let midstates = if family == Family::Bm1387 { 4 } else { 1 };
        let chips = Chips::new(family, 1).reacting(move |n, job| {
            let index = n as u32 % midstates;
            vec![(MS, sound(job, index, 1000 * n as u32))]
        });
        let (mut controller, _, clock) = controller(chips).await;
        let (recorder, mut entries) = recorder();
        controller.record_to(recorder);
        let sent = controller
            .begin(job(&mut jobs(), 7), difficulty(64.0), true, Some(3))
            .await
            .expect("sent");
        let shares = shares(&mut controller, &clock, 200 * MS).await;
        assert!(shares.len() >= 19, "{}", shares.len());
        for share in &shares {
            assert_eq!(share.judgement.verdict, Verdict::Accepted);
            assert_eq!(share.judgement.sent, Some(sent));
        }
        let Ok(Entry {
            record: Record::Job(job),
            ..
        }) = entries.try_recv()
        else {
            panic!("the job comes first");
        };
        assert_eq!((job.step, job.clean, job.difficulty), (Some(3), true, 64.0));
        let mut rolled = std::collections::BTreeSet::new();
        for share in &shares {
            let Ok(Entry {
                record: Record::Share(record),
                ..
            }) = entries.try_recv()
            else {
                panic!("a record for every share");
            };
            assert_eq!(record.arrived, share.arrived);
            assert_eq!(Some(rehashed(&job, &record)), share.judgement.difficulty);
            rolled.extend(record.proof.map(|proof| proof.version_bits));
        }
        assert_eq!(rolled.len() as u32, midstates);
        assert_eq!(controller.counts().accepted, shares.len() as u64);
        controller.settle().await.expect("durable");
    }
}

#[tokio::test]
async fn versions_that_the_chip_rolled_are_understood() {
    let chips = Chips::new(Family::Bm1366, 1).reacting(|_, job| {
        vec![
            (MS, sound(job, 0x05a2 << 13, 9)),
            (2 * MS, sound(job, 0, 9)),
        ]
    });
    let clock = Clock::virtual_time();
    let (mut link, log) = chips.connect(&clock);
    let rolling = BringUp {
        version_mask: Some(0x1fff_e000),
        ..bring_up(Family::Bm1366)
    };
    let chain = link.bring_up(&rolling).await.expect("a chain");
    let mut controller = Controller::new(link, chain, settings());
    let step = job(&mut jobs(), 7);
    let sent = controller.begin(step, difficulty(64.0), true, None).await;
    sent.expect("sent");
    let shares = shares(&mut controller, &clock, Duration::from_secs(60)).await;
    assert_eq!(verdicts(&shares), [Verdict::Accepted; 2]);
    assert_eq!(log.jobs().len(), 1, "one job lasts for ten minutes");
    assert!(matches!(
        controller.set_duty(0.5),
        Err(ChainError::Setting { .. })
    ));
}

#[tokio::test]
async fn each_kind_of_nonce_is_what_it_is() {
    // Share difficulty twice the ticket's: one more zero bit.
    let chips = Chips::new(Family::Bm1387, 2).reacting(|n, job| {
        if n != 0 {
            return Vec::new();
        }
        // Low bits 2 to 7 of the nonce name the chip: from 4 on it is the second.
        let share = search(job, 1, 0, |bits| bits > ZERO_BITS);
        let easy = search(job, 2, 0, |bits| bits == ZERO_BITS);
        let wrong = search(job, 3, 4, |bits| bits < ZERO_BITS);
        let unknown = Nonce { id: 0x7c, ..share };
        [share, share, easy, easy, wrong, unknown]
            .map(|nonce| (MS, Reply::Nonce(nonce)))
            .to_vec()
    });
    let (mut controller, _, clock) = controller(chips).await;
    let step = job(&mut jobs(), 7);
    let sent = controller.begin(step, difficulty(128.0), true, None).await;
    sent.expect("sent");
    let shares = shares(&mut controller, &clock, 10 * MS).await;
    assert_eq!(
        verdicts(&shares),
        [
            Verdict::Accepted,
            Verdict::Duplicate,
            Verdict::LowDifficulty
        ]
    );
    let counts = controller.counts();
    assert_eq!((counts.accepted, counts.repeated, counts.easy), (1, 2, 1));
    assert_eq!((counts.hardware_errors, counts.unknown), (1, 1));
    assert_eq!(counts.nonces, 2, "evidence of hashing");
    assert_eq!(counts.chips[1].hardware_errors, 1);
}

#[tokio::test]
async fn late_nonces_are_stale_in_a_dialogue_and_count_in_a_monologue() {
    for clean in [true, false] {
        let chips = Chips::new(Family::Bm1366, 1).reacting(|n, job| match n {
            0 => vec![(6 * MS, sound(job, 0, 0)), (6 * MS, sound(job, 0, 0))],
            _ => Vec::new(),
        });
        let (mut controller, _, clock) = controller(chips).await;
        let mut factory = jobs();
        for _ in 0..2 {
            let step = job(&mut factory, 7);
            let sent = controller.begin(step, difficulty(64.0), clean, None).await;
            sent.expect("sent");
            shares(&mut controller, &clock, 2 * MS).await;
        }
        let late = shares(&mut controller, &clock, 10 * MS).await;
        let expected = if clean {
            vec![Verdict::Stale]
        } else {
            vec![Verdict::Accepted, Verdict::Duplicate]
        };
        assert_eq!(verdicts(&late), expected);
        assert_eq!(late[0].judgement.job, Some(1));
        assert_eq!(controller.counts().repeated, 1);
    }
}

#[tokio::test]
async fn a_late_nonce_that_is_easier_than_its_job_asked_is_no_share() {
    let chips = Chips::new(Family::Bm1366, 1).reacting(|n, job| match n {
        0 => vec![(
            6 * MS,
            Reply::Nonce(search(job, 0, 0, |bits| bits == ZERO_BITS)),
        )],
        _ => Vec::new(),
    });
    let (mut controller, _, clock) = controller(chips).await;
    let mut factory = jobs();
    for _ in 0..2 {
        let step = job(&mut factory, 7);
        let sent = controller.begin(step, difficulty(128.0), true, None).await;
        sent.expect("sent");
        shares(&mut controller, &clock, 2 * MS).await;
    }
    assert_eq!(shares(&mut controller, &clock, 10 * MS).await, []);
    assert_eq!(
        (controller.counts().easy, controller.counts().stale),
        (1, 0)
    );
}

#[tokio::test]
async fn work_follows_work_just_before_it_ends_or_as_seldom_as_the_duty_says() {
    for (family, duty) in [
        (Family::Bm1387, 1.0),
        (Family::Bm1387, 0.25),
        (Family::Bm1366, 1.0),
    ] {
        let (mut controller, log, clock) = controller(Chips::new(family, 1)).await;
        controller.set_duty(duty).expect("a duty");
        let step = job(&mut jobs(), 7);
        let sent = controller.begin(step, difficulty(64.0), true, None).await;
        sent.expect("sent");
        shares(&mut controller, &clock, 1000 * MS).await;
        let jobs = log.jobs();
        let lasts = family.job_lasts(1, controller.chain().frequency, 0);
        let span = lasts.as_secs_f64() / duty * if duty < 1.0 { 1.0 } else { 0.98 };
        let wanted = (1.0 / span).floor();
        assert!(
            (jobs.len() as f64 - wanted).abs() <= 1.5,
            "{} {wanted}",
            jobs.len()
        );
        for pair in jobs.windows(2) {
            let gap = pair[1].0.since(pair[0].0).as_secs_f64();
            assert!((gap / span - 1.0).abs() < 1e-3, "{gap} {span}");
        }
        // Every job is a header space of its own, under all numbers in turn.
        let bodies: std::collections::HashSet<_> = jobs.iter().map(|(_, job)| body(job)).collect();
        assert_eq!(bodies.len(), jobs.len());
        let ids: std::collections::BTreeSet<u8> = jobs.iter().map(|(_, job)| job.id()).collect();
        assert_eq!(ids.len(), if family == Family::Bm1387 { 32 } else { 16 });
    }
    let (mut controller, ..) = controller(Chips::new(Family::Bm1387, 1)).await;
    for duty in [0.0, -1.0, 1.01, f64::NAN] {
        assert!(controller.set_duty(duty).is_err(), "{duty}");
    }
}

/// What is searched, without the job's number.
fn body(job: &Job) -> Vec<u8> {
    match job {
        Job::Bm1387 {
            midstates, tail, ..
        } => {
            let words = midstates.iter().flatten();
            words.flat_map(|w| w.to_be_bytes()).chain(*tail).collect()
        }
        Job::Bm1366 { merkle_root, .. } => merkle_root.to_vec(),
    }
}

#[tokio::test]
async fn a_job_easier_than_the_ticket_is_refused() {
    let (mut controller, log, _) = controller(Chips::new(Family::Bm1387, 1)).await;
    let step = job(&mut jobs(), 7);
    let refused = controller.begin(step, difficulty(63.0), true, None).await;
    let error = refused.expect_err("too easy").to_string();
    assert!(error.contains(&format!("difficulty {TICKET}")), "{error}");
    assert!(log.jobs().is_empty());
}

#[tokio::test]
async fn a_port_that_vanishes_at_work_is_an_error_and_is_published() {
    let chips = Chips {
        hang_up: Some(700),
        ..Chips::new(Family::Bm1387, 1)
    };
    let (mut controller, _, clock) = controller(chips).await;
    let latest = controller.latest();
    let step = job(&mut jobs(), 7);
    let sent = controller.begin(step, difficulty(64.0), true, None).await;
    sent.expect("sent");
    let until = clock.now() + Duration::from_secs(60);
    let error = loop {
        match controller.next_share(until).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the port is gone"),
            Err(error) => break error,
        }
    };
    assert!(matches!(
        error,
        ChainError::Port {
            source: PortError::Closed | PortError::Io(_),
            ..
        }
    ));
    assert!(latest.borrow().last_error.is_some());
}

#[tokio::test]
async fn readings_are_of_what_the_host_sees() {
    let chips =
        Chips::new(Family::Bm1387, 2).reacting(|n, job| vec![(MS, sound(job, 0, 64 * n as u32))]);
    let (mut controller, _, clock) = controller(chips).await;
    let latest = controller.latest();
    let step = job(&mut jobs(), 7);
    let sent = controller.begin(step, difficulty(64.0), true, None).await;
    sent.expect("sent");
    let found = shares(&mut controller, &clock, Duration::from_secs(8)).await;
    let latest = latest.borrow();
    assert!(matches!(
        latest.freshness(clock.now(), 2000 * MS),
        Freshness::Fresh(_)
    ));
    let reading = latest.telemetry.as_ref().expect("a reading");
    let rate = found.len() as f64 / 8.0 * 64.0 * 2f64.powi(32);
    let short = reading.hash_rate.expect("known").0;
    let average = reading.hash_rate_average.expect("known").0;
    assert!((short / rate - 1.0).abs() < 0.02, "{short} {rate}");
    assert!((average / rate - 1.0).abs() < 0.02, "{average} {rate}");
    assert_eq!(
        (reading.boards[0].chips, reading.hottest()),
        (Some(2), None)
    );
    let model = latest.identity.as_ref().and_then(|who| who.model.clone());
    assert_eq!(model.as_deref(), Some("BM1387 chain"));
}

#[tokio::test]
async fn waiting_may_be_broken_off_at_any_point() {
    let answered = |n: u64, job: &Job| vec![(MS, sound(job, 0, 500 * n as u32))];
    let (mut controller, log, clock) =
        controller(Chips::new(Family::Bm1387, 1).reacting(answered)).await;
    let step = job(&mut jobs(), 7);
    let sent = controller.begin(step, difficulty(64.0), true, None).await;
    sent.expect("sent");
    let until = clock.now() + 200 * MS;
    let mut found = 0;
    let mut budget = 0;
    while clock.now() < until {
        // Polled a few times, then dropped wherever it stands.
        budget = (budget + 1) % 5;
        let mut polls = 0;
        tokio::select! {
            biased;
            share = controller.next_share(until) => {
                let share = share.expect("the port is there");
                found += u64::from(share.is_some_and(|s| s.judgement.verdict == Verdict::Accepted));
            }
            () = std::future::poll_fn(|cx| {
                polls += 1;
                if polls > budget {
                    return std::task::Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                std::task::Poll::Pending
            }) => tokio::task::yield_now().await,
        }
    }
    let sent = log.jobs().len() as u64;
    assert!(
        sent > 60 && sent - found <= 1,
        "{sent} jobs, {found} shares"
    );
}

#[test]
fn a_controller_is_sent_between_tasks() {
    fn sendable<T: Send>() {}
    sendable::<Controller<DuplexStream>>();
}
