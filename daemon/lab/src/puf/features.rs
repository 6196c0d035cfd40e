//! A response in numbers.
//!
//! | feature | source | unit |
//! | --- | --- | --- |
//! | chip's rate, of each position in the chain, at each place | shares | the mean chip's |
//! | core's rate, of each core number, over all places | shares | the mean core's |
//! | shares per second, as a logarithm; coefficient of variation of the waits; at each place | shares | 1 |
//! | temperatures of circuit board, chip and regulator, of each board at each place | telemetry | °C |
//! | hash rate and wrong answers per second, of each board at each place | telemetry | GH/s, 1/s |
//! | power and core voltage, at each place | telemetry | W, V |
//!
//! Rates of chips and cores are linear in the counts: for small differences between units a likelihood ratio of counts
//! depends on them alone. A reading that a unit does not give is a missing feature.

use crate::substrate::Observation;
use thermine_reservoir::identity::Kind;
use thermine_sim::Params;
use thermine_units::unit::{Board, Telemetry};

use super::challenge::Plan;
use super::response::Response;
use crate::experiment::counts;

/// The part of a response that a feature is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Nonces and times of shares.
    Shares,
    /// Readings of the unit's control interface.
    Telemetry,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Feature {
    pub(super) name: String,
    pub(super) source: Source,
    /// Features of one group have the same expectation before a unit is measured: the chips of a chain, the boards of a
    /// unit.
    pub(super) group: usize,
}

impl Feature {
    /// Group and part for the population. Shares and telemetry are independent parts: counts and sensors scatter for
    /// different reasons.
    pub(super) fn kind(&self) -> Kind {
        Kind {
            group: self.group,
            part: match self.source {
                Source::Shares => 0,
                Source::Telemetry => 1,
            },
        }
    }
}

/// The features of each response to a plan, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Features {
    pub(super) list: Vec<Feature>,
    chips: usize,
    cores: usize,
    boards: usize,
}

/// One reading of a board.
type OfBoard = (&'static str, fn(&Board) -> Option<f64>);

/// Mean readings of a board.
const OF_BOARD: [OfBoard; 4] = [
    ("circuit board °C", |b| Some(b.pcb_temp?.0)),
    ("chip °C", |b| Some(b.chip_temp?.0)),
    ("regulator °C", |b| Some(b.regulator_temp?.0)),
    ("GH/s", |b| Some(b.hash_rate?.0 * 1e-9)),
];

/// One reading of a unit.
type OfUnit = (&'static str, fn(&Telemetry) -> Option<f64>);

/// Mean readings of a unit.
const OF_UNIT: [OfUnit; 2] = [
    ("power W", |t| Some(t.power?.0)),
    ("core V", |t| Some(t.core_voltage?.0)),
];

impl Features {
    pub(super) fn of(plan: &Plan) -> Features {
        let (chips, cores) = counts::places(plan.model);
        let boards = Params::of(plan.model).map_or(1, |params| params.boards);
        let (chips, cores) = (usize::from(chips), usize::from(cores));
        let mut list = Vec::new();
        let mut groups = 0;
        let mut add = |source: Source, names: Vec<String>| {
            list.extend(names.into_iter().map(|name| Feature {
                name,
                source,
                group: groups,
            }));
            groups += 1;
        };
        for place in &plan.places {
            let at = |what: &str| format!("{}: {what}", place.name);
            if chips > 1 {
                let names = (0..chips).map(|chip| at(&format!("chip {chip}")));
                add(Source::Shares, names.collect());
            }
            add(Source::Shares, vec![at("ln shares/s")]);
            add(Source::Shares, vec![at("CV of waits")]);
            let readings = OF_BOARD.iter().map(|(name, _)| *name);
            for what in readings.chain(["wrong answers/s"]) {
                let names = (0..boards).map(|board| at(&format!("board {board} {what}")));
                add(Source::Telemetry, names.collect());
            }
            for (what, _) in OF_UNIT {
                add(Source::Telemetry, vec![at(what)]);
            }
        }
        if cores > 1 {
            let names = (0..cores).map(|core| format!("core {core}"));
            add(Source::Shares, names.collect());
        }
        Features {
            list,
            chips,
            cores,
            boards,
        }
    }

    /// The values of `response`, from the first `jobs` jobs of each place; in the order of the list, `None` for a reading
    /// that is missing.
    pub(super) fn values(&self, plan: &Plan, response: &Response, jobs: usize) -> Vec<Option<f64>> {
        let mut values = Vec::with_capacity(self.list.len());
        let mut by_core = vec![0.0; self.cores];
        for steps in &response.places {
            let steps = &steps[..jobs.min(steps.len())];
            let mut by_chip = vec![0.0; self.chips];
            self.count(plan, steps, &mut by_chip, &mut by_core);
            if self.chips > 1 {
                values.extend(shares_of(&by_chip));
            }
            values.extend(timing(steps));
            let readings = readings(steps);
            for (_, of) in OF_BOARD {
                for board in 0..self.boards {
                    let seen = readings.iter().map(|r| of(r.boards.get(board)?));
                    values.push(mean(seen));
                }
            }
            values.extend((0..self.boards).map(|board| errors(&readings, board)));
            for (_, of) in OF_UNIT {
                values.push(mean(readings.iter().map(|reading| of(reading))));
            }
        }
        if self.cores > 1 {
            values.extend(shares_of(&by_core));
        }
        values
    }

    fn count(&self, plan: &Plan, steps: &[Observation], chips: &mut [f64], cores: &mut [f64]) {
        let Some(layout) = counts::layout(plan.model) else {
            return;
        };
        for share in steps.iter().flat_map(|step| &step.shares) {
            let origin = layout.decode(share.nonce);
            if let Some(chip) = chips.get_mut(usize::from(origin.chip)) {
                *chip += 1.0;
            }
            let core = layout.core_index(origin.core);
            if let Some(core) = core.and_then(|core| cores.get_mut(usize::from(core))) {
                *core += 1.0;
            }
        }
    }
}

/// Each place's count over the mean count; `None` of no shares.
fn shares_of(counts: &[f64]) -> Vec<Option<f64>> {
    let mean = counts.iter().sum::<f64>() / counts.len().max(1) as f64;
    let rate = |count: &f64| (mean > 0.0).then(|| count / mean);
    counts.iter().map(rate).collect()
}

/// Logarithm of the rate of shares, and coefficient of variation of the waits between shares of one job.
fn timing(steps: &[Observation]) -> [Option<f64>; 2] {
    let shares: usize = steps.iter().map(|step| step.shares.len()).sum();
    let seconds: f64 = steps
        .iter()
        .map(|step| step.ended.since(step.started).as_secs_f64())
        .sum();
    let waits: Vec<f64> = steps
        .iter()
        .flat_map(|step| step.shares.windows(2))
        .map(|pair| pair[1].arrived.since(pair[0].arrived).as_secs_f64())
        .collect();
    let n = waits.len() as f64;
    let average = waits.iter().sum::<f64>() / n;
    let variance = waits.iter().map(|w| (w - average).powi(2)).sum::<f64>() / n;
    [
        (shares > 0 && seconds > 0.0).then(|| (shares as f64 / seconds).ln()),
        (waits.len() > 2 && average > 0.0).then(|| variance.sqrt() / average),
    ]
}

/// The readings of `steps`, each once.
fn readings(steps: &[Observation]) -> Vec<&Telemetry> {
    let mut readings: Vec<&Telemetry> = steps.iter().filter_map(|s| s.telemetry.as_ref()).collect();
    readings.dedup_by_key(|reading| reading.taken);
    readings
}

/// Mean of all readings; `None` if one of them is missing, or there are none.
fn mean(readings: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let all: Option<Vec<f64>> = readings.collect();
    let all = all.filter(|all| !all.is_empty())?;
    Some(all.iter().sum::<f64>() / all.len() as f64)
}

/// Wrong answers of `board` per second, from its counter's first and last reading.
fn errors(readings: &[&Telemetry], board: usize) -> Option<f64> {
    let (first, last) = (readings.first()?, readings.last()?);
    let count = |reading: &Telemetry| reading.boards.get(board)?.hardware_errors;
    let seconds = last.taken.since(first.taken).as_secs_f64();
    let more = count(last)?.checked_sub(count(first)?)?;
    (seconds > 0.0).then(|| more as f64 / seconds)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::challenge::tests::plan;
    use super::*;
    use crate::substrate::{Outcome, Refused, Sample};
    use thermine_units::clock::Nanos;
    use thermine_units::model::s9;
    use thermine_units::nonce::Origin;
    use thermine_units::quantity::Celsius;

    fn step(at: u64, chips: &[u8], reading: Option<f64>) -> Observation {
        let share = |(i, chip): (usize, &u8)| {
            let origin = Origin {
                chip: *chip,
                core: 64,
                counter: 1,
            };
            Sample {
                job: 1,
                arrived: Nanos::from_seconds(at as f64 + i as f64 + 1.0),
                since_job: Duration::from_secs(i as u64 + 1),
                nonce: s9::LAYOUT.encode(origin),
                difficulty: 256.0,
            }
        };
        let board = Board {
            chip_temp: reading.map(Celsius),
            hardware_errors: Some(at * 2),
            ..Board::default()
        };
        Observation {
            started: Nanos::from_seconds(at as f64),
            ended: Nanos::from_seconds((at + 4) as f64),
            outcome: Outcome::Answered,
            gap: std::time::Duration::ZERO,
            jobs: 1,
            shares: chips.iter().enumerate().map(share).collect(),
            refused: Refused::default(),
            telemetry: Some(Telemetry {
                taken: Nanos::from_seconds(at as f64),
                boards: vec![board; 3],
                ..Telemetry::default()
            }),
        }
    }

    #[test]
    fn features_of_a_small_answer_by_hand() {
        let plan = plan(2, 4);
        let features = Features::of(&plan);
        let response = Response {
            places: vec![
                vec![
                    step(0, &[5, 5, 6, 7], Some(60.0)),
                    step(4, &[5, 5, 5, 62], Some(62.0)),
                ],
                vec![
                    step(8, &[0, 1, 2, 3], None),
                    step(12, &[0, 1, 2, 3], Some(60.0)),
                ],
            ],
        };
        let value = |name: &str, jobs: usize| {
            let place = features.list.iter().position(|f| f.name == name);
            features.values(&plan, &response, jobs)[place.expect(name)]
        };
        let values = features.values(&plan, &response, 2);
        assert_eq!(values.len(), features.list.len());
        // 5 of 8 shares, of 63 chips.
        assert_eq!(value("rated: chip 5", 2), Some(5.0 * 63.0 / 8.0));
        assert_eq!(value("rated: chip 5", 1), Some(2.0 * 63.0 / 4.0));
        assert_eq!(value("rated: chip 4", 2), Some(0.0));
        // 64 is written for core 57.
        assert_eq!(value("core 57", 2), Some(114.0));
        assert_eq!(value("rated: ln shares/s", 2), Some(1f64.ln()));
        assert_eq!(value("rated: CV of waits", 2), Some(0.0));
        assert_eq!(value("rated: board 2 chip °C", 2), Some(61.0));
        assert_eq!(value("rated: board 0 wrong answers/s", 2), Some(2.0));
        assert_eq!(value("edge: board 0 chip °C", 2), None, "one is missing");
        assert_eq!(value("rated: power W", 2), None, "an S9 has no meter");
        assert_eq!(response.soonest(&plan), Some(1.0));
        assert_eq!(response.shares(), 16);
    }
}
