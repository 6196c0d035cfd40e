//! Two captures, analysed in the same way, side by side.
//!
//! - `answers`: the shares of a capture, each as first, late or a copy;
//! - `quantities` and `nonces`: what they measure, as the list of a `quantity` each; `work_rate`: the clock of a unit by
//!   its work items;
//! - `comparison`: the same of two captures.

mod answers;
mod comparison;
mod nonces;
mod quantities;
mod quantity;
pub(crate) mod work_rate;

pub use self::comparison::{Comparison, compare};
