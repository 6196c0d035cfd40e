//! Experiments on units: a request in, a report out.

pub mod attach;
pub mod backend;
pub mod chips;
pub mod config;
pub mod experiment;
pub mod observer;
pub mod request;
pub mod session;

pub(crate) mod predict;
pub mod puf;
pub(crate) mod sweep;
pub(crate) mod switch_profile;
mod threads;
pub mod tpf;
pub(crate) mod train;
