//! Shares by the chip and core that found them: rates, clock, and places that differ from the others.
//!
//! - [`request`]: what is asked for; `run`: captures and units measured one after the other;
//! - [`table`]: the layouts of nonces, which a file can extend, as `kinds` of chips; `layout`: how one takes a nonce
//!   apart; [`counts`]: shares counted one by one;
//! - `clock`: the chips' clock, estimated twice; `cells`: cores of single chips; `measure`: everything together;
//! - [`fit`]: whether a layout can be that of the nonces;
//! - [`measured`]: the report of a unit, with `demand`, the level of its tests.

pub(crate) mod cells;
pub(crate) mod clock;
pub mod counts;
pub(crate) mod demand;
pub mod fit;
mod kinds;
pub(crate) mod layout;
mod measure;
pub mod measured;
pub mod request;
mod run;
pub mod table;

#[cfg(test)]
mod tests;

pub use self::run::of_capture;
pub use self::run::{inputs, run};
