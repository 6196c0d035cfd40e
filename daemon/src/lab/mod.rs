//! Experiments on units: a request in, a report out.

pub mod attach;
pub mod backend;
pub(crate) mod bench;
pub mod chips;
pub(crate) mod compare;
pub mod config;
pub mod descriptors;
pub(crate) mod devices;
pub(crate) mod discover;
pub(crate) mod driven;
pub(crate) mod estimate;
pub mod experiment;
pub(crate) mod folder;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod observer;
pub(crate) mod proxy_bench;
pub mod record;
pub mod recording;
pub mod request;
pub mod session;
pub(crate) mod sim;
pub mod states;
pub mod sweep;
pub(crate) mod switch_profile;

pub(crate) mod predict;
pub mod puf;
pub(crate) mod segment;
pub mod threads;
pub mod tpf;
pub(crate) mod train;
