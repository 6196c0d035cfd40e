//! Several units as one reservoir: all are driven with the same input at the same time, each by a mask of its own, and
//! one readout is given the states of all, step by step.
//!
//! - `members`: which units, and how each is driven; `drive`: all at once, and all to their safe end if one fails;
//! - `states`: their states joined; `report`: what joining adds; `run`: from request to report.

mod drive;
mod members;
mod report;
mod run;
mod states;

pub use self::members::{MOST, named};
pub use self::report::{Joined, Joining, Member};
pub use self::run::{Report, run};

#[cfg(test)]
mod tests;
