//! Where heat ends: what banks of real poles reach on NARMA-10, beside delay lines and every temperature of an S9.
//!
//! `cargo bench -p thermine-lab --bench where_heat_ends` prints the table of `docs/where-heat-ends.md` and writes its
//! plot, `docs/where-heat-ends.svg`. Nothing in it has noise: it is a bound, not a forecast.

#![expect(clippy::print_stdout, reason = "the numbers are what it is for")]

mod support;

use std::path::Path;
use std::time::Duration;

use support::plot::{Curve, draw};
use thermine_reservoir::controls::delay_line_with_products;
use thermine_reservoir::metrics::nrmse;
use thermine_reservoir::readout::{Ridge, fit, target_matrix};
use thermine_reservoir::split::Split;
use thermine_reservoir::state::{Feature, StateMatrix};
use thermine_reservoir::tasks::Sequence;
use thermine_reservoir::tasks::narma::narma10;
use thermine_sim::{Device, Params};
use thermine_units::pow::Difficulty;
use thermine_units::quantity::MegaHertz;
use thermine_units::unit::OperatingPoint;

/// The protocol of every row of the README.
const SPLIT: Split = Split {
    washout: 200,
    train: 2_000,
    test: 1_000,
};

/// Seeds of the scores.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=10;

/// Seeds on which time constants and the hold of the S9 are chosen.
const TUNING: std::ops::RangeInclusive<u64> = 101..=103;

/// Integrators, and taps of a delay line.
const COUNTS: [usize; 15] = [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 15, 20, 25, 30];

/// Shortest and longest time constants that are tried, in steps.
const SHORTEST: [f64; 5] = [0.125, 0.25, 0.5, 1.0, 2.0];
const LONGEST: [f64; 5] = [2.5, 5.0, 10.0, 20.0, 40.0];

/// Holds of the S9 that are tried, s.
const HOLDS: [f64; 5] = [5.0, 10.0, 20.0, 40.0, 80.0];

/// Lowest clock of the S9 over its usual one, for a large swing of its temperatures. The clock and not the duty, which
/// job switches make in lumps: the heat is then exactly what the input asks for.
const LEAST_CLOCK: f64 = 0.31;

/// Largest input of NARMA-10.
const LARGEST: f64 = 0.5;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    println!(
        "NARMA-10, washout 200, trained on 2,000 steps, tested on 1,000; NRMSE, mean ± sd of seeds 1 to 10"
    );
    println!("time constants and hold chosen on seeds 101 to 103\n");
    let mut curves = vec![
        integrators("leaky integrators", false)?,
        integrators("leaky integrators, all products", true)?,
        delay_lines("delay line", false)?,
        delay_lines("delay line, all products", true)?,
    ];
    curves.push(s9()?);
    exact_readings()?;
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/where-heat-ends.svg");
    std::fs::write(&place, draw(&curves))?;
    println!("written: docs/where-heat-ends.svg");
    Ok(())
}

/// Banks of each size, at the range of time constants that is best for it.
fn integrators(name: &str, with_products: bool) -> Outcome<Curve> {
    let states = |input: &[f64], count: usize, range: (f64, f64)| -> Outcome<StateMatrix> {
        let bank = bank(input, count, range)?;
        if with_products {
            products(&bank)
        } else {
            Ok(bank)
        }
    };
    let (mut points, mut range) = (Vec::new(), (SHORTEST[0], LONGEST[0]));
    for count in COUNTS {
        let ranges = SHORTEST
            .iter()
            .flat_map(|shortest| LONGEST.map(|longest| (*shortest, longest)));
        let mut least = f64::INFINITY;
        for tried in ranges {
            let (tuned, _) = mean(TUNING, |task| states(&task.input, count, tried))?;
            if tuned < least {
                (least, range) = (tuned, tried);
            }
        }
        let (score, sd) = mean(SEEDS, |task| states(&task.input, count, range))?;
        println!(
            "{name}, {count}: {score:.3} ± {sd:.3} (time constants {} to {} steps)",
            range.0, range.1
        );
        points.push((count as f64, score, sd));
    }
    Ok(Curve::new(name, points))
}

/// Delay lines of each length.
fn delay_lines(name: &str, with_products: bool) -> Outcome<Curve> {
    let mut points = Vec::new();
    for count in COUNTS {
        let all: Vec<(usize, usize)> = (0..count)
            .flat_map(|i| (i..count).map(move |j| (i, j)))
            .collect();
        let pairs = if with_products { &all[..] } else { &[] };
        let (score, sd) = mean(SEEDS, |task| {
            Ok(delay_line_with_products(&task.input, count, pairs)?)
        })?;
        println!("{name}, {count}: {score:.3} ± {sd:.3}");
        points.push((count as f64, score, sd));
    }
    Ok(Curve::new(name, points))
}

/// All temperatures of a simulated S9 without noise, at the hold that is best for them.
fn s9() -> Outcome<Curve> {
    let mut best: Option<(f64, f64)> = None;
    for hold in HOLDS {
        let (tuned, _) = mean(TUNING, |task| temperatures(&task.input, hold))?;
        println!("S9, hold {hold} s: {tuned:.3} on the tuning seeds");
        if best.is_none_or(|(least, _)| tuned < least) {
            best = Some((tuned, hold));
        }
    }
    let (_, hold) = best.ok_or("no hold")?;
    let (score, sd) = mean(SEEDS, |task| temperatures(&task.input, hold))?;
    let count = temperatures(&[0.0], hold)?.columns();
    println!("S9, its {count} temperatures, hold {hold} s: {score:.3} ± {sd:.3}");
    Ok(Curve::new(
        "all temperatures of an S9",
        vec![(count as f64, score, sd)],
    ))
}

/// How far a bank of 30 comes if it is read ever more exactly: with ever smaller fixed penalties.
fn exact_readings() -> Outcome<()> {
    for lambda in [1e-3, 1e-5, 1e-7, 1e-9, 1e-11, 1e-13] {
        let mut scores = Vec::new();
        for seed in SEEDS {
            let task = narma10(SPLIT.total(), seed);
            let states = bank(&task.input, 30, (0.5, 10.0))?;
            let targets = target_matrix([&task.target[..]])?;
            let readout = fit(&states, &targets, SPLIT.train_rows(), lambda)?;
            let predicted = readout.predict(&states, SPLIT.test_rows())?;
            scores.push(nrmse(
                predicted.as_slice(),
                &task.target[SPLIT.test_rows()],
            )?);
        }
        let (score, sd) = spread(&scores);
        println!(
            "30 leaky integrators (0.5 to 10 steps), penalty {lambda:.0e}: {score:.3} ± {sd:.3}"
        );
    }
    Ok(())
}

/// Mean and standard deviation over `seeds` of the score that the states of a task reach.
fn mean(
    seeds: std::ops::RangeInclusive<u64>,
    states: impl Fn(&Sequence) -> Outcome<StateMatrix>,
) -> Outcome<(f64, f64)> {
    let mut scores = Vec::new();
    for seed in seeds {
        let task = narma10(SPLIT.total(), seed);
        let states = states(&task)?;
        let ridge = Ridge::fit(&states, &task.target, SPLIT.train_rows())?;
        let predicted = ridge.readout.predict(&states, SPLIT.test_rows())?;
        scores.push(nrmse(
            predicted.as_slice(),
            &task.target[SPLIT.test_rows()],
        )?);
    }
    Ok(spread(&scores))
}

fn spread(scores: &[f64]) -> (f64, f64) {
    let n = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    let squares: f64 = scores.iter().map(|score| (score - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// Leaky integrators of the input, their time constants spaced evenly on a logarithmic scale.
fn bank(input: &[f64], count: usize, (shortest, longest): (f64, f64)) -> Outcome<StateMatrix> {
    let column = |i: usize| {
        let position = i as f64 / (count - 1).max(1) as f64;
        let tau = shortest * (longest / shortest).powf(position);
        let gain = 1.0 - (-1.0 / tau).exp();
        let mut state = 0.0;
        let follow = |u: &f64| {
            state += gain * (u - state);
            state
        };
        let values = input.iter().map(follow).collect();
        (Feature::new(format!("leaky[{tau:.2}]"), "1"), values)
    };
    Ok(StateMatrix::from_columns(
        input.len(),
        (0..count).map(column).collect(),
    )?)
}

/// The states and all products of two of them, squares included. Of deviations from the mean, which spans the same and
/// rounds less.
fn products(states: &StateMatrix) -> Outcome<StateMatrix> {
    let (rows, count) = (states.rows(), states.columns());
    let centred: Vec<Vec<f64>> = states
        .values()
        .column_iter()
        .map(|column| {
            let mean = column.mean();
            column.iter().map(|x| x - mean).collect()
        })
        .collect();
    let mut columns = Vec::new();
    for i in 0..count {
        for j in i..count {
            let pair = centred[i].iter().zip(&centred[j]);
            let values = pair.map(|(a, b)| a * b).collect();
            columns.push((Feature::new(format!("{i}·{j}"), "1"), values));
        }
    }
    Ok(states.beside(&StateMatrix::from_columns(rows, columns)?)?)
}

/// Every temperature of a simulated S9 at the end of each step of `hold` seconds, its clock lower for a larger input. The
/// ambient is steady and the clock has no steps, so that nothing but the input moves them.
fn temperatures(input: &[f64], hold: f64) -> Outcome<StateMatrix> {
    let params = Params {
        ambient_sd_k: 0.0,
        frequency_step_mhz: 1e-6,
        ..Params::s9()
    };
    let hold = Duration::from_secs_f64(hold);
    let mut device = Device::warm(&params, 1);
    // So rare that none is found: shares do not heat.
    device.take_job(1, Difficulty::new(1e12)?, true);
    let mut rows = Vec::new();
    for u in input {
        let part = 1.0 - (1.0 - LEAST_CLOCK) * u / LARGEST;
        device.set_operating_point(&OperatingPoint {
            frequency: Some(MegaHertz(params.frequency_mhz * part)),
            ..OperatingPoint::UNCHANGED
        });
        let end = device.now() + hold;
        device.advance(end, &mut Vec::new());
        rows.push(device.temperatures().collect::<Vec<f64>>());
    }
    let column = |i: usize| {
        let values = rows.iter().map(|row| row[i]).collect();
        (Feature::new(format!("temperature {i}"), "°C"), values)
    };
    let columns = (0..rows.first().map_or(0, Vec::len)).map(column).collect();
    Ok(StateMatrix::from_columns(rows.len(), columns)?)
}
