//! What a simulated chain is made of.

use std::io;

use super::faults::Faults;
use thermine_drivers::bm13xx::Family;
use thermine_units::model::{lv06, s9};
use thermine_units::params::Params;

/// What a simulated chain is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Generation of its chips.
    pub family: Family,
    /// Number of chips, from 1; at most 63 BM1387, as on an S9's board, or 128 BM1366.
    pub chips: usize,
    /// Its physics: one board of as many chips.
    pub params: Params,
    /// Seed of its physics, of its nonces and of its faults.
    pub seed: u64,
    /// Factor on the difficulty that a nonce's hash really meets: 2^-34 makes the 38 zero bits of ticket
    /// difficulty 64 into 4. The driver must use the same. Up to 16 zero bits are found in time.
    pub difficulty_scale: f64,
    /// What is wrong with the line.
    pub faults: Faults,
}

impl Settings {
    /// `chips` chips of `family` with the physics of the unit that they are usually in, nothing wrong with
    /// the line.
    pub fn new(family: Family, chips: usize, seed: u64, difficulty_scale: f64) -> Settings {
        Settings {
            family,
            chips,
            params: match family {
                Family::Bm1387 => Params::bm1387(chips),
                Family::Bm1366 => Params::bm1366(),
            },
            seed,
            difficulty_scale,
            faults: Faults::default(),
        }
    }

    pub(super) fn check(&self) -> io::Result<()> {
        let wrong = |what: String| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        let (layout, most) = match self.family {
            Family::Bm1387 => (s9::LAYOUT, 63),
            Family::Bm1366 => (lv06::LAYOUT, 128),
        };
        if !(1..=most).contains(&self.chips) {
            return wrong(format!("a chain has 1 to {most} chips, not {}", self.chips));
        }
        let p = &self.params;
        if let Err(error) = p.check() {
            return wrong(error.to_string());
        }
        let described = p.columns * p.chips;
        if p.boards != 1 || described != self.chips || p.layout != layout {
            return wrong(format!(
                "the physics is of {} board(s) of {described} chips with nonces as {}, not of one of {}",
                p.boards, p.layout.name, self.chips
            ));
        }
        let scale = self.difficulty_scale;
        if !(scale.is_finite() && scale > 0.0) {
            return wrong(format!("difficulty scale {scale} is not a positive number"));
        }
        for (name, p) in [
            ("duplicate", self.faults.duplicate),
            ("late", self.faults.late),
        ] {
            if !(0.0..=1.0).contains(&p) {
                return wrong(format!("fault {name}: {p} is not a probability"));
            }
        }
        Ok(())
    }
}
