//! Whether one number distinguishes two groups: the area under the ROC curve with DeLong's interval, and the t-test
//! of leakage assessment.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// Area under the ROC curve: the probability that a positive scores above a negative, ties counting half.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Auc {
    /// Number of cases that are positive.
    pub positives: usize,
    /// Number of cases that are negative.
    pub negatives: usize,
    /// The area; ½ for a score that tells nothing.
    pub value: f64,
    /// Standard error (DeLong, DeLong and Clarke-Pearson, Biometrics 44(3), 1988).
    pub standard_error: f64,
    /// Lower end of the 95 % interval: the logit of the area plus and minus Student's t times its standard error, with
    /// Satterthwaite's degrees of freedom from both groups. Where all pairs agree, so that there is no standard error,
    /// see [`Auc::of`].
    pub low: f64,
    /// Upper end of the 95 % interval.
    pub high: f64,
    /// Two-sided probability of an area at least as far from ½ if the score tells nothing. It uses the standard error
    /// under that hypothesis, that of the rank sum (Mann and Whitney, Ann. Math. Stat. 18(1), 1947), not DeLong's.
    pub p: f64,
    /// Standard deviation of the area if the score tells nothing; 0 if all scores are equal.
    pub null_sd: f64,
}

impl Auc {
    /// Computes the area from scores and whether each is a positive. `None` for fewer than two of either kind, if a
    /// score is not finite, or if the lengths differ. O(n log n), by midranks (Sun and Xu, IEEE Signal Process. Lett.
    /// 21(11), 2014).
    ///
    /// DeLong's interval itself covers 84 to 94 % at 10 positives and 30 negatives (normal scores, areas 0.5 to 0.92) and
    /// is [1, 1] where the groups are separated; this one covers 96 to 98 %. Where all pairs agree (one group above the
    /// other, or all scores equal), the bound is exact for any law of the scores: of min(m, n) pairs without a common
    /// case, all agree with probability q^min(m, n) if one does with probability q, which is 2.5 % at the bound.
    pub fn of(scores: &[f64], positive: &[bool]) -> Option<Auc> {
        if scores.len() != positive.len() || !scores.iter().all(|s| s.is_finite()) {
            return None;
        }
        let group = |wanted: bool| -> Vec<f64> {
            let both = scores.iter().zip(positive);
            both.filter(|(_, p)| **p == wanted)
                .map(|(s, _)| *s)
                .collect()
        };
        let (above, below) = (group(true), group(false));
        let (m, n) = (above.len(), below.len());
        if m < 2 || n < 2 {
            return None;
        }
        let mut all = above.clone();
        all.extend(&below);
        let (ranks, ties) = midranks(&all);
        let (own_above, _) = midranks(&above);
        let (own_below, _) = midranks(&below);
        // For each score, the fraction of the other group that it exceeds, or that exceeds it.
        let beats: Vec<f64> = (0..m)
            .map(|i| (ranks[i] - own_above[i]) / n as f64)
            .collect();
        let beaten: Vec<f64> = (0..n)
            .map(|j| 1.0 - (ranks[m + j] - own_below[j]) / m as f64)
            .collect();
        let value = beats.iter().sum::<f64>() / m as f64;
        let parts = (variance(&beats) / m as f64, variance(&beaten) / n as f64);
        let standard_error = (parts.0 + parts.1).sqrt();
        let (low, high) = interval(value, parts, (m, n))?;
        let normal = Normal::standard();
        let null = null_variance(m, n, ties);
        let z = (value - 0.5) / null.sqrt();
        Some(Auc {
            positives: m,
            negatives: n,
            value,
            standard_error,
            low,
            high,
            p: if null > 0.0 {
                2.0 * normal.sf(z.abs())
            } else {
                1.0
            },
            null_sd: null.max(0.0).sqrt(),
        })
    }

    /// The band that holds `comparisons` areas of useless scores together with 95 % probability (Šidák).
    pub fn null_band(&self, comparisons: usize) -> (f64, f64) {
        let inside = 0.95f64.powf(1.0 / comparisons.max(1) as f64);
        let z = Normal::standard().inverse_cdf(0.5 + inside / 2.0);
        (0.5 - z * self.null_sd, 0.5 + z * self.null_sd)
    }
}

/// The 95 % interval of an area, from the variances that both groups add to it and from their sizes.
fn interval(value: f64, (of_m, of_n): (f64, f64), (m, n): (usize, usize)) -> Option<(f64, f64)> {
    let error = (of_m + of_n).sqrt();
    if error < 1e-12 {
        let agree = 0.025f64.powf(1.0 / m.min(n) as f64);
        return Some((value * agree, 1.0 - (1.0 - value) * agree));
    }
    let by_group = of_m * of_m / (m - 1) as f64 + of_n * of_n / (n - 1) as f64;
    let freedom = (of_m + of_n).powi(2) / by_group;
    let t = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.975);
    let logit = (value / (1.0 - value)).ln();
    let reach = t * error / (value * (1.0 - value));
    let area = |logit: f64| 1.0 / (1.0 + (-logit).exp());
    Some((area(logit - reach), area(logit + reach)))
}

/// Variance of the area when the score tells nothing, (m + n + 1 − ties)/(12 m n); `ties` is
/// Σ (t³ − t)/(N (N − 1)) over groups of t equal scores.
pub(super) fn null_variance(positives: usize, negatives: usize, ties: f64) -> f64 {
    let (m, n) = (positives as f64, negatives as f64);
    (m + n + 1.0 - ties) / (12.0 * m * n)
}

/// Rank of each value from 1, the mean rank for equal values, and the correction for ties.
fn midranks(values: &[f64]) -> (Vec<f64>, f64) {
    let n = values.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; n];
    let mut cubes = 0.0;
    let mut first = 0;
    while first < n {
        let same = order[first..]
            .iter()
            .take_while(|i| values[**i] == values[order[first]])
            .count();
        for place in &order[first..first + same] {
            ranks[*place] = first as f64 + (same + 1) as f64 / 2.0;
        }
        let t = same as f64;
        cubes += t * t * t - t;
        first += same;
    }
    let total = n as f64;
    (ranks, cubes / (total * (total - 1.0)).max(1.0))
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}

/// |t| above which a test-vector leakage assessment reports leakage (Goodwill, Jun, Jaffe and Rohatgi, NIST
/// Non-Invasive Attack Testing Workshop, 2011).
pub const TVLA_LIMIT: f64 = 4.5;

/// Welch's t-test of two groups.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tvla {
    /// Difference of the means over its standard error.
    pub t: f64,
    /// Degrees of freedom (Welch, Biometrika 34, 1947).
    pub(crate) freedom: f64,
    /// Two-sided probability.
    pub p: f64,
    /// Difference of the means over the pooled standard deviation (Cohen's d).
    pub(crate) effect: f64,
}

impl Tvla {
    /// Tests two groups; `None` for fewer than two values in either, or if neither varies.
    pub fn of(first: &[f64], second: &[f64]) -> Option<Tvla> {
        if first.len() < 2 || second.len() < 2 {
            return None;
        }
        let (m, n) = (first.len() as f64, second.len() as f64);
        let (of_first, of_second) = (variance(first), variance(second));
        let (a, b) = (of_first / m, of_second / n);
        if !(a + b > 0.0 && (a + b).is_finite()) {
            return None;
        }
        let apart = mean(first) - mean(second);
        let t = apart / (a + b).sqrt();
        let freedom = (a + b).powi(2) / (a * a / (m - 1.0) + b * b / (n - 1.0));
        let law = StudentsT::new(0.0, 1.0, freedom).ok()?;
        let pooled = ((m - 1.0) * of_first + (n - 1.0) * of_second) / (m + n - 2.0);
        Some(Tvla {
            t,
            freedom,
            p: 2.0 * law.sf(t.abs()),
            effect: apart / pooled.sqrt(),
        })
    }

    /// Whether |t| exceeds [`TVLA_LIMIT`].
    pub fn leaks(&self) -> bool {
        self.t.abs() > TVLA_LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

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
        // Ten positives: 0.025^(1/10).
        assert!((perfect.low - 0.691_5).abs() < 1e-4, "{perfect:?}");
        assert_eq!((perfect.value, perfect.high), (1.0, 1.0));
        assert!(same.low < 0.4 && same.high > 0.6, "{same:?}");
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
            let noise: Vec<f64> = labels.iter().map(|_| random::normal(&mut rng)).collect();
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

    #[test]
    fn the_area_by_counting_pairs() {
        let scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4];
        let positive = [false, false, true, true, true, false];
        let auc = Auc::of(&scores, &positive).expect("both groups");
        // Positives 0.35, 0.8, 0.4 against 0.1, 0.4, 0.4: 1 + 3 + (1 + ½ + ½) of 9.
        assert!((auc.value - 6.0 / 9.0).abs() < 1e-12);
        // Parts 1/3, 1, 2/3 of variance 1/9; and 1, ½, ½ of variance 1/12.
        let expected = (1.0 / 27.0 + 1.0 / 36.0f64).sqrt();
        assert!((auc.standard_error - expected).abs() < 1e-12);
        assert!(auc.low < auc.value && auc.value < auc.high && auc.high < 1.0);
        assert_eq!(Auc::of(&[1.0, 2.0, 3.0], &[true, true, false]), None);
        let flat = Auc::of(&[1.0; 6], &positive).expect("both groups");
        assert_eq!((flat.value, flat.p), (0.5, 1.0));
    }

    #[test]
    fn the_interval_covers_and_the_test_keeps_its_rate() {
        let (mut covered, mut rejected) = (0, 0);
        for seed in 0..400 {
            let mut rng = random::stream(seed, 4);
            let positive: Vec<bool> = (0..200).map(|i| i % 4 == 0).collect();
            let draw = |shift: f64, rng: &mut random::Rng| -> Vec<f64> {
                let shifted = positive.iter().map(|p| if *p { shift } else { 0.0 });
                shifted.map(|s| s + random::normal(rng)).collect()
            };
            // Φ(1/√2) = 0.76025 for a shift of one standard deviation.
            let auc = Auc::of(&draw(1.0, &mut rng), &positive).expect("both groups");
            covered += usize::from(auc.low <= 0.76025 && 0.76025 <= auc.high);
            let null = Auc::of(&draw(0.0, &mut rng), &positive).expect("both groups");
            rejected += usize::from(null.p < 0.05);
        }
        assert!((362..=396).contains(&covered), "{covered} of 400");
        assert!((7..=36).contains(&rejected), "{rejected} of 400");
    }

    #[test]
    fn the_interval_covers_for_small_groups() {
        // Ten positives, thirty negatives, the means 0 to 3 apart: areas Φ(shift/√2).
        for (shift, truth) in [
            (0.0, 0.5),
            (1.0, 0.760_25),
            (2.0, 0.921_35),
            (3.0, 0.983_05),
        ] {
            let positive: Vec<bool> = (0..40).map(|i| i % 4 == 0).collect();
            let covered = (0..1_000)
                .filter(|seed| {
                    let mut rng = random::stream(*seed, 4);
                    let shifts = positive.iter().map(|p| if *p { shift } else { 0.0 });
                    let scores: Vec<f64> = shifts.map(|s| s + random::normal(&mut rng)).collect();
                    let auc = Auc::of(&scores, &positive).expect("both groups");
                    auc.low <= truth && truth <= auc.high
                })
                .count();
            // 950 expected, standard deviation 7. DeLong's own interval: 935, 911, 835 and 670.
            assert!((936..=992).contains(&covered), "{shift}: {covered} of 1000");
        }
    }

    #[test]
    fn welch_by_hand() {
        // Means 2 and 5, variances 1 and 4, three each: t = −3/√(5/3), df = 25/9/(1/18 + 16/18).
        let t = Tvla::of(&[1.0, 2.0, 3.0], &[3.0, 5.0, 7.0]).expect("varies");
        assert!((t.t + 3.0 / (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((t.freedom - 25.0 / 9.0 / (17.0 / 18.0)).abs() < 1e-12);
        assert!((t.effect + 3.0 / 2.5f64.sqrt()).abs() < 1e-12);
        assert!(!t.leaks() && t.p > 0.05);
        assert_eq!(Tvla::of(&[1.0, 1.0], &[1.0, 1.0]), None);
    }
}
