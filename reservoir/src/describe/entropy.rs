//! Shannon entropy of binned data, in bits, with the correction for finite samples.

use serde::{Deserialize, Serialize};

/// Most bins that a sample is cut into.
pub const MOST_BINS: usize = 65_536;

/// Entropy of a histogram, in bits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Entropy {
    pub(crate) n: u64,
    /// Bins that are not empty.
    pub(crate) occupied: usize,
    /// −Σ p log₂ p of the shares as they are: too small on average, most of all with few values per bin.
    pub(crate) plug_in: f64,
    /// Plug-in plus (occupied − 1)/(2 n ln 2): Miller's first-order correction (in Quastler (ed.), Information
    /// Theory in Psychology, 1955).
    pub miller_madow: f64,
}

impl Entropy {
    /// Entropy of the counts in each bin; `None` if all bins are empty.
    pub(crate) fn of_counts(counts: &[u64]) -> Option<Entropy> {
        let n: u64 = counts.iter().sum();
        if n == 0 {
            return None;
        }
        let occupied: Vec<f64> = counts
            .iter()
            .filter(|c| **c > 0)
            .map(|c| *c as f64 / n as f64)
            .collect();
        let plug_in = -occupied.iter().map(|p| p * p.log2()).sum::<f64>();
        let correction = (occupied.len() - 1) as f64 / (2.0 * n as f64 * std::f64::consts::LN_2);
        Some(Entropy {
            n,
            occupied: occupied.len(),
            // A single bin gives −0.
            plug_in: plug_in.max(0.0),
            miller_madow: plug_in.max(0.0) + correction,
        })
    }

    /// Entropy of `values` in `bins` bins of equal width from the smallest to the largest; `None` without values, if
    /// one is not finite, or unless there are 1 to [`MOST_BINS`] bins.
    pub fn of_values(values: &[f64], bins: usize) -> Option<Entropy> {
        let finite = values.iter().all(|v| v.is_finite());
        if !finite || !(1..=MOST_BINS).contains(&bins) {
            return None;
        }
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut counts = vec![0; bins];
        for value in values {
            let place = if high > low {
                ((value - low) / (high - low) * bins as f64) as usize
            } else {
                0
            };
            counts[place.min(bins - 1)] += 1;
        }
        Entropy::of_counts(&counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    #[test]
    fn known_histograms() {
        let fair = Entropy::of_counts(&[5, 5, 5, 5, 0]).expect("not empty");
        assert!((fair.plug_in - 2.0).abs() < 1e-12 && fair.occupied == 4);
        let correction = 3.0 / (40.0 * std::f64::consts::LN_2);
        assert!((fair.miller_madow - 2.0 - correction).abs() < 1e-12);
        let sure = Entropy::of_counts(&[9]).expect("not empty");
        assert_eq!((sure.plug_in, sure.miller_madow), (0.0, 0.0));
        assert_eq!(Entropy::of_counts(&[0, 0]), None);
    }

    #[test]
    fn values_fall_into_their_bins() {
        let e = Entropy::of_values(&[0.0, 0.49, 0.51, 1.0], 2).expect("finite");
        assert!((e.plug_in - 1.0).abs() < 1e-12);
        assert_eq!(
            Entropy::of_values(&[3.0; 4], 8).map(|e| e.occupied),
            Some(1)
        );
        assert_eq!(Entropy::of_values(&[f64::NAN], 8), None);
        assert_eq!(Entropy::of_values(&[1.0], 0), None);
        assert_eq!(Entropy::of_values(&[], 4), None);
    }

    #[test]
    fn the_correction_takes_away_most_of_the_bias() {
        // 16 equal bins have 4 bits; 100 values give 0.11 too few on average.
        let (mut plain, mut corrected) = (0.0, 0.0);
        for seed in 0..200 {
            let mut rng = random::stream(seed, 4);
            let mut counts = [0; 16];
            for _ in 0..100 {
                counts[rng.random_range(0..16)] += 1;
            }
            let e = Entropy::of_counts(&counts).expect("not empty");
            plain += (4.0 - e.plug_in) / 200.0;
            corrected += (4.0 - e.miller_madow) / 200.0;
        }
        assert!(
            plain > 0.08 && corrected.abs() < 0.02,
            "{plain} {corrected}"
        );
    }
}
