//! The segments of a run: washout, training and test, in order of time and without gaps.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Lengths of the three segments, in steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Steps in which the reservoir forgets its initial state; neither trained nor tested on.
    pub washout: usize,
    /// Steps that readouts are trained on.
    pub train: usize,
    /// Steps that scores are taken on.
    pub test: usize,
}

/// Why a split cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// There are fewer rows than steps.
    #[error(
        "{washout} washout + {train} training + {test} test steps are asked for, but there are {rows}"
    )]
    TooFewRows {
        /// Steps of washout asked for.
        washout: usize,
        /// Training steps.
        train: usize,
        /// Steps of testing asked for.
        test: usize,
        /// Number of rows.
        rows: usize,
    },
    /// A segment is too short for a meaningful score.
    #[error("{train} training and {test} test steps: at least 50 of each are needed")]
    TooShort {
        /// Training steps.
        train: usize,
        /// Steps of testing asked for.
        test: usize,
    },
}

/// Shortest training or test segment.
const SHORTEST: usize = 50;

impl Split {
    /// Steps of all three segments together.
    pub fn total(&self) -> usize {
        self.washout + self.train + self.test
    }

    /// Rows that are trained on.
    pub fn train_rows(&self) -> Range<usize> {
        self.washout..self.washout + self.train
    }

    /// Rows that are tested on.
    pub fn test_rows(&self) -> Range<usize> {
        self.washout + self.train..self.total()
    }

    /// Checks that `rows` rows are enough.
    ///
    /// # Errors
    /// If there are fewer rows than steps, or a segment is too short.
    pub fn check(&self, rows: usize) -> Result<(), SplitError> {
        let Split {
            washout,
            train,
            test,
        } = *self;
        if train < SHORTEST || test < SHORTEST {
            return Err(SplitError::TooShort { train, test });
        }
        if self.total() > rows {
            return Err(SplitError::TooFewRows {
                washout,
                train,
                test,
                rows,
            });
        }
        Ok(())
    }
}
