//! Which places, such as the chips of a chain, get fewer or more events than the others, and how many events a test
//! needs to find them.
//!
//! Each place is compared with the others that are alike: if it is like them, its count out of their common total is
//! binomial with probability 1/(others + 1), exactly. The place that differs most is removed from the others before
//! the next is judged, so that a dead place does not make the rest look busy. The p-values of all places are adjusted
//! together by Benjamini and Hochberg's procedure.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use super::multiplicity::benjamini_hochberg;
use super::tails::{binomial, binomial_interval};
use crate::bootstrap::Estimate;

/// Most events that [`Search::events_needed`] returns.
const MOST_NEEDED: u64 = 1 << 36;

/// How a place differs from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outlier {
    /// Has no event at all.
    Dead,
    /// Gets less than the others.
    Weak,
    /// Gets more than the others.
    Hot,
}

/// One place beside the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// Number of events at this place.
    pub count: u64,
    /// Rate of the place over the mean rate of those alike, with the exact 95 % interval; `None` if these have no
    /// event.
    pub ratio: Option<Estimate>,
    /// Probability of a count at least as far off, on either side, if it is like the others.
    pub p: f64,
    /// The p-value, adjusted for all places together.
    pub adjusted: f64,
    /// How the place differs, if the adjusted p-value lies below the level.
    #[serde(rename = "unlike")]
    pub outlier: Option<Outlier>,
}

/// Places side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Places {
    /// Number of events over all places.
    pub n: u64,
    /// Expected fraction of false findings among the findings.
    pub(crate) level: f64,
    /// The places, in the order given.
    pub places: Vec<Place>,
}

impl Places {
    /// Judges the `counts` of places that should be alike; `None` for fewer than three places or no events. At most
    /// half of the places can be outliers.
    pub fn of(counts: &[u64], level: f64) -> Option<Places> {
        let n: u64 = counts.iter().sum();
        if counts.len() < 3 || n == 0 {
            return None;
        }
        let mut alike = vec![true; counts.len()];
        let mut adjusted;
        let mut raw;
        let mut left = counts.len();
        loop {
            raw = tests(counts, &alike);
            adjusted = benjamini_hochberg(&raw);
            let worst = (0..counts.len())
                .filter(|i| alike[*i] && adjusted[*i] < level)
                .min_by(|a, b| raw[*a].total_cmp(&raw[*b]));
            match worst {
                Some(worst) if 2 * (left - 1) >= counts.len() => {
                    alike[worst] = false;
                    left -= 1;
                }
                _ => break,
            }
        }
        let places = counts
            .iter()
            .enumerate()
            .map(|(i, count)| {
                let (others, events) = others(counts, &alike, i);
                let ratio = ratio(*count, events, others);
                let fewer = (*count as f64) * (others as f64) < events as f64;
                Place {
                    count: *count,
                    ratio,
                    p: raw[i],
                    adjusted: adjusted[i],
                    outlier: (adjusted[i] < level).then_some(match (*count, fewer) {
                        (0, _) => Outlier::Dead,
                        (_, true) => Outlier::Weak,
                        (_, false) => Outlier::Hot,
                    }),
                }
            })
            .collect();
        Some(Places { n, level, places })
    }

    /// The places that differ, by their number.
    pub fn outliers(&self) -> impl Iterator<Item = (usize, &Place)> {
        let places = self.places.iter().enumerate();
        places.filter(|(_, place)| place.outlier.is_some())
    }
}

/// The number of those alike other than `i`, and their events.
fn others(counts: &[u64], alike: &[bool], i: usize) -> (usize, u64) {
    let others = || {
        let all = counts.iter().zip(alike).enumerate();
        all.filter(move |(j, (_, alike))| *j != i && **alike)
    };
    (
        others().count(),
        others().map(|(_, (count, _))| count).sum(),
    )
}

/// p-values of all places, each against those alike.
fn tests(counts: &[u64], alike: &[bool]) -> Vec<f64> {
    let total: u64 = (counts.iter().zip(alike))
        .filter(|(_, alike)| **alike)
        .map(|(count, _)| count)
        .sum();
    let left = alike.iter().filter(|alike| **alike).count();
    let one = |(count, alike): (&u64, &bool)| {
        // Its own count is in the total if it is alike.
        let (n, others) = if *alike {
            (total, left - 1)
        } else {
            (total + count, left)
        };
        binomial(*count, n, 1.0 / (others + 1) as f64).two_sided()
    };
    counts.iter().zip(alike).map(one).collect()
}

/// The rate of a place over the mean rate of `others` that got `events`: from the binomial interval of its part q of
/// all, q/(1 − q) · others.
fn ratio(count: u64, events: u64, others: usize) -> Option<Estimate> {
    if events == 0 {
        return None;
    }
    let (low, high) = binomial_interval(count, count + events, 0.05)?;
    let odds = |q: f64| q / (1.0 - q) * others as f64;
    Some(Estimate {
        value: count as f64 / events as f64 * others as f64,
        low: odds(low),
        high: odds(high),
    })
}

/// A search for one outlier among places: its size, level and power.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// Number of places searched, the odd one included.
    pub places: usize,
    /// Level over all of them together, as in [`Places::of`]. The first of them must reach this over the number of
    /// places, on both sides.
    pub level: f64,
    /// Probability with which the outlier must be found.
    pub power: f64,
}

impl Search {
    /// Probability that a place at `rate` times the rate of the others is found among `n` events, by the binomial
    /// test of its own count alone. `None` if a parameter is out of range.
    pub(crate) fn power_at(&self, rate: f64, n: u64) -> Option<f64> {
        if !(self.is_possible() && rate >= 0.0 && rate.is_finite()) {
            return None;
        }
        let null = 1.0 / self.places as f64;
        let tail = 0.5 * self.level / self.places as f64;
        let true_part = rate / (rate + (self.places - 1) as f64);
        Some(if rate <= 1.0 {
            fewest_unlikely(n, null, tail).map_or(0.0, |x| binomial(x, n, true_part).lower)
        } else {
            let x = most_likely_above(n, null, tail);
            x.map_or(0.0, |x| binomial(x, n, true_part).upper)
        })
    }

    /// Number of events that a place at `rate` times the rate of the others needs to be found with the required
    /// power, to within the steps of a count. `None` if a parameter is out of range or more than 2^36 would be
    /// needed.
    pub fn events_needed(&self, rate: f64) -> Option<u64> {
        if rate == 1.0 {
            return None;
        }
        let enough = |n: u64| Some(self.power_at(rate, n)? >= self.power);
        let (mut low, mut high) = (0, self.guess(rate)?);
        while !enough(high)? {
            low = high;
            high += high / 4 + 1;
            if high > MOST_NEEDED {
                return None;
            }
        }
        if low == 0 {
            low = high - high / 5;
            while low > 0 && enough(low)? {
                high = low;
                low -= low / 5 + 1;
            }
        }
        while high - low > 1 {
            let middle = u64::midpoint(low, high);
            if enough(middle)? {
                high = middle;
            } else {
                low = middle;
            }
        }
        Some(high)
    }

    /// The rate nearest to that of the others, from below, that is found among `n` events with the required power;
    /// `None` if not even a dead place would be found.
    pub fn rate_seen(&self, n: u64) -> Option<f64> {
        let seen = |rate: f64| Some(self.power_at(rate, n)? >= self.power);
        if !seen(0.0)? {
            return None;
        }
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..30 {
            let middle = f64::midpoint(low, high);
            if seen(middle)? {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(low)
    }

    /// Number of events needed by the normal approximation, with the variances of both counts.
    fn guess(&self, rate: f64) -> Option<u64> {
        if !self.is_possible() || !rate.is_finite() {
            return None;
        }
        let normal = Normal::standard();
        let z = |tail: f64| normal.inverse_cdf(1.0 - tail);
        let level = z(0.5 * self.level / self.places as f64);
        let spread = level + z(1.0 - self.power) * rate.max(0.0).sqrt();
        let events = self.places as f64 * (spread / (1.0 - rate)).powi(2);
        (events <= MOST_NEEDED as f64).then(|| (events as u64).max(self.places as u64))
    }

    fn is_possible(&self) -> bool {
        let part = |p: f64| p > 0.0 && p < 1.0;
        self.places >= 3 && part(self.level) && part(self.power)
    }
}

/// The largest count whose lower tail is at most `tail`; `None` if the lower tail of 0 already exceeds it.
fn fewest_unlikely(n: u64, p: f64, tail: f64) -> Option<u64> {
    let unlikely = |x: u64| binomial(x, n, p).lower <= tail;
    if !unlikely(0) {
        return None;
    }
    let (mut low, mut high) = (0, (n as f64 * p) as u64 + 1);
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if unlikely(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(low)
}

/// The smallest count whose upper tail is at most `tail`; `None` if the upper tail of `n` already exceeds it.
fn most_likely_above(n: u64, p: f64, tail: f64) -> Option<u64> {
    let unlikely = |x: u64| binomial(x, n, p).upper <= tail;
    if !unlikely(n) {
        return None;
    }
    let (mut low, mut high) = ((n as f64 * p) as u64, n);
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if unlikely(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    const SEARCH: Search = Search {
        places: 63,
        level: 0.05,
        power: 0.95,
    };

    /// A Poisson number of a large mean, by the normal law with continuity.
    fn counts(rates: &[f64], n: u64, seed: u64) -> Vec<u64> {
        let mut rng = random::stream(seed, 40);
        let total: f64 = rates.iter().sum();
        // Each place takes a binomial part of the events that are left, by the normal approximation.
        let (mut left, mut rest) = (n, total);
        rates
            .iter()
            .map(|rate| {
                let p = (rate / rest).min(1.0);
                rest -= rate;
                let mean = left as f64 * p;
                let spread = (mean * (1.0 - p)).sqrt() * random::normal(&mut rng);
                let count =
                    ((mean + spread + rng.random::<f64>() - 0.5).round().max(0.0) as u64).min(left);
                left -= count;
                count
            })
            .collect()
    }

    fn chips(first: f64) -> Vec<f64> {
        let mut rates = vec![1.0; 63];
        rates[0] = first;
        rates
    }

    /// How often in `runs` the first place is found.
    fn found(rate: f64, n: u64, runs: u64) -> f64 {
        let hits = (0..runs).filter(|seed| {
            let counts = counts(&chips(rate), n, *seed);
            let places = Places::of(&counts, SEARCH.level).expect("events");
            places.places[0].outlier == Some(Outlier::Weak)
        });
        hits.count() as f64 / runs as f64
    }

    #[test]
    fn a_chip_ten_per_cent_weak_is_found_among_as_many_shares_as_theory_says() {
        let n = SEARCH.events_needed(0.9).expect("some");
        // (z(1 − 0.05/63/2) + z(0.95) √0.9)² · 63/0.1², the normal law: 3.356 and 1.645.
        let normal = (3.356 + 1.645 * 0.9f64.sqrt()).powi(2) * 63.0 / 0.01;
        assert!((n as f64 / normal - 1.0).abs() < 0.03, "{n} not {normal}");
        // 400 runs: a standard error of 1.1 % at 95 %. A fifth fewer give 86 %, a fifth more 98 %.
        let [fewer, at, more] =
            [0.8, 1.0, 1.2].map(|part| found(0.9, (n as f64 * part) as u64, 400));
        assert!(fewer < 0.92, "{fewer} at a fifth fewer");
        assert!((0.92..=0.98).contains(&at), "{at} at {n}");
        assert!(more > 0.96, "{more} at a fifth more");
    }

    #[test]
    fn alike_places_are_seldom_told_apart() {
        let runs = 600;
        let any = (0..runs).filter(|seed| {
            let counts = counts(&chips(1.0), 50_000, 1_000 + seed);
            let places = Places::of(&counts, 0.05).expect("events");
            places.outliers().next().is_some()
        });
        // 30 expected at most, standard deviation 5.3.
        let any = any.count();
        assert!((10..=48).contains(&any), "{any} of {runs}");
    }

    #[test]
    fn a_dead_place_does_not_make_the_others_hot() {
        let mut rates = chips(0.0);
        rates[10] = 0.8;
        rates[20] = 1.3;
        let counts = counts(&rates, 1_000_000, 3);
        let places = Places::of(&counts, 0.05).expect("events");
        let outliers: Vec<_> = places
            .outliers()
            .map(|(i, place)| (i, place.outlier))
            .collect();
        assert_eq!(
            outliers,
            [
                (0, Some(Outlier::Dead)),
                (10, Some(Outlier::Weak)),
                (20, Some(Outlier::Hot))
            ]
        );
        let weak = places.places[10].ratio.expect("others");
        assert!(weak.low < 0.8 && 0.8 < weak.high && weak.high - weak.low < 0.03);
        assert_eq!(places.places[0].ratio.map(|ratio| ratio.low), Some(0.0));
    }

    #[test]
    fn what_can_be_seen_and_what_it_takes() {
        // A dead one of 63 shows once (62/63)^n ≤ 0.05/126.
        let dead = SEARCH.events_needed(0.0).expect("some");
        let wanted = (0.05f64 / 126.0).ln() / (62.0f64 / 63.0).ln();
        assert_eq!(dead, wanted.ceil() as u64);
        let seen = SEARCH.rate_seen(200_000).expect("some");
        let needed = SEARCH.events_needed(seen).expect("some");
        assert!((needed as f64 / 200_000.0 - 1.0).abs() < 0.02, "{needed}");
        assert_eq!(SEARCH.rate_seen(100), None);
        let hot = SEARCH.events_needed(1.1).expect("some");
        let weak = SEARCH.events_needed(0.9).expect("some");
        assert!(
            (hot as f64 / weak as f64 - 1.0).abs() < 0.25,
            "{hot} {weak}"
        );
        assert_eq!(SEARCH.events_needed(1.0), None);
        assert_eq!(SEARCH.events_needed(1.0 - 1e-9), None);
        assert_eq!(
            Search {
                places: 2,
                ..SEARCH
            }
            .events_needed(0.5),
            None
        );
        assert_eq!(Places::of(&[1, 2], 0.05), None);
        assert_eq!(Places::of(&[0, 0, 0], 0.05), None);
    }
}
