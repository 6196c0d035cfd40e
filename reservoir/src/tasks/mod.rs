//! Benchmark tasks: an input, and the target or targets that a readout must predict at each step.
//!
//! Every generator draws from a seed and nothing else; a length of zero gives empty sequences. The caller chooses the
//! length and so the memory: 16 bytes per step, and 8 more for each further target.

pub mod channel;
pub mod lorenz;
pub mod mackey_glass;
pub mod narma;
pub mod parity;
pub mod waveform;

/// A task's input and targets, all of one length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sequence {
    /// Input `u[t]` of each step.
    pub input: Vec<f64>,
    /// Value that the readout must predict at step t from what is known up to and including `u[t]`.
    pub target: Vec<f64>,
    /// Targets beside the first, for tasks that have several.
    pub further: Vec<Target>,
    /// Number of draws that diverged and were discarded whole.
    pub rejected_draws: usize,
}

/// A further target of a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Name, unique within its task.
    pub name: String,
    /// Value that the readout must predict at each step.
    pub values: Vec<f64>,
}

impl Sequence {
    /// All targets, the first one first.
    pub fn targets(&self) -> impl Iterator<Item = &[f64]> {
        std::iter::once(self.target.as_slice())
            .chain(self.further.iter().map(|target| target.values.as_slice()))
    }
}

/// `signal[t + horizon]` for each of the first `length` steps.
fn ahead(signal: &[f64], horizon: usize, length: usize) -> Vec<f64> {
    signal[horizon..horizon + length].to_vec()
}
