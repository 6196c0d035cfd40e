//! Chips that are not like the others: weak, dead, or with dead cores.
//!
//! What fails is what a chip answers. It is clocked and draws its power like any other, which is an assumption.

use serde::{Deserialize, Serialize};

/// Largest weight: a chip whose address another answers to as well finds twice as much.
const MOST_WEIGHT: f64 = 2.0;

/// Most entries of a list: every core of the largest board.
const MOST_ENTRIES: usize = 65_536;

/// What is the matter with single chips of a unit. Chips are numbered from 0 through the unit, board after board
/// and along each board's chain: on an S9, chip 5 of the second board is number 68. Cores of a chip are numbered
/// from 0 without gaps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Silicon {
    /// Chip, and what part of a sound chip's hashes it computes: 0.9 is 10 % weak; above 1, to 2 at the most, more
    /// than its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weak: Vec<(usize, f64)>,
    /// Chips that compute nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<usize>,
    /// Chip, and a core of it that computes nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dead_cores: Vec<(usize, u8)>,
}

/// An entry that no unit of the model can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BadSilicon {
    /// The unit has no such chip.
    #[error("silicon.{list} names chip {chip}, but the unit's chips are numbered 0 to {last}")]
    Chip {
        /// The list that holds it.
        list: &'static str,
        /// Number of the chip in the unit.
        chip: usize,
        /// The last one there is.
        last: usize,
    },
    /// A chip has no such core.
    #[error(
        "silicon.dead_cores names core {core} of chip {chip}, but cores are numbered 0 to {last}"
    )]
    Core {
        /// Number of the chip in the unit.
        chip: usize,
        /// Number of the core in its chip.
        core: u8,
        /// The last one there is.
        last: u8,
    },
    /// A weight that no chip has.
    #[error(
        "silicon.weak gives chip {chip} the weight {weight}: must be 0 (dead) to {MOST_WEIGHT}"
    )]
    Weight {
        /// Number of the chip in the unit.
        chip: usize,
        /// The weight that was given.
        weight: f64,
    },
    /// Something stands twice.
    #[error("silicon names chip {chip} twice as weak or dead, or one of its cores twice as dead")]
    Twice {
        /// Number of the chip in the unit.
        chip: usize,
    },
    /// Nothing is left that computes.
    #[error("silicon leaves no chip that computes anything: take the unit's work away instead")]
    NothingLeft,
    /// Too long a list.
    #[error("silicon lists {entries} chips and cores: at most {MOST_ENTRIES}")]
    Entries {
        /// Number of entries in the list.
        entries: usize,
    },
}

impl Silicon {
    /// Whether all chips are alike.
    pub fn is_sound(&self) -> bool {
        *self == Silicon::default()
    }

    /// Whether a unit of so many `chips` with so many `cores` each can be so.
    ///
    /// # Errors
    /// Names the first entry that it cannot have.
    pub fn check(&self, chips: usize, cores: u8) -> Result<(), BadSilicon> {
        let entries = self.weak.len() + self.dead.len() + self.dead_cores.len();
        if entries > MOST_ENTRIES {
            return Err(BadSilicon::Entries { entries });
        }
        let last = chips.saturating_sub(1);
        let known = |list: &'static str, chip: usize| match chip > last {
            true => Err(BadSilicon::Chip { list, chip, last }),
            false => Ok(()),
        };
        let mut named = std::collections::HashSet::new();
        for &(chip, weight) in &self.weak {
            known("weak", chip)?;
            if !(0.0..=MOST_WEIGHT).contains(&weight) {
                return Err(BadSilicon::Weight { chip, weight });
            }
            if !named.insert(chip) {
                return Err(BadSilicon::Twice { chip });
            }
        }
        for &chip in &self.dead {
            known("dead", chip)?;
            if !named.insert(chip) {
                return Err(BadSilicon::Twice { chip });
            }
        }
        let mut dead = std::collections::HashSet::new();
        for &(chip, core) in &self.dead_cores {
            known("dead_cores", chip)?;
            if core >= cores {
                let last = cores.saturating_sub(1);
                return Err(BadSilicon::Core { chip, core, last });
            }
            if !dead.insert((chip, core)) {
                return Err(BadSilicon::Twice { chip });
            }
        }
        if (0..chips).all(|chip| self.weight(chip, cores) == 0.0) {
            return Err(BadSilicon::NothingLeft);
        }
        Ok(())
    }

    /// What part of a sound chip's hashes `chip`, of so many `cores`, computes.
    pub fn weight(&self, chip: usize, cores: u8) -> f64 {
        if self.dead.contains(&chip) {
            return 0.0;
        }
        let weak = self.weak.iter().find(|(weak, _)| *weak == chip);
        let weight = weak.map_or(1.0, |(_, weight)| *weight);
        let dead = self.dead_cores.iter().filter(|(of, _)| *of == chip).count();
        weight * (f64::from(cores) - dead as f64).max(0.0) / f64::from(cores.max(1))
    }

    /// Whether core number `core` of `chip` computes nothing.
    pub fn is_dead(&self, chip: usize, core: u8) -> bool {
        self.dead_cores.contains(&(chip, core))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let silicon: Silicon = serde_json::from_str(text).expect("silicon");
        let error = silicon.check(189, 114).expect_err("refused");
        error.to_string()
    }

    #[test]
    fn nonsense_is_named() {
        assert!(refused(r#"{"weak": [[189, 0.5]]}"#).contains("weak names chip 189"));
        assert!(refused(r#"{"dead": [200]}"#).contains("0 to 188"));
        assert!(refused(r#"{"weak": [[5, -0.1]]}"#).contains("weight -0.1"));
        assert!(refused(r#"{"weak": [[5, 0.9]], "dead": [5]}"#).contains("chip 5 twice"));
        assert!(refused(r#"{"dead_cores": [[5, 114]]}"#).contains("core 114 of chip 5"));
        assert!(refused(r#"{"dead_cores": [[5, 1], [5, 1]]}"#).contains("chip 5 twice"));
        let all = Silicon {
            dead: (0..189).collect(),
            ..Silicon::default()
        };
        assert_eq!(all.check(189, 114), Err(BadSilicon::NothingLeft));
        assert!(serde_json::from_str::<Silicon>(r#"{"week": []}"#).is_err());
    }

    #[test]
    fn weights_are_of_chip_and_cores() {
        let silicon = Silicon {
            weak: vec![(1, 0.5)],
            dead: vec![2],
            dead_cores: vec![(1, 0), (3, 7)],
        };
        silicon.check(4, 10).expect("sound");
        let weights: Vec<f64> = (0..4).map(|chip| silicon.weight(chip, 10)).collect();
        assert_eq!(weights, [1.0, 0.45, 0.0, 0.9]);
        assert!(silicon.is_dead(3, 7) && !silicon.is_dead(3, 6));
        assert!(Silicon::default().is_sound() && !silicon.is_sound());
    }
}
