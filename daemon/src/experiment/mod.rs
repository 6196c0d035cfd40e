//! The one flow: a task's input drives a unit, and its states are judged.

pub mod encoder;
pub mod features;
pub mod rig;
pub mod trace;
