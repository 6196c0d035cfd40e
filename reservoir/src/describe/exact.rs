//! Exact 95 % intervals for counts, rates, tails and ranges: no normal approximation, so that they hold for a
//! handful of events.

use statrs::distribution::{Beta, ChiSquared, ContinuousCDF};

use crate::bootstrap::Estimate;

/// Probability left out on either side.
const TAIL: f64 = 0.025;

/// Quantile of χ² with `freedom` degrees of freedom.
fn chi2(freedom: f64, p: f64) -> Option<f64> {
    Some(ChiSquared::new(freedom).ok()?.inverse_cdf(p))
}

/// Ends of the interval of a probability after `hits` in `n` trials. It misses the probability in at most `alpha` of
/// cases, half of them at each end (Clopper and Pearson, Biometrika 26(4), 1934); `None` for no trials.
pub fn clopper_pearson(hits: u64, n: u64, alpha: f64) -> Option<(f64, f64)> {
    if n == 0 || hits > n || !(alpha > 0.0 && alpha < 1.0) {
        return None;
    }
    let (k, m) = (hits as f64, (n - hits) as f64);
    let quantile = |a: f64, b: f64, p: f64| Beta::new(a, b).ok().map(|law| law.inverse_cdf(p));
    let low = match hits {
        0 => 0.0,
        _ => quantile(k, m + 1.0, alpha / 2.0)?,
    };
    let high = match n - hits {
        0 => 1.0,
        _ => quantile(k + 1.0, m, 1.0 - alpha / 2.0)?,
    };
    Some((low, high))
}

/// Probability of an event that happened `hits` times in `n` trials, with its interval; `None` for no trials.
pub fn proportion(hits: u64, n: u64) -> Option<Estimate> {
    let (low, high) = clopper_pearson(hits, n, 2.0 * TAIL)?;
    Some(Estimate {
        value: hits as f64 / n as f64,
        low,
        high,
    })
}

/// Rate of a Poisson process that gave `events` in `exposure` (Garwood, Biometrika 28(3/4), 1936), in events per
/// unit of the exposure; `None` without exposure.
pub fn rate(events: u64, exposure: f64) -> Option<Estimate> {
    if !(exposure > 0.0 && exposure.is_finite()) {
        return None;
    }
    let n = events as f64;
    let low = if events == 0 {
        0.0
    } else {
        chi2(2.0 * n, TAIL)? / 2.0
    };
    Some(Estimate {
        value: n / exposure,
        low: low / exposure,
        high: chi2(2.0 * n + 2.0, 1.0 - TAIL)? / 2.0 / exposure,
    })
}

/// Exponent α of a Pareto law P(X > x) = (x₀/x)^α from `ratios` x/x₀, all at least 1: n − 1 over the sum of their
/// logarithms, without bias; 2 n α̂/α of the maximum-likelihood estimate is χ² of 2 n degrees of freedom. `None` for
/// fewer than two ratios, or if one is below 1.
pub fn tail_exponent(ratios: &[f64]) -> Option<Estimate> {
    if ratios.len() < 2 || !ratios.iter().all(|r| r.is_finite() && *r >= 1.0) {
        return None;
    }
    let n = ratios.len() as f64;
    let sum: f64 = ratios.iter().map(|r| r.ln()).sum();
    if sum <= 0.0 {
        return None;
    }
    Some(Estimate {
        value: (n - 1.0) / sum,
        low: chi2(2.0 * n, TAIL)? / (2.0 * sum),
        high: chi2(2.0 * n, 1.0 - TAIL)? / (2.0 * sum),
    })
}

/// Upper end of a uniform law from 0, from the largest of `n` values: an unbiased value, and an interval that begins
/// at the largest value. `None` for no values.
pub fn reach(largest: f64, n: u64) -> Option<Estimate> {
    if n == 0 || !(largest >= 0.0 && largest.is_finite()) {
        return None;
    }
    // (largest/reach)^n is uniform.
    Some(Estimate {
        value: largest * (n + 1) as f64 / n as f64,
        low: largest,
        high: largest * (2.0 * TAIL).powf(-1.0 / n as f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 5e-4 * b.abs().max(1.0)
    }

    #[test]
    fn published_intervals() {
        // Seven of seven: at least 59 % (two-sided); none of seven: at most 41 %.
        let all = proportion(7, 7).expect("trials");
        assert!(near(all.low, 0.025f64.powf(1.0 / 7.0)) && all.high == 1.0);
        let none = proportion(0, 7).expect("trials");
        assert!(near(none.high, 1.0 - 0.025f64.powf(1.0 / 7.0)) && none.low == 0.0);
        // Ten events: 4.795 to 18.39 (tables of Garwood).
        let ten = rate(10, 1.0).expect("exposure");
        assert!(near(ten.low, 4.795) && near(ten.high, 18.390), "{ten:?}");
        assert_eq!(
            (proportion(0, 0), rate(1, 0.0), reach(1.0, 0)),
            (None, None, None)
        );
    }

    #[test]
    fn intervals_hold_their_level() {
        let (mut tails, mut reaches) = (0, 0);
        for seed in 0..400 {
            let mut rng = random::stream(seed, 4);
            let uniforms: Vec<f64> = (0..50).map(|_| 1.0 - rng.random::<f64>()).collect();
            let ratios: Vec<f64> = uniforms.iter().map(|u| 1.0 / u).collect();
            let tail = tail_exponent(&ratios).expect("ratios");
            tails += i32::from(tail.low <= 1.0 && 1.0 <= tail.high);
            let largest = uniforms.iter().copied().fold(0.0, f64::max);
            let reach = reach(largest, 50).expect("values");
            reaches += i32::from(reach.low <= 1.0 && 1.0 <= reach.high);
        }
        // 380 expected, standard deviation 4.4.
        assert!((360..=396).contains(&tails), "{tails}");
        assert!((360..=396).contains(&reaches), "{reaches}");
        assert_eq!(tail_exponent(&[0.5, 2.0]), None);
    }
}
