//! How units differ, and how blocks of one unit do: the two-covariance model (Brümmer and de Villiers, Odyssey,
//! 2010, whose plainest case this is; also known as probabilistic linear discriminant analysis: Ioffe, ECCV, 2006).

use std::collections::BTreeMap;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::shrinkage::Shrunk;
use crate::dense;

/// Smallest variance between units, over that within one, for which a component is kept.
const SMALLEST: f64 = 1e-6;

/// Fewest units from which a variance between units is estimated.
pub(crate) const FEWEST_UNITS: usize = 4;

/// Why no population could be fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// Fewer units than a variance between units needs.
    #[error("a population needs at least {FEWEST_UNITS} units (now {0})")]
    Units(usize),
    /// A unit with fewer than two blocks, which gives no variance within a unit.
    #[error("unit {0} has fewer than two blocks")]
    Blocks(usize),
    /// Blocks of different lengths, or with a value that is not a number.
    #[error(
        "block {block} of unit {unit} has other features than the first block, or a value that is not a number"
    )]
    Features {
        /// Place of the unit in the list, from 0.
        unit: usize,
        /// Place of the block within the unit, from 0.
        block: usize,
    },
    /// No feature varies within a unit.
    #[error("no feature varies within a unit, so differences between units cannot be weighed")]
    Constant,
    /// The covariance within units cannot be decomposed.
    #[error("the covariance within units cannot be decomposed")]
    Decomposition,
}

/// What is known about a feature before any data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Features of one group are interchangeable: their variances between units are pooled.
    pub group: usize,
    /// Features of different parts are independent.
    pub part: usize,
}

/// A population of units of one model.
///
/// *Within*: variances pooled over all units, correlations shrunk ([`Shrunk`]). *Between*: covariance of the units'
/// means minus the part that the scatter of blocks causes. Its variances are pooled over each group of
/// interchangeable features (the chips of a board, its cores), its covariances are shrunk in the same way, and
/// components that are then not positive are dropped. Features of different parts (shares, telemetry) are assumed to
/// be independent, and each part is shrunk on its own: many uncorrelated counts would otherwise shrink away the
/// correlations of a unit's temperatures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Population {
    /// Number of units in the fit.
    pub(crate) units: usize,
    pub(crate) blocks: usize,
    /// Mean of each feature.
    pub mean: Vec<f64>,
    /// Rows of the matrix that maps features, minus their mean, to components: one row for each of `between`.
    basis: Vec<f64>,
    /// Variance between units of each component, in units of the variance within a unit; in falling order.
    pub between: Vec<f64>,
    /// Shrinkage of the correlations within units, of each part.
    pub within_lambda: Vec<f64>,
    /// Shrinkage of the covariances between units, of each part.
    pub between_lambda: Vec<f64>,
}

impl Population {
    /// Fits `units`, each of blocks of features, one for each of `kinds`.
    ///
    /// # Errors
    /// If there are too few units or blocks, or blocks do not match.
    pub fn fit(units: &[Vec<Vec<f64>>], kinds: &[Kind]) -> Result<Population, FitError> {
        check(units, kinds.len())?;
        let means: Vec<Vec<f64>> = units.iter().map(|blocks| mean(blocks)).collect();
        let centre = mean(&means);
        let blocks: usize = units.iter().map(Vec::len).sum();
        let free = (blocks - units.len()) as f64;
        // Mean over units of the variance that the mean of a unit's blocks still has.
        let per_mean = units.iter().map(|b| 1.0 / b.len() as f64).sum::<f64>() / units.len() as f64;

        let mut variance = vec![0.0; kinds.len()];
        for (blocks, mean) in units.iter().zip(&means) {
            for block in blocks {
                for ((sum, x), m) in variance.iter_mut().zip(block).zip(mean) {
                    *sum += (x - m).powi(2);
                }
            }
        }
        let kept: Vec<usize> = (0..kinds.len())
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
        let own: Vec<Kind> = kept.iter().map(|i| kinds[*i]).collect();
        let (within, within_lambda) = by_part(&residuals, &own);
        let centred = DMatrix::from_fn(units.len(), p, |unit, column| {
            (means[unit][kept[column]] - centre[kept[column]]) / sd[column]
        });
        let (between, between_lambda) = between(&centred, &own, &within, per_mean);
        let (between, components) = canonical(&within, &between).ok_or(FitError::Decomposition)?;

        let mut basis = vec![0.0; between.len() * kinds.len()];
        for (row, component) in components.row_iter().enumerate() {
            for (column, &i) in kept.iter().enumerate() {
                basis[row * kinds.len() + i] = component[column] / sd[column];
            }
        }
        Ok(Population {
            units: units.len(),
            blocks,
            mean: centre,
            basis,
            between,
            within_lambda,
            between_lambda,
        })
    }

    /// A block in components, each with variance 1 within a unit; `None` if it has another number of features, or a
    /// value that is not a number.
    pub(crate) fn components(&self, block: &[f64]) -> Option<Vec<f64>> {
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

    /// Whether the parts are consistent with each other; a file may hold anything.
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

/// Correlations of `rows`, shrunk part by part and zero between parts, and the shrinkage of each part in order.
fn by_part(rows: &DMatrix<f64>, kinds: &[Kind]) -> (DMatrix<f64>, Vec<f64>) {
    let p = kinds.len();
    let mut all = DMatrix::identity(p, p);
    let mut lambdas = Vec::new();
    for columns in parts(kinds).into_values() {
        let own = Shrunk::of(&rows.select_columns(&columns));
        for (i, &row) in columns.iter().enumerate() {
            for (j, &column) in columns.iter().enumerate() {
                all[(row, column)] = own.correlation[(i, j)];
            }
        }
        lambdas.push(own.lambda);
    }
    (all, lambdas)
}

/// The features of each part, by its number.
fn parts(kinds: &[Kind]) -> BTreeMap<usize, Vec<usize>> {
    let mut parts = BTreeMap::<usize, Vec<usize>>::new();
    for (place, kind) in kinds.iter().enumerate() {
        parts.entry(kind.part).or_default().push(place);
    }
    parts
}

/// Covariance between units in standard deviations within one, and its shrinkage; `means` are the units' means.
fn between(
    means: &DMatrix<f64>,
    kinds: &[Kind],
    within: &DMatrix<f64>,
    per_mean: f64,
) -> (DMatrix<f64>, Vec<f64>) {
    let (n, p) = means.shape();
    let free = (n - 1) as f64;
    let variance: Vec<f64> = means
        .column_iter()
        .map(|column| column.norm_squared() / free)
        .collect();
    let mut pooled = BTreeMap::<usize, (f64, f64)>::new();
    for (kind, variance) in kinds.iter().zip(&variance) {
        let entry = pooled.entry(kind.group).or_default();
        entry.0 += variance - per_mean;
        entry.1 += 1.0;
    }
    let excess: Vec<f64> = kinds
        .iter()
        .map(|kind| {
            let group = pooled.get(&kind.group);
            group.map_or(0.0, |(sum, n)| (sum / n).max(0.0))
        })
        .collect();
    let (correlation, lambdas) = by_part(means, kinds);
    let numbers: Vec<usize> = parts(kinds).into_keys().collect();
    let kept = |kind: &Kind| {
        let place = numbers.iter().position(|part| *part == kind.part);
        1.0 - place.map_or(1.0, |place| lambdas[place])
    };
    let kept: Vec<f64> = kinds.iter().map(kept).collect();
    let matrix = DMatrix::from_fn(p, p, |i, j| {
        if i == j {
            return excess[i];
        }
        // The correlation of means contains that of their scatter; it is subtracted to the extent that the former was
        // kept.
        let covariance = correlation[(i, j)] * (variance[i] * variance[j]).sqrt()
            - kept[i] * within[(i, j)] * per_mean;
        let most = (excess[i] * excess[j]).sqrt();
        covariance.clamp(-most, most)
    });
    (matrix, lambdas)
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

    pub(in crate::identity) fn kind(group: usize) -> Kind {
        Kind { group, part: 0 }
    }

    pub(in crate::identity) fn alike(p: usize) -> Vec<Kind> {
        vec![kind(0); p]
    }

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
        let population = Population::fit(&fleet(60, 10, 12, 2.0, 1), &alike(12)).expect("fitted");
        assert_eq!(population.between.len(), 12);
        let mean = population.between.iter().sum::<f64>() / 12.0;
        assert!((mean - 2.0).abs() < 0.3, "{mean}");
        let same = Population::fit(&fleet(60, 10, 12, 0.0, 2), &alike(12)).expect("fitted");
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
        let population = Population::fit(&fleet, &[kind(0), kind(1)]).expect("fitted");
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
        let one = |units: &[Vec<Vec<f64>>]| Population::fit(units, &alike(2));
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

    #[test]
    fn counts_that_hang_together_in_nothing_do_not_hide_what_does() {
        // The last two features share all but a tenth of their scatter, as two sensors in one room.
        let mut fleet = fleet(12, 4, 80, 0.05, 4);
        for block in fleet.iter_mut().flatten() {
            block[79] = block[78] + 0.3 * block[79];
        }
        let lambdas = |part: usize| {
            let kinds: Vec<Kind> = (0..80)
                .map(|i| Kind {
                    group: i / 78 * i,
                    part: if i < 78 { 0 } else { part },
                })
                .collect();
            Population::fit(&fleet, &kinds)
                .expect("fitted")
                .within_lambda
        };
        let (together, apart) = (lambdas(0), lambdas(1));
        assert!(together[0] > 0.5, "{together:?}");
        assert!(apart[0] > 0.5 && apart[1] < 0.1, "{apart:?}");
    }
}
