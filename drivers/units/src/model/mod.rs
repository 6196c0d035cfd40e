//! The catalogue: one file for each model, with all that is particular to it. `docs/adding-a-unit.md` adds one.

pub mod agent;
mod bm1366;
mod bm1387;
mod entry;
pub(crate) mod lb_box;
mod limits;
mod list;
pub mod lv06;
pub mod s9;

pub use entry::{Entry, Example, Inputs, Reports, Wire};
pub use limits::Limits;
pub use list::Model;
