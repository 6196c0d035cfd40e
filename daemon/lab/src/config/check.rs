//! What the types of a configuration do not rule out.

use std::path::Path;

use thermine_sim::Params;
use thermine_units::model::Model;

use super::{Config, ConfigError, Serial, Wires};

/// A key, its value, whether it may have it, and what it should be.
type Rule = (&'static str, f64, bool, &'static str);

/// Something that a configuration may not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The key that it is about; the empty one is the file.
    pub(crate) key: String,
    /// The key, what is wrong with it, and what to do.
    pub(crate) what: String,
}

impl Problem {
    pub(crate) fn new(key: &str, what: impl Into<String>) -> Problem {
        Problem {
            key: key.into(),
            what: what.into(),
        }
    }

    /// `Ok` if there are none, else all in one text.
    pub(crate) fn none_of(problems: Vec<Problem>) -> Result<(), String> {
        if problems.is_empty() {
            return Ok(());
        }
        let all: Vec<String> = problems.into_iter().map(|problem| problem.what).collect();
        Err(all.join("; "))
    }
}

impl Config {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// With every value that is out of range; `path` is named in the message.
    pub(crate) fn check(&self, path: &Path) -> Result<(), ConfigError> {
        Problem::none_of(self.problems()).map_err(|what| ConfigError::Wires {
            path: path.to_path_buf(),
            what,
        })
    }

    /// Everything that the types do not rule out.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        let wires = self.wires();
        match &wires {
            Err(what) => found.push(Problem::new("unit.model", what)),
            Ok(Wires::Serial(Serial {
                without_temperature_sensor: false,
                ..
            })) => found.push(Problem::new(
                "serial.without_temperature_sensor",
                "serial.without_temperature_sensor = false, but this line tells no temperature: no interlock can watch bare \
                 chips. Watch them by other means, and say so with `without_temperature_sensor = true`",
            )),
            Ok(_) => {}
        }
        if let Err(error) = self.enforced() {
            found.push(Problem::new("interlock", format!("interlock: {error}")));
        }
        if let Some(simulated) = &self.unit.simulated {
            if let Ok(wires) = &wires {
                let (chips, cores) = chips_and_cores(self.unit.model, wires);
                if let Err(error) = simulated.silicon.check(chips, cores) {
                    let what = format!("unit.simulated.{error}");
                    found.push(Problem::new("unit.simulated.silicon", what));
                }
            }
            let spread = Params {
                spread: simulated.spread.clone(),
                ..Params::s9()
            };
            let model = Params::of(self.unit.model).unwrap_or_else(Params::s9);
            if let Err(error) = model.assuming(&simulated.assume) {
                let what = format!("unit.simulated.assume: {error}");
                found.push(Problem::new("unit.simulated.assume", what));
            }
            if let Err(error) = spread.check() {
                let what = format!("unit.simulated: {error}");
                found.push(Problem::new("unit.simulated.spread", what));
            }
        }
        let rules = self.out_of_range().into_iter();
        found.extend(
            rules.map(|(key, value, _, reason)| {
                Problem::new(key, format!("{key} = {value} {reason}"))
            }),
        );
        found
    }

    /// Every value that is out of its range.
    fn out_of_range(&self) -> Vec<Rule> {
        let limits = self.unit.model.limits();
        let wires = self.wires().map(|wires| wire_rules(&wires, limits));
        let mut rules = self.step_rules();
        rules.extend(wires.unwrap_or_default());
        rules.extend(self.simulated_rules());
        rules.retain(|(_, _, ok, _)| !ok);
        rules
    }

    fn step_rules(&self) -> Vec<Rule> {
        let step = &self.step;
        let reconnect = self.unit.reconnect_seconds;
        vec![
            (
                "unit.reconnect_seconds",
                reconnect,
                reconnect == 0.0 || span(reconnect),
                "must be between 0 and 3600",
            ),
            (
                "step.hold_seconds",
                step.hold_seconds,
                step.hold_seconds == 0.0 || span(step.hold_seconds),
                "must be between 0 and 3600",
            ),
            (
                "step.timeout_seconds",
                step.timeout_seconds,
                span(step.timeout_seconds) && step.timeout_seconds > step.hold_seconds,
                "must be above step.hold_seconds and at most 3600",
            ),
            (
                "step.shares",
                f64::from(step.shares),
                step.shares >= 1 || step.hold_seconds > 0.0,
                "must be at least 1 where step.hold_seconds is 0",
            ),
            (
                "step.duty_min",
                step.duty_min,
                (0.2..=1.0).contains(&step.duty_min),
                "must be between 0.2 (below that a unit does little but switch jobs) and 1",
            ),
        ]
    }

    fn simulated_rules(&self) -> Vec<Rule> {
        let Some(simulated) = &self.unit.simulated else {
            return Vec::new();
        };
        let speed = simulated.speed.unwrap_or(1.0);
        let scale = simulated.difficulty_scale;
        let (lowest, highest) = self.unit.model.limits().frequency;
        let (lowest, highest) = (lowest.0, highest.0);
        let frequency = simulated.frequency_mhz.unwrap_or(highest);
        let voltage = simulated.voltage_v.unwrap_or(1.0);
        let fan = simulated.fan.unwrap_or(1.0);
        vec![
            (
                "unit.simulated.speed",
                speed,
                speed.is_finite() && speed > 0.0 && speed <= 1000.0,
                "must be above 0 and at most 1000: beyond that a socket is slower than the unit; leave it \
                 out for virtual time",
            ),
            (
                "unit.simulated.difficulty_scale",
                scale,
                scale.is_finite() && scale > 0.0,
                "must be a positive number",
            ),
            (
                "unit.simulated.frequency_mhz",
                frequency,
                (lowest..=highest).contains(&frequency),
                "is outside the model's limits",
            ),
            (
                "unit.simulated.voltage_v",
                voltage,
                voltage.is_finite() && voltage > 0.0 && voltage <= 2.0,
                "must be above 0 and at most 2",
            ),
            (
                "unit.simulated.fan",
                fan,
                (0.25..=1.0).contains(&fan),
                "must be between 0.25 and 1",
            ),
        ]
    }
}

/// Chips of a simulated unit, and cores of each.
fn chips_and_cores(model: Model, wires: &Wires<'_>) -> (usize, u8) {
    match (wires, Params::of(model)) {
        (Wires::Network { .. }, Some(params)) => (params.chip_count(), params.layout.cores()),
        (Wires::Serial(serial), _) => (usize::from(serial.chips), model.entry().layout.cores()),
        (Wires::Network { .. }, None) => (0, 0),
    }
}

fn wire_rules(wires: &Wires<'_>, limits: &thermine_units::model::Limits) -> Vec<Rule> {
    let reason = "must be above 0 and at most 3600";
    match wires {
        Wires::Network { stratum, api } => vec![
            (
                "stratum.connect_timeout_seconds",
                stratum.connect_timeout_seconds,
                span(stratum.connect_timeout_seconds),
                reason,
            ),
            (
                "api.poll_seconds",
                api.poll_seconds,
                span(api.poll_seconds),
                reason,
            ),
        ],
        Wires::Serial(serial) => {
            let (low, high) = limits.frequency;
            vec![
                (
                    "serial.chips",
                    f64::from(serial.chips),
                    (1..=63).contains(&serial.chips),
                    "must be between 1 and 63",
                ),
                (
                    "serial.frequency_mhz",
                    serial.frequency_mhz,
                    (low.0..=high.0).contains(&serial.frequency_mhz),
                    "must be within the model's limits",
                ),
                (
                    "serial.ticket_difficulty",
                    f64::from(serial.ticket_difficulty),
                    serial.ticket_difficulty.is_power_of_two(),
                    "must be a power of two",
                ),
            ]
        }
    }
}

/// An hour is longer than any span here can mean, and bounds what a Duration is made from.
fn span(seconds: f64) -> bool {
    seconds.is_finite() && seconds > 0.0 && seconds <= 3600.0
}
