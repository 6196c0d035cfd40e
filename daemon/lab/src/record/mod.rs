//! A share log of one unit at a constant drive, with one new job after every share: how the published log of a real S9
//! was made.

pub mod request;
mod run;

pub use self::run::{Report, run};
