//! Addresses and registers, with the times of the replies.

use std::time::Duration;

use thermine_drivers::bm13xx::register::CHIP_ADDRESS;
use thermine_drivers::bm13xx::{Command, Family, Reply, Target};
use thermine_sim::chips::Settings;
use thermine_units::clock::Nanos;

use crate::host::{SCALE, connected};

fn bits(count: u64, baud: f64) -> f64 {
    count as f64 / baud
}

fn seconds(span: Duration) -> f64 {
    span.as_secs_f64()
}

#[tokio::test]
async fn sixty_three_chips_answer_one_after_the_other_at_the_pace_of_the_line() {
    let (mut host, _) = connected(Settings::new(Family::Bm1387, 63, 1, SCALE));
    let replies = host.read(Target::All, CHIP_ADDRESS).await;
    assert_eq!(replies.len(), 63);
    let first = replies[0].1.since(Nanos::ZERO);
    // The request's 5 bytes there, 7 back.
    assert!(
        (seconds(first) - bits(120, 115_741.0)).abs() < 1e-6,
        "{first:?}"
    );
    for pair in replies.windows(2) {
        let apart = pair[1].1.since(pair[0].1);
        assert!(
            (seconds(apart) - bits(70, 115_741.0)).abs() < 1e-6,
            "{apart:?}"
        );
    }
    let id = |address: u32| Reply::Register {
        value: 0x1387_9000 | address,
        of: None,
    };
    assert!(replies.iter().all(|(reply, _)| *reply == id(0)));

    host.bring_up(63, 0x0068_0221).await;
    let replies = host.read(Target::All, CHIP_ADDRESS).await;
    let addresses: Vec<Reply> = replies.iter().map(|(reply, _)| *reply).collect();
    assert_eq!(addresses, (0..63).map(|i| id(4 * i)).collect::<Vec<_>>());
    let apart = replies[62].1.since(replies[61].1);
    assert!(
        (seconds(apart) - bits(70, 1_562_500.0)).abs() < 1e-6,
        "{apart:?}"
    );

    let replies = host.read(Target::Chip(8), 0x0c).await;
    let locked = Reply::Register {
        value: 0x8068_0221,
        of: None,
    };
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].0, locked);
}

#[tokio::test]
async fn a_bm1366_says_who_and_what_and_more_once_it_rolls_versions() {
    let (mut host, _) = connected(Settings::new(Family::Bm1366, 1, 1, SCALE));
    let id = Reply::Register {
        value: 0x1366_0000,
        of: Some((0, 0)),
    };
    let replies = host.read(Target::All, CHIP_ADDRESS).await;
    assert_eq!(replies[0].0, id);
    let short = replies[0].1;
    host.write(0xa4, 0x9000_ffff).await;
    host.listen(Duration::from_millis(10)).await;
    // A host that does not know the longer replies understands none.
    assert!(host.read(Target::All, CHIP_ADDRESS).await.is_empty());
    host.port.codec_mut().set_rolling(true);
    let sent = host.clock.now();
    let replies = host.read(Target::All, CHIP_ADDRESS).await;
    assert_eq!(replies[0].0, id);
    let longer = seconds(replies[0].1.since(sent)) - seconds(short.since(Nanos::ZERO));
    assert!((longer - bits(20, 115_741.0)).abs() < 1e-6, "{longer}");
}

#[tokio::test]
async fn what_nobody_knows_is_kept() {
    for family in [Family::Bm1387, Family::Bm1366] {
        let (mut host, _) = connected(Settings::new(family, 1, 1, SCALE));
        host.write(0x77, 0xdead_beef).await;
        let replies = host.read(Target::Chip(0), 0x77).await;
        let Reply::Register { value, .. } = replies[0].0 else {
            panic!("{replies:?}")
        };
        assert_eq!(value, 0xdead_beef);
        assert!(host.read(Target::Chip(9), 0x77).await.is_empty());
        host.command(Command::ChainInactive).await;
        host.command(Command::SetAddress(9)).await;
        assert_eq!(host.read(Target::Chip(9), 0x77).await.len(), 1);
    }
}

#[test]
fn settings_that_contradict_themselves_are_refused() {
    let good = Settings::new(Family::Bm1387, 9, 1, SCALE);
    let mut bad = vec![good.clone(); 5];
    bad[0].chips = 8;
    bad[1].chips = 64;
    bad[2].family = Family::Bm1366;
    bad[3].difficulty_scale = f64::NAN;
    bad[4].faults.duplicate = 1.5;
    for settings in bad {
        let tracker = tokio_util::task::TaskTracker::new();
        let shutdown = tokio_util::sync::CancellationToken::new();
        let clock = thermine_units::clock::Clock::virtual_time();
        let error =
            thermine_sim::chips::start(settings, clock, &tracker, &shutdown).expect_err("refused");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
    }
}
