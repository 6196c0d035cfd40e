//! The use of a step of a training run.

use thermine_reservoir::left_out::LeftOut;
use thermine_reservoir::split::Split;

/// The use of the step `row`: washout, training or test.
pub(crate) fn segment(split: Split, left_out: &LeftOut, row: usize) -> &'static str {
    if left_out.contains(row) {
        "left out"
    } else if row < split.washout {
        "washout"
    } else if row < split.test_rows().start {
        "train"
    } else {
        "test"
    }
}
