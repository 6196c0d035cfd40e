//! Replies of the three lines of firmware, as files.

use std::time::Duration;

use thermine_drivers::axeos::{Asic, Info};
use thermine_units::clock::Nanos;
use thermine_units::quantity::{Celsius, HashRate, MegaHertz, Rpm, Volts, Watts};

fn data(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn info(name: &str) -> Info {
    Info::parse(&data(name)).expect("info")
}

#[test]
fn the_lv06_build_of_2_1() {
    let info = info("axeos-2.1.10-lv06-info.json");
    assert_eq!(info.identity.model.as_deref(), Some("LV06"));
    assert_eq!(info.identity.firmware.as_deref(), Some("2.1.10"));
    assert_eq!(info.identity.api, None);
    assert_eq!(info.identity.serial.as_deref(), Some("luckyminer"));
    assert_eq!(
        (info.automatic_fan, info.overheated),
        (Some(true), Some(false))
    );
    assert_eq!((info.best, info.best_session), (Some(4.29e9), Some(873.0)));
    assert_eq!(info.point.voltage, Some(Volts(1.2)));
    let reading = info.telemetry(Nanos(3));
    let board = &reading.boards[0];
    assert_eq!(board.chip_temp, Some(Celsius(58.375)));
    assert_eq!(board.regulator_temp, Some(Celsius(61.0)));
    assert_eq!(board.frequency, Some(MegaHertz(485.0)));
    assert_eq!(board.hash_rate, Some(HashRate(471.25e9)));
    assert_eq!(board.chips, Some(1));
    assert_eq!(reading.power, Some(Watts(13.4375)));
    assert_eq!(reading.core_voltage, Some(Volts(1.187)));
    assert_eq!(reading.fans, [Rpm(5120.0)]);
    assert_eq!((reading.accepted, reading.rejected), (Some(412), Some(3)));
    assert_eq!(reading.uptime, Some(Duration::from_secs(86_431)));
}

#[test]
fn the_lv_line_has_other_fields() {
    let info = info("axeos-lv-lv06-info.json");
    assert_eq!(info.identity.model.as_deref(), Some("LV06"));
    assert_eq!(info.identity.api.as_deref(), Some("v2.9.0"));
    assert_eq!(info.identity.serial.as_deref(), Some("AA:BB:CC:00:11:22"));
    assert_eq!(info.automatic_fan, Some(false));
    let reading = info.telemetry(Nanos(3));
    assert_eq!(reading.boards[0].chips, None);
    assert_eq!(reading.boards[0].frequency, Some(MegaHertz(493.75)));
    assert_eq!(reading.boards[0].failed_sensors, 1);
    assert_eq!(reading.boards[0].chip_temp, None);
    let asic = Asic::parse(&data("axeos-lv-lv06-asic.json")).expect("asic");
    assert_eq!(asic.chips, Some(1));
    assert_eq!(asic.asic.as_deref(), Some("BM1366"));
    assert_eq!(asic.model.as_deref(), Some("LV06"));
}

#[test]
fn the_present_line_has_numbers_for_text() {
    let info = info("axeos-2.15-ultra-info.json");
    assert_eq!(
        (info.best, info.best_session),
        (Some(4_290_000_123.0), Some(51_200.5))
    );
    assert_eq!(info.overheated, Some(true));
    assert_eq!(info.identity.model.as_deref(), Some("BM1366"));
    let reading = info.telemetry(Nanos(3));
    // The clock is on its way up.
    assert_eq!(reading.boards[0].frequency, Some(MegaHertz(456.25)));
    assert_eq!(info.point.frequency, Some(MegaHertz(485.0)));
    assert_eq!(reading.fans, [Rpm(4980.0), Rpm(4100.0)]);
    assert_eq!(reading.boards[0].regulator_temp, None);
    assert_eq!(reading.boards[0].failed_sensors, 0);
}
