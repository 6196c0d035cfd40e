//! One unit of a model: what chance made of it, within the model's [`Spread`](thermine_units::params::Spread).
//!
//! Everything is drawn once for a unit, from its serial number, so that a unit is the same in every run and whatever
//! else happens in it.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use thermine_units::params::Params;
use thermine_units::seed;

/// Largest deviation that is drawn, in standard deviations: a part beyond would have failed the maker's test.
const MOST_DEVIATIONS: f64 = 4.0;

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
    use thermine_units::model::s9;
    use thermine_units::params::{Silicon, Spread};
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

    /// Finds of an S9 at difficulty 256 in 2,000 s, and its rate of right hashes as its firmware tells it.
    fn mined(silicon: Silicon) -> (Vec<crate::Find>, f64) {
        let params = Params {
            silicon,
            ..Params::s9()
        };
        let mut device = Device::warm(&params, 7);
        let difficulty = Difficulty::new(256.0).expect("positive");
        device.take_job(1, difficulty, true);
        let mut found = Vec::new();
        device.advance(Nanos::from_seconds(2000.0), &mut found);
        (found, device.sensors().hash_rate_average.0)
    }

    #[test]
    fn a_unit_finds_as_its_silicon_lets_it() {
        let (sound, rate) = mined(Silicon::default());
        let silicon = Silicon {
            weak: vec![(5, 0.5)],
            // A third of the second board.
            dead: (63..84).collect(),
            dead_cores: (0..100).map(|core| (130, core)).collect(),
        };
        let (found, less) = mined(silicon);
        let of = |finds: &[crate::Find], chip: usize| {
            let at =
                |find: &&crate::Find| usize::from(find.board) * 63 + usize::from(find.chip) == chip;
            finds.iter().filter(at).count()
        };
        assert!((63..84).all(|chip| of(&found, chip) == 0 && of(&sound, chip) > 60));
        // Some 120 finds of a sound chip: 60 of one that is half, 15 of one with 14 of 114 cores.
        assert!((35..90).contains(&of(&found, 5)), "{}", of(&found, 5));
        assert!((3..32).contains(&of(&found, 130)), "{}", of(&found, 130));
        let cores = found.iter().filter(|f| f.board == 2 && f.chip == 4);
        let written = |index| s9::LAYOUT.core(index);
        assert!(cores.into_iter().all(|find| find.core >= written(100)));
        // What is lacking: 21 chips, half of one, and 100/114 of one, of 189.
        let wanted = 1.0 - (21.0 + 0.5 + 100.0 / 114.0) / 189.0;
        let ratio = less / rate;
        assert!((ratio / wanted - 1.0).abs() < 0.01, "{ratio} not {wanted}");
    }
}
