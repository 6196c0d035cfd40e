//! Lucky Miner LV06: one BM1366 behind an ESP32 with AxeOS firmware.

use std::time::Duration;

use super::entry::{Entry, Inputs, Reports, Wire, example};
use super::limits::Limits;
use super::s9;
use crate::nonce::{Field, Layout};
use crate::params::{Params, RegulatorHeats};
use crate::pow::Algorithm;
use crate::quantity::{Celsius, MegaHertz, Volts};
use crate::unit::OperatingPoint;

/// Name of its chip.
pub const ASIC: &str = "BM1366";

/// Chips on its only board.
pub const CHIPS: u16 = 1;

/// Small cores of a chip, as the firmware counts them.
pub const SMALL_CORES: u16 = 894;

/// Nonces of one BM1366 alone, as the simulated chip writes them. Only the core is said by public drivers; the other bits are
/// taken as a plain counter. 32 shares of a real LV06 contradict both: `thermine chips` shows no map by this layout where the
/// nonces do not fit.
pub const LAYOUT: Layout = Layout {
    name: "bm1366",
    source: "public drivers: the core in the top seven bits; one chip alone, as the position in a chain is not told apart; \
             contradicted by the only public shares of an LV06 (see `bm1366-28x4`)",
    is_known: true,
    reversed: true,
    chip: Field::NONE,
    core: Field {
        bits: &[(25, 7)],
        codes: &[(0, 111)],
    },
    counter: &[(0, 25)],
    coverage: 1.0,
    // 112 cores of 8 sub-cores, 894 of which are counted to work.
    hashes_per_cycle: Some(894.0),
};

/// Bounds of the AxeOS page for the BM1366; the firmware itself checks nothing. It shuts down at a chip of
/// 75 °C or a regulator of 105 °C, which ours undercut.
pub const LIMITS: Limits = Limits {
    frequency: (MegaHertz(50.0), MegaHertz(575.0)),
    voltage: Some((Volts(1.0), Volts(1.3))),
    fan_min: Some(0.25),
    chip_stop: Celsius(72.0),
    board_stop: Celsius(72.0),
    regulator_stop: Some(Celsius(100.0)),
    hysteresis: 8.0,
    stale_after: Duration::from_secs(15),
    fans: 1,
    safe: OperatingPoint {
        frequency: Some(MegaHertz(50.0)),
        voltage: Some(Volts(1.0)),
        fan: Some(1.0),
        ..OperatingPoint::UNCHANGED
    },
};

pub(super) const ENTRY: Entry = Entry {
    name: "lucky-miner-lv06",
    title: "Lucky Miner LV06",
    aliases: &["lv06"],
    example: example!("sim-lv06.toml"),
    algorithm: Algorithm::Sha256d,
    chip: Some(ASIC),
    layout: LAYOUT,
    counts_work_in_extranonce2: false,
    wire: Wire::AxeOs,
    spellings: &["lv06", "luckyminerlv06"],
    // AxeOS says `bitaxe/` and the chip, then its version.
    agents: &[
        ("bm1366", "a unit with a BM1366, such as a Lucky Miner LV06"),
        ("bitaxe", "an AxeOS unit"),
        ("axeos", "an AxeOS unit"),
        ("luckyminer", "a Lucky Miner"),
    ],
    agents_are_assumed: false,
    reports: Reports {
        slots: &[0],
        board_temperature: false,
        regulator_temperature: true,
        power: true,
        hardware_errors: false,
    },
    difficulty_floor: 0.0,
    // Assumed to be that of an S9.
    switch_dead_time: s9::SWITCH_DEAD_TIME,
    limits: LIMITS,
    inputs: Inputs {
        frequency: (100.0, 500.0),
        voltage: (1.18, 1.3),
        fan: (0.5, 1.0),
        sweep_voltage: (1.1, 1.3, 0.05),
        sweep_frequency: (300.0, 550.0, 50.0),
        sweep_difficulty: (256.0, 4096.0),
        sweeps_board_voltage: false,
    },
    physics: |_| Params::lv06(),
};

impl Params {
    /// Lucky Miner LV06: one BM1366. What a capture says of work and shares is the S9's and only assumed here.
    pub fn lv06() -> Params {
        Params {
            // Maker: 500 GH/s at 485 MHz, and 10.6 W of its chip. One chip goes through 2^32 hashes of a work item.
            boards: 1,
            columns: 1,
            chips: 1,
            hashes_per_cycle: 500e9 / 485e6,
            layout: LAYOUT,
            frequency_mhz: 485.0,
            voltage_v: 1.2,
            reference_v: 1.2,
            fans: 1,
            switched_f: 10.6 / (1.2 * 1.2 * 485e6),
            work_cycles: 4_294_967_296.0 * 485e6 / 500e9,
            // Sheet: engineering estimates whose steady state fits usual readings.
            fan_lag_s: 2.0,
            leakage_w: 1.3,
            leakage_fold_k: 40.0,
            regulator_loss: 0.1,
            die_j_k: 0.6,
            die_sink_k_w: 0.8,
            sink_j_k: 55.0,
            sink_air_k_w: 2.6,
            pcb_j_k: 25.0,
            sink_pcb_w_k: 0.15,
            pcb_air_w_k: 0.12,
            regulator_j_k: 4.0,
            regulator_k_w: 6.0,
            air_w_k: 1e6,
            fmax_mhz: 535.0,
            fmax_per_voltage: 1.3,
            fmax_per_k: -0.0006,
            temperature_step_k: 0.1,
            temperature_noise_k: 0.1,
            power_step_w: 0.01,
            power_noise_w: 0.03,
            // Fit.
            regulator_heats: RegulatorHeats::Board,
            // Assumed. The bounds are those of the AxeOS page.
            frequency_min_mhz: 50.0,
            frequency_max_mhz: 575.0,
            frequency_step_mhz: 5.0,
            voltage_min_v: 1.0,
            voltage_max_v: 1.3,
            copy_probability: 0.0,
            fan_step_rpm: 1.0,
            answer_difficulty: 256.0,
            ..Params::s9()
        }
    }
}
