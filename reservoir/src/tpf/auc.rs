//! Area under the receiver operating characteristic: the probability that a success scores above a failure.
//!
//! Interval after DeLong, DeLong and Clarke-Pearson (Biometrics 44(3), 1988), by midranks as Sun and Xu (IEEE
//! Signal Process. Lett. 21(11), 2014); the null's spread is that of the rank sum of Mann and Whitney (Ann. Math.
//! Stat. 18(1), 1947), corrected for ties.

use serde::{Deserialize, Serialize};

/// 97.5 % point of the standard normal.
const Z: f64 = 1.959_963_984_540_054;

/// An AUC with its interval and what chance alone would do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Auc {
    /// Successes.
    pub successes: usize,
    /// Failures.
    pub failures: usize,
    /// The area; ties count half.
    pub value: f64,
    /// Lower end of DeLong's 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Standard deviation of the area if scores say nothing of success; 0 if all scores are equal.
    pub null_sd: f64,
}

impl Auc {
    /// Of `scores` for `labels`; `None` unless there are two of either class and all scores are finite.
    pub fn of(scores: &[f64], labels: &[bool]) -> Option<Auc> {
        if scores.len() != labels.len() || !scores.iter().all(|score| score.is_finite()) {
            return None;
        }
        let class = |of: bool| -> Vec<f64> {
            let pairs = scores.iter().zip(labels);
            pairs
                .filter(|(_, label)| **label == of)
                .map(|(score, _)| *score)
                .collect()
        };
        let (successes, failures) = (class(true), class(false));
        let (m, n) = (successes.len() as f64, failures.len() as f64);
        if successes.len() < 2 || failures.len() < 2 {
            return None;
        }
        let (ranks, ties) = midranks(scores);
        // Rank among all less rank in its own class: how many of the other class lie below.
        let placements = |own: &[f64], of: bool| -> Vec<f64> {
            let all = ranks.iter().zip(labels).filter(|(_, label)| **label == of);
            let (own, _) = midranks(own);
            all.zip(own).map(|((all, _), own)| all - own).collect()
        };
        let above = placements(&successes, true);
        let below = placements(&failures, false);
        let value = above.iter().sum::<f64>() / (m * n);
        let spread = |values: &[f64], count: f64, other: f64| {
            let mean = values.iter().sum::<f64>() / count;
            let squares: f64 = values.iter().map(|v| ((v - mean) / other).powi(2)).sum();
            squares / (count - 1.0) / count
        };
        let sd = (spread(&above, m, n) + spread(&below, n, m)).sqrt();
        let total = m + n;
        let null = ((total + 1.0) - ties / (total * (total - 1.0))) / (12.0 * m * n);
        Some(Auc {
            successes: successes.len(),
            failures: failures.len(),
            value,
            low: (value - Z * sd).max(0.0),
            high: (value + Z * sd).min(1.0),
            null_sd: null.max(0.0).sqrt(),
        })
    }

    /// The band that chance alone keeps to with 95 %, over `comparisons` areas at once (Šidák).
    pub fn null_band(&self, comparisons: usize) -> (f64, f64) {
        use statrs::distribution::{ContinuousCDF, Normal};
        let inside = 0.95f64.powf(1.0 / comparisons.max(1) as f64);
        let z = Normal::standard().inverse_cdf(0.5 + inside / 2.0);
        (0.5 - z * self.null_sd, 0.5 + z * self.null_sd)
    }
}

/// Ranks from 1 on, equal values sharing their mean; and Σ (t³ − t) over groups of t equal values.
fn midranks(values: &[f64]) -> (Vec<f64>, f64) {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|i, j| values[*i].total_cmp(&values[*j]));
    let mut ranks = vec![0.0; values.len()];
    let mut ties = 0.0;
    let mut start = 0;
    while start < order.len() {
        let value = values[order[start]];
        let same = order[start..].iter().take_while(|i| values[**i] == value);
        let count = same.count();
        let rank = start as f64 + (count as f64 + 1.0) / 2.0;
        for index in &order[start..start + count] {
            ranks[*index] = rank;
        }
        ties += (count as f64).powi(3) - count as f64;
        start += count;
    }
    (ranks, ties)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{self, normal};

    #[test]
    fn by_hand() {
        // Successes 3, 2, 2; failures 1, 2, 0: of nine pairs seven won, two tied.
        let scores = [3.0, 1.0, 2.0, 2.0, 0.0, 2.0];
        let labels = [true, false, true, true, false, false];
        let auc = Auc::of(&scores, &labels).expect("both classes");
        assert!((auc.value - 8.0 / 9.0).abs() < 1e-12);
        // Ranks 6, 2, 4, 4, 1, 4; three tied: 24. (7 − 24/30) / 108.
        assert!((auc.null_sd.powi(2) - 6.2 / 108.0).abs() < 1e-12);
        let turned: Vec<f64> = scores.iter().map(|score| -score).collect();
        let turned = Auc::of(&turned, &labels).expect("both classes");
        assert!((turned.value - 1.0 / 9.0).abs() < 1e-12);
    }

    #[test]
    fn equal_scores_say_nothing_and_perfect_ones_all() {
        let labels: Vec<bool> = (0..50).map(|i| i % 5 == 0).collect();
        let same = Auc::of(&[1.0; 50], &labels).expect("both classes");
        assert_eq!((same.value, same.null_sd), (0.5, 0.0));
        let scores: Vec<f64> = labels.iter().map(|l| f64::from(u8::from(*l))).collect();
        let perfect = Auc::of(&scores, &labels).expect("both classes");
        assert_eq!((perfect.value, perfect.low), (1.0, 1.0));
        assert_eq!(Auc::of(&[1.0, f64::NAN], &[true, false]), None);
        assert_eq!(Auc::of(&[1.0, 2.0, 3.0], &[true, false, false]), None);
    }

    #[test]
    fn the_interval_covers_and_the_band_holds_as_often_as_they_say() {
        // Two normals one apart: AUC = Φ(1/√2).
        let truth = 0.760_249_9;
        let mut rng = random::stream(2, 5);
        let (mut covered, mut inside) = (0, 0);
        for _ in 0..400 {
            let labels: Vec<bool> = (0..200).map(|i| i % 4 == 0).collect();
            let noise: Vec<f64> = labels.iter().map(|_| normal(&mut rng)).collect();
            let shifted = noise.iter().zip(&labels);
            let shifted: Vec<f64> = shifted.map(|(x, l)| x + f64::from(u8::from(*l))).collect();
            let auc = Auc::of(&shifted, &labels).expect("both classes");
            covered += u32::from(auc.low <= truth && truth <= auc.high);
            let null = Auc::of(&noise, &labels).expect("both classes");
            let (low, high) = null.null_band(1);
            inside += u32::from(low <= null.value && null.value <= high);
        }
        // 380 expected of each, standard deviation 4.4.
        assert!((362..=396).contains(&covered), "{covered}");
        assert!((362..=396).contains(&inside), "{inside}");
    }
}
