//! Correlations from few rows, shrunk towards zero by as much as their own scatter demands (Schäfer and Strimmer,
//! Stat. Appl. Genet. Mol. Biol. 4(1), art. 32, 2005).

use nalgebra::DMatrix;

use crate::dense::add_gram;

/// Correlations of features, shrunk towards the identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrunk {
    /// The matrix, symmetric, with a diagonal of 1.
    pub(crate) correlation: DMatrix<f64>,
    /// How far it was shrunk: 0 not at all, 1 to the identity.
    pub(crate) lambda: f64,
}

impl Shrunk {
    /// Estimates the correlations of centred `rows` (blocks × features), in any unit. With two rows or fewer the
    /// result is the identity.
    ///
    /// λ = Σ Var(r)/Σ r² over all pairs of features, where Var(r) = n/(n − 1)³ Σ (w − w̄)² of the products w of
    /// two features.
    pub(crate) fn of(rows: &DMatrix<f64>) -> Shrunk {
        let (n, p) = rows.shape();
        if n < 3 {
            return Shrunk {
                correlation: DMatrix::identity(p, p),
                lambda: 1.0,
            };
        }
        let count = n as f64;
        let mut rows = rows.clone();
        for mut column in rows.column_iter_mut() {
            let sd = (column.norm_squared() / (count - 1.0)).sqrt();
            column /= if sd > 0.0 { sd } else { 1.0 };
        }
        let mut products = DMatrix::zeros(p, p);
        add_gram(&mut products, &rows, 0..n);
        let mut squares = DMatrix::zeros(p, p);
        add_gram(&mut squares, &rows.map(|x| x * x), 0..n);
        let (mut scatter, mut size) = (0.0, 0.0);
        for i in 0..p {
            for j in 0..i {
                let mean = products[(i, j)] / count;
                let spread = squares[(i, j)] - count * mean * mean;
                scatter += count / (count - 1.0).powi(3) * spread;
                size += (products[(i, j)] / (count - 1.0)).powi(2);
            }
        }
        let lambda = if size > 0.0 {
            (scatter / size).clamp(0.0, 1.0)
        } else {
            1.0
        };
        let correlation = DMatrix::from_fn(p, p, |i, j| {
            if i == j {
                1.0
            } else {
                let (row, column) = (i.max(j), i.min(j));
                let r = products[(row, column)] / (count - 1.0);
                (1.0 - lambda) * r.clamp(-1.0, 1.0)
            }
        });
        Shrunk {
            correlation,
            lambda,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    /// Standard normal rows, each pair of neighbouring features sharing the part `shared` of their variance.
    fn rows(n: usize, p: usize, shared: f64, seed: u64) -> DMatrix<f64> {
        let mut rng = random::stream(seed, 5);
        let mut rows = DMatrix::zeros(n, p);
        for i in 0..n {
            for j in (0..p).step_by(2) {
                let common = random::normal(&mut rng) * shared.sqrt();
                for j in j..(j + 2).min(p) {
                    rows[(i, j)] = common + random::normal(&mut rng) * (1.0 - shared).sqrt();
                }
            }
        }
        rows
    }

    #[test]
    fn independent_features_are_shrunk_to_the_identity_and_others_are_not() {
        let none = Shrunk::of(&rows(40, 60, 0.0, 1));
        assert!(none.lambda > 0.9, "{}", none.lambda);
        let many = Shrunk::of(&rows(4_000, 4, 0.8, 2));
        assert!(many.lambda < 0.01, "{}", many.lambda);
        assert!((many.correlation[(0, 1)] - 0.8).abs() < 0.03);
        assert_eq!(many.correlation[(0, 1)], many.correlation[(1, 0)]);
    }

    #[test]
    fn the_result_is_positive_definite_with_fewer_rows_than_features() {
        let shrunk = Shrunk::of(&rows(15, 60, 0.6, 3));
        assert!(nalgebra::Cholesky::new(shrunk.correlation).is_some());
        assert_eq!(Shrunk::of(&rows(2, 3, 0.0, 4)).lambda, 1.0);
    }
}
