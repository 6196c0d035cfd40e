//! Brings units to whoever drives or watches them: listeners, the simulated units where some are asked for,
//! the pollers of their telemetry, their interlocks, and the way to their work.
//!
//! - `mod@unit`: a unit at its wires; `driven`: the same while it is driven;
//! - `machine`: whether a connection is the one of the unit that the interlock watches;
//! - `control`: the control interfaces of each model; [`simulated`]: what the program plays itself.

mod attached;
mod clients;
mod control;
pub(crate) mod driven;
pub mod machine;
pub mod simulated;
pub(crate) mod unit;

pub use self::attached::Attachments;
pub use self::driven::Driven;
pub use self::unit::Unit;
