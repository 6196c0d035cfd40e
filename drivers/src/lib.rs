//! The control wires of mining units: how a unit is found, read, set and kept from being driven hot.
//!
//! It does not know where work comes from (Stratum, the proxy), what an experiment is, or that a unit may be simulated.
//! Of Stratum it uses the verifier alone, which judges the nonces of bare chips.
//!
//! Begin reading at [`interlock`], the one thing that stands between a unit and its limits. Then:
//!
//! | module | contents |
//! | --- | --- |
//! | [`cgminer`], [`axeos`], [`goldshell`] | the wires of whole units: replies as values, requests as bytes |
//! | [`bm13xx`] | bare chips on a serial line: frames, registers, work, nonces |
//! | [`poller`] | reads a unit at intervals and keeps the latest reading with its age |
//! | [`control`] | what a wire can set; [`interlock`]: limits, hazards, trips, the safe end |
//! | [`discover`], [`evidence`] | which units are in a network, and what proves that one is hardware |
//!
//! Byte orders and the habits of firmware stand in a `QUIRKS.md` beside each wire.
//!
//! # Example
//!
//! A unit whose temperatures were never read counts as hot:
//!
//! ```
//! use thermine_drivers::interlock::{Enforced, Interlock, State};
//! use thermine_drivers::poller::Latest;
//! use thermine_units::clock::Nanos;
//! use thermine_units::model::Model;
//!
//! let limits = Enforced::of(Model::AntminerS9.limits());
//! let mut interlock = Interlock::new("s9", limits);
//! interlock.judge(Nanos::ZERO, &Latest::default());
//! assert!(!matches!(interlock.state(), State::Running));
//! ```

pub mod axeos;
pub mod bm13xx;
pub mod cgminer;
pub mod control;
pub mod discover;
pub mod evidence;
pub mod goldshell;
pub mod interlock;
pub mod poller;
