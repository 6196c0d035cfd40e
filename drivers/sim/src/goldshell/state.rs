//! What both control wires of a simulated Box know of their unit.

use std::time::Duration;

use super::history::History;
use crate::miner::PoolCounters;
use thermine_units::quantity::{Celsius, HashRate, MegaHertz, Rpm, Volts};

/// Everything that a reply needs, as of the last sample of the sensors. Counters begin at the last restart.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxState {
    /// Time of day on the unit's clock, seconds since the Unix epoch.
    pub(crate) unix: u64,
    /// Time since the miner started.
    pub(crate) elapsed: Duration,
    /// Clock of the chips.
    pub(crate) frequency: MegaHertz,
    /// Voltage that is set, per chip.
    pub(crate) voltage: Volts,
    /// `tstemp-1`, beside the chips.
    pub(crate) chip: Celsius,
    /// `tstemp-2`, on the circuit board.
    pub(crate) pcb: Celsius,
    pub(crate) fans: Vec<Rpm>,
    /// Chips on the board.
    pub(crate) chips: usize,
    /// Hash rate over the short window. The wire says 20 s; the physics averages over 5 s.
    pub(crate) hash_rate: HashRate,
    /// Hash rate since the start.
    pub(crate) hash_rate_average: HashRate,
    /// Wrong answers of the chips.
    pub(crate) hardware_errors: u64,
    /// Megahashes computed.
    pub(crate) total_mh: f64,
    /// The pool's side.
    pub(crate) counters: PoolCounters,
    /// The last hours.
    pub(crate) history: History,
    /// When the newest share was accepted, seconds since the Unix epoch.
    pub(crate) last_share: Option<u64>,
}

impl BoxState {
    /// Right answers at difficulty 1, the unit of `Diff1 Work`.
    pub(super) fn answers(&self) -> f64 {
        self.total_mh * 1e6 / 4_294_967_296.0
    }

    pub(super) fn mhs(&self) -> f64 {
        self.hash_rate.0 * 1e-6
    }

    pub(super) fn mhs_average(&self) -> f64 {
        self.hash_rate_average.0 * 1e-6
    }

    /// Wrong answers among all, 0 of none.
    pub(super) fn error_share(&self) -> f64 {
        ratio(
            self.hardware_errors as f64,
            self.hardware_errors as f64 + self.answers(),
        )
    }

    /// Shares rejected, stale ones apart.
    pub(super) fn rejected(&self) -> u64 {
        self.counters.rejected.saturating_sub(self.counters.stale)
    }

    /// `count` a minute since the start.
    pub(super) fn per_minute(&self, count: f64) -> f64 {
        ratio(count * 60.0, self.elapsed.as_secs_f64())
    }
}

/// `part / whole`, and 0 of nothing.
pub(super) fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
