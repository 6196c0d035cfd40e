//! Bytes that no chip should send, and nonces in floods: nothing panics, nothing grows.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use thermine_drivers::bm13xx::{Family, Reply};
use thermine_units::record::{Entry, Record, Verdict};

use super::hashing::{ZERO_BITS, rehashed, search, sound};
use super::support::{Chips, SCALE, controller, difficulty, job, jobs, recorder, shares, verdicts};

const MS: Duration = Duration::from_millis(1);

#[tokio::test]
async fn noise_and_lost_bytes_cost_no_more_than_the_frames_they_hit() {
    for family in [Family::Bm1387, Family::Bm1366] {
        let chips = Chips::new(family, 1)
            .reacting(|n, job| vec![(MS, sound(job, 0, 500 * n as u32))])
            .spoilt(|n, bytes| match n % 10 {
                3 => bytes.insert(2, 0xc3),
                6 => drop(bytes.remove(1)),
                9 => drop(bytes.splice(0..0, [0xaa, 0x55, 0xaa, 0x00])),
                _ => {}
            });
        let (mut controller, log, clock) = controller(chips).await;
        let step = job(&mut jobs(), 7);
        let sent = controller.begin(step, difficulty(64.0), true, None).await;
        sent.expect("sent");
        let shares = shares(&mut controller, &clock, 1000 * MS).await;
        let accepted = verdicts(&shares)
            .iter()
            .filter(|verdict| **verdict == Verdict::Accepted)
            .count();
        let whole = log.jobs().len() as f64;
        // Two in ten are hit. A BM1387's frame without preamble may be mistaken together with the next.
        assert!(accepted as f64 > 0.65 * whole, "{accepted} of {whole}");
        assert!((accepted as f64) < 0.85 * whole, "{accepted} of {whole}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever bytes come back, nothing panics, nothing is accepted that does not hash, and as many
    /// things are counted as came.
    #[test]
    fn no_bytes_do_harm(
        noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..20), bm1387: bool,
    ) {
        let family = if bm1387 { Family::Bm1387 } else { Family::Bm1366 };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let noise = Arc::new(noise);
            let mut up = 0;
            let chips = Chips::new(family, 1)
                .reacting(|_, job| vec![(MS, sound(job, 0, 0)); 3])
                .spoilt(move |_, bytes| {
                    // Bring-up itself is left in peace.
                    up += 1;
                    if up > 4 {
                        *bytes = noise[up % noise.len()].clone();
                    }
                });
            let (mut controller, _, clock) = controller(chips).await;
            let (recorder, mut entries) = recorder();
            controller.record_to(recorder);
            let step = job(&mut jobs(), 7);
            let sent = controller.begin(step, difficulty(64.0), true, None).await;
            sent.expect("sent");
            let shares = shares(&mut controller, &clock, 100 * MS).await;
            let Ok(Entry { record: Record::Job(job), .. }) = entries.try_recv() else {
                panic!("the job comes first");
            };
            let mut recorded = 0;
            while let Ok(Entry { record: Record::Share(share), .. }) = entries.try_recv() {
                recorded += 1;
                if share.verdict == Verdict::Accepted {
                    assert!(rehashed(&job, &share) >= 64.0);
                }
            }
            assert_eq!(recorded, shares.len());
        });
    }

    /// A nonce is accepted just if its hash has the zero bits, whichever midstate it is of.
    #[test]
    fn nonces_are_judged_by_their_hash(from: u32, index in 0u32..4, good: bool) {
        let from = from % 0xf000_0000;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let shares = runtime.block_on(async {
            let chips = Chips::new(Family::Bm1387, 1).reacting(move |n, job| {
                let nonce = search(job, index, from, |bits| (bits >= ZERO_BITS) == good);
                let reply = (MS, Reply::Nonce(nonce));
                if n == 0 { vec![reply] } else { Vec::new() }
            });
            let (mut controller, _, clock) = controller(chips).await;
            let step = job(&mut jobs(), 7);
            let sent = controller.begin(step, difficulty(64.0), true, None).await;
            sent.expect("sent");
            shares(&mut controller, &clock, 10 * MS).await
        });
        prop_assert_eq!(shares.len(), 1);
        let accepted = shares[0].judgement.verdict == Verdict::Accepted;
        prop_assert_eq!(accepted, good);
        let met = shares[0].judgement.difficulty.expect("hashed");
        prop_assert!((met * SCALE).is_finite());
    }

    /// Memory: nonces that nobody asks for are dropped beyond a bound, and counted.
    #[test]
    fn a_flood_that_nobody_asks_for_is_bounded(flood in 1100u64..1500) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let (kept, dropped) = runtime.block_on(async {
            let chips = Chips::new(Family::Bm1366, 1).reacting(move |n, job| match n {
                0 => (0..flood).map(|_| (20 * MS, sound(job, 0, 0))).collect(),
                _ => Vec::new(),
            });
            let (mut controller, _, clock) = controller(chips).await;
            let step = job(&mut jobs(), 7);
            let sent = controller.begin(step, difficulty(64.0), true, None).await;
            sent.expect("sent");
            controller.stop().await.expect("the port is there");
            let kept = shares(&mut controller, &clock, 100 * MS).await.len() as u64;
            (kept, controller.counts().dropped)
        });
        prop_assert_eq!((kept, dropped), (1024, flood - 1024));
    }
}
