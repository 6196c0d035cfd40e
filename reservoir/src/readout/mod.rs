//! Readouts: maps from states to targets, fitted on the training steps.
//!
//! [`Ridge`] is the protocol's readout, with its own choice of penalty. [`RidgePath`] and [`fit`] are the same
//! regression with many outputs and penalties; the others are for other questions.

pub mod elastic;
pub mod linear;
pub mod logistic;
mod moments;
pub mod path;
pub mod ridge;
pub mod rls;
pub mod saved;

pub use elastic::elastic_net;
pub use linear::{LinearReadout, ReadoutError, target_matrix};
pub use logistic::Logistic;
pub use path::{Choice, RidgePath, time_ordered};
pub use ridge::{LAMBDAS, Ridge, fit};
pub use rls::Rls;
pub use saved::{ReadoutKind, SavedReadout};
