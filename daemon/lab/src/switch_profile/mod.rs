//! The hashing that a unit loses to each change of jobs, from a capture or from a unit that is driven for it.

pub mod request;
mod run;

pub use self::run::{Report, run};
