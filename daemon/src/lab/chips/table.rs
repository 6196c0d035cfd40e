//! The table of layouts, by kind of chip and by unit: that of the catalogue of models, and what a file adds to it.
//!
//! In a file, a field of the nonce is a list of `[lowest bit, width]`, most significant part first, of the 32-bit number
//! in the header, or of its bytes in reverse order (`reversed = true`). Codes are `[first, last]` or
//! `[first, last, step]`, counted from 0 in this order; a code that is not listed belongs to no chip or core.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use thermine_units::model::Model;
use thermine_units::nonce;

use super::layout::{Layout, WIDEST_PLACE, width};

/// Largest table that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// The table: kinds of chips, and units made of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(default, rename = "chip")]
    chips: Vec<ChipKind>,
    #[serde(default, rename = "unit")]
    units: Vec<UnitKind>,
}

/// A kind of chip.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChipKind {
    /// Its name.
    pub(super) name: String,
    /// Whether the nonce's bytes are read the other way round.
    #[serde(default)]
    pub(super) reversed: bool,
    /// Bits that tell the chip's position.
    #[serde(default)]
    pub(super) chip: Vec<(u32, u32)>,
    /// Its codes.
    #[serde(default)]
    pub(super) chip_codes: Vec<Vec<u16>>,
    /// Bits that tell the core.
    #[serde(default)]
    pub(super) core: Vec<(u32, u32)>,
    /// Its codes.
    #[serde(default)]
    pub(super) core_codes: Vec<Vec<u16>>,
    /// Bits that a core counts through.
    #[serde(default)]
    pub(super) counter: Vec<(u32, u32)>,
    /// Hashes of a chip per clock cycle.
    pub(super) hashes_per_cycle: Option<f64>,
    /// Where this is known from.
    pub(super) source: String,
}

/// A unit.
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
    /// Where it differs from the chip's own.
    pub(super) hashes_per_cycle: Option<f64>,
    /// Whether its firmware counts the work items of a job in extranonce2, lowest byte first.
    #[serde(default)]
    pub(super) work_in_extranonce2: bool,
}

fn one() -> usize {
    1
}

impl Table {
    /// What the catalogue of models says.
    fn of_catalogue() -> Table {
        let mut table = Table {
            chips: Vec::new(),
            units: Vec::new(),
        };
        for model in Model::ALL {
            let unit = UnitKind::of(model);
            if table.chips.iter().all(|kind| kind.name != unit.chip) {
                table.chips.push(ChipKind::of(&model.entry().layout));
            }
            table.units.push(unit);
        }
        table
    }

    /// The table of the catalogue, with what the file at `path` names anew.
    ///
    /// # Errors
    /// If the file cannot be read, or describes no nonce.
    pub fn load(path: Option<&Path>) -> Result<Table> {
        let mut table = Table::of_catalogue();
        if let Some(path) = path {
            let added = read(path)?;
            for chip in added.chips {
                table.chips.retain(|known| known.name != chip.name);
                table.chips.push(chip);
            }
            for unit in added.units {
                table.units.retain(|known| known.model != unit.model);
                table.units.push(unit);
            }
            table.check().with_context(|| path.display().to_string())?;
        }
        Ok(table)
    }

    /// How nonces of a unit of `model` are taken apart, `chips` of which are on a board if that is known better than
    /// by its model; by the layout of chips `named` so, if one is.
    ///
    /// # Errors
    /// If there is no such unit or kind of chip.
    pub fn layout(
        &self,
        model: Model,
        chips: Option<usize>,
        named: Option<&str>,
    ) -> Result<Layout> {
        let unit = self.units.iter().find(|unit| unit.model == model);
        let unit = unit.with_context(|| format!("the table of layouts has no [[unit]] {model}"))?;
        let name = named.unwrap_or(&unit.chip);
        let kind = self.chips.iter().find(|kind| kind.name == name);
        let kind = kind.with_context(|| {
            let known: Vec<&str> = self.chips.iter().map(|kind| kind.name.as_str()).collect();
            format!("there is no layout `{name}`, only {}", known.join(", "))
        })?;
        Ok(Layout::of(kind, unit, chips))
    }

    fn check(&self) -> Result<()> {
        for kind in &self.chips {
            kind.check()
                .with_context(|| format!("[[chip]] {}", kind.name))?;
        }
        for unit in &self.units {
            let name = unit.model;
            ensure!(
                (1..=64).contains(&unit.boards)
                    && (1..=256).contains(&unit.chips)
                    && (1..=unit.chips).contains(&unit.rows),
                "[[unit]] {name}: boards must be 1 to 64, chips 1 to 256, rows 1 to chips"
            );
            rate(unit.hashes_per_cycle).with_context(|| format!("[[unit]] {name}"))?;
            ensure!(
                self.chips.iter().any(|kind| kind.name == unit.chip),
                "[[unit]] {name}: there is no [[chip]] named {}",
                unit.chip
            );
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Table> {
    let cannot = || format!("cannot read the layouts in {}", path.display());
    let length = std::fs::metadata(path).with_context(cannot)?.len();
    ensure!(
        length <= MOST_BYTES,
        "{}: a table of layouts has at most {MOST_BYTES} bytes, not {length}",
        path.display()
    );
    let text = std::fs::read_to_string(path).with_context(cannot)?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

fn rate(hashes_per_cycle: Option<f64>) -> Result<()> {
    let given = hashes_per_cycle.unwrap_or(1.0);
    ensure!(
        given > 0.0 && given <= 1e6,
        "hashes_per_cycle = {given}: must be above 0 and at most 1,000,000"
    );
    Ok(())
}

impl UnitKind {
    fn of(model: Model) -> UnitKind {
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
    fn of(layout: &nonce::Layout) -> ChipKind {
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
            source: layout.source.to_owned(),
        }
    }

    fn check(&self) -> Result<()> {
        let mut used = 0u32;
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

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use thermine_units::seed;

    #[test]
    fn the_table_reads_nonces_as_the_simulated_chips_write_them() {
        let table = Table::load(None).expect("the table");
        let mut rng = seed::stream(1, "nonces");
        table.check().expect("sound");
        for model in [Model::AntminerS9, Model::LuckyMinerLv06] {
            let known = model.entry().layout;
            let layout = table.layout(model, None, None).expect("a layout");
            assert_eq!(layout.cores, usize::from(known.cores()));
            assert_eq!(layout.counter_bits(), known.counter_bits());
            for _ in 0..10_000 {
                let nonce = rng.random::<u32>();
                let (read, origin) = (layout.decode(nonce), known.decode(nonce));
                let core = (0..known.cores()).position(|i| known.core(i) == origin.core);
                assert_eq!(read.core.map(usize::from), core);
                let chip = (usize::from(origin.chip) < layout.chips).then_some(origin.chip);
                assert_eq!(read.chip, chip.map(u16::from));
                assert_eq!(read.counter, origin.counter);
            }
        }
        let lb_box = table.layout(Model::GoldshellLbBox, None, None);
        let lb_box = lb_box.expect("a layout");
        assert_eq!((lb_box.chips, lb_box.cores), (0, 0), "not known");
        for model in Model::ALL {
            table.layout(model, None, None).expect("every model");
        }
    }

    #[test]
    fn a_file_extends_the_table_and_its_mistakes_are_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("layouts.toml");
        let load = |text: &str| {
            std::fs::write(&path, text).expect("written");
            Table::load(Some(&path))
        };
        let table = load(
            r#"
            [[chip]]
            name = "guess"
            chip = [[28, 4]]
            chip_codes = [[0, 8, 4], [1, 1]]
            counter = [[0, 28]]
            source = "a guess"
            [[unit]]
            model = "goldshell-lb-box"
            chip = "guess"
            boards = 1
            chips = 4
            "#,
        )
        .expect("a table");
        let layout = table
            .layout(Model::GoldshellLbBox, None, None)
            .expect("a layout");
        let chips = [0, 1, 2, 4, 8].map(|code: u32| layout.decode(code << 28 | 7).chip);
        assert_eq!(chips, [Some(0), Some(3), None, Some(1), Some(2)]);
        assert_eq!((layout.chips, layout.cores), (4, 0));
        let other = table.layout(Model::AntminerS9, None, Some("guess"));
        assert_eq!(other.expect("a layout").name, "guess");
        let none = table.layout(Model::AntminerS9, None, Some("nothing"));
        assert!(
            format!("{:#}", none.expect_err("none")).contains("bm1387, bm1366, unknown, guess")
        );

        let chip = |rest: &str| {
            let text = format!("[[chip]]\nname = \"x\"\nsource = \"\"\n{rest}");
            format!("{:#}", load(&text).expect_err("refused"))
        };
        assert!(chip("core = [[30, 3]]\ncore_codes = [[0, 7]]").contains("32 bits"));
        assert!(chip("core = [[0, 2]]\ncore_codes = [[0, 4]]").contains("not within 2 bits"));
        assert!(chip("core = [[0, 2]]").contains("go together"));
        assert!(
            chip("core = [[0, 2]]\ncore_codes = [[0, 1], [1, 2]]").contains("1 is listed twice")
        );
        assert!(chip("core = [[0, 2]]\ncore_codes = [[0]]").contains("neither"));
        assert!(chip("core = [[0, 9]]\ncore_codes = [[0, 1]]").contains("at most 8"));
        assert!(chip("counter = [[0, 9], [8, 4]]").contains("in two fields"));
        assert!(chip("hashes_per_cycle = 0").contains("above 0"));
        assert!(chip("cores = 3").contains("cores"));
        let unit = load("[[unit]]\nmodel = \"bm1387\"\nchip = \"y\"\nboards = 1\nchips = 1");
        assert!(format!("{:#}", unit.expect_err("refused")).contains("no [[chip]] named y"));
        let missing = Table::load(Some(&dir.path().join("nowhere.toml")));
        assert!(format!("{:#}", missing.expect_err("refused")).contains("nowhere.toml"));
    }
}
