//! What the maker leaves to chance: how the units of one model differ.
//!
//! Everything is drawn once for a unit, from its serial number, so that a unit is the same in every run and whatever
//! else happens in it. The spread of the chips' speed stands in [`Params::fmax_spread`]; the rest is here, and is 0
//! unless it is asked for: then all units of a model have the same leakage, sensors and cores.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::params::Params;
use thermine_units::seed;

/// Largest deviation that is drawn, in standard deviations: a part beyond would have failed the maker's test.
const MOST_DEVIATIONS: f64 = 4.0;

/// How the units of a model differ, and which of them this is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spread {
    /// Which unit: the seed of all that the maker left to chance, its chips' speeds among it. Without it the seed of
    /// the run, so that every run has a unit of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
    /// Standard deviation of the logarithm of a chip's leakage.
    pub leakage: f64,
    /// Standard deviation of a unit's mean fmax about the model's, as a fraction of it: from wafer lot to lot.
    pub speed: f64,
    /// Standard deviation of the constant error of a temperature sensor, K.
    pub sensor_k: f64,
    /// Probability that a core is dead.
    pub dead_core: f64,
}

impl Spread {
    /// Unit `serial` of a fleet as one may be made. All four figures are *assumed*; nobody has measured a fleet.
    /// - Leakage: 20 % (1 σ) among chips that passed the same test. Unbinned dies of one process differ by far more,
    ///   up to twentyfold (Borkar et al., DAC 2003).
    /// - Speed: 1 % from lot to lot, beside the 2 % from chip to chip of the model's table.
    /// - Sensors: 1 K, the accuracy that data sheets of remote-diode sensors promise.
    /// - Cores: 1 in 2,000 dead, so that most chips of 114 are whole, as all 114 numbers of a real S9 give shares.
    pub fn assumed(serial: u64) -> Spread {
        Spread {
            serial: Some(serial),
            leakage: 0.2,
            speed: 0.01,
            sensor_k: 1.0,
            dead_core: 0.0005,
        }
    }

    /// The figures by name, for the checks of the parameters: each is to lie between 0 and the second number.
    pub(super) fn figures(&self) -> [(&'static str, f64, f64); 4] {
        [
            ("spread.leakage", self.leakage, 1.0),
            ("spread.speed", self.speed, 0.1),
            ("spread.sensor_k", self.sensor_k, 20.0),
            ("spread.dead_core", self.dead_core, 0.5),
        ]
    }
}

/// What chance made of one unit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Individual {
    /// Its parameters: fmax and dead cores are its own.
    pub(super) params: Params,
    /// Leakage of each chip over the model's, in the order of the thermal network.
    pub(super) leakage: Vec<f64>,
    /// Errors of each board's sensors, K: circuit board, chip, regulator.
    pub(super) offsets: Vec<[f64; 3]>,
    /// Seed of the rest.
    pub(super) serial: u64,
}

impl Individual {
    /// A unit of `params` in a run of `seed`.
    pub(super) fn of(params: &Params, seed: u64) -> Individual {
        let spread = &params.spread;
        let serial = spread.serial.unwrap_or(seed);
        let mut params = params.clone();
        let mut rng = seed::stream(serial, "sim/spread/unit");
        let mut normal = |sd: f64| {
            let deviation: f64 = StandardNormal.sample(&mut rng);
            sd * deviation.clamp(-MOST_DEVIATIONS, MOST_DEVIATIONS)
        };
        let speed = 1.0 + normal(spread.speed);
        let offsets = (0..params.boards)
            .map(|_| [(); 3].map(|()| normal(spread.sensor_k)))
            .collect();
        let leakage = (0..params.chip_count())
            .map(|_| normal(spread.leakage).exp())
            .collect();
        params.fmax_mhz *= speed;
        let mut cores = seed::stream(serial, "sim/spread/cores");
        for chip in 0..params.chip_count() {
            for core in 0..params.layout.cores() {
                let dead = cores.random_bool(spread.dead_core);
                if dead && !params.silicon.is_dead(chip, core) {
                    params.silicon.dead_cores.push((chip, core));
                }
            }
        }
        let cores = params.layout.cores();
        if (0..params.chip_count()).all(|chip| params.silicon.weight(chip, cores) == 0.0) {
            // A unit of which nothing works was never sold.
            params.silicon.dead_cores.truncate(0);
        }
        Individual {
            params,
            leakage,
            offsets,
            serial,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;
    use thermine_units::clock::Nanos;
    use thermine_units::pow::Difficulty;

    fn unit(serial: u64) -> Params {
        Params {
            spread: Spread::assumed(serial),
            ..Params::s9()
        }
    }

    /// Chips of the first finds, and the last sample.
    fn run(params: &Params, seed: u64) -> (Vec<(u8, u8)>, crate::Sensors) {
        let mut device = Device::warm(params, seed);
        device.take_job(1, Difficulty::new(256.0).expect("positive"), true);
        let mut found = Vec::new();
        device.advance(Nanos::from_seconds(60.0), &mut found);
        (
            found.iter().map(|find| (find.chip, find.core)).collect(),
            device.sensors(),
        )
    }

    #[test]
    fn a_serial_number_is_a_unit_whatever_the_run() {
        let individual = |serial, seed| Individual::of(&unit(serial), seed);
        assert_eq!(individual(7, 1), individual(7, 2));
        assert_ne!(individual(7, 1).leakage, individual(8, 1).leakage);
        assert_ne!(individual(7, 1).offsets, individual(8, 1).offsets);
        let (one, other) = (run(&unit(7), 1), run(&unit(7), 2));
        assert_ne!(one.0, other.0, "the same unit, and yet another run");
        let dead: usize = (0..40)
            .map(|serial| individual(serial, 1).params.silicon.dead_cores.len())
            .sum();
        // 40 units of 21,546 cores, 1 in 2,000: 431, standard deviation 21.
        assert!((340..520).contains(&dead), "{dead}");
    }

    #[test]
    fn without_a_spread_nothing_is_changed() {
        let plain = Individual::of(&Params::s9(), 3);
        assert_eq!(plain.params, Params::s9());
        assert!(plain.leakage.iter().all(|factor| *factor == 1.0));
        assert!(plain.offsets.iter().flatten().all(|offset| *offset == 0.0));
        assert_eq!(plain.serial, 3);
    }

    #[test]
    fn the_sensors_show_their_errors() {
        let shown = |serial| {
            let mut params = unit(serial);
            params.spread = Spread {
                sensor_k: 5.0,
                ..Spread {
                    serial: Some(serial),
                    ..Spread::default()
                }
            };
            let offset = Individual::of(&params, 1).offsets[1][1];
            (offset, run(&params, 1).1.boards[1].chip.0)
        };
        let ((a, at_a), (b, at_b)) = (shown(1), shown(2));
        // Readings are rounded to 1 K; fmax differs too, by what moves nothing here.
        assert!(
            ((at_a - at_b) - (a - b)).abs() < 3.0,
            "{a} {b} {at_a} {at_b}"
        );
    }

    #[test]
    fn impossible_spreads_are_named() {
        let bad = Params {
            spread: Spread {
                dead_core: 0.9,
                ..Spread::default()
            },
            ..Params::s9()
        };
        let said = bad.check().expect_err("refused").to_string();
        assert!(said.contains("spread.dead_core"), "{said}");
    }
}
