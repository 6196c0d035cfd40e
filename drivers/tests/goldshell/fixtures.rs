//! Replies as files, see `tests/data/README.md`.

use std::time::Duration;

use thermine_drivers::cgminer::Reply;
use thermine_drivers::goldshell::Source;
use thermine_drivers::goldshell::reply::{Setting, devs, minerinfo, pools, status};
use thermine_drivers::poller::Source as _;
use thermine_units::quantity::{Celsius, HashRate, MegaHertz, Rpm, Volts};

use crate::support::{client, data, reply, server};

fn text(name: &str) -> String {
    String::from_utf8(data(name)).expect("text")
}

#[test]
fn a_box_says_who_it_is_where_it_mines_and_how_it_is_set() {
    let identity = status(&data("goldshell-2.2.5-status.json")).expect("readable");
    assert_eq!(identity.model.as_deref(), Some("Goldshell-SCBox"));
    let pools = pools(&data("goldshell-2.2.5-pools.json")).expect("readable");
    assert_eq!(pools.len(), 2);
    assert_eq!(pools[1].active, Some(false));
    let setting = Setting::parse(&data("goldshell-2.2.5-setting.json")).expect("readable");
    let plan = setting.in_force().expect("a plan");
    assert_eq!(
        (plan.frequency, plan.voltage),
        (MegaHertz(725.0), Volts(0.41))
    );
}

#[tokio::test]
async fn one_board_with_one_sensor() {
    let (addr, _) = server(vec![reply(200, &text("goldshell-2.2.5-devs.json"))]).await;
    let clock = thermine_units::clock::Clock::real();
    let telemetry = Source::new(client(addr)).read(&clock).await.expect("read");
    assert_eq!(telemetry.boards[0].chip_temp, Some(Celsius(67.1)));
    assert_eq!(telemetry.boards[0].frequency, Some(MegaHertz(725.0)));
    assert_eq!(telemetry.hash_rate, Some(HashRate(175_123.45e6)));
    assert_eq!(telemetry.hash_rate_average, Some(HashRate(174_000.12e6)));
    assert_eq!(telemetry.fans, [Rpm(1500.0), Rpm(1500.0)]);
    assert_eq!(telemetry.uptime, Some(Duration::from_secs(3600)));
    assert_eq!(
        (telemetry.accepted, telemetry.rejected),
        (Some(250), Some(1))
    );
    assert_eq!(telemetry.hardware_errors, Some(4));
}

#[tokio::test]
async fn two_boards_with_two_sensors_and_four_fans() {
    let (addr, _) = server(vec![reply(200, &text("goldshell-lt5-devs.json"))]).await;
    let clock = thermine_units::clock::Clock::real();
    let telemetry = Source::new(client(addr)).read(&clock).await.expect("read");
    let [first, second] = &telemetry.boards[..] else {
        panic!("{telemetry:?}")
    };
    assert_eq!((first.slot, second.slot), (0, 1));
    assert_eq!(first.chip_temp, Some(Celsius(83.0)), "the hotter");
    // What a sensor says is a reading, however hot: only the interlock says what is too hot.
    assert_eq!(second.chip_temp, Some(Celsius(255.0)));
    assert_eq!(second.failed_sensors, 0);
    assert_eq!(first.frequency, None, "a plan without a clock");
    assert_eq!(
        telemetry.fans.len(),
        4,
        "listed by each board, counted once"
    );
    assert_eq!(telemetry.hash_rate, Some(HashRate(4100e6)));
    assert_eq!(telemetry.accepted, Some(181));
}

#[test]
fn the_board_reads_the_same_from_either_place() {
    let boards = devs(&data("goldshell-2.2.5-devs.json")).expect("readable");
    let printed = minerinfo(&data("goldshell-2.2.5-minerinfo.txt")).expect("readable");
    let reply = Reply::parse(&data("intminer-5.4.2-devs.txt")).expect("JSON");
    assert_eq!(printed, reply.devices());
    let board = printed[0].board().expect("a board");
    assert_eq!(board.chip_temp, boards[0].hottest);
    assert_eq!(board.pcb_temp, Some(Celsius(55.0)));
    assert_eq!(board.hash_rate, boards[0].hash_rate);
    assert_eq!(printed[0].fans, [Rpm(1500.0), Rpm(1470.0)]);
}
