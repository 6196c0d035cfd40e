//! Keeps a unit from being driven hot.
//!
//! - `limits`: what is enforced: the model's limits, which configuration can only tighten;
//! - `hazard`: why a unit must not run;
//! - `state`: the judgement, a state machine without I/O or clock;
//! - `guard`: the task that judges, withholds work and sets the unit to its safe operating point.
//!
//! There are two ways to take the heat out of a unit: to withhold work, which the [`Permission`] that the
//! substrate looks at does on every model, and to set the unit to its model's safe operating point, which
//! the guard does where the wire can set. On an S9 only the first is there.

pub(crate) mod guard;
pub(crate) mod hazard;
#[cfg(test)]
mod heat;
pub(crate) mod limits;
mod memory;
#[cfg(test)]
mod properties;
mod safe;
pub(crate) mod state;
#[cfg(test)]
mod tests;

pub use guard::{
    Guard, Guarded, Permission, SetError, Setter, Trip, may_be_lent, paused, withheld,
};
pub use hazard::{Cause, Hazard};
pub use limits::{Enforced, Tightening, TighteningError};
pub use state::{Decision, Interlock, State};
