//! A saved readout: all that a program needs to apply it to other states, or to refuse them.
//!
//! It is read from JSON in two passes: first the version, which must be [`VERSION`]; then the parts, which must be
//! consistent. [`SavedReadout::for_features`] checks whether they fit given states.

use std::collections::BTreeMap;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::linear::{LinearReadout, ReadoutError, check_features};
use super::logistic::Logistic;
use crate::state::{Feature, Standardiser};

/// Version that is written, and the only version that is read.
pub const VERSION: u32 = 1;

/// How a readout was fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadoutKind {
    /// Ridge regression.
    Ridge,
    /// Ridge regression with an added penalty on absolute weights.
    ElasticNet,
    /// Recursive least squares.
    Rls,
    /// Logistic regression; the output is the log odds.
    Logistic,
}

/// A readout with everything that its outputs depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedReadout {
    /// Version of the format, [`VERSION`].
    pub version: u32,
    /// How it was fitted.
    pub kind: ReadoutKind,
    /// Names and units of the features, in order.
    pub features: Vec<Feature>,
    /// Centring and scaling of the features.
    pub standardiser: Standardiser,
    /// Weights of the standardised features: one list per output.
    pub weights: Vec<Vec<f64>>,
    /// Intercept of each output.
    pub intercepts: Vec<f64>,
    /// Penalty, as its kind defines it; the first output's if each output has its own.
    pub lambda: f64,
    /// Origin of the readout: device, run, seed and whatever else the program knows.
    pub provenance: BTreeMap<String, String>,
}

/// The part of the file that is read first.
#[derive(Deserialize)]
struct Head {
    version: u32,
}

impl SavedReadout {
    /// Saves a linear readout of any kind.
    pub fn linear(
        kind: ReadoutKind,
        readout: &LinearReadout,
        lambda: f64,
        provenance: BTreeMap<String, String>,
    ) -> SavedReadout {
        SavedReadout {
            version: VERSION,
            kind,
            features: readout.features.clone(),
            standardiser: readout.standardiser.clone(),
            weights: readout
                .weights
                .column_iter()
                .map(|column| column.iter().copied().collect())
                .collect(),
            intercepts: readout.intercepts.clone(),
            lambda,
            provenance,
        }
    }

    /// Saves a classifier.
    pub fn logistic(readout: &Logistic, provenance: BTreeMap<String, String>) -> SavedReadout {
        SavedReadout {
            version: VERSION,
            kind: ReadoutKind::Logistic,
            features: readout.features.clone(),
            standardiser: readout.standardiser.clone(),
            weights: vec![readout.weights.clone()],
            intercepts: vec![readout.intercept],
            lambda: readout.alpha,
            provenance,
        }
    }

    /// The readout as indented JSON.
    ///
    /// # Errors
    /// If a number in it is not finite, which JSON cannot say.
    pub fn to_json(&self) -> Result<String, ReadoutError> {
        self.check()?;
        serde_json::to_string_pretty(self)
            .map_err(|error| ReadoutError::Inconsistent(error.to_string()))
    }

    /// Reads a readout from JSON text.
    ///
    /// # Errors
    /// If it is not JSON, of another version, or if its parts do not fit together.
    pub fn from_json(text: &str) -> Result<SavedReadout, ReadoutError> {
        let inconsistent = |error: serde_json::Error| ReadoutError::Inconsistent(error.to_string());
        let head: Head = serde_json::from_str(text).map_err(inconsistent)?;
        if head.version != VERSION {
            return Err(ReadoutError::Version {
                found: head.version,
                known: VERSION,
            });
        }
        let saved: SavedReadout = serde_json::from_str(text).map_err(inconsistent)?;
        saved.check()?;
        Ok(saved)
    }

    /// The readout, if `features` are those that it was trained on: same names, same units, same order. Of
    /// a classifier, the outputs are log odds.
    ///
    /// # Errors
    /// If the features differ, or parts do not fit together.
    pub fn for_features(&self, features: &[Feature]) -> Result<LinearReadout, ReadoutError> {
        self.check()?;
        check_features(&self.features, features)?;
        Ok(LinearReadout {
            features: self.features.clone(),
            standardiser: self.standardiser.clone(),
            weights: DMatrix::from_iterator(
                self.features.len(),
                self.weights.len(),
                self.weights.iter().flatten().copied(),
            ),
            intercepts: self.intercepts.clone(),
        })
    }

    fn check(&self) -> Result<(), ReadoutError> {
        let count = self.features.len();
        let refuse = |what: String| Err(ReadoutError::Inconsistent(what));
        let lists = [&self.standardiser.means, &self.standardiser.scales];
        for list in lists.into_iter().chain(&self.weights) {
            if list.len() != count {
                return refuse(format!("{} values for {count} features", list.len()));
            }
        }
        if self.weights.len() != self.intercepts.len() {
            let (weights, intercepts) = (self.weights.len(), self.intercepts.len());
            return refuse(format!("{intercepts} intercepts for {weights} outputs"));
        }
        let mut names: Vec<&str> = self.features.iter().map(|f| f.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return refuse(format!("two features are named {}", pair[0]));
        }
        let numbers = lists
            .into_iter()
            .chain(&self.weights)
            .chain([&self.intercepts])
            .flatten();
        match numbers.chain([&self.lambda]).find(|v| !v.is_finite()) {
            Some(value) => refuse(format!("a number is {value}")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::readout::RidgePath;
    use crate::state::StateMatrix;
    use nalgebra::DMatrix;

    fn states() -> StateMatrix {
        let column = |name: &str, power: i32| {
            let values = (0..40).map(|t| f64::from(t % 7).powi(power)).collect();
            (Feature::new(name, "°C"), values)
        };
        StateMatrix::from_columns(40, vec![column("chip", 1), column("board", 2)]).expect("finite")
    }

    fn saved() -> (LinearReadout, SavedReadout) {
        let y = DMatrix::from_fn(40, 2, |t, m| (t as f64 * (m + 1) as f64).sin());
        let path = RidgePath::new(&states(), &y, 0..40).expect("finite");
        let readout = path.at(0.1).expect("valid");
        let provenance = BTreeMap::from([("seed".to_string(), "7".to_string())]);
        let saved = SavedReadout::linear(ReadoutKind::Ridge, &readout, 0.1, provenance);
        (readout, saved)
    }

    #[test]
    fn what_is_written_is_read_to_the_last_bit() {
        let (readout, saved) = saved();
        let text = saved.to_json().expect("finite");
        let read = SavedReadout::from_json(&text).expect("consistent");
        assert_eq!(read, saved);
        assert_eq!(read.provenance["seed"], "7");
        let loaded = read.for_features(states().features()).expect("same");
        assert_eq!(loaded, readout);
    }

    #[test]
    fn another_version_is_refused_whatever_else_it_holds() {
        let error = SavedReadout::from_json(r#"{"version": 2, "kind": "oracle", "more": []}"#);
        assert_eq!(
            error.expect_err("of the future").to_string(),
            "the readout was saved as version 2; only version 1 can be read"
        );
        assert!(SavedReadout::from_json(r#"{"kind": "ridge"}"#).is_err());
        assert!(SavedReadout::from_json("").is_err());
    }

    #[test]
    fn other_names_units_and_orders_are_refused() {
        let (_, saved) = saved();
        let refused = |change: &dyn Fn(&mut Vec<Feature>)| {
            let mut features = states().features().to_vec();
            change(&mut features);
            saved
                .for_features(&features)
                .expect_err("other")
                .to_string()
        };
        assert_eq!(
            refused(&|f| f[1].unit = "K".to_string()),
            "feature 1 of the readout is board [°C], but that of the states is board [K]"
        );
        assert!(refused(&|f| f.swap(0, 1)).contains("feature 0"));
        assert!(refused(&|f| drop(f.pop())).contains("is missing"));
        assert!(refused(&|f| f.push(Feature::new("power", "W"))).contains("power [W]"));
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let refused = |change: &dyn Fn(&mut SavedReadout)| {
            let (_, mut saved) = saved();
            change(&mut saved);
            let text = serde_json::to_string(&saved).expect("written");
            SavedReadout::from_json(&text)
                .expect_err("inconsistent")
                .to_string()
        };
        assert!(refused(&|s| s.weights[1].truncate(1)).contains("1 values for 2 features"));
        assert!(refused(&|s| s.intercepts.truncate(1)).contains("1 intercepts for 2 outputs"));
        assert!(refused(&|s| s.features[1].name = "chip".to_string()).contains("named chip"));
        let (_, mut saved) = saved();
        saved.lambda = f64::NAN;
        assert!(saved.to_json().is_err());
    }
}
