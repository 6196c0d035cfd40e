//! From reset to a chain that takes work, and all that can be in the way.

use std::time::Duration;

use proptest::prelude::*;
use thermine_drivers::bm13xx::register::Pll;
use thermine_drivers::bm13xx::{
    BringUp, Chain, ChainError, Command, Family, Link, PortError, Request,
};
use thermine_units::clock::Clock;
use thermine_units::quantity::MegaHertz;
use tokio_serial::SerialStream;

use super::support::{Chips, Log, bring_up, opens_cores};

const BOTH: [(Family, usize); 3] = [
    (Family::Bm1387, 63),
    (Family::Bm1387, 1),
    (Family::Bm1366, 1),
];

/// Whatever becomes of it, within bounded wall time.
async fn up(chips: Chips, settings: &BringUp) -> (Result<Chain, ChainError>, Log) {
    let (mut link, log) = chips.connect(&Clock::virtual_time());
    let up = tokio::time::timeout(Duration::from_secs(60), link.bring_up(settings)).await;
    (up.expect("virtual time does not stand still"), log)
}

#[tokio::test]
async fn both_generations_come_up() {
    for (family, count) in BOTH {
        let settings = BringUp {
            expected: Some(count),
            ..bring_up(family)
        };
        let (chain, log) = up(Chips::new(family, count), &settings).await;
        let chain = chain.expect("a chain");
        assert_eq!(chain.addresses.len(), count);
        assert_eq!(chain.frequency, settings.frequency);
        assert!(chain.warnings.is_empty(), "{:?}", chain.warnings);

        // From the slowest clock upwards, never more than a coarse step at a time.
        let clocks: Vec<f64> = log
            .written(family.pll())
            .iter()
            .map(|value| Pll::from_register(family, *value).expect("settings"))
            .map(|pll| pll.frequency().0)
            .collect();
        assert_eq!(clocks[0], family.limits().frequency.0.0);
        assert_eq!(clocks.last(), Some(&settings.frequency.0));
        assert!(
            clocks
                .windows(2)
                .all(|pair| (pair[1] - pair[0]).abs() < 12.5)
        );
        assert_eq!(log.written(family.ticket_mask()), [0xfc]);
        let opened = log
            .requests()
            .iter()
            .filter(|(_, r)| matches!(r, Request::Job(job) if opens_cores(job)))
            .count();
        assert_eq!(opened, if family == Family::Bm1387 { 114 } else { 0 });
    }
}

#[tokio::test]
async fn registers_are_written_as_published() {
    let (chain, log) = up(Chips::new(Family::Bm1387, 3), &bring_up(Family::Bm1387)).await;
    let chain = chain.expect("a chain");
    assert_eq!(
        (chain.addresses, chain.baud_rate),
        (vec![0, 4, 8], 1_562_500)
    );
    assert_eq!(log.written(0x1c), [0x0020_8180, 0x4020_8180]);

    let rolling = BringUp {
        version_mask: Some(0x1fff_e000),
        ..bring_up(Family::Bm1366)
    };
    let (chain, log) = up(Chips::new(Family::Bm1366, 1), &rolling).await;
    let chain = chain.expect("a chain");
    assert_eq!(
        (chain.version_mask, chain.baud_rate),
        (0x1fff_e000, 1_041_667)
    );
    assert_eq!(log.written(0xa4), [0x9000_ffff; 3]);
    assert_eq!(log.written(0x28), [0x1130_0200]);
    assert_eq!(
        log.written(0x3c),
        [
            0x8000_8540,
            0x8000_8020,
            0x8000_8540,
            0x8000_8020,
            0x8000_82aa
        ]
    );
    let inactive = Request::Command(Command::ChainInactive);
    assert_eq!(
        log.requests()
            .iter()
            .filter(|(_, r)| *r == inactive)
            .count(),
        3
    );
}

#[tokio::test]
async fn a_wrong_number_of_chips_is_said() {
    for (there, wanted) in [(62, 63), (63, 62)] {
        let settings = BringUp {
            expected: Some(wanted),
            ..bring_up(Family::Bm1387)
        };
        let (chain, _) = up(Chips::new(Family::Bm1387, there), &settings).await;
        let error = chain.expect_err("a wrong number");
        assert!(
            matches!(error, ChainError::Count { expected, found, .. } if (found, expected) == (there, wanted))
        );
        assert!(
            error
                .to_string()
                .contains(&format!("the test's chain: {there} chips")),
            "{error}"
        );
    }
    let (chain, _) = up(Chips::new(Family::Bm1387, 70), &bring_up(Family::Bm1387)).await;
    assert!(matches!(chain, Err(ChainError::TooMany { found: 64, .. })));
    let other = Chips {
        id: 0x1397_1800,
        ..Chips::new(Family::Bm1387, 3)
    };
    let (chain, _) = up(other, &bring_up(Family::Bm1387)).await;
    assert!(matches!(
        chain,
        Err(ChainError::Foreign {
            id: 0x1397_1800,
            ..
        })
    ));
    let deaf = Chips {
        addressable: 2,
        ..Chips::new(Family::Bm1387, 3)
    };
    let (chain, _) = up(deaf, &bring_up(Family::Bm1387)).await;
    assert!(matches!(
        chain,
        Err(ChainError::Addresses {
            chips: 3,
            answered: 2,
            ..
        })
    ));
}

#[tokio::test]
async fn a_port_that_never_answers_is_given_up() {
    let mute = Chips {
        mute: true,
        ..Chips::new(Family::Bm1387, 3)
    };
    let (chain, _) = up(mute, &bring_up(Family::Bm1387)).await;
    let error = chain.expect_err("silence").to_string();
    assert!(
        error.contains("no chip answers at 115741 or 1562500 baud"),
        "{error}"
    );
}

#[tokio::test]
async fn a_port_that_vanishes_is_an_error_wherever_it_happens() {
    for (family, count) in BOTH {
        let (chain, log) = up(Chips::new(family, count), &bring_up(family)).await;
        chain.expect("a chain");
        let all = log.requests().len();
        for after in (1..=all).step_by(7) {
            let chips = Chips {
                hang_up: Some(after),
                ..Chips::new(family, count)
            };
            let (chain, _) = up(chips, &bring_up(family)).await;
            let gone = |error: &PortError| matches!(error, PortError::Closed | PortError::Io(_));
            assert!(
                matches!(&chain, Err(ChainError::Port { source, .. }) if gone(source)),
                "after {after}: {chain:?}"
            );
        }
    }
}

#[tokio::test]
async fn impossible_settings_are_refused_before_a_byte_is_sent() {
    let good = bring_up(Family::Bm1387);
    let bad = [
        BringUp {
            frequency: MegaHertz(701.0),
            ..good
        },
        BringUp {
            frequency: MegaHertz(f64::NAN),
            ..good
        },
        BringUp {
            ticket: 100,
            ..good
        },
        BringUp { ticket: 0, ..good },
        BringUp {
            baud_divider: 27,
            ..good
        },
        BringUp {
            expected: Some(64),
            ..good
        },
        BringUp {
            expected: Some(0),
            ..good
        },
        BringUp {
            version_mask: Some(0x1fff_e000),
            ..good
        },
    ];
    for settings in bad {
        let (chain, log) = up(Chips::new(Family::Bm1387, 1), &settings).await;
        assert!(
            matches!(chain, Err(ChainError::Setting { .. })),
            "{settings:?}"
        );
        assert!(log.requests().is_empty());
    }
    let outside = BringUp {
        version_mask: Some(1),
        ..bring_up(Family::Bm1366)
    };
    assert!(matches!(
        outside.check(Family::Bm1366),
        Err(ChainError::Setting { .. })
    ));
}

#[tokio::test]
async fn clocks_that_read_back_otherwise_are_reported_as_they_are() {
    let slow = Chips {
        pll: Some(0x8050_0221),
        ..Chips::new(Family::Bm1387, 2)
    };
    let (chain, _) = up(slow, &bring_up(Family::Bm1387)).await;
    let chain = chain.expect("a chain");
    assert_eq!(chain.frequency, MegaHertz(500.0));
    assert!(
        chain.warnings[0].contains("500 MHz"),
        "{:?}",
        chain.warnings
    );
}

#[tokio::test]
async fn a_lost_byte_and_noise_between_and_inside_frames_are_overcome() {
    for (family, count) in [(Family::Bm1387, 63), (Family::Bm1366, 1)] {
        let settings = BringUp {
            expected: Some(count),
            ..bring_up(family)
        };
        let chips = Chips::new(family, count).spoilt(move |n, bytes| {
            if n == 0 {
                bytes.remove(3);
            } else if n == count as u64 {
                bytes.insert(4, 0x5a);
            } else if n % 5 == 4 {
                bytes.splice(0..0, [0xff, 0x13, 0x87]);
            }
        });
        let (chain, _) = up(chips, &settings).await;
        let chain = chain.expect("the third count is sound");
        assert_eq!(chain.frequency, settings.frequency);
        assert!(chain.warnings.iter().any(|w| w.contains("no sound frame")));
    }
}

#[tokio::test]
async fn a_pseudo_terminal_will_do() {
    let clock = Clock::virtual_time();
    let (near, far) = SerialStream::pair().expect("a pseudo-terminal");
    Chips::new(Family::Bm1387, 3).run(far, &clock);
    let mut link = Link::new(near, "a pty", Family::Bm1387, clock);
    let chain = link.bring_up(&bring_up(Family::Bm1387)).await;
    assert_eq!(chain.expect("a chain").addresses, [0, 4, 8]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any noise at all: bring-up ends, and without panic.
    #[test]
    fn bring_up_ends_whatever_the_chips_say(
        noise in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..40), instead: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            for (family, count) in [(Family::Bm1387, 3), (Family::Bm1366, 1)] {
                let noise = noise.clone();
                let chips = Chips::new(family, count).spoilt(move |n, bytes| {
                    if instead {
                        bytes.clear();
                    }
                    bytes.extend(&noise[n as usize % noise.len()]);
                });
                let _ = up(chips, &bring_up(family)).await;
            }
        });
    }
}
