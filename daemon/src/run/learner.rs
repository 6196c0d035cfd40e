//! The live task of a unit: its inputs, step by step, and a readout that predicts each target before it is seen.

use std::collections::VecDeque;

use anyhow::{Result, bail};
use thermine_lab::substrate::{Drive, Observation};
use thermine_reservoir::bootstrap::Bootstrap;
use thermine_reservoir::readout::Rls;
use thermine_units::model::Model;

use crate::live::snapshot::{Estimate, Learning};
use thermine_lab::config::Step;
use thermine_lab::experiment::encoder::Encoder;
use thermine_lab::experiment::encoding::Encoding;
use thermine_lab::experiment::features::{FeaturePlan, Features};
use thermine_lab::experiment::presets::Preset;
use thermine_lab::experiment::task::{Named, Problem, Task};
use thermine_lab::experiment::trained::Readout;

/// Steps of a stretch of the task, which cannot be drawn without end; the unit is driven on from one to the next.
const STRETCH: usize = 2_000;
/// First steps of a stretch, whose targets hang on inputs before it that the unit was not driven with: they are
/// neither learnt nor scored.
const STRANGE: usize = 20;
/// Steps over which the columns' means and spreads are taken, before anything is learnt.
const SCALING: usize = 50;
/// Steps learnt before predictions count.
const SETTLING: u64 = 100;
/// Predictions that are scored at most, the newest.
const SCORED: usize = 1_000;
/// Fewest predictions that are given a score.
const FEWEST_SCORED: usize = 100;
/// Steps that are shown.
const SHOWN: usize = 200;
/// Inputs that are kept: more than any encoding lags behind.
const RECENT: usize = 256;
/// Forgetting factor: a step's weight falls by a factor e in 1,000 steps, so that a unit that ages is followed.
const FORGETTING: f64 = 0.999;
/// Penalty of the weights, on columns of unit variance.
const PENALTY: f64 = 1.0;
/// Standard deviations beyond which a column's value is cut: a reading gone astray must not throw the weights.
const FARTHEST: f64 = 8.0;

/// A task as it runs on one unit.
#[derive(Debug)]
pub(super) struct Learner {
    name: String,
    seed: u64,
    stretch: u64,
    problem: Problem,
    /// The step of the stretch that is being driven.
    at: usize,
    recent: Vec<f64>,
    encoder: Encoder,
    features: Features,
    mind: Mind,
    /// Of a constant and the current input.
    control: Rls,
    learnt: u64,
    steps: u64,
    shown: VecDeque<(f64, f64)>,
    scored: VecDeque<Scored>,
}

#[derive(Debug, Clone, Copy)]
struct Scored {
    target: f64,
    prediction: f64,
    control: f64,
}

/// What makes predictions of the unit's features.
#[derive(Debug)]
enum Mind {
    /// It learns as it goes.
    Learns(Box<Online>),
    /// It has been trained before.
    Trained(Box<Readout>),
}

/// Recursive least squares on scaled columns.
#[derive(Debug, Default)]
struct Online {
    /// The last value of each column.
    carried: Vec<Option<f64>>,
    /// Steps behind the moments.
    n: usize,
    mean: Vec<f64>,
    squares: Vec<f64>,
    /// The columns in use, and the readout of them, once they are scaled.
    readout: Option<(Vec<usize>, Rls)>,
}

impl Learner {
    /// NARMA-10 on a unit of `model` that is driven with steps as `step`, by the duty; or as `trained` was.
    ///
    /// # Errors
    /// If that is a readout of another model, or of a task that is no generator of one target.
    pub(super) fn new(
        model: Model,
        step: &Step,
        seed: u64,
        trained: Option<Readout>,
    ) -> Result<Learner> {
        let (task, encoder, plan, mind) = match trained {
            None => {
                let encoding = Encoding::of(Preset::Duty, model, step).remove(0);
                let encoder = Encoder::new(encoding, step.clone(), (0.0, 0.5));
                let plan = FeaturePlan::of(model);
                (
                    Task::Named(Named::Narma10),
                    encoder,
                    plan,
                    Mind::Learns(Box::default()),
                )
            }
            Some(readout) => {
                if readout.model != model {
                    bail!(
                        "the readout is of a {}, and the unit a {model}",
                        readout.model
                    );
                }
                let task = readout.recipe.task.clone();
                if !matches!(task, Task::Named(_)) || task.is_capacity() {
                    bail!("only a readout of a named task with one target can be served live");
                }
                let encoder = Encoder::new(
                    readout.encoding.clone(),
                    readout.step.clone(),
                    readout.range,
                );
                let plan = readout.recipe.features.clone();
                (task, encoder, plan, Mind::Trained(Box::new(readout)))
            }
        };
        let problem = task.problem(STRETCH, STRETCH, seed)?;
        Ok(Learner {
            name: match &mind {
                Mind::Learns(_) => task.name(),
                Mind::Trained(_) => format!("{}, by a trained readout", task.name()),
            },
            seed,
            stretch: 0,
            problem,
            at: 0,
            recent: Vec::with_capacity(2 * RECENT),
            features: Features::new(&plan, model, encoder.encoding().nodes),
            encoder,
            mind,
            control: Rls::new(2, 1, FORGETTING, PENALTY)?,
            learnt: 0,
            steps: 0,
            shown: VecDeque::with_capacity(SHOWN + 1),
            scored: VecDeque::with_capacity(SCORED + 1),
        })
    }

    /// How the unit is driven.
    pub(super) fn encoding(&self) -> &Encoding {
        self.encoder.encoding()
    }

    /// In words, for whoever asks what the unit is doing.
    pub(super) fn activity(&self) -> String {
        format!("{}, live", self.name)
    }

    /// The drives of the next step. Asked again before [`learn`](Learner::learn), they are of the same step.
    pub(super) fn drives(&mut self) -> Vec<Drive> {
        let input = self.problem.sequence.input[self.at];
        let mut recent = std::mem::take(&mut self.recent);
        recent.push(input);
        let drives = self.encoder.drives(&recent, recent.len() - 1);
        recent.pop();
        self.recent = recent;
        drives
    }

    /// Takes what came of the step: the prediction is made, and then its target is looked at.
    ///
    /// # Errors
    /// If a readout fails; the next task is drawn only if it can be.
    pub(super) fn learn(&mut self, seen: &[Observation]) -> Result<()> {
        let sequence = &self.problem.sequence;
        let (input, target) = (sequence.input[self.at], sequence.target[self.at]);
        self.recent.push(input);
        if self.recent.len() >= 2 * RECENT {
            self.recent.drain(..RECENT);
        }
        self.features.push(seen);
        let prediction = match &mut self.mind {
            Mind::Learns(online) => {
                self.features.forget_before(1);
                online.predict(&self.features.newest())?
            }
            Mind::Trained(readout) => {
                // Ten times what it looks back on is let grow, so that it is seldom cut.
                self.features.forget_before(readout.look_back());
                let outputs = readout.predict(&self.features, &self.recent)?;
                outputs.first().copied()
            }
        };
        let row = [1.0, input];
        let control = self.control.predict(&row)?[0];
        let is_strange = self.at < STRANGE;
        if let Some(prediction) = prediction {
            push(&mut self.shown, (target, prediction), SHOWN);
            if !is_strange && self.learnt >= SETTLING {
                let scored = Scored {
                    target,
                    prediction,
                    control,
                };
                push(&mut self.scored, scored, SCORED);
            }
        }
        if !is_strange {
            self.control.learn(&row, &[target])?;
            if let Mind::Learns(online) = &mut self.mind {
                online.learn(target)?;
            }
            self.learnt += u64::from(prediction.is_some());
        }
        self.steps += 1;
        self.at += 1;
        if self.at == STRETCH {
            self.stretch += 1;
            let seed = self.seed.wrapping_add(self.stretch.wrapping_mul(1 << 32));
            let task = match &self.mind {
                Mind::Learns(_) => Task::Named(Named::Narma10),
                Mind::Trained(readout) => readout.recipe.task.clone(),
            };
            self.problem = task.problem(STRETCH, STRETCH, seed)?;
            self.at = 0;
        }
        Ok(())
    }

    /// The last steps, without scores.
    pub(super) fn shown(&self) -> Learning {
        let (target, prediction) = self.shown.iter().copied().unzip();
        Learning {
            task: self.name.clone(),
            step: self.steps,
            target,
            prediction,
            nrmse: None,
            control: None,
        }
    }

    /// NRMSE of the predictions and of the control on the same steps, with studentised intervals, which hold for the
    /// readout as it was over these steps; `None` before there are enough. Takes a few milliseconds.
    pub(super) fn scores(&self) -> Option<(Estimate, Estimate)> {
        let n = self.scored.len();
        if n < FEWEST_SCORED {
            return None;
        }
        let of = |what: fn(&Scored) -> f64| -> Vec<f64> { self.scored.iter().map(what).collect() };
        let target = of(|scored| scored.target);
        let bootstrap = Bootstrap::new(n, self.seed);
        let estimate = |prediction: Vec<f64>| {
            let nrmse = bootstrap.nrmse(&prediction, &target);
            Estimate {
                value: nrmse.value,
                low: nrmse.low,
                high: nrmse.high,
                n: n as u64,
            }
        };
        Some((estimate(of(|s| s.prediction)), estimate(of(|s| s.control))))
    }
}

impl Online {
    /// What is made of a new row, `None` while the columns are being scaled.
    fn predict(&mut self, row: &[Option<f64>]) -> Result<Option<f64>> {
        self.carried.resize(row.len(), None);
        for (carried, value) in self.carried.iter_mut().zip(row) {
            *carried = value.or(*carried);
        }
        if self.readout.is_none() {
            self.scale()?;
        }
        match &self.readout {
            None => Ok(None),
            Some((columns, readout)) => Ok(Some(readout.predict(&self.row(columns))?[0])),
        }
    }

    fn learn(&mut self, target: f64) -> Result<()> {
        if let Some((columns, mut readout)) = self.readout.take() {
            let learnt = readout.learn(&self.row(&columns), &[target]);
            self.readout = Some((columns, readout));
            learnt?;
        }
        Ok(())
    }

    /// Takes the columns' moments, and fixes the columns once there are enough: one of which nothing was reported, or
    /// that did not change, stays out.
    fn scale(&mut self) -> Result<()> {
        self.mean.resize(self.carried.len(), 0.0);
        self.squares.resize(self.carried.len(), 0.0);
        self.n += 1;
        for (i, value) in self.carried.iter().enumerate() {
            // Welford's recurrence. What is not known yet counts as the mean.
            let value = value.unwrap_or(self.mean[i]);
            let off = value - self.mean[i];
            self.mean[i] += off / self.n as f64;
            self.squares[i] += off * (value - self.mean[i]);
        }
        if self.n == SCALING {
            let columns: Vec<usize> = (0..self.carried.len())
                .filter(|i| self.carried[*i].is_some() && self.squares[*i] > 0.0)
                .collect();
            let readout = Rls::new(columns.len() + 1, 1, FORGETTING, PENALTY)?;
            self.readout = Some((columns, readout));
        }
        Ok(())
    }

    /// The present row of `columns`, scaled, after a constant.
    fn row(&self, columns: &[usize]) -> Vec<f64> {
        let scaled = columns.iter().map(|i| {
            let spread = (self.squares[*i] / (SCALING - 1) as f64).sqrt();
            let value = self.carried[*i].unwrap_or(self.mean[*i]);
            ((value - self.mean[*i]) / spread).clamp(-FARTHEST, FARTHEST)
        });
        std::iter::once(1.0).chain(scaled).collect()
    }
}

/// Appends, and drops the oldest beyond `most`.
fn push<T>(to: &mut VecDeque<T>, value: T, most: usize) {
    to.push_back(value);
    if to.len() > most {
        to.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_lab::config::Config;
    use thermine_lab::substrate::{Substrate, Twin};
    use thermine_sim::device::Device;
    use thermine_sim::params::Params;
    use thermine_units::record::Recorder;
    use thermine_units::seed;

    #[test]
    fn every_prediction_is_made_before_its_target_and_the_unit_beats_the_input_alone() {
        let model = Model::AntminerS9;
        let step = Config::simulated(model).expect("the default").step;
        let mut learner = Learner::new(model, &step, 1, None).expect("a learner");
        let mut twin = Twin::new(
            Device::warm(&Params::s9(), 1),
            model,
            learner.encoding().discipline,
            model.switch_dead_time(),
            seed::stream(1, "twin"),
            Recorder::discard(),
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        for _ in 0..900 {
            let drives = learner.drives();
            assert_eq!(learner.drives(), drives, "asked twice it is the same step");
            let seen = runtime.block_on(twin.step(&drives[0])).expect("a twin");
            learner.learn(&[seen]).expect("learnt");
        }
        let (device, control) = learner.scores().expect("enough");
        assert_eq!(device.n, control.n);
        // The shared's ridge scores 0.70 ± 0.05 beside 0.92 on these states.
        assert!(
            device.value < 0.9 && device.value < control.value,
            "{device:?} {control:?}"
        );
        assert!(device.low < device.value && device.value < device.high);
        let shown = learner.shown();
        assert_eq!((shown.step, shown.target.len()), (900, SHOWN));
        assert!(shown.prediction.iter().all(|p| p.is_finite()));
        assert!(learner.recent.len() < 2 * RECENT);
    }
}
