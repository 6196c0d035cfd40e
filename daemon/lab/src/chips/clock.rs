//! The clock of a unit's chips, estimated twice: from the accepted shares, and from the nonce counter. If the first is
//! lower, some hashes are wrong or some cores dead.

use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::exact;
use thermine_reservoir::switching::{Binning, SharePoint, SwitchProfile};
use thermine_units::clock::Nanos;
use thermine_units::pow::{Algorithm, Difficulty};
use thermine_units::record::Verdict;

use super::counts::Tally;
use super::layout::Layout;
use crate::compare::work_rate::work_rate;
use crate::estimate::scaled;
use thermine_capture::answers::TimedAnswer;

/// Shares that the work counter is fitted to: its rate is then known to half a per cent.
const MOST_POINTS: usize = 2_000;

/// Times closer than this count as one, s: captures keep at least microseconds.
const SAME: f64 = 1e-6;

/// The clock in MHz, and what it is estimated from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChipClock {
    /// Hash rate over the hashes of a cycle. Wrong hashes and dead chips lower it.
    pub by_work: Option<Estimate>,
    /// Shares per second of steady hashing, or of all time where switches are not seen.
    pub share_rate: Option<Estimate>,
    /// Whether `share_rate` is that of steady hashing.
    pub is_steady: bool,
    /// Reason why `by_work` is not known.
    pub by_work_missing: Option<String>,
    /// Coverage of the counter times its range times the rate of work items, over the boards.
    pub by_counter: Option<Estimate>,
    /// Reason why `by_counter` is not known.
    pub by_counter_missing: Option<String>,
    /// Part of hashes that do not come back right: 1 − first/second, the ends from the ends of both.
    pub not_right: Option<Estimate>,
}

/// When jobs were sent and shares came.
#[derive(Debug)]
pub(crate) struct Times {
    /// When jobs were sent, in seconds, rising.
    pub(crate) sent: Vec<f64>,
    /// Times of the shares and of their jobs.
    pub(crate) shares: Vec<SharePoint>,
    /// Of shares of the newest job found late enough: ms since the job was sent, and the number of the work item.
    pub(crate) work: Vec<(f64, f64)>,
}

impl Times {
    /// Times of the `answers` of a stream whose jobs were `sent` then. A `foreign` log, of another program, counts time
    /// from the newest job, whichever job a share is of, and lacks the jobs without a share.
    pub(super) fn of(answers: &[TimedAnswer], sent: &[Nanos], foreign: bool) -> Times {
        let seconds = |time: Nanos| time.0 as f64 * 1e-9;
        let mut sent: Vec<f64> = sent.iter().map(|time| seconds(*time)).collect();
        let began = |timed: &TimedAnswer| {
            let since = timed.answer.since_job?;
            Some(seconds(timed.answer.arrived - since))
        };
        if foreign {
            sent.extend(answers.iter().filter_map(began));
        }
        sent.sort_by(f64::total_cmp);
        let (mut shares, mut work) = (Vec::new(), Vec::new());
        let steady = Binning::default().steady_after;
        for timed in answers {
            let timely = matches!(timed.answer.verdict, Verdict::Accepted | Verdict::Stale);
            let Some(began) = began(timed).filter(|_| timely) else {
                continue;
            };
            let point = SharePoint {
                arrived: seconds(timed.answer.arrived),
                job_sent: timed.job_sent.map_or(began, seconds),
            };
            shares.push(point);
            let newest = sent.partition_point(|time| *time < point.arrived);
            let newest = newest.checked_sub(1).map(|i| sent[i]);
            if let (Some(newest), Some(number)) = (newest, timed.extranonce2)
                && point.job_sent >= newest - SAME
                && point.arrived - newest > steady
                && work.len() < MOST_POINTS
            {
                work.push((1e3 * (point.arrived - newest), number as f64));
            }
        }
        Times { sent, shares, work }
    }
}

impl ChipClock {
    /// Clock by the shares counted in `tally`, found at `difficulties`, with the `profile` of their job switches if there
    /// is one, the `coverage` of the counter and the work items of `times`.
    pub(super) fn of(
        algorithm: Algorithm,
        tally: &Tally,
        difficulties: &[f64],
        profile: Option<&SwitchProfile>,
        coverage: Option<Estimate>,
        times: &Times,
    ) -> ChipClock {
        let layout = tally.layout();
        let share_rate = match profile {
            Some(profile) => Some(profile.steady_rate),
            None => exact::rate(tally.n, tally.seconds()),
        };
        let (by_work, by_work_missing) = told(by_work(algorithm, layout, difficulties, share_rate));
        let (by_counter, by_counter_missing) = told(by_counter(layout, coverage, times));
        let not_right = by_work.zip(by_counter).map(|(work, counter)| Estimate {
            value: 1.0 - work.value / counter.value,
            low: 1.0 - work.high / counter.low,
            high: 1.0 - work.low / counter.high,
        });
        ChipClock {
            by_work,
            share_rate,
            is_steady: profile.is_some(),
            by_work_missing,
            by_counter,
            by_counter_missing,
            not_right,
        }
    }
}

fn told(found: Result<Estimate, String>) -> (Option<Estimate>, Option<String>) {
    match found {
        Ok(estimate) => (Some(estimate), None),
        Err(why) => (None, Some(why)),
    }
}

/// f = share rate · hashes of a share / (boards · chips · hashes of a chip and cycle).
fn by_work(
    algorithm: Algorithm,
    layout: &Layout,
    difficulties: &[f64],
    share_rate: Option<Estimate>,
) -> Result<Estimate, String> {
    let of_chip = layout
        .hashes_per_cycle
        .ok_or("hashes of a chip and cycle are not known")?;
    if layout.chips == 0 {
        return Err("the number of chips is not known".into());
    }
    let [difficulty] = difficulties else {
        return Err(match difficulties.len() {
            0 => "the capture does not tell its difficulty".into(),
            n => format!("its jobs ask for {n} difficulties"),
        });
    };
    let hashes = Difficulty::new(*difficulty).map_err(|error| error.to_string())?;
    let rate = share_rate.ok_or("no time passed between its shares")?;
    let cycle = (layout.boards * layout.chips) as f64 * of_chip;
    Ok(scaled(rate, hashes.hashes(algorithm) / cycle * 1e-6))
}

/// f = coverage · 2^bits · work items a second / boards: a core tries one value of its counter in a cycle, and each
/// board goes through one work item at a time.
fn by_counter(
    layout: &Layout,
    coverage: Option<Estimate>,
    seen: &Times,
) -> Result<Estimate, String> {
    if !layout.work_in_extranonce2 {
        return Err("this unit does not count its work items in extranonce2".into());
    }
    let coverage = coverage.ok_or("no counter was seen")?;
    let rate = work_rate(&seen.work).ok_or_else(|| {
        format!(
            "{} shares tell the number of their work item, 30 are needed",
            seen.work.len()
        )
    })?;
    let range = f64::from(layout.counter_bits()).exp2() / layout.boards as f64 * 1e-6;
    Ok(Estimate {
        value: coverage.value * rate.value * range,
        low: coverage.low * rate.low * range,
        high: coverage.high.min(1.0) * rate.high * range,
    })
}
