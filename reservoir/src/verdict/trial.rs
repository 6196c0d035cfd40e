//! What is judged: a device's states with all that the verdict needs.

use serde::{Deserialize, Serialize};

use crate::left_out::LeftOut;
use crate::split::Split;
use crate::state::StateMatrix;

/// A device's states with all that the verdict needs.
#[derive(Debug, Clone)]
pub struct Trial<'a> {
    /// States of the device as given to its readout, for all steps of the split.
    pub device: &'a StateMatrix,
    /// Steps of history that the device's states hold, the present one included; at least 1.
    pub history: usize,
    /// The encoded drive as numbers, with the same history of steps as the device's features.
    pub encoded: &'a StateMatrix,
    /// How long each step lasted, s of the device's time; empty where all are equally long by construction.
    pub step_seconds: &'a [f64],
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

/// How long the steps lasted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepLength {
    /// Mean, s of the device's time.
    pub mean_seconds: f64,
    /// Standard deviation over its mean.
    pub cv: f64,
    /// Correlation of a step's length with its input.
    pub with_input: f64,
}

/// Coefficient of variation above which steps are not equally long: clocks and wires make less of a difference.
const UNEQUAL: f64 = 0.002;

impl StepLength {
    /// Of steps that lasted `seconds` under `input`; `None` without a step that took time.
    pub(super) fn of(seconds: &[f64], input: &[f64]) -> Option<StepLength> {
        let n = seconds.len().min(input.len());
        let (seconds, input) = (&seconds[..n], &input[..n]);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / n as f64;
        let (length, level) = (mean(seconds), mean(input));
        if n == 0 || length <= 0.0 {
            return None;
        }
        let sum = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
            let pairs = seconds.iter().zip(input);
            pairs.map(|(s, u)| of(s - length, u - level)).sum()
        };
        let (ss, su, uu) = (sum(&|s, _| s * s), sum(&|s, u| s * u), sum(&|_, u| u * u));
        let scale = (ss * uu).sqrt();
        Some(StepLength {
            mean_seconds: length,
            cv: (ss / n as f64).sqrt() / length,
            with_input: if scale > 0.0 { su / scale } else { 0.0 },
        })
    }

    /// Whether the steps were not equally long, so that their lengths may tell of the input.
    pub fn is_unequal(&self) -> bool {
        self.cv > UNEQUAL
    }
}
