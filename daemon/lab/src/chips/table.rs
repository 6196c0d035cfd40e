//! The table of layouts, by kind of chip and by unit: that of the catalogue of models, and what a file adds to it.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use thermine_units::model::Model;

use super::kinds::{ChipKind, UnitKind, rate};
use super::layout::Layout;

/// Largest table that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Kinds of chips, and units made of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(default, rename = "chip")]
    chips: Vec<ChipKind>,
    #[serde(default, rename = "unit")]
    units: Vec<UnitKind>,
}

impl Table {
    /// The table of the catalogue of models.
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
        table.chips.push(ChipKind::bm1366_of_shares());
        table
    }

    /// The table of the catalogue; entries of the file at `path` replace those of the same name.
    ///
    /// # Errors
    /// If the file cannot be read, or a layout in it is wrong.
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
        } else {
            table.check().context("the built-in table of layouts")?;
        }
        Ok(table)
    }

    /// Layout of the nonces of a unit of `model`: that of its chips, or the one that is `named`. `chips` is the number of
    /// chips on a board, where it is not that of the model.
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

    /// Layouts of a unit of `model` other than `than`, which tell chips or cores apart.
    pub(super) fn others(&self, model: Model, chips: Option<usize>, than: &str) -> Vec<Layout> {
        let names = self.chips.iter().map(|kind| kind.name.as_str());
        names
            .filter(|name| *name != than)
            .filter_map(|name| self.layout(model, chips, Some(name)).ok())
            .filter(|layout| layout.cores > 0)
            .collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;
    use thermine_units::model::{lv06, s9};
    use thermine_units::seed;

    #[test]
    fn the_table_reads_nonces_as_the_simulated_chips_write_them() {
        let table = Table::load(None).expect("the table");
        let mut rng = seed::stream(1, "nonces");
        for (model, known) in [
            (Model::AntminerS9, s9::LAYOUT),
            (Model::LuckyMinerLv06, lv06::LAYOUT),
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
            format!("{:#}", none.expect_err("none"))
                .contains("bm1387, bm1366, unknown, bm1366-28x4, guess")
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
