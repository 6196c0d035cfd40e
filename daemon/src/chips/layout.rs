//! How a nonce is taken apart: a table by kind of chip and by unit, see `layouts.toml` beside this file.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use thermine_drivers::units::Model;

/// The table that comes with the program.
const TABLE: &str = include_str!("layouts.toml");

/// Widest field of a chip or a core, in bits: bounds what is counted.
const WIDEST_PLACE: u32 = 8;

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChipKind {
    /// Its name.
    name: String,
    /// Whether the nonce's bytes are read the other way round.
    #[serde(default)]
    reversed: bool,
    /// Bits that tell the chip's position.
    #[serde(default)]
    chip: Vec<(u32, u32)>,
    /// Its codes.
    #[serde(default)]
    chip_codes: Vec<Vec<u16>>,
    /// Bits that tell the core.
    #[serde(default)]
    core: Vec<(u32, u32)>,
    /// Its codes.
    #[serde(default)]
    core_codes: Vec<Vec<u16>>,
    /// Bits that a core counts through.
    #[serde(default)]
    counter: Vec<(u32, u32)>,
    /// Hashes of a chip per clock cycle.
    hashes_per_cycle: Option<f64>,
    /// Where this is known from.
    source: String,
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitKind {
    model: Model,
    chip: String,
    /// Boards, which nonces do not tell apart.
    boards: usize,
    /// Positions of chips on a board.
    chips: usize,
    /// Chips side by side on the board.
    #[serde(default = "one")]
    rows: usize,
    /// Where it differs from the chip's own.
    hashes_per_cycle: Option<f64>,
    /// Whether its firmware counts the work items of a job in extranonce2, lowest byte first.
    #[serde(default)]
    work_in_extranonce2: bool,
}

fn one() -> usize {
    1
}

/// A field of the nonce.
#[derive(Debug, Clone, PartialEq, Default)]
struct Field {
    /// Lowest bit and mask of each part, and by how much it is shifted up.
    parts: Vec<(u32, u32, u32)>,
    bits: u32,
}

/// How the nonces of one unit are taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Kind of its chips.
    pub name: String,
    /// Where the layout is known from.
    pub source: String,
    /// Boards, which nonces do not tell apart.
    pub boards: usize,
    /// Positions of chips that nonces tell apart; 0 if they tell none.
    pub chips: usize,
    /// Chips side by side on a board, for the map.
    pub rows: usize,
    /// Cores of a chip that nonces tell apart; 0 if they tell none.
    pub cores: usize,
    /// Hashes of a chip per clock cycle, if known.
    pub hashes_per_cycle: Option<f64>,
    /// Whether extranonce2 counts work items.
    pub work_in_extranonce2: bool,
    reversed: bool,
    chip: Field,
    core: Field,
    counter: Field,
    /// Number of the chip by its code; `None` for codes that no chip has.
    chip_of: Vec<Option<u16>>,
    core_of: Vec<Option<u16>>,
}

/// A nonce taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Position of the chip; `None` if no chip has its code.
    pub chip: Option<u16>,
    /// Number of the core; `None` if no core has its code.
    pub core: Option<u16>,
    /// What the core has counted to.
    pub counter: u32,
}

impl Table {
    /// The table that comes with the program, with what the file at `path` names anew.
    ///
    /// # Errors
    /// If the file cannot be read, or describes no nonce.
    pub fn load(path: Option<&Path>) -> Result<Table> {
        let mut table: Table = toml::from_str(TABLE).context("the built-in table of layouts")?;
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
        } else {
            table.check().context("the built-in table of layouts")?;
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
        Ok(Layout {
            name: kind.name.clone(),
            source: kind.source.clone(),
            boards: unit.boards,
            chips,
            rows: unit.rows.min(chips.max(1)),
            cores: told(&core_of),
            hashes_per_cycle: unit.hashes_per_cycle.or(kind.hashes_per_cycle),
            work_in_extranonce2: unit.work_in_extranonce2,
            reversed: kind.reversed,
            chip: Field::of(&kind.chip),
            core: Field::of(&kind.core),
            counter: Field::of(&kind.counter),
            chip_of,
            core_of,
        })
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

impl ChipKind {
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

fn width(field: &[(u32, u32)]) -> u32 {
    field.iter().map(|(_, width)| width).sum()
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

impl Field {
    fn of(parts: &[(u32, u32)]) -> Field {
        let bits = width(parts);
        let mut above = bits;
        let parts = parts.iter().map(|&(lowest, width)| {
            above -= width;
            (lowest, u32::MAX >> (32 - width), above)
        });
        Field {
            parts: parts.collect(),
            bits,
        }
    }

    fn read(&self, nonce: u32) -> u32 {
        let parts = self.parts.iter();
        parts.fold(0, |value, (lowest, mask, up)| {
            value | (nonce >> lowest & mask) << up
        })
    }
}

impl Layout {
    /// Who found `nonce`, and where in its count.
    pub fn decode(&self, nonce: u32) -> Origin {
        let nonce = if self.reversed {
            nonce.swap_bytes()
        } else {
            nonce
        };
        let told = |field: &Field, of: &[Option<u16>]| match field.bits {
            0 => Some(0),
            _ => of[field.read(nonce) as usize],
        };
        let chip = told(&self.chip, &self.chip_of);
        Origin {
            chip: chip.filter(|chip| usize::from(*chip) < self.chips.max(1)),
            core: told(&self.core, &self.core_of),
            counter: self.counter.read(nonce),
        }
    }

    /// Number of bits that a core counts through; 0 if that is not known.
    pub fn counter_bits(&self) -> u32 {
        self.counter.bits
    }

    /// Whether nothing is known of how its nonces are divided.
    pub fn is_unknown(&self) -> bool {
        self.chips == 0 && self.cores == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use thermine_drivers::seed;
    use thermine_drivers::sim::Layout as Known;

    #[test]
    fn the_table_reads_nonces_as_the_simulated_chips_write_them() {
        let table = Table::load(None).expect("the table");
        let mut rng = seed::stream(1, "nonces");
        for (model, known) in [
            (Model::AntminerS9, Known::Bm1387),
            (Model::LuckyMinerLv06, Known::Bm1366),
        ] {
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
        assert!(lb_box.expect("a layout").is_unknown());
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
