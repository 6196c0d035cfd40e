//! How often the 95 % intervals of scores hold the truth: the NRMSE of the same trained readout, on the same process,
//! over 200,000 further steps. `cargo bench -p thermine-reservoir --bench coverage` prints the table of
//! `docs/theory.md`; it takes some minutes.
//!
//! Each of the seeds draws one drive and trains one readout per model; behind its training steps lie ten test segments,
//! so that each cell of the table counts 1,000 intervals. Their standard error is 0.7 % if the segments of a seed are
//! independent.

#![expect(clippy::print_stdout, reason = "the bench prints its table")]

use thermine_reservoir::bootstrap::{Bootstrap, Estimate};
use thermine_reservoir::controls::{constant, delay_line, leaky_bank};
use thermine_reservoir::esn::{Esn, EsnConfig};
use thermine_reservoir::readout::{LinearReadout, Ridge};
use thermine_reservoir::state::StateMatrix;
use thermine_reservoir::tasks::Sequence;
use thermine_reservoir::tasks::narma::narma10;
use thermine_reservoir::tasks::parity::xor;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const WASHOUT: usize = 200;
const TRAIN: usize = 2_000;

/// Test lengths; a segment has the longest of them.
const LENGTHS: [usize; 2] = [500, 1_000];
const SEGMENT: usize = 1_000;
const SEGMENTS: usize = 10;

/// Seeds of the drives that are scored, none of which served to choose the method.
const SEEDS: std::ops::Range<u64> = 1_000..1_100;

/// Seeds of the drives on which the truth is measured, and their steps.
const TRUTHS: std::ops::Range<u64> = 1_000_000..1_000_010;
const TRUTH: usize = 20_000;

/// Delay of the task that recalls an input.
const DELAY: usize = 10;

/// A readout that leaves less than this has solved the task to rounding.
const SOLVED: f64 = 1e-6;

const TASKS: [&str; 3] = ["NARMA-10", "memory of 10", "XOR"];
const MODELS: [&str; 6] = [
    "constant",
    "current input",
    "delay line of 9",
    "delay line of 30",
    "9 leaky integrators",
    "network of 50 nodes",
];

fn task(name: &str, steps: usize, seed: u64) -> Sequence {
    match name {
        "XOR" => xor(steps, 1, seed),
        "NARMA-10" => narma10(steps, seed),
        _ => {
            let mut task = narma10(steps, seed);
            let past = std::iter::repeat_n(0.0, DELAY);
            task.target = past.chain(task.input.iter().copied()).take(steps).collect();
            task
        }
    }
}

fn states(model: &str, input: &[f64]) -> Outcome<StateMatrix> {
    Ok(match model {
        "constant" => constant(input.len()),
        "current input" => delay_line(input, 1)?,
        "delay line of 9" => delay_line(input, 9)?,
        "delay line of 30" => delay_line(input, 30)?,
        "9 leaky integrators" => leaky_bank(input, 9)?,
        _ => Esn::new(EsnConfig::narma(50, 1))?.run(input)?,
    })
}

/// A trained readout with its predictions behind the training steps.
struct Trained {
    readout: LinearReadout,
    predictions: Vec<f64>,
    /// Sum of its squared errors on the long stretch.
    errors: f64,
}

fn train(model: &str, sequences: &[Sequence]) -> Outcome<Vec<Trained>> {
    let train = |sequence: &Sequence| {
        let states = states(model, &sequence.input)?;
        let readout = Ridge::fit(&states, &sequence.target, WASHOUT..WASHOUT + TRAIN)?.readout;
        let predictions = readout.predict(&states, WASHOUT + TRAIN..states.rows())?;
        Ok(Trained {
            readout,
            predictions: predictions.as_slice().to_vec(),
            errors: 0.0,
        })
    };
    sequences.iter().map(train).collect()
}

/// The NRMSE of every readout on the long stretch.
fn truths(name: &str, model: &str, trained: &mut [Trained]) -> Outcome<Vec<f64>> {
    let rows = WASHOUT..WASHOUT + TRUTH;
    let mut targets = Vec::new();
    for seed in TRUTHS {
        let sequence = task(name, rows.end, seed);
        let states = states(model, &sequence.input)?;
        let target = &sequence.target[rows.clone()];
        for trained in trained.iter_mut() {
            let predictions = trained.readout.predict(&states, rows.clone())?;
            let pairs = predictions.iter().zip(target);
            trained.errors += pairs.map(|(p, y)| (p - y).powi(2)).sum::<f64>();
        }
        targets.extend_from_slice(target);
    }
    let mean = targets.iter().sum::<f64>() / targets.len() as f64;
    let spread: f64 = targets.iter().map(|y| (y - mean).powi(2)).sum();
    Ok(trained.iter().map(|t| (t.errors / spread).sqrt()).collect())
}

/// Part of the intervals that hold their truth, in %.
#[derive(Default)]
struct Coverage {
    held: usize,
    of: usize,
}

impl Coverage {
    fn count(&mut self, interval: &Estimate, truth: f64) {
        self.of += 1;
        self.held += usize::from(interval.low <= truth && truth <= interval.high);
    }

    fn percent(&self) -> f64 {
        100.0 * self.held as f64 / self.of as f64
    }
}

fn main() -> Outcome<()> {
    let all: Vec<f64> = TASKS
        .iter()
        .map(|name| table(name))
        .collect::<Outcome<Vec<_>>>()?
        .concat();
    let low = all.iter().copied().fold(f64::INFINITY, f64::min);
    let high = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    println!(
        "{} cells: {low:.1} to {high:.1} %, mean {mean:.1} %",
        all.len()
    );
    Ok(())
}

/// Prints one task's rows and gives all their coverages.
fn table(name: &str) -> Outcome<Vec<f64>> {
    let steps = WASHOUT + TRAIN + SEGMENT * SEGMENTS;
    let sequences: Vec<Sequence> = SEEDS.map(|seed| task(name, steps, seed)).collect();
    let mut input: Option<(Vec<Trained>, Vec<f64>)> = None;
    let mut all = Vec::new();
    for model in MODELS {
        let mut trained = train(model, &sequences)?;
        let truths = truths(name, model, &mut trained)?;
        let mean = truths.iter().sum::<f64>() / truths.len() as f64;
        let mut cells = Vec::new();
        for length in LENGTHS {
            let (mut score, mut gap) = (Coverage::default(), Coverage::default());
            for (i, seed) in SEEDS.enumerate() {
                let target = &sequences[i].target[WASHOUT + TRAIN..];
                let bootstrap = Bootstrap::new(length, seed);
                for start in (0..SEGMENTS).map(|segment| segment * SEGMENT) {
                    let rows = start..start + length;
                    let predictions = &trained[i].predictions[rows.clone()];
                    let target = &target[rows.clone()];
                    score.count(&bootstrap.nrmse(predictions, target), truths[i]);
                    if let Some((other, of_other)) = &input {
                        let other = &other[i].predictions[rows];
                        let difference = bootstrap.difference(predictions, other, target);
                        gap.count(&difference, truths[i] - of_other[i]);
                    }
                }
            }
            cells.extend([score, gap]);
        }
        if mean < SOLVED {
            println!("| {name} | {model} | solved exactly | | | | |");
            continue;
        }
        let percents: Vec<f64> = cells.iter().map(Coverage::percent).collect();
        let shown: Vec<String> = percents
            .iter()
            .map(|p| {
                if p.is_finite() {
                    format!("{p:.1}")
                } else {
                    "–".into()
                }
            })
            .collect();
        println!("| {name} | {model} | {mean:.3} | {} |", shown.join(" | "));
        all.extend(percents.into_iter().filter(|p| p.is_finite()));
        if model == "current input" {
            input = Some((trained, truths));
        }
    }
    Ok(all)
}
