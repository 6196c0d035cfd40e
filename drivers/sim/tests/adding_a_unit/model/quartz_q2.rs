//! Quartz Q2: two BM1366 behind an ESP32 with AxeOS firmware. This model is made up.

use std::time::Duration;

use super::entry::{Entry, Inputs, Reports, Wire, example};
use super::limits::Limits;
use crate::nonce::{Field, Layout};
use crate::params::Params;
use crate::pow::Algorithm;
use crate::quantity::{Celsius, MegaHertz, Volts};
use crate::unit::OperatingPoint;

const LAYOUT: Layout = Layout {
    name: "bm1366_pair",
    source: "2,000 shares of one unit: the seven core bits of the BM1366, then one bit that names the chip",
    is_known: true,
    reversed: true,
    chip: Field {
        bits: &[(24, 1)],
        codes: &[(0, 1)],
    },
    core: Field {
        bits: &[(25, 7)],
        codes: &[(0, 111)],
    },
    counter: &[(0, 24)],
    coverage: 1.0,
    hashes_per_cycle: Some(894.0),
};

/// The model.
pub(crate) const ENTRY: Entry = Entry {
    name: "quartz-q2",
    title: "Quartz Q2",
    aliases: &["q2"],
    example: example!("sim-quartz-q2.toml"),
    algorithm: Algorithm::Sha256d,
    chip: Some("BM1366"),
    layout: LAYOUT,
    counts_work_in_extranonce2: false,
    wire: Wire::AxeOs,
    spellings: &["quartzq2"],
    agents: &[("quartz", "a Quartz Q2")],
    agents_are_assumed: false,
    reports: Reports {
        slots: &[0],
        board_temperature: false,
        regulator_temperature: true,
        power: true,
        hardware_errors: false,
    },
    difficulty_floor: 0.0,
    // Measured over 500 clean jobs.
    switch_dead_time: Duration::from_millis(30),
    // The maker names 75 °C for the chip and 105 °C for the regulator: stopped well below both.
    limits: Limits {
        frequency: (MegaHertz(50.0), MegaHertz(550.0)),
        voltage: Some((Volts(1.0), Volts(1.25))),
        fan_min: Some(0.3),
        chip_stop: Celsius(70.0),
        board_stop: Celsius(70.0),
        regulator_stop: Some(Celsius(95.0)),
        hysteresis: 8.0,
        stale_after: Duration::from_secs(15),
        fans: 1,
        safe: OperatingPoint {
            frequency: Some(MegaHertz(50.0)),
            voltage: Some(Volts(1.0)),
            fan: Some(1.0),
            ..OperatingPoint::UNCHANGED
        },
    },
    inputs: Inputs {
        frequency: (100.0, 480.0),
        voltage: (1.15, 1.25),
        fan: (0.5, 1.0),
        sweep_voltage: (1.1, 1.25, 0.05),
        sweep_frequency: (300.0, 500.0, 50.0),
        sweep_difficulty: (256.0, 4096.0),
        sweeps_board_voltage: false,
    },
    physics: |_| Params {
        // Maker: two chips, 1 TH/s at 480 MHz and 1.2 V.
        columns: 2,
        hashes_per_cycle: 1e12 / 2.0 / 480e6,
        layout: LAYOUT,
        frequency_mhz: 480.0,
        // Assumed. The bounds are those of the limits above.
        frequency_max_mhz: 550.0,
        voltage_max_v: 1.25,
        // Everything else is assumed to be as in an LV06.
        ..Params::lv06()
    },
};
