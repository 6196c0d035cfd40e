//! Kinds of chips and units, as a file of layouts describes them.

use anyhow::{Result, bail, ensure};
use serde::Deserialize;
use thermine_units::model::Model;
use thermine_units::nonce;

/// Widest field of a chip or a core, in bits: bounds what is counted.
pub(super) const WIDEST_PLACE: u32 = 8;

/// A kind of chip.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChipKind {
    pub(super) name: String,
    /// Whether the nonce's bytes are read the other way round.
    #[serde(default)]
    pub(super) reversed: bool,
    /// Bits that tell the chip's position.
    #[serde(default)]
    pub(super) chip: Vec<(u32, u32)>,
    #[serde(default)]
    pub(super) chip_codes: Vec<Vec<u16>>,
    /// Bits that tell the core.
    #[serde(default)]
    pub(super) core: Vec<(u32, u32)>,
    #[serde(default)]
    pub(super) core_codes: Vec<Vec<u16>>,
    /// Bits that a core counts through.
    #[serde(default)]
    pub(super) counter: Vec<(u32, u32)>,
    /// Hashes of a chip per clock cycle.
    pub(super) hashes_per_cycle: Option<f64>,
    /// Bits that always hold the same value, as [lowest, width, value]: a nonce with another is of no known chip.
    #[serde(default)]
    pub(super) fixed: Vec<(u32, u32, u32)>,
    /// Part of the counter's range that is searched before the work is replaced; absent if not known.
    pub(super) coverage: Option<f64>,
    /// Source of the layout.
    pub(super) source: String,
}

/// A model of unit, by the kind of its chips.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UnitKind {
    pub(super) model: Model,
    pub(super) chip: String,
    /// Boards, which nonces do not tell apart.
    pub(super) boards: usize,
    /// Positions of chips on a board.
    pub(super) chips: usize,
    /// Chips side by side on the board.
    #[serde(default = "one")]
    pub(super) rows: usize,
    /// Hashes of a chip per clock cycle, where not as the kind says.
    pub(super) hashes_per_cycle: Option<f64>,
    /// Whether its firmware counts the work items of a job in extranonce2, lowest byte first.
    #[serde(default)]
    pub(super) work_in_extranonce2: bool,
}

fn one() -> usize {
    1
}

pub(super) fn width(field: &[(u32, u32)]) -> u32 {
    field.iter().map(|(_, width)| width).sum()
}

pub(super) fn rate(hashes_per_cycle: Option<f64>) -> Result<()> {
    let given = hashes_per_cycle.unwrap_or(1.0);
    ensure!(
        given > 0.0 && given <= 1e6,
        "hashes_per_cycle = {given}: must be above 0 and at most 1,000,000"
    );
    Ok(())
}

impl UnitKind {
    /// The unit as the catalogue describes it.
    pub(super) fn of(model: Model) -> UnitKind {
        let entry = model.entry();
        let known = entry.layout.is_known;
        // A chain of bare chips at its longest: a configuration says how many there are.
        let params = (entry.physics)(usize::MAX);
        let told = |count: usize| if known { count } else { 1 };
        let hashes = Some(params.hashes_per_cycle).filter(|_| known);
        UnitKind {
            model,
            chip: ChipKind::of(&entry.layout).name,
            boards: told(params.boards),
            chips: told(params.columns * params.chips),
            rows: told(params.chips),
            hashes_per_cycle: hashes.filter(|_| hashes != entry.layout.hashes_per_cycle),
            work_in_extranonce2: entry.counts_work_in_extranonce2,
        }
    }
}

impl ChipKind {
    /// The kind of chip of a layout of the catalogue.
    pub(super) fn of(layout: &nonce::Layout) -> ChipKind {
        if !layout.is_known {
            return ChipKind {
                name: "unknown".to_owned(),
                source: "nobody has published how its nonces are divided: neither chips nor cores can be told apart"
                    .to_owned(),
                ..ChipKind::default()
            };
        }
        let codes = |field: nonce::Field| {
            let runs = field.codes.iter();
            runs.map(|&(first, last)| vec![first.into(), last.into()])
                .collect()
        };
        ChipKind {
            name: layout.name.to_owned(),
            reversed: layout.reversed,
            chip: layout.chip.bits.to_vec(),
            chip_codes: codes(layout.chip),
            core: layout.core.bits.to_vec(),
            core_codes: codes(layout.core),
            counter: layout.counter.to_vec(),
            hashes_per_cycle: layout.hashes_per_cycle,
            fixed: Vec::new(),
            coverage: Some(layout.coverage),
            source: layout.source.to_owned(),
        }
    }

    /// The BM1366 as the public shares of one unit show it; not that of the simulated chips.
    pub(super) fn bm1366_of_shares() -> ChipKind {
        ChipKind {
            name: "bm1366-28x4".to_owned(),
            reversed: true,
            // The top seven bits hold 84 to 111. With the constant highest bit apart they are 20 to 47, times 4.
            core: vec![(25, 6), (16, 2)],
            core_codes: vec![vec![80, 191]],
            counter: vec![(0, 16)],
            fixed: vec![(31, 1, 1), (18, 7, 0)],
            coverage: Some(1.0),
            hashes_per_cycle: Some(894.0),
            source: "32 public shares of one LV06: 28 codes (84 to 111) in the top seven bits, 4 in the next byte; that \
                     the 112 pairs are cores, and which core has which, is not known"
                .to_owned(),
            ..ChipKind::default()
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let mut used = 0u32;
        for &(lowest, width, value) in &self.fixed {
            ensure!(
                lowest < 32
                    && (1..=32 - lowest).contains(&width)
                    && value <= u32::MAX >> (32 - width),
                "fixed = [[{lowest}, {width}, {value}]]: not a value within the 32 bits of a nonce"
            );
        }
        let coverage = self.coverage.unwrap_or(1.0);
        ensure!(
            coverage > 0.0 && coverage <= 1.0,
            "coverage = {coverage}: must be above 0 and at most 1"
        );
        for (name, field) in [
            ("chip", &self.chip),
            ("core", &self.core),
            ("counter", &self.counter),
        ] {
            for &(lowest, width) in field {
                ensure!(
                    lowest < 32 && (1..=32 - lowest).contains(&width),
                    "{name} = [[{lowest}, {width}]]: not within the 32 bits of a nonce"
                );
                let mask = (u32::MAX >> (32 - width)) << lowest;
                ensure!(
                    used & mask == 0,
                    "{name} = [[{lowest}, {width}]]: a bit is in two fields"
                );
                used |= mask;
            }
        }
        for (name, field, codes) in [
            ("chip", &self.chip, &self.chip_codes),
            ("core", &self.core, &self.core_codes),
        ] {
            let bits = width(field);
            ensure!(
                bits <= WIDEST_PLACE,
                "{name}: {bits} bits, at most {WIDEST_PLACE} are counted"
            );
            ensure!(
                field.is_empty() == codes.is_empty(),
                "{name} and {name}_codes go together"
            );
            let mut seen = vec![false; 1 << WIDEST_PLACE];
            for run in codes {
                let (first, last, step) = match run[..] {
                    [first, last] => (first, last, 1),
                    [first, last, step] if step > 0 => (first, last, step),
                    _ => bail!(
                        "{name}_codes: {run:?} is neither [first, last] nor [first, last, step]"
                    ),
                };
                ensure!(
                    first <= last && u32::from(last) < 1 << bits,
                    "{name}_codes: [{first}, {last}] is not within {bits} bits"
                );
                for code in (first..=last).step_by(usize::from(step)) {
                    let seen = &mut seen[usize::from(code)];
                    ensure!(!*seen, "{name}_codes: {code} is listed twice");
                    *seen = true;
                }
            }
        }
        rate(self.hashes_per_cycle)
    }
}
