//! A bare chain of BM1387 on a serial port: an S9's board without its controller.

use super::{Limits, s9};
use crate::unit::OperatingPoint;

/// Those of an S9, whose chips these are. No fan and no voltage is on this wire.
pub const LIMITS: Limits = Limits {
    fans: 0,
    safe: OperatingPoint {
        frequency: Some(s9::LIMITS.frequency.0),
        ..OperatingPoint::UNCHANGED
    },
    ..s9::LIMITS
};
