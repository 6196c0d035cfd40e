//! The verdict: a device's states compared with every control, in one sentence.
//!
//! "The device adds computation beyond its input encoding" is said only if the readout of *encoded drive and device*
//! is better than that of the *encoded drive* alone, and better than that of *encoded drive and as many leaky
//! integrators* as the device has features, each with the 95 % interval of the paired difference below zero. A
//! thermal device is a bank of leaky integrators, so it adds nothing that such a bank in software achieves too.

use serde::{Deserialize, Serialize};

use crate::bootstrap::{Bootstrap, Estimate};
use crate::capacity::memory_capacity;
use crate::controls;
use crate::evaluate::{EvaluateError, Score, evaluate};
use crate::left_out::LeftOut;
use crate::split::Split;
use crate::state::StateMatrix;

/// Fewest test steps on which a score below 1 is claimed. A readout of pure noise scores between 1.00
/// and 1.20 on 250 steps, and between 0.97 and 2.2 on 50.
pub(crate) const FEWEST_TEST_STEPS: usize = 500;

/// Differences of NRMSE below this decide nothing, even if significant: on a task that is solved to rounding, a copy
/// of the drive would otherwise beat the drive.
const MARGIN: f64 = 0.001;

/// A device's states with all that the verdict needs.
#[derive(Debug, Clone)]
pub struct Trial<'a> {
    /// States of the device as given to its readout, for all steps of the split.
    pub device: &'a StateMatrix,
    /// The encoded drive as numbers, with the same history of steps as the device's features.
    pub encoded: &'a StateMatrix,
    /// Number of declared taps: the last inputs, which the host gives to the readout beside the device's features,
    /// and to every control beside its own columns. 0 for none.
    pub taps: usize,
    /// Pairs of delays of inputs that the encoding lets the device multiply; empty if it does not.
    pub products: &'a [(usize, usize)],
    /// States of the device without work, any number of rows.
    pub off: Option<&'a StateMatrix>,
    /// The task's input.
    pub input: &'a [f64],
    /// The task's target.
    pub target: &'a [f64],
    /// Segments of washout, training and test.
    pub split: Split,
    /// Steps that are neither trained nor scored on.
    pub left_out: &'a LeftOut,
    /// Seed of the shuffles and of the bootstrap.
    pub seed: u64,
}

/// A control that the device is compared with. All controls except the first two also get the declared taps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The mean of the training target.
    Constant,
    /// The input of the same step.
    CurrentInput,
    /// The declared taps alone.
    Taps(usize),
    /// The encoded drive, with the same history of steps as the device's features.
    EncodedDrive,
    /// A delay line: that many of the last inputs.
    DelayLine(usize),
    /// A delay line as long as the readout's linear memory capacity, rounded.
    EqualMemory(usize),
    /// That many leaky integrators of the input.
    LeakyBank(usize),
    /// A delay line and that many exact products of two inputs: the products that the device could form, computed.
    Products(usize),
    /// The device's states at random times.
    ShuffledInTime,
    /// The device's states of another stretch of time.
    ShiftedInTime,
    /// The device's states with random phases: only their spectra and correlations are kept.
    PhaseRandomised,
    /// The device's states without work.
    UnitOff,
}

impl Control {
    /// Whether the control is the device's own states with their relation to the input destroyed.
    pub fn is_null(self) -> bool {
        matches!(
            self,
            Control::ShuffledInTime
                | Control::ShiftedInTime
                | Control::PhaseRandomised
                | Control::UnitOff
        )
    }
}

impl std::fmt::Display for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Control::Constant => f.write_str("constant"),
            Control::CurrentInput => f.write_str("current input"),
            Control::EncodedDrive => f.write_str("encoded drive"),
            Control::Taps(taps) => write!(f, "the {taps} declared taps alone"),
            Control::DelayLine(taps) => write!(f, "delay line of {taps}"),
            Control::EqualMemory(taps) => write!(f, "delay line of equal memory, {taps}"),
            Control::LeakyBank(count) => write!(f, "{count} leaky integrators"),
            Control::Products(count) => write!(f, "delay line + {count} exact products"),
            Control::ShuffledInTime => f.write_str("time-shuffled states"),
            Control::ShiftedInTime => f.write_str("time-shifted states"),
            Control::PhaseRandomised => f.write_str("phase-randomised states"),
            Control::UnitOff => f.write_str("unit off"),
        }
    }
}

/// A control's score, and the difference to the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The readout that the device is compared with.
    pub control: Control,
    /// Score of the control on the same test steps.
    pub score: Score,
    /// NRMSE of the device minus that of the control, on common blocks: below zero, the device is better.
    pub difference: Estimate,
}

/// The device beside its controls.
///
/// One seed is one draw of input, noise and test segment. A noisy copy of the input, which adds nothing, is judged to
/// add computation in about 4 % of seeds when the drive has many lags. Claim only what holds over several seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Score of the device's states, beside the declared taps if there are any.
    pub device: Score,
    /// Linear memory capacity of that readout's features.
    pub memory: f64,
    /// Each control with its score, in the order of the table.
    pub controls: Vec<Comparison>,
    /// Score of encoded drive and device together, beside the taps.
    pub encoded_and_device: Score,
    /// Score of encoded drive and as many leaky integrators as the device has features, beside the taps.
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
            target,
            split,
            seed,
            left_out,
            ..
        } = *trial;
        let rows = device.rows();
        split.check(rows.min(target.len()).min(trial.input.len()))?;
        let (whole, split) = (split, left_out.split(split));
        split.check(split.total())?;
        let target = &*left_out.values(&target[..rows.min(target.len())]);
        left_out.states(device).check_alive(split.train_rows())?;
        let bootstrap = Bootstrap::new(split.test, seed);
        let score =
            |states: &StateMatrix| evaluate(&left_out.states(states), target, &split, &bootstrap);
        let test = target.get(split.test_rows()).unwrap_or_default();
        let input = &trial.input[..rows];
        let taps = controls::delay_line(input, trial.taps)?;

        let readout = taps.beside(device)?;
        let device_score = score(&readout)?;
        let memory = memory(&readout, input, &whole, left_out)?;
        let mut scores = Vec::new();
        for (control, states) in controls_of(trial, &taps, memory)? {
            scores.push((control, score(&states)?));
        }
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

        let bank = controls::leaky_bank(input, device.columns())?;
        let encoded = taps.beside(encoded)?;
        let encoded_score = score(&encoded)?;
        let encoded_and_device = score(&encoded.beside(device)?)?;
        let encoded_and_bank = score(&encoded.beside(&bank)?)?;
        let beyond = |other: &Score| {
            bootstrap.difference(&encoded_and_device.predictions, &other.predictions, test)
        };
        Ok(Verdict {
            beyond_encoding: beyond(&encoded_score),
            beyond_bank: beyond(&encoded_and_bank),
            device: device_score,
            memory,
            controls,
            encoded_and_device,
            encoded_and_bank,
        })
    }

    /// Whether the device adds computation beyond its input encoding.
    pub fn adds_computation(&self) -> bool {
        self.enough_steps() && better(&self.beyond_encoding) && better(&self.beyond_bank)
    }

    /// Whether the device's states carry information on the task: better than the same states at random times.
    pub(crate) fn carries_information(&self) -> bool {
        self.enough_steps()
            && self
                .controls
                .iter()
                .filter(|c| c.control == Control::Constant || c.control.is_null())
                .all(|c| better(&c.difference))
    }

    fn enough_steps(&self) -> bool {
        self.device.test_steps >= FEWEST_TEST_STEPS
    }

    /// Names of the controls for whose difference `holds` is true, without the destroyed states.
    fn names(&self, holds: impl Fn(&Estimate) -> bool) -> String {
        let names: Vec<String> = self
            .controls
            .iter()
            .filter(|c| !c.control.is_null())
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

/// Longest delay at which linear memory is measured.
const LONGEST_MEMORY: usize = 100;

/// Linear memory capacity of `states`, over as many delays as the washout allows.
fn memory(
    states: &StateMatrix,
    input: &[f64],
    split: &Split,
    left_out: &LeftOut,
) -> Result<f64, EvaluateError> {
    let longest = LONGEST_MEMORY.min(split.washout);
    Ok(memory_capacity(states, input, longest, split, left_out)?.total)
}

/// The states of every control of a trial, with the taps where the control has them.
fn controls_of(
    trial: &Trial,
    taps: &StateMatrix,
    memory: f64,
) -> Result<Vec<(Control, StateMatrix)>, EvaluateError> {
    let Trial {
        device,
        encoded,
        split,
        seed,
        ..
    } = *trial;
    let (n, rows) = (device.columns(), device.rows());
    let features = taps.columns() + n;
    let input = &trial.input[..rows];
    let line = |length: usize| controls::delay_line(input, length);
    let mut all = vec![
        (Control::Constant, controls::constant(rows)),
        (Control::CurrentInput, line(1)?),
    ];
    if trial.taps > 0 {
        all.push((Control::Taps(trial.taps), taps.clone()));
    }
    all.push((Control::EncodedDrive, taps.beside(encoded)?));
    let mut lengths = vec![features, 10, 30];
    lengths.dedup();
    for (i, length) in lengths.iter().enumerate() {
        if !lengths[..i].contains(length) && *length != trial.taps {
            all.push((Control::DelayLine(*length), line(*length)?));
        }
    }
    let equal = (memory.round() as usize).max(1);
    all.push((Control::EqualMemory(equal), line(equal)?));
    let bank = controls::leaky_bank(input, n)?;
    all.push((Control::LeakyBank(n), taps.beside(&bank)?));
    if !trial.products.is_empty() {
        let line = controls::delay_line_with_products(input, trial.taps.max(30), trial.products)?;
        all.push((Control::Products(trial.products.len()), line));
    }
    let driven = split.washout..split.total();
    let nulls = [
        (
            Control::ShuffledInTime,
            controls::shuffled_in_time(device, &split, seed),
        ),
        (
            Control::ShiftedInTime,
            controls::shifted_in_time(device, driven.clone()),
        ),
        (
            Control::PhaseRandomised,
            controls::phase_randomised(device, driven, seed)?,
        ),
    ];
    let off = trial.off.map(|off| controls::unit_off(off, rows));
    let off = off.transpose()?.map(|off| (Control::UnitOff, off));
    for (control, states) in nulls.into_iter().chain(off) {
        all.push((control, taps.beside(&states)?));
    }
    Ok(all)
}

/// Whether the first of the two is better: the interval lies below zero.
fn better(difference: &Estimate) -> bool {
    difference.high < -MARGIN
}

/// Whether the first of the two is worse: the interval lies above zero.
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
            taps: 0,
            products: &[],
            off: None,
            input: &task.input,
            target: &task.target,
            split: SPLIT,
            left_out: &LeftOut::default(),
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
            taps: 0,
            products: &[],
            off: None,
            input: &task.input,
            target: &task.target,
            split: Split {
                washout: 50,
                train: 250,
                test: 100,
            },
            left_out: &LeftOut::default(),
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
