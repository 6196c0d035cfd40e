//! The cgminer RPC API, as an Antminer S9 and its relatives answer it on TCP port 4028.
//!
//! - [`client`]: one command, one connection, one reply or one error that says what went wrong;
//! - [`repair`]: the JSON that real firmware sends, made into JSON;
//! - [`reply`]: typed views of a reply, every field optional;
//! - [`poller`]: one task per unit that keeps its latest telemetry.
//!
//! What firmware does that no document says is listed in `QUIRKS.md` beside this file. This module only
//! reads: a stock unit refuses every command that would change it.

pub mod client;
pub mod poller;
pub mod repair;
pub mod reply;

pub use client::{ApiError, Failure, Limits, query};
pub use poller::{Freshness, Latest, Poller};
pub use reply::Reply;
