//! Cores of single chips: those that find too little beside their chip and beside the same core elsewhere.

use serde::Serialize;
use thermine_reservoir::describe::{Search, benjamini_hochberg, tails};

use super::counts::Tally;
use super::demand::Demand;

/// Most cores that are listed.
const MOST_CELLS: usize = 1_000;

/// Cores of single chips, each against its chip and its core's others.
#[derive(Debug, Clone, Serialize)]
pub struct Cells {
    /// Number of cores of all chips.
    pub cells: usize,
    /// Cores that find too little.
    pub few: Vec<Cell>,
    /// Shares that show a core which is dead in all boards.
    pub needed: Option<u64>,
    /// Shares that show a core which is dead in one board.
    pub needed_in_one_board: Option<u64>,
}

/// A core of a chip.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cell {
    /// Position of the chip.
    pub chip: usize,
    /// Number of the core.
    pub core: usize,
    /// Shares that the core found.
    pub(crate) count: u64,
    /// Shares expected of the core.
    pub(crate) expected: f64,
    /// p-value, adjusted over all cells.
    pub(crate) adjusted: f64,
}

impl Cells {
    /// Each cell's count against those of its chip and of its core elsewhere (hypergeometric, two-sided), all adjusted
    /// together. A core that is missing everywhere is no cell's fault.
    pub(super) fn of(tally: &Tally, demand: Demand) -> Option<Cells> {
        let counts = tally.cells();
        if counts.is_empty() {
            return None;
        }
        let (chips, cores) = (tally.chips(), tally.cores());
        let total: u64 = counts.iter().sum();
        let of = |i: usize| (i / cores.len(), i % cores.len());
        let raw: Vec<f64> = counts
            .iter()
            .enumerate()
            .map(|(i, count)| {
                let (chip, core) = of(i);
                tails::hypergeometric(*count, chips[chip], cores[core], total)
                    .map_or(1.0, tails::Tails::two_sided)
            })
            .collect();
        let adjusted = benjamini_hochberg(&raw);
        let cells = counts.iter().zip(&adjusted).enumerate();
        let few = cells
            .filter(|(_, (_, adjusted))| **adjusted < demand.level)
            .map(|(i, (count, adjusted))| {
                let (chip, core) = of(i);
                Cell {
                    chip,
                    core,
                    count: *count,
                    expected: chips[chip] as f64 * cores[core] as f64 / total.max(1) as f64,
                    adjusted: *adjusted,
                }
            })
            // A chip with many dead cores has others that do more of what is left.
            .filter(|cell| (cell.count as f64) < cell.expected)
            .take(MOST_CELLS);
        let search = Search {
            places: counts.len(),
            level: demand.level,
            power: demand.power,
        };
        let boards = tally.layout().boards;
        Some(Cells {
            cells: counts.len(),
            few: few.collect(),
            needed: search.events_needed(0.0),
            needed_in_one_board: (boards > 1)
                .then(|| search.events_needed(1.0 - 1.0 / boards as f64))
                .flatten(),
        })
    }
}
