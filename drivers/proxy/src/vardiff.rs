//! A unit's share difficulty, set so that its shares come at a wanted rate.
//!
//! Shares of a unit with hash rate H at difficulty d come at H / (d · 2^32) a second, as a Poisson process: a
//! rate from n of them is off by 1/√n. It is changed only when it seems off by more than a factor of two, which from
//! 32 shares (±18 %) is hardly ever chance.

use std::time::Duration;

use thermine_units::clock::Nanos;
use thermine_units::pow::Difficulty;

/// Shares after which the rate is looked at.
const ENOUGH: u32 = 32;

/// Intervals without [`ENOUGH`] shares after which it is looked at anyway.
const PATIENCE: u32 = 64;

/// Largest step at once, as a factor.
const STEP: f64 = 64.0;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Goal {
    /// Mean time between shares.
    pub interval: Duration,
    /// Easiest difficulty.
    pub least: Difficulty,
    /// Hardest difficulty; the pool's own is never exceeded either.
    pub most: Difficulty,
    /// Difficulty of a unit that has just come.
    pub first: Difficulty,
}

/// The controller of one unit.
#[derive(Debug)]
pub(crate) struct Vardiff {
    goal: Goal,
    difficulty: Difficulty,
    since: Nanos,
    shares: u32,
}

impl Vardiff {
    /// A unit that comes at `now`.
    pub(crate) fn new(goal: Goal, now: Nanos) -> Vardiff {
        Vardiff {
            difficulty: clamp(goal.first.get(), &goal),
            goal,
            since: now,
            shares: 0,
        }
    }

    /// The difficulty in force.
    pub(crate) fn difficulty(&self) -> Difficulty {
        self.difficulty
    }

    /// A unit suggests a difficulty: taken as the first guess, within bounds.
    pub(crate) fn suggest(&mut self, difficulty: f64, now: Nanos) {
        if difficulty.is_finite() && difficulty > 0.0 {
            self.difficulty = clamp(difficulty, &self.goal);
            self.restart(now);
        }
    }

    /// An accepted share of a job of `difficulty`. Those of jobs from before a change do not count.
    pub(crate) fn share(&mut self, difficulty: Difficulty) {
        if difficulty == self.difficulty {
            self.shares = self.shares.saturating_add(1);
        }
    }

    /// When the rate is next to be looked at, if no share comes.
    pub(crate) fn due(&self) -> Nanos {
        self.since + self.goal.interval * PATIENCE
    }

    /// The new difficulty, if it is to change.
    pub(crate) fn retarget(&mut self, now: Nanos) -> Option<Difficulty> {
        let span = now.since(self.since).as_secs_f64();
        if self.shares < ENOUGH && now < self.due() {
            return None;
        }
        let wanted = span / self.goal.interval.as_secs_f64();
        let ratio = f64::from(self.shares.max(1)) / wanted.max(f64::MIN_POSITIVE);
        self.restart(now);
        if (0.5..=2.0).contains(&ratio) {
            return None;
        }
        let next = clamp(
            self.difficulty.get() * ratio.clamp(1.0 / STEP, STEP),
            &self.goal,
        );
        (next != self.difficulty).then(|| {
            self.difficulty = next;
            next
        })
    }

    fn restart(&mut self, now: Nanos) {
        self.since = now;
        self.shares = 0;
    }
}

/// Within the goal's bounds, and whole where it is above 1: some firmware reads an integer.
fn clamp(difficulty: f64, goal: &Goal) -> Difficulty {
    let whole = if difficulty > 1.0 {
        difficulty.round()
    } else {
        difficulty
    };
    let bounded = whole.min(goal.most.get()).max(goal.least.get());
    Difficulty::new(bounded).unwrap_or(goal.least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_distr::{Distribution, Exp1};
    use thermine_units::pow::Algorithm;
    use thermine_units::seed;

    fn goal() -> Goal {
        let difficulty = |value| Difficulty::new(value).expect("sound");
        Goal {
            interval: Duration::from_secs(3),
            least: difficulty(1.0),
            most: difficulty(1e9),
            first: difficulty(512.0),
        }
    }

    /// Runs a unit of hash rate `rate` for `seconds` and returns the interval of its last shares, and how
    /// often its difficulty changed in the second half.
    fn run(rate: f64, seconds: f64) -> (f64, usize) {
        let mut rng = seed::stream(3, "shares");
        let mut vardiff = Vardiff::new(goal(), Nanos::ZERO);
        let (mut t, mut late, mut changes) = (0.0, Vec::new(), 0);
        while t < seconds {
            let mean = vardiff.difficulty().hashes(Algorithm::Sha256d) / rate;
            let wait: f64 = Exp1.sample(&mut rng);
            let next = t + wait * mean;
            let due = vardiff.due().seconds();
            t = next.min(due);
            if next <= due {
                vardiff.share(vardiff.difficulty());
                if t > seconds / 2.0 {
                    late.push(wait * mean);
                }
            }
            if vardiff.retarget(Nanos::from_seconds(t)).is_some() && t > seconds / 2.0 {
                changes += 1;
            }
        }
        (late.iter().sum::<f64>() / late.len() as f64, changes)
    }

    #[test]
    fn shares_come_as_wanted_from_a_lottery_miner_to_a_modern_unit() {
        for rate in [5e9, 4e11, 1.4e13, 2e14] {
            let (interval, changes) = run(rate, 4000.0);
            assert!((1.4..6.2).contains(&interval), "{rate:e}: {interval} s");
            assert!(changes <= 4, "{rate:e}: {changes} changes once settled");
        }
    }

    #[test]
    fn bounds_and_suggestions() {
        let mut vardiff = Vardiff::new(goal(), Nanos::ZERO);
        vardiff.suggest(f64::NAN, Nanos::ZERO);
        assert_eq!(vardiff.difficulty().get(), 512.0);
        vardiff.suggest(0.25, Nanos::ZERO);
        assert_eq!(vardiff.difficulty().get(), 1.0);
        vardiff.suggest(1000.4, Nanos::ZERO);
        assert_eq!(vardiff.difficulty().get(), 1000.0, "a whole number");
        assert_eq!(
            vardiff.retarget(Nanos::from_seconds(1.0)),
            None,
            "too early"
        );
        let fell = vardiff.retarget(vardiff.due()).expect("silence");
        assert!(fell.get() < 1000.0 / 32.0);
    }
}
