//! Goldshell LB-Box: one LBRY board behind Goldshell's controller.

use std::time::Duration;

use super::Limits;
use crate::quantity::{Celsius, MegaHertz, Volts};
use crate::unit::{OperatingPoint, PowerMode};

/// Bounds of a Box. Nobody published those of the LB-Box: these are of its USB sibling, the LB1 (template
/// with 600 to 850 MHz at 0.43 V; warning at 115 °C, off at 125 °C), well undercut.
pub const LIMITS: Limits = Limits {
    frequency: (MegaHertz(0.0), MegaHertz(850.0)),
    voltage: Some((Volts(0.0), Volts(0.45))),
    fan_min: None,
    chip_stop: Celsius(95.0),
    board_stop: Celsius(95.0),
    regulator_stop: None,
    hysteresis: 10.0,
    // Its web server falls over when asked more than every few seconds.
    stale_after: Duration::from_secs(45),
    fans: 2,
    safe: OperatingPoint {
        mode: Some(PowerMode::Sleep),
        ..OperatingPoint::UNCHANGED
    },
};
