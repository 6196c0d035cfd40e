//! What a mining unit is, below every wire: its model, its settings, its work, its readings and its records.
//!
//! It knows no wire, no simulator and no experiment, opens no socket and writes no file. Everything else in the
//! workspace stands on it, and it stands on nothing of it.
//!
//! Begin reading at [`model`]: one file a model, with its limits, the layout of its nonces and its physics.
//!
//! | module | contents |
//! | --- | --- |
//! | [`model`], [`params`], [`nonce`] | the catalogue: limits, physics with the source of each number, nonce layouts |
//! | [`mod@unit`], [`quantity`], [`temperature`] | operating point, telemetry and limits of a unit, in their units |
//! | [`pow`] | headers, targets, difficulty, Merkle roots: what a share is |
//! | [`record`], [`provenance`] | what is kept of a run, and where its numbers come from |
//! | [`clock`], [`seed`], [`backoff`] | time that may be simulated, named random streams, pauses between attempts |
//! | [`stamped`], [`listen`], [`printable`], [`secret`] | values with their time, listeners, safe text, secrets |
//!
//! # Example
//!
//! ```
//! use thermine_units::model::Model;
//! use thermine_units::pow::{Algorithm, Difficulty};
//!
//! let limits = Model::AntminerS9.limits();
//! let (lowest, highest) = limits.frequency;
//! assert!(lowest.0 < highest.0, "MHz");
//!
//! // A share of difficulty 256 takes 2^40 hashes on average.
//! let hashes = Difficulty::new(256.0)?.hashes(Algorithm::Sha256d);
//! assert!((hashes.log2() - 40.0).abs() < 0.01);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod backoff;
pub mod clock;
pub mod listen;
pub mod model;
pub mod nonce;
pub mod params;
pub mod pow;
pub mod printable;
pub mod provenance;
pub mod quantity;
pub mod record;
pub mod secret;
pub mod seed;
pub mod stamped;
pub mod temperature;
pub mod unit;
