//! Scores of many units against many profiles: false accepts, false rejects, and where both are equal.
//!
//! A claim is accepted if its score is at least the threshold. Intervals are of two kinds. A bootstrap draws whole
//! units, so that a claim of unit i to be unit j counts as often as i and j were drawn together; without any error
//! this interval has no width. Beside it there is an exact interval (Clopper and Pearson) from one claim per unit.
//! These claims are nearly independent, because no two of them share both unit and profile.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::bootstrap::Estimate;
use crate::describe::exact;
use crate::random;

/// Most points of a curve.
const MOST_POINTS: usize = 400;

/// One claim with its score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Unit that responded.
    pub unit: usize,
    /// Unit that it claimed to be; the claim is genuine if both are the same.
    pub claimed: usize,
    /// The score, a logarithm of a likelihood ratio; infinite if the claim was refused before its likelihood was
    /// computed.
    pub value: f64,
    /// Distance of the response from the profile.
    pub distance: f64,
}

impl Score {
    /// Whether the unit is the one that it claimed to be.
    pub fn genuine(&self) -> bool {
        self.unit == self.claimed
    }
}

/// How intervals are resampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resampling {
    /// Number of resamples of units.
    pub resamples: usize,
    /// Seed of the resamples.
    pub seed: u64,
}

/// A point of the receiver's operating characteristic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Operating {
    /// Claims are accepted from this score on.
    pub(crate) threshold: f64,
    /// Part of the false claims that are accepted.
    pub false_accept: f64,
    /// Part of the genuine claims that are rejected.
    pub false_reject: f64,
}

/// A rate of errors with both intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// Number of claims tried.
    pub claims: usize,
    /// Number of claims with a wrong decision.
    pub wrong: usize,
    /// The rate, with its interval by bootstrap over units.
    pub over_units: Estimate,
    /// The rate of one claim per unit, with its exact interval.
    pub one_per_unit: Estimate,
}

/// All claims of an experiment.
#[derive(Debug, Clone)]
pub struct Trials {
    units: usize,
    /// In rising order of their value.
    scores: Vec<Score>,
}

impl Trials {
    /// Collects `scores` in any order; NaN is dropped. `None` without a genuine or without a false claim.
    pub fn new(mut scores: Vec<Score>) -> Option<Trials> {
        scores.retain(|score| !score.value.is_nan());
        // A stable order, so that equal scores keep theirs.
        scores.sort_by(|a, b| a.value.total_cmp(&b.value));
        let units = 1 + scores.iter().map(|s| s.unit.max(s.claimed)).max()?;
        let genuine = scores.iter().filter(|score| score.genuine()).count();
        (genuine > 0 && genuine < scores.len()).then_some(Trials { units, scores })
    }

    /// Genuine claims, and false ones.
    pub fn counts(&self) -> (usize, usize) {
        let genuine = self.scores.iter().filter(|score| score.genuine()).count();
        (genuine, self.scores.len() - genuine)
    }

    /// The scores in rising order.
    pub fn scores(&self) -> &[Score] {
        &self.scores
    }

    /// The rate at which as many false claims are accepted as genuine ones rejected, interpolated between the
    /// thresholds on either side; 2.5 % and 97.5 % quantiles over resamples of units.
    pub fn equal_error(&self, resampling: Resampling) -> Estimate {
        self.estimate(resampling, |weights| self.equal_at(weights).map(|(e, _)| e))
    }

    /// The threshold at which both rates are nearest to equal.
    pub fn equal_threshold(&self) -> f64 {
        self.equal_at(&vec![1.0; self.units])
            .map_or(0.0, |(_, threshold)| threshold)
    }

    /// False accepts and false rejects at `threshold`.
    pub fn rates(&self, threshold: f64, resampling: Resampling) -> (Rate, Rate) {
        (
            self.rate(false, resampling, |score| score.value >= threshold),
            self.rate(true, resampling, |score| score.value < threshold),
        )
    }

    /// Mean of `quantity` over the genuine or the false claims, with its interval over units.
    pub fn mean_of(
        &self,
        genuine: bool,
        resampling: Resampling,
        quantity: impl Fn(&Score) -> f64,
    ) -> Estimate {
        self.estimate(resampling, |weights| {
            self.weighted(weights, genuine, &quantity)
        })
    }

    /// The characteristic, from the lowest threshold to the highest, thinned to a few hundred points.
    pub fn characteristic(&self) -> Vec<Operating> {
        let weights = vec![1.0; self.units];
        let mut points = vec![Operating {
            threshold: f64::NEG_INFINITY,
            false_accept: 1.0,
            false_reject: 0.0,
        }];
        self.sweep(&weights, |point| {
            points.push(point);
            true
        });
        let every = points.len().div_ceil(MOST_POINTS).max(1);
        let last = points.len() - 1;
        // Corners at the left end matter most: keep all with few false accepts.
        let kept = |(i, point): (usize, Operating)| {
            (i % every == 0 || i == last || point.false_accept < 0.001).then_some(point)
        };
        let mut points: Vec<Operating> = points.into_iter().enumerate().filter_map(kept).collect();
        points
            .dedup_by(|b, a| a.false_accept == b.false_accept && a.false_reject == b.false_reject);
        points
    }

    /// Area under the characteristic: how often a genuine claim scores above a false one, equal scores counting half.
    pub fn area(&self, resampling: Resampling) -> Estimate {
        self.estimate(resampling, |weights| {
            let (mut area, mut from) = (0.0, (1.0, 0.0));
            self.sweep(weights, |point| {
                let to = (point.false_accept, point.false_reject);
                area += (from.0 - to.0) * (1.0 - 0.5 * (from.1 + to.1));
                from = to;
                true
            })
            .then_some(area)
        })
    }

    /// Calls `visit` with the rates at each threshold that separates scores, rising, until `visit` returns `false`.
    /// `false` if one kind of claims has no weight.
    fn sweep(&self, weights: &[f64], mut visit: impl FnMut(Operating) -> bool) -> bool {
        let (mut genuine, mut false_claims) = (0.0, 0.0);
        for score in &self.scores {
            *if score.genuine() {
                &mut genuine
            } else {
                &mut false_claims
            } += weight(weights, score);
        }
        if genuine <= 0.0 || false_claims <= 0.0 {
            return false;
        }
        let (mut rejected, mut fallen) = (0.0, 0.0);
        for (i, score) in self.scores.iter().enumerate() {
            let weight = weight(weights, score);
            if score.genuine() {
                rejected += weight;
            } else {
                fallen += weight;
            }
            let next = self.scores.get(i + 1).map(|next| next.value);
            if next == Some(score.value) {
                continue;
            }
            let point = Operating {
                threshold: next.unwrap_or(f64::INFINITY),
                false_accept: (1.0 - fallen / false_claims).max(0.0),
                false_reject: rejected / genuine,
            };
            if !visit(point) {
                break;
            }
        }
        true
    }

    /// Equal error rate and its threshold, with a weight for each unit; `None` if one kind of claims has no weight.
    fn equal_at(&self, weights: &[f64]) -> Option<(f64, f64)> {
        let (mut before, mut found) = ((1.0, 0.0), None);
        let possible = self.sweep(weights, |point| {
            let (accept, reject) = (point.false_accept, point.false_reject);
            if reject >= accept {
                // Where the straight line from the point before crosses the diagonal.
                let (gap, over) = (before.0 - before.1, reject - accept);
                let part = if gap + over > 0.0 {
                    gap / (gap + over)
                } else {
                    0.0
                };
                found = Some((before.1 + part * (reject - before.1), point.threshold));
                return false;
            }
            before = (accept, reject);
            true
        });
        found.filter(|_| possible)
    }

    fn rate(&self, genuine: bool, resampling: Resampling, wrong: impl Fn(&Score) -> bool) -> Rate {
        let of_kind = || {
            self.scores
                .iter()
                .filter(|score| score.genuine() == genuine)
        };
        let single = self.one_per_unit(genuine);
        let hits = single.iter().filter(|score| wrong(score)).count();
        Rate {
            claims: of_kind().count(),
            wrong: of_kind().filter(|score| wrong(score)).count(),
            over_units: self.mean_of(genuine, resampling, |score| {
                f64::from(u8::from(wrong(score)))
            }),
            one_per_unit: exact::proportion(hits as u64, single.len() as u64).unwrap_or(Estimate {
                value: 0.0,
                low: 0.0,
                high: 1.0,
            }),
        }
    }

    /// One claim of each unit: against its own profile, or against the next unit's, cyclically. If a unit has several
    /// responses, the one whose rank is the unit's number modulo their count, so that all ranks are equally frequent.
    fn one_per_unit(&self, genuine: bool) -> Vec<Score> {
        (0..self.units)
            .filter_map(|unit| {
                let own = || {
                    self.scores
                        .iter()
                        .filter(|s| s.unit == unit && s.genuine() == genuine)
                };
                let ahead = |score: &Score| (score.claimed + self.units - unit) % self.units;
                let claimed = own().min_by_key(|score| ahead(score))?.claimed;
                let answers: Vec<&Score> = own().filter(|s| s.claimed == claimed).collect();
                answers.get(unit % answers.len()).map(|score| **score)
            })
            .collect()
    }

    fn weighted(
        &self,
        weights: &[f64],
        genuine: bool,
        quantity: impl Fn(&Score) -> f64,
    ) -> Option<f64> {
        let (mut sum, mut total) = (0.0, 0.0);
        for score in self.scores.iter().filter(|s| s.genuine() == genuine) {
            let weight = weight(weights, score);
            if weight > 0.0 {
                sum += weight * quantity(score);
                total += weight;
            }
        }
        (total > 0.0).then(|| sum / total)
    }

    /// `statistic` with all units counting once, and its quantiles over resamples of units.
    fn estimate(
        &self,
        resampling: Resampling,
        statistic: impl Fn(&[f64]) -> Option<f64>,
    ) -> Estimate {
        // Claims may concern only some of the units.
        let mut present = vec![false; self.units];
        for score in &self.scores {
            present[score.unit] = true;
            present[score.claimed] = true;
        }
        let present: Vec<usize> = (0..self.units).filter(|unit| present[*unit]).collect();
        let mut rng = random::stream(resampling.seed, 14);
        let mut values = Vec::with_capacity(resampling.resamples);
        let mut weights = vec![0.0; self.units];
        for _ in 0..resampling.resamples {
            weights.fill(0.0);
            for _ in &present {
                weights[present[rng.random_range(0..present.len())]] += 1.0;
            }
            values.extend(statistic(&weights));
        }
        let value = statistic(&vec![1.0; self.units]).unwrap_or(f64::NAN);
        Estimate::of_resamples(value, values).unwrap_or(Estimate {
            value,
            low: value,
            high: value,
        })
    }
}

fn weight(weights: &[f64], score: &Score) -> f64 {
    if score.genuine() {
        weights[score.unit]
    } else {
        weights[score.unit] * weights[score.claimed]
    }
}

#[cfg(test)]
mod tests;
