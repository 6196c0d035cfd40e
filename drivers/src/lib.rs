//! Everything that speaks to a mining unit, or plays one.
//!
//! Layers, each naming only those above it in this list:
//!
//! - [`clock`], [`quantity`], [`seed`]: time, physical quantities and randomness, handed in by the caller;
//! - [`printable`]: text from outside as it may be shown;
//! - [`pow`]: proof of work and difficulty;
//! - [`mod@unit`]: what a unit is: identity, telemetry, operating point;
//! - [`mod@listen`]: how a port is opened;
//! - [`record`]: what a run leaves behind, as values on a bounded queue;
//! - [`poller`]: the latest reading of a unit; [`control`]: where it is asked to run;
//! - [`stratum`], [`cgminer`], [`axeos`], [`goldshell`], [`bm13xx`]: the wires; [`units`]: what is particular to
//!   a model;
//! - [`vbm`]: the Virtual Block Manager, a Stratum proxy that keeps work queued for every unit;
//! - [`discover`]: finds units on a network and names them;
//! - [`interlock`]: keeps a unit from being driven hot;
//! - [`sim`]: one physics, fronted by sockets (a simulated unit) or by calls (the twin);
//! - [`substrate`]: the seam to the experiment: one drive in, one observation out.
//!
//! Nothing here prints, exits, reads a file or knows what a readout is.

pub mod axeos;
pub mod bm13xx;
pub mod cgminer;
pub mod clock;
pub mod control;
pub mod discover;
pub mod evidence;
pub mod goldshell;
pub mod interlock;
pub mod listen;
pub mod poller;
pub mod pow;
pub mod printable;
pub mod quantity;
pub mod record;
pub mod secret;
pub mod seed;
pub mod sim;
mod stamped;
pub mod stratum;
pub mod substrate;
mod temperature;
pub mod unit;
pub mod units;
pub mod vbm;
