//! Benchmark tasks: an input, and the target that a readout is to give at each step.

pub mod narma;

/// A task's input and target, of equal length.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequence {
    /// `u[t]`.
    pub input: Vec<f64>,
    /// What the readout is to give at step t, from what is known up to and including `u[t]`.
    pub target: Vec<f64>,
    /// Draws that diverged and were thrown away whole.
    pub rejected_draws: usize,
}
