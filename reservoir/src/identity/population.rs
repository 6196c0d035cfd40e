//! How units differ, and how blocks of one unit do: the two-covariance model (Brümmer and de Villiers, Odyssey,
//! 2010, whose plainest case this is; also known as probabilistic linear discriminant analysis: Ioffe, ECCV, 2006).

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::shrinkage::Shrunk;
use crate::dense;

/// Smallest variance between units, over that within one, for which a component is kept.
const SMALLEST: f64 = 1e-6;

/// Fewest units from which a spread between units is taken.
pub const FEWEST_UNITS: usize = 4;

/// Why no population could be fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// Too few units.
    #[error("a population needs at least {FEWEST_UNITS} units, not {0}")]
    Units(usize),
    /// A unit of fewer than two blocks tells nothing of what is within a unit.
    #[error("unit {0} has fewer than two blocks")]
    Blocks(usize),
    /// Blocks of different length, or of numbers that are none.
    #[error(
        "block {block} of unit {unit} has not the same features as the others, or one that is not a number"
    )]
    Features {
        /// The unit.
        unit: usize,
        /// Its block.
        block: usize,
    },
    /// No feature varies within a unit.
    #[error("no feature varies within a unit: nothing can be weighed against it")]
    Constant,
    /// The covariance within units cannot be decomposed.
    #[error("the covariance within units cannot be decomposed")]
    Decomposition,
}

/// A population of units of one model.
///
/// *Within*: variances pooled over all units, correlations shrunk ([`Shrunk`]). *Between*: covariance of the units'
/// means less what blocks bring in; its variances are pooled over each group of features that nothing tells apart
/// (the chips of a board, its cores), its covariances shrunk in the same way; what is then not positive is cut off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Units that it was fitted to.
    pub units: usize,
    /// Their blocks.
    pub blocks: usize,
    /// Mean of each feature.
    pub mean: Vec<f64>,
    /// Rows that turn features, less their mean, into components: row after row, one for each of `between`.
    basis: Vec<f64>,
    /// Variance between units of each component, where that within a unit is 1; in falling order.
    pub between: Vec<f64>,
    /// Shrinkage of the correlations within units.
    pub within_lambda: f64,
    /// Shrinkage of the covariances between units.
    pub between_lambda: f64,
}

impl Population {
    /// Fits `units`, each of blocks of features; `groups` says of each feature which it is alike to.
    ///
    /// # Errors
    /// If there is too little to fit.
    pub fn fit(units: &[Vec<Vec<f64>>], groups: &[usize]) -> Result<Population, FitError> {
        check(units, groups.len())?;
        let means: Vec<Vec<f64>> = units.iter().map(|blocks| mean(blocks)).collect();
        let centre = mean(&means);
        let blocks: usize = units.iter().map(Vec::len).sum();
        let free = (blocks - units.len()) as f64;
        // Of units with different numbers of blocks, the mean of what a unit's mean still scatters.
        let per_mean = units.iter().map(|b| 1.0 / b.len() as f64).sum::<f64>() / units.len() as f64;

        let mut variance = vec![0.0; groups.len()];
        for (blocks, mean) in units.iter().zip(&means) {
            for block in blocks {
                for ((sum, x), m) in variance.iter_mut().zip(block).zip(mean) {
                    *sum += (x - m).powi(2);
                }
            }
        }
        let kept: Vec<usize> = (0..groups.len())
            .filter(|i| variance[*i] > 1e-24 * (1.0 + centre[*i] * centre[*i]))
            .collect();
        if kept.is_empty() {
            return Err(FitError::Constant);
        }
        let sd: Vec<f64> = kept.iter().map(|i| (variance[*i] / free).sqrt()).collect();
        let p = kept.len();

        let mut residuals = DMatrix::zeros(blocks, p);
        let rows = units.iter().zip(&means);
        let rows = rows.flat_map(|(blocks, mean)| blocks.iter().map(move |block| (block, mean)));
        for (row, (block, mean)) in rows.enumerate() {
            for (column, (&i, sd)) in kept.iter().zip(&sd).enumerate() {
                residuals[(row, column)] = (block[i] - mean[i]) / sd;
            }
        }
        let within = Shrunk::of(&residuals);
        let centred = DMatrix::from_fn(units.len(), p, |unit, column| {
            (means[unit][kept[column]] - centre[kept[column]]) / sd[column]
        });
        let own: Vec<usize> = kept.iter().map(|i| groups[*i]).collect();
        let (between, between_lambda) = between(&centred, &own, &within.correlation, per_mean);
        let (between, components) =
            canonical(&within.correlation, &between).ok_or(FitError::Decomposition)?;

        let mut basis = vec![0.0; between.len() * groups.len()];
        for (row, component) in components.row_iter().enumerate() {
            for (column, &i) in kept.iter().enumerate() {
                basis[row * groups.len() + i] = component[column] / sd[column];
            }
        }
        Ok(Population {
            units: units.len(),
            blocks,
            mean: centre,
            basis,
            between,
            within_lambda: within.lambda,
            between_lambda,
        })
    }

    /// A block in components, each with variance 1 within a unit; `None` if it has not the population's features,
    /// or one that is not a number.
    pub fn components(&self, block: &[f64]) -> Option<Vec<f64>> {
        if block.len() != self.mean.len() || !block.iter().all(|x| x.is_finite()) {
            return None;
        }
        let rows = self.basis.chunks_exact(self.mean.len().max(1));
        Some(
            rows.map(|row| {
                let centred = block.iter().zip(&self.mean).map(|(x, m)| x - m);
                row.iter().zip(centred).map(|(a, x)| a * x).sum()
            })
            .collect(),
        )
    }

    /// Whether its parts fit each other: a file may hold anything.
    pub fn is_sound(&self) -> bool {
        let numbers = self.mean.iter().chain(&self.basis);
        self.basis.len() == self.between.len() * self.mean.len()
            && numbers.into_iter().all(|x| x.is_finite())
            && self.between.iter().all(|b| b.is_finite() && *b > 0.0)
    }
}

fn check(units: &[Vec<Vec<f64>>], features: usize) -> Result<(), FitError> {
    if units.len() < FEWEST_UNITS {
        return Err(FitError::Units(units.len()));
    }
    for (unit, blocks) in units.iter().enumerate() {
        if blocks.len() < 2 {
            return Err(FitError::Blocks(unit));
        }
        let bad =
            |block: &Vec<f64>| block.len() != features || !block.iter().all(|x| x.is_finite());
        if let Some(block) = blocks.iter().position(bad) {
            return Err(FitError::Features { unit, block });
        }
    }
    Ok(())
}

/// Mean of each feature over `blocks`, of which there is at least one.
pub(super) fn mean(blocks: &[Vec<f64>]) -> Vec<f64> {
    let mut sum = vec![0.0; blocks.first().map_or(0, Vec::len)];
    for block in blocks {
        for (sum, x) in sum.iter_mut().zip(block) {
            *sum += x;
        }
    }
    sum.iter().map(|x| x / blocks.len() as f64).collect()
}

/// Covariance between units in standard deviations within one, and its shrinkage; `means` are the units' means.
fn between(
    means: &DMatrix<f64>,
    groups: &[usize],
    within: &DMatrix<f64>,
    per_mean: f64,
) -> (DMatrix<f64>, f64) {
    let (n, p) = means.shape();
    let free = (n - 1) as f64;
    let variance: Vec<f64> = means
        .column_iter()
        .map(|column| column.norm_squared() / free)
        .collect();
    let mut pooled = std::collections::BTreeMap::<usize, (f64, f64)>::new();
    for (group, variance) in groups.iter().zip(&variance) {
        let entry = pooled.entry(*group).or_default();
        entry.0 += variance - per_mean;
        entry.1 += 1.0;
    }
    let excess: Vec<f64> = groups
        .iter()
        .map(|group| pooled.get(group).map_or(0.0, |(sum, n)| (sum / n).max(0.0)))
        .collect();
    let scale: Vec<f64> = variance
        .iter()
        .map(|v| v.max(f64::MIN_POSITIVE).sqrt())
        .collect();
    let standard = DMatrix::from_fn(n, p, |i, j| means[(i, j)] / scale[j]);
    let shrunk = Shrunk::of(&standard);
    let matrix = DMatrix::from_fn(p, p, |i, j| {
        if i == j {
            return excess[i];
        }
        // Shrunk once over all: the correlation of means holds that of their scatter, which is taken off in
        // the same proportion.
        let covariance = shrunk.correlation[(i, j)] * scale[i] * scale[j]
            - (1.0 - shrunk.lambda) * within[(i, j)] * per_mean;
        let most = (excess[i] * excess[j]).sqrt();
        covariance.clamp(-most, most)
    });
    (matrix, shrunk.lambda)
}

/// Variances, in falling order, and rows of the components in which `within` is the identity and `between` diagonal.
fn canonical(within: &DMatrix<f64>, between: &DMatrix<f64>) -> Option<(Vec<f64>, DMatrix<f64>)> {
    let (values, vectors) = dense::eigen(within)?;
    let p = values.len();
    let whitening = DMatrix::from_fn(p, p, |row, column| {
        vectors[(column, row)] / values[row].max(1e-12).sqrt()
    });
    let whitened = dense::product(&dense::product(&whitening, between), &whitening.transpose());
    let (values, vectors) = dense::eigen(&whitened)?;
    let kept: Vec<usize> = (0..p).rev().filter(|i| values[*i] > SMALLEST).collect();
    let chosen = DMatrix::from_fn(kept.len(), p, |row, column| vectors[(column, kept[row])]);
    let variances = kept.iter().map(|i| values[*i]).collect();
    Some((variances, dense::product(&chosen, &whitening)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::random;

    /// `units` of `blocks` blocks of `p` features: variance 1 within a unit, `between` between units.
    pub(in crate::identity) fn fleet(
        units: usize,
        blocks: usize,
        p: usize,
        between: f64,
        seed: u64,
    ) -> Vec<Vec<Vec<f64>>> {
        let mut rng = random::stream(seed, 6);
        let mut normal = |sd: f64| sd * random::normal(&mut rng);
        (0..units)
            .map(|_| {
                let own: Vec<f64> = (0..p).map(|_| normal(between.sqrt())).collect();
                (0..blocks)
                    .map(|_| own.iter().map(|own| own + normal(1.0)).collect())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn known_variances_come_out_and_nothing_comes_of_nothing() {
        let population = Population::fit(&fleet(60, 10, 12, 2.0, 1), &[0; 12]).expect("fitted");
        assert_eq!(population.between.len(), 12);
        let mean = population.between.iter().sum::<f64>() / 12.0;
        assert!((mean - 2.0).abs() < 0.3, "{mean}");
        let same = Population::fit(&fleet(60, 10, 12, 0.0, 2), &[0; 12]).expect("fitted");
        let total: f64 = same.between.iter().sum();
        assert!(total < 0.3, "{total}");
        assert!(population.is_sound() && same.is_sound());
    }

    #[test]
    fn components_have_unit_variance_within_units() {
        // The second feature is the first with some of its own, in another unit of measure.
        let mut fleet = fleet(50, 10, 2, 1.0, 3);
        for block in fleet.iter_mut().flatten() {
            block[1] = 1000.0 * (0.8 * block[0] + 0.6 * block[1]);
        }
        let population = Population::fit(&fleet, &[0, 1]).expect("fitted");
        let mut sums = [0.0; 2];
        let mut cross = 0.0;
        for blocks in &fleet {
            let all: Vec<Vec<f64>> = blocks
                .iter()
                .map(|block| population.components(block).expect("features"))
                .collect();
            let own = mean(&all);
            for z in &all {
                sums[0] += (z[0] - own[0]).powi(2);
                sums[1] += (z[1] - own[1]).powi(2);
                cross += (z[0] - own[0]) * (z[1] - own[1]);
            }
        }
        let free = 450.0;
        assert!((sums[0] / free - 1.0).abs() < 0.05 && (sums[1] / free - 1.0).abs() < 0.05);
        assert!((cross / free).abs() < 0.05);
    }

    #[test]
    fn what_cannot_be_fitted_is_said() {
        let one = |units: &[Vec<Vec<f64>>]| Population::fit(units, &[0, 0]);
        assert_eq!(one(&fleet(3, 3, 2, 1.0, 1)), Err(FitError::Units(3)));
        let mut few = fleet(5, 3, 2, 1.0, 1);
        few[2].truncate(1);
        assert_eq!(one(&few), Err(FitError::Blocks(2)));
        let mut nan = fleet(5, 3, 2, 1.0, 1);
        nan[1][2][0] = f64::NAN;
        assert_eq!(one(&nan), Err(FitError::Features { unit: 1, block: 2 }));
        assert_eq!(
            one(&vec![vec![vec![1.0, 2.0]; 3]; 5]),
            Err(FitError::Constant)
        );
        let constant: Vec<_> = fleet(5, 3, 1, 1.0, 2)
            .into_iter()
            .map(|blocks| blocks.into_iter().map(|b| vec![b[0], 7.0]).collect())
            .collect();
        let fitted = one(&constant).expect("one feature varies");
        assert_eq!(fitted.components(&[0.0]), None);
        assert_eq!(
            fitted.components(&[1.0, 7.0]),
            fitted.components(&[1.0, 8.0]),
            "what never varied weighs nothing"
        );
    }
}
