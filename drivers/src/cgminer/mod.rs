//! The cgminer RPC API, as an Antminer S9 and its relatives answer it on TCP port 4028.
//!
//! - `client`: one command, one connection, one reply or one error that says what went wrong;
//! - `repair`: the JSON that real firmware sends, made into JSON;
//! - [`reply`]: typed views of a reply, every field optional;
//! - [`source`]: the API as a source of readings for the [`poller`](crate::poller).
//!
//! What firmware does that no document says is listed in `QUIRKS.md` beside this file. This module only
//! reads: a stock unit refuses every command that would change it.

pub(crate) mod client;
pub(crate) mod repair;
pub mod reply;
pub mod source;

pub use client::{ApiError, Failure, Limits, query};
pub use reply::Reply;
pub use source::Source;
