//! The distinguisher curve: how well the best of several models predicts success from the whole state after round r
//! of either compression.
//!
//! Each model is fitted on one part of the nonces, the best is chosen on a second part, and its area is measured on a
//! third, so that the choice does not bias the area. Chance is expected until round 60 of the second compression;
//! from round 61 on the state contains the last digest word, and the word rule is exact.

use serde::{Deserialize, Serialize};
use thermine_sha256::{Compression, START};

use super::network::{Network, Training};
use super::tree::{Bits, Tree};
use super::twin::{round_twin, run, succeeds};
use crate::information::discrimination::Auc;
use crate::readout::Logistic;
use crate::state::{Feature, StateMatrix};

/// Levels of the tree.
const DEPTH: usize = 6;

/// Penalty of the logistic regression on 256 bits.
const ALPHA: f64 = 10.0;

/// A model of success given the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// Logistic regression on the 256 bits.
    Logistic,
    /// A decision tree on them.
    Tree,
    /// A network 256-16-2 on them.
    Network,
    /// One register, as if it became the last digest word.
    Word,
}

impl Model {
    /// Each model that is tried, the exact one last.
    pub const ALL: [Model; 4] = [Model::Logistic, Model::Tree, Model::Network, Model::Word];

    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Model::Logistic => "logistic",
            Model::Tree => "tree",
            Model::Network => "network 256-16-2",
            Model::Word => "word rule",
        }
    }
}

/// How the curve is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// Nonces: half of them to fit, a fifth to choose, the rest to judge.
    pub nonces: usize,
    /// Number of leading zero bits of a success.
    pub bits: u32,
    /// Training passes of the network.
    pub epochs: usize,
    /// Seed of the nonces and of the network.
    pub seed: u64,
}

/// One point of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Compression of SHA-256d: 1 or 2.
    pub compression: u8,
    /// Round, 1 to 64.
    pub round: usize,
    /// The best model.
    pub model: Model,
    /// Area under the ROC curve on nonces used for neither the fit nor the choice; `None` if they have fewer than two
    /// successes or failures.
    pub auc: Option<Auc>,
    /// Whether all nonces have the same state at this point, so that nothing can be predicted.
    pub constant: bool,
}

/// The point after `round` (1 to 64) rounds of `compression`.
pub fn point(header: &[u8; 80], setup: &Setup, compression: Compression, round: usize) -> Point {
    let mut states: Vec<Bits> = Vec::with_capacity(setup.nonces);
    let mut success = Vec::with_capacity(setup.nonces);
    run(
        &mut round_twin(header),
        setup.nonces,
        setup.seed,
        |twin, lanes| {
            for lane in 0..lanes {
                states.push(twin.state(compression, round, lane));
                success.push(succeeds(twin, lane, setup.bits));
            }
        },
    );
    let (fitted, chosen) = (setup.nonces / 2, setup.nonces * 7 / 10);
    let constant = states.windows(2).all(|pair| pair[0] == pair[1]);
    let mut best: Option<(f64, Model, Vec<f64>)> = None;
    let models = Model::ALL
        .iter()
        .filter(|model| !constant || **model == Model::Word);
    for &model in models {
        let Some(scores) = scores(model, &states, &success, fitted, setup) else {
            continue;
        };
        let area = Auc::of(&scores[..chosen - fitted], &success[fitted..chosen]);
        let area = area.map_or(0.5, |auc| auc.value);
        if best.as_ref().is_none_or(|(most, ..)| area > *most) {
            best = Some((area, model, scores));
        }
    }
    let (_, model, scores) = best.unwrap_or((0.5, Model::Word, vec![0.0; setup.nonces - fitted]));
    Point {
        compression: match compression {
            Compression::First => 1,
            Compression::Second => 2,
        },
        round,
        model,
        auc: Auc::of(&scores[chosen - fitted..], &success[chosen..]),
        constant,
    }
}

/// Scores of all nonces from `fitted` on, by a model fitted on those before; `None` if it cannot be fitted.
fn scores(
    model: Model,
    states: &[Bits],
    success: &[bool],
    fitted: usize,
    setup: &Setup,
) -> Option<Vec<f64>> {
    match model {
        Model::Logistic => {
            let matrix = matrix(states)?;
            let model = Logistic::fit(&matrix, success, 0..fitted, ALPHA).ok()?;
            model.probabilities(&matrix, fitted..states.len()).ok()
        }
        Model::Network => {
            let matrix = matrix(states)?;
            let training = Training {
                hidden: vec![16],
                epochs: setup.epochs,
                batch: 64,
                rate: 1e-3,
                seed: setup.seed,
            };
            let network = Network::fit(&matrix, success, 0..fitted, &training)?;
            Some(network.probabilities(&matrix, fitted..states.len()))
        }
        Model::Tree => {
            let rows: Vec<usize> = (0..fitted).collect();
            let tree = Tree::fit(states, success, &rows, DEPTH);
            Some(
                states[fitted..]
                    .iter()
                    .map(|bits| tree.score(bits))
                    .collect(),
            )
        }
        Model::Word => {
            let area = |word: usize| {
                let scores: Vec<f64> = states[..fitted]
                    .iter()
                    .map(|s| word_rule(s, word))
                    .collect();
                Auc::of(&scores, &success[..fitted]).map_or(0.5, |auc| auc.value)
            };
            let areas: Vec<f64> = (0..8).map(area).collect();
            let best = (0..8).max_by(|a, b| areas[*a].total_cmp(&areas[*b]))?;
            Some(
                states[fitted..]
                    .iter()
                    .map(|s| word_rule(s, best))
                    .collect(),
            )
        }
    }
}

/// A score that rises as the most significant 32 bits of the hash would fall if register `word` became the last
/// digest word.
fn word_rule(state: &Bits, word: usize) -> f64 {
    -f64::from(state[word].wrapping_add(START[7]).swap_bytes())
}

/// The bits as columns of −1 and 1.
fn matrix(states: &[Bits]) -> Option<StateMatrix> {
    let column = |bit: usize| -> Vec<f64> {
        let of = |state: &Bits| f64::from(state[bit / 32] >> (bit % 32) & 1) * 2.0 - 1.0;
        states.iter().map(of).collect()
    };
    let columns = (0..256).map(|bit| (Feature::new(format!("bit {bit}"), "1"), column(bit)));
    StateMatrix::from_columns(states.len(), columns.collect()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> Setup {
        Setup {
            nonces: 3_000,
            bits: 4,
            epochs: 2,
            seed: 1,
        }
    }

    #[test]
    fn exact_from_round_61_of_the_second_compression() {
        for round in 61..=64 {
            let point = point(&[4; 80], &setup(), Compression::Second, round);
            assert_eq!(point.auc.map(|auc| auc.value), Some(1.0), "{point:?}");
            assert_eq!(point.model, Model::Word);
        }
    }

    #[test]
    fn chance_before() {
        for (compression, round) in [
            (Compression::First, 5),
            (Compression::First, 64),
            (Compression::Second, 32),
            (Compression::Second, 60),
        ] {
            let point = point(&[4; 80], &setup(), compression, round);
            let auc = point.auc.expect("both classes");
            // Four standard deviations: four points.
            assert!((auc.value - 0.5).abs() < 4.0 * auc.null_sd, "{point:?}");
            assert!(!point.constant);
        }
    }

    #[test]
    fn rounds_without_the_nonce_say_nothing() {
        let point = point(&[4; 80], &setup(), Compression::First, 3);
        assert!(point.constant);
        assert_eq!(
            point.auc.map(|auc| (auc.value, auc.null_sd)),
            Some((0.5, 0.0))
        );
    }
}
