//! A measured quantity and a test, as the analyses list them.

use thermine_reservoir::bootstrap::Estimate;

use super::answers::{Answer, Kind};

/// Wait beyond which a switch is over, ms: on a real S9 the last chips begin with the new job at 40 ms.
pub(super) const STEADY_MS: f64 = 60.0;

/// One measured quantity.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantity {
    pub(super) name: String,
    pub(super) unit: &'static str,
    /// Value with its 95 % interval; `None` if the capture does not tell.
    pub(super) estimate: Option<Estimate>,
}

/// A test of one capture alone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Test {
    pub(super) name: &'static str,
    /// The probability of what was found, or of less likely, under the law; `None` if it cannot be tested.
    pub(super) p: Option<f64>,
}

/// Quantities as they are measured.
#[derive(Debug, Default)]
pub(super) struct List(pub(super) Vec<Quantity>);

impl List {
    pub(super) fn push(
        &mut self,
        name: impl Into<String>,
        unit: &'static str,
        estimate: Option<Estimate>,
    ) {
        self.0.push(Quantity {
            name: name.into(),
            unit,
            estimate,
        });
    }
}

/// The shares without copies.
pub(super) fn unique(answers: &[Answer]) -> impl Iterator<Item = &Answer> + Clone {
    let copy = |answer: &&Answer| !matches!(answer.kind, Kind::Copy(_));
    answers.iter().filter(copy)
}
