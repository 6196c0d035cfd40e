//! What a unit's shares say of it: how fast it hashes, the law of the time between them, and which chips find them.

use std::collections::VecDeque;
use std::time::Duration;

use statrs::distribution::{ContinuousCDF, Normal};
use thermine_reservoir::describe::{CountUniformity, WaitTest, exact};
use thermine_units::clock::Nanos;
use thermine_units::model::Model;
use thermine_units::nonce::Layout;
use thermine_units::pow::{Algorithm, Difficulty};
use thermine_units::record::{Record, ShareRecord, Verdict};

use super::expected::{Driven, Drives};
use super::wall;
use crate::live::Share;
use crate::live::snapshot::{Board, Estimate, Intervals, Shares};
use thermine_lab::experiment::counts::{layout, places};

/// Span over which the hash rate is taken, in the unit's time.
const WINDOW: Duration = Duration::from_secs(60);
/// Shares in it at most; beyond that the span is shorter.
const MOST_IN_WINDOW: usize = 20_000;
/// Intervals between shares that are kept.
const INTERVALS: usize = 500;
/// Fewest intervals that a law is fitted to.
const FEWEST_INTERVALS: usize = 50;
/// Part of the shortest intervals that is only counted: on the way through a network some are cut short.
const ASIDE: f64 = 0.01;
/// Bins of their histogram.
const BINS: usize = 30;
/// Shares whose chips are kept.
const FOUND: usize = 20_000;
/// Jobs whose difficulty is remembered, as many as a unit may still answer.
const JOBS: usize = 64;
/// Probability of marking any chip of a board whose chips are all alike.
const ALPHA: f64 = 0.05;
/// A chip whose rate is off by this much is worth looking for.
const WORTH: f64 = 0.2;

/// What is kept of a unit's shares: bounded, however long it runs.
#[derive(Debug)]
pub(super) struct ShareStats {
    algorithm: Algorithm,
    layout: Option<Layout>,
    chips: usize,
    jobs: VecDeque<(String, f64)>,
    /// Since when it is driven without a break.
    began: Option<Nanos>,
    window: VecDeque<(Nanos, f64)>,
    last: Option<Nanos>,
    intervals: VecDeque<f64>,
    found: VecDeque<u8>,
    counts: Vec<u64>,
    shares: Shares,
    drives: Drives,
}

impl ShareStats {
    pub(super) fn new(model: Model) -> ShareStats {
        let (chips, _) = places(model);
        ShareStats {
            algorithm: model.algorithm(),
            layout: layout(model),
            chips: usize::from(chips),
            jobs: VecDeque::new(),
            began: None,
            window: VecDeque::new(),
            last: None,
            intervals: VecDeque::new(),
            found: VecDeque::new(),
            counts: vec![0; usize::from(chips)],
            shares: Shares::default(),
            drives: Drives::new(model.switch_dead_time()),
        }
    }

    /// A drive begins at `now`: what went before has no part in a rate.
    pub(super) fn begin(&mut self, now: Nanos) {
        self.end();
        self.began = Some(now);
    }

    /// The drive has ended.
    pub(super) fn end(&mut self) {
        self.began = None;
        self.last = None;
        self.window.clear();
        self.jobs.clear();
        self.drives.clear();
    }

    /// Takes note of a record. Returns the share that it is, of the unit `name`.
    pub(super) fn note(&mut self, record: &Record, name: &str) -> Option<Share> {
        match record {
            Record::Job(job) => {
                self.drives.job(job);
                push(&mut self.jobs, (job.job_id.clone(), job.difficulty), JOBS);
                None
            }
            Record::Share(share) => Some(self.share(share, name)),
            Record::Step(step) => {
                self.drives.step(step);
                None
            }
            _ => None,
        }
    }

    fn share(&mut self, share: &ShareRecord, name: &str) -> Share {
        let asked = self.jobs.iter().rev().find(|(id, _)| *id == share.job_id);
        let difficulty = asked.map_or(0.0, |(_, difficulty)| *difficulty);
        let interval = self
            .last
            .map(|last| share.arrived.since(last).as_secs_f64() * 1e3);
        let chip = self.layout.map(|layout| layout.decode(share.nonce).chip);
        let chip = chip.filter(|chip| usize::from(*chip) < self.chips);
        match share.verdict {
            Verdict::Accepted => {
                self.shares.accepted += 1;
                self.last = Some(share.arrived);
                push(
                    &mut self.window,
                    (share.arrived, difficulty),
                    MOST_IN_WINDOW,
                );
                if let Some(interval) = interval {
                    push(&mut self.intervals, interval, INTERVALS);
                }
                if let Some(chip) = chip {
                    self.counts[usize::from(chip)] += 1;
                    if let Some(old) = push(&mut self.found, chip, FOUND) {
                        self.counts[usize::from(old)] -= 1;
                    }
                }
            }
            Verdict::Stale => self.shares.stale += 1,
            Verdict::Duplicate => self.shares.duplicate += 1,
            _ => self.shares.refused += 1,
        }
        Share {
            unit: name.to_string(),
            at_ms: wall::now_exactly_ms(),
            interval_ms: interval,
            nonce: share.nonce,
            difficulty,
            verdict: share.verdict.name().to_string(),
            chip: chip.map(usize::from),
        }
    }

    /// All shares so far, by what they were worth.
    pub(super) fn shares(&self) -> Shares {
        self.shares
    }

    /// Hash rate in GH/s from the difficulty of the shares of the last minute of the unit's time, with the exact
    /// interval of a Poisson count (Garwood); `None` while it is not driven.
    pub(super) fn hash_rate(&mut self, now: Nanos) -> Option<Estimate> {
        let driven = now.since(self.began?);
        let full = self.window.len() == MOST_IN_WINDOW;
        while let Some((at, _)) = self.window.front() {
            if now.since(*at) <= WINDOW {
                break;
            }
            self.window.pop_front();
        }
        let mut span = WINDOW.min(driven);
        if let (true, Some((first, _))) = (full, self.window.front()) {
            span = span.min(now.since(*first));
        }
        let n = self.window.len() as u64;
        let rate = exact::rate(n, span.as_secs_f64())?;
        // Without a share the mean difficulty is not known, and neither is what their absence excludes.
        let mean = self.window.iter().map(|(_, d)| d).sum::<f64>() / n.max(1) as f64;
        let ghs = mean * Difficulty::ONE.hashes(self.algorithm) * 1e-9;
        (n > 0).then_some(Estimate {
            value: rate.value * ghs,
            low: rate.low * ghs,
            high: rate.high * ghs,
            n,
        })
    }

    /// The duty and the clock that it was driven at over the last minute; `None` while it is not driven.
    pub(super) fn driven(&mut self, now: Nanos) -> Option<Driven> {
        self.began?;
        self.drives.over(WINDOW, now)
    }

    /// The last intervals, to be made a histogram of elsewhere: it takes a while.
    pub(super) fn last_intervals(&self) -> Vec<f64> {
        self.intervals.iter().copied().collect()
    }

    /// Shares by chip, where nonces tell and there is more than one.
    pub(super) fn board(&self) -> Option<Board> {
        if self.chips < 2 || self.found.is_empty() {
            return None;
        }
        let (n, chips) = (self.found.len() as u64, self.chips as f64);
        let alpha = ALPHA / chips;
        let marked: Vec<usize> = self
            .counts
            .iter()
            .enumerate()
            .filter(|(_, count)| {
                exact::clopper_pearson(**count, n, alpha)
                    .is_some_and(|(low, high)| low > 1.0 / chips || high < 1.0 / chips)
            })
            .map(|(chip, _)| chip)
            .collect();
        let even = CountUniformity::of(&self.counts)?;
        let which = match marked.len() {
            0 => "no chip differs from the others".to_string(),
            1 => format!("chip {} differs from the others", marked[0]),
            m => format!("{m} of {chips} chips differ from the others"),
        };
        let enough = enough(self.chips, alpha);
        let more = if n >= enough {
            format!("enough to see one that is {:.0} % off", 100.0 * WORTH)
        } else {
            format!("{enough} would show one that is {:.0} % off", 100.0 * WORTH)
        };
        Some(Board {
            counts: self.counts.clone(),
            verdict: format!(
                "n = {n} shares: {which} (5 % over all {chips}); χ² of all at once p = {:.3}; {more}",
                even.p
            ),
            marked,
        })
    }
}

/// Shares that show a chip whose rate is [`WORTH`] off four times in five: a count of mean n/chips, whose relative
/// standard deviation is √(chips/n), against the two-sided level `alpha`.
fn enough(chips: usize, alpha: f64) -> u64 {
    let normal = Normal::standard();
    let z = normal.inverse_cdf(1.0 - alpha / 2.0) + normal.inverse_cdf(0.8);
    (chips as f64 * (z / WORTH).powi(2)).ceil() as u64
}

/// Histogram of intervals in ms, and the shifted exponential that fits them, tested by bootstrap from `seed`.
pub(super) fn histogram(intervals: &[f64], seed: u64) -> Option<Intervals> {
    if intervals.len() < FEWEST_INTERVALS {
        return None;
    }
    let mut sorted = intervals.to_vec();
    sorted.sort_by(f64::total_cmp);
    // The longest hundredth would leave the rest in a few bins.
    let last = sorted[(0.99 * (sorted.len() - 1) as f64) as usize];
    let width = last / BINS as f64;
    if width <= 0.0 {
        return None;
    }
    let edges: Vec<f64> = (0..=BINS).map(|i| i as f64 * width).collect();
    let mut counts = vec![0; BINS];
    for interval in intervals {
        let bin = (interval / width) as usize;
        if let Some(count) = counts.get_mut(bin) {
            *count += 1;
        }
    }
    let test = WaitTest::of(intervals, ASIDE, seed);
    let n = intervals.len() as f64;
    let expected = edges.windows(2).map(|edge| {
        test.map_or(0.0, |test| {
            n * (test.law.cumulative(edge[1]) - test.law.cumulative(edge[0]))
        })
    });
    Some(Intervals {
        expected: expected.collect(),
        edges_ms: edges,
        counts,
        law: match test {
            Some(test) => format!(
                "{:.1} ms and then an exponential of mean {:.1} ms, fitted to the last {} intervals",
                test.law.dead_time, test.law.scale, test.n
            ),
            None => "no law fits: the intervals are all equal".into(),
        },
        p: test.map(|test| test.p),
    })
}

/// Appends, and returns what that has pushed out.
fn push<T>(to: &mut VecDeque<T>, value: T, most: usize) -> Option<T> {
    to.push_back(value);
    if to.len() > most {
        to.pop_front()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::expected;
    use rand::RngExt;
    use thermine_lab::config::Config;
    use thermine_lab::substrate::{Discipline, Drive, Pace, Substrate, Twin};
    use thermine_sim::Device;
    use thermine_sim::params::Params;
    use thermine_units::model::s9;
    use thermine_units::nonce::Origin;
    use thermine_units::pow::Work;
    use thermine_units::record::{JobRecord, Recorder};
    use thermine_units::seed;
    use thermine_units::unit::{OperatingPoint, Telemetry};

    /// A clean job of a step.
    fn sent(step: u64, difficulty: f64) -> JobRecord {
        let work = Work {
            version: 0,
            prevhash: [0; 32],
            claim_trie: None,
            coinb1: Vec::new(),
            coinb2: Vec::new(),
            merkle_branch: Vec::new(),
            ntime: 0,
            nbits: 0,
        };
        JobRecord {
            job_id: "1".into(),
            sent: Nanos::ZERO,
            step: Some(step),
            difficulty,
            difficulty_scale: 1.0,
            work,
            version_mask: 0,
            extranonce1: Vec::new(),
            clean: true,
        }
    }

    fn job(stats: &mut ShareStats, difficulty: f64) {
        let record = Record::Job(sent(0, difficulty));
        assert_eq!(stats.note(&record, "a"), None);
    }

    fn share(stats: &mut ShareStats, seconds: f64, nonce: u32, verdict: Verdict) -> Share {
        let record = ShareRecord {
            ticket: 1,
            job_id: "1".into(),
            arrived: Nanos::from_seconds(seconds),
            since_job: None,
            nonce,
            proof: None,
            verdict,
            difficulty: None,
        };
        stats.note(&Record::Share(record), "a").expect("a share")
    }

    #[test]
    fn a_minute_s_shares_give_a_hash_rate_and_old_ones_do_not_count() {
        let mut stats = ShareStats::new(Model::AntminerS9);
        assert_eq!(stats.hash_rate(Nanos::from_seconds(1.0)), None);
        stats.begin(Nanos::ZERO);
        job(&mut stats, 256.0);
        for i in 0..1000 {
            let seen = share(&mut stats, 0.1 * f64::from(i + 1), 0, Verdict::Accepted);
            assert_eq!(seen.interval_ms.is_none(), i == 0);
        }
        share(&mut stats, 100.0, 0, Verdict::Stale);
        let rate = stats.hash_rate(Nanos::from_seconds(100.0)).expect("driven");
        // Ten shares a second of 2^40 hashes.
        assert!(
            (rate.value / (10.0 * 2f64.powi(40) * 1e-9) - 1.0).abs() < 0.005,
            "{rate:?}"
        );
        assert!(rate.low < rate.value && rate.value < rate.high && rate.n == 601);
        assert_eq!((stats.shares().accepted, stats.shares().stale), (1000, 1));
        stats.end();
        assert_eq!(stats.hash_rate(Nanos::from_seconds(100.0)), None);
    }

    /// Drives the twin of `model` at this duty for two minutes. Returns its stats, the time, its mean claim of the last
    /// minute in GH/s, and its last reading.
    async fn twin(model: Model, duty: f64) -> (ShareStats, Nanos, f64, Telemetry) {
        let params = Params::of(model).expect("whole");
        let (queue, mut records) = tokio::sync::mpsc::channel(65_536);
        let durable = Recorder::discard().durable();
        let mut twin = Twin::new(
            Device::warm(&params, 5),
            model,
            Discipline::Dialogue,
            model.switch_dead_time(),
            seed::stream(5, "twin"),
            Recorder::open(0, queue, durable),
        );
        let config = Config::simulated(model).expect("sound");
        let drive = Drive {
            word: 1,
            later: 0,
            difficulty: config.step.difficulty,
            duty,
            point: OperatingPoint::UNCHANGED,
            pace: Pace {
                shares: 1,
                hold: Duration::from_secs(2),
                timeout: Duration::from_secs(2),
            },
        };
        let mut stats = ShareStats::new(model);
        stats.begin(Nanos::ZERO);
        let (mut claims, mut last) = (Vec::new(), Telemetry::default());
        for step in 0..60 {
            let seen = twin.step(&drive).await.expect("it answers");
            while let Ok(entry) = records.try_recv() {
                // The twin records no jobs: each share is of the difficulty that was asked.
                if let Record::Share(share) = &entry.record {
                    stats
                        .jobs
                        .push_back((share.job_id.clone(), drive.difficulty.get()));
                }
                if let Record::Step(_) = &entry.record {
                    for _ in 0..seen.jobs {
                        stats.drives.job(&sent(step, drive.difficulty.get()));
                    }
                }
                stats.note(&entry.record, "a");
            }
            last = seen.telemetry.expect("read");
            if step >= 30 {
                claims.push(last.hash_rate.expect("claimed").0 * 1e-9);
            }
        }
        let mean = claims.iter().sum::<f64>() / claims.len() as f64;
        (stats, Nanos::from_seconds(120.0), mean, last)
    }

    #[tokio::test]
    async fn the_rate_shown_is_the_rate_claimed_for_every_model() {
        for model in [
            Model::AntminerS9,
            Model::LuckyMinerLv06,
            Model::GoldshellLbBox,
        ] {
            let (mut stats, now, claimed, _) = twin(model, 1.0).await;
            let rate = stats.hash_rate(now).expect("shares");
            assert!(
                rate.low < claimed && claimed < rate.high,
                "{model}: claims {claimed} GH/s, shown {rate:?}"
            );
        }
    }

    #[tokio::test]
    async fn the_rate_expected_at_a_duty_is_the_rate_shown_for_every_model() {
        for model in [
            Model::AntminerS9,
            Model::LuckyMinerLv06,
            Model::GoldshellLbBox,
        ] {
            for duty in [1.0, 0.5] {
                let (mut stats, now, _, reading) = twin(model, duty).await;
                let rate = stats.hash_rate(now).expect("shares");
                let driven = stats.driven(now).expect("driven");
                assert!((driven.duty - duty).abs() < 0.03, "{model}: {driven:?}");
                let config = Config::simulated(model).expect("sound");
                let ghs = expected::ghs(&config, driven, Some(&reading)).expect("a clock");
                // What a switch costs is a mean over chips: at half duty it is a sixth off.
                let slack = 1.2;
                assert!(
                    rate.low < ghs * slack && ghs < rate.high * slack,
                    "{model} at {duty}: expected {ghs} GH/s, shown {rate:?}"
                );
            }
        }
    }

    #[test]
    fn a_weak_chip_is_marked_and_even_ones_are_not() {
        let mut rng = seed::stream(1, "chips");
        let mut even = ShareStats::new(Model::AntminerS9);
        let mut weak = ShareStats::new(Model::AntminerS9);
        for _ in 0..19_000 {
            let chip: u8 = rng.random_range(0..63);
            let nonce = s9::LAYOUT.encode(Origin {
                chip,
                core: 0,
                counter: 1,
            });
            assert_eq!(
                share(&mut even, 1.0, nonce, Verdict::Accepted).chip,
                Some(usize::from(chip))
            );
            if chip != 7 || rng.random::<f64>() < 0.5 {
                share(&mut weak, 1.0, nonce, Verdict::Accepted);
            }
        }
        let (even, weak) = (even.board().expect("shares"), weak.board().expect("shares"));
        assert!(even.marked.is_empty(), "{}", even.verdict);
        assert_eq!(weak.marked, [7], "{}", weak.verdict);
        assert!(ShareStats::new(Model::LuckyMinerLv06).board().is_none());
    }

    #[test]
    fn the_law_of_exponential_intervals_fits_and_that_of_even_ones_does_not() {
        let mut rng = seed::stream(3, "waits");
        let waits: Vec<f64> = (0..400)
            .map(|_| 20.0 - 80.0 * (1.0 - rng.random::<f64>()).ln())
            .collect();
        let fitted = histogram(&waits, 1).expect("enough");
        // One seed in a hundred is as far off.
        assert!(fitted.p.is_some_and(|p| p > 0.01), "{fitted:?}");
        let (sum, expected) = (
            fitted.counts.iter().sum::<u64>(),
            fitted.expected.iter().sum::<f64>(),
        );
        assert!((expected - sum as f64).abs() < 10.0, "{expected} {sum}");
        let even: Vec<f64> = (0..400).map(f64::from).collect();
        assert!(
            histogram(&even, 1)
                .expect("enough")
                .p
                .is_some_and(|p| p < 0.05)
        );
        assert_eq!(histogram(&waits[..20], 1), None);
    }
}
