//! Intervals for any statistic of a sequence: quantiles of a circular block bootstrap (Politis and Romano, 1992). Scores
//! have studentised ones ([`crate::bootstrap`]).

use rand::RngExt;

use crate::bootstrap::Estimate;
use crate::random;

/// Blocks of a sequence's places, drawn with replacement.
#[derive(Debug, Clone, Copy)]
pub struct Resampling {
    /// Length of a block: longer than the dependence between neighbours.
    pub block: usize,
    /// Number of bootstrap resamples.
    pub resamples: usize,
    /// Seed of the blocks.
    pub seed: u64,
}

impl Resampling {
    /// The value of `statistic` on the places 0..`n` in order, and the 2.5 % and 97.5 % quantiles over the resamples;
    /// `None` for an empty sequence, or if the value is not finite. Resamples on which the statistic is not finite
    /// are left out.
    pub fn estimate(&self, n: usize, statistic: impl Fn(&[usize]) -> f64) -> Option<Estimate> {
        if n == 0 {
            return None;
        }
        let mut places: Vec<usize> = (0..n).collect();
        let value = statistic(&places);
        let mut rng = random::stream(self.seed, 12);
        let block = self.block.clamp(1, n);
        let mut values = Vec::with_capacity(self.resamples);
        for _ in 0..self.resamples {
            for chunk in places.chunks_mut(block) {
                let start = rng.random_range(0..n);
                for (i, place) in chunk.iter_mut().enumerate() {
                    *place = (start + i) % n;
                }
            }
            values.push(statistic(&places));
        }
        Estimate::of_resamples(value, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_holds_its_level() {
        let resampling = |seed| Resampling {
            block: 5,
            resamples: 200,
            seed,
        };
        let covered = (0..200)
            .filter(|seed| {
                let mut rng = random::stream(*seed, 4);
                let values: Vec<f64> = (0..200).map(|_| rng.random::<f64>()).collect();
                let mean = |places: &[usize]| {
                    places.iter().map(|i| values[*i]).sum::<f64>() / places.len() as f64
                };
                let e = resampling(*seed).estimate(200, mean).expect("values");
                e.low <= 0.5 && 0.5 <= e.high
            })
            .count();
        // 190 expected.
        assert!((176..=199).contains(&covered), "{covered}");
        assert_eq!(resampling(1).estimate(0, |_| 0.0), None);
        assert_eq!(resampling(1).estimate(3, |_| f64::NAN), None);
    }
}
