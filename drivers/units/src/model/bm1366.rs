//! A bare BM1366 on a serial port, as on the board of an LV06.

use super::{Limits, lv06};
use crate::unit::OperatingPoint;

/// Those of an LV06, whose chip this is. No fan, voltage or regulator is on this wire.
pub const LIMITS: Limits = Limits {
    voltage: None,
    fan_min: None,
    regulator_stop: None,
    fans: 0,
    safe: OperatingPoint {
        frequency: Some(lv06::LIMITS.frequency.0),
        ..OperatingPoint::UNCHANGED
    },
    ..lv06::LIMITS
};
