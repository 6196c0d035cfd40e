//! The cgminer API over real sockets: against the simulated S9 and against servers that misbehave.

mod faults;
mod fixtures;
mod poller;
mod sim;
mod support;
