//! The worth of work that the proxy keeps queued, so that no unit waits for its next job.
//!
//! - [`request`]: what is asked for; [`run`](fn@run): all rows; `cell`: one run on simulated units, a simulated network and
//!   a simulated pool, over real sockets in virtual time; [`report`]: what was seen.

mod cell;
pub mod report;
pub mod request;
mod run;

pub use self::run::run;
