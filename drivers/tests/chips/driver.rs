//! The project's own driver on the simulated chips, through a pseudo-terminal.

use std::time::Duration;

use thermine_drivers::bm13xx::controller::{self, Controller};
use thermine_drivers::bm13xx::{BringUp, Family, Link};
use thermine_sim::chips::{Settings, start};
use thermine_stratum::factory::JobFactory;
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use thermine_units::quantity::MegaHertz;
use thermine_units::seed;
use tokio_serial::SerialPortBuilderExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::host::SCALE;

/// What the driver counts, and its shares, in 20 s of work.
async fn mined(family: Family, chips: usize, version_mask: Option<u32>) -> (u64, Vec<String>) {
    let (clock, tracker) = (Clock::virtual_time(), TaskTracker::new());
    let shutdown = CancellationToken::new();
    let settings = Settings::new(family, chips, 3, SCALE);
    let path = start(settings, clock.clone(), &tracker, &shutdown).expect("a port");
    let port = tokio_serial::new(path.to_string_lossy(), 115_200)
        .open_native_async()
        .expect("a port");
    let mut link = Link::new(port, "a simulated chain", family, clock.clone());
    let (mhz, baud_divider) = match family {
        Family::Bm1387 => (600.0, 1),
        Family::Bm1366 => (485.0, 2),
    };
    let bring_up = BringUp {
        expected: Some(chips),
        frequency: MegaHertz(mhz),
        ticket: 64,
        baud_divider,
        version_mask,
    };
    let chain = link.bring_up(&bring_up).await.expect("a chain");
    assert_eq!(chain.frequency, MegaHertz(mhz));
    assert!(chain.warnings.is_empty(), "{:?}", chain.warnings);
    let settings = controller::Settings {
        difficulty_scale: SCALE,
        ..controller::Settings::default()
    };
    let mut controller = Controller::new(link, chain, settings);
    let mut jobs = JobFactory::new(seed::stream(1, "jobs"));
    let mut shares = Vec::new();
    for step in 0..20 {
        let job = jobs.next(1_700_000_000, step, controller.extranonce_len());
        let difficulty = Difficulty::new(256.0).expect("a difficulty");
        let begun = controller.begin(job, difficulty, true, Some(step.into()));
        begun.await.expect("a port");
        let until = clock.now() + Duration::from_secs(1);
        while let Some(share) = controller.next_share(until).await.expect("a port") {
            shares.push(format!("{share:?}"));
        }
    }
    let counts = controller.counts();
    assert_eq!(
        (counts.unknown, counts.repeated, counts.dropped),
        (0, 0, 0),
        "{family}"
    );
    shutdown.cancel();
    (counts.nonces + counts.hardware_errors, shares)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_is_brought_up_and_mines_the_same_every_time() {
    let (nonces, shares) = mined(Family::Bm1387, 63, None).await;
    // 63 · 114 · 600 MHz over 2^38 hashes, 20 s, five standard deviations.
    assert!(nonces.abs_diff(313) < 90, "{nonces}");
    assert!(!shares.is_empty());
    assert_eq!(mined(Family::Bm1387, 63, None).await, (nonces, shares));
}

#[tokio::test]
async fn a_bm1366_mines_with_and_without_rolling_versions() {
    for mask in [None, Some(0x1fff_e000)] {
        let (nonces, _) = mined(Family::Bm1366, 1, mask).await;
        // 894 · 485 MHz over 2^38 hashes, 20 s.
        assert!(nonces.abs_diff(32) < 29, "{mask:?}: {nonces}");
    }
}
