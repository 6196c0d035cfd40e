//! AxeOS over real sockets: against the simulated LV06 and against servers that misbehave.

mod fan;
mod faults;
mod fixtures;
mod log;
mod mining;
mod page;
mod properties;
#[path = "../script/mod.rs"]
mod script;
mod support;
mod unit;
