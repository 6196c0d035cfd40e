//! How the units of one model differ: what is left to chance when they are made.
//!
//! The spread of the chips' speed is [`Params::fmax_spread`](super::Params::fmax_spread); the rest is here, and is 0
//! unless it is asked for: then all units of a model have the same leakage, sensors and cores.

use serde::{Deserialize, Serialize};

/// How the units of a model differ, and which of them this is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spread {
    /// Which unit: the seed of all that the maker left to chance, its chips' speeds among it. Without it the seed of
    /// the run, so that every run has a unit of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<u64>,
    /// Standard deviation of the logarithm of a chip's leakage.
    pub leakage: f64,
    /// Standard deviation of a unit's mean fmax about the model's, as a fraction of it: from wafer lot to lot.
    pub speed: f64,
    /// Standard deviation of the constant error of a temperature sensor, K.
    pub sensor_k: f64,
    /// Probability that a core is dead.
    pub dead_core: f64,
}

impl Spread {
    /// Unit `serial` of a fleet as one may be made. All four figures are *assumed*; nobody has measured a fleet.
    /// - Leakage: 20 % (1 σ) among chips that passed the same test. Unbinned dies of one process differ by far more,
    ///   up to twentyfold (Borkar et al., DAC 2003).
    /// - Speed: 1 % from lot to lot, beside the 2 % from chip to chip of the model's table.
    /// - Sensors: 1 K, the accuracy that data sheets of remote-diode sensors promise.
    /// - Cores: 1 in 2,000 dead, so that most chips of 114 are whole, as all 114 numbers of a real S9 give shares.
    pub fn assumed(serial: u64) -> Spread {
        Spread {
            serial: Some(serial),
            leakage: 0.2,
            speed: 0.01,
            sensor_k: 1.0,
            dead_core: 0.0005,
        }
    }

    /// The figures by name, for the checks of the parameters: each is to lie between 0 and the second number.
    pub(super) fn figures(&self) -> [(&'static str, f64, f64); 4] {
        [
            ("spread.leakage", self.leakage, 1.0),
            ("spread.speed", self.speed, 0.1),
            ("spread.sensor_k", self.sensor_k, 20.0),
            ("spread.dead_core", self.dead_core, 0.5),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;

    #[test]
    fn impossible_spreads_are_named() {
        let bad = Params {
            spread: Spread {
                dead_core: 0.9,
                ..Spread::default()
            },
            ..Params::s9()
        };
        let said = bad.check().expect_err("refused").to_string();
        assert!(said.contains("spread.dead_core"), "{said}");
    }
}
