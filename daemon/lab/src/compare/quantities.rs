//! What the shares of a capture measure, each quantity with its 95 % interval.

use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::{
    DeadTimeTest, Lattice, Resampling, ShiftedExponential, Uniformity, WaitTest, autocorrelation,
    exact,
};
use thermine_units::pow::Difficulty;

use super::answers::{Answer, Answers, Kind};
use super::nonces;
use super::quantity::{List, Quantity, STEADY_MS, Test, unique};
use crate::estimate::scaled;

/// Part of the shortest first waits that is not believed: a share of an earlier job looks like a first one if the job in
/// between had none.
const ASIDE: f64 = 0.01;

/// Periods at which first waits are looked through for a comb, ms: short against a switch, so that their smooth law
/// has none of its own there.
const COMB_MS: (f64, f64) = (0.5, 3.0);

/// Probability below which a comb is believed, and measured.
const COMB_LEVEL: f64 = 0.001;

/// Lags at which the waits are looked through for memory.
const LAGS: usize = 10;

/// Half width, in standard deviations, of intervals that hold for ten lags at once: 1 − 0.05/20 of a normal.
const SIMULTANEOUS: f64 = 2.807;

/// Answers that a resample draws together.
const BLOCK: usize = 20;

/// Samples that two captures are compared by as a whole.
#[derive(Debug)]
pub(super) struct Samples {
    /// D₀/D of each share.
    pub(super) difficulty: Vec<f64>,
    /// Δt of first answers, ms.
    pub(super) first: Vec<f64>,
    /// Waits of late answers, ms.
    pub(super) late: Vec<f64>,
    /// From a share to its copy, ms.
    pub(super) copies: Vec<f64>,
}

/// All that is measured of one capture.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(super) quantities: Vec<Quantity>,
    pub(super) tests: Vec<Test>,
    pub(super) samples: Samples,
}

/// Measures `of`; `seed` is that of the resampling.
pub(super) fn measure(of: &Answers, seed: u64) -> Measured {
    let answers = &of.answers;
    let samples = samples(answers);
    let resampling = Resampling {
        block: BLOCK,
        resamples: (2_000_000 / answers.len().max(1)).clamp(200, 1_000),
        seed,
    };
    let mut list = List::default();
    let hashes = of.difficulty * Difficulty::ONE.hashes(of.unit.algorithm);
    rates(&mut list, of, &samples, hashes, &resampling);
    law(&mut list, answers);
    first_waits(&mut list, &samples.first, &resampling);
    let teeth = Lattice::of(&samples.first, COMB_MS.0, COMB_MS.1);
    comb(&mut list, teeth);
    memory(&mut list, &samples.first);
    late_and_copies(&mut list, answers, &samples, &resampling);
    let mut tests = nonces::measure(&mut list, of);
    let wait_law = WaitTest::of(&samples.first, ASIDE, seed);
    tests.splice(
        0..0,
        [
            Test {
                name: "difficulty: D₀/D uniform (KS)",
                p: Uniformity::of(samples.difficulty.clone()).map(|test| test.p),
            },
            Test {
                name: "Δt: fixed dead time + exponential (KS, parametric bootstrap)",
                p: wait_law.map(|test| test.p),
            },
            Test {
                name: "Δt: no comb of 0.5 to 3 ms (Rayleigh)",
                p: teeth.map(|comb| comb.p),
            },
            Test {
                name: "Δt: CV of fixed dead time + exponential (z)",
                p: wait_law.and_then(|test| {
                    let dead =
                        thermine_reservoir::describe::DeadTime::Known(test.law.dead_time.max(0.0));
                    DeadTimeTest::of(&samples.first, dead).map(|test| test.p)
                }),
            },
        ],
    );
    Measured {
        quantities: list.0,
        tests,
        samples,
    }
}

fn samples(answers: &[Answer]) -> Samples {
    let waits = |kind: Kind| {
        let of = answers.iter().filter(|answer| answer.kind == kind);
        of.map(|answer| answer.wait).collect()
    };
    Samples {
        difficulty: unique(answers)
            .filter_map(|answer| answer.ratio)
            .map(|ratio| 1.0 / ratio)
            .collect(),
        first: waits(Kind::First),
        late: waits(Kind::Late),
        copies: answers
            .iter()
            .filter_map(|answer| match answer.kind {
                Kind::Copy(after) => Some(after as f64 * 1e-6),
                _ => None,
            })
            .collect(),
    }
}

fn mean(values: impl Iterator<Item = f64> + Clone) -> f64 {
    values.clone().sum::<f64>() / values.count() as f64
}

/// Rates of shares and of hashes, and what a new job costs.
fn rates(list: &mut List, of: &Answers, samples: &Samples, hashes: f64, resampling: &Resampling) {
    // Waits since the newest job, and not from answer to answer: the host's own time in between is no property
    // of the unit.
    let waits: Vec<(f64, Kind)> = of
        .answers
        .iter()
        .map(|answer| (answer.wait * 1e-3, answer.kind))
        .collect();
    let rate = resampling.estimate(waits.len(), |places| {
        let seconds: f64 = places.iter().map(|i| waits[*i].0).sum();
        let unique = places
            .iter()
            .filter(|i| !matches!(waits[**i].1, Kind::Copy(_)));
        unique.count() as f64 / seconds
    });
    list.push("unique shares", "1/s", rate);
    list.push(
        "useful and late hash rate",
        "TH/s",
        rate.map(|rate| scaled(rate, hashes * 1e-12)),
    );

    let steady = || {
        let late = samples.first.iter().filter(|wait| **wait > STEADY_MS);
        let exposure: f64 = late.clone().map(|wait| wait - STEADY_MS).sum();
        exact::rate(late.count() as u64, exposure * 1e-3)
    };
    let steady = steady();
    list.push("steady rate, Δt > 60 ms", "1/s", steady);
    let cycle = {
        let chips = of.unit.boards * of.unit.columns * of.unit.chips;
        chips as f64 * of.unit.hashes_per_cycle
    };
    let clock = steady.map(|steady| scaled(steady, hashes / cycle * 1e-6));
    list.push("clock by the steady rate, less errors", "MHz", clock);
    // Mean wait · (1 − useful/steady), of one job.
    let loss = resampling.estimate(waits.len(), |places| {
        let seconds: f64 = places.iter().map(|i| waits[*i].0).sum();
        let first = places.iter().map(|i| waits[*i]);
        let first = first
            .filter(|(_, kind)| *kind == Kind::First)
            .map(|(wait, _)| wait);
        let useful = first.clone().count() as f64 / seconds;
        let beyond = first.map(|wait| wait - STEADY_MS * 1e-3);
        let beyond = beyond.filter(|wait| *wait > 0.0);
        let steady = beyond.clone().count() as f64 / beyond.sum::<f64>();
        seconds / places.len() as f64 * (1.0 - useful / steady) * 1e3
    });
    list.push("hashing lost to a new job", "ms", loss);
}

/// The law of difficulties.
fn law(list: &mut List, answers: &[Answer]) {
    let ratios: Vec<f64> = unique(answers).filter_map(|answer| answer.ratio).collect();
    list.push(
        "tail exponent of difficulty",
        "",
        exact::tail_exponent(&ratios),
    );
    let n = ratios.len() as f64;
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    // The smallest of n lies 1/(n − 1) above the floor on average, and less than 3.7/n but once in forty.
    let floor = (ratios.len() > 1).then(|| Estimate {
        value: least * (n - 1.0) / n,
        low: least * (1.0 - 3.69 / n),
        high: least,
    });
    list.push("lowest difficulty over the one asked", "", floor);
}

/// Δt of first answers.
fn first_waits(list: &mut List, first: &[f64], resampling: &Resampling) {
    let moments = |places: &[usize]| {
        let mean = places.iter().map(|i| first[*i]).sum::<f64>() / places.len() as f64;
        let squares: f64 = places.iter().map(|i| (first[*i] - mean).powi(2)).sum();
        (mean, (squares / (places.len() - 1) as f64).sqrt())
    };
    let estimate = |of: &dyn Fn(&[usize]) -> f64| {
        (first.len() > 2)
            .then(|| resampling.estimate(first.len(), of))
            .flatten()
    };
    let fitted = |places: &[usize]| {
        let waits: Vec<f64> = places.iter().map(|i| first[*i]).collect();
        ShiftedExponential::fit(&waits, ASIDE)
    };
    let quantile = |q: f64| {
        estimate(&|places: &[usize]| {
            let mut waits: Vec<f64> = places.iter().map(|i| first[*i]).collect();
            let place = (q * (waits.len() - 1) as f64) as usize;
            *waits.select_nth_unstable_by(place, f64::total_cmp).1
        })
    };
    list.push(
        "first answer: mean Δt",
        "ms",
        estimate(&|places| moments(places).0),
    );
    list.push(
        "first answer: CV of Δt",
        "",
        estimate(&|places| {
            let (mean, sd) = moments(places);
            sd / mean
        }),
    );
    list.push("first answer: 1 % quantile", "ms", quantile(0.01));
    list.push("first answer: 5 % quantile", "ms", quantile(0.05));
    list.push("first answer: median", "ms", quantile(0.5));
    list.push("first answer: 95 % quantile", "ms", quantile(0.95));
    list.push(
        "dead time, maximum likelihood",
        "ms",
        estimate(&|places| fitted(places).map_or(f64::NAN, |law| law.dead_time)),
    );
    list.push(
        "exponential part, maximum likelihood",
        "ms",
        estimate(&|places| fitted(places).map_or(f64::NAN, |law| law.scale)),
    );
    list.push(
        "dead time, by moments (mean − sd)",
        "ms",
        estimate(&|places| {
            let (mean, sd) = moments(places);
            mean - sd
        }),
    );
}

/// The comb on which first waits stand, if that is beyond chance: what answers in steps is seen in steps.
fn comb(list: &mut List, comb: Option<Lattice>) {
    let found = comb.filter(|comb| comb.p < COMB_LEVEL);
    let period = found.map(|comb| comb.period);
    list.push("comb of Δt: period", "ms", period);
    let strength = found.map(|comb| comb.strength);
    list.push("comb of Δt: strength", "", strength);
}

/// Autocorrelation of first waits.
fn memory(list: &mut List, first: &[f64]) {
    let spread = SIMULTANEOUS / (first.len().max(1) as f64).sqrt();
    let found = autocorrelation(first, LAGS);
    for lag in 1..=LAGS {
        let value = found.get(lag - 1).copied();
        let name = format!("autocorrelation of Δt, lag {lag}");
        list.push(
            name,
            "",
            value.map(|value| Estimate {
                value,
                low: value - spread,
                high: value + spread,
            }),
        );
    }
}

/// Answers to replaced jobs, and shares sent twice.
fn late_and_copies(
    list: &mut List,
    answers: &[Answer],
    samples: &Samples,
    resampling: &Resampling,
) {
    let share_of = |kind: &dyn Fn(&Answer) -> bool| {
        resampling.estimate(answers.len(), |places| {
            let hits = places.iter().filter(|i| kind(&answers[**i])).count();
            hits as f64 / places.len() as f64
        })
    };
    list.push(
        "late answers",
        "",
        share_of(&|answer| answer.kind == Kind::Late),
    );
    list.push(
        "copies",
        "",
        share_of(&|answer| matches!(answer.kind, Kind::Copy(_))),
    );
    let mean_of = |values: &[f64]| {
        let few = Resampling {
            block: 1,
            ..*resampling
        };
        let estimate = few.estimate(values.len(), |places| {
            mean(places.iter().map(|i| values[*i]))
        });
        estimate.filter(|_| values.len() > 2)
    };
    list.push("late answers: mean wait", "ms", mean_of(&samples.late));
    list.push("copies: mean delay", "ms", mean_of(&samples.copies));
    let after_late = answers
        .windows(2)
        .filter(|pair| matches!(pair[1].kind, Kind::Copy(_)));
    let hits = after_late
        .clone()
        .filter(|pair| pair[0].kind != Kind::First)
        .count() as u64;
    list.push(
        "copies that follow a late answer or a copy",
        "",
        exact::proportion(hits, after_late.count() as u64),
    );
}
