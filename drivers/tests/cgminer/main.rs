//! The cgminer API over real sockets: against the simulated S9 and against servers that misbehave.

mod faults;
mod fixtures;
mod page;
mod poller;
#[path = "../script/mod.rs"]
mod script;
mod sim;
mod support;
