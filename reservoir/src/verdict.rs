//! The verdict: what a device's states are worth beside every control, in one sentence.
//!
//! "The device adds computation beyond its input encoding" is said only if the readout of *encoded drive
//! and device* is better than that of the *encoded drive* alone, and better than that of *encoded drive
//! and as many leaky integrators* as the device has features, each with the 95 % interval of the paired
//! difference below zero. A thermal device is a bank of leaky integrators: what such a bank in software
//! does as well, the device does not add.

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, Estimate};
use crate::controls;
use crate::evaluate::{EvaluateError, Score, evaluate};
use crate::split::Split;
use crate::state::StateMatrix;

/// Fewest test steps on which a score below 1 is claimed. A readout of pure noise scores between 1.00
/// and 1.20 on 250 steps, and between 0.97 and 2.2 on 50.
pub const FEWEST_TEST_STEPS: usize = 500;

/// Differences of NRMSE below this decide nothing, however sure: on a task that is solved to rounding, a
/// copy of the drive would otherwise beat the drive.
const MARGIN: f64 = 0.001;

/// What is judged, and what it is judged by.
#[derive(Debug, Clone)]
pub struct Trial<'a> {
    /// States of the device, all steps of the split.
    pub device: &'a StateMatrix,
    /// What was done to the device, as numbers.
    pub encoded: &'a StateMatrix,
    /// The task's input.
    pub input: &'a [f64],
    /// The task's target.
    pub target: &'a [f64],
    /// Which steps are for what.
    pub split: Split,
    /// Seed of the shuffles and of the bootstrap.
    pub seed: u64,
}

/// A readout that the device is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The mean of the training target.
    Constant,
    /// The input of the same step.
    CurrentInput,
    /// What was done to the device in the same step.
    EncodedDrive,
    /// The last so many inputs.
    DelayLine(usize),
    /// So many leaky integrators of the input.
    LeakyBank(usize),
    /// The device's states at random times.
    ShuffledInTime,
    /// The device's states of another stretch of time.
    ShiftedInTime,
}

impl std::fmt::Display for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Control::Constant => f.write_str("constant"),
            Control::CurrentInput => f.write_str("current input"),
            Control::EncodedDrive => f.write_str("encoded drive"),
            Control::DelayLine(taps) => write!(f, "delay line of {taps}"),
            Control::LeakyBank(count) => write!(f, "{count} leaky integrators"),
            Control::ShuffledInTime => f.write_str("time-shuffled states"),
            Control::ShiftedInTime => f.write_str("time-shifted states"),
        }
    }
}

/// A control's score, and how the device compares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The control.
    pub control: Control,
    /// Its score.
    pub score: Score,
    /// NRMSE of the device minus that of the control, on common blocks: below zero, the device is better.
    pub difference: Estimate,
}

/// The device beside its controls.
///
/// One seed is one draw of input, noise and test segment. A noisy echo of the input, which adds nothing,
/// is found to add computation in some 4 % of seeds when the drive has many lags; claim only what holds
/// over several seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Score of the device's own states.
    pub device: Score,
    /// Each control.
    pub controls: Vec<Comparison>,
    /// Score of encoded drive and device together.
    pub encoded_and_device: Score,
    /// Score of encoded drive and as many leaky integrators as the device has features.
    pub encoded_and_bank: Score,
    /// Encoded drive and device, minus encoded drive alone.
    pub beyond_encoding: Estimate,
    /// Encoded drive and device, minus encoded drive and leaky integrators.
    pub beyond_bank: Estimate,
}

impl Verdict {
    /// Judges a trial.
    ///
    /// # Errors
    /// If the device's states are degenerate, or anything cannot be evaluated.
    pub fn of(trial: &Trial) -> Result<Verdict, EvaluateError> {
        let Trial {
            device,
            encoded,
            input,
            target,
            split,
            seed,
        } = *trial;
        split.check(device.rows().min(target.len()).min(input.len()))?;
        device.check_alive(split.train_rows())?;
        let n = device.columns();
        let rows = device.rows();
        let input = &input[..rows];
        let bank = controls::leaky_bank(input, n)?;
        let bootstrap = Bootstrap::new(split.test, seed);
        let score = |states: &StateMatrix| evaluate(states, target, &split, &bootstrap);
        let test = &target[split.test_rows()];

        let device_score = score(device)?;
        let encoded_score = score(encoded)?;
        let mut scores = vec![
            (Control::Constant, score(&controls::constant(rows))?),
            (
                Control::CurrentInput,
                score(&controls::delay_line(input, 1)?)?,
            ),
            (Control::EncodedDrive, encoded_score.clone()),
        ];
        let references = [10, 30].into_iter().filter(|taps| *taps != n);
        for taps in std::iter::once(n).chain(references) {
            let line = controls::delay_line(input, taps)?;
            scores.push((Control::DelayLine(taps), score(&line)?));
        }
        let shuffled = controls::shuffled_in_time(device, &split, seed);
        let shifted = controls::shifted_in_time(device, split.washout..split.total());
        scores.push((Control::LeakyBank(n), score(&bank)?));
        scores.push((Control::ShuffledInTime, score(&shuffled)?));
        scores.push((Control::ShiftedInTime, score(&shifted)?));
        let controls = scores
            .into_iter()
            .map(|(control, score)| Comparison {
                control,
                difference: bootstrap.difference(
                    &device_score.predictions,
                    &score.predictions,
                    test,
                ),
                score,
            })
            .collect();

        let encoded_and_device = score(&encoded.beside(device)?)?;
        let encoded_and_bank = score(&encoded.beside(&bank)?)?;
        let beyond = |other: &Score| {
            bootstrap.difference(&encoded_and_device.predictions, &other.predictions, test)
        };
        Ok(Verdict {
            beyond_encoding: beyond(&encoded_score),
            beyond_bank: beyond(&encoded_and_bank),
            device: device_score,
            controls,
            encoded_and_device,
            encoded_and_bank,
        })
    }

    /// Whether the device adds computation beyond its input encoding.
    pub fn adds_computation(&self) -> bool {
        self.enough_steps() && better(&self.beyond_encoding) && better(&self.beyond_bank)
    }

    /// Whether its states know anything of the task: better than themselves at random times.
    pub fn carries_information(&self) -> bool {
        self.enough_steps()
            && self
                .controls
                .iter()
                .filter(|c| {
                    matches!(
                        c.control,
                        Control::Constant | Control::ShuffledInTime | Control::ShiftedInTime
                    )
                })
                .all(|c| better(&c.difference))
    }

    fn enough_steps(&self) -> bool {
        self.device.test_steps >= FEWEST_TEST_STEPS
    }

    /// Controls for which `holds` is true of the difference, named; the destroyed states are left out.
    fn names(&self, holds: impl Fn(&Estimate) -> bool) -> String {
        let names: Vec<String> = self
            .controls
            .iter()
            .filter(|c| !matches!(c.control, Control::ShuffledInTime | Control::ShiftedInTime))
            .filter(|c| holds(&c.difference))
            .map(|c| format!("{} ({:.3})", c.control, c.score.nrmse.value))
            .collect();
        names.join(", ")
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let score = self.device.nrmse.value;
        if !self.enough_steps() {
            return write!(
                f,
                "no verdict: {} test steps are too few to claim any score below 1 ({FEWEST_TEST_STEPS} are needed)",
                self.device.test_steps
            );
        }
        if !self.carries_information() {
            return write!(
                f,
                "the device adds no computation: its states ({score:.3}) tell no more of the task than the \
                 same states at random times"
            );
        }
        let adds = if self.adds_computation() {
            "the device adds computation beyond its input encoding"
        } else if better(&self.beyond_encoding) {
            "the device remembers its input, but does not add computation beyond its input encoding that \
             as many leaky integrators in software would not"
        } else {
            "the device does not add computation beyond its input encoding"
        };
        write!(
            f,
            "{adds}: its {} features score {score:.3}",
            self.device.features
        )?;
        for (verb, names) in [
            ("beating", self.names(better)),
            ("losing to", self.names(worse)),
        ] {
            if !names.is_empty() {
                write!(f, ", {verb} {names}")?;
            }
        }
        Ok(())
    }
}

/// Whether the first of the two compared is better beyond doubt.
fn better(difference: &Estimate) -> bool {
    difference.high < -MARGIN
}

/// Whether the first of the two compared is worse beyond doubt.
fn worse(difference: &Estimate) -> bool {
    difference.low > MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use crate::state::Feature;
    use crate::tasks::narma::narma10;
    use rand::RngExt;

    const SPLIT: Split = Split {
        washout: 100,
        train: 1000,
        test: 600,
    };

    /// Judges a made-up device on NARMA-10.
    fn judge(device: impl Fn(&[f64]) -> StateMatrix) -> Verdict {
        let task = narma10(SPLIT.total(), 1);
        let encoded = controls::delay_line(&task.input, 1).expect("finite");
        Verdict::of(&Trial {
            device: &device(&task.input),
            encoded: &encoded,
            input: &task.input,
            target: &task.target,
            split: SPLIT,
            seed: 1,
        })
        .expect("a verdict")
    }

    fn noise(rows: usize, columns: usize) -> Vec<(Feature, Vec<f64>)> {
        let mut rng = random::stream(1, 7);
        (0..columns)
            .map(|i| {
                let values = (0..rows).map(|_| rng.random()).collect();
                (Feature::new(format!("n{i}"), "1"), values)
            })
            .collect()
    }

    #[test]
    fn a_device_of_noise_adds_nothing() {
        let verdict = judge(|input| {
            StateMatrix::from_columns(input.len(), noise(input.len(), 6)).expect("finite")
        });
        assert!(!verdict.carries_information());
        assert!(!verdict.adds_computation());
        assert!(
            verdict
                .to_string()
                .starts_with("the device adds no computation")
        );
    }

    #[test]
    fn a_device_that_is_a_leaky_bank_remembers_but_adds_nothing() {
        let verdict = judge(|input| controls::leaky_bank(input, 6).expect("finite"));
        assert!(verdict.carries_information());
        assert!(better(&verdict.beyond_encoding));
        assert!(!verdict.adds_computation());
        let text = verdict.to_string();
        assert!(
            text.contains("remembers its input, but does not add"),
            "{text}"
        );
    }

    #[test]
    fn a_device_that_multiplies_the_right_inputs_adds_computation() {
        let verdict = judge(|input| {
            let product = (0..input.len())
                .map(|t| if t < 9 { 0.0 } else { input[t] * input[t - 9] })
                .collect();
            let product = vec![(Feature::new("product", "1"), product)];
            let line = controls::delay_line(input, 30).expect("finite");
            let product = StateMatrix::from_columns(input.len(), product).expect("finite");
            line.beside(&product).expect("equal rows")
        });
        assert!(verdict.adds_computation(), "{verdict}");
        assert!(
            verdict
                .to_string()
                .starts_with("the device adds computation beyond")
        );
    }

    #[test]
    fn too_few_test_steps_give_no_verdict() {
        let task = narma10(400, 1);
        let states = controls::leaky_bank(&task.input, 4).expect("finite");
        let verdict = Verdict::of(&Trial {
            device: &states,
            encoded: &controls::delay_line(&task.input, 1).expect("finite"),
            input: &task.input,
            target: &task.target,
            split: Split {
                washout: 50,
                train: 250,
                test: 100,
            },
            seed: 1,
        })
        .expect("a verdict");
        assert!(!verdict.adds_computation());
        assert!(
            verdict
                .to_string()
                .starts_with("no verdict: 100 test steps")
        );
    }
}
