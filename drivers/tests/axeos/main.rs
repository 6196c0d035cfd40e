//! AxeOS over real sockets: against the simulated LV06 and against servers that misbehave.

mod fan;
mod faults;
mod fixtures;
mod log;
mod mining;
mod page;
#[expect(dead_code, reason = "tests of other parts wait for more")]
#[path = "../shared/patience.rs"]
mod patience;
mod properties;
#[path = "../script/mod.rs"]
mod script;
mod support;
mod unit;
