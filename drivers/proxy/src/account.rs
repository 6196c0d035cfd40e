//! Where the time and the shares of a unit went.
//!
//! Time efficiency η = t_hash / (t_hash + t_network + t_stratum): t_network is time without work because the
//! pool has given none, t_stratum time without work that was here but had not been sent. Time in the hands of
//! an experiment belongs to neither.

use std::time::Duration;

use thermine_units::clock::Nanos;
use thermine_units::pow::{Algorithm, Difficulty};
use thermine_units::record::Verdict;

/// What a unit is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// At work on the newest template.
    Hashing,
    /// Without work, since there is none here.
    Network,
    /// Without work, though there is some here.
    Stratum,
    /// In the hands of an experiment.
    Held,
    /// Not here: its time counts for nothing.
    Away,
}

/// Reasons of a pool for refusing a share, by its code; the last is any other.
const CODES: [i64; 5] = [21, 22, 23, 24, 25];

/// The account of a unit, or the sum of many.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Time for which the unit had work.
    pub hashing: Duration,
    /// Time waiting for the network.
    pub network: Duration,
    /// Time waiting for us.
    pub stratum: Duration,
    /// Time held by experiments.
    pub held: Duration,
    /// Shares by what they were worth here, in the order of [`Verdict::ALL`].
    pub judged: [u64; Verdict::ALL.len()],
    /// Accepted shares that were not worth forwarding: below the pool's difficulty.
    pub filtered: u64,
    /// Shares handed to the upstream connection.
    pub forwarded: u64,
    /// Of them accepted by the pool.
    pub pool_accepted: u64,
    /// Of them refused by it, by code: 21 to 25, and others.
    pub(crate) pool_refused: [u64; CODES.len() + 1],
    /// Of them no longer sent, since they could not count any more.
    pub expired: u64,
    /// Hashes that the accepted shares took on average, by their difficulty and algorithm.
    pub hashes: f64,
    /// From a share's arrival until the pool's answer: sum, longest, and how many.
    pub answer: (Duration, Duration, u64),
    phase: Phase,
    since: Nanos,
}

impl Account {
    /// A unit that comes at `now`, without work.
    pub fn new(now: Nanos) -> Account {
        Account {
            hashing: Duration::ZERO,
            network: Duration::ZERO,
            stratum: Duration::ZERO,
            held: Duration::ZERO,
            judged: [0; Verdict::ALL.len()],
            filtered: 0,
            forwarded: 0,
            pool_accepted: 0,
            pool_refused: [0; CODES.len() + 1],
            expired: 0,
            hashes: 0.0,
            answer: (Duration::ZERO, Duration::ZERO, 0),
            phase: Phase::Network,
            since: now,
        }
    }

    /// An empty sum, to which others are added.
    pub(crate) fn sum() -> Account {
        let mut sum = Account::new(Nanos::ZERO);
        sum.phase = Phase::Away;
        sum
    }

    /// From `at` on it is in `phase`. An instant before the last change is taken for that.
    pub fn enter(&mut self, phase: Phase, at: Nanos) {
        let span = at.since(self.since);
        match self.phase {
            Phase::Hashing => self.hashing += span,
            Phase::Network => self.network += span,
            Phase::Stratum => self.stratum += span,
            Phase::Held => self.held += span,
            Phase::Away => {}
        }
        self.phase = phase;
        self.since = self.since.max(at);
    }

    /// What it is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// A share of `algorithm` was judged; `difficulty` is that of its job.
    pub fn judged(
        &mut self,
        verdict: Verdict,
        difficulty: Option<Difficulty>,
        algorithm: Algorithm,
    ) {
        let index = Verdict::ALL.iter().position(|known| *known == verdict);
        self.judged[index.unwrap_or(0)] += 1;
        if verdict == Verdict::Accepted {
            self.hashes += difficulty.map_or(0.0, |difficulty| difficulty.hashes(algorithm));
        }
    }

    /// The pool answered a share after `span`: accepted, or refused with a code.
    pub(crate) fn answered(&mut self, outcome: Result<(), i64>, span: Duration) {
        let (sum, longest, count) = &mut self.answer;
        *sum += span;
        *longest = (*longest).max(span);
        *count += 1;
        match outcome {
            Ok(()) => self.pool_accepted += 1,
            Err(code) => {
                let index = CODES.iter().position(|known| *known == code);
                self.pool_refused[index.unwrap_or(CODES.len())] += 1;
            }
        }
    }

    /// Shares with this verdict.
    pub fn count(&self, verdict: Verdict) -> u64 {
        let index = Verdict::ALL.iter().position(|known| *known == verdict);
        self.judged[index.unwrap_or(0)]
    }

    /// Shares that the pool refused.
    pub fn refused(&self) -> u64 {
        self.pool_refused.iter().sum()
    }

    /// Shares that the pool refused as stale (code 21).
    pub fn refused_stale(&self) -> u64 {
        self.pool_refused[0]
    }

    /// Time without work.
    pub fn idle(&self) -> Duration {
        self.network + self.stratum
    }

    /// η; `None` before any time has passed.
    pub fn efficiency(&self) -> Option<f64> {
        let all = self.hashing + self.idle();
        (!all.is_zero()).then(|| self.hashing.as_secs_f64() / all.as_secs_f64())
    }

    /// Hashes per second over all time, from accepted shares; `None` before any time has passed. Off by
    /// 1/√n from n shares.
    pub fn effective_rate(&self) -> Option<f64> {
        let all = (self.hashing + self.idle()).as_secs_f64();
        (all > 0.0).then(|| self.hashes / all)
    }

    /// Hashes per second while hashing, from accepted shares: what the unit could do with no idle time.
    pub fn nominal_rate(&self) -> Option<f64> {
        let time = self.hashing.as_secs_f64();
        (time > 0.0).then(|| self.hashes / time)
    }

    /// This account as it stands at `now`, the phase that goes on included.
    pub fn at(&self, now: Nanos) -> Account {
        let mut account = self.clone();
        account.enter(self.phase, now);
        account
    }

    /// Adds another unit's.
    pub fn add(&mut self, other: &Account) {
        self.hashing += other.hashing;
        self.network += other.network;
        self.stratum += other.stratum;
        self.held += other.held;
        for (sum, count) in self.judged.iter_mut().zip(other.judged) {
            *sum += count;
        }
        self.filtered += other.filtered;
        self.forwarded += other.forwarded;
        self.pool_accepted += other.pool_accepted;
        for (sum, count) in self.pool_refused.iter_mut().zip(other.pool_refused) {
            *sum += count;
        }
        self.expired += other.expired;
        self.hashes += other.hashes;
        self.answer.0 += other.answer.0;
        self.answer.1 = self.answer.1.max(other.answer.1);
        self.answer.2 += other.answer.2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_split_by_phase_and_adds_up() {
        let at = |seconds| Nanos::from_seconds(seconds);
        let mut account = Account::new(at(1.0));
        account.enter(Phase::Hashing, at(3.0));
        account.enter(Phase::Stratum, at(9.0));
        account.enter(Phase::Hashing, at(10.0));
        // It ran dry before anybody noticed.
        account.enter(Phase::Network, at(9.0));
        account.enter(Phase::Held, at(11.0));
        let seen = account.at(at(20.0));
        let seconds = [seen.hashing, seen.network, seen.stratum, seen.held];
        assert_eq!(seconds.map(|span| span.as_secs_f64()), [6.0, 3.0, 1.0, 9.0]);
        assert_eq!(seen.efficiency(), Some(0.6));
        assert_eq!(Account::new(at(0.0)).efficiency(), None);
    }

    #[test]
    fn shares_are_counted_by_reason() {
        let mut account = Account::new(Nanos::ZERO);
        account.judged(Verdict::Accepted, Some(Difficulty::ONE), Algorithm::Lbry);
        account.judged(Verdict::Stale, None, Algorithm::Lbry);
        assert_eq!(account.hashes, Difficulty::ONE.hashes(Algorithm::Lbry));
        account.answered(Ok(()), Duration::from_millis(3));
        account.answered(Err(21), Duration::from_millis(5));
        account.answered(Err(-3), Duration::from_millis(1));
        let mut sum = account.clone();
        sum.add(&account);
        assert_eq!(
            (sum.count(Verdict::Accepted), sum.count(Verdict::Stale)),
            (2, 2)
        );
        assert_eq!(
            (sum.pool_accepted, sum.refused(), sum.refused_stale()),
            (2, 4, 2)
        );
        assert_eq!(
            sum.answer,
            (Duration::from_millis(18), Duration::from_millis(5), 6)
        );
    }
}
