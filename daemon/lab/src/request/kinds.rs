//! The kinds of requests.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::drive::Verify;
use super::findings::{Findings, Wrong};
use super::train::Train;
use crate::config::folders::Folders;
use crate::record::request::Record;
use crate::sweep::request::Sweep;
use crate::tpf::live::FilterTrial;

/// Longest request as JSON, in bytes.
pub const LONGEST: usize = 32 * 1024;

/// An experiment or an analysis that may be queued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Drives a unit with a task, or replays a capture, and trains a readout: `thermine train`.
    Train(Box<Train>),
    /// Measures share times and reservoir over a grid of operating points: `thermine sweep`.
    Sweep(Sweep),
    /// Records a unit's shares at a constant drive: `thermine capture record`.
    Record(Record),
    /// A trial of the probability filter on a unit: `thermine tpf live`.
    FilterTrial(FilterTrial),
    /// Hashes every share of a capture again: `thermine capture verify`.
    Verify(Verify),
}

impl Request {
    /// Looks for everything that is wrong: what contradicts itself, what is out of bounds, and files that are not below
    /// `folders`.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self, folders: &Folders) -> Result<(), Wrong> {
        let mut found = Findings::default();
        match self {
            Request::Train(train) => train.check(folders, &mut found),
            Request::Sweep(sweep) => sweep.check_queued(&mut found),
            Request::Record(record) => record.check_queued(&mut found),
            Request::FilterTrial(trial) => trial.check_queued(&mut found),
            Request::Verify(verify) => found.file(folders.capture(&verify.capture)),
        }
        found.all()
    }

    /// Whether it only computes on a capture. It then needs no unit and runs in a process of its own.
    pub fn is_analysis(&self) -> bool {
        match self {
            Request::Train(train) => train.is_replay(),
            Request::Verify(_) => true,
            Request::Sweep(_) | Request::Record(_) | Request::FilterTrial(_) => false,
        }
    }
}

/// Reads a command in words, as `train narma10`, as a request. The command line does.
pub type ReadCommand = fn(&str) -> anyhow::Result<Request>;
