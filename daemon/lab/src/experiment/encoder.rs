//! From the input to what the unit is driven with, step by step.

use std::ops::Range;

use crate::substrate::{Drive, Pace};
use rand::RngExt;
use thermine_reservoir::state::Feature;
use thermine_units::pow::Difficulty;
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::seed;
use thermine_units::unit::{BOARDS, OperatingPoint};

use super::encoding::{Actuator, Channel, Encoding, Mask};
use crate::config;

/// Seed of the masks: one and the same for all runs, as a mask is part of the encoding. Each further unit that is joined
/// has the next.
const MASK_SEED: u64 = 1;

/// Encodes one input.
#[derive(Debug, Clone)]
pub struct Encoder {
    encoding: Encoding,
    step: config::Step,
    /// Smallest and largest input.
    range: (f64, f64),
    /// Factor of each channel in each virtual node, −1 to 1; of each board too where the channel is the boards'.
    masks: Vec<Vec<[f64; BOARDS]>>,
}

impl Encoder {
    /// An encoder of inputs within `range`, with the pace and the limits of `step`.
    pub fn new(encoding: Encoding, step: config::Step, range: (f64, f64)) -> Encoder {
        let mut rng = seed::stream(MASK_SEED.wrapping_add(encoding.unit), "masks");
        let mut factor = |whole: f64| match encoding.mask {
            Mask::None => 1.0,
            Mask::Mirror => whole,
            Mask::Binary if rng.random() => 1.0,
            Mask::Binary => -1.0,
            Mask::Random => rng.random_range(-1.0..1.0),
        };
        let nodes = encoding.nodes;
        let masks = encoding
            .channels
            .iter()
            .zip(encoding.mirrored())
            .map(|(channel, whole)| {
                let factors = |_| match channel.actuator {
                    Actuator::Boards => std::array::from_fn(|_| factor(whole)),
                    _ => [factor(whole); BOARDS],
                };
                (0..nodes).map(factors).collect()
            })
            .collect();
        Encoder {
            encoding,
            step,
            range,
            masks,
        }
    }

    /// What it encodes by.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }

    /// The drives of step `t` of `input`, one for each virtual node. Inputs beyond the range are taken into it,
    /// those before the first are the smallest.
    pub fn drives(&self, input: &[f64], t: usize) -> Vec<Drive> {
        (0..self.encoding.nodes)
            .map(|node| self.drive(input, t, node))
            .collect()
    }

    fn drive(&self, input: &[f64], t: usize, node: usize) -> Drive {
        let mut drive = Drive {
            word: 0,
            later: 0,
            difficulty: self.step.difficulty,
            duty: 1.0,
            point: OperatingPoint::UNCHANGED,
            pace: self.pace(),
        };
        for (channel, mask) in self.encoding.channels.iter().zip(&self.masks) {
            let x = t
                .checked_sub(channel.lag)
                .map_or(0.0, |t| self.scaled(input[t]));
            let values = mask[node].map(|factor| {
                channel.value(match self.encoding.mask {
                    Mask::None => x,
                    Mask::Binary | Mask::Random | Mask::Mirror => 0.5 + factor * (x - 0.5),
                })
            });
            let value = values[0];
            match channel.actuator {
                Actuator::Duty => drive.duty = value,
                Actuator::Difficulty | Actuator::LogDifficulty => {
                    drive.difficulty = Difficulty::ONE.scaled(value);
                }
                // `as` saturates; the top of the range is the largest word.
                Actuator::Extranonce => drive.word = (value * f64::from(u32::MAX)) as u32,
                Actuator::BlockTime => drive.later = value.round() as u16,
                Actuator::Frequency => drive.point.frequency = Some(MegaHertz(value)),
                Actuator::Voltage => drive.point.voltage = Some(Volts(value)),
                Actuator::Fan => drive.point.fan = Some(value),
                Actuator::Boards => drive.point.boards = Some(values),
            }
        }
        drive
    }

    /// `u` from the range to 0..=1; the middle of a range without extent.
    fn scaled(&self, u: f64) -> f64 {
        let (low, high) = self.range;
        if high > low {
            ((u - low) / (high - low)).clamp(0.0, 1.0)
        } else {
            0.5
        }
    }

    /// The step's pace, shared between the virtual nodes.
    fn pace(&self) -> Pace {
        let pace = self.step.pace();
        let nodes = u32::try_from(self.encoding.nodes).unwrap_or(u32::MAX);
        Pace {
            hold: pace.hold / nodes,
            ..pace
        }
    }

    /// Names and units of [`Encoder::encoded`].
    pub(crate) fn columns(&self) -> Vec<Feature> {
        let names = self.channels().flat_map(|channel| match channel.actuator {
            Actuator::Difficulty | Actuator::LogDifficulty => {
                vec![
                    ("difficulty", "1"),
                    ("1/difficulty", "1"),
                    ("log difficulty", "1"),
                ]
            }
            Actuator::Frequency => vec![("frequency", "MHz")],
            Actuator::Voltage => vec![("voltage", "V")],
            Actuator::BlockTime => vec![("block-time", "s")],
            Actuator::Boards => vec![("board0", "1"), ("board1", "1"), ("board2", "1")],
            other => vec![(other.name(), "1")],
        });
        let names: Vec<(&str, &str)> = names.collect();
        self.nodes()
            .flat_map(|node| {
                names.iter().map(move |(name, unit)| {
                    Feature::new(format!("{}drive.{name}", node_prefix(node)), *unit)
                })
            })
            .collect()
    }

    /// What of the drives of a step depends on the input, as numbers: the *encoded drive*, which a control
    /// gets without the unit. With more than one virtual node, that of every node.
    ///
    /// A difficulty stands here with its reciprocal and its logarithm: a share rate goes with the first, the log
    /// of a time with the second, and a unit that merely inverts what was encoded has computed nothing.
    pub(crate) fn encoded(&self, drives: &[Drive]) -> Vec<f64> {
        drives
            .iter()
            .flat_map(|drive| self.channels().flat_map(|channel| numbers(channel, drive)))
            .collect()
    }

    fn channels(&self) -> impl Iterator<Item = &Channel> {
        self.encoding.channels.iter()
    }

    /// The nodes by number, or `None` alone if a step is not divided.
    fn nodes(&self) -> impl Iterator<Item = Option<usize>> + use<> {
        node_numbers(self.encoding.nodes)
    }
}

/// The virtual nodes by number, or `None` alone if a step is not divided.
pub(super) fn node_numbers(nodes: usize) -> impl Iterator<Item = Option<usize>> {
    let numbers: Range<usize> = 0..nodes;
    numbers.map(move |node| (nodes > 1).then_some(node))
}

/// What the names of a node's columns begin with.
pub(super) fn node_prefix(node: Option<usize>) -> String {
    node.map_or_else(String::new, |node| format!("node{node}."))
}

/// What `channel` has done to `drive`, as numbers.
fn numbers(channel: &Channel, drive: &Drive) -> Vec<f64> {
    let difficulty = drive.difficulty.get();
    let point = &drive.point;
    match channel.actuator {
        Actuator::Duty => vec![drive.duty],
        Actuator::Difficulty | Actuator::LogDifficulty => {
            vec![difficulty, 1.0 / difficulty, difficulty.ln()]
        }
        Actuator::Extranonce => vec![f64::from(drive.word) / f64::from(u32::MAX)],
        Actuator::BlockTime => vec![f64::from(drive.later)],
        Actuator::Frequency => vec![point.frequency.map_or(0.0, |f| f.0)],
        Actuator::Voltage => vec![point.voltage.map_or(0.0, |v| v.0)],
        Actuator::Fan => vec![point.fan.unwrap_or(0.0)],
        Actuator::Boards => point.boards.unwrap_or_default().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::presets::Preset;
    use super::*;
    use crate::config::Config;
    use thermine_units::model::Model;

    const RANGE: (f64, f64) = (0.0, 0.5);

    fn encoders(preset: Preset) -> Vec<Encoder> {
        let step = Config::simulated(Model::AntminerS9)
            .expect("the default")
            .step;
        Encoding::of(preset, Model::AntminerS9, &step)
            .into_iter()
            .map(|encoding| Encoder::new(encoding, step.clone(), RANGE))
            .collect()
    }

    #[test]
    fn each_row_of_the_paper_moves_its_own_actuator_and_stays_in_range() {
        let encoders = encoders(Preset::Paper);
        let ends = |i: usize| {
            let drive = |u| encoders[i].drives(&[u], 0)[0];
            (drive(-1.0), drive(9.0))
        };
        let (low, high) = ends(0);
        assert_eq!(low.duty, 1.0);
        assert!((high.duty - 0.3).abs() < 1e-12);
        assert_eq!(low.difficulty, high.difficulty);
        assert_eq!((low.word, high.word), (0, u32::MAX));
        let (low, high) = ends(1);
        assert!((low.difficulty.get() - 1536.0).abs() < 1e-9);
        assert!((high.difficulty.get() - 256.0).abs() < 1e-9);
        assert_eq!(low.duty, high.duty);
        let (low, high) = ends(2);
        assert_eq!(low, high);
    }

    #[test]
    fn a_lag_follows_the_past_and_begins_with_the_smallest_input() {
        let pair = &encoders(Preset::Pair)[0];
        let input: Vec<f64> = (0..20).map(|t| 0.5 * f64::from(t) / 19.0).collect();
        let frequency = |t| pair.drives(&input, t)[0].point.frequency.map(|f| f.0);
        assert_eq!(frequency(0), Some(100.0));
        assert_eq!(frequency(8), Some(100.0));
        assert_eq!(frequency(9), Some(100.0));
        assert_eq!(frequency(19), Some(100.0 + 500.0 * 10.0 / 19.0));
        let drive = pair.drives(&input, 19);
        assert_eq!(pair.encoded(&drive).len(), pair.columns().len());
    }

    #[test]
    fn virtual_nodes_share_the_hold_and_mirror_the_input() {
        let step = Config::simulated(Model::AntminerS9)
            .expect("the default")
            .step;
        let duty = Encoding::of(Preset::Duty, Model::AntminerS9, &step).remove(0);
        let masked = Encoding {
            nodes: 8,
            mask: Mask::Binary,
            ..duty
        };
        let encoder = Encoder::new(masked, step.clone(), RANGE);
        let drives = encoder.drives(&[0.5], 0);
        assert_eq!(drives.len(), 8);
        assert_eq!(drives[0].pace.hold * 8, step.pace().hold);
        let count = |duty: f64| {
            drives
                .iter()
                .filter(|d| (d.duty - duty).abs() < 1e-9)
                .count()
        };
        let (plus, minus) = (count(0.3), count(1.0));
        assert_eq!(plus + minus, 8);
        assert!(plus > 0 && minus > 0);
        assert_eq!(encoder.columns()[7].name, "node7.drive.duty");
    }

    #[test]
    fn each_second_joined_unit_mirrors_the_one_before_it_in_all_nodes() {
        let step = Config::simulated(Model::AntminerS9)
            .expect("the default")
            .step;
        let wide = Encoding::of(Preset::Wide, Model::AntminerS9, &step).remove(0);
        let factors = |unit| {
            let encoding = Encoding {
                nodes: 3,
                mask: Mask::Mirror,
                unit,
                ..wide.clone()
            };
            let encoder = Encoder::new(encoding.clone(), step.clone(), RANGE);
            for (mask, factor) in encoder.masks.iter().zip(encoding.mirrored()) {
                assert!(mask.iter().all(|node| *node == [factor; BOARDS]));
            }
            encoding.mirrored()
        };
        assert_eq!(factors(0), [1.0; 3]);
        assert_eq!(factors(1), [-1.0; 3]);
        let (third, fourth) = (factors(2), factors(3));
        assert!(third.iter().all(|factor| (0.9..1.0).contains(factor)));
        assert!(third.iter().zip(&fourth).all(|(a, b)| *a == -b));
        assert_ne!(third, factors(4));
    }

    #[test]
    fn a_mask_gives_each_board_a_factor_of_its_own() {
        let step = Config::simulated(Model::AntminerS9)
            .expect("the default")
            .step;
        let duty = Encoding::of(Preset::Duty, Model::AntminerS9, &step).remove(0);
        let masked = |mask| Encoding {
            channels: vec![Channel::new(Actuator::Boards, 0.2, 1.0)],
            mask,
            ..duty.clone()
        };
        let boards = |mask, u| {
            let drives = Encoder::new(masked(mask), step.clone(), RANGE).drives(&[u], 0);
            drives[0].point.boards.expect("set")
        };
        assert_eq!(boards(Mask::None, 0.0), [0.2; BOARDS]);
        let (low, high) = (boards(Mask::Random, 0.0), boards(Mask::Random, 0.5));
        assert!(low[0] != low[1] && low[1] != low[2], "{low:?}");
        for (low, high) in low.into_iter().zip(high) {
            assert!(
                (low + high - 1.2).abs() < 1e-12,
                "mirrored about the middle"
            );
        }
        let encoder = Encoder::new(masked(Mask::Binary), step.clone(), RANGE);
        let drives = encoder.drives(&[0.3], 0);
        assert_eq!(encoder.encoded(&drives).len(), encoder.columns().len());
        assert_eq!(encoder.columns()[2].name, "drive.board2");
        let s9 = thermine_sim::Params::s9();
        assert!(
            masked(Mask::Random)
                .check(Model::AntminerS9, Some(&s9))
                .is_ok()
        );
        let refused = masked(Mask::Random).check(Model::AntminerS9, None);
        assert!(refused.expect_err("a wire").contains("twin"));
    }
}
