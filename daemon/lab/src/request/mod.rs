//! What an experiment is asked to do, as plain data: `{"train": {"task": "narma10", "seed": 2}}`.
//!
//! The command line becomes such a request, and the HTTP API and the queue's file carry one as JSON. It names no unit, no
//! folder and no database, and a file only by name: what it is carried out with is a [`Setup`]. [`Request::check`] says
//! all that is wrong with it, when it is queued and again when it is taken out of the queue.

pub(crate) mod declare;
mod drive;
pub(crate) mod findings;
mod kinds;
mod predict;
mod setup;
mod train;
mod words;

pub use self::drive::Verify;
pub use self::findings::Wrong;
pub use self::kinds::{LONGEST, ReadCommand, Request};
pub use self::predict::Predict;
pub use self::setup::Setup;
pub use self::train::{DataFile, Train};
pub use crate::tpf::live::FilterTrial;

#[cfg(test)]
mod tests;
