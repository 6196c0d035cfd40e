//! What the input does to a unit: which actuators follow it, how far, and how many steps late.
//!
//! Several actuators may follow the input at once. One that follows it some steps *late* lets the unit's own
//! physics combine two inputs: with the duty after `u[t]` and the clock after `u[t−9]`, the power
//! P ∝ V² · f · duty holds their product.

use std::str::FromStr;

use crate::substrate::Discipline;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoStaticStr, VariantArray};
use thermine_sim::params::Params;
use thermine_units::model::Model;
use thermine_units::seed;
use thermine_units::unit::BOARDS;
use thermine_units::unit::OperatingPoint;
use utoipa::ToSchema;

/// What can follow the input.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    ToSchema,
    VariantArray,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub(crate) enum Actuator {
    /// Fraction of its time that the unit hashes current work.
    Duty,
    /// Share difficulty, so that its reciprocal follows the input: the published D = D₀ / (u + ε).
    Difficulty,
    /// Share difficulty, so that its logarithm follows the input.
    LogDifficulty,
    /// The word in the coinbase of the jobs; its ends are 0 and 1, the smallest and the largest word.
    Extranonce,
    /// Seconds by which the block time of the jobs is ahead of the clock.
    BlockTime,
    /// Chip clock, MHz.
    Frequency,
    /// Core voltage, V.
    Voltage,
    /// Fan speed, fraction of full speed.
    Fan,
    /// Clock of the boards, fraction of the chip clock. A mask gives each board a factor of its own.
    Boards,
}

impl Actuator {
    /// Name in specifications and of its column.
    pub(crate) fn name(self) -> &'static str {
        self.into()
    }
}

/// One actuator that follows the input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    pub(crate) actuator: Actuator,
    /// Its value at the smallest input.
    pub(crate) low: f64,
    /// Its value at the largest.
    pub(crate) high: f64,
    /// How many steps late it follows.
    #[serde(default)]
    pub(crate) lag: usize,
}

/// Actuators whose values a unit's physics multiplies with each other, in its power or in its rate of shares.
const FACTORS: [Actuator; 4] = [
    Actuator::Duty,
    Actuator::Frequency,
    Actuator::Voltage,
    Actuator::Difficulty,
];

/// Least factor of the mirror mask: with less of the input, less is left of it in the states.
const LEAST_FACTOR: f64 = 0.9;

/// Longest lag of a channel, steps.
const LONGEST_LAG: usize = 1000;

/// Furthest that a block time may be ahead, s: pools and the verifier allow two hours.
const LATEST_BLOCK: f64 = 3600.0;

impl Channel {
    /// A channel without lag.
    pub(crate) fn new(actuator: Actuator, low: f64, high: f64) -> Channel {
        Channel {
            actuator,
            low,
            high,
            lag: 0,
        }
    }

    /// Its value for `x`, the input scaled to 0..=1.
    pub(crate) fn value(&self, x: f64) -> f64 {
        let between = |low: f64, high: f64| low + (high - low) * x.clamp(0.0, 1.0);
        match self.actuator {
            Actuator::Difficulty => between(self.low.recip(), self.high.recip()).recip(),
            Actuator::LogDifficulty => between(self.low.ln(), self.high.ln()).exp(),
            _ => between(self.low, self.high),
        }
    }

    /// What its values must be within on a unit of `model` or its `twin`, if there is such a thing.
    fn range(&self, model: Model, twin: Option<&Params>) -> Option<(f64, f64)> {
        let limits = model.limits();
        match self.actuator {
            Actuator::Duty => Some((0.2, 1.0)),
            Actuator::Difficulty | Actuator::LogDifficulty => Some((1e-6, 1e12)),
            Actuator::Extranonce => Some((0.0, 1.0)),
            Actuator::BlockTime => Some((0.0, LATEST_BLOCK)),
            Actuator::Frequency => Some((limits.frequency.0.0, limits.frequency.1.0)),
            Actuator::Voltage => limits
                .voltage
                .map(|(low, high)| (low.0, high.0))
                .or(twin.map(|p| (p.voltage_min_v, p.voltage_max_v))),
            Actuator::Fan => limits
                .fan_min
                .or(twin.map(|p| p.fan_min))
                .map(|low| (low, 1.0)),
            Actuator::Boards => twin
                .filter(|p| (2..=BOARDS).contains(&p.boards))
                .map(|_| (0.0, 1.0)),
        }
    }
}

/// `actuator=low:high` or `actuator=low:high@lag`.
impl FromStr for Channel {
    type Err = String;

    fn from_str(text: &str) -> Result<Channel, String> {
        let wrong = || {
            format!(
                "`{text}` is not ACTUATOR=LOW:HIGH or ACTUATOR=LOW:HIGH@LAG, as in `duty=1:0.3@9`"
            )
        };
        let (actuator, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (span, lag) = rest.split_once('@').unwrap_or((rest, "0"));
        let (low, high) = span.split_once(':').ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
        let mut known = Actuator::VARIANTS.iter();
        let actuator = known
            .find(|known| known.name() == actuator)
            .ok_or_else(|| {
                let names: Vec<&str> = Actuator::VARIANTS.iter().map(|a| a.name()).collect();
                format!("`{actuator}` is none of the actuators {}", names.join(", "))
            })?;
        Ok(Channel {
            actuator: *actuator,
            low: number(low).ok_or_else(wrong)?,
            high: number(high).ok_or_else(wrong)?,
            lag: lag.parse().map_err(|_| wrong())?,
        })
    }
}

/// How the virtual nodes of a step differ.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    ToSchema,
    VariantArray,
    EnumMessage,
    IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "kebab-case")]
pub enum Mask {
    /// Not at all: the step is only read several times.
    #[default]
    None,
    /// The input's deviation from its middle times +1 or −1.
    Binary,
    /// The same times a number uniform on [−1, 1].
    Random,
    /// Not at all, but joined units do: the second mirrors the first, and each further pair has factors of its own.
    Mirror,
}

/// Everything that the input does to a unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// Name in tables and of the capture's stream.
    pub(crate) name: String,
    /// How jobs follow each other.
    pub discipline: Discipline,
    /// What follows the input; nothing may.
    pub(crate) channels: Vec<Channel>,
    /// Virtual nodes: parts of equal length that a step is divided into, each with readings of its own.
    pub nodes: usize,
    /// How they differ.
    pub(crate) mask: Mask,
    /// Number of the unit among those that are joined, from 0: each has a mask of its own.
    #[serde(default, skip_serializing_if = "is_first")]
    pub(crate) unit: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
fn is_first(unit: &u64) -> bool {
    *unit == 0
}

impl Encoding {
    /// An encoding in dialogue, without virtual nodes.
    pub(crate) fn new(name: &str, channels: Vec<Channel>) -> Encoding {
        Encoding {
            name: name.into(),
            discipline: Discipline::Dialogue,
            channels,
            nodes: 1,
            mask: Mask::None,
            unit: 0,
        }
    }

    /// NRMSE that the paper prints for it on NARMA-10 (arXiv 2601.12032).
    pub(crate) fn published(&self) -> Option<f64> {
        match self.name.as_str() {
            "dialogue" => Some(0.8661),
            "monologue" => Some(0.9550),
            "constant" => Some(1.0),
            _ => None,
        }
    }

    /// What the input does to a unit, in words.
    pub(crate) fn describe(&self) -> String {
        if self.channels.is_empty() {
            return "input is ignored".into();
        }
        let channels: Vec<String> = self
            .channels
            .iter()
            .map(|c| match c.lag {
                0 => format!("{} {} to {}", c.actuator.name(), c.low, c.high),
                lag => format!(
                    "{} {} to {} after the input of {lag} steps ago",
                    c.actuator.name(),
                    c.low,
                    c.high
                ),
            })
            .collect();
        let nodes = match (self.nodes, self.mask) {
            (nodes, Mask::Mirror) => {
                let factors = self.mirrored().into_iter();
                let factors: Vec<String> = factors.map(|factor| format!("{factor:.2}")).collect();
                let read = match nodes {
                    1 => String::new(),
                    nodes => format!(", read {nodes} times a step"),
                };
                format!(", its deviation times {}{read}", factors.join(" and "))
            }
            (1, Mask::None) => String::new(),
            (1, Mask::Binary) => ", by a binary mask".to_owned(),
            (1, Mask::Random) => ", by a random mask".to_owned(),
            (n, Mask::None) => format!(", read {n} times a step"),
            (n, Mask::Binary) => format!(", {n} virtual nodes by a binary mask"),
            (n, Mask::Random) => format!(", {n} virtual nodes by a random mask"),
        };
        format!("input sets {}{nodes}", channels.join(", "))
    }

    /// Factor of each channel by the mirror mask. The first of joined units takes the input as it is, and each second one
    /// is the mirror image of the one before it: the sum of the two holds what is even in the input, as products are.
    pub(crate) fn mirrored(&self) -> Vec<f64> {
        let (pair, is_image) = (self.unit / 2, self.unit % 2 == 1);
        let mut rng = seed::stream(pair, "mirror");
        let mut factor = || match pair {
            0 => 1.0,
            _ => rng.random_range(LEAST_FACTOR..1.0),
        };
        let factors = self.channels.iter().map(|_| factor());
        factors.map(|f| if is_image { -f } else { f }).collect()
    }

    /// Whether it moves the unit's operating point, which has then to be set back.
    pub(crate) fn sets_the_point(&self) -> bool {
        self.channels.iter().any(|channel| {
            matches!(
                channel.actuator,
                Actuator::Frequency | Actuator::Voltage | Actuator::Fan | Actuator::Boards
            )
        })
    }

    /// Delays of two inputs whose product the unit's physics holds, over the last `history` steps: power is
    /// V² · clock · duty, and the rate of shares clock · duty / difficulty, so any two of the four are multiplied. Two
    /// that follow the input at the same lag give its square.
    pub(crate) fn products(&self, history: usize) -> Vec<(usize, usize)> {
        let factors: Vec<(Actuator, usize)> = self
            .channels
            .iter()
            .map(|channel| (slot(channel.actuator), channel.lag))
            .filter(|(actuator, _)| FACTORS.contains(actuator))
            .collect();
        let mut products = Vec::new();
        for (i, &(_, a)) in factors.iter().enumerate() {
            for &(_, b) in &factors[i + 1..] {
                let (a, b) = (a.min(b), a.max(b));
                products.extend((0..history).map(|j| (a + j, b + j)));
            }
        }
        products.sort_unstable();
        products.dedup();
        products
    }

    /// Checks that a unit of `model` can be driven so over its wire, or its `twin` can.
    ///
    /// # Errors
    /// What it cannot.
    pub(crate) fn check(&self, model: Model, twin: Option<&Params>) -> Result<(), String> {
        for (i, channel) in self.channels.iter().enumerate() {
            let name = channel.actuator.name();
            if twin.is_none() && !on_the_wire(model, channel.actuator) {
                return Err(format!(
                    "{name}: a {model} cannot be set so over its wire; encode in duty or difficulty, or drive a \
                     twin with --backend twin"
                ));
            }
            let Some((low, high)) = channel.range(model, twin) else {
                return Err(format!("{name}: a {model} has no such setting"));
            };
            for value in [channel.low, channel.high] {
                if !(low..=high).contains(&value) {
                    return Err(format!(
                        "{name} = {value} is outside {low} to {high}, the limits of a {model}"
                    ));
                }
            }
            if channel.lag > LONGEST_LAG {
                return Err(format!("{name}: a lag above {LONGEST_LAG} steps"));
            }
            let same = |other: &Channel| slot(other.actuator) == slot(channel.actuator);
            if self.channels[..i].iter().any(same) {
                return Err(format!("{name}: one actuator cannot follow two inputs"));
            }
        }
        match self.nodes {
            1..=64 => Ok(()),
            nodes => Err(format!("{nodes} virtual nodes: must be between 1 and 64")),
        }
    }
}

/// Whether the wire of a model takes what drives `actuator`.
fn on_the_wire(model: Model, actuator: Actuator) -> bool {
    let limits = model.limits();
    match actuator {
        Actuator::Frequency => limits.safe != OperatingPoint::UNCHANGED,
        Actuator::Voltage => limits.voltage.is_some(),
        Actuator::Fan => limits.fan_min.is_some(),
        Actuator::Boards => false,
        _ => true,
    }
}

/// Actuators that are one and the same knob.
fn slot(actuator: Actuator) -> Actuator {
    match actuator {
        Actuator::LogDifficulty => Actuator::Difficulty,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_read_as_it_is_written() {
        let channel: Channel = "frequency=480:620.5@9".parse().expect("sound");
        assert_eq!((channel.actuator, channel.lag), (Actuator::Frequency, 9));
        assert_eq!((channel.low, channel.high), (480.0, 620.5));
        for wrong in [
            "",
            "duty",
            "duty=1",
            "duty=1:x",
            "duty=1:NaN",
            "duty=1:0@-1",
        ] {
            let said = wrong.parse::<Channel>().expect_err("refused");
            assert!(said.contains("ACTUATOR=LOW:HIGH"), "{said}");
        }
        let said = "heat=1:2".parse::<Channel>().expect_err("refused");
        assert!(said.contains("duty, difficulty"), "{said}");
    }

    #[test]
    fn what_a_unit_cannot_do_is_said() {
        let s9 = Model::AntminerS9;
        let twin = Params::s9();
        let said = |channels: &[&str], twin: Option<&Params>| {
            let channels = channels.iter().map(|c| c.parse().expect("sound")).collect();
            Encoding::new("x", channels).check(s9, twin)
        };
        assert!(said(&["duty=1:0.3", "frequency=400:600@9"], Some(&twin)).is_ok());
        let wire = said(&["frequency=400:600"], None).expect_err("no wire");
        assert!(wire.contains("--backend twin"), "{wire}");
        let limits = said(&["frequency=400:900"], Some(&twin)).expect_err("too fast");
        assert!(limits.contains("900") && limits.contains("700"), "{limits}");
        let twice = said(&["difficulty=1:2", "log-difficulty=1:2"], None);
        assert!(twice.expect_err("one knob").contains("two inputs"));
    }
}
