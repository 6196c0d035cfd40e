//! The state matrix: the features of a reservoir at each step, one named column per feature.

use std::collections::HashSet;
use std::ops::Range;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// A column's name and the unit of its values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// Name, unique within its matrix.
    pub name: String,
    /// Unit, for example `°C`; `1` for a pure number.
    pub unit: String,
}

impl Feature {
    /// A feature of this name and unit.
    pub fn new(name: impl Into<String>, unit: impl Into<String>) -> Feature {
        Feature {
            name: name.into(),
            unit: unit.into(),
        }
    }
}

/// At least one row in this many must differ from the row before it. Coarse sensors repeat values, but one reading
/// that fills twenty rows or more is not a state of each of these steps.
pub const FRESH: usize = 20;

/// T rows (steps, in order of time) by N columns (features).
#[derive(Debug, Clone, PartialEq)]
pub struct StateMatrix {
    features: Vec<Feature>,
    values: DMatrix<f64>,
}

/// Why a state matrix cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StateError {
    /// Columns differ in length, or their number differs from that of the names.
    #[error("feature {feature} has {found} values where {expected} are expected")]
    Ragged {
        /// Name of the column.
        feature: String,
        /// Number of values of the column.
        found: usize,
        /// Length of the others.
        expected: usize,
    },
    /// A value is not finite.
    #[error("feature {feature} is {value} at step {row}")]
    NotFinite {
        /// Name of the column.
        feature: String,
        /// Step of the value, from 0.
        row: usize,
        /// Value that is not finite.
        value: f64,
    },
    /// A matrix in which nothing changes, as in two published logs.
    #[error(
        "the states are degenerate: {distinct_rows} distinct rows (counted up to 2), and {varying} of {features} features \
         vary independently; a score on them would be meaningless"
    )]
    Degenerate {
        /// Number of different rows, counted up to 2.
        distinct_rows: usize,
        /// Rank of the centred matrix, counted up to 2.
        varying: usize,
        /// Number of features.
        features: usize,
    },
    /// A matrix whose rows hardly ever change: a sensor that hangs, or one reading recorded many times.
    #[error(
        "the states are repeated: {repeated} of {rows} rows equal the row before them to the last bit; \
         a score on them would count each reading many times"
    )]
    Repeated {
        /// Rows that equal their predecessor.
        repeated: usize,
        /// Number of rows examined.
        rows: usize,
    },
}

impl StateMatrix {
    /// A matrix from its columns, each with a value per step. Without columns it is the matrix of the constant
    /// readout; `rows` is then its length.
    ///
    /// # Errors
    /// If the length of a column is not `rows`, or a value is not finite.
    pub fn from_columns(
        rows: usize,
        columns: Vec<(Feature, Vec<f64>)>,
    ) -> Result<StateMatrix, StateError> {
        for (feature, values) in &columns {
            if values.len() != rows {
                return Err(StateError::Ragged {
                    feature: feature.name.clone(),
                    found: values.len(),
                    expected: rows,
                });
            }
            if let Some(row) = values.iter().position(|value| !value.is_finite()) {
                return Err(StateError::NotFinite {
                    feature: feature.name.clone(),
                    row,
                    value: values[row],
                });
            }
        }
        let count = columns.len();
        let (features, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        Ok(StateMatrix {
            features,
            values: DMatrix::from_iterator(rows, count, values.into_iter().flatten()),
        })
    }

    /// A matrix from its values, T × N, and the N features of its columns.
    ///
    /// # Errors
    /// If the number of features is not N, or a value is not finite.
    pub fn from_matrix(
        features: Vec<Feature>,
        values: DMatrix<f64>,
    ) -> Result<StateMatrix, StateError> {
        if features.len() != values.ncols() {
            return Err(StateError::Ragged {
                feature: "names".to_string(),
                found: features.len(),
                expected: values.ncols(),
            });
        }
        for (feature, column) in features.iter().zip(values.column_iter()) {
            if let Some(row) = column.iter().position(|value| !value.is_finite()) {
                return Err(StateError::NotFinite {
                    feature: feature.name.clone(),
                    row,
                    value: column[row],
                });
            }
        }
        Ok(StateMatrix { features, values })
    }

    /// As [`StateMatrix::from_matrix`], for values that the caller knows to be finite, with one column per feature.
    pub(crate) fn from_finite(features: Vec<Feature>, values: DMatrix<f64>) -> StateMatrix {
        debug_assert!(features.len() == values.ncols() && values.iter().all(|v| v.is_finite()));
        StateMatrix { features, values }
    }

    /// The matrix without `rows`, which must be in rising order.
    pub(crate) fn without_rows(&self, rows: &[usize]) -> StateMatrix {
        let kept: Vec<usize> = (0..self.rows())
            .filter(|row| rows.binary_search(row).is_err())
            .collect();
        StateMatrix::from_finite(self.features.clone(), self.values.select_rows(&kept))
    }

    /// Names and units of the columns.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The numbers, T × N.
    pub fn values(&self) -> &DMatrix<f64> {
        &self.values
    }

    /// Number of steps.
    pub fn rows(&self) -> usize {
        self.values.nrows()
    }

    /// Number of features.
    pub fn columns(&self) -> usize {
        self.values.ncols()
    }

    /// The same with `prefix` before the name of every feature.
    pub fn prefixed(mut self, prefix: &str) -> StateMatrix {
        for feature in &mut self.features {
            feature.name.insert_str(0, prefix);
        }
        self
    }

    /// The columns of `self`, then those of `other`.
    ///
    /// # Errors
    /// If the two have different numbers of rows.
    pub fn beside(&self, other: &StateMatrix) -> Result<StateMatrix, StateError> {
        if other.rows() != self.rows() {
            return Err(StateError::Ragged {
                feature: other
                    .features
                    .first()
                    .map_or_else(String::new, |f| f.name.clone()),
                found: other.rows(),
                expected: self.rows(),
            });
        }
        let values = DMatrix::from_iterator(
            self.rows(),
            self.columns() + other.columns(),
            self.values.iter().chain(other.values.iter()).copied(),
        );
        Ok(StateMatrix {
            features: [self.features.as_slice(), &other.features].concat(),
            values,
        })
    }

    /// The same features with the rows in the order that `source` gives: row t is taken from row
    /// `source(t)`.
    pub(crate) fn rearranged(&self, source: impl Fn(usize) -> usize) -> StateMatrix {
        let values = DMatrix::from_fn(self.rows(), self.columns(), |row, column| {
            self.values[(source(row), column)]
        });
        StateMatrix {
            features: self.features.clone(),
            values,
        }
    }

    /// Refuses states in which nothing changes: fewer than two distinct rows, a rank below 2 after centring (all
    /// features are then one signal, or none), or fewer than one row in [`FRESH`] that differs from its predecessor.
    /// A single feature cannot have rank 2 and is only required to vary.
    ///
    /// # Errors
    /// [`StateError::Degenerate`] or [`StateError::Repeated`].
    pub fn check_alive(&self, rows: Range<usize>) -> Result<(), StateError> {
        let bits = |row: usize| -> Vec<u64> {
            // Adding zero makes the two zeros one.
            let row = self.values.row(row);
            row.iter().map(|v| (v + 0.0).to_bits()).collect()
        };
        let mut distinct = HashSet::new();
        let mut repeated = 0;
        let mut before = Vec::new();
        for row in rows.clone() {
            let now = bits(row);
            repeated += usize::from(row > rows.start && now == before);
            if distinct.len() < 2 {
                distinct.insert(now.clone());
            }
            before = now;
        }
        let varying = self.rank_up_to_two(rows.clone());
        if distinct.len() < 2 || varying < self.columns().min(2) {
            return Err(StateError::Degenerate {
                distinct_rows: distinct.len(),
                varying,
                features: self.columns(),
            });
        }
        if (rows.len() - 1 - repeated) * FRESH < rows.len() - 1 {
            return Err(StateError::Repeated {
                repeated,
                rows: rows.len(),
            });
        }
        Ok(())
    }

    /// Rank of the centred matrix over `rows`, counted up to 2: whether a column varies, and whether another is not a
    /// multiple of it.
    fn rank_up_to_two(&self, rows: Range<usize>) -> usize {
        let segment = self.values.rows(rows.start, rows.len());
        let centred: Vec<_> = segment
            .column_iter()
            .map(|column| column.add_scalar(-column.mean()))
            .collect();
        let scale = |column: &nalgebra::DVector<f64>| column.norm();
        let Some(first) = centred.iter().find(|c| scale(c) > 1e-12) else {
            return 0;
        };
        let direction = first / first.norm();
        let second = centred.iter().any(|column| {
            let rest = column - &direction * direction.dot(column);
            scale(&rest) > 1e-9 * scale(column).max(1e-12)
        });
        1 + usize::from(second)
    }
}

/// Centres and scales columns by the mean and population standard deviation of the training rows. A
/// column that is constant there becomes zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardiser {
    /// Mean of each column.
    pub(crate) means: Vec<f64>,
    /// Reciprocal of the standard deviation of each column; 0 for a constant one.
    pub scales: Vec<f64>,
}

/// Sum of `part` of each value over eight running sums, which the processor adds in parallel.
fn sum(values: &[f64], part: impl Fn(f64) -> f64) -> f64 {
    let (eights, rest) = values.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for eight in eights {
        for (sum, value) in sums.iter_mut().zip(eight) {
            *sum += part(*value);
        }
    }
    sums.iter().sum::<f64>() + rest.iter().map(|value| part(*value)).sum::<f64>()
}

impl Standardiser {
    /// Fits to `rows` of `states`.
    pub fn fit(states: &StateMatrix, rows: Range<usize>) -> Standardiser {
        let (means, scales) = states
            .values()
            .column_iter()
            .map(|column| {
                let values = &column.as_slice()[rows.clone()];
                let count = values.len() as f64;
                let mean = sum(values, |v| v) / count;
                let deviation = (sum(values, |v| (v - mean) * (v - mean)) / count).sqrt();
                // Below this the column is constant, up to rounding of its mean.
                let floor = 1e-12 * mean.abs().max(1e-300);
                (
                    mean,
                    if deviation > floor {
                        1.0 / deviation
                    } else {
                        0.0
                    },
                )
            })
            .unzip();
        Standardiser { means, scales }
    }

    /// Writes rows `rows` of `states`, standardised, into the first rows of `into`, which has N columns.
    pub(crate) fn apply_into(
        &self,
        states: &StateMatrix,
        rows: Range<usize>,
        into: &mut DMatrix<f64>,
    ) {
        let scaled = self.means.iter().zip(&self.scales);
        for (column, (mean, scale)) in scaled.enumerate() {
            let source = &states.values().column(column);
            let source = &source.as_slice()[rows.clone()];
            let mut target = into.column_mut(column);
            for (to, from) in target.as_mut_slice().iter_mut().zip(source) {
                *to = (from - mean) * scale;
            }
        }
    }

    /// Rows `rows` of `states`, standardised: |rows| × N.
    pub fn apply(&self, states: &StateMatrix, rows: Range<usize>) -> DMatrix<f64> {
        let mut segment = states.values().rows(rows.start, rows.len()).into_owned();
        for (column, (mean, scale)) in self.means.iter().zip(&self.scales).enumerate() {
            segment
                .column_mut(column)
                .apply(|value| *value = (*value - mean) * scale);
        }
        segment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matrix(columns: &[(&str, &[f64])]) -> StateMatrix {
        let rows = columns.first().map_or(0, |(_, values)| values.len());
        let columns = columns
            .iter()
            .map(|(name, values)| (Feature::new(*name, "1"), values.to_vec()))
            .collect();
        StateMatrix::from_columns(rows, columns).expect("well formed")
    }

    #[test]
    fn bad_columns_are_named() {
        let feature = || Feature::new("temperature", "°C");
        let ragged = StateMatrix::from_columns(3, vec![(feature(), vec![1.0])]);
        assert!(
            ragged
                .expect_err("ragged")
                .to_string()
                .contains("temperature has 1 values")
        );
        let nan = StateMatrix::from_columns(2, vec![(feature(), vec![1.0, f64::NAN])]);
        assert!(
            nan.expect_err("nan")
                .to_string()
                .contains("temperature is NaN at step 1")
        );
    }

    #[test]
    fn states_in_which_nothing_happens_are_refused() {
        let dead = matrix(&[("a", &[1.0; 4]), ("b", &[2.0; 4])]);
        assert!(dead.check_alive(0..4).is_err());
        let one = matrix(&[("a", &[1.0, 2.0, 3.0]), ("b", &[3.0, 5.0, 7.0])]);
        assert!(one.check_alive(0..3).is_err(), "two features, one signal");
        let single = matrix(&[("a", &[1.0, 2.0, 3.0])]);
        assert!(single.check_alive(0..3).is_ok());
        let two = matrix(&[("a", &[1.0, 2.0, 3.0]), ("b", &[3.0, 5.0, 8.0])]);
        assert!(two.check_alive(0..3).is_ok());
        assert!(two.check_alive(0..1).is_err(), "a single row");
    }

    #[test]
    fn rows_that_hardly_change_are_refused() {
        let steps = |held: usize| -> Vec<f64> { (0..400).map(|t| (t / held) as f64).collect() };
        let squares = |held: usize| -> Vec<f64> { steps(held).iter().map(|v| v * v).collect() };
        let held = |held| matrix(&[("a", &steps(held)), ("b", &squares(held))]);
        assert!(held(1).check_alive(0..400).is_ok());
        assert!(held(10).check_alive(0..400).is_ok());
        let error = held(40).check_alive(0..400).expect_err("ten readings");
        assert!(
            error.to_string().contains("390 of 400 rows equal"),
            "{error}"
        );
    }

    #[test]
    fn a_constant_column_standardises_to_zero() {
        let states = matrix(&[("a", &[0.1; 5]), ("b", &[1.0, 2.0, 3.0, 4.0, 5.0])]);
        let standard = Standardiser::fit(&states, 0..5).apply(&states, 0..5);
        assert!(standard.column(0).iter().all(|v| *v == 0.0));
        assert!((standard.column(1).variance() - 1.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn standardised_training_rows_have_mean_zero_and_variance_one(
            values in proptest::collection::vec(-1e6f64..1e6, 8..40),
        ) {
            let states = matrix(&[("a", &values)]);
            let n = values.len();
            let standard = Standardiser::fit(&states, 0..n).apply(&states, 0..n);
            prop_assert!(standard.mean().abs() < 1e-6);
            let variance = standard.column(0).variance();
            prop_assert!((variance - 1.0).abs() < 1e-6 || variance == 0.0);
        }

        #[test]
        fn beside_keeps_both(a in -9f64..9.0, b in -9f64..9.0) {
            let both = matrix(&[("a", &[a, b])]).beside(&matrix(&[("b", &[b, a])])).expect("equal rows");
            prop_assert_eq!(both.values().as_slice(), &[a, b, b, a]);
            let swapped = both.rearranged(|t| 1 - t);
            prop_assert_eq!(swapped.values().as_slice(), &[b, a, a, b]);
        }
    }
}
