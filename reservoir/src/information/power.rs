//! The power of a test at a stated effect, and the smallest effect that a test with the given n detects. This is all
//! that a test without a finding says.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF, DiscreteCDF, Normal, Poisson};
use std::f64::consts::LN_2;

use super::discrimination::null_variance;

/// Required error rates of a test: at most `alpha` false alarms, and detection of a true effect with probability
/// `power`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Level, two-sided where a test has two sides.
    pub(crate) alpha: f64,
    /// Probability of detection.
    pub(crate) power: f64,
}

impl Default for Demand {
    /// Level 5 %, power 80 %: the usual planning values.
    fn default() -> Demand {
        Demand {
            alpha: 0.05,
            power: 0.8,
        }
    }
}

impl Demand {
    /// The same power with the level of the strictest of `tests` steps of Holm's procedure.
    pub fn among(self, tests: usize) -> Demand {
        Demand {
            alpha: self.alpha / tests.max(1) as f64,
            ..self
        }
    }

    fn is_possible(&self) -> bool {
        self.alpha > 0.0 && self.alpha < self.power && self.power < 1.0
    }

    /// z(1 − α/2) + z(power): how many standard errors large an effect must be.
    fn standard_errors(&self) -> Option<f64> {
        let normal = Normal::standard();
        self.is_possible()
            .then(|| normal.inverse_cdf(1.0 - 0.5 * self.alpha) + normal.inverse_cdf(self.power))
    }
}

/// Power of a G-test or χ² test of level `alpha` with `freedom` degrees on `n` observations that share `bits` of
/// mutual information: a noncentral χ² with noncentrality 2 n I (in nats). `None` without a degree of freedom.
pub(crate) fn of_table(bits: f64, n: u64, freedom: usize, alpha: f64) -> Option<f64> {
    let critical = critical(freedom, alpha)?;
    Some(noncentral_sf(
        critical,
        freedom as f64,
        2.0 * n as f64 * bits.max(0.0) * LN_2,
    ))
}

/// Smallest mutual information, in bits, that such a test detects with the demanded power. `None` without a degree of
/// freedom, without observations, or for an impossible demand.
pub fn smallest_bits(n: u64, freedom: usize, demand: Demand) -> Option<f64> {
    if n == 0 || !demand.is_possible() {
        return None;
    }
    let critical = critical(freedom, demand.alpha)?;
    let power = |noncentrality| noncentral_sf(critical, freedom as f64, noncentrality);
    let mut high = 1.0;
    while power(high) < demand.power && high < 1e9 {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if power(middle) < demand.power {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high / (2.0 * n as f64 * LN_2))
}

/// Smallest area under the ROC curve, above ½, that is distinguished from ½ with the demanded power.
pub(crate) fn smallest_auc(positives: usize, negatives: usize, demand: Demand) -> Option<f64> {
    if positives == 0 || negatives == 0 {
        return None;
    }
    let sd = null_variance(positives, negatives, 0.0).sqrt();
    Some((0.5 + demand.standard_errors()? * sd).min(1.0))
}

/// Power to distinguish an area of `auc` from ½, with the standard error of the area under the null.
pub(crate) fn of_auc(auc: f64, positives: usize, negatives: usize, alpha: f64) -> f64 {
    let normal = Normal::standard();
    let sd = null_variance(positives, negatives, 0.0).sqrt();
    let shift = (auc - 0.5).abs() / sd;
    let critical = normal.inverse_cdf(1.0 - 0.5 * alpha);
    normal.cdf(shift - critical) + normal.cdf(-shift - critical)
}

/// Smallest correlation (of ranks or values) that is distinguished from 0 with the demanded power, by Fisher's
/// transformation.
pub fn smallest_correlation(n: usize, demand: Demand) -> Option<f64> {
    if n < 4 {
        return None;
    }
    Some((demand.standard_errors()? / ((n - 3) as f64).sqrt()).tanh())
}

/// Smallest relative difference of two Poisson rates that is distinguished from 0 with the demanded power if each has
/// `events` events.
pub fn smallest_rate_change(events: u64, demand: Demand) -> Option<f64> {
    if events == 0 {
        return None;
    }
    // The log of the ratio has variance 2/n.
    Some((demand.standard_errors()? * (2.0 / events as f64).sqrt()).exp_m1())
}

/// Distance between two distribution functions that a Kolmogorov–Smirnov test of `n` values detects with at least the
/// demanded power: the critical distance plus the scatter of the empirical function at one point, whose standard
/// deviation is at most ½/√n.
pub(crate) fn smallest_distance(n: usize, demand: Demand) -> Option<f64> {
    if n == 0 || !demand.is_possible() {
        return None;
    }
    // The first term of the Kolmogorov distribution's tail, 2 exp(−2x²), from above.
    let critical = (-0.5 * (0.5 * demand.alpha).ln()).sqrt();
    let stray = 0.5 * Normal::standard().inverse_cdf(demand.power);
    Some(((critical + stray) / (n as f64).sqrt()).min(1.0))
}

/// Smallest difference of two groups' means, in standard deviations, that is distinguished from 0 with the demanded
/// power.
pub(crate) fn smallest_difference(first: usize, second: usize, demand: Demand) -> Option<f64> {
    if first < 2 || second < 2 {
        return None;
    }
    let error = (1.0 / first as f64 + 1.0 / second as f64).sqrt();
    Some(demand.standard_errors()? * error)
}

/// The kind and size of a test, as far as its power depends on them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// A table of counts.
    Table {
        /// Number of observations.
        n: u64,
        /// Degrees of freedom.
        freedom: usize,
    },
    /// An estimate in bits, with its standard error under the null.
    Estimate {
        /// Standard error of the estimate, in bits.
        standard_error: f64,
    },
    /// An area under the ROC curve.
    Area {
        /// Number of cases that are positive.
        positives: usize,
        /// Number of cases that are negative.
        negatives: usize,
    },
    /// A difference of means.
    Means {
        /// Values in the one group.
        first: usize,
        /// Values in the other.
        second: usize,
    },
    /// A distribution.
    Distribution {
        /// Number of values.
        n: usize,
    },
}

impl Design {
    /// Smallest effect that is detected with the demanded power, in [`unit`](Design::unit).
    pub fn smallest(&self, demand: Demand) -> Option<f64> {
        match *self {
            Design::Table { n, freedom } => smallest_bits(n, freedom, demand),
            Design::Estimate { standard_error } => Some(demand.standard_errors()? * standard_error),
            Design::Area {
                positives,
                negatives,
            } => smallest_auc(positives, negatives, demand),
            Design::Means { first, second } => smallest_difference(first, second, demand),
            Design::Distribution { n } => smallest_distance(n, demand),
        }
    }

    /// Unit of the effect.
    pub fn unit(&self) -> &'static str {
        match self {
            Design::Table { .. } | Design::Estimate { .. } => "bit",
            Design::Area { .. } => "area",
            Design::Means { .. } => "sd",
            Design::Distribution { .. } => "distance",
        }
    }
}

fn critical(freedom: usize, alpha: f64) -> Option<f64> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return None;
    }
    Some(
        ChiSquared::new(freedom as f64)
            .ok()?
            .inverse_cdf(1.0 - alpha),
    )
}

/// Upper tail of the noncentral χ², as a Poisson mixture of central ones with two more degrees each.
fn noncentral_sf(x: f64, freedom: f64, noncentrality: f64) -> f64 {
    let tail = |freedom: f64| ChiSquared::new(freedom).map_or(1.0, |law| law.sf(x));
    let half = 0.5 * noncentrality;
    let Ok(mixture) = Poisson::new(half) else {
        return tail(freedom);
    };
    // Eight standard deviations to either side hold all but 10⁻¹⁴ of the mass.
    let reach = 8.0 * half.sqrt() + 12.0;
    let first = (half - reach).max(0.0) as u64;
    let last = (half + reach) as u64;
    let mut sum = 0.0;
    let mut below = if first > 0 {
        mixture.cdf(first - 1)
    } else {
        0.0
    };
    for j in first..=last {
        let up_to = mixture.cdf(j);
        sum += (up_to - below) * tail(freedom + 2.0 * j as f64);
        below = up_to;
    }
    sum.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tabulated_noncentralities() {
        // 80 % at 5 % needs 7.849 for one degree of freedom, 15.65 for nine (Haynam, Govindarajulu and Leone, 1970).
        for (freedom, noncentrality) in [(1, 7.849), (9, 15.65)] {
            let bits = smallest_bits(2_546, freedom, Demand::default()).expect("possible");
            let expected = noncentrality / (2.0 * 2_546.0 * LN_2);
            assert!(
                (bits / expected - 1.0).abs() < 2e-3,
                "{freedom}: {bits} for {expected}"
            );
            let power = of_table(bits, 2_546, freedom, 0.05).expect("possible");
            assert!((power - 0.8).abs() < 1e-6);
        }
        assert!((of_table(0.0, 100, 5, 0.05).expect("possible") - 0.05).abs() < 1e-9);
        assert_eq!(smallest_bits(100, 0, Demand::default()), None);
        assert_eq!(smallest_bits(0, 3, Demand::default()), None);
    }

    #[test]
    fn normal_approximations() {
        let demand = Demand::default();
        // 2.8016 standard errors.
        let auc = smallest_auc(640, 1_906, demand).expect("possible");
        assert!((auc - 0.5 - 2.8016 * (2_547.0f64 / (12.0 * 640.0 * 1_906.0)).sqrt()).abs() < 1e-4);
        assert!((of_auc(auc, 640, 1_906, 0.05) - 0.8).abs() < 1e-4);
        let rho = smallest_correlation(103, demand).expect("possible");
        assert!((rho - 0.280_16f64.tanh()).abs() < 1e-4);
        let change = smallest_rate_change(1_570, demand).expect("possible");
        assert!((change - 0.105).abs() < 0.001, "{change}");
        assert!(demand.among(10).alpha == 0.005);
        assert_eq!(smallest_correlation(3, demand), None);
        let d = smallest_difference(100, 100, demand).expect("possible");
        assert!((d - 2.8016 * 0.02f64.sqrt()).abs() < 1e-4);
        // 1.3581 is the 5 % point of the Kolmogorov distribution, of which this is the first term.
        let distance = smallest_distance(100, demand).expect("possible");
        assert!((distance - 0.1 * (1.3581 + 0.5 * 0.8416)).abs() < 1e-4);
        let impossible = Demand {
            alpha: 0.5,
            power: 0.2,
        };
        assert_eq!(smallest_auc(5, 5, impossible), None);
    }
}
