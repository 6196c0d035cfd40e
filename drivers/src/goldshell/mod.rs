//! The HTTP interface of a Goldshell Box, as its web page uses it.
//!
//! - `client`: one unit's web backend: login, token, one request at a time, bounds;
//! - `error`: what can come of a request;
//! - [`reply`]: typed views of the replies, pure functions of their bytes;
//! - [`source`]: the interface as a source of readings for the [`poller`](crate::poller);
//! - `mod@control`: the interface as a way to set the unit.
//!
//! What firmware does that no document says is listed in `QUIRKS.md` beside this file.

pub(crate) mod client;
pub(crate) mod control;
pub(crate) mod error;
mod login;
pub mod reply;
pub mod source;

pub use client::{Client, HttpClient, Limits, http_client};
pub use control::Control;
pub use error::{Failure, HttpError};
pub use login::Credentials;
pub use source::Source;
pub use thermine_units::secret::Secret;
