//! AxeOS: the HTTP page of ESP-Miner, as a Lucky Miner LV06 serves it on TCP port 80.
//!
//! - `client`: one request, one reply or one error that says what went wrong; one [`Client`] for all
//!   units;
//! - `info`: what a reply says, every field optional;
//! - [`source`]: the page as a source of readings for the [`poller`](crate::poller);
//! - `control`: clock, voltage and fan, within the model's limits and read back;
//! - [`log`]: the unit's log, line by line.
//!
//! What firmware does that no document says is listed in `QUIRKS.md` beside this file.

pub(crate) mod client;
pub(crate) mod control;
pub(crate) mod info;
pub mod log;
pub mod source;

pub use client::{ApiError, Client, Failure, Limits, NoClient, Unit};
pub use control::Control;
pub use info::{Asic, Info};
pub use log::{Event, LogReader};
pub use source::Source;
