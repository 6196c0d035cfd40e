//! Experiments on units: a request in, a report out.

pub mod substrate;
