//! Experiments on units: a request in, a report out.

pub mod attach;
pub mod backend;
pub mod chips;
pub mod compare;
pub mod config;
pub mod devices;
pub mod discover;
pub mod driven;
pub(crate) mod estimate;
pub mod experiment;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod observer;
pub mod proxy_bench;
pub mod record;
pub mod recording;
pub mod request;
pub mod session;
pub mod sim;
pub mod states;
pub mod sweep;
pub mod switch_profile;

pub(crate) mod predict;
pub mod puf;
pub(crate) mod replay;
pub(crate) mod segment;
pub mod threads;
pub mod tpf;
pub(crate) mod train;
