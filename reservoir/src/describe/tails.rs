//! Tails of counts, summed term by term: exact to rounding for millions of events, where continued fractions of the
//! incomplete beta function lose accuracy.

use statrs::function::gamma::ln_gamma;

/// Terms below this part of the sum no longer change it.
const NEGLIGIBLE: f64 = 1e-18;

/// Most steps towards an end of an interval; Newton's take some six.
const MOST_STEPS: usize = 100;

/// P(X ≤ x) and P(X ≥ x).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tails {
    pub(crate) lower: f64,
    /// P(X ≥ x).
    pub upper: f64,
}

impl Tails {
    /// Twice the smaller tail, at most 1.
    pub fn two_sided(self) -> f64 {
        (2.0 * self.lower.min(self.upper)).min(1.0)
    }
}

/// Tails of a binomial count of `n` trials of probability `p` at `x`. `p` is clamped to 0 to 1.
pub fn binomial(x: u64, n: u64, p: f64) -> Tails {
    let p = p.clamp(0.0, 1.0);
    if p == 0.0 || p == 1.0 || x > n {
        // All of the mass lies at one value.
        let at = if p == 1.0 { n } else { 0 };
        let part = |holds: bool| if holds { 1.0 } else { 0.0 };
        return Tails {
            lower: part(at <= x),
            upper: part(at >= x),
        };
    }
    let (trials, odds) = (n as f64, p / (1.0 - p));
    let up = |k: f64| (trials - k) / (k + 1.0) * odds;
    let down = |k: f64| k / ((trials - k + 1.0) * odds);
    summed(x, (0, n), trials * p, point(x, n, p), up, down)
}

/// P(X = x) of a binomial count, `p` between 0 and 1.
fn point(x: u64, n: u64, p: f64) -> f64 {
    (ln_choose(n, x) + x as f64 * p.ln() + (n - x) as f64 * (-p).ln_1p()).exp()
}

/// Tails, at `x`, of the number of marked items among `drawn` out of `total` items, `marked` of them marked: the
/// hypergeometric law. `None` if the numbers contradict each other.
pub fn hypergeometric(x: u64, drawn: u64, marked: u64, total: u64) -> Option<Tails> {
    if drawn > total || marked > total {
        return None;
    }
    let ends = ((drawn + marked).saturating_sub(total), drawn.min(marked));
    if !(ends.0..=ends.1).contains(&x) {
        return None;
    }
    let log = ln_choose(marked, x) + ln_choose(total - marked, drawn - x) - ln_choose(total, drawn);
    let (drawn, marked, total) = (drawn as f64, marked as f64, total as f64);
    let rest = total - marked - drawn;
    let up = |k: f64| (marked - k) * (drawn - k) / ((k + 1.0) * (rest + k + 1.0));
    let down = |k: f64| k * (rest + k) / ((marked - k + 1.0) * (drawn - k + 1.0));
    let mean = drawn * marked / total.max(1.0);
    Some(summed(x, ends, mean, log.exp(), up, down))
}

/// Sums both tails of a law with one mode from its probability `at` at `x`, `up` and `down` being the ratios of the
/// next and of the last probability to that of k. The longer tail is 1 less the rest.
fn summed(
    x: u64,
    (least, most): (u64, u64),
    mean: f64,
    at: f64,
    up: impl Fn(f64) -> f64,
    down: impl Fn(f64) -> f64,
) -> Tails {
    let (mut term, mut sum, mut k) = (at, at, x);
    if (x as f64) <= mean {
        while k > least {
            term *= down(k as f64);
            sum += term;
            k -= 1;
            if term <= sum * NEGLIGIBLE {
                break;
            }
        }
        Tails {
            lower: sum.min(1.0),
            upper: (1.0 - sum + at).clamp(0.0, 1.0),
        }
    } else {
        while k < most {
            term *= up(k as f64);
            sum += term;
            k += 1;
            if term <= sum * NEGLIGIBLE {
                break;
            }
        }
        Tails {
            lower: (1.0 - sum + at).clamp(0.0, 1.0),
            upper: sum.min(1.0),
        }
    }
}

/// ln of the number of ways to choose `k` of `n`.
fn ln_choose(n: u64, k: u64) -> f64 {
    let ln_factorial = |n: u64| ln_gamma(n as f64 + 1.0);
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Ends of the interval of a probability that gave `x` in `n` trials, missing it with a probability of at most
/// `alpha`, half of it at each end: Clopper and Pearson's, by Newton's method kept within bounds. `None` for no trials.
pub(super) fn binomial_interval(x: u64, n: u64, alpha: f64) -> Option<(f64, f64)> {
    if n == 0 || x > n || !(alpha > 0.0 && alpha < 1.0) {
        return None;
    }
    let low = match x {
        0 => 0.0,
        _ => lower_end(x, n, alpha / 2.0),
    };
    // By symmetry.
    let high = match n - x {
        0 => 1.0,
        _ => 1.0 - lower_end(n - x, n, alpha / 2.0),
    };
    Some((low, high))
}

/// The success probability for which P(X ≥ x) = `tail`; x is at least 1.
fn lower_end(x: u64, n: u64, tail: f64) -> f64 {
    let found = x as f64 / n as f64;
    let (mut low, mut high) = (0.0, found);
    // Two standard deviations below what was found.
    let mut p = found - 2.0 * (found * (1.0 - found / 2.0) / n as f64).sqrt();
    for _ in 0..MOST_STEPS {
        if !(low < p && p < high) {
            p = f64::midpoint(low, high);
        }
        let off = binomial(x, n, p).upper - tail;
        if off > 0.0 {
            high = p;
        } else {
            low = p;
        }
        // d P(X ≥ x)/dp = x P(X = x)/p.
        let step = off * p / (x as f64 * point(x, n, p));
        if step.abs() <= 1e-13 * p || high - low <= 1e-15 * high {
            return p;
        }
        p -= step;
    }
    p
}

#[cfg(test)]
mod tests {
    use super::super::exact;
    use super::*;
    use proptest::prelude::*;

    fn near(a: f64, b: f64, relative: f64) -> bool {
        (a - b).abs() <= relative * b.abs()
    }

    #[test]
    fn tails_by_hand() {
        // Four throws of a coin: 1/16, 5/16, 11/16, 15/16, 1.
        for (x, lower) in [1.0, 5.0, 11.0, 15.0, 16.0].into_iter().enumerate() {
            let tails = binomial(x as u64, 4, 0.5);
            assert!(near(tails.lower, lower / 16.0, 1e-13), "{x}: {tails:?}");
            let upper = binomial(4 - x as u64, 4, 0.5).upper;
            assert!(near(upper, lower / 16.0, 1e-13), "{x}: {upper}");
        }
        assert_eq!(binomial(0, 5, 0.0).two_sided(), 1.0);
        assert_eq!(binomial(1, 5, 0.0).upper, 0.0);
        assert_eq!(binomial(5, 5, 1.0).two_sided(), 1.0);
        // A lady who tells four cups of eight: 1/70, and 17/70 for three or more (Fisher, 1935).
        let all = hypergeometric(4, 4, 4, 8).expect("cups");
        let three = hypergeometric(3, 4, 4, 8).expect("cups");
        assert!(near(all.upper, 1.0 / 70.0, 1e-12) && near(three.upper, 17.0 / 70.0, 1e-12));
        assert!(near(three.lower, 69.0 / 70.0, 1e-12));
        assert_eq!(hypergeometric(5, 4, 4, 8), None);
    }

    #[test]
    fn a_million_events_are_no_less_exact() {
        // Against the normal law with the continuity correction, which is good to a per cent there.
        let (n, p): (u64, f64) = (1_000_000, 1.0 / 63.0);
        let (mean, sd) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
        for z in [-3.0f64, -1.0, 0.5, 2.0] {
            let x = (mean + z * sd).round() as u64;
            let tails = binomial(x, n, p);
            assert!(near(tails.lower + tails.upper, 1.0, 0.01));
            let smaller = tails.lower.min(tails.upper);
            let away = (x as f64 - mean).abs() - 0.5;
            let normal = 0.5 * super::super::two_sided(away / sd);
            assert!(near(smaller, normal, 0.05), "{z}: {smaller} {normal}");
        }
        let (low, high) = binomial_interval(15_873, n, 0.05).expect("trials");
        assert!(near(binomial(15_873, n, low).upper, 0.025, 1e-9));
        assert!(near(binomial(15_873, n, high).lower, 0.025, 1e-9));
        // The incomplete beta function comes to the same.
        let (a, b) = exact::clopper_pearson(15_873, n, 0.05).expect("trials");
        assert!(
            near(a, low, 1e-6) && near(b, high, 1e-6),
            "{a} {low}, {b} {high}"
        );
        let garwood = exact::rate(15_873, 1.0).expect("exposure");
        // Wilson and Hilferty's approximation is good to six digits there.
        let cube = |k: f64, z: f64| k * (1.0 - 1.0 / (9.0 * k) + z / (3.0 * k.sqrt())).powi(3);
        assert!(
            near(garwood.low, cube(15_873.0, -1.959_964), 1e-6),
            "{garwood:?}"
        );
        assert!(
            near(garwood.high, cube(15_874.0, 1.959_964), 1e-6),
            "{garwood:?}"
        );
    }

    proptest! {
        #[test]
        fn the_two_tails_share_only_their_own_value(
            n in 1u64..400, part in 0.0f64..1.0, p in 0.001f64..0.999,
        ) {
            let x = (part * n as f64) as u64;
            let tails = binomial(x, n, p);
            let below = if x == 0 { 0.0 } else { binomial(x - 1, n, p).lower };
            prop_assert!((tails.upper + below - 1.0).abs() < 1e-9, "{tails:?} {below}");
            prop_assert!(tails.lower >= below - 1e-12);
        }
    }
}
