//! Measures the counted shares of one unit: chips and cores, counter, clock, job switches, errors.

use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::{CountUniformity, Places, Search, Uniformity, exact};
use thermine_reservoir::switching::{Binning, SwitchProfile};
use thermine_units::pow::Difficulty;
use thermine_units::record::Verdict;

use super::cells::Cells;
use super::clock::ChipClock;
use super::counts::Tally;
use super::demand::Demand;
use super::fit::Fit;
use super::layout::Layout;
use super::measured::{Group, LayoutSummary, Measured, Needed, Source, StreamFacts};
use crate::estimate::scaled;

/// Weaknesses whose needed shares are reported; the last is a dead place.
const WEAKNESSES: [f64; 5] = [0.05, 0.10, 0.20, 0.50, 1.0];

/// Measures the shares of `tally`.
pub(super) fn measure(
    mut source: Source,
    (tally, fit): (&Tally, Option<Fit>),
    facts: &StreamFacts,
    demand: Demand,
) -> Measured {
    let layout = tally.layout();
    let (answers, seconds) = (tally.answers(), tally.seconds());
    let switches = switches(&mut source, facts, answers, demand);
    let is_read = fit.as_ref().is_none_or(Fit::fits);
    let (coverage, counter_uniform) = match is_read {
        true => counter(tally),
        false => (None, None),
    };
    let duplicates = tally.of(Verdict::Duplicate) + tally.repeated;
    let invalid = answers - tally.n - duplicates;
    let part = |count: u64| exact::proportion(count, answers);
    let verdicts = Verdict::ALL
        .iter()
        .map(|verdict| (verdict.name(), tally.of(*verdict)));
    let algorithm = source.model.algorithm();
    let giga = match facts.difficulties[..] {
        [difficulty] => Difficulty::new(difficulty)
            .ok()
            .map(|difficulty| difficulty.hashes(algorithm) * 1e-9),
        _ => None,
    };
    let group =
        |what, counts: Vec<u64>| Group::of(what, &counts, (seconds, giga), layout.boards, demand);
    Measured {
        demand,
        layout: summary(layout),
        fit,
        shares: tally.n,
        seconds,
        verdicts: verdicts
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| (name, count, part(count)))
            .collect(),
        duplicates: (duplicates, part(duplicates)),
        invalid: (invalid, part(invalid)),
        hardware_errors: facts
            .errors
            .and_then(|(count, seconds)| exact::rate(count, seconds)),
        strange: (tally.strange, exact::proportion(tally.strange, tally.n)),
        chips: is_read.then(|| group("chip", tally.chips())).flatten(),
        cores: is_read.then(|| group("core", tally.cores())).flatten(),
        cells: is_read.then(|| Cells::of(tally, demand)).flatten(),
        coverage,
        counter_uniform,
        clock: ChipClock::of(
            algorithm,
            tally,
            &facts.difficulties,
            switches.as_ref(),
            coverage,
            &facts.times,
        ),
        switches,
        source,
    }
}

fn summary(layout: &Layout) -> LayoutSummary {
    LayoutSummary {
        name: layout.name.clone(),
        source: layout.source.clone(),
        boards: layout.boards,
        chips: layout.chips,
        rows: layout.rows,
        cores: layout.cores,
    }
}

/// What job switches cost; if that is not known, a note of `source` says why.
fn switches(
    source: &mut Source,
    facts: &StreamFacts,
    answers: u64,
    demand: Demand,
) -> Option<SwitchProfile> {
    let (sent, shares) = (&facts.times.sent, &facts.times.shares);
    let profile = SwitchProfile::of(sent, shares, Binning::default(), demand.seed);
    let profile = profile.map_err(|error| source.notes.push(format!("job switches: {error}")));
    if (facts.timed as u64) < answers {
        let note = format!(
            "switches and clock are of the first {} answers",
            facts.timed
        );
        source.notes.push(note);
    }
    profile.ok()
}

/// Used part of the counter's range, and the probability that counters are as uneven as these within it.
fn counter(tally: &Tally) -> (Option<Estimate>, Option<f64>) {
    let bits = tally.layout().counter_bits();
    let range = f64::from(bits).exp2();
    let coverage = (bits > 0)
        .then(|| exact::reach(f64::from(tally.largest), tally.n - tally.strange))
        .flatten()
        .map(|reach| scaled(reach, 1.0 / range));
    let uniform = coverage.and_then(|coverage| {
        let top = coverage.value * range;
        let counters = tally.counters.iter();
        Uniformity::of(counters.map(|c| (f64::from(*c) / top).min(1.0)).collect())
    });
    (coverage, uniform.map(|test| test.p))
}

impl Group {
    /// `None` for fewer than three places or no shares. The counts span `seconds`; a share stands for `giga` 10^9 hashes.
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
}
