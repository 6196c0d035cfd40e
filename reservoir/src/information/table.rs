//! Tables of counts: how often category x of one quantity occurred with category y of another, and statistics of
//! these counts. A table holds integers only.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most categories per side: no capture fills more, and the limit bounds the cost of a table.
pub const MOST_CATEGORIES: usize = 1_024;

/// Why there is no table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TableError {
    /// A side has no categories, or too many.
    #[error("a table has 1 to {MOST_CATEGORIES} categories a side, not {rows} × {columns}")]
    Shape {
        /// Rows asked for.
        rows: usize,
        /// Columns asked for.
        columns: usize,
    },
    /// The two sides differ in length, or the counts do not fill the shape.
    #[error("{first} values on one side and {second} on the other")]
    Lengths {
        /// Number of labels of x, or of cells of the shape.
        first: usize,
        /// Number of labels of y, or of counts given.
        second: usize,
    },
    /// A label is out of range.
    #[error("label {label} at place {place} is not one of {categories} categories")]
    Label {
        /// Label that is out of range.
        label: u32,
        /// Place of the label in its series, from 0.
        place: usize,
        /// Categories that there are.
        categories: usize,
    },
    /// More observations than can be counted without rounding.
    #[error("more than 2^53 observations")]
    Total,
}

/// Counts n(x, y), row by row: `rows` categories of x by `columns` of y.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountTable {
    rows: usize,
    columns: usize,
    counts: Vec<u64>,
    row_totals: Vec<u64>,
    column_totals: Vec<u64>,
    total: u64,
}

impl CountTable {
    /// A table of these counts, row by row.
    ///
    /// # Errors
    /// If the shape is out of range or not filled, or the total beyond 2⁵³.
    pub(crate) fn new(
        rows: usize,
        columns: usize,
        counts: Vec<u64>,
    ) -> Result<CountTable, TableError> {
        check_shape(rows, columns)?;
        if counts.len() != rows * columns {
            return Err(TableError::Lengths {
                first: counts.len(),
                second: rows * columns,
            });
        }
        let mut total = 0u64;
        for count in &counts {
            total = total
                .checked_add(*count)
                .filter(|total| *total <= 1 << 53)
                .ok_or(TableError::Total)?;
        }
        let row = |x: usize| counts[x * columns..(x + 1) * columns].iter().sum();
        let column = |y: usize| counts.iter().skip(y).step_by(columns).sum();
        Ok(CountTable {
            row_totals: (0..rows).map(row).collect(),
            column_totals: (0..columns).map(column).collect(),
            rows,
            columns,
            counts,
            total,
        })
    }

    /// Counts pairs of labels: `x[i]` of `rows` categories with `y[i]` of `columns` categories.
    ///
    /// # Errors
    /// If the shape is out of range, the sides differ in length, or a label is none of its categories.
    pub fn of_labels(
        x: &[u32],
        y: &[u32],
        rows: usize,
        columns: usize,
    ) -> Result<CountTable, TableError> {
        check_shape(rows, columns)?;
        if x.len() != y.len() {
            return Err(TableError::Lengths {
                first: x.len(),
                second: y.len(),
            });
        }
        check_labels(x, rows)?;
        check_labels(y, columns)?;
        let mut counts = vec![0; rows * columns];
        for (x, y) in x.iter().zip(y) {
            counts[*x as usize * columns + *y as usize] += 1;
        }
        CountTable::new(rows, columns, counts)
    }

    /// Categories of x.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Categories of y.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Observations N.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// All counts, row by row.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Observations of each category of x.
    pub(crate) fn row_totals(&self) -> &[u64] {
        &self.row_totals
    }

    /// Observations of each category of y.
    pub(crate) fn column_totals(&self) -> &[u64] {
        &self.column_totals
    }

    /// Degrees of freedom, (R − 1)(C − 1), with the R rows and C columns that are not empty.
    pub(crate) fn freedom(&self) -> usize {
        let occupied = |totals: &[u64]| totals.iter().filter(|n| **n > 0).count();
        let rows = occupied(&self.row_totals).saturating_sub(1);
        rows * occupied(&self.column_totals).saturating_sub(1)
    }

    /// Mean count per cell over rows and columns that are not empty; 0 for an empty table.
    pub(crate) fn per_cell(&self) -> f64 {
        let occupied = |totals: &[u64]| totals.iter().filter(|n| **n > 0).count();
        let cells = occupied(&self.row_totals) * occupied(&self.column_totals);
        if cells == 0 {
            0.0
        } else {
            self.total as f64 / cells as f64
        }
    }

    /// log Λ of the leakage ratio Λ = ∏ (n(x,y) N / (r(x) c(y)))^n(x,y): how much likelier the pairs are under their
    /// own frequencies than under independence. In nats, never negative except by rounding; 0 for an empty table.
    pub(crate) fn log_leakage(&self) -> f64 {
        // Σ over n > 0 of n ln(n N/(r c)), one logarithm a cell: the ratio is exact to a part in 2⁵².
        let mut sum = 0.0;
        for (x, row) in self.counts.chunks_exact(self.columns).enumerate() {
            let r = self.row_totals[x] as f64;
            for (n, c) in row.iter().zip(&self.column_totals) {
                if *n > 0 {
                    let n = *n as f64;
                    sum += n * (n / r * (self.total as f64 / *c as f64)).ln();
                }
            }
        }
        sum
    }

    /// The G statistic, 2 log Λ: χ² of [`freedom`](CountTable::freedom) degrees under independence, in the
    /// limit (Wilks, Ann. Math. Stat. 9(1), 1938).
    pub(crate) fn g(&self) -> f64 {
        2.0 * self.log_leakage()
    }

    /// Pearson's χ², Σ (n − r c/N)²/(r c/N).
    pub(crate) fn chi_squared(&self) -> f64 {
        let mut sum = 0.0;
        for (x, row) in self.counts.chunks_exact(self.columns).enumerate() {
            for (n, c) in row.iter().zip(&self.column_totals) {
                let expected = self.row_totals[x] as f64 * *c as f64 / self.total as f64;
                if expected > 0.0 {
                    sum += (*n as f64 - expected).powi(2) / expected;
                }
            }
        }
        sum
    }
}

fn check_shape(rows: usize, columns: usize) -> Result<(), TableError> {
    let fits = |side| (1..=MOST_CATEGORIES).contains(&side);
    if fits(rows) && fits(columns) {
        Ok(())
    } else {
        Err(TableError::Shape { rows, columns })
    }
}

/// Checks that every label is one of `categories`.
///
/// # Errors
/// Names the first label that is not.
pub(super) fn check_labels(labels: &[u32], categories: usize) -> Result<(), TableError> {
    match labels.iter().position(|l| *l as usize >= categories) {
        None => Ok(()),
        Some(place) => Err(TableError::Label {
            label: labels[place],
            place,
            categories,
        }),
    }
}

/// Cuts `values` into at most `bins` classes of as nearly equal size as ties allow: equal values share a class, so
/// that a class may stay empty. Returns each value's class; `None` if a value is not finite, or unless there are 1 to
/// [`MOST_CATEGORIES`] classes.
pub fn quantile_labels(values: &[f64], bins: usize) -> Option<Vec<u32>> {
    if !(1..=MOST_CATEGORIES).contains(&bins) || !values.iter().all(|v| v.is_finite()) {
        return None;
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut labels = vec![0; values.len()];
    let mut first = 0;
    while first < order.len() {
        let same = order[first..]
            .iter()
            .take_while(|i| values[**i] == values[order[first]])
            .count();
        // By the mean rank of equal values.
        let class = ((2 * first + same - 1) * bins / (2 * values.len())).min(bins - 1);
        for place in &order[first..first + same] {
            labels[*place] = class as u32;
        }
        first += same;
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::information::mutual::MutualInformation;

    /// Natural logarithm of a decimal number of any length.
    fn ln_decimal(digits: &str) -> f64 {
        let kept = digits.len().min(17);
        let mantissa: f64 = digits[..kept].parse().expect("digits");
        mantissa.ln() + (digits.len() - kept) as f64 * std::f64::consts::LN_10
    }

    #[test]
    fn the_proofs_golden_tables() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../lean/golden/leakage.json");
        let text = std::fs::read_to_string(path).expect("the golden file is part of the project");
        let cases: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
        assert!(cases.len() >= 10);
        for case in cases {
            let table: Vec<Vec<u64>> =
                serde_json::from_value(case["table"].clone()).expect("a table");
            let (rows, columns) = (table.len(), table[0].len());
            let counts = CountTable::new(rows, columns, table.concat()).expect("a table");
            assert_eq!(Some(counts.total()), case["total"].as_u64());
            let part = |i: usize| ln_decimal(case["leakage"][i].as_str().expect("digits"));
            let log_leakage = part(0) - part(1);
            let close =
                |found: f64, expected: f64| (found - expected).abs() < 1e-11 * (1.0 + part(0));
            assert!(close(counts.log_leakage(), log_leakage), "{table:?}");
            assert!(close(counts.g(), 2.0 * log_leakage), "{table:?}");
            let mi = MutualInformation::of(&counts);
            match mi {
                Some(mi) => {
                    let bits = log_leakage / counts.total() as f64 / std::f64::consts::LN_2;
                    assert!(close(mi.plug_in, bits), "{table:?}");
                    // χ² from the same counts in exact rationals: N (Σ n²/(r c) − 1).
                    let n = counts.total() as f64;
                    let mut sum = 0.0;
                    for (row, r) in table.iter().zip(counts.row_totals()) {
                        for (cell, c) in row.iter().zip(counts.column_totals()) {
                            if r * c > 0 {
                                sum += (cell * cell) as f64 / (r * c) as f64;
                            }
                        }
                    }
                    assert!(close(counts.chi_squared(), n * (sum - 1.0)), "{table:?}");
                }
                None => assert_eq!(counts.total(), 0),
            }
        }
    }

    #[test]
    fn two_by_two_by_hand() {
        let t = CountTable::of_labels(&[0, 0, 1, 1, 1], &[0, 1, 1, 1, 0], 2, 2).expect("a table");
        assert_eq!(t.counts(), [1, 1, 1, 2]);
        assert_eq!(
            (t.row_totals(), t.column_totals()),
            (&[2, 3][..], &[2, 3][..])
        );
        // N (ad − bc)²/(product of the totals) = 5·1/36.
        assert!((t.chi_squared() - 5.0 / 36.0).abs() < 1e-12);
        assert_eq!(t.freedom(), 1);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert!(matches!(
            CountTable::new(0, 2, vec![]),
            Err(TableError::Shape { .. })
        ));
        assert!(matches!(
            CountTable::new(1, 2, vec![1]),
            Err(TableError::Lengths { .. })
        ));
        assert!(matches!(
            CountTable::new(1, 2, vec![u64::MAX, 1]),
            Err(TableError::Total)
        ));
        let error = CountTable::of_labels(&[0, 5], &[0, 0], 2, 1).expect_err("no such row");
        assert_eq!(
            error.to_string(),
            "label 5 at place 1 is not one of 2 categories"
        );
    }

    #[test]
    fn classes_are_equal_and_ties_stay_together() {
        let labels = quantile_labels(&[5.0, 1.0, 3.0, 2.0, 4.0, 0.0], 3).expect("finite");
        assert_eq!(labels, [2, 0, 1, 1, 2, 0]);
        assert_eq!(
            quantile_labels(&[1.0, 1.0, 1.0, 2.0], 2),
            Some(vec![0, 0, 0, 1])
        );
        assert_eq!(quantile_labels(&[f64::NAN], 2), None);
        assert_eq!(quantile_labels(&[], 2), Some(vec![]));
    }
}
