//! What became of registered predictions: the report of a run beside them.

use thermine_reservoir::bootstrap::Estimate;

use super::prediction::{Checked, Kept, Outcome, Prediction, Quantity, Registered, Side};
use super::report_scores::{Arm, RunReport};

/// Compares what was `registered` with the first row of `report`.
pub(super) fn kept(registered: Registered, report: &RunReport) -> Option<Kept> {
    let arm = report.arms.first()?;
    let predictions = registered.predictions.iter();
    let checked: Vec<Checked> = predictions.map(|one| check(*one, arm)).collect();
    let of = |outcome| checked.iter().filter(|one| one.outcome == outcome).count();
    let (met, not_met) = (of(Outcome::Met), of(Outcome::NotMet));
    let outcome = if not_met > 0 {
        Outcome::NotMet
    } else if met == checked.len() {
        Outcome::Met
    } else {
        Outcome::NotDecidable
    };
    let sentence = format!(
        "{}: {} of {} predictions of {} met, {not_met} not met, {} not decidable, on {} ({})",
        outcome.words().to_uppercase(),
        met,
        checked.len(),
        registered.name,
        of(Outcome::NotDecidable),
        report.head.unit,
        arm.provenance
    );
    Some(Kept {
        registered,
        checked,
        outcome,
        sentence,
    })
}

fn check(predicted: Prediction, arm: &Arm) -> Checked {
    let verdict = &arm.verdict;
    if predicted.quantity.is_claim() {
        let found = match predicted.quantity {
            Quantity::Apart => verdict.is_apart(),
            _ => verdict.computes(),
        };
        let outcome = match (verdict.word(), found) {
            ("too few steps", _) => Outcome::NotDecidable,
            (_, true) => Outcome::Met,
            (_, false) => Outcome::NotMet,
        };
        return Checked {
            predicted,
            measured: None,
            found: Some(match predicted.quantity {
                Quantity::Apart if found => "apart".into(),
                Quantity::Apart => "not apart".into(),
                _ => format!("verdict: {}", verdict.word()),
            }),
            outcome,
        };
    }
    let measured = match predicted.quantity {
        Quantity::Nrmse => Some(verdict.device.nrmse),
        Quantity::Wrong => arm.decisions.as_ref().map(|decisions| decisions.interval),
        Quantity::Controls => verdict.best_linear().map(|best| best.score.nrmse),
        Quantity::Ideal => verdict.ideal().map(|ideal| ideal.score.nrmse),
        Quantity::Computes | Quantity::Apart => None,
    };
    Checked {
        predicted,
        measured,
        found: None,
        outcome: measured.map_or(Outcome::NotDecidable, |measured| {
            decided(&measured, predicted.threshold)
        }),
    }
}

/// On which side of the threshold the interval lies.
fn decided(measured: &Estimate, threshold: Option<(Side, f64)>) -> Outcome {
    let (met, not_met) = match threshold {
        Some((Side::AtMost, most)) => (measured.high <= most, measured.low > most),
        Some((Side::AtLeast, least)) => (measured.low >= least, measured.high < least),
        None => (false, false),
    };
    match (met, not_met) {
        (true, _) => Outcome::Met,
        (_, true) => Outcome::NotMet,
        _ => Outcome::NotDecidable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_within_the_interval_decides_nothing() {
        let measured = Estimate {
            value: 0.5,
            low: 0.4,
            high: 0.6,
        };
        let at_most = |threshold| decided(&measured, Some((Side::AtMost, threshold)));
        assert_eq!(at_most(0.6), Outcome::Met);
        assert_eq!(at_most(0.55), Outcome::NotDecidable);
        assert_eq!(at_most(0.39), Outcome::NotMet);
        let at_least = |threshold| decided(&measured, Some((Side::AtLeast, threshold)));
        assert_eq!(at_least(0.4), Outcome::Met);
        assert_eq!(at_least(0.45), Outcome::NotDecidable);
        assert_eq!(at_least(0.61), Outcome::NotMet);
    }
}
