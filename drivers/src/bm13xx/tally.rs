//! What the host itself sees of a chain: counters, and the hash rate that nonces are evidence of.

use std::time::Duration;

use super::bring_up::Chain;
use thermine_units::clock::Nanos;
use thermine_units::quantity::HashRate;
use thermine_units::record::Verdict;
use thermine_units::unit::{Board, Identity, Telemetry};

/// The short hash rate looks back for five seconds, as an S9's, in buckets of a tenth.
const BUCKETS: usize = 50;
const BUCKET: u64 = 100_000_000;

/// What has come from a chain since its work began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sound nonces that had not come before: evidence of hashing, shares or not.
    pub nonces: u64,
    /// Of these, nonces easier than what their job asked.
    pub easy: u64,
    /// Shares accepted.
    pub accepted: u64,
    /// Shares of replaced jobs.
    pub stale: u64,
    /// Nonces that had come before.
    pub repeated: u64,
    /// Nonces under job numbers that were never given.
    pub unknown: u64,
    /// Nonces whose hash is none that a chip should report.
    pub hardware_errors: u64,
    /// Nonces dropped because nobody asked for shares for too long.
    pub dropped: u64,
    /// The same chip by chip, in chain order.
    pub chips: Vec<ChipCounts>,
}

/// What has come from one chip.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChipCounts {
    /// Nonces that verified.
    pub nonces: u64,
    /// Nonces whose hash is none that a chip should report.
    pub hardware_errors: u64,
}

/// Counts, and rates over time.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    counts: Counts,
    hashes_per_nonce: f64,
    /// Sound nonces by tenth of a second, and the newest tenth.
    recent: [u32; BUCKETS],
    newest: u64,
    since: Option<Nanos>,
}

impl Tally {
    pub(super) fn new(chain: &Chain) -> Tally {
        Tally {
            counts: Counts {
                chips: vec![ChipCounts::default(); chain.addresses.len()],
                ..Counts::default()
            },
            hashes_per_nonce: f64::from(chain.ticket) * 2f64.powi(32),
            recent: [0; BUCKETS],
            newest: 0,
            since: None,
        }
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    pub(super) fn counts_mut(&mut self) -> &mut Counts {
        &mut self.counts
    }

    /// Work goes out at `now`: rates count from the first time.
    pub(super) fn begin(&mut self, now: Nanos) {
        self.since.get_or_insert(now);
    }

    /// A sound nonce of `chip` that had not come before.
    pub(super) fn sound(&mut self, chip: Option<usize>, arrived: Nanos) {
        self.counts.nonces += 1;
        if let Some(chip) = chip.and_then(|chip| self.counts.chips.get_mut(chip)) {
            chip.nonces += 1;
        }
        self.move_to(arrived);
        let bucket = (arrived.0 / BUCKET) as usize % BUCKETS;
        self.recent[bucket] = self.recent[bucket].saturating_add(1);
    }

    /// A wrong nonce of `chip`.
    pub(super) fn wrong(&mut self, chip: Option<usize>) {
        self.counts.hardware_errors += 1;
        if let Some(chip) = chip.and_then(|chip| self.counts.chips.get_mut(chip)) {
            chip.hardware_errors += 1;
        }
    }

    /// An answer to a job was judged.
    pub(super) fn judged(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Accepted => self.counts.accepted += 1,
            Verdict::Stale => self.counts.stale += 1,
            Verdict::Duplicate => self.counts.repeated += 1,
            _ => {}
        }
    }

    /// Empties the buckets between the newest and that of `now`.
    fn move_to(&mut self, now: Nanos) {
        let bucket = now.0 / BUCKET;
        let passed = bucket.saturating_sub(self.newest).min(BUCKETS as u64);
        for empty in 0..passed {
            self.recent[((bucket - empty) % BUCKETS as u64) as usize] = 0;
        }
        self.newest = self.newest.max(bucket);
    }

    /// Time at `now` that the buckets reach back: the newest is not full.
    fn window(&self, now: Nanos) -> Duration {
        let oldest = (self.newest + 1).saturating_sub(BUCKETS as u64);
        now.since(Nanos(oldest.saturating_mul(BUCKET)))
    }

    fn rate(&self, nonces: f64, span: Duration) -> Option<HashRate> {
        let seconds = span.as_secs_f64();
        (seconds > 0.0).then(|| HashRate(nonces * self.hashes_per_nonce / seconds))
    }

    /// A reading at `now`: `chain` has no sensor, so there are no temperatures.
    pub(super) fn telemetry(&mut self, chain: &Chain, now: Nanos) -> Telemetry {
        self.move_to(now);
        let uptime = self.since.map(|since| now.since(since));
        let nonces: u32 = self.recent.iter().sum();
        let short = uptime
            .map(|uptime| uptime.min(self.window(now)))
            .and_then(|span| self.rate(f64::from(nonces), span));
        let average = uptime.and_then(|uptime| self.rate(self.counts.nonces as f64, uptime));
        let hardware_errors = Some(self.counts.hardware_errors);
        Telemetry {
            taken: now,
            boards: vec![Board {
                frequency: Some(chain.frequency),
                hash_rate: short,
                chips: u16::try_from(chain.addresses.len()).ok(),
                hardware_errors,
                ..Board::default()
            }],
            hash_rate: short,
            hash_rate_average: average,
            hardware_errors,
            accepted: Some(self.counts.accepted),
            rejected: Some(self.counts.stale + self.counts.repeated),
            uptime,
            ..Telemetry::default()
        }
    }
}

impl Chain {
    /// Who the chips say they are.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            serial: None,
            model: Some(format!("{} chain", self.family)),
            firmware: None,
            api: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bm13xx::frame::Family;
    use thermine_units::quantity::MegaHertz;

    fn chain() -> Chain {
        Chain {
            family: Family::Bm1387,
            addresses: vec![0, 4],
            frequency: MegaHertz(650.0),
            ticket: 64,
            baud_rate: 1_562_500,
            version_mask: 0,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn rates_are_those_of_the_last_five_seconds_and_of_all_time() {
        let chain = chain();
        let mut tally = Tally::new(&chain);
        assert_eq!(tally.telemetry(&chain, Nanos(7)).hash_rate, None);
        tally.begin(Nanos::ZERO);
        // Ten nonces a second for ten seconds, then none.
        for tenth in 0..100 {
            tally.sound(Some(tenth % 2), Nanos(tenth as u64 * BUCKET));
        }
        let per_nonce = 64.0 * 2f64.powi(32);
        let busy = tally.telemetry(&chain, Nanos(100 * BUCKET - 1));
        assert!((busy.hash_rate.expect("known").0 / per_nonce - 10.0).abs() < 0.01);
        let idle = tally.telemetry(&chain, Nanos(200 * BUCKET));
        assert_eq!(idle.hash_rate, Some(HashRate(0.0)));
        let average = idle.hash_rate_average.expect("known").0;
        assert!((average / per_nonce - 5.0).abs() < 0.01, "{average}");
        assert_eq!(idle.hottest(), None, "no sensor");
        assert_eq!(tally.counts().chips[1].nonces, 50);
        // A chip that does not exist counts for the chain alone; a clock far ahead empties all.
        tally.wrong(Some(7));
        tally.sound(None, Nanos::MAX);
        assert_eq!(tally.counts().hardware_errors, 1);
    }
}
