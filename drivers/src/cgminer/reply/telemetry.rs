//! One reading of a unit, put together from the replies to several commands.

use super::{Device, Stats, Summary, Temps};
use thermine_units::clock::Nanos;
use thermine_units::quantity::HashRate;
use thermine_units::unit::{Board, Telemetry};

/// The telemetry that these replies amount to. `taken` is when the reply with the sensors was read.
///
/// A figure that several replies have is taken from `summary`, then from `stats`, then from `devices`. An S9
/// has its boards and fans in `stats`, a Goldshell unit has them in `devices`.
pub fn telemetry(taken: Nanos, summary: &Summary, stats: &Stats, devices: &[Device]) -> Telemetry {
    let total = |field: fn(&Device) -> Option<u64>| {
        devices
            .iter()
            .filter_map(field)
            .reduce(|a, b| a.saturating_add(b))
    };
    let sum = |field: fn(&Device) -> Option<HashRate>| {
        let rates = devices.iter().filter_map(field);
        rates.reduce(|a, b| HashRate(a.0 + b.0))
    };
    let mut boards = stats.boards.clone();
    if boards.is_empty() {
        boards.extend(devices.iter().filter_map(Device::board));
    }
    let mut fans = stats.fans.clone();
    if fans.is_empty() {
        // Every device lists all fans of the unit.
        let listed = devices.iter().find(|device| !device.fans.is_empty());
        fans.extend(listed.iter().flat_map(|device| &device.fans));
    }
    Telemetry {
        taken,
        boards,
        fans,
        hash_rate: summary
            .hash_rate
            .or(stats.hash_rate)
            .or_else(|| sum(|device| device.hash_rate)),
        hash_rate_average: summary
            .hash_rate_average
            .or(stats.hash_rate_average)
            .or_else(|| sum(|device| device.hash_rate_average)),
        hardware_errors: summary
            .hardware_errors
            .or(stats.hardware_errors)
            .or_else(|| total(|device| device.hardware_errors)),
        accepted: summary.accepted.or_else(|| total(|device| device.accepted)),
        rejected: summary.rejected.or_else(|| total(|device| device.rejected)),
        power: None,
        core_voltage: None,
        uptime: summary
            .uptime
            .or(stats.uptime)
            .or_else(|| devices.iter().filter_map(|device| device.uptime).max()),
    }
}

/// The boards of firmware that has their sensors in `temps`, with what `devs` says of each.
pub fn boards(temps: &[Temps], devices: &[Device]) -> Vec<Board> {
    let board = |(temps, place): (&Temps, u8)| {
        let slot = temps.slot.unwrap_or(place);
        let mut devices = devices.iter();
        let device = devices.find(|device| device.slot == Some(slot));
        Board {
            slot,
            pcb_temp: temps.pcb_temp,
            chip_temp: temps.chip_temp,
            failed_sensors: temps.failed_sensors,
            sensors: temps.sensors,
            hash_rate: device.and_then(|device| device.hash_rate),
            hardware_errors: device.and_then(|device| device.hardware_errors),
            ..Board::default()
        }
    };
    temps.iter().zip(0..).map(board).collect()
}
