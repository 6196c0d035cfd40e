//! A trial under way: blocks with the filter and without, and the filter itself.

use std::time::Duration;

use crate::substrate::{self, Drive, Observation, Pace, Refused, Sample, Substrate};
use anyhow::{Result, bail};
use thermine_reservoir::readout::Logistic;
use thermine_reservoir::state::{Feature, StateMatrix};
use thermine_reservoir::tpf::account::Account;
use thermine_reservoir::tpf::trial::{Block, Evidence, order};
use thermine_units::unit::OperatingPoint;

use super::report::{Arm, Look, Power};
use super::request::FilterTrial;
use crate::config::Step;
use crate::observer::{Bar, Progress};

/// E-value at which a trial stops: chance reaches it in one of twenty at most.
const ENOUGH: f64 = 20.0;

/// Attempts at a step during which the unit's connection breaks.
const ATTEMPTS: u32 = 20;

/// Penalty of the filter's logistic regression.
const ALPHA: f64 = 1.0;

/// A trial under way.
pub(super) struct Trial<'a> {
    pub(super) request: &'a FilterTrial,
    step: &'a Step,
    bar: Bar,
    /// Features of the last step, if it was at full duty.
    last: Option<[f64; 3]>,
    pub(super) power: Power,
    /// Steps that were repeated because the unit's connection broke, and how long it was away in all.
    pub(super) interrupted: (u64, Duration),
}

/// What was counted in a trial.
pub(super) struct Outcome {
    pub(super) filter: Arm,
    pub(super) pass: Arm,
    pub(super) evidence: Evidence,
    pub(super) course: Vec<Look>,
    pub(super) counterfactual: Account,
}

/// The trained filter.
struct Predictor {
    model: Option<Logistic>,
    /// Part of the training steps that were rich. At a higher predicted probability the likelihood ratio is above 1.
    base: f64,
    /// Shares of the median training step. A step with more is rich.
    median: u64,
}

impl<'a> Trial<'a> {
    pub(super) fn new(request: &'a FilterTrial, step: &'a Step, progress: &Progress) -> Trial<'a> {
        let steps = request.train + request.pairs * 2 * (request.block + request.settle);
        Trial {
            request,
            step,
            bar: progress.bar("trial", steps as usize),
            last: None,
            power: Power::Measured,
            interrupted: (0, Duration::ZERO),
        }
    }

    pub(crate) async fn run<S: Substrate>(&mut self, unit: &mut S) -> Result<Outcome> {
        let predictor = self.learn(unit).await?;
        let mut outcome = Outcome {
            filter: Arm::default(),
            pass: Arm::default(),
            evidence: Evidence::new(),
            course: Vec::new(),
            counterfactual: Account::default(),
        };
        let mut predicted = Vec::new();
        for filter_first in order(self.request.pairs as usize, self.request.seed) {
            let mut blocks = [Vec::new(), Vec::new()];
            for filters in [filter_first, !filter_first] {
                let arm = if filters {
                    &mut outcome.filter
                } else {
                    &mut outcome.pass
                };
                for i in 0..self.request.settle + self.request.block {
                    let keep = predictor.keeps(self.last);
                    let aborted = filters && !keep;
                    let (counts, seen) = self.step(unit, aborted).await?;
                    arm.refused.stale += seen.stale;
                    arm.refused.duplicate += seen.duplicate;
                    arm.refused.invalid += seen.invalid;
                    if i < self.request.settle {
                        arm.settling.add(counts);
                        continue;
                    }
                    arm.counted.add(counts);
                    arm.steps += 1;
                    arm.aborted += u64::from(aborted);
                    blocks[usize::from(filters)].push(counts);
                    if !filters {
                        predicted.push((keep, counts.shares > predictor.median));
                    }
                }
            }
            // Step by step: the joules of a step are settled before its shares come.
            let [pass, filter] = &blocks;
            for (filter, pass) in filter.iter().zip(pass) {
                outcome.evidence.add(*filter, *pass);
            }
            let (low, high) = outcome.evidence.interval();
            let e_value = outcome.evidence.e_value();
            outcome.course.push(Look { e_value, low, high });
            if e_value >= ENOUGH && !self.request.to_the_end {
                break;
            }
        }
        outcome.counterfactual = Account::of(predicted);
        Ok(outcome)
    }

    /// Trains the filter, on steps at full duty, to predict whether the next step will be richer than the median.
    async fn learn<S: Substrate>(&mut self, unit: &mut S) -> Result<Predictor> {
        let (mut features, mut counts) = (Vec::new(), Vec::new());
        for _ in 0..self.request.train {
            let before = self.last;
            let (block, _) = self.step(unit, false).await?;
            if let Some(before) = before {
                features.push(before);
                counts.push(block.shares);
            }
        }
        let mut sorted = counts.clone();
        sorted.sort_unstable();
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0);
        let rich: Vec<bool> = counts.iter().map(|count| *count > median).collect();
        let base = rich.iter().filter(|rich| **rich).count() as f64 / rich.len().max(1) as f64;
        let matrix = matrix(&features)?;
        // Labels that are all the same train nothing: every step is then kept.
        let model = Logistic::fit(&matrix, &rich, 0..matrix.rows(), ALPHA).ok();
        Ok(Predictor {
            model,
            base,
            median,
        })
    }

    /// The pace of a step whose length does not depend on its shares, as its joules must not either.
    fn pace(&self) -> Pace {
        let pace = self.step.pace();
        let length = if pace.hold.is_zero() {
            pace.timeout
        } else {
            pace.hold
        };
        Pace {
            hold: length,
            timeout: length,
            ..pace
        }
    }

    /// Drives one step, at the least duty if it is `aborted`.
    async fn step<S: Substrate>(
        &mut self,
        unit: &mut S,
        aborted: bool,
    ) -> Result<(Block, Refused)> {
        let drive = Drive {
            word: 0,
            later: 0,
            difficulty: self.step.difficulty,
            duty: if aborted { self.step.duty_min } else { 1.0 },
            point: OperatingPoint::default(),
            pace: self.pace(),
        };
        // The arm of a step is decided before it begins, so repeating one that lost its unit favours neither.
        let mut left = ATTEMPTS;
        let seen = loop {
            let seen = unit.step(&drive).await?;
            if seen.outcome != substrate::Outcome::Interrupted {
                break seen;
            }
            self.interrupted.0 += 1;
            self.interrupted.1 += seen.gap;
            left -= 1;
            if left == 0 {
                bail!(
                    "the unit lost its connection in {ATTEMPTS} attempts at one step: see to its network, then start again"
                );
            }
        };
        self.bar.step();
        // A step at the least duty says nothing about one at full duty: the next step is kept.
        self.last = (!aborted).then(|| features(&seen));
        let measured = seen
            .telemetry
            .as_ref()
            .and_then(|telemetry| telemetry.power);
        let watts = match (measured, self.request.watts) {
            (_, Some(watts)) => {
                self.power = Power::Assumed;
                watts
            }
            (Some(power), None) => power.0,
            (None, None) => bail!(
                "the unit reports no power, so its shares per joule are unknown: give --watts, as a meter at \
                 the wall shows it"
            ),
        };
        let block = Block {
            shares: seen.shares.len() as u64,
            joules: watts * seen.ended.since(seen.started).as_secs_f64(),
        };
        Ok((block, seen.refused))
    }
}

impl Predictor {
    /// Whether the next step is worth its energy, by the features of the last: the likelihood ratio of a rich step is at
    /// least 1.
    fn keeps(&self, last: Option<[f64; 3]>) -> bool {
        let score = || {
            let matrix = matrix(&[last?]).ok()?;
            let scores = self.model.as_ref()?.probabilities(&matrix, 0..1).ok()?;
            scores.first().copied()
        };
        score().is_none_or(|score| score >= self.base)
    }
}

/// Count of shares, and mean and standard deviation of their times since the step's beginning. Without shares the last two
/// are those of a uniform distribution.
fn features(seen: &Observation) -> [f64; 3] {
    let length = seen.ended.since(seen.started).as_secs_f64();
    let since = |share: &Sample| share.arrived.since(seen.started).as_secs_f64();
    let n = seen.shares.len() as f64;
    if seen.shares.is_empty() {
        return [0.0, length / 2.0, length / 12f64.sqrt()];
    }
    let mean = seen.shares.iter().map(since).sum::<f64>() / n;
    let squares: f64 = seen
        .shares
        .iter()
        .map(|share| (since(share) - mean).powi(2))
        .sum();
    [n, mean, (squares / n).sqrt()]
}

fn matrix(rows: &[[f64; 3]]) -> Result<StateMatrix> {
    let names = [("count", "1"), ("mean", "s"), ("sd", "s")];
    let columns = names.into_iter().enumerate().map(|(i, (name, unit))| {
        (
            Feature::new(name, unit),
            rows.iter().map(|row| row[i]).collect(),
        )
    });
    Ok(StateMatrix::from_columns(rows.len(), columns.collect())?)
}
