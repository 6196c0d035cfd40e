//! Experiments that wait for their unit, and survive the daemon.
//!
//! - [`store`]: the jobs, in one SQLite file in the data folder;
//! - `work`: the carrying out of a job's request, and what it has `found`;
//! - `analysis`: in a process of its own, where no unit is driven.

pub(crate) mod analysis;
pub(crate) mod found;
pub mod store;
pub(crate) mod work;

pub use self::store::{Entry, Queue, QueueError};
