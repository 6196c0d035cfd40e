//! One reading of a unit, put together from the replies to several commands.

use super::{Device, Stats, Summary};
use crate::clock::Nanos;
use crate::unit::Telemetry;

/// The telemetry that these replies amount to. `taken` is when `stats`, which has the sensors, was read.
///
/// A figure that several replies have is taken from `summary`, then from `stats`, then from `devices`.
pub fn telemetry(taken: Nanos, summary: &Summary, stats: &Stats, devices: &[Device]) -> Telemetry {
    let total = |field: fn(&Device) -> Option<u64>| {
        devices
            .iter()
            .filter_map(field)
            .reduce(|a, b| a.saturating_add(b))
    };
    Telemetry {
        taken,
        boards: stats.boards.clone(),
        fans: stats.fans.clone(),
        hash_rate: summary.hash_rate.or(stats.hash_rate),
        hash_rate_average: summary.hash_rate_average.or(stats.hash_rate_average),
        hardware_errors: summary
            .hardware_errors
            .or(stats.hardware_errors)
            .or_else(|| total(|device| device.hardware_errors)),
        accepted: summary.accepted.or_else(|| total(|device| device.accepted)),
        rejected: summary.rejected.or_else(|| total(|device| device.rejected)),
        power: None,
        core_voltage: None,
        uptime: summary.uptime.or(stats.uptime),
    }
}
