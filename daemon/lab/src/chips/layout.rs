//! How the nonces of one unit are taken apart.

use thermine_units::nonce::read;

use super::kinds::{ChipKind, UnitKind, WIDEST_PLACE, width};

/// How the nonces of one unit are taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Kind of its chips.
    pub(crate) name: String,
    /// Where the layout is known from.
    pub(crate) source: String,
    /// Boards, which nonces do not tell apart.
    pub(crate) boards: usize,
    /// Positions of chips that nonces tell apart; 0 if they tell none.
    pub(crate) chips: usize,
    /// Chips side by side on a board, for the map.
    pub(crate) rows: usize,
    /// Cores of a chip that nonces tell apart; 0 if they tell none.
    pub(crate) cores: usize,
    /// Hashes of a chip per clock cycle, if known.
    pub(crate) hashes_per_cycle: Option<f64>,
    /// Whether extranonce2 counts work items.
    pub(crate) work_in_extranonce2: bool,
    /// Part of the counter's range that is searched, if known.
    pub(super) coverage: Option<f64>,
    fixed: Vec<(u32, u32, u32)>,
    reversed: bool,
    chip: Vec<(u32, u32)>,
    core: Vec<(u32, u32)>,
    counter: Vec<(u32, u32)>,
    /// Number of the chip by its code; `None` for codes that no chip has.
    chip_of: Vec<Option<u16>>,
    core_of: Vec<Option<u16>>,
}

/// A nonce taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Position of the chip; `None` if no chip has its code.
    pub(crate) chip: Option<u16>,
    /// Number of the core; `None` if no core has its code.
    pub(crate) core: Option<u16>,
    /// What the core has counted to.
    pub(crate) counter: u32,
}

/// The number of each code of `bits` bits, in the order of the runs; checked before.
fn numbers(runs: &[Vec<u16>], bits: u32) -> Vec<Option<u16>> {
    let mut numbers = vec![None; 1 << bits.min(WIDEST_PLACE)];
    let codes = runs.iter().flat_map(|run| {
        let step = run.get(2).copied().unwrap_or(1);
        (run[0]..=run[1]).step_by(usize::from(step))
    });
    for (number, code) in codes.enumerate() {
        if let Some(place) = numbers.get_mut(usize::from(code)) {
            *place = u16::try_from(number).ok();
        }
    }
    numbers
}

impl Layout {
    /// Layout of the chips of `kind` in a `unit`. `chips` is the number on a board, where it is not that of the unit.
    pub(super) fn of(kind: &ChipKind, unit: &UnitKind, chips: Option<usize>) -> Layout {
        let chip_of = numbers(&kind.chip_codes, width(&kind.chip));
        let core_of = numbers(&kind.core_codes, width(&kind.core));
        let told = |of: &[Option<u16>]| of.iter().flatten().count();
        let on_board = chips.unwrap_or(unit.chips);
        let chips = match kind.chip.len() {
            // One chip is told apart from others by being alone.
            0 if on_board == 1 && !(kind.core.is_empty() && kind.counter.is_empty()) => 1,
            0 => 0,
            _ => on_board.min(told(&chip_of)),
        };
        Layout {
            name: kind.name.clone(),
            source: kind.source.clone(),
            boards: unit.boards,
            chips,
            rows: unit.rows.min(chips.max(1)),
            cores: told(&core_of),
            hashes_per_cycle: unit.hashes_per_cycle.or(kind.hashes_per_cycle),
            work_in_extranonce2: unit.work_in_extranonce2,
            coverage: kind.coverage.filter(|_| !kind.counter.is_empty()),
            fixed: kind.fixed.clone(),
            reversed: kind.reversed,
            chip: kind.chip.clone(),
            core: kind.core.clone(),
            counter: kind.counter.clone(),
            chip_of,
            core_of,
        }
    }

    /// Chip and core that found `nonce`, and the counter of the core.
    pub(crate) fn decode(&self, nonce: u32) -> Origin {
        let nonce = if self.reversed {
            nonce.swap_bytes()
        } else {
            nonce
        };
        let told = |field: &[(u32, u32)], of: &[Option<u16>]| match field {
            [] => Some(0),
            _ => of[read(field, nonce) as usize],
        };
        let is_possible = (self.fixed.iter())
            .all(|&(lowest, width, value)| read(&[(lowest, width)], nonce) == value);
        let chip = told(&self.chip, &self.chip_of).filter(|_| is_possible);
        Origin {
            chip: chip.filter(|chip| usize::from(*chip) < self.chips.max(1)),
            core: told(&self.core, &self.core_of),
            counter: read(&self.counter, nonce),
        }
    }

    /// Number of bits that a core counts through; 0 if that is not known.
    pub(crate) fn counter_bits(&self) -> u32 {
        width(&self.counter)
    }
}
