//! Configuration: TOML files, see `configs/`.
//!
//! - `unit`: one unit and the steps that it is driven with; [`rack`]: several units, the [`proxy`] and the [`daemon`];
//! - [`overrides`]: what the environment says instead; [`folders`]: what queued jobs may read;
//! - [`keys`]: what every key is for; [`examine`]: every error of a file, by `check` and `meaning`.

pub(crate) mod check;
mod conflicts;
pub mod daemon;
mod error;
pub mod examine;
pub mod folders;
pub mod key;
pub mod keys;
mod meaning;
pub mod nearest;
pub mod overrides;
pub mod proxy;
pub mod rack;
mod unit;

pub use self::error::ConfigError;
pub use self::unit::{Api, Config, Point, Serial, Simulated, Step, Stratum, Unit, Wires};
