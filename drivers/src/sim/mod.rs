//! Simulated units: one physics, fronted by the wires that real ones have.
//!
//! - [`params`]: a model as numbers; [`thermal`]: power and heat; [`device`]: the unit in device time;
//!   [`layout`]: what a nonce says of the chip that found it;
//! - [`miner`], [`s9_api`]: its two wires; [`s9`]: the whole unit.
//!
//! [`device::Device`] is deterministic and knows no clock: the wires sleep until its next event, the twin
//! jumps there.

pub mod device;
pub mod layout;
pub mod miner;
pub mod params;
pub mod s9;
pub mod s9_api;
pub mod thermal;
