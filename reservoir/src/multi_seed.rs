//! One score over several seeds: how much of it is the draw, and how much the method.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// A score's distribution over independent seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OverSeeds {
    /// Number of seeds.
    pub n: usize,
    /// Mean over the seeds.
    pub mean: f64,
    /// Sample standard deviation over the seeds (n − 1): the spread of one seed, not of the mean.
    pub sd: f64,
    /// Lower end of the 95 % interval of the mean, by Student's t.
    pub low: f64,
    /// Upper end of the 95 % interval of the mean, by Student's t.
    pub high: f64,
}

impl OverSeeds {
    /// Summarises one score per seed; `None` for fewer than two, or if one is not finite.
    pub fn of(scores: &[f64]) -> Option<OverSeeds> {
        let n = scores.len();
        if n < 2 || !scores.iter().all(|score| score.is_finite()) {
            return None;
        }
        let count = n as f64;
        let mean = scores.iter().sum::<f64>() / count;
        let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
        let sd = (squares / (count - 1.0)).sqrt();
        let t = StudentsT::new(0.0, 1.0, count - 1.0)
            .ok()?
            .inverse_cdf(0.975);
        let half = t * sd / count.sqrt();
        Some(OverSeeds {
            n,
            mean,
            sd,
            low: mean - half,
            high: mean + half,
        })
    }

    /// Summarises the differences `a` − `b`, seed by seed, so that what both share in a seed cancels. `None` as in
    /// [`OverSeeds::of`], or if the lengths differ.
    pub fn paired(a: &[f64], b: &[f64]) -> Option<OverSeeds> {
        if a.len() != b.len() {
            return None;
        }
        let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
        OverSeeds::of(&differences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    #[test]
    fn five_seeds_by_hand() {
        let s = OverSeeds::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).expect("five");
        assert_eq!((s.n, s.mean), (5, 3.0));
        assert!((s.sd - 2.5f64.sqrt()).abs() < 1e-12);
        // t of 4 degrees of freedom at 97.5 %: 2.7764.
        assert!((s.high - 3.0 - 2.776_445 * (0.5f64).sqrt()).abs() < 1e-5);
        assert!((s.high + s.low - 6.0).abs() < 1e-12);
    }

    #[test]
    fn what_has_no_spread_is_not_given_one() {
        assert_eq!(OverSeeds::of(&[1.0]), None);
        assert_eq!(OverSeeds::of(&[1.0, f64::NAN]), None);
        assert_eq!(OverSeeds::paired(&[1.0, 2.0], &[1.0]), None);
    }

    #[test]
    fn the_interval_covers_the_mean_as_often_as_it_says() {
        let mut rng = random::stream(1, 4);
        let covered = (0..1_000)
            .filter(|_| {
                let scores: Vec<f64> = (0..5).map(|_| random::normal(&mut rng)).collect();
                let s = OverSeeds::of(&scores).expect("five");
                s.low <= 0.0 && 0.0 <= s.high
            })
            .count();
        // 950 expected, standard deviation 7.
        assert!((922..=978).contains(&covered), "{covered}");
    }

    #[test]
    fn pairs_cancel_what_they_share() {
        let a = [10.0, 20.0, 30.0];
        let b = [9.0, 18.9, 29.1];
        let s = OverSeeds::paired(&a, &b).expect("three");
        assert!((s.mean - 1.0).abs() < 1e-9 && s.sd < 0.2 && s.low > 0.0);
    }
}
