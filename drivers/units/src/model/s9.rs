//! Bitmain Antminer S9: three boards of 63 BM1387 chips, Stratum V1 for work, cgminer API for telemetry.

use std::time::Duration;

use super::entry::{Entry, Inputs, Reports, Wire, example};
use super::limits::Limits;
use crate::nonce::{Field, Layout};
use crate::params::{Params, RegulatorHeats, Silicon, Spread};
use crate::pow::Algorithm;
use crate::quantity::{Celsius, MegaHertz};
use crate::unit::OperatingPoint;

/// Slots of its three boards, as `stats` numbers them.
pub const SLOTS: [u8; 3] = [6, 7, 8];

/// Chips on a board, in the order in which the air passes them.
pub const CHIPS_PER_BOARD: u8 = 63;

/// Nonces of the BM1387. In this order of the counter's bits, and in no other that was tried, the first 1,600 nonces of a
/// real unit all lie under 0.8971 · 2^19: work is replaced there. The coverage, 0.8973, is of all 2,588.
pub const LAYOUT: Layout = Layout {
    name: "bm1387",
    source: "the nonces of a real S9: 63 of 64 chip codes, 114 of 128 core codes, one order of the counter's bits",
    is_known: true,
    reversed: false,
    chip: Field {
        bits: &[(2, 6)],
        codes: &[(0, 62)],
    },
    core: Field {
        bits: &[(24, 7)],
        codes: &[(0, 56), (64, 120)],
    },
    counter: &[(0, 2), (8, 8), (16, 8), (31, 1)],
    coverage: 0.8973,
    // One by each core.
    hashes_per_cycle: Some(114.0),
};

/// Hashing lost to one clean job. Measured on a real S9 by the share hazard before and after each of
/// 2,588 job switches (data of arXiv 2601.12032): 25.7 ms. These are all rows of that recording, so none is held back that
/// could test this number; the simulator's own law of job switches was fitted to the first 1,600 alone.
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

pub(super) const ENTRY: Entry = Entry {
    name: "antminer-s9",
    title: "Antminer S9",
    aliases: &["s9"],
    example: example!("sim-s9.toml"),
    algorithm: Algorithm::Sha256d,
    chip: Some("BM1387"),
    layout: LAYOUT,
    // Each work item is gone through at a nonce a core and cycle.
    counts_work_in_extranonce2: true,
    wire: Wire::Cgminer,
    spellings: &["antminers9"],
    // Stock firmware says `bmminer/2.0.0` (captures).
    agents: &[
        ("bmminer", "a Bitmain Antminer"),
        ("bosminer", "an Antminer with Braiins OS"),
    ],
    agents_are_assumed: false,
    reports: Reports {
        slots: &SLOTS,
        board_temperature: true,
        regulator_temperature: false,
        power: false,
        hardware_errors: true,
    },
    // Its chips report nothing below.
    difficulty_floor: 256.0,
    switch_dead_time: SWITCH_DEAD_TIME,
    limits: LIMITS,
    inputs: Inputs {
        frequency: (100.0, 600.0),
        // Of a domain; 21 of them in series make a board's 8.2 to 9 V.
        voltage: (0.39, 0.43),
        fan: (0.5, 1.0),
        // Published (arXiv 2601.12032).
        sweep_voltage: (7.0, 8.4, 0.2),
        sweep_frequency: (200.0, 600.0, 25.0),
        sweep_difficulty: (1024.0, 65536.0),
        sweeps_board_voltage: true,
    },
    physics: |_| Params::s9(),
};

/// An S9: what a configuration leaves out is taken from it.
impl Default for Params {
    fn default() -> Params {
        Params::s9()
    }
}

impl Params {
    /// Antminer S9: 189 BM1387 on 3 boards.
    pub fn s9() -> Params {
        Params {
            // Maker: published figures.
            boards: 3,
            columns: 21,
            chips: 3,
            hashes_per_cycle: 114.0,
            algorithm: Algorithm::Sha256d,
            fans: 2,
            fan_full_rpm: 6000.0,
            // Sheet: engineering estimates whose steady state fits usual readings.
            frequency_mhz: 600.0,
            voltage_v: 0.41,
            reference_v: 0.41,
            fan: 0.8,
            fan_min: 0.25,
            fan_lag_s: 3.0,
            switched_f: 5.55e-8,
            idle: 0.15,
            leakage_w: 0.8,
            leakage_fold_k: 35.0,
            regulator_loss: 0.03,
            die_j_k: 0.5,
            die_sink_k_w: 1.2,
            sink_j_k: 12.0,
            sink_air_k_w: 5.0,
            pcb_j_k: 7.0,
            sink_pcb_w_k: 0.05,
            pcb_air_w_k: 0.05,
            pcb_pcb_w_k: 0.4,
            regulator_j_k: 100.0,
            regulator_k_w: 2.0,
            air_w_k: 19.0,
            ambient_c: 25.0,
            ambient_sd_k: 0.5,
            ambient_time_s: 1200.0,
            fmax_mhz: 660.0,
            fmax_per_voltage: 1.6,
            fmax_per_k: 0.0008,
            error_width: 0.02,
            fmax_spread: 0.02,
            temperature_step_k: 1.0,
            temperature_noise_k: 0.25,
            power_step_w: 1.0,
            power_noise_w: 1.0,
            tick_s: 0.25,
            // Capture: measured on the published share log of one real S9.
            layout: LAYOUT,
            difficulty_floor: 256.0,
            switch_min_s: 0.0156,
            switch_max_s: 0.028,
            old_work_s: 0.0065,
            old_work_max_s: 0.02,
            work_cycles: LAYOUT.coverage * 524_288.0,
            queue_min_s: 0.018,
            queue_max_s: 0.036,
            resume_s: 0.032,
            resumed_s: 0.019,
            interrupted_s: 0.035,
            copy_probability: 0.24,
            copy_min_s: 0.017,
            copy_max_s: 0.028,
            // Fit: left open by the sheet, chosen so that its check values come out.
            sink_sink_w_k: 0.3,
            regulator_heats: RegulatorHeats::Inlet,
            // Assumed: plausible, without support.
            frequency_min_mhz: 100.0,
            frequency_max_mhz: 750.0,
            frequency_step_mhz: 6.25,
            voltage_min_v: 7.0 / 21.0,
            voltage_max_v: 9.2 / 21.0,
            trip_c: 125.0,
            release_c: 70.0,
            sensor_period_s: 1.0,
            fan_step_rpm: 120.0,
            answer_difficulty: 64.0,
            silicon: Silicon::default(),
            spread: Spread::default(),
        }
    }
}
