//! The control wires of mining units.

pub mod axeos;
pub mod bm13xx;
pub mod cgminer;
pub mod control;
pub mod discover;
pub mod evidence;
pub mod goldshell;
pub mod interlock;
pub mod poller;
