//! The filters: a score for each candidate, and the threshold above which it is kept.
//!
//! At a given keep share, a threshold on the likelihood ratio has the best recall (Neyman and Pearson, Philos. Trans.
//! R. Soc. A 231, 1933). Every score here that is a probability orders candidates as the model's likelihood ratio
//! does, so a threshold on one is a threshold on the other. What remains is its place. The published threshold, 1/2,
//! is the best for *accuracy*, which for a rare success means: abort everything.

use std::ops::Range;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::account::{Account, Cost};
use super::network::{Network, Training};
use crate::readout::{self, LinearReadout, Logistic, ReadoutError, elastic_net};
use crate::state::StateMatrix;

/// The published ridge penalty.
const RIDGE: f64 = 0.1;

/// Penalties of the logistic regression and the elastic net: small compared with the weight of thousands of rows.
const ALPHA: f64 = 1e-2;
const NET: (f64, f64) = (1e-4, 0.5);

/// Passes of the network over the training rows.
pub(crate) const EPOCHS: usize = 40;

/// A kind of filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The last reading itself.
    Threshold,
    /// Ridge regression on the label 0 or 1: the published one.
    Ridge,
    /// Ratio of the likelihoods of a normal law for each class, features taken as independent.
    LikelihoodRatio,
    /// Logistic regression.
    Logistic,
    /// Elastic net on the label.
    ElasticNet,
    /// The network 3-16-8-4-2.
    Network,
}

impl Kind {
    /// Each kind of filter, the simplest first.
    pub const ALL: [Kind; 6] = [
        Kind::Threshold,
        Kind::Ridge,
        Kind::LikelihoodRatio,
        Kind::Logistic,
        Kind::ElasticNet,
        Kind::Network,
    ];

    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Threshold => "threshold",
            Kind::Ridge => "ridge 0.1 (published)",
            Kind::LikelihoodRatio => "normal likelihood ratio",
            Kind::Logistic => "logistic",
            Kind::ElasticNet => "elastic net",
            Kind::Network => "network 3-16-8-4-2",
        }
    }
}

/// A fitted filter.
#[derive(Debug, Clone)]
pub struct Filter {
    model: Model,
}

#[derive(Debug, Clone)]
enum Model {
    Last,
    Linear(LinearReadout),
    Normal(Vec<[(f64, f64); 2]>),
    Logistic(Logistic),
    Network(Box<Network>),
}

impl Filter {
    /// Fits a filter of `kind` to `labels[rows]` from `states[rows]`; `seed` is the network's.
    ///
    /// # Errors
    /// If there are too few rows, or no successes or failures where the kind needs both.
    pub fn fit(
        kind: Kind,
        states: &StateMatrix,
        labels: &[bool],
        rows: Range<usize>,
        seed: u64,
    ) -> Result<Filter, ReadoutError> {
        let model = match kind {
            Kind::Threshold => Model::Last,
            Kind::Ridge => Model::Linear(readout::fit(states, &numbers(labels), rows, RIDGE)?),
            Kind::ElasticNet => {
                let (lambda, share) = NET;
                let target = numbers(labels);
                Model::Linear(elastic_net(states, &target, rows, lambda, share)?)
            }
            Kind::LikelihoodRatio => Model::Normal(normal_laws(states, labels, rows)?),
            Kind::Logistic => Model::Logistic(Logistic::fit(states, labels, rows, ALPHA)?),
            Kind::Network => {
                let training = Training {
                    seed,
                    ..Training::published(EPOCHS)
                };
                let count = rows.len();
                let network = Network::fit(states, labels, rows, &training);
                Model::Network(Box::new(network.ok_or(ReadoutError::Length {
                    rows: count.min(states.rows()),
                    targets: labels.len(),
                    least: 1,
                })?))
            }
        };
        Ok(Filter { model })
    }

    /// A score for each of `rows`: the higher, the more likely a success.
    ///
    /// # Errors
    /// If the features are not those of training, or the rows are not there.
    pub(crate) fn scores(
        &self,
        states: &StateMatrix,
        rows: Range<usize>,
    ) -> Result<Vec<f64>, ReadoutError> {
        let values = states.values();
        match &self.model {
            Model::Last => Ok(match states.columns() {
                0 => vec![0.0; rows.len()],
                columns => rows.map(|row| values[(row, columns - 1)]).collect(),
            }),
            Model::Linear(readout) => {
                let predicted = readout.predict(states, rows)?;
                Ok(predicted.column(0).iter().copied().collect())
            }
            Model::Logistic(model) => model.probabilities(states, rows),
            Model::Network(network) => Ok(network.probabilities(states, rows)),
            Model::Normal(laws) => Ok(rows
                .map(|row| {
                    let features = laws.iter().enumerate();
                    let ratio = |(i, [failure, success]): (usize, &[(f64, f64); 2])| {
                        let x = values[(row, i)];
                        log_density(x, *success) - log_density(x, *failure)
                    };
                    features.map(ratio).sum()
                })
                .collect()),
        }
    }
}

/// Labels as a target: 0 and 1.
fn numbers(labels: &[bool]) -> DMatrix<f64> {
    let values = labels.iter().map(|label| f64::from(u8::from(*label)));
    DMatrix::from_iterator(labels.len(), 1, values)
}

/// Mean and variance of each feature, of failures and of successes.
fn normal_laws(
    states: &StateMatrix,
    labels: &[bool],
    rows: Range<usize>,
) -> Result<Vec<[(f64, f64); 2]>, ReadoutError> {
    let end = rows.end.min(states.rows()).min(labels.len());
    let rows = rows.start.min(end)..end;
    let column = |i: usize, class: bool| {
        let of = rows.clone().filter(|row| labels[*row] == class);
        let values: Vec<f64> = of.map(|row| states.values()[(row, i)]).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let variance = squares / (n - 1.0);
        (values.len() > 1 && variance > 0.0).then_some((mean, variance))
    };
    (0..states.columns())
        .map(|i| Some([column(i, false)?, column(i, true)?]))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| ReadoutError::Unsolvable {
            features: states.columns(),
            reason: "two different successes and two different failures are needed".to_string(),
        })
}

/// Log density of a normal law, up to a constant.
fn log_density(x: f64, (mean, variance): (f64, f64)) -> f64 {
    -0.5 * ((x - mean).powi(2) / variance + variance.ln())
}

/// How the threshold of a score is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// At 1/2, the published rule.
    Half,
    /// The likelihood ratio that makes a found share cheapest on the training rows.
    Cheapest,
}

impl Cut {
    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Cut::Half => "score ≥ 1/2 (published)",
            Cut::Cheapest => "likelihood ratio, ρ least in training",
        }
    }
}

/// The threshold with the smallest ρ at `cost` on these scores. `None` without a success.
pub(crate) fn cheapest_cut(scores: &[f64], labels: &[bool], cost: Cost) -> Option<f64> {
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (n, successes) = (
        order.len() as f64,
        labels.iter().filter(|l| **l).count() as f64,
    );
    let (mut found, mut best) = (0.0, None);
    for (i, (score, success)) in order.iter().enumerate() {
        found += f64::from(u8::from(*success));
        // Equal scores are kept or aborted together.
        let ends = order.get(i + 1).is_none_or(|next| next.0 != *score);
        if ends && found > 0.0 {
            let rho = cost.per_share((i + 1) as f64 / n, found / successes);
            if best.is_none_or(|(least, _)| rho < least) {
                best = Some((rho, *score));
            }
        }
    }
    best.map(|(_, score)| score)
}

/// Fits a filter of `kind` on `train` and counts its decisions on `test`, with the threshold of `cut` at `cost`.
///
/// # Errors
/// If the filter cannot be fitted. A [`Cut::Cheapest`] without a success in training keeps everything.
pub(crate) fn trial(
    kind: Kind,
    cut: Cut,
    (states, labels): (&StateMatrix, &[bool]),
    (train, test): (Range<usize>, Range<usize>),
    cost: Cost,
    seed: u64,
) -> Result<Account, ReadoutError> {
    let filter = Filter::fit(kind, states, labels, train.clone(), seed)?;
    filter.account((states, labels), (train, test), cut, cost)
}

impl Filter {
    /// Counts the decisions on `test`, with the threshold that `cut` chooses from the scores on `train`.
    ///
    /// # Errors
    /// If the features are not those of training, or the rows are not there.
    pub fn account(
        &self,
        (states, labels): (&StateMatrix, &[bool]),
        (train, test): (Range<usize>, Range<usize>),
        cut: Cut,
        cost: Cost,
    ) -> Result<Account, ReadoutError> {
        let from = match cut {
            Cut::Half => 0.5,
            Cut::Cheapest => {
                let scores = self.scores(states, train.clone())?;
                cheapest_cut(&scores, &labels[train], cost).unwrap_or(f64::NEG_INFINITY)
            }
        };
        let kept = self.scores(states, test.clone())?;
        let kept = kept.into_iter().map(|score| score >= from);
        Ok(Account::of(kept.zip(labels[test].iter().copied())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tpf::account::UnitOfAccount;
    use crate::tpf::twin::{Observable, Observer, Samples};

    fn samples(observable: Observable) -> Samples {
        Observer {
            observable,
            strength: 2.0,
            round: 5,
            bits: 5,
        }
        .observe(&[3; 80], 8_000, 1)
        .expect("finite")
    }

    fn rho(kind: Kind, samples: &Samples) -> (Account, f64) {
        let cost = UnitOfAccount::Single.cost(5, 0.0);
        let data = (&samples.readings, samples.success.as_slice());
        let account = trial(kind, Cut::Cheapest, data, (0..4_000, 4_000..8_000), cost, 1);
        let account = account.expect("fits");
        let rho = account.bill(cost).and_then(|bill| bill.per_share);
        (account, rho.and_then(|rho| rho.value).expect("found"))
    }

    #[test]
    fn every_filter_pays_with_the_oracle_and_none_without_it() {
        let (oracle, null) = (samples(Observable::FinalHash), samples(Observable::Nothing));
        for kind in Kind::ALL {
            let (account, cost) = rho(kind, &oracle);
            assert!(cost < 0.5, "{kind:?}: {account:?}");
            // Exactly: the interval of ρ reaches 1 at least.
            let (account, _) = rho(kind, &null);
            let bill = account
                .bill(UnitOfAccount::Single.cost(5, 0.0))
                .expect("candidates");
            let interval = bill.per_share.expect("successes");
            assert!(
                interval.high.is_none_or(|high| high > 1.0),
                "{kind:?}: {bill:?}"
            );
        }
    }

    #[test]
    fn the_published_cut_aborts_everything_even_with_the_oracle() {
        let samples = Observer {
            observable: Observable::FinalHash,
            strength: 1.0,
            round: 5,
            bits: 8,
        };
        let samples = samples.observe(&[3; 80], 8_000, 1).expect("finite");
        let cost = UnitOfAccount::Single.cost(5, 0.0);
        let data = (&samples.readings, samples.success.as_slice());
        let account = trial(
            Kind::Ridge,
            Cut::Half,
            data,
            (0..4_000, 4_000..8_000),
            cost,
            1,
        );
        let account = account.expect("fits");
        assert!(account.successes > 5);
        assert_eq!((account.kept, account.found), (0, 0));
    }

    #[test]
    fn the_cheapest_cut_is_found_by_hand() {
        let cost = UnitOfAccount::Single.cost(5, 0.0);
        let scores = [9.0, 8.0, 7.0, 7.0, 1.0, 0.0];
        let labels = [true, false, true, false, false, false];
        // Keeping one costs (5 + 59/6)/64/(1/2); four, ties included, (5 + 59·4/6)/64; the first is cheaper.
        assert_eq!(cheapest_cut(&scores, &labels, cost), Some(9.0));
        let dear = Cost { look: 40.0, ..cost };
        assert_eq!(cheapest_cut(&scores, &labels, dear), Some(7.0));
        assert_eq!(cheapest_cut(&scores, &[false; 6], cost), None);
    }

    #[test]
    fn without_a_success_a_likelihood_ratio_is_refused() {
        let samples = samples(Observable::Nothing);
        let labels = vec![false; samples.success.len()];
        for kind in [Kind::LikelihoodRatio, Kind::Logistic] {
            assert!(Filter::fit(kind, &samples.readings, &labels, 0..1_000, 1).is_err());
        }
        let ridge = Filter::fit(Kind::Ridge, &samples.readings, &labels, 0..1_000, 1);
        let scores = ridge.expect("fits").scores(&samples.readings, 0..10);
        assert_eq!(scores.expect("same features"), [0.0; 10], "weights 0");
    }
}
