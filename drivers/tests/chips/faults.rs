//! Bad lines and nonsense.

use std::num::NonZeroU32;
use std::time::Duration;

use proptest::prelude::*;
use thermine_drivers::bm13xx::register::{CHIP_ADDRESS, VERSION_MASK};
use thermine_drivers::bm13xx::{Command, Family, Reply, Request, Target};
use thermine_sim::chips::{Faults, Settings, serve};
use thermine_units::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::host::{SCALE, connected};
use crate::work::job;

const FAMILY: Family = Family::Bm1387;
const PERIOD: Duration = Duration::from_micros(2850);

fn with(faults: Faults) -> Settings {
    Settings {
        faults,
        ..Settings::new(FAMILY, 9, 3, SCALE)
    }
}

/// Nonces in five seconds of work.
async fn mined(faults: Faults) -> (Vec<Reply>, u64, u64) {
    let (mut host, status) = connected(with(faults));
    host.bring_up(9, 0x0068_0221).await;
    // The bring-up may have suffered; what counts is that the run goes on.
    host.bring_up(9, 0x0068_0221).await;
    let replies = host
        .feed(PERIOD, Duration::from_secs(5), |n| job(FAMILY, n))
        .await;
    host.listen(Duration::from_secs(2)).await;
    let skipped = host.port.codec().skipped();
    let damaged = status.borrow().counters.damaged;
    (
        replies.into_iter().map(|(reply, _)| reply).collect(),
        skipped,
        damaged,
    )
}

#[tokio::test]
async fn lost_and_changed_bytes_cost_frames_and_stop_nothing() {
    let (good, skipped, damaged) = mined(Faults::default()).await;
    assert_eq!((skipped, damaged), (0, 0));
    for faults in [
        Faults {
            drop_one_in: NonZeroU32::new(400),
            ..Faults::default()
        },
        Faults {
            flip_one_in: NonZeroU32::new(400),
            ..Faults::default()
        },
    ] {
        let (bad, _, damaged) = mined(faults).await;
        assert!(damaged > 100, "{damaged}");
        assert!(
            !bad.is_empty() && bad.len() < good.len(),
            "{} {}",
            bad.len(),
            good.len()
        );
    }
}

#[tokio::test]
async fn garbage_comes_with_a_new_clock_and_the_host_finds_back() {
    let (mut host, _) = connected(with(Faults {
        garbage: true,
        ..Faults::default()
    }));
    let mut skipped = 0;
    for _ in 0..20 {
        host.write(FAMILY.pll(), 0x0068_0221).await;
        let replies = host.read(Target::All, CHIP_ADDRESS).await;
        // The last garbage may swallow a reply, and the frame after sets that right.
        assert!(replies.len() >= 8, "{}", replies.len());
        skipped = host.port.codec().skipped();
    }
    assert!(skipped >= 20, "{skipped}");
}

#[tokio::test]
async fn copies_and_late_nonces_are_what_they_say() {
    let (twice, ..) = mined(Faults {
        duplicate: 1.0,
        ..Faults::default()
    })
    .await;
    assert!(twice.len() > 4);
    for pair in twice.chunks_exact(2) {
        assert_eq!(pair[0], pair[1]);
    }
    let (mut host, _) = connected(with(Faults {
        late: 1.0,
        late_by: Duration::from_secs(2),
        ..Faults::default()
    }));
    host.bring_up(9, 0x0068_0221).await;
    let start = host.clock.now();
    let replies = host
        .feed(PERIOD, Duration::from_secs(3), |n| job(FAMILY, n))
        .await;
    assert!(replies[0].1.since(start) > Duration::from_secs(2));
    // Those of the last two seconds come after the work.
    assert!(!host.listen(Duration::from_secs(3)).await.is_empty());
}

/// A pipe that holds less than what the chips have to say: the rest is lost after 5 s, and they go on.
#[tokio::test]
async fn a_host_that_does_not_read_loses_replies_and_nothing_else() {
    let (clock, tracker) = (Clock::real(), TaskTracker::new());
    let shutdown = CancellationToken::new();
    let (mut near, far) = tokio::io::duplex(64);
    let settings = Settings::new(FAMILY, 63, 1, SCALE);
    let mut status = serve(settings, far, clock, &tracker, &shutdown).expect("settings");
    let read = [0x54, 0x05, 0x00, 0x00, 0x19];
    near.write_all(&read).await.expect("sent");
    let lost = status.wait_for(|status| status.counters.unread > 0);
    let lost = tokio::time::timeout(Duration::from_secs(60), lost).await;
    let unread = lost.expect("in time").expect("chips").counters.unread;
    assert_eq!(unread, 63 * 7 - 64);
    near.read_exact(&mut [0; 64])
        .await
        .expect("what went through");
    near.write_all(&read).await.expect("sent");
    let mut reply = [0; 7];
    let answer = near.read_exact(&mut reply);
    let answer = tokio::time::timeout(Duration::from_secs(60), answer).await;
    answer.expect("in time").expect("an answer");
    assert_eq!(reply[..3], [0x13, 0x87, 0x90]);
    shutdown.cancel();
}

fn any_request(family: Family) -> impl Strategy<Value = Request> {
    let registers = prop_oneof![
        any::<u8>(),
        Just(family.pll()),
        Just(family.baud()),
        Just(family.ticket_mask()),
        Just(VERSION_MASK),
    ];
    let to = prop_oneof![Just(Target::All), any::<u8>().prop_map(Target::Chip)];
    prop_oneof![
        any::<u8>().prop_map(|address| Request::Command(Command::SetAddress(address))),
        Just(Request::Command(Command::ChainInactive)),
        (to, registers, any::<u32>()).prop_map(|(to, register, value)| {
            Request::Command(Command::Write {
                to,
                register,
                value,
            })
        }),
        any::<u8>().prop_map(move |number| Request::Job(job(family, number.into()))),
    ]
}

/// Sends `requests`, a while apart, then asks who is there: how many answer, asked twice.
fn present_after(family: Family, requests: Vec<Request>) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (mut host, _) = connected(Settings::new(family, 1, 1, SCALE));
        for request in requests {
            host.send(request).await;
            host.listen(Duration::from_millis(200)).await;
        }
        let mut present = 0;
        // Whether replies have grown depends on who was at which address.
        for rolling in [false, true] {
            host.port.codec_mut().set_rolling(rolling);
            let replies = host.read(Target::All, CHIP_ADDRESS).await;
            let id = |reply: &Reply| matches!(reply, Reply::Register { .. });
            present += replies.iter().filter(|(reply, _)| id(reply)).count();
        }
        present
    })
}

/// Sends `bytes`, then a sound request behind enough silence, and gives what comes back.
fn answer_after(family: Family, bytes: &[u8]) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (clock, tracker) = (Clock::scaled(1000.0), TaskTracker::new());
        let shutdown = CancellationToken::new();
        let (mut near, far) = tokio::io::duplex(1 << 20);
        let settings = Settings::new(family, 1, 1, SCALE);
        serve(settings, far, clock, &tracker, &shutdown).expect("settings");
        near.write_all(bytes).await.expect("sent");
        // Longer than any frame that the nonsense may have begun, and no frame itself.
        near.write_all(&[0xff; 200]).await.expect("sent");
        let read: &[u8] = match family {
            Family::Bm1387 => &[0x54, 0x05, 0x00, 0x00, 0x19],
            Family::Bm1366 => &[0x55, 0xaa, 0x52, 0x05, 0x00, 0x00, 0x0a],
        };
        near.write_all(read).await.expect("sent");
        let mut reply = vec![0; 7];
        let answer = near.read_exact(&mut reply);
        tokio::time::timeout(Duration::from_secs(60), answer)
            .await
            .expect("an answer in time")
            .expect("an answer");
        shutdown.cancel();
        reply
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is written, in whatever order, the chips work on and answer.
    #[test]
    fn any_requests_leave_the_chips_at_work(
        old in prop::collection::vec(any_request(FAMILY), 0..40),
        new in prop::collection::vec(any_request(Family::Bm1366), 0..40),
    ) {
        prop_assert_eq!(present_after(FAMILY, old), 2);
        // One reply in 32 of the wrong length passes the checksum by chance.
        prop_assert!(present_after(Family::Bm1366, new) >= 1);
    }

    /// Whatever comes, the chips do not fall over, and answer the next sound request.
    #[test]
    fn nonsense_is_passed_over(bytes in prop::collection::vec(any::<u8>(), 0..2000), new: bool) {
        let family = if new { Family::Bm1366 } else { FAMILY };
        prop_assert_eq!(answer_after(family, &bytes).len(), 7);
    }

    /// The same with what looks like frames: cut off, too long, with a wrong checksum.
    #[test]
    fn almost_frames_are_passed_over(
        kind in prop::sample::select(vec![0x21u8, 0x41, 0x48, 0x54, 0x55, 0x58, 0x40, 0x51, 0x52, 0x53]),
        length: u8,
        rest in prop::collection::vec(any::<u8>(), 0..160),
        new: bool,
    ) {
        let family = if new { Family::Bm1366 } else { FAMILY };
        let mut bytes = if new { vec![0x55, 0xaa] } else { Vec::new() };
        bytes.extend([kind, length]);
        bytes.extend(rest);
        prop_assert_eq!(answer_after(family, &bytes).len(), 7);
    }
}
