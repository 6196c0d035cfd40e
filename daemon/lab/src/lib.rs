//! Experiments on units: a request in, a report out.

pub mod attach;
pub mod backend;
pub mod bench;
pub mod chips;
pub mod compare;
pub mod config;
pub mod descriptors;
pub mod devices;
pub mod discover;
pub mod driven;
pub mod estimate;
pub mod experiment;
pub mod folder;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod observer;
pub mod predict;
pub mod proxy_bench;
pub mod puf;
pub mod record;
pub mod recording;
pub mod request;
pub mod segment;
pub mod session;
pub mod sim;
pub mod states;
pub mod substrate;
pub mod sweep;
pub mod switch_profile;
pub mod threads;
pub mod tpf;
pub mod train;
