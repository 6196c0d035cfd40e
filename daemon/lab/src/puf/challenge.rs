//! Challenges: unpredictable jobs, at operating points in an unpredictable order.

use std::time::Duration;

use crate::substrate::{Drive, Pace};
use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use thermine_sim::Params;
use thermine_units::model::Model;
use thermine_units::pow::Difficulty;
use thermine_units::quantity::MegaHertz;
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;

/// Clock of the second place over that of the first: there a chip's own limit decides how much of its work is right, so
/// chips that are alike at their rated clock differ most.
const EDGE: f64 = 1.12;

/// Duty of the second place of a unit whose clock cannot be set.
const HALF: f64 = 0.5;

/// An operating point of a challenge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Its name in features and tables.
    pub name: String,
    /// Chip clock, in MHz; `None` leaves the clock unchanged.
    pub frequency_mhz: Option<f64>,
    /// Part of its time that the unit hashes.
    pub duty: f64,
}

/// What all challenges of a unit have in common, so that their features can be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The unit's model.
    pub model: Model,
    /// Operating points, in the order of the features.
    pub places: Vec<Place>,
    /// Seconds at each place before anything counts, for the heat to settle.
    pub settle_s: f64,
    /// Jobs at each place that count.
    pub jobs: u32,
    /// Shares of each job.
    pub shares: u32,
    pub(super) difficulty: f64,
    /// Longest time for a job, s.
    pub(super) timeout_s: f64,
}

/// How many jobs at each place, and shares of each job, a challenge takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) jobs: u32,
    pub(super) shares: u32,
}

impl Size {
    /// Size of a challenge unless the user says another.
    pub(super) const USUAL: Size = Size {
        jobs: 48,
        shares: 25,
    };
}

impl Plan {
    /// For a unit of `model` that runs at `params`; `settable` if its clock can be set from outside.
    pub(super) fn new(
        model: Model,
        params: &Params,
        settable: bool,
        size: Size,
        difficulty: f64,
    ) -> Plan {
        let place = |name: &str, frequency_mhz, duty| Place {
            name: name.into(),
            frequency_mhz,
            duty,
        };
        let places = if settable {
            let (low, high) = model.limits().frequency;
            let rated = params.frequency_mhz;
            // To a tenth of a MHz, as it stands in files and tables.
            let edge = ((rated * EDGE * 10.0).round() / 10.0).clamp(low.0, high.0);
            vec![
                place("rated", Some(rated), 1.0),
                place("edge", Some(edge), 1.0),
            ]
        } else {
            vec![place("full", None, 1.0), place("half", None, HALF)]
        };
        Plan {
            model,
            places,
            settle_s: 20.0,
            jobs: size.jobs,
            shares: size.shares,
            difficulty,
            timeout_s: 600.0,
        }
    }

    /// Shares of a response to so many jobs at each place.
    pub(super) fn shares_at(&self, jobs: u32) -> u64 {
        self.places.len() as u64 * u64::from(jobs) * u64::from(self.shares)
    }

    /// Whether a unit can be challenged so: a file may hold anything.
    pub(super) fn is_sound(&self) -> bool {
        let place = |place: &Place| {
            (0.05..=1.0).contains(&place.duty)
                && place.frequency_mhz.is_none_or(|f| f.is_finite() && f > 0.0)
        };
        !self.places.is_empty()
            && self.places.len() <= 16
            && self.places.iter().all(place)
            && (1..=100_000).contains(&self.jobs)
            && (1..=100_000).contains(&self.shares)
            && (0.0..=3600.0).contains(&self.settle_s)
            && (1.0..=86_400.0).contains(&self.timeout_s)
            && Difficulty::new(self.difficulty).is_ok()
    }
}

/// A plan with the seed of its unpredictable parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Challenge {
    pub(super) plan: Plan,
    pub(super) seed: u64,
}

/// A step of a challenge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Number of its place in the plan.
    pub(super) place: usize,
    /// Whether its shares count. The first step of each place only lets the heat settle.
    pub(super) counts: bool,
    pub(super) drive: Drive,
}

impl Challenge {
    pub(super) fn new(plan: &Plan, seed: u64) -> Challenge {
        Challenge {
            plan: plan.clone(),
            seed,
        }
    }

    /// The steps, in order: the places shuffled, each job with a random word.
    pub(super) fn steps(&self) -> Vec<Step> {
        let plan = &self.plan;
        let mut order: Vec<usize> = (0..plan.places.len()).collect();
        order.shuffle(&mut seed::stream(self.seed, "puf/order"));
        let mut words = seed::stream(self.seed, "puf/words");
        let mut steps = Vec::new();
        for place in order {
            for job in 0..=plan.jobs {
                let counts = job > 0;
                steps.push(Step {
                    place,
                    counts,
                    drive: plan.drive(place, counts, words.random()),
                });
            }
        }
        steps
    }
}

impl Plan {
    fn drive(&self, place: usize, counts: bool, word: u32) -> Drive {
        let at = &self.places[place];
        Drive {
            word,
            later: 0,
            difficulty: Difficulty::new(self.difficulty).unwrap_or(Difficulty::ONE),
            duty: at.duty,
            point: OperatingPoint {
                frequency: at.frequency_mhz.map(MegaHertz),
                ..OperatingPoint::UNCHANGED
            },
            pace: Pace {
                shares: if counts { self.shares } else { 1 },
                hold: match counts {
                    true => Duration::ZERO,
                    false => Duration::from_secs_f64(self.settle_s),
                },
                timeout: Duration::from_secs_f64(self.timeout_s),
            },
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::puf) fn plan(jobs: u32, shares: u32) -> Plan {
        let size = Size { jobs, shares };
        Plan::new(Model::AntminerS9, &Params::s9(), true, size, 256.0)
    }

    #[test]
    fn no_two_challenges_are_alike_and_each_can_be_repeated() {
        let steps = |seed| Challenge::new(&plan(5, 10), seed).steps();
        assert_eq!(steps(1), steps(1));
        assert_eq!(steps(1).len(), 12);
        let words = |seed| -> Vec<u32> { steps(seed).iter().map(|s| s.drive.word).collect() };
        assert!(words(1).iter().all(|word| !words(2).contains(word)));
        let first = (0..40).filter(|seed| steps(*seed)[0].place == 0).count();
        assert!((8..=32).contains(&first), "both orders occur: {first}");
        assert_eq!(plan(5, 10).shares_at(5), 100);
    }

    #[test]
    fn places_are_within_the_models_limits() {
        let plan = plan(1, 1);
        assert!(plan.is_sound());
        let clocks: Vec<f64> = plan.places.iter().filter_map(|p| p.frequency_mhz).collect();
        assert_eq!(clocks, [600.0, 672.0]);
        let size = Size { jobs: 1, shares: 1 };
        let fixed = Plan::new(Model::AntminerS9, &Params::s9(), false, size, 256.0);
        assert!(fixed.places.iter().all(|p| p.frequency_mhz.is_none()));
        let mut bad = plan;
        bad.places.clear();
        assert!(!bad.is_sound());
    }
}
