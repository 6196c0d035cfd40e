//! A simulated mining unit: one physics, fronted by sockets or by calls.
//!
//! It knows the wires' far ends and the catalogue. It does not know the daemon, an experiment or a capture, and nothing
//! that drives units knows it, save where a simulated unit is started.
//!
//! Begin reading at [`device`]. [`Device`] is a pure, seeded state machine in device time. A front gives it work and settings, asks
//! when something can next be observed, and advances it; it answers with shares and sensor readings.
//! What it is made of is [`Params`]: another model is another table, not other code.
//!
//! - [`params`]: the table, with the source of each number;
//! - [`device`]: the state machine; `point`: where it runs; `individual`: how its chips differ;
//! - [`sensors`]: what its firmware would report; [`fault`]: what can break;
//! - `thermal`: heat and current; `ambient`; `hashing`: error rates and which work is on the chips; `exp`;
//! - `connection`: how a firmware opens its connection to a pool; `connections`: those to its own page;
//! - [`miner`], speaking as its [`firmware`] does and taking each [`command`]: its Stratum wire;
//! - [`s9_api`], [`axeos`], [`goldshell`]: its other wires; [`cgminer_api`]: what such APIs have in common;
//! - [`s9`], [`lv06`], [`lb_box`]: the whole units;
//! - [`pool`]: a pool; [`link`]: the network before it; [`blocking`]: a unit that goes through one range a job;
//! - `bare`: chips without a controller; [`chips`]: their serial line.
//!
//! The thermal numbers are estimates that fit usual readings of such units. Nobody measured them, so a
//! result obtained here is a statement about this model and not about hardware.
//!
//! # Example
//!
//! A minute of an S9 in less than a millisecond, the same for the same seed:
//!
//! ```
//! use thermine_sim::{Device, Params};
//! use thermine_units::clock::Nanos;
//! use thermine_units::pow::Difficulty;
//!
//! let mut device = Device::warm(&Params::s9(), 1);
//! let minute = device.now() + std::time::Duration::from_secs(60);
//! let mut found = Vec::new();
//! device.take_job(1, Difficulty::new(256.0)?, true);
//! device.advance(minute, &mut found);
//! assert!((400..1_200).contains(&found.len()), "some 700 shares: {}", found.len());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ambient;
pub mod axeos;
pub mod blocking;
pub mod cgminer_api;
pub mod chips;
pub mod command;
mod connection;
mod connections;
pub mod device;
mod exp;
pub mod fault;
pub mod find;
pub mod firmware;
pub mod goldshell;
mod hashing;
mod individual;
pub mod lb_box;
pub mod link;
pub mod lv06;
pub mod miner;
mod point;
pub mod pool;
mod rows;
pub mod s9;
pub mod s9_api;
pub mod sensors;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod thermal;

pub use device::Device;
pub use fault::Fault;
pub use find::Find;
pub use sensors::{BoardSensors, Sensors};
pub use thermine_units::params::{self, Params, Silicon, Spread};
