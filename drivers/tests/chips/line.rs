//! The pseudo-terminal, as a driver would open it.

use std::path::Path;
use std::time::Duration;

use thermine_drivers::bm13xx::register::CHIP_ADDRESS;
use thermine_drivers::bm13xx::{Family, Target};
use thermine_sim::chips::{Settings, start};
use thermine_units::clock::Clock;
use tokio_serial::{SerialPortBuilderExt, SerialStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::host::{Host, SCALE};
use crate::work::job;

fn open(path: &Path, baud: u32) -> SerialStream {
    tokio_serial::new(path.to_string_lossy(), baud)
        .open_native_async()
        .expect("a port")
}

#[tokio::test]
async fn clients_come_and_go_and_the_chips_stay() {
    let (clock, tracker) = (Clock::virtual_time(), TaskTracker::new());
    let shutdown = CancellationToken::new();
    let settings = Settings::new(Family::Bm1387, 63, 1, SCALE);
    let path = start(settings, clock.clone(), &tracker, &shutdown).expect("a port");
    for round in 0..3 {
        let port = open(&path, if round == 0 { 115_200 } else { 1_562_500 });
        // Each client ends with a token of its own; the chips do not.
        let mut host = Host::new(
            port,
            Family::Bm1387,
            clock.clone(),
            CancellationToken::new(),
        );
        if round == 0 {
            host.bring_up(63, 0x0068_0221).await;
            let port = host.port.get_mut();
            tokio_serial::SerialPort::set_baud_rate(port, 1_562_500).expect("a rate");
        }
        assert_eq!(host.read(Target::All, CHIP_ADDRESS).await.len(), 63);
        let period = Duration::from_micros(2850);
        let replies = host
            .feed(period, Duration::from_secs(2), |number| {
                job(Family::Bm1387, number)
            })
            .await;
        assert!(replies.len() > 10, "{} replies", replies.len());
        host.listen(Duration::from_millis(100)).await;
    }
    shutdown.cancel();
    tracker.close();
    tracker.wait().await;
}

#[tokio::test]
async fn at_another_baud_rate_nothing_is_understood() {
    let (clock, tracker) = (Clock::virtual_time(), TaskTracker::new());
    let shutdown = CancellationToken::new();
    let settings = Settings::new(Family::Bm1366, 1, 1, SCALE);
    let path = start(settings, clock.clone(), &tracker, &shutdown).expect("a port");
    for (baud, answers) in [(115_200, 1), (1_000_000, 0), (9600, 0), (119_000, 1)] {
        let mut host = Host::new(
            open(&path, baud),
            Family::Bm1366,
            clock.clone(),
            CancellationToken::new(),
        );
        let replies = host.read(Target::All, CHIP_ADDRESS).await;
        assert_eq!(replies.len(), answers, "{baud}");
    }
    shutdown.cancel();
}
