//! Heat and current in a unit: a network of nodes, stepped by explicit Euler.
//!
//! Per chip a die and a heatsink node, per column a node of circuit board, per board a regulator node:
//!
//! ```text
//! C_die  dTd/dt = P − (Td − Ts)/R_js
//! C_sink dTs/dt = (Td − Ts)/R_js − (Ts − Tair)·h/R0 − (Ts − Tp)·G_cp + G_ss·Σ(Ts' − Ts)
//! C_pcb  dTp/dt = G_cp·Σ(Ts − Tp) − (Tp − Tair)·G_pa·h + G_pp·Σ(Tp' − Tp) + regulator heat
//! C_reg  dTr/dt = loss·ΣP − (Tr − Tref)/R_reg
//! Tair'  = Tair + (heat that the column gives to the air)/(m·cp·fan),   h = fan^0.6
//! P      = V²·(a·f·act + (leakage/V0²)·exp((Td − 80)/T_l))
//! ```
//!
//! P is V² times a conductance, and the columns of a board are in series: one current flows through all,
//! so that the board's voltage divides between the columns in inverse proportion to their conductances.
//! A hot column leaks more, hence gets less voltage. The device model does not spell this out, but without
//! it its check values cannot be met: errors come to 1.6 % instead of 3.6 %, the last chip to 96 °C
//! instead of 91.

use super::exp::exp;
use super::rows::{largest, vectorised};
use thermine_units::params::{Params, RegulatorHeats};
use thermine_units::unit::BOARDS;

/// What drives the network for one tick.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drive {
    /// Voltage set per column, V; 0 with the supply cut.
    pub(crate) voltage: f64,
    /// Mean over the tick of clock rate times activity, Hz.
    pub(crate) clocking: f64,
    /// Clock of each board as a fraction of that; boards beyond these have all of it.
    pub(crate) boards: [f64; BOARDS],
    /// Fan speed that is asked for, fraction of full speed.
    pub(crate) fan: f64,
    /// Air that the fan moves over what it should at its speed.
    pub(crate) flow: f64,
    /// Ambient temperature, °C.
    pub(crate) ambient: f64,
}

/// Temperatures, and the currents that make them.
///
/// Columns are counted board after board, in the order in which the air passes them. Quantities of chips
/// are held as one such row of columns after the other: the k-th chip of column c is number
/// `k * columns + c`. So every loop runs over plain rows, which the compiler vectorises.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    law: Law,
    boards: usize,
    columns_per_board: usize,
    chips_per_column: usize,
    /// Leakage of each chip over the model's.
    leakage: Vec<f64>,
    die: Vec<f64>,
    sink: Vec<f64>,
    pcb: Vec<f64>,
    regulator: Vec<f64>,
    fan: f64,
    /// Voltage of a column over the mean voltage of the board's columns.
    division: Vec<f64>,
    /// Power that a board's chips took in the last tick, W.
    board_power: Vec<f64>,
    scratch: Scratch,
}

/// The parameters in the form in which a step uses them.
#[derive(Debug, Clone)]
pub(crate) struct Law {
    switched: f64,
    leakage: f64,
    per_fold: f64,
    regulator_loss: f64,
    per_die: f64,
    die_sink: f64,
    per_sink: f64,
    sink_air: f64,
    sink_pcb: f64,
    per_pcb: f64,
    pcb_air: f64,
    per_regulator: f64,
    regulator: f64,
    regulator_heats: RegulatorHeats,
    air: f64,
    fan_gain: f64,
    /// Conductance from column c − 1 to column c between heatsinks, and between circuit boards; 0 where
    /// a board begins or ends.
    sink_links: Vec<f64>,
    pcb_links: Vec<f64>,
}

/// Intermediate rows, kept so that a step allocates nothing.
#[derive(Debug, Clone)]
struct Scratch {
    /// Switched conductance of a chip of each column.
    switched: Vec<f64>,
    leakage: Vec<f64>,
    conductance: Vec<f64>,
    voltage_squared: Vec<f64>,
    sink_sum: Vec<f64>,
    air: Vec<f64>,
    regulator_heat: Vec<f64>,
    sink_flow: Vec<f64>,
    pcb_flow: Vec<f64>,
}

impl Network {
    /// Everything at `ambient`, the fan at its default.
    pub(crate) fn new(p: &Params, ambient: f64) -> Network {
        let columns = p.boards * p.columns;
        let row = |value: f64| vec![value; columns];
        let chips = || vec![ambient; columns * p.chips];
        Network {
            law: Law::new(p),
            boards: p.boards,
            columns_per_board: p.columns,
            chips_per_column: p.chips,
            leakage: vec![1.0; columns * p.chips],
            die: chips(),
            sink: chips(),
            pcb: row(ambient),
            regulator: vec![ambient; p.boards],
            fan: p.fan,
            division: row(1.0),
            board_power: vec![0.0; p.boards],
            scratch: Scratch {
                switched: row(0.0),
                leakage: chips(),
                conductance: row(0.0),
                voltage_squared: row(0.0),
                sink_sum: row(0.0),
                air: row(ambient),
                regulator_heat: vec![0.0; p.boards],
                sink_flow: vec![0.0; columns + 1],
                pcb_flow: vec![0.0; columns + 1],
            },
        }
    }

    /// With chips that leak so many times as much as the model's, in the order of the dies.
    pub(crate) fn with_leakage(self, leakage: Vec<f64>) -> Network {
        Network { leakage, ..self }
    }

    /// Advances by one tick.
    pub(crate) fn step(&mut self, drive: Drive) {
        self.fan += (drive.fan - self.fan) * self.law.fan_gain;
        let flow = self.fan * drive.flow;
        let h = flow.powf(0.6);
        vectorised(
            #[inline(always)]
            || {
                self.currents(drive);
                self.regulators(drive.ambient);
                self.air(drive.ambient, h, flow);
                self.nodes(h);
            },
        );
    }

    /// The dies of `board` together took `watts` more in the last tick. No such board, no effect.
    pub(crate) fn heat(&mut self, board: usize, watts: f64) {
        let Some(power) = self.board_power.get_mut(board) else {
            return;
        };
        *power += watts;
        let (columns, per_board) = (self.pcb.len(), self.columns_per_board);
        let rise = self.law.per_die * watts / (per_board * self.chips_per_column) as f64;
        for row in self.die.chunks_exact_mut(columns) {
            row[board * per_board..][..per_board]
                .iter_mut()
                .for_each(|die| *die += rise);
        }
    }

    /// Die temperatures, one row of columns after the other, °C.
    pub(crate) fn die(&self) -> &[f64] {
        &self.die
    }

    /// Every temperature of the network, °C: dies, heatsinks, circuit boards, regulators.
    pub(crate) fn temperatures(&self) -> impl Iterator<Item = f64> {
        let nodes = [&self.die, &self.sink, &self.pcb, &self.regulator];
        nodes.into_iter().flatten().copied()
    }

    /// Voltage of each column over the voltage set per column.
    pub(crate) fn division(&self) -> &[f64] {
        &self.division
    }

    /// Fan speed, fraction of full speed.
    pub(crate) fn fan(&self) -> f64 {
        self.fan
    }

    /// Temperature of the hottest die, °C.
    pub(crate) fn hottest(&self) -> f64 {
        largest(&self.die)
    }

    /// Temperature of the last die of `board` in the air's path, °C: where its chip sensor sits.
    pub(crate) fn sensed_die(&self, board: usize) -> f64 {
        self.die[(board + 1) * self.columns_per_board - 1]
    }

    /// Temperature of the last column's circuit board of `board`, °C: where its PCB sensor sits.
    pub(crate) fn sensed_pcb(&self, board: usize) -> f64 {
        self.pcb[(board + 1) * self.columns_per_board - 1]
    }

    /// Temperature of the regulator of `board`, °C.
    pub(crate) fn regulator(&self, board: usize) -> f64 {
        self.regulator[board]
    }

    /// Power that the unit drew in the last tick, W.
    pub(crate) fn wall_power(&self) -> f64 {
        self.board_power.iter().sum::<f64>() * (1.0 + self.law.regulator_loss)
    }

    /// Leakage conductances, the voltage that each column gets, and the boards' power.
    #[inline(always)]
    fn currents(&mut self, drive: Drive) {
        let (law, s) = (&self.law, &mut self.scratch);
        for ((leakage, die), own) in s.leakage.iter_mut().zip(&self.die).zip(&self.leakage) {
            *leakage = law.leakage * own * exp((die - 80.0) * law.per_fold);
        }
        let columns = s.conductance.len();
        for (board, switched) in s
            .switched
            .chunks_exact_mut(self.columns_per_board)
            .enumerate()
        {
            let part = drive.boards.get(board).unwrap_or(&1.0);
            switched.fill(law.switched * drive.clocking * part);
        }
        for (sum, switched) in s.conductance.iter_mut().zip(&s.switched) {
            *sum = self.chips_per_column as f64 * switched;
        }
        for row in s.leakage.chunks_exact(columns) {
            for (sum, leakage) in s.conductance.iter_mut().zip(row) {
                *sum += leakage;
            }
        }
        let boards = s
            .conductance
            .chunks_exact(self.columns_per_board)
            .zip(s.voltage_squared.chunks_exact_mut(self.columns_per_board))
            .zip(self.division.chunks_exact_mut(self.columns_per_board))
            .zip(&mut self.board_power);
        for (((conductance, squared), division), power) in boards {
            for (resistance, g) in division.iter_mut().zip(conductance) {
                *resistance = 1.0 / g;
            }
            let resistance: f64 = division.iter().sum();
            let mean = resistance / self.columns_per_board as f64;
            for (squared, division) in squared.iter_mut().zip(division) {
                *division /= mean;
                let voltage = drive.voltage * *division;
                *squared = voltage * voltage;
            }
            let supply = drive.voltage * self.columns_per_board as f64;
            *power = supply * supply / resistance;
        }
    }

    /// Regulator temperatures, and the heat that they give off.
    #[inline(always)]
    fn regulators(&mut self, ambient: f64) {
        let law = &self.law;
        for board in 0..self.boards {
            let surroundings = match law.regulator_heats {
                RegulatorHeats::Inlet => ambient,
                RegulatorHeats::Board => {
                    let columns = self.columns_per_board;
                    let pcb = &self.pcb[board * columns..][..columns];
                    pcb.iter().sum::<f64>() / columns as f64
                }
            };
            let heat = (self.regulator[board] - surroundings) * law.regulator;
            self.scratch.regulator_heat[board] = heat;
            self.regulator[board] +=
                law.per_regulator * (law.regulator_loss * self.board_power[board] - heat);
        }
    }

    /// Air temperature before each column, from the first to the last.
    #[inline(always)]
    fn air(&mut self, ambient: f64, h: f64, flow: f64) {
        let (law, s) = (&self.law, &mut self.scratch);
        s.sink_sum.fill(0.0);
        for row in self.sink.chunks_exact(s.sink_sum.len()) {
            for (sum, sink) in s.sink_sum.iter_mut().zip(row) {
                *sum += sink;
            }
        }
        let per_air = 1.0 / (law.air * flow);
        // A column passes g_sink·ΣTs + g_pcb·Tp − (k·g_sink + g_pcb)·Tair to its air.
        let (g_sink, g_pcb) = (law.sink_air * h * per_air, law.pcb_air * h * per_air);
        let keep = 1.0 - (self.chips_per_column as f64 * g_sink + g_pcb);
        for board in 0..self.boards {
            let mut air = ambient;
            if law.regulator_heats == RegulatorHeats::Inlet {
                air += s.regulator_heat[board] * per_air;
            }
            for column in board * self.columns_per_board..(board + 1) * self.columns_per_board {
                s.air[column] = air;
                air = air * keep + g_sink * s.sink_sum[column] + g_pcb * self.pcb[column];
            }
        }
    }

    /// The nodes' balances.
    #[inline(always)]
    fn nodes(&mut self, h: f64) {
        let (law, s) = (&self.law, &mut self.scratch);
        let columns = self.pcb.len();
        let (g_sink_air, g_pcb_air) = (law.sink_air * h, law.pcb_air * h);

        let rows = self
            .die
            .chunks_exact_mut(columns)
            .zip(self.sink.chunks_exact_mut(columns))
            .zip(s.leakage.chunks_exact(columns));
        for ((die, sink), leakage) in rows {
            flows(&mut s.sink_flow, &law.sink_links, sink);
            let (air, pcb, squared, switched) = (
                &s.air[..columns],
                &self.pcb[..columns],
                &s.voltage_squared[..columns],
                &s.switched[..columns],
            );
            let flow = &s.sink_flow[..=columns];
            for c in 0..columns {
                let power = squared[c] * (switched[c] + leakage[c]);
                let to_sink = (die[c] - sink[c]) * law.die_sink;
                let to_air = (sink[c] - air[c]) * g_sink_air;
                let to_pcb = (sink[c] - pcb[c]) * law.sink_pcb;
                die[c] += law.per_die * (power - to_sink);
                sink[c] += law.per_sink * (to_sink - to_air - to_pcb + flow[c] - flow[c + 1]);
            }
        }

        flows(&mut s.pcb_flow, &law.pcb_links, &self.pcb);
        let flow = &s.pcb_flow[..=columns];
        let sinks = self.chips_per_column as f64;
        for (c, pcb) in self.pcb.iter_mut().enumerate() {
            let from_sinks = law.sink_pcb * (s.sink_sum[c] - sinks * *pcb);
            let to_air = g_pcb_air * (*pcb - s.air[c]);
            *pcb += law.per_pcb * (from_sinks - to_air + flow[c] - flow[c + 1]);
        }
        if law.regulator_heats == RegulatorHeats::Board {
            let boards = self.pcb.chunks_exact_mut(self.columns_per_board);
            for (pcb, heat) in boards.zip(&s.regulator_heat) {
                let rise = law.per_pcb * heat / pcb.len() as f64;
                pcb.iter_mut().for_each(|t| *t += rise);
            }
        }
    }
}

/// Heat that flows from column c − 1 into column c, W, for every c and one beyond the last.
#[inline(always)]
fn flows(flow: &mut [f64], links: &[f64], temperatures: &[f64]) {
    let inner = flow[1..].iter_mut().zip(&links[1..]);
    for ((flow, link), pair) in inner.zip(temperatures.windows(2)) {
        *flow = link * (pair[0] - pair[1]);
    }
}

impl Law {
    fn new(p: &Params) -> Law {
        let columns = p.boards * p.columns;
        let links = |conductance: f64| {
            (0..=columns)
                .map(|c| if c % p.columns == 0 { 0.0 } else { conductance })
                .collect()
        };
        Law {
            switched: p.switched_f,
            leakage: p.leakage_w / (p.reference_v * p.reference_v),
            per_fold: 1.0 / p.leakage_fold_k,
            regulator_loss: p.regulator_loss,
            per_die: p.tick_s / p.die_j_k,
            die_sink: 1.0 / p.die_sink_k_w,
            per_sink: p.tick_s / p.sink_j_k,
            sink_air: 1.0 / p.sink_air_k_w,
            sink_pcb: p.sink_pcb_w_k,
            per_pcb: p.tick_s / p.pcb_j_k,
            pcb_air: p.pcb_air_w_k,
            per_regulator: p.tick_s / p.regulator_j_k,
            regulator: 1.0 / p.regulator_k_w,
            regulator_heats: p.regulator_heats,
            air: p.air_w_k,
            fan_gain: 1.0 - (-p.tick_s / p.fan_lag_s).exp(),
            sink_links: links(p.sink_sink_w_k),
            pcb_links: links(p.pcb_pcb_w_k),
        }
    }
}

#[cfg(test)]
mod tests;
