//! Lucky Miner LV06: one BM1366 behind an ESP32 with AxeOS firmware.

use std::time::Duration;

use super::Limits;
use crate::quantity::{Celsius, MegaHertz, Volts};
use crate::unit::OperatingPoint;

/// Its chip.
pub const ASIC: &str = "BM1366";

/// Chips on its only board.
pub const CHIPS: u16 = 1;

/// Small cores of a chip, as the firmware counts them.
pub const SMALL_CORES: u16 = 894;

/// Bounds of the AxeOS page for the BM1366; the firmware itself checks nothing. It shuts down at a chip of
/// 75 °C or a regulator of 105 °C, which ours undercut.
pub const LIMITS: Limits = Limits {
    frequency: (MegaHertz(50.0), MegaHertz(575.0)),
    voltage: Some((Volts(1.0), Volts(1.3))),
    fan_min: Some(0.25),
    chip_stop: Celsius(72.0),
    board_stop: Celsius(72.0),
    regulator_stop: Some(Celsius(100.0)),
    hysteresis: 8.0,
    stale_after: Duration::from_secs(15),
    fans: 1,
    safe: OperatingPoint {
        frequency: Some(MegaHertz(50.0)),
        voltage: Some(Volts(1.0)),
        fan: Some(1.0),
        ..OperatingPoint::UNCHANGED
    },
};
