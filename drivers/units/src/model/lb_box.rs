//! Goldshell LB-Box: one LBRY board behind Goldshell's controller.

use std::time::Duration;

use super::entry::{Entry, Inputs, Reports, Wire, example};
use super::limits::Limits;
use super::s9;
use crate::nonce::{Field, Layout};
use crate::params::{Params, RegulatorHeats};
use crate::pow::Algorithm;
use crate::quantity::{Celsius, MegaHertz, Volts};
use crate::unit::{OperatingPoint, PowerMode};

/// Bounds of a Box. Nobody published those of the LB-Box: these are of its USB sibling, the LB1 (template
/// with 600 to 850 MHz at 0.43 V; warning at 115 °C, off at 125 °C), well undercut.
pub(crate) const LIMITS: Limits = Limits {
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

/// Assumed for the simulator: a plain counter below the chip's position, and no cores to be told apart.
const LAYOUT: Layout = Layout {
    name: "lb_box",
    source: "assumed",
    is_known: false,
    reversed: false,
    chip: Field {
        bits: &[(28, 4)],
        codes: &[(0, 15)],
    },
    core: Field::NONE,
    counter: &[(0, 28)],
    coverage: 1.0,
    hashes_per_cycle: None,
};

pub(super) const ENTRY: Entry = Entry {
    name: "goldshell-lb-box",
    title: "Goldshell LB-Box",
    aliases: &["lb-box"],
    example: example!("sim-lb-box.toml"),
    algorithm: Algorithm::Lbry,
    chip: None,
    layout: LAYOUT,
    counts_work_in_extranonce2: false,
    wire: Wire::Goldshell,
    spellings: &["goldshelllbbox"],
    // The name of its miner over USB.
    agents: &[
        ("icbtminer", "a Goldshell Box"),
        ("goldshell", "a Goldshell Box"),
    ],
    agents_are_assumed: true,
    reports: Reports {
        slots: &[0],
        board_temperature: false,
        regulator_temperature: false,
        power: false,
        hardware_errors: true,
    },
    difficulty_floor: 0.0,
    // Assumed to be that of an S9.
    switch_dead_time: s9::SWITCH_DEAD_TIME,
    limits: LIMITS,
    inputs: Inputs {
        frequency: (0.7 * 750.0, 750.0),
        voltage: (0.95 * 0.43, 0.43),
        fan: (0.5, 1.0),
        sweep_voltage: (0.41, 0.45, 0.01),
        sweep_frequency: (500.0, 800.0, 50.0),
        sweep_difficulty: (256.0, 4096.0),
        sweeps_board_voltage: false,
    },
    physics: |_| Params::lb_box(),
};

impl Params {
    /// Goldshell LB-Box: one board. From its nameplate, 175 GH/s at 162 W (maker), and from the template of
    /// its USB sibling LB1, 750 MHz at 0.43 V; everything else is an estimate, such that a unit in a room
    /// of 25 °C has chips of some 75 °C and a board of some 60. Sleep is 0 MHz at 0 V. The speed of the fans
    /// is fixed here, where the real controller holds the board at a temperature by means of them.
    pub fn lb_box() -> Params {
        // The number of chips is a guess; it divides everything evenly.
        let chips = 16.0;
        Params {
            boards: 1,
            columns: 8,
            chips: 2,
            hashes_per_cycle: 178.5e9 / chips / 750e6,
            layout: LAYOUT,
            algorithm: Algorithm::Lbry,
            frequency_mhz: 750.0,
            frequency_min_mhz: 0.0,
            frequency_max_mhz: 850.0,
            frequency_step_mhz: 1.0,
            voltage_v: 0.43,
            reference_v: 0.43,
            voltage_min_v: 0.0,
            voltage_max_v: 0.45,
            fan: 0.5,
            fan_full_rpm: 3000.0,
            // The LB1's template switches off there.
            trip_c: 125.0,
            switched_f: 6.53e-8,
            leakage_w: 0.8,
            regulator_loss: 0.05,
            die_j_k: 0.5,
            die_sink_k_w: 0.8,
            sink_j_k: 30.0,
            sink_air_k_w: 2.2,
            pcb_j_k: 15.0,
            sink_pcb_w_k: 0.1,
            pcb_air_w_k: 0.08,
            regulator_heats: RegulatorHeats::Board,
            air_w_k: 24.0,
            fmax_mhz: 830.0,
            // No floor and no second copies are known.
            difficulty_floor: 1.0,
            copy_probability: 0.0,
            // 2^28 nonces of one chip.
            work_cycles: 268_435_456.0 * chips * 750e6 / 178.5e9,
            temperature_step_k: 0.1,
            temperature_noise_k: 0.1,
            fan_step_rpm: 30.0,
            answer_difficulty: 1.0,
            ..Params::s9()
        }
    }
}
