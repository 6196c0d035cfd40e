//! The program's parts; `main.rs` only parses the command line.
//!
//! `config` and `experiment` bring a task and a unit together, `store` keeps what happened, `report` says
//! it; one file per subcommand calls them.

// What tests fill a rack with is shared with the tests outside, which know this crate by its name.
#[cfg(test)]
extern crate self as thermine;

pub mod cli;
pub mod live;
pub mod log;
pub mod proxy;
pub mod queue;
pub mod render;
pub mod run;
pub mod signals;

mod top;
pub mod web;
