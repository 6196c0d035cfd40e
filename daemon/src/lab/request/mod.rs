//! What may be queued, as plain data: `{"train": {"task": "narma10", "seed": 2}}`.
//!
//! The command line, the HTTP API and the queue's file all carry a [`Request`]. It names no unit, no folder and no
//! database, and a file only by its name below a configured folder ([`folders`]). [`Request::check`] says all that is
//! wrong with it. It is called when a request is queued, and again when it is taken out of the queue.

pub(crate) mod declare;
mod drive;
pub(crate) mod findings;
pub mod folders;
mod train;
mod words;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use self::drive::{FilterTrial, Record, Sweep, Verify};
use self::findings::Findings;
pub use self::findings::Wrong;
pub use self::folders::Folders;
pub use self::train::{DataFile, Train};

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
            Request::Sweep(sweep) => sweep.check(&mut found),
            Request::Record(record) => record.check(&mut found),
            Request::FilterTrial(trial) => trial.find(&mut found),
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

    /// The request in words, as on the command line.
    pub fn words(&self) -> String {
        words::words(self)
    }
}

#[cfg(test)]
mod tests;
