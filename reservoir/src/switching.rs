//! How much hashing a unit loses to each change of jobs, from the times at which jobs were sent and their shares
//! arrived.
//!
//! Each job that is sent begins an exposure, which lasts until the next job. A share arrives at some age of the
//! exposure, and is for the job just sent (*new*) or for an earlier one (*old*). Counting both gives the two hazards
//! λ_new(t) and λ_old(t). Long after a change of jobs the unit hashes only the new job, at the steady rate λ*. The
//! difference between that rate and the average is lost to switching:
//!
//! ```text
//! fraction lost = 1 − useful rate/λ*        loss per switch L = mean exposure × fraction lost
//! ```
//!
//! Intervals are quantiles of a circular block bootstrap over exposures.

use rand::RngExt;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::bootstrap::{Estimate, RESAMPLES};
use crate::random;

/// Exposures per block of the bootstrap: a slow period of a unit spans several exposures.
const BLOCK: usize = 20;

/// Fewest exposures for an interval.
pub(crate) const FEWEST_EXPOSURES: usize = 2 * BLOCK;

/// Fewest late shares for an estimate of the steady rate: its standard error is then 20 %.
pub(crate) const FEWEST_STEADY: u64 = 25;

/// Most bins of the hazards.
pub const MOST_BINS: usize = 10_000;

/// The times of one share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SharePoint {
    /// Time at which the share arrived, in seconds.
    pub arrived: f64,
    /// Time at which its job was sent, in seconds.
    pub job_sent: f64,
}

/// How shares are sorted by their age after a change of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Binning {
    /// Age from which the rate counts as steady, in seconds.
    pub steady_after: f64,
    /// Width of a bin of the hazards, in seconds.
    pub bin: f64,
    /// Age up to which hazards are counted, in seconds.
    pub up_to: f64,
}

impl Default for Binning {
    /// Steady after 60 ms, which no known unit's dead time exceeds; bins of 4 ms up to 200 ms.
    fn default() -> Binning {
        Binning {
            steady_after: 0.060,
            bin: 0.004,
            up_to: 0.200,
        }
    }
}

impl Binning {
    /// Number of bins of the hazards.
    fn bins(&self) -> Result<usize, SwitchingError> {
        let bins = (self.up_to / self.bin).ceil();
        if self.bin > 0.0 && (1.0..=MOST_BINS as f64).contains(&bins) {
            Ok(bins as usize)
        } else {
            Err(SwitchingError::Binning {
                bin: self.bin,
                up_to: self.up_to,
            })
        }
    }
}

/// Why a profile cannot be computed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SwitchingError {
    /// The ages cannot be divided into bins.
    #[error("bins of {bin} s up to an age of {up_to} s are not 1 to {MOST_BINS} bins")]
    Binning {
        /// Width of a bin.
        bin: f64,
        /// Largest age that is counted, in seconds.
        up_to: f64,
    },
    /// A time is not finite.
    #[error("a time is not finite")]
    NotFinite,
    /// Too few changes of jobs.
    #[error("{0} changes of jobs are too few: {FEWEST_EXPOSURES} are needed")]
    Exposures(usize),
    /// Too few shares arrived long after a change of jobs.
    #[error(
        "{found} shares came more than {after} s after a change of jobs, {FEWEST_STEADY} are needed for the \
         steady rate: record for longer, or change jobs less often"
    )]
    Steady {
        /// Shares that came late enough.
        found: u64,
        /// Age from which the rate counts as steady, in seconds.
        after: f64,
    },
}

/// Hazards in one bin of ages.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HazardBin {
    /// Age at which the bin begins, in seconds.
    pub age: f64,
    /// Time that the unit spent at these ages, in seconds.
    pub exposure: f64,
    /// Shares of the job just sent.
    pub new: u64,
    /// Shares of earlier jobs.
    pub old: u64,
}

/// The cost of changes of jobs, with the hazards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SwitchProfile {
    /// Number of changes of jobs with a known end of the exposure.
    pub switches: usize,
    /// Sum of all exposures, in seconds.
    pub seconds: f64,
    /// Shares of the job just sent.
    pub new_shares: u64,
    /// Shares of earlier jobs.
    pub old_shares: u64,
    /// Changes of jobs per second.
    pub switch_rate: f64,
    /// Steady rate λ*, in shares per second.
    pub steady_rate: Estimate,
    /// Rate of shares of the job just sent, per second.
    pub useful_rate: Estimate,
    /// 1 − useful/steady.
    pub fraction_lost: Estimate,
    /// Loss per change of jobs, in seconds.
    pub loss_per_switch: Estimate,
    /// Fraction of all shares that are for an earlier job.
    pub old_fraction: Estimate,
    /// Smallest age of a share of the job just sent, in seconds; `None` without such a share.
    pub first_new: Option<f64>,
    /// Age by which 1 % of the shares of the job just sent had arrived, in seconds.
    pub first_new_percentile: Option<f64>,
    /// Hazards of both kinds of share, by rising age.
    pub hazards: Vec<HazardBin>,
    /// The seed of the intervals.
    pub seed: u64,
}

/// Counts of one exposure, or sums of them.
#[derive(Debug, Clone, Copy, Default)]
struct Exposure {
    seconds: f64,
    steady_seconds: f64,
    new: u64,
    steady_new: u64,
    old: u64,
}

impl Exposure {
    fn add(&mut self, other: &Exposure) {
        self.seconds += other.seconds;
        self.steady_seconds += other.steady_seconds;
        self.new += other.new;
        self.steady_new += other.steady_new;
        self.old += other.old;
    }

    fn scores(&self, exposures: usize) -> [f64; 5] {
        let steady = self.steady_new as f64 / self.steady_seconds;
        let useful = self.new as f64 / self.seconds;
        let lost = 1.0 - useful / steady;
        let loss = self.seconds / exposures as f64 * lost;
        let old = self.old as f64 / (self.old + self.new) as f64;
        [steady, useful, lost, loss, old]
    }
}

/// Shares counted by exposure and by age.
struct Counts {
    exposures: Vec<Exposure>,
    hazards: Vec<HazardBin>,
    /// Ages of the shares of the job just sent, in seconds, in rising order.
    new_ages: Vec<f64>,
}

impl Counts {
    /// Counts `shares` between the `sent` times, which rise strictly.
    fn of(sent: &[f64], shares: &[SharePoint], binning: Binning, bins: usize) -> Counts {
        let mut exposures: Vec<Exposure> = sent
            .windows(2)
            .map(|w| Exposure {
                seconds: w[1] - w[0],
                steady_seconds: (w[1] - w[0] - binning.steady_after).max(0.0),
                ..Exposure::default()
            })
            .collect();
        let mut hazards = hazards(sent, binning, bins);
        let mut new_ages = Vec::new();
        for share in shares {
            // The server may send the next job at the very time at which the share arrived.
            let after = sent.partition_point(|time| *time < share.arrived);
            let Some(exposure) = after.checked_sub(1).and_then(|i| exposures.get_mut(i)) else {
                continue;
            };
            let began = sent[after - 1];
            let age = share.arrived - began;
            let new = share.job_sent >= began - SAME;
            exposure.new += u64::from(new);
            exposure.old += u64::from(!new);
            exposure.steady_new += u64::from(new && age >= binning.steady_after);
            if let Some(bin) = hazards.get_mut((age / binning.bin) as usize) {
                bin.new += u64::from(new);
                bin.old += u64::from(!new);
            }
            if new {
                new_ages.push(age);
            }
        }
        new_ages.sort_by(f64::total_cmp);
        Counts {
            exposures,
            hazards,
            new_ages,
        }
    }
}

impl SwitchProfile {
    /// Computes the profile from the times at which jobs were `sent` and from their `shares`, both in any order and
    /// on the same clock. A share belongs to the job that was sent within a microsecond of its `job_sent`. Shares
    /// before the first job and after the last are left out.
    ///
    /// # Errors
    /// If there are too few changes or too few late shares, or a time is not finite.
    pub fn of(
        sent: &[f64],
        shares: &[SharePoint],
        binning: Binning,
        seed: u64,
    ) -> Result<SwitchProfile, SwitchingError> {
        let bins = binning.bins()?;
        let times = shares.iter().flat_map(|s| [s.arrived, s.job_sent]);
        if !times.chain(sent.iter().copied()).all(f64::is_finite) {
            return Err(SwitchingError::NotFinite);
        }
        let mut sent = sent.to_vec();
        sent.sort_by(f64::total_cmp);
        sent.dedup_by(|later, earlier| *later - *earlier < SAME);
        let switches = sent.len().saturating_sub(1);
        if switches < FEWEST_EXPOSURES {
            return Err(SwitchingError::Exposures(switches));
        }
        let Counts {
            exposures,
            hazards,
            new_ages: ages,
        } = Counts::of(&sent, shares, binning, bins);
        let mut total = Exposure::default();
        exposures.iter().for_each(|e| total.add(e));
        if total.steady_new < FEWEST_STEADY {
            return Err(SwitchingError::Steady {
                found: total.steady_new,
                after: binning.steady_after,
            });
        }
        let [
            steady_rate,
            useful_rate,
            fraction_lost,
            loss_per_switch,
            old_fraction,
        ] = intervals(&exposures, &total, seed);
        Ok(SwitchProfile {
            switches,
            seconds: total.seconds,
            new_shares: total.new,
            old_shares: total.old,
            switch_rate: switches as f64 / total.seconds,
            steady_rate,
            useful_rate,
            fraction_lost,
            loss_per_switch,
            old_fraction,
            first_new: ages.first().copied(),
            first_new_percentile: ages.get(ages.len() / 100).copied(),
            hazards,
            seed,
        })
    }

    /// Fraction of hashing lost if jobs changed `rate` times a second, assuming the same loss per change; at most 1.
    pub fn lost_at(&self, rate: f64) -> f64 {
        (rate * self.loss_per_switch.value).clamp(0.0, 1.0)
    }
}

/// Times closer than this are equal, in seconds: captures resolve at least microseconds.
const SAME: f64 = 1e-6;

/// Empty bins with the time spent in each.
fn hazards(sent: &[f64], binning: Binning, bins: usize) -> Vec<HazardBin> {
    // Number of exposures that last through each bin, and the time that the others spend in their last bin.
    let mut whole = vec![0u64; bins + 1];
    let mut part = vec![0.0; bins];
    for window in sent.windows(2) {
        let length = window[1] - window[0];
        let last = ((length / binning.bin) as usize).min(bins);
        whole[last] += 1;
        if let Some(part) = part.get_mut(last) {
            *part += length - last as f64 * binning.bin;
        }
    }
    let mut lasting: u64 = whole.iter().sum();
    (0..bins)
        .map(|i| {
            lasting -= whole[i];
            HazardBin {
                age: i as f64 * binning.bin,
                exposure: lasting as f64 * binning.bin + part[i],
                new: 0,
                old: 0,
            }
        })
        .collect()
}

/// Each score with its interval from common resamples.
fn intervals(exposures: &[Exposure], total: &Exposure, seed: u64) -> [Estimate; 5] {
    let mut rng = random::stream(seed, 1);
    let n = exposures.len();
    let mut samples: [Vec<f64>; 5] = std::array::from_fn(|_| Vec::with_capacity(RESAMPLES));
    for _ in 0..RESAMPLES {
        let mut sum = Exposure::default();
        for _ in 0..n.div_ceil(BLOCK) {
            let start = rng.random_range(0..n);
            (start..start + BLOCK).for_each(|i| sum.add(&exposures[i % n]));
        }
        let scores = sum.scores(n.div_ceil(BLOCK) * BLOCK);
        for (samples, score) in samples.iter_mut().zip(scores) {
            // A resample without late shares has no steady rate.
            if score.is_finite() {
                samples.push(score);
            }
        }
    }
    let values = total.scores(n);
    std::array::from_fn(|i| {
        let samples = std::mem::take(&mut samples[i]);
        Estimate::of_resamples(values[i], samples).unwrap_or(Estimate::bare(values[i]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit that begins a new job after `dead` seconds; each share triggers the next job; shares of the old job
    /// arrive until `old_until`; the server takes `reply` seconds.
    fn simulated(
        n: usize,
        rate: f64,
        dead: f64,
        old_until: f64,
        reply: f64,
        seed: u64,
    ) -> (Vec<f64>, Vec<SharePoint>) {
        let mut rng = random::stream(seed, 4);
        let (mut now, mut before) = (0.0, -1.0);
        let (mut sent, mut shares) = (Vec::new(), Vec::new());
        for _ in 0..n {
            sent.push(now);
            let old = -(1.0 - rng.random::<f64>()).ln() / rate;
            if old < old_until {
                shares.push(SharePoint {
                    arrived: now + old,
                    job_sent: before,
                });
            }
            let wait = dead - (1.0 - rng.random::<f64>()).ln() / rate;
            shares.push(SharePoint {
                arrived: now + wait,
                job_sent: now,
            });
            before = now;
            now += wait + reply;
        }
        (sent, shares)
    }

    #[test]
    fn a_known_dead_time_is_found() {
        let (dead, rate) = (0.025, 12.0);
        let mut covered = [0; 3];
        for seed in 0..40 {
            // In virtual time the next job goes out at the very time at which the share came.
            let reply = if seed % 2 == 0 { 0.0 } else { 1e-4 };
            let (sent, shares) = simulated(2_000, rate, dead, 0.01, reply, seed);
            let p = SwitchProfile::of(&sent, &shares, Binning::default(), seed).expect("enough");
            assert_eq!(p.switches, 1_999);
            let cycle = dead + 1.0 / rate + reply;
            let inside = |e: &Estimate, truth: f64| usize::from(e.low <= truth && truth <= e.high);
            covered[0] += inside(&p.steady_rate, rate);
            covered[1] += inside(&p.fraction_lost, 1.0 - 1.0 / (cycle * rate));
            covered[2] += inside(&p.loss_per_switch, cycle - 1.0 / rate);
            assert!(
                p.first_new
                    .is_some_and(|age| (dead..dead + 0.01).contains(&age))
            );
            let dead_bins = p.hazards.iter().take(6);
            assert!(dead_bins.clone().all(|bin| bin.new == 0));
            assert!(dead_bins.take(2).all(|bin| bin.old > 0));
        }
        for count in covered {
            assert!(count >= 33, "{covered:?} of 40");
        }
    }

    #[test]
    fn exposure_adds_up() {
        let (sent, shares) = simulated(300, 12.0, 0.02, 0.0, 1e-4, 1);
        let binning = Binning {
            up_to: 10.0,
            ..Binning::default()
        };
        let p = SwitchProfile::of(&sent, &shares, binning, 1).expect("enough");
        let exposure: f64 = p.hazards.iter().map(|bin| bin.exposure).sum();
        assert!((exposure - p.seconds).abs() < 1e-6);
        let counted: u64 = p.hazards.iter().map(|bin| bin.new).sum();
        assert_eq!((counted, p.old_shares), (p.new_shares, 0));
        // The last job's share came after the last exposure.
        assert_eq!(p.new_shares, 299);
        assert!((p.lost_at(p.switch_rate) - p.fraction_lost.value).abs() < 1e-9);
    }

    #[test]
    fn too_little_is_said_to_be_too_little() {
        let (sent, shares) = simulated(20, 12.0, 0.02, 0.0, 1e-4, 1);
        let of = |sent: &[f64], binning| SwitchProfile::of(sent, &shares, binning, 1);
        assert_eq!(
            of(&sent, Binning::default()),
            Err(SwitchingError::Exposures(19))
        );
        let fast: Vec<f64> = (0..100).map(|i| f64::from(i) * 0.01).collect();
        let found = of(&fast, Binning::default()).expect_err("never steady");
        assert!(
            matches!(found, SwitchingError::Steady { found: 0, .. }),
            "{found}"
        );
        let none = Binning {
            bin: 0.0,
            ..Binning::default()
        };
        assert!(matches!(
            of(&sent, none),
            Err(SwitchingError::Binning { .. })
        ));
        assert_eq!(
            of(&[f64::NAN], Binning::default()),
            Err(SwitchingError::NotFinite)
        );
    }
}
