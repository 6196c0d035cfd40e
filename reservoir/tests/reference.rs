//! The reference reservoir against the literature's anchors on NARMA-10.
//!
//! Reference values: the same protocol in Python, reservoirpy's network at these parameters; 0.238 ± 0.031 at 100
//! nodes (ten seeds), 0.090 ± 0.035 at 1,000 nodes (five seeds).

#![expect(
    clippy::print_stdout,
    reason = "the table is what a reader of the test wants to see"
)]

use thermine_reservoir::bootstrap::Bootstrap;
use thermine_reservoir::capacity::memory_capacity;
use thermine_reservoir::controls::delay_line_with_products;
use thermine_reservoir::esn::{Esn, EsnConfig};
use thermine_reservoir::evaluate::evaluate;
use thermine_reservoir::left_out::LeftOut;
use thermine_reservoir::metrics::nrmse;
use thermine_reservoir::multi_seed::OverSeeds;
use thermine_reservoir::readout::{LAMBDAS, RidgePath, target_matrix, time_ordered};
use thermine_reservoir::split::Split;
use thermine_reservoir::tasks::narma::narma10;

const SPLIT: Split = Split {
    washout: 200,
    train: 2_000,
    test: 1_000,
};

fn score(config: EsnConfig, seed: u64) -> f64 {
    let task = narma10(SPLIT.total(), seed);
    let states = Esn::new(config)
        .and_then(|esn| esn.run(&task.input))
        .expect("valid");
    let targets = target_matrix([task.target.as_slice()]).expect("one");
    let lambda = time_ordered(&states, &targets, SPLIT.train_rows(), &LAMBDAS)
        .expect("chosen")
        .lambda;
    let path = RidgePath::new(&states, &targets, SPLIT.train_rows()).expect("finite");
    let predictions = path
        .at(lambda)
        .and_then(|readout| readout.predict(&states, SPLIT.test_rows()))
        .expect("the same features");
    nrmse(predictions.as_slice(), &task.target[SPLIT.test_rows()]).expect("varies")
}

fn over(nodes: usize, seeds: std::ops::Range<u64>) -> OverSeeds {
    let scores: Vec<f64> = seeds
        .map(|seed| score(EsnConfig::narma(nodes, seed), seed))
        .collect();
    let summary = OverSeeds::of(&scores).expect("several seeds");
    println!(
        "{nodes} nodes: NRMSE {:.4} ± {:.4} (sd, n = {}), mean within {:.4} to {:.4}; {scores:.3?}",
        summary.mean, summary.sd, summary.n, summary.low, summary.high
    );
    summary
}

#[test]
fn a_hundred_nodes_score_as_the_reference() {
    let summary = over(100, 0..10);
    assert!((summary.mean - 0.238).abs() < 0.03, "{}", summary.mean);
}

#[test]
fn a_thousand_nodes_reach_the_goal() {
    let summary = over(1_000, 0..5);
    assert!(summary.mean <= 0.09, "{}", summary.mean);
}

/// Ten seeds in Python: 0.254 ± 0.026 with the product that NARMA-10 is made of; without it, no line of less than
/// ten taps comes below 0.8.
#[test]
fn delay_lines_with_and_without_the_product_score_as_the_reference() {
    let mean = |taps: usize, pairs: &[(usize, usize)]| {
        let scores: Vec<f64> = (0..10)
            .map(|seed| {
                let task = narma10(SPLIT.total(), seed);
                let states = delay_line_with_products(&task.input, taps, pairs).expect("finite");
                let bootstrap = Bootstrap::new(SPLIT.test, seed);
                evaluate(&states, &task.target, &SPLIT, &bootstrap)
                    .expect("a score")
                    .nrmse
                    .value
            })
            .collect();
        OverSeeds::of(&scores).expect("ten").mean
    };
    for (taps, pairs, reference) in [
        (9, &[][..], 0.814),
        (10, &[], 0.595),
        (30, &[], 0.385),
        (30, &[(0, 9)], 0.254),
    ] {
        let score = mean(taps, pairs);
        println!("delay line of {taps}, products {pairs:?}: {score:.3} (reference {reference:.3})");
        assert!((score - reference).abs() < 0.025, "{score:.3}");
    }
}

#[test]
fn a_hundred_nodes_remember_as_much_as_the_reference() {
    let task = narma10(SPLIT.total(), 1);
    let esn = Esn::new(EsnConfig::narma(100, 1)).expect("valid");
    let states = esn.run(&task.input).expect("finite");
    let mc =
        memory_capacity(&states, &task.input, 100, &SPLIT, &LeftOut::default()).expect("measured");
    println!("memory capacity {:.1} of 100 nodes", mc.total);
    assert!((20.0..32.0).contains(&mc.total), "{}", mc.total);
}
