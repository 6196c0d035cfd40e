//! The published-protocol baselines of NARMA-10: what readouts without any device score.
//!
//! Reference values: ten other seeds, washout 200, train 2,000, test 1,000, computed independently in
//! Python; their standard errors are 0.004 to 0.008. Our leaky integrators have the time constants that
//! suit the task best, so they may do better than the reference's, but not worse.

#![expect(
    clippy::print_stdout,
    reason = "the table is what a reader of the test wants to see"
)]

use thermine_reservoir::bootstrap::Bootstrap;
use thermine_reservoir::controls::{constant, delay_line, leaky_bank};
use thermine_reservoir::evaluate::evaluate;
use thermine_reservoir::split::Split;
use thermine_reservoir::state::StateMatrix;
use thermine_reservoir::tasks::narma::narma10;

const SPLIT: Split = Split {
    washout: 200,
    train: 2_000,
    test: 1_000,
};
const SEEDS: std::ops::Range<u64> = 0..40;

/// Mean NRMSE over the seeds of the readout of `states`, made from the input.
fn mean(states: impl Fn(&[f64]) -> StateMatrix) -> f64 {
    let scores = SEEDS.map(|seed| {
        let task = narma10(SPLIT.total(), seed);
        let bootstrap = Bootstrap::new(SPLIT.test, seed);
        evaluate(&states(&task.input), &task.target, &SPLIT, &bootstrap)
            .expect("a score")
            .nrmse
            .value
    });
    scores.sum::<f64>() / SEEDS.count() as f64
}

#[test]
fn baselines_are_those_of_the_literature() {
    let line = |taps| move |input: &[f64]| delay_line(input, taps).expect("finite");
    let bank = |count| move |input: &[f64]| leaky_bank(input, count).expect("finite");
    let measured = [
        ("constant", 1.011, mean(|input| constant(input.len()))),
        ("current input", 0.880, mean(line(1))),
        ("delay line of 5", 0.820, mean(line(5))),
        ("delay line of 10", 0.595, mean(line(10))),
        ("delay line of 20", 0.401, mean(line(20))),
        ("delay line of 30", 0.385, mean(line(30))),
        ("3 leaky integrators", 0.654, mean(bank(3))),
        ("6 leaky integrators", 0.597, mean(bank(6))),
        ("9 leaky integrators", 0.575, mean(bank(9))),
    ];
    for (name, reference, score) in measured {
        println!("{name:<22} {score:.3} (reference {reference:.3})");
    }
    for (name, reference, score) in measured {
        let better = if name.contains("leaky") { 0.05 } else { 0.02 };
        assert!(
            score < reference + 0.02 && score > reference - better,
            "{name}: {score:.3}, not {reference:.3}"
        );
    }
}
