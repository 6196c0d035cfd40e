//! The whole against simulated chips: over a pseudo-terminal or a pipe, in virtual time.

use std::num::NonZeroU32;
use std::time::Duration;

use thermine_drivers::bm13xx::controller::Settings;
use thermine_drivers::bm13xx::{Baud, BringUp, Chain, Controller, Family, Link};
use thermine_lab::substrate::{
    Discipline, Drive, Observation, Outcome, Pace, SerialChain, Substrate,
};
use thermine_sim::Params;
use thermine_sim::chips::{self, Faults, Status};
use thermine_units::clock::Clock;
use thermine_units::provenance::Provenance;
use thermine_units::quantity::MegaHertz;
use thermine_units::record::Recorder;
use thermine_units::unit::OperatingPoint;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::sync::watch;
use tokio_serial::{SerialPortBuilderExt, SerialStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::support::{bring_up, difficulty, jobs};

/// Ticket difficulty 64 asks for 4 zero bits.
const SCALE: f64 = 1.0 / 17_179_869_184.0;

fn simulated(family: Family, chips: usize) -> chips::Settings {
    chips::Settings::new(family, chips, 7, SCALE)
}

/// Chips that never hash wrong, however hot.
fn flawless(family: Family, chips: usize) -> chips::Settings {
    let simulated = simulated(family, chips);
    chips::Settings {
        params: Params {
            fmax_mhz: 2000.0,
            ..simulated.params
        },
        ..simulated
    }
}

/// Whether `found` nonces are as many as a chain finds in the time of these steps: within five standard
/// deviations of a Poisson count, and what the line takes.
fn as_fast_as(family: Family, chips: usize, settings: &BringUp, seen: &[Observation], found: u64) {
    let span = seen[seen.len() - 1].ended.since(seen[0].started);
    let rate = family.hash_rate(chips, settings.frequency).0;
    let expected = rate * span.as_secs_f64() / (64.0 * 2f64.powi(32));
    let off = (found as f64 - expected).abs();
    assert!(
        off < 5.0 * expected.sqrt() + 0.02 * expected,
        "{found} {expected}"
    );
}

async fn brought_up<T>(port: T, clock: &Clock, settings: &BringUp, family: Family) -> SerialChain<T>
where
    T: AsyncRead + AsyncWrite + Baud + Unpin + Send,
{
    let mut link = Link::new(port, "simulated chips", family, clock.clone());
    let chain: Chain = link.bring_up(settings).await.expect("a chain");
    let controller = Controller::new(
        link,
        chain,
        Settings {
            difficulty_scale: SCALE,
            ..Settings::default()
        },
    );
    SerialChain::new(
        controller,
        jobs(),
        Discipline::Dialogue,
        Recorder::discard(),
        Provenance::Simulated,
        clock.clone(),
    )
}

async fn piped(
    simulated: chips::Settings,
    settings: &BringUp,
) -> (SerialChain<DuplexStream>, watch::Receiver<Status>) {
    let clock = Clock::virtual_time();
    let (near, far) = duplex(1 << 16);
    let family = simulated.family;
    let status = chips::serve(
        simulated,
        far,
        clock.clone(),
        &TaskTracker::new(),
        &CancellationToken::new(),
    );
    let chain = brought_up(near, &clock, settings, family).await;
    (chain, status.expect("sound settings"))
}

async fn on_a_terminal(
    simulated: chips::Settings,
    settings: &BringUp,
) -> SerialChain<SerialStream> {
    let clock = Clock::virtual_time();
    let family = simulated.family;
    let path = chips::start(
        simulated,
        clock.clone(),
        &TaskTracker::new(),
        &CancellationToken::new(),
    );
    let path = path.expect("a pseudo-terminal");
    let port = tokio_serial::new(path.to_string_lossy(), 115_200).open_native_async();
    brought_up(port.expect("opened"), &clock, settings, family).await
}

fn drive(word: u32, difficulty_asked: f64, hold: u64) -> Drive {
    Drive {
        word,
        later: 0,
        difficulty: difficulty(difficulty_asked),
        duty: 1.0,
        point: OperatingPoint::default(),
        pace: Pace {
            shares: 1,
            hold: Duration::from_millis(hold),
            timeout: Duration::from_millis(hold * 20),
        },
    }
}

async fn steps<T: AsyncRead + AsyncWrite + Unpin + Send>(
    chain: &mut SerialChain<T>,
    drive: &Drive,
    count: u32,
) -> Vec<Observation> {
    let mut seen = Vec::new();
    for word in 0..count {
        let drive = Drive { word, ..*drive };
        seen.push(chain.step(&drive).await.expect("a step"));
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_of_an_s9_hashes_at_its_rate() {
    let settings = BringUp {
        expected: Some(63),
        ..bring_up(Family::Bm1387)
    };
    let mut chain = on_a_terminal(flawless(Family::Bm1387, 63), &settings).await;
    let seen = steps(&mut chain, &drive(0, 128.0, 500), 20).await;
    assert!(seen.iter().all(|s| s.outcome == Outcome::Answered));
    let counts = chain.controller().counts().clone();
    as_fast_as(Family::Bm1387, 63, &settings, &seen, counts.nonces);
    assert_eq!((counts.unknown, counts.hardware_errors), (0, 0));
    // Every second nonce is a share of twice the difficulty.
    let half = counts.accepted as f64 / counts.nonces as f64;
    assert!((half - 0.5).abs() < 0.15, "{counts:?}");
    assert!(counts.chips.iter().filter(|chip| chip.nonces > 0).count() > 40);
}

#[tokio::test]
async fn a_single_bm1366_hashes_at_its_rate_with_rolling_and_without() {
    for version_mask in [None, Some(0x1fff_e000)] {
        let settings = BringUp {
            expected: Some(1),
            version_mask,
            ..bring_up(Family::Bm1366)
        };
        let (mut chain, _) = piped(flawless(Family::Bm1366, 1), &settings).await;
        let seen = steps(&mut chain, &drive(0, 64.0, 10_000), 10).await;
        let counts = chain.controller().counts().clone();
        as_fast_as(Family::Bm1366, 1, &settings, &seen, counts.nonces);
        assert_eq!(
            (counts.unknown, counts.easy, counts.hardware_errors),
            (0, 0, 0)
        );
    }
}

#[tokio::test]
async fn duty_and_clock_reach_rate_and_heat() {
    let (mut chain, status) = piped(flawless(Family::Bm1387, 8), &bring_up(Family::Bm1387)).await;
    let full = drive(0, 64.0, 60_000);
    let found = |seen: &[Observation]| seen[0].shares.len() as f64;
    let warm = found(&steps(&mut chain, &full, 1).await);
    let hot = status.borrow().mean_die.0;
    let half = Drive { duty: 0.5, ..full };
    let lean = found(&steps(&mut chain, &half, 1).await);
    let cool = status.borrow().mean_die.0;
    assert!((lean / warm - 0.5).abs() < 0.2, "{lean} {warm}");
    assert!(cool < hot - 1.0, "{cool} {hot}");
    let slow = Drive {
        point: OperatingPoint {
            frequency: Some(MegaHertz(400.0)),
            ..OperatingPoint::default()
        },
        ..full
    };
    steps(&mut chain, &slow, 1).await;
    let slowed = found(&steps(&mut chain, &slow, 1).await);
    assert!(
        (slowed / warm - 400.0 / 650.0).abs() < 0.2,
        "{slowed} {warm}"
    );
    assert_eq!(chain.controller().chain().frequency, MegaHertz(400.0));
    let before = status.borrow().mean_die.0;
    chain.controller().stop().await.expect("stopped");
    let later = Duration::from_secs(60);
    let until = status.borrow().at + later;
    assert_eq!(
        chain.controller().next_share(until).await.expect("quiet"),
        None
    );
    assert!(status.borrow().mean_die.0 < before - 5.0);
}

#[tokio::test]
async fn nonces_that_chips_get_wrong_are_counted_as_theirs() {
    let (mut chain, status) = piped(simulated(Family::Bm1387, 8), &bring_up(Family::Bm1387)).await;
    let seen = steps(&mut chain, &drive(0, 64.0, 60_000), 1).await;
    let counts = chain.controller().counts().clone();
    let there = status.borrow().counters;
    assert!(there.wrong > 0);
    assert!(
        counts.hardware_errors.abs_diff(there.wrong) <= 1,
        "{counts:?} {there:?}"
    );
    assert!(counts.nonces.abs_diff(there.nonces - there.wrong) <= 1);
    assert_eq!(u64::from(seen[0].refused.invalid), counts.hardware_errors);
}

#[tokio::test]
async fn a_bad_line_costs_shares_and_nothing_else() {
    for family in [Family::Bm1387, Family::Bm1366] {
        let mut simulated = simulated(family, if family == Family::Bm1387 { 8 } else { 1 });
        simulated.faults = Faults {
            drop_one_in: NonZeroU32::new(4000),
            flip_one_in: NonZeroU32::new(4000),
            garbage: true,
            duplicate: 0.1,
            late: 0.1,
            late_by: Duration::from_millis(20),
        };
        let settings = BringUp {
            expected: Some(simulated.chips),
            ..bring_up(family)
        };
        let (mut chain, status) = piped(simulated, &settings).await;
        let seen = steps(&mut chain, &drive(0, 64.0, 5000), 20).await;
        let counts = chain.controller().counts().clone();
        assert!(counts.repeated > 0, "{counts:?}");
        let there = status.borrow().counters;
        assert!(there.damaged > 0 && there.skipped > 0);
        let nonces = counts.accepted + counts.stale + counts.hardware_errors;
        assert!(nonces * 10 > there.nonces * 8, "{counts:?} {there:?}");
        assert!(seen.iter().all(|s| s.refused.invalid < 10));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_over_a_pseudo_terminal_comes_out_the_same_every_time() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut chain =
            on_a_terminal(simulated(Family::Bm1387, 8), &bring_up(Family::Bm1387)).await;
        let seen = steps(&mut chain, &drive(0, 64.0, 500), 6).await;
        // The nonces themselves differ, as the block time is of the day.
        let shares = seen.iter().flat_map(|s| &s.shares);
        let arrivals: Vec<_> = shares.map(|s| (s.arrived, s.since_job)).collect();
        assert!(!arrivals.is_empty());
        runs.push(arrivals);
    }
    assert_eq!(runs[0], runs[1]);
}
