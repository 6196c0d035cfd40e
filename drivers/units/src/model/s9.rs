//! Bitmain Antminer S9: three boards of 63 BM1387 chips, Stratum V1 for work, cgminer API for telemetry.

use std::time::Duration;

use super::Limits;
use crate::quantity::{Celsius, MegaHertz};
use crate::unit::OperatingPoint;

/// Slots of its three boards, as `stats` numbers them.
pub const SLOTS: [u8; 3] = [6, 7, 8];

/// Chips on a board, in the order in which the air passes them.
pub const CHIPS_PER_BOARD: u8 = 63;

/// Lowest share difficulty that it answers at: its chips report nothing below.
pub const DIFFICULTY_FLOOR: f64 = 256.0;

/// Hashing lost to one clean job. Measured on a real S9 by the share hazard before and after each of
/// 2,588 job switches (data of arXiv 2601.12032): 25.7 ms.
pub const SWITCH_DEAD_TIME: Duration = Duration::from_micros(25_700);

/// Bounds of a stock S9. It takes no settings over its API; its own firmware stops at a board of 90 °C or
/// a chip of 125 °C and gives no warning, so ours stop it well before.
pub const LIMITS: Limits = Limits {
    frequency: (MegaHertz(100.0), MegaHertz(700.0)),
    voltage: None,
    fan_min: None,
    chip_stop: Celsius(105.0),
    board_stop: Celsius(85.0),
    regulator_stop: None,
    hysteresis: 10.0,
    stale_after: Duration::from_secs(15),
    fans: 2,
    safe: OperatingPoint::UNCHANGED,
};
