//! What nobody measured: the parameters that a result may rest on, and the range that each may lie in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::check::BadParam;
use super::table::Params;

/// An end of the range of an assumption.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// This very value.
    Is(f64),
    /// So many times the model's value.
    Times(f64),
}

/// The step of the integration, which must stay shorter than a die's time constant.
const TICK: &str = "tick_s";

/// One or more parameters that were not measured on units of the model, and how far they may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assumption {
    /// The parameters, moved together.
    pub parameters: &'static [&'static str],
    /// Lower end of the range.
    pub low: End,
    /// Upper end of the range.
    pub high: End,
    /// Why it may lie in that range.
    pub why: &'static str,
}

/// All assumptions. Each range is one that a reader of data sheets could defend, and wide where nothing is known.
pub const ASSUMPTIONS: &[Assumption] = &[
    Assumption {
        parameters: &["idle"],
        low: End::Is(0.0),
        high: End::Is(1.0),
        why: "power of a clocked chip while a job switches: not measured, from none to all of its dynamic power",
    },
    Assumption {
        parameters: &["switch_min_s", "switch_max_s"],
        low: End::Times(0.5),
        high: End::Times(1.5),
        why: "time to the first hash on a new job: measured on one S9, other boards and firmware differ",
    },
    Assumption {
        parameters: &["ambient_sd_k"],
        low: End::Is(0.0),
        high: End::Is(2.0),
        why: "drift of the room over hours: from a climate chamber to a shed",
    },
    Assumption {
        parameters: &["leakage_w"],
        low: End::Times(0.3),
        high: End::Times(3.0),
        why: "leakage of a chip at 80 °C: an estimate, and chips of one wafer differ by as much",
    },
    Assumption {
        parameters: &["leakage_fold_k"],
        low: End::Times(0.6),
        high: End::Times(1.7),
        why: "rise of temperature that multiplies leakage by e: an estimate",
    },
    Assumption {
        parameters: &["die_sink_k_w", "sink_air_k_w", TICK],
        low: End::Times(0.7),
        high: End::Times(1.4),
        why: "thermal resistances: estimates that fit usual readings; paste, dust and ducts differ",
    },
    Assumption {
        parameters: &["die_j_k", "sink_j_k", "pcb_j_k", TICK],
        low: End::Times(0.5),
        high: End::Times(2.0),
        why: "heat capacities: estimates by weight",
    },
    Assumption {
        parameters: &["temperature_noise_k"],
        low: End::Times(0.0),
        high: End::Times(3.0),
        why: "noise of the temperature sensors: an estimate",
    },
];

impl Assumption {
    /// The parameters at one end, for a unit that otherwise has `params`.
    pub fn at(&self, end: End, params: &Params) -> Vec<Assumed> {
        let assumed = |name: &&str| {
            let value = match end {
                End::Is(value) => value,
                // Longer steps would be another integration, not another unit.
                End::Times(factor) if *name == TICK => factor.min(1.0) * number(params, name)?,
                End::Times(factor) => factor * number(params, name)?,
            };
            Some(Assumed {
                name: (*name).to_string(),
                value,
            })
        };
        self.parameters.iter().filter_map(assumed).collect()
    }

    /// What it is called: its parameters.
    pub fn name(&self) -> String {
        let named = self.parameters.iter().filter(|name| **name != TICK);
        named.copied().collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Is(value) => write!(f, "{value}"),
            End::Times(factor) => write!(f, "× {factor}"),
        }
    }
}

/// The range that the parameter `name` may lie in, if it is assumed.
pub fn range(name: &str) -> Option<&'static Assumption> {
    let mut all = ASSUMPTIONS.iter();
    all.find(|assumption| name != TICK && assumption.parameters.contains(&name))
}

/// A parameter with the value that is assumed for it, written `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Assumed {
    /// Name of the parameter, as in [`Params`].
    pub name: String,
    /// Its value, in the unit of the parameter.
    pub value: f64,
}

impl FromStr for Assumed {
    type Err = String;

    fn from_str(text: &str) -> Result<Assumed, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("`{text}` is not NAME=VALUE, as in `idle=1.0`"))?;
        let name = name.trim();
        if number(&Params::s9(), name).is_none() {
            return Err(format!(
                "`{name}` is no parameter of the physics with a number; `thermine sim --parameters` lists them"
            ));
        }
        match value.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Assumed {
                name: name.to_string(),
                value,
            }),
            _ => Err(format!("{name}: `{value}` is not a number")),
        }
    }
}

impl TryFrom<String> for Assumed {
    type Error = String;

    fn try_from(text: String) -> Result<Assumed, String> {
        text.parse()
    }
}

impl From<Assumed> for String {
    fn from(assumed: Assumed) -> String {
        assumed.to_string()
    }
}

impl fmt::Display for Assumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

impl Params {
    /// These parameters with what is `assumed` in place of the model's values.
    ///
    /// # Errors
    /// If a value describes no unit; a count must be a whole number.
    pub fn assuming(self, assumed: &[Assumed]) -> Result<Params, BadParam> {
        if assumed.is_empty() {
            return Ok(self);
        }
        let wrong = |assumed: &Assumed| BadParam::Assumed(assumed.to_string());
        let mut table = serde_json::to_value(&self).unwrap_or_default();
        for one in assumed {
            let field = table.get_mut(&one.name).filter(|field| field.is_number());
            let field = field.ok_or_else(|| wrong(one))?;
            *field = match field.is_f64() {
                true => one.value.into(),
                false if one.value.fract() == 0.0 && one.value >= 0.0 => (one.value as u64).into(),
                false => return Err(wrong(one)),
            };
        }
        let last = assumed.last().map_or_else(String::new, Assumed::to_string);
        let params: Params = serde_json::from_value(table).map_err(|_| BadParam::Assumed(last))?;
        params.check()?;
        Ok(params)
    }
}

/// The number that the parameter `name` has in `params`; `None` if it has none.
fn number(params: &Params, name: &str) -> Option<f64> {
    serde_json::to_value(params).ok()?.get(name)?.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assumption_is_read_as_it_is_written() {
        let assumed: Assumed = "idle=0.5".parse().expect("sound");
        assert_eq!(assumed.to_string(), "idle=0.5");
        let params = Params::s9().assuming(&[assumed]).expect("a unit");
        let idle = Params {
            idle: 0.15,
            ..params.clone()
        };
        assert_eq!(params.idle, 0.5);
        assert_eq!(idle, Params::s9(), "nothing else is touched");
        for wrong in ["idle", "idle=x", "idle=inf", "idel=1", "layout=1"] {
            assert!(wrong.parse::<Assumed>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_describes_no_unit_is_refused() {
        let refused = |text: &str| {
            let assumed: Assumed = text.parse().expect("a number");
            Params::s9()
                .assuming(&[assumed])
                .expect_err("refused")
                .to_string()
        };
        assert!(refused("idle=1.5").contains("idle"));
        assert!(refused("boards=2.5").contains("boards=2.5"));
        assert!(refused("leakage_w=-1").contains("leakage_w"));
    }

    #[test]
    fn both_ends_of_every_assumption_describe_a_unit_of_every_model() {
        for params in [Params::s9(), Params::lv06(), Params::lb_box()] {
            for assumption in ASSUMPTIONS {
                for end in [assumption.low, assumption.high] {
                    let assumed = assumption.at(end, &params);
                    assert_eq!(assumed.len(), assumption.parameters.len());
                    let unit = params.clone().assuming(&assumed);
                    assert!(unit.is_ok(), "{} {end}: {unit:?}", assumption.name());
                }
            }
        }
    }
}
