//! The encodings that have a name.

use crate::substrate::Discipline;
use serde::{Deserialize, Serialize};
use strum::{EnumMessage, IntoStaticStr, VariantArray};
use thermine_units::model::Model;
use utoipa::ToSchema;

use super::encoding::{Actuator, Channel, Encoding};
use super::quantities::Group;
use crate::config;

/// The encodings that have a name.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    ToSchema,
    VariantArray,
    EnumMessage,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Preset {
    /// The paper's three rows: dialogue, monologue and constant.
    #[default]
    Paper,
    /// Duty, clean jobs at a cadence.
    Duty,
    /// Share difficulty by the published law.
    Difficulty,
    /// The word in the coinbase.
    Extranonce,
    /// Block time of the jobs, ahead of the clock.
    BlockTime,
    /// Chip clock alone.
    Frequency,
    /// Core voltage alone.
    Voltage,
    /// Fan speed alone.
    Fan,
    /// Duty, clock and fan at once, all three cooler for a larger input.
    Wide,
    /// Duty after the present input, clock after that of nine steps ago: the power holds their product.
    Pair,
    /// Duty after the present input, fan after that of nine steps ago: the host remembers for the heat.
    Late,
    /// Duty after the present input, share difficulty after that of nine steps ago: the rate of shares is their product.
    /// Needs no meter and no setting of the unit, so every unit that speaks Stratum can do it.
    Product,
    /// Difficulty over a factor of 64, each step over with its answers: the handshake's time alone.
    Timing,
}

/// Factor between the difficulties of the timing preset: 8 up and 8 down.
const TIMING_SPAN: f64 = 64.0;

/// Least duty of the pair preset, for a product as large as it can be: below, an S9 queues its job switches, and its
/// duty no longer follows the cadence.
const PAIR_DUTY: f64 = 0.31;

/// Factor between the difficulties of the product preset. Of 4, 8, 16, 32 and 64 tried with three least duties and two
/// holds on seeds 101 to 103 of NARMA-10, 16 is best at 90 s a step (0.183 against 0.190 with 8); at 60 s, 64 is no
/// better than 32 (0.190, 0.195): the product grows with the factor, and the shares become fewer.
const PRODUCT_SPAN: f64 = 16.0;

/// Lag of the second actuator in the pair presets: NARMA-10 multiplies u[t] and u[t−9].
const PAIR_LAG: usize = 9;

/// Ratio of the largest to the smallest difficulty of the published law on [0, 0.5], ε = 0.1.
const PUBLISHED_SPAN: f64 = 6.0;

impl Encoding {
    /// Those of `preset` for a unit of `model` and its `step`.
    pub fn of(preset: Preset, model: Model, step: &config::Step) -> Vec<Encoding> {
        let duty = Channel::new(Actuator::Duty, 1.0, step.duty_min);
        let floor = step.difficulty.get();
        let published = Channel::new(Actuator::Difficulty, floor * PUBLISHED_SPAN, floor);
        let spans = model.entry().inputs;
        let (slow, fast) = spans.frequency;
        let frequency = Channel::new(Actuator::Frequency, fast, slow);
        let fan = Channel::new(Actuator::Fan, spans.fan.0, spans.fan.1);
        let one = |name: &str, channels: Vec<Channel>| vec![Encoding::new(name, channels)];
        match preset {
            Preset::Paper => vec![
                Encoding::new("dialogue", vec![duty, word()]),
                Encoding {
                    discipline: Discipline::Monologue,
                    ..Encoding::new("monologue", vec![published, word()])
                },
                Encoding::new("constant", Vec::new()),
            ],
            Preset::Duty => one("duty", vec![duty]),
            Preset::Difficulty => one("difficulty", vec![published]),
            Preset::Extranonce => one("extranonce", vec![word()]),
            Preset::BlockTime => one(
                "block-time",
                vec![Channel::new(Actuator::BlockTime, 0.0, 600.0)],
            ),
            Preset::Frequency => one("frequency", vec![frequency]),
            Preset::Voltage => one(
                "voltage",
                vec![Channel::new(
                    Actuator::Voltage,
                    spans.voltage.0,
                    spans.voltage.1,
                )],
            ),
            Preset::Fan => one("fan", vec![fan]),
            Preset::Wide => one("wide", vec![duty, frequency, fan]),
            Preset::Pair => one(
                "pair",
                vec![
                    Channel::new(Actuator::Duty, PAIR_DUTY, 1.0),
                    Channel {
                        lag: PAIR_LAG,
                        ..Channel::new(Actuator::Frequency, slow, fast)
                    },
                ],
            ),
            Preset::Product => one(
                "product",
                vec![
                    Channel::new(Actuator::Duty, PAIR_DUTY, 1.0),
                    Channel {
                        lag: PAIR_LAG,
                        ..Channel::new(Actuator::Difficulty, floor * PRODUCT_SPAN, floor)
                    },
                ],
            ),
            Preset::Late => one(
                "late",
                vec![
                    duty,
                    Channel {
                        lag: PAIR_LAG,
                        ..fan
                    },
                ],
            ),
            Preset::Timing => one(
                "timing",
                vec![Channel::new(
                    Actuator::LogDifficulty,
                    floor * TIMING_SPAN,
                    floor,
                )],
            ),
        }
    }
}

/// What a preset asks for beside its encoding, where the user asks for nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usual {
    /// Length of a step, s of the unit's time.
    pub(crate) hold_seconds: f64,
    /// What the readout is given of the device.
    pub(crate) features: &'static [Group],
    /// Steps of it.
    pub(crate) history: usize,
    /// Inputs that the host gives beside it.
    pub(crate) taps: usize,
}

impl Preset {
    /// What goes with the encoding; `None` where that is the configuration's.
    pub(crate) fn usual(self) -> Option<Usual> {
        // 90 s: some 380 shares a step of an S9. Twice the time scores better (the error falls with the root of the
        // shares), and doubles a run of a day.
        (self == Preset::Product).then_some(Usual {
            hold_seconds: 90.0,
            features: &[Group::Shares],
            history: 20,
            taps: 30,
        })
    }
}

fn word() -> Channel {
    Channel::new(Actuator::Extranonce, 0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use thermine_sim::params::Params;

    use super::*;
    use crate::config::Config;

    fn presets(preset: Preset, model: Model) -> Vec<Encoding> {
        let step = Config::simulated(model).expect("the default").step;
        Encoding::of(preset, model, &step)
    }

    #[test]
    fn the_published_difficulty_is_the_papers_law() {
        let monologue = &presets(Preset::Paper, Model::AntminerS9)[1];
        for u in [0.0, 0.1, 0.37, 0.5] {
            let published = 256.0 * 0.6 / (u + 0.1);
            let value = monologue.channels[0].value(u / 0.5);
            assert!((value - published).abs() < 1e-9, "{u}: {value} {published}");
        }
    }

    #[test]
    fn the_difficulty_of_the_timing_preset_is_geometric() {
        let timing = &presets(Preset::Timing, Model::AntminerS9)[0];
        let value = |x| timing.channels[0].value(x);
        assert!((value(0.0) / value(1.0) - 64.0).abs() < 1e-9);
        assert!((value(0.5).powi(2) / (value(0.0) * value(1.0)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn every_preset_is_within_the_limits_of_every_twin() {
        let twins = [
            (Model::AntminerS9, Params::s9()),
            (Model::LuckyMinerLv06, Params::lv06()),
            (Model::GoldshellLbBox, Params::lb_box()),
        ];
        for (model, params) in twins {
            for preset in Preset::VARIANTS {
                for encoding in presets(*preset, model) {
                    let checked = encoding.check(model, Some(&params));
                    assert!(checked.is_ok(), "{preset:?} on a {model}: {checked:?}");
                }
            }
        }
    }

    #[test]
    fn a_pair_multiplies_inputs_that_are_nine_steps_apart() {
        let pair = &presets(Preset::Pair, Model::AntminerS9)[0];
        assert_eq!(pair.products(3), [(0, 9), (1, 10), (2, 11)]);
        let wide = &presets(Preset::Wide, Model::AntminerS9)[0];
        // Duty and clock at once: squares.
        assert_eq!(wide.products(3), [(0, 0), (1, 1), (2, 2)]);
    }
}
