//! Power and heat of a unit: chips, heatsinks, boards and air.
//!
//! Per chip a die and a heatsink, per column of chips a piece of board, per board its regulators, and the
//! air that warms from column to column:
//!
//! ```text
//! C_die  dTd/dt = P − (Td − Ts)/R_js
//! C_sink dTs/dt = (Td − Ts)/R_js − (Ts − Ta)/R_sa(fan) − (Ts − Tp) G_cp + neighbours
//! C_pcb  dTp/dt = G_cp Σ (Ts − Tp) − (Tp − Ta) G_pa(fan) + neighbours
//! P = a V² f (idle + (1 − idle) activity) + leakage (V/V₀)² exp((Td − 80)/T_l)
//! ```
//!
//! Explicit Euler over one tick; the cost of a tick grows with the number of chips.

use rand::RngExt;
use rand_distr::StandardNormal;

use super::params::Params;
use crate::seed::Rng;

/// Exponent with which the cooling of a surface grows with the air's speed.
const CONVECTION: f64 = 0.6;

/// The thermal state of a unit, and what its chips can do at it. Arrays run over boards, then columns,
/// then chips.
#[derive(Debug, Clone)]
pub struct Thermal {
    params: Params,
    frequency: f64,
    voltage: f64,
    fan_target: f64,
    fan: f64,
    ambient: f64,
    die: Vec<f64>,
    sink: Vec<f64>,
    pcb: Vec<f64>,
    regulator: Vec<f64>,
    max_frequency: Vec<f64>,
    error: Vec<f64>,
    board_power: Vec<f64>,
}

impl Thermal {
    /// A unit at the temperature of its room. `rng` draws the spread of its chips.
    pub fn new(params: &Params, rng: &mut Rng) -> Thermal {
        let chips = params.boards * params.chips_per_board();
        let max_frequency = (0..chips)
            .map(|_| {
                let spread: f64 = rng.sample(StandardNormal);
                params.max_frequency_mhz * (1.0 + params.max_frequency_spread * spread)
            })
            .collect();
        let mut thermal = Thermal {
            frequency: params.frequency_mhz,
            voltage: params.voltage,
            fan_target: params.fan,
            fan: params.fan,
            ambient: params.ambient,
            die: vec![params.ambient; chips],
            sink: vec![params.ambient; chips],
            pcb: vec![params.ambient; params.boards * params.columns],
            regulator: vec![params.ambient; params.boards],
            max_frequency,
            error: vec![0.0; chips],
            board_power: vec![0.0; params.boards],
            params: params.clone(),
        };
        thermal.update_errors();
        thermal
    }

    /// Sets clock (MHz), voltage (V) and fan (fraction of full). The fan follows with its lag.
    pub fn set(&mut self, frequency: f64, voltage: f64, fan: f64) {
        self.frequency = frequency;
        self.voltage = voltage;
        self.fan_target = fan;
        self.update_errors();
    }

    /// Clock in MHz, voltage in V and fan as asked for.
    pub fn settings(&self) -> (f64, f64, f64) {
        (self.frequency, self.voltage, self.fan_target)
    }

    /// Steps on by `dt` seconds in which the chips hashed for the fraction `activity` of the time. `rng`
    /// draws the room's temperature.
    pub fn step(&mut self, dt: f64, activity: f64, rng: &mut Rng) {
        let p = &self.params;
        self.fan += (self.fan_target - self.fan) * (1.0 - (-dt / p.fan_lag).exp());
        let decay = (-dt / p.ambient_time).exp();
        let kick: f64 = rng.sample(StandardNormal);
        self.ambient = p.ambient
            + (self.ambient - p.ambient) * decay
            + p.ambient_spread * (1.0 - decay * decay).sqrt() * kick;
        for board in 0..p.boards {
            self.step_board(board, dt, activity);
        }
        self.update_errors();
    }

    fn step_board(&mut self, board: usize, dt: f64, activity: f64) {
        let p = &self.params;
        let (columns, width) = (p.columns, p.chips_per_column);
        let chips = board * p.chips_per_board()..(board + 1) * p.chips_per_board();
        let die = &mut self.die[chips.clone()];
        let sink = &mut self.sink[chips];
        let pcb = &mut self.pcb[board * columns..(board + 1) * columns];

        let cooling = self.fan.max(0.01).powf(CONVECTION);
        let sink_to_air = cooling / p.sink_to_air;
        let pcb_to_air = cooling * p.pcb_to_air;
        let air_flow = p.air_flow * self.fan.max(0.01);
        let dynamic = p.dynamic
            * self.voltage.powi(2)
            * self.frequency
            * 1e6
            * (p.idle + (1.0 - p.idle) * activity);
        let leakage = p.leakage * (self.voltage / p.voltage).powi(2);

        let mut air = self.ambient;
        let mut power = 0.0;
        // Temperatures before this step of the column upstream, which this loop has already moved on.
        let mut sink_before = [0.0; 8];
        let mut pcb_before = pcb[0];
        for column in 0..columns {
            let pcb_now = pcb[column];
            let mut to_pcb = 0.0;
            let mut to_air = (pcb_now - air) * pcb_to_air;
            for place in 0..width {
                let chip = column * width + place;
                let (die_now, sink_now) = (die[chip], sink[chip]);
                let drawn = dynamic + leakage * ((die_now - 80.0) / p.leakage_rise).exp();
                power += drawn;
                let out = (die_now - sink_now) / p.die_to_sink;
                let shed = (sink_now - air) * sink_to_air;
                let down = (sink_now - pcb_now) * p.sink_to_pcb;
                let mut along = 0.0;
                if column > 0 {
                    along += sink_before[place % 8] - sink_now;
                }
                if column + 1 < columns {
                    along += sink[chip + width] - sink_now;
                }
                sink_before[place % 8] = sink_now;
                die[chip] += dt / p.die_capacity * (drawn - out);
                sink[chip] += dt / p.sink_capacity * (out - shed - down + along * p.sink_to_sink);
                to_pcb += down;
                to_air += shed;
            }
            let mut along = 0.0;
            if column > 0 {
                along += pcb_before - pcb_now;
            }
            if column + 1 < columns {
                along += pcb[column + 1] - pcb_now;
            }
            pcb_before = pcb_now;
            pcb[column] += dt / p.pcb_capacity
                * (to_pcb - (pcb_now - air) * pcb_to_air + along * p.pcb_to_pcb);
            air += to_air / air_flow;
        }
        let loss = p.regulator_loss * power;
        let regulator = &mut self.regulator[board];
        let shed = (*regulator - self.ambient) / p.regulator_to_air;
        *regulator += dt / p.regulator_capacity * (loss - shed);
        self.board_power[board] = power + loss;
    }

    /// e = logistic((f / f_max(V, T) − 1) / w) of each chip.
    fn update_errors(&mut self) {
        let p = &self.params;
        let by_voltage = 1.0 + p.max_frequency_per_voltage * (self.voltage / p.voltage - 1.0);
        for ((error, die), max) in self
            .error
            .iter_mut()
            .zip(&self.die)
            .zip(&self.max_frequency)
        {
            let by_heat = 1.0 + p.max_frequency_per_kelvin * (die - 80.0);
            let load = self.frequency / (max * by_voltage * by_heat) - 1.0;
            *error = 1.0 / (1.0 + (-load / p.error_width).exp());
        }
    }

    /// Share of wrong answers of each chip.
    pub fn errors(&self) -> &[f64] {
        &self.error
    }

    /// Hashes per second of a chip that is hashing, right and wrong ones.
    pub fn chip_rate(&self) -> f64 {
        f64::from(self.params.cores) * self.frequency * 1e6
    }

    /// Power of the whole unit at the last step, in W.
    pub fn power(&self) -> f64 {
        self.board_power.iter().sum()
    }

    /// Fan speed as a fraction of full.
    pub fn fan(&self) -> f64 {
        self.fan
    }

    /// Temperature of the room, in °C.
    pub fn ambient(&self) -> f64 {
        self.ambient
    }

    /// Temperature under the last column of `board`, where its sensor sits, in °C.
    pub fn board_sensor(&self, board: usize) -> f64 {
        self.pcb[(board + 1) * self.params.columns - 1]
    }

    /// Temperature of the last chip of `board`, in °C.
    pub fn chip_sensor(&self, board: usize) -> f64 {
        self.die[(board + 1) * self.params.chips_per_board() - 1]
    }

    /// Whether every temperature is a number in a range that solder survives.
    #[cfg(test)]
    fn is_sane(&self) -> bool {
        let all = [&self.die, &self.sink, &self.pcb, &self.regulator];
        all.into_iter()
            .flatten()
            .all(|t| (-50.0..300.0).contains(t))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;
    use proptest::prelude::*;

    fn still() -> Params {
        Params {
            ambient_spread: 0.0,
            ..Params::s9()
        }
    }

    fn after(thermal: &mut Thermal, seconds: f64, activity: f64) {
        let mut rng = seed::stream(1, "room");
        let tick = thermal.params.tick;
        for _ in 0..(seconds / tick) as usize {
            thermal.step(tick, activity, &mut rng);
        }
    }

    fn warm() -> Thermal {
        let mut thermal = Thermal::new(&still(), &mut seed::stream(1, "chips"));
        after(&mut thermal, 3000.0, 1.0);
        thermal
    }

    fn within(name: &str, got: f64, expected: f64, tolerance: f64) {
        assert!(
            (got / expected - 1.0).abs() < tolerance,
            "{name}: {got:.3}, not {expected:.3}"
        );
    }

    /// The check values of the model: an S9 at full duty in a room of 25 °C.
    #[test]
    fn the_steady_state_is_that_of_an_s9() {
        let thermal = warm();
        let chips = thermal.errors().len() as f64;
        let wrong = thermal.errors().iter().sum::<f64>() / chips;
        let valid = thermal.chip_rate() * (chips - thermal.errors().iter().sum::<f64>());
        within("power in W", thermal.power(), 1254.0, 0.02);
        within("valid hash rate", valid, 12.5e12, 0.02);
        // Published beside these values as 3.6 %, which the model's own formula gives only for chips some
        // 20 K cooler than its power and its last chip's temperature allow.
        within("errors", wrong, 0.019, 0.2);
        within("last board", thermal.board_sensor(0), 74.0, 0.04);
        within("last chip", thermal.chip_sensor(0), 91.0, 0.04);
    }

    /// A step of duty from 1 to 0.5: the fast and the slow response.
    #[test]
    fn a_step_of_duty_cools_die_and_board_in_their_times() {
        let mut thermal = warm();
        let (chip, board) = (thermal.chip_sensor(0), thermal.board_sensor(0));
        after(&mut thermal, 1.0, 0.5);
        within("chip after 1 s", chip - thermal.chip_sensor(0), 2.5, 0.1);
        after(&mut thermal, 9.0, 0.5);
        within("chip after 10 s", chip - thermal.chip_sensor(0), 4.6, 0.1);
        let mut settled = thermal.clone();
        after(&mut settled, 3000.0, 0.5);
        let mut reached = [None; 2];
        for second in 11..1000 {
            after(&mut thermal, 1.0, 0.5);
            let fallen = [
                (chip - thermal.chip_sensor(0)) / (chip - settled.chip_sensor(0)),
                (board - thermal.board_sensor(0)) / (board - settled.board_sensor(0)),
            ];
            for (reached, fallen) in reached.iter_mut().zip(fallen) {
                if fallen >= 0.63 {
                    reached.get_or_insert(f64::from(second));
                }
            }
        }
        within("chip to 63 %", reached[0].expect("reached"), 121.0, 0.15);
        within("board to 63 %", reached[1].expect("reached"), 171.0, 0.15);
    }

    #[test]
    fn in_the_steady_state_the_heat_that_comes_in_goes_out() {
        let thermal = warm();
        let p = &thermal.params;
        let cooling = thermal.fan().powf(CONVECTION);
        let (mut shed, mut power) = (0.0, 0.0);
        for board in 0..p.boards {
            let mut air = thermal.ambient();
            for column in 0..p.columns {
                let pcb = thermal.pcb[board * p.columns + column];
                let mut out = (pcb - air) * cooling * p.pcb_to_air;
                for place in 0..p.chips_per_column {
                    let chip = board * p.chips_per_board() + column * p.chips_per_column + place;
                    out += (thermal.sink[chip] - air) * cooling / p.sink_to_air;
                }
                air += out / (p.air_flow * thermal.fan());
                shed += out;
            }
            shed += (thermal.regulator[board] - thermal.ambient()) / p.regulator_to_air;
            power += thermal.board_power[board];
        }
        within("heat shed in W", shed, power, 0.001);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn no_setting_makes_the_model_leave_the_world(
            settings in proptest::collection::vec((200.0f64..700.0, 0.35f64..0.45, 0.25f64..1.0, 0.0f64..1.0), 1..5),
        ) {
            let mut thermal = Thermal::new(&Params::s9(), &mut seed::stream(2, "chips"));
            for (frequency, voltage, fan, activity) in settings {
                thermal.set(frequency, voltage, fan);
                after(&mut thermal, 200.0, activity);
                prop_assert!(thermal.is_sane());
            }
        }
    }
}
