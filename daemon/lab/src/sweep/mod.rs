//! Voltage × clock × difficulty, and at each point the share times and the reservoir.
//!
//! - [`request`]: what is asked for; [`grid`]: the points; [`plan`]: a request made for one unit;
//! - [`feasibility`]: the shares that a window can hold, before anything is driven;
//! - `cell`: what is measured at one point; `run`: all points on twins or on one unit; `journal`: the finished cells;
//! - [`report`]: the cells with tests over all of them.

mod cell;
pub mod feasibility;
pub mod grid;
mod journal;
pub mod plan;
pub mod report;
pub mod request;
mod run;

pub use self::cell::Cell;
pub use self::run::Sweeping;
