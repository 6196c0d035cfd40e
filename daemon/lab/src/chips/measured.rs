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
use super::fit::Fit;

/// Origin of the shares.
#[derive(Debug, Clone, Serialize)]
pub struct Source {
    /// Name of the unit, or of the file.
    pub name: String,
    /// File or URL of the capture.
    pub capture: String,
    /// Stream of the capture.
    pub stream: String,
    /// Origin of the numbers.
    pub provenance: Provenance,
    /// Model of the unit.
    pub model: Model,
    /// Seed of the recorded run.
    pub seed: u64,
    /// Hash of the configuration of the recorded run.
    pub config_hash: String,
    /// Remarks on how the capture was read.
    pub notes: Vec<String>,
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
    pub source: Source,
    /// Level and power of the tests.
    pub demand: Demand,
    /// Layout of the nonces.
    pub layout: LayoutSummary,
    /// Test of the layout against these nonces; `None` if it tells nothing apart. Where it does not fit, `chips`, `cores`,
    /// `cells` and `coverage` are `None`.
    pub fit: Option<Fit>,
    /// Shares that are work, each once.
    pub shares: u64,
    /// Time that the shares span, s.
    pub seconds: f64,
    /// Shares by verdict, and their part of all.
    pub verdicts: Vec<(&'static str, u64, Option<Estimate>)>,
    /// Copies of earlier shares, whatever the verdict, and their part of all.
    pub duplicates: (u64, Option<Estimate>),
    /// Shares that are not valid, and their part of all.
    pub invalid: (u64, Option<Estimate>),
    /// Hardware errors per second by the unit's own count.
    pub hardware_errors: Option<Estimate>,
    /// Shares of no known chip or core, and their part of all.
    pub strange: (u64, Option<Estimate>),
    /// Chips, if nonces tell them apart.
    pub chips: Option<Group>,
    /// Cores, all chips together, if nonces tell them apart.
    pub cores: Option<Group>,
    /// Cores of single chips.
    pub cells: Option<Cells>,
    /// Part of the counter's range that is used.
    pub coverage: Option<Estimate>,
    /// Probability of counters as uneven as these within the range used (KS, of the first 100,000).
    pub counter_uniform: Option<f64>,
    /// Clock of the chips, estimated twice.
    pub clock: ChipClock,
    /// What changes of jobs cost; `None` with the reason in the notes.
    pub switches: Option<SwitchProfile>,
}

/// A layout of nonces, as a report shows it.
#[derive(Debug, Clone, Serialize)]
pub struct LayoutSummary {
    /// Kind of the chips.
    pub name: String,
    /// Source of the layout.
    pub source: String,
    /// Boards, which nonces do not tell apart.
    pub boards: usize,
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
    pub what: &'static str,
    /// All counts at once against equal ones.
    pub even: Option<CountUniformity>,
    /// Each place against the others.
    pub places: Places,
    /// Shares per second of each place, with exact intervals.
    pub rates: Vec<Option<Estimate>>,
    /// Hash rate of each place in GH/s, if all shares are of one difficulty.
    pub hash_rates: Option<Vec<Option<Estimate>>>,
    /// Shares that show a weak place.
    pub needed: Vec<Needed>,
    /// Least weakness that these shares show; `None` if they do not even show a dead place.
    pub shown: Option<f64>,
}

/// Shares that it takes to see a weak place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Needed {
    /// Missing part of the rate; 1 is dead.
    pub weakness: f64,
    /// Shares, if the place is weak in all boards.
    pub shares: Option<u64>,
    /// Shares, if the place is weak in one board of several, which nonces do not tell apart.
    pub in_one_board: Option<u64>,
}
