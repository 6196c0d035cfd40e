//! A bare chain of BM1387 on a serial port: an S9's board without its controller.

use std::time::Duration;

use super::Limits;
use crate::quantity::{Celsius, MegaHertz};
use crate::unit::OperatingPoint;

/// Bounds of the chip on an S9's board. Voltage and fan are not on this wire.
pub const LIMITS: Limits = Limits {
    frequency: (MegaHertz(100.0), MegaHertz(700.0)),
    voltage: None,
    fan_min: None,
    chip_stop: Celsius(105.0),
    board_stop: Celsius(85.0),
    regulator_stop: None,
    hysteresis: 10.0,
    stale_after: Duration::from_secs(15),
    fans: 0,
    safe: OperatingPoint {
        frequency: Some(MegaHertz(100.0)),
        ..OperatingPoint::UNCHANGED
    },
};
