//! Tests that may be evaluated after every event: e-values for the rate of a yes-or-no event.
//!
//! Under the null hypothesis an e-process has an expectation of at most 1 at any time one may choose to stop, so it
//! exceeds 1/α ever with a probability of at most α (Ville's inequality; Ramdas, Grünwald, Vovk and Shafer, Statist.
//! Sci. 38(4), 2023). This holds however often the process is evaluated.

use serde::{Deserialize, Serialize};
use statrs::function::gamma::ln_gamma;
use thiserror::Error;

/// Why a process cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum SequentialError {
    /// The null's rate.
    #[error("a null rate lies between 0 and 1, not at {0}")]
    Rate(f64),
    /// A parameter of the prior.
    #[error("a prior's weights are positive and finite, not {0} and {1}")]
    Prior(f64, f64),
}

/// Mixture e-process of a Bernoulli rate: the likelihood averaged over a Beta(a, b) prior of rates, over that of
/// the null's rate (Robbins, Ann. Math. Stat. 41(5), 1970). Two-sided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateProcess {
    null_rate: f64,
    prior: (f64, f64),
    successes: u64,
    failures: u64,
    log_highest: f64,
}

impl RateProcess {
    /// Starts the test of the null hypothesis that each event is a success with probability `null_rate`. The prior
    /// Beta(a, b) affects the power, not the validity of the test; (½, ½) is Jeffreys'.
    ///
    /// # Errors
    /// If the rate is not inside 0 to 1, or the prior's weights are not positive.
    pub fn new(null_rate: f64, prior: (f64, f64)) -> Result<RateProcess, SequentialError> {
        if !(null_rate > 0.0 && null_rate < 1.0) {
            return Err(SequentialError::Rate(null_rate));
        }
        let fits = |weight: f64| weight > 0.0 && weight.is_finite();
        if !fits(prior.0) || !fits(prior.1) {
            return Err(SequentialError::Prior(prior.0, prior.1));
        }
        Ok(RateProcess {
            null_rate,
            prior,
            successes: 0,
            failures: 0,
            log_highest: 0.0,
        })
    }

    /// Takes one event.
    pub fn add(&mut self, success: bool) {
        if success {
            self.successes += 1;
        } else {
            self.failures += 1;
        }
        self.log_highest = self.log_highest.max(self.log_e());
    }

    /// Events so far: successes and failures.
    pub fn counts(&self) -> (u64, u64) {
        (self.successes, self.failures)
    }

    /// ln of the present e-value.
    pub fn log_e(&self) -> f64 {
        self.log_e_against(self.null_rate)
    }

    /// p-value valid at any stopping time: 1 over the highest e-value so far.
    pub fn p(&self) -> f64 {
        (-self.log_highest).exp().min(1.0)
    }

    /// Whether the null is rejected at level `alpha`; a rejection is final.
    pub(crate) fn rejected(&self, alpha: f64) -> bool {
        self.log_highest >= -alpha.ln()
    }

    /// Rates that the present e-value does not reject at `alpha`: an interval that covers the true rate at all times
    /// at once with probability 1 − α.
    pub fn interval(&self, alpha: f64) -> (f64, f64) {
        let (s, f) = (self.successes as f64, self.failures as f64);
        let centre = (s + self.prior.0) / (s + f + self.prior.0 + self.prior.1);
        let inside = |rate: f64| self.log_e_against(rate) < -alpha.ln();
        // The e-value has its single minimum at s/n and rises to either side.
        let lowest = if s + f > 0.0 { s / (s + f) } else { centre };
        let edge = |outer: f64| {
            let (mut within, mut without) = (lowest, outer);
            if inside(outer) {
                return outer;
            }
            for _ in 0..60 {
                let middle = 0.5 * (within + without);
                if inside(middle) {
                    within = middle;
                } else {
                    without = middle;
                }
            }
            without
        };
        (edge(0.0), edge(1.0))
    }

    fn log_e_against(&self, rate: f64) -> f64 {
        let (s, f) = (self.successes as f64, self.failures as f64);
        let (a, b) = self.prior;
        let log_beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
        // 0 · ln 0 is 0: without a success, there is no evidence against a rate of 0.
        let part = |count: f64, p: f64| if count > 0.0 { count * p.ln() } else { 0.0 };
        log_beta(a + s, b + f) - log_beta(a, b) - part(s, rate) - part(f, 1.0 - rate)
    }
}

/// Betting e-process for events whose null probability differs from one to the next: wealth grows by
/// 1 + b (x − p), averaged over a grid of bets b (Waudby-Smith and Ramdas, J. R. Stat. Soc. B 86(1), 2024).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Betting {
    log_wealth: Vec<f64>,
    log_highest: f64,
    events: u64,
}

/// Bets, as fractions of the largest that cannot lose everything.
const BETS: [f64; 16] = [
    -0.8, -0.55, -0.35, -0.22, -0.14, -0.08, -0.04, -0.02, 0.02, 0.04, 0.08, 0.14, 0.22, 0.35,
    0.55, 0.8,
];

impl Default for Betting {
    fn default() -> Betting {
        Betting {
            log_wealth: vec![0.0; BETS.len()],
            log_highest: 0.0,
            events: 0,
        }
    }
}

impl Betting {
    /// Takes one event that under the null is a success with probability `p`, known before the event.
    ///
    /// # Errors
    /// If `p` is not between 0 and 1; the event is then not added.
    pub fn add(&mut self, success: bool, p: f64) -> Result<(), SequentialError> {
        if !(p > 0.0 && p < 1.0) {
            return Err(SequentialError::Rate(p));
        }
        let gain = f64::from(u8::from(success)) - p;
        for (wealth, bet) in self.log_wealth.iter_mut().zip(BETS) {
            // A bet against success loses at most b (1 − p), one on it b p.
            let most = if bet > 0.0 { 1.0 / p } else { 1.0 / (1.0 - p) };
            *wealth += (bet * most * gain).ln_1p();
        }
        self.events += 1;
        self.log_highest = self.log_highest.max(self.log_e());
        Ok(())
    }

    /// Number of events added.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// ln of the present e-value.
    pub fn log_e(&self) -> f64 {
        let most = self
            .log_wealth
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = self.log_wealth.iter().map(|w| (w - most).exp()).sum();
        most + (sum / BETS.len() as f64).ln()
    }

    /// p-value valid at any stopping time.
    pub fn p(&self) -> f64 {
        (-self.log_highest).exp().min(1.0)
    }

    /// Whether the null has been rejected at level `alpha` by now.
    pub fn rejected(&self, alpha: f64) -> bool {
        self.log_highest >= -alpha.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    fn process(rate: f64) -> RateProcess {
        RateProcess::new(rate, (0.5, 0.5)).expect("a rate")
    }

    #[test]
    fn three_events_by_hand() {
        // Uniform prior: B(1 + 2, 1 + 1)/B(1, 1) = 1/12, over ½³.
        let mut e = RateProcess::new(0.5, (1.0, 1.0)).expect("a rate");
        for x in [true, true, false] {
            e.add(x);
        }
        assert!((e.log_e().exp() - 8.0 / 12.0).abs() < 1e-12);
        // After two successes it was (1/3)/(1/4).
        assert!((e.p() - 0.75).abs() < 1e-12);
        assert_eq!(e.counts(), (2, 1));
    }

    #[test]
    fn the_expectation_under_the_null_is_one() {
        // Over all 2¹⁰ sequences, weighted by their probability.
        let (mut mixture, mut betting) = (0.0, 0.0);
        for word in 0..1024u32 {
            let (mut e, mut bet, mut weight) = (process(0.3), Betting::default(), 1.0);
            for i in 0..10 {
                let x = word >> i & 1 == 1;
                weight *= if x { 0.3 } else { 0.7 };
                e.add(x);
                bet.add(x, 0.3).expect("a rate");
            }
            mixture += weight * e.log_e().exp();
            betting += weight * bet.log_e().exp();
        }
        assert!((mixture - 1.0).abs() < 1e-9 && (betting - 1.0).abs() < 1e-9);
    }

    #[test]
    fn peeking_at_every_event_keeps_the_level_and_a_shift_is_found() {
        let ever = |rate: f64, seed| {
            let mut rng = random::stream(seed, 4);
            let (mut e, mut bet) = (process(0.3), Betting::default());
            for _ in 0..1_000 {
                let x = rng.random::<f64>() < rate;
                e.add(x);
                bet.add(x, 0.3).expect("a rate");
            }
            (e.rejected(0.05), bet.rejected(0.05), e.interval(0.05))
        };
        let null: Vec<_> = (0..300).map(|seed| ever(0.3, seed)).collect();
        assert!(null.iter().filter(|r| r.0).count() <= 15 + 11);
        assert!(null.iter().filter(|r| r.1).count() <= 15 + 11);
        let covered = null.iter().filter(|r| r.2.0 <= 0.3 && 0.3 <= r.2.1).count();
        assert!(covered >= 285 - 11, "{covered}");
        let shifted: Vec<_> = (0..60).map(|seed| ever(0.4, seed)).collect();
        assert!(shifted.iter().filter(|r| r.0).count() > 55);
        assert!(shifted.iter().filter(|r| r.1).count() > 50);
    }

    #[test]
    fn nothing_seen_excludes_nothing_and_bad_rates_are_refused() {
        assert_eq!(process(0.5).interval(0.05), (0.0, 1.0));
        assert_eq!(process(0.5).p(), 1.0);
        let mut failures = process(0.5);
        (0..50).for_each(|_| failures.add(false));
        let (low, high) = failures.interval(0.05);
        assert!(low == 0.0 && high < 0.2);
        assert!(RateProcess::new(1.0, (1.0, 1.0)).is_err());
        assert!(RateProcess::new(0.5, (0.0, 1.0)).is_err());
        assert!(Betting::default().add(true, 0.0).is_err());
    }
}
