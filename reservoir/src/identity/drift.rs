//! How a score moves with temperature or with time, within units.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::trials::Resampling;
use crate::bootstrap::Estimate;
use crate::random;

/// One genuine claim: its unit, its score, and the temperature or time of the claim.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Number of the unit; points of one unit share it.
    pub unit: usize,
    /// Temperature, time or another quantity that may change the score.
    pub at: f64,
    /// Score of the claim, a natural logarithm of a likelihood ratio.
    pub score: f64,
}

/// Change of score per unit of `at`: the least-squares slope after each unit's own means are taken off, with its
/// interval over resamples of units. `None` if `at` varies within no unit.
pub fn slope(points: &[Point], resampling: Resampling) -> Option<Estimate> {
    let units = 1 + points.iter().map(|point| point.unit).max()?;
    let mut sums = vec![(0.0, 0.0, 0.0); units];
    for point in points {
        let sum = &mut sums[point.unit];
        *sum = (sum.0 + 1.0, sum.1 + point.at, sum.2 + point.score);
    }
    // For each unit, the two sums whose ratio is the slope.
    let mut moments = vec![(0.0, 0.0); units];
    for point in points {
        let (n, at, score) = sums[point.unit];
        let off = point.at - at / n;
        let moment = &mut moments[point.unit];
        moment.0 += off * (point.score - score / n);
        moment.1 += off * off;
    }
    moments.retain(|(_, square)| *square > 0.0);
    let ratio = |of: &mut dyn Iterator<Item = (f64, f64)>| {
        let (cross, square) = of.fold((0.0, 0.0), |sum, m| (sum.0 + m.0, sum.1 + m.1));
        cross / square
    };
    let value = ratio(&mut moments.iter().copied());
    if !value.is_finite() {
        return None;
    }
    let mut rng = random::stream(resampling.seed, 15);
    let n = moments.len();
    let values: Vec<f64> = (0..resampling.resamples)
        .map(|_| ratio(&mut (0..n).map(|_| moments[rng.random_range(0..n)])))
        .collect();
    let alone = Estimate {
        value,
        low: value,
        high: value,
    };
    Some(Estimate::of_resamples(value, values).unwrap_or(alone))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Resampling = Resampling {
        resamples: 400,
        seed: 1,
    };

    #[test]
    fn a_slope_within_units_is_found_whatever_lies_between_them() {
        let mut rng = random::stream(1, 8);
        let points: Vec<Point> = (0..30)
            .flat_map(|unit| (0..8).map(move |i| (unit, i)))
            .map(|(unit, i)| Point {
                unit,
                at: f64::from(i) + unit as f64,
                // Between units the score rises by 5 with each.
                score: 5.0 * unit as f64 - 0.5 * f64::from(i) + random::normal(&mut rng),
            })
            .collect();
        let slope = slope(&points, FAST).expect("it varies");
        assert!(slope.low < -0.5 && -0.5 < slope.high, "{slope:?}");
        assert!(
            slope.high < 0.0 && slope.high - slope.low < 0.3,
            "{slope:?}"
        );
    }

    #[test]
    fn nothing_is_said_of_what_does_not_vary() {
        let still = [0, 0, 1].map(|unit| Point {
            unit,
            at: unit as f64,
            score: 1.0,
        });
        assert_eq!(slope(&still, FAST), None);
        assert_eq!(slope(&[], FAST), None);
    }
}
