//! Experiments on units: a request in, a report out.

pub mod attach;
pub mod chips;
pub mod config;
pub mod experiment;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod observer;
pub mod request;
pub mod session;

pub(crate) mod predict;
pub(crate) mod puf;
pub(crate) mod sweep;
pub(crate) mod switch_profile;
pub(crate) mod tpf;
pub(crate) mod train;
