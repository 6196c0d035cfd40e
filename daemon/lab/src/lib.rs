//! Experiments on units: a request in, a report out.
//!
//! A request is plain data with defaults and a `check` that names everything wrong with it. The laboratory carries it out
//! on a unit's wire, on a twin or on a capture, and gives back a report, which is data too. It knows no command line, no
//! terminal, no page and no HTTP: who asks and how the answer is shown is the program's business.
//!
//! Begin reading at [`train`], the whole of one experiment, and at [`session`], the only way to drive a unit.
//!
//! | module | contents |
//! | --- | --- |
//! | [`request`] | what can be asked by queue and API; other commands keep theirs beside their work |
//! | [`config`] | units, racks, the proxy: files, environment, flags, and what each key means |
//! | [`session`], [`attach`], [`driven`] | attach, check, drive, and always the awaited safe end |
//! | [`backend`], [`substrate`] | wire, twin or replay: one step in, one observation out |
//! | [`recording`] | the only way to keep a capture |
//! | [`registration`] | predictions written down before the run, the run, and the check of its folder |
//! | [`experiment`], [`train`], [`mod@bench`] | encodings, features, readouts, controls, scores |
//! | [`joined`] | several units as one reservoir |
//! | [`sweep`], [`tpf`], [`puf`], [`chips`], [`switch_profile`], [`compare`], [`estimate`], [`predict`], [`wall_meter`] | the other studies |
//! | [`observer`] | how progress and notices leave the laboratory |
//!
//! # Example
//!
//! ```
//! use thermine_lab::backend::Backend;
//! use thermine_lab::experiment::task::Named;
//! use thermine_lab::observer::Progress;
//! use thermine_lab::request::{Setup, Train};
//! use thermine_lab::session::Context;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let request = Train {
//!     task: Some(Named::Narma10),
//!     backend: Backend::Twin,
//!     steps: Some(300),
//!     echo_steps: Some(0),
//!     off_steps: Some(0),
//!     ..Train::default()
//! };
//! let folder = tempfile::tempdir()?;
//! let setup = Setup { out: Some(folder.path().join("report")), ..Setup::default() };
//! let progress = Progress::hidden(&Context::new("example"));
//! let mut finished = |_: &_| Ok(());
//! let run = thermine_lab::train::run(&request, setup, &progress, &mut finished);
//! let report = tokio::runtime::Runtime::new()?.block_on(run)?;
//! assert!(report.first.is_some(), "a verdict on a simulated S9");
//! # Ok(())
//! # }
//! ```

pub mod attach;
pub mod backend;
pub mod bench;
pub mod chips;
pub mod compare;
pub mod config;
pub mod descriptors;
pub mod devices;
pub mod discover;
pub mod driven;
pub mod estimate;
pub mod experiment;
pub mod folder;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod joined;
pub mod observer;
pub mod predict;
pub mod proxy_bench;
pub mod puf;
pub mod record;
pub mod recording;
pub mod registration;
pub mod request;
pub mod segment;
pub mod session;
pub mod sim;
pub mod states;
pub mod substrate;
pub mod sweep;
pub mod switch_profile;
pub mod threads;
pub mod tpf;
pub mod train;
pub mod wall_meter;
