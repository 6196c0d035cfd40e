//! How durations spread over octaves, each twice as long as the one before.

use serde::{Deserialize, Serialize};

/// Number of octaves: with a shortest duration of a microsecond, they reach nine years.
pub const OCTAVES: usize = 48;

/// Counts of durations by octave: octave k holds those from `shortest` · 2^k up to twice that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Octaves {
    shortest: f64,
    counts: Vec<u64>,
}

impl Octaves {
    /// No durations yet; `None` if the shortest duration is not positive and finite. The unit is the caller's.
    pub fn new(shortest: f64) -> Option<Octaves> {
        (shortest > 0.0 && shortest.is_finite()).then(|| Octaves {
            shortest,
            counts: vec![0; OCTAVES],
        })
    }

    /// Octave of a duration, ⌊log₂(duration/shortest)⌋, shorter and longer durations count in the first and last
    /// octave; `None` if the value is negative or not finite.
    pub fn of(&self, duration: f64) -> Option<usize> {
        if !duration.is_finite() || duration < 0.0 {
            return None;
        }
        let ratio = duration / self.shortest;
        if ratio < 1.0 {
            return Some(0);
        }
        Some((ratio.log2() as usize).min(OCTAVES - 1))
    }

    /// Counts one duration; returns whether it was valid.
    pub fn push(&mut self, duration: f64) -> bool {
        let octave = self.of(duration);
        if let Some(octave) = octave {
            self.counts[octave] += 1;
        }
        octave.is_some()
    }

    /// Durations of each octave.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Concentration of the counts over all [`OCTAVES`]: see [`concentration`].
    pub fn concentration(&self) -> Option<f64> {
        concentration(&self.counts)
    }
}

/// Concentration of counts over k places: 1 − H/log k with the plug-in entropy H. 0 if all places have equal counts,
/// 1 if one place has all of them or is the only one. `None` for no counts.
pub fn concentration(counts: &[u64]) -> Option<f64> {
    let total: u64 = counts.iter().try_fold(0u64, |sum, n| sum.checked_add(*n))?;
    if total == 0 {
        return None;
    }
    if counts.len() == 1 {
        return Some(1.0);
    }
    let shares = counts
        .iter()
        .filter(|n| **n > 0)
        .map(|n| *n as f64 / total as f64);
    let entropy: f64 = shares.map(|p| -p * p.ln()).sum();
    Some((1.0 - entropy / (counts.len() as f64).ln()).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_beyond_4_1_ms_spread_over_octaves() {
        let octaves = Octaves::new(1e-6).expect("positive");
        let of = |duration| octaves.of(duration).expect("a duration");
        let places: Vec<usize> = (0..12).map(|k| of(4.1e-3 * f64::from(1 << k))).collect();
        for pair in places.windows(2) {
            assert_eq!(
                pair[1],
                pair[0] + 1,
                "twice as long is one octave up: {places:?}"
            );
        }
        assert!(places[11] < OCTAVES - 1, "8.4 s is not the end");
        assert_eq!((of(0.0), of(1e-6), of(1.99e-6), of(2e-6)), (0, 0, 0, 1));
        assert_eq!(of(1e300), OCTAVES - 1);
        assert_eq!((octaves.of(-1.0), octaves.of(f64::NAN)), (None, None));
    }

    #[test]
    fn coherence_rises_with_concentration() {
        let of = |counts: &[u64]| concentration(counts).expect("counts");
        let rising = [
            of(&[25, 25, 25, 25]),
            of(&[40, 30, 20, 10]),
            of(&[70, 10, 10, 10]),
            of(&[97, 1, 1, 1]),
            of(&[100, 0, 0, 0]),
        ];
        assert!(rising.is_sorted_by(|a, b| a < b), "{rising:?}");
        assert!((rising[0], rising[4]) == (0.0, 1.0), "{rising:?}");
        assert_eq!((concentration(&[]), concentration(&[0, 0])), (None, None));
    }

    #[test]
    fn octaves_in_one_place_are_concentrated() {
        let mut octaves = Octaves::new(1e-3).expect("positive");
        assert_eq!(octaves.concentration(), None);
        assert!(octaves.push(0.6) && octaves.push(0.7) && !octaves.push(f64::NAN));
        assert_eq!(octaves.concentration(), Some(1.0));
        octaves.push(1.5);
        let spread = octaves.concentration().expect("counts");
        assert!(spread < 1.0);
        assert_eq!(octaves.counts().iter().sum::<u64>(), 3);
    }
}
