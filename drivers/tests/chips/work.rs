//! Work and nonces: every header is hashed again, and counts are what the physics says.

use std::time::Duration;

use thermine_drivers::bm13xx::{Family, Job, Nonce, Reply};
use thermine_sim::Params;
use thermine_sim::chips::{Faults, Settings};
use thermine_units::clock::Nanos;
use thermine_units::pow::Work;
use thermine_units::pow::sha256d::{Midstate, sha256d};

use crate::host::{Host, SCALE, TICKET, ZERO_BITS, connected};

const MASK: u32 = 0x1fff_e000;
/// Time that a BM1387 takes over four midstates at 650 MHz: 4 · 0.8973 · 2^19 cycles.
const FRAME: Duration = Duration::from_nanos(2_895_000);
const FRAME_S: f64 = 4.0 * 0.8973 * 524_288.0 / 650e6;
/// 650 MHz.
const PLL_1387: u32 = 0x0068_0221;
/// 485 MHz.
const PLL_1366: u32 = 0x50c2_0240;

fn work() -> Work {
    Work {
        version: 0x2000_0000,
        prevhash: [0x5a; 32],
        claim_trie: None,
        coinb1: vec![1, 2, 3],
        coinb2: vec![4, 5, 6],
        merkle_branch: vec![[7; 32]; 3],
        ntime: 0x6963_7392,
        nbits: 0x1d00_ffff,
    }
}

fn root(number: u64) -> [u8; 32] {
    work().merkle_root(&[0; 4], &number.to_le_bytes())
}

/// Version of midstate `index`.
fn version(index: u8) -> u32 {
    work().version | u32::from(index) << 13
}

/// The `number`th job with four midstates, or for a chip that rolls versions.
pub(crate) fn job(family: Family, number: u64) -> Job {
    let root = root(number);
    match Job::of(family, id(family, number), &work(), &root) {
        Job::Bm1387 {
            id,
            nbits,
            ntime,
            tail,
            ..
        } => Job::Bm1387 {
            id,
            nbits,
            ntime,
            tail,
            midstates: (0..4)
                .map(|i| {
                    Midstate::of(work().header(version(i), &root, ntime, 0).first_block()).words()
                })
                .collect(),
        },
        job => job,
    }
}

fn id(family: Family, number: u64) -> u8 {
    match family {
        Family::Bm1387 => (number % 32 * 4) as u8,
        Family::Bm1366 => (number % 32 * 8) as u8,
    }
}

/// Zero bits of the hash of what `nonce` answers, `number` being the newest job when it came; the best of
/// that job and the one before.
fn zeros(family: Family, nonce: &Nonce, newest: u64) -> u32 {
    let mut best = 0;
    for number in newest.saturating_sub(1)..=newest {
        if nonce.job_id(family, 4) != id(family, number) {
            continue;
        }
        let version = match family {
            Family::Bm1387 => version(nonce.id & 3),
            Family::Bm1366 => work().version | nonce.version_bits,
        };
        let header = work().header(version, &root(number), work().ntime, nonce.nonce);
        let hash = sha256d(&header);
        let top = u64::from_le_bytes(hash[24..].try_into().expect("8 bytes"));
        best = best.max(top.leading_zeros());
    }
    best
}

/// Right and wrong nonces among the replies to jobs sent every `period` from `start` on.
fn judged(
    family: Family,
    replies: &[(Reply, Nanos)],
    start: Nanos,
    period: Duration,
) -> (Vec<Nonce>, Vec<Nonce>) {
    let nonces = replies.iter().map(|(reply, at)| match reply {
        Reply::Nonce(nonce) => (*nonce, *at),
        Reply::Register { .. } => panic!("nobody has asked"),
    });
    let (mut right, mut wrong) = (Vec::new(), Vec::new());
    for (nonce, at) in nonces {
        let newest = at.since(start).as_nanos() / period.as_nanos();
        if zeros(family, &nonce, newest as u64) >= ZERO_BITS {
            right.push(nonce);
        } else {
            wrong.push(nonce);
        }
    }
    (right, wrong)
}

/// Within five standard deviations of a Poisson number of this mean.
fn poisson(got: usize, mean: f64) {
    let off = (got as f64 - mean) / mean.sqrt();
    assert!(off.abs() < 5.0, "{got} where {mean:.1} are expected");
}

/// A chain that makes no mistakes.
fn flawless(family: Family, chips: usize, seed: u64) -> Settings {
    let settings = Settings::new(family, chips, seed, SCALE);
    Settings {
        params: Params {
            fmax_mhz: 2000.0,
            ..settings.params
        },
        ..settings
    }
}

/// Right hashes per second of 63 BM1387 at 650 MHz, over those that a nonce takes.
const RATE_1387: f64 = 63.0 * 114.0 * 650e6 / (1u64 << (32 + TICKET)) as f64;

#[tokio::test]
async fn every_nonce_of_a_board_verifies_and_there_are_as_many_as_it_hashes() {
    let (mut host, status) = connected(flawless(Family::Bm1387, 63, 7));
    host.bring_up(63, PLL_1387).await;
    let (start, span) = (host.clock.now(), Duration::from_secs(40));
    let family = Family::Bm1387;
    // A little early, so that the chips never idle.
    let period = FRAME - Duration::from_micros(50);
    let replies = host.feed(period, span, |number| job(family, number)).await;
    let (right, wrong) = judged(family, &replies, start, period);
    assert_eq!(wrong, []);
    poisson(right.len(), RATE_1387 * span.as_secs_f64());
    // Of every chip, every midstate; the nonce says which chip.
    for chip in 0..63 {
        let own = right.iter().filter(|n| n.nonce >> 2 & 0x3f == chip).count();
        poisson(own, right.len() as f64 / 63.0);
    }
    for index in 0..4 {
        let own = right.iter().filter(|n| n.id & 3 == index).count();
        poisson(own, right.len() as f64 / 4.0);
    }
    let counters = status.borrow().counters;
    assert_eq!(
        (counters.unfound, counters.lost, counters.skipped),
        (0, 0, 0)
    );
    // Bounded by what is reported with the last second's sample.
    assert!(counters.nonces as usize + 30 > right.len());
}

#[tokio::test]
async fn chips_idle_from_the_end_of_a_frame_to_the_next() {
    let (mut host, _) = connected(flawless(Family::Bm1387, 63, 8));
    host.bring_up(63, PLL_1387).await;
    let (start, span) = (host.clock.now(), Duration::from_secs(80));
    let (family, period) = (Family::Bm1387, 4 * FRAME);
    let replies = host.feed(period, span, |number| job(family, number)).await;
    let (right, _) = judged(family, &replies, start, period);
    let duty = FRAME_S / period.as_secs_f64();
    poisson(right.len(), RATE_1387 * duty * span.as_secs_f64());
    // The frame's 150 bytes and the reply's 7 take 1 ms, then hashing may begin and must end.
    for (_, at) in &replies {
        let within = at.since(start).as_secs_f64() % period.as_secs_f64();
        assert!((0.001..0.001_1 + FRAME_S).contains(&within), "{within}");
    }
}

#[tokio::test]
async fn wrong_answers_are_sent_at_the_rate_of_the_physics() {
    let family = Family::Bm1387;
    let settings = Settings::new(family, 63, 9, SCALE);
    let (mut host, status) = connected(settings);
    host.bring_up(63, PLL_1387).await;
    let (start, span) = (host.clock.now(), Duration::from_secs(40));
    let period = FRAME - Duration::from_micros(50);
    let replies = host.feed(period, span, |number| job(family, number)).await;
    let (right, wrong) = judged(family, &replies, start, period);
    // Right or wrong, so many are computed.
    poisson(right.len() + wrong.len(), RATE_1387 * span.as_secs_f64());
    let counters = status.borrow().counters;
    assert!(wrong.len().abs_diff(counters.wrong as usize) < 30);
    // At 650 MHz and the sheet's limit of 660 at 80 °C some third of the answers is wrong.
    let share = wrong.len() as f64 / (right.len() + wrong.len()) as f64;
    assert!((0.05..0.6).contains(&share), "{share}");
}

#[tokio::test]
async fn a_bm1366_rolls_versions_by_itself_and_says_which() {
    let family = Family::Bm1366;
    let (mut host, _) = connected(flawless(family, 1, 10));
    host.write(0xa4, 0x9000_ffff).await;
    host.port.codec_mut().set_rolling(true);
    host.bring_up(1, PLL_1366).await;
    let (start, span) = (host.clock.now(), Duration::from_secs(600));
    // One frame goes on for 65,536 versions: 649 s at 485 MHz.
    let replies = host.feed(span, span, |number| job(family, number)).await;
    let (right, wrong) = judged(family, &replies, start, span);
    assert_eq!(wrong, []);
    let rate = 894.0 * 485e6 / (1u64 << (32 + TICKET)) as f64;
    poisson(right.len(), rate * span.as_secs_f64());
    assert!(right.iter().all(|n| n.version_bits & !MASK == 0));
    let high = right
        .iter()
        .filter(|n| n.version_bits >> 28 & 1 == 1)
        .count();
    poisson(
        high,
        right.len() as f64 * (600.0 / 649.2 - 0.5) / (600.0 / 649.2),
    );
    assert!(right.iter().any(|n| n.id & 7 != 0), "sub-cores");
}

#[tokio::test]
async fn without_a_mask_a_bm1366_takes_ten_milliseconds_for_a_frame() {
    let family = Family::Bm1366;
    let (mut host, _) = connected(flawless(family, 1, 11));
    host.bring_up(1, PLL_1366).await;
    let (start, period) = (host.clock.now(), Duration::from_millis(20));
    let span = Duration::from_secs(400);
    let replies = host.feed(period, span, |number| job(family, number)).await;
    let (right, wrong) = judged(family, &replies, start, period);
    assert_eq!(wrong, []);
    let hashes = 2f64.powi(32) * span.as_secs_f64() / period.as_secs_f64();
    poisson(right.len(), hashes / (1u64 << (32 + TICKET)) as f64);
}

#[tokio::test]
async fn a_starved_chain_cools() {
    let family = Family::Bm1387;
    let (mut host, mut status) = connected(flawless(family, 3, 12));
    host.bring_up(3, PLL_1387).await;
    let period = FRAME - Duration::from_micros(50);
    let mut mean = |host: &Host<_>| {
        let status = *status.borrow_and_update();
        assert!(host.clock.now().since(status.at) < Duration::from_secs(2));
        status.mean_die.0
    };
    host.feed(period, Duration::from_secs(60), |number| {
        job(family, number)
    })
    .await;
    let busy = mean(&host);
    host.listen(Duration::from_secs(60)).await;
    let idle = mean(&host);
    assert!(idle < busy - 10.0, "{busy} °C at work, {idle} °C without");
    host.feed(period, Duration::from_secs(60), |number| {
        job(family, number)
    })
    .await;
    assert!(mean(&host) > idle + 5.0);
}

#[tokio::test]
async fn work_before_addresses_is_hashed_as_by_chip_0() {
    let family = Family::Bm1387;
    let (mut host, _) = connected(flawless(family, 9, 13));
    host.write(family.pll(), PLL_1387).await;
    let period = Duration::from_millis(20);
    let replies = host
        .feed(period, Duration::from_secs(1), |number| job(family, number))
        .await;
    assert!(!replies.is_empty());
    for (reply, _) in replies {
        let Reply::Nonce(nonce) = reply else {
            panic!("{reply:?}")
        };
        assert_eq!(nonce.nonce >> 2 & 0x3f, 0);
    }
}

/// Everything that is on the wire in two runs, on a bad line, over more than one thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_comes_out_the_same_every_time() {
    let family = Family::Bm1387;
    let mut runs = Vec::new();
    for _ in 0..3 {
        let mut settings = Settings::new(family, 9, 14, SCALE);
        settings.faults = Faults {
            flip_one_in: std::num::NonZeroU32::new(2000),
            duplicate: 0.1,
            late: 0.1,
            late_by: Duration::from_millis(7),
            ..Faults::default()
        };
        let (mut host, _) = connected(settings);
        host.bring_up(9, PLL_1387).await;
        let span = Duration::from_secs(5);
        runs.push(host.feed(FRAME, span, |number| job(family, number)).await);
    }
    assert!(!runs[0].is_empty());
    assert_eq!(runs[0], runs[1]);
    assert_eq!(runs[0], runs[2]);
}
