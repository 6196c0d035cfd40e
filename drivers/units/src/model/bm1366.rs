//! A bare BM1366 on a serial port, as on the board of an LV06.

use std::time::Duration;

use super::entry::{Entry, Reports, Wire, example};
use super::limits::Limits;
use super::lv06;
use crate::params::Params;
use crate::unit::OperatingPoint;

/// Those of an LV06, whose chip this is. No fan, voltage or regulator is on this wire.
const LIMITS: Limits = Limits {
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

pub(super) const ENTRY: Entry = Entry {
    name: "bm1366",
    title: "A bare BM1366 on a serial line",
    aliases: &["bm1366"],
    example: example!("sim-bm1366.toml"),
    wire: Wire::Serial,
    spellings: &[],
    agents: &[],
    reports: Reports {
        regulator_temperature: false,
        power: false,
        hardware_errors: true,
        ..lv06::ENTRY.reports
    },
    // Fed frame by frame, it loses nothing.
    switch_dead_time: Duration::ZERO,
    limits: LIMITS,
    physics: |_| Params::bm1366(),
    ..lv06::ENTRY
};

/// 112 cores of 8 sub-cores, of which 894 are counted to work. Public drivers.
const HASHES_PER_CYCLE: f64 = 894.0;

impl Params {
    /// The BM1366 of an LV06, supply and fan as there. It computes what public drivers count, 894 hashes a
    /// cycle; the maker's 500 GH/s, by which the unit is described, would take more than 485 MHz then.
    pub fn bm1366() -> Params {
        Params {
            hashes_per_cycle: HASHES_PER_CYCLE,
            work_cycles: 4_294_967_296.0 / HASHES_PER_CYCLE,
            ..Params::lv06().bare()
        }
    }
}
