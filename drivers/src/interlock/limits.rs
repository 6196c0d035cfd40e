//! What an interlock enforces: the model's limits, which configuration can only tighten.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::{Change, Remark};
use thermine_units::model::Limits;
use thermine_units::quantity::{Celsius, MegaHertz, Volts};
use thermine_units::unit::{OperatingPoint, Sensor};

/// Rise of a temperature up to which it is taken to be the unit's own doing, K/s over ten seconds. An S9
/// whose chips go from no work to full duty warms by 5 K in that time, an LV06 by 6 K (device model; not
/// measured), to which whole-degree sensors add up to 2 K.
const PLAUSIBLE_RATE: f64 = 1.0;

/// From a decision until the heat falls: a poll, a judgement, a setting and its reading back. Assumed.
const REACTION: Duration = Duration::from_secs(10);

/// How long all must be well before the unit may run again: some half of the heatsinks' time constant.
const DWELL: Duration = Duration::from_secs(60);

/// Stricter values of a configuration. What is missing stays as the model has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tightening {
    /// Lower stop temperature of the chips.
    pub chip_stop: Option<Celsius>,
    /// Lower stop temperature of the circuit boards.
    pub board_stop: Option<Celsius>,
    /// Lower stop temperature of the regulators.
    pub regulator_stop: Option<Celsius>,
    /// More to cool by before release, K.
    pub hysteresis: Option<f64>,
    /// Less age at which a reading no longer counts, s.
    pub stale_after_seconds: Option<f64>,
    /// Slower rise that is still plausible, K/s.
    pub rate: Option<f64>,
    /// Longer time to react, s.
    pub reaction_seconds: Option<f64>,
    /// Longer time for which all must be well before release, s.
    pub dwell_seconds: Option<f64>,
    /// Lower highest clock.
    pub frequency_max: Option<MegaHertz>,
    /// Lower highest voltage.
    pub voltage_max: Option<Volts>,
    /// Higher lowest fan speed, fraction of full speed.
    pub fan_min: Option<f64>,
}

/// A value of a [`Tightening`] that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TighteningError {
    /// It is laxer than what the model demands.
    #[error(
        "{key} = {value} is laxer than the limit of the model, {limit}: limits can only be tightened"
    )]
    Loosens {
        /// Key of the configuration.
        key: &'static str,
        /// The value that was given.
        value: f64,
        /// What the model demands.
        limit: f64,
    },
    /// It is no limit.
    #[error("{key} = {value} is not {wanted}")]
    Unusable {
        /// Key of the configuration.
        key: &'static str,
        /// The value that was given.
        value: f64,
        /// What it should be.
        wanted: &'static str,
    },
}

/// The limits that an interlock enforces. Never laxer than those of the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Enforced {
    limits: Limits,
    rate: f64,
    reaction: Duration,
    dwell: Duration,
}

impl Enforced {
    /// The limits of a model, tightened.
    ///
    /// # Errors
    /// If a value is laxer than the model's, or is no limit.
    pub fn new(model: &Limits, by: &Tightening) -> Result<Enforced, TighteningError> {
        let mut limits = *model;
        limits.chip_stop.0 = lower("chip_stop", by.chip_stop.map(|t| t.0), model.chip_stop.0)?;
        limits.board_stop.0 = lower("board_stop", by.board_stop.map(|t| t.0), model.board_stop.0)?;
        if let Some(asked) = by.regulator_stop {
            let model = model.regulator_stop.map_or(f64::MAX, |t| t.0);
            let stop = lower("regulator_stop", Some(asked.0), model)?;
            limits.regulator_stop = Some(Celsius(stop));
        }
        limits.hysteresis = higher("hysteresis", by.hysteresis, model.hysteresis)?;
        let stale_after = model.stale_after.as_secs_f64();
        let stale_after = lower("stale_after_seconds", by.stale_after_seconds, stale_after)?;
        limits.stale_after = span("stale_after_seconds", stale_after)?;

        limits.frequency.1.0 = lower(
            "frequency_max",
            by.frequency_max.map(|f| f.0),
            model.frequency.1.0,
        )?;
        if limits.frequency.1 < model.frequency.0 {
            return Err(TighteningError::Unusable {
                key: "frequency_max",
                value: limits.frequency.1.0,
                wanted: "a clock that the model can run at",
            });
        }
        if let Some(asked) = by.voltage_max {
            let key = "voltage_max";
            let value = asked.0;
            let (lowest, highest) = model.voltage.ok_or(TighteningError::Unusable {
                key,
                value,
                wanted: "possible: the model's voltage cannot be set",
            })?;
            let highest = lower(key, Some(value), highest.0)?;
            if highest < lowest.0 {
                return Err(TighteningError::Unusable {
                    key,
                    value,
                    wanted: "a voltage that the model can run at",
                });
            }
            limits.voltage = Some((lowest, Volts(highest)));
        }
        if let Some(value) = by.fan_min {
            let key = "fan_min";
            let model = model.fan_min.ok_or(TighteningError::Unusable {
                key,
                value,
                wanted: "possible: the model's fan cannot be set",
            })?;
            if value > 1.0 {
                let wanted = "a fraction of full speed";
                return Err(TighteningError::Unusable { key, value, wanted });
            }
            limits.fan_min = Some(higher(key, Some(value), model)?);
        }

        let rate = lower("rate", by.rate, PLAUSIBLE_RATE)?;
        if rate <= 0.0 {
            return Err(TighteningError::Unusable {
                key: "rate",
                value: rate,
                wanted: "a rise above 0 K/s",
            });
        }
        let longer =
            |key, asked, model: Duration| span(key, higher(key, asked, model.as_secs_f64())?);
        Ok(Enforced {
            limits,
            rate,
            reaction: longer("reaction_seconds", by.reaction_seconds, REACTION)?,
            dwell: longer("dwell_seconds", by.dwell_seconds, DWELL)?,
        })
    }

    /// The limits of a model as they are.
    pub fn of(model: &Limits) -> Enforced {
        Enforced {
            limits: *model,
            rate: PLAUSIBLE_RATE,
            reaction: REACTION,
            dwell: DWELL,
        }
    }

    /// The same for a unit whose fans report no speed: none is expected to turn. A fan that was once seen to
    /// turn must go on.
    pub fn without_tachometer(mut self) -> Enforced {
        self.limits.fans = 0;
        self
    }

    /// The model's limits, as tightened.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Rise above which a temperature near its limit runs away, K/s.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    /// How far ahead such a rise is followed.
    pub(crate) fn reaction(&self) -> Duration {
        self.reaction
    }

    /// How long all must be well before release.
    pub(crate) fn dwell(&self) -> Duration {
        self.dwell
    }

    /// Temperature at which a sensor of this kind stops the unit; `None` if there is no limit for it.
    pub fn stop(&self, sensor: Sensor) -> Option<Celsius> {
        match sensor {
            Sensor::Board => Some(self.limits.board_stop),
            Sensor::Chip => Some(self.limits.chip_stop),
            Sensor::Regulator => self.limits.regulator_stop,
        }
    }

    /// `asked`, brought within the limits, and where that changed it. What is no number, or what the model
    /// cannot be set to, is left out.
    pub fn clamp(&self, asked: &OperatingPoint) -> (OperatingPoint, Vec<Remark>) {
        let limits = &self.limits;
        let mut remarks = Vec::new();
        let mut within = |setting, asked: Option<f64>, range: Option<(f64, f64)>, unit| {
            let asked = asked?;
            let number = Some(asked).filter(|asked| !asked.is_nan());
            let sent = number
                .zip(range)
                .map(|(asked, (lowest, highest))| asked.clamp(lowest, highest));
            if sent != Some(asked) {
                remarks.push(Remark {
                    setting,
                    asked: format!("{asked}{unit}"),
                    what: match sent {
                        Some(sent) => Change::Clamped(format!("{sent}{unit}")),
                        None if range.is_some() => Change::Clamped("nothing".into()),
                        None => Change::Unsupported,
                    },
                });
            }
            sent
        };
        let (slowest, fastest) = limits.frequency;
        let point = OperatingPoint {
            frequency: within(
                "frequency",
                asked.frequency.map(|f| f.0),
                Some((slowest.0, fastest.0)),
                " MHz",
            )
            .map(MegaHertz),
            voltage: within(
                "voltage",
                asked.voltage.map(|v| v.0),
                limits
                    .voltage
                    .map(|(lowest, highest)| (lowest.0, highest.0)),
                " V",
            )
            .map(Volts),
            fan: within("fan", asked.fan, limits.fan_min.map(|min| (min, 1.0)), ""),
            mode: asked.mode,
            boards: None,
        };
        if let Some(boards) = asked.boards {
            remarks.push(Remark {
                setting: "boards",
                asked: format!("{boards:?}"),
                what: Change::Unsupported,
            });
        }
        (point, remarks)
    }
}

/// `asked` if it is a number not above `limit`; `limit` if nothing is asked.
fn lower(key: &'static str, asked: Option<f64>, limit: f64) -> Result<f64, TighteningError> {
    match asked {
        None => Ok(limit),
        Some(value) if !value.is_finite() => Err(not_finite(key, value)),
        Some(value) if value > limit => Err(TighteningError::Loosens { key, value, limit }),
        Some(value) => Ok(value),
    }
}

/// `asked` if it is a number not below `limit`; `limit` if nothing is asked.
fn higher(key: &'static str, asked: Option<f64>, limit: f64) -> Result<f64, TighteningError> {
    match asked {
        None => Ok(limit),
        Some(value) if !value.is_finite() => Err(not_finite(key, value)),
        Some(value) if value < limit => Err(TighteningError::Loosens { key, value, limit }),
        Some(value) => Ok(value),
    }
}

fn not_finite(key: &'static str, value: f64) -> TighteningError {
    TighteningError::Unusable {
        key,
        value,
        wanted: "a finite number",
    }
}

fn span(key: &'static str, seconds: f64) -> Result<Duration, TighteningError> {
    let unusable = TighteningError::Unusable {
        key,
        value: seconds,
        wanted: "a time in seconds",
    };
    match Duration::try_from_secs_f64(seconds) {
        Ok(span) if !span.is_zero() => Ok(span),
        _ => Err(unusable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_units::model::Model;

    #[test]
    fn loosening_is_an_error_that_names_key_value_and_limit() {
        let loose = |json: &str| {
            let by: Tightening = serde_json::from_str(json).expect("known keys");
            Enforced::new(Model::LuckyMinerLv06.limits(), &by)
                .expect_err(json)
                .to_string()
        };
        for (json, parts) in [
            (r#"{"chip_stop": 73}"#, ["chip_stop = 73", "72"]),
            (r#"{"board_stop": 80.5}"#, ["board_stop = 80.5", "72"]),
            (
                r#"{"regulator_stop": 101}"#,
                ["regulator_stop = 101", "100"],
            ),
            (r#"{"hysteresis": 1}"#, ["hysteresis = 1", "8"]),
            (
                r#"{"stale_after_seconds": 16}"#,
                ["stale_after_seconds = 16", "15"],
            ),
            (
                r#"{"stale_after_seconds": 0}"#,
                ["stale_after_seconds = 0", "time"],
            ),
            (r#"{"rate": 2}"#, ["rate = 2", "1"]),
            (r#"{"rate": 0}"#, ["rate = 0", "above 0"]),
            (r#"{"reaction_seconds": 1}"#, ["reaction_seconds = 1", "10"]),
            (r#"{"dwell_seconds": 1}"#, ["dwell_seconds = 1", "60"]),
            (r#"{"dwell_seconds": 1e300}"#, ["dwell_seconds = 1", "time"]),
            (r#"{"frequency_max": 600}"#, ["frequency_max = 600", "575"]),
            (
                r#"{"frequency_max": 10}"#,
                ["frequency_max = 10", "can run at"],
            ),
            (r#"{"voltage_max": 1.4}"#, ["voltage_max = 1.4", "1.3"]),
            (
                r#"{"voltage_max": 0.5}"#,
                ["voltage_max = 0.5", "can run at"],
            ),
            (r#"{"fan_min": 0.1}"#, ["fan_min = 0.1", "0.25"]),
            (r#"{"fan_min": 1.5}"#, ["fan_min = 1.5", "fraction"]),
        ] {
            let error = loose(json);
            for part in parts {
                assert!(error.contains(part), "no `{part}` in: {error}");
            }
        }
        let nan = Tightening {
            chip_stop: Some(Celsius(f64::NAN)),
            ..Tightening::default()
        };
        let error = Enforced::new(Model::AntminerS9.limits(), &nan);
        assert!(matches!(error, Err(TighteningError::Unusable { .. })));
        let fixed = Tightening {
            voltage_max: Some(Volts(0.4)),
            ..Tightening::default()
        };
        assert!(
            Enforced::new(Model::AntminerS9.limits(), &fixed).is_err(),
            "cannot be set"
        );
        assert!(serde_json::from_str::<Tightening>(r#"{"chip_stopp": 70}"#).is_err());
        assert!(serde_json::from_str::<Tightening>(r#"{"enabled": false}"#).is_err());
    }

    #[test]
    fn what_is_set_is_brought_within_the_limits() {
        let by = Tightening {
            frequency_max: Some(MegaHertz(500.0)),
            ..Tightening::default()
        };
        let limits = Enforced::new(Model::LuckyMinerLv06.limits(), &by).expect("tighter");
        let (sent, remarks) = limits.clamp(&OperatingPoint {
            frequency: Some(MegaHertz(550.0)),
            voltage: Some(Volts(f64::NAN)),
            fan: Some(0.0),
            ..OperatingPoint::UNCHANGED
        });
        assert_eq!(sent.frequency, Some(MegaHertz(500.0)));
        assert_eq!((sent.voltage, sent.fan), (None, Some(0.25)));
        let said: Vec<String> = remarks.iter().map(ToString::to_string).collect();
        assert_eq!(
            said[0],
            "frequency 550 MHz is outside the model's limits: sent 500 MHz"
        );
        assert_eq!(remarks.len(), 3);
        let (sent, remarks) = Enforced::of(Model::AntminerS9.limits()).clamp(&OperatingPoint {
            fan: Some(0.5),
            boards: Some([1.0, 0.5, 0.5]),
            ..OperatingPoint::UNCHANGED
        });
        assert_eq!(sent, OperatingPoint::UNCHANGED);
        assert_eq!(remarks.len(), 2);
    }

    #[test]
    fn the_safe_point_of_every_model_is_within_its_limits() {
        for model in Model::ALL {
            let limits = model.limits();
            let (sent, remarks) = Enforced::of(limits).clamp(&limits.safe);
            assert_eq!((sent, remarks.len()), (limits.safe, 0), "{model:?}");
        }
    }
}
