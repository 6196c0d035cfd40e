//! Readouts beside the protocol's ridge: an elastic net, one that learns on, and one that decides.

use std::ops::Range;

use anyhow::{Context, Result, bail};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoStaticStr, VariantArray};
use thermine_reservoir::bootstrap::{Bootstrap, Estimate};
use thermine_reservoir::describe::Summary;
use thermine_reservoir::metrics;
use thermine_reservoir::readout::{
    LinearReadout, Logistic, ReadoutKind, Rls, SavedReadout, elastic_path,
};
use thermine_reservoir::split::Split;
use thermine_reservoir::state::{Standardiser, StateMatrix};
use utoipa::ToSchema;

use super::task::Decision;

/// Which.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    VariantArray,
    EnumMessage,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[schema(as = Readout)]
#[strum(serialize_all = "kebab-case")]
pub enum Kind {
    /// Elastic net, half of each penalty, its strength chosen on the last fifth of the training.
    ElasticNet,
    /// Recursive least squares with forgetting, that learns on while it is tested.
    Rls,
    /// Logistic regression, for targets of two classes.
    Logistic,
}

impl Kind {
    /// Name in reports and of its file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ElasticNet => "elastic net",
            Kind::Rls => "online RLS",
            Kind::Logistic => "logistic",
        }
    }

    fn saved(self) -> ReadoutKind {
        match self {
            Kind::ElasticNet => ReadoutKind::ElasticNet,
            Kind::Rls => ReadoutKind::Rls,
            Kind::Logistic => ReadoutKind::Logistic,
        }
    }
}

/// What such a readout makes of the same states.
#[derive(Debug, Clone, Serialize)]
pub struct Other {
    /// Which readout it is.
    pub kind: Kind,
    /// Its error on the test steps; none of a classifier.
    pub nrmse: Option<Estimate>,
    /// Share of its wrong decisions, where the target is one.
    pub wrong: Option<f64>,
    /// Features that have a weight.
    pub used: usize,
    /// Its penalty or forgetting factor.
    pub parameter: f64,
    /// Itself, as trained before the test.
    #[serde(skip)]
    pub(crate) saved: SavedReadout,
}

/// Strengths among which the elastic net chooses, per sample of standardised features and target: from a fit that is that
/// of least squares but for features that are nearly alike, to one that leaves every feature out.
const STRENGTHS: [f64; 17] = [
    1e-8, 3e-8, 1e-7, 3e-7, 1e-6, 3e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1,
    1e0,
];

/// Share of the absolute penalty.
const L1_RATIO: f64 = 0.5;

/// Part of the training that the strength is chosen on.
const VALIDATION: usize = 5;

/// Forgetting: a memory of some 2,000 steps, which is as long as the training.
const FORGETTING: f64 = 0.9995;

/// First penalty of the online readout, per standardised feature.
const RLS_PENALTY: f64 = 1.0;

/// Penalty of the classifier.
const ALPHA: f64 = 1.0;

/// Trains a readout of `kind` on `states` and tests it, as the ridge.
///
/// # Errors
/// If it cannot be fitted, or the target is none for it.
pub(crate) fn fit(
    kind: Kind,
    states: &StateMatrix,
    target: &[f64],
    split: &Split,
    (decision, seed): (Decision, u64),
) -> Result<Other> {
    let test = &target[split.test_rows()];
    let (readout, parameter, predictions) = match kind {
        Kind::ElasticNet => elastic(states, target, split)?,
        Kind::Rls => online(states, target, split)?,
        Kind::Logistic => return classifier(states, target, split, decision),
    };
    metrics::nrmse(&predictions, test)?;
    Ok(Other {
        kind,
        nrmse: Some(Bootstrap::new(split.test, seed).nrmse(&predictions, test)),
        wrong: decision.wrong(&predictions, test),
        used: readout.weights.iter().filter(|w| **w != 0.0).count(),
        parameter,
        saved: SavedReadout::linear(kind.saved(), &readout, parameter, Default::default()),
    })
}

type Fitted = (LinearReadout, f64, Vec<f64>);

fn elastic(states: &StateMatrix, target: &[f64], split: &Split) -> Result<Fitted> {
    let rows = split.train_rows();
    let middle = rows.end - rows.len() / VALIDATION;
    // A target that does not vary needs no scale.
    let scale = Summary::of(&target[rows.clone()])
        .map(|summary| summary.sd)
        .filter(|sd| *sd > 0.0)
        .unwrap_or(1.0);
    let standard = DMatrix::from_iterator(target.len(), 1, target.iter().map(|y| y / scale));
    let fit = |rows: Range<usize>, strengths: &[f64]| {
        elastic_path(states, &standard, rows, strengths, L1_RATIO)
    };
    let mut best = (f64::INFINITY, STRENGTHS[0]);
    for (fitted, strength) in fit(rows.start..middle, &STRENGTHS)?.iter().zip(STRENGTHS) {
        let predicted = fitted.predict(states, middle..rows.end)?;
        let error = metrics::nmse(predicted.as_slice(), &standard.as_slice()[middle..rows.end])?;
        if error < best.0 {
            best = (error, strength);
        }
    }
    let mut fitted = fit(rows, &[best.1])?;
    let mut readout = fitted.pop().context("no strength")?;
    readout.weights *= scale;
    readout.intercepts.iter_mut().for_each(|b| *b *= scale);
    let predictions = readout.predict(states, split.test_rows())?;
    Ok((readout, best.1, predictions.as_slice().to_vec()))
}

fn online(states: &StateMatrix, target: &[f64], split: &Split) -> Result<Fitted> {
    let rows = split.train_rows();
    let standardiser = Standardiser::fit(states, rows.clone());
    let mean = target[rows.clone()].iter().sum::<f64>() / rows.len() as f64;
    let all = standardiser.apply(states, rows.start..split.total());
    let mut rls = Rls::new(states.columns(), 1, FORGETTING, RLS_PENALTY)?;
    let mut predictions = Vec::with_capacity(split.test);
    let mut trained = None;
    for (row, t) in all.row_iter().zip(rows.start..) {
        let features: Vec<f64> = row.iter().copied().collect();
        if t == rows.end {
            trained = Some(rls.weights().clone());
        }
        // The error of the prediction made before it learnt.
        let errors = rls.learn(&features, &[target[t] - mean])?;
        if t >= rows.end {
            predictions.extend(errors.iter().map(|error| target[t] - error));
        }
    }
    let readout = LinearReadout {
        features: states.features().to_vec(),
        standardiser,
        weights: trained.context("no test steps")?,
        intercepts: vec![mean],
    };
    Ok((readout, FORGETTING, predictions))
}

fn classifier(
    states: &StateMatrix,
    target: &[f64],
    split: &Split,
    decision: Decision,
) -> Result<Other> {
    let Decision::Classes { low, high } = decision else {
        bail!("a logistic readout is for targets of two classes, which this task has not");
    };
    let middle = f64::midpoint(low, high);
    let labels: Vec<bool> = target.iter().map(|value| *value > middle).collect();
    let logistic = Logistic::fit(states, &labels, split.train_rows(), ALPHA)?;
    let probabilities = logistic.probabilities(states, split.test_rows())?;
    let decided: Vec<f64> = probabilities
        .iter()
        .map(|p| if *p > 0.5 { high } else { low })
        .collect();
    Ok(Other {
        kind: Kind::Logistic,
        nrmse: None,
        wrong: decision.wrong(&decided, &target[split.test_rows()]),
        used: logistic.weights.iter().filter(|w| **w != 0.0).count(),
        parameter: ALPHA,
        saved: SavedReadout::logistic(&logistic, Default::default()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_reservoir::controls::delay_line;
    use thermine_reservoir::tasks::narma::narma10;
    use thermine_reservoir::tasks::parity;

    const SPLIT: Split = Split {
        washout: 30,
        train: 600,
        test: 300,
    };

    #[test]
    fn an_elastic_net_and_an_online_readout_come_near_the_ridge_of_a_delay_line() {
        let task = narma10(SPLIT.total(), 1);
        let states = delay_line(&task.input, 20).expect("finite");
        for kind in [Kind::ElasticNet, Kind::Rls] {
            let other = fit(kind, &states, &task.target, &SPLIT, (Decision::None, 1));
            let nrmse = other.expect("fitted").nrmse.expect("a number").value;
            assert!((0.3..0.5).contains(&nrmse), "{kind:?} {nrmse}");
        }
        let refused = fit(
            Kind::Logistic,
            &states,
            &task.target,
            &SPLIT,
            (Decision::None, 1),
        );
        assert!(
            refused
                .expect_err("no classes")
                .to_string()
                .contains("two classes")
        );
    }

    #[test]
    fn a_classifier_decides_what_is_linear_and_guesses_what_is_not() {
        let task = parity::parity(SPLIT.total(), 2, 0, 1);
        let states = delay_line(&task.input, 4).expect("finite");
        let classes = Decision::Classes {
            low: -1.0,
            high: 1.0,
        };
        let wrong = |target: &[f64]| {
            let other = fit(Kind::Logistic, &states, target, &SPLIT, (classes, 1));
            other.expect("fitted").wrong.expect("a decision")
        };
        assert!(
            wrong(&task.further[0].values) < 0.01,
            "order 1 is the input"
        );
        assert!(
            (wrong(&task.target) - 0.5).abs() < 0.12,
            "order 2 is a product"
        );
    }
}
