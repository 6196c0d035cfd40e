//! The capacity that a target has by chance, and how much of it is too much for chance.
//!
//! Of a target that is independent of the states, the part in their span is that of a random direction: over T steps
//! the capacity has the law Beta(r/2, (T − 1 − r)/2), r the rank of the states, which for T much larger than r is that of
//! χ² with r degrees of freedom over T.
//!
//! A term of the input is not independent of the states of that input, even where its capacity is zero: the sum over t
//! of q[t] z[t], which must be small, varies more where the two share an input (u[t−1] and the product
//! u[t−1] u[t−2]), and its summands are correlated over time. A delay line of ten then exceeds the law above in one
//! of five runs that may do so in one of twenty. A term beyond that law is therefore compared with a second one, which
//! the sum's own covariance gives: S = Σ over lags of Cov(q[t] z[t], q[t+lag] z[t+lag]), weighted by Bartlett's window
//! (Newey and West, Econometrica 55(3), 1987). The capacity is a quadratic form, whose law is close to g χ² with ν
//! degrees of freedom, g = tr S²/tr S and ν = (tr S)²/tr S² (Satterthwaite, Biometrics Bull. 2(6), 1946).

use nalgebra::DMatrix;
use statrs::distribution::{Beta, ChiSquared, ContinuousCDF};

use crate::dense;

/// Steps of Bartlett's window: products of nearby inputs are correlated for about as long. On linear reservoirs 1, 8 and
/// 24 steps differ by less than what 120 runs can tell.
const WINDOW: usize = 8;

/// What chance gives, at a level that holds for all terms together.
pub(super) struct Chance {
    /// Probability that one term exceeds chance.
    each: f64,
    /// Capacity that an independent target exceeds with that probability.
    threshold: f64,
}

impl Chance {
    /// The law for states of rank `rank` over `steps` steps; of `terms` terms, any exceeds it with probability `level`
    /// at most (Bonferroni).
    pub(super) fn new((rank, steps): (usize, usize), terms: usize, level: f64) -> Chance {
        let each = level / terms.max(1) as f64;
        // 1: the mean.
        let left = steps.saturating_sub(rank + 1);
        let threshold = match rank {
            0 => 0.0,
            _ => Beta::new(rank as f64 / 2.0, left as f64 / 2.0)
                .map_or(1.0, |law| law.inverse_cdf(1.0 - each)),
        };
        Chance { each, threshold }
    }

    /// Capacity below which no term counts.
    pub(super) fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Whether `raw`, the capacity of the centred `target` in the span of the orthonormal `basis`, is more than
    /// chance gives.
    pub(super) fn is_exceeded(&self, raw: f64, basis: &DMatrix<f64>, target: &[f64]) -> bool {
        raw > self.threshold && self.by_covariance(raw, basis, target)
    }

    fn by_covariance(&self, raw: f64, basis: &DMatrix<f64>, target: &[f64]) -> bool {
        let power: f64 = target.iter().map(|z| z * z).sum();
        let sums = windows(basis, target);
        let mut covariance = DMatrix::zeros(basis.ncols(), basis.ncols());
        dense::add_gram(&mut covariance, &sums, 0..sums.nrows());
        let (mut trace, mut squares) = (0.0, 0.0);
        for (j, column) in covariance.column_iter().enumerate() {
            trace += column[j];
            // The lower triangle stands for both.
            let below: f64 = column.iter().skip(j + 1).map(|s| s * s).sum();
            squares += column[j] * column[j] + 2.0 * below;
        }
        if squares <= 0.0 {
            return false;
        }
        let law = ChiSquared::new(trace * trace / squares);
        law.is_ok_and(|law| law.sf(raw * power * trace / squares) < self.each)
    }
}

/// Sums of q[t] z[t], centred, over every [`WINDOW`] steps, over the root of their number: the Gram matrix of these is the
/// covariance with Bartlett's weights.
fn windows(basis: &DMatrix<f64>, target: &[f64]) -> DMatrix<f64> {
    let (steps, rank) = basis.shape();
    let mut sums = DMatrix::zeros(steps + WINDOW - 1, rank);
    let scale = 1.0 / (WINDOW as f64).sqrt();
    for (basis, mut sums) in basis.column_iter().zip(sums.column_iter_mut()) {
        let mean = basis.iter().zip(target).map(|(q, z)| q * z).sum::<f64>() / steps as f64;
        for (t, (q, z)) in basis.iter().zip(target).enumerate() {
            let product = (q * z - mean) * scale;
            for later in 0..WINDOW {
                sums[t + later] += product;
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn the_threshold_is_that_of_chi_squared_where_the_steps_are_many() {
        // χ² of 9 has 27.877 at 0.999.
        let chance = Chance::new((9, 100_000), 50, 0.05);
        assert!((chance.threshold() * 1e5 - 27.877).abs() < 0.05);
        // scipy.stats.beta.isf(0.001, 100, 49.5): the rank is not small against the steps.
        let chance = Chance::new((200, 300), 50, 0.05);
        assert!(
            (chance.threshold() - 0.779_824).abs() < 1e-5,
            "{}",
            chance.threshold()
        );
    }

    #[test]
    fn without_a_step_to_spare_everything_is_chance() {
        assert_eq!(Chance::new((50, 51), 10, 0.05).threshold(), 1.0);
        assert_eq!(Chance::new((0, 100), 10, 0.05).threshold(), 0.0);
    }

    #[test]
    fn the_gram_matrix_of_the_windows_is_the_weighted_covariance() {
        let mut rng = random::stream(1, 5);
        let basis = DMatrix::from_fn(40, 2, |_, _| random::normal(&mut rng));
        let target: Vec<f64> = (0..40).map(|_| random::normal(&mut rng)).collect();
        let mut g = DMatrix::from_fn(40, 2, |t, i| basis[(t, i)] * target[t]);
        for mut column in g.column_iter_mut() {
            let mean = column.mean();
            column.add_scalar_mut(-mean);
        }
        let mut direct = DMatrix::<f64>::zeros(2, 2);
        for t in 0..40usize {
            for s in 0..40usize {
                let weight = 1.0 - t.abs_diff(s) as f64 / WINDOW as f64;
                direct += g.row(t).transpose() * g.row(s) * weight.max(0.0);
            }
        }
        let sums = windows(&basis, &target);
        assert!((sums.tr_mul(&sums) - direct).norm() < 1e-10);
    }
}
