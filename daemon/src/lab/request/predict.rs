//! Prediction with a trained readout: `thermine predict`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::lab::backend::Backend;
use crate::lab::experiment::task::Named;

/// What to predict, and on what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Predict {
    /// File of the readout, a `readout-….json` of a training run.
    pub(crate) readout: PathBuf,
    /// Task whose inputs drive the unit; absent for the readout's.
    pub(crate) task: Option<Named>,
    /// CSV file whose inputs drive the unit instead.
    pub(crate) data: Option<PathBuf>,
    /// Column of the CSV file that drives the unit.
    pub(crate) input: String,
    /// Columns of the CSV file that the predictions are scored against.
    pub(crate) targets: Vec<String>,
    pub(crate) backend: Backend,
    /// Capture to replay.
    pub(crate) capture: Option<PathBuf>,
    /// Steps of a task.
    pub(crate) steps: usize,
    /// First steps, which are predicted but not scored.
    pub(crate) washout: usize,
    /// Seed of the input and of a simulated unit.
    pub(crate) seed: u64,
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
