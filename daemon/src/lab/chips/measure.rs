//! What the counted shares of one unit say: of its chips and cores, its counter, its clock, its switches, its errors.

use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::{
    CountUniformity, Outlier, Place, Places, Search, Uniformity, exact,
};
use thermine_reservoir::switching::{Binning, SwitchProfile};
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;
use thermine_units::record::Verdict;

use super::cells::Cells;
use super::clock::{ChipClock, Times};
use super::counts::Tally;

/// Weaknesses for which it is said how many shares show them; the last is a dead one.
const WEAKNESSES: [f64; 5] = [0.05, 0.10, 0.20, 0.50, 1.0];

/// What is asked of the tests.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Demand {
    /// Expected part of false findings among the findings, of chips and of cores each.
    pub level: f64,
    /// Power at which the shares needed are counted.
    pub power: f64,
    /// Seed of the resampled intervals.
    pub seed: u64,
}

/// Where the shares are from.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// Name of the unit, or of the file.
    pub name: String,
    /// The capture.
    pub capture: String,
    /// Its stream.
    pub stream: String,
    /// Where its numbers come from.
    pub provenance: Provenance,
    /// The unit's model.
    pub model: Model,
    /// Seed of the run.
    pub seed: u64,
    /// Hash of the run's configuration.
    pub config_hash: String,
    /// What is to be known of how it was read.
    pub notes: Vec<String>,
}

/// What a stream holds, beside its shares.
#[derive(Debug)]
pub struct Context {
    /// Difficulties that were asked for.
    pub difficulties: Vec<f64>,
    /// Times of its first shares.
    pub times: Times,
    /// Shares whose times are in there.
    pub timed: usize,
    /// The unit's own count of hardware errors: how many came between two readings, and seconds between these.
    pub errors: Option<(u64, f64)>,
}

/// All that is measured of one unit.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// Where it is from.
    pub source: Source,
    /// What was asked of the tests.
    pub demand: Demand,
    /// The layout, and where it is known from.
    pub layout: Said,
    /// Shares that are work, each once.
    pub shares: u64,
    /// Time that they span, s.
    pub seconds: f64,
    /// Answers by verdict, and their part of all.
    pub verdicts: Vec<(&'static str, u64, Option<Estimate>)>,
    /// Copies of earlier shares, whatever the verdict, and their part of all answers.
    pub duplicates: (u64, Option<Estimate>),
    /// Answers that are no valid shares, and their part of all.
    pub invalid: (u64, Option<Estimate>),
    /// Hardware errors per second by the unit's own count.
    pub hardware_errors: Option<Estimate>,
    /// Shares of no known chip or core, and their part of all.
    pub strange: (u64, Option<Estimate>),
    /// The chips, if told apart.
    pub chips: Option<Group>,
    /// The cores, all chips together, if told apart.
    pub cores: Option<Group>,
    /// Cores of single chips.
    pub cells: Option<Cells>,
    /// Part of the counter's range that is used.
    pub coverage: Option<Estimate>,
    /// Probability of counters as uneven as these within the range used (KS, of the first 100,000).
    pub counter_uniform: Option<f64>,
    /// The clock.
    pub clock: ChipClock,
    /// What changes of jobs cost; `None` with the reason in the notes.
    pub switches: Option<SwitchProfile>,
}

/// A layout as a report says it.
#[derive(Debug, Clone, Serialize)]
pub struct Said {
    /// Kind of chip.
    pub name: String,
    /// Where it is known from.
    pub source: String,
    /// Boards, which are not told apart.
    pub boards: usize,
    /// Positions of chips.
    pub chips: usize,
    /// Chips side by side.
    pub rows: usize,
    /// Cores.
    pub cores: usize,
}

/// Chips or cores side by side.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// `chip` or `core`.
    pub what: &'static str,
    /// All counts at once against equal ones.
    pub even: Option<CountUniformity>,
    /// Each against the others.
    pub places: Places,
    /// Shares per second of each, exact.
    pub rates: Vec<Option<Estimate>>,
    /// Hash rate of each in GH/s, if all shares are of one difficulty.
    pub hash_rates: Option<Vec<Option<Estimate>>>,
    /// Shares needed to see one that is weak by so much, in all boards and in one board only.
    pub needed: Vec<Needed>,
    /// The weakness that the shares at hand show with the power asked for; `None` if not even a dead one.
    pub shown: Option<f64>,
}

/// What it takes to see a weak place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Needed {
    /// How weak: 1 is dead.
    pub weakness: f64,
    /// Shares, if it is so in all boards.
    pub shares: Option<u64>,
    /// Shares, if it is so in one board only, and nonces do not tell boards apart.
    pub in_one_board: Option<u64>,
}

/// Measures the shares of `tally`.
pub fn measure(mut source: Source, tally: &Tally, context: &Context, demand: Demand) -> Measured {
    let layout = tally.layout();
    let seconds = tally.seconds();
    let answers = tally.answers();
    let profile = SwitchProfile::of(
        &context.times.sent,
        &context.times.shares,
        Binning::default(),
        demand.seed,
    );
    let profile = match profile {
        Ok(profile) => Some(profile),
        Err(error) => {
            source.notes.push(format!("job switches: {error}"));
            None
        }
    };
    if (context.timed as u64) < answers {
        source.notes.push(format!(
            "switches and clock are of the first {} answers",
            context.timed
        ));
    }
    let told = tally.n - tally.strange;
    let range = f64::from(layout.counter_bits()).exp2();
    let coverage = (layout.counter_bits() > 0)
        .then(|| exact::reach(f64::from(tally.largest), told))
        .flatten()
        .map(|reach| scaled(reach, 1.0 / range));
    let uniform = coverage.and_then(|coverage| {
        let top = coverage.value * range;
        let counters = tally.counters.iter();
        Uniformity::of(counters.map(|c| (f64::from(*c) / top).min(1.0)).collect())
    });
    let duplicates = tally.of(Verdict::Duplicate) + tally.repeated;
    let invalid = answers - tally.n - duplicates;
    let part = |count: u64| exact::proportion(count, answers);
    let algorithm = source.model.algorithm();
    let giga = match context.difficulties[..] {
        [difficulty] => thermine_units::pow::Difficulty::new(difficulty)
            .ok()
            .map(|difficulty| difficulty.hashes(algorithm) * 1e-9),
        _ => None,
    };
    let group =
        |what, counts: Vec<u64>| Group::of(what, &counts, (seconds, giga), layout.boards, demand);
    Measured {
        demand,
        layout: Said {
            name: layout.name.clone(),
            source: layout.source.clone(),
            boards: layout.boards,
            chips: layout.chips,
            rows: layout.rows,
            cores: layout.cores,
        },
        shares: tally.n,
        seconds,
        verdicts: Verdict::ALL
            .iter()
            .map(|verdict| (verdict.name(), tally.of(*verdict)))
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| (name, count, part(count)))
            .collect(),
        duplicates: (duplicates, part(duplicates)),
        invalid: (invalid, part(invalid)),
        hardware_errors: context
            .errors
            .and_then(|(count, seconds)| exact::rate(count, seconds)),
        strange: (tally.strange, exact::proportion(tally.strange, tally.n)),
        chips: group("chip", tally.chips()),
        cores: group("core", tally.cores()),
        cells: Cells::of(tally, demand),
        coverage,
        counter_uniform: uniform.map(|test| test.p),
        clock: ChipClock::of(
            algorithm,
            tally,
            &context.difficulties,
            profile.as_ref(),
            coverage,
            &context.times,
        ),
        switches: profile,
        source,
    }
}

fn scaled(estimate: Estimate, by: f64) -> Estimate {
    Estimate {
        value: estimate.value * by,
        low: estimate.low * by,
        high: estimate.high * by,
    }
}

impl Group {
    /// `None` of fewer than three places or of no shares. `seconds` are those that the counts span, `giga` the 10^9
    /// hashes of a share.
    fn of(
        what: &'static str,
        counts: &[u64],
        (seconds, giga): (f64, Option<f64>),
        boards: usize,
        demand: Demand,
    ) -> Option<Group> {
        let places = Places::of(counts, demand.level)?;
        let search = Search {
            places: counts.len(),
            level: demand.level,
            power: demand.power,
        };
        let needed = WEAKNESSES.map(|weakness| Needed {
            weakness,
            shares: search.events_needed(1.0 - weakness),
            in_one_board: (boards > 1)
                .then(|| search.events_needed(1.0 - weakness / boards as f64))
                .flatten(),
        });
        let rates: Vec<Option<Estimate>> = counts
            .iter()
            .map(|count| exact::rate(*count, seconds))
            .collect();
        let hash_rates = giga.map(|giga| {
            let rates = rates.iter();
            rates
                .map(|rate| rate.map(|rate| scaled(rate, giga)))
                .collect()
        });
        Some(Group {
            what,
            even: CountUniformity::of(counts),
            shown: search.rate_seen(places.n).map(|rate| 1.0 - rate),
            places,
            rates,
            hash_rates,
            needed: needed.to_vec(),
        })
    }

    /// Places that differ, by their number.
    pub fn outliers(&self) -> impl Iterator<Item = (usize, &Place)> {
        self.places.outliers()
    }
}

impl Measured {
    /// What was found, in one sentence for chips and one for cores.
    pub fn verdict(&self) -> String {
        if self.chips.is_none() && self.cores.is_none() {
            return match self.layout.chips + self.layout.cores {
                0 => format!(
                    "Nothing can be said of single chips or cores: {}.",
                    self.layout.source
                ),
                _ => "Nothing can be said of single chips or cores: no share names a known one."
                    .into(),
            };
        }
        let mut said: Vec<String> = [&self.chips, &self.cores]
            .into_iter()
            .flatten()
            .map(|group| group.verdict())
            .collect();
        if let Some(cells) = self.cells.as_ref().filter(|cells| !cells.few.is_empty()) {
            let shown: Vec<String> = (cells.few.iter().take(6))
                .map(|cell| format!("{}/{}", cell.chip, cell.core))
                .collect();
            let more = match cells.few.len().saturating_sub(shown.len()) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            said.push(format!(
                "Cores of single chips that find too little, chip/core: {}{more}.",
                shown.join(", ")
            ));
        }
        said.join(" ")
    }
}

impl Group {
    fn verdict(&self) -> String {
        let what = self.what;
        let ten = self.needed.iter().find(|needed| needed.weakness == 0.1);
        let found: Vec<String> = self
            .outliers()
            .map(|(number, place)| match (place.outlier, place.ratio) {
                (Some(Outlier::Dead), _) | (_, None) => format!("{number} is dead"),
                (kind, Some(ratio)) => format!(
                    "{number} is {} ({:.0} % of the others [{:.0}, {:.0}])",
                    if kind == Some(Outlier::Hot) {
                        "hot"
                    } else {
                        "weak"
                    },
                    100.0 * ratio.value,
                    100.0 * ratio.low,
                    100.0 * ratio.high
                ),
            })
            .collect();
        if !found.is_empty() {
            return format!(
                "{} of {} {what}s differ: {what} {}.",
                found.len(),
                self.places.places.len(),
                found.join(", ")
            );
        }
        let would = match ten {
            Some(Needed {
                shares: Some(shares),
                in_one_board,
                ..
            }) => {
                let one_board = in_one_board
                    .map(|n| format!(", and {} if it is so on one board only", rounded(n)))
                    .unwrap_or_default();
                format!(
                    "; a {what} 10 % weak would need {}{one_board}",
                    rounded(*shares)
                )
            }
            _ => String::new(),
        };
        format!(
            "No {what} differs at this number of shares ({}){would}.",
            grouped(self.places.n)
        )
    }
}

/// A count to three digits: shares needed go up and down by some parts in a thousand with the steps of a count.
pub(super) fn rounded(n: u64) -> String {
    let unit = 10u64.pow(n.checked_ilog10().unwrap_or(0).saturating_sub(2));
    grouped((n + unit / 2) / unit * unit)
}

/// A count with its thousands apart.
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_string();
    for (i, digit) in digits[first..].chars().enumerate() {
        if i % 3 == 0 && !text.is_empty() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_set_in_threes_and_rounded_to_three_digits() {
        let shown = [0, 7, 490, 1_572, 153_410, 5_719_688].map(|n| (grouped(n), rounded(n)));
        let shown = shown.map(|(all, three)| format!("{all} {three}"));
        assert_eq!(
            shown,
            [
                "0 0",
                "7 7",
                "490 490",
                "1,572 1,570",
                "153,410 153,000",
                "5,719,688 5,720,000"
            ]
        );
    }
}
