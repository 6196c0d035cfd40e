//! The chips' clock, set while they work, and the safe point.

use std::time::Duration;

use thermine_drivers::bm13xx::register::Pll;
use thermine_drivers::bm13xx::{BringUp, Controller, Family};
use thermine_drivers::control::{Change, Control, ControlError};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::unit::OperatingPoint;

use super::support::{Chips, bring_up, controller, difficulty, job, jobs, settings};

fn frequency(mhz: f64) -> OperatingPoint {
    OperatingPoint {
        frequency: Some(MegaHertz(mhz)),
        ..OperatingPoint::default()
    }
}

#[tokio::test]
async fn the_clock_is_ramped_read_back_and_work_goes_on() {
    for (family, to) in [(Family::Bm1387, 500.0), (Family::Bm1366, 400.0)] {
        let (mut controller, log, clock) = controller(Chips::new(family, 1)).await;
        let before = log.written(family.pll()).len();
        let step = job(&mut jobs(), 7);
        let sent = controller.begin(step, difficulty(64.0), true, None).await;
        sent.expect("sent");
        let began = clock.now();
        let applied = controller.set(&frequency(to)).await.expect("set");
        assert_eq!(applied.now, frequency(to));
        assert_eq!(applied.remarks, []);
        let steps: Vec<f64> = log.written(family.pll())[before..]
            .iter()
            .map(|value| Pll::from_register(family, *value).expect("settings"))
            .map(|pll| pll.frequency().0)
            .collect();
        assert!(steps.len() > 12, "{steps:?}");
        assert!(
            steps
                .windows(2)
                .all(|pair| (pair[1] - pair[0]).abs() < 13.0)
        );
        assert_eq!(steps.last(), Some(&to));
        // The chips have not run dry meanwhile.
        let longest = family.job_lasts(1, MegaHertz(to), 0);
        let jobs = log.jobs();
        assert!(jobs.len() > 50);
        assert!(
            jobs.windows(2)
                .all(|pair| pair[1].0.since(pair[0].0) <= longest)
        );
        assert!(clock.now().since(began) > Duration::from_secs(1));
    }
}

#[tokio::test]
async fn what_cannot_be_is_remarked() {
    let (mut controller, log, _) = controller(Chips::new(Family::Bm1387, 1)).await;
    let asked = OperatingPoint {
        voltage: Some(Volts(9.0)),
        fan: Some(0.5),
        ..frequency(900.0)
    };
    let applied = controller.set(&asked).await.expect("set");
    assert_eq!(applied.now, frequency(700.0));
    let remarks: Vec<_> = applied
        .remarks
        .iter()
        .map(|r| (r.setting, &r.what))
        .collect();
    let clamped = Change::Clamped("700 MHz".into());
    assert_eq!(
        remarks,
        [
            ("voltage", &Change::Unsupported),
            ("fan", &Change::Unsupported),
            ("frequency", &clamped)
        ]
    );
    let writes = log.written(0x0c).len();
    let nonsense = controller
        .set(&frequency(f64::NAN))
        .await
        .expect("remarked");
    assert_eq!(nonsense.remarks.len(), 1);
    assert_eq!(nonsense.now, frequency(700.0));
    assert_eq!(log.written(0x0c).len(), writes, "nothing was sent");
    assert_eq!(
        controller.restart().await,
        Err(ControlError::Unsupported("restart"))
    );

    let stuck = Chips {
        pll: Some(0x8050_0221),
        ..Chips::new(Family::Bm1387, 1)
    };
    let (mut controller, ..) = super::support::controller(stuck).await;
    let applied = controller.set(&frequency(600.0)).await.expect("set");
    assert_eq!(applied.now, frequency(500.0));
    assert_eq!(applied.remarks[0].what, Change::ReadBack("500 MHz".into()));
}

#[tokio::test]
async fn the_safe_point_is_the_slowest_clock_and_no_work() {
    let (mut controller, log, clock) = controller(Chips::new(Family::Bm1387, 1)).await;
    let mut factory = jobs();
    let sent = controller
        .begin(job(&mut factory, 7), difficulty(64.0), true, None)
        .await;
    sent.expect("sent");
    let writes = log.written(0x0c).len();
    controller.stop().await.expect("stopped");
    assert_eq!(controller.chain().frequency, MegaHertz(100.0));
    assert_eq!(log.written(0x0c).len(), writes + 1, "at once");
    let jobs = log.jobs().len();
    let later = clock.now() + Duration::from_secs(5);
    assert_eq!(controller.next_share(later).await.expect("quiet"), None);
    assert_eq!(log.jobs().len(), jobs);
    let sent = controller
        .begin(job(&mut factory, 8), difficulty(64.0), true, None)
        .await;
    sent.expect("sent");
    let later = clock.now() + Duration::from_secs(1);
    controller.next_share(later).await.expect("quiet");
    assert!(log.jobs().len() > jobs + 10);
}

#[tokio::test]
async fn chips_that_roll_versions_are_told_to_stop_and_to_go_on() {
    let clock = Clock::virtual_time();
    let (mut link, log) = Chips::new(Family::Bm1366, 1).connect(&clock);
    let rolling = BringUp {
        version_mask: Some(0x1fff_e000),
        ..bring_up(Family::Bm1366)
    };
    let chain = link.bring_up(&rolling).await.expect("a chain");
    let mut controller = Controller::new(link, chain, settings());
    controller.stop().await.expect("stopped");
    let step = job(&mut jobs(), 7);
    let sent = controller.begin(step, difficulty(64.0), true, None).await;
    assert!(sent.expect("sent") > Nanos::ZERO);
    controller
        .next_share(clock.now() + Duration::from_millis(1))
        .await
        .expect("quiet");
    assert_eq!(log.written(0xa4)[3..], [0x9000_0000, 0x9000_ffff]);
}
