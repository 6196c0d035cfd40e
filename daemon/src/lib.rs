//! The program's parts; `main.rs` only parses the command line.
//!
//! `config` and `experiment` bring a task and a unit together, `store` keeps what happened, `report` says
//! it; one file per subcommand calls them.

pub mod causes;
pub mod chips;
// What tests fill a rack with is shared with the tests outside, which know this crate by its name.
#[cfg(test)]
extern crate self as thermine;

pub mod cli;
pub mod config;
pub mod descriptors;
pub mod experiment;
pub mod export;
pub mod live;
pub mod log;
pub mod proxy;
pub mod queue;
pub mod report;
pub mod request;
pub mod rig;
pub mod run;
pub mod session;
pub mod signals;
pub mod store;

mod bench;
mod capture;
mod devices;
mod discover;
mod input_file;
mod manual;
mod predict;
mod puf;
mod runtime;
mod secret_file;
mod sim;
mod sweep;
mod switch_profile;
mod tabular;
mod top;
mod tpf;
mod train;
pub mod vbm;
pub mod web;
