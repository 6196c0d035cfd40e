//! Simulated units, fronted by the wires that real ones have.

pub mod s9_api;
