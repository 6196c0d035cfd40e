//! What a simulated unit's firmware would report.

use std::time::Duration;

use rand_distr::{Distribution, Poisson, StandardNormal};
use serde::{Deserialize, Serialize};

use super::thermal::Network;
use thermine_units::clock::Nanos;
use thermine_units::model::Model;
use thermine_units::params::Params;
use thermine_units::pow::{Algorithm, Difficulty};
use thermine_units::quantity::{Celsius, HashRate, MegaHertz, Rpm, Volts, Watts};
use thermine_units::seed::Rng;
use thermine_units::unit::{Board, Telemetry};

/// Window of the short hash-rate average, s: the 5 s that the cgminer API reports.
const SHORT_WINDOW_S: f64 = 5.0;

/// One sample of all sensors and counters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensors {
    /// When the sample was taken, device time.
    pub(crate) taken: Nanos,
    /// The hash boards in slot order.
    pub boards: Vec<BoardSensors>,
    pub(crate) fans: Vec<Rpm>,
    /// Rate of right hashes, exponential average over 5 s, as counted from the chips' answers.
    pub(crate) hash_rate: HashRate,
    /// The same since start.
    pub hash_rate_average: HashRate,
    /// Wrong answers of the chips since start.
    pub(crate) hardware_errors: u64,
    pub(crate) frequency: MegaHertz,
    /// Voltage set per domain.
    pub(crate) voltage: Volts,
    /// True power drawn, mean over the last sampling period. No firmware knows this.
    pub(crate) wall_power: Watts,
    /// The same as a power meter shows it. The S9 has none: there it is one at the wall.
    pub meter: Watts,
    /// Time since start, at the time of reading.
    pub(crate) uptime: Duration,
    /// Whether the supply is cut because a die was too hot.
    pub(crate) tripped: bool,
}

impl Sensors {
    /// The sample as the driver of a unit of `model` would give it: without what its firmware does not report.
    /// The power of an S9, for one, is that of a meter at the wall and not the unit's own.
    pub fn telemetry(&self, model: Model) -> Telemetry {
        let reports = model.entry().reports;
        let boards = self.boards.iter().zip(reports.slots).map(|(board, slot)| {
            let sensors = [
                reports.board_temperature.then_some(board.pcb),
                Some(board.chip),
                reports.regulator_temperature.then_some(board.regulator),
            ];
            let [pcb_temp, chip_temp, regulator_temp] =
                sensors.map(|sensor| sensor.and_then(alive));
            let failed = sensors
                .into_iter()
                .flatten()
                .filter(|sensor| alive(*sensor).is_none());
            Board {
                slot: *slot,
                pcb_temp,
                chip_temp,
                regulator_temp,
                failed_sensors: failed.count() as u8,
                frequency: Some(self.frequency),
                hash_rate: Some(board.hash_rate),
                hardware_errors: reports.hardware_errors.then_some(board.hardware_errors),
                ..Board::default()
            }
        });
        Telemetry {
            taken: self.taken,
            boards: boards.collect(),
            fans: self
                .fans
                .iter()
                .copied()
                .filter(|fan| fan.0 > 0.0)
                .collect(),
            hash_rate: Some(self.hash_rate),
            hash_rate_average: Some(self.hash_rate_average),
            hardware_errors: reports.hardware_errors.then_some(self.hardware_errors),
            power: reports.power.then_some(self.meter),
            uptime: Some(self.uptime),
            ..Telemetry::default()
        }
    }
}

/// The sensors of one board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoardSensors {
    /// Circuit board at the air's outlet.
    pub(crate) pcb: Celsius,
    /// Chip at the air's outlet.
    pub chip: Celsius,
    /// Voltage regulator; reported by the LV06, not by the S9.
    pub(crate) regulator: Celsius,
    /// Rate of right hashes, exponential average over 5 s.
    pub(crate) hash_rate: HashRate,
    /// The same since start.
    pub(crate) hash_rate_average: HashRate,
    /// Wrong answers of this board's chips since start.
    pub(crate) hardware_errors: u64,
}

/// What a driver takes for a reading of a living sensor: a dead one reads 0, -1 or 255.
fn alive(reading: Celsius) -> Option<Celsius> {
    Some(reading).filter(|celsius| celsius.0 > 0.0 && celsius.0 <= 150.0)
}

/// Takes the samples: noise, rounding, counting.
///
/// Firmware knows its hash rate only by counting its chips' answers at a low difficulty. Each board's right
/// and wrong answers of a period are drawn as Poisson numbers about their expectation. They are drawn apart
/// from the shares, of which a real unit's answers are a superset: counters and shares agree in the mean
/// but not answer by answer.
#[derive(Debug, Clone)]
pub(crate) struct Sampler {
    rng: Rng,
    temperature: Scale,
    power: Scale,
    fan: Scale,
    full_rpm: f64,
    /// Constant errors of each board's sensors, K: circuit board, chip, regulator.
    offsets: Vec<[f64; 3]>,
    answer: f64,
    /// Expected right and wrong hashes of each board since the last sample.
    pending: Vec<(f64, f64)>,
    /// Right hashes of each board counted since start.
    counted: Vec<f64>,
    energy: f64,
    last: Sensors,
}

/// How a sensor renders a value.
#[derive(Debug, Clone, Copy)]
struct Scale {
    noise: f64,
    step: f64,
}

/// What the sampler cannot see for itself.
pub(crate) struct Setting {
    pub(crate) frequency: MegaHertz,
    pub(crate) voltage: Volts,
    pub(crate) tripped: bool,
}

impl Sampler {
    /// From now on with the noise of `rng`.
    pub(crate) fn reseed(&mut self, rng: Rng) {
        self.rng = rng;
    }

    /// With sensors whose errors are `offsets`, see the field.
    pub(crate) fn with_offsets(self, offsets: Vec<[f64; 3]>) -> Sampler {
        Sampler { offsets, ..self }
    }

    pub(crate) fn new(p: &Params, rng: Rng) -> Sampler {
        let cold = BoardSensors {
            pcb: Celsius(p.ambient_c),
            chip: Celsius(p.ambient_c),
            regulator: Celsius(p.ambient_c),
            hash_rate: HashRate(0.0),
            hash_rate_average: HashRate(0.0),
            hardware_errors: 0,
        };
        Sampler {
            rng,
            temperature: Scale {
                noise: p.temperature_noise_k,
                step: p.temperature_step_k,
            },
            power: Scale {
                noise: p.power_noise_w,
                step: p.power_step_w,
            },
            fan: Scale {
                noise: 0.0,
                step: p.fan_step_rpm,
            },
            full_rpm: p.fan_full_rpm,
            offsets: vec![[0.0; 3]; p.boards],
            answer: Difficulty::ONE
                .scaled(p.answer_difficulty)
                .hashes(Algorithm::Sha256d),
            pending: vec![(0.0, 0.0); p.boards],
            counted: vec![0.0; p.boards],
            energy: 0.0,
            last: Sensors {
                taken: Nanos::ZERO,
                boards: vec![cold; p.boards],
                fans: vec![Rpm(0.0); p.fans],
                hash_rate: HashRate(0.0),
                hash_rate_average: HashRate(0.0),
                hardware_errors: 0,
                frequency: MegaHertz(p.frequency_mhz),
                voltage: Volts(p.voltage_v),
                wall_power: Watts(0.0),
                meter: Watts(0.0),
                uptime: Duration::ZERO,
                tripped: false,
            },
        }
    }

    /// The last sample.
    pub(crate) fn last(&self) -> &Sensors {
        &self.last
    }

    /// The chips hashed for `seconds` at these rates of each board (right, wrong; H/s).
    pub(crate) fn hashed(&mut self, seconds: f64, right: &[f64], wrong: &[f64]) {
        for ((sum, right), wrong) in self.pending.iter_mut().zip(right).zip(wrong) {
            sum.0 += right * seconds;
            sum.1 += wrong * seconds;
        }
    }

    /// The unit drew `joules`.
    pub(crate) fn drew(&mut self, joules: f64) {
        self.energy += joules;
    }

    /// Takes a sample at `now`.
    pub(crate) fn sample(&mut self, now: Nanos, network: &Network, setting: &Setting) {
        let period = now.since(self.last.taken).as_secs_f64();
        let uptime = now.since(Nanos::ZERO).as_secs_f64();
        let gain = 1.0 - (-period / SHORT_WINDOW_S).exp();
        for (b, board) in self.last.boards.iter_mut().enumerate() {
            let [pcb, chip, regulator] = self.offsets[b];
            let mut read = |celsius| Celsius(self.temperature.read(celsius, &mut self.rng));
            board.pcb = read(network.sensed_pcb(b) + pcb);
            board.chip = read(network.sensed_die(b) + chip);
            board.regulator = read(network.regulator(b) + regulator);
            if period > 0.0 {
                let (right, wrong) = std::mem::take(&mut self.pending[b]);
                let right = count(right / self.answer, &mut self.rng) * self.answer;
                let wrong = count(wrong / self.answer, &mut self.rng);
                self.counted[b] += right;
                board.hash_rate.0 += (right / period - board.hash_rate.0) * gain;
                board.hash_rate_average = HashRate(self.counted[b] / uptime);
                board.hardware_errors += wrong as u64;
            }
        }
        let boards = &self.last.boards;
        self.last.hash_rate = HashRate(boards.iter().map(|b| b.hash_rate.0).sum());
        self.last.hash_rate_average = HashRate(boards.iter().map(|b| b.hash_rate_average.0).sum());
        self.last.hardware_errors = boards.iter().map(|b| b.hardware_errors).sum();
        let rpm = self.fan.read(network.fan() * self.full_rpm, &mut self.rng);
        self.last.fans.fill(Rpm(rpm));
        if period > 0.0 {
            self.last.wall_power = Watts(std::mem::take(&mut self.energy) / period);
        }
        let meter = self.power.read(self.last.wall_power.0, &mut self.rng);
        self.last.meter = Watts(meter.max(0.0));
        self.last.frequency = setting.frequency;
        self.last.voltage = setting.voltage;
        self.last.tripped = setting.tripped;
        self.last.taken = now;
    }
}

impl Scale {
    fn read(self, value: f64, rng: &mut Rng) -> f64 {
        let noise: f64 = StandardNormal.sample(rng);
        ((value + self.noise * noise) / self.step).round() * self.step
    }
}

/// A Poisson number of mean `mean`; 0 for a mean of 0, which the library refuses.
fn count(mean: f64, rng: &mut Rng) -> f64 {
    Poisson::new(mean).map_or(0.0, |law| law.sample(rng))
}
