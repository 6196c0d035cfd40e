//! An enrolled unit, and the likelihood ratio of further blocks: from this unit against from another.

use serde::{Deserialize, Serialize};

use super::population::{Population, mean};

/// Weight of the population's variance within a unit beside a unit's own, in blocks. Ten blocks alone determine a
/// variance only to about half of it, and the error would add up over all components.
pub const PRIOR_BLOCKS: f64 = 100.0;

/// A unit's mean and covariance, in the components of its population, where the pooled covariance is the identity:
/// the unit's own covariance is shrunk to its diagonal and, with weight [`PRIOR_BLOCKS`], to the identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Number of blocks in the enrolment.
    pub blocks: usize,
    /// Mean of each component over them.
    pub mean: Vec<f64>,
    /// Variance of each component within the unit, shrunk.
    pub(crate) variance: Vec<f64>,
}

/// Blocks that are to be judged, in the population's components.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    blocks: usize,
    mean: Vec<f64>,
}

impl Profile {
    /// Enrols the unit that gave `blocks` of features; `None` without blocks, or if one does not fit `population`.
    pub fn enrol(population: &Population, blocks: &[Vec<f64>]) -> Option<Profile> {
        let components = of(population, blocks)?;
        let mean = mean(&components);
        let variance = (0..mean.len())
            .map(|j| {
                let squares: f64 = components.iter().map(|z| (z[j] - mean[j]).powi(2)).sum();
                (PRIOR_BLOCKS + squares) / (PRIOR_BLOCKS + (components.len() - 1) as f64)
            })
            .collect();
        Some(Profile {
            blocks: components.len(),
            mean,
            variance,
        })
    }

    /// Natural logarithm of the likelihood of `probe` if it is from this unit, over the likelihood if it is from
    /// another unit of the population. A value above 0 speaks for this unit.
    ///
    /// What is known of the unit's true mean is normal: b/(b + s/n) · z̄, with variance b·(s/n)/(b + s/n), of n
    /// blocks with mean z̄ and variance s, where b is the variance between units.
    pub fn log_ratio(&self, population: &Population, probe: &Probe) -> f64 {
        let (n, k) = (self.blocks as f64, probe.blocks as f64);
        let own = self.mean.iter().zip(&self.variance);
        let terms = own.zip(&population.between).zip(&probe.mean);
        terms
            .map(|(((mean, s), b), x)| {
                let known = s / n;
                let expected = b / (b + known) * mean;
                let variance = b * known / (b + known) + s / k;
                log_normal(x - expected, variance) - log_normal(*x, b + 1.0 / k)
            })
            .sum()
    }

    /// Distance of `probe` from the unit in standard deviations within a unit, the root of the mean square over all
    /// components: about 1 for the unit itself. `None` without components.
    pub fn distance(&self, probe: &Probe) -> Option<f64> {
        if probe.mean.is_empty() {
            return None;
        }
        let scatter = 1.0 / self.blocks as f64 + 1.0 / probe.blocks as f64;
        let squares: f64 = probe
            .mean
            .iter()
            .zip(&self.mean)
            .map(|(x, mean)| (x - mean).powi(2) / scatter)
            .sum();
        Some((squares / probe.mean.len() as f64).sqrt())
    }

    /// Whether the profile fits `population`; a file may hold anything.
    pub fn is_sound(&self, population: &Population) -> bool {
        let p = population.between.len();
        self.blocks > 0
            && self.mean.len() == p
            && self.variance.len() == p
            && self.mean.iter().all(|x| x.is_finite())
            && self.variance.iter().all(|s| s.is_finite() && *s > 0.0)
    }
}

impl Probe {
    /// Takes `blocks` of features; `None` without blocks, or if one does not fit `population`.
    pub fn of(population: &Population, blocks: &[Vec<f64>]) -> Option<Probe> {
        let components = of(population, blocks)?;
        Some(Probe {
            blocks: components.len(),
            mean: mean(&components),
        })
    }
}

fn of(population: &Population, blocks: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let components: Option<Vec<_>> = blocks.iter().map(|b| population.components(b)).collect();
    components.filter(|components| !components.is_empty())
}

/// Logarithm of a normal density at distance `x` from its mean, without its constant.
fn log_normal(x: f64, variance: f64) -> f64 {
    -0.5 * (variance.ln() + x * x / variance)
}

#[cfg(test)]
mod tests {
    use super::super::population::tests::{alike, fleet};
    use super::*;

    #[test]
    fn by_hand_in_one_dimension() {
        let population: Population = serde_json::from_str(
            r#"{"units": 9, "blocks": 90, "mean": [5.0], "basis": [2.0], "between": [4.0],
                "within_lambda": [], "between_lambda": []}"#,
        )
        .expect("a population");
        // 5.5 and 6.5 are the components 1 and 3: mean 2, squares 2.
        let profile = Profile::enrol(&population, &[vec![5.5], vec![6.5]]).expect("enrolled");
        let s = (PRIOR_BLOCKS + 2.0) / (PRIOR_BLOCKS + 1.0);
        assert_eq!((profile.mean[0], profile.variance[0]), (2.0, s));
        let probe = Probe::of(&population, &[vec![6.0]]).expect("a block");
        let ratio = profile.log_ratio(&population, &probe);
        let expected = 4.0 / (4.0 + s / 2.0) * 2.0;
        let variance = 4.0 * (s / 2.0) / (4.0 + s / 2.0) + s;
        let by_hand = -0.5 * (variance.ln() + (2.0f64 - expected).powi(2) / variance)
            + 0.5 * (5.0f64.ln() + 4.0 / 5.0);
        assert!((ratio - by_hand).abs() < 1e-12 && ratio > 0.0);
        assert_eq!(profile.distance(&probe), Some(0.0));
        assert_eq!(Probe::of(&population, &[]), None);
        assert_eq!(Probe::of(&population, &[vec![f64::NAN]]), None);
    }

    #[test]
    fn the_ratio_means_what_it_says() {
        // The expectation of exp(ratio) over other units is 1 (Turing): checked where it has a variance.
        let all = fleet(400, 6, 1, 0.3, 1);
        let population = Population::fit(&all[..200], &alike(1)).expect("fitted");
        let rest = &all[200..];
        let (mut sum, mut own, mut n) = (0.0, 0.0, 0.0);
        for (i, unit) in rest.iter().enumerate() {
            let profile = Profile::enrol(&population, &unit[..3]).expect("enrolled");
            let ratio = |blocks| {
                let probe = Probe::of(&population, blocks).expect("blocks");
                profile.log_ratio(&population, &probe)
            };
            own += ratio(&unit[3..]);
            for other in rest.iter().skip(i + 1).step_by(7) {
                sum += ratio(&other[3..]).exp();
                n += 1.0;
            }
        }
        assert!((sum / n - 1.0).abs() < 0.1, "{}", sum / n);
        assert!(own / 200.0 > 0.05, "own units are likelier");
    }
}
