//! A bare BM1366 on a serial port, as on the board of an LV06.

use std::time::Duration;

use super::Limits;
use crate::quantity::{Celsius, MegaHertz};
use crate::unit::OperatingPoint;

/// Bounds of the chip. Voltage and fan are not on this wire.
pub const LIMITS: Limits = Limits {
    frequency: (MegaHertz(50.0), MegaHertz(575.0)),
    voltage: None,
    fan_min: None,
    chip_stop: Celsius(72.0),
    board_stop: Celsius(72.0),
    regulator_stop: None,
    hysteresis: 8.0,
    stale_after: Duration::from_secs(15),
    fans: 0,
    safe: OperatingPoint {
        frequency: Some(MegaHertz(50.0)),
        ..OperatingPoint::UNCHANGED
    },
};
