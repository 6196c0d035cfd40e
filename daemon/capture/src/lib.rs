//! Captures: what happened in a run, in a SQLite file of its own or beside others in a PostgreSQL database.
//!
//! It knows records, files and databases. It does not know how a unit is driven, what an experiment is, or who reads the
//! result.
//!
//! Begin reading at [`writer`]: a record is acknowledged when it is kept, not before.
//!
//! - `tables`: what both hold; `place`: how a user names either;
//! - `database`: the interface between a capture and what holds it: `sqlite`, `server`; `error`: what can go wrong;
//! - [`writer`]: one thread that commits what the drivers record, and tells them how far it has come;
//! - [`reader`]: what a capture holds, share by share; [`answers`]: its nonces alone, fast; `steps`: step by step, for
//!   a replay;
//! - [`verify`]: every share hashed again; [`import`]: captures from other programs' CSV files; [`merge`]: several
//!   captures in one; [`export`]: tables for other programs, as CSV, NPY and Parquet.
//!
//! # Example
//!
//! ```
//! use thermine_capture::{Capture, RunMeta, Store};
//! use thermine_units::provenance::Provenance;
//!
//! let folder = tempfile::tempdir()?;
//! let meta = RunMeta {
//!     seed: 1,
//!     config: String::new(),
//!     config_hash: String::new(),
//!     task: serde_json::json!({}),
//!     provenance: Provenance::Simulated,
//! };
//! let store = Store::create(&folder.path().join("run.sqlite"), &meta)?;
//! let path = store.finish("done")?;
//! assert_eq!(Capture::open(&path)?.run()?.seed, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod answers;
pub mod database;
mod error;
pub mod error_chain;
pub mod export;
pub mod import;
mod import_suspect;
mod import_time;
pub mod input_file;
pub mod merge;
pub mod place;
pub mod reader;
pub mod secret_file;
mod server;
mod sqlite;
mod steps;
pub mod tables;
pub mod tabular;
pub mod verify;
pub mod writer;

pub use error::{DatabaseError, StoreError};
pub use reader::Capture;
pub use steps::StoredStep;
pub use writer::{RunMeta, Store};
