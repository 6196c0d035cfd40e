//! Voltage × clock × difficulty, and at each point the share times and the reservoir.
//!
//! - [`request`]: what is asked for; [`grid`]: the points; [`plan`]: a request made for one unit;
//! - [`feasibility`]: the shares that a window can hold, before anything is driven;
//! - `cell`: what is measured at one point; `run`: all points on twins or on one unit; `journal`: the finished cells;
//! - [`report`]: the cells with tests over all of them.

mod cell;
pub(crate) mod feasibility;
pub mod grid;
mod journal;
pub(crate) mod plan;
pub(crate) mod report;
pub mod request;
mod run;

pub(crate) use self::cell::Cell;
pub(crate) use self::run::Sweeping;
