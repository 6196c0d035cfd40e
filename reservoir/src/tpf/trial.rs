//! A randomised trial of two arms on one unit, in pairs of blocks: shares per joule, their ratio and the evidence on
//! it.
//!
//! Shares arrive as a Poisson process. Given the number of shares in a pair of blocks, the number in the filter's arm
//! is therefore binomial with p = θ E₁/(θ E₁ + E₀), where E₁ and E₀ are the joules of both blocks and θ is the ratio
//! of shares per joule. The e-value is the mean of the likelihood ratios of a grid of θ against one: a test
//! martingale, which may be evaluated at any time (Ville's inequality; Ramdas et al., Stat. Sci. 38(4), 2023). The
//! joules of a block must not depend on the shares that are counted in it.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::exact::Proportion;
use crate::random;

/// The grid of θ: from 1/16 to 16, evenly in log θ; 1 is one of them.
const GRID: usize = 801;
const WIDEST: f64 = 16.0;

/// Counts of one block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Accepted shares.
    pub shares: u64,
    /// Energy of the block, in joules.
    pub joules: f64,
}

impl Block {
    /// Adds the counts of `other`.
    pub fn add(&mut self, other: Block) {
        self.shares += other.shares;
        self.joules += other.joules;
    }
}

/// Random order of the arms in each of `pairs` pairs of blocks: true if the filter is first. Drawn from `seed`.
pub fn order(pairs: usize, seed: u64) -> Vec<bool> {
    let mut rng = random::stream(seed, 34);
    (0..pairs).map(|_| rng.random()).collect()
}

/// Ratio of two Poisson rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateRatio {
    /// Shares per joule of the filter's arm over that of the other; `None` if the other has none.
    pub value: Option<f64>,
    /// Lower end of the exact 95 % interval, valid if the number of blocks was fixed beforehand.
    pub low: f64,
    /// Upper end; `None` if it is unbounded.
    pub high: Option<f64>,
}

impl RateRatio {
    /// Conditional on the number of shares (Przyborowski and Wilenski, Biometrika 31, 1940); `None` without
    /// shares or without joules.
    pub fn of(filter: Block, pass: Block) -> Option<RateRatio> {
        if !(filter.joules > 0.0 && pass.joules > 0.0) {
            return None;
        }
        let share = Proportion::of(filter.shares, filter.shares + pass.shares)?;
        let odds = |p: f64| p / (1.0 - p) * pass.joules / filter.joules;
        let finite = |ratio: f64| Some(ratio).filter(|ratio| ratio.is_finite());
        Some(RateRatio {
            value: finite(odds(share.value)),
            low: odds(share.low),
            high: finite(odds(share.high)),
        })
    }
}

/// The evidence on θ, pair by pair.
#[derive(Debug, Clone)]
pub struct Evidence {
    log_likelihood: Vec<f64>,
    pairs: usize,
}

impl Default for Evidence {
    fn default() -> Evidence {
        Evidence::new()
    }
}

impl Evidence {
    /// Evidence before the first pair: an e-value of 1.
    pub fn new() -> Evidence {
        Evidence {
            log_likelihood: vec![0.0; GRID],
            pairs: 0,
        }
    }

    /// Adds a pair of blocks; a pair without joules in one block is left out.
    pub fn add(&mut self, filter: Block, pass: Block) {
        if !(filter.joules > 0.0 && pass.joules > 0.0) {
            return;
        }
        self.pairs += 1;
        for (i, sum) in self.log_likelihood.iter_mut().enumerate() {
            let odds = theta(i) * filter.joules / pass.joules;
            // ln p and ln (1 − p), p = odds/(1 + odds).
            *sum -= filter.shares as f64 * (1.0 / odds).ln_1p() + pass.shares as f64 * odds.ln_1p();
        }
    }

    /// Number of pairs added.
    pub fn pairs(&self) -> usize {
        self.pairs
    }

    /// E-value against θ = 1: at or above 1/α, at any time, with probability α at most if θ is 1.
    pub fn e_value(&self) -> f64 {
        self.log_e(GRID / 2).exp()
    }

    /// The θ that are not rejected at 5 %: an anytime-valid 95 % interval, no wider than the grid.
    pub fn interval(&self) -> (f64, f64) {
        let kept = || (0..GRID).filter(|i| self.log_e(*i) < 20f64.ln());
        let low = kept().next().map_or(1.0 / WIDEST, theta);
        let high = kept().next_back().map_or(WIDEST, theta);
        (low, high)
    }

    fn log_e(&self, against: usize) -> f64 {
        let null = self.log_likelihood[against];
        let top = self
            .log_likelihood
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = self.log_likelihood.iter().map(|l| (l - top).exp()).sum();
        top - null + (sum / GRID as f64).ln()
    }
}

fn theta(i: usize) -> f64 {
    let middle = (GRID / 2) as f64;
    WIDEST.powf((i as f64 - middle) / middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number of events of a Poisson process of mean `mean`.
    fn poisson(mean: f64, rng: &mut random::Rng) -> u64 {
        let mut n = 0;
        let mut left = mean + (1.0 - rng.random::<f64>()).ln();
        while left > 0.0 {
            n += 1;
            left += (1.0 - rng.random::<f64>()).ln();
        }
        n
    }

    fn run(ratio: f64, pairs: usize, rng: &mut random::Rng) -> (Evidence, bool, Block, Block) {
        let mut evidence = Evidence::new();
        let (mut filter, mut pass) = (Block::default(), Block::default());
        let mut ever = false;
        for _ in 0..pairs {
            let (a, b) = (80.0, 100.0);
            let pair = [(0.1 * ratio * a, a), (0.1 * b, b)].map(|(mean, joules)| Block {
                shares: poisson(mean, rng),
                joules,
            });
            evidence.add(pair[0], pair[1]);
            filter.add(pair[0]);
            pass.add(pair[1]);
            ever |= evidence.e_value() >= 20.0;
        }
        (evidence, ever, filter, pass)
    }

    #[test]
    fn looking_after_every_pair_rejects_a_true_null_no_more_often_than_said() {
        let mut rng = random::stream(1, 9);
        let (mut ever, mut covered) = (0, 0);
        for _ in 0..300 {
            let (_, rejected, filter, pass) = run(1.0, 30, &mut rng);
            ever += u32::from(rejected);
            let ratio = RateRatio::of(filter, pass).expect("shares");
            covered += u32::from(ratio.low <= 1.0 && ratio.high.is_none_or(|high| high >= 1.0));
        }
        // At most 15 expected, standard deviation 3.8; at least 285 covered.
        assert!(ever <= 26, "{ever}");
        assert!(covered >= 274, "{covered}");
    }

    #[test]
    fn a_loss_is_found_and_the_interval_holds_it() {
        let mut rng = random::stream(2, 9);
        let (evidence, rejected, filter, pass) = run(0.5, 60, &mut rng);
        assert!(rejected);
        let (low, high) = evidence.interval();
        assert!(low < 0.5 && 0.5 < high && high < 1.0, "{low} {high}");
        let ratio = RateRatio::of(filter, pass).expect("shares");
        assert!(ratio.low > low && ratio.high.is_some_and(|end| end < high));
        assert_eq!(evidence.pairs(), 60);
    }

    #[test]
    fn nothing_is_no_evidence() {
        let mut evidence = Evidence::new();
        assert!((evidence.e_value() - 1.0).abs() < 1e-12);
        evidence.add(Block::default(), Block::default());
        assert_eq!(evidence.pairs(), 0);
        assert_eq!(RateRatio::of(Block::default(), Block::default()), None);
        let block = |shares, joules| Block { shares, joules };
        let none = RateRatio::of(block(5, 1.0), block(0, 1.0)).expect("shares");
        assert_eq!((none.value, none.high), (None, None));
        assert_eq!(theta(GRID / 2), 1.0);
    }

    #[test]
    fn both_orders_come_up() {
        let order = order(200, 1);
        let first = order.iter().filter(|filter| **filter).count();
        assert!((60..=140).contains(&first));
    }
}
