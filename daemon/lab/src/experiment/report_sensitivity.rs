//! How far scores rest on what nobody measured, as data.

use serde::{Deserialize, Serialize};

/// The scores of a run's rows over the assumed ranges, on twins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sensitivity {
    /// Seed of input, twin and statistics.
    pub seed: u64,
    /// Training steps.
    pub train_steps: usize,
    /// Test steps.
    pub test_steps: usize,
    /// What became of each row.
    pub rows: Vec<Spread>,
}

/// The scores of one row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Spread {
    /// Name of the row.
    pub row: String,
    /// Its score with the model's own parameters.
    pub base: f64,
    /// The best control that is linear in the input, with these.
    pub control: f64,
    /// Its score at either end of each assumption.
    pub ends: Vec<Ends>,
}

/// The scores at the two ends of an assumption.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ends {
    /// The parameters that are assumed.
    pub assumption: String,
    /// The lower end, as it is written.
    pub low: String,
    /// What became of the row there.
    pub at_low: Outcome,
    /// The upper end, as it is written.
    pub high: String,
    /// What became of the row there.
    pub at_high: Outcome,
}

/// What became of a row under an assumption.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Its NRMSE; `None` where the unit could not be driven.
    pub score: Option<f64>,
    /// What the unit does, or why it could not be driven.
    pub says: String,
}

impl Spread {
    /// Least and largest score over all ends, the model's own included.
    pub fn range(&self) -> (f64, f64) {
        let ends = self.ends.iter().flat_map(|e| [&e.at_low, &e.at_high]);
        ends.filter_map(|outcome| outcome.score)
            .fold((self.base, self.base), |(low, high), score| {
                (low.min(score), high.max(score))
            })
    }

    /// The assumption that moves the score most.
    pub fn decides(&self) -> Option<&Ends> {
        let off = |o: &Outcome| o.score.map_or(0.0, |score| (score - self.base).abs());
        let moves = |e: &&Ends| off(&e.at_low).max(off(&e.at_high));
        self.ends
            .iter()
            .max_by(|a, b| moves(a).total_cmp(&moves(b)))
    }
}
