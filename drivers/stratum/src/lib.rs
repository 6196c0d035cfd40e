//! Stratum V1, the wire on which miners get work: TCP, one JSON object a line.
//!
//! - [`request`] and [`notice`]: what the two sides say, as values and as bytes;
//! - [`verifier`]: what a submitted share is worth, decided without I/O;
//! - [`mod@line`]: bounded lines over TCP, stamped as they arrive; [`strikes`]: how many bad ones are too many;
//! - [`arrivals`]: connections before they have authorised;
//! - [`session`]: one authorised connection; [`server`]: the listener that makes them;
//! - [`factory`]: jobs that never repeat a header space;
//! - [`swh`]: the Single-Word Handshake, one job in flight, as a state machine.
//!
//! Byte orders and the habits of real firmware stand in `QUIRKS.md` beside this file.

pub mod arrivals;
pub mod factory;
pub mod line;
pub mod loose;
pub mod notice;
pub mod request;
pub mod server;
pub mod session;
pub mod strikes;
pub mod swh;
pub mod verifier;

pub use server::Server;
pub use session::{Session, SessionError};
