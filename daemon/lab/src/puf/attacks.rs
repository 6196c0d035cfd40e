//! Three ways to pass for a unit: an emulator with a copy of its profile, replayed shares, and a relay to the unit itself.

use std::time::Duration;

use crate::substrate::{Drive, Observation, Outcome, Refused, Sample, Substrate, SubstrateError};
use rand::RngExt;
use rand_distr::{Distribution, Exp1};
use thermine_sim::Params;
use thermine_stratum::factory::JobFactory;
use thermine_stratum::request::Submit;
use thermine_stratum::verifier::{Verifier, job_id};
use thermine_units::clock::Nanos;
use thermine_units::nonce::Origin;
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;
use thermine_units::quantity::{Celsius, HashRate, Volts, Watts};
use thermine_units::record::Verdict;
use thermine_units::seed::{self, Rng};
use thermine_units::unit::{Board, Telemetry};

use super::challenge::{Challenge, Plan};
use super::features::Features;

/// Emulated time from a job to the first hash on it, s: in the middle of the range of an S9.
const PRETENDED_SWITCH_S: f64 = 0.022;

/// Mean number of hashes for a share of the replay: the scale at which simulated units hash.
pub const HASHES_PER_SHARE: f64 = 64.0;

/// A program without such a unit that knows its profile: the mean of each feature.
pub(super) struct Emulator<'a> {
    plan: &'a Plan,
    params: Params,
    features: &'a Features,
    /// Mean of each feature; `None` of a missing one.
    known: Vec<Option<f64>>,
    now: Nanos,
    job: u64,
    rng: Rng,
}

impl<'a> Emulator<'a> {
    /// An emulator that knows the mean of each of `features`. `None` if it cannot form nonces of the model.
    pub(super) fn new(
        plan: &'a Plan,
        features: &'a Features,
        known: Vec<Option<f64>>,
        seed: u64,
    ) -> Option<Emulator<'a>> {
        Some(Emulator {
            plan,
            params: Params::of(plan.model)?,
            features,
            known,
            now: Nanos::ZERO,
            job: 0,
            rng: seed::stream(seed, "puf/emulator"),
        })
    }

    fn value(&self, name: &str) -> Option<f64> {
        let place = self.features.list.iter().position(|f| f.name == name)?;
        *self.known.get(place)?
    }

    /// The values of all features whose name begins with `prefix`, in order.
    fn values(&self, prefix: &str) -> Vec<f64> {
        let list = self.features.list.iter().zip(&self.known);
        list.filter(|(feature, _)| feature.name.starts_with(prefix))
            .filter_map(|(_, known)| *known)
            .collect()
    }

    /// Draws an index in proportion to `weights`; one of `n` uniformly if there are none.
    fn draw(&mut self, weights: &[f64], n: u8) -> u8 {
        let total: f64 = weights.iter().map(|w| w.max(0.0)).sum();
        if total <= 0.0 {
            return self.rng.random_range(0..n.max(1));
        }
        let mut rest = self.rng.random::<f64>() * total;
        let found = weights.iter().position(|weight| {
            rest -= weight.max(0.0);
            rest < 0.0
        });
        found.unwrap_or(0) as u8
    }

    fn telemetry(&self, place: &str) -> Telemetry {
        let boards = (0..self.params.boards).map(|board| {
            let of = |what: &str| self.value(&format!("{place}: board {board} {what}"));
            let errors = of("wrong answers/s");
            Board {
                slot: board as u8,
                pcb_temp: of("circuit board °C").map(Celsius),
                chip_temp: of("chip °C").map(Celsius),
                regulator_temp: of("regulator °C").map(Celsius),
                hash_rate: of("GH/s").map(|rate| HashRate(rate * 1e9)),
                hardware_errors: errors
                    .map(|rate| (rate * self.now.since(Nanos::ZERO).as_secs_f64()) as u64),
                ..Board::default()
            }
        });
        Telemetry {
            taken: self.now,
            boards: boards.collect(),
            power: self.value(&format!("{place}: power W")).map(Watts),
            core_voltage: self.value(&format!("{place}: core V")).map(Volts),
            ..Telemetry::default()
        }
    }
}

impl Substrate for Emulator<'_> {
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        let place = self.plan.places.iter().find(|place| {
            place.frequency_mhz == drive.point.frequency.map(|f| f.0) && place.duty == drive.duty
        });
        let place = place.map_or("", |place| place.name.as_str()).to_string();
        let started = self.now;
        self.job += 1;
        let rate = self
            .value(&format!("{place}: ln shares/s"))
            .map_or(1.0, f64::exp);
        let shares = drive.pace.shares;
        let each = ((f64::from(shares) / rate - PRETENDED_SWITCH_S) / f64::from(shares)).max(1e-4);
        let (chips, cores) = (
            self.values(&format!("{place}: chip ")),
            self.values("core "),
        );
        let layout = self.params.layout;
        let mut at = PRETENDED_SWITCH_S;
        let mut samples = Vec::new();
        for _ in 0..shares {
            let wait: f64 = Exp1.sample(&mut self.rng);
            at += wait * each;
            let chip = self.draw(&chips, (self.params.columns * self.params.chips) as u8);
            let core = layout.core(self.draw(&cores, layout.cores()));
            let counter = self.rng.random_range(0..layout.counters());
            let origin = Origin {
                chip,
                core,
                counter,
            };
            samples.push(Sample {
                job: self.job,
                arrived: started + Duration::from_secs_f64(at),
                since_job: Duration::from_secs_f64(at),
                nonce: layout.encode(origin),
                difficulty: drive.difficulty.get() / (1.0 - self.rng.random::<f64>()),
            });
        }
        self.now = started + Duration::from_secs_f64(at).max(drive.pace.hold);
        Ok(Observation {
            started,
            ended: self.now,
            outcome: Outcome::Answered,
            gap: Duration::ZERO,
            jobs: 1,
            shares: samples,
            refused: Refused::default(),
            telemetry: Some(self.telemetry(&place)),
        })
    }

    fn provenance(&self) -> Provenance {
        Provenance::Simulated
    }
}

/// A unit behind a relay: each job and its shares take `delay` longer, both ways together.
pub(super) struct Relayed<S> {
    unit: S,
    delay: Duration,
    /// Sum of all delays so far.
    late: Duration,
}

impl<S> Relayed<S> {
    pub(super) fn new(unit: S, delay: Duration) -> Relayed<S> {
        Relayed {
            unit,
            delay,
            late: Duration::ZERO,
        }
    }
}

impl<S: Substrate> Substrate for Relayed<S> {
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        let mut seen = self.unit.step(drive).await?;
        seen.started += self.late;
        self.late += self.delay;
        for share in &mut seen.shares {
            share.arrived += self.late;
            share.since_job += self.delay;
        }
        seen.ended += self.late;
        if let Some(reading) = &mut seen.telemetry {
            reading.taken += self.late;
        }
        Ok(seen)
    }

    fn provenance(&self) -> Provenance {
        self.unit.provenance()
    }
}

/// Shares of one challenge sent in response to another: found by hashing, and judged as a server judges them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Replayed {
    /// Shares that were found, all valid for their own challenge.
    pub shares: u64,
    /// Of these, accepted in response to the other challenge.
    pub accepted: u64,
    /// Of these, accepted when sent a second time in response to their own challenge.
    pub twice: u64,
}

/// Finds a share for each step of `old`, and sends it in response to the step of `new` in the same place.
pub(super) fn replay(old: &Challenge, new: &Challenge) -> Replayed {
    let mut sums = Replayed::default();
    let difficulty = Difficulty::new(old.plan.difficulty).unwrap_or(Difficulty::ONE);
    let algorithm = old.plan.model.algorithm();
    let scale = HASHES_PER_SHARE / difficulty.hashes(algorithm);
    let extranonce1 = vec![0, 0, 0, 7];
    let verifier = || Verifier::new(extranonce1.clone(), 4, scale);
    let (mut at_old, mut at_new) = (verifier(), verifier());
    let factory = |challenge: &Challenge| {
        JobFactory::new(seed::stream(challenge.seed, "jobs")).with_algorithm(algorithm)
    };
    let (mut old_jobs, mut new_jobs) = (factory(old), factory(new));
    for (step, other) in old.steps().iter().zip(new.steps()) {
        let job = old_jobs.next(step.drive.word, 1_700_000_000, 8);
        let next = new_jobs.next(other.drive.word, 1_700_000_000, 8);
        let serial = job.serial;
        let ntime = job.work.ntime;
        at_old.issue(serial, job.work, difficulty, Nanos::ZERO, true);
        at_new.issue(next.serial, next.work, difficulty, Nanos::ZERO, true);
        let mut share = Submit {
            user: String::new(),
            job_id: job_id(serial),
            extranonce2: vec![0; 4],
            ntime,
            nonce: 0,
            version_bits: None,
        };
        // A thousand times the mean number of hashes: the search fails once in e^1000 times.
        let most = (1000.0 * HASHES_PER_SHARE) as u32;
        let found = (0..most).find(|nonce| {
            share.nonce = *nonce;
            at_old.judge(&share).verdict == Verdict::Accepted
        });
        if found.is_some() {
            sums.shares += 1;
            sums.accepted += u64::from(at_new.judge(&share).verdict == Verdict::Accepted);
            sums.twice += u64::from(at_old.judge(&share).verdict == Verdict::Accepted);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::challenge::tests::plan;
    use super::super::response;
    use super::*;
    use crate::substrate::{Discipline, Replay, Twin};
    use thermine_sim::Device;
    use thermine_units::model::Model;
    use thermine_units::record::Recorder;

    fn twin(seed: u64) -> Twin {
        let model = Model::AntminerS9;
        Twin::new(
            Device::warm(&Params::s9(), seed),
            model,
            Discipline::Dialogue,
            model.switch_dead_time(),
            seed::stream(seed, "twin"),
            Recorder::discard(),
        )
    }

    #[tokio::test]
    async fn old_shares_do_not_answer_new_jobs() {
        let plan = plan(40, 3);
        let (old, new) = (Challenge::new(&plan, 1), Challenge::new(&plan, 2));
        let sums = replay(&old, &new);
        assert_eq!(sums.shares, 82);
        // 1.3 expected by chance at the simulation's scale; 10 has a probability of 10⁻⁶.
        assert!(sums.accepted < 10 && sums.twice == 0, "{sums:?}");
        assert_eq!(
            replay(&old, &old).accepted,
            82,
            "the attack works where nothing is fresh"
        );

        // And the program's own replay refuses another challenge.
        let mut unit = Replay::new(std::iter::empty(), Provenance::Simulated);
        assert!(
            response::put(&new, &mut unit, response::Break::Fail, || ())
                .await
                .is_err()
        );
    }

    #[tokio::test]
    async fn a_relay_delays_every_answer_and_changes_nothing_else() {
        let plan = plan(4, 5);
        let challenge = Challenge::new(&plan, 1);
        let near = response::put(&challenge, &mut twin(1), response::Break::Fail, || ()).await;
        let near = near.expect("answered");
        let mut far = Relayed::new(twin(1), Duration::from_millis(30));
        let far = response::put(&challenge, &mut far, response::Break::Fail, || ()).await;
        let far = far.expect("answered");
        let soonest = |r: &response::Response| r.soonest(&plan).expect("answers");
        assert!((soonest(&far) - soonest(&near) - 0.03).abs() < 1e-9);
        let nonces = |r: &response::Response| -> Vec<u32> {
            let steps = r.places.iter().flatten();
            steps.flat_map(|s| &s.shares).map(|s| s.nonce).collect()
        };
        assert_eq!(nonces(&near), nonces(&far));
        for step in far.places.iter().flatten() {
            assert!(
                step.shares
                    .iter()
                    .all(|s| s.arrived > step.started && s.arrived <= step.ended)
            );
        }
    }

    #[tokio::test]
    async fn an_emulator_shows_what_it_knows() {
        let plan = plan(40, 50);
        let features = Features::of(&plan);
        let mut known: Vec<Option<f64>> = vec![None; features.list.len()];
        let mut set = |name: &str, value: f64| {
            let place = features.list.iter().position(|f| f.name == name);
            known[place.expect(name)] = Some(value);
        };
        for chip in 0..63 {
            for place in ["rated", "edge"] {
                let rate = if chip == 9 { 5.0 } else { 58.0 / 62.0 };
                set(&format!("{place}: chip {chip}"), rate);
            }
        }
        set("rated: ln shares/s", 10f64.ln());
        set("rated: board 1 chip °C", 71.5);
        let mut emulator = Emulator::new(&plan, &features, known, 1).expect("an S9");
        let challenge = Challenge::new(&plan, 3);
        let response = response::put(&challenge, &mut emulator, response::Break::Fail, || ()).await;
        let values = features.values(&plan, &response.expect("answered"), 40);
        let value = |name: &str| {
            let place = features.list.iter().position(|f| f.name == name);
            values[place.expect(name)]
        };
        // 2,000 shares, 159 of chip 9: standard deviation 0.38.
        assert!((value("rated: chip 9").expect("seen") - 5.0).abs() < 1.6);
        assert!((value("rated: ln shares/s").expect("seen") - 10f64.ln()).abs() < 0.1);
        assert_eq!(value("rated: board 1 chip °C"), Some(71.5));
        assert_eq!(value("rated: board 0 chip °C"), None);
    }
}
