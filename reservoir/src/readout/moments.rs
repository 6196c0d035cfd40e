//! The moments that a ridge fit needs of the training rows: means, scales, XᵀX/T and XᵀY/T of the standardised
//! features, in two passes over the states and without a copy of them.

use std::ops::Range;

use nalgebra::DMatrix;

use crate::dense;
use crate::state::{Standardiser, StateMatrix};

/// Values that are standardised at a time, 4 MB: more would leave the cache before they are multiplied; with fewer,
/// adding to the Gram matrix would take longer than multiplying.
const VALUES: usize = 1 << 19;

/// Moments of N features and M targets over the training rows.
pub(super) struct Moments {
    pub(super) standardiser: Standardiser,
    /// XᵀX/T, lower triangle.
    pub(super) gram: DMatrix<f64>,
    /// XᵀY/T with Y centred, N × M.
    pub(super) cross: DMatrix<f64>,
    /// Means of the targets.
    pub(super) means: Vec<f64>,
    /// Variances of the targets.
    pub(super) variance: Vec<f64>,
}

impl Moments {
    pub(super) fn of(states: &StateMatrix, targets: &DMatrix<f64>, rows: Range<usize>) -> Moments {
        let standardiser = Standardiser::fit(states, rows.clone());
        let (y, means) = centred(targets, rows.clone());
        let columns = states.columns();
        let mut gram = DMatrix::zeros(columns, columns);
        let mut cross = DMatrix::zeros(columns, targets.ncols());
        let most = (VALUES / columns.max(1)).clamp(1, rows.len().max(1));
        let mut block = DMatrix::zeros(most, columns);
        let mut y_block = DMatrix::zeros(most, targets.ncols());
        for start in (0..rows.len()).step_by(most) {
            let length = most.min(rows.len() - start);
            let source = rows.start + start;
            standardiser.apply_into(states, source..source + length, &mut block);
            y_block
                .rows_mut(0, length)
                .copy_from(&y.rows(start, length));
            dense::add_gram(&mut gram, &block, 0..length);
            dense::add_cross(&mut cross, &block, &y_block, 0..length);
        }
        let count = rows.len() as f64;
        Moments {
            standardiser,
            gram: gram / count,
            cross: cross / count,
            variance: y
                .column_iter()
                .map(|column| column.norm_squared() / count)
                .collect(),
            means,
        }
    }
}

/// Rows of `targets` minus their means, and the means.
pub(super) fn centred(targets: &DMatrix<f64>, rows: Range<usize>) -> (DMatrix<f64>, Vec<f64>) {
    let mut y = targets.rows(rows.start, rows.len()).into_owned();
    let means = y
        .column_iter_mut()
        .map(|mut column| {
            let mean = column.mean();
            column.add_scalar_mut(-mean);
            mean
        })
        .collect();
    (y, means)
}
