//! The mathematics of reservoir computing: tasks, states, readouts, controls, verdicts.
//!
//! Pure functions and values: no I/O, no clock, no async, no unseeded randomness. Nothing here knows what
//! a device is. The flow:
//!
//! ```text
//! task ──► (a substrate, elsewhere) ──► state matrix ──► readout ──► score ──► controls ──► verdict
//! ```

pub mod bootstrap;
pub mod capacity;
pub mod controls;
mod dense;
pub mod describe;
pub mod esn;
pub mod evaluate;
pub mod hierarchical;
pub mod identity;
pub mod information;
pub mod left_out;
pub mod metrics;
pub mod multi_seed;
pub mod random;
pub mod readout;
pub mod split;
pub mod state;
pub mod switching;
pub mod tasks;
pub mod tpf;
mod tridiagonal;
pub mod verdict;
