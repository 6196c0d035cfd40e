//! The bounds of a model.

use std::time::Duration;

use crate::quantity::{Celsius, MegaHertz, Volts};
use crate::unit::OperatingPoint;

/// What a model may be set to, and when it must be stopped. Configuration may only tighten these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Chip clock, lowest and highest.
    pub frequency: (MegaHertz, MegaHertz),
    /// Core voltage, lowest and highest; `None` where it cannot be set.
    pub voltage: Option<(Volts, Volts)>,
    /// Lowest fan speed as a fraction of full speed; `None` where the fan cannot be set.
    pub fan_min: Option<f64>,
    /// Chip temperature at which the unit must be stopped.
    pub chip_stop: Celsius,
    /// Circuit-board temperature at which it must be stopped.
    pub board_stop: Celsius,
    /// Regulator temperature at which it must be stopped; `None` where it is not sensed.
    pub regulator_stop: Option<Celsius>,
    /// How far all must cool below their limit before the unit may run again, K.
    pub hysteresis: f64,
    /// Age at which a reading no longer counts: the unit is then taken to be hot.
    pub stale_after: Duration,
    /// Fans whose speed a whole unit reports; 0 where they are not on the wire.
    pub fans: u8,
    /// Where the unit makes the least heat that its wire can ask for. All `None` where nothing can be set:
    /// there the only safe act is to withhold work.
    pub safe: OperatingPoint,
}
