//! The report of a sweep: its cells, with tests over all of them together.

use std::collections::BTreeMap;

use serde::Serialize;
use thermine_reservoir::describe::{benjamini_hochberg, holm};
use thermine_units::provenance::Provenance;

use super::cell::Cell;
use super::grid::Grid;
use super::plan::Plan;

/// Level of the tests.
pub const LEVEL: f64 = 0.05;

/// A cell with its p-values corrected for all cells.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Number of the cell, in the order of the grid.
    pub index: usize,
    /// Measurements of the cell.
    #[serde(flatten)]
    pub cell: Cell,
    /// p of the CV of Δt after Holm, over all cells tested.
    pub holm: Option<f64>,
    /// p of the CV of Δt after Benjamini and Hochberg.
    pub benjamini_hochberg: Option<f64>,
}

/// The report of a sweep.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of the program.
    pub version: &'static str,
    /// Name of the unit.
    pub unit: String,
    /// Origin of the numbers, in words.
    pub provenance: &'static str,
    /// Hash of all that a cell depends on.
    pub config_hash: String,
    /// Seed of the units, the inputs and the statistics.
    pub seed: u64,
    /// Window in which shares are timed, s.
    pub window_seconds: f64,
    /// Shares that a cell should hold.
    pub asked_shares: u64,
    /// Cells of the whole sweep.
    pub cells: usize,
    /// Cells whose CV of Δt was tested.
    pub tested: usize,
    /// Cells that are rejected at [`LEVEL`] after Holm.
    pub rejected_holm: usize,
    /// Cells that are rejected at [`LEVEL`] after Benjamini and Hochberg.
    pub rejected_benjamini_hochberg: usize,
    /// The finished cells.
    pub rows: Vec<Row>,
    /// Axes of the sweep, for its maps.
    #[serde(skip)]
    pub grid: Grid,
}

/// Whether a cell was measured on a verified device, or not at all.
fn is_of_a_device(cell: &Cell) -> bool {
    match &cell.provenance {
        None => cell.not_run.is_some(),
        Some(of) => *of == Provenance::Device,
    }
}

impl Report {
    /// Reports the finished cells.
    pub(super) fn of(plan: &Plan, done: &BTreeMap<usize, Cell>) -> Report {
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
        Report {
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
            grid: plan.grid.clone(),
        }
    }

    /// Cells that are not finished.
    pub fn left(&self) -> usize {
        self.cells - self.rows.len()
    }
}
