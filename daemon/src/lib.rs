//! The program's parts; `main.rs` only parses the command line.
//!
//! `config` and `experiment` bring a task and a unit together, `store` keeps what happened, `report` says
//! it; one file per subcommand calls them.

pub mod cli;
pub mod config;
pub mod experiment;
pub mod live;
pub mod proxy;
pub mod queue;
pub mod report;
pub mod rig;
pub mod run;
pub mod store;

mod bench;
mod capture;
mod devices;
mod discover;
mod predict;
mod sim;
mod sweep;
mod switch_profile;
mod top;
mod tpf;
mod train;
pub mod vbm;
pub mod web;
