//! How the steps of a run are shared out.

use thermine_reservoir::split::Split;

/// The protocol of the literature: seeds and comparisons elsewhere rest on it.
pub const DEFAULT_SPLIT: Split = Split {
    washout: 200,
    train: 2_000,
    test: 1_000,
};

/// Most seeds of one command.
pub const MOST_SEEDS: u64 = 1000;

/// The washout, training and test steps of a record of `rows`, in the usual proportion.
pub(crate) fn proportion(rows: usize) -> Split {
    let washout = rows / 16;
    let test = (rows - washout) / 3;
    Split {
        washout,
        train: rows - washout - test,
        test,
    }
}
