//! What is predicted of a run before it is driven, and what came of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoStaticStr, VariantArray};
use thermine_reservoir::bootstrap::Estimate;

use super::report_scores::{Arm, RunReport};

/// What a prediction is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray, EnumMessage, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Quantity {
    /// NRMSE of the unit.
    Nrmse,
    /// Wrong decisions of the unit, 0 to 1.
    Wrong,
    /// NRMSE of the best control that is linear in the input.
    #[strum(serialize = "controls.nrmse")]
    Controls,
    /// NRMSE of the ideal: exact products with the unit's own history.
    #[strum(serialize = "ideal.nrmse")]
    Ideal,
    /// The verdict is that the unit computes.
    Computes,
    /// The unit's interval is below those of all controls that are linear in the input.
    Apart,
}

impl Quantity {
    fn name(self) -> &'static str {
        self.into()
    }

    /// Whether it is true or false, and not a number.
    fn is_claim(self) -> bool {
        matches!(self, Quantity::Computes | Quantity::Apart)
    }
}

/// On which side of its threshold a number is predicted to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    AtMost,
    AtLeast,
}

/// A prediction, written as `wrong <= 0.05` or, of what is true or false, as `computes`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prediction {
    pub(crate) quantity: Quantity,
    /// `None` of what is true or false.
    threshold: Option<(Side, f64)>,
}

impl Prediction {
    /// What can be predicted, a line each.
    pub fn known() -> String {
        let lines = Quantity::VARIANTS.iter().map(|quantity| {
            let form = match quantity.is_claim() {
                true => quantity.name().to_string(),
                false => format!("{} <= NUMBER, or >=", quantity.name()),
            };
            let about = quantity.get_documentation().unwrap_or_default();
            format!("  {form:<30} {about}")
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl FromStr for Prediction {
    type Err = String;

    fn from_str(text: &str) -> Result<Prediction, String> {
        let split = |sign: &str, side| {
            let (name, number) = text.split_once(sign)?;
            Some((name.trim(), Some((side, number.trim()))))
        };
        let (name, threshold) = split("<=", Side::AtMost)
            .or_else(|| split(">=", Side::AtLeast))
            .unwrap_or((text.trim(), None));
        let mut all = Quantity::VARIANTS.iter().copied();
        let quantity = all.find(|quantity| quantity.name() == name);
        let Some(quantity) = quantity else {
            return Err(format!(
                "nothing is called `{name}`; what can be predicted:\n{}",
                Prediction::known()
            ));
        };
        let threshold = match (threshold, quantity.is_claim()) {
            (None, true) => None,
            (Some((side, number)), false) => Some((side, number_of(number)?)),
            (None, false) => {
                return Err(format!(
                    "`{name}` is a number: say {name} <= NUMBER, or {name} >= NUMBER"
                ));
            }
            (Some(_), true) => {
                return Err(format!(
                    "`{name}` is true or false: say `{name}` alone"
                ));
            }
        };
        Ok(Prediction {
            quantity,
            threshold,
        })
    }
}

/// A number, or a percentage.
fn number_of(text: &str) -> Result<f64, String> {
    let (digits, unit) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim(), 100.0),
        None => (text, 1.0),
    };
    match digits.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number / unit),
        _ => Err(format!("`{text}` is no number: say for example 0.05 or 5 %")),
    }
}

impl fmt::Display for Prediction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.quantity.name())?;
        match self.threshold {
            None => Ok(()),
            Some((Side::AtMost, threshold)) => write!(f, " <= {threshold}"),
            Some((Side::AtLeast, threshold)) => write!(f, " >= {threshold}"),
        }
    }
}

impl TryFrom<String> for Prediction {
    type Error = String;

    fn try_from(text: String) -> Result<Prediction, String> {
        text.parse()
    }
}

impl From<Prediction> for String {
    fn from(prediction: Prediction) -> String {
        prediction.to_string()
    }
}

/// Whether a prediction came true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The whole interval lies on the predicted side.
    Met,
    /// The whole interval lies on the other side.
    NotMet,
    /// The threshold lies within the interval, or nothing was measured.
    NotDecidable,
}

impl Outcome {
    /// The outcome in words.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::Met => "met",
            Outcome::NotMet => "not met",
            Outcome::NotDecidable => "not decidable",
        }
    }
}

/// A prediction beside what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// What was predicted.
    pub predicted: Prediction,
    /// The number with its 95 % interval; `None` of what is true or false, or was not measured.
    pub measured: Option<Estimate>,
    /// What was found, in words, of what is true or false.
    pub found: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What was registered, as far as a report tells of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Registered {
    /// Name of the registration.
    pub name: String,
    /// When it was made, UTC.
    pub date: String,
    /// SHA-256 of its content, in hex.
    pub sha256: String,
    /// What it predicts.
    pub(crate) predictions: Vec<Prediction>,
}

/// A registration beside the run that it was made for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What was registered.
    #[serde(flatten)]
    pub registered: Registered,
    /// What came of each prediction, in their order.
    pub checked: Vec<Checked>,
    /// Whether all of it was met: what is true of the worst.
    pub outcome: Outcome,
    /// That in a sentence.
    pub sentence: String,
}

impl Kept {
    /// Compares what was registered with the first row of `report`.
    pub(crate) fn of(registered: Registered, report: &RunReport) -> Option<Kept> {
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
                _ => format!("the unit {}", verdict.word()),
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
    fn predictions_are_written_as_they_are_read_and_unknown_words_refused() {
        for (text, same) in [
            ("wrong <= 5 %", "wrong <= 0.05"),
            ("controls.nrmse>=0.95", "controls.nrmse >= 0.95"),
            ("nrmse <= 0.45", "nrmse <= 0.45"),
            (" computes ", "computes"),
        ] {
            let read: Prediction = text.parse().expect(text);
            assert_eq!(read.to_string(), same);
        }
        let refused = |text: &str| text.parse::<Prediction>().expect_err(text);
        let unknown = refused("speed <= 3");
        assert!(
            unknown.contains("`speed`") && unknown.contains("ideal.nrmse"),
            "{unknown}"
        );
        assert!(refused("wrong").contains("is a number"));
        assert!(refused("computes >= 1").contains("true or false"));
        assert!(refused("wrong <= few").contains("`few`"));
    }

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
