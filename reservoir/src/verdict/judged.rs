//! The scores of a device and of its controls.

use serde::{Deserialize, Serialize};

use super::control::Control;
use super::rivals::{banks, controls_of};
use super::trial::{StepLength, Trial};
use crate::bootstrap::{Bootstrap, Estimate};
use crate::capacity::memory_capacity;
use crate::controls;
use crate::evaluate::{EvaluateError, Score, evaluate};
use crate::left_out::LeftOut;
use crate::split::Split;
use crate::state::StateMatrix;

/// Fewest test steps on which a score below 1 is claimed. A readout of pure noise scores between 1.00
/// and 1.20 on 250 steps, and between 0.97 and 2.2 on 50.
pub(super) const FEWEST_TEST_STEPS: usize = 500;

/// Differences of NRMSE below this decide nothing, even if significant: on a task that is solved to rounding, a copy
/// of the drive would otherwise beat the drive.
const MARGIN: f64 = 0.001;

/// Inputs that the readout gets beside the device in the row with a direct input connection, where none are declared:
/// as many as the device's history, at least these, which the task NARMA-10 looks back on.
const DIRECT: usize = 10;

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

/// The device with and without a direct connection from the input to the readout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Direct {
    /// The device's states alone.
    pub without: Score,
    /// Inputs that the readout gets in the other.
    pub inputs: usize,
    /// The device's states beside so many of the last inputs.
    pub with: Score,
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
    /// The hardest bank of leaky integrators for this device and this task.
    pub bank: Control,
    /// Score of encoded drive and that bank, beside the taps.
    pub encoded_and_bank: Score,
    /// Encoded drive and device, minus encoded drive alone.
    pub beyond_encoding: Estimate,
    /// Encoded drive and device, minus encoded drive and leaky integrators.
    pub beyond_bank: Estimate,
    /// How long the steps lasted; `None` where nothing of it is known.
    pub step_length: Option<StepLength>,
    /// Encoded drive and device, minus the control that is given the steps' lengths; `None` if they are equal.
    pub beyond_lengths: Option<Estimate>,
    /// The device with and without a direct input connection to the readout.
    pub direct: Direct,
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
        let mut controls = Vec::new();
        for (control, states) in controls_of(trial, &taps, memory)? {
            let score = score(&states)?;
            let predictions = (&device_score.predictions, &score.predictions);
            controls.push(Comparison {
                control,
                difference: bootstrap.difference(predictions.0, predictions.1, test),
                score,
            });
        }

        let encoded = taps.beside(encoded)?;
        let encoded_and_device = score(&encoded.beside(device)?)?;
        let beyond = |other: &Score| {
            bootstrap.difference(&encoded_and_device.predictions, &other.predictions, test)
        };
        let mut hardest: Option<(Control, Score)> = None;
        for (control, bank) in banks(trial)? {
            let score = score(&encoded.beside(&bank)?)?;
            let harder = |(_, best): &(Control, Score)| score.nrmse.value < best.nrmse.value;
            if hardest.as_ref().is_none_or(harder) {
                hardest = Some((control, score));
            }
        }
        #[expect(clippy::expect_used, reason = "the plain bank is always among them")]
        let (bank, encoded_and_bank) = hardest.expect("at least one bank");
        let scored = |wanted: Control| {
            let mut found = controls.iter().filter(|c| c.control == wanted);
            found.next().map(|c| &c.score)
        };
        let step_length = step_length(trial, &whole);
        let unequal = step_length.is_some_and(|length| length.is_unequal());
        let lengths = scored(Control::StepLengths).filter(|_| unequal);
        let beyond_encoding = match scored(Control::EncodedDrive) {
            Some(drive) => beyond(drive),
            None => beyond(&score(&encoded)?),
        };
        Ok(Verdict {
            beyond_encoding,
            beyond_bank: beyond(&encoded_and_bank),
            beyond_lengths: lengths.map(beyond),
            direct: direct(trial, &device_score, score)?,
            step_length,
            device: device_score,
            memory,
            controls,
            encoded_and_device,
            bank,
            encoded_and_bank,
        })
    }

    /// Whether the device computes: it beats every control that is linear in the input's history, the intervals of
    /// the two scores apart.
    pub fn computes(&self) -> bool {
        self.enough_steps()
            && self.carries_information()
            && self.step_lengths_are_beaten()
            && self.is_apart()
    }

    /// Whether the interval of the device's score is below those of all controls that are linear in the input's history.
    pub fn is_apart(&self) -> bool {
        let apart = |c: &Comparison| self.device.nrmse.high < c.score.nrmse.low - MARGIN;
        self.linear().all(apart)
    }

    /// Whether the device adds computation beyond its input encoding.
    pub fn adds_computation(&self) -> bool {
        self.enough_steps()
            && better(&self.beyond_encoding)
            && better(&self.beyond_bank)
            && self.step_lengths_are_beaten()
    }

    /// Whether what the lengths of the steps tell explains nothing of the score.
    pub(super) fn step_lengths_are_beaten(&self) -> bool {
        self.beyond_lengths.as_ref().is_none_or(better)
    }

    /// Whether the device's states carry information on the task: better than the same states at random times.
    pub(super) fn carries_information(&self) -> bool {
        self.enough_steps()
            && self
                .controls
                .iter()
                .filter(|c| c.control == Control::Constant || c.control.is_null())
                .all(|c| better(&c.difference))
    }

    pub(super) fn enough_steps(&self) -> bool {
        self.device.test_steps >= FEWEST_TEST_STEPS
    }

    fn linear(&self) -> impl Iterator<Item = &Comparison> {
        self.controls.iter().filter(|c| c.control.is_linear())
    }

    /// The best control that is linear in the input's history.
    pub fn best_linear(&self) -> Option<&Comparison> {
        self.linear()
            .min_by(|a, b| a.score.nrmse.value.total_cmp(&b.score.nrmse.value))
    }

    /// The ideal: exact products with the device's own history; `None` if the encoding multiplies nothing.
    pub fn ideal(&self) -> Option<&Comparison> {
        let mut controls = self.controls.iter();
        controls.find(|c| matches!(c.control, Control::Products(_)))
    }

    /// What part of the way from the best linear control to the ideal the device goes, 1 for all of it; below 0 if it
    /// is worse than that control.
    pub fn part_of_the_way(&self) -> Option<f64> {
        let linear = self.best_linear()?.score.nrmse.value;
        let way = linear - self.ideal()?.score.nrmse.value;
        (way > MARGIN).then(|| (linear - self.device.nrmse.value) / way)
    }

    /// NRMSE of this verdict's device minus that of `other` on the same `test` steps, with its interval on the blocks
    /// that `seed` draws: below zero, this one is better.
    pub fn beyond(&self, other: &Score, test: &[f64], seed: u64) -> Estimate {
        let (a, b) = (&self.device.predictions, &other.predictions);
        Bootstrap::new(test.len(), seed).difference(a, b, test)
    }

    /// The controls in software with as many features as the device: leaky integrators, the same with its history, and
    /// a delay line.
    pub fn as_many(&self) -> impl Iterator<Item = &Comparison> {
        let features = self.device.features;
        self.controls.iter().filter(move |c| match c.control {
            Control::LeakyBank(_) | Control::LaggedBank(..) => true,
            Control::DelayLine(length) => length == features,
            _ => false,
        })
    }

    /// Whether the device is better than every control with as many features; `None` if there are too few test steps
    /// to claim any score.
    pub fn beats_as_many(&self) -> Option<bool> {
        self.enough_steps()
            .then(|| self.as_many().all(|c| better(&c.difference)))
    }

    /// Names of the controls for whose difference `holds` is true, without the destroyed states.
    pub(super) fn names(&self, holds: impl Fn(&Estimate) -> bool) -> String {
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

/// How long the steps lasted in the rows that are trained or tested on.
fn step_length(trial: &Trial, split: &Split) -> Option<StepLength> {
    let rows = trial.device.rows();
    let seconds = trial.left_out.values(trial.step_seconds.get(..rows)?);
    let input = trial.left_out.values(&trial.input[..rows]);
    let split = trial.left_out.split(*split);
    let driven = split.washout..split.total();
    StepLength::of(seconds.get(driven.clone())?, input.get(driven)?)
}

/// The device with and without inputs beside it; `device` is its score with the declared taps.
fn direct(
    trial: &Trial,
    device: &Score,
    score: impl Fn(&StateMatrix) -> Result<Score, EvaluateError>,
) -> Result<Direct, EvaluateError> {
    if trial.taps > 0 {
        return Ok(Direct {
            without: score(trial.device)?,
            inputs: trial.taps,
            with: device.clone(),
        });
    }
    let inputs = trial.history.max(DIRECT);
    let line = controls::delay_line(&trial.input[..trial.device.rows()], inputs)?;
    Ok(Direct {
        without: device.clone(),
        inputs,
        with: score(&line.beside(trial.device)?)?,
    })
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

/// Whether the first of the two is better: the interval lies below zero, by more than a thousandth.
pub fn better(difference: &Estimate) -> bool {
    difference.high < -MARGIN
}

/// Whether the first of the two is worse: the interval lies above zero, by more than a thousandth.
pub fn worse(difference: &Estimate) -> bool {
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
            history: 1,
            step_seconds: &[],
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
                .starts_with("the device computes: its 31 features")
        );
    }

    #[test]
    fn too_few_test_steps_give_no_verdict() {
        let task = narma10(400, 1);
        let states = controls::leaky_bank(&task.input, 4).expect("finite");
        let verdict = Verdict::of(&Trial {
            device: &states,
            history: 1,
            step_seconds: &[],
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

    /// Judges a device of `history` steps of history, whose steps lasted `seconds` under the input.
    fn judged(
        device: impl Fn(&[f64]) -> StateMatrix,
        history: usize,
        seconds: impl Fn(f64) -> f64,
    ) -> Verdict {
        let task = narma10(SPLIT.total(), 1);
        let encoded = controls::delay_line(&task.input, history).expect("finite");
        let lengths: Vec<f64> = task.input.iter().map(|u| seconds(*u)).collect();
        Verdict::of(&Trial {
            device: &device(&task.input),
            history,
            step_seconds: &lengths,
            encoded: &encoded,
            taps: 0,
            products: &[(0, 9)],
            off: None,
            input: &task.input,
            target: &task.target,
            split: SPLIT,
            left_out: &LeftOut::default(),
            seed: 1,
        })
        .expect("a verdict")
    }

    fn product_and_line(input: &[f64]) -> StateMatrix {
        controls::delay_line_with_products(input, 30, &[(0, 9)]).expect("finite")
    }

    #[test]
    fn a_device_that_goes_all_the_way_to_the_ideal_computes() {
        let verdict = judged(product_and_line, 1, |_| 10.0);
        assert!(verdict.computes(), "{verdict}");
        assert!((verdict.part_of_the_way().expect("a way") - 1.0).abs() < 1e-9);
        assert!(verdict.beyond_lengths.is_none(), "the steps are equal");
        let ideal = verdict.ideal().expect("an ideal");
        assert!(!ideal.control.is_linear());
        assert!(verdict.to_string().starts_with("the device computes"));
    }

    #[test]
    fn a_bank_with_the_devices_history_is_among_the_rivals() {
        // Three integrators at nine lags: as a device, and as its own control.
        let lags: Vec<usize> = (0..9).collect();
        let device = |input: &[f64]| {
            let bank = controls::leaky_bank(input, 3).expect("finite");
            controls::lagged(&bank, &lags).expect("finite")
        };
        let verdict = judged(device, 9, |_| 10.0);
        let same = (verdict.controls.iter()).find(|c| c.control == Control::LaggedBank(3, 9));
        let same = same.expect("the lagged bank").score.nrmse.value;
        assert!((same - verdict.device.nrmse.value).abs() < 1e-12);
        assert!(!verdict.adds_computation() && !verdict.computes());
    }

    #[test]
    fn a_device_that_only_takes_longer_for_some_inputs_gets_no_verdict_of_computation() {
        // Its one state is the length of its step.
        let length = |u: f64| 10.0 + 40.0 * u;
        let device = |input: &[f64]| {
            let lengths: Vec<f64> = input.iter().map(|u| length(*u)).collect();
            let lags: Vec<usize> = (0..10).collect();
            let column = vec![(Feature::new("length", "s"), lengths)];
            let states = StateMatrix::from_columns(input.len(), column).expect("finite");
            controls::lagged(&states, &lags).expect("finite")
        };
        let verdict = judged(device, 10, length);
        assert!(verdict.step_length.expect("known").is_unequal());
        assert!(!verdict.step_lengths_are_beaten());
        assert!(!verdict.adds_computation() && !verdict.computes());
        assert_eq!(verdict.word(), "no verdict", "{verdict}");
    }

    #[test]
    fn the_row_without_a_direct_connection_has_no_input_beside_the_device() {
        let verdict = judged(product_and_line, 1, |_| 10.0);
        assert_eq!(verdict.direct.inputs, DIRECT);
        assert_eq!(verdict.direct.without, verdict.device);
        assert_eq!(
            verdict.direct.with.features,
            verdict.device.features + DIRECT
        );
    }
}
