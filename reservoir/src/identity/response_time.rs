//! The latest plausible response time, estimated from earlier response times.

/// Upper bound for a further value of the same kind as `values`. It is exceeded with a probability of at most `miss`
/// if the tail is exponential: m + k s, with the least value m, the mean excess s over it, and k = (n − 1) [(n/((n +
/// 1) miss))^(1/(n − 1)) − 1]. `None` for fewer than two values, or for an impossible `miss`.
///
/// A further value lies above m with probability n/(n + 1), and is then beyond k s with (1 + k/(n − 1))^−(n − 1), as
/// the sum of n − 1 exponential excesses is a gamma variable. With a lighter tail the bound is exceeded less often.
pub fn latest(values: &[f64], miss: f64) -> Option<f64> {
    let n = values.len() as f64;
    if n < 2.0 || !(miss > 0.0 && miss < n / (n + 1.0)) {
        return None;
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let excess = values.iter().map(|value| value - least).sum::<f64>() / (n - 1.0);
    let k = (n - 1.0) * ((n / ((n + 1.0) * miss)).powf(1.0 / (n - 1.0)) - 1.0);
    Some(least + k * excess)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    #[test]
    fn a_further_value_is_missed_as_often_as_it_says() {
        for n in [2, 3, 10] {
            let mut rng = random::stream(1, 10);
            let mut draw = || 0.016 - 0.004 * (1.0 - rng.random::<f64>()).ln();
            let missed = (0..20_000)
                .filter(|_| {
                    let values: Vec<f64> = (0..n).map(|_| draw()).collect();
                    draw() > latest(&values, 0.05).expect("values")
                })
                .count();
            // 1,000 expected, standard deviation 31.
            assert!((880..1_120).contains(&missed), "{n}: {missed}");
        }
        assert_eq!(latest(&[1.0], 0.01), None);
        assert_eq!(latest(&[1.0, 2.0], 0.9), None);
    }
}
