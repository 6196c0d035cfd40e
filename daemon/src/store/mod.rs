//! Captures: what happened in a run, in a SQLite file of its own or beside others in a PostgreSQL database.
//!
//! - `tables`: what both hold; `place`: how a user names either;
//! - `database`: the interface between a capture and what holds it: `sqlite`, `server`; `error`: what can go wrong;
//! - [`writer`]: one thread that commits what the drivers record, and tells them how far it has come;
//! - [`reader`]: what a capture holds, share by share; [`answers`]: its nonces alone, fast; `steps`: step by step, for
//!   a replay;
//! - [`verify`]: every share hashed again; [`import`]: captures from other programs' CSV files; [`merge`]: several
//!   captures in one.

pub mod answers;
pub(crate) mod database;
mod error;
pub mod import;
mod import_time;
pub mod merge;
pub(crate) mod place;
pub mod reader;
mod server;
mod sqlite;
mod steps;
pub(crate) mod tables;
pub mod verify;
pub mod writer;

pub use error::{DatabaseError, StoreError};
pub use reader::Capture;
pub use writer::{RunMeta, Store};
