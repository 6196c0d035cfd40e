//! What the twins reach on NARMA-10, beside what was asked of them and what needs no device.

mod measure;
mod row;
mod rows;
mod rows_xor;
mod seeds;
pub mod shares;

pub use self::measure::{Measured, Request, run};
