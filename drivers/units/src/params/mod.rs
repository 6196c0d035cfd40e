//! The parameters of a model's physics, each with its unit and its source, and what tells one unit of the model from
//! another.

mod assumed;
mod check;
mod silicon;
mod sources;
mod spread;
mod table;

pub use assumed::{ASSUMPTIONS, Assumed, Assumption, End, range};
pub use check::BadParam;
pub use silicon::{BadSilicon, Silicon};
pub use sources::{Documented, documented, value};
pub use spread::Spread;
pub use table::{Params, RegulatorHeats};
