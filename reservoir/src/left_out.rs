//! Steps that are left out of training and scoring, as if the run did not contain them.
//!
//! States, delay lines and other controls are made from all steps, so that delays keep their meaning; then the
//! same rows are taken from every matrix and every series.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::split::Split;
use crate::state::StateMatrix;

/// Rows that are left out, in rising order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut(Vec<usize>);

impl LeftOut {
    /// Leaves out each of `steps`, and the later rows whose features include it: with features of `reach` steps, the
    /// present one included, a step appears in `reach` rows.
    pub fn looking_back(steps: &[usize], reach: usize) -> LeftOut {
        let mut rows: Vec<usize> = steps
            .iter()
            .flat_map(|step| *step..step + reach.max(1))
            .collect();
        rows.sort_unstable();
        rows.dedup();
        LeftOut(rows)
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `row` is left out.
    pub fn contains(&self, row: usize) -> bool {
        self.0.binary_search(&row).is_ok()
    }

    /// The rows left out of the first `rows` rows.
    pub fn within(&self, rows: usize) -> &[usize] {
        &self.0[..self.0.partition_point(|row| *row < rows)]
    }

    /// The segments of `split` without these rows.
    pub fn split(&self, split: Split) -> Split {
        let left = |rows: std::ops::Range<usize>| {
            rows.len() - (self.within(rows.end).len() - self.within(rows.start).len())
        };
        Split {
            washout: left(0..split.washout),
            train: left(split.train_rows()),
            test: left(split.test_rows()),
        }
    }

    /// `states` without these rows.
    pub fn states<'a>(&self, states: &'a StateMatrix) -> Cow<'a, StateMatrix> {
        match self.within(states.rows()) {
            [] => Cow::Borrowed(states),
            rows => Cow::Owned(states.without_rows(rows)),
        }
    }

    /// `values` without these rows.
    pub fn values<'a>(&self, values: &'a [f64]) -> Cow<'a, [f64]> {
        match self.within(values.len()) {
            [] => Cow::Borrowed(values),
            _ => (0..values.len())
                .filter(|row| !self.contains(*row))
                .map(|row| values[row])
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Feature;

    const SPLIT: Split = Split {
        washout: 2,
        train: 4,
        test: 4,
    };

    #[test]
    fn a_step_is_left_out_with_the_rows_that_look_back_on_it() {
        let left_out = LeftOut::looking_back(&[1, 2, 8], 3);
        assert_eq!(left_out.within(10), [1, 2, 3, 4, 8, 9]);
        let split = left_out.split(SPLIT);
        assert_eq!((split.washout, split.train, split.test), (1, 1, 2));
        let values: Vec<f64> = (0..10).map(f64::from).collect();
        assert_eq!(*left_out.values(&values), [0.0, 5.0, 6.0, 7.0]);
        let states = StateMatrix::from_columns(10, vec![(Feature::new("x", "1"), values)]);
        let kept = left_out.states(&states.expect("finite")).into_owned();
        assert_eq!(kept.values().as_slice(), [0.0, 5.0, 6.0, 7.0]);
        assert_eq!(kept.rows(), split.total());
    }

    #[test]
    fn nothing_left_out_changes_nothing() {
        let left_out = LeftOut::default();
        assert_eq!(left_out.split(SPLIT), SPLIT);
        assert!(matches!(left_out.values(&[1.0]), Cow::Borrowed(_)));
    }
}
