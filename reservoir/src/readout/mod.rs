//! Readouts: linear maps from states to a target, fitted on the training steps.

pub mod ridge;

pub use ridge::{Ridge, RidgeError};
