//! What is predicted of a run before it is driven, and what came of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoStaticStr, VariantArray};
use thermine_reservoir::bootstrap::Estimate;

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
    pub(super) fn is_claim(self) -> bool {
        matches!(self, Quantity::Computes | Quantity::Apart)
    }
}

/// On which side of its threshold a number is predicted to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    AtMost,
    AtLeast,
}

/// A prediction, written as `wrong <= 0.05` or, of what is true or false, as `computes`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prediction {
    pub(crate) quantity: Quantity,
    /// `None` of what is true or false.
    pub(super) threshold: Option<(Side, f64)>,
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
                return Err(format!("`{name}` is true or false: say `{name}` alone"));
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
        _ => Err(format!(
            "`{text}` is no number: say for example 0.05 or 5 %"
        )),
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
}
