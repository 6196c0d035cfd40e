//! Prediction with a trained readout: `thermine predict`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::experiment::task::Named;

/// What to predict, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Predict {
    /// File of the readout, a `readout-….json` of a training run.
    pub readout: PathBuf,
    /// Task whose inputs drive the unit; absent for the readout's.
    pub task: Option<Named>,
    /// CSV file whose inputs drive the unit instead.
    pub data: Option<PathBuf>,
    /// Column of the CSV file that drives the unit.
    pub input: String,
    /// Columns of the CSV file that the predictions are scored against.
    pub targets: Vec<String>,
    /// What is driven.
    pub backend: Backend,
    /// Capture to replay.
    pub capture: Option<PathBuf>,
    /// Steps of a task.
    pub steps: usize,
    /// First steps, which are predicted but not scored.
    pub washout: usize,
    /// Seed of the input and of a simulated unit.
    pub seed: u64,
}

impl Default for Predict {
    fn default() -> Predict {
        Predict {
            readout: PathBuf::new(),
            task: None,
            data: None,
            input: "u".into(),
            targets: Vec::new(),
            backend: Backend::default(),
            capture: None,
            steps: 300,
            washout: 100,
            // Another than that of any training.
            seed: 1_000_001,
        }
    }
}
