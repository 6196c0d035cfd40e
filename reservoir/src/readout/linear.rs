//! A linear readout with one output per target, however it was fitted.

use std::ops::Range;

use nalgebra::DMatrix;

use crate::dense;
use crate::state::{Feature, Standardiser, StateMatrix};

/// y = b + Wᵀ s(x), s the standardiser.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearReadout {
    /// Columns that it was trained on, in order.
    pub features: Vec<Feature>,
    /// Centring and scaling of the features.
    pub standardiser: Standardiser,
    /// Weights of the standardised features, N × M.
    pub weights: DMatrix<f64>,
    /// Output if all features are at their training mean, M.
    pub intercepts: Vec<f64>,
}

/// Why a readout cannot be fitted, loaded or applied.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReadoutError {
    /// Rows and targets differ in number, or are too few.
    #[error(
        "{rows} rows and {targets} targets: equal numbers are needed, at least {least} of each"
    )]
    Length {
        /// Number of rows.
        rows: usize,
        /// Number of target rows.
        targets: usize,
        /// Fewest rows that can be fitted.
        least: usize,
    },
    /// A parameter outside of its range.
    #[error("{parameter} is {value}, not {range}")]
    Parameter {
        /// Name of the parameter.
        parameter: &'static str,
        /// Value that was given.
        value: f64,
        /// Range of valid values.
        range: &'static str,
    },
    /// A target that is not finite.
    #[error("target {output} is {value} at step {row}")]
    NotFinite {
        /// Which output, from 0.
        output: usize,
        /// Step of the value, from 0.
        row: usize,
        /// Value that is not finite.
        value: f64,
    },
    /// The system is singular, or an iteration does not converge.
    #[error("the readout of {features} features cannot be solved: {reason}")]
    Unsolvable {
        /// Number of features of the readout.
        features: usize,
        /// Why the system cannot be solved.
        reason: String,
    },
    /// The states have other features than those in training.
    #[error("feature {place} of the readout is {expected}, but that of the states is {found}")]
    OtherFeatures {
        /// Which column, from 0.
        place: usize,
        /// Name and unit in training.
        expected: String,
        /// Name and unit now.
        found: String,
    },
    /// A saved readout of a version that this program does not know.
    #[error("the readout was saved as version {found}; only version {known} can be read")]
    Version {
        /// Version of the file.
        found: u32,
        /// Version that this program reads.
        known: u32,
    },
    /// A saved readout whose parts contradict each other.
    #[error("the saved readout is not consistent: {0}")]
    Inconsistent(String),
}

/// Standardised `rows` of `states`, for a readout trained on `features`.
///
/// # Errors
/// If the features are not those of training, or a row does not exist.
pub(super) fn standardised(
    features: &[Feature],
    standardiser: &Standardiser,
    states: &StateMatrix,
    rows: Range<usize>,
) -> Result<DMatrix<f64>, ReadoutError> {
    check_features(features, states.features())?;
    if rows.end > states.rows() {
        return Err(ReadoutError::Length {
            rows: states.rows(),
            targets: rows.end,
            least: 0,
        });
    }
    Ok(standardiser.apply(states, rows))
}

/// Refuses features other than `expected`, in name, unit or order.
///
/// # Errors
/// [`ReadoutError::OtherFeatures`] at the first that differs.
pub(super) fn check_features(expected: &[Feature], found: &[Feature]) -> Result<(), ReadoutError> {
    let describe = |features: &[Feature], place: usize| {
        features.get(place).map_or_else(
            || "missing".to_string(),
            |feature| format!("{} [{}]", feature.name, feature.unit),
        )
    };
    let longest = expected.len().max(found.len());
    match (0..longest).find(|&place| expected.get(place) != found.get(place)) {
        Some(place) => Err(ReadoutError::OtherFeatures {
            place,
            expected: describe(expected, place),
            found: describe(found, place),
        }),
        None => Ok(()),
    }
}

/// Refuses rows that do not exist, fewer than `least` rows, and targets that are not finite.
pub(super) fn check_rows(
    states: &StateMatrix,
    targets: &DMatrix<f64>,
    rows: &Range<usize>,
    least: usize,
) -> Result<(), ReadoutError> {
    let available = states.rows().min(targets.nrows());
    if rows.end > available || rows.len() < least {
        return Err(ReadoutError::Length {
            rows: states.rows().min(rows.end).saturating_sub(rows.start),
            targets: targets.nrows(),
            least,
        });
    }
    for (output, column) in targets.column_iter().enumerate() {
        let segment = column.rows(rows.start, rows.len());
        if let Some(row) = segment.iter().position(|value| !value.is_finite()) {
            return Err(ReadoutError::NotFinite {
                output,
                row: rows.start + row,
                value: segment[row],
            });
        }
    }
    Ok(())
}

impl LinearReadout {
    /// Outputs for `rows` of `states`, |rows| × M.
    ///
    /// # Errors
    /// If the features are not those of training, or a row does not exist.
    pub fn predict(
        &self,
        states: &StateMatrix,
        rows: Range<usize>,
    ) -> Result<DMatrix<f64>, ReadoutError> {
        let x = standardised(&self.features, &self.standardiser, states, rows)?;
        let mut y = dense::product(&x, &self.weights);
        for (mut column, intercept) in y.column_iter_mut().zip(&self.intercepts) {
            column.add_scalar_mut(*intercept);
        }
        Ok(y)
    }
}

/// Targets as the columns of a matrix, T × M.
///
/// # Errors
/// If the targets differ in length.
pub fn target_matrix<'a>(
    targets: impl IntoIterator<Item = &'a [f64]>,
) -> Result<DMatrix<f64>, ReadoutError> {
    let columns: Vec<&[f64]> = targets.into_iter().collect();
    let rows = columns.first().map_or(0, |column| column.len());
    if let Some(other) = columns.iter().find(|column| column.len() != rows) {
        return Err(ReadoutError::Length {
            rows,
            targets: other.len(),
            least: 0,
        });
    }
    let values = columns.iter().copied().flatten().copied();
    Ok(DMatrix::from_iterator(rows, columns.len(), values))
}
