//! The API of a simulated S9: answers on TCP as the stock firmware's bmminer does, field for field.
//!
//! The figures come from an [`ApiState`] that the simulated unit keeps up to date; the replies are pure
//! functions of it. Key order, digits and the types of the values (numbers as strings among them) are
//! bmminer's. What stock firmware gets wrong is kept, above all the comma that `stats` lacks.

mod commands;
mod page;
mod pools;
mod state;
mod stats;
mod totals;

pub use self::page::serve_page;
pub use self::pools::pools;
pub use self::state::{ApiState, BoardState, Firmware, PoolState};
pub use self::stats::stats;
pub use self::totals::{devs, summary, version};
pub use super::cgminer_api::{Form, answer, run};
