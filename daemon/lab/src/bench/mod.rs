//! What the twins reach on NARMA-10, beside what was asked of them and what needs no device.

mod measure;
mod rows;

pub use self::measure::{Measured, Request, run};
