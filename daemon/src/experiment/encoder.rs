//! From the input to what the unit is driven with.

use serde::{Deserialize, Serialize};
use thermine_drivers::substrate::{Discipline, Drive};
use thermine_drivers::unit::OperatingPoint;
use thermine_drivers::units::Model;

use crate::config;

/// Largest input of the NARMA tasks; the smallest is 0.
const INPUT_MAX: f64 = 0.5;

/// Offset of the published difficulty encoding D = D₀ / (u + ε) (arXiv 2601.12032).
const EPSILON: f64 = 0.1;

/// The three rows of the paper's table, each a way to drive a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Single-Word Handshake, one job in flight; the input sets the unit's duty.
    Dialogue,
    /// Jobs on schedule, never clean; the input sets the share difficulty.
    Monologue,
    /// Single-Word Handshake at full duty, whatever the input.
    Constant,
}

impl Mode {
    /// All modes, in the order of the table.
    pub const ALL: [Mode; 3] = [Mode::Dialogue, Mode::Monologue, Mode::Constant];

    /// Name in tables and of the capture's stream.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Dialogue => "dialogue",
            Mode::Monologue => "monologue",
            Mode::Constant => "constant",
        }
    }

    /// NRMSE that the paper prints for it.
    pub fn published(self) -> f64 {
        match self {
            Mode::Dialogue => 0.8661,
            Mode::Monologue => 0.9550,
            Mode::Constant => 1.0,
        }
    }

    /// How jobs follow each other.
    pub fn discipline(self) -> Discipline {
        match self {
            Mode::Dialogue | Mode::Constant => Discipline::Dialogue,
            Mode::Monologue => Discipline::Monologue,
        }
    }

    /// What the input does to a unit of `model`, in words.
    pub fn encoding(self, model: Model) -> &'static str {
        match self {
            Mode::Dialogue if model.is_bare() => "input sets the duty, by the pace of the feed",
            Mode::Dialogue => "input sets the duty, by the cadence of clean jobs",
            Mode::Monologue => "input sets the share difficulty of pipelined jobs",
            Mode::Constant => "input is ignored",
        }
    }
}

/// Encodes inputs for one mode.
#[derive(Debug, Clone)]
pub struct Encoder {
    mode: Mode,
    step: config::Step,
}

impl Encoder {
    /// An encoder for `mode` with the spans and limits of `step`.
    pub fn new(mode: Mode, step: config::Step) -> Encoder {
        Encoder { mode, step }
    }

    /// The mode that it encodes for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The drive for input `u`, taken into 0..=0.5.
    pub fn drive(&self, u: f64) -> Drive {
        let u = u.clamp(0.0, INPUT_MAX);
        let swing = 1.0 - self.step.duty_min;
        let duty = match self.mode {
            Mode::Dialogue => 1.0 - swing * u / INPUT_MAX,
            Mode::Monologue | Mode::Constant => 1.0,
        };
        let difficulty = match self.mode {
            // Scaled so that the easiest share, at the largest input, has the configured difficulty:
            // the unit may not go below it.
            Mode::Monologue => (INPUT_MAX + EPSILON) / (u + EPSILON),
            Mode::Dialogue | Mode::Constant => 1.0,
        };
        let word = match self.mode {
            Mode::Constant => 0,
            // `as` saturates; the top of the range is the largest word.
            Mode::Dialogue | Mode::Monologue => (u / INPUT_MAX * f64::from(u32::MAX)) as u32,
        };
        Drive {
            word,
            later: 0,
            difficulty: self.step.difficulty.scaled(difficulty),
            duty,
            point: OperatingPoint::default(),
            pace: self.step.pace(),
        }
    }

    /// What of a drive depends on the input, as numbers: the *encoded drive*, which a control gets
    /// without the unit.
    ///
    /// Difficulty and its reciprocal both stand here: a share rate goes with the reciprocal, and a unit
    /// that merely inverts what was encoded has computed nothing.
    pub fn encoded(drive: &Drive) -> [f64; 3] {
        let difficulty = drive.difficulty.get();
        [drive.duty, difficulty, 1.0 / difficulty]
    }

    /// Names and units of [`Encoder::encoded`].
    pub const ENCODED: [(&'static str, &'static str); 3] =
        [("duty", "1"), ("difficulty", "1"), ("1/difficulty", "1")];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn encoder(mode: Mode) -> Encoder {
        let config = Config::simulated(Model::AntminerS9).expect("the default");
        Encoder::new(mode, config.step)
    }

    #[test]
    fn each_mode_moves_its_own_actuator_and_stays_in_range() {
        let ends = |mode| (encoder(mode).drive(-1.0), encoder(mode).drive(9.0));
        let (low, high) = ends(Mode::Dialogue);
        assert_eq!(low.duty, 1.0);
        assert!((high.duty - encoder(Mode::Dialogue).step.duty_min).abs() < 1e-12);
        assert_eq!(low.difficulty, high.difficulty);
        assert_eq!((low.word, high.word), (0, u32::MAX));
        let (low, high) = ends(Mode::Monologue);
        assert!((low.difficulty.get() - 1536.0).abs() < 1e-9);
        assert!((high.difficulty.get() - 256.0).abs() < 1e-9);
        assert_eq!(low.duty, high.duty);
        let (low, high) = ends(Mode::Constant);
        assert_eq!(low, high);
    }
}
