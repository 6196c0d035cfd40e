//! Readouts: maps from states to targets, fitted on the training steps.
//!
//! [`Ridge`] is the readout of the main experiments and chooses its own penalty. [`RidgePath`] and [`fit`] are the
//! same regression with many outputs and penalties. [`Rls`] learns step by step, [`Logistic`] predicts a class, and
//! [`elastic_net`] and [`elastic_path`] select features.

pub mod descent;
mod elastic;
pub mod linear;
pub mod logistic;
mod moments;
pub mod path;
pub mod ridge;
pub mod rls;
pub mod saved;

pub use elastic::{elastic_net, elastic_path};
pub use linear::{LinearReadout, ReadoutError, target_matrix};
pub use logistic::Logistic;
pub use path::{Choice, RidgePath, time_ordered};
pub use ridge::{LAMBDAS, Ridge, fit};
pub use rls::Rls;
pub use saved::{ReadoutKind, SavedReadout};
