//! All that is measured of the chips of one unit.

use serde::Serialize;
use thermine_reservoir::bootstrap::Estimate;
use thermine_reservoir::describe::{CountUniformity, Places};
use thermine_reservoir::switching::SwitchProfile;
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;

use super::cells::Cells;
use super::clock::{ChipClock, Times};
use super::demand::Demand;

/// Origin of the shares.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Source {
    /// Name of the unit, or of the file.
    pub(crate) name: String,
    /// File or URL of the capture.
    pub(crate) capture: String,
    /// Stream of the capture.
    pub(crate) stream: String,
    /// Origin of the numbers.
    pub(crate) provenance: Provenance,
    /// Model of the unit.
    pub(crate) model: Model,
    /// Seed of the recorded run.
    pub(crate) seed: u64,
    /// Hash of the configuration of the recorded run.
    pub(crate) config_hash: String,
    /// Remarks on how the capture was read.
    pub(crate) notes: Vec<String>,
}

/// What a stream holds beside its shares.
#[derive(Debug)]
pub(crate) struct StreamFacts {
    /// Difficulties that were asked for.
    pub(crate) difficulties: Vec<f64>,
    /// Times of the first shares.
    pub(crate) times: Times,
    /// Number of the shares in `times`.
    pub(crate) timed: usize,
    /// Hardware errors that the unit counted between two readings, and the seconds between these.
    pub(crate) errors: Option<(u64, f64)>,
}

/// All that is measured of one unit.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// Origin of the shares.
    pub(crate) source: Source,
    /// Level and power of the tests.
    pub(crate) demand: Demand,
    /// Layout of the nonces.
    pub layout: LayoutSummary,
    /// Shares that are work, each once.
    pub(crate) shares: u64,
    /// Time that the shares span, s.
    pub(crate) seconds: f64,
    /// Shares by verdict, and their part of all.
    pub(crate) verdicts: Vec<(&'static str, u64, Option<Estimate>)>,
    /// Copies of earlier shares, whatever the verdict, and their part of all.
    pub(crate) duplicates: (u64, Option<Estimate>),
    /// Shares that are not valid, and their part of all.
    pub(crate) invalid: (u64, Option<Estimate>),
    /// Hardware errors per second by the unit's own count.
    pub(crate) hardware_errors: Option<Estimate>,
    /// Shares of no known chip or core, and their part of all.
    pub(crate) strange: (u64, Option<Estimate>),
    /// Chips, if nonces tell them apart.
    pub chips: Option<Group>,
    /// Cores, all chips together, if nonces tell them apart.
    pub cores: Option<Group>,
    /// Cores of single chips.
    pub(crate) cells: Option<Cells>,
    /// Part of the counter's range that is used.
    pub(crate) coverage: Option<Estimate>,
    /// Probability of counters as uneven as these within the range used (KS, of the first 100,000).
    pub(crate) counter_uniform: Option<f64>,
    /// Clock of the chips, estimated twice.
    pub(crate) clock: ChipClock,
    /// What changes of jobs cost; `None` with the reason in the notes.
    pub(crate) switches: Option<SwitchProfile>,
}

/// A layout of nonces, as a report shows it.
#[derive(Debug, Clone, Serialize)]
pub struct LayoutSummary {
    /// Kind of chip.
    pub(crate) name: String,
    /// Source of the layout.
    pub(crate) source: String,
    /// Boards, which nonces do not tell apart.
    pub(crate) boards: usize,
    /// Positions of chips on a board.
    pub chips: usize,
    /// Chips side by side on a board.
    pub rows: usize,
    /// Cores of a chip that nonces tell apart.
    pub cores: usize,
}

/// Chips or cores side by side.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    /// `chip` or `core`, as the texts name a place.
    pub(crate) what: &'static str,
    /// All counts at once against equal ones.
    pub(crate) even: Option<CountUniformity>,
    /// Each place against the others.
    pub(crate) places: Places,
    /// Shares per second of each place, with exact intervals.
    pub(crate) rates: Vec<Option<Estimate>>,
    /// Hash rate of each place in GH/s, if all shares are of one difficulty.
    pub(crate) hash_rates: Option<Vec<Option<Estimate>>>,
    /// Shares that show a weak place.
    pub(crate) needed: Vec<Needed>,
    /// Least weakness that these shares show; `None` if they do not even show a dead place.
    pub(crate) shown: Option<f64>,
}

/// Shares that it takes to see a weak place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Needed {
    /// Missing part of the rate; 1 is dead.
    pub(crate) weakness: f64,
    /// Shares, if the place is weak in all boards.
    pub(crate) shares: Option<u64>,
    /// Shares, if the place is weak in one board of several, which nonces do not tell apart.
    pub(crate) in_one_board: Option<u64>,
}
