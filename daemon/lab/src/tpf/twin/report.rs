//! What the filters and the early exit came to.

use serde::Serialize;
use thermine_reservoir::tpf::account::{Account, Bill};
use thermine_reservoir::tpf::activity::Activity;
use thermine_reservoir::tpf::filter::{Cut, Kind};
use thermine_reservoir::tpf::published::EmptyWindows;
use thermine_reservoir::tpf::twin::Observable;
use thermine_reservoir::tpf::windows::Judged;

use super::request::TwinRequest;

/// Everything that was computed.
#[derive(Debug, Serialize)]
pub struct TwinReport {
    pub(super) version: &'static str,
    /// What is real of it and what is simulated, in words.
    pub provenance: &'static str,
    /// The request, whose fields stand among those of the report.
    #[serde(flatten)]
    pub request: TwinRequest,
    /// The published filter at its own difficulty.
    pub legacy: Published,
    /// The published filter at a difficulty at which successes occur.
    pub published_where_successes_exist: Published,
    /// Windows of one second without an event, and what skipping them saves.
    pub empty_windows: EmptyWindows,
    /// A network that predicts whether an event fell into the window that it sees.
    pub same_window: Judged,
    /// A network that predicts whether an event will fall into the next window.
    pub next_window: Judged,
    /// Every filter on every observable.
    pub rows: Vec<FilterRow>,
    /// The early exit beside all rounds.
    pub early_exit: EarlyExitReport,
    /// Switching of the registers, round by round.
    pub activity: Activity,
    /// The result in one sentence.
    pub verdict: String,
}

/// The published filter at one difficulty.
#[derive(Debug, Serialize)]
pub struct Published {
    /// Zero bits of a success.
    pub bits: u32,
    /// What it kept and found.
    pub account: Account,
    /// What that costs.
    pub bill: Bill,
}

/// One filter on one observable.
#[derive(Debug, Serialize)]
pub struct FilterRow {
    /// What the filter sees.
    pub observable: Observable,
    /// The kind of filter.
    pub filter: Kind,
    /// How its threshold was chosen.
    pub cut: Cut,
    /// In the order of [`UnitOfAccount::ALL`](thermine_reservoir::tpf::account::UnitOfAccount::ALL), each with the
    /// threshold that is best for it.
    pub accounts: Vec<(Account, Bill)>,
    /// Why it could not be fitted.
    pub failed: Option<String>,
}

/// The early exit beside all rounds.
#[derive(Debug, Serialize)]
pub struct EarlyExitReport {
    /// Nonces that both went through.
    pub nonces: u64,
    /// What the early exit kept and found.
    pub account: Account,
    /// Rounds that it computes.
    pub rounds: usize,
    /// Number of rounds in all.
    pub of: usize,
    /// Median over blocks of nonces of the time of all rounds over that of the early exit; wall time.
    pub speed_up: f64,
    /// Headers hashed per second by all rounds with every state kept, in the median block; wall time, one core.
    pub headers_per_second: f64,
}
