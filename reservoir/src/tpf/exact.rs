//! Exact binomial intervals (Clopper and Pearson, Biometrika 26(4), 1934).

use serde::{Deserialize, Serialize};

use crate::describe::exact::clopper_pearson;

/// A proportion with an exact interval, which covers the true value at least as often as stated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Proportion {
    pub(crate) hits: u64,
    pub(crate) trials: u64,
    /// Hits over trials.
    pub value: f64,
    /// Lower end of the exact interval.
    pub low: f64,
    /// Upper end of the exact interval.
    pub high: f64,
}

impl Proportion {
    /// `hits` of `trials`, with the two-sided interval of 95 %; `None` without trials, or of more hits than
    /// trials.
    pub fn of(hits: u64, trials: u64) -> Option<Proportion> {
        Proportion::at(hits, trials, 0.05)
    }

    /// `hits` of `trials`, with an interval that misses with probability `alpha` at most, half of it at each end.
    pub(crate) fn at(hits: u64, trials: u64, alpha: f64) -> Option<Proportion> {
        let (low, high) = clopper_pearson(hits, trials, alpha)?;
        Some(Proportion {
            hits,
            trials,
            value: hits as f64 / trials as f64,
            low,
            high,
        })
    }
}

/// One-sided 95 % bound: the largest probability at which `hits` or fewer of `trials` still have a chance of 5 %.
/// `None` without trials.
pub fn upper_bound(hits: u64, trials: u64) -> Option<f64> {
    // The upper end of a two-sided interval that misses twice as often.
    Proportion::at(hits, trials, 0.1).map(|proportion| proportion.high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::distribution::{Binomial, DiscreteCDF};

    #[test]
    fn the_ends_leave_the_tails_that_define_them() {
        for (x, n) in [(1u64, 10u64), (7, 20), (76, 20_000), (19, 20)] {
            let p = Proportion::of(x, n).expect("trials");
            let tail = |p: f64| Binomial::new(p, n).expect("a probability");
            assert!((tail(p.high).cdf(x) - 0.025).abs() < 1e-6, "{p:?}");
            let above = 1.0 - tail(p.low).cdf(x - 1);
            assert!((above - 0.025).abs() < 1e-6, "{p:?}");
        }
    }

    #[test]
    fn none_of_seven_means_up_to_34_8_percent() {
        let bound = upper_bound(0, 7).expect("trials");
        assert!((bound - (1.0 - 0.05f64.powf(1.0 / 7.0))).abs() < 1e-9);
        assert!((bound - 0.348).abs() < 5e-4, "{bound}");
    }

    #[test]
    fn the_ends_of_the_range_and_nonsense() {
        let none = Proportion::of(0, 5).expect("trials");
        assert_eq!((none.low, none.value), (0.0, 0.0));
        let all = Proportion::of(5, 5).expect("trials");
        assert_eq!((all.high, all.value), (1.0, 1.0));
        assert!((all.low - (1.0 - none.high)).abs() < 1e-9);
        assert_eq!(Proportion::of(0, 0), None);
        assert_eq!(Proportion::of(2, 1), None);
    }
}
