//! What a sweep says: tests over all cells together, tables, heat maps.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use thermine_reservoir::describe::{benjamini_hochberg, holm};
use thermine_units::provenance::Provenance;

use super::Plan;
use super::cell::{Cell, Shares};
use super::grid::Grid;
use crate::render::cell::cell as text_cell;
use crate::render::heatmap::HeatMap;
use crate::render::table::table;
use thermine_capture::tabular;

/// Level of the tests.
const LEVEL: f64 = 0.05;

/// Cells that are listed.
const LISTED: usize = 12;

/// CVs that the paper prints (arXiv 2601.12032), and what stands beside them here.
const PUBLISHED: [(&str, &str); 4] = [
    (
        "0.586",
        "below 1 by more than a dead time explains: regular, if it holds",
    ),
    ("0.71", "the same"),
    (
        "0.98",
        "a Poisson process: 1 − λ d, within its error of 1/√n",
    ),
    (
        "0.092",
        "no CV of Δt: 1/√N, the CV of a count, is 0.0915 for the N of 325 MHz, difficulty 4096 and 300 s",
    ),
];

/// A cell with what the tests over all cells make of it.
#[derive(Debug, Serialize)]
struct Row {
    index: usize,
    #[serde(flatten)]
    cell: Cell,
    /// p of its CV after Holm, over all cells tested.
    holm: Option<f64>,
    /// The same after Benjamini and Hochberg.
    benjamini_hochberg: Option<f64>,
}

/// A sweep's report.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    version: &'static str,
    unit: String,
    provenance: &'static str,
    config_hash: String,
    seed: u64,
    window_seconds: f64,
    asked_shares: u64,
    cells: usize,
    tested: usize,
    rejected_holm: usize,
    rejected_benjamini_hochberg: usize,
    rows: Vec<Row>,
}

/// Whether a cell was measured on a verified device, or not at all.
fn is_of_a_device(cell: &Cell) -> bool {
    match &cell.provenance {
        None => cell.not_run.is_some(),
        Some(of) => *of == Provenance::Device,
    }
}

impl Report {
    /// Of the finished cells.
    pub(super) fn of(plan: &Plan, done: &BTreeMap<usize, Cell>) -> Result<Report> {
        let test = |cell: &Cell| cell.shares.as_ref().and_then(|shares| shares.test);
        let raw: Vec<f64> = done.values().filter_map(test).map(|test| test.p).collect();
        let (mut strict, mut lax) = (holm(&raw).into_iter(), benjamini_hochberg(&raw).into_iter());
        let rows: Vec<Row> = done
            .iter()
            .map(|(index, cell)| {
                let tested = test(cell).is_some();
                Row {
                    index: *index,
                    cell: cell.clone(),
                    holm: if tested { strict.next() } else { None },
                    benjamini_hochberg: if tested { lax.next() } else { None },
                }
            })
            .collect();
        let below = |of: &dyn Fn(&Row) -> Option<f64>| {
            rows.iter()
                .filter(|row| of(row).is_some_and(|p| p < LEVEL))
                .count()
        };
        Ok(Report {
            version: env!("CARGO_PKG_VERSION"),
            unit: plan.config.unit.name.clone(),
            provenance: match (plan.on_twin, &plan.config.unit.simulated) {
                (true, _) => "simulated by twin",
                (false, Some(_)) => "simulated",
                (false, None) if done.values().all(is_of_a_device) => "device",
                (false, None) => "unverified device",
            },
            config_hash: plan.config_hash.clone(),
            seed: plan.settings.seed,
            window_seconds: plan.settings.window_seconds,
            asked_shares: plan.settings.shares,
            cells: plan.grid.points().len(),
            tested: raw.len(),
            rejected_holm: below(&|row| row.holm),
            rejected_benjamini_hochberg: below(&|row| row.benjamini_hochberg),
            rows,
        })
    }

    /// As text.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "\n{} of {} cells on {}: {}, seed {}, configuration {}, version {}\n",
            self.rows.len(),
            self.cells,
            self.unit,
            self.provenance,
            self.seed,
            self.config_hash,
            self.version
        );
        let mut shown: Vec<&Row> = self.rows.iter().filter(|row| z(row).is_some()).collect();
        shown.sort_by(|a, b| {
            let far = |row: &Row| z(row).unwrap_or(0.0).abs();
            far(b).total_cmp(&far(a))
        });
        let mut rows = table(
            &[
                "V",
                "MHz",
                "difficulty",
                "n",
                "CV of Δt [95 %]",
                "null CV",
                "z",
                "p, Holm",
                "p, BH",
                "dispersion",
                "entropy, bit",
                "memory",
                "kernel − general. rank",
                "NRMSE",
            ],
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        );
        for row in shown.iter().take(LISTED) {
            rows.add_row(columns(row));
        }
        let _ = writeln!(
            text,
            "The {} cells with the largest |z| of {} tested ones (30 waits or more):\n{rows}\n",
            shown.len().min(LISTED),
            self.tested
        );
        let mut why: BTreeMap<&str, usize> = BTreeMap::new();
        for row in &self.rows {
            if let Some(reason) = &row.cell.not_run {
                *why.entry(reason.as_str()).or_default() += 1;
            }
        }
        let mut why: Vec<_> = why.into_iter().collect();
        why.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (reason, count) in why.iter().take(5) {
            let cells = if *count == 1 {
                "cell was"
            } else {
                "cells were"
            };
            let _ = writeln!(text, "{count} {cells} not measured whole: {reason}");
        }
        let few = self
            .rows
            .iter()
            .filter_map(|row| row.cell.shares.as_ref())
            .filter(|shares| (shares.n as u64) < self.asked_shares)
            .count();
        let _ = writeln!(
            text,
            "{few} cells gave fewer than the {} shares asked in {} s.",
            self.asked_shares, self.window_seconds
        );
        let by_chance = LEVEL * self.tested as f64;
        let _ = writeln!(
            text,
            "CV against a Poisson process with the dead time of a job switch: {} of {} cells are rejected at 5 % after \
             Holm, {} after Benjamini and Hochberg; without either some {by_chance:.0} would be by chance.",
            self.rejected_holm, self.tested, self.rejected_benjamini_hochberg
        );
        let _ = if self.rejected_holm > 0 {
            writeln!(
                text,
                "Edge of chaos: in {} cells the share times are no Poisson process with a dead time (Holm). What else \
                 they are this test does not say.",
                self.rejected_holm
            )
        } else {
            writeln!(
                text,
                "In no cell do the share times depart from that null: there is nothing critical to report."
            )
        };
        let _ = writeln!(text, "Published CVs (arXiv 2601.12032):");
        for (value, note) in PUBLISHED {
            let _ = writeln!(text, "  {value}: {note}");
        }
        text
    }

    /// Writes JSON, CSV and heat maps into `folder`.
    pub(super) fn write(&self, folder: &Path, grid: &Grid) -> Result<()> {
        write(folder, "report.json", serde_json::to_string_pretty(self)?)?;
        write(folder, "cells.csv", self.csv()?)?;
        for (name, title, symmetric, of) in MAPS {
            self.maps(folder, grid, (name, title, symmetric), of)?;
        }
        Ok(())
    }

    fn csv(&self) -> Result<String> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.write_record([
            "voltage_v",
            "frequency_mhz",
            "difficulty",
            "shares",
            "rate_per_s",
            "cv",
            "cv_low",
            "cv_high",
            "null_cv",
            "z",
            "p",
            "p_holm",
            "p_bh",
            "dispersion",
            "dispersion_p",
            "entropy_bit",
            "memory",
            "driven_rank",
            "kernel_rank",
            "generalisation_rank",
            "reservoir_difficulty",
            "narma10_nrmse",
            "narma10_low",
            "narma10_high",
            "hottest_board_c",
            "hottest_chip_c",
            "not_run",
        ])?;
        let number = |value: Option<f64>| value.map_or_else(String::new, tabular::float);
        let whole =
            |value: Option<usize>| value.map_or_else(String::new, |value| value.to_string());
        for row in &self.rows {
            let cell = &row.cell;
            let shares = cell.shares.as_ref();
            let test = shares.and_then(|s| s.test);
            let reservoir = cell.reservoir.as_ref();
            let cv = shares.and_then(|s| s.cv);
            csv.write_record([
                number(cell.point.voltage),
                tabular::float(cell.point.frequency),
                tabular::float(cell.point.difficulty),
                whole(shares.map(|s| s.n)),
                number(shares.map(|s| s.rate)),
                number(cv.map(|e| e.value)),
                number(cv.map(|e| e.low)),
                number(cv.map(|e| e.high)),
                number(test.map(|t| t.expected_cv)),
                number(test.map(|t| t.z)),
                number(test.map(|t| t.p)),
                number(row.holm),
                number(row.benjamini_hochberg),
                number(shares.and_then(|s| s.dispersion).map(|d| d.index)),
                number(shares.and_then(|s| s.dispersion).map(|d| d.p)),
                number(shares.and_then(|s| s.entropy).map(|e| e.miller_madow)),
                number(reservoir.map(|r| r.memory)),
                whole(reservoir.map(|r| r.driven_rank)),
                whole(reservoir.map(|r| r.kernel_rank)),
                whole(reservoir.map(|r| r.generalisation_rank)),
                number(reservoir.map(|r| r.difficulty)),
                number(cell.narma.map(|e| e.value)),
                number(cell.narma.map(|e| e.low)),
                number(cell.narma.map(|e| e.high)),
                number(cell.hottest[0]),
                number(cell.hottest[1]),
                cell.not_run.as_deref().map(text_cell).unwrap_or_default(),
            ])?;
        }
        Ok(String::from_utf8(csv.into_inner()?)?)
    }

    /// One map a difficulty: voltage over clock.
    fn maps(
        &self,
        folder: &Path,
        grid: &Grid,
        (name, title, symmetric): (&str, &str, bool),
        of: fn(&Cell) -> Option<f64>,
    ) -> Result<()> {
        let at: BTreeMap<usize, &Cell> =
            self.rows.iter().map(|row| (row.index, &row.cell)).collect();
        let all = self.rows.iter().filter_map(|row| of(&row.cell));
        let all: Vec<f64> = all.filter(|value| value.is_finite()).collect();
        if all.is_empty() {
            return Ok(());
        }
        let low = all.iter().copied().fold(f64::INFINITY, f64::min);
        let high = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let most = low.abs().max(high.abs());
        let range = if symmetric {
            (-most, most)
        } else {
            (low, high)
        };
        let voltages = if grid.voltages.is_empty() {
            vec![0.0]
        } else {
            grid.voltages.clone()
        };
        let area = voltages.len() * grid.frequencies.len();
        for (layer, difficulty) in grid.difficulties.iter().enumerate() {
            let values: Vec<Option<f64>> = (layer * area..(layer + 1) * area)
                .map(|index| at.get(&index).and_then(|cell| of(cell)))
                .collect();
            let title = format!(
                "{title}, difficulty {difficulty} — {} ({})",
                self.unit, self.provenance
            );
            let map = HeatMap {
                title: &title,
                x: ("clock, MHz", &grid.frequencies),
                y: ("voltage, V", &voltages),
                values: &values,
                range,
            };
            write(folder, &format!("{name}-d{difficulty}.svg"), map.render())?;
        }
        Ok(())
    }
}

type Map = (&'static str, &'static str, bool, fn(&Cell) -> Option<f64>);

/// What is mapped: file, title, whether about 0, value.
const MAPS: [Map; 5] = [
    (
        "z",
        "z of CV against the dead-time Poisson null",
        true,
        |cell| Some(cell.shares.as_ref()?.test?.z),
    ),
    ("cv", "CV of Δt", false, |cell| {
        Some(cell.shares.as_ref()?.cv?.value)
    }),
    ("memory", "linear memory capacity", false, |cell| {
        Some(cell.reservoir.as_ref()?.memory)
    }),
    ("rank", "kernel rank − generalisation rank", true, |cell| {
        let reservoir = cell.reservoir.as_ref()?;
        Some(reservoir.kernel_rank as f64 - reservoir.generalisation_rank as f64)
    }),
    ("narma10", "NRMSE of NARMA-10", false, |cell| {
        Some(cell.narma?.value)
    }),
];

fn z(row: &Row) -> Option<f64> {
    Some(row.cell.shares.as_ref()?.test?.z)
}

fn columns(row: &Row) -> Vec<String> {
    let cell = &row.cell;
    let none = || "—".to_string();
    let shares: Option<&Shares> = cell.shares.as_ref();
    let test = shares.and_then(|shares| shares.test);
    let digits = |value: Option<f64>, digits: usize| {
        value.map_or_else(none, |value| format!("{value:.digits$}"))
    };
    let interval = |e: thermine_reservoir::bootstrap::Estimate| {
        crate::render::table::interval(e.value, (e.low, e.high))
    };
    let reservoir = cell.reservoir.as_ref();
    vec![
        digits(cell.point.voltage, 2),
        format!("{}", cell.point.frequency),
        format!("{}", cell.point.difficulty),
        shares.map_or_else(none, |shares| shares.n.to_string()),
        shares
            .and_then(|shares| shares.cv)
            .map_or_else(none, interval),
        digits(test.map(|test| test.expected_cv), 3),
        digits(test.map(|test| test.z), 2),
        digits(row.holm, 4),
        digits(row.benjamini_hochberg, 4),
        digits(shares.and_then(|s| s.dispersion).map(|d| d.index), 2),
        digits(shares.and_then(|s| s.entropy).map(|e| e.miller_madow), 2),
        digits(reservoir.map(|r| r.memory), 2),
        reservoir.map_or_else(none, |r| {
            format!("{} − {}", r.kernel_rank, r.generalisation_rank)
        }),
        cell.narma.map_or_else(none, interval),
    ]
}

fn write(folder: &Path, name: &str, text: String) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
