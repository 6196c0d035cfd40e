//! What a reservoir can do with its input, independent of the task: how much of the past its states hold, which
//! functions of the past, and in how many independent directions.

mod chance;
mod ipc;
mod linear;
mod rank;

pub use ipc::{IpcPlan, MOST_TERMS, ProcessingCapacity, Term, TermCapacity, processing_capacity};
pub use linear::{DelayCapacity, MemoryCapacity, memory_capacity};
pub use rank::{Rank, driven_rank, generalisation_inputs, kernel_inputs, rank_over_inputs};

use crate::readout::ReadoutError;
use crate::split::SplitError;
use crate::state::StateError;

/// Why a capacity cannot be measured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CapacityError {
    /// There are too few steps.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The states cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// A readout cannot be fitted.
    #[error(transparent)]
    Readout(#[from] ReadoutError),
    /// A request that makes no sense or would take too long.
    #[error("{0}")]
    Request(String),
}
